"""One round: a fresh town, cases in every state, and then whatever people and machines may send."""

import asyncio
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
from aiogram import Bot
from sqlalchemy import select
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.app import App
from bot.channels.telegram import CHANNEL as TELEGRAM
from bot.channels.telegram import WEBHOOK_PATH, TelegramMessenger, TelegramPhotos, TelegramPolling
from bot.channels.web.messenger import CHANNEL as WEB
from bot.clock import ManualClock
from bot.http import LAG_LIMIT_SECONDS
from bot.http import listening as sockets_on
from bot.operating.stopping import Stop, serve
from bot.settings import load
from tests.benchmarks.fuzzing import buttons, updates, words
from tests.benchmarks.fuzzing.messenger import TOKEN, Line, jpeg
from tests.benchmarks.fuzzing.people import Seat, seats, stage
from tests.benchmarks.fuzzing.reader import DiceReader
from tests.benchmarks.fuzzing.watch import Finding, Log, Watch, listening
from workflows.models import Case

ROOT = Path(__file__).parents[3]
SECRET = "fuzz-secret-0123456789"
START = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # ten o'clock on a Tuesday in Hohhot
LONG_BODY = 50_000
BURST = 400
PROBE = "你好，在吗"
MUTATED, SPOILED = 0.3, 0.25  # so many updates have an accident in their form, so many in their words


@dataclass
class Result:
    """What a round saw."""

    sent: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    handled: Counter[str] = field(default_factory=Counter)
    log: Counter[str] = field(default_factory=Counter)
    texts: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    replies: int = 0
    slowest: float = 0.0

    def add(self, other: "Result") -> None:
        """Take another round's counts in."""
        for name in ("sent", "answers", "statuses", "handled", "log"):
            getattr(self, name).update(getattr(other, name))
        self.texts = (self.texts + other.texts)[-5000:]
        self.findings += other.findings
        self.replies += other.replies
        self.slowest = max(self.slowest, other.slowest)


