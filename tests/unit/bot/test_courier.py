"""The courier on both kinds of database: order, retries, limits, and what is set aside; only the network is made up."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from bot import dead_letters
from bot.clock import ManualClock
from bot.courier import Courier, OutcomeUnknown, Pace, Rejected, TryLater
from workflows.database import Database
from workflows.models import Account, Community, Outbound, Person

NOON = datetime(2026, 11, 24, 4, 0, tzinfo=UTC)
Answer = Exception | None


def world() -> datetime:
    """Retries wait in the world's time, not in the demo's."""
    return datetime.now(UTC)  # noqa: TID251


class Messenger:
    """A messenger that answers as the test says, then takes everything."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []
        self.taken: list[tuple[str, str]] = []

    async def deliver(self, row: Outbound) -> str | None:
        self.asked.append((row.chat_key, row.payload["text"]))
        await asyncio.sleep(0)
        if self.answers and (answer := self.answers.pop(0)) is not None:
            raise answer
        self.taken.append((row.chat_key, row.payload["text"]))
        return f"m{len(self.taken)}"


@pytest.fixture
async def database(migrated_url: str) -> AsyncIterator[Database]:
    opened = Database(migrated_url)
    try:
        yield opened
    finally:
        await opened.close()


async def put(database: Database, *lines: tuple[str, str], resend: bool = True, after: timedelta = timedelta()) -> None:
    async with database.writing() as session:
        for chat, text in lines:
            session.add(
                Outbound(
                    channel="test", chat_key=chat, method="SendMessage", payload={"text": text}, resend=resend,
                    created_at=NOON, not_before=NOON + after,
                )
            )  # fmt: skip
            await session.flush()


async def rows(database: Database) -> list[Outbound]:
    async with database.reading() as session:
        return list((await session.execute(select(Outbound).order_by(Outbound.id))).scalars())


async def retries_are_due(database: Database) -> None:
    async with database.writing() as session:
        await session.execute(update(Outbound).values(retry_at=NOON - timedelta(days=1000)))


def courier(database: Database, messenger: Messenger, clock: ManualClock | None = None) -> Courier:
    return Courier(database, {"test": messenger}, {"test": Pace(10_000)}, clock or ManualClock(NOON))


async def test_a_row_that_did_not_arrive_goes_again_and_its_chat_waits_while_others_are_served(
    database: Database,
) -> None:
    await put(database, ("1", "a"), ("2", "x"), ("1", "b"))
    messenger = Messenger(TryLater(30))
    carrier = courier(database, messenger)
    await carrier.drain()
    assert messenger.taken == [("2", "x")]
    waiting = (await rows(database))[0]
    assert (waiting.state, waiting.attempts) == ("waiting", 1)
    assert waiting.retry_at is not None and waiting.retry_at > world() + timedelta(seconds=20)
    await carrier.drain()
    assert messenger.taken == [("2", "x")]  # not before its time, and b not before a
    await retries_are_due(database)
    await carrier.drain()
    assert messenger.taken == [("2", "x"), ("1", "a"), ("1", "b")]
    assert {row.state for row in await rows(database)} == {"sent"}


async def test_pauses_grow_with_every_attempt(database: Database) -> None:
    await put(database, ("1", "a"))
    carrier = courier(database, Messenger(*(OutcomeUnknown("time-out") for _ in range(6))))
    pauses = []
    for _ in range(6):
        before = world()
        await carrier.once()
        row = (await rows(database))[0]
        assert row.retry_at is not None
        pauses.append((row.retry_at - before).total_seconds())
        await retries_are_due(database)
    assert all(later > earlier * 1.5 for earlier, later in itertools.pairwise(pauses))


async def test_a_digest_whose_outcome_is_unknown_is_not_sent_twice(database: Database) -> None:
    await put(database, ("1", "digest"), resend=False)
    await put(database, ("1", "answer"))
    messenger = Messenger(OutcomeUnknown("time-out"), OutcomeUnknown("time-out"))
    carrier = courier(database, messenger)
    await carrier.drain()
    await retries_are_due(database)
    await carrier.drain()
    assert [text for _, text in messenger.asked] == ["digest", "answer", "answer"]
    assert [row.state for row in await rows(database)] == ["dead", "sent"]


async def test_a_closed_chat_is_remembered_and_does_not_hold_up_what_follows(database: Database) -> None:
    async with database.writing() as session:
        community = Community(name="社区", code="SQ", kind="city")
        session.add(community)
        await session.flush()
        person = Person(community_id=community.id, name="王", created_at=NOON)
        session.add(person)
        await session.flush()
        session.add(Account(community_id=community.id, person_id=person.id, channel="test", chat_key="1"))
    await put(database, ("1", "a"), ("1", "b"))
    messenger = Messenger(Rejected("bot was blocked", blocked=True))
    await courier(database, messenger).drain()
    assert messenger.taken == [("1", "b")]
    async with database.reading() as session:
        account = (await session.execute(select(Account))).scalar_one()
    assert account.blocked_at == NOON


