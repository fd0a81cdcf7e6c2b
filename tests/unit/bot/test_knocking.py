"""The ticks go on when the clock is set back: the real scheduler, whose next run then stands a day ahead."""

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

from apscheduler.schedulers.asyncio import AsyncIOScheduler

from bot.knocking import keep_knocking


async def test_a_clock_that_is_set_back_by_a_day_does_not_stop_the_ticks_for_a_day() -> None:
    scheduler = AsyncIOScheduler(timezone=ZoneInfo("Asia/Shanghai"))
    knocks: asyncio.Queue[None] = asyncio.Queue()

    async def knock() -> None:
        knocks.put_nowait(None)

    job = scheduler.add_job(knock, "interval", seconds=0.05, max_instances=1, coalesce=True)
    scheduler.start()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(keep_knocking(scheduler, 0.05))
        await asyncio.wait_for(knocks.get(), 60)
        job.modify(next_run_time=job.next_run_time + timedelta(days=1))  # as it looks when the clock goes back by one
        while not knocks.empty():
            knocks.get_nowait()
        for _ in range(3):
            await asyncio.wait_for(knocks.get(), 60)
        assert knocks.qsize() <= 1  # one after the other, no storm
        watching.cancel()
    scheduler.shutdown(wait=False)
