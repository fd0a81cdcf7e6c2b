"""What a database can keep: everything that comes in goes through here once, before it is stored."""

import math
import re
from typing import Any

# A NUL or half an emoji in a text: PostgreSQL refuses the one, every encoder the other, and nobody can see either.
_UNSEEN = re.compile("[\x00\ud800-\udfff]")
# Deeper than any messenger's update; what is nested deeper was made to choke a reader.
DEPTH = 40


def storable_text(text: str) -> str:
    """The text without what cannot be stored."""
    return _UNSEEN.sub("", text) if _UNSEEN.search(text) else text


def storable(value: Any, depth: int = DEPTH) -> Any:
    """A JSON value with storable texts and numbers; what is nested too deep becomes None."""
    match value:
        case str():
            return storable_text(value)
        case float():
            return value if math.isfinite(value) else None
        case dict() | list() if depth == 0:
            return None
        case dict():
            return {storable_text(str(key)): storable(inner, depth - 1) for key, inner in value.items()}
        case list():
            return [storable(inner, depth - 1) for inner in value]
        case _:
            return value
