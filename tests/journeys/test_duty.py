"""Those on duty: buttons they may use, words that are understood, finds on patrol, and complaints that go around them."""

import pytest

from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT = "富邦小区3号楼2单元楼道灯不亮了"


async def test_a_complaint_about_the_grid_worker_is_a_case_that_neither_she_nor_her_branch_sees(town: Town) -> None:
    await town.says("td-resident", "网格员态度特别差，爱答不理的，我要投诉她")
    case = await town.only_case()
    assert case.about_grid and case.rung == "community"
    assert case.number in await town.heard("td-secretary")
    await town.passes(days=8)
    for who in ("td-grid", "td-branch"):
        assert case.number not in await town.heard(who)
        assert case.number not in await town.says(who, "/desk")
        assert "没有找到" in await town.says(who, f"{case.number} 怎么样了")
    await town.keeps_its_promises()


async def test_whoever_only_oversees_gets_no_buttons_that_would_be_refused(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.passes(hours=25)  # the grid is silent: it climbs to the property, the branch secretary hears of it
    assert "请过问" in await town.heard("td-branch")
    offered = [button["text"] for row in (await town.bubbles("td-branch"))[-1].buttons for button in row]
    assert offered == ["看经过"]


async def test_a_refused_tap_leaves_the_card_as_it_was(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.passes(hours=25)
    bubble, data = await town.button("td-grid", "属实")
    assert "已经过时" in await town.taps_data("td-grid", bubble, data)
    after, _ = await town.button("td-grid", "属实")
    assert after.id == bubble.id


async def test_what_staff_type_is_about_their_desk(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.says("td-grid", "行，我明天去看看")
    told = await town.heard("td-resident")
    assert "行，我明天去看看" in told and "解决" not in told
    await town.says("td-grid", "这事归物业")
    assert (await town.only_case()).status == "with_property"
    told = await town.heard("td-resident")
    assert "已转给" in told and "属实" not in told  # nobody has looked
    assert "怎么办" in await town.says("td-property", "那个灯座有点特别啊")
    await town.taps("td-property", "只记一笔")
    await town.says("td-property", "等灯泡，周五到")
    assert "周五到" in await town.heard("td-resident")
    assert len(await town.cases()) == 1


async def test_a_find_on_patrol_without_an_estate_is_in_her_own_grid(town: Town) -> None:
    await town.photographs("td-grid", "巡到水泉街拐弯，井盖松了晃得厉害")
    case = await town.only_case()
    assert case.proactive and case.rung == "grid_branch" and case.grid_id is not None
    assert "没发现问题" in await town.says("td-grid", "巡查一圈，没发现问题")
    assert len(await town.cases()) == 1


async def test_the_department_reads_why_it_was_called_and_who_refused_is_not_offered_again(town: Town) -> None:
    await town.says("td-resident", "富邦小区河边蚊子特别多，麻烦打药")
    await town.taps("td-grid", "属实")
    offered = await town.taps("td-secretary", "吹哨")
    assert "哪个部门" in offered
    newest = (await town.bubbles("td-secretary"))[-1]
    assert "水务局" in newest.buttons[0][0]["text"] and newest.buttons[-1][0]["text"] == "其他部门…"
    await town.taps("td-secretary", newest.buttons[0][0]["text"])
    await town.says("td-secretary", "灌木长在河道管理范围里，社区没有权限打药，无照片，夜里拍不清")
    assert "灌木长在河道管理范围里" in await town.heard("td-water")
    await town.says("td-water", "这不归我们，应该是园林局的事")
    await town.taps("td-secretary", "吹哨")
    newest = (await town.bubbles("td-secretary"))[-1]
    assert all("水务局" not in button["text"] for row in newest.buttons for button in row)
    await town.keeps_its_promises()


async def test_help_is_for_the_chair_one_sits_in(town: Town) -> None:
    assert "吹哨" in await town.says("td-secretary", "/help")
    assert "现场确认" in await town.says("td-grid", "/help")
    assert "5天" in await town.says("td-water", "/help")
    assert "您说了算" in await town.says("td-resident", "/help")
