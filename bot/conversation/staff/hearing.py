"""What a colleague's message is: words that were asked for, an act on a case of their desk, or a find on patrol."""

import re
from collections.abc import Sequence

from bot.conversation import cards, positions, staff_words, words
from bot.conversation.buttons import CaseDo, Rows, Which, option
from bot.conversation.phrases import say
from bot.conversation.resident.message import kin
from bot.conversation.staff import acts, looking, patrol, whistling
from bot.conversation.talk import Talk
from bot.matters import several
from nlu.understanding import REQUEST_INTENTS, Understanding, is_foreign
from workflows.case_file import CaseView
from workflows.policy.permissions import Role

_RESULTS = frozenset({"done", "confirm", "not_fixed", "not_true"})  # "河道喷药消杀完了" names the matter as well


async def hear(talk: Talk, text: str) -> bool:
    """A colleague's message. False when it is no answer to a case: then they speak as a resident, or on patrol."""
    if await acts.completes(talk, text):
        return True
    number, rest = words.case_number(text)
    if talk.photo_refused or (is_foreign(text) and not number):
        return False
    if talk.dialogue.draft is not None:
        return False
    if await positions.of_the_desk(talk, text) or await _answers_which(talk, text):
        return True
    if await patrol.hear(talk, text) or await whistling.asks_precedent(talk, text):
        return True
    return (bool(number) or not _finds_of_a_round(talk)) and await _of_their_desk(talk, text, number, rest)


async def _of_their_desk(talk: Talk, text: str, number: str, rest: str) -> bool:
    desk = await talk.office.handling.on_my_desk(talk.speaker.person_id)
    if number:
        return await _numbered(talk, number, rest)
    if not desk:
        patrols = talk.speaker.has(Role.GRID_WORKER, Role.BRANCH_SECRETARY, Role.BUILDING_HEAD)
        return bool(text) and not talk.photo and not patrols and await _unread(talk, text, [])
    if talk.photo and not text:
        return await _photo(talk, desk)
    return await _reads_as_answer(talk, text, desk)


async def _numbered(talk: Talk, number: str, rest: str) -> bool:
    """TD…: a case named by its number, and what is said of it."""
    view = await talk.office.cases.by_number(talk.speaker.person_id, number)
    if await looking.only_waits(talk, view):
        return False  # they ask, urge and judge as everybody does who waits
    word = staff_words.read(rest, view.status, view.rung)
    if word is None:
        await looking.show(talk, view)
    else:
        await acts.do(talk, word.act, view.id, word.note)
    return True


def _finds_of_a_round(talk: Talk) -> bool:
    """Whether somebody who goes round tells of several matters in one message."""
    return talk.speaker.has(*patrol.GOES_ROUND) and talk.alone is not None and bool(several(talk.passages, talk.alone))


async def _reads_as_answer(talk: Talk, text: str, desk: Sequence[CaseView]) -> bool:
    readings = [(view, staff_words.read(text, view.status, view.rung)) for view in desk]
    able = [(view, word) for view, word in readings if word is not None]
    u = talk.alone
    if not able:
        return await _unread(talk, text, desk)
    found = talk.locate(text, u)
    report = u is not None and u.intent in REQUEST_INTENTS and u.confidence >= talk.settings.nlu.act_above
    elsewhere = found.building or found.place
    patrols = talk.speaker.has(Role.GRID_WORKER, Role.BRANCH_SECRETARY, Role.BUILDING_HEAD)
    named = (found.building, found.place)
    here = any(part and part in view.place for view, _ in able for part in named)
    result = any(u is not None and u.intent == view.category and word.act in _RESULTS for view, word in able)
    if patrols and report and elsewhere and not here and not result:
        return False  # a find on patrol: the sentence names its own place and matter
    able = [(view, word) for view, word in able if not (_closes(text, word) and _of_another_kind(talk, text, view))]
    if not able:
        return await _unread(talk, text, desk)  # 村口垃圾桶换了新的, with a street lamp on the desk
    view_word = _picked(talk, text, able)
    if view_word is not None:
        view, word = view_word
        await acts.do(talk, word.act, view.id, word.note)
        return True
    talk.dialogue.which, talk.dialogue.which_note = able[0][1].act, text
    talk.dialogue.shown = [view.id for view, _ in able]
    talk.lists([view.id for view, _ in able[:8]])
    talk.act(able[0][1].act)
    lines = [say("which"), *(f"{n}. {cards.case_line(v, 16)}" for n, (v, _) in enumerate(able[:8], 1))]
    rows: Rows = [[option(cards.option_line(v), Which(act=w.act, case=v.id))] for v, w in able[:8]]
    await talk.answer("\n".join(lines), rows, asks="case")
    return True


