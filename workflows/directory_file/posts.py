"""What a post cannot do without, and what its place says for it so that nobody needs to write it."""

from dataclasses import dataclass

from workflows.models import Building, Estate, Grid, Unit
from workflows.policy.permissions import Role

UNIT_KIND_OF_ROLE: dict[Role, str | None] = {
    Role.GRID_WORKER: "grid_branch",
    Role.BRANCH_SECRETARY: "grid_branch",
    Role.BUILDING_HEAD: "grid_branch",
    Role.LIAISON: "grid_branch",
    Role.PROPERTY_STAFF: "property",
    Role.COMMITTEE_HEAD: None,
    Role.COMMUNITY_SECRETARY: "community",
    Role.COMMUNITY_STAFF: "community",
    Role.DEPARTMENT_LIAISON: "department",
    Role.CLINIC_STAFF: "department",
}
# What a post cannot do without; the rest is filled in from the place.
NEEDS: dict[Role, tuple[str, ...]] = {
    Role.GRID_WORKER: ("grid",),
    Role.BRANCH_SECRETARY: ("grid",),
    Role.BUILDING_HEAD: ("estate", "building"),
    Role.LIAISON: ("estate", "building"),
    Role.PROPERTY_STAFF: ("unit",),
    Role.COMMITTEE_HEAD: ("estate",),
    Role.COMMUNITY_SECRETARY: (),
    Role.COMMUNITY_STAFF: (),
    Role.DEPARTMENT_LIAISON: ("unit",),
    Role.CLINIC_STAFF: ("unit",),
}


@dataclass(frozen=True)
class Scope:
    """What a post covers, as far as the file says."""

    unit: Unit | None
    grid: Grid | None
    estate: Estate | None
    building: Building | None


def default_grid(role: Role, scope: Scope) -> int | None:
    """The grid of a building head or liaison is that of their building; nobody needs to write it."""
    if role not in (Role.BUILDING_HEAD, Role.LIAISON):
        return None
    if scope.building:
        return scope.building.grid_id
    return scope.estate.grid_id if scope.estate else None


def default_unit(role: Role, grid: Grid | None, office: int) -> int | None:
    """The unit of a post in a grid is the grid's branch, of one in the community its party committee."""
    match UNIT_KIND_OF_ROLE[role]:
        case "grid_branch":
            return grid.branch_unit_id if grid else None
        case "community":
            return office
        case _:
            return None
