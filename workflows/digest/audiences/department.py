"""The department's digest: its whistles, waiting, planned and overdue."""

from collections.abc import Collection
from dataclasses import dataclass

from workflows.digest.audiences.staff import StaffDigest, lateness, units_week
from workflows.digest.lines import NO_CASES, Listing, late, listing
from workflows.digest.sources import Sources
from workflows.models import Whistle
from workflows.policy.audiences import Audience
from workflows.policy.lifecycle import Action, Rung
from workflows.policy.measures import ANSWERS
from workflows.policy.weeks import Week


@dataclass(frozen=True)
class DepartmentDigest(StaffDigest):
    """A department's whistles."""

    audience = Audience.DEPARTMENT
    units: tuple[str, ...] = ()
    waiting: Listing = NO_CASES
    planned: Listing = NO_CASES
    overdue: Listing = NO_CASES
    solved: int = 0  # answers of last week
    promised: int = 0
    refused: int = 0
    returned: int = 0

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not (self.solved or self.promised or self.refused or self.returned)


async def department_digest(sources: Sources, person_id: int, week: Week) -> DepartmentDigest:
    """The departments for which this person answers."""
    ours = await units_week(sources, person_id, week, Audience.DEPARTMENT, Rung.DEPARTMENT, ANSWERS)
    whistles = await sources.last_whistles([row.id for row in ours.in_hand])
    contacts = await _contacts(sources, whistles.values())
    promised = {case_id for case_id, whistle in whistles.items() if whistle.state == "planned"}
    in_time = [row for row in ours.in_hand if not late(row, sources.now)]
    return DepartmentDigest(
        week=week.key,
        units=ours.units,
        waiting=listing(sources, [row for row in in_time if row.id not in promised], contacts),
        planned=listing(sources, [row for row in in_time if row.id in promised], contacts),
        overdue=listing(sources, ours.overdue, contacts),
        solved=ours.done[Action.REPORT_RESULT],
        promised=ours.done[Action.PLAN],
        refused=ours.done[Action.REFUSE],
        returned=ours.returned,
        **lateness(sources, ours.overdue, week),
    )


async def _contacts(sources: Sources, whistles: Collection[Whistle]) -> dict[int, str]:
    """The grid worker who travels with each whistle, by case."""
    contact_of = {w.case_id: w.contact_person_id for w in whistles if w.contact_person_id}
    persons = await sources.people.people_of(contact_of.values())
    return {case_id: persons[person_id].name for case_id, person_id in contact_of.items()}
