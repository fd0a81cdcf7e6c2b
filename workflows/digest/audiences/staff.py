"""What the digests of those who work on cases have in common: lateness, and a week of some units."""

from collections import Counter
from collections.abc import Collection
from dataclasses import KW_ONLY, dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import aliased

from workflows.digest.lines import at_rung, late, late_step, late_whole
from workflows.digest.sources import Sources
from workflows.models import Case, CaseEvent
from workflows.policy.audiences import Audience
from workflows.policy.lifecycle import STATUS_OF, Action, Rung
from workflows.policy.measures import SENT_BACK
from workflows.policy.weeks import Week


@dataclass(frozen=True)
class StaffDigest:
    """Which week, and how many of the overdue are so by which deadline."""

    week: str
    _: KW_ONLY
    overdue_step: int = 0
    overdue_whole: int = 0
    over: bool = True  # the week had ended when this was composed


def lateness(sources: Sources, overdue: Collection[Case], week: Week) -> Any:
    """What `StaffDigest` says beside the key of the week."""
    return {
        "overdue_step": sum(1 for row in overdue if late_step(row, sources.now)),
        "overdue_whole": sum(1 for row in overdue if late_whole(row, sources.now)),
        "over": sources.over(week),
    }


@dataclass(frozen=True)
class UnitsWeek:
    """A week of the units that a person answers for."""

    units: tuple[str, ...]  # by name
    in_hand: list[Case]
    overdue: list[Case]  # of these
    done: Counter[str]  # how often they took each action
    returned: int  # cases that came back although they had said that they were done


async def units_week(
    sources: Sources, person_id: int, week: Week, audience: Audience, rung: Rung, actions: Collection[Action]
) -> UnitsWeek:
    """What this person's units have in hand at their rung, and which of these actions they took in the week."""
    posts = await sources.posts(person_id, audience)
    homes = {post.unit_id: post.community_id for post in posts if post.unit_id is not None}
    units, communities = list(homes), set(homes.values())
    cases = await sources.open_cases(person_id, Case.holder_unit_id.in_(units), Case.rung == rung)
    in_hand = [row for row in cases if at_rung(row, rung)]
    acted = await sources.happened(
        person_id,
        week,
        communities,
        CaseEvent.from_status == STATUS_OF[rung],
        CaseEvent.action.in_(actions),
        _holder_before().in_(units),
    )
    back = await sources.happened(
        person_id,
        week,
        communities,
        CaseEvent.action.in_([*SENT_BACK, Action.NOT_FIXED]),
        _holder_before(Action.REPORT_RESULT).in_(units),
    )
    return UnitsWeek(
        units=tuple(sources.directory.unit(unit).name for unit in units),
        in_hand=in_hand,
        overdue=[row for row in in_hand if late(row, sources.now)],
        done=Counter(event.action for event, _ in acted),
        returned=len({row.id for _, row in back}),
    )


def _holder_before(action: Action | None = None) -> Any:
    """Who held the case just before the event at hand; with an action: at the last such one before it."""
    earlier = aliased(CaseEvent)
    query = select(earlier.holder_unit_id).where(earlier.case_id == CaseEvent.case_id, earlier.id < CaseEvent.id)
    if action:
        query = query.where(earlier.action == action)
    return query.order_by(earlier.id.desc()).limit(1).correlate(CaseEvent).scalar_subquery()
