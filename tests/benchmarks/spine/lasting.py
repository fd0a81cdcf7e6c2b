"""What turns leave behind: the memory of the process after every so many of them. Run in a process of its own."""

import gc
import json
import sys
from typing import Any

import psutil

from bot.logging import configure
from tests.benchmarks.spine import city
from tests.benchmarks.spine.engines import place
from tests.benchmarks.spine.feeding import timed
from tests.benchmarks.spine.turns import Reports, Whole

CLIENTS, STEPS, WARM = 16, 5, 2_000


def memory_mb() -> float:
    """Resident set of this process, after a collection."""
    gc.collect()
    return float(round(psutil.Process().memory_info().rss / 2**20, 1))


async def turns(engine: str, how_many: int) -> dict[str, Any]:
    """The memory after each fifth of so many turns, and after the first two thousand."""
    scale = city.Scale(communities=25, residents=how_many + WARM)
    async with place(engine) as where, Whole.opened(where, scale) as whole:
        reports = Reports(scale)
        await timed(whole, reports.some(WARM), CLIENTS)
        at = {WARM: memory_mb()}
        for step in range(STEPS):
            await timed(whole, reports.some(how_many // STEPS), CLIENTS)
            at[WARM + how_many // STEPS * (step + 1)] = memory_mb()
            print(f"  memory after {max(at)} turns: {at[max(at)]} MB", file=sys.stderr, flush=True)
    first, last = at[WARM], at[max(at)]
    return {"turns": how_many, "rss_mb": {str(n): mb for n, mb in at.items()}, "growth": round(last / first, 3)}


if __name__ == "__main__":
    import uvloop

    configure("WARNING")
    print(json.dumps(uvloop.run(turns(sys.argv[1], int(sys.argv[2])))))
