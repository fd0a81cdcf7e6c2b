"""What must not slow down with the number of cases: the sweep, the digest, the look-up of duplicates."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import func, select

from bot.app import App
from bot.clock import ManualClock
from bot.likeness import Nearby
from bot.settings import load
from bot.simulation import TEXTS
from tests.benchmarks.spine import city
from tests.benchmarks.spine.engines import Place
from tests.benchmarks.spine.feeding import percentile, spread
from tests.benchmarks.spine.loading import Load
from tests.benchmarks.spine.turns import ROOT, Constant, NullMessenger
from workflows.cases import NewReport
from workflows.models import FollowUp, Person
from workflows.policy.weeks import Week

NOW = datetime.fromisoformat("2026-11-25T02:00:00+00:00")  # a Wednesday, ten in the morning there
LOOKUP_CASES, ALL_CASES = 100_000, 1_000_000
SCALE = city.Scale(communities=50, residents=200_000)


@asynccontextmanager
async def _city(where: Place, scale: city.Scale) -> AsyncIterator[App]:
    settings = load(
        ROOT / "config.yml",
        database={"url": await where.fresh()},
        storage=where.folder / "storage",
        demo={"enabled": False},
    )
    app = App(settings, understander=Constant(), clock=ManualClock(NOW))
    app.messengers["telegram"] = NullMessenger()
    try:
        await app.database.migrate()
        await city.settle(app.database, scale, NOW - timedelta(days=60))
        await app.prepare()
        yield app
    finally:
        await app.database.close()


async def measure(where: Place, *, cases: int = ALL_CASES, lookups: int = 600, due: int = 10_000) -> dict[str, Any]:
    """All three, on one database that grows."""
    scale = SCALE if cases > LOOKUP_CASES else city.Scale(communities=10, residents=20_000)
    async with _city(where, scale) as app:
        loading = Load(app.database, scale, NOW)
        found: dict[str, Any] = {}
        began = time.perf_counter()
        await loading.up_to(min(cases, LOOKUP_CASES))
        found["look_up"] = {"open_cases": loading.open} | await _look_up(app, scale, lookups)
        await loading.up_to(cases)
        found["loading_seconds"] = round(time.perf_counter() - began, 1)
        found["digest"] = {"cases": loading.loaded} | await _digest(app)
        found["sweep"] = {"open_cases": loading.open} | await _sweep(app, due)
        return found


# ---- duplicates


async def _look_up(app: App, scale: city.Scale, times: int) -> dict[str, Any]:
    dice = Random(3)
    nearby = Nearby(app.database, app.understander, app.office)
    before, within = [], []
    for number in range(times + 20):
        person, estate, _ = city.resident(scale, dice.randrange(scale.residents))
        category = dice.choice(tuple(TEXTS))
        building = dice.randrange(30) + 1
        words = f"{city.NAMES[estate - 1]}小区{building}号楼{dice.choice(TEXTS[category][1])}"
        async with app.database.reading() as session:
            teller = await session.get_one(Person, person)  # a turn has it from the batch that it came in
        understood = await app.understander.understand(words)
        began = time.perf_counter()
        await nearby(None, teller, words, understood)
        middle = time.perf_counter()
        async with app.database.reading() as session:
            office = app.office(session)
            address = app.directory.locate(words, prefer_community=city.community_of(estate))
            report = NewReport(person, city.community_of(estate), category, words, address)
            asked = time.perf_counter()
            await office.cases.like(report)
        if number >= 20:  # the first ones compile their statements
            before.append((middle - began) * 1000)
            within.append((time.perf_counter() - asked) * 1000)
    return {
        "look_ups": times,
        "before_the_turn_ms": {"p50": round(percentile(before, 50), 2), "p99": round(percentile(before, 99), 2)},
        "in_the_turn_ms": {"p50": round(percentile(within, 50), 2), "p99": round(percentile(within, 99), 2)},
    }


# ---- digest


async def _digest(app: App) -> dict[str, Any]:
    """The running week of the whole city, and what one community's secretary reads."""
    week = Week.of(NOW, app.settings.zone)
    secretary = 2 * city.GRIDS + 2
    whole, one = [], []
    for _ in range(3):
        async with app.database.reading() as session:
            began = time.perf_counter()
            counted = await app.office(session).digests.measures(None, week.start, week.end)
            whole.append(time.perf_counter() - began)
        async with app.database.reading() as session:
            began = time.perf_counter()
            await app.office(session).digests.for_person(secretary, week)
            one.append(time.perf_counter() - began)
    return {
        "open": counted.open,
        "opened": counted.opened,
        "all_seconds": spread(whole),
        "one_community_seconds": spread(one),
    }


# ---- sweep


async def _sweep(app: App, many: int) -> dict[str, Any]:
    """A tick with nothing due, and all the ticks until a hundred and then `many` due ones are done."""
    clock = app.clock
    assert isinstance(clock, ManualClock)
    await app.tick()
    nothing = []
    for _ in range(50):
        began = time.perf_counter()
        assert await app.tick() == 0
        nothing.append((time.perf_counter() - began) * 1000)
    found: dict[str, Any] = {"nothing_due_ms": spread(nothing), "many": many}
    for name, due in (("few_due", 100), ("many_due", many)):
        clock.set(await _when_due(app, due))
        there = await _due(app)
        done, began, worked_for = 0, time.perf_counter(), time.process_time()
        while worked := await app.tick():
            done += worked
        seconds, of_cpu = time.perf_counter() - began, time.process_time() - worked_for
        assert done >= there and await _due(app) == 0, (done, there)
        found[name] = {
            "done": done,
            "seconds": round(seconds, 2),
            "ms_each": round(seconds / done * 1000, 2),
            "cpu_ms_each": round(of_cpu / done * 1000, 2),  # of our process; comparable while others work
        }
    small, large = found["few_due"]["cpu_ms_each"], found["many_due"]["cpu_ms_each"]
    found["cost_each_of_many_to_few"] = round(large / small, 2)
    return found


async def _when_due(app: App, rows: int) -> datetime:
    async with app.database.reading() as session:
        pending = select(FollowUp.due_at).where(FollowUp.done_at.is_(None), FollowUp.case_id.is_not(None))
        return (await session.execute(pending.order_by(FollowUp.due_at).offset(rows - 1).limit(1))).scalar_one()


async def _due(app: App) -> int:
    async with app.database.reading() as session:
        due = select(func.count()).where(FollowUp.done_at.is_(None), FollowUp.due_at <= app.clock.now())
        return (await session.execute(due)).scalar_one()
