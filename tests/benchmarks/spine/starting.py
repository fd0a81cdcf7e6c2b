"""How long the product takes to come up: `App.prepare`, and from the start of the process to the page's first answer."""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import yaml
from aiohttp import web

from bot.app import App
from bot.settings import load
from tests.benchmarks.spine.engines import Place
from tests.benchmarks.spine.feeding import spread
from tests.benchmarks.spine.turns import Constant
from tests.benchmarks.under_fire.reader import reader

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 120.0


async def measure(where: Place, times: int = 3) -> dict[str, Any]:
    """With the NLU elsewhere: its own start takes half a minute and is reported with the reader."""
    first, again, answers = [], [], []
    for _ in range(times):
        url = await where.fresh()
        first.append(await _prepare(where, url))
        again.append(await _prepare(where, url))
        answers.append(await _first_answer(where, url))
    return {
        "prepare_new_database_seconds": spread(first),
        "prepare_seconds": spread(again),
        "process_to_answer_seconds": spread(answers),
    }


async def _prepare(where: Place, url: str) -> float:
    settings = load(ROOT / "config.yml", database={"url": url}, storage=where.folder / "storage")
    app = App(settings, understander=Constant())
    began = time.perf_counter()
    try:
        await app.prepare()
        return time.perf_counter() - began
    finally:
        await app.database.close()


async def _first_answer(where: Place, url: str) -> float:
    runner = web.AppRunner(reader())
    await runner.setup()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        await web.SockSite(runner, listening).start()
        try:
            return await _started(where, url, listening.getsockname()[1])
        finally:
            await runner.cleanup()


async def _started(where: Place, url: str, reader_port: int) -> float:
    config = yaml.safe_load((ROOT / "config.yml").read_text("utf-8"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = config["server"]["port"] = probe.getsockname()[1]
    config["database"]["url"], config["storage"] = url, str(where.folder / "storage")
    config["demo"]["directory"] = str(ROOT / config["demo"]["directory"])
    config["nlu"]["url"] = f"http://127.0.0.1:{reader_port}"
    file = where.folder / "config.yml"
    file.write_text(yaml.safe_dump(config, allow_unicode=True), "utf-8")
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "run", "--config", str(file),
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with httpx.AsyncClient() as client:
            while time.perf_counter() - began < PATIENCE:
                try:
                    if (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200:
                        return time.perf_counter() - began
                except httpx.TransportError:
                    assert process.returncode is None, f"it ended with {process.returncode}"
                await asyncio.sleep(0.02)
        raise TimeoutError(f"no answer within {PATIENCE:.0f} s")
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
        await process.wait()
