"""Never lost, never twice, shown under fire: `make bench-crash KILLS=200 SEED=1 ENGINE=sqlite|postgresql`.

Scripted residents and staff talk to the running product through an emulated messenger that redelivers, reorders,
refuses and forgets to answer, while the product is killed with SIGKILL at random moments and started again, once by
polling and once by webhook; PostgreSQL is restarted at once under its feet, too. In the end there is calm, the product
catches up and is stopped, and a checker that reads only the messenger's journal and the tables says what became of
every update, reply and case. The last line says it in numbers; the exit code is 1 when a promise broke.

The reader of messages is a stand-in that knows the scripted sentences: understanding is tested elsewhere, and the real
one costs a machine. Most lives are forked from a process that has the imports behind it, so that two hundred of them
fit into half an hour; some are started cold from `.venv/bin/xiaoshao run`.

The seed decides who says and does what, what goes wrong and when is killed; the machine's own timing is not ours.
"""

import argparse
import asyncio
import json
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from tests.benchmarks.under_fire import journal as journals
from tests.benchmarks.under_fire import verdict as verdicts
from tests.benchmarks.under_fire.journal import Journal
from tests.benchmarks.under_fire.lives import ROOT, Life, Lives, output
from tests.benchmarks.under_fire.messenger import MOMENTS, SECRET, TOKEN, Messenger, bot_api, serving
from tests.benchmarks.under_fire.people import SECRETARY, People
from tests.benchmarks.under_fire.postgres import Postgres, postgres
from tests.benchmarks.under_fire.reader import reader
from tests.benchmarks.under_fire.verdict import Row, Tables, Verdict

START_SECONDS, CATCH_UP_SECONDS = 120.0, 300.0


@dataclass(frozen=True)
class Plan:
    """How much, how long, with what."""

    kills: int = 200
    seed: int = 1
    engine: str = "sqlite"
    residents: int = 16  # at once
    cold_every: int = 50  # of the lives, this one starts from the command itself; 0: none
    restart_every: int = 8  # lives between two restarts of PostgreSQL
    minutes: float = 60.0  # no more kills after this


def configuration(url: str, storage: Path, base: str, reader_url: str) -> dict[str, Any]:
    """The shipped configuration with clocks that run out within minutes, so that time plays its part as well."""
    with (ROOT / "config.yml").open(encoding="utf-8") as shipped:
        config: dict[str, Any] = yaml.safe_load(shipped)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        config["server"]["port"] = probe.getsockname()[1]
    config["database"]["url"] = url
    config["storage"] = str(storage)
    config["demo"]["directory"] = str(ROOT / config["demo"]["directory"])
    config["channels"]["telegram"] |= {
        "token": TOKEN, "api_base": base, "webhook_secret": SECRET, "per_second": 200, "per_chat_seconds": 0.02,
    }  # fmt: skip
    config["nlu"] |= {"url": reader_url, "timeout_seconds": 4}
    config["listening"]["draft_minutes"] = 0.25
    config["scheduler"] = {"tick_seconds": 1}
    ladder = config["ladder"]
    two, ten = ({"amount": amount, "unit": "minutes", "calendar": "calendar"} for amount in (2, 10))
    ladder["clocks"] = {"grid_branch": two, "property": two, "community": ten, "department": two}
    ladder |= {"confirm": two, "judge": two, "judge_again": two, "supply": two, "chase": ten}
    ladder["remind_before"] = {"amount": 1, "unit": "minutes", "calendar": "calendar"}
    for route in config["routes"]:
        route.pop("clocks", None)
    return config


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

    async def start(self, *, number: int = 0) -> Life:
        """The next life, by polling or webhook."""
        mode = self._rng.choice(["polling", "webhook"])
        cold = bool(number and self._plan.cold_every) and number % self._plan.cold_every == 0
        self._messenger.up.clear()
        self.life = await self._lives.start(mode, cold=cold)
        self._journal.write("start", number=number, mode=mode, cold=cold, pid=self.life.pid)
        return self.life

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


