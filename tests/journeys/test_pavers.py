"""M2: the pavers of 园林小区. The 雨污分流 works crush them; the parties agree on asphalt; no whistle is blown."""

import pytest
from sqlalchemy import func, select

from tests.town import Town
from workflows.models import Whistle

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

REPORT = "园林小区院里的面包砖被大车压得稀碎，希望能改铺油路"
WORKS = "我们园林小区雨污分流施工，面包砖都让大车压碎了，能不能改铺油路"
PARTIES = "施工方、物业和居民代表，明天上午九点在党群服务中心"
AGREEMENT = "施工方同意调整方案，管道回填以后全部改铺油路"


async def test_the_works_and_the_pavers_that_they_crush_are_one_matter_and_not_two_cases(town: Town) -> None:
    answer = await town.says("sq-resident", WORKS)
    case = await town.only_case()
    assert case.number in answer and case.category in ("road_damage", "construction")
    assert (await town.heard("sq-grid")).count("居民说：") == 1
    await town.keeps_its_promises()


async def test_the_branch_secretary_negotiates_asphalt_for_the_crushed_pavers_at_once(town: Town) -> None:
    answer = await town.says("sq-resident", REPORT)
    case = await town.only_case()
    assert case.number in answer and "园林小区" in answer
    assert town.holder(case) == "第一网格党支部"
    whole = case.whole_due_at

    assert REPORT in await town.opens("sq-branch", case)
    await town.taps("sq-branch", "协调会")
    said = await town.says("sq-branch", PARTIES)
    assert case.number in said
    heard = await town.heard("sq-resident")
    assert "正在请各方商量" in heard and "施工方" in heard

    await town.passes(hours=23)
    said = await town.says("sq-branch", f"谈妥了，{AGREEMENT}")
    assert case.number in said
    heard = await town.heard("sq-resident")
    assert "各方商量好了" in heard and AGREEMENT in heard and "解决了没有" in heard
    assert "太好了" in await town.taps("sq-resident", "解决了")

    case = await town.only_case()
    assert (case.status, case.verdict, case.result_kind) == ("solved", "solved", "negotiated")
    assert (case.solved_at_rung, case.whole_due_at) == ("grid_branch", whole)
    assert await town.actions(case) == ["open", "convene", "agree", "judge_solved"]
    assert await _whistles(town) == 0
    await town.says("sq-branch", f"{case.number} 怎么样了")
    history = await town.taps("sq-branch", "看经过")
    assert "召集协调" in history and "协商一致" in history and "张双同" in history
    await town.keeps_its_promises()


async def test_the_community_calls_the_parties_together_and_the_grid_worker_sees_the_asphalt(town: Town) -> None:
    await town.says("sq-resident", REPORT)
    await town.taps("sq-grid", "上报社区")
    case = await town.only_case()
    assert town.holder(case) == "仕奇社区党委"
    assert case.number in await town.heard("sq-secretary")
    assert "仕奇社区党委" in await town.heard("sq-resident")

    # In her own words, as people on duty write, without a button.
    said = await town.says("sq-secretary", "我把施工方、物业和居民代表约到一起，明天上午坐下来商量")
    assert case.number in said
    assert "正在请各方商量" in await town.heard("sq-resident")
    said = await town.says("sq-secretary", f"都谈妥了，{AGREEMENT}")
    assert case.number in said
    case = await town.only_case()
    assert (case.status, case.result_kind) == ("to_confirm", "negotiated")

    card = await town.heard("sq-grid")
    assert AGREEMENT in card and "现场" in card
    assert "商量好了" in await town.heard("sq-resident")  # an agreement is not called a repair
    await town.taps("sq-grid", "现场确认，好了")
    heard = await town.heard("sq-resident")
    assert "各方商量好了" in heard and AGREEMENT in heard
    await town.taps("sq-resident", "解决了")

    case = await town.only_case()
    assert (case.status, case.verdict, case.solved_at_rung) == ("solved", "solved", "community")
    assert await town.actions(case) == [
        "open", "hand_to_community", "convene", "agree", "confirm", "judge_solved",
    ]  # fmt: skip
    assert await _whistles(town) == 0
    await town.keeps_its_promises()


async def test_a_meeting_without_parties_or_an_agreement_without_words_is_asked_for(town: Town) -> None:
    await town.says("sq-resident", REPORT)
    await town.taps("sq-grid", "上报社区")
    assert "哪几方" in await town.taps("sq-secretary", "协调会")
    case = await town.only_case()
    assert "convene" not in await town.actions(case)
    assert "没有改动" in await town.says("sq-secretary", "算了")
    await town.opens("sq-secretary", case)
    assert "商量的结果" in await town.taps("sq-secretary", "谈妥了")
    assert case.number in await town.says("sq-secretary", AGREEMENT)
    assert await town.actions(case) == ["open", "hand_to_community", "agree"]
    await town.keeps_its_promises()


async def test_the_grid_worker_and_the_property_cannot_declare_an_agreement(town: Town) -> None:
    await town.says("sq-resident", REPORT)
    await town.taps("sq-grid", "联系物业")
    case = await town.only_case()
    bubble, data = await town.button("sq-property", "解决不了")
    for who in ("sq-property", "sq-grid", "sq-branch", "sq-neighbour"):
        said = await town.taps_data(who, bubble, data.replace("cannot", "agree"))
        assert "商量的结果" not in said
    assert await town.actions(case) == ["open", "hand_to_property"]
    await town.keeps_its_promises()


async def _whistles(town: Town) -> int:
    async with town.app.database.reading() as session:
        return (await session.execute(select(func.count()).select_from(Whistle))).scalar_one()
