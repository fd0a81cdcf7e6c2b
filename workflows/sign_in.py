"""One-time links to the console: the bot sends one to the chat of somebody on duty, who opens it once and soon.

    token = await SignIns(session, now).issue(person_id)
    who = await SignIns(session, now).redeem(token)  # a person's id, or the reason why not

The token is random and shown once; only its hash is kept, so that whoever reads the database or a backup of it cannot
sign in. What the console gives in exchange (its own cookie) is the console's business.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Person, Post, SignIn

VALID = timedelta(minutes=10)
_BYTES = 32


class NoPost(Exception):
    """The console is for people on duty, and this person holds no post now. Give them one in the directory file."""


class Denied(StrEnum):
    """Why a link opens nothing. Whoever holds a wrong link is told no more than this."""

    UNKNOWN = "unknown"  # never issued, or mistyped
    USED = "used"  # opened before, or replaced by a newer link
    EXPIRED = "expired"
    NO_POST = "no_post"  # the person's last post has ended since


class SignIns:
    """Issues and redeems the links. One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def issue(self, person_id: int) -> str:
        """A token for this person, good for ten minutes and once; links that they were sent before are void.

        Raises:
            LookupError: there is no such person.
            NoPost: they hold no post now.
        """
        person = await self._session.get(Person, person_id)
        if person is None:
            raise LookupError(f"no person {person_id}")
        if not await self._on_duty(person_id):
            raise NoPost(f"person {person_id} holds no post now")
        await self._session.execute(
            update(SignIn)
            .where(SignIn.person_id == person_id, SignIn.used_at.is_(None))
            .values(used_at=self._now)
            .execution_options(synchronize_session=False)
        )
        token = secrets.token_urlsafe(_BYTES)
        self._session.add(
            SignIn(
                community_id=person.community_id,
                token_hash=_hash(token),
                person_id=person_id,
                issued_at=self._now,
                expires_at=self._now + VALID,
            )
        )
        await self._session.flush()
        return token

    async def redeem(self, token: str) -> int | Denied:
        """Whose link this is, using it up; or why it opens nothing.

        The use is one UPDATE that checks and marks at once: of two that come at the same time, in whichever process,
        one gets in.
        """
        hashed = _hash(token)
        person_id = (
            await self._session.execute(
                update(SignIn)
                .where(SignIn.token_hash == hashed, SignIn.used_at.is_(None), SignIn.expires_at > self._now)
                .values(used_at=self._now)
                .returning(SignIn.person_id)
                .execution_options(synchronize_session=False)
            )
        ).scalar_one_or_none()
        if person_id is None:
            return await self._why_not(hashed)
        return person_id if await self._on_duty(person_id) else Denied.NO_POST

    async def whose(self, token: str) -> tuple[int, int] | None:
        """The community and the person that a link was issued to, whether or not it still opens anything."""
        row = (
            await self._session.execute(
                select(SignIn.community_id, SignIn.person_id).where(SignIn.token_hash == _hash(token))
            )
        ).first()
        return None if row is None else (row.community_id, row.person_id)

    async def _why_not(self, hashed: str) -> Denied:
        row = (await self._session.execute(select(SignIn.used_at).where(SignIn.token_hash == hashed))).first()
        if row is None:
            return Denied.UNKNOWN
        return Denied.EXPIRED if row.used_at is None else Denied.USED

    async def _on_duty(self, person_id: int) -> bool:
        found = await self._session.execute(
            select(Post.id).where(Post.person_id == person_id, Post.until.is_(None)).limit(1)
        )
        return found.first() is not None


_LINK = re.compile(r"(/console/in/)[\w-]{20,}")


def without_links(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, for keeping: a link that was in it can no longer be read from the outbox or a backup of it."""
    return {key: _LINK.sub(r"\1…", value) if isinstance(value, str) else value for key, value in payload.items()}


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
