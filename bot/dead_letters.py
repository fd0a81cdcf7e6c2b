"""Messages set aside after every attempt failed: an operator sees them, mends the cause, and sends them again."""

import re
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Inbound, Outbound


class NoSuchLetter(LookupError):
    """No message with this id is set aside; the text says what to do."""

    def __init__(self, letter: str) -> None:
        super().__init__(f"no dead letter {letter!r}: `xiaoshao dead-letters` lists them, ids look like in-12 or out-7")


async def read(session: AsyncSession) -> list[dict[str, Any]]:
    """All of them, oldest first: `id`, `channel`, `chat`, `at`, `attempts`, `error`; never what was written."""
    poison = await session.execute(select(Inbound).where(Inbound.state == "poison").order_by(Inbound.id))
    dead = await session.execute(select(Outbound).where(Outbound.state == "dead").order_by(Outbound.id))
    letters = [_letter("in", row, row.received_at.isoformat()) for row in poison.scalars()]
    return letters + [_letter("out", row, row.created_at.isoformat()) for row in dead.scalars()]


def _letter(way: str, row: Inbound | Outbound, at: str) -> dict[str, Any]:
    return {
        "id": f"{way}-{row.id}",
        "channel": row.channel,
        "chat": row.chat_key,
        "at": at,
        "attempts": row.attempts,
        "error": row.error.partition(":")[0][:120],  # what kind; the rest may quote the message
    }


async def put_back(session: AsyncSession, letter: str) -> None:
    """Let one wait its turn again, with fresh attempts.

    Raises:
        NoSuchLetter: it is not set aside, or the id is none.
    """
    parts = re.fullmatch(r"(in|out)-(\d{1,18})", letter)
    if parts is None:
        raise NoSuchLetter(letter)
    number = int(parts[2])
    incoming = parts[1] == "in"
    row = await session.get(Inbound, number) if incoming else await session.get(Outbound, number)
    if row is None or row.state != ("poison" if incoming else "dead"):
        raise NoSuchLetter(letter)
    row.state, row.attempts, row.retry_at = "waiting", 0, None
    if isinstance(row, Outbound):
        row.unsure_since, row.parts_arrived = None, 0  # whoever puts it back wants it sent, whatever became of it
