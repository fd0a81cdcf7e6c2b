"""SIGTERM to the real process: the turn in hand is finished, nothing that was accepted is lost, no child is left."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiohttp import web
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bot.demo import FIRST_CHAT
from tests.conftest import ROOT
from tests.operating.conftest import LIGHT

PATIENCE = 250
pytestmark = pytest.mark.timeout(900)  # a process starts slowly where others train


class StandIn:
    """An NLU that holds its answer until it is let."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.url = ""

    async def status(self, _: web.Request) -> web.Response:
        return web.json_response({"model_id": "stand-in"})

    async def parse(self, request: web.Request) -> web.Response:
        said = await request.json()
        self.asked.set()
        await self.may_answer.wait()
        found = {"name": "street_light", "confidence": 0.97}
        return web.json_response({"text": said["text"], "intent": found, "intent_ranking": [found], "entities": []})


@pytest.fixture
async def nlu() -> AsyncIterator[StandIn]:
    stand_in = StandIn()
    app = web.Application()
    app.add_routes([web.get("/status", stand_in.status), web.post("/model/parse", stand_in.parse)])
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    stand_in.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield stand_in
    stand_in.may_answer.set()
    await runner.cleanup()


@asynccontextmanager
async def process(
    *command: str, storage: Path, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, str, psutil.Process]]:
    """The process, where it serves, and how the system sees it; what it said stands in `storage`/said."""
    storage.mkdir(exist_ok=True)
    own = {
        "XIAOSHAO__DATABASE__URL": f"sqlite+aiosqlite:///{storage / 'own.db'}",
        "XIAOSHAO__STORAGE": str(storage),
        "XIAOSHAO__SERVER__PORT": "0",
        **settings,
    }
    kept = {key: value for key, value in os.environ.items() if key != "TELEGRAM_BOT_TOKEN"}
    with (storage / "said").open("wb") as said:
        running = await asyncio.create_subprocess_exec(
            sys.executable, *command, cwd=ROOT, env=kept | own, stdout=subprocess.PIPE, stderr=said
        )
        try:
            assert running.stdout is not None
            line = await asyncio.wait_for(running.stdout.readline(), PATIENCE)
            assert b"is at http" in line, (storage / "said").read_text("utf-8")
            yield running, line.decode().split()[3], psutil.Process(running.pid)
        finally:
            if running.returncode is None:
                running.kill()
                await running.wait()


def run(nlu: StandIn, storage: Path) -> Any:
    return process("-m", "bot", "run", storage=storage, XIAOSHAO__NLU__URL=nlu.url, XIAOSHAO__NLU__TIMEOUT_SECONDS="30")


async def says(socket: Any, number: int, text: str) -> None:
    """Until it is acknowledged: from then on it must not be lost."""
    message = {"type": "text", "chat": str(FIRST_CHAT), "client_id": f"c{number}", "text": text}
    await socket.send(json.dumps(message))
    while (await hears(socket)).get("type") != "ack":
        pass


async def hears(socket: Any) -> Mapping[str, Any]:
    heard: Mapping[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), PATIENCE))
    return heard


async def hears_to_the_end(socket: Any) -> None:
    while True:
        await hears(socket)


def rows(storage: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(storage / "own.db")) as database:
        return database.execute(query).fetchall()


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
async def test_the_turn_in_hand_is_finished_and_what_came_after_it_is_kept(
    nlu: StandIn, tmp_path: Path, by: signal.Signals, code: int
) -> None:
    async with run(nlu, tmp_path) as (running, address, _):
        async with connect(f"ws{address.removeprefix('http')}/ws") as socket:
            await socket.send(json.dumps({"type": "hello", "chats": {str(FIRST_CHAT): 0}}))
            await says(socket, 1, LIGHT)
            await asyncio.wait_for(nlu.asked.wait(), PATIENCE)
            await says(socket, 2, "谢谢")
            assert rows(tmp_path, "SELECT state FROM inbox ORDER BY id") == [("waiting",), ("waiting",)]
            running.send_signal(by)
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(running.wait(), 1.5)  # it waits for the turn
        nlu.may_answer.set()
        assert await asyncio.wait_for(running.wait(), PATIENCE) == code, (tmp_path / "said").read_text("utf-8")
    assert rows(tmp_path, "SELECT state FROM inbox ORDER BY id") == [("done",), ("waiting",)]
    assert rows(tmp_path, "SELECT category, status FROM cases") == [("street_light", "with_grid_branch")]
    said = (tmp_path / "said").read_text("utf-8")
    assert "Traceback" not in said, said

    async with run(nlu, tmp_path) as (running, _, _):  # and the next start goes on where it stopped
        async with asyncio.timeout(PATIENCE):
            while rows(tmp_path, "SELECT state FROM inbox WHERE state <> 'done'"):  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), PATIENCE) == 0
    assert len(rows(tmp_path, "SELECT id FROM cases")) == 1


async def test_the_port_is_closed_at_once_and_a_second_signal_ends_it_without_waiting(
    nlu: StandIn, tmp_path: Path
) -> None:
    async with run(nlu, tmp_path) as (running, address, _):
        async with connect(f"ws{address.removeprefix('http')}/ws") as socket:
            await socket.send(json.dumps({"type": "hello", "chats": {}}))
            await says(socket, 1, LIGHT)
            await asyncio.wait_for(nlu.asked.wait(), PATIENCE)
            running.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed):
                await hears_to_the_end(socket)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), PATIENCE) == -signal.SIGTERM
    assert rows(tmp_path, "SELECT state FROM inbox") == [("waiting",)]


WITH_CHILDREN = """
    import asyncio, sys
    from pathlib import Path

    from bot.app import App
    from bot.http import listening
    from bot.operating.stopping import listening_for_stop, serve
    from bot.settings import load
    from nlu.rasa_client import RasaProcess
    from nlu.rasa_pool import RasaPool

    def start(model):
        child = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
        return RasaProcess(
            model=Path("pyproject.toml"), log_file=Path(sys.argv[1]) / "child.log", command=lambda port: [sys.executable, "-c", child]
        )

    async def main():
        settings = load()
        pool = RasaPool(workers=2, pointer=Path(sys.argv[1]) / "live", start=start)
        pool.start = lambda: start_without_model(pool)
        with listening("127.0.0.1", 0) as sockets, listening_for_stop() as stop:
            app = App(settings, understander=pool)
            async with app.running():
                print("x is at http://", flush=True)
                await serve(app.http, sockets, stop)

    async def start_without_model(pool):
        pool._serving = await pool._generation(pool.model)
        pool._watcher = asyncio.get_running_loop().create_task(pool._watch())

    asyncio.run(main())
"""


async def test_every_child_is_gone_when_the_process_is(tmp_path: Path) -> None:
    program = textwrap.dedent(WITH_CHILDREN)
    async with process("-c", program, str(tmp_path), storage=tmp_path) as (running, _, seen):
        async with asyncio.timeout(PATIENCE):
            while len(family := seen.children(recursive=True)) < 4:  # noqa: ASYNC110 - two children with one each
                await asyncio.sleep(0.05)
        running.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(running.wait(), PATIENCE) == 0, (tmp_path / "said").read_text("utf-8")
        gone, alive = psutil.wait_procs(family, timeout=10)
        assert (len(gone), alive) == (4, [])
