"""The courier on both kinds of database: order, retries, limits, and what is set aside; only the network is made up."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

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
async def database(database_url: str) -> AsyncIterator[Database]:
    opened = Database(database_url)
    await opened.migrate()
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
