"""How much one person may write, report and photograph in a while; counted from what the database has.

Danger is never limited: whoever asks here has already made sure that it is none.
"""

from datetime import datetime, timedelta

from sqlalchemy import Integer, bindparam, select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Media, Reporter
from workflows.policy.allowance import Allowance

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
_REPORTED = (
    select(Reporter.joined_at)
    .where(Reporter.person_id == bindparam("person"), Reporter.first.is_(True), Reporter.joined_at > bindparam("since"))
    .order_by(Reporter.joined_at.desc())
    .limit(bindparam("most", type_=Integer))
)


class Limits:
    """Counts what a person has done lately. One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def cases_until(self, person_id: int, allowance: Allowance) -> datetime | None:
        """When this person may report a new matter again; None: now."""
        given = {"person": person_id, "since": self._now - DAY, "most": allowance.cases_per_day}
        rows = await self._session.execute(_REPORTED, given)
        return self._until([*rows.scalars()], allowance.cases_per_day, DAY)

    async def photos_until(self, person_id: int, allowance: Allowance) -> datetime | None:
        """When this person may send a photo again; None: now."""
        rows = await self._session.execute(
            select(Media.created_at)
            .where(Media.uploaded_by == person_id, Media.created_at > self._now - HOUR)
            .order_by(Media.created_at.desc())
            .limit(allowance.photos_per_hour)
        )
        return self._until([*rows.scalars()], allowance.photos_per_hour, HOUR)

    @staticmethod
    def _until(latest: list[datetime], most: int, span: timedelta) -> datetime | None:
        """The oldest of those that fill the measure makes room when it has grown old."""
        return latest[-1] + span if len(latest) >= most else None
