"""What somebody on duty looks at: the desk, a card once more, how a case stands after what they did."""

from datetime import datetime

from bot.conversation import cards
from bot.conversation.buttons import CaseDo, Rows, option
from bot.conversation.capacity import capacity_line
from bot.conversation.phrases import say
from bot.conversation.talk import Talk
from workflows.case_file import CaseView
from workflows.policy.lifecycle import Rung
from workflows.policy.permissions import Relation, Role
from workflows.whistles import ASSISTING


async def done(talk: Talk, view: CaseView, due: datetime | None = None) -> None:
    """What came of it; an answer after the department's deadline is taken, and said to be late."""
    text = say("staff.done", number=view.number, state=cards.staff_state(view, talk.now, talk.zone))
    if due is not None and talk.now > due:
        text += "\n" + say("staff.late", day=cards.day(due, talk.zone))
    await talk.answer(text)


async def desk(talk: Talk) -> None:
    """What waits for this person."""
    views = await talk.office.handling.on_my_desk(talk.speaker.person_id)
    if not views:
        await talk.say("desk.empty")
        return
    lines = [say("desk.title", n=len(views))]
    talk.lists([view.id for view in views[:10]])
    for n, view in enumerate(views[:10], 1):
        late = "（这一步超时）" if view.rung_due_at < talk.now else ""
        lines.append(f"{n}. {cards.case_line(view, 20)}{late}")
    rows: Rows = [[option(cards.option_line(view), CaseDo(act="card", case=view.id))] for view in views[:10]]
    await talk.answer("\n".join(lines), rows)


async def show(talk: Talk, view: CaseView) -> None:
    """A case's card once more, as this person sees it."""
    talk.dialogue.focus = view.id
    if await only_waits(talk, view):
        await talk.answer(*cards.progress(view, talk.now, talk.zone))
        return
    capacity = capacity_in(talk, view)
    text, rows = cards.staff_card(view, capacity, talk.now, talk.zone, head="这件事：")
    as_whom = capacity_line(capacity, talk.speaker.duties, talk.directory)
    await talk.answer(f"{as_whom}\n{text}" if as_whom else text, rows)


async def only_waits(talk: Talk, view: CaseView) -> bool:
    """Whether this colleague has to do with the case as a resident only, as one who reported or joined it."""
    case = await talk.office.file.case(view.id, lock=False)
    return await talk.office.people.relations(talk.speaker.person_id, case) == {Relation.REPORTER}


def capacity_in(talk: Talk, view: CaseView) -> str:
    """The post in which this person most likely looks at a case of that rung."""
    if only_assists(talk, view):
        return ASSISTING
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


def only_assists(talk: Talk, view: CaseView) -> bool:
    """Whether this person's department was called to help another one, which leads."""
    units = {duty.unit_id for duty in talk.speaker.duties if duty.role is Role.DEPARTMENT_LIAISON}
    return view.holder_unit_id not in units and any(one.unit_id in units for one in view.facts.assistants)
