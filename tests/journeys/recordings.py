"""Recordings for tests: small files that are what they say they are."""

import struct


def ogg(seconds: int = 3, filler: bytes = b"") -> bytes:
    """An Opus stream's first page and its last, which tells how long it is."""
    head = b"OpusHead\x01\x01\x38\x01\x80\xbb\x00\x00\x00\x00\x00"
    return _page(0, head) + _page(0, b"OpusTags" + filler) + _page(seconds * 48_000, b"\xf8\xff\xfe")


def _page(granule: int, body: bytes) -> bytes:
    lacing = bytes([255] * (len(body) // 255) + [len(body) % 255])
    return struct.pack("<4sBBqIIIB", b"OggS", 0, 0, granule, 1, 0, 0, len(lacing)) + lacing + body


def webm() -> bytes:
    """What a browser's recorder begins with."""
    return (
        b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\xf7\x81\x01\x42\xf2\x81\x04\x42\xf3\x81\x08\x42\x82\x84webm"
        + bytes(64)
    )


def box(name: bytes, body: bytes) -> bytes:
    """A box of an MP4 file."""
    return struct.pack(">I4s", len(body) + 8, name) + body


def m4a(seconds: int = 3, place: bytes = b"+40.8175+111.7652/") -> bytes:
    """A telephone's memo, which says where it was recorded."""
    mvhd = box(b"mvhd", struct.pack(">BxxxIIII", 0, 0, 0, 1000, seconds * 1000) + bytes(80))
    moov = box(b"moov", mvhd + box(b"udta", box(b"\xa9xyz", place)))
    return box(b"ftyp", b"M4A \x00\x00\x00\x00M4A mp42") + box(b"mdat", b"sound" * 20) + moov


def mp3(name: bytes = b"Wang at home") -> bytes:
    """A frame of sound between two tags."""
    tag = b"ID3\x04\x00\x00" + bytes([0, 0, 0, len(name)]) + name
    return tag + b"\xff\xfb\x90\x64" + b"sound" * 20 + b"TAG" + name.ljust(125, b"\x00")
