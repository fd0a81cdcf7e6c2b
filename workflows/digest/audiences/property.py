"""The property's digest: a property company's week."""

from dataclasses import dataclass

from workflows.digest.audiences.staff import StaffDigest, lateness, units_week
from workflows.digest.lines import NO_CASES, Listing, due_soon, listing
from workflows.digest.sources import Sources
from workflows.policy.audiences import Audience
from workflows.policy.lifecycle import Action, Rung
from workflows.policy.weeks import Week


@dataclass(frozen=True)
class PropertyDigest(StaffDigest):
    """A property company's week."""

    audience = Audience.PROPERTY
    units: tuple[str, ...] = ()
    mine: Listing = NO_CASES
    due_soon: Listing = NO_CASES
    overdue: Listing = NO_CASES
    reported: int = 0  # results last week
    handed_up: int = 0  # 解决不了
    missed: int = 0  # climbed by silence
    returned: int = 0  # "not fixed", by resident or grid worker

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not (self.reported or self.handed_up or self.missed or self.returned)


async def property_digest(sources: Sources, person_id: int, week: Week) -> PropertyDigest:
    """The property companies this person works for."""
    actions = (Action.REPORT_RESULT, Action.CANNOT_SOLVE, Action.ESCALATE)
    ours = await units_week(sources, person_id, week, Audience.PROPERTY, Rung.PROPERTY, actions)
    return PropertyDigest(
        week=week.key,
        units=ours.units,
        mine=listing(sources, ours.in_hand),
        due_soon=listing(sources, due_soon(ours.in_hand, sources.now)),
        overdue=listing(sources, ours.overdue),
        reported=ours.done[Action.REPORT_RESULT],
        handed_up=ours.done[Action.CANNOT_SOLVE],
        missed=ours.done[Action.ESCALATE],
        returned=ours.returned,
        **lateness(sources, ours.overdue, week),
    )
