"""Telegram's end of the line: takes what the bot calls, holds it against the Bot API's limits, gives photos and updates."""

import io
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramBadRequest, TelegramNetworkError
from aiogram.methods import (
    EditMessageReplyMarkup,
    EditMessageText,
    GetFile,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.types import Chat, File, InlineKeyboardMarkup, Message
from PIL import Image

TOKEN = "123456789:AAEfuzzfuzzfuzzfuzzfuzzfuzzfuzzfuzz"


def jpeg() -> bytes:
    """A small picture."""
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), (200, 90, 60)).save(buffer, "JPEG")
    return buffer.getvalue()


def units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


class Line(BaseSession):
    """An aiogram session whose other end never leaves the process. `faults`: calls that Telegram would have refused."""

    def __init__(self) -> None:
        super().__init__()
        self.faults: list[str] = []
        self.waiting: deque[list[Any]] = deque()  # answers to getUpdates
        self.sent: set[tuple[int, int]] = set()
        self._picture = jpeg()
        self._number = 0
        self._slow = 0

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:  # noqa: ASYNC109
        """What Telegram would answer."""
        if method.__api_method__ == "getUpdates":
            return self.waiting.popleft() if self.waiting else []
        if isinstance(method, GetFile):
            return self._file(method)
        self._check(method)
        if isinstance(method, EditMessageText | EditMessageReplyMarkup):
            if (method.chat_id, method.message_id) not in self.sent:
                raise TelegramBadRequest(method, "Bad Request: message to edit not found")
            return True
        if isinstance(method, SendMessage | SendPhoto):
            self._number += 1
            self.sent.add((int(method.chat_id), self._number))
            chat = Chat(id=int(method.chat_id), type="private")
            return Message.model_validate({"message_id": self._number, "date": 1, "chat": chat, "text": "好"})
        return True

    def _file(self, method: GetFile) -> File:
        if method.file_id == "gone":
            raise TelegramBadRequest(method, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if method.file_id == "slow":
            self._slow += 1
            if self._slow % 3:
                raise TelegramNetworkError(method, "not now")
        return File(file_id=method.file_id, file_unique_id="u", file_path=f"photos/{method.file_id[:20]}")

    def _check(self, method: TelegramMethod[Any]) -> None:
        name = type(method).__name__
        for what, limit in (("text", 4096), ("caption", 1024)):
            text = getattr(method, what, None)
            if text is None or name == "AnswerCallbackQuery":
                continue
            try:
                size = units(text)
            except UnicodeEncodeError:
                self.faults.append(f"{name}: {what} cannot be encoded")
                continue
            if size > limit or not text.strip():
                self.faults.append(f"{name}: {what} of {size} units")
        markup = getattr(method, "reply_markup", None)
        if isinstance(markup, InlineKeyboardMarkup):
            for button in (b for row in markup.inline_keyboard for b in row):
                if not button.text.strip() or not 1 <= len((button.callback_data or "").encode()) <= 64:
                    self.faults.append(f"{name}: button {button.text!r} carries {button.callback_data!r}")

    async def stream_content(self, url: str, *_: Any, **__: Any) -> AsyncIterator[bytes]:  # type: ignore[override]
        """A picture, or what only calls itself one."""
        yield b"%PDF-1.7 not a picture" if "junk" in url else self._picture

    async def close(self) -> None:
        """Nothing is open."""
