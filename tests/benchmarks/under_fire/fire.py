"""The product under fire: killed at random moments and started again."""

import asyncio
import signal
import sys
import time
from dataclasses import dataclass
from random import Random

from tests.benchmarks.under_fire import verdict as verdicts
from tests.benchmarks.under_fire.lives import Life, Lives
from tests.benchmarks.under_fire.messenger import MOMENTS, Messenger
from tests.benchmarks.under_fire.postgres import Postgres

START_SECONDS, CATCH_UP_SECONDS = 120.0, 120.0
STILL = {"XIAOSHAO__SCHEDULER__TICK_SECONDS": "3600"}  # nothing more falls due


@dataclass(frozen=True)
class Plan:
    """How much, how long, with what."""

    kills: int = 200
    seed: int = 1
    engine: str = "sqlite"
    processes: int = 1  # at once; more only on PostgreSQL
    freezes: int = 0  # so often one of several is stopped beyond its lease and then goes on
    residents: int = 16  # at once
    cold_every: int = 50  # of the lives, this one starts from the command itself; 0: none
    restart_every: int = 8  # lives between two restarts of PostgreSQL
    minutes: float = 60.0  # no more kills after this


class Fire:
    """One run."""

    def __init__(self, plan: Plan, lives: Lives, messenger: Messenger, url: str, server: Postgres | None) -> None:
        self._plan = plan
        self._lives = lives
        self._messenger = messenger
        self._url = url
        self._server = server
        self._rng = Random(f"{plan.seed}:kills")
        self._journal = messenger.journal
        self._began = time.monotonic()
        self.life: Life | None = None
        self.own: dict[str, str] = {}  # settings of the lives from now on

    async def start(self, *, number: int = 0) -> Life:
        """The next life, by polling or webhook."""
        mode = self._rng.choice(["polling", "webhook"])
        cold = bool(number and self._plan.cold_every) and number % self._plan.cold_every == 0
        self._messenger.up.clear()
        self.life = await self._lives.start(mode, cold=cold, own=self.own)
        self._journal.write("start", number=number, mode=mode, cold=cold, pid=self.life.pid)
        return self.life

    async def begin(self) -> None:
        """Start, and wait until it is at work."""
        await self.is_up(await self.start())

    async def end(self) -> list[int]:
        """Stop as an operator stops it; the exit codes."""
        assert self.life is not None
        return [await self._lives.signal(self.life, signal.SIGTERM, 30.0)]

    async def is_up(self, life: Life) -> None:
        """Wait until it asks for updates.

        Raises:
            AssertionError: it ended, or takes too long.
        """
        for _ in range(int(START_SECONDS * 20)):
            if self._messenger.up.is_set():
                return
            assert not await self._lives.ended(life, 0.05), f"the application ended at its start, code {life.code}"
        raise AssertionError(f"the application did not start within {START_SECONDS} s")

    async def kills(self) -> None:
        """All the lives that end by force; at the end the application does not run."""
        for number in range(1, self._plan.kills + 1):
            if time.monotonic() - self._began > self._plan.minutes * 60:
                return
            assert self.life is not None
            async with asyncio.TaskGroup() as group:
                if self._server is not None and number % self._plan.restart_every == 0:
                    group.create_task(self._restart())
                group.create_task(self._until_its_hour(self.life))
            if await self._lives.ended(self.life, 0.0):
                self._journal.write("died", code=self.life.code)
            else:
                self._journal.write("kill", number=number)
                code = await self._lives.signal(self.life, signal.SIGKILL)
                if code != -signal.SIGKILL:
                    self._journal.write("died", code=code)
            if number % 10 == 0:
                print(f"{number} kills, {time.monotonic() - self._began:.0f} s", file=sys.stderr, flush=True)
            if number < self._plan.kills:
                await self.start(number=number)

    async def _restart(self) -> None:
        assert self._server is not None
        await asyncio.sleep(self._rng.uniform(0.3, 4.0))
        self._journal.write("restart")
        await self._server.restart_at_once()

    async def _until_its_hour(self, life: Life) -> None:
        """Sometimes in its first moments, sometimes at any, sometimes right at a send or a receipt."""
        way = self._rng.choices(["young", "any", "moment"], [15, 40, 45])[0]
        young, any_, name, late = (
            self._rng.uniform(0.0, 2.0),
            self._rng.uniform(0.2, 4.0),
            self._rng.choice(MOMENTS),
            self._rng.uniform(0.0, 0.03),
        )
        if way == "young":
            await self._lives.ended(life, young)
            return
        for _ in range(int(START_SECONDS * 20)):
            if self._messenger.up.is_set() or await self._lives.ended(life, 0.05):
                break
        await self._lives.ended(life, any_)
        if way == "moment":
            await self._messenger.moment(name, 4.0)
            await asyncio.sleep(late)

    async def quiet(self) -> bool:
        """Whether nothing is left to do: neither at the messenger nor in the tables."""
        if self._messenger.waiting:
            return False
        try:
            kept = await verdicts.tables(self._url)
        except Exception:
            return False
        drafts = any(row["kind"] in ("draft", "reread") and row["done_at"] is None for row in kept["follow_ups"])
        waiting = any(row["state"] == "waiting" for name in ("inbox", "outbox") for row in kept[name])
        return not drafts and not waiting

    async def caught_up(self) -> None:
        """Wait until all is quiet, twice in a row."""
        still = 0
        deadline = time.monotonic() + CATCH_UP_SECONDS
        while still < 2 and time.monotonic() < deadline:
            await asyncio.sleep(1.0)
            still = still + 1 if await self.quiet() else 0
