"""What a model is made from, as one hash; standard library only, because the set-up asks before Rasa is installed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path


def _sources(project: Path) -> Iterator[Path]:
    yield from (project / name for name in ("config.yml", "domain.yml", "uv.lock", "train.py"))
    yield project / "encoder" / "encoder.json"  # holds the graph's own hash
    yield from sorted((project / "data").rglob("*.yml"))
    yield from sorted((project / "components").rglob("*.py"))


def fingerprint(project: Path) -> str:
    digest = hashlib.sha256()
    for path in _sources(project):
        digest.update(f"{path.relative_to(project)}\0{path.stat().st_size}\0".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
