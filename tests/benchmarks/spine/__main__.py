"""Performance of the spine: `make bench`, or `make bench ARGS="turns --engine sqlite"` for a part.

    python -m tests.benchmarks.spine [turns|large|memory|start …] [--engine sqlite|postgresql|both] [--readme]

Ratios are taken side by side in one process (echo, turn, echo, turn …), since the machine may be shared: trust them more
than the absolute numbers. The last line is one JSON object with every ratio.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop

from bot.logging import configure
from tests.benchmarks.spine import large, starting, table, turns
from tests.benchmarks.spine.engines import ENGINES, Place, place

ROOT = Path(__file__).resolve().parents[3]
SHORT = (2, 60)  # repetitions and updates of the comparison with the echo
PARTS = ("turns", "start", "large", "memory")
Part = Callable[[Place, argparse.Namespace], Awaitable[dict[str, Any]]]


async def _turns(where: Place, given: argparse.Namespace) -> dict[str, Any]:
    repetitions, updates = SHORT if given.short else (given.repetitions, given.updates)
    return {"turns": await turns.compare(where, repetitions, updates)}


async def _start(where: Place, _: argparse.Namespace) -> dict[str, Any]:
    return {"start": await starting.measure(where)}


async def _large(where: Place, given: argparse.Namespace) -> dict[str, Any]:
    return await large.measure(where, cases=given.cases, lookups=given.lookups, due=given.due)


async def _memory(where: Place, given: argparse.Namespace) -> dict[str, Any]:
    if where.engine != "sqlite" and given.engine == "both":
        return {}  # the process is the same, and an evening has only so many hours
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.benchmarks.spine.lasting", where.engine, str(given.turns),
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert process.returncode == 0, f"the turns ended with {process.returncode}"
    return {"memory": json.loads(out)}


_PART: dict[str, Part] = {"turns": _turns, "start": _start, "large": _large, "memory": _memory}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all without")
    parser.add_argument("--engine", choices=(*ENGINES, "both"), default="both")
    parser.add_argument("--short", action="store_true", help="fewer turns: both engines in some three minutes")
    parser.add_argument("--repetitions", type=int, default=5, help="of each comparison with the echo")
    parser.add_argument("--updates", type=int, default=320, help="in each of them; a third of it with one client")
    parser.add_argument("--cases", type=int, default=large.ALL_CASES, help="open ones for sweep and digest")
    parser.add_argument("--due", type=int, default=10_000, help="that the large sweep does")
    parser.add_argument("--lookups", type=int, default=600)
    parser.add_argument("--turns", type=int, default=20_000, help="for the memory; 100000 takes some ten minutes")
    parser.add_argument("--readme", action="store_true", help="put the tables into tests/benchmarks/README.md")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    return given


async def measure(given: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Every part that was asked for, on every engine."""
    engines = ENGINES if given.engine == "both" else (given.engine,)
    found: dict[str, dict[str, Any]] = {engine: {} for engine in engines}
    for part in given.parts or PARTS:
        for engine in engines:
            began = time.monotonic()
            async with place(engine) as where:
                found[engine] |= await _PART[part](where, given)
            print(json.dumps({engine: found[engine]}), file=sys.stderr, flush=True)  # should the rest be cut off
            print(f"{part} on {engine}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return found


def main() -> None:
    """Measure, print, and write down."""
    given = _arguments()
    configure("WARNING")
    found = uvloop.run(measure(given))
    text = table.tables(found)
    print(text)
    if given.readme:
        table.put_into_readme(text)
    print(json.dumps(table.ratios(found)))


if __name__ == "__main__":
    main()
