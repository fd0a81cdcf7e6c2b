"""Engines and transactions: one writer on SQLite, a pool on PostgreSQL, migrations at start."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from workflows.sqlite_on_the_loop import DRIVER, ReadAtOnce

MIGRATIONS = Path(__file__).parent / "migrations"
OPENED_BY = "opened_by"  # in a session's info: which Database it came from
_LAST_ACTS = "last_acts"
_IDLE_SINCE, _FRESH = "idle_since", 1.0  # seconds
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
            on_the_loop = make_url(url).set(drivername=f"sqlite+{DRIVER}")
            self._writer = _sqlite_engine(on_the_loop, 1, begin="BEGIN IMMEDIATE")
            self._glancer = _sqlite_engine(on_the_loop, 4, begin="BEGIN")
            self._reader = _sqlite_engine(make_url(url), 4)
            event.listen(self._reader.sync_engine, "begin", _plain_begin)
        else:
            self._writer = self._glancer = self._reader = create_async_engine(
                url, pool_size=8, max_overflow=8, hide_parameters=True, connect_args={"server_settings": _LETS_GO}
            )
            _look_at_the_idle(self._writer)
        info = {OPENED_BY: self.name}
        kind = ReadAtOnce if self.sqlite else Session
        self._write = async_sessionmaker(self._writer, expire_on_commit=False, info=info, sync_session_class=kind)
        self._read = async_sessionmaker(self._reader, expire_on_commit=False, autoflush=False, info=info)
        self._glance = async_sessionmaker(
            self._glancer, expire_on_commit=False, autoflush=False, info=info, sync_session_class=kind
        )

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
    async def glancing(self) -> AsyncIterator[AsyncSession]:
        """As `reading`, for a few rows found by an index: what takes longer would hold everything else up on SQLite."""
        async with self._glance() as session:
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

    @property
    def engines(self) -> frozenset[AsyncEngine]:
        """All of them."""
        return frozenset((self._writer, self._glancer, self._reader))

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
        for engine in self.engines:
            await engine.dispose()


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


def _sqlite_engine(url: URL, pool: int, **dialect: str) -> AsyncEngine:
    # hide_parameters: an error's text goes to the log, and parameters are what people wrote
    engine = create_async_engine(url, pool_size=pool, max_overflow=0, pool_timeout=60, hide_parameters=True, **dialect)

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy says when a transaction begins, not the driver
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _look_at_the_idle(engine: AsyncEngine) -> None:
    """Whether a connection still lives is asked only where it has idled: `pool_pre_ping` would ask before every transaction.

    A server that was restarted meanwhile is noticed as with `pool_pre_ping`, for that takes longer than `_FRESH`.
    """
    dialect = engine.dialect

    @event.listens_for(engine.sync_engine, "checkin")
    def _given_back(_connection: Any, record: ConnectionPoolEntry) -> None:
        record.info[_IDLE_SINCE] = time.monotonic()

    @event.listens_for(engine.sync_engine, "checkout")
    def _taken(connection: Any, record: ConnectionPoolEntry, _proxy: Any) -> None:
        since = record.info.get(_IDLE_SINCE)
        if since is None or time.monotonic() - since < _FRESH:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error  # the pool makes a new one, and looks at none of the others any more


def _plain_begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


async def wait_for(database: Database, seconds: float) -> bool:
    """Whether the database answers within `seconds`: at start it may come up after us."""
    for _ in range(max(1, int(seconds))):
        if await database.answers():
            return True
        await asyncio.sleep(1)
    return False
