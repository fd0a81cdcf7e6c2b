"""Delivers the outbox: in order within a chat, again after trouble, within every messenger's limits."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import bindparam, update
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.metrics import COURIER_LAG, SENT
from bot.processes.leases import Alone, Desk
from bot.processes.queues import LONGEST_PAUSE, outbox_heads, put_off, with_those_behind
from bot.processes.sharing import SharedCommit
from workflows.database import Database
from workflows.models import Account, Base, Outbound
from workflows.sign_in import without_links

log = structlog.get_logger()

GIVE_UP = timedelta(hours=48)
MAX_PAUSE = timedelta(minutes=10)
LATE_SECONDS = 2.0  # an answer that takes longer than this holds nobody else up
LANES = 16
ROUND = 500  # chats in hand at once


_OUTBOX, _ACCOUNTS = (Base.metadata.tables[model.__tablename__] for model in (Outbound, Account))
_FINISH = (
    update(_OUTBOX)
    # Not what another process finished while this one was frozen or cut off: that is not undone.
    .where(_OUTBOX.c.id == bindparam("row"), _OUTBOX.c.state == "waiting")
    .values({name: bindparam(name) for name in ("state", "message_id", "error", "sent_at", "payload")})
)
_BLOCK = (
    update(_ACCOUNTS)
    .where(_ACCOUNTS.c.channel == bindparam("to"), _ACCOUNTS.c.chat_key == bindparam("chat"))
    .values(blocked_at=bindparam("now"))
)
_Receipt = tuple[dict[str, Any], dict[str, Any] | None]  # what became of a row, and the chat that was closed to us


class DeliveryError(Exception):
    """The messenger did not take a message."""


class TryLater(DeliveryError):
    """It did not arrive, surely: send again after `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds} s")
        self.seconds = seconds


class OutcomeUnknown(DeliveryError):
    """It may or may not have arrived: an answer is sent again, a digest is not."""


class Rejected(DeliveryError):
    """It will never be taken. `blocked` when the chat itself is closed to us."""

    def __init__(self, reason: str, *, blocked: bool = False) -> None:
        super().__init__(reason)
        self.blocked = blocked


class Messenger(Protocol):
    """One channel's way out."""

    async def deliver(self, row: Outbound) -> str | None:
        """Send one row; returns the messenger's own id of the message, if it gives one.

        Raises:
            TryLater, OutcomeUnknown, Rejected: as their docstrings say.
        """


@dataclass
class Pace:
    """A messenger's limits: so many messages a second in all, and this gap within one chat.

    `at_once` messages may be on their way without a word about it in the outbox: so many can come twice when the
    process is killed. Where the messenger is `exact`, it sees to it by itself that no row comes twice.
    """

    per_second: float
    per_chat_seconds: float = 0.0
    at_once: int = LANES
    exact: bool = False


def _lease(channel: str) -> str:
    return f"courier:{channel}"


class _Place:
    """A place among those that go at once; it can be left before its time, and is left once."""

    def __init__(self, room: asyncio.Semaphore) -> None:
        self._room = room
        self._taken = False

    async def take(self) -> None:
        if not self._taken:
            await self._room.acquire()
            self._taken = True

    def leave(self) -> None:
        if self._taken:
            self._taken = False
            self._room.release()


class Courier:
    """One task per process; chats are served side by side, each in order, and none waits for another's trouble.

    Of several processes one at a time has a channel, by lease: so its chats keep their order and its pace holds for all.
    """

    def __init__(
        self,
        database: Database,
        messengers: Mapping[str, Messenger],
        paces: Mapping[str, Pace],
        clock: Clock,
        desk: Desk | None = None,
        look_seconds: float = 0.5,
    ) -> None:
        """`look_seconds`: how often the outbox is looked at when nobody says that there is something in it."""
        self._desk = desk or Alone()
        self._look_seconds = look_seconds
        self._running = False
        self._database = database
        self._messengers = messengers
        self._paces = paces
        self._clock = clock
        self._next_slot: dict[str, float] = {}
        self._chat_slot: dict[tuple[str, str], float] = {}
        self._lanes = asyncio.Semaphore(LANES)
        self._gates: dict[str, asyncio.Semaphore] = {}
        self._looking = asyncio.Lock()
        self._busy: set[tuple[str, str]] = set()
        self._stopping = False
        self._receipts = SharedCommit[_Receipt, None](self._recorded)
        self.wake = asyncio.Event()
        self.last_round: datetime | None = None

    async def run(self) -> None:
        """Until stopped: deliver what may go, then wait for more."""
        self._running = True
        try:
            async with asyncio.TaskGroup() as group:
                while not self._stopping:
                    self.wake.clear()
                    try:
                        for rows in await self._taken():
                            group.create_task(self._lane(rows))
                    except Exception as error:  # the database is away, in whatever words: the rows are safe, try again
                        log.warning("courier cannot read the outbox", error=type(error).__name__)
                        await asyncio.sleep(0.5)
                    await self._pause(self._look_seconds)
        finally:
            self._running = False
            await self._leave()

    async def _leave(self) -> None:
        for channel in self._messengers:
            await self._desk.release(_lease(channel))

    async def _lane(self, rows: Sequence[Outbound]) -> None:
        """One chat's rows; what becomes of them is this chat's matter alone."""
        try:
            if await self._chat(rows):
                self.wake.set()  # there may be more for this chat by now
        except Exception as error:
            log.warning("courier cannot go on with a chat", error=type(error).__name__)

    async def _pause(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self.wake.wait(), timeout=seconds)
        except TimeoutError:
            return

    def stop(self) -> None:
        """Finish the messages in hand and return."""
        self._stopping = True
        self.wake.set()

    async def drain(self) -> None:
        """Deliver everything that may go now."""
        while await self.once():
            pass
        if not self._running:
            await self._leave()

    async def once(self) -> int:
        """One round over all chats. Returns how many rows left the outbox."""
        return sum(await asyncio.gather(*(self._chat(rows) for rows in await self._taken())))

    async def _taken(self) -> list[list[Outbound]]:
        """What may go now, chat by chat; nobody else of this process serves these chats until `_chat` is done."""
        async with self._looking:
            # Asked before the outbox is read: what a chat sends meanwhile would still look unsent.
            busy = set(self._busy)
            chats = [rows for rows in await self._waiting() if (rows[0].channel, rows[0].chat_key) not in busy]
            chats = chats[: max(0, ROUND - len(busy))]
            self._busy.update((rows[0].channel, rows[0].chat_key) for rows in chats)
            return chats

    async def _chat(self, rows: Sequence[Outbound]) -> int:
        lane = _Place(self._lanes)
        try:
            return await self._serve(rows, lane)
        finally:
            lane.leave()
            self._busy.discard((rows[0].channel, rows[0].chat_key))

    async def _ours(self, channel: str) -> bool:
        """Whether this process delivers the channel now; the gap within a chat holds across a change as well."""
        name, pace = _lease(channel), self._paces.get(channel)
        before = self._desk.holds(name)
        ours = await self._desk.hold(name)
        if ours and not before and pace is not None:
            self._next_slot[channel] = asyncio.get_running_loop().time() + pace.per_chat_seconds
        return ours

    async def _waiting(self) -> list[list[Outbound]]:
        channels = [channel for channel in list(self._messengers) if await self._ours(channel)]
        self.last_round = world = datetime.now(UTC)  # noqa: TID251 - retries wait in the world's time
        now = self._clock.now()
        async with self._database.glancing() as session:
            # As many more as are being served: they may be the first that are found.
            most = ROUND + len(self._busy)
            heads = (await session.execute(*outbox_heads(channels, now, world, most))).scalars().all()
            chats = {(row.channel, row.chat_key): [row] for row in heads}
            if heads:
                behind = await session.execute(*with_those_behind([row.id for row in heads], now, most))
                for row in behind.scalars():
                    chats[row.channel, row.chat_key].append(row)
        oldest = min((row.created_at for row in heads), default=now)
        COURIER_LAG.set(max(0.0, (now - oldest).total_seconds()))
        return list(chats.values())

    async def _serve(self, rows: Sequence[Outbound], lane: _Place) -> int:
        sent = 0
        for row in rows:
            await lane.take()
            if self._stopping or not await self._send(row, lane):
                break
            sent += 1
        return sent

    async def _send(self, row: Outbound, lane: _Place) -> bool:
        """Whether the chat may go on with its next row."""
        await self._keep_pace(row)
        gate = _Place(self._gate(row.channel))
        await gate.take()
        try:
            if not self._desk.holds(_lease(row.channel)):
                return False  # another process has the channel by now, or the database is away
            if not row.resend and not self._exact(row) and not await self._for_the_first_time(row):
                return True
            return await self._sent(row, (gate, lane))
        finally:
            gate.leave()

    def _gate(self, channel: str) -> asyncio.Semaphore:
        """From the send to its record, no more than the messenger's `at_once`: what a kill can double is bounded."""
        if channel not in self._gates:
            pace = self._paces.get(channel)
            self._gates[channel] = asyncio.Semaphore(pace.at_once if pace else LANES)
        return self._gates[channel]

    def _exact(self, row: Outbound) -> bool:
        pace = self._paces.get(row.channel)
        return pace is not None and pace.exact

    async def _for_the_first_time(self, row: Outbound) -> bool:
        """What is never sent twice is written down as sent before it is: no kill can make it come again."""
        if row.unsure_since is not None:
            await self._finish(row, "dead", error="outcome unknown, not sent twice")
            return False
        await self._insist(row, lambda: self._unsure(row))
        return True

    async def _sent(self, row: Outbound, places: Sequence[_Place]) -> bool:
        try:
            message_id = await self._answered(row, places)
        except TryLater as error:
            await self._retry(row, error, timedelta(seconds=error.seconds))
            return False
        except OutcomeUnknown as error:
            if row.resend:
                await self._retry(row, error, self._backoff(row))
                return False
            await self._finish(row, "dead", error="outcome unknown, not sent twice")
            return True
        except Rejected as error:
            await self._finish(row, "dead", error=str(error), blocked=error.blocked)
            return True
        await self._insist(row, lambda: self._finish(row, "sent", message_id=message_id))
        return True

    async def _answered(self, row: Outbound, places: Sequence[_Place]) -> str | None:
        """The messenger's answer. When it is late, the row says so before the places are left to others.

        So whatever a kill leaves behind, at most `at_once` messages may have arrived without the outbox knowing it.
        """
        # Owned by this call: awaited below, or ended with it.
        call = asyncio.get_running_loop().create_task(self._deliver(row), name=f"outbox {row.id}")
        try:
            done, _ = await asyncio.wait([call], timeout=LATE_SECONDS)
            if not done and not self._exact(row):
                await self._insist(row, lambda: self._unsure(row), unless=call.done)
            if not call.done():
                for place in places:
                    place.leave()
            return await call
        finally:
            call.cancel()

    async def _unsure(self, row: Outbound) -> None:
        async with self._database.writing() as session:
            kept = await self._waiting_still(session, row)
            if kept is not None:
                kept.unsure_since = self._clock.now()

    async def part_arrived(self, row: Outbound, parts: int) -> None:
        """Record that so many parts of a row have arrived, before the next one is sent."""

        async def record() -> None:
            async with self._database.writing() as session:
                kept = await self._waiting_still(session, row)
                if kept is not None:
                    kept.parts_arrived = parts

        await self._insist(row, record)

    async def _insist(
        self, row: Outbound, record: Callable[[], Awaitable[None]], *, unless: Callable[[], bool] = lambda: False
    ) -> None:
        """As often as it takes: while the database is away, what was sent is not sent again, and nothing after it."""
        while not unless():
            try:
                await record()
                return
            except (DBAPIError, PendingRollbackError, OSError) as error:
                if self._stopping:
                    raise
                log.warning("courier cannot record a delivery", outbox=row.id, error=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _deliver(self, row: Outbound) -> str | None:
        try:
            return await self._messengers[row.channel].deliver(row)
        except DeliveryError:
            raise
        except Exception as error:  # nothing says that it did not arrive; never again at once
            log.error("a messenger failed", channel=row.channel, outbox=row.id, error=type(error).__name__)
            raise OutcomeUnknown(type(error).__name__) from None

    async def _keep_pace(self, row: Outbound) -> None:
        pace = self._paces.get(row.channel)
        if pace is None:
            return
        loop = asyncio.get_running_loop()
        chat = (row.channel, row.chat_key)
        at = max(loop.time(), self._next_slot.get(row.channel, 0.0), self._chat_slot.get(chat, 0.0))
        self._next_slot[row.channel] = at + 1.0 / pace.per_second
        if pace.per_chat_seconds:
            self._chat_slot[chat] = at + pace.per_chat_seconds
            if len(self._chat_slot) > 10_000:
                self._chat_slot = {key: slot for key, slot in self._chat_slot.items() if slot > loop.time()}
        if at > loop.time():
            await asyncio.sleep(at - loop.time())

    @staticmethod
    def _backoff(row: Outbound) -> timedelta:
        return min(MAX_PAUSE, timedelta(seconds=0.5 * 2 ** min(row.attempts, 12)))

    async def _retry(self, row: Outbound, error: DeliveryError, pause: timedelta) -> None:
        world = datetime.now(UTC)  # noqa: TID251 - the world's time
        async with self._database.writing() as session:
            kept = await self._waiting_still(session, row)
            if kept is None:
                return
            kept.attempts += 1
            kept.error = str(error)[:500]
            kept.unsure_since = None if isinstance(error, TryLater) else self._clock.now()
            if self._clock.now() - kept.created_at > GIVE_UP and kept.attempts > 20:
                kept.state, kept.payload = "dead", without_links(kept.payload)
                SENT.labels(row.channel, "given_up").inc()
                return
            pause = max(pause, self._backoff(row) if pause == timedelta(0) else pause)
            pause = min(pause, LONGEST_PAUSE)
            await put_off(session, kept, world + pause)
        asyncio.get_running_loop().call_later(pause.total_seconds() + 0.01, self.wake.set)
        SENT.labels(row.channel, "retry").inc()

    @staticmethod
    async def _waiting_still(session: AsyncSession, row: Outbound) -> Outbound | None:
        """The row, unless another process finished it while this one was frozen or cut off: that is not undone."""
        kept = await session.get_one(Outbound, row.id, with_for_update=True)
        return kept if kept.state == "waiting" else None

    async def _finish(
        self, row: Outbound, state: str, *, message_id: str | None = None, error: str = "", blocked: bool = False
    ) -> None:
        """Each row is recorded right after its own send: a crash between the two doubles at most one message."""
        now = self._clock.now()
        sent_at = now if state == "sent" else None
        values = {
            "row": row.id,
            "state": state,
            "message_id": message_id,
            "error": error[:500],
            "sent_at": sent_at,
            "payload": without_links(row.payload),  # a link has done its work, or never will
        }
        closed = {"to": row.channel, "chat": row.chat_key, "now": now} if blocked else None
        await self._receipts.do((values, closed))
        SENT.labels(row.channel, state).inc()

    async def _recorded(self, receipts: Sequence[_Receipt]) -> Sequence[None]:
        """Those of several chats in one commit."""
        async with self._database.writing() as session:
            await session.execute(_FINISH, [values for values, _ in receipts])
            blocked = [closed for _, closed in receipts if closed is not None]
            if blocked:
                await session.execute(_BLOCK, blocked)
        return [None] * len(receipts)
