"""Photos and recordings are fetched beside the turns: a slow messenger holds up the chat that the photo came from and no other."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from workflows.models import Inbound

Fetch = Callable[[Inbound], Awaitable[dict[str, Any] | None]]
Fetched = dict[str, Any] | Exception | None


class Fetching:
    """What is on its way and what has come, by the update that it belongs to."""

    def __init__(self, fetchers: Mapping[str, Fetch], came: asyncio.Event, *, within_seconds: float = 30.0) -> None:
        self._fetchers = fetchers  # may be filled later: Telegram is added when it starts
        self._came = came
        self._within = within_seconds
        self._lanes = asyncio.Semaphore(8)  # a photo is some megabytes in memory
        self._tasks: dict[int, asyncio.Task[Fetched]] = {}

    def here(self, row: Inbound) -> bool:
        """Whether the turn of this update can begin; sends for its photo when that was not done yet."""
        if row.channel not in self._fetchers or _is_noted(row):
            return True
        task = self._tasks.get(row.id)
        if task is None:
            # Owned by this object: made here, taken in `take` or ended in `close`.
            task = asyncio.get_running_loop().create_task(self._fetch(row), name=f"photo of {row.id}")
            task.add_done_callback(lambda _: self._came.set())
            self._tasks[row.id] = task
        return task.done()

    def take(self, row: Inbound) -> Fetched:
        """What came: the photo's facts, None for an update without one, or what went wrong."""
        task = self._tasks.pop(row.id, None)
        return task.result() if task is not None else row.update.get("xiaoshao")

    async def some(self) -> bool:
        """Wait until one that is on its way has come. False when none is."""
        under_way = [task for task in self._tasks.values() if not task.done()]
        if under_way:
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        return bool(self._tasks)

    async def close(self) -> None:
        """Let go of what has not come: it is fetched again after the next start."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _fetch(self, row: Inbound) -> Fetched:
        try:
            async with self._lanes, asyncio.timeout(self._within):
                return await self._fetchers[row.channel](row)
        except Exception as error:  # whatever a photo does, the turn decides what to make of it
            return error


def _is_noted(row: Inbound) -> bool:
    """Whether everything that comes with an update is noted beside it; the words of a recording may still be wanted."""
    noted = row.update.get("xiaoshao")
    return noted is not None and ("voice_id" not in noted or "recognised" in noted)
