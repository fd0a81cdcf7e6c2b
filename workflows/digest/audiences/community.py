"""The community's digest: the numbers beside those of the week before, and what waits for a decision now."""

from dataclasses import dataclass

from sqlalchemy import or_, select

from workflows.digest.counting import Counting
from workflows.digest.lines import NO_CASES, SHOWN, Listing, Tally, late_step, late_whole, listing, tallies
from workflows.digest.sources import Sources
from workflows.models import Case, UpkeepPlan, UpkeepTask
from workflows.policy.audiences import Audience
from workflows.policy.lifecycle import Status
from workflows.policy.measures import NOTHING, Measures
from workflows.policy.weeks import Week


@dataclass(frozen=True)
class CommunityDigest:
    """A community secretary's week: the numbers beside last week's, and what waits for a decision now."""

    audience = Audience.COMMUNITY
    week: str
    community: str = ""
    measures: Measures = NOTHING
    before: Measures = NOTHING
    by_category: tuple[Tally, ...] = ()
    by_estate: tuple[Tally, ...] = ()
    at_community: Listing = NO_CASES
    to_rule: Listing = NO_CASES  # of these: a department has refused
    late_departments: Listing = NO_CASES
    flagged: Listing = NO_CASES  # refused or sent back again and again
    overdue_here: int = 0  # of at_community, past the community's own time
    overdue: Listing = NO_CASES  # past the resident's deadline, whoever has them
    over: bool = True  # the week had ended when this was composed
    upkeep_late: tuple[str, ...] = ()  # missed and still not done: what, and whose
    suspended: Listing = NO_CASES  # 挂账

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return self.measures.quiet


async def community_digest(
    sources: Sources, counting: Counting, person_id: int, week: Week, community_id: int | None = None
) -> CommunityDigest:
    """The community in whose office this person works (where there are several: `community_id`, or the first).

    Raises:
        LookupError: they do not work in the office of `community_id`.
    """
    theirs = [post.community_id for post in await sources.posts(person_id, Audience.COMMUNITY)]
    if community_id not in (None, *theirs):
        raise LookupError(f"person {person_id} holds no post in the office of community {community_id}")
    community = theirs[0] if community_id is None else community_id
    now = await counting.measures(community, week.start, week.end)
    before = await counting.measures(community, week.previous().start, week.previous().end)
    pressing = await _pressing(sources, person_id, community)
    here = [row for row in pressing if row.status == Status.WITH_COMMUNITY]
    departments = [row for row in pressing if row.status == Status.WITH_DEPARTMENT]
    ladder = sources.rules.ladder
    flagged = [
        row for row in pressing if row.refusals >= ladder.flag_refusals or row.reopened >= ladder.flag_reopenings
    ]
    whistles = await sources.last_whistles([row.id for row in here if row.refusals])
    refused = {case_id for case_id, whistle in whistles.items() if whistle.state == "refused"}
    return CommunityDigest(
        week=week.key,
        community=sources.directory.community(community).name,
        measures=now,
        before=before,
        by_category=tallies(now.by_category, before.by_category, sources.rules.categories),
        by_estate=tallies(now.by_estate, before.by_estate, {"": "其他地点"}),
        at_community=listing(sources, here),
        to_rule=listing(sources, [row for row in here if row.id in refused]),
        late_departments=listing(sources, [row for row in departments if late_step(row, sources.now)]),
        flagged=listing(sources, flagged),
        overdue_here=sum(1 for row in here if late_step(row, sources.now)),
        overdue=listing(sources, [row for row in pressing if late_whole(row, sources.now)]),
        over=sources.over(week),
        suspended=listing(sources, await _suspended(sources, person_id, community)),
        upkeep_late=await _still_owed(sources, community),
    )


async def _suspended(sources: Sources, person_id: int, community: int) -> list[Case]:
    return await sources.open_cases(person_id, Case.community_id == community, Case.status == Status.SUSPENDED)


async def _still_owed(sources: Sources, community: int) -> tuple[str, ...]:
    """Rounds of seasonal contracts that were missed and not made up for; what, and whose."""
    rows = await sources.session.execute(
        select(UpkeepTask.due_on, UpkeepPlan.work, UpkeepPlan.unit_id)
        .join(UpkeepPlan, UpkeepPlan.id == UpkeepTask.plan_id)
        .where(
            UpkeepTask.community_id == community,
            UpkeepPlan.state != "ended",
            UpkeepTask.missed_at.is_not(None),
            UpkeepTask.done_at.is_(None),
            UpkeepTask.skipped_at.is_(None),
        )
        .order_by(UpkeepTask.due_on)
        .limit(SHOWN)
    )
    return tuple(
        f"{day.month}月{day.day}日 {work}，{sources.directory.unit(unit_id).name}" for day, work, unit_id in rows
    )


async def _pressing(sources: Sources, person_id: int, community: int) -> list[Case]:
    """The open cases of the community that any list of its digest may name."""
    ladder = sources.rules.ladder
    return await sources.open_cases(
        person_id,
        Case.community_id == community,
        or_(
            Case.status.in_([Status.WITH_COMMUNITY, Status.WITH_DEPARTMENT]),
            Case.refusals >= ladder.flag_refusals,
            Case.reopened >= ladder.flag_reopenings,
            Case.whole_due_at < sources.now,
        ),
    )
