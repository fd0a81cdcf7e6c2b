"""Who is next, on both kinds of database: whoever may go is found however many wait that may not."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from bot.clock import ManualClock
from bot.courier import Courier, Pace, TryLater
from bot.processes.claims import NoOthers
from bot.processes.queues import Question, inbox_heads, outbox_heads, put_off
from bot.turn import BATCH, Inbox, Turns
from tests.unit.bot.test_courier import Messenger, world
from workflows.database import Database
from workflows.models import Inbound, Outbound

NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)
LATER = NOON + timedelta(hours=1)
LATER_TODAY = NOON + timedelta(minutes=50)
MANY, EACH = 1000, 3  # chats that wait, rows of each: many times what the courier and the turns look at


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await opened.migrate()
    try:
        yield opened
    finally:
        await opened.close()


def outgoing(chat: str, retry_at: datetime | None = None, not_before: datetime = NOON) -> dict[str, Any]:
    return {
        "channel": "test", "chat_key": chat, "method": "SendMessage", "payload": {"text": chat}, "created_at": NOON,
        "not_before": not_before, "state": "waiting", "attempts": 0, "error": "", "retry_at": retry_at,
        "resend": True, "parts_arrived": 0,
    }  # fmt: skip


def incoming(chat: str, number: int, retry_at: datetime | None = None) -> dict[str, Any]:
    return {
        "channel": "test", "update_key": f"{chat}:{number}", "chat_key": chat, "update": {}, "received_at": NOON,
        "state": "waiting", "attempts": 0, "error": "", "retry_at": retry_at,
    }  # fmt: skip


async def fill(database: Database, table: type[Inbound] | type[Outbound], rows: list[dict[str, Any]]) -> None:
    async with database.writing() as session:
        await session.execute(insert(table), rows)


async def chats(database: Database, heads: Question) -> list[str]:
    async with database.reading() as session:
        return [row.chat_key for row in (await session.execute(*heads)).scalars()]


async def test_a_messenger_that_refuses_a_thousand_chats_does_not_silence_the_others(database: Database) -> None:
    blocked = [outgoing(f"blocked {number % MANY}") for number in range(MANY * EACH)]
    for row in blocked[:MANY]:
        row["retry_at"] = world() + timedelta(minutes=50)
    await fill(database, Outbound, [*blocked, outgoing("other"), outgoing("other")])
    messenger = Messenger()
    await Courier(database, {"test": messenger}, {"test": Pace(10_000)}, ManualClock(NOON)).drain()
    assert [chat for chat, _ in messenger.taken] == ["other", "other"]


async def test_a_thousand_chats_whose_turns_wait_for_another_try_do_not_keep_the_others_waiting(
    database: Database,
) -> None:
    blocked = [incoming(f"blocked {number % MANY}", number) for number in range(MANY * EACH)]
    for row in blocked[:MANY]:
        row["retry_at"] = LATER_TODAY
    await fill(database, Inbound, [*blocked, incoming("other", 1), incoming("other", 2)])
    assert await chats(database, inbox_heads(NOON, 256)) == ["other"]


async def test_the_first_row_of_a_chat_is_next_whether_it_was_tried_or_not(database: Database) -> None:
    rows = [
        outgoing("tried", NOON), outgoing("new"), outgoing("waits", LATER), outgoing("waits"), outgoing("tried"),
        outgoing("new"), outgoing("tomorrow", not_before=LATER), outgoing("partly", not_before=LATER), outgoing("partly"),
    ]  # fmt: skip
    await fill(database, Outbound, rows)
    assert await chats(database, outbox_heads(["test"], NOON, NOON, 10)) == ["tried", "new", "partly"]
    assert await chats(database, outbox_heads(["test"], LATER, LATER, 10)) == [
        "tried", "new", "waits", "tomorrow", "partly",
    ]  # fmt: skip
    assert await chats(database, outbox_heads(["test"], LATER, LATER, 2)) == ["tried", "new"]
    assert await chats(database, outbox_heads(["another"], LATER, LATER, 10)) == []


async def test_a_chat_is_put_off_as_a_whole_and_no_other(database: Database) -> None:
    await fill(database, Outbound, [outgoing("1"), outgoing("2"), outgoing("1")])
    messenger = Messenger(TryLater(30), None)
    await Courier(database, {"test": messenger}, {"test": Pace(10_000)}, ManualClock(NOON)).drain()
    async with database.reading() as session:
        rows = list((await session.execute(select(Outbound).order_by(Outbound.id))).scalars())
    assert rows[0].retry_at is not None and rows[2].retry_at == rows[0].retry_at
    assert (rows[1].state, rows[1].retry_at) == ("sent", None)
    assert [row.attempts for row in rows] == [1, 0, 0]


async def test_an_inbox_chat_is_put_off_as_a_whole(database: Database) -> None:
    await fill(database, Inbound, [incoming("1", 1), incoming("2", 1), incoming("1", 2)])
    async with database.writing() as session:
        row = (await session.execute(*inbox_heads(NOON, 1))).scalar_one()
        await put_off(session, row, LATER)
    assert await chats(database, inbox_heads(NOON, 10)) == ["2"]
    assert await chats(database, inbox_heads(LATER, 10)) == ["1", "2"]


async def test_a_clock_set_back_by_a_day_keeps_nothing_waiting_for_a_day(database: Database) -> None:
    tomorrow = NOON + timedelta(days=1)
    written = outgoing("written tomorrow", not_before=tomorrow) | {"created_at": tomorrow}
    for_the_morning = outgoing("for the morning", not_before=NOON + timedelta(hours=8))
    tried = outgoing("tried tomorrow", retry_at=tomorrow)
    await fill(database, Outbound, [written, for_the_morning, tried, outgoing("pauses", retry_at=LATER_TODAY)])
    await fill(database, Inbound, [incoming("tried tomorrow", 1, tomorrow), incoming("pauses", 1, LATER_TODAY)])
    assert await chats(database, outbox_heads(["test"], NOON, NOON, 10)) == ["written tomorrow", "tried tomorrow"]
    assert await chats(database, inbox_heads(NOON, 10)) == ["tried tomorrow"]


async def test_what_may_not_go_is_not_even_read(database: Database) -> None:
    """The plan, not the clock: with everything put off, both stretches of the index are short."""
    await fill(database, Outbound, [outgoing(f"{n % 300}", LATER_TODAY) for n in range(3000)] + [outgoing("due")])
    await fill(database, Inbound, [incoming(f"{n % 300}", n, LATER_TODAY) for n in range(3000)] + [incoming("due", 1)])
    async with database.writing() as session:
        await session.execute(update(Outbound).where(Outbound.chat_key == "nobody").values(state="sent"))
        await session.execute(text("ANALYZE"))
    for table, heads in (
        ("inbox", inbox_heads(NOON, 256)),
        ("outbox", outbox_heads(["test", "web"], NOON, NOON, 500)),
    ):
        plan = await _plan(database, heads)
        assert f"ix_{table}_new" in plan and plan.count(f"ix_{table}_again") >= 2, plan
        assert "Seq Scan" not in plan, plan
        assert not re.search(r"SCAN (in|out)box(?! USING INDEX ix_(in|out)box_new)", plan), plan
        assert "Rows Removed by Filter: " not in plan, plan


async def _plan(database: Database, heads: Question) -> str:
    how = "EXPLAIN QUERY PLAN " if database.sqlite else "EXPLAIN (ANALYZE, COSTS OFF) "
    async with database.reading() as session:
        statement, given = heads
        words = str(statement.params(given).compile(session.get_bind(), compile_kwargs={"literal_binds": True}))
        return "\n".join(str(row[-1]) for row in await session.execute(text(how + words.replace(":", "\\:"))))


async def test_hundreds_of_photos_on_their_way_keep_nobody_s_words_waiting(database: Database) -> None:
    async def never(_: Inbound) -> dict[str, Any] | None:
        await asyncio.Event().wait()
        return None

    await fill(database, Inbound, [incoming(f"photo {n}", n) for n in range(BATCH * 8 + 1)])
    await fill(database, Inbound, [incoming("words", 1) | {"channel": "other"}])
    clock = ManualClock(NOON)
    not_asked: Any = None  # nobody reads or handles here
    turns = Turns(database, not_asked, Inbox(database, clock), not_asked, clock, not_asked, {"test": never}, NoOthers())
    try:
        assert [row.chat_key for row in await turns._next()] == ["words"]
    finally:
        await turns._fetching.close()
