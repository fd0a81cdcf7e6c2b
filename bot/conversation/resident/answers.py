"""What answers a question that was asked: the new place, the same case, where, which, more, the verdict."""

from collections.abc import Sequence
from dataclasses import replace

from bot.conversation import cards, words
from bot.conversation.buttons import CaseDo, Rows, Where, option
from bot.conversation.dialogue import Draft, address_kept
from bot.conversation.resident import behalf, matters, mine, named, secrecy
from bot.conversation.resident.bubbles import relocate
from bot.conversation.resident.message import is_certain, kin, meant, photos, same_thing
from bot.conversation.resident.reports import ENOUGH, placed, proceed, same
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS, Understanding
from workflows.case_file import CaseView
from workflows.policy import confidence
from workflows.policy.lifecycle import Status
from workflows.policy.places import Address

_SURE = 0.8
_LONGEST_WISH = 24  # what is longer reports something as well, and is taken with its matter
_BARE_AGAIN = 8  # 又不亮了 names nothing: it is about what was solved last


async def answered(talk: Talk, text: str) -> bool:
    """Take the message as an answer, if it is one."""
    for step in _STEPS:
        if await step(talk, text):
            return True
    return False


async def _numbered(talk: Talk, text: str) -> bool:
    """TD261124-01怎么样了: a case named by its number, open or closed."""
    number, rest = words.case_number(text)
    if not number:
        return False
    view = await talk.office.cases.by_number(talk.speaker.person_id, number)
    u = talk.alone
    act = mine.act_on(rest, u.intent if u is not None else "")
    talk.act({"progress": "ask_progress", "not": "dissatisfied", "solved": "satisfied"}.get(act, act))
    if act == "add" and view.open:
        await secrecy.add(talk, view.id, rest, photos(talk))
        talk.touch(view.id)
        await talk.say("added", number=view.number, holder=view.holder)
    else:
        await mine.do(talk, act, view.id, rest)
    return True


async def _in_confidence(talk: Talk, text: str) -> bool:
    """别说是我说的, 不用保密了, by itself: of the report in hand, or of a case that was opened before."""
    d = talk.dialogue
    if len(text) <= _LONGEST_WISH and confidence.lifted(text):
        await secrecy.lift(talk, text, await talk.office.cases.mine(talk.speaker.person_id))
        return True
    if len(text) > _LONGEST_WISH or not confidence.wanted(text):
        return False
    talk.act(secrecy.ACT)
    if d.draft is not None and d.draft.texts:
        d.draft.confidential = True
        await talk.say("confidential.kept", asks=d.asked)
        return True
    views = [view for view in await talk.office.cases.mine(talk.speaker.person_id) if view.open]
    recent = [view for view in views if talk.in_recent() and view.id == d.recent]
    if len(recent or views) == 1:
        await secrecy.keep(talk, (recent or views)[0].id)
    elif views:
        await mine.ask_which(talk, secrecy.ACT, text, views)
    return bool(views)


async def _why_not(talk: Talk, text: str) -> bool:
    """The reason after 没有 or 部分 was tapped: it must reach whoever said that it was done."""
    d = talk.dialogue
    if d.pending != "why_not":
        return False
    d.pending = ""
    u = talk.alone
    view = await talk.office.cases.look(talk.speaker.person_id, d.pending_case)
    if words.never_mind(text) or view.status in mine.AWAITING_VERDICT:  # asked anew meanwhile: this is the verdict
        return False
    if u is not None and is_certain(talk, u):
        if u.intent in ("thanks", "goodbye", "greet", "help", "human", "ask_progress", "withdraw"):
            return False
        found = talk.locate(text, u)
        another = u.intent in REQUEST_INTENTS and not kin(u.intent, view.category) and len(text) > 8
        if another or (found.building and found.building not in view.place):
            return False
    talk.act("why_not")
    view = await talk.office.cases.explain(talk.speaker.person_id, d.pending_case, text, photos(talk))
    talk.touch(view.id)
    await talk.say("why.kept", number=view.number, holder=view.holder)
    return True


