"""Who looks on: what must be true after every burst, whatever was sent."""

import logging
import re
import time
import traceback
from collections import Counter
from collections.abc import Coroutine, Iterable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import func, select, update

from bot.app import App
from bot.turn import MAX_ATTEMPTS, Unreadable
from tests.benchmarks.fuzzing.messenger import Line
from tests.benchmarks.fuzzing.people import Seat, Shown
from workflows.models import Case, FollowUp, Inbound, Outbound
from workflows.policy.lifecycle import OPEN
from workflows.recount import BrokenHistory, Story, read

# None of these is ever part of a sentence of ours; nobody in the play writes them either.
FOREIGN_TO_PEOPLE = re.compile(
    r"Traceback|[A-Za-z]*(Error|Exception)(?![A-Za-z])|None|NaN|\{\w*\}|<[\w.]+ object|sqlalchemy|aiogram"
)
HOLD_UP_SECONDS = 3.0  # of processor time, in one thread that everybody shares
_LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
# What the play makes on purpose: trouble of the network's, after which a turn is tried again, and updates that are none.
_MADE_ON_PURPOSE = frozenset({"OSError", "Unreadable"})


@dataclass(frozen=True)
class Finding:
    """Something that must not be: what it is, and where and with what it was seen."""

    what: str
    detail: str

    def __str__(self) -> str:
        return f"{self.what}\n    {self.detail}"


class Log(logging.Handler):
    """Every error that the product or its libraries write down; an error that nobody reads is a finding."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[Finding] = []
        self.lines: Counter[str] = Counter()

    def emit(self, record: logging.LogRecord) -> None:
        """From uvicorn, asyncio, aiogram."""
        error = record.exc_info[1] if record.exc_info else None
        self.faults.append(Finding(f"{record.name}: {record.getMessage()[:200]}", _told(error)))

    def __call__(self, _: Any, level: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        """From the product, as a processor of structlog's."""
        name = str(event.get("event"))
        self.lines[f"{level}: {name}"] += 1
        if level in ("error", "critical") and event.get("error") not in _MADE_ON_PURPOSE:
            facts = {key: value for key, value in event.items() if key not in ("event", "exc_info")}
            self.faults.append(
                Finding(f"log: {name} ({event.get('error')})", f"{facts} {_told(event.get('exc_info'))}")
            )
        raise structlog.DropEvent


@contextmanager
def listening() -> Iterator[Log]:
    """From here on errors are heard; afterwards logs go where they went before."""
    log = Log()
    before = structlog.get_config()["processors"]
    loggers = [logging.getLogger(name) for name in ("uvicorn.error", "asyncio", "aiogram", "apscheduler")]
    structlog.configure(processors=[log])
    for logger in loggers:
        logger.addHandler(log)
    try:
        yield log
    finally:
        structlog.configure(processors=before)
        for logger in loggers:
            logger.removeHandler(log)


def _told(error: object) -> str:
    if not isinstance(error, BaseException):
        return ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    where = " < ".join(f"{f.filename.rsplit('/', 1)[-1]}:{f.lineno} {f.name}" for f in reversed(frames[-4:]))
    return f"{type(error).__name__}: {str(error)[:300]} @ {where}"


