"""The staff's errand: act on a case at one's rung by button or in one's own words."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.conversation import cards, staff_words, words
from bot.conversation.buttons import CaseDo, Rows, ToDepartment, Which, option
from bot.conversation.phrases import say
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS, is_foreign
from workflows.case_file import CaseView
from workflows.handling import Missing
from workflows.policy.lifecycle import Rung
from workflows.policy.permissions import Role

# Acts that need a line of words, and what is said to get it.
ASKS_WORDS = {
    "not_true": "prompt.not_true",
    "supply": "prompt.supply",
    "done": "prompt.done",
    "cannot": "prompt.cannot",
    "accept": "prompt.accept",
    "convene": "prompt.convene",
    "agree": "prompt.agree",
    "plan": "prompt.plan",
    "refuse": "prompt.refuse",
    "not_fixed": "prompt.not_fixed",
    "note": "need.reason",
}
_RESULTS = frozenset({"done", "confirm", "not_fixed", "not_true"})  # "河道喷药消杀完了" names the matter as well
_NO_PHOTO = re.compile(r"无照片|没有?照片|没照片|拍不了")
_DATE = re.compile(r"(?:(?P<month>\d{1,2})\s*月\s*)?(?P<day>\d{1,2})\s*[日号]")
_MONTH = re.compile(r"(?P<month>\d{1,2})月(?P<part>初|中旬?|底|份)?")
_DAYS = re.compile(r"(?P<n>\d{1,3}|[一二两三四五六七八九十])\s*天(?:之?内|后|以内)?")
_WEEKDAY = re.compile(r"(?P<next>下+)?(?:个)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天末])?")
_HAN = {c: n for n, c in enumerate("零一二三四五六七八九十")} | {"两": 2, "日": 7, "天": 7, "末": 7}


async def hear(talk: Talk, text: str) -> bool:
    """A colleague's message. False when it is no answer to a case: then they speak as a resident, or on patrol."""
    if await _completes(talk, text):
        return True
    if talk.photo_refused or is_foreign(text):
        return False
    if talk.dialogue.draft is not None:
        return False
    if await _answers_which(talk, text):
        return True
    if talk.speaker.has(Role.GRID_WORKER, Role.BUILDING_HEAD) and words.nothing_found(text):
        talk.act("patrol")
        await talk.say("patrol.nothing")
        return True
    desk = await talk.office.handling.on_my_desk(talk.speaker.person_id)
    number, rest = words.case_number(text)
    if number:
        view = await talk.office.cases.by_number(talk.speaker.person_id, number)
        word = staff_words.read(rest, view.status, view.rung)
        if word is None:
            await show(talk, view)
        else:
            await do(talk, word.act, view.id, word.note)
        return True
    if not desk:
        patrols = talk.speaker.has(Role.GRID_WORKER, Role.BRANCH_SECRETARY, Role.BUILDING_HEAD)
        return bool(text) and not talk.photo and not patrols and await _unread(talk, text, [])
    if talk.photo and not text:
        return await _photo(talk, desk)
    return await _reads_as_answer(talk, text, desk)


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
    view_word = _picked(talk, text, able)
    if view_word is not None:
        view, word = view_word
        await do(talk, word.act, view.id, word.note)
        return True
    talk.dialogue.which, talk.dialogue.which_note = able[0][1].act, text
    talk.dialogue.shown = [view.id for view, _ in able]
    talk.act(able[0][1].act)
    lines = [say("which"), *(f"{n}. {cards.case_line(v, 16)}" for n, (v, _) in enumerate(able[:8], 1))]
    rows: Rows = [[option(cards.option_line(v), Which(act=w.act, case=v.id))] for v, w in able[:8]]
    await talk.answer("\n".join(lines), rows, asks="case")
    return True


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
        for row in cards.staff_rows(view, capacity_in(talk, view))
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
    await do(talk, act, named[0].id, note)
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


# ---- words for an action that was begun by a tap


