"""算了: taken back at once where the words leave no doubt; a sigh is asked about, and the case goes on meanwhile."""

import pytest

from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT, LIFT = "富邦小区3号楼2单元楼道灯不亮了", "富邦小区5号楼电梯停了三天了"


@pytest.mark.parametrize("sigh", ["算了不说了", "算了 说了也没用", "算了，反正你们也不管"])
async def test_a_sigh_is_asked_about_and_the_case_goes_on(town: Town, sigh: str) -> None:
    await town.says("td-resident", LIGHT)
    case = await town.only_case()
    said = await town.says("td-resident", sigh)
    assert case.number in said and "要撤回吗" in said and "接着办" in said
    assert (await town.only_case()).status == case.status
    assert "没有撤" in await town.taps("td-resident", "接着办")
    await town.says("td-resident", f"{case.number} {sigh}")
    assert "没有撤" in await town.says("td-resident", "别撤，继续办")
    assert (await town.only_case()).status == case.status
    await town.says("td-resident", sigh)
    assert "已撤回" in await town.taps("td-resident", "撤回")
    assert (await town.only_case()).status == "withdrawn"
    await town.keeps_its_promises()


@pytest.mark.parametrize("plain", ["算了，不用了", "撤回", "不用修了", "灯亮了，不用来人了"])
async def test_what_leaves_no_doubt_is_taken_back_at_once(town: Town, plain: str) -> None:
    await town.says("td-resident", LIGHT)
    assert "已撤回" in await town.says("td-resident", plain)
    assert (await town.only_case()).status == "withdrawn"


async def test_a_sigh_over_several_cases_withdraws_none_and_names_them(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.says("td-resident", LIFT)
    await town.passes(hours=1)
    said = await town.says("td-resident", "算了 说了也没用")
    light, lift = await town.cases()
    assert light.number in said and lift.number in said
    assert "没有撤" in await town.says("td-resident", "接着办")
    await town.says("td-resident", "算了 说了也没用")
    assert lift.number in await town.says("td-resident", "电梯的撤了吧")
    light, lift = await town.cases()
    assert light.status != "withdrawn" and lift.status == "withdrawn"


async def test_what_the_property_would_not_do_is_no_withdrawal(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.says("td-resident", "物业说不修了")
    assert (await town.only_case()).status != "withdrawn"