class Watch:
    """Looks at what a burst has left in the database and at what people were told."""

    def __init__(self, app: App, seats: Sequence[Seat], log: Log, line: Line) -> None:
        self._app = app
        self._seats = {(seat.channel, seat.chat): seat for seat in seats}
        self._log = log
        self._line = line
        self._inbound = self._outbound = 0
        self._slow: list[tuple[float, int]] = []
        self._measure(app.turns)
        self.statuses: Counter[str] = Counter()
        self.handled: Counter[str] = Counter()
        self.replies = 0
        self.slowest = 0.0

    def _measure(self, turns: Any) -> None:
        """Beside every turn, how much of the processor it takes: a message that takes long holds up everybody."""
        handle, read_ = turns._handle, turns._read

        async def handled(session: Any, taken: Any, read: Any) -> bool:
            began, inbound_id = time.thread_time(), taken.row.id
            went_well: bool = await handle(session, taken, read)
            self._slow.append((time.thread_time() - began, inbound_id))
            return went_well

        async def was_read(row: Inbound, known: Any) -> Any:
            began = time.thread_time()
            result = await read_(row, known)
            self._slow.append((time.thread_time() - began, row.id))
            return result

        turns._handle, turns._read = handled, was_read

    def _slowest(self) -> list[Finding]:
        seconds, inbound_id = max(self._slow, default=(0.0, 0))
        self._slow.clear()
        self.slowest = max(self.slowest, seconds)
        return (
            [Finding("one message holds everybody up", f"inbox {inbound_id}: {seconds:.1f} s")]
            if seconds > HOLD_UP_SECONDS
            else []
        )

    async def settled(self) -> list[Finding]:
        """Let everything be handled that is waiting, and say what went wrong with it."""
        found: list[Finding] = []
        for _ in range(MAX_ATTEMPTS + 1):
            found += await self.works(self._app.settle())
            if not (stuck := await self._waiting()):
                break
            found += [
                Finding(f"turn failed: {row.error[:200]}", f"{row.channel} {row.chat_key}: {str(row.update)[:700]}")
                for row in stuck
                if row.attempts == 1 and row.error.partition(":")[0] not in _MADE_ON_PURPOSE
            ]
            async with self._app.database.writing() as session:  # what waits for its next try has it now
                await session.execute(update(Inbound).where(Inbound.state == "waiting").values(retry_at=_LONG_AGO))
                await session.execute(update(Outbound).where(Outbound.state == "waiting").values(retry_at=_LONG_AGO))
        else:
            found.append(Finding("still waiting after every try", str([row.update for row in stuck])[:700]))
        return found + self._slowest() + self._heard() + await self._told() + await self._taken() + await self._kept()

    async def works(self, work: Coroutine[Any, Any, object]) -> list[Finding]:
        """Do it; what escapes would have held up every chat. So that the play goes on, the oldest is put aside."""
        try:
            await work
        except Exception as error:
            async with self._app.database.writing() as session:
                rows = await session.execute(select(Inbound).where(Inbound.state == "waiting").order_by(Inbound.id))
                stopped = list(rows.scalars())
                for row in stopped:
                    row.state, row.error = "poison", "held up every chat"
            return [
                Finding(
                    f"everything stops: {type(error).__name__}", f"{_told(error)} {[r.update for r in stopped]}"[:1500]
                )
            ]
        return []

    async def _waiting(self) -> list[Inbound]:
        async with self._app.database.reading() as session:
            return list((await session.execute(select(Inbound).where(Inbound.state == "waiting"))).scalars())

    def _heard(self) -> list[Finding]:
        found = [*self._log.faults, *(Finding("Telegram would refuse it", fault) for fault in self._line.faults)]
        self._log.faults.clear()
        self._line.faults.clear()
        return found

    # ---- what people were told

    async def _told(self) -> list[Finding]:
        async with self._app.database.reading() as session:
            rows = list(
                (
                    await session.execute(select(Outbound).where(Outbound.id > self._outbound).order_by(Outbound.id))
                ).scalars()
            )
        found: list[Finding] = []
        for row in rows:
            self._outbound = row.id
            self.replies += 1
            found += (
                Finding(what, f"{row.channel} {row.chat_key} {str(row.payload)[:700]}") for what in faults_of(row)
            )
            self._show(row)
        return found

    def _show(self, row: Outbound) -> None:
        seat = self._seats.get((row.channel, row.chat_key))
        if seat is None or row.message_id is None or not row.method.startswith("Send"):
            return
        for button in _buttons(row.payload):
            seat.shown.append(Shown(int(row.message_id), button["callback_data"], button["text"]))

    # ---- what became of what was sent

    async def _taken(self) -> list[Finding]:
        async with self._app.database.reading() as session:
            rows = list(
                (
                    await session.execute(select(Inbound).where(Inbound.id > self._inbound).order_by(Inbound.id))
                ).scalars()
            )
            answered = set(
                (
                    await session.execute(
                        select(Outbound.inbound_id).where(
                            Outbound.inbound_id > self._inbound,
                            (Outbound.method != "AnswerCallbackQuery") | (Outbound.payload["text"].as_string() != ""),
                        )
                    )
                ).scalars()
            )
        found: list[Finding] = []
        for row in rows:
            self._inbound = row.id
            unreadable = row.state == "poison" and row.error.startswith(Unreadable.__name__)
            self.handled["unreadable" if unreadable else row.state] += 1
            where = f"{row.channel} {row.chat_key}: {str(row.update)[:700]}"
            if row.state != "done" and not unreadable:
                found.append(Finding(f"ends as {row.state}: {row.error[:200]}", where))
            elif row.id not in answered and not (row.update.get("xiaoshao") or {}).get("event"):
                found.append(Finding("no answer", f"{row.state} {row.error[:300]} {where}"))
        return found

    # ---- what must always be true of cases

    async def _kept(self) -> list[Finding]:
        async with self._app.database.reading() as session:
            _, unheld, unclocked = await self._app.office(session).follow_ups().unclocked()
            closed = select(Case.id).where(Case.status.not_in(list(OPEN)))
            stray = await session.scalar(
                select(func.count()).where(FollowUp.done_at.is_(None), FollowUp.case_id.in_(closed))
            )
            counted = await session.execute(select(Case.status, func.count()).group_by(Case.status))
            self.statuses.update({status: number for status, number in counted})
        told = {
            "open cases without a holder": unheld,
            "without one running clock": unclocked,
            "clocks of closed": stray,
        }
        return [Finding(what, str(number)) for what, number in told.items() if number]

    async def history(self) -> list[Finding]:
        """Every case's events follow from each other."""
        async with self._app.database.reading() as session:
            try:
                stories = await read(session, [c.id for c in self._app.directory.communities], self._app.rules)
            except BrokenHistory as error:
                return [Finding("broken history", str(error))]
            cases = {case.id: case for case in (await session.execute(select(Case))).scalars()}
        told = {story.case_id: story.events[-1].to_status for story in stories if isinstance(story, Story)}
        wrong = [n for n, case in cases.items() if told.get(n) != case.status]
        return [Finding("history does not lead to the present", str(wrong))] if wrong else []


def _buttons(payload: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    for row in (payload.get("reply_markup") or {}).get("inline_keyboard", []):
        yield from row


def faults_of(row: Outbound) -> Iterator[str]:
    """What is wrong with something said to a person."""
    text = row.payload.get("text") if "text" in row.payload else row.payload.get("caption")
    if row.method in ("SendMessage", "EditMessageText") and not str(text or "").strip():
        yield "an empty text"
    if foreign := FOREIGN_TO_PEOPLE.search(str(text or "")):
        yield f"{foreign[0]!r} is nothing to say to a person"
    if row.state == "dead" and row.method.startswith("Send"):
        yield f"was never delivered: {row.error}"
    for button in _buttons(row.payload):
        if not 1 <= len(str(button.get("callback_data", "")).encode()) <= 64:
            yield f"a button carries {button.get('callback_data')!r}"
        if not str(button["text"]).strip():
            yield "a button without words"
