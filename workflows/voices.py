"""Voice messages: known by their content, without tags, kept as photos are, under names that nobody can guess."""

import secrets
import struct
from dataclasses import dataclass

from workflows.media import PhotoRefused

PREFIX = "voice-"
MEDIA_TYPES = {"ogg": "audio/ogg", "webm": "audio/webm", "mp3": "audio/mpeg", "m4a": "audio/mp4"}
ONLY_VOICE = "（只有语音，没有文字）"

_OPUS_RATE = 48_000  # an Opus stream counts its time in samples of this rate, whatever it was recorded with
_MP4_BRANDS = (b"M4A ", b"M4B ", b"mp41", b"mp42", b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"dash")
_ID3V1 = 128


class VoiceRefused(PhotoRefused):
    """No voice message, a broken one, too large or too long; `phrase` says which. Nothing was kept."""


@dataclass(frozen=True)
class Voice:
    """A recording as it is kept. `seconds` is 0 where the file does not say how long it is."""

    id: str
    content: bytes
    seconds: int


def is_voice(media_id: str) -> bool:
    """Whether a name of the register is a recording's, not a photo's."""
    return media_id.startswith(PREFIX)


def voices_of(media_ids: list[str] | tuple[str, ...]) -> list[str]:
    """The recordings among what came with a report."""
    return [one for one in media_ids if is_voice(one)]


def ending_of(media_id: str) -> str:
    """How the file of a recording ends: ogg, webm, mp3 or m4a."""
    return media_id.split("-", 2)[1]


def checked(content: bytes, *, limit_mb: int, limit_seconds: int, said_seconds: int = 0) -> Voice:
    """Check a recording by its content. `said_seconds` is what the messenger says of its length.

    Raises:
        VoiceRefused: it is too large, too long, or nothing that we can play.
    """
    if len(content) > limit_mb * 1024 * 1024:
        raise VoiceRefused("voice.too_large")
    kind = _kind(content)
    if kind is None:
        raise VoiceRefused("voice.not_a_voice")
    seconds = _seconds(kind, content) or said_seconds
    if seconds > limit_seconds:
        raise VoiceRefused("voice.too_long")
    return Voice(f"{PREFIX}{kind}-{secrets.token_urlsafe(18)}", _without_tags(kind, content), seconds)


def _kind(content: bytes) -> str | None:
    """What the first bytes say that it is, whatever the file was called."""
    head = content[:64]
    if head.startswith(b"OggS"):
        return "ogg" if b"OpusHead" in head or b"\x01vorbis" in head else None
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return "webm" if b"webm" in head else None
    if head[4:8] == b"ftyp":
        return "m4a" if head[8:12] in _MP4_BRANDS else None
    if head.startswith(b"ID3") or _mp3_frame(head):
        return "mp3"
    return None


def _mp3_frame(head: bytes) -> bool:
    """Eleven bits set, layer III, a bit rate and a sample rate that exist."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return False
    return head[1] & 0x06 == 0x02 and head[2] >> 4 not in (0, 15) and head[2] & 0x0C != 0x0C


def _seconds(kind: str, content: bytes) -> int:
    """How long it is, where the container says so; 0 where it does not."""
    if kind == "ogg":
        return _ogg_seconds(content)
    return _mp4_seconds(content) if kind == "m4a" else 0


def _ogg_seconds(content: bytes) -> int:
    last = content.rfind(b"OggS")
    if b"OpusHead" not in content[:64] or len(content) < last + 14:
        return 0
    samples: int = struct.unpack_from("<q", content, last + 6)[0]
    return max(0, samples) // _OPUS_RATE


def _mp4_seconds(content: bytes) -> int:
    at = content.find(b"mvhd")
    if at < 0 or len(content) < at + 36:
        return 0
    if content[at + 4] == 1:  # the version with 64 bits
        scale, length = struct.unpack_from(">IQ", content, at + 24)
    else:
        scale, length = struct.unpack_from(">II", content, at + 16)
    return int(length // scale) if scale else 0


def _without_tags(kind: str, content: bytes) -> bytes:
    """A telephone writes into such files who recorded where; only the sound is kept."""
    if kind == "mp3":
        return _without_id3(content)
    return _without_user_data(content) if kind == "m4a" else content


def _without_id3(content: bytes) -> bytes:
    if content.startswith(b"ID3") and len(content) > 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(content[6:10], (21, 14, 7, 0), strict=True))
        content = content[10 + size :]
    return content[:-_ID3V1] if content[-_ID3V1:].startswith(b"TAG") else content


def _without_user_data(content: bytes) -> bytes:
    """Boxes of user data become empty space of the same length: no offset in the file has to be counted anew."""
    out = bytearray(content)
    for start, end, name in _boxes(content):
        if name == b"moov":
            out[start:end] = _blanked(content[start:end])
        elif name in (b"udta", b"meta"):
            out[start + 4 : end] = b"free" + bytes(end - start - 8)
    return bytes(out)


def _blanked(moov: bytes) -> bytes:
    out = bytearray(moov)
    at = moov.find(b"udta")
    while at >= 4:
        size = int.from_bytes(moov[at - 4 : at], "big")
        if 8 <= size <= len(moov) - at + 4:
            out[at : at - 4 + size] = b"free" + bytes(size - 8)
        at = moov.find(b"udta", at + 4)
    return bytes(out)


def _boxes(content: bytes) -> list[tuple[int, int, bytes]]:
    """(start, end, name) of the boxes of the outermost level; what is no box ends the list."""
    found, at = [], 0
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        if size == 1 and at + 16 <= len(content):
            size = int.from_bytes(content[at + 8 : at + 16], "big")
        end = len(content) if size == 0 else at + size
        if end > len(content) or end - at < 8:
            break
        found.append((at, end, content[at + 4 : at + 8]))
        at = end
    return found
