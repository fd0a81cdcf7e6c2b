"""The turns' own loop: what it does when the database goes away under it."""

import asyncio
from typing import Any, cast

import pytest
from sqlalchemy.exc import DBAPIError

from bot.turn import Turns, words_of


@pytest.mark.parametrize(
    ("update", "words"),
    [
        ({"message": {"text": "路灯"}}, "路灯"),
        ({"message": {"caption": "路灯"}}, "路灯"),
        ({"message": {"text": {"": {}}}}, ""),
        ({"message": {"text": [None], "caption": "路灯"}}, ""),
        ({"message": "路灯"}, ""),
        ({"message": None}, ""),
        ({}, ""),
    ],
)
def test_words_are_read_only_where_there_are_words(update: dict[str, Any], words: str) -> None:
    assert words_of(update) == words


class _Inbox:
    def __init__(self) -> None:
        self.arrived = asyncio.Event()


async def test_turns_go_on_when_the_database_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = cast(Any, None)
    turns = Turns(nothing, nothing, cast(Any, _Inbox()), nothing, nothing, nothing)
    answers: list[Exception | int] = [DBAPIError("COMMIT", None, Exception("gone")), OSError("refused"), 1, 0]
    asked = 0

    async def once() -> int:
        nonlocal asked
        asked += 1
        answer = answers.pop(0)
        if not answers:
            turns.stop()
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(turns, "once", once)
    await asyncio.wait_for(turns.run(), 20)
    assert asked == 4
