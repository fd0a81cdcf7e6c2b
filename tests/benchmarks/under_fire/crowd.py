"""Several processes at once, each with its own part of the work, each killed on its own; now and then all of them."""

import asyncio
import signal
import socket
import sys
import time
from collections.abc import Sequence
from random import Random

from tests.benchmarks.under_fire.fire import Fire, Plan
from tests.benchmarks.under_fire.lives import Life, Lives
from tests.benchmarks.under_fire.messenger import MOMENTS, Messenger
from tests.benchmarks.under_fire.postgres import Postgres

# Who does what. From three on there are two for everything, so that one can take over from the other.
ROLES: dict[int, list[list[str]]] = {
    2: [["web", "polling", "turns", "courier"], ["polling", "turns", "courier", "scheduler"]],
    3: [["web", "polling", "courier"], ["web", "turns", "scheduler"], ["polling", "turns", "courier", "scheduler"]],
    4: [["web", "turns"], ["web", "polling", "scheduler"], ["turns", "courier"], ["polling", "courier", "scheduler"]],
}
ALL_AT_ONCE = 0.08  # of the kills; then updates may come the other way, by polling or by webhook
FROZEN_SECONDS = (9.0, 24.0)  # longer than a lease and, at times, than the server waits for a line that says nothing
READ_SECONDS = 0.3  # by then the messenger has read whatever a killed process had sent


def free_port() -> int:
    """A port of loopback that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Crowd(Fire):
    """One run of several processes."""

    def __init__(self, plan: Plan, lives: Lives, messenger: Messenger, url: str, server: Postgres | None) -> None:
        super().__init__(plan, lives, messenger, url, server)
        self._roles = ROLES[plan.processes]
        self._ports = [free_port() for _ in self._roles]
        self._alive: dict[int, Life] = {}
        self._mode = "polling"
        self._coin = Random(f"{plan.seed}:machines")
        self._freezing = Random(f"{plan.seed}:freezes")
        # As a balancer before them would: whoever serves the webhook may get an update.
        web = [port for port, own in zip(self._ports, self._roles, strict=True) if "web" in own]
        messenger.doors = [f"http://127.0.0.1:{port}" for port in web]

    async def begin(self) -> None:
        """All of them, and wait until one asks for updates."""
        self._mode = self._rng.choice(["polling", "webhook"])
        self._messenger.up.clear()
        for place in range(len(self._roles)):
            await self._start(place)
        await self.is_up(self._alive[0])

    async def _start(self, place: int, number: int = 0) -> None:
        cold = bool(number and self._plan.cold_every) and number % self._plan.cold_every == 0
        own = self.own | {"XIAOSHAO__SERVER__PORT": str(self._ports[place])}
        roles = [word for role in self._roles[place] for word in ("--role", role)]
        # Half of them are seen to be dead by the others, half have to be waited for, as on another machine.
        machine = f"machine-{number}-{place}" if self._coin.random() < 0.5 else ""
        life = await self._lives.start(self._mode, cold=cold, roles=roles, own=own, machine=machine)
        self._alive[place] = life
        self._journal.write("start", number=number, mode=self._mode, cold=cold, pid=life.pid, place=place)

    async def end(self) -> list[int]:
        """Stop them all at once, as an operator does."""
        stopping = [self._lives.signal(life, signal.SIGTERM, 30.0) for life in self._alive.values()]
        return list(await asyncio.gather(*stopping))

    async def kills(self) -> None:
        """One dies, the others go on; now and then, and at the end, all die."""
        done, several, frozen = 0, len(self._roles), 0
        while done < self._plan.kills:
            if frozen < self._plan.freezes and frozen * self._plan.kills <= done * self._plan.freezes:
                frozen += 1
                await self._freeze(self._freezing.randrange(several))
            async with asyncio.TaskGroup() as group:
                if self._server is not None and self._rng.randrange(self._plan.restart_every) == 0:
                    group.create_task(self._restart())
                group.create_task(self._an_hour())
            late = time.monotonic() - self._began > self._plan.minutes * 60
            last = late or self._plan.kills - done <= several
            everybody = last or self._rng.random() < ALL_AT_ONCE
            victims = list(range(several)) if everybody else [self._rng.randrange(several)]
            await self._kill(victims, done)
            done += len(victims)
            print(f"{done} kills, {time.monotonic() - self._began:.0f} s", file=sys.stderr, flush=True)
            if last:
                return
            if everybody:
                self._mode = self._rng.choice(["polling", "webhook"])
            for place in victims:
                await self._start(place, done)

    async def _freeze(self, place: int) -> None:
        """Stopped right at a send or a receipt, and let go on when others have long taken over. Nothing of it is lost."""
        life = self._alive[place]
        await self._messenger.moment(self._freezing.choice(MOMENTS), 4.0)
        await asyncio.sleep(self._freezing.uniform(0.0, 0.03))
        self._journal.write("frozen", place=place)
        self._lives.stir(life, signal.SIGSTOP)
        await asyncio.sleep(self._freezing.uniform(*FROZEN_SECONDS))
        self._lives.stir(life, signal.SIGCONT)
        await asyncio.sleep(READ_SECONDS)
        self._journal.write("thawed", place=place)
        assert not await self._lives.ended(life, 2.0), f"a frozen process ended by itself, code {life.code}"

    async def _kill(self, places: Sequence[int], done: int) -> None:
        for nth, place in enumerate(places, 1):
            life = self._alive[place]
            if await self._lives.ended(life, 0.0):
                self._journal.write("died", code=life.code)
                continue
            self._journal.write("kill", number=done + nth, place=place)
            code = await self._lives.signal(life, signal.SIGKILL)
            if code != -signal.SIGKILL:
                self._journal.write("died", code=code)
        await asyncio.sleep(READ_SECONDS)
        self._journal.write("buried", places=list(places))

    async def _an_hour(self) -> None:
        """Sometimes right after a start, sometimes at any moment, sometimes right at a send or a receipt."""
        way = self._rng.choices(["young", "any", "moment"], [15, 40, 45])[0]
        young, any_, name, late = (
            self._rng.uniform(0.0, 2.0),
            self._rng.uniform(1.0, 5.0),
            self._rng.choice(MOMENTS),
            self._rng.uniform(0.0, 0.03),
        )
        await asyncio.sleep(young if way == "young" else any_)
        if way == "moment":
            await self._messenger.moment(name, 4.0)
            await asyncio.sleep(late)
