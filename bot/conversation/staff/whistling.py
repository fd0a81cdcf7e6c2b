"""吹哨 in chat: ask for it, review it, choose who leads and who assists; rulings, precedents and links for departments."""

import re
from collections.abc import Awaitable, Callable, Mapping

from bot.conversation import cards, words
from bot.conversation.buttons import Assist, EndRule, MakeRule, Rows, ToDepartment, option
from bot.conversation.phrases import say
from bot.conversation.staff import looking
from bot.conversation.talk import Talk
from nlu.understanding import REQUEST_INTENTS
from workflows.case_file import ACTION_OF_ACT, CaseView
from workflows.handling import Missing
from workflows.policy import whistle as whistle_policy
from workflows.policy.permissions import Role
from workflows.policy.privacy import mask
from workflows.rulings import Precedent, Rule

PENDING = frozenset({"whistle", "ask_whistle"})  # waits for the reason, then for a photo or why there is none
CHOOSING = frozenset({"whistle_unit", "ask_whistle_unit", "assist_unit"})  # waits for the name of a department
_NO_PHOTO = re.compile(r"[，,；;。 ]*(无照片|没有?照片|没照片|没拍照?|拍不了)[，,：:；;。 ]*")
_ASKS_PRECEDENT = re.compile(
    r"^/?(判例|(归属|归谁管)(?=[:：?？\s]|$)|以前怎么(判|定|裁定)的?)[:：,，\s]*(?P<what>.*)$", re.DOTALL
)
_CALLS = re.compile(r"申请|吹(个)?哨|牵头|协助|主办|部门|[给请转到由让吧了的，,。！!、：: ]")
_A_REASON = 4  # characters that are left when the call itself and its names are taken away
_LEADS = re.compile(r"牵头|主办|为主")


# ---- blowing it


async def whistle(talk: Talk, case_id: int, note: str = "", unit_id: int = 0, *, everybody: bool = False) -> None:
    """吹哨: choose the department, give the reason, then the photo or why there is none."""
    await _begin(talk, "whistle", case_id, note, unit_id, everybody=everybody)


async def ask_whistle(talk: Talk, case_id: int, note: str = "") -> None:
    """申请吹哨: the grid asks, the community reviews."""
    await _begin(talk, "ask_whistle", case_id, note, 0)


async def chosen(talk: Talk, case_id: int, unit_id: int) -> None:
    """A department's button: whose whistle it is, the grid's wish or the community's own, says the question before."""
    act = "ask_whistle" if talk.dialogue.pending == "ask_whistle_unit" else "whistle"
    await _begin(talk, act, case_id, "", unit_id, everybody=not unit_id)


async def _begin(talk: Talk, act: str, case_id: int, note: str, unit_id: int, *, everybody: bool = False) -> None:
    d, me = talk.dialogue, talk.speaker.person_id
    view = await talk.office.cases.look(me, case_id)
    await talk.office.file.authorise_act(me, case_id, act)
    if unit_id:
        talk.office.handling.may_call(ACTION_OF_ACT[act], view, unit_id)
    if not await talk.office.handling.may_be_blown(case_id):
        raise Missing("need.attempt")
    named = named_departments(talk, view, note) if note else []
    if not unit_id and not named and act == "whistle" and view.facts.wanted is not None and note:
        await looking.done(talk, await talk.office.handling.send_whistle(me, case_id))
        return
    unit_id = unit_id or (named[0] if named else 0)
    if not unit_id:
        d.pending, d.pending_case, d.pending_note = f"{act}_unit", case_id, note
        hints = [line for line in [await _hint(talk, view)] if line]
        await talk.answer("\n".join([say("need.department"), *hints]), department_rows(talk, view, everybody=everybody))
        return
    begun = d.pending_note if d.pending == f"{act}_unit" and d.pending_case == case_id else ""
    d.pending, d.pending_case, d.pending_unit = act, case_id, unit_id
    d.pending_note, d.pending_step, d.pending_units = "", "", named[1:]
    said = note or begun
    if said and _gives_a_reason(talk, view, said):
        await told(talk, said, case_id)
        return
    await talk.say("prompt.whistle", unit=talk.directory.unit(unit_id).name)


def _gives_a_reason(talk: Talk, view: CaseView, said: str) -> bool:
    """吹哨给水务局 names whom, and not why."""
    rest = said
    for unit in talk.directory.units_of(view.community_id, "department"):
        rest = rest.replace(unit.name, "").replace(short_name(unit.name), "")
    return len(_CALLS.sub("", rest)) >= _A_REASON


