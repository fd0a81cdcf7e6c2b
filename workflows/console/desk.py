"""The desk: what waits for this person in any of their posts; for a grid worker also what is elsewhere in their grid."""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, and_, false, or_, select

from workflows.console.rows import CaseRow, most_pressing, rows_of
from workflows.console.viewer import GRID_ROLES, UNIT_ROLES, Viewer
from workflows.models import Case, Whistle
from workflows.office import Office
from workflows.people import OFFICE_ROLES
from workflows.policy.lifecycle import Status

SHOWN = 60


@dataclass(frozen=True)
class Desk:
    """What is theirs to do now, and what others have in hand that they should know of."""

    mine: list[CaseRow]
    elsewhere: list[CaseRow]


async def desk(office: Office, viewer: Viewer, shown: int | None = SHOWN) -> Desk:
    """Most pressing first. The same cases as `Handling.on_my_desk` shows in chat."""
    waits = or_(false(), *_waits_for(viewer))
    mine = await _cases(office, viewer, waits, shown)
    grids = [post.grid_id for post in viewer.here if post.role in GRID_ROLES and post.grid_id is not None]
    elsewhere = await _cases(office, viewer, and_(Case.grid_id.in_(grids), ~waits), shown) if grids else []
    return Desk(mine, elsewhere)


def _waits_for(viewer: Viewer) -> list[ColumnElement[bool]]:
    ways: list[ColumnElement[bool]] = []
    for post in viewer.here:
        if post.role in GRID_ROLES:
            ways.append(and_(Case.grid_id == post.grid_id, Case.status.in_([Status.WITH_GRID, Status.TO_CONFIRM])))
        elif post.role in UNIT_ROLES:
            held = Case.status.in_([Status.WITH_PROPERTY, Status.WITH_DEPARTMENT])
            ways.append(and_(Case.holder_unit_id == post.unit_id, held))
            ways.append(Case.id.in_(_assisting(post.unit_id)))
        elif post.role in OFFICE_ROLES:
            ways.append(and_(Case.community_id == post.community_id, Case.status == Status.WITH_COMMUNITY))
    return ways


def _assisting(unit_id: int | None) -> Select[int]:
    """Cases on which this department is to help the one that leads, and has not answered."""
    return select(Whistle.case_id).where(
        Whistle.department_unit_id == unit_id, Whistle.lead.is_(False), Whistle.state == "sent"
    )


async def _cases(office: Office, viewer: Viewer, which: ColumnElement[bool], shown: int | None) -> list[CaseRow]:
    query = (
        select(Case).where(viewer.not_about_me(), which, Case.closed_at.is_(None)).order_by(*most_pressing(office.now))
    )
    found = await office.session.execute(query.limit(shown) if shown is not None else query)
    return await rows_of(office.session, found.scalars(), office.now, office.rules, office.directory)
