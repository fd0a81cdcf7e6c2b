"""Which process reads and handles which chat: claimed on the process's own line, so that they end with it.

A claim spares the other processes the work; that a turn is done once and in order is seen to by the turn's own
transaction, which holds its chat.
"""

from collections.abc import Sequence
from typing import Protocol

import structlog

from bot.processes.bell import Line, LineDown

log = structlog.get_logger()

# Another key than the turn's own lock upon its chat, which lives in the transaction.
_TAKE = "SELECT chat FROM unnest($1::text[]) AS chat WHERE pg_try_advisory_lock(hashtextextended(chat, 1)) LIMIT $2"
_GIVE_BACK = "SELECT pg_advisory_unlock(hashtextextended(chat, 1)) FROM unnest($1::text[]) AS chat"


class Claims(Protocol):
    """Who may work on which chats."""

    async def take(self, chats: Sequence[str], most: int) -> set[str]:
        """Those of `chats` that are ours now, `most` of them new."""

    async def give_back(self, chats: Sequence[str]) -> None:
        """Others may have them."""


class NoOthers:
    """The claims of a process that is alone."""

    async def take(self, chats: Sequence[str], most: int) -> set[str]:
        """All of them."""
        return set(chats)

    async def give_back(self, chats: Sequence[str]) -> None:
        """There is nobody."""


class ChatClaims:
    """Claims among several processes."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._ours: set[str] = set()
        line.on_return(self._ours.clear)  # with the line before, they ended

    async def take(self, chats: Sequence[str], most: int) -> set[str]:
        """Those of `chats` that are ours now, `most` of them new; all of them while nobody can be asked."""
        kept = self._ours.intersection(chats)
        wanted = [chat for chat in chats if chat not in self._ours]
        if not wanted:
            return kept
        try:
            new = {str(row[0]) for row in await self._line.ask(_TAKE, wanted, most)}
        except LineDown:
            return set(chats)
        except Exception as error:  # the line has broken just now
            log.warning("chats cannot be claimed", error=type(error).__name__)
            return set(chats)
        self._ours |= new
        return kept | new

    async def give_back(self, chats: Sequence[str]) -> None:
        """Others may have them; where the line is down they have ended already."""
        given = [chat for chat in chats if chat in self._ours]
        self._ours.difference_update(given)
        if not given:
            return
        try:
            await self._line.ask(_GIVE_BACK, given)
        except Exception as error:  # they end with the line
            log.debug("claims end with the line", error=type(error).__name__)
