"""With two open cases, a line that names the thing of the older one is about that one, and not about the latest."""

import pytest

from tests.town import Town
from workflows.models import Case

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

DOG = "富邦小区3号楼1单元有人养大狗不拴绳，天天乱叫吓着孩子"
CHARGING = "富邦小区6号楼2单元楼道里有人给电动车充电，太危险了"
MAHJONG = "富邦小区3号楼2单元楼上天天半夜打麻将吵得睡不着"
DOOR = "富邦小区6号楼2单元的单元门坏了关不上"


async def _two(town: Town, first: str, second: str) -> tuple[Case, Case]:
    await town.says("td-resident", first)
    await town.says("td-resident", second)
    one, two = await town.cases()
    return one, two


@pytest.mark.parametrize(("words", "place"), [("狗是5号楼3单元的", ("5", "3")), ("养狗的是2号楼4单元的", ("2", "4"))])
async def test_the_place_of_the_named_case_is_put_right(town: Town, words: str, place: tuple[str, str]) -> None:
    dog, charging = await _two(town, DOG, CHARGING)
    said = await town.says("td-resident", words)
    assert dog.number in said and charging.number not in said
    dog, charging = await town.cases()
    assert (dog.building_text, dog.unit_text) == place
    assert (charging.building_text, charging.unit_text) == ("6", "2")
    await town.keeps_its_promises()


async def test_the_named_case_is_urged_and_added_to(town: Town) -> None:
    mahjong, door = await _two(town, MAHJONG, DOOR)
    assert mahjong.number in await town.says("td-resident", "打麻将那个还没人管")
    assert "urge" in await town.actions(mahjong) and "urge" not in await town.actions(door)
    mahjong, before = await town.cases()
    assert mahjong.number in await town.says("td-resident", "打麻将的是一对老两口和亲戚")
    mahjong, door = await town.cases()
    assert "老两口" in mahjong.text and door.text == before.text


async def test_letting_the_named_case_go_is_asked_about_and_touches_no_other(town: Town) -> None:
    dog, charging = await _two(town, DOG, CHARGING)
    said = await town.says("td-resident", "狗的事先不管了")
    assert dog.number in said and "要撤回吗" in said and charging.number not in said
    assert "已撤回" in await town.taps("td-resident", "撤回")
    dog, charging = await town.cases()
    assert dog.status == "withdrawn" and charging.status != "withdrawn"


async def test_the_named_case_is_found_later_too(town: Town) -> None:
    dog, _ = await _two(town, DOG, CHARGING)
    await town.passes(hours=2)
    assert dog.number in await town.says("td-resident", "养狗的是2号楼4单元的")
    assert len(await town.cases()) == 2


async def test_what_names_no_open_case_goes_its_own_way(town: Town) -> None:
    dog, charging = await _two(town, DOG, CHARGING)
    assert charging.number in await town.says("td-resident", "不是6号楼 是7号楼")
    await town.says("td-resident", "富邦小区5号楼门口的垃圾没人收，臭得不行")
    assert [case.category for case in await town.cases()][-1] == "garbage"
    dog, charging, _ = await town.cases()
    assert (dog.building_text, charging.building_text) == ("3", "7")