def _closes(text: str, word: staff_words.StaffWord) -> bool:
    """Whether a case would be told to be done, or as good as that."""
    return word.act in _RESULTS or (word.act == "accept" and staff_words.tells_result(text))


def _of_another_kind(talk: Talk, text: str, view: CaseView) -> bool:
    """Whether the line names the thing of another kind of case, and nothing of this one."""
    u = talk.alone
    if u is None:
        return False
    kind = _kind_named(u, talk.settings.nlu.act_above)
    likely = dict(u.ranking).get(view.category, 0.0) >= _LIKELY
    return bool(kind) and not kin(kind, view.category) and not likely and not _names_its_thing(talk, text, view)


def _kind_named(u: Understanding, sure: float) -> str:
    """The kind of thing that a line about a result names: 井盖换好了 sounds content, and names a manhole all the same."""
    requests = {label: score for label, score in u.ranking if label in REQUEST_INTENTS}
    if not requests:
        return ""
    kind = max(requests, key=lambda label: requests[label])
    beside = requests[kind] >= _LIKELY_BESIDE and requests[kind] >= _MOST_OF_IT * sum(requests.values())
    told = requests[kind] >= sure or (u.intent == "satisfied" and beside)
    return kind if told and kind not in _OF_PEOPLE else ""


def _names_its_thing(talk: Talk, text: str, view: CaseView) -> bool:
    """As `_shares_words`, but for the place: 村口 says nothing of what stands there."""
    found = talk.locate(text, talk.alone)
    for name in (found.estate, found.place):
        text = text.replace(name, "，") if name else text
    pairs = {text[i : i + 2] for i in range(len(text) - 1)}
    thing = "，".join(pair for pair in pairs if pair not in view.place and not _SPOT.search(pair))
    return _shares_words(thing, view)


_LIKELY, _LIKELY_BESIDE, _MOST_OF_IT = 0.15, 0.1, 0.85
_OF_PEOPLE = frozenset({"property_service", "other_request"})  # what is said of anything
_SPOT = re.compile(
    r"[村路门院楼][口东西南北里头下上前后道]|[东西南北][门口边]|昨天|今天|上午|下午|换了|坏了|好了|新的|联系"
)
_SMALL = frozenset({"greet", "thanks", "goodbye", "help", "ask_progress", "human", "propose_topic", "emergency"})


async def _unread(talk: Talk, text: str, desk: Sequence[CaseView]) -> bool:
    """A colleague's line that fits no button: about their desk, unless it reports a find on patrol.

    It never opens a case unasked: "已派电工，断电了" is no resident's report.
    """
    u = talk.alone
    found = talk.locate(text, u)
    if u is None:
        return False
    sure = u.confidence >= talk.settings.nlu.act_above
    report = u.intent in REQUEST_INTENTS and sure
    patrols = talk.speaker.has(Role.GRID_WORKER, Role.BRANCH_SECRETARY, Role.BUILDING_HEAD)
    if (report and patrols and found.known_to_resident and not _told_as_done(text)) or (u.intent in _SMALL and sure):
        return False
    near = [v for v in desk if _shares_words(text, v)] or [v for v in desk if v.id == talk.dialogue.focus] or list(desk)
    talk.dialogue.which_note = text
    talk.act("unclear")
    if len(near) == 1:
        await offer(talk, near[0])
        return True
    rows: Rows = [[option(cards.option_line(v), Which(act="unclear", case=v.id))] for v in near[:8]]
    if report:
        rows.append([option("登记成新的一件", Which(act="new", case=0))])
    if not rows:
        talk.dialogue.which_note = ""
        return False
    await talk.say("staff.which" if near else "staff.new", rows)
    return True


