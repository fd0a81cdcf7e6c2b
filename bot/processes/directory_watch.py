"""The directory in memory is read again when anybody has changed it: this process, another one, or an import."""

import asyncio
import contextlib
from collections.abc import Callable

import structlog

from workflows.database import Database
from workflows.directory import Directory
from workflows.directory_file.version import version

log = structlog.get_logger()

DIRECTORY = "xiaoshao_directory"  # the topic by which the processes tell each other


class DirectoryWatch:
    """Looks whether the directory was changed, and hands on the new one."""

    def __init__(self, database: Database, take: Callable[[Directory], None], look_seconds: float) -> None:
        self._database = database
        self._take = take
        self._look_seconds = look_seconds
        self._seen = -1
        self._one_at_a_time = asyncio.Lock()
        self.changed = asyncio.Event()  # set by whoever has heard that it was

    async def look(self) -> None:
        """Read the directory again if the number in the database is another one."""
        async with self._one_at_a_time:
            async with self._database.reading() as session:
                now = await version(session)
                if now == self._seen:
                    return
                directory = await Directory.load(session)
            self._seen = now
            self._take(directory)

    async def run(self) -> None:
        """Until cancelled: at once when it was said, and every few seconds in case it was not heard."""
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.changed.wait(), self._look_seconds)
            self.changed.clear()
            try:
                await self.look()
            except Exception as error:  # the database is away: asked again in a moment
                log.warning("the directory cannot be read", error=type(error).__name__)
