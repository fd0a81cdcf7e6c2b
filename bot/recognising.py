"""A recording is read aloud to the speech engine beside the turns, as photos are fetched: its words come with it."""

import asyncio
from pathlib import Path
from typing import Any

import structlog

from bot.fetching import Fetch
from nlu.speech import SpeechEngine, SpeechUnavailable
from workflows.media import path_of
from workflows.models import Inbound

log = structlog.get_logger()


class Recognising:
    """What a channel fetches, with the words of a recording beside it. Without words the recording comes alone."""

    def __init__(self, fetch: Fetch | None, engine: SpeechEngine, storage: Path, within_seconds: float) -> None:
        """`fetch`: how the channel gets at what was sent; None where it noted that beside the update already."""
        self._fetch = fetch
        self._engine = engine
        self._storage = storage
        self._within = within_seconds
        self._lane = asyncio.Semaphore(1)  # one recording keeps a processor busy

    async def __call__(self, row: Inbound) -> dict[str, Any] | None:
        """The facts of what came; `recognised` are the words of a recording.

        Raises:
            OSError: as the channel's own fetching.
        """
        told = await self._fetch(row) if self._fetch is not None else row.update.get("xiaoshao")
        if not told or not told.get("voice_id"):
            return told
        return {**told, "recognised": await self._words(path_of(self._storage, told["voice_id"]))}

    async def _words(self, recording: Path) -> str:
        try:
            async with asyncio.timeout(self._within), self._lane:
                return (await asyncio.to_thread(self._engine.recognise, recording)).strip()
        except (TimeoutError, SpeechUnavailable) as error:  # a person hears it all the same
            log.warning("a recording could not be recognised", error=type(error).__name__, said=str(error))
            return ""
