"""What a line names first, before it says anything of it."""

import pytest

from bot.conversation.resident.named import named_thing


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("狗是5号楼3单元的", "狗"),
        ("养狗的是2号楼4单元的", "养狗"),
        ("打麻将那个还没人管", "打麻将"),
        ("催一下打麻将的事", "打麻将"),
        ("电动车的催一下", "电动车"),
        ("不是5号楼 是6号楼", ""),
        ("物业是不是不管了", ""),
        ("3号楼的灯不亮了", ""),
        ("我家在3号楼2单元", ""),
        ("门口的垃圾没人收", ""),
        ("还有狗的事", ""),
    ],
)
def test_a_thing_is_named_before_its_marker_and_a_place_or_a_person_is_none(text: str, thing: str) -> None:
    assert named_thing(text) == thing
