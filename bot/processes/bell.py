"""Who wakes whom: PostgreSQL's LISTEN/NOTIFY on a connection of its own that comes back after trouble."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.database import OPENED_BY, Database, on_postgresql

log = structlog.get_logger()

INBOX, OUTBOX = "xiaoshao_inbox", "xiaoshao_outbox"  # there is something to handle, something to deliver
PAGE, CLOCK = "xiaoshao_page", "xiaoshao_clock"  # a page has something to show; the demo's clock was moved
MOST_BYTES = 7000  # PostgreSQL takes just under 8000
_CHECK_SECONDS, _ANSWER_SECONDS, _PAUSE_SECONDS = 3.0, 5.0, 0.5
_IDLE = "SET idle_session_timeout = '20s'"  # a process that froze loses its line, and with it what it has claimed
_SINCE = 14  # of PostgreSQL: the first version that knows it


_RING = text("SELECT pg_notify(:topic, :said)")


async def ring(session: AsyncSession, topic: str, said: str = "") -> None:
    """Wake the other processes when this transaction is committed, and not if it is undone.

    Raises:
        ValueError: more than MOST_BYTES.
    """
    if not on_postgresql(session):
        return
    if len(said.encode()) > MOST_BYTES:
        raise ValueError(f"{topic}: too long for a notification; say where it can be read")
    await session.execute(_RING, call(session, topic, said))


def call(session: AsyncSession, topic: str, said: str = "") -> dict[str, str]:
    """What `pg_notify` is given, by name: for statements that ring beside something else."""
    return {"topic": topic, "said": f"{session.info.get(OPENED_BY, '')} {said}"}


class LineDown(Exception):
    """There is no connection at this moment."""


class Line:
    """A connection of this process's own: others are heard on it, and what is claimed on it ends with the process.

    Without it nothing is lost: everything that rings is looked for every few seconds as well.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._listeners: dict[str, list[Callable[[str], None]]] = {}
        self._on_return: list[Callable[[], None]] = []
        self._connection: Any = None
        self._one_at_a_time = asyncio.Lock()
        self.open = asyncio.Event()

    def on(self, topic: str, hear: Callable[[str], None]) -> None:
        """From the next `run` on, call `hear` with what another process says."""
        self._listeners.setdefault(topic, []).append(hear)

    def on_return(self, act: Callable[[], None]) -> None:
        """Call this whenever the line is open (again): what rang meanwhile was not heard."""
        self._on_return.append(act)

    async def run(self) -> None:
        """Until cancelled: listen, and come back after trouble."""
        while True:
            try:
                async with self._database.line() as connection:
                    await self._listen(connection)
            except Exception as error:  # in whatever words: the slow look at the tables goes on
                log.warning("no line to the other processes, trying again", error=type(error).__name__)
            finally:
                self._connection = None
                self.open.clear()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _listen(self, connection: Any) -> None:
        gone = asyncio.Event()
        connection.add_termination_listener(lambda _: gone.set())
        if connection.get_server_version().major >= _SINCE:
            await connection.execute(_IDLE)
        for topic in self._listeners:
            await connection.add_listener(topic, self._heard)
        self._connection = connection
        self.open.set()
        for act in self._on_return:
            act()
        while not gone.is_set():
            try:
                await asyncio.wait_for(gone.wait(), _CHECK_SECONDS)
            except TimeoutError:
                await self.ask("SELECT 1")

    def _heard(self, _connection: Any, _pid: int, topic: str, whole: str) -> None:
        by, _, said = whole.partition(" ")
        if by == self._database.name:
            return  # our own: whoever should know in this process was told directly
        for hear in self._listeners[topic]:
            hear(said)

    async def ask(self, statement: str, *given: Any) -> Sequence[Any]:
        """The rows that a statement gives on this line.

        Raises:
            LineDown: it is not open.
        """
        async with self._one_at_a_time:
            if self._connection is None:
                raise LineDown
            rows: Sequence[Any] = await self._connection.fetch(statement, *given, timeout=_ANSWER_SECONDS)
            return rows