class Page:
    """A browser's socket that is opened again whenever it was closed on us."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._socket: ClientConnection | None = None

    async def sends(self, frame: str | bytes) -> int | None:
        """One frame, and wait until it was dealt with; the close code when the page was put out for it."""
        try:
            socket = self._socket or await connect(self._url, max_size=None)
            self._socket = socket
            await socket.send(frame)
            await socket.send('{"type":"hello","chats":{}}')
            while json.loads(await socket.recv()).get("type") != "ready":
                pass
        except ConnectionClosed as closed:
            self._socket = None
            return closed.rcvd.code if closed.rcvd else 1006
        return None

    async def close(self) -> None:
        """Leave."""
        if self._socket is not None:
            await self._socket.close()


class Play:
    """Sends what the dice say."""

    def __init__(self, app: App, clock: ManualClock, rng: Random, everybody: list[Seat], line: Line, url: str) -> None:
        self.app = app
        self.clock = clock
        self.rng = rng
        self.result = Result()
        self._seats = everybody
        self._line = line
        self._url = url
        self._telegram = updates.Telegram(rng, 1_000_000)
        self._last: list[updates.Json] = []
        self._ids: list[int] = []
        self._client = httpx.AsyncClient(base_url=url, timeout=60)
        self._page = Page(url.replace("http", "ws") + "/ws")
        bot = Bot(TOKEN, session=line)
        self._polling = TelegramPolling(bot, app.inbox)
        self._number = 0
        self.touched: set[int] = set()

    async def close(self) -> None:
        """Put everything away."""
        await self._client.aclose()
        await self._page.close()

    async def sees(self) -> None:
        """Learn which cases there are, so that forged buttons hit some."""
        async with self.app.database.reading() as session:
            self._ids = list((await session.execute(select(Case.id).order_by(Case.id.desc()).limit(60))).scalars())

    async def once(self) -> None:
        """One update or request."""
        dice = self.rng.random()
        if dice < 0.55:
            await self._on_telegram(self._seat(TELEGRAM))
        elif dice < 0.92:
            await self._on_page(self._seat(WEB))
        else:
            await self._at_the_door()

    def _seat(self, channel: str) -> Seat:
        number = self.rng.choice([n for n, seat in enumerate(self._seats) if seat.channel == channel])
        self.touched.add(number)
        return self._seats[number]

    def _words(self, seat: Seat) -> str:
        text = words.sentence(self.rng, on_duty=seat.on_duty)
        if self.rng.random() < SPOILED:
            text = words.spoiled(self.rng, text)
        self.result.texts.append(text[:1000])
        return text

    @property
    def _at(self) -> int:
        return int(self.clock.now().timestamp())

    # ---- Telegram

    def _update(self, seat: Seat) -> updates.Json:
        make, chat, text = self._telegram, int(seat.chat), self._words(seat)
        dice = self.rng.random()
        if dice < 0.42:
            return make.text(chat, self._at, text)
        if dice < 0.66 and seat.shown:
            button = self.rng.choice(seat.shown)
            return make.tap(chat, self._at, button.data, button.message_id, button.label)
        if dice < 0.78:
            return make.tap(
                chat, self._at, buttons.forged(self.rng, self._ids), self.rng.choice([1, 5, 0, -3, 10**15, 2**70])
            )
        if dice < 0.87:
            return make.photo(chat, self._at, text[:1024] if self.rng.random() < 0.5 else "")
        if dice < 0.92:
            return make.media(chat, self._at)
        return make.edited(chat, self._at, text) if dice < 0.96 else make.elsewhere(chat, self._at, text)

    async def _on_telegram(self, seat: Seat) -> None:
        if self._last and self.rng.random() < 0.05:
            update = self.rng.choice(self._last)  # once more, or late
        else:
            update = self._update(seat)
            if self.rng.random() < MUTATED:
                update = updates.mutated(self.rng, update)
            self._last = [*self._last[-50:], update]
        if self.rng.random() < 0.2:
            self._line.waiting.append([update])
            await self._poll()
        else:
            await self._post(updates.as_body(self.rng, update))

    async def _poll(self) -> None:
        self.result.sent["telegram, polled"] += 1
        try:
            await self._polling._round()
        except Exception as error:
            self.result.findings.append(
                Finding(f"polling stops at an update: {type(error).__name__}", str(error)[:300])
            )

    async def _post(self, body: bytes) -> None:
        wrong = self.rng.random() < 0.03
        secret = self.rng.choice([b"", b"wrong", "秘密".encode(), SECRET.encode()[:-1]]) if wrong else SECRET.encode()
        answer = await self._ask(
            "POST", WEBHOOK_PATH, "webhook", content=body, headers={b"X-Telegram-Bot-Api-Secret-Token": secret}
        )
        if wrong and answer not in (0, 401):
            self.result.findings.append(Finding("a wrong secret was let in", str(answer)))

    # ---- the page

    async def _on_page(self, seat: Seat) -> None:
        if self.rng.random() < 0.08:
            await self._photo(seat)
            return
        frame = self._frame(seat)
        self.result.sent["page, socket"] += 1
        code = await self._page.sends(frame)
        if code is not None:
            self.result.answers[f"socket closed {code}"] += 1
            if code in (1006, 1011):
                self.result.findings.append(Finding(f"the socket broke ({code})", repr(frame)[:500]))

    def _frame(self, seat: Seat) -> str | bytes:
        self._number += 1
        said: updates.Json = {
            "type": "text",
            "chat": seat.chat,
            "client_id": f"f{self._number}",
            "text": self._words(seat),
        }
        dice = self.rng.random()
        if dice < 0.4 and seat.shown:
            button = self.rng.choice(seat.shown)
            said |= {"type": "tap", "bubble": button.message_id, "data": button.data}
        elif dice < 0.48:
            said |= {
                "type": "tap",
                "bubble": self.rng.choice([1, 0, -1, 2**70, "1", None]),
                "data": buttons.forged(self.rng, self._ids),
            }
        elif dice < 0.52:
            said = {
                "type": "read",
                "chat": seat.chat,
                "seq": self.rng.choice([0, 1, 50, -1, 2**40, 2**70, True, "1", None]),
            }
        elif dice < 0.56:
            said = {"type": "hello", "chats": {seat.chat: self.rng.choice([0, 10, -1, 2**40, -(2**70), "x", None])}}
        if self.rng.random() < MUTATED:
            said = updates.mutated(self.rng, said)
        frame = json.dumps(said, ensure_ascii=self.rng.random() < 0.5)
        match self.rng.randrange(80):
            case 0:
                return frame.encode("utf-8", "ignore")
            case 1:
                return self.rng.choice(
                    ["", "x", "[" * 50_000, "null", '"hello"', "{}", b"\xff\xfe", frame[: len(frame) // 2]]
                )
        return frame.encode("utf-8", "surrogatepass").decode("utf-8", "replace")

    async def _photo(self, seat: Seat) -> None:
        self._number += 1
        chat = self.rng.choice([seat.chat, seat.chat, seat.chat, "1", "x\x00", "", "9" * 300])
        content = self.rng.choice([jpeg(), jpeg(), b"", b"%PDF", jpeg()[:200]])
        form = {"chat": chat, "client_id": f"p{self._number}", "caption": self._words(seat)}
        if self.rng.random() < 0.1:
            form.pop(self.rng.choice(list(form)))
        form = {key: value.encode("utf-8", "replace").decode() for key, value in form.items()}
        files = {"file": (self.rng.choice(["a.jpg", "灯.jpg", "../x"]), content, "image/jpeg")}
        await self._ask("POST", "/api/photo", "page, photo", data=form, files=files)

    # ---- everything else that can be asked for

    async def _at_the_door(self) -> None:
        odd = self.rng.choice(
            [
                "x",
                "%00",
                "%ff",
                "..%2f..%2fconfig.yml",
                "a" * 300,
                "%F0%9F%98%80",
                "chat.css",
                "0",
                "%0d%0a",
                "%ed%a0%80",
            ]
        )
        path = self.rng.choice(
            [
                "/",
                "/api/me",
                "/healthz",
                "/readyz",
                "/metrics",
                f"/static/{odd}",
                f"/media/{odd}",
                f"/{odd}",
                "/openapi.json",
                WEBHOOK_PATH,
            ]
        )
        headers: dict[str, Any] = {}
        if self.rng.random() < 0.4:
            headers["cookie"] = self.rng.choice(
                [
                    "xiaoshao=x",
                    "xiaoshao=MTIz.AAAA",
                    "xiaoshao=",
                    "a" * 3000,
                    "xiaoshao=.",
                    "xiaoshao=é".encode("latin-1"),
                ]
            )
        if self.rng.random() < 0.25:
            await self._ask(
                "POST",
                "/api/time",
                "http",
                headers=headers | {"content-type": "application/json"},
                content=self._jump(),
            )
            return
        await self._ask(
            self.rng.choice(["GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"]),
            path,
            "http",
            headers=headers,
        )

    def _jump(self) -> bytes:
        bodies = (
            b'{"hours":1}', b'{"hours":NaN}', b'{"hours":1e999}', b'{"hours":"\\ud800"}', b"{", b'{"hours":-1}', b"[" * 5000,
            b"\xff", b'{"hours":null,"x":[1e999]}', b"",
        )  # fmt: skip
        return self.rng.choice(bodies)

    async def _ask(self, method: str, path: str, kind: str, **parts: Any) -> int:
        self.result.sent[kind] += 1
        try:
            answer = await self._client.request(method, path, **parts)
        except httpx.TransportError as error:
            # A server that refuses a long body need not read it; anything else must be answered.
            if len(parts.get("content", b"")) < LONG_BODY:
                self.result.findings.append(
                    Finding(f"no answer: {type(error).__name__}", f"{method} {path} {str(parts)[:600]}")
                )
            self.result.answers[f"{kind} cut off"] += 1
            return 0
        self.result.answers[f"{kind} {answer.status_code}"] += 1
        if answer.status_code >= 500 and not _only_late(path, answer):
            asked = f"{method} {path} {str(parts)[:600]}"
            self.result.findings.append(Finding(f"{answer.status_code} from {method} {path.split('/')[1]}", asked))
        elif "Traceback" in answer.text or 'File "' in answer.text:
            self.result.findings.append(Finding("a stack trace over HTTP", f"{method} {path}"))
        return answer.status_code

    # ---- and in the end

    async def is_ready(self) -> None:
        """Once everything is delivered, the product says of itself that it can do its work."""
        answer = await self._client.get("/readyz")
        if answer.status_code != 200:
            self.result.findings.append(Finding("not ready with nothing left to do", answer.text[:300]))

    async def greet_everybody(self) -> None:
        """A plain message in every chat that took part: the watch sees that each is answered."""
        for number in sorted(self.touched):
            seat = self._seats[number]
            self._number += 1
            if seat.channel == TELEGRAM:
                update = self._telegram.text(int(seat.chat), self._at, PROBE)
                await self.app.inbox.receive(TELEGRAM, str(update["update_id"]), seat.chat, update)
            else:
                frame = {"type": "text", "chat": seat.chat, "client_id": f"g{self._number}", "text": PROBE}
                await self._page.sends(json.dumps(frame))
        self.touched.clear()


@asynccontextmanager
async def opened(url: str, storage: Path, seed: str) -> AsyncIterator[tuple[App, ManualClock, Line, Log, str]]:
    """A prepared application behind its real HTTP server; Telegram's end of the line is ours."""
    channels = {
        "web": {"per_second": 1e9},
        "telegram": {
            "mode": "webhook",
            "token": TOKEN,
            "webhook_secret": SECRET,
            "per_second": 1e9,
            "per_chat_seconds": 0,
        },
    }
    settings = load(ROOT / "config.yml", database={"url": url}, storage=storage, channels=channels)
    clock, line = ManualClock(START), Line()
    app = App(settings, clock=clock, understander=DiceReader(seed))
    bot = Bot(TOKEN, session=line)
    app.messengers[TELEGRAM] = TelegramMessenger(bot, storage)
    app.fetchers[TELEGRAM] = TelegramPhotos(bot, storage, settings.channels.telegram.photo_limit_mb)
    async with AsyncExitStack() as stack:
        log = stack.enter_context(listening())
        stack.push_async_callback(app.database.close)
        await app.prepare()
        ports = stack.enter_context(sockets_on("127.0.0.1", 0))
        stop = Stop()
        group = await stack.enter_async_context(asyncio.TaskGroup())
        group.create_task(serve(app.http, ports, stop), name="http")
        stack.callback(stop.ask, signal.SIGTERM)
        yield app, clock, line, log, f"http://127.0.0.1:{ports[0].getsockname()[1]}"


