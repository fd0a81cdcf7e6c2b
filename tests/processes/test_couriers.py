"""Several couriers on one database: each message once, in order, at one pace, and somebody takes over. Time is ours."""

import asyncio
from datetime import UTC, datetime

from sqlalchemy import select

from bot.channels.telegram import LEASE, TelegramPolling
from bot.clock import ManualClock
from bot.courier import Courier, Pace
from bot.turn import Inbox
from tests.processes.conftest import PATIENCE
from tests.processes.test_leases import TAKE_OVER, Time
from workflows.database import Database
from workflows.models import Outbound

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)


class Messenger:
    """Takes everything, writes down by whom it came, and holds the answer where the test says so."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str, str]] = []
        self.hold: dict[str, asyncio.Event] = {}
        self.asked = asyncio.Event()

    def by(self, courier: str) -> "By":
        return By(self, courier)

    def of(self, chat: str) -> list[str]:
        return [text for _, key, text in self.taken if key == chat]


class By:
    """The messenger as one courier sees it."""

    def __init__(self, messenger: Messenger, courier: str) -> None:
        self._messenger, self._courier = messenger, courier

    async def deliver(self, row: Outbound) -> str | None:
        text = str(row.payload["text"])
        self._messenger.taken.append((self._courier, row.chat_key, text))
        self._messenger.asked.set()
        await asyncio.sleep(0)
        if held := self._messenger.hold.get(self._courier):
            await asyncio.wait_for(held.wait(), PATIENCE)
        return f"m{len(self._messenger.taken)}"


def courier(database: Database, messenger: Messenger, name: str, time: Time, pace: Pace | None = None) -> Courier:
    desk = time.process(database, f"machine-{name}/1/1/x")
    return Courier(database, {"test": messenger.by(name)}, {"test": pace or Pace(100_000)}, ManualClock(NOON), desk)


async def put(database: Database, chats: int, lines: int) -> None:
    async with database.writing() as session:
        for line in range(lines):
            for chat in range(chats):
                row = Outbound(
                    channel="test", chat_key=str(chat), method="SendMessage", payload={"text": f"{line}"},
                    created_at=NOON, not_before=NOON,
                )  # fmt: skip
                session.add(row)
                await session.flush()


async def test_two_couriers_deliver_each_message_once_and_in_order(one: Database, two: Database) -> None:
    await put(one, chats=8, lines=6)
    messenger, time = Messenger(), Time()
    first, second = courier(one, messenger, "first", time), courier(two, messenger, "second", time)
    for _ in range(3):
        await asyncio.gather(first.drain(), second.drain())
        time.passes(TAKE_OVER)
    for chat in range(8):
        assert messenger.of(str(chat)) == [str(line) for line in range(6)]


async def test_when_a_courier_dies_in_the_middle_of_a_message_another_goes_on_where_it_was(
    one: Database, two: Database
) -> None:
    await put(one, chats=1, lines=3)
    messenger, time = Messenger(), Time()
    first, second = courier(one, messenger, "first", time), courier(two, messenger, "second", time)
    messenger.hold["first"] = asyncio.Event()  # the answer never comes: nothing is recorded any more
    async with asyncio.TaskGroup() as group:
        dying = group.create_task(first.once())
        await asyncio.wait_for(messenger.asked.wait(), PATIENCE)
        await second.drain()
        assert messenger.taken == [("first", "0", "0")]  # it may be alive
        time.passes(TAKE_OVER)
        await second.drain()
        dying.cancel()
    assert messenger.taken[1:] == [("second", "0", "0"), ("second", "0", "1"), ("second", "0", "2")]


async def test_a_courier_that_was_only_slow_does_not_go_on_where_another_is_at_work(
    one: Database, two: Database
) -> None:
    await put(one, chats=1, lines=3)
    messenger, time = Messenger(), Time()
    first, second = courier(one, messenger, "first", time), courier(two, messenger, "second", time)
    messenger.hold["first"] = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        slow = group.create_task(first.once())
        await asyncio.wait_for(messenger.asked.wait(), PATIENCE)
        time.passes(TAKE_OVER)  # frozen for so long; now it goes on
        assert await second._ours("test")
        messenger.hold["first"].set()
        assert await slow == 1
    assert messenger.taken == [("first", "0", "0")]
    await second.drain()
    assert messenger.taken[1:] == [("second", "0", "1"), ("second", "0", "2")]
    async with one.reading() as session:
        states = (await session.execute(select(Outbound.state))).scalars().all()
    assert states == ["sent"] * 3


async def test_a_courier_that_cannot_put_its_lease_off_stops_before_the_next_message(one: Database) -> None:
    await put(one, chats=1, lines=2)
    messenger, time = Messenger(), Time()
    first = courier(one, messenger, "first", time)
    messenger.hold["first"] = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        under_way = group.create_task(first.once())
        await asyncio.wait_for(messenger.asked.wait(), PATIENCE)
        time.passes(TAKE_OVER * 0.56)  # less than the table's time, more than its own
        messenger.hold["first"].set()
        assert await under_way == 1
    assert messenger.of("0") == ["0"]


async def test_the_gap_within_a_chat_is_kept_across_a_change_of_couriers(one: Database, two: Database) -> None:
    await put(one, chats=1, lines=2)
    messenger, time = Messenger(), Time()
    pace = Pace(100_000, per_chat_seconds=0.2)
    first, second = courier(one, messenger, "first", time, pace), courier(two, messenger, "second", time, pace)
    loop = asyncio.get_running_loop()
    rows = (await first._taken())[0]
    await first._chat(rows[:1])
    sent = loop.time()
    await first._leave()
    await second.drain()
    assert messenger.of("0") == ["0", "1"]
    assert loop.time() - sent >= 0.2  # a pause that is kept, not a speed


# ---- polling


class Line:
    """Telegram as a poller sees it: writes down who asked, and sends the poller home."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def bot(self, name: str, after: "asyncio.Event") -> "Asking":
        return Asking(self, name, after)


