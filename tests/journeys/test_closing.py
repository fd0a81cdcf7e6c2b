"""Closing: the reason reaches who said it was done, 没解决 opens the right case again, and an agreement has its day."""

import pytest

from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT = "富邦小区3号楼2单元楼道灯不亮了"
RUBBISH = "富邦小区5号楼门口垃圾没人收，臭得不行"


async def _reported_done(town: Town, words: str = "换好了新灯泡") -> None:
    await town.taps("td-grid", "属实")
    await town.says("td-property", words)
    await town.taps("td-grid", "现场确认，好了")


async def test_the_reason_after_not_solved_reaches_who_said_that_it_was_and_who_has_it_now(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await _reported_done(town)
    assert "哪儿没好" in await town.taps("td-resident", "没有")
    for who in ("td-property", "td-secretary"):
        await town.heard(who)
    assert "已转给" in await town.says("td-resident", "灯亮是亮了，就是一闪一闪的")
    for who in ("td-property", "td-secretary"):
        assert "一闪一闪" in await town.heard(who), who
    assert "一闪一闪" in (await town.only_case()).text
    await town.keeps_its_promises()


async def test_not_solved_without_a_name_is_about_the_case_that_was_spoken_of_last(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await _reported_done(town)
    await town.passes(days=8)  # asked twice, then closed as unanswered
    first = await town.only_case()
    assert first.status == "unanswered"
    assert "再打开" in await town.heard("td-resident")
    await town.says("td-resident", RUBBISH)
    assert first.number in await town.says("td-resident", "没解决")
    again, other = await town.cases()
    assert again.status == "with_community" and other.status == "with_grid_branch"
    await town.keeps_its_promises()


async def test_a_case_is_found_by_its_number_open_or_closed(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await _reported_done(town)
    await town.taps("td-resident", "解决了")
    await town.says("td-resident", RUBBISH)
    lamp, rubbish = await town.cases()
    assert "已解决" in await town.says("td-resident", f"{lamp.number}怎么样了")
    assert "重新打开" in await town.says("td-resident", f"{lamp.number} 没解决，还是不亮")
    assert "已撤回" in await town.says("td-resident", f"撤回{rubbish.number.lower()}")
    lamp, rubbish = await town.cases()
    assert (lamp.status, rubbish.status) == ("with_community", "withdrawn")
    assert "没有找到" in await town.says("td-neighbour", f"{lamp.number}怎么样了")
    await town.keeps_its_promises()


async def test_what_was_agreed_for_a_later_day_is_not_asked_about_before(town: Town) -> None:
    await town.says("td-resident", "富邦小区东门口的面包砖被大车压碎了，希望能改铺油路")
    await town.taps("td-grid", "上报社区")
    await town.says("td-secretary", "请施工方、物业、居民代表明天上午开个协调会")
    assert "协调会" in await town.heard("td-property")
    await town.says("td-secretary", "谈妥了，12月8号铺油，施工方出料")
    case = await town.only_case()
    assert case.status == "with_community" and case.result_kind == "planned"
    told = await town.heard("td-resident")
    assert "12月8号铺油" in told and "解决了没有" not in told
    assert "12月8号铺油" in await town.heard("td-property")
    await town.says("td-secretary", f"{case.number} 油路铺好了")
    assert (await town.only_case()).status == "to_confirm"
    await town.keeps_its_promises()


async def test_still_in_hand_comes_once_a_day_for_all_cases_together(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.says("td-resident", RUBBISH)
    await town.taps("td-grid", "上报社区")
    for case in await town.cases():
        if case.status == "with_grid_branch":
            await town.opens("td-grid", case)
            await town.taps("td-grid", "上报社区")
    await town.heard("td-resident")
    await town.passes(days=3.2)
    told = await town.heard("td-resident")
    assert told.count("还在办") == 1
    assert all(case.number in told for case in await town.cases())


async def test_an_answer_to_which_case_after_all_of_them_are_gone_is_no_fault(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.says("td-resident", RUBBISH)
    await town.passes(hours=1)
    assert "哪一件" in await town.says("td-resident", "催一下")
    for case in await town.cases():
        await town.says("td-resident", f"撤回{case.number}")
    assert await town.says("td-resident", "路灯那个")
    await town.keeps_its_promises()


@pytest.mark.parametrize("words", ["中 好了 谢谢", "好了，谢谢你们", "修好了，太感谢了"])
async def test_thanks_that_say_it_is_done_are_the_verdict_that_was_asked_for(town: Town, words: str) -> None:
    await town.says("td-resident", LIGHT)
    await _reported_done(town)
    await town.says("td-resident", words)
    assert (await town.only_case()).status == "solved"


@pytest.mark.parametrize("words", ["谢谢啊，辛苦了", "谢谢，不过还没修好"])
async def test_thanks_alone_close_nothing(town: Town, words: str) -> None:
    await town.says("td-resident", LIGHT)
    await _reported_done(town)
    await town.says("td-resident", words)
    assert (await town.only_case()).status != "solved"
