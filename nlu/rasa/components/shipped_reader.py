"""The encoder that the project ships: one pass gives a sentence's vector and what its three heads read in it.

`nlu/encoder/` made it from multilingual-e5-small and the messages of this project; `encoder/encoder.json` says how.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

SHIPPED = Path(__file__).resolve().parents[1] / "encoder"


@dataclass(frozen=True)
class Reading:
    """What the reader makes of one text: log-chances of intents, chances of requests, log-chances of a tag per character."""

    vector: np.ndarray
    intents: np.ndarray
    requests: np.ndarray
    tags: np.ndarray


class ShippedReader:
    """The ONNX graph and its tokenizer. Raises FileNotFoundError or ValueError when they are missing or don't belong together."""

    def __init__(self, directory: Path = SHIPPED) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        for name in ("encoder.json", "encoder.onnx", "tokenizer.json"):
            if not (directory / name).is_file():
                raise FileNotFoundError(
                    f"{directory / name} is missing: it is part of the repository, check it out again"
                )
        card = json.loads((directory / "encoder.json").read_text("utf-8"))
        self.intents: list[str] = card["intents"]
        self.requests: list[str] = card["requests"]
        self.tags: list[str] = card["tags"]
        self.name = f"shipped-{card['sha256'][:12]}"
        self._prefix: str = card["prefix"]
        self._characters: int = card["characters"]
        self._tokenizer = Tokenizer.from_file(str(directory / "tokenizer.json"))
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = (
            1  # one lane per process; more lanes, more processes
        )
        self._session = onnxruntime.InferenceSession(
            str(directory / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """Each text by itself: a batch would pad the short ones to the longest."""
        return [self._read(text) for text in texts]

    def asked_in(self, texts: Sequence[str]) -> np.ndarray:
        """The chances of every request in each of a few short texts, in one pass: half the cost of one by one."""
        rows = [self._tokenizer.encode(self._prefix + text).ids for text in texts]
        ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
        mask = np.zeros(ids.shape, dtype=np.float32)
        for at, row in enumerate(rows):
            ids[at, : len(row)], mask[at, : len(row)] = row, 1.0
        intents = self._session.run(["intents"], {"ids": ids, "mask": mask})[0]
        return np.exp(_log_softmax(intents))[:, : len(self.requests)]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Only the vectors."""
        return np.stack([reading.vector for reading in self.read(texts)])

    def same(self, mine: str, others: Sequence[str]) -> list[float]:
        """How likely each of `others` is about the problem that `mine` is about: the mean of both orders."""
        one = self._tokenizer.encode(self._prefix + mine).ids
        chances = []
        for other in others:
            two = self._tokenizer.encode(self._prefix + other).ids
            scores = [self._run(first + second[1:])[4][0] for first, second in ((one, two), (two, one))]
            chances.append(float(1 / (1 + np.exp(-np.mean(scores)))))
        return chances

    def _run(self, ids: Sequence[int]) -> list[np.ndarray]:
        row = np.array([ids], dtype=np.int64)
        return self._session.run(None, {"ids": row, "mask": np.ones(row.shape, dtype=np.float32)})

    def _read(self, text: str) -> Reading:
        encoded = self._tokenizer.encode(self._prefix + text)
        vector, intents, requests, tags, _ = self._run(encoded.ids)
        return Reading(
            vector[0],
            _log_softmax(intents[0]),
            1 / (1 + np.exp(-requests[0])),
            self._by_character(text, encoded.offsets, tags[0]),
        )

    def _by_character(self, text: str, offsets: Sequence[tuple[int, int]], tags: np.ndarray) -> np.ndarray:
        """Tags of pieces become tags of characters; what was cut off is outside everything."""
        rows = np.full((len(text), len(self.tags)), -12.0, dtype=np.float32)
        rows[:, 0] = 0.0
        skip = len(self._prefix)
        chances = _log_softmax(tags)
        for piece, (start, end) in enumerate(offsets):
            for at in range(max(start, skip), end):
                if at - skip < len(rows):
                    rows[at - skip] = chances[piece, min(at - start, self._characters - 1)]
        return rows


@lru_cache(maxsize=1)
def shipped_reader() -> ShippedReader:
    """One per process."""
    return ShippedReader()


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
