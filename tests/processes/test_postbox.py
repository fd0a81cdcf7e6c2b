"""The order of a chat when two processes write to it at once: ids grow as transactions are committed."""

import asyncio
import contextlib
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from bot.channels.web.messenger import next_seq
from bot.processes.postbox import Postbox, is_busy, lock_bubbles, savepoint, store
from tests.processes.conftest import PATIENCE, somebody_waits, until
from workflows.database import Database, at_the_end
from workflows.models import Inbound, Note, Outbound, WebBubble

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)


def message(chat: str, text: str) -> Outbound:
    return Outbound(
        channel="test", chat_key=chat, method="SendMessage", payload={"text": text}, created_at=NOON, not_before=NOON
    )


def arriving(chat: str, key: str) -> dict[str, Any]:
    return {
        "channel": "test", "update_key": key, "chat_key": chat, "update": {"key": key}, "received_at": NOON,
        "state": "waiting", "attempts": 0, "error": "",
    }  # fmt: skip


async def texts(database: Database, chat: str) -> list[str]:
    async with database.reading() as session:
        rows = await session.execute(select(Outbound).where(Outbound.chat_key == chat).order_by(Outbound.id))
        return [str(row.payload["text"]) for row in rows.scalars()]


class Holding:
    """A transaction that stands still right before its commit, after everything that is done at the end."""

    def __init__(self) -> None:
        self.there, self.may_go = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.there.set()
        await asyncio.wait_for(self.may_go.wait(), PATIENCE)


async def _says(database: Database, chats: list[str], text: str, last: Holding | None = None) -> None:
    async with database.writing() as session:
        for chat in chats:
            Postbox.of(session).say(message(chat, text))
        if last is not None:
            at_the_end(session, last)


async def test_who_has_a_smaller_id_in_a_chat_is_seen_first(one: Database, two: Database) -> None:
    holding = Holding()
    async with asyncio.TaskGroup() as group:
        first = group.create_task(_says(one, ["1"], "tick", holding))
        await asyncio.wait_for(holding.there.wait(), PATIENCE)  # it has its id, and nobody sees it
        second = group.create_task(_says(two, ["1"], "turn"))
        await until(lambda: _done_or_waiting(two, second))
        assert not second.done()
        assert await texts(two, "1") == []
        holding.may_go.set()
        await asyncio.wait_for(asyncio.gather(first, second), PATIENCE)
    assert await texts(two, "1") == ["tick", "turn"]


async def _done_or_waiting(database: Database, task: "asyncio.Task[None]") -> bool:
    return task.done() or await somebody_waits(database)


async def test_the_inbox_of_a_chat_is_in_the_order_in_which_it_was_committed(one: Database, two: Database) -> None:
    holding = Holding()

    async def accepts(database: Database, key: str, last: Holding | None) -> None:
        async with database.writing() as session:
            assert await store(session, arriving("1", key))
            if last is not None:
                at_the_end(session, last)

    async with asyncio.TaskGroup() as group:
        group.create_task(accepts(one, "a", holding))
        await asyncio.wait_for(holding.there.wait(), PATIENCE)
        second = group.create_task(accepts(two, "b", None))
        await until(lambda: _done_or_waiting(two, second))
        assert not second.done()
        holding.may_go.set()
    async with two.reading() as session:
        kept = (await session.execute(select(Inbound.update_key).order_by(Inbound.id))).scalars().all()
    assert kept == ["a", "b"]


async def test_a_redelivery_to_another_process_at_the_same_moment_is_stored_once(one: Database, two: Database) -> None:
    async def accepts(database: Database) -> bool:
        async with database.writing() as session:
            return await store(session, arriving("1", "same"))

    new = await asyncio.gather(*(accepts(database) for database in (one, two) * 5))
    assert sorted(new) == [False] * 9 + [True]


async def test_what_nobody_typed_has_its_place_in_the_chat_as_well(one: Database) -> None:
    async with one.writing() as session:
        Postbox.of(session).put(arriving("1", "draft:1"))
        Postbox.of(session).put(arriving("1", "draft:1"))  # once
        found = await session.execute(select(func.count()).select_from(Inbound))
        assert found.scalar_one() == 0  # at the last moment only
    async with one.reading() as session:
        assert (await session.execute(select(Inbound.update_key))).scalars().all() == ["draft:1"]


async def test_transactions_that_write_to_the_same_chats_in_any_order_all_come_through(
    one: Database, two: Database
) -> None:
    chats, dice = [str(number) for number in range(12)], random.Random(1)
    writers = [_says(database, dice.sample(chats, 12), f"{n}") for n, database in enumerate((one, two) * 12)]
    await asyncio.gather(*writers)
    orders = [await texts(one, chat) for chat in chats]
    assert all(len(order) == 24 for order in orders)


async def test_bubbles_of_a_chat_get_each_number_once(one: Database, two: Database) -> None:
    async def bubbles(database: Database) -> None:
        async with database.writing() as session:
            bubble = WebBubble(chat_key="1", seq=await next_seq(session, "1"), sender="bot", at=NOON)
            session.add(bubble)

    await asyncio.gather(*(bubbles(database) for database in (one, two) * 10))
    async with one.reading() as session:
        numbers = (await session.execute(select(WebBubble.seq).order_by(WebBubble.seq))).scalars().all()
    assert numbers == list(range(1, 21))


@pytest.fixture
async def database(migrated_url: str) -> Any:
    """Either kind."""
    opened = Database(migrated_url)
    yield opened
    await opened.close()


async def test_a_part_that_falls_says_nothing_and_the_rest_stands(database: Database) -> None:
    async with database.writing() as session:
        await lock_bubbles(session, "1")
        box = Postbox.of(session)
        box.say(message("1", "before"))
        with contextlib.suppress(ZeroDivisionError):
            async with savepoint(session):
                session.add(Note(key="falls", value={}))
                box.say(message("1", "falls"))
                box.put(arriving("1", "falls"))
                raise ZeroDivisionError
        async with savepoint(session):
            session.add(Note(key="stands", value={}))
            box.say(message("1", "stands"))
    assert await texts(database, "1") == ["before", "stands"]
    async with database.reading() as session:
        assert (await session.execute(select(Note.key))).scalars().all() == ["stands"]
        assert (await session.execute(select(Inbound.id))).first() is None


async def test_a_transaction_that_is_undone_says_nothing(database: Database) -> None:
    with contextlib.suppress(ZeroDivisionError):
        async with database.writing() as session:
            Postbox.of(session).say(message("1", "never"))
            raise ZeroDivisionError
    assert await texts(database, "1") == []


async def test_two_at_the_same_rows_are_told_from_a_fault(one: Database, two: Database) -> None:
    async with one.writing() as session:
        session.add_all([Note(key="a", value={}), Note(key="b", value={})])
    refused: list[DBAPIError] = []
    both = asyncio.Barrier(2)

    async def takes(database: Database, *keys: str) -> None:
        try:
            async with database.writing() as session:
                for key in keys:
                    await session.get(Note, key, with_for_update=True)
                    if key == keys[0]:
                        await both.wait()
        except DBAPIError as error:
            refused.append(error)

    await asyncio.gather(takes(one, "a", "b"), takes(two, "b", "a"))
    assert [is_busy(error) for error in refused] == [True]
    assert not is_busy(DBAPIError("x", None, Exception("anything else")))
    assert not is_busy(ValueError())
