"""Photos and recordings: checked, without metadata, under unguessable names, shown to those who may see."""

import io
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Case, Media
from workflows.people import People
from workflows.policy.audiences import AUDIENCE_OF, Audience
from workflows.policy.permissions import Role, may_see

MAX_SIDE = 2048
_KINDS = ("JPEG", "PNG", "WEBP", "GIF")


class PhotoRefused(Exception):
    """No photo, a broken one, or too large; `phrase` says which. Nothing was kept."""

    def __init__(self, phrase: str) -> None:
        super().__init__(phrase)
        self.phrase = phrase


@dataclass(frozen=True)
class CleanPhoto:
    """A photo without EXIF: drawn anew, so that nothing but the picture is left."""

    id: str
    jpeg: bytes
    width: int
    height: int


def clean(content: bytes, limit_mb: int) -> CleanPhoto:
    """Check a photo by its content and draw it anew as a JPEG without metadata, at most 2048 pixels long.

    Raises:
        PhotoRefused: it is too large, or no picture that we can read.
    """
    if len(content) > limit_mb * 1024 * 1024:
        raise PhotoRefused("photo.too_large")
    try:
        with Image.open(io.BytesIO(content), formats=_KINDS) as picture:
            if picture.width * picture.height > 80_000_000:
                raise PhotoRefused("photo.too_large")
            upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        raise PhotoRefused("photo.not_a_photo") from None
    upright.thumbnail((MAX_SIDE, MAX_SIDE))
    upright.info.clear()  # a JPEG's comment would be written out again
    out = io.BytesIO()
    upright.save(out, "JPEG", quality=85, optimize=True)
    return CleanPhoto(secrets.token_urlsafe(24), out.getvalue(), upright.width, upright.height)


def path_of(storage: Path, media_id: str) -> Path:
    """Where a photo or a recording lies; outside everything that is served as files."""
    kind, _, rest = media_id.removeprefix("voice-").partition("-")
    if media_id.startswith("voice-"):  # all begin alike: the part that is drawn by lot spreads them over the folders
        return storage / "photos" / rest[:2] / f"{media_id}.{kind}"
    return storage / "photos" / media_id[:2] / f"{media_id}.jpg"


def keep(storage: Path, photo: CleanPhoto) -> None:
    """Write the picture; a half-written file never carries the final name."""
    keep_file(storage, photo.id, photo.jpeg)


def keep_file(storage: Path, media_id: str, content: bytes) -> None:
    """Write the file of a photo or a recording."""
    path = path_of(storage, media_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    temporary.write_bytes(content)
    temporary.rename(path)


class Photos:
    """The register of photos. One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def register(
        self, photo: CleanPhoto, community_id: int, person_id: int | None, audience: Audience | None = None
    ) -> str:
        """Enter a kept photo; it belongs to no case yet. `audience`: for whose digests we drew it ourselves."""
        self._session.add(
            Media(
                id=photo.id,
                community_id=community_id,
                uploaded_by=person_id,
                width=photo.width,
                height=photo.height,
                size=len(photo.jpeg),
                created_at=self._now,
                audience=audience or "",
            )
        )
        await self._session.flush()
        return photo.id

    async def enter(self, photo: Mapping[str, Any], community_id: int, person_id: int | None) -> None:
        """Enter a photo that a channel has fetched, cleaned and kept."""
        self._session.add(
            Media(
                id=photo["photo_id"],
                community_id=community_id,
                uploaded_by=person_id,
                width=int(photo.get("width", 0)),
                height=int(photo.get("height", 0)),
                size=int(photo.get("size", 0)),
                created_at=self._now,
            )
        )
        await self._session.flush()

    async def enter_voice(
        self, voice_id: str, size: int, seconds: int, community_id: int, person_id: int | None
    ) -> None:
        """Enter a recording that was checked and kept."""
        self._session.add(
            Media(
                id=voice_id,
                community_id=community_id,
                uploaded_by=person_id,
                width=0,
                height=0,
                size=size,
                seconds=seconds,
                created_at=self._now,
            )
        )
        await self._session.flush()

    async def may_look(self, person_id: int, photo_id: str, people: People) -> bool:
        """Whether this person may see a photo now: their own, of a case that they may see, or of an alarm while on duty.

        The picture of a digest is for those whose post there calls for that digest.

        Whose post has ended, or who has left a case, no longer may, whatever they were shown before.
        """
        photo = await self.get(photo_id)
        if photo is None:
            return False
        if photo.uploaded_by == person_id:
            return True
        if photo.case_id is None:
            posts = [post for post in await people.posts(person_id) if post.community_id == photo.community_id]
            return any(not photo.audience or AUDIENCE_OF.get(Role(post.role)) == photo.audience for post in posts)
        case = await self._session.get_one(Case, photo.case_id)
        return may_see(await people.relations(person_id, case))

    async def get(self, photo_id: str) -> Media | None:
        """The register's entry."""
        return await self._session.get(Media, photo_id)