async def test_what_is_for_later_stays_until_then(database: Database) -> None:
    clock = ManualClock(NOON)
    await put(database, ("1", "good morning"), after=timedelta(hours=8))
    messenger = Messenger()
    carrier = courier(database, messenger, clock)
    await carrier.drain()
    assert messenger.asked == []
    clock.set(NOON + timedelta(hours=8))
    await carrier.drain()
    assert messenger.taken == [("1", "good morning")]


async def test_after_two_days_without_success_it_is_a_dead_letter_that_an_operator_can_send_again(
    database: Database,
) -> None:
    clock = ManualClock(NOON)
    await put(database, ("1", "a"))
    async with database.writing() as session:
        await session.execute(update(Outbound).values(attempts=20))
    clock.set(NOON + timedelta(hours=49))
    messenger = Messenger(TryLater(1))
    carrier = courier(database, messenger, clock)
    await carrier.drain()
    async with database.writing() as session:
        letters = await dead_letters.read(session)
        assert [(letter["id"], letter["chat"]) for letter in letters] == [("out-1", "1")]
        assert "a" not in letters[0].values()
        await dead_letters.put_back(session, "out-1")
        assert await dead_letters.read(session) == []
    await carrier.drain()
    assert messenger.taken == [("1", "a")]


@pytest.mark.parametrize("letter", ["out-99", "in-1", "7", "out-x", "out-1; DROP"])
async def test_an_id_that_is_none_is_refused_with_the_way_to_the_right_one(database: Database, letter: str) -> None:
    async with database.writing() as session:
        with pytest.raises(dead_letters.NoSuchLetter, match="dead-letters"):
            await dead_letters.put_back(session, letter)


# ---- at work: several chats at once, and a database that goes away


class Slow(Messenger):
    """A messenger that answers a chat only when the test says so, and notes how many are on their way."""

    def __init__(self, *held: str) -> None:
        super().__init__()
        self.free, self.begun = asyncio.Event(), asyncio.Event()
        self.under_way = self.most_under_way = 0
        self._held = held

    async def deliver(self, row: Outbound) -> str | None:
        self.under_way += 1
        self.begun.set()
        self.most_under_way = max(self.most_under_way, self.under_way)
        if row.chat_key in self._held:
            await self.free.wait()
        await asyncio.sleep(0.01)
        try:
            return await super().deliver(row)
        finally:
            self.under_way -= 1


