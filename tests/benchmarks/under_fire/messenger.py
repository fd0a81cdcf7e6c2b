"""An emulated Telegram on loopback that behaves as badly as networks do, and writes down everything it sees.

Towards the bot: getUpdates and a webhook, with updates handed out twice, in another order, or with their answer cut
off. From the bot: every call may be refused (429 with retry_after, 500, 502), cut, left without an answer or answered
with broken JSON, before the message was taken or after: then it *was* delivered, and only the bot does not know. Photos
and recordings are fetched from it with the same trouble, and pictures come as uploads.
"""

import asyncio
import contextlib
import io
import itertools
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp import web
from PIL import Image

from tests.benchmarks.under_fire.journal import Journal
from tests.journeys.recordings import ogg

TOKEN = "42:under-fire"
SECRET = "under-fire-0123456789"
HANG_SECONDS = 65.0  # longer than the bot waits

# What can go wrong with a call, and how often in a hundred of those that go wrong.
BEFORE = {"429": 18, "500": 12, "502": 8, "reset": 12, "hang": 1}  # nothing was taken
AFTER = {"500": 12, "reset": 14, "malformed": 12, "slow": 10, "hang": 1}  # it was taken, the answer is lost
SENDING = ("sendMessage", "sendPhoto", "sendVoice", "editMessageText", "editMessageReplyMarkup", "answerCallbackQuery")
MOMENTS = ("sending", "sent", "handed", "taken")


@dataclass
class Bubble:
    """A message as a person sees it."""

    id: int
    chat: int
    text: str
    buttons: list[list[tuple[str, str]]]

    def labels(self) -> dict[str, str]:
        """Words and payload of each button."""
        return {text: data for row in self.buttons for text, data in row}


@dataclass
class _Update:
    id: int
    body: dict[str, Any]
    flying: bool = False
    not_before: float = 0.0
    tries: int = 0


