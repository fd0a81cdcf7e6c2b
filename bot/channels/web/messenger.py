"""The page's messenger: bubbles in SQL, each delivered exactly once, and a hub that wakes open pages."""

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.courier import Rejected
from bot.processes.bell import MOST_BYTES, PAGE, ring
from bot.processes.postbox import lock_bubbles
from workflows.database import Database
from workflows.models import Outbound, WebBubble

log = structlog.get_logger()

CHANNEL = "web"
RESTYLE = "Restyle"  # a row of the outbox that changes how the page looks, and says nothing
COME_BACK: dict[str, Any] = {"type": "come back"}  # never sent: the socket is closed instead


class Hub:
    """Wakes the sockets that look at a chat; a page that is not open reads it from the table later."""

    def __init__(self) -> None:
        self._watchers: dict[str, set[asyncio.Queue[dict[str, Any]]]] = {}

    def watch(self, chat: str, queue: asyncio.Queue[dict[str, Any]]) -> None:
        """From now on this page hears of the chat."""
        self._watchers.setdefault(chat, set()).add(queue)

    def leave(self, queue: asyncio.Queue[dict[str, Any]]) -> None:
        """The page is gone."""
        for queues in self._watchers.values():
            queues.discard(queue)

    def publish(self, chat: str, event: dict[str, Any]) -> None:
        """Tell every open page of this chat; a page too slow to listen is left to reconnect."""
        for queue in list(self._watchers.get(chat, ())):
            try:
                queue.put_nowait(event)
            except asyncio.QueueFull:
                self.leave(queue)

    def watched(self, chat: str) -> bool:
        """Whether a page of this chat is open here."""
        return bool(self._watchers.get(chat))

    def show(self, event: dict[str, Any]) -> None:
        """Tell every open page of the event's chat, or every page when it is about none."""
        if "chat" in event:
            self.publish(event["chat"], event)
        else:
            self.everybody(event)

    def everybody(self, event: dict[str, Any]) -> None:
        """Tell every open page."""
        queues = {queue for watchers in self._watchers.values() for queue in watchers}
        for queue in queues:
            if not queue.full():
                queue.put_nowait(event)

    def come_back(self) -> None:
        """Let every open page connect again: it then says what it has and gets what it missed."""
        self.everybody(COME_BACK)


async def tell_bubble(session: AsyncSession, bubble: WebBubble) -> None:
    """With this transaction's commit the other processes show a new or changed bubble; they read it themselves."""
    await ring(session, PAGE, json.dumps({"bubble": bubble.id, "chat": bubble.chat_key}))


async def tell(session: AsyncSession, event: dict[str, Any]) -> None:
    """With this transaction's commit the other processes show what is not kept: a toast, a count, typing."""
    said = json.dumps({"event": event}, ensure_ascii=False)
    if len(said.encode()) <= MOST_BYTES:
        await ring(session, PAGE, said)
    else:
        log.warning("an event too long for the other processes is shown here alone", type=event.get("type"))


class WebMessenger:
    """The courier's way to the page."""

    def __init__(self, database: Database, hub: Hub, clock: Clock) -> None:
        self._database = database
        self._hub = hub
        self._clock = clock

    async def deliver(self, row: Outbound) -> str | None:
        """Put the row into its chat as a bubble (or an edit of one); the row's id keeps it from coming twice.

        Raises:
            Rejected: an edit of a bubble that is not in this chat.
        """
        if row.method == "AnswerCallbackQuery":
            if text := row.payload.get("text"):  # without words it only stops the button's own clock
                await self._show({"type": "toast", "chat": row.chat_key, "text": text})
            return None
        if row.method == RESTYLE:
            await self._show({"type": "style", "chat": row.chat_key, "large": row.payload["large"]})
            return None
        async with self._database.writing() as session:
            if row.method in ("EditMessageText", "EditMessageReplyMarkup"):
                bubble = await self._edit(session, row)
            else:
                bubble = await self._add(session, row)
            await tell_bubble(session, bubble)
            event = as_event(bubble)
        self._hub.publish(row.chat_key, event)
        self._hub.publish(row.chat_key, typing(row.chat_key, on=False))
        return str(bubble.id)

    async def _show(self, event: dict[str, Any]) -> None:
        """What open pages show now and nothing keeps, also those of other processes."""
        if not self._database.sqlite:
            async with self._database.writing() as session:
                await tell(session, event)
        self._hub.publish(event["chat"], event)

    async def _add(self, session: AsyncSession, row: Outbound) -> WebBubble:
        known = (await session.execute(select(WebBubble).where(WebBubble.outbox_id == row.id))).scalar_one_or_none()
        if known is not None:
            return known
        voice = str(row.payload.get("voice", ""))
        photo = (voice or str(row.payload.get("photo", ""))).removeprefix("media:")
        bubble = WebBubble(
            chat_key=row.chat_key,
            seq=await next_seq(session, row.chat_key),
            sender="bot",
            outbox_id=row.id,
            kind="voice" if voice else "photo" if photo else "text",
            text=str(row.payload.get("text") or row.payload.get("caption") or ""),
            photo=photo or None,
            buttons=buttons_of(row.payload),
            at=max(row.created_at, row.not_before),
        )
        session.add(bubble)
        await session.flush()
        return bubble

    @staticmethod
    async def _edit(session: AsyncSession, row: Outbound) -> WebBubble:
        await lock_bubbles(session, row.chat_key)
        bubble = await session.get(WebBubble, int(row.payload.get("message_id", 0)))
        if bubble is None or bubble.chat_key != row.chat_key:
            raise Rejected("no such bubble in this chat")
        if "text" in row.payload:
            bubble.text = str(row.payload["text"])
            bubble.edited = True
        bubble.buttons = buttons_of(row.payload)
        bubble.seq = await next_seq(session, row.chat_key)
        await session.flush()
        return bubble


async def next_seq(session: AsyncSession, chat: str) -> int:
    """The chat's next position; one writer at a time sees to it that none is given twice."""
    await lock_bubbles(session, chat)
    last = (await session.execute(select(func.max(WebBubble.seq)).where(WebBubble.chat_key == chat))).scalar_one()
    return int(last or 0) + 1


def buttons_of(payload: Mapping[str, Any]) -> list[Any]:
    """aiogram's inline keyboard as the page takes it."""
    rows = (payload.get("reply_markup") or {}).get("inline_keyboard", [])
    return [[{"text": b["text"], "data": b.get("callback_data", "")} for b in row] for row in rows]


def typing(chat: str, *, on: bool) -> dict[str, Any]:
    """小哨 is about to answer, or has."""
    return {"type": "typing", "chat": chat, "on": on}


def as_event(bubble: WebBubble) -> dict[str, Any]:
    """A bubble as it goes over the socket."""
    return {"type": "bubble", "chat": bubble.chat_key, "bubble": as_json(bubble)}


def as_json(bubble: WebBubble) -> dict[str, Any]:
    """A bubble as the page draws it."""
    return {
        "id": bubble.id,
        "seq": bubble.seq,
        "from": bubble.sender,
        "kind": bubble.kind,
        "text": bubble.text,
        "photo": f"/media/{bubble.photo}" if bubble.photo and bubble.kind != "voice" else None,
        "voice": f"/media/{bubble.photo}" if bubble.photo and bubble.kind == "voice" else None,
        "buttons": bubble.buttons,
        "at": _iso(bubble.at),
        "client_id": bubble.client_id,
        "edited": bubble.edited,
    }


def _iso(at: datetime) -> str:
    return at.isoformat()