async def _completes(talk: Talk, text: str) -> bool:
    d = talk.dialogue
    if d.pending == "whistle_unit":
        return await _names_department(talk, text)
    if d.pending not in ASKS_WORDS and d.pending != "whistle":
        return False
    act, case_id = d.pending, d.pending_case
    if words.never_mind(text) or text.strip() in ("取消", "不", "算了"):
        d.pending = ""
        await talk.say("pending.cancelled")
        return True
    if talk.photo_refused:
        return False
    if act == "whistle":
        await _whistle_words(talk, text, case_id)
        return True
    d.pending = ""
    await do(talk, act, case_id, text, typed=True)
    return True


async def _names_department(talk: Talk, text: str) -> bool:
    """吹给哪个部门, answered in words."""
    d = talk.dialogue
    view = await talk.office.cases.look(talk.speaker.person_id, d.pending_case)
    named = [u for u in talk.directory.units_of(view.community_id, "department") if named_in(u.name, text)]
    d.pending = ""
    if words.never_mind(text) or text.strip() in ("取消", "不"):
        await talk.say("pending.cancelled")
        return True
    if not named:
        return False
    await whistle(talk, view.id, unit_id=named[0].id)
    return True


async def _whistle_words(talk: Talk, text: str, case_id: int) -> None:
    d = talk.dialogue
    view = await talk.office.cases.look(talk.speaker.person_id, case_id)
    if talk.photo:
        await talk.office.cases.attach(case_id, [talk.photo])
    reason = d.pending_note or ("" if _NO_PHOTO.fullmatch(text.strip()) else text.strip())
    d.pending_note = reason
    no_photo = bool(_NO_PHOTO.search(text))
    if not reason:
        await talk.say("need.reason")
        return
    if not view.photos and not talk.photo and not no_photo:
        await talk.say("need.photo")
        return
    d.pending, d.pending_note = "", ""
    note = "" if view.photos or talk.photo else "无照片"
    view = await talk.office.handling.blow_whistle(talk.speaker.person_id, case_id, d.pending_unit, reason, note)
    await _done(talk, view)


# ---- acts


async def do(talk: Talk, act: str, case_id: int, note: str = "", *, typed: bool = False) -> None:
    """One act on one case. Where it needs words and none were given, they are asked for."""
    talk.dialogue.focus = case_id
    talk.act(act)
    needs = ASKS_WORDS.get(act)
    photos = [talk.photo] if talk.photo else []
    if needs and not note.strip() and not (photos and act in ("done", "not_fixed", "note")):
        await talk.office.cases.look(talk.speaker.person_id, case_id)
        await talk.office.file.authorise_act(talk.speaker.person_id, case_id, act)
        talk.dialogue.pending, talk.dialogue.pending_case = act, case_id
        await talk.say(needs)
        return
    if act == "whistle":
        await whistle(talk, case_id, note)
        return
    if act == "card":
        await show(talk, await talk.office.cases.look(talk.speaker.person_id, case_id))
        return
    try:
        view = await _act(talk, act, case_id, note, photos)
    except Missing as missing:
        if act in ASKS_WORDS:
            talk.dialogue.pending, talk.dialogue.pending_case = act, case_id
        await talk.say(missing.phrase)
        return
    await _done(talk, view)


