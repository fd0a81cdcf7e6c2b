"""When the reader's process is started again, and when it is let alone: a slow machine is no hung process."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from nlu.rasa_client import Patience, RasaProcess
from nlu.understanding import NluUnavailable

# Answers as Rasa does, unless a file says for how many seconds from its writing on it is to be silent.
CHILD = """
import json, pathlib, sys, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
port, silence = int(sys.argv[1]), pathlib.Path(sys.argv[2])

class Rasa(BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        while silence.exists() and time.time() < silence.stat().st_mtime + float(silence.read_text() or 0):
            time.sleep(0.02)
        if "status" in self.path:
            said = {"model_id": "m"}
        else:
            said = {"intent": {"name": "street_light", "confidence": 0.9}, "same": [0.5]}
        body = json.dumps(said).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            pass
    do_GET = do_POST = answer
    def log_message(self, *_):
        pass

ThreadingHTTPServer(("127.0.0.1", port), Rasa).serve_forever()
"""
IMPATIENT = Patience(
    look_every_seconds=0.05, answer_within_seconds=0.2, looks=3, silence_seconds=1.5, start_within_seconds=20
)


@pytest.fixture
def silence(tmp_path: Path) -> Path:
    return tmp_path / "silence"


@pytest.fixture
async def process(tmp_path: Path, silence: Path) -> AsyncIterator[RasaProcess]:
    python, model = tmp_path / ".venv" / "bin" / "python", tmp_path / "nlu.tar.gz"
    python.parent.mkdir(parents=True)
    python.touch()
    model.touch()
    one = RasaProcess(
        model=model,
        project=tmp_path,
        log_file=tmp_path / "rasa.log",
        timeout_seconds=0.3,
        patience=IMPATIENT,
        command=lambda port: [sys.executable, "-c", CHILD, str(port), str(silence)],
    )
    async with one:
        await one.wait_until_ready(20)
        yield one


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - the supervisor has no event for what the test looks at
            await asyncio.sleep(0.02)


async def test_a_process_that_is_merely_slow_is_let_alone(process: RasaProcess, silence: Path) -> None:
    first = process.pid
    silence.write_text("1.0")
    with pytest.raises(NluUnavailable):
        await process.understand("楼道灯不亮")  # whoever waits is not kept waiting
    assert process.ready
    await asyncio.sleep(2.0)
    assert (process.pid, process.ready) == (first, True)
    assert (await process.understand("楼道灯不亮")).intent == "street_light"


async def test_a_process_that_answers_nobody_for_long_is_started_again(process: RasaProcess, silence: Path) -> None:
    first, began = process.pid, time.monotonic()
    silence.write_text("1000")
    await until(lambda: process.pid != first)
    assert time.monotonic() - began >= IMPATIENT.silence_seconds
    silence.unlink()
    await until(lambda: process.ready)


async def test_a_process_that_is_dead_is_started_again_at_once(process: RasaProcess) -> None:
    first = process._child
    assert first is not None
    first.kill()
    await until(lambda: process.ready and process.pid != first.pid)
    assert (await process.understand("楼道灯不亮")).intent == "street_light"


def test_a_starved_machine_is_given_minutes() -> None:
    usual = Patience()
    assert usual.silence_seconds >= 180
    assert usual.looks >= 3
    assert usual.answer_within_seconds >= 20