async def delivered(messenger: Messenger, count: int, seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while len(messenger.taken) < count:  # noqa: ASYNC110 - the messenger made up here has no event to wait for
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def at_work(carrier: Courier) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        group.create_task(carrier.run())
        yield
        carrier.stop()


async def test_a_chat_that_gets_no_answer_does_not_hold_up_what_is_written_later_for_others(database: Database) -> None:
    await put(database, ("1", "a"), ("2", "x"))
    messenger = Slow("1")
    carrier = courier(database, messenger)
    async with at_work(carrier):
        await delivered(messenger, 1)
        await put(database, ("2", "y"), ("1", "b"))
        carrier.wake.set()
        await delivered(messenger, 2)
        assert messenger.taken == [("2", "x"), ("2", "y")]
        messenger.free.set()
        await delivered(messenger, 4)
    assert messenger.taken[2:] == [("1", "a"), ("1", "b")]


async def test_where_a_kill_may_double_one_message_only_one_is_on_its_way(database: Database) -> None:
    await put(database, *((str(chat), "a") for chat in range(12)))
    messenger = Slow()
    carrier = Courier(database, {"test": messenger}, {"test": Pace(10_000, at_once=1)}, ManualClock(NOON))
    await carrier.drain()
    assert (len(messenger.taken), messenger.most_under_way) == (12, 1)


async def test_one_message_without_an_answer_does_not_silence_a_messenger_that_sends_one_at_a_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.courier.LATE_SECONDS", 0.05)
    await put(database, ("1", "a"), ("2", "x"), ("3", "y"))
    messenger = Slow("1")
    carrier = Courier(database, {"test": messenger}, {"test": Pace(10_000, at_once=1)}, ManualClock(NOON))
    async with at_work(carrier):
        await delivered(messenger, 2)
        messenger.free.set()
        await delivered(messenger, 3)
    assert messenger.taken[-1] == ("1", "a")


async def test_before_the_next_is_sent_a_late_one_says_that_nobody_knows_of_it(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.courier.LATE_SECONDS", 0.05)
    await put(database, ("1", "a"), ("2", "x"), ("3", "y"))
    seen: list[dict[str, bool]] = []

    class Looking(Slow):
        async def deliver(self, row: Outbound) -> str | None:
            seen.append({kept.chat_key: kept.unsure_since is not None for kept in await rows(database)})
            return await super().deliver(row)

    messenger = Looking("1", "2")
    carrier = Courier(database, {"test": messenger}, {"test": Pace(10_000, at_once=1)}, ManualClock(NOON))
    async with at_work(carrier):
        await delivered(messenger, 1)
        messenger.free.set()
        await delivered(messenger, 3)
    assert seen == [
        {"1": False, "2": False, "3": False},
        {"1": True, "2": False, "3": False},
        {"1": True, "2": True, "3": False},
    ]
    assert {row.state for row in await rows(database)} == {"sent"}


async def test_more_late_answers_than_lanes_hold_nobody_up(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.courier.LATE_SECONDS", 0.05)
    held = [str(chat) for chat in range(20)]
    await put(database, *((chat, "a") for chat in held), ("last", "z"))
    messenger = Slow(*held)
    async with at_work(courier(database, messenger)):
        await delivered(messenger, 1)
        assert messenger.taken == [("last", "z")]
        messenger.free.set()
        await delivered(messenger, 21)


async def test_a_digest_that_was_on_its_way_at_a_kill_is_not_sent_twice_and_an_answer_is(database: Database) -> None:
    await put(database, ("1", "digest"), resend=False)
    await put(database, ("2", "answer"))
    killed = Slow("1", "2")
    async with asyncio.TaskGroup() as group:
        life = group.create_task(courier(database, killed).once())
        while killed.under_way < 2:  # noqa: ASYNC110 - both are on their way
            await asyncio.sleep(0.01)
        life.cancel()
    messenger = Messenger()
    await courier(database, messenger).drain()
    assert messenger.taken == [("2", "answer")]
    kept = await rows(database)
    assert [(row.state, row.error) for row in kept] == [("dead", "outcome unknown, not sent twice"), ("sent", "")]
    async with database.writing() as session:
        await dead_letters.put_back(session, f"out-{kept[0].id}")
    await courier(database, messenger).drain()
    assert messenger.taken[1:] == [("1", "digest")]  # an operator may want it after all


async def test_the_parts_of_a_message_are_recorded_as_they_arrive_and_forgotten_where_it_is_put_back(
    database: Database,
) -> None:
    await put(database, ("1", "long"))
    carrier = courier(database, Messenger(Rejected("its second part")))
    [row] = await rows(database)
    await carrier.part_arrived(row, 1)
    assert (await rows(database))[0].parts_arrived == 1
    await carrier.drain()
    async with database.writing() as session:
        await dead_letters.put_back(session, f"out-{row.id}")
    [row] = await rows(database)
    assert (row.state, row.parts_arrived) == ("waiting", 0)


async def test_a_digest_that_surely_did_not_arrive_is_sent_again(database: Database) -> None:
    await put(database, ("1", "digest"), resend=False)
    messenger = Messenger(TryLater(0.01))
    carrier = courier(database, messenger)
    await carrier.once()
    await retries_are_due(database)
    await courier(database, messenger).drain()
    assert messenger.taken == [("1", "digest")]


async def test_what_another_process_finished_meanwhile_is_not_undone(database: Database) -> None:
    """A process that was frozen for longer than its lease: its answer comes when the row is done."""
    for answer in (None, TryLater(30), OutcomeUnknown("time-out"), Rejected("gone", blocked=True)):
        async with database.writing() as session:
            await session.execute(update(Outbound).values(state="waiting", message_id=None))
        if answer is None:
            await put(database, ("1", "a"))
        frozen = Slow("1")
        frozen.answers = [answer]
        async with asyncio.TaskGroup() as group:
            group.create_task(courier(database, frozen).once())
            await frozen.begun.wait()
            async with database.writing() as session:
                await session.execute(update(Outbound).values(state="sent", message_id="m77"))
            frozen.free.set()
        [row] = await rows(database)
        assert (row.state, row.message_id, row.attempts) == ("sent", "m77", 0)


async def test_while_the_database_is_away_nothing_ends_and_afterwards_all_is_delivered(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database, ("1", "a"), ("1", "b"))
    messenger = Messenger()
    carrier = courier(database, messenger)
    away = [True, True, False, True]  # the outbox cannot be read, cannot be read, can, the record cannot be written

    @contextlib.asynccontextmanager
    async def sometimes(whole: Callable[[], Any]) -> AsyncIterator[Any]:
        if away and away.pop(0):
            raise DBAPIError("SELECT", None, Exception("the database system is starting up"))
        async with whole() as session:
            yield session

    reading, writing = database.glancing, database.writing
    monkeypatch.setattr(database, "glancing", lambda: sometimes(reading))
    monkeypatch.setattr(database, "writing", lambda: sometimes(writing))
    async with at_work(carrier):
        await delivered(messenger, 2)
    assert messenger.taken == [("1", "a"), ("1", "b")]  # recorded later, and not sent again for that
    monkeypatch.undo()
    assert {row.state for row in await rows(database)} == {"sent"}


async def test_a_round_that_reads_while_a_chat_is_served_does_not_take_its_rows_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put(database, ("1", "a"))
    messenger = Slow("1")
    carrier = courier(database, messenger)
    first = asyncio.ensure_future(carrier.once())
    await messenger.begun.wait()
    read = carrier._waiting

    async def slowly() -> list[list[Outbound]]:
        rows = await read()
        messenger.free.set()
        await first
        return rows

    monkeypatch.setattr(carrier, "_waiting", slowly)
    assert await carrier.once() == 0
    assert messenger.taken == [("1", "a")]