async def run(plan: Plan, folder: Path) -> tuple[list[Row], Tables]:
    """The whole of it: the journal and the tables that it leaves."""
    async with AsyncExitStack() as stack:
        journal = Journal(folder / "journal.jsonl")
        stack.callback(journal.close)
        server = await stack.enter_async_context(postgres()) if plan.engine == "postgresql" else None
        url = server.url if server else f"sqlite+aiosqlite:///{folder / 'town.db'}"
        messenger = Messenger(journal, plan.seed, calm=True)
        base, reader_url = await stack.enter_async_context(serving(bot_api(messenger), reader()))
        config = folder / "config.yml"
        config.write_text(yaml.safe_dump(configuration(url, folder, base, reader_url), allow_unicode=True), "utf-8")
        env = {"XIAOSHAO_LOG_LEVEL": "WARNING"}
        lives = await stack.enter_async_context(Lives.opened(config, env, folder / "application.log"))
        fire = Fire(plan, lives, messenger, url, server)
        people = People(messenger, plan.seed, plan.residents)
        async with _delivering(messenger):
            await _under_fire(fire, lives, messenger, people, config, env)
            await _in_peace(fire, lives, messenger)
        kept = await verdicts.tables(url)
        (folder / "tables.json").write_text(json.dumps(kept, ensure_ascii=False, default=str), "utf-8")
    return journals.read(journal.path), kept


@asynccontextmanager
async def _delivering(messenger: Messenger) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        delivering = group.create_task(messenger.deliver())
        try:
            yield
        finally:
            delivering.cancel()


async def _under_fire(
    fire: Fire, lives: Lives, messenger: Messenger, people: People, config: Path, env: dict[str, str]
) -> None:
    """Staff take up their posts in peace, then everything at once."""
    life = await fire.start()
    await fire.is_up(life)
    command: list[str | Path] = [ROOT / ".venv" / "bin" / "xiaoshao", "invite", SECRETARY, "--config", config]
    colleagues = await people.take_up_posts((await output(command, env)).split()[0])
    messenger.calm = False
    async with asyncio.TaskGroup() as group:
        group.create_task(people.live(colleagues))
        try:
            await fire.kills()
        finally:
            people.stop()


async def _in_peace(fire: Fire, lives: Lives, messenger: Messenger) -> None:
    """The product catches up and is stopped as an operator stops it; what fell due at that moment, in the next life."""
    messenger.be_calm()
    for _ in range(5):
        life = await fire.start()
        await fire.is_up(life)
        await fire.caught_up()
        code = await lives.signal(life, signal.SIGTERM, 30.0)
        if code not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
            messenger.journal.write("died", code=code)
        if await fire.quiet():
            return


def told(plan: Plan, verdict: Verdict, seconds: float) -> str:
    """What is printed, the numbers last."""
    lines = [f"fault: {fault}" for fault in verdict.faults[:40]]
    if len(verdict.faults) > 40:
        lines.append(f"… and {len(verdict.faults) - 40} more")
    lines += [
        f"seed {plan.seed} engine {plan.engine} seconds {seconds:.0f} restarts {verdict.restarts} cases {verdict.cases} "
        f"events {verdict.events} replies {verdict.replies} again_after_a_lost_answer {verdict.after_lost_answers} "
        f"most_resent_for_one_kill {verdict.most_for_one_kill}",
        verdict.line,
    ]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--minutes", type=float, default=60.0, help="no more kills after this")
    parser.add_argument("--keep", action="store_true", help="leave journal, database and log where they are")
    given = parser.parse_args()
    plan = Plan(kills=given.kills, seed=given.seed, engine=given.engine, minutes=given.minutes)
    folder = Path(tempfile.mkdtemp(prefix="xiaoshao-crash-"))
    print(f"seed {plan.seed}, in {folder}", file=sys.stderr, flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever ends it early: what was started is ended, too
    began = time.monotonic()
    verdict = verdicts.judge(*asyncio.run(run(plan, folder)))
    short = verdict.kills < plan.kills
    broken = bool(verdict.faults) or short
    if not (broken or given.keep):
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"journal, database and log are in {folder}", flush=True)
    if short:
        print(f"only {verdict.kills} of {plan.kills} kills were possible in {plan.minutes} minutes")
    print(told(plan, verdict, time.monotonic() - began), flush=True)
    sys.stdout.flush()
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
