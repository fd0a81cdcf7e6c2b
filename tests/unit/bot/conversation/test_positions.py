"""Which of a list somebody means, and what is only counted."""

import pytest

from bot.conversation.positions import position


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("第二个催一下", (1, "催一下")),
        ("第一个不用管了", (0, "不用管了")),
        ("上面第二件解决了", (1, "解决了")),
        ("催一下第三个", (2, "催一下")),
        ("第2件怎么样了", (1, "怎么样了")),
        ("最后一个还没修好", (-1, "还没修好")),
        ("头一件事，修好了", (0, "修好了")),
        ("第二个单元灯不亮", None),
        ("第三个井盖没了", None),
        ("我们家楼下有三个井盖，第二个坏了", None),
        ("第二天就坏了", None),
        ("灯不亮", None),
    ],
)
def test_a_position_is_told_from_a_count(text: str, found: tuple[int, str] | None) -> None:
    assert position(text) == found
