"""Who delivers a channel: one at a time, and when it is gone another within the stated time. Time is the test's own."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from bot.processes import leases as module
from bot.processes.leases import Leases, is_dead, machine, this_process
from tests.conftest import ROOT
from workflows.database import Database

NOON = datetime(2026, 11, 26, 4, tzinfo=UTC)
TAKE_OVER = 30.0
NAME = "courier:telegram"


class Time:
    """One time for everybody: the database's, and each process's own watch."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def passes(self, seconds: float) -> None:
        self.seconds += seconds

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds)

    def running(self) -> float:
        return self.seconds

    def process(self, database: Database, me: str) -> Leases:
        return Leases(database, TAKE_OVER, me=me, running=self.running, now=self.now)


@pytest.fixture
def time() -> Time:
    return Time()


async def test_one_at_a_time_has_it_for_as_long_as_it_lives(one: Database, two: Database, time: Time) -> None:
    first, second = time.process(one, "a/1/1/x"), time.process(two, "b/1/1/y")
    for _ in range(200):
        assert await first.hold(NAME)
        assert not await second.hold(NAME)
        time.passes(1)


async def test_when_it_dies_another_has_it_within_the_stated_time_and_never_both(
    one: Database, two: Database, time: Time
) -> None:
    first, second = time.process(one, "a/1/1/x"), time.process(two, "b/1/1/y")
    assert await first.hold(NAME)
    time.passes(TAKE_OVER / 3)
    assert await first.hold(NAME)  # put off, and from now on never heard of again
    died, took_over = time.seconds, None
    while took_over is None and time.seconds < died + 2 * TAKE_OVER:
        time.passes(0.25)
        if await second.hold(NAME):
            took_over = time.seconds
        assert not (first.holds(NAME) and second.holds(NAME))
    assert took_over is not None
    assert took_over - died <= TAKE_OVER


async def test_a_holder_that_cannot_reach_the_database_stops_before_another_may_begin(
    one: Database, two: Database, time: Time
) -> None:
    first, second = time.process(one, "a/1/1/x"), time.process(two, "b/1/1/y")
    assert await first.hold(NAME)
    while first.holds(NAME):
        time.passes(0.1)
    assert not await second.hold(NAME)  # the table still keeps it for a moment


async def test_who_was_away_too_long_does_not_get_it_back_while_another_has_it(
    one: Database, two: Database, time: Time
) -> None:
    first, second = time.process(one, "a/1/1/x"), time.process(two, "b/1/1/y")
    assert await first.hold(NAME)
    time.passes(TAKE_OVER * 2)  # frozen, or asleep
    assert not first.holds(NAME)
    assert await second.hold(NAME)
    assert not await first.hold(NAME)
    assert second.holds(NAME)


async def test_who_stops_leaves_it_to_the_next_at_once(one: Database, two: Database, time: Time) -> None:
    first, second = time.process(one, "a/1/1/x"), time.process(two, "b/1/1/y")
    assert await first.hold(NAME)
    await first.release(NAME)
    assert not first.holds(NAME)
    assert await second.hold(NAME)
    await first.release(NAME)  # no longer its own to give away
    assert not await first.hold(NAME)


async def test_two_things_are_two_leases(one: Database, two: Database, time: Time) -> None:
    first, second = time.process(one, "a/1/1/x"), time.process(two, "b/1/1/y")
    assert await first.hold("courier:telegram")
    assert await second.hold("courier:web")
    assert not await second.hold("courier:telegram")


async def test_a_process_of_this_machine_that_is_gone_is_followed_at_once(
    one: Database, two: Database, time: Time
) -> None:
    first = time.process(one, _name_of_one_that_has_ended())
    second = time.process(two, this_process())
    assert await first.hold(NAME)
    assert await second.hold(NAME)


async def test_a_process_of_this_machine_that_lives_is_not(one: Database, two: Database, time: Time) -> None:
    first, second = time.process(one, this_process()), time.process(two, this_process())
    assert await first.hold(NAME)
    assert not await second.hold(NAME)


def _name_of_one_that_has_ended() -> str:
    says = "from bot.processes.leases import this_process; print(this_process())"
    return subprocess.run(
        [sys.executable, "-c", says], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_only_what_is_surely_dead_is_called_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    here, number, started, mark = this_process().rsplit("/", 3)
    assert not is_dead(f"{here}/{number}/{started}/{mark}")
    assert is_dead(f"{here}/{number}/{int(started) - 1}/{mark}")  # its number was given to another: to us
    assert not is_dead(f"elsewhere/{number}/{int(started) - 1}/{mark}")  # another machine: nobody can tell
    for nonsense in ("", "x", f"{here}/x/y", f"{here}///", f"{here}/-1/2/3"):
        assert not is_dead(nonsense)
    assert is_dead(_name_of_one_that_has_ended())
    monkeypatch.setattr(module, "Path", _Unreadable)
    assert machine() != machine()  # where it cannot be told, no two are the same


class _Unreadable:
    def __init__(self, _: str) -> None:
        """Any path."""

    def read_text(self, **_: str) -> str:
        raise OSError


async def test_what_is_noted_holds_good_for_the_stated_time_whoever_says_so(
    one: Database, two: Database, time: Time
) -> None:
    first, second = time.process(one, "a/1/1/x"), time.process(two, "b/1/1/y")
    assert not await second.noted("reader is ready")
    await first.note("reader is ready")
    time.passes(TAKE_OVER - 1)
    assert await second.noted("reader is ready")
    await second.note("reader is ready")
    time.passes(TAKE_OVER - 1)
    assert await first.noted("reader is ready")
    time.passes(1)
    assert not await first.noted("reader is ready")


async def test_the_databases_own_time_counts_where_no_other_is_given(one: Database, two: Database) -> None:
    first, second = Leases(one, TAKE_OVER, me="a/1/1/x"), Leases(two, TAKE_OVER, me="b/1/1/y")
    assert await first.hold(NAME)
    assert not await second.hold(NAME)
    assert first.holds(NAME)