async def told(talk: Talk, text: str, case_id: int) -> None:
    """The reason, the photo, or why there is none: what is still wanted is asked for, what was said is kept."""
    d, me = talk.dialogue, talk.speaker.person_id
    view = await talk.office.cases.look(me, case_id)
    if talk.photo:
        await talk.office.cases.attach(case_id, [talk.photo])
        talk.photo_used = True
    reason, no_photo = _read(text, d.pending_note, d.pending_step)
    d.pending_note = reason
    if not reason:
        await talk.say("need.reason")
        return
    if not (view.photos or talk.photo or no_photo):
        d.pending_step = "why_no_photo" if _NO_PHOTO.search(text) else "photo"
        await talk.say("need.no_photo" if d.pending_step == "why_no_photo" else "need.photo")
        return
    act, unit, others = d.pending, d.pending_unit, d.pending_units
    d.pending, d.pending_note, d.pending_step, d.pending_units = "", "", "", []
    handling = talk.office.handling
    if act == "ask_whistle":
        view = await handling.propose_whistle(me, case_id, unit, reason, no_photo)
        await talk.say("whistle.asked", number=view.number, unit=talk.directory.unit(unit).name)
        return
    view = await handling.blow_whistle(me, case_id, unit, reason, no_photo, others)
    await looking.done(talk, view)
    await _after(talk, view)


def _read(text: str, known_reason: str, step: str) -> tuple[str, str]:
    """(the reason, why there is no photo) after this line."""
    if known_reason and step == "why_no_photo":
        return known_reason, text.strip()
    found = _NO_PHOTO.search(text)
    before, after = (text[: found.start()], text[found.end() :]) if found else (text, "")
    if known_reason:
        return known_reason, (before + after).strip() if found else ""
    return before.strip(), after.strip()


async def _after(talk: Talk, view: CaseView) -> None:
    """A ruling may become a rule; a department that nobody here can reach needs a link."""
    ruling = await talk.office.rulings.of_case(view.id) if view.refusals else None
    if ruling is not None:
        await talk.say(
            "rule.offer", _scope_rows(ruling), kind=ruling.category, unit=ruling.department, number=ruling.number
        )
    if not await talk.office.handling.reachable(view.id):
        await talk.say("link.offer", cards.link_rows(view), unit=view.holder)


def _scope_rows(ruling: Precedent) -> Rows:
    rows: Rows = []
    if ruling.place:
        rows.append(
            [option(f"以后{cards.shortened(ruling.place, 12)}的都这样", MakeRule(ruling=ruling.id, scope="place"))]
        )
    if ruling.estate:
        rows.append(
            [option(f"以后{cards.shortened(ruling.estate, 12)}的都这样", MakeRule(ruling=ruling.id, scope="estate"))]
        )
    rows.append([option("以后全社区都这样", MakeRule(ruling=ruling.id, scope="all"))])
    rows.append([option("只这一次", MakeRule(ruling=ruling.id, scope="no"))])
    return rows


async def _hint(talk: Talk, view: CaseView) -> str:
    """How such a matter was ruled before."""
    if not talk.speaker.has(Role.COMMUNITY_SECRETARY, Role.COMMUNITY_STAFF):
        return ""
    found = await talk.office.rulings.search(talk.speaker.person_id, view.place or view.text, view.category, limit=3)
    same = [one for one in found if one.category == view.category_name and one.number != view.number]
    return say("ruling.hint", number=same[0].number, unit=same[0].department) if same else ""


# ---- several departments


async def call_assistant(talk: Talk, case_id: int, note: str = "", unit_id: int = 0) -> None:
    """请部门协助: choose one, by button or by name."""
    d, me = talk.dialogue, talk.speaker.person_id
    view = await talk.office.cases.look(me, case_id)
    await talk.office.file.authorise_act(me, case_id, "assist")
    wanted = [unit_id] if unit_id else [u for u in named_departments(talk, view, note) if u != view.holder_unit_id]
    d.pending = ""
    if not wanted:
        d.pending, d.pending_case = "assist_unit", case_id
        await talk.say("need.assistant", _assistant_rows(talk, view))
        return
    for unit in wanted:
        view = await talk.office.handling.call_assistant(me, case_id, unit)
    names = "、".join(talk.directory.unit(unit).name for unit in wanted)
    await talk.say("assist.called", number=view.number, units=names, lead=view.holder)
    if not await talk.office.handling.reachable(view.id):
        await talk.say("link.offer", cards.link_rows(view), unit=names)


def _assistant_rows(talk: Talk, view: CaseView) -> Rows:
    called = {one.unit_id for one in view.facts.assistants} | {view.holder_unit_id}
    units = [u for u in talk.directory.units_of(view.community_id, "department") if u.id not in called]
    answering = {u.id for u in talk.directory.departments_for(view.community_id, view.category)}
    ordered = sorted(units, key=lambda u: (u.id not in answering, u.name))[:60]
    buttons = [option(u.name, Assist(case=view.id, unit=u.id)) for u in ordered]
    return [buttons[i : i + 2] for i in range(0, len(buttons), 2)]


async def names_department(talk: Talk, text: str) -> bool:
    """吹给哪个部门, answered in words."""
    d = talk.dialogue
    act, case_id, begun = d.pending, d.pending_case, d.pending_note
    view = await talk.office.cases.look(talk.speaker.person_id, case_id)
    named = named_departments(talk, view, text)
    d.pending = ""
    if words.never_mind(text) or text.strip() in ("取消", "不"):
        await talk.say("pending.cancelled")
        return True
    if not named:
        return False
    if act == "assist_unit":
        await call_assistant(talk, case_id, text)
        return True
    act = act.removesuffix("_unit")
    await _begin(talk, act, case_id, begun, named[0])
    if talk.dialogue.pending == act:
        talk.dialogue.pending_units = named[1:]
    return True


