"""What one transaction offers of digests: on demand for whoever may have them, the numbers, and the weekly issue."""

from collections.abc import Callable
from datetime import datetime, time

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.case_file import Rules
from workflows.digest.audiences import (
    CommunityDigest,
    Digest,
    ResidentDigest,
    community_digest,
    department_digest,
    grid_digest,
    property_digest,
    resident_digests,
)
from workflows.digest.counting import Counting, RepeatPlace
from workflows.digest.issuing import Issuing
from workflows.digest.sources import Sources
from workflows.digest.week_card import WeekCard, week_card
from workflows.directory import Directory
from workflows.models import FollowUp, Post, Reporter
from workflows.notices import Notice
from workflows.people import People
from workflows.policy.audiences import AUDIENCE_OF, Audience
from workflows.policy.measures import Measures
from workflows.policy.permissions import Role
from workflows.policy.weeks import Week, week_to_tell


class Digests:
    """Counts, composes and issues digests. One instance per transaction."""

    def __init__(
        self,
        session: AsyncSession,
        now: datetime,
        rules: Rules,
        directory: Directory,
        people: People,
        tell: Callable[[Notice], None],
    ) -> None:
        self._sources = Sources(session, now, rules, directory, people)
        self._counting = Counting(self._sources)
        self._issuing = Issuing(self._sources, self.make, tell)

    async def for_person(self, person_id: int, week: Week) -> list[Digest]:
        """Every digest that this person's posts call for, and the resident's where there is something in it."""
        called = {AUDIENCE_OF.get(Role(post.role)) for post in await self._sources.people.posts(person_id)}
        called.add(Audience.RESIDENT)
        wanted = sorted((audience for audience in called if audience), key=list(Audience).index, reverse=True)
        made = [await self.make(audience, person_id, week) for audience in wanted]
        return [digest for digest in made if not (isinstance(digest, ResidentDigest) and digest.empty)]

    async def asked_for(self, person_id: int) -> list[Digest]:
        """The digests of whoever asks for them without naming a week: see `week_to_tell`."""
        now, zone = self._sources.now, self._sources.rules.zone
        running = Week.of(now, zone)
        found = await self.for_person(person_id, running)
        week = week_to_tell(now, zone, quiet=all(digest.quiet for digest in found))
        return found if week == running else await self.for_person(person_id, week)

    async def make(self, audience: Audience, person_id: int, week: Week) -> Digest:
        """One digest of one person.

        Raises:
            LookupError: the person holds no post that this digest is for.
        """
        if audience is not Audience.RESIDENT and not await self._sources.posts(person_id, audience):
            raise LookupError(f"person {person_id} holds no post for a {audience} digest")
        match audience:
            case Audience.RESIDENT:
                return await self.resident(person_id, week)
            case Audience.GRID:
                return await grid_digest(self._sources, person_id, week)
            case Audience.PROPERTY:
                return await property_digest(self._sources, person_id, week)
            case Audience.COMMUNITY:
                return await community_digest(self._sources, self._counting, person_id, week)
            case Audience.DEPARTMENT:
                return await department_digest(self._sources, person_id, week)

    async def of_community(self, person_id: int, week: Week, community_id: int) -> CommunityDigest:
        """What somebody of the office of several communities reads of one of them.

        Raises:
            LookupError: they do not work in that community's office.
        """
        return await community_digest(self._sources, self._counting, person_id, week, community_id)

    async def resident(self, person_id: int, week: Week) -> ResidentDigest:
        """What was solved around their home, and their own open cases."""
        person = await self._sources.people.person(person_id)
        return (await resident_digests(self._sources, [person], week))[person_id]

    async def previews(self, audience: str, week: Week, limit: int = 3) -> list[Digest]:
        """What the first few people of that audience would read; nothing is sent. Empty for an unknown audience."""
        if audience not in list(Audience):
            return []
        wanted = Audience(audience)
        if wanted is Audience.RESIDENT:
            query = select(Reporter.person_id).distinct().order_by(Reporter.person_id)
        else:
            roles = [role for role, one in AUDIENCE_OF.items() if one is wanted]
            query = (
                select(Post.person_id)
                .where(Post.role.in_(roles), Post.until.is_(None))
                .distinct()
                .order_by(Post.person_id)
            )
        found = (await self._sources.session.execute(query)).scalars()
        return [await self.make(wanted, person_id, week) for person_id in list(found)[:limit]]

    async def card(self, community_id: int, week: Week) -> WeekCard:
        """The numbers of a community's picture."""
        return await week_card(self._sources, self._counting, community_id, week)

    async def waiting(self) -> list[FollowUp]:
        """The weekly rows whose time has come."""
        return await self._issuing.waiting()

    async def claim(self, follow_up_id: int) -> FollowUp | None:
        """A weekly row that is still due, for this transaction alone; None where another process has it or was first."""
        return await self._issuing.claim(follow_up_id)

    def week_told(self) -> Week:
        """The week that goes out when a row is due now."""
        return self._issuing.week_told()

    async def measures(self, community_id: int | None, start: datetime, end: datetime) -> Measures:
        """The numbers of a span; None: of all communities together. Each span is counted once."""
        return await self._counting.measures(community_id, start, end)

    async def opened_by_category(self, community_id: int | None, start: datetime, end: datetime) -> dict[str, int]:
        """`measures(…).by_category` alone, for tables of many spans."""
        return await self._counting.opened_by_category(community_id, start, end)

    async def answers(self, community_id: int | None, start: datetime, end: datetime) -> Measures:
        """Of `measures(…)` only what was opened and what residents said: the rest stays 0."""
        return await self._counting.answers(community_id, start, end)

    async def repeat_places(
        self, community_id: int | None, start: datetime, end: datetime, *where: ColumnElement[bool]
    ) -> list[RepeatPlace]:
        """Which places `measures(…).repeats` counts, most first, among the cases that `where` lets through."""
        return await self._counting.repeat_places(community_id, start, end, *where)

    async def send_week(self, week: Week, community_id: int | None = None) -> int:
        """Issue the digests of a week, each once per person and audience; how many went out."""
        return await self._issuing.send_week(week, community_id)

    async def due(self, follow_up: FollowUp) -> None:
        """The handler of the weekly row."""
        await self._issuing.due(follow_up)

    async def ensure_armed(self, weekday: int, at: time) -> None:
        """Give every community its weekly row, on the operator's day (1 is Monday) and time. Safe at every start."""
        await self._issuing.ensure_armed(weekday, at)
