"""One case as one row of a list: what it is, where, who has it, and both clocks."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from workflows.case_file import Rules, place_sentence
from workflows.digest.lines import late_step, late_whole
from workflows.directory import Directory
from workflows.models import Case, CaseEvent
from workflows.policy.lifecycle import CLOSED, RUNG_OF, Action, Rung, Status
from workflows.policy.privacy import mask
from workflows.unnamed import Unnamed, unnamed

_AT_ONCE = 1000  # below what either database takes in one statement
STEP_STATES = [status.value for status in RUNG_OF]


@dataclass(frozen=True)
class CaseRow:
    """A case in a list. Phone and ID numbers are masked."""

    id: int
    number: str
    category: str  # its code
    category_name: str
    place: str
    text: str
    holder: str
    status: Status
    rung: Rung
    opened_at: datetime
    rung_due_at: datetime
    whole_due_at: datetime
    closed_at: datetime | None
    late_step: bool
    late_whole: bool
    reopened: int
    refusals: int
    proactive: bool
    rests_until: datetime | None = None  # 挂账: laid aside to this day
    rests_because: str = ""

    @property
    def open(self) -> bool:
        """Whether somebody is answerable for it."""
        return self.status not in CLOSED


# What `row_of` reads of a case.
COLUMNS = (
    Case.id, Case.number, Case.category, Case.text, Case.estate_text, Case.building_text, Case.unit_text, Case.room_text,
    Case.place_text, Case.holder_unit_id, Case.status, Case.rung, Case.opened_at, Case.rung_due_at, Case.whole_due_at,
    Case.closed_at, Case.reopened, Case.refusals, Case.proactive,
    Case.suspended_until,
)  # fmt: skip


def row_of(
    case: Case | Any, now: datetime, rules: Rules, directory: Directory, names: Unnamed, because: str = ""
) -> CaseRow:
    """The row of a case as it stands now; `case` is one, or a row of `COLUMNS`. `names` must not be told."""
    open_ = case.closed_at is None
    return CaseRow(
        id=case.id,
        number=case.number,
        category=case.category,
        category_name=rules.categories.get(case.category, case.category),
        place=mask(names.hidden(case.id, place_sentence(case))),
        text=mask(names.hidden(case.id, case.text)),
        holder=directory.unit(case.holder_unit_id).name if case.holder_unit_id is not None else "",
        status=Status(case.status),
        rung=Rung(case.rung),
        opened_at=case.opened_at,
        rung_due_at=case.rung_due_at,
        whole_due_at=case.whole_due_at,
        closed_at=case.closed_at,
        late_step=open_ and late_step(case, now),
        late_whole=open_ and late_whole(case, now),
        reopened=case.reopened,
        refusals=case.refusals,
        proactive=case.proactive,
        rests_until=case.suspended_until if case.status == Status.SUSPENDED else None,
        rests_because=mask(names.hidden(case.id, because)),
    )


async def rows_of(
    session: AsyncSession, cases: Iterable[Case | Any], now: datetime, rules: Rules, directory: Directory
) -> list[CaseRow]:
    """Several at once."""
    listed = list(cases)
    names = await unnamed(session, [case.id for case in listed])
    reasons = await _reasons(session, [case.id for case in listed if case.status == Status.SUSPENDED])
    return [row_of(case, now, rules, directory, names, reasons.get(case.id, "")) for case in listed]


async def _reasons(session: AsyncSession, resting: Sequence[int]) -> dict[int, str]:
    """Why these cases were laid aside, in the words with which that was decided last."""
    found: dict[int, str] = {}
    for start in range(0, len(resting), _AT_ONCE):
        ids = resting[start : start + _AT_ONCE]
        rows = await session.execute(
            select(CaseEvent.case_id, CaseEvent.note)
            .where(CaseEvent.case_id.in_(ids), CaseEvent.action == Action.SUSPEND)
            .order_by(CaseEvent.id)
        )
        found |= {case_id: note for case_id, note in rows}
    return found


def is_late_step(now: datetime) -> ColumnElement[bool]:
    """`late_step` as SQL: whoever has it is past their own time."""
    return and_(Case.closed_at.is_(None), Case.status.in_(STEP_STATES), Case.rung_due_at < now)


def is_late_whole(now: datetime) -> ColumnElement[bool]:
    """`late_whole` as SQL: the resident's deadline has passed."""
    return and_(Case.closed_at.is_(None), Case.whole_due_at < now)


def most_pressing(now: datetime) -> tuple[Any, ...]:
    """Overdue first, by the resident's clock and then by the step's; then whatever falls due next."""
    due: InstrumentedAttribute[datetime] = Case.rung_due_at
    return (is_late_whole(now).desc(), is_late_step(now).desc(), due, Case.id)
