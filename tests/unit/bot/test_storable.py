"""What a database can keep."""

import json
from typing import Any

import pytest

from bot.storable import DEPTH, storable, storable_text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("灯\x00不亮", "灯不亮"),
        ("灯\ud800不\udfff亮", "灯不亮"),
        ("👨‍👩‍👧 ᠮᠣᠩ\u202e", "👨‍👩‍👧 ᠮᠣᠩ\u202e"),
        ({"\x00a": ["\x00", {"b": "\ud83d"}]}, {"a": ["", {"b": ""}]}),
        (
            [float("nan"), float("inf"), -float("inf"), 0.5, 10**30, True, None],
            [None, None, None, 0.5, 10**30, True, None],
        ),
    ],
)
def test_only_what_cannot_be_stored_is_left_out(sent: Any, kept: Any) -> None:
    assert storable(sent) == kept


def test_what_is_nested_to_choke_a_reader_is_cut() -> None:
    deep: Any = "路灯"
    for _ in range(900):
        deep = {"reply_to_message": deep}
    kept = json.dumps(storable({"text": "路灯", "reply_to_message": deep}))
    assert kept.count("reply_to_message") == DEPTH and "null" in kept


def test_a_plain_text_is_not_copied() -> None:
    text = "楼道灯不亮了" * 100
    assert storable_text(text) is text
