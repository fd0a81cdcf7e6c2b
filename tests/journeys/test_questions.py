"""这要多久, 你们是真人吗, 不知道小区叫啥: a question is answered, and is no more of the report and no place."""

import pytest

from tests.town import Town
from workflows.models import Alert, Case, CaseEvent
from workflows.policy.lifecycle import Action

pytestmark = [pytest.mark.journey, pytest.mark.rasa]


@pytest.mark.parametrize(
    "question",
    ["什么时候能修好", "这要多久", "得等几天", "维修的啥时候来", "什么时候能解决？", "多会儿能弄好", "灯啥时候来人修"],
)
async def test_how_long_it_takes_is_answered_and_is_no_more_of_the_report(town: Town, question: str) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    case = await town.only_case()
    said = await town.says("td-resident", question)
    assert case.number in said and "前" in said, said
    assert not await town.rows(CaseEvent, CaseEvent.action == Action.ADD)


async def test_a_question_about_something_else_is_not_answered_with_the_case_at_hand(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    lamp = await town.only_case()
    said = await town.says("td-resident", "暖气什么时候能来")
    assert lamp.number not in said, said
    assert "暖气" not in (await town.rows(Case, Case.id == lamp.id))[0].text


@pytest.mark.parametrize("question", ["你们是真人吗", "你是不是真人", "你是机器人吧"])
async def test_whether_it_is_a_person_is_answered_and_alarms_nobody(town: Town, question: str) -> None:
    said = await town.says("td-resident", question)
    assert "小哨" in said or "机器" in said
    assert not await town.heard("td-grid")
    assert not await town.rows(Alert)


async def test_who_asks_for_a_person_is_rung_by_the_community_of_their_case_at_the_number_they_gave(town: Town) -> None:
    await town.says("stranger", "富邦小区3号楼2单元楼道灯不亮了")
    case = await town.only_case()
    said = await town.says("stranger", "我不会用这个，找个人给我打电话，我的电话5551234")
    community = town.app.directory.community(case.community_id).name
    assert community in said
    heard = await town.heard("td-secretary")
    assert "5551234" in heard and "没有留电话" not in heard


@pytest.mark.parametrize("words", ["我不知道小区叫啥", "我不清楚小区名字", "不知道这个院子叫什么"])
async def test_who_does_not_know_the_estate_s_name_is_asked_for_what_stands_near(town: Town, words: str) -> None:
    await town.says("stranger", "楼道灯不亮了")
    said = await town.says("stranger", words)
    assert "附近" in said and not await town.rows(Case)
    await town.says("stranger", "兴安北路口，有个大超市")
    case = await town.only_case()
    assert case.estate_text == "" and "兴安北路" in case.place_text, (case.estate_text, case.place_text)


async def test_the_second_time_they_cannot_tell_it_is_taken_as_it_is(town: Town) -> None:
    await town.says("stranger", "楼道灯不亮了")
    await town.says("stranger", "不知道小区叫啥")
    await town.says("stranger", "说不清")
    case = await town.only_case()
    assert (case.estate_text, case.place_text) == ("", "")


@pytest.mark.parametrize("line", ["不要上班时间来 我晚上7点才在家", "社区几点下班"])
async def test_when_somebody_may_come_is_no_place(town: Town, line: str) -> None:
    await town.says("stranger", "水龙头没水了")
    await town.says("stranger", line)
    await town.says("stranger", "富邦小区3号楼2单元101")
    case = await town.only_case()
    assert "点" not in case.place_text and case.estate_text == "富邦小区"


async def test_a_line_that_says_what_and_where_is_kept_as_both(town: Town) -> None:
    await town.says("stranger", "水管")
    await town.says("stranger", "楼道里水管漏水，好几天了")
    await town.says("stranger", "富邦小区3号楼2单元")
    assert "漏水" in (await town.only_case()).text


@pytest.mark.parametrize(
    "question",
    ["社区电话多少", "富邦小区网格员是谁", "我们归哪个社区", "物业在哪儿", "社区几点下班？", "网格员怎么联系"],
)
async def test_who_answers_for_a_place_is_said_from_the_directory_and_is_no_case(town: Town, question: str) -> None:
    said = await town.says("td-resident", question)
    place = town.app.directory.locate("富邦小区", prefer_community=None)
    assert place.community_id is not None
    community = town.app.directory.community(place.community_id)
    assert community.name in said and community.phone in said and "白小燕" in said, said
    assert not await town.rows(Case) and not await town.heard("td-grid")


async def test_a_stranger_who_asks_for_the_community_is_asked_where(town: Town) -> None:
    assert "哪个小区" in await town.says("stranger", "社区电话多少")


async def test_a_question_amid_a_report_leaves_the_report_as_it_was(town: Town) -> None:
    await town.says("stranger", "楼道灯不亮了")
    await town.says("stranger", "富邦小区网格员是谁")
    await town.says("stranger", "富邦小区3号楼2单元")
    case = await town.only_case()
    assert (case.category, case.building_text, case.unit_text) == ("street_light", "3", "2")
    assert "网格员" not in case.text


@pytest.mark.parametrize("words", ["网格员从来不露面，他是谁都没人知道", "物业电话多少遍都没人接"])
async def test_a_complaint_is_no_question(town: Town, words: str) -> None:
    said = await town.says("td-resident", words)
    assert "发“转人工”就行" not in said
