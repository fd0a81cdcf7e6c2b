"""Recordings: known by their content, as long as they may be, without what a telephone writes into them."""

from contextlib import suppress
from pathlib import Path

import pytest

from tests.journeys.recordings import m4a, mp3, ogg, webm
from workflows.media import path_of
from workflows.voices import VoiceRefused, checked, ending_of, is_voice


def accepted(content: bytes) -> str:
    """What kind of file a recording is kept as."""
    return ending_of(checked(content, limit_mb=1, limit_seconds=60).id)


def refused(content: bytes, said_seconds: int = 0) -> str:
    """The phrase with which it is refused."""
    with pytest.raises(VoiceRefused) as caught:
        checked(content, limit_mb=1, limit_seconds=60, said_seconds=said_seconds)
    return caught.value.phrase


def test_the_content_says_what_it_is() -> None:
    assert [accepted(file) for file in (ogg(), webm(), m4a(), mp3())] == ["ogg", "webm", "m4a", "mp3"]
    assert accepted(b"\xff\xf3\x84\x64" + bytes(40)) == "mp3"  # a frame without tags before it


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00", b"OggS" + bytes(60), b"\xff\xd8\xff\xe0JFIF", b"<script>alert(1)</script>", b"MZ" + bytes(80),
     b"\x1a\x45\xdf\xa3matroska" + bytes(40), b"\x00\x00\x00\x18ftypheic" + bytes(40), b"\xff\xff\xff\xff", b"RIFF0000WAVE"],
)  # fmt: skip
def test_anything_else_is_refused_whatever_it_is_called(content: bytes) -> None:
    assert refused(content) == "voice.not_a_voice"


def test_too_large_and_too_long_are_told_apart() -> None:
    assert refused(ogg() + bytes(1024 * 1024)) == "voice.too_large"
    assert refused(ogg(61)) == "voice.too_long"
    assert refused(m4a(61)) == "voice.too_long"
    assert refused(webm(), said_seconds=61) == "voice.too_long"
    assert checked(ogg(60), limit_mb=1, limit_seconds=60).seconds == 60
    assert checked(m4a(7), limit_mb=1, limit_seconds=60).seconds == 7


@pytest.mark.parametrize("cut", range(0, 60, 7))
def test_a_file_that_breaks_off_is_no_fault_of_ours(cut: int) -> None:
    for content in (ogg(), webm(), m4a(), mp3()):
        with suppress(VoiceRefused):  # no other error
            checked(content[:cut], limit_mb=1, limit_seconds=60)


def test_what_a_telephone_writes_into_a_memo_is_not_kept() -> None:
    memo = checked(m4a(), limit_mb=1, limit_seconds=60).content
    assert b"111.7652" in m4a()
    assert b"111.7652" not in memo
    assert len(memo) == len(m4a())  # nothing moved: the offsets in the file still hold
    assert b"sound" in memo
    song = checked(mp3(), limit_mb=1, limit_seconds=60).content
    assert b"Wang" not in song
    assert song.startswith(b"\xff\xfb")
    assert b"sound" in song


def test_names_cannot_be_guessed_and_tell_a_recording_from_a_photo() -> None:
    first, second = (checked(ogg(), limit_mb=1, limit_seconds=60).id for _ in range(2))
    assert first != second
    assert is_voice(first)
    assert len(first) <= 40
    assert not is_voice("Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4")

    assert path_of(Path("/var"), "voice-ogg-ab-c_d").as_posix() == "/var/photos/ab/voice-ogg-ab-c_d.ogg"
