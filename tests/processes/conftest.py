"""A real PostgreSQL that several processes share; each `Database` stands for one of them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from bot.processes.bell import Line
from tests.databases import Templates, with_tables
from workflows.database import Database

PATIENCE = 60  # seconds that a condition may take on a busy machine
# Of this database alone: other tests may be at work on the same server.
CUT_THE_LINE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE query LIKE 'LISTEN%' AND datname = current_database()"""


@pytest.fixture
async def shared(postgres_url: str, templates: Templates) -> AsyncIterator[str]:
    """A database with its tables."""
    async with templates.postgres("tables", with_tables, postgres_url) as url:
        yield url


@pytest.fixture
async def one(shared: str) -> AsyncIterator[Database]:
    """The database as one process sees it."""
    database = Database(shared)
    yield database
    await database.close()


@pytest.fixture
async def two(shared: str) -> AsyncIterator[Database]:
    """The same as another process sees it."""
    database = Database(shared)
    yield database
    await database.close()


@asynccontextmanager
async def open_line(database: Database, *prepare: Callable[[Line], None]) -> AsyncIterator[Line]:
    """A line that is open; ended with the block as with its process."""
    line = Line(database)
    for act in prepare:
        act(line)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(line.run())
        await asyncio.wait_for(line.open.wait(), PATIENCE)
        yield line
        running.cancel()


async def until(true: Callable[[], Awaitable[bool]]) -> None:
    """Wait for a condition that another process brings about."""
    async with asyncio.timeout(PATIENCE):
        while not await true():  # noqa: ASYNC110 - what it waits for is in the database
            await asyncio.sleep(0.02)


async def somebody_waits(database: Database) -> bool:
    """Whether a transaction waits for a lock that another one has."""
    async with database.reading() as session:
        found = await session.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
            )
        )
        return bool(found.scalar_one())
