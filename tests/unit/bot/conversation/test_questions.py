"""Which words are a question about time, about a visit, or about who is who; and which only sound like one."""

import pytest

from bot.conversation import words
from bot.conversation.resident.who_is_who import asks


@pytest.mark.parametrize(
    "text",
    [
        "什么时候能修好",
        "啥时候来人",
        "多会儿能弄好",
        "这要多久",
        "得等几天",
        "哪天能解决",
        "维修的啥时候来",
        "几天能修好",
    ],
)
def test_a_question_about_time_is_heard(text: str) -> None:
    assert words.asks_when(text)


@pytest.mark.parametrize(
    "text", ["修的什么都不好用", "哪都能看见老鼠", "什么玩意来修的", "灯又坏了几天了", "水停了好几天"]
)
def test_a_complaint_is_no_question_about_time(text: str) -> None:
    assert not words.asks_when(text)


@pytest.mark.parametrize("text", ["不要上班时间来 我晚上7点才在家", "周六我没空", "下午三点以后家里有人"])
def test_when_somebody_may_come(text: str) -> None:
    assert words.about_visiting(text)


@pytest.mark.parametrize("text", ["快递点门口有人堆东西", "小区周边没人管的那块地", "垃圾点旁边"])
def test_a_place_is_no_time(text: str) -> None:
    assert not words.about_visiting(text)


@pytest.mark.parametrize(
    "text",
    [
        "社区电话多少",
        "富邦小区网格员是谁",
        "我们归哪个社区管",
        "物业在哪儿？",
        "社区几点下班",
        "网格员怎么联系",
        "书记叫什么名字",
    ],
)
def test_who_is_who_is_asked(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize(
    "text",
    ["社区里哪儿都是狗屎", "物业把垃圾堆哪儿都是", "网格员是谁都没人知道", "物业电话没人接", "社区门口地址牌掉了"],
)
def test_a_matter_is_no_question_who_is_who(text: str) -> None:
    assert not asks(text)
