"""People with their phones: what they type, tap, record and open goes through the real dispatcher and the real pages."""

import io
import itertools
import struct
from collections.abc import Callable, Sequence

import httpx
from aiogram.filters.callback_data import CallbackData
from PIL import Image
from sqlalchemy import select

from bot.app import App
from bot.channels.web.messenger import CHANNEL
from bot.channels.web.page import message_update, tap_update
from bot.conversation.buttons import what_button
from workflows.media import clean, keep, keep_file
from workflows.models import Inbound, Outbound, WebBubble
from workflows.voices import checked

_SEEN = 40  # messages that somebody scrolls back to find a button
_WORDS = ("text", "caption")


class Phones:
    """Everybody's phone. `wrong` collects what the product could not handle: nothing that people do may be that."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._numbers = itertools.count(1)
        self._before: dict[str, int] = {}  # the newest message of a chat before what they did last
        self.wrong: list[str] = []
        self.refused = 0  # turns that were answered with a refusal

    async def says(self, person: int, text: str) -> str:
        """Somebody writes; returns what they read then."""
        chat, number = str(person), next(self._numbers)
        return await self._arrives(chat, number, message_update(number, chat, self._now(), text))

    async def photographs(self, person: int, caption: str, community: int) -> str:
        """Somebody sends a photo."""
        number = next(self._numbers)
        buffer = io.BytesIO()
        Image.new("RGB", (64, 48), (number % 200, 140, 90)).save(buffer, "JPEG")
        photo = clean(buffer.getvalue(), 1)
        keep(self._app.settings.storage, photo)
        async with self._app.database.writing() as session:
            await self._app.office(session).photos.register(photo, community, None)
        update = message_update(number, str(person), self._now(), caption, photo.id)
        return await self._arrives(str(person), number, update | {"xiaoshao": {"photo_id": photo.id}})

    async def speaks(self, person: int, seconds: int, community: int) -> str:
        """Somebody sends a voice message."""
        number = next(self._numbers)
        voice = checked(recording(seconds), limit_mb=5, limit_seconds=120)
        keep_file(self._app.settings.storage, voice.id, voice.content)
        async with self._app.database.writing() as session:
            photos = self._app.office(session).photos
            await photos.enter_voice(voice.id, len(voice.content), voice.seconds, community, None)
        update = message_update(number, str(person), self._now(), "", voice.id)
        return await self._arrives(str(person), number, update | {"xiaoshao": {"voice_id": voice.id}})

    async def taps(self, person: int, wanted: Callable[[CallbackData], bool], *, just_shown: bool = False) -> bool:
        """Somebody taps the newest button of this sort in their chat. False: they have none.

        `just_shown`: only under what they have been told since they last did something.
        """
        since = self._before.get(str(person), 0) if just_shown else 0
        for message in await self._messages(str(person), since):
            for data in _buttons(message):
                button, _ = what_button(data)
                if button is not None and wanted(button):
                    await self._tap(str(person), message, data)
                    return True
        return False

    async def _tap(self, chat: str, message: Outbound, data: str) -> None:
        number = next(self._numbers)
        rows = (message.payload.get("reply_markup") or {}).get("inline_keyboard", [])
        shown = [[{"text": one["text"], "data": one["callback_data"]} for one in row] for row in rows]
        bubble = WebBubble(id=message.id, chat_key=chat, text=_text(message), buttons=shown)
        await self._arrives(chat, number, tap_update(bubble, data, f"tap{number}", self._now()))

    def _now(self) -> int:
        return int(self._app.clock.now().timestamp())

    async def _arrives(self, chat: str, number: int, update: dict[str, object]) -> str:
        async with self._app.database.reading() as session:
            newest = select(Outbound.id).order_by(Outbound.id.desc()).limit(1)
            before = (await session.execute(newest)).scalar() or 0
        self._before[chat] = before
        key = f"{chat}:{number}"
        await self._app.inbox.receive(CHANNEL, key, chat, update)
        await self._app.turns.drain()
        async with self._app.database.reading() as session:
            row = (await session.execute(select(Inbound).where(Inbound.update_key == key))).scalar_one()
            found = select(Outbound).where(Outbound.id > before, Outbound.chat_key == chat).order_by(Outbound.id)
            said = [_text(message) for message in (await session.execute(found)).scalars()]
        self._judge(row)
        return "\n".join(said)

    def _judge(self, row: Inbound) -> None:
        if row.state != "done":
            self.wrong.append(f"a turn is {row.state}: {row.error}; {row.update}")
        elif (row.understanding or {}).get("act") == "refused":
            self.refused += 1

    async def _messages(self, chat: str, since: int) -> Sequence[Outbound]:
        async with self._app.database.reading() as session:
            rows = await session.execute(
                select(Outbound)
                .where(Outbound.id > since, Outbound.channel == CHANNEL, Outbound.chat_key == chat)
                .where(Outbound.method.startswith("Send"))
                .order_by(Outbound.id.desc())
                .limit(_SEEN)
            )
            return rows.scalars().all()

    async def newest(self, person: int) -> str:
        """The last message in somebody's chat."""
        messages = await self._messages(str(person), 0)
        return _text(messages[0]) if messages else ""

    def browser(self) -> httpx.AsyncClient:
        """A browser without any cookie, for the pages that the product serves."""
        transport = httpx.ASGITransport(app=self._app.http)
        return httpx.AsyncClient(transport=transport, base_url="http://xiaoshao.season")


def _text(message: Outbound) -> str:
    return next((str(message.payload[key]) for key in _WORDS if message.payload.get(key)), "")


def _buttons(message: Outbound) -> list[str]:
    rows = (message.payload.get("reply_markup") or {}).get("inline_keyboard", [])
    return [one["callback_data"] for row in rows for one in row if one.get("callback_data")]


def recording(seconds: int) -> bytes:
    """The first and the last page of an Opus stream, which tell that it is one and how long it is."""
    head = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
    return _page(0, head) + _page(0, b"OpusTags") + _page(seconds * 48_000, b"\xf8\xff\xfe")


def _page(granule: int, body: bytes) -> bytes:
    return struct.pack("<4sBBqIIIB", b"OggS", 0, 0, granule, 1, 0, 0, 1) + bytes([len(body)]) + body
