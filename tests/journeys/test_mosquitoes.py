"""M5: the mosquitoes of 富邦小区. Nobody knows who is answerable; the system finds 水务局 and brings the answer back."""

import pytest

from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

REPORT = "富邦小区河边那片晚上没法开窗，胳膊上全是包"


async def test_the_mosquitoes_by_the_river_reach_the_water_bureau_and_an_answer_comes_back(town: Town) -> None:
    answer = await town.says("td-resident", REPORT)
    case = await town.only_case()
    assert case.number in answer and "蚊虫" in answer and "撤回" in str((await town.bubbles("td-resident"))[-1].buttons)

    card = await town.heard("td-grid")
    assert REPORT in card and case.number in card
    await town.taps("td-grid", "属实")
    assert "社区" in await town.heard("td-resident")

    assert "水务局" in await town.heard("td-secretary")
    await town.taps("td-secretary", "吹哨")
    bubble, data = await town.button("td-secretary", "呼和浩特市水务局")
    await town.taps_data("td-secretary", bubble, data)
    assert "照片" in await town.says("td-secretary", "河道灌木里孳生蚊虫，社区没有权限到河道里消杀")
    assert "部门处理中" in await town.says("td-secretary", "无照片，夜里拍不清")
    case = await town.only_case()
    assert town.holder(case) == "呼和浩特市水务局"
    assert (case.rung_due_at - town.clock.now()).days == 5  # 5天, calendar days

    card = await town.heard("td-water")
    assert case.number in card
    contact, resident = await town.person("td-grid"), await town.person("td-resident")
    assert contact.name in card and contact.phone in card  # the grid worker's contact travels with it,
    assert resident.name not in card and resident.phone not in card  # the resident's never does
    await town.says("td-water", "今天已派人对河道喷药消杀完了")
    assert "现场" in await town.heard("td-grid")
    assert "网格员去现场" in await town.heard("td-resident")
    await town.taps("td-grid", "现场确认，好了")
    assert "解决了没有" in await town.heard("td-resident")
    await town.taps("td-resident", "解决了")

    case = await town.only_case()
    assert (case.status, case.verdict, case.solved_at_rung) == ("solved", "solved", "department")
    assert await town.actions(case) == [
        "open", "verify", "hand_to_community", "blow_whistle", "report_result", "confirm", "judge_solved",
    ]  # fmt: skip
    await town.keeps_its_promises()
