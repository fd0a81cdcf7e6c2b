"""Open pages of one chat may be connected to different processes: what one of them shows, the others show as well."""

import asyncio
import json
from typing import Any

import structlog

from bot.channels.web.messenger import Hub, as_event, typing
from bot.processes.bell import PAGE, Line
from workflows.database import Database
from workflows.models import WebBubble

log = structlog.get_logger()


class Relay:
    """Hears what other processes show and shows it to the pages that are open here."""

    def __init__(self, database: Database, hub: Hub, line: Line) -> None:
        self._database = database
        self._hub = hub
        self._heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        line.on(PAGE, self._hear)
        line.on_return(hub.come_back)  # what was said meanwhile was not heard: each page asks for what it missed

    def _hear(self, said: str) -> None:
        heard = json.loads(said)
        chat = heard["event"].get("chat") if "event" in heard else heard["chat"]
        if chat is None or self._hub.watched(chat):
            self._heard.put_nowait(heard)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            heard = await self._heard.get()
            try:
                await self._show(heard)
            except Exception as error:  # the database is away: the pages ask again as soon as it answers them
                log.warning("a page could not be told", error=type(error).__name__)
                self._hub.come_back()

    async def _show(self, heard: dict[str, Any]) -> None:
        if event := heard.get("event"):
            self._hub.show(event)
            return
        async with self._database.reading() as session:
            bubble = await session.get(WebBubble, heard["bubble"])
        if bubble is not None:
            self._hub.show(as_event(bubble))
            self._hub.show(typing(bubble.chat_key, on=bubble.sender == "me"))
