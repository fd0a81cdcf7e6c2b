"""A process that is stopped beyond its lease and goes on afterwards: others have taken over, and it must not interfere."""

import asyncio
from pathlib import Path

import pytest

from tests.benchmarks.crash import Plan, run
from tests.benchmarks.under_fire.verdict import judge

pytestmark = pytest.mark.crash


@pytest.mark.timeout(1200)  # on a machine that does nothing else it takes a minute and a half
def test_who_was_frozen_beyond_its_lease_doubles_and_reorders_nothing(tmp_path: Path) -> None:
    """Real processes on PostgreSQL, SIGSTOP at a send or a receipt, SIGCONT when another has long been at work."""
    plan = Plan(kills=3, seed=5, engine="postgresql", processes=2, freezes=1, residents=10, cold_every=0, minutes=4)
    journal, kept = asyncio.run(run(plan, tmp_path))
    frozen, thawed = (
        next(n for n, line in enumerate(journal) if line["kind"] == kind) for kind in ("frozen", "thawed")
    )
    meanwhile = [line for line in journal[frozen:thawed] if line["kind"] == "call" and line["taken"]]
    assert meanwhile, "nobody took over"
    verdict = judge(journal, kept)
    assert not verdict.faults
    assert verdict.freezes == 1 and verdict.accepted > 30
