"""After an alarm: what is an all-clear beyond doubt, and what says that it goes on."""

import pytest

from bot.conversation.danger_words import all_clear, half_over, lasts, sick


@pytest.mark.parametrize(
    "text",
    [
        "没事了",
        "没事了 是邻居炖臭豆腐",
        "没事了，原来是楼下炖臭豆腐的味儿",
        "关了阀门，没事了",
        "阀门关了，没味了",
        "味儿都散了，头也不晕了",
        "火已经扑灭了，不冒烟了",
        "人救出来了，没受伤",
        "虚惊一场",
        "找到了，孩子在同学家",
        "没事了，麻烦你们了",
    ],
)
def test_it_is_over(text: str) -> None:
    assert all_clear(text)
    assert not lasts(text)


@pytest.mark.parametrize(
    "text",
    [
        "关了阀门了 还有味",
        "阀门关了 味儿还是大",
        "阀门已经关了 可是头晕得厉害",
        "没事了，就是还有点味",
        "火灭了又着了",
        "火灭了 就是还冒烟",
        "人出来了，头晕恶心",
        "120来了，人还昏迷着",
        "出来了一个，里面还有两个人",
        "人还没出来",
        "没事了吗？",
        "阀门关了",
        "没事了，可是煤气味没散",
        "还是煤气味",
    ],
)
def test_it_is_not_over_while_a_sign_is_left(text: str) -> None:
    assert not all_clear(text)


@pytest.mark.parametrize(
    "text", ["关了阀门了 还有味", "阀门关了 味儿还是大", "阀门已经关了 可是头晕得厉害", "又闻着味了", "火灭了可是冒烟"]
)
def test_it_goes_on_whatever_was_done(text: str) -> None:
    assert lasts(text)


@pytest.mark.parametrize(
    ("text", "half"), [("阀门关了", True), ("拉了闸", True), ("阀门关了吗？", False), ("快来人", False)]
)
def test_what_was_done_about_it_is_news(text: str, half: bool) -> None:
    assert half_over(text) is half


@pytest.mark.parametrize(
    ("text", "ill"), [("头晕得厉害", True), ("恶心想吐", True), ("头不晕了", False), ("味大", False)]
)
def test_who_is_ill(text: str, ill: bool) -> None:
    assert sick(text) is ill
