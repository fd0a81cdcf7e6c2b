"""For whom a digest is, and which post calls for which."""

from enum import StrEnum

from workflows.policy.permissions import Role


class Audience(StrEnum):
    """For whom a digest is."""

    RESIDENT = "resident"
    GRID = "grid"
    PROPERTY = "property"
    COMMUNITY = "community"
    DEPARTMENT = "department"


AUDIENCE_OF = {
    Role.GRID_WORKER: Audience.GRID,
    Role.BRANCH_SECRETARY: Audience.GRID,
    Role.PROPERTY_STAFF: Audience.PROPERTY,
    Role.COMMUNITY_SECRETARY: Audience.COMMUNITY,
    Role.COMMUNITY_STAFF: Audience.COMMUNITY,
    Role.DEPARTMENT_LIAISON: Audience.DEPARTMENT,
}
