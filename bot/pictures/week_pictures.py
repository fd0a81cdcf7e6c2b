"""The digest's picture as a photo: counted and drawn before the transaction that sends it, entered within it."""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

from bot.pictures.font import NoFont, Typeface, typeface
from bot.pictures.sketch import as_jpeg
from bot.pictures.week_card import lay_out
from workflows.console.exporting import one_moment
from workflows.database import Database
from workflows.digest import CommunityDigest, Week, WeekCard
from workflows.media import CleanPhoto, keep, path_of
from workflows.office import Office
from workflows.policy.audiences import Audience

log = structlog.get_logger()


@dataclass
class Picture:
    """A drawn picture whose file is kept; it is nobody's photo until a transaction has entered it."""

    card: WeekCard
    photo: CleanPhoto
    entered: bool = False

    async def photo_for(self, digest: CommunityDigest, office: Office) -> str:
        """The photo's name, entered with the first digest that has the very same numbers; "" for any other."""
        if not self.card.tells_the_same_as(digest):
            return ""
        if not self.entered:
            community = self.card.community_id
            await office.photos.register(self.photo, community, None, Audience.COMMUNITY)
            self.entered = True
        return self.photo.id


class WeekPictures:
    """Draws them. Without a typeface there are none, and digests go out as text."""

    def __init__(
        self, database: Database, office: Callable[[AsyncSession], Office], storage: Path, face: Typeface | None
    ) -> None:
        self._database = database
        self._office = office
        self._storage = storage
        self._face = face
        self._one_at_a_time = asyncio.Lock()  # of two cores one stays free for what people write

    async def drawn(self, community_id: int, week: Week) -> Picture | None:
        """The picture of a week, with its file; None where it cannot be made: a digest never waits for its picture."""
        if self._face is None:
            return None
        try:
            async with self._one_at_a_time, self._database.reading() as session:
                await one_moment(session)
                card = await self._office(session).digests.card(community_id, week)
            return Picture(card, await asyncio.to_thread(self._kept, card, self._face))
        except Exception as error:  # whatever it is: the text goes out
            log.warning("no picture for a digest", community=community_id, week=week.key, error=type(error).__name__)
            return None

    def discard(self, picture: Picture | None) -> None:
        """Nobody was sent it, or what would have sent it was undone."""
        if picture is not None:
            path_of(self._storage, picture.photo.id).unlink(missing_ok=True)

    def _kept(self, card: WeekCard, face: Typeface) -> CleanPhoto:
        sketch = lay_out(card, face)
        photo = CleanPhoto(secrets.token_urlsafe(24), as_jpeg(sketch), sketch.width, sketch.height)
        keep(self._storage, photo)
        return photo


def face_for(own: str, *, wanted: bool) -> Typeface | None:
    """The typeface to draw with; None where pictures are switched off, or where there is no typeface."""
    if not wanted:
        return None
    try:
        return typeface(own)
    except NoFont as missing:
        log.warning("digests go out without pictures", why=str(missing))
        return None
