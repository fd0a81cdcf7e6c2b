"""Sends the weekly digests when their time has come: beside the tick, so that no deadline waits for a picture."""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.metrics import FOLLOW_UPS
from bot.pictures.week_pictures import Picture, WeekPictures
from bot.processes.postbox import is_busy
from workflows.database import Database
from workflows.models import FollowUp
from workflows.office import Office

log = structlog.get_logger()

KIND = "digest"
_AGAIN = timedelta(minutes=5)


class DigestRound:
    """One community after the other: the picture first, outside any transaction that writes; then everything at once."""

    def __init__(
        self,
        database: Database,
        office: Callable[[AsyncSession], Office],
        announcer: Announcer,
        pictures: WeekPictures,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._office = office
        self._announcer = announcer
        self._pictures = pictures
        self._now = now

    async def once(self) -> int:
        """Every weekly row that is due now; how many were done. One that fails is tried again later."""
        async with self._database.reading() as session:
            waiting = [(row.id, row.community_id) for row in await self._office(session).digests.waiting()]
        return sum([await self._issued(row_id, community) for row_id, community in waiting])

    async def _issued(self, row_id: int, community: int) -> bool:
        async with self._database.reading() as session:
            week = self._office(session).digests.week_told()
        picture = await self._pictures.drawn(community, week)
        try:
            done = await self._send(row_id, picture)
        except Exception as error:
            self._pictures.discard(picture)
            await self._put_off(row_id, error)
            return False
        if picture is not None and not picture.entered:
            self._pictures.discard(picture)
        return done

    async def _send(self, row_id: int, picture: Picture | None) -> bool:
        async with self._database.writing() as session:
            office = self._office(session)
            row = await office.digests.claim(row_id)
            if row is None:  # another process has it
                return False
            await office.digests.due(row)
            await self._announcer.announce(office, picture=picture)
        FOLLOW_UPS.labels(KIND).inc()
        return True

    async def _put_off(self, row_id: int, error: Exception) -> None:
        if is_busy(error):
            log.info("a digest gives way to another process", id=row_id)
            return
        log.error("digest failed", id=row_id, error=type(error).__name__, exc_info=error)
        async with self._database.writing() as session:
            row = await session.get_one(FollowUp, row_id)
            row.due_at = self._now() + _AGAIN
