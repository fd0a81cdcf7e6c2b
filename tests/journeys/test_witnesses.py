"""Closed by witnesses: before and after, once more is one rung up, back again is linked, merged, split, laid aside."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.town import Town
from workflows.models import FollowUp, Reporter
from workflows.policy.lifecycle import Status

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT = "富邦小区3号楼2单元楼道灯不亮了"
LIGHT_TOO = "富邦小区3号楼2单元楼道里黑灯瞎火的，灯坏了"
RUBBISH = "富邦小区5号楼门口垃圾没人收，臭得不行"


async def _reported_done(town: Town, words: str = "换好了新灯泡") -> None:
    await town.says("td-property", words)
    await town.taps("td-grid", "现场确认，好了")


async def test_before_and_after_are_shown_to_the_witness_and_to_who_reported(town: Town) -> None:
    await town.photographs("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    await town.photographs("td-property", "换好了新灯泡")
    assert "处理前" in await town.heard("td-grid")
    captions = [b.text for b in await town.bubbles("td-grid") if b.photo][-2:]
    assert captions == ["处理前的照片", "处理后的照片"]
    await town.taps("td-grid", "现场确认，好了")
    bubbles = [b for b in await town.bubbles("td-resident") if b.photo and b.sender == "bot"]
    assert [b.text for b in bubbles] == ["处理前的照片", "处理后的照片"]
    assert bubbles[0].photo != bubbles[1].photo


async def test_not_solved_climbs_one_rung_and_the_second_time_reaches_the_secretary(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "我来解决")
    await town.says("td-grid", "灯泡拧紧了，亮了")
    await town.taps("td-resident", "没有")
    case = await town.only_case()
    assert (case.status, case.reopened) == ("with_property", 1)
    await town.heard("td-secretary")
    await _reported_done(town)
    await town.heard("td-secretary")
    await town.says("td-resident", "没解决，晚上又不亮")
    case = await town.only_case()
    assert (case.status, case.reopened) == ("with_community", 2)
    told = await town.heard("td-secretary")
    assert "第2次说没有解决" in told and "三番五次" not in told
    await town.says("td-secretary", f"{case.number} 电工重新布线，弄好了")
    await town.taps("td-grid", "现场确认，好了")
    await town.taps("td-resident", "没有")
    assert "三番五次" in await town.heard("td-secretary")
    await town.keeps_its_promises()


async def test_back_again_within_thirty_days_is_a_new_case_linked_to_the_old_one(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    await _reported_done(town)
    await town.taps("td-resident", "解决了")
    old = await town.only_case()
    await town.heard("td-property")
    await town.passes(days=9)
    said = await town.says("td-resident", "3号楼2单元那个楼道灯又坏了，才修好没几天")
    old, new = await town.cases()
    assert (old.status, new.status, new.recurrence_of) == ("solved", "with_grid_branch", old.id)
    assert (new.category, new.building_text, new.unit_text) == (old.category, "3", "2")
    assert old.number in said and new.number in said
    assert new.opened_at == new.rung_started_at and new.whole_due_at > old.whole_due_at
    assert f"【{old.number}】解决后又犯的" in await town.heard("td-grid")
    assert "又犯了" in await town.heard("td-property")  # whoever said that it was done
    await town.says("td-resident", RUBBISH)  # a new topic is a new case
    assert (await town.cases())[-1].recurrence_of is None
    await town.keeps_its_promises()


async def test_never_solved_is_no_recurrence_and_after_thirty_days_it_is_another_matter(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    await _reported_done(town)
    await town.taps("td-resident", "解决了")
    await town.says("td-resident", "根本没修好，还是不亮")
    case = await town.only_case()
    assert case.reopened == 1 and case.status == "with_community"
    await town.says("td-secretary", f"{case.number} 弄好了")
    await town.taps("td-grid", "现场确认，好了")
    await town.taps("td-resident", "解决了")
    town.clock.set(town.clock.now() + timedelta(days=40))
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯又不亮了")
    _, later = await town.cases()
    assert later.recurrence_of is None


async def test_two_cases_become_the_older_one_and_everybody_is_told(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.says("td-neighbour", LIGHT_TOO)
    older, newer = await town.cases()
    await town.heard("td-grid")
    await town.opens("td-grid", older)
    await town.taps("td-grid", "上报社区")
    await town.opens("td-secretary", older)
    await town.taps("td-secretary", "更多…")
    assert "编号" in await town.taps("td-secretary", "并案")
    assert "编号" in await town.says("td-secretary", "就是楼道灯那件")
    said = await town.says("td-secretary", newer.number)
    assert f"【{newer.number}】并到【{older.number}】" in said
    older, newer = await town.cases()
    assert (older.status, newer.status, newer.merged_into) == ("with_community", "merged", older.id)
    assert "并到一起办" in await town.heard("td-neighbour")
    assert "不用再办" in await town.heard("td-grid")
    waiting = [row.person_id for row in await town.rows(Reporter, Reporter.case_id == older.id)]
    assert waiting == [(await town.person("td-resident")).id, (await town.person("td-neighbour")).id]
    await town.says("td-secretary", f"{older.number} 换了整条线，亮了")
    await town.taps("td-grid", "现场确认，好了")
    assert "您看解决了没有" in await town.heard("td-neighbour")
    await town.says("td-secretary", f"{older.number}")
    await town.keeps_its_promises()


async def test_a_case_is_not_merged_with_itself_or_with_what_is_closed(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.says("td-resident", RUBBISH)
    light, rubbish = await town.cases()
    await town.says("td-resident", f"撤回{rubbish.number}")
    for number, answer in ((light.number, "另一件"), (rubbish.number, "已撤回"), ("SQ260101-01", "没有找到")):
        await town.says("td-secretary", light.number)
        await town.taps("td-secretary", "更多…")
        await town.taps("td-secretary", "并案")
        assert answer in await town.says("td-secretary", number)
    assert [case.status for case in await town.cases()] == ["with_grid_branch", "withdrawn"]


async def test_a_second_matter_is_taken_out_and_who_reported_waits_for_both(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    case = await town.only_case()
    await town.says("td-secretary", case.number)
    await town.taps("td-secretary", "更多…")
    await town.taps("td-secretary", "拆分")
    await town.heard("td-resident")
    said = await town.says("td-secretary", "3号楼2单元的单元门也关不上了")
    first, second = await town.cases()
    assert second.number in said and second.category == "public_facility" and second.building_text == "3"
    told = await town.heard("td-resident")
    assert first.number in told and second.number in told
    (waiting,) = await town.rows(Reporter, Reporter.case_id == second.id)
    assert waiting.person_id == (await town.person("td-resident")).id
    assert "拆出另一件" in await town.says("td-secretary", first.number) + await town.taps("td-secretary", "看经过")
    await town.keeps_its_promises()


async def test_laid_aside_with_the_secretarys_word_it_rests_and_wakes_by_itself(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    await town.passes(hours=12)
    case = await town.only_case()
    due = case.rung_due_at
    await town.opens("td-property", case)
    await town.taps("td-property", "更多…")
    assert "到哪一天" in await town.taps("td-property", "挂账")
    assert "以后的日期" in await town.says("td-property", "配件缺货")
    await town.says("td-property", "配件缺货，12月20日到货")
    assert (await town.only_case()).status == "with_property"  # nobody has agreed yet
    assert "申请挂账到12月20日" in await town.heard("td-secretary")
    await town.taps("td-secretary", "同意挂账")
    case = await town.only_case()
    assert case.status == "suspended" and case.suspended_until == datetime(2026, 12, 20, 0, tzinfo=UTC)
    told = await town.heard("td-resident")
    assert "配件缺货" in told and "12月20日" in told
    rested = town.clock.now()
    await town.keeps_its_promises()
    await town.passes(days=5)
    assert (await town.only_case()).status == "suspended"
    assert "超时" not in await town.heard("td-secretary")
    assert "挂账" in await town.says("td-resident", "我的事办得怎么样了")
    town.clock.set(datetime(2026, 12, 20, 1, tzinfo=UTC))
    await town.settled()
    case = await town.only_case()
    assert case.status == "with_property" and case.suspended_until is None
    assert case.rung_due_at == due + (town.clock.now() - rested)
    assert "请接着办" in await town.heard("td-property")
    assert "恢复办理" in await town.heard("td-resident")
    clocks = await town.rows(FollowUp, FollowUp.kind == "clock", FollowUp.done_at.is_(None))
    assert len(clocks) == 1
    await town.keeps_its_promises()


async def test_the_secretary_may_refuse_and_may_wake_it_early(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    await town.opens("td-property", await town.only_case())
    await town.taps("td-property", "更多…")
    await town.taps("td-property", "挂账")
    await town.says("td-property", "人手不够，下个月15号再说")
    await town.taps("td-secretary", "不同意")
    await town.says("td-secretary", "换个灯泡用不了一个月，三天内办好")
    assert "不同意挂账：换个灯泡" in await town.heard("td-property")
    case = await town.only_case()
    assert (case.status, case.suspended_until) == ("with_property", None)
    await town.says("td-property", "线路老化，我们修不了")
    case = await town.only_case()
    await town.opens("td-secretary", case)
    await town.taps("td-secretary", "更多…")
    await town.taps("td-secretary", "挂账")
    await town.says("td-secretary", "等老旧小区改造进场，12月28日开工")  # the secretary's own wish needs nobody else
    assert (await town.only_case()).status == Status.SUSPENDED
    await town.says("td-secretary", case.number)
    await town.taps("td-secretary", "更多…")
    await town.taps("td-secretary", "恢复办理")
    assert (await town.only_case()).status == "with_community"
    await town.keeps_its_promises()


async def test_a_resident_may_say_solved_or_take_back_what_is_laid_aside(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "上报社区")
    await town.opens("td-secretary", await town.only_case())
    await town.taps("td-secretary", "更多…")
    await town.taps("td-secretary", "挂账")
    await town.says("td-secretary", "等改造进场，12月28日开工")
    case = await town.only_case()
    await town.says("td-resident", f"{case.number} 解决了，灯亮了")
    assert (await town.only_case()).status == "solved"
    await town.keeps_its_promises()
