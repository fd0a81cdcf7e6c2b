"""What others have done to a case since somebody opened the page with a form: they are told before they act on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, or_, select

from workflows.console.viewer import Viewer
from workflows.models import Case, CaseEvent, Person
from workflows.office import Office
from workflows.policy.lifecycle import Action

# What changes nothing for whoever decides: remarks, neighbours who join, reminders.
_QUIET = (
    Action.COMMENT, Action.JOIN, Action.LEAVE, Action.ADD, Action.URGE, Action.REMIND, Action.OVERDUE, Action.ASK_AGAIN,
)  # fmt: skip
Seen = Mapping[int, int]  # by case: the newest line of its history that stood on the page


@dataclass(frozen=True)
class Meanwhile:
    """One thing that was done."""

    number: str
    at: datetime
    capacity: str
    who: str
    action: Action


async def seen_now(office: Office, *case_ids: int) -> dict[int, int]:
    """How far the history of these cases goes now."""
    rows = await office.session.execute(
        select(CaseEvent.case_id, func.max(CaseEvent.id))
        .where(CaseEvent.case_id.in_(case_ids))
        .group_by(CaseEvent.case_id)
    )
    return {case_id: last for case_id, last in rows}


async def done_meanwhile(office: Office, viewer: Viewer, seen: Seen) -> list[Meanwhile]:
    """What colleagues (or the clock) have done to these cases since then, oldest first; not the viewer's own deeds."""
    if not seen:
        return []
    rows = await office.session.execute(
        select(CaseEvent, Case.number, Person.name)
        .join(Case, Case.id == CaseEvent.case_id)
        .outerjoin(Person, Person.id == CaseEvent.actor_id)
        .where(
            or_(*(and_(CaseEvent.case_id == case_id, CaseEvent.id > last) for case_id, last in seen.items())),
            CaseEvent.action.not_in(_QUIET),
            or_(CaseEvent.actor_id.is_(None), CaseEvent.actor_id != viewer.person_id),
        )
        .order_by(CaseEvent.id)
    )
    return [
        Meanwhile(number, event.at, event.capacity, name or "", Action(event.action)) for event, number, name in rows
    ]
