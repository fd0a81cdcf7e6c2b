"""Digests on schedule: to each person and audience once a week, however often and from however many processes."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import time

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from workflows.digest.audiences import Digest, as_data, resident_digests
from workflows.digest.readers import Readers, Recipient
from workflows.digest.sources import Sources, within
from workflows.models import Case, Community, DigestIssue, Estate, FollowUp, Person, Post, Reporter
from workflows.notices import Notice, NoticeKind
from workflows.policy.audiences import AUDIENCE_OF, Audience
from workflows.policy.frequency import Frequency
from workflows.policy.lifecycle import Status
from workflows.policy.permissions import Relation, Role
from workflows.policy.weeks import Week, next_issue

KIND = "digest"  # of the follow-up that sends it
_AT_ONCE = 400  # rows in one INSERT
_RARER = (Frequency.FORTNIGHT, Frequency.MONTHLY)


class Issuing:
    """Sends the digests of a week, and keeps the weekly row that does so at its time."""

    def __init__(
        self,
        sources: Sources,
        make: Callable[[Audience, int, Week], Awaitable[Digest]],
        tell: Callable[[Notice], None],
    ) -> None:
        self._sources = sources
        self._session = sources.session
        self._now = sources.now
        self._readers = Readers(sources.session)
        self._make = make
        self._tell = tell

    async def send_week(self, week: Week, community_id: int | None = None) -> int:
        """Issue the digests of a week, each once per person and audience, however often this is called.

        Everybody as often as they want them. People with posts get theirs in any case; residents where something happened.
        """
        sent = 0
        for community in self._sources.communities(community_id):
            sent += await self._send_posts(week, community)
            sent += await self._send_residents(week, community)
        return sent

    async def waiting(self) -> list[FollowUp]:
        """The weekly rows whose time has come, oldest first; not claimed."""
        rows = await self._session.execute(
            select(FollowUp)
            .where(FollowUp.kind == KIND, FollowUp.done_at.is_(None), FollowUp.due_at <= self._now)
            .order_by(FollowUp.due_at, FollowUp.id)
        )
        return list(rows.scalars())

    async def claim(self, follow_up_id: int) -> FollowUp | None:
        """A weekly row that is still due, for this transaction alone; None where another process has it or was first."""
        row = await self._session.execute(
            select(FollowUp)
            .where(FollowUp.id == follow_up_id, FollowUp.done_at.is_(None), FollowUp.due_at <= self._now)
            .with_for_update(skip_locked=True)
        )
        return row.scalar_one_or_none()

    def week_told(self) -> Week:
        """The week that goes out when a row is due now."""
        return Week.of(self._now, self._sources.rules.zone).previous()

    async def due(self, follow_up: FollowUp) -> None:
        """The handler of the weekly row: send the week before, then set the row to its next time.

        Whoever slept through several weeks sends the last one only: an old digest is no news.
        """
        zone = self._sources.rules.zone
        await self.send_week(self.week_told(), follow_up.community_id)
        weekday, at = int(follow_up.data["weekday"]), time.fromisoformat(follow_up.data["at"])
        follow_up.due_at = next_issue(self._now, weekday, at, zone)
        await self._session.flush()

    async def ensure_armed(self, weekday: int, at: time) -> None:
        """Give every community its weekly row, on the operator's day (1 is Monday) and time. Safe at every start."""
        schedule = {"weekday": weekday, "at": at.isoformat()}
        # Two processes that start at once must not both find the row missing. The lock is one that lets everybody else
        # go on referring to the community, or a process that starts would stop the turns of the others.
        await self._session.execute(select(Community.id).order_by(Community.id).with_for_update(key_share=True))
        rows = await self._session.execute(
            select(FollowUp).where(FollowUp.kind == KIND, FollowUp.done_at.is_(None)).order_by(FollowUp.id)
        )
        pending = {row.community_id: row for row in rows.scalars()}
        when = next_issue(self._now, weekday, at, self._sources.rules.zone)
        for community in self._sources.communities(None):
            row = pending.get(community)
            if row is None:
                self._session.add(FollowUp(community_id=community, kind=KIND, due_at=when, data=schedule))
            elif row.data != schedule:
                row.data = schedule
                if row.due_at > self._now:  # what is due already goes out first
                    row.due_at = when
        await self._session.flush()

    async def _send_posts(self, week: Week, community: int) -> int:
        posts = await self._session.execute(
            select(Post.person_id, Post.role)
            .where(Post.community_id == community, Post.role.in_(list(AUDIENCE_OF)), Post.until.is_(None))
            .order_by(Post.id)
        )
        roles: dict[Recipient, Role] = {}
        for person_id, role in posts:
            roles.setdefault((person_id, AUDIENCE_OF[Role(role)]), Role(role))
        claimed = await self._claim(await self._readers.due(list(roles), week), week, community)
        for person_id, audience in claimed:
            data = as_data(await self._make(audience, person_id, week))
            self._tell(Notice(person_id, NoticeKind.DIGEST, None, roles[person_id, audience], data))
        return len(claimed)

    async def _send_residents(self, week: Week, community: int) -> int:
        persons = await self._residents_with_news(week, community)
        found = await resident_digests(self._sources, persons, week)
        full = {(person, Audience.RESIDENT): digest for person, digest in found.items() if not digest.empty}
        claimed = await self._claim(list(full), week, community)
        for key in claimed:
            self._tell(Notice(key[0], NoticeKind.DIGEST, None, Relation.REPORTER, as_data(full[key])))
        return len(claimed)

    async def _residents_with_news(self, week: Week, community: int) -> list[Person]:
        """Those whose turn it is, who have not been told yet, and for whom there may be something to tell."""
        told = select(DigestIssue.person_id).where(
            DigestIssue.audience == Audience.RESIDENT, DigestIssue.week == week.key
        )
        waiting = (
            select(Reporter.person_id)
            .join(Case, Case.id == Reporter.case_id)
            .where(Reporter.left_at.is_(None), Case.closed_at.is_(None))
        )
        rows = await self._session.execute(
            select(Person)
            .where(
                Person.community_id == community,
                Person.digest != Frequency.OFF,
                or_(
                    _near_what_was_solved(week, 1),
                    and_(Person.digest.in_(_RARER), _near_what_was_solved(week, Frequency.MONTHLY.most_weeks)),
                    Person.id.in_(waiting),
                ),
                Person.id.not_in(told),
            )
            .order_by(Person.id)
        )
        persons = {person.id: person for person in rows.scalars()}
        wanted = [(person, Audience.RESIDENT) for person in persons]
        return [persons[person] for person, _ in await self._readers.due(wanted, week)]

    async def _claim(self, wanted: Sequence[Recipient], week: Week, community: int) -> list[Recipient]:
        """Those of `wanted` that nobody has sent yet; the unique key decides, also between two processes."""
        insert = sqlite.insert if self._session.get_bind().dialect.name == "sqlite" else postgresql.insert
        won: set[Recipient] = set()
        for start in range(0, len(wanted), _AT_ONCE):
            rows = [
                {
                    "community_id": community,
                    "person_id": person_id,
                    "audience": audience,
                    "week": week.key,
                    "sent_at": self._now,
                }
                for person_id, audience in wanted[start : start + _AT_ONCE]
            ]
            claimed = await self._session.execute(
                insert(DigestIssue)
                .values(rows)
                .on_conflict_do_nothing(index_elements=[DigestIssue.person_id, DigestIssue.audience, DigestIssue.week])
                .returning(DigestIssue.person_id, DigestIssue.audience)
            )
            won |= {(person_id, Audience(audience)) for person_id, audience in claimed}
        return [key for key in wanted if key in won]


def _near_what_was_solved(week: Week, weeks: int) -> ColumnElement[bool]:
    """Who lives in an estate, or in a grid, where something was solved in so many weeks up to this one."""
    solved = (Case.status == Status.SOLVED, within(Case.closed_at, week.back(weeks - 1).start, week.end))
    estates = select(Case.estate_id).where(*solved, Case.estate_id.is_not(None))
    grids = select(Case.grid_id).where(*solved, Case.grid_id.is_not(None))
    around = select(Estate.id).where(Estate.grid_id.in_(grids))
    return or_(Person.home_estate_id.in_(estates), Person.home_estate_id.in_(around))
