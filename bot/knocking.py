"""The scheduler knocks by the wall clock; when that is set back, it would be silent until the old time comes again."""

import asyncio
from datetime import datetime, timedelta

import structlog
from apscheduler.schedulers.base import BaseScheduler

log = structlog.get_logger()


async def keep_knocking(scheduler: BaseScheduler, seconds: float) -> None:
    """Until cancelled: a job that runs every so many `seconds`, and stands further ahead than that, runs now."""
    most = timedelta(seconds=seconds) * 2
    while True:
        await asyncio.sleep(seconds)
        now = datetime.now(scheduler.timezone)  # noqa: TID251 - what is looked for is a jump of this very clock
        for job in scheduler.get_jobs():
            if job.next_run_time is not None and job.next_run_time - now > most:
                log.warning("the clock was set back, the ticks go on", ahead=str(job.next_run_time - now))
                job.modify(next_run_time=now)