@dataclass
class Messenger:
    """The server's state. `calm` ends all trouble; `trouble` is how many calls in a hundred go wrong."""

    journal: Journal
    seed: int
    trouble: int = 10
    calm: bool = False
    base: str = ""
    heard: dict[int, Callable[[Bubble], None]] = field(default_factory=dict)  # who is told of their messages

    def __post_init__(self) -> None:
        self._rng = Random(f"{self.seed}:messenger")
        self._pending: dict[int, _Update] = {}
        self._numbers = itertools.count(1000)
        self._messages = itertools.count(1)
        self._calls = itertools.count(1)
        self._bubbles: dict[int, Bubble] = {}
        self._new = asyncio.Event()
        self._poll = 0
        self._webhook = ""
        self.doors: list[str] = []  # where several processes serve the webhook, these; else the address it was set to
        self._door = Random(f"{self.seed}:doors")
        self._moments: dict[str, list[asyncio.Event]] = {name: [] for name in MOMENTS}
        self._calmed = asyncio.Event()
        self.up = asyncio.Event()  # the application has asked for updates, one way or the other

    # ---- what people do

    def write(self, chat: int, text: str, what: str, mark: str = "") -> int:
        """Somebody writes; returns the update's id."""
        message = self._message(chat) | {"text": text}
        return self._update({"message": message}, chat=chat, what=what, mark=mark)

    def shows(self, chat: int, what: str, caption: str = "", mark: str = "") -> int:
        """Somebody sends a photo or says something; what they send is asked for by its `file_id`."""
        file = {"file_id": what, "file_unique_id": what, "file_size": len(FILES[what])}
        sent: dict[str, Any] = {"voice": file | {"duration": 3}} if what == "voice" else {"photo": [file | _MEASURES]}
        message = self._message(chat) | sent | ({"caption": caption} if caption else {})
        return self._update({"message": message}, chat=chat, what=what, mark=mark)

    def tap(self, chat: int, bubble: Bubble, data: str) -> int:
        """Somebody taps a button."""
        markup = {"inline_keyboard": [[{"text": t, "callback_data": d} for t, d in row] for row in bubble.buttons]}
        number = next(self._messages)
        query = {
            "id": f"q{number}",
            "from": _person(chat),
            "chat_instance": str(chat),
            "data": data,
            "message": self._message(chat, bubble.id) | {"text": bubble.text, "reply_markup": markup, "from": _BOT},
        }
        return self._update({"callback_query": query}, chat=chat, what="tap", data=data, query=query["id"])

    def _message(self, chat: int, number: int | None = None) -> dict[str, Any]:
        return {
            "message_id": next(self._messages) if number is None else number,
            "date": 1_795_000_000,
            "chat": {"id": chat, "type": "private"},
            "from": _person(chat),
        }

    def _update(self, body: dict[str, Any], **told: Any) -> int:
        number = next(self._numbers)
        self._pending[number] = _Update(number, {"update_id": number, **body})
        self.journal.write("update", id=number, **told)
        self._new.set()
        return number

    @property
    def waiting(self) -> int:
        """How many updates the bot has not taken yet."""
        return len(self._pending)

    def be_calm(self) -> None:
        """From now on nothing goes wrong, and what hangs is let go."""
        self.calm = True
        self._calmed.set()

    # ---- moments at which to kill

    async def moment(self, name: str, seconds: float) -> bool:
        """Wait until something of this kind happens; False when it does not within `seconds`."""
        event = asyncio.Event()
        self._moments[name].append(event)
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._moments[name].remove(event)
        return True

    def _mark(self, name: str) -> None:
        for event in self._moments[name]:
            event.set()

    # ---- the Bot API

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One call of the bot."""
        method = request.match_info["method"]
        posted = (await request.post()).items()
        fields = {name: value if isinstance(value, str) else "upload" for name, value in posted}
        match method:
            case "getUpdates":
                return await self._get_updates(request, fields)
            case "setWebhook" | "deleteWebhook":
                self._webhook = fields.get("url", "") if method == "setWebhook" else ""
                self._new.set()
                if self._webhook:
                    self.up.set()
                return _ok(True)
            case _ if method in SENDING:
                return await self._outgoing(request, method, fields)
            case "getFile":
                return await self._file(request, fields["file_id"])
            case "getMe":
                return _ok({"id": 42, "is_bot": True, "first_name": "小哨", "username": "xiaoshao_bot"})
            case _:
                return _ok(True)

    async def _outgoing(self, request: web.Request, method: str, fields: dict[str, str]) -> web.StreamResponse:
        chat = int(fields.get("chat_id", 0))
        wrong, before = self._goes_wrong()
        call = {"n": next(self._calls), "method": method, "chat": chat, "fields": fields}
        self._mark("sending")
        if wrong and before:
            self.journal.write("call", **call, taken=False, answer=wrong)
            return await self._answer_badly(request, wrong)
        result, kept = self._take(method, chat, fields)
        # Written before the answer leaves: a process that is killed on reading it has been told.
        self.journal.write("call", **call, taken=True, answer=wrong or "ok", **kept)
        response = await self._answer_badly(request, wrong) if wrong else result
        self._mark("sent")
        return response

    async def _file(self, request: web.Request, name: str) -> web.StreamResponse:
        wrong, _ = self._goes_wrong()
        self.journal.write("file", name=name, asked=True, answer=wrong or "ok")
        if wrong:
            return await self._answer_badly(request, wrong)
        return _ok({"file_id": name, "file_unique_id": name, "file_size": len(FILES[name]), "file_path": name})

    async def download(self, request: web.Request) -> web.StreamResponse:
        """The bytes of a photo or a recording, or only the first of them."""
        name = request.match_info["name"]
        wrong, _ = self._goes_wrong()
        self.journal.write("file", name=name, asked=False, answer=wrong or "ok")
        if not wrong:
            return web.Response(body=FILES[name], content_type="application/octet-stream")
        if wrong != "malformed":
            return await self._answer_badly(request, wrong)
        cut = web.StreamResponse(headers={"Content-Length": str(len(FILES[name]))})
        await cut.prepare(request)
        await cut.write(FILES[name][:100])
        assert request.transport is not None
        request.transport.abort()
        return cut

    def _goes_wrong(self) -> tuple[str, bool]:
        if self.calm or self._rng.randrange(100) >= self.trouble:
            return "", False
        before = self._rng.random() < 0.5
        kinds = BEFORE if before else AFTER
        return self._rng.choices(list(kinds), list(kinds.values()))[0], before

    def _take(self, method: str, chat: int, fields: dict[str, str]) -> tuple[web.Response, dict[str, Any]]:
        if method == "answerCallbackQuery":
            return _ok(True), {}
        rows = json.loads(fields.get("reply_markup") or "{}").get("inline_keyboard", [])
        buttons = [[(b["text"], b.get("callback_data", "")) for b in row] for row in rows]
        if method.startswith("send"):
            text = fields.get("text") or fields.get("caption") or ""
            bubble = Bubble(next(self._messages), chat, text, buttons)
            self._bubbles[bubble.id] = bubble
            if told := self.heard.get(chat):
                told(bubble)
            return _ok(_sent(bubble)), {"message_id": bubble.id}
        bubble = self._bubbles.get(int(fields["message_id"])) or Bubble(0, chat, "", [])
        text = fields.get("text", bubble.text)
        if (bubble.text, bubble.buttons) == (text, buttons):
            said = "Bad Request: message is not modified: specified new message content and reply markup are the same"
            return _error(400, said), {"unchanged": True}
        bubble.text, bubble.buttons = text, buttons
        return _ok(_sent(bubble)), {}

    async def _answer_badly(self, request: web.Request, wrong: str) -> web.StreamResponse:
        match wrong:
            case "429":
                seconds = 1
                return _error(429, f"Too Many Requests: retry after {seconds}", {"retry_after": seconds})
            case "500":
                return _error(500, "Internal Server Error")
            case "502":
                return web.Response(status=502, text="<html>502 Bad Gateway</html>", content_type="text/html")
            case "malformed":
                return web.Response(text='{"ok":true,"result":{"message_', content_type="application/json")
            case "slow" | "hang":
                limit = HANG_SECONDS if wrong == "hang" else self._rng.uniform(1.0, 4.0)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._calmed.wait(), limit)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    # ---- updates, by polling

    async def _get_updates(self, request: web.Request, fields: dict[str, str]) -> web.StreamResponse:
        self._poll += 1
        poll = self._poll
        self._new.set()  # an older poll gives way
        if self._webhook:
            return _error(409, "Conflict: can't use getUpdates method while webhook is active")
        if offset := int(fields.get("offset") or 0):
            for number in [n for n in self._pending if n < offset]:
                del self._pending[number]
                self.journal.write("accepted", id=number, by="polling")
                self._mark("taken")
        self.up.set()
        wrong = ""
        if not self.calm and self._rng.randrange(100) < self.trouble // 2:
            wrong = self._rng.choice(["429", "500", "502", "reset", "malformed"])
        if wrong in ("429", "500", "502"):
            return await self._answer_badly(request, wrong)
        await self._something_new(poll, float(fields.get("timeout") or 0))
        if poll != self._poll:
            return _error(409, "Conflict: terminated by other getUpdates request")
        some = list(itertools.islice(self._pending.values(), self._rng.randrange(1, 12)))
        for update in some:
            self.journal.write("handed", id=update.id, by="polling")
        if some:
            self._mark("handed")
        if wrong:  # handed out, perhaps, and the bot does not know what
            return await self._answer_badly(request, wrong)
        return _ok([update.body for update in some])

    async def _something_new(self, poll: int, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not self._pending and poll == self._poll:
                    self._new.clear()
                    await self._new.wait()

    # ---- updates, by webhook

    async def deliver(self) -> None:
        """Post what is pending to the webhook, several at once, in any order, some of them twice. Until cancelled."""
        async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
            while True:
                loop = asyncio.get_running_loop()
                ready = [u for u in self._pending.values() if not u.flying and u.not_before <= loop.time()]
                flying = sum(u.flying for u in self._pending.values())
                if not self._webhook or not ready or flying >= 4:
                    await asyncio.sleep(0.05)
                    continue
                update = self._rng.choice(ready[:3])
                update.flying = True
                twice = not self.calm and self._rng.random() < 0.06
                group.create_task(self._post(client, update))
                if twice:
                    group.create_task(self._post_again(client, update, self._rng.choice([0.0, 0.5, 3.0])))

    async def _post(self, client: aiohttp.ClientSession, update: _Update) -> None:
        taken = await self._posted(client, update)
        update.flying = False
        update.tries += 1
        update.not_before = asyncio.get_running_loop().time() + min(2.0, 0.1 * 2**update.tries)
        if taken and self._pending.pop(update.id, None):
            self.journal.write("accepted", id=update.id, by="webhook")
            self._mark("taken")

    async def _post_again(self, client: aiohttp.ClientSession, update: _Update, after: float) -> None:
        await asyncio.sleep(after)
        await self._posted(client, update)

    async def _posted(self, client: aiohttp.ClientSession, update: _Update) -> bool:
        if not self._webhook:
            return False
        self.journal.write("handed", id=update.id, by="webhook")
        self._mark("handed")
        headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
        limit = aiohttp.ClientTimeout(total=8)
        url = self._webhook
        if self.doors:
            url = self._door.choice(self.doors) + urlsplit(url).path
        try:
            async with client.post(url, json=update.body, headers=headers, timeout=limit) as response:
                return response.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False


def _photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (120, 90), (90, 120, 60)).save(buffer, "JPEG")
    return buffer.getvalue()


_MEASURES = {"width": 120, "height": 90}
FILES = {"photo": _photo(), "voice": ogg(3)}
_BOT = {"id": 42, "is_bot": True, "first_name": "小哨"}


def _person(chat: int) -> dict[str, Any]:
    return {"id": chat, "is_bot": False, "first_name": f"居民{chat}"}


def _sent(bubble: Bubble) -> dict[str, Any]:
    chat = {"id": bubble.chat, "type": "private"}
    return {"message_id": bubble.id, "date": 1_795_000_000, "chat": chat, "from": _BOT, "text": bubble.text or "…"}


def _ok(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _error(status: int, said: str, parameters: dict[str, Any] | None = None) -> web.Response:
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": said}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=status)


@asynccontextmanager
async def serving(*apps: web.Application) -> AsyncIterator[list[str]]:
    """The addresses of these servers on free ports of loopback."""
    async with contextlib.AsyncExitStack() as stack:
        bases = []
        for app in apps:
            runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.5, handler_cancellation=True)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            host, port = runner.addresses[0][:2]
            bases.append(f"http://{host}:{port}")
        yield bases


def bot_api(messenger: Messenger) -> web.Application:
    """The messenger's face to the bot."""
    app = web.Application()
    app.add_routes([web.post(f"/bot{TOKEN}/{{method}}", messenger.handle)])
    app.add_routes([web.get(f"/file/bot{TOKEN}/{{name}}", messenger.download)])
    return app
