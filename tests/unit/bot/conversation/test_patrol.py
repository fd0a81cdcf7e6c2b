"""Which messages are a numbered list of findings."""

import pytest

from bot.conversation.staff.patrol import findings


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("1. 井盖塌了\n2. 灯不亮", ["井盖塌了", "灯不亮"]),
        ("今天巡查发现：\n1、5号楼井盖塌了；\n2、7号楼堆物", ["5号楼井盖塌了", "7号楼堆物"]),
        ("①门口垃圾没清 ②路灯不亮", ["门口垃圾没清", "路灯不亮"]),
        ("①门口垃圾没清\n②路灯不亮", ["门口垃圾没清", "路灯不亮"]),
        ("一、井盖塌了\n二、灯不亮\n三、墙皮掉了", ["井盖塌了", "灯不亮", "墙皮掉了"]),
        ("（1）井盖塌了\n（2）灯不亮", ["井盖塌了", "灯不亮"]),
        ("1.井盖塌了。2.灯不亮", ["井盖塌了", "灯不亮"]),
        ("3号楼2单元灯不亮", []),
        ("1. 只有一件", []),
        ("1. 3号楼石墩坏了 2. 5号楼灯不亮 3. 井盖松了", ["3号楼石墩坏了", "5号楼灯不亮", "井盖松了"]),
        ("1、2、3号楼都停电了", []),
        ("我们1、2单元没水", []),
        ("12.5米高的树倒了\n13.5平米", []),
        ("", []),
    ],
)
def test_a_list_is_told_from_an_address(text: str, items: list[str]) -> None:
    assert findings(text) == items
