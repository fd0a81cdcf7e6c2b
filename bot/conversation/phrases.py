"""Phrases by key, filled in: what 小哨 says is in phrases.yml, not in the code."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("phrases.yml")
SHORT = ".short"  # ends the key of a phrase's short wording
_in_short: ContextVar[bool] = ContextVar("in short", default=False)


@cache
def _phrases() -> dict[str, str]:
    loaded: dict[str, str] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))
    return loaded


def say(key: str, **values: Any) -> str:
    """The phrase `key` with its {names} filled in; its short wording within `worded(short=True)`, where it has one.

    Raises:
        KeyError: no such phrase, or a name without a value: both are mistakes of the code.
    """
    phrases = _phrases()
    if _in_short.get() and key + SHORT in phrases:
        key += SHORT
    return phrases[key].format(**values)


@contextmanager
def worded(*, short: bool) -> Iterator[None]:
    """What is said within is worded for somebody who reads 长辈版, or for anybody."""
    token = _in_short.set(short)
    try:
        yield
    finally:
        _in_short.reset(token)


def everything() -> dict[str, str]:
    """Every phrase by its key, as it is written: for looking at."""
    return dict(_phrases())