async def _act(talk: Talk, act: str, case_id: int, note: str, photos: list[str]) -> CaseView:  # noqa: C901 - a table
    h, me = talk.office.handling, talk.speaker.person_id
    match act:
        case "verify":
            return await h.verify(me, case_id, note)
        case "not_true":
            return await h.not_true(me, case_id, note)
        case "supply":
            return await h.ask_resident(me, case_id, note)
        case "take_on":
            return await h.take_on(me, case_id)
        case "head":
            return await h.ask_building_head(me, case_id)
        case "property":
            return await h.hand_to_property(me, case_id, note)
        case "community":
            return await h.hand_to_community(me, case_id, note)
        case "done":
            return await h.report_result(me, case_id, note, photos)
        case "cannot":
            return await h.cannot_solve(me, case_id, note)
        case "accept":
            return await h.accept(me, case_id, note)
        case "convene":
            return await h.convene(me, case_id, note)
        case "agree":
            local = talk.now.astimezone(talk.zone)
            day = planned_day(note, local)
            later = day if day is not None and day.date() > local.date() else None
            return await h.agree(me, case_id, note, later)
        case "plan":
            day = planned_day(note, talk.now.astimezone(talk.zone))
            if day is None:
                raise Missing("need.future_day")
            return await h.plan(me, case_id, note, day)
        case "refuse":
            return await h.refuse(me, case_id, note, proposed_owner(note))
        case "confirm":
            return await h.confirm(me, case_id, note, photos)
        case "not_fixed":
            return await h.not_fixed(me, case_id, note, photos)
        case _:
            return await h.comment(me, case_id, note, photos)


async def perform(talk: Talk, act: str, case_id: int, note: str, photos: list[str]) -> CaseView:
    """One act together with its words, without a dialogue: the console's forms bring both at once.

    Raises:
        Missing, NotAllowed, NotPossible, CaseNotFound: as the use cases say; nothing was changed.
    """
    return await _act(talk, act, case_id, note, photos)


async def _done(talk: Talk, view: CaseView) -> None:
    await talk.say("staff.done", number=view.number, state=cards.staff_state(view, talk.now, talk.zone))


async def whistle(talk: Talk, case_id: int, note: str = "", unit_id: int = 0, *, everybody: bool = False) -> None:
    """吹哨: choose the department, give the reason, then the photo or why there is none."""
    d = talk.dialogue
    view = await talk.office.cases.look(talk.speaker.person_id, case_id)
    await talk.office.file.authorise_act(talk.speaker.person_id, case_id, "whistle")
    if not unit_id and note:
        named = [u for u in talk.directory.units_of(view.community_id, "department") if named_in(u.name, note)]
        unit_id = named[0].id if named else 0
    if not unit_id:
        d.pending, d.pending_case = "whistle_unit", case_id
        await talk.say("need.department", department_rows(talk, view, everybody=everybody))
        return
    d.pending, d.pending_case, d.pending_unit, d.pending_note = "whistle", case_id, unit_id, ""
    if note:
        await _whistle_words(talk, note, case_id)
        return
    await talk.say("prompt.whistle", unit=talk.directory.unit(unit_id).name)


def named_in(name: str, text: str) -> bool:
    """Whether a department is named by its usual short name: 水务局 for 呼和浩特市水务局."""
    short = re.sub(r"^.*?(市|区|县|旗)", "", name)
    return name in text or (len(short) >= 3 and short in text)


def department_rows(talk: Talk, view: CaseView, *, everybody: bool = False) -> Rows:
    """The likely department first, then those that answer for the category; all of them after another tap.

    Who has refused this case already is not offered again until everybody is asked for.
    """
    units = talk.directory.units_of(view.community_id, "department")
    answering = {u.id for u in talk.directory.departments_for(view.community_id, view.category)}
    proposed = talk.directory.department(view.community_id, view.proposed) if view.proposed else None
    likely = proposed.id if proposed is not None else view.department_unit_id
    ordered = sorted(units, key=lambda u: (u.id != likely, u.id not in answering, u.name))
    offered = [u for u in ordered if u.id not in view.refused_by and (u.id == likely or u.id in answering)]
    short = bool(offered) and not everybody
    buttons = [option(u.name, ToDepartment(case=view.id, unit=u.id)) for u in (offered[:4] if short else ordered[:60])]
    rows = [[button] for button in buttons] if short else [buttons[i : i + 2] for i in range(0, len(buttons), 2)]
    if short:
        rows.append([option("其他部门…", ToDepartment(case=view.id, unit=0))])
    return rows


