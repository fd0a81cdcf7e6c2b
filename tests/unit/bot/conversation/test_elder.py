"""长辈版: which words ask for it, which do not, and that its phrases are short."""

import re

import pytest

from bot.conversation import choices, elder
from bot.conversation.buttons import Option
from bot.conversation.phrases import SHORT, everything, say, worded
from bot.conversation.words import rings_me, telephone

LONGEST_LINE = 40
PHRASES = everything()
SHORT_KEYS = sorted(key for key in PHRASES if key.endswith(SHORT))
LONG_KEYS = sorted(
    key
    for key, text in PHRASES.items()
    if not key.endswith(SHORT) and (text.strip().count("\n") >= 2 or len(re.findall("[？?]", text)) > 1)
)


@pytest.mark.parametrize(
    "text",
    ["字太小", "字太小了", "字有点小", "看不清", "看不清楚", "我看不清字", "长辈版", "换成长辈版", "我眼神不好", "我的眼睛不好使了",
     "我眼花", "/elder", "大字版"],
)  # fmt: skip
def test_these_words_ask_for_it(text: str) -> None:
    assert elder.wish(text) == elder.Wish(on=True)


@pytest.mark.parametrize("text", ["普通版", "换回普通版", "退出长辈版", "/elder off", "标准版"])
def test_these_words_ask_for_the_ordinary_one(text: str) -> None:
    assert elder.wish(text) == elder.Wish(on=False)


@pytest.mark.parametrize(
    "text",
    ["监控看不清人脸", "路灯坏了看不清路", "3号楼的牌子看不清", "长辈版的健身器材坏了在哪儿报", "我妈眼神不好，路灯又坏了",
     "孩子字太小看不见黑板", "普通", "版", "夜里拍不清", "看不清门牌"],
)  # fmt: skip
def test_these_words_do_not(text: str) -> None:
    assert elder.wish(text) is None


@pytest.mark.parametrize("text", ["我老花，看你这个费劲，3号楼的灯坏了", "您发的字太小了，暖气不热的事咋样了"])
def test_trouble_that_is_told_in_passing_is_noticed(text: str) -> None:
    assert elder.in_trouble(text)


@pytest.mark.parametrize("text", ["我今年八十二了", "监控看不清人脸", "路灯坏了看不清路", "腿脚不好"])
def test_trouble_is_never_guessed(text: str) -> None:
    assert not elder.in_trouble(text)


@pytest.mark.parametrize("key", LONG_KEYS)
def test_every_long_phrase_has_a_short_wording(key: str) -> None:
    assert key + SHORT in PHRASES


@pytest.mark.parametrize("key", SHORT_KEYS)
def test_a_short_wording_is_short_and_fills_in_nothing_new(key: str) -> None:
    lines = PHRASES[key].strip().split("\n")
    assert len(lines) <= 2
    assert max(len(line) for line in lines) <= LONGEST_LINE
    assert len(re.findall("[？?]", PHRASES[key])) <= 1
    names = set(re.findall(r"\{(\w+)\}", PHRASES[key]))
    assert names <= set(re.findall(r"\{(\w+)\}", PHRASES[key.removesuffix(SHORT)]))


def test_the_short_wording_is_for_those_alone_who_asked_for_it() -> None:
    with worded(short=True):
        assert say("help") == PHRASES["help.short"].strip()
        assert say("thanks") == PHRASES["thanks"]
    assert say("help") == PHRASES["help"]


def test_four_choices_at_once_and_a_fifth_for_the_others() -> None:
    rows = [[Option(f"第{n}类", f"k:{n}:0")] for n in range(1, 8)]
    shown, rest = choices.few(rows)
    assert choices.numbered("是哪一类？", shown).split("\n")[1:] == [
        "1 第1类", "2 第2类", "3 第3类", "4 第4类", "5 其他", "回个数字就行。",
    ]  # fmt: skip
    assert [one.text for one in rest] == ["第5类", "第6类", "第7类"]
    assert choices.few(rows[:4]) == (rows[:4], [])


def test_a_list_that_has_numbers_gets_no_second_ones() -> None:
    text = "您说的是哪一件？\n1. 供暖\n2. 路灯"
    assert choices.numbered(text, [[Option("供暖", "a"), Option("路灯", "b")]]) == text


@pytest.mark.parametrize("text", ["打给我", "打我的电话", "就打我电话", "找我就行", "给我打"])
def test_whom_to_ring_may_be_oneself(text: str) -> None:
    assert rings_me(text)


@pytest.mark.parametrize(
    ("text", "told"), [("王大爷 13900001111", True), ("打0471-5951234", True), ("明天再说", False)]
)
def test_a_number_to_ring_is_known(text: str, told: bool) -> None:
    assert telephone(text) is told
