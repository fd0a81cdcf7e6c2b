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
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from tests.benchmarks.under_fire import journal as journals
from tests.benchmarks.under_fire import verdict as verdicts
from tests.benchmarks.under_fire.crowd import ROLES, Crowd, free_port
from tests.benchmarks.under_fire.fire import STILL, Fire, Plan
from tests.benchmarks.under_fire.journal import Journal
from tests.benchmarks.under_fire.lives import ROOT, Lives, output
from tests.benchmarks.under_fire.messenger import SECRET, TOKEN, Messenger, bot_api, serving
from tests.benchmarks.under_fire.people import SECRETARY, People
from tests.benchmarks.under_fire.postgres import postgres
from tests.benchmarks.under_fire.reader import reader
from tests.benchmarks.under_fire.verdict import Row, Tables, Verdict


def configuration(url: str, storage: Path, base: str, reader_url: str) -> dict[str, Any]:
    """The shipped configuration with clocks that run out within minutes, so that time plays its part as well."""
    with (ROOT / "config.yml").open(encoding="utf-8") as shipped:
        config: dict[str, Any] = yaml.safe_load(shipped)
    config["server"]["port"] = free_port()
    config["database"]["url"] = url
    config["storage"] = str(storage)
    config["demo"]["directory"] = str(ROOT / config["demo"]["directory"])
    config["quiet_hours"] = {
        "start": "00:00",
        "end": "00:00",
    }  # none: it runs at any hour, and everything has to arrive
    config["channels"]["telegram"] |= {
        "token": TOKEN, "api_base": base, "webhook_secret": SECRET, "per_second": 200, "per_chat_seconds": 0.02,
    }  # fmt: skip
    config["nlu"] |= {"url": reader_url, "timeout_seconds": 4}
    config["listening"]["draft_minutes"] = 0.25
    config["scheduler"] = {"tick_seconds": 1}
    soon = datetime.now(ZoneInfo(config["timezone"])) + timedelta(minutes=2)  # noqa: TID251 - the digest comes in the run
    config["digest"] |= {"weekday": f"{soon:%A}".lower(), "at": f"{soon:%H:%M}"}
    config["process"]["take_over_seconds"] = 8
    ladder = config["ladder"]
    two, ten = ({"amount": amount, "unit": "minutes", "calendar": "calendar"} for amount in (2, 10))
    ladder["clocks"] = {"grid_branch": two, "property": two, "community": ten, "department": two}
    ladder |= {"confirm": two, "judge": two, "judge_again": two, "supply": two, "chase": ten}
    ladder["remind_before"] = {"amount": 1, "unit": "minutes", "calendar": "calendar"}
    for route in config["routes"]:
        route.pop("clocks", None)
    return config


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
        fire = (Crowd if plan.processes > 1 else Fire)(plan, lives, messenger, url, server)
        people = People(messenger, plan.seed, plan.residents)
        async with _delivering(messenger):
            await _under_fire(fire, messenger, people, config, env)
            await _in_peace(fire, messenger)
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


async def _under_fire(fire: Fire, messenger: Messenger, people: People, config: Path, env: dict[str, str]) -> None:
    """Staff take up their posts in peace, then everything at once."""
    await fire.begin()
    command: list[str | Path] = [ROOT / ".venv" / "bin" / "xiaoshao", "invite", SECRETARY, "--config", config]
    colleagues = await people.take_up_posts((await output(command, env)).split()[0])
    messenger.calm = False
    async with asyncio.TaskGroup() as group:
        group.create_task(people.live(colleagues))
        try:
            await fire.kills()
        finally:
            people.stop()


async def _in_peace(fire: Fire, messenger: Messenger) -> None:
    """The product catches up and is stopped as an operator stops it; what fell due at that moment, in the next life."""
    messenger.be_calm()
    for _ in range(5):
        await fire.begin()
        await fire.caught_up()
        for code in await fire.end():
            if code not in (0, -signal.SIGTERM, 128 + signal.SIGTERM):
                messenger.journal.write("died", code=code)
        if await fire.quiet():
            return
        fire.own = STILL  # on a slow machine deadlines of two minutes write faster than it can send


def told(plan: Plan, verdict: Verdict, seconds: float) -> str:
    """What is printed, the numbers last."""
    lines = [f"fault: {fault}" for fault in verdict.faults[:40]]
    if len(verdict.faults) > 40:
        lines.append(f"… and {len(verdict.faults) - 40} more")
    lines += [
        f"seed {plan.seed} engine {plan.engine} processes {plan.processes} seconds {seconds:.0f} "
        f"restarts {verdict.restarts} freezes {verdict.freezes} cases {verdict.cases} events {verdict.events} "
        f"replies {verdict.replies} pictures {verdict.pictures} files_fetched {verdict.files} "
        f"again_after_a_lost_answer {verdict.after_lost_answers} after_a_late_one {verdict.after_late_answers} "
        f"digests_not_sent_twice {verdict.never_twice} most_resent_for_one_kill {verdict.most_for_one_kill}",
        verdict.line,
    ]
    return "\n".join(lines)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--processes", type=int, choices=[1, *ROLES], default=1, help="at once, on PostgreSQL")
    parser.add_argument("--residents", type=int, default=16, help="at once; fewer where the machine has other work")
    parser.add_argument("--freezes", type=int, default=0, help="processes stopped beyond their lease and let go on")
    parser.add_argument("--minutes", type=float, default=60.0, help="no more kills after this")
    parser.add_argument("--keep", action="store_true", help="leave journal, database and log where they are")
    given = parser.parse_args()
    if given.processes > 1 and given.engine != "postgresql":
        parser.error("several processes need --engine postgresql")
    if given.freezes and given.processes == 1:
        parser.error("--freezes needs --processes: somebody has to take over")
    plan = Plan(
        given.kills, given.seed, given.engine, processes=given.processes, residents=given.residents,
        freezes=given.freezes, minutes=given.minutes,
    )  # fmt: skip
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
