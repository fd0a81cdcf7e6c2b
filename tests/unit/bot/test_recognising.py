"""A recording is read beside the turns; without words it comes alone."""

import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from bot.fetching import Fetching
from bot.recognising import Recognising
from nlu.speech import SpeechUnavailable, Whisper, engine_of, trouble
from tests.unit.bot.test_fetching import update
from workflows.media import path_of
from workflows.models import Inbound

VOICE = "voice-ogg-abcdef"


class Engine:
    """Hears the same in everything; or breaks, or is not done in time."""

    def __init__(self, hears: str = "楼道灯坏了") -> None:
        self.hears = hears
        self.given: list[Path] = []
        self.done = threading.Event()

    def recognise(self, recording: Path) -> str:
        """As the port says."""
        self.given.append(recording)
        if self.hears == "broken":
            raise SpeechUnavailable("no model")
        if self.hears == "slow":
            self.done.wait(30)
        return self.hears


async def test_the_words_come_with_what_the_channel_has_fetched(tmp_path: Path) -> None:
    async def fetch(_: Inbound) -> dict[str, Any]:
        return {"voice_id": VOICE, "size": 9}

    engine = Engine(" 楼道灯坏了 ")
    fetched = await Recognising(fetch, engine, tmp_path, 5)(update(1))
    assert fetched == {"voice_id": VOICE, "size": 9, "recognised": "楼道灯坏了"}
    assert engine.given == [path_of(tmp_path, VOICE)]


async def test_a_photo_and_a_text_are_not_read_aloud(tmp_path: Path) -> None:
    engine = Engine()
    recognising = Recognising(None, engine, tmp_path, 5)
    assert await recognising(update(1, "web", photo_id="p")) == {"photo_id": "p"}
    assert await recognising(update(2, "web")) is None
    assert engine.given == []


async def test_an_engine_that_breaks_or_is_too_slow_loses_nothing(tmp_path: Path) -> None:
    slow = Engine("slow")
    for engine in (Engine("broken"), slow):
        told = await Recognising(None, engine, tmp_path, 0.01)(update(1, "web", voice_id=VOICE))
        assert told == {"voice_id": VOICE, "recognised": ""}
    slow.done.set()


async def test_a_turn_waits_for_the_words_of_its_own_recording_only(tmp_path: Path) -> None:
    engine = Engine()
    fetching = Fetching({"web": Recognising(None, engine, tmp_path, 5)}, asyncio.Event())
    voice, photo, text = (
        update(1, "web", voice_id=VOICE),
        update(2, "web", photo_id="p"),
        update(3, "web", event="reread"),
    )
    assert not fetching.here(voice)
    assert fetching.here(photo)
    assert fetching.here(text)
    assert await fetching.some()
    assert fetching.here(voice)
    assert fetching.take(voice) == {"voice_id": VOICE, "recognised": "楼道灯坏了"}


def test_an_engine_that_is_not_there_is_said_with_the_remedy(tmp_path: Path) -> None:
    assert trouble("", None) is None
    assert engine_of("", None) is None
    said = trouble("faster-whisper", tmp_path)
    assert said is not None
    assert "faster-whisper" in said[0] or "speech.model" in said[0]
    assert engine_of("faster-whisper", tmp_path) is None


def test_the_real_engine_says_what_keeps_it_from_reading(tmp_path: Path) -> None:
    with pytest.raises(SpeechUnavailable, match="faster-whisper"):
        Whisper(tmp_path).recognise(tmp_path / "none.ogg")
