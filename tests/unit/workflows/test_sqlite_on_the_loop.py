"""The writer of SQLite: nothing that waits holds the loop, and a cancelled commit leaves no half state."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import IntegrityError

from workflows.database import Database

PUT = text("INSERT INTO seen (n) VALUES (:n)")
COUNT = text("SELECT count(*) FROM seen")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'town.db'}")
    async with database.writing() as session:
        await session.execute(text("CREATE TABLE seen (n INTEGER UNIQUE)"))
    yield database
    await database.close()


@contextmanager
def another_process_writes(database: Database) -> Iterator[sqlite3.Connection]:
    path = database.url.removeprefix("sqlite+aiosqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield other


async def put(database: Database, n: int) -> None:
    await put_all(database, [n])


async def put_all(database: Database, numbers: list[int]) -> None:
    async with database.writing() as session:
        for n in numbers:
            await session.execute(PUT, {"n": n})


async def count(database: Database) -> int:
    async with database.glancing() as session:
        return int((await session.execute(COUNT)).scalar_one())


async def test_the_loop_goes_on_while_another_process_has_the_lock(database: Database) -> None:
    with another_process_writes(database) as other:
        waiting = asyncio.ensure_future(put(database, 1))
        for _ in range(50):  # a held loop would not come back here before the lock is free, which it would never be
            await asyncio.sleep(0)
        assert await count(database) == 0, "readers do not wait"
        assert not waiting.done()
        other.execute("COMMIT")
        await waiting
    assert await count(database) == 1


async def test_many_at_once_are_all_written_and_nothing_is_locked(database: Database) -> None:
    await asyncio.gather(*(put(database, n) for n in range(200)), *(count(database) for _ in range(200)))
    assert await count(database) == 200


async def test_what_raises_is_undone_and_the_next_goes_on(database: Database) -> None:
    await put(database, 1)
    with pytest.raises(IntegrityError):
        await put_all(database, [2, 1])
    assert await count(database) == 1
    await put(database, 2)
    assert await count(database) == 2


async def test_cancelled_in_the_midst_of_a_commit_it_is_committed_whole_and_the_writer_is_free(
    database: Database,
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    @event.listens_for(database._writer.sync_engine, "commit")
    def _slowly(connection: object) -> None:
        """The disk takes its time: the thread that waits for it is occupied until the test lets it go on."""
        waits = database._writer.sync_engine.dialect._waits  # type: ignore[attr-defined]
        for _ in range(waits._max_workers):
            waits.submit(lambda: begun.set() or go_on.wait(10))  # type: ignore[func-returns-value]

    writing = asyncio.ensure_future(put(database, 1))
    await asyncio.to_thread(begun.wait, 10)
    writing.cancel()
    for _ in range(50):
        await asyncio.sleep(0)
    assert not writing.done(), "the connection is given back only when the thread is done with it"
    event.remove(database._writer.sync_engine, "commit", _slowly)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await count(database) == 1
    await put(database, 2)
    assert await count(database) == 2


async def test_cancelled_while_it_waits_for_the_lock_it_leaves_no_lock_behind(database: Database) -> None:
    with another_process_writes(database) as other:
        waiting = asyncio.ensure_future(put(database, 1))
        await asyncio.sleep(0.05)
        waiting.cancel()
        other.execute("COMMIT")
        with pytest.raises(asyncio.CancelledError):
            await waiting
        other.execute("PRAGMA busy_timeout=0")
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")
    assert await count(database) == 0
    await put(database, 2)
    assert await count(database) == 1
