"""M5: "每隔一段时间就来修剪". A solution carries a plan; each round is confirmed, told, or raises itself."""

from datetime import UTC, datetime

import pytest

from tests.town import Town
from workflows.models import Media, UpkeepPlan, UpkeepTask

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

SHRUBS = "富邦小区河边那片灌木长疯了，里面全是蚊子，晚上没法开窗"
WATER = "呼和浩特市水务局"


async def _with_water(town: Town) -> None:
    await town.says("td-resident", SHRUBS)
    await town.taps("td-grid", "属实")
    await town.taps("td-secretary", "吹哨")
    await town.says("td-secretary", "水务局")
    await town.says("td-secretary", "河道归水务局管，无照片，夜里拍不清")


async def _promised(town: Town, words: str) -> str:
    await _with_water(town)
    case = await town.only_case()
    await town.opens("td-water", case)
    await town.taps("td-water", "更多…")
    assert "多久做一次" in await town.taps("td-water", "定期维护")
    return await town.says("td-water", words)


async def test_a_plan_that_repeats_is_kept_confirmed_with_a_photo_and_told_each_time(town: Town) -> None:
    said = await _promised(town, "12月到2月每14天喷一次药")
    assert "记下了" in said and "喷药" in said and WATER in said
    assert len(await town.rows(UpkeepPlan)) == 1
    tasks = await town.rows(UpkeepTask)
    assert [str(task.due_on) for task in tasks] == [
        "2026-12-01", "2026-12-15", "2026-12-29", "2027-01-12", "2027-01-26", "2027-02-09", "2027-02-23",
    ]  # fmt: skip
    assert "每做一次" in await town.heard("td-resident")
    await town.says("td-water", "第一遍喷药消杀完了")
    await town.taps("td-grid", "现场确认，好了")
    await town.taps("td-resident", "解决了")  # closed; the promise outlives it
    assert (await town.only_case()).status == "solved"
    await town.passes(days=7)
    assert "今天该做定期维护" in await town.heard("td-water")
    await town.taps("td-water", "做好了")
    assert "照片" in await town.says("td-water", "喷过了")  # words alone are not enough
    said = await town.photographs("td-water", "河边喷了一遍")
    assert "第1次" in said and "12月15日" in said
    told = await town.heard("td-resident")
    assert "定期维护做了第1次" in told and "河边喷了一遍" in told
    assert any(bubble.photo for bubble in await town.bubbles("td-resident"))
    (done,) = await town.rows(UpkeepTask, UpkeepTask.done_at.is_not(None))
    assert done.photos == [media.id for media in await town.rows(Media, Media.audience == "")]
    await town.says("td-secretary", (await town.only_case()).number)
    record = await town.taps("td-secretary", "看经过")
    assert "到了定期维护的日子：喷药，12月1日" in record
    assert "定期维护做了一次：喷药，12月1日" in record
    await town.keeps_its_promises()


async def test_a_missed_round_raises_itself_and_can_still_be_done_late(town: Town) -> None:
    await _promised(town, "12月到2月每14天喷一次药")
    await town.heard("td-secretary")
    await town.passes(days=8)
    told = await town.heard("td-secretary")
    assert "没有做" in told and WATER in told
    assert "还没有确认" in await town.heard("td-resident")
    (missed,) = await town.rows(UpkeepTask, UpkeepTask.missed_at.is_not(None))
    done = await town.actions(await town.only_case())
    assert [action for action in done if action.startswith("round_")] == ["round_due", "round_missed"]
    digest = await town.says("td-secretary", "/digest 本周")
    assert "漏了1次" in digest and "还欠1次" in digest
    await town.taps("td-secretary", "做好了")  # the community confirms for them
    assert "第1次" in await town.says("td-secretary", "水务局说昨天补喷了，无照片，手机坏了")
    assert "还欠" not in await town.says("td-secretary", "/digest 本周")
    assert (await town.rows(UpkeepTask, UpkeepTask.id == missed.id))[0].done_at is not None
    await town.keeps_its_promises()


async def test_the_next_season_proposes_itself_and_two_taps_make_one(town: Town) -> None:
    await _promised(town, "12月1日到12月20日每10天修剪一次")
    await town.says("td-water", "第一遍修剪完了")
    await town.taps("td-grid", "现场确认，好了")
    await town.taps("td-resident", "解决了")
    for day in (1, 2, 11, 12, 21, 22):
        town.clock.set(datetime(2026, 12, day, 2, tzinfo=UTC))
        await town.settled()
    town.clock.set(datetime(2027, 10, 31, 2, tzinfo=UTC))
    await town.settled()
    assert "再来一季吗" not in await town.heard("td-water")
    town.clock.set(datetime(2027, 11, 1, 2, tzinfo=UTC))  # a month before the next one
    await town.settled()
    told = await town.heard("td-water")
    assert "再来一季吗" in told and "2027年12月1日" in told
    bubble, data = await town.button("td-water", "再来一季")
    assert "2027年12月1日" in await town.taps_data("td-water", bubble, data)
    office, data = await town.button("td-secretary", "再来一季")
    await town.taps_data("td-secretary", office, data)
    first, second = await town.rows(UpkeepPlan)
    assert second.season_of == first.id and first.state == "over" and second.state == "running"


async def test_a_check_after_heavy_rain_is_called_for_by_hand(town: Town) -> None:
    assert "大雨过后" in await _promised(town, "大雨后检查一次井盖")
    assert await town.rows(UpkeepTask) == []
    assert "大雨过后" in await town.says("td-secretary", "/维护")
    await town.taps("td-secretary", "第1项：大雨过了，现在做")
    await town.settled()
    assert "今天该做定期维护" in await town.heard("td-water")
    await town.says("td-secretary", "/维护")
    assert "还没确认" in await town.taps("td-secretary", "第1项：大雨过了，现在做")
    await town.taps("td-water", "做好了")
    await town.photographs("td-water")
    assert "做了第1次" in await town.heard("td-resident")
    assert len(await town.rows(UpkeepTask)) == 1


async def test_a_plan_that_makes_no_sense_is_refused_with_a_sentence_and_can_be_said_again(town: Town) -> None:
    assert "在开始的前面" in await _promised(town, "2027年9月到2027年4月每月修剪一次")
    assert "多久做一次" in await town.says("td-water", "以后常来")
    assert "已经过去" in await town.says("td-water", "2025年4月到2025年9月每14天喷一次药")
    assert await town.rows(UpkeepPlan) == []
    assert "记下了" in await town.says("td-water", "2027年4月到2027年9月每月修剪一次")
    (plan,) = await town.rows(UpkeepPlan)
    assert (str(plan.first_on), str(plan.last_on)) == ("2027-04-01", "2027-09-30")
    said = await town.taps("td-water", "停掉这项维护")
    assert "停掉了" in said
    await town.passes(days=1)
    await town.keeps_its_promises()


async def test_whoever_has_nothing_to_do_with_a_plan_cannot_confirm_it(town: Town) -> None:
    await _promised(town, "12月到2月每14天喷一次药")
    await town.passes(days=7)
    bubble, data = await town.button("td-water", "做好了")
    for who in ("td-urban", "td-resident", "sq-secretary"):
        await town.taps_data(who, bubble, data)
        await town.photographs(who, "喷了")
    assert await town.rows(UpkeepTask, UpkeepTask.done_at.is_not(None)) == []