def _only_late(path: str, answer: httpx.Response) -> bool:
    """A clock that has jumped makes late what waited for the morning, and /readyz says so until it is delivered."""
    return path == "/readyz" and answer.status_code == 503 and answer.json()["courier_lag_seconds"] > LAG_LIMIT_SECONDS


Progress = Callable[[int], Coroutine[Any, Any, None]]


async def round_of(number: int, url: str, storage: Path, seed: str) -> Result:
    """So many updates and requests on a fresh database, watched after every burst."""
    rng = Random(seed)
    async with opened(url, storage, seed) as (app, clock, line, log, address):
        everybody = await seats(app)
        await stage(app)
        watch = Watch(app, everybody, log, line)
        play = Play(app, clock, rng, everybody, line, address)
        found = play.result.findings
        found += await watch.settled()
        sent = 0
        while sent < number:
            for _ in range(min(BURST, number - sent)):
                await play.once()
                sent += 1
                if rng.random() < 0.05:  # people do not wait until everybody else has been served
                    found += await watch.works(app.turns.drain())
            found += await watch.settled()
            await play.greet_everybody()
            found += await watch.settled()
            await play.is_ready()
            await play.sees()
            clock.forward(timedelta(hours=rng.choice([0.01, 0.5, 3, 8, 30])))
        found += await watch.history()
        await play.close()
        play.result.statuses, play.result.handled, play.result.log = watch.statuses, watch.handled, log.lines
        play.result.replies, play.result.slowest = watch.replies, watch.slowest
        return play.result
