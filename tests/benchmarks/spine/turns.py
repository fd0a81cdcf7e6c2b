"""A whole turn against the bare aiogram webhook echo with one commit, one after the other in the same process."""

import asyncio
import gc
import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.types import Chat, Message, Update
from fastapi import FastAPI, Request, Response
from sqlalchemy import Integer, String, event, func, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from bot.app import App
from bot.channels.telegram import WEBHOOK_PATH
from bot.clock import SystemClock
from bot.settings import load
from nlu.understanding import Understanding
from tests.benchmarks.spine import city
from tests.benchmarks.spine.engines import Place
from tests.benchmarks.spine.feeding import Cost, Side, encoded, message, post, spread, timed
from workflows.database import Database
from workflows.models import Case, Inbound, Outbound

ROOT = Path(__file__).resolve().parents[3]
SECRET = "benchmark-secret-0001"
CONCURRENCY = (1, 16, 64)
HEADERS = ((b"x-telegram-bot-api-secret-token", SECRET.encode()),)
WORDS = "楼道灯坏了一个星期了"


# ---- the echo


class _Table(DeclarativeBase):
    """The echo's own."""


class _Seen(_Table):
    __tablename__ = "seen"

    update_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    text: Mapped[str] = mapped_column(String(4000))


class _Recording(BaseSession):
    """Takes what the echo says."""

    async def make_request(self, bot: Bot, method: Any, timeout: int | None = None) -> Any:  # noqa: ASYNC109 - its signature
        return Message(message_id=1, date=datetime.now(UTC), chat=Chat(id=method.chat_id, type="private"))  # noqa: TID251

    async def close(self) -> None:
        return

    async def stream_content(self, *_: Any, **__: Any) -> Any:
        yield b""


class Echo:
    """The least that a bot behind a webhook does which must not lose an update: read, answer, commit."""

    def __init__(self, database: Database) -> None:
        self._database = database
        bot = Bot("1:echo", session=_Recording())
        dispatcher = Dispatcher()

        @dispatcher.message()
        async def echo(message: Message) -> None:
            await message.answer(message.text or "")

        self._app = FastAPI(docs_url=None, redoc_url=None)

        @self._app.post("/webhook")
        async def webhook(request: Request) -> Response:
            update = Update.model_validate(await request.json(), context={"bot": bot})
            await dispatcher.feed_update(bot, update)
            async with database.writing() as session:
                await session.execute(
                    insert(_Seen).values(update_id=update.update_id, text=update.message and update.message.text)
                )
            return Response(status_code=200)

    async def handle(self, update: dict[str, Any]) -> None:
        """Answered and committed."""
        status = await post(self._app, "/webhook", encoded(update))
        assert status == 200, status

    async def settle(self) -> None:
        """Nothing is left."""

    @classmethod
    @asynccontextmanager
    async def opened(cls, where: Place) -> AsyncIterator["Echo"]:
        """On a database of its own of the same kind."""
        database = Database(await where.fresh())
        try:
            async with database._writer.begin() as connection:
                await connection.run_sync(_Table.metadata.create_all)
            yield cls(database)
        finally:
            await database.close()


# ---- the product


class Constant:
    """The understanding, stubbed: every message is about a lamp, and no two reports are the same."""

    ready = True

    async def understand(self, text: str) -> Understanding:
        """The same for all."""
        return Understanding(text, "street_light", 0.93, (("street_light", 0.93), ("power_supply", 0.03)))

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """None."""
        return [0.02] * len(others)


def by_day() -> SystemClock:
    """A clock that runs, from ten in the morning on: at night, cards for the staff would wait for the day."""
    clock = SystemClock()
    now = clock.now()
    clock.offset = now.replace(hour=2, minute=0) + timedelta(days=1) - now
    return clock