class Asking:
    """One process's bot."""

    def __init__(self, line: Line, name: str, after: asyncio.Event) -> None:
        self._line, self._name, self._after = line, name, after

    async def delete_webhook(self) -> bool:
        return True

    async def __call__(self, _method: object, **_: object) -> list[object]:
        self._line.asked.append(self._name)
        self._after.set()
        await asyncio.Event().wait()  # nothing new for as long as it asks
        return []


async def test_one_process_at_a_time_asks_telegram_and_another_when_it_is_gone(one: Database, two: Database) -> None:
    line, time = Line(), Time()
    desks = {"first": time.process(one, "machine-1/1/1/x"), "second": time.process(two, "machine-2/1/1/x")}
    asked = {name: asyncio.Event() for name in desks}
    pollers = {
        name: TelegramPolling(line.bot(name, asked[name]), Inbox(one, ManualClock(NOON)), desk)  # type: ignore[arg-type]
        for name, desk in desks.items()
    }
    async with asyncio.TaskGroup() as group:
        first = group.create_task(pollers["first"].run())
        await asyncio.wait_for(asked["first"].wait(), PATIENCE)
        second = group.create_task(pollers["second"].run())
        assert not await desks["second"].hold(LEASE)
        first.cancel()  # as if killed: its lease is left to run out
        time.passes(TAKE_OVER)
        await asyncio.wait_for(asked["second"].wait(), PATIENCE)
        second.cancel()
    assert line.asked == ["first", "second"]


async def test_a_poller_that_stops_lets_the_next_one_ask_at_once(one: Database, two: Database) -> None:
    line, time = Line(), Time()
    first, second = time.process(one, "machine-1/1/1/x"), time.process(two, "machine-2/1/1/x")
    asked = asyncio.Event()
    poller = TelegramPolling(line.bot("first", asked), Inbox(one, ManualClock(NOON)), first)  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        group.create_task(poller.run())
        await asyncio.wait_for(asked.wait(), PATIENCE)
        poller.stop()
    assert await second.hold(LEASE)
