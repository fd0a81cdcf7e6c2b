"""What the messenger saw, in the order in which it saw it: one JSON object a line, read later by the verdict alone."""

import json
import time
from pathlib import Path
from typing import Any


class Journal:
    """Appends; kinds are update, handed, accepted, file, call, start, kill, buried, frozen, thawed, restart, died."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("w", encoding="utf-8")
        self._began = time.monotonic()

    def write(self, kind: str, **fields: Any) -> None:
        """One line."""
        line = {"kind": kind, "at": round(time.monotonic() - self._began, 3), "wall": round(time.time(), 3), **fields}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Nothing more will happen."""
        self._file.close()


def read(path: Path) -> list[dict[str, Any]]:
    """All lines, oldest first."""
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
