"""Seasonal plans as the console shows them: words of the work and of the rounds without numbers or names."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from workflows.case_file import CaseNotFound
from workflows.console.viewer import Viewer
from workflows.office import Office
from workflows.policy.permissions import NotAllowed
from workflows.policy.privacy import mask
from workflows.unnamed import Unnamed, unnamed
from workflows.upkeep import PlanView, Round


@dataclass(frozen=True)
class PlanPage:
    """One plan."""

    plan: PlanView
    rounds: Sequence[Round]
    sees_case: bool  # whether the viewer may also open the case that it belongs to


async def plans(office: Office, viewer: Viewer) -> list[PlanView]:
    """The running plans that the viewer has to do with, whose next round is due first."""
    try:
        found = await office.upkeep.plans(viewer.person_id)
    except NotAllowed:
        return []
    names = await unnamed(office.session, {plan.case_id for plan in found})
    return sorted((_told(plan, names) for plan in found), key=lambda plan: (plan.next_on or plan.last_on, plan.id))


async def plans_of(office: Office, viewer: Viewer, case_id: int) -> list[PlanView]:
    """The plans of one case, as far as the viewer has to do with them."""
    found = await office.upkeep.of_case(viewer.person_id, case_id)
    names = await unnamed(office.session, [case_id])
    return [_told(plan, names) for plan in found]


async def plan_page(office: Office, viewer: Viewer, plan_id: int) -> PlanPage:
    """A plan with its rounds, done and to come.

    Raises:
        CaseNotFound: there is none that is theirs.
    """
    plan, rounds = await office.upkeep.look(viewer.person_id, plan_id)
    names = await unnamed(office.session, [plan.case_id])
    told = [replace(one, note=mask(names.hidden(plan.case_id, one.note))) for one in rounds]
    return PlanPage(_told(plan, names), told, await _sees(office, viewer, plan.case_id))


async def _sees(office: Office, viewer: Viewer, case_id: int) -> bool:
    try:
        await office.file.seen_by(viewer.person_id, case_id)
    except CaseNotFound:
        return False
    return True


def _told(plan: PlanView, names: Unnamed) -> PlanView:
    def said(text: str) -> str:
        return mask(names.hidden(plan.case_id, text))

    return replace(plan, work=said(plan.work), place=said(plan.place), trigger=said(plan.trigger))
