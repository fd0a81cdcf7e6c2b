"""Danger now, and people who ask for a person: told at once to those on duty."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Alert
from workflows.notices import Notice, NoticeKind
from workflows.people import OFFICE_ROLES, Colleague, People
from workflows.policy.permissions import Role
from workflows.policy.places import Address


class AlertNotFound(LookupError):
    """No such danger, or none of this person's community."""


class Alerts:
    """Brings a person to a person. One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime, people: People, tell: Callable[[Notice], None]) -> None:
        self._session = session
        self._now = now
        self._people = people
        self._tell = tell

    async def danger(self, person_id: int, community_id: int, kind: str, text: str, address: Address) -> int:
        """Record it and tell everybody on duty there, at any hour. Returns how many were told."""
        community = address.community_id or community_id
        alert = Alert(community_id=community, person_id=person_id, kind=kind, text=text, at=self._now)
        self._session.add(alert)
        await self._session.flush()
        data = {"alert": alert.id, "from": person_id, "danger": kind, "text": text, "place": address.sentence()}
        told = await self._duty(community, address.grid_id)
        for colleague in told:
            if colleague.person_id != person_id:
                self._tell(Notice(colleague.person_id, NoticeKind.ALERT, None, colleague.role, data, urgent=True))
        return len(told)

    async def take(self, person_id: int, alert_id: int) -> bool:
        """我去看: the first who says so has it. False when somebody else was first.

        Raises:
            AlertNotFound: no such alert, or none of this person's community.
        """
        alert = await self._session.get(Alert, alert_id, with_for_update=True)
        posts = await self._people.posts(person_id)
        if alert is None or not any(post.community_id == alert.community_id for post in posts):
            raise AlertNotFound(alert_id)
        if alert.taken_by is not None:
            return alert.taken_by == person_id
        alert.taken_by, alert.taken_at = person_id, self._now
        await self._session.flush()
        return True

    async def human(self, person_id: int, community_id: int, grid_id: int | None, text: str, why: str) -> int:
        """Somebody wants a person (or wrote what we cannot read): the duty desk is told. Returns how many."""
        told = await self._duty(community_id, grid_id)
        for colleague in told:
            if colleague.person_id != person_id:
                data = {"from": person_id, "text": text, "why": why}
                self._tell(Notice(colleague.person_id, NoticeKind.HUMAN, None, colleague.role, data))
        return len(told)

    async def _duty(self, community_id: int, grid_id: int | None) -> list[Colleague]:
        """Grid worker and branch secretary where the grid is known; the community's office in any case."""
        near = (
            await self._people.holders(Role.GRID_WORKER, Role.BRANCH_SECRETARY, grid_id=grid_id)
            if grid_id is not None
            else []
        )
        office = await self._people.holders(*OFFICE_ROLES, community_id=community_id)
        return list({colleague.person_id: colleague for colleague in [*office, *near]}.values())
