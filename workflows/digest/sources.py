"""What a digest draws on: the cases and events that its reader may see, never one that is about them."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from workflows.case_file import Rules
from workflows.directory import Directory
from workflows.models import Case, CaseEvent, Post, Whistle
from workflows.people import People
from workflows.policy.audiences import AUDIENCE_OF, Audience
from workflows.policy.permissions import Role
from workflows.policy.weeks import Week


class Sources:
    """What one transaction knows at one moment, for whoever composes, counts or issues digests."""

    def __init__(
        self, session: AsyncSession, now: datetime, rules: Rules, directory: Directory, people: People
    ) -> None:
        self.session = session
        self.now = now
        self.rules = rules
        self.directory = directory
        self.people = people
        self._about: dict[int, frozenset[int]] = {}

    def communities(self, community_id: int | None) -> list[int]:
        """This community; None: all of them."""
        return [community_id] if community_id is not None else [c.id for c in self.directory.communities]

    def over(self, week: Week) -> bool:
        """Whether the week has ended."""
        return week.end <= self.now

    async def posts(self, person_id: int, audience: Audience) -> list[Post]:
        """The posts of a person that call for this digest."""
        posts = await self.people.posts(person_id)
        return [post for post in posts if AUDIENCE_OF.get(Role(post.role)) is audience]

    async def hidden_from(self, row: Case) -> frozenset[int]:
        """Whom the case is about: it is in no digest of theirs, not even as a number."""
        if row.id not in self._about:
            self._about[row.id] = await self.people.excluded(row)
        return self._about[row.id]

    async def open_cases(self, person_id: int, *where: ColumnElement[bool]) -> list[Case]:
        """Open cases as this person may see them."""
        rows = await self.session.execute(select(Case).where(Case.closed_at.is_(None), *where))
        return [c for c in rows.scalars() if person_id not in await self.hidden_from(c)]

    async def happened(
        self, person_id: int, week: Week, communities: Iterable[int], *where: ColumnElement[bool]
    ) -> list[tuple[CaseEvent, Case]]:
        """Events of the week as this person may see them."""
        rows = await self.session.execute(
            select(CaseEvent, Case)
            .join(Case, Case.id == CaseEvent.case_id)
            .where(CaseEvent.community_id.in_(set(communities)), within(CaseEvent.at, week.start, week.end), *where)
            .order_by(CaseEvent.id)
        )
        return [(e, c) for e, c in rows if person_id not in await self.hidden_from(c)]

    async def last_whistles(self, cases: Collection[int]) -> dict[int, Whistle]:
        """The latest whistle of each of these cases that has one."""
        leading = (Whistle.case_id.in_(cases), Whistle.lead.is_(True))
        last = select(func.max(Whistle.id)).where(*leading).group_by(Whistle.case_id)
        rows = await self.session.execute(select(Whistle).where(Whistle.id.in_(last)))
        return {whistle.case_id: whistle for whistle in rows.scalars()}


def within(moment: InstrumentedAttribute[Any], start: datetime, end: datetime) -> ColumnElement[bool]:
    """From `start` on, and before `end`."""
    return and_(moment >= start, moment < end)
