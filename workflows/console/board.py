"""The board: the open cases of a community by rung, overdue first, with how many there are of each."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import func, or_, select

from workflows.console.rows import CaseRow, is_late_step, is_late_whole, most_pressing, rows_of
from workflows.console.viewer import Viewer
from workflows.models import Case
from workflows.office import Office
from workflows.policy.lifecycle import OPEN, WORKING, Status


class Lane(StrEnum):
    """A column of the board: a rung that works on it, or people who are waited for."""

    GRID = "grid"
    PROPERTY = "property"
    COMMUNITY = "community"
    DEPARTMENT = "department"
    WAITING = "waiting"
    SUSPENDED = "suspended"  # laid aside to a day


STATUSES: dict[Lane, tuple[Status, ...]] = {
    Lane.GRID: (Status.WITH_GRID,),
    Lane.PROPERTY: (Status.WITH_PROPERTY,),
    Lane.COMMUNITY: (Status.WITH_COMMUNITY,),
    Lane.DEPARTMENT: (Status.WITH_DEPARTMENT,),
    Lane.WAITING: tuple(
        status for status in Status if status in OPEN and status not in WORKING and status is not Status.SUSPENDED
    ),
    Lane.SUSPENDED: (Status.SUSPENDED,),
}
SHOWN = 30  # cards of a column; its numbers are always the whole


@dataclass(frozen=True)
class Column:
    """One lane: all that there is of it as numbers, the most pressing as rows."""

    lane: Lane
    total: int
    late_step: int
    late_whole: int
    rows: list[CaseRow]


async def board(office: Office, viewer: Viewer, shown: int | None = SHOWN) -> list[Column]:
    """Every lane; `shown` None: all rows, as the export takes them."""
    now = office.now
    each = (
        select(Case.status, is_late_step(now).label("step"), is_late_whole(now).label("whole"))
        .where(viewer.sees(), Case.closed_at.is_(None))
        .subquery()
    )
    columns_of = (each.c.status, each.c.step, each.c.whole)
    counted = (await office.session.execute(select(*columns_of, func.count()).group_by(*columns_of))).all()
    columns = []
    by_day = (Case.suspended_until, Case.id)
    for lane, statuses in STATUSES.items():
        mine = [row for row in counted if row[0] in statuses]
        query = (
            select(Case)
            .where(viewer.sees(), Case.closed_at.is_(None), or_(*(Case.status == status for status in statuses)))
            .order_by(*(by_day if lane is Lane.SUSPENDED else most_pressing(now)))
        )
        found = await office.session.execute(query.limit(shown) if shown is not None else query)
        columns.append(
            Column(
                lane,
                total=sum(number for *_, number in mine),
                late_step=sum(number for _, step, _, number in mine if step),
                late_whole=sum(number for _, _, whole, number in mine if whole),
                rows=await rows_of(office.session, found.scalars(), now, office.rules, office.directory),
            )
        )
    return columns
