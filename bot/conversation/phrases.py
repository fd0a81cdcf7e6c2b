"""Phrases by key, filled in: what 小哨 says is in phrases.yml, not in the code."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("phrases.yml")


@cache
def _phrases() -> dict[str, str]:
    loaded: dict[str, str] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def say(key: str, **values: Any) -> str:
    """The phrase `key` with its {names} filled in.

    Raises:
        KeyError: no such phrase, or a name without a value: both are mistakes of the code.
    """
    return _phrases()[key].format(**values)


def everything() -> dict[str, str]:
    """Every phrase by its key, as it is written: for looking at."""
    return dict(_phrases())
