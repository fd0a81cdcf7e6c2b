"""Telegram's voice messages: fetched, judged by their content, and handed on as what Telegram plays."""

from pathlib import Path
from typing import Any

import pytest
from aiogram.methods import GetFile, SendAudio, SendDocument, SendMessage, SendVoice
from aiogram.types import InputFile

from bot.channels.telegram import TelegramPhotos
from bot.channels.telegram_voice import TelegramMedia
from bot.courier import Rejected
from bot.settings import Voice
from tests.journeys.recordings import m4a, mp3, ogg
from tests.unit.bot.test_telegram import FILE, bot_with, deliver, inbound, ok, picture, refused, row
from workflows.media import keep_file, path_of

SENT = {"file_id": "v", "file_unique_id": "u", "duration": 3, "file_size": 900, "mime_type": "audio/ogg"}


async def fetch(tmp_path: Path, fields: dict[str, Any], file: Any = b"", answer: Any = FILE) -> dict[str, Any] | None:
    """What comes of a message with these fields."""
    bot, _ = bot_with(answer, file=file)
    photos = TelegramPhotos(bot, tmp_path, 10)
    return await TelegramMedia(photos, Voice(limit_mb=1, limit_seconds=60))(inbound(**fields))


@pytest.mark.parametrize("kind", ["voice", "audio"])
async def test_a_recording_is_fetched_and_kept(tmp_path: Path, kind: str) -> None:
    got = await fetch(tmp_path, {kind: SENT}, ogg(4))
    assert got is not None
    assert got["seconds"] == 4
    assert path_of(tmp_path, got["voice_id"]).read_bytes() == ogg(4)


@pytest.mark.parametrize(
    ("fields", "file", "phrase"),
    [
        ({"duration": 61}, ogg(), "voice.too_long"),
        ({"duration": 1}, ogg(61), "voice.too_long"),
        ({"file_size": 2**21}, ogg(), "voice.too_large"),
        ({}, bytes(2**20 + 1), "voice.too_large"),
        ({}, picture(), "voice.not_a_voice"),
        ({"duration": True, "file_size": "?"}, b"", "voice.not_a_voice"),
    ],
)
async def test_what_cannot_be_taken_is_refused_and_leaves_nothing(
    tmp_path: Path, fields: dict[str, Any], file: bytes, phrase: str
) -> None:
    assert await fetch(tmp_path, {"voice": SENT | fields}, file) == {"photo_refused": phrase}
    assert not list(tmp_path.rglob("*.*"))


async def test_one_that_telegram_no_longer_has_is_not_waited_for(tmp_path: Path) -> None:
    got = await fetch(tmp_path, {"voice": SENT}, answer=refused(400, "Bad Request: wrong file_id"))
    assert got == {"photo_refused": "voice.unreachable"}


async def test_trouble_with_the_network_is_tried_again(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Telegram"):
        await fetch(tmp_path, {"voice": SENT}, answer=refused(502, "Bad Gateway"))


async def test_a_photo_goes_its_own_way_and_a_text_asks_nobody(tmp_path: Path) -> None:
    size = {"file_id": "p", "file_unique_id": "q", "width": 40, "height": 30, "file_size": 900}
    got = await fetch(tmp_path, {"photo": [size]}, picture())
    assert got is not None
    assert "photo_id" in got
    assert await fetch(tmp_path, {"text": "路灯坏了"}) is None


@pytest.mark.parametrize(
    ("ending", "content", "method", "field"),
    [
        ("ogg", ogg(), SendVoice, "voice"),
        ("mp3", mp3(), SendAudio, "audio"),
        ("m4a", m4a(), SendAudio, "audio"),
        ("webm", b"webm", SendDocument, "document"),
    ],
)
async def test_it_is_handed_on_as_what_telegram_plays(
    tmp_path: Path, ending: str, content: bytes, method: Any, field: str
) -> None:
    voice = f"voice-{ending}-abcdef"
    keep_file(tmp_path, voice, content)
    sent = row("SendVoice", {"voice": f"media:{voice}", "caption": "居民的语音"})
    said = {"message_id": 77, "date": 0, "chat": {"id": 5001, "type": "private"}}
    message_id, [call] = await deliver(tmp_path, sent, ok(said))
    assert message_id == "77"
    assert isinstance(call, method)
    assert (call.caption, call.chat_id) == ("居民的语音", 5001)
    file = getattr(call, field)
    assert isinstance(file, InputFile)
    assert file.data == content  # type: ignore[attr-defined]
    assert not isinstance(call, GetFile)


async def test_the_words_go_on_without_a_recording_that_is_gone(tmp_path: Path) -> None:
    said = {"message_id": 77, "date": 0, "chat": {"id": 5001, "type": "private"}}
    gone = row("SendVoice", {"voice": "media:voice-ogg-gone", "caption": "居民的语音"})
    _, [call] = await deliver(tmp_path, gone, ok(said))
    assert isinstance(call, SendMessage)
    assert call.text == "居民的语音"


@pytest.mark.parametrize("voice", ["media:../../etc/passwd", "media:abc_DEF-1", "AgACAgI", ""])
async def test_nothing_but_a_recording_of_ours_is_sent_as_one(tmp_path: Path, voice: str) -> None:
    with pytest.raises(Rejected):
        await deliver(tmp_path, row("SendVoice", {"voice": voice}))
