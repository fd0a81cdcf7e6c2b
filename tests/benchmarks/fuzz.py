"""Whatever is sent, the product stands: `make fuzz UPDATES=100000 SEED=1 ENGINE=sqlite|postgresql`.

Residents and people of every post write on the page and on Telegram; their updates start out as such updates really
are and then have accidents. They go through the real HTTP server, inbox, dispatcher, database, courier and Telegram
messenger. Only three things are ours: time, Telegram's end of the line, and the reader. The reader rolls dice and gives
random but valid Understandings; the real one is tested elsewhere (`--rasa N` also lets it read N of the texts).

The run is cut into rounds, each on a fresh database with cases in every state; a round with a finding is run again by
itself with `--only ROUND`. The last line counts; the exit code is 1 when there was a finding.
"""

import argparse
import asyncio
import gc
import resource
import shutil
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from fastapi.dependencies import models
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from nlu.rasa_client import RasaClient, RasaProcess
from nlu.understanding import INTENTS, NluUnavailable
from tests.benchmarks.fuzzing.play import Result, round_of
from tests.benchmarks.fuzzing.watch import Finding
from tests.benchmarks.under_fire.postgres import postgres

ROUND = 2000
GROWTH_MB = 8  # a round, from the third on; half of it is what a new application and its tables leave behind


@asynccontextmanager
async def databases(engine: str, folder: Path) -> AsyncIterator["Databases"]:
    """Fresh databases of this kind, one after the other."""
    if engine == "sqlite":
        yield Databases("", folder)
        return
    async with postgres() as server:
        yield Databases(server.url, folder)


class Databases:
    """Gives each round a database that nobody has used."""

    def __init__(self, server: str, folder: Path) -> None:
        self._server = server
        self._folder = folder

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[tuple[str, Path]]:
        """Its address and a folder for photos; both are thrown away afterwards."""
        name = f"f{uuid.uuid4().hex[:16]}"
        storage = self._folder / name
        storage.mkdir(parents=True)
        try:
            if not self._server:
                yield f"sqlite+aiosqlite:///{storage / 'fuzz.db'}", storage
                return
            await self._server_does(f"CREATE DATABASE {name}")
            yield self._server.replace("/postgres?", f"/{name}?"), storage
            await self._server_does(f"DROP DATABASE {name} WITH (FORCE)")
        finally:
            shutil.rmtree(storage, ignore_errors=True)

    async def _server_does(self, what: str) -> None:
        engine = create_async_engine(self._server, isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(what))
        await engine.dispose()


async def run(number: int, seed: int, engine: str, folder: Path, only: int | None = None) -> Result:
    """All rounds, or one of them."""
    total, memory = Result(), []
    async with databases(engine, folder) as server:
        for at in range((number + ROUND - 1) // ROUND) if only is None else [only]:
            began = time.monotonic()
            async with server.fresh() as (url, storage):
                result = await round_of(min(ROUND, number - at * ROUND), url, storage, f"{seed}:{at}")
            _let_go()
            memory.append(psutil.Process().memory_info().rss / 2**20)
            total.add(result)
            rate = sum(result.sent.values()) / (time.monotonic() - began)
            print(f"round {at}: {rate:.0f}/s, {memory[-1]:.0f} MB, {len(result.findings)} findings", flush=True)
            for finding in list(dict.fromkeys(result.findings))[:20]:
                print(f"  {finding}", flush=True)
    if len(memory) > 3 and memory[-1] - memory[2] > GROWTH_MB * (len(memory) - 3):
        total.findings.append(Finding("memory grows", " ".join(f"{mb:.0f}" for mb in memory)))
    return total


def _let_go() -> None:
    """FastAPI remembers every endpoint for ever, and with it a round's whole application; the product has but one."""
    for remembered in vars(models).values():
        if hasattr(remembered, "cache_clear"):
            remembered.cache_clear()
    gc.collect()


async def read_by_rasa(texts: list[str]) -> list[Finding]:
    """What the real reader makes of the same texts: anything but a valid Understanding is a finding."""
    found: list[Finding] = []
    process = RasaProcess(log_file=Path(tempfile.gettempdir()) / "fuzz-rasa.log", timeout_seconds=20.0)
    try:
        await process.start()
        await process.wait_until_ready()
        async with RasaClient(process.url, process.token, timeout_seconds=20.0) as client:
            for line in texts:
                try:
                    read = await client.understand(line)
                except NluUnavailable as error:
                    found.append(Finding("the reader gave up", f"{error!r} {line[:200]!r}"))
                    continue
                strange = [e for e in read.entities if read.text[e.start : e.end] != e.value]
                if read.intent not in INTENTS or not 0 <= read.confidence <= 1 or strange:
                    found.append(Finding("not a valid Understanding", f"{read!r}"))
    finally:
        await process.stop()
    return found


def told(counts: Counter[str]) -> str:
    """Counts on a line."""
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def report(result: Result, seconds: float) -> None:
    """What happened, in the end on one line."""
    print(f"\nsent: {told(result.sent)}\nanswers: {told(result.answers)}\ninbox: {told(result.handled)}")
    print(f"states of cases met: {told(result.statuses)}\nlog: {told(result.log)}")
    kinds = Counter(finding.what for finding in result.findings)
    for what, times in kinds.most_common():
        print(f"FOUND {times} times: {what}")
    sent = sum(result.sent.values())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"updates {sent} replies {result.replies} findings {len(result.findings)} kinds {len(kinds)} "
        f"per_second {sent / seconds:.0f} slowest_turn_ms {result.slowest * 1000:.0f} peak_mb {peak:.0f}"
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--updates", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--only", type=int, help="this round alone")
    parser.add_argument("--rasa", type=int, default=0, metavar="N", help="let the real reader read N of the texts")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="xiaoshao-fuzz-"))
    began = time.monotonic()
    try:
        result = asyncio.run(run(asked.updates, asked.seed, asked.engine, folder, asked.only))
        seconds = time.monotonic() - began
        if asked.rasa:
            by_rasa = asyncio.run(read_by_rasa(result.texts[-asked.rasa :]))
            print("\n".join(str(finding) for finding in by_rasa))
            result.findings += by_rasa
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    report(result, seconds)
    sys.exit(bool(result.findings))


if __name__ == "__main__":
    main()
