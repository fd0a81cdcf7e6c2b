"""第二个催一下: what is meant by its place in the list that was just shown."""

import pytest

from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT, LIFT = "富邦小区3号楼2单元楼道灯不亮了", "富邦小区5号楼电梯停了三天了"


async def _two(town: Town) -> str:
    await town.says("td-resident", LIGHT)
    await town.says("td-resident", LIFT)
    return await town.says("td-resident", "/cases")


async def test_a_resident_names_a_case_by_its_place_in_the_list(town: Town) -> None:
    said = await _two(town)
    light, lift = await town.cases()
    first, second = (lift, light) if said.index(lift.number) < said.index(light.number) else (light, lift)
    assert f"1. 【{first.number}】" in said
    assert second.number in await town.says("td-resident", "第二个催一下")
    assert "urge" in await town.actions(second) and "urge" not in await town.actions(first)
    assert first.number in await town.says("td-resident", "上面第一个不用管了")
    after = {case.id: case.status for case in await town.cases()}
    assert after[first.id] == "withdrawn" and after[second.id] != "withdrawn"
    await town.keeps_its_promises()


async def test_a_place_that_is_not_in_the_list_or_of_an_old_list_is_asked_about(town: Town) -> None:
    await _two(town)
    assert "哪一件" in await town.says("td-resident", "第五个催一下")
    await town.says("td-resident", "/cases")
    await town.passes(hours=2)
    assert "哪一件" in await town.says("td-resident", "第一个不用管了")
    assert {case.status for case in await town.cases()} == {"with_grid"} or "withdrawn" not in {
        case.status for case in await town.cases()
    }


async def test_a_colleague_names_a_case_of_the_desk_by_its_place(town: Town) -> None:
    await _two(town)
    said = await town.says("td-grid", "/desk")
    light, lift = await town.cases()
    first, second = (lift, light) if said.index(lift.number) < said.index(light.number) else (light, lift)
    assert second.number in await town.says("td-grid", "第二个属实")
    verified = {case.id: case.verified for case in await town.cases()}
    assert verified == {second.id: True, first.id: False}


async def test_a_counted_thing_is_a_report(town: Town) -> None:
    await _two(town)
    await town.says("td-resident", "富邦小区7号楼门口第二个井盖没了")
    assert [case.category for case in await town.cases()][-1] == "manhole"
