"""A line to a Bot API emulator that we did not write: its process, a gate before it that listens and makes trouble, people."""

import asyncio
import contextlib
import io
import itertools
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import uvicorn
from aiohttp import web
from fastapi import FastAPI
from PIL import Image

TOKEN = "42:synthetic"
STRANGER = 5001
_COMMAND = Path(sys.executable).with_name("lo-bot-api-emulator")


async def until(condition: Callable[[], Any], what: str, seconds: float = 20.0) -> Any:
    """What the condition gives as soon as it gives something; awaits it when it is a coroutine function.

    Raises:
        AssertionError: not within `seconds`.
    """
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = condition()
        if isinstance(found, Awaitable):
            found = await found
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"waited {seconds} s for {what}"
        await asyncio.sleep(0.02)


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Emulator:
    """The emulator's process and its control API."""

    def __init__(self, base: str, journal: Path, client: aiohttp.ClientSession) -> None:
        self.base = base
        self.journal = journal
        self._client = client

    async def update(self, token: str = TOKEN, **update: Any) -> int:
        """Something happens in Telegram; returns the update's id."""
        body = {"token": token, "update": update}
        async with self._client.post(f"{self.base}/__fixture/updates", json=body) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return int(answer["result"]["update_id"])

    async def deliver(self, token: str = TOKEN) -> int:
        """Telegram tries the webhook again; returns how many updates were taken."""
        async with self._client.post(f"{self.base}/__fixture/deliver", json={"token": token}) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return int(answer["result"]["delivered"])

    async def call(self, method: str, token: str = TOKEN, **fields: Any) -> Any:
        """Ask the Bot API, as another client would."""
        async with self._client.post(f"{self.base}/bot{token}/{method}", json=fields) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return answer["result"]

    async def upload(self, content: bytes) -> str:
        """A person's phone hands a picture to Telegram; returns its file id. (Another bot stands in for the phone.)"""
        form = aiohttp.FormData({"chat_id": "1"})
        form.add_field("photo", content, filename="phone.jpg")
        async with self._client.post(f"{self.base}/bot7:phone/sendPhoto", data=form) as response:
            answer = await response.json()
        assert answer["ok"], answer
        return str(answer["result"]["photo"][0]["file_id"])

    async def verdict(self, *methods: str, allow: tuple[str, ...] = ()) -> dict[str, Any]:
        """The emulator's own judgement of everything that it was asked: no refused request, these methods seen."""
        arguments = [f"--require-method={method}" for method in methods] + [f"--allow-refusal={pair}" for pair in allow]
        process = await asyncio.create_subprocess_exec(
            _COMMAND, "verdict", self.journal, "--require-response", *arguments, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return dict(json.loads(out))


@asynccontextmanager
async def emulator_on_a_free_port(folder: Path) -> AsyncIterator[Emulator]:
    """The emulator as its own process."""
    journal = folder / "journal.jsonl"
    async with aiohttp.ClientSession() as client:
        for _ in range(3):  # somebody else may take the port before the emulator does
            port = free_port()
            base = f"http://127.0.0.1:{port}"
            process = await asyncio.create_subprocess_exec(
                *(_COMMAND, f"--port={port}", "--enable-control", "--allow-insecure-loopback-webhooks"),
                f"--journal={journal}",
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
            )

            async def answers(base: str = base, process: asyncio.subprocess.Process = process) -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    async with client.post(f"{base}/bot1:probe/getMe") as response:
                        return response.status == 200
                return process.returncode is not None

            try:
                await until(answers, "the emulator")
                if process.returncode is None:
                    yield Emulator(base, journal, client)
                    return
            finally:
                if process.returncode is None:
                    process.terminate()
                await process.wait()
        raise AssertionError("the emulator does not start")


@dataclass
class Call:
    """One request of the bot as it went over the wire, and the status of its answer."""

    method: str
    fields: dict[str, str]
    files: dict[str, bytes]
    at: float
    status: int = 0
    result: Any = None

    @property
    def text(self) -> str:
        """What the person reads."""
        return self.fields.get("text") or self.fields.get("caption") or ""

    @property
    def buttons(self) -> dict[str, str]:
        """Words and payload of each button."""
        rows = json.loads(self.fields.get("reply_markup", "{}")).get("inline_keyboard", [])
        return {button["text"]: button["callback_data"] for row in rows for button in row if "callback_data" in button}


Trouble = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Gate:
    """Stands before the emulator: everything passes, is written down, and can be answered with trouble instead."""

    emulator: Emulator
    client: aiohttp.ClientSession
    base: str = ""
    calls: list[Call] = field(default_factory=list)
    troubles: dict[str, list[Trouble]] = field(default_factory=dict)

    def make_trouble(self, method: str, *troubles: Trouble) -> None:
        """The next requests of this method get these answers; they never reach the emulator."""
        self.troubles.setdefault(method, []).extend(troubles)

    def sent(self, *methods: str) -> list[Call]:
        """The requests that were taken."""
        return [call for call in self.calls if call.method in methods and call.status == 200]

    @property
    def said(self) -> list[Call]:
        """The messages that people got."""
        return self.sent("sendMessage", "sendPhoto")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request of the bot."""
        method = request.match_info["method"]
        fields: dict[str, str] = {}
        files: dict[str, bytes] = {}
        form = aiohttp.FormData(quote_fields=False)
        for name, value in (await request.post()).items():
            if isinstance(value, web.FileField):
                files[name] = value.file.read()
                form.add_field(name, files[name], filename=value.filename)
            else:
                fields[name] = str(value)
                form.add_field(name, fields[name])
        call = Call(method, fields, files, asyncio.get_running_loop().time())
        self.calls.append(call)
        if self.troubles.get(method):
            response = await self.troubles[method].pop(0)(request)
            call.status = response.status if response.status != 200 else -1
            return response
        url = f"{self.emulator.base}{request.path}"
        async with self.client.post(url, data=form if fields or files else None) as answer:
            body = await answer.read()
            call.result = json.loads(body).get("result")
            call.status = answer.status
            return web.Response(body=body, status=answer.status, content_type="application/json")

    async def download(self, request: web.Request) -> web.StreamResponse:
        """One file."""
        self.calls.append(Call("file", {}, {}, asyncio.get_running_loop().time()))
        if self.troubles.get("file"):
            return await self.troubles["file"].pop(0)(request)
        async with self.client.get(f"{self.emulator.base}{request.path}") as answer:
            self.calls[-1].status = answer.status
            return web.Response(body=await answer.read(), status=answer.status)


def answers(status: int, body: dict[str, Any] | str) -> Trouble:
    """An answer of the gate's own."""

    async def trouble(_: web.Request) -> web.StreamResponse:
        text = body if isinstance(body, str) else json.dumps(body)
        return web.Response(text=text, status=status, content_type="application/json")

    return trouble


def too_many(seconds: int) -> Trouble:
    """429, as Telegram words it."""
    said = f"Too Many Requests: retry after {seconds}"
    body = {"ok": False, "error_code": 429, "description": said, "parameters": {"retry_after": seconds}}
    return answers(429, body)


async def hangs(_: web.Request) -> web.StreamResponse:
    """No answer, for as long as the client waits."""
    await asyncio.Event().wait()
    raise AssertionError("not reached")


async def hangs_up(request: web.Request) -> web.StreamResponse:
    """The connection is cut without an answer."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@asynccontextmanager
async def gate_before(emulator: Emulator) -> AsyncIterator[Gate]:
    """The gate on a port of its own."""
    async with aiohttp.ClientSession() as client:
        gate = Gate(emulator, client)
        app = web.Application(client_max_size=32 * 2**20)
        app.router.add_post("/bot{token}/{method}", gate.handle)
        app.router.add_get("/file/{path:.*}", gate.download)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            gate.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield gate
        finally:
            await runner.cleanup()


class Person:
    """Somebody with Telegram on their phone."""

    _ids = itertools.count(1000)

    def __init__(self, emulator: Emulator, chat_id: int = STRANGER) -> None:
        self._emulator = emulator
        self.chat_id = chat_id
        self._me = {"id": chat_id, "is_bot": False, "first_name": "秀英", "last_name": "王"}

    def message(self, **fields: Any) -> dict[str, Any]:
        """A message of theirs as Telegram words it."""
        head = {
            "message_id": next(self._ids),
            "date": 1_764_000_000,
            "chat": {"id": self.chat_id, "type": "private", "first_name": "秀英", "last_name": "王"},
            "from": self._me,
        }
        return head | fields

    async def writes(self, text: str) -> int:
        """A text."""
        return await self._emulator.update(message=self.message(text=text))

    async def sends(self, content: bytes, caption: str = "") -> int:
        """A photo, in two sizes as Telegram makes them."""
        file_id = await self._emulator.upload(content)
        sizes = [{"file_id": "thumb", "file_unique_id": "t", "width": 90, "height": 60, "file_size": 900}]
        sizes.append(
            {"file_id": file_id, "file_unique_id": "l", "width": 800, "height": 600, "file_size": len(content)}
        )
        words = {"caption": caption} if caption else {}
        return await self._emulator.update(message=self.message(photo=sizes, **words))

    async def taps(self, call: Call, label: str) -> int:
        """A button below a message of the bot."""
        markup = json.loads(call.fields["reply_markup"])
        below = {"message_id": call.result["message_id"], "text": call.text, "reply_markup": markup}
        query = {
            "id": str(next(self._ids)),
            "from": self._me,
            "chat_instance": "1",
            "data": call.buttons[label],
            "message": self.message() | below,
        }
        return await self._emulator.update(callback_query=query)


def picture(colour: str = "teal") -> bytes:
    """A photo with a place in its EXIF."""
    image = Image.new("RGB", (800, 600), colour)
    exif = Image.Exif()
    exif[0x010E] = "secret place"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


@asynccontextmanager
async def served(http: FastAPI, port: int) -> AsyncIterator[None]:
    """An application behind uvicorn on this port."""
    server = uvicorn.Server(
        uvicorn.Config(http, host="127.0.0.1", port=port, log_config=None, lifespan="off", ws="none")
    )
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve())
        try:
            await until(lambda: server.started, "uvicorn")
            yield
        finally:
            server.should_exit = True
            await serving
