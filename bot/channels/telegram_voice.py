"""Telegram's voice messages: fetched before their turn as photos are, and handed on in the form that their kind allows."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any

from aiogram.methods import SendAudio, SendDocument, SendVoice, TelegramMethod
from aiogram.types import BufferedInputFile

from bot.channels.telegram import DOWNLOAD_LIMIT_MB, TelegramPhotos
from bot.settings import Voice as VoiceSetting
from workflows.media import PhotoRefused, keep_file
from workflows.models import Inbound
from workflows.voices import VoiceRefused, checked

# What Telegram plays as a voice message, as music, or hands over as a file.
_METHODS: dict[str, type[SendVoice] | type[SendAudio] | type[SendDocument]] = {
    "ogg": SendVoice,
    "mp3": SendAudio,
    "m4a": SendAudio,
}
_FIELDS = {SendVoice: "voice", SendAudio: "audio", SendDocument: "document"}


class TelegramMedia:
    """Fetches what a message brings, a recording or a photo."""

    def __init__(self, photos: TelegramPhotos, setting: VoiceSetting) -> None:
        self._photos = photos
        self._setting = setting

    async def __call__(self, row: Inbound) -> dict[str, Any] | None:
        """The kept recording's or photo's facts, or the phrase that says why there is none; None without either.

        Raises:
            OSError: the network or the disk is in trouble; try again.
        """
        sent = voice_in(row.update)
        if sent is None:
            return await self._photos(row)
        limit_mb = min(self._setting.limit_mb, DOWNLOAD_LIMIT_MB)
        said = _number(sent, "duration")
        try:
            if said > self._setting.limit_seconds:
                raise VoiceRefused("voice.too_long")
            if _number(sent, "file_size") > limit_mb * 1024 * 1024:
                raise VoiceRefused("voice.too_large")
            content = await self._photos.fetch(str(sent["file_id"]), limit_mb)
            voice = checked(content, limit_mb=limit_mb, limit_seconds=self._setting.limit_seconds, said_seconds=said)
        except PhotoRefused as refused:
            return {"photo_refused": refused.phrase.replace("photo.", "voice.")}
        await asyncio.to_thread(keep_file, self._photos.storage, voice.id, voice.content)
        return {"voice_id": voice.id, "seconds": voice.seconds, "size": len(voice.content)}


def voice_in(update: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The recording of a message: a voice message, or a file of sound."""
    message = update.get("message")
    if not isinstance(message, Mapping):
        return None
    for kind in ("voice", "audio"):
        sent = message.get(kind)
        if isinstance(sent, Mapping) and isinstance(sent.get("file_id"), str):
            return sent
    return None


def voice_calls(
    chat_id: int, ending: str, content: bytes, caption: str, markup: object
) -> Iterator[TelegramMethod[Any]]:
    """The one call that hands a recording on."""
    method = _METHODS.get(ending, SendDocument)
    file = BufferedInputFile(content, filename=f"voice.{ending}")
    yield method.model_validate(
        {"chat_id": chat_id, _FIELDS[method]: file, "caption": caption or None, "reply_markup": markup}
    )


def _number(sent: Mapping[str, Any], what: str) -> int:
    value = sent.get(what)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
