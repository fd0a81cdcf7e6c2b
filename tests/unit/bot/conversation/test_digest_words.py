"""How often the digest comes, in plain words; and nothing else may be mistaken for it."""

import pytest

from bot.conversation.digest_words import frequency_asked
from workflows.policy.frequency import Frequency


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("不要简报了", Frequency.OFF),
        ("退订", Frequency.OFF),
        ("别再发简报了。", Frequency.OFF),
        ("不要发周报给我了", Frequency.OFF),
        ("简报不用发了，谢谢", Frequency.OFF),
        ("请把周报停了", Frequency.OFF),
        ("简报每月一次", Frequency.MONTHLY),
        ("以后简报每个月发一次就行", Frequency.MONTHLY),
        ("简报改成两周一次吧", Frequency.FORTNIGHT),
        ("简报每周一次", Frequency.WEEKLY),
        ("恢复简报", Frequency.WEEKLY),
        ("重新订阅简报", Frequency.WEEKLY),
    ],
)
def test_with_its_name_it_is_meant_whenever_it_is_said(said: str, meant: Frequency) -> None:
    assert frequency_asked(said, bare=False) is meant


@pytest.mark.parametrize(("said", "meant"), [("每两周", Frequency.FORTNIGHT), ("每月一次", Frequency.MONTHLY)])
def test_bare_words_mean_it_only_where_nothing_else_was_asked(said: str, meant: Frequency) -> None:
    assert frequency_asked(said, bare=True) is meant
    assert frequency_asked(said, bare=False) is None


@pytest.mark.parametrize(
    "said",
    [
        "每月修剪一次",
        "每两周喷一次药",
        "每周垃圾没人收",
        "垃圾每周一次没人收",
        "简报怎么看",
        "我要简报",
        "简报里说修好了，其实没有",
        "不要",
        "",
        "简报" * 500,
    ],
)
def test_what_tells_of_something_else_is_left_alone(said: str) -> None:
    assert frequency_asked(said, bare=True) is None