def _told_as_done(text: str) -> bool:
    """修好了, 断电了: somebody speaks of what was done, not of what is wrong."""
    return bool(
        re.search(r"(修|换|清|弄|推|关|断|派|看|查|处理|解决|联系|通知|协调)(好|完|上|走|过|了电?)|已|属实", text)
    )


async def offer(talk: Talk, view: CaseView) -> None:
    """What may be done with this case, for words that were not understood; they go along as the note."""
    talk.dialogue.focus = view.id
    rows = [
        [option(o.text, Which(act=CaseDo.unpack(o.data).act, case=view.id)) for o in row]
        for row in cards.staff_rows(view, looking.capacity_in(talk, view))
    ]
    rows.append([option("只记一笔", Which(act="note", case=view.id))])
    await talk.say("staff.unclear", rows, line=cards.case_line(view, 20))


def _picked(
    talk: Talk, text: str, able: Sequence[tuple[CaseView, staff_words.StaffWord]]
) -> tuple[CaseView, staff_words.StaffWord] | None:
    """The one case meant: the only one, the one named, the one just touched."""
    if len(able) == 1:
        return able[0]
    found = talk.locate(text, talk.alone)
    if found.known_to_resident:
        named = [(v, w) for v, w in able if all(p in v.place for p in (found.estate, found.building, found.place) if p)]
        if len(named) == 1:
            return named[0]
    about = [(v, w) for v, w in able if _shares_words(text, v)]
    if len(about) == 1:
        return about[0]
    focused = [(v, w) for v, w in able if v.id == talk.dialogue.focus]
    return focused[0] if focused else None


def _shares_words(text: str, view: CaseView) -> bool:
    """Whether the line names the thing of this case: two characters in a row of its kind or text."""
    about = view.category_name + view.text
    common = (
        "已经",
        "我们",
        "小区",
        "号楼",
        "单元",
        "解决",
        "没有",
        "物业",
        "社区",
        "反映",
        "处理",
        "一直",
        "不能",
        "这个",
    )
    pairs = {text[i : i + 2] for i in range(len(text) - 1)} - set(common)
    return any(pair in about for pair in pairs if re.fullmatch(r"[\u4e00-\u9fff]{2}", pair))


async def _answers_which(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.asked != "case" or not d.which or not d.shown:
        return False
    desk = {v.id: v for v in await talk.office.handling.on_my_desk(talk.speaker.person_id) if v.id in d.shown}
    found = talk.locate(text, talk.alone)
    named = [
        v for v in desk.values()
        if (found.sentence() and all(p in v.place for p in (found.estate, found.building, found.place) if p))
        or _shares_words(text, v)
    ]  # fmt: skip
    if len(named) != 1:
        return False
    act, note = d.which, d.which_note
    d.which, d.shown, d.which_note = "", [], ""
    await acts.do(talk, act, named[0].id, note)
    return True


async def _photo(talk: Talk, desk: Sequence[CaseView]) -> bool:
    """A photo without words: into the case that was touched last, or the only one on the desk."""
    target = next((v for v in desk if v.id == talk.dialogue.focus), desk[0] if len(desk) == 1 else None)
    if target is None:
        return False
    view = await talk.office.handling.comment(talk.speaker.person_id, target.id, "现场照片", [talk.photo])
    talk.act("photo")
    await talk.say("staff.recorded", number=view.number)
    return True
