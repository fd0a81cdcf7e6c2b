"""The numbers of a community's week as its picture shows them: counted by the digest's own functions, no words of anybody."""

from dataclasses import dataclass

from workflows.digest.audiences.community import CommunityDigest
from workflows.digest.counting import Counting
from workflows.digest.lines import Tally, tallies
from workflows.digest.sources import Sources
from workflows.policy.measures import Measures
from workflows.policy.weeks import Week

WEEKS_BEFORE = 8
ELSEWHERE = "其他地点"  # where no estate was named


@dataclass(frozen=True)
class WeekCourse:
    """One week of the course: opened and solved in it, open at its end."""

    week: str
    opened: int
    solved: int  # a resident said so
    open: int


@dataclass(frozen=True)
class WeekCard:
    """A community's week against the eight before, heat by estate, and the honest measures."""

    community_id: int
    community: str
    week: str
    over: bool
    course: tuple[WeekCourse, ...]  # oldest first; the week itself is the last
    by_estate: tuple[Tally, ...]  # opened; most first
    measures: Measures

    def tells_the_same_as(self, digest: CommunityDigest) -> bool:
        """Whether the text has these very numbers. What was counted a moment earlier might not."""
        before = self.course[-2]
        return (
            self.week == digest.week
            and self.community == digest.community
            and self.over == digest.over
            and self.measures == digest.measures
            and self.by_estate == digest.by_estate
            and (before.opened, before.solved, before.open)
            == (digest.before.opened, digest.before.solved, digest.before.open)
        )


async def week_card(sources: Sources, counting: Counting, community_id: int, week: Week) -> WeekCard:
    """The numbers of one community, of no other and of nobody in particular."""
    now = await counting.measures(community_id, week.start, week.end)
    before = await counting.measures(community_id, week.previous().start, week.previous().end)
    course = [_course(week, now), _course(week.previous(), before)]
    for back in range(2, WEEKS_BEFORE + 1):
        earlier = week.back(back)
        course.append(_course(earlier, await counting.course(community_id, earlier.start, earlier.end)))
    return WeekCard(
        community_id=community_id,
        community=sources.directory.community(community_id).name,
        week=week.key,
        over=sources.over(week),
        course=tuple(reversed(course)),
        by_estate=tallies(now.by_estate, before.by_estate, {"": ELSEWHERE}),
        measures=now,
    )


def _course(week: Week, measures: Measures) -> WeekCourse:
    return WeekCourse(week.key, measures.opened, measures.solved, measures.open)