def proposed_owner(text: str) -> str:
    """The owner that a refusal names: 应该是园林局的事 → 园林局."""
    found = re.search(
        r"(?:是|归|属于?|由|找|转)([\u4e00-\u9fff]{1,10}?(?:局|委|办|公司|支队|大队|中心|物业|街道))", text
    )
    return found.group(1) if found else ""


def planned_day(text: str, local_now: datetime) -> datetime | None:
    """The last day that a plan names, at 18:00 local time; None when it names none, or only a past one."""
    days = [d for d in _days(text, local_now) if d.date() >= local_now.date()]
    if not days:
        return None
    last = max(days)
    due = last.replace(hour=18, minute=0, second=0, microsecond=0)
    return due if due > local_now else due.replace(hour=23, minute=59)


def _days(text: str, now: datetime) -> list[datetime]:
    out: list[datetime | None] = []
    for found in _DATE.finditer(text):
        month = int(found["month"]) if found["month"] else None
        out.append(_on(now, month, int(found["day"])))
    for found in _DAYS.finditer(text):
        n = int(found["n"]) if found["n"].isdigit() else _HAN[found["n"]]
        out.append(now + timedelta(days=n))
    for found in _WEEKDAY.finditer(text):
        weekday = _HAN.get(found["day"] or "五", 5)
        weeks = len(found["next"] or "")
        if found["day"] or weeks:
            out.append(now - timedelta(days=now.isoweekday() - weekday) + timedelta(weeks=weeks))
    for found in _MONTH.finditer(text):
        if found["part"]:
            day = {"初": 10, "中": 20, "中旬": 20, "底": 28, "份": 28}[found["part"]]
            out.append(_on(now, int(found["month"]), day))
    for word, day in (("明天", 1), ("后天", 2), ("今天", 0)):
        if word in text:
            out.append(now + timedelta(days=day))
    if re.search(r"(?<!\d)(?<!\d月)(这个月|本月)?月底", text):
        end = (now.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        out.append(end)
    return [day for day in out if day is not None]


def _on(now: datetime, month: int | None, day: int) -> datetime | None:
    """The next such day of the calendar."""
    try:
        if month is not None:
            this = now.replace(month=month, day=day)
            return this if this.date() >= now.date() else this.replace(year=now.year + 1)
        if day >= now.day:
            return now.replace(day=day)
        return (now.replace(day=1) + timedelta(days=32)).replace(day=day)
    except ValueError:
        return None


# ---- looking


async def desk(talk: Talk) -> None:
    """What waits for this person."""
    views = await talk.office.handling.on_my_desk(talk.speaker.person_id)
    if not views:
        await talk.say("desk.empty")
        return
    lines = [say("desk.title", n=len(views))]
    for view in views[:10]:
        late = "（这一步超时）" if view.rung_due_at < talk.now else ""
        lines.append(f"{cards.case_line(view, 20)}{late}")
    rows: Rows = [[option(cards.option_line(view), CaseDo(act="card", case=view.id))] for view in views[:10]]
    await talk.answer("\n".join(lines), rows)


async def show(talk: Talk, view: CaseView) -> None:
    """A case's card once more, as this person sees it."""
    talk.dialogue.focus = view.id
    text, rows = cards.staff_card(view, capacity_in(talk, view), talk.now, talk.zone, head="这件事：")
    await talk.answer(text, rows)


def capacity_in(talk: Talk, view: CaseView) -> str:
    """The post in which this person most likely looks at a case of that rung."""
    at = {
        Rung.GRID_BRANCH: (Role.GRID_WORKER, Role.BRANCH_SECRETARY),
        Rung.PROPERTY: (Role.PROPERTY_STAFF,),
        Rung.COMMUNITY: (Role.COMMUNITY_SECRETARY, Role.COMMUNITY_STAFF),
        Rung.DEPARTMENT: (Role.DEPARTMENT_LIAISON,),
    }[view.rung]
    for role in at:
        if talk.speaker.has(role):
            return role
    return talk.speaker.duties[0].role if talk.speaker.duties else "reporter"
