"""M3: the daily round. Two findings become two cases, a round without findings a record and no case."""

from decimal import Decimal

import pytest
from sqlalchemy import update

from bot.conversation.digest_text import render
from tests.town import Town
from workflows.digest import CommunityDigest, Week
from workflows.directory import Directory
from workflows.models import Alert, Estate, Media, Patrol

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIST = "今天巡查富邦小区发现：\n1. 5号楼下面井盖塌了一块\n2. 7号楼3单元楼道堆满了纸箱子"


async def test_two_findings_of_one_message_become_two_cases_found_before_anybody_complained(town: Town) -> None:
    said = await town.photographs("td-grid", LIST)
    manhole, boxes = await town.cases()
    assert (manhole.category, boxes.category) == ("manhole", "fire_safety")
    assert (manhole.building_text, boxes.building_text, boxes.unit_text) == ("5", "7", "3")
    assert manhole.proactive and boxes.proactive
    assert manhole.number in said and boxes.number in said and "2件" in said
    assert "未诉先办" in said and "巡查发现" in said
    (photo,) = await town.rows(Media, Media.case_id.is_not(None))
    assert photo.case_id == manhole.id
    (patrol,) = await town.rows(Patrol)
    assert patrol.findings == [manhole.id, boxes.id]
    await town.keeps_its_promises()


async def test_a_round_without_findings_is_a_record_and_no_case(town: Town) -> None:
    assert "这一趟怎么样" in (await town.says("td-grid", "/巡查")).replace("巡查", "")
    assert "记下了" in await town.taps("td-grid", "没发现问题")
    assert "记下了" in await town.says("td-grid", "/巡查 无异常")
    assert "记下了" in await town.says("td-grid", "巡查一圈，没发现问题")
    assert await town.cases() == []
    rounds = await town.rows(Patrol)
    assert [patrol.findings for patrol in rounds] == [[], [], []]
    assert "由网格员" in await town.says("td-resident", "/巡查 无异常")
    assert len(await town.rows(Patrol)) == 3


async def test_a_find_told_by_itself_belongs_to_the_round_that_was_begun(town: Town) -> None:
    await town.says("td-grid", "/巡查")
    await town.taps("td-grid", "有发现，我来说")
    await town.says("td-grid", "富邦小区2号楼旁边有电线垂下来了，耷拉到人头上")
    await town.says("td-grid", "/巡查 富邦小区9号楼门口垃圾堆成山")
    first, second = await town.cases()
    patrols = await town.rows(Patrol)
    assert first.proactive and second.proactive
    assert sorted(case for patrol in patrols for case in patrol.findings) == [first.id, second.id]


async def test_the_place_of_a_find_comes_from_a_shared_location(town: Town) -> None:
    assert "认不出" in await town.shares_location("td-grid", 40.9, 111.9)
    await _placed(town, "富邦小区", 40.8300, 111.6500)
    assert "富邦小区" in await town.shares_location("td-grid", 40.8310, 111.6505)
    await town.says("td-grid", "健身器材断了一根杆")
    case = await town.only_case()
    assert case.estate_text == "富邦小区" and case.proactive
    assert "认不出" in await town.shares_location("td-grid", 40.90, 111.65)  # eight kilometres away


async def test_a_resident_answers_the_question_for_the_place_with_their_location(town: Town) -> None:
    await _placed(town, "水泉小区", 40.8200, 111.6400)
    assert "哪个小区" in await town.says("路人", "路灯坏了好几天")
    said = await town.shares_location("路人", 40.8201, 111.6401)
    case = await town.only_case()
    assert case.number in said and case.estate_text == "水泉小区"


async def test_rounds_and_what_was_found_on_them_are_counted_in_the_digest(town: Town) -> None:
    await town.says("td-grid", "巡查一圈，没发现问题")
    await town.says("td-grid", LIST)
    secretary = await town.person("td-secretary")
    async with town.app.database.reading() as session:
        week = Week.of(town.clock.now(), town.app.settings.zone)
        digests = await town.app.office(session).digests.for_person(secretary.id, week)
    (digest,) = [one for one in digests if isinstance(one, CommunityDigest)]
    now = digest.measures
    assert (now.patrols, now.patrols_clean, now.proactive) == (2, 1, 2)
    first, detail = render(digest)
    assert "巡查2趟" in first + detail and "未诉先办2件" in first + detail


async def _placed(town: Town, estate: str, lat: float, lon: float) -> None:
    async with town.app.database.writing() as session:
        await session.execute(
            update(Estate).where(Estate.name == estate).values(lat=Decimal(str(lat)), lon=Decimal(str(lon)))
        )
    async with town.app.database.reading() as session:
        town.app.directory = await Directory.load(session)


async def test_a_danger_in_the_middle_of_a_list_is_called_out_and_the_rest_is_entered(town: Town) -> None:
    said = await town.says(
        "td-grid", "1. 富邦小区3号楼门口石墩坏了 2. 5号楼有人在楼道烧东西着火了 3. 7号楼旁边井盖松了"
    )
    assert "119" in said and "2件" in said
    (alert,) = await town.rows(Alert)
    assert alert.place.startswith("富邦小区5号楼") and "石墩" in alert.text  # quoted whole, placed where it burns
    assert {(case.building_text, case.proactive) for case in await town.cases()} == {("3", True), ("7", True)}
    (patrol,) = await town.rows(Patrol)
    assert len(patrol.findings) == 2
    await town.keeps_its_promises()


async def test_a_list_on_one_line_is_a_list_and_an_answer_with_numbers_is_none(town: Town) -> None:
    await town.says("td-grid", "①富邦小区5号楼门口垃圾没清 ②富邦小区7号楼路灯不亮")
    assert [case.category for case in await town.cases()] == ["garbage", "street_light"]
    await town.says("td-grid", "属实，1、昨天已经去看过 2、物业的人也联系上了")
    assert len(await town.cases()) == 2
