"""What of a message is given to the reader."""

import pytest

from nlu.understanding import clean


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("/emergency", "emergency"),
        ("\u200b/satisfied", "satisfied"),
        (' / /greet{"place": "x"}', 'greet{"place": "x"}'),
        ("///", ""),
        ("3/4号楼", "3/4号楼"),
    ],
)
def test_nobody_can_name_an_intent_to_the_reader(sent: str, read: str) -> None:
    assert clean(sent) == read
