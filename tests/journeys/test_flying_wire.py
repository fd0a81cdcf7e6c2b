"""Flying-wire charging: found true by the grid worker, solved by the property with a photo, judged by the resident."""

import pytest

from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

REPORT = "富邦小区3号楼2单元有人从楼上拉线下来给电动车充电，看着就害怕"


async def test_the_property_takes_the_wire_down_with_a_photo_and_the_resident_says_solved(town: Town) -> None:
    answer = await town.says("td-resident", REPORT)
    case = await town.only_case()
    assert case.number in answer and "飞线充电" in answer and "第一网格党支部" in answer
    assert (case.category, case.estate_text, case.building_text) == ("flying_wire", "富邦小区", "3")
    whole = case.whole_due_at

    await town.taps("td-grid", "属实")
    case = await town.only_case()
    assert town.holder(case) == "富邦物业服务有限公司"
    assert (case.rung_due_at - town.clock.now()).days == 3
    assert "富邦物业" in await town.heard("td-resident")
    card = await town.heard("td-property")
    assert case.number in card and "拉线" in card

    assert case.number in await town.says("td-property", "行，下午派电工过去看")
    assert "下午派电工过去看" in await town.heard("td-resident")
    await town.passes(hours=5)
    await town.opens("td-property", case)
    assert "照片" in await town.taps("td-property", "已解决")
    assert case.number in await town.photographs("td-property", "线拆了，给车主指了南门的充电棚")
    case = await town.only_case()
    assert (case.status, town.holder(case)) == ("to_confirm", "富邦物业服务有限公司")

    told = await town.heard("td-grid")
    assert "线拆了" in told and "现场" in told
    assert await _last_photo(town, "td-grid")  # the witness sees what is claimed
    told = await town.heard("td-resident")
    assert "线拆了" in told and "网格员去现场" in told and "解决了没有" not in told

    await town.taps("td-grid", "现场确认，好了")
    told = await town.heard("td-resident")
    assert "线拆了" in told and "解决了没有" in told and "处理后的照片" in told
    assert await _last_photo(town, "td-resident")
    assert "太好了" in await town.taps("td-resident", "解决了")
    assert "居民说解决了" in await town.heard("td-property")

    case = await town.only_case()
    assert (case.status, case.verdict, case.solved_at_rung) == ("solved", "solved", "property")
    assert case.whole_due_at == whole and case.closed_at == town.clock.now()
    assert await town.actions(case) == [
        "open", "verify", "hand_to_property", "accept", "report_result", "confirm", "judge_solved",
    ]  # fmt: skip
    await town.passes(days=20)
    assert case.number not in await town.heard("td-resident")  # what is solved is left alone
    await town.keeps_its_promises()


async def test_a_result_needs_a_photo_or_a_line_of_words(town: Town) -> None:
    case = await _with_the_property(town)
    assert "照片" in await town.taps("td-property", "已解决")
    assert (await town.only_case()).status == "with_property"
    await town.photographs("td-property")
    case = await town.only_case()
    assert (case.status, case.result, case.result_kind) == ("to_confirm", "", "done")
    assert await _last_photo(town, "td-grid")
    await town.keeps_its_promises()


async def test_the_residents_own_photo_is_never_shown_as_the_repair(town: Town) -> None:
    await town.photographs("td-resident", REPORT)
    case = await town.only_case()
    await town.taps("td-grid", "属实")
    assert "现场照片" in await town.heard("td-property")
    assert case.number in await town.says("td-property", "线已经拆了")
    await town.taps("td-grid", "现场确认，好了")
    told = await town.heard("td-resident")
    assert "线已经拆了" in told and "处理后的照片" not in told
    await town.keeps_its_promises()


async def test_the_grid_worker_finds_the_wire_still_hanging_and_the_property_hears_it(town: Town) -> None:
    case = await _with_the_property(town)
    await town.says("td-property", "线已经拆了")
    await town.heard("td-property")
    assert "哪里还没好" in await town.taps("td-grid", "还没好")
    await town.says("td-grid", "线只是卷起来了，插座还挂着")
    card = await town.heard("td-property")
    assert "还没好" in card and case.number in card
    case = await town.only_case()
    assert (case.status, case.result) == ("with_property", "")
    assert "解决了没有" not in await town.heard("td-resident")
    assert "插座还挂着" in await town.taps("td-property", "看经过")
    assert (await town.actions(case))[-2:] == ["report_result", "not_fixed"]
    await town.keeps_its_promises()


async def test_a_grid_worker_who_does_not_look_cannot_hold_the_answer_back(town: Town) -> None:
    case = await _with_the_property(town)
    await town.says("td-property", "线已经拆了")
    await town.heard("td-resident")
    await town.passes(days=2, hours=1)
    told = await town.heard("td-resident")
    assert "解决了没有" in told and "还没来得及" in told
    case = await town.only_case()
    assert (case.status, (await town.actions(case))[-1]) == ("to_judge", "pass_unconfirmed")
    await town.taps("td-resident", "解决了")
    assert (await town.only_case()).status == "solved"
    await town.keeps_its_promises()


async def _with_the_property(town: Town):
    await town.says("td-resident", REPORT)
    await town.taps("td-grid", "属实")
    return await town.only_case()


async def _last_photo(town: Town, who: str) -> str:
    """The newest photo that 小哨 has put into this chat."""
    return next((b.photo for b in reversed(await town.bubbles(who)) if b.sender == "bot" and b.photo), "")