class NullMessenger:
    """Takes everything at once, and tells whoever waits for an answer in that chat."""

    def __init__(self) -> None:
        self.delivered = 0
        self.waiting: dict[str, asyncio.Future[None]] = {}

    async def deliver(self, row: Outbound) -> str | None:
        """Taken."""
        self.delivered += 1
        waiting = self.waiting.pop(row.chat_key, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
        return str(self.delivered)


class Whole:
    """The running product behind its Telegram webhook: inbox, dispatcher, case, outbox, courier."""

    def __init__(self, app: App, messenger: NullMessenger) -> None:
        self.app = app
        self._messenger = messenger

    async def handle(self, update: dict[str, Any]) -> None:
        """Handled and answered."""
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._messenger.waiting[str(update["message"]["chat"]["id"])] = answered
        status = await post(self.app.http, WEBHOOK_PATH, encoded(update), HEADERS)
        assert status == 200, status
        await answered

    async def settle(self) -> None:
        """Every message delivered and recorded."""
        while await self._left():  # noqa: ASYNC110 - what is recorded last is known to the database alone
            await asyncio.sleep(0.003)

    async def _left(self) -> bool:
        async with self.app.database.reading() as session:
            for table in (Inbound, Outbound):
                found = await session.execute(select(table.id).where(table.state == "waiting").limit(1))
                if found.first() is not None:
                    return True
        return False

    async def cases(self) -> int:
        """How many cases there are."""
        async with self.app.database.reading() as session:
            return (await session.execute(select(func.count()).select_from(Case))).scalar_one()

    @classmethod
    @asynccontextmanager
    async def opened(cls, where: Place, scale: city.Scale) -> AsyncIterator["Whole"]:
        """On a database of its own, with the city in it; turns and courier at work."""
        settings = load(
            ROOT / "config.yml",
            database={"url": await where.fresh()},
            storage=where.folder / "storage",
            demo={"enabled": False},
            channels={"telegram": {"mode": "webhook", "token": "1:bench", "webhook_secret": SECRET}},
        )
        app = App(settings, understander=Constant(), clock=by_day())
        messenger = NullMessenger()
        app.messengers["telegram"] = messenger
        try:
            await app.database.migrate()
            await city.settle(app.database, scale, app.clock.now())
            await app.prepare()
            async with asyncio.TaskGroup() as group:
                group.create_task(app.turns.run())
                group.create_task(app.courier.run())
                yield cls(app, messenger)
                app.turns.stop()
                app.courier.stop()
        finally:
            await app.database.close()


class Reports:
    """New reports without end: each from a chat that has not written yet, about a building nobody has reported."""

    def __init__(self, scale: city.Scale) -> None:
        self._scale = scale
        self._numbers = itertools.count()

    def some(self, how_many: int) -> list[dict[str, Any]]:
        """The next ones."""
        return [self._one(next(self._numbers)) for _ in range(how_many)]

    def _one(self, number: int) -> dict[str, Any]:
        assert number < self._scale.residents, "a larger city is needed"
        person, estate, building = city.resident(self._scale, number)
        text = f"{city.NAMES[estate - 1]}小区{building}号楼{WORDS}"
        return message(number + 1, city.FIRST_CHAT + person, text)


# ---- measuring


async def compare(where: Place, repetitions: int, updates: int) -> dict[str, Any]:
    """Both sides at each concurrency, by turns, and what a turn says to the database."""
    scale = city.Scale(residents=(repetitions + 1) * updates * len(CONCURRENCY) + 200)
    async with Echo.opened(where) as echo, Whole.opened(where, scale) as whole:
        ours, theirs = Reports(scale), Reports(scale)
        await timed(echo, theirs.some(100), 16)
        statements = await _statements(whole, ours.some(100))
        gc.collect()
        gc.freeze()
        found: dict[str, Any] = {"statements_per_turn": statements}
        for clients in CONCURRENCY:
            some = updates if clients > 1 else max(20, updates // 3)
            found[str(clients)] = await _by_turns(echo, theirs, whole, ours, clients, some, repetitions)
        opened = await whole.cases()
        assert opened == (expected := _given(ours)), f"{expected} reports opened {opened} cases"
        return found


def _given(reports: Reports) -> int:
    return next(reports._numbers)


async def _by_turns(
    echo: Side, theirs: Reports, whole: Side, ours: Reports, clients: int, updates: int, repetitions: int
) -> dict[str, Any]:
    pairs: list[tuple[Cost, Cost]] = []
    for number in range(repetitions):
        first = number % 2 == 0  # neither is always measured first
        a = await timed(echo, theirs.some(updates), clients) if first else None
        b = await timed(whole, ours.some(updates), clients)
        pairs.append((a or await timed(echo, theirs.some(updates), clients), b))
    return {
        "echo_cpu_ms": spread([a.cpu_ms for a, _ in pairs]),
        "turn_cpu_ms": spread([b.cpu_ms for _, b in pairs]),
        "cpu_ratio": spread([b.cpu_ms / a.cpu_ms for a, b in pairs]),
        "echo_per_second": spread([a.per_second for a, _ in pairs]),
        "turn_per_second": spread([b.per_second for _, b in pairs]),
        "throughput_ratio": spread([b.per_second / a.per_second for a, b in pairs]),
    }


async def _statements(whole: Whole, updates: list[dict[str, Any]]) -> dict[str, float]:
    """What one turn sends to the database, alone and among sixteen; looks into an empty inbox or outbox included.

    BEGIN and COMMIT are not among them: the driver sends those by itself.
    """
    engines = {engine.sync_engine for engine in whole.app.database.engines}
    counted: dict[str, float] = {}
    for clients, part in ((1, updates[:20]), (16, updates[20:])):
        said = 0

        def count(*_: Any) -> None:
            nonlocal said
            said += 1

        for engine in engines:
            event.listen(engine, "before_cursor_execute", count)
        await timed(whole, part, clients)
        for engine in engines:
            event.remove(engine, "before_cursor_execute", count)
        counted[str(clients)] = round(said / len(part), 1)
    return counted
