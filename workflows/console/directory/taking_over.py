"""Open cases pass from a unit or place that is no more to the one that takes its place, with their clocks as they are."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from workflows.console.viewer import Viewer
from workflows.directory import Directory
from workflows.models import Case
from workflows.office import Office
from workflows.policy.lifecycle import WORKING, Action, Rung, Status
from workflows.policy.permissions import Relation


async def take_over(
    office: Office,
    viewer: Viewer,
    directory: Directory,
    which: Sequence[ColumnElement[bool]],
    *,
    holder: int | None = None,
    grid: int | None = None,
    branch: int | None = None,
    property_unit: int | None = None,
) -> int:
    """Hand over every open case of this kind, write it into its history, and tell those who have it now.

    `holder` takes it whoever had it; with `grid` it lies there from now on, and what the branch or the property
    company has in hand goes to `branch` or `property_unit`. Returns how many there were.
    """
    then = Office(office.session, office.now, office.rules, directory)
    found = await office.session.scalars(
        select(Case.id)
        .where(Case.community_id == viewer.community_id, Case.closed_at.is_(None), *which)
        .order_by(Case.id)
    )
    ids = found.all()
    for case_id in ids:
        case = await then.file.case(case_id)
        heir = holder or {Rung.GRID_BRANCH: branch, Rung.PROPERTY: property_unit}.get(Rung(case.rung))
        before = case.holder_unit_id
        if grid is not None:
            case.grid_id = grid
        data = {"from": directory.unit(before).name} if before is not None and heir not in (None, before) else {}
        await then.file.move(
            case, Action.SUCCEED, by=viewer.person_id, role=Relation.COMMUNITY, data=data, holder_unit_id=heir
        )
        if Status(case.status) in WORKING:
            await then.file.card(case, reason="succeeded")
    office.notices.extend(then.notices)
    office.directory = office.file.directory = directory  # whoever words them knows what was entered just now
    return len(ids)
