"""Engines and transactions: one writer on SQLite, a pool on PostgreSQL, migrations at start."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.pool import NullPool

MIGRATIONS = Path(__file__).parent / "migrations"
OPENED_BY = "opened_by"  # in a session's info: which Database it came from
_LAST_ACTS = "last_acts"
# A process that froze or whose machine is gone must not keep rows, chats and locks for ever: the server lets go.
_LETS_GO = {
    "idle_in_transaction_session_timeout": "60000",  # ms; no transaction of ours waits for anything but the database
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class Database:
    """Where everything is kept. `writing()` is a transaction that may change things, `reading()` one that may not.

    On SQLite writers queue for the one writing connection, which begins with BEGIN IMMEDIATE: a plain BEGIN
    that later upgrades is what makes "database is locked".
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = secrets.token_hex(8)  # tells what this one says from what others say
        self.sqlite = make_url(url).get_backend_name() == "sqlite"
        if self.sqlite:
            path = make_url(url).database
            if path and path != ":memory:":
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            self._writer = _sqlite_engine(url, "BEGIN IMMEDIATE", 1)
            self._reader = _sqlite_engine(url, "BEGIN", 4)
        else:
            self._writer = self._reader = create_async_engine(
                url, pool_size=8, max_overflow=8, pool_pre_ping=True, hide_parameters=True,
                connect_args={"server_settings": _LETS_GO},
            )  # fmt: skip
        info = {OPENED_BY: self.name}
        self._write = async_sessionmaker(self._writer, expire_on_commit=False, info=info)
        self._read = async_sessionmaker(self._reader, expire_on_commit=False, autoflush=False, info=info)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end of the block, undone when it raises."""
        async with self._write() as session, session.begin():
            yield session
            for act in session.info.pop(_LAST_ACTS, ()):
                await act()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A view of one moment; nothing that is done in it is kept."""
        async with self._read() as session:
            yield session

    @asynccontextmanager
    async def line(self) -> AsyncIterator[Any]:
        """A connection outside the pool, as asyncpg gives it: for what outlives a transaction. PostgreSQL only."""
        engine = create_async_engine(
            self.url, poolclass=NullPool, hide_parameters=True, connect_args={"server_settings": _LETS_GO}
        )
        try:
            async with engine.connect() as connection:
                yield (await connection.get_raw_connection()).driver_connection
        finally:
            await engine.dispose()

    async def answers(self) -> bool:
        """Whether the database can be reached now."""
        try:
            async with self.reading() as session:
                await session.execute(text("SELECT 1"))
        except Exception:
            return False
        return True

    async def migrate(self) -> None:
        """Bring the tables to this version; safe to call at every start and from several processes."""
        async with self._writer.begin() as connection:
            await connection.run_sync(_upgrade)

    async def close(self) -> None:
        """Give every connection back."""
        await self._writer.dispose()
        if self._reader is not self._writer:
            await self._reader.dispose()


def at_the_end(session: AsyncSession, act: Callable[[], Awaitable[None]]) -> None:
    """Do this as the last thing before the commit of `writing()`; nothing is done when the transaction is undone."""
    session.info.setdefault(_LAST_ACTS, []).append(act)


def on_postgresql(session: AsyncSession) -> bool:
    """Whether others may be at work on the same database at this moment."""
    return session.get_bind().dialect.name == "postgresql"


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(7221)"))  # two processes starting at once
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _sqlite_engine(url: str, begin: str, pool: int) -> AsyncEngine:
    # hide_parameters: an error's text goes to the log, and parameters are what people wrote
    engine = create_async_engine(url, pool_size=pool, max_overflow=0, pool_timeout=60, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says when a transaction begins, not the driver
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


async def wait_for(database: Database, seconds: float) -> bool:
    """Whether the database answers within `seconds`: at start it may come up after us."""
    for _ in range(max(1, int(seconds))):
        if await database.answers():
            return True
        await asyncio.sleep(1)
    return False