async def _new_place(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.pending != "fix_place":
        return False
    d.pending = ""
    if words.never_mind(text) or words.gives_up(text) or "不改" in text:
        await talk.say("pending.cancelled")
        return True
    view = await talk.office.cases.look(talk.speaker.person_id, d.pending_case)
    found = talk.locate(text, talk.alone)
    if not found.known_to_resident:
        found = Address(place=text.strip()[:200])
    await relocate(talk, view, found)
    return True


async def _same(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.asked != "same" or d.draft is None or not d.shown:
        return False
    if words.yes(text):
        d.draft.photos += photos(talk)
        await same(talk, d.shown[0])
        return True
    if words.no(text) or (words.more(text) and len(text) < 12) or text.strip().startswith(("不是", "不一样", "不同")):
        talk.act("different")
        if len(text) > 6:
            d.draft.texts.append(text)
        d.draft.photos += photos(talk)
        await same(talk, 0)
        return True
    if words.never_mind(text):
        return False
    place = talk.locate(text, talk.alone)
    if place.known_to_resident and len(text) < 24:
        d.draft.photos += photos(talk)
        placed(talk, d.draft, place)
        d.draft.texts.append(text)
        await proceed(talk)
        return True
    return False


async def _place(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.draft is None or d.asked != "location" or words.never_mind(text) or words.gives_up(text):
        return False
    found = talk.locate(text, talk.alone)
    home = talk.speaker.home
    if words.yes(text) and home.known_to_resident and not found.known_to_resident:
        found = home
    if found.known_to_resident:
        return await _place_found(talk, d.draft, text, found)
    return await _place_described(talk, d.draft, text)


async def _place_found(talk: Talk, draft: Draft, text: str, found: Address) -> bool:
    """A place that we could find in the words. Not taken when they report another matter beside it."""
    u = talk.alone
    talk.act("place")
    strong = u is not None and u.intent in REQUEST_INTENTS and is_certain(talk, u)
    long = len(text) > 12
    if strong and long and u is not None and not kin(u.intent, draft.category):
        return False
    placed(talk, draft, found)
    draft.photos += photos(talk)
    if strong or long:
        draft.texts.append(text)
    await proceed(talk)
    return True


async def _place_described(talk: Talk, draft: Draft, text: str) -> bool:
    """The resident's own words for the place, or that they cannot tell."""
    u = talk.alone
    if words.only_mine(text) and draft.place_asked < 2:
        talk.act("place")
        draft.photos += photos(talk)
        home = talk.speaker.home
        if home.routable:  # 楼下, 门口: of the house that is known
            draft.address = address_kept(replace(home, room="", place=text.strip()))
            draft.place_asked = ENOUGH
            await proceed(talk)
            return True
        draft.place_asked = 2
        await talk.say("ask.where_mine", asks="location")
        return True
    if u is not None and _no_answer(text, u, draft):
        return False
    if words.about_visiting(text) or (not words.placelike(text) and not words.dont_know(text)):
        return await _no_place(talk, draft, text)
    if words.dont_know_name(text) and draft.place_asked < 2:
        talk.act("place")
        draft.place_asked = 2
        draft.photos += photos(talk)
        await talk.say("ask.landmark", [[option("说不清在哪儿", Where(how="unknown"))]], asks="location")
        return True
    draft.photos += photos(talk)
    if words.dont_know(text):
        talk.act("place")
        draft.place_asked = ENOUGH
    elif len(text) <= 30:
        talk.act("place")
        draft.address = address_kept(replace(draft.where, place=text.strip()))
        draft.place_asked = ENOUGH
        if u is not None and u.intent in REQUEST_INTENTS:
            draft.texts.append(text)  # 楼道里水管漏水: what it is as well as where
    else:
        draft.texts.append(text)
    await proceed(talk)
    return True


def _no_answer(text: str, u: Understanding, draft: Draft) -> bool:
    """Whether a line says something else than where it is."""
    if u.intent not in REQUEST_INTENTS:
        # 谢谢, 转人工, 什么时候能来人
        return words.asks(text) or (u.confidence >= 0.6 and u.intent != "out_of_scope")
    if u.confidence < _SURE:
        return words.asks(text)
    return not kin(u.intent, draft.category)  # 井盖没了: another matter


async def _no_place(talk: Talk, draft: Draft, text: str) -> bool:
    """周六我没空: more of the report, but no place. Asked once more; then the home it is, where one is known."""
    draft.texts.append(text)
    draft.photos += photos(talk)
    home = talk.speaker.home
    if draft.place_asked >= 2 and home.routable:
        draft.address = address_kept(talk.directory.refine(home, draft.where))
    elif draft.place_asked < 2:
        draft.place_asked = 2
        talk.act("add")
        rows: Rows = [[option("是，就在我家这儿", Where(how="home"))]] if home.routable else []
        rows.append([option("说不清在哪儿", Where(how="unknown"))])
        await talk.say("ask.place_again", rows, asks="location")
        return True
    await proceed(talk)
    return True


async def _which(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.asked != "case" or not d.which or not d.shown:
        return False
    candidates = [view for view in await talk.office.cases.mine(talk.speaker.person_id) if view.id in d.shown]
    picked = meant(talk, text, candidates)
    if picked is None:
        return False
    act, note = d.which, d.which_note
    d.which, d.shown, d.which_note = "", [], ""
    await mine.do(talk, act, picked.id, note)
    return True


async def _never_mind(talk: Talk, text: str) -> bool:
    unfinished = talk.dialogue.draft is not None
    if not words.never_mind(text) and not (unfinished and words.gives_up(text)):
        return False
    talk.act("withdraw")
    await mine.withdraw(talk, text)
    return True


async def _not_needed(talk: Talk, text: str) -> bool:
    """暖气那个不用了，热了: one of their open cases is taken back, by what it is about."""
    if talk.dialogue.draft is not None or len(text) > 24 or not words.withdraws(text):
        return False
    views = [v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.open]
    if not views:
        return False
    talk.act("withdraw")
    await mine.take_back(talk, text, views)
    return True


async def _more(talk: Talk, text: str) -> bool:
    """The rung had asked for more (需补充): this is it, unless it plainly is something else."""
    if talk.dialogue.draft is not None:
        return False
    cases = talk.office.cases
    waiting = await cases.mine(talk.speaker.person_id, status=Status.WAITING_FOR_RESIDENT)
    if len(waiting) != 1 or _something_else(text, talk.alone, waiting[0]):
        return False
    talk.act("supply")
    view = await cases.add(talk.speaker.person_id, waiting[0].id, text, photos(talk))
    await talk.say("supply.done", holder=view.holder, number=view.number)
    talk.touch(view.id)
    return True


def _something_else(text: str, u: Understanding | None, view: CaseView) -> bool:
    if u is None or u.confidence < 0.6:
        return False
    if u.intent in REQUEST_INTENTS:
        return not kin(u.intent, view.category) and len(text) > 10
    return u.intent not in ("out_of_scope", "dissatisfied", "satisfied")


# Words without which nothing is judged: then nobody's cases need to be looked at.
_JUDGING = (
    words.again, words.verdict, words.partly, words.not_fixed, words.fixed, words.abusive, words.protests,
)  # fmt: skip


async def _verdict(talk: Talk, text: str) -> bool:
    """Asked 解决了没有, or speaking of a thing that was just repaired: a verdict, not a new report."""
    if talk.dialogue.draft is not None or words.more(text) or not any(judges(text) for judges in _JUDGING):
        return False
    cases = await talk.office.cases.mine(talk.speaker.person_id)
    act, judged = _back_again(talk, text, cases) or _judged(talk, text, cases)
    if not judged:
        return False
    talk.act("satisfied" if act == "solved" else "dissatisfied")
    await mine.do_to_meant(talk, act, text, judged)
    return True


def _back_again(talk: Talk, text: str, cases: Sequence[CaseView]) -> tuple[str, list[CaseView]] | None:
    """又坏了: what was solved is back. Not where the same words say that it never was (没解决), or something else waits."""
    if not words.again(text) or words.denies(text) or any(v.status in mine.AWAITING_VERDICT for v in cases):
        return None
    solved = [v for v in cases if v.status is Status.SOLVED]
    alike = [v for v in solved if same_thing(talk, text, v)]
    if not alike and len(text) <= _BARE_AGAIN:
        alike = [v for v in solved if mine.spoken_of_lately(v, talk.now)] or (solved if len(solved) == 1 else [])
    return ("again", alike) if alike else None


def _judged(talk: Talk, text: str, cases: Sequence[CaseView]) -> tuple[str, list[CaseView]]:
    """The verdict, and the cases that it can be about."""
    to_judge = [v for v in cases if v.status in mine.AWAITING_VERDICT]
    bare = words.verdict(text)
    closed_now = [v for v in cases if not v.open and v.status in mine.REOPENED and mine.spoken_of_lately(v, talk.now)]
    if bare == "not" and (to_judge or closed_now):
        return bare, to_judge + closed_now
    if to_judge and bare:
        return bare, to_judge
    if to_judge and (words.partly(text) or words.not_fixed(text) or words.fixed(text)):
        act = "partly" if words.partly(text) else "not" if words.not_fixed(text) else "solved"
        return act, [v for v in to_judge if same_thing(talk, text, v)]
    unfounded = [v for v in to_judge if v.result_kind == "unfounded"]
    if len(unfounded) == 1 and (words.abusive(text) or words.protests(text)):
        return "not", unfounded
    if not to_judge and words.not_fixed(text) and len(text) <= 16:
        reopened = [v for v in cases if v.status in mine.REOPENED]
        if len(reopened) == 1 or closed_now:
            return "not", closed_now or reopened
    closed = [v for v in cases if v.status in (Status.SOLVED, Status.UNANSWERED)] if words.again(text) else []
    return "not", [v for v in closed if same_thing(talk, text, v)]


async def _verdict_by_number(talk: Talk, text: str) -> bool:
    """解决了没有 was asked unbidden, so no reply of ours holds its choices: a bare number is one of them."""
    d = talk.dialogue
    if d.draft is not None or d.asked or not words.bare_number(text):
        return False
    to_judge = [v for v in await talk.office.cases.mine(talk.speaker.person_id) if v.status in mine.AWAITING_VERDICT]
    if not to_judge:
        return False
    offered = [[one.text, one.data] for row in cards.verdict_rows(to_judge[0]) for one in row]
    data = words.chosen(text, offered)
    if not data:
        return False
    act = CaseDo.unpack(data).act
    talk.act("satisfied" if act == "solved" else "dissatisfied")
    await mine.do_to_meant(talk, act, "", to_judge)
    return True


_STEPS = (
    _numbered,
    _in_confidence,
    matters.answers,
    behalf.answered,
    _why_not,
    _new_place,
    _same,
    _place,
    _which,
    mine.withdraw_answered,
    named.answered,
    _never_mind,
    _not_needed,
    _verdict_by_number,
    _more,
    _verdict,
)
