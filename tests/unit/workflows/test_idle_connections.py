"""PostgreSQL: a connection that has idled is looked at before it is used; one that was used just now is not."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.engine.interfaces import DBAPIConnection

from tests.conftest import fresh_postgres
from workflows import database as databases
from workflows.database import Database


@pytest.fixture
async def database(postgres_url: str) -> AsyncIterator[Database]:
    database = Database(await fresh_postgres(postgres_url))
    yield database
    await database.close()


async def backend(database: Database) -> int:
    async with database.reading() as session:
        return int((await session.execute(text("SELECT pg_backend_pid()"))).scalar_one())


async def test_a_connection_that_the_server_has_dropped_meanwhile_is_replaced_unnoticed(
    database: Database, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_FRESH", -1.0)  # every connection has idled long enough
    gone = await backend(database)
    other = Database(postgres_url)
    async with other.reading() as session:
        await session.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": gone})
    await other.close()
    assert await backend(database) not in (0, gone)


async def test_a_connection_that_was_just_used_is_not_asked(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "_FRESH", 3600.0)
    asked: list[object] = []
    dialect = database._writer.sync_engine.dialect
    ping = dialect.do_ping

    def noted(connection: DBAPIConnection) -> bool:
        asked.append(connection)
        return ping(connection)

    monkeypatch.setattr(dialect, "do_ping", noted)
    assert await backend(database) == await backend(database)
    assert asked == []
    monkeypatch.setattr(databases, "_FRESH", -1.0)
    await backend(database)
    assert len(asked) == 1