def named_departments(talk: Talk, view: CaseView, text: str) -> list[int]:
    """The departments that a line names, the one that leads first: 住建局牵头，城管局协助."""
    units = talk.directory.units_of(view.community_id, "department")
    found = [(at, u.id) for u in units if (at := _at(u.name, text)) >= 0]
    leads = _LEADS.search(text)
    return whistle_policy.led(found, leads.start() if leads else -1)


def _at(name: str, text: str) -> int:
    """Where a department is named, by its whole or its usual short name: 水务局 for 呼和浩特市水务局."""
    short = short_name(name)
    at = text.find(name)
    return at if at >= 0 or len(short) < 3 else text.find(short)


def short_name(name: str) -> str:
    """水务局 for 呼和浩特市水务局."""
    return re.sub(r"^.*?(市|区|县|旗)", "", name)


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


# ---- links for departments without an account


async def make_links(talk: Talk, case_id: int, note: str = "") -> None:
    """生成答复链接: one for each department that has still to answer, to be passed on by hand."""
    links = await talk.office.answer_links.issue(talk.speaker.person_id, case_id)
    view = await talk.office.cases.look(talk.speaker.person_id, case_id)
    for link in links:
        url = f"{talk.settings.server.public_url}/answer/{talk.answer_token(link.id, link.secret)}"
        until = cards.day(link.expires_at, talk.zone)
        await talk.say("link.made", number=view.number, unit=link.unit, until=until, url=url)


# ---- precedents and rules


async def asks_precedent(talk: Talk, text: str) -> bool:
    """判例 井盖, 归属 河边的灌木: how such a matter was ruled before."""
    found = _ASKS_PRECEDENT.match(text.strip())
    if found is None:
        return False
    await precedents(talk, found["what"].strip(" ？?。"))
    return True


async def precedents(talk: Talk, what: str) -> None:
    """Rulings that have to do with these words; without words the newest."""
    talk.act("precedents")
    u = talk.alone
    category = u.intent if u is not None and u.intent in REQUEST_INTENTS else ""
    found = await talk.office.rulings.search(talk.speaker.person_id, what, category)
    if not found:
        await talk.say("ruling.none")
        return
    lines = [say("ruling.title", n=len(found)), *(_precedent_line(talk, one) for one in found)]
    rows: Rows = []
    if talk.speaker.has(Role.COMMUNITY_SECRETARY, Role.COMMUNITY_STAFF) and len(found) == 1:
        rows = _scope_rows(found[0])
    await talk.answer("\n".join(lines), rows)


def _precedent_line(talk: Talk, one: Precedent) -> str:
    return say(
        "ruling.line",
        number=one.number,
        day=cards.day(one.at, talk.zone),
        kind=one.category,
        place=one.place or one.estate or "地点没说",
        text=cards.shortened(mask(one.text), 30),
        refused="、".join(one.refused_by) or "无",
        unit=one.department,
        reason=cards.shortened(mask(one.reason), 40),
        by=one.by,
    )


async def make_rule(talk: Talk, ruling_id: int, scope: str) -> None:
    """A person accepts (or not) that a ruling becomes a rule."""
    talk.act("rule")
    if scope == "no":
        await talk.office.rulings.decline(talk.speaker.person_id, ruling_id)
        await talk.say("rule.once")
        return
    rule = await talk.office.rulings.accept(talk.speaker.person_id, ruling_id, scope)
    await talk.say("rule.made", [[option("停用这条", EndRule(rule=rule.id))]], rule=_rule_line(talk, rule))


async def rules(talk: Talk) -> None:
    """The rules in force, with where each comes from."""
    found = await talk.office.rulings.rules(talk.speaker.person_id)
    if not found:
        await talk.say("rule.none")
        return
    lines = [say("rule.title"), *(f"{n}. {_rule_line(talk, rule)}" for n, rule in enumerate(found, 1))]
    rows: Rows = [[option(f"停用第{n}条", EndRule(rule=rule.id))] for n, rule in enumerate(found[:20], 1)]
    await talk.answer("\n".join(lines), rows)


async def end_rule(talk: Talk, rule_id: int) -> None:
    """A rule is laid down."""
    talk.act("rule")
    rule = await talk.office.rulings.end(talk.speaker.person_id, rule_id)
    await talk.say("rule.ended", rule=_rule_line(talk, rule))


def _rule_line(talk: Talk, rule: Rule) -> str:
    where = "，".join(part for part in (rule.estate, f"提到“{rule.word}”" if rule.word else "") if part) or "全社区"
    return say(
        "rule.line",
        kind=rule.category,
        where=where,
        unit=rule.department,
        number=rule.number,
        by=rule.by,
        day=cards.day(rule.at, talk.zone),
    )


Flow = Callable[[Talk, int, str], Awaitable[None]]
FLOWS: Mapping[str, Flow] = {
    "whistle": whistle,
    "ask_whistle": ask_whistle,
    "assist": call_assistant,
    "link": make_links,
}
