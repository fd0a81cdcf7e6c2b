"""别说是我说的: those who must know see who it was; nobody else sees anything that could tell."""

import pytest

from tests.journeys.test_console import signed_in
from tests.town import Town
from workflows.models import Case, CaseEvent, Correction, Outbound, Reporter
from workflows.recount import read

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

NOISE = "富邦小区3号楼2单元楼上302天天半夜打麻将吵得睡不着，别说是我说的"


async def test_the_circle_sees_the_words_and_nobody_else_anything_that_could_tell(town: Town) -> None:
    said = await town.says("td-resident", NOISE)
    assert "替您保密" in said and "看不到是谁说的" in said and "自己猜到" in said
    card = await town.heard("td-grid")
    assert "报事人要求保密" in card and "302天天半夜打麻将" in card and "3号楼" in card
    case = await town.only_case()
    assert (case.estate_text, case.building_text, case.unit_text, case.building_id) == ("富邦小区", "", "", None)
    assert case.grid_id is not None
    await town.says("td-grid", "转物业")
    seen = await town.heard("td-property")
    assert case.number in seen and "报事人要求保密" in seen
    for trace in ("麻将", "302", "3号楼", "2单元", "马秀兰"):
        assert trace not in seen, trace
    await town.says("td-property", f"{case.number}")
    await town.taps("td-property", "看经过")
    assert not any("麻将" in bubble.text or "3号楼" in bubble.text for bubble in await town.bubbles("td-property"))
    await town.keeps_its_promises()


async def test_what_is_said_later_stays_in_the_circle_too(town: Town) -> None:
    await town.says("td-resident", NOISE)
    await town.says("td-grid", "转物业")
    await town.heard("td-property")
    await town.says("td-resident", "我住在他家楼下，昨天又打到三点")
    assert "三点" not in await town.heard("td-property")
    (reporter,) = await town.rows(Reporter)
    assert "三点" in reporter.own_words
    for table in (Case, CaseEvent, Correction):
        for row in await town.rows(table):
            assert "三点" not in str(vars(row)) and "麻将" not in str(vars(row)), table


async def test_the_console_shows_the_words_to_the_office_and_not_to_the_property(town: Town) -> None:
    await town.says("td-resident", NOISE)
    case = await town.only_case()
    await town.says("td-grid", "转物业")
    async with signed_in(town, "td-secretary") as office:
        assert "麻将" in await office.sees(f"case/{case.id}")
    async with signed_in(town, "td-property") as company:
        for path in (f"case/{case.id}", "desk"):
            page = await company.sees(path)
            assert "麻将" not in page and "3号楼" not in page and "马秀兰" not in page, path


async def test_a_wish_that_comes_later_hides_what_it_can_and_says_what_it_cannot(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼上302天天半夜打麻将吵得睡不着")
    await town.says("td-grid", "转物业")
    assert "麻将" in await town.heard("td-property")
    said = await town.says("td-resident", "别说是我说的")
    assert "替您保密" in said and "收不回来" in said and "富邦" in said
    case = await town.only_case()
    assert "麻将" not in case.text and case.building_text == ""
    await town.says("td-property", case.number)
    await town.taps("td-property", "看经过")
    newest = (await town.bubbles("td-property"))[-1].text
    assert "反映" in newest and "麻将" not in newest
    assert "报事人要求保密" in await town.heard("td-grid")


async def test_of_a_thing_the_house_stays_so_that_it_can_be_mended(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元302门口楼道灯不亮了，替我保密")
    case = await town.only_case()
    assert (case.building_text, case.unit_text, case.room_text) == ("3", "2", "")


async def test_a_wish_before_the_place_is_known_is_kept(town: Town) -> None:
    await town.says("stranger", "楼上天天半夜打麻将，吵得睡不着")
    assert "替您保密" in await town.says("stranger", "不要透露我")
    await town.says("stranger", "富邦小区6号楼")
    case = await town.only_case()
    assert "麻将" not in case.text and case.building_text == ""
    assert not any(
        "麻将" in str(row.payload) for row in await town.rows(Outbound, Outbound.chat_key == town.chat("td-property"))
    )


async def test_a_complaint_about_the_grid_worker_never_reaches_her_however_it_is_corrected(town: Town) -> None:
    await town.says("td-resident", "我要举报网格员白小燕，态度恶劣，骂人，从来不露面，千万别说是我说的")
    case = await town.only_case()
    assert case.about_grid
    await town.taps("td-resident", "改地点")
    await town.says("td-resident", "富邦小区3号楼2单元")
    await town.passes(hours=30)
    case = await town.only_case()
    assert case.about_grid and case.building_text == ""
    assert not any(case.number in bubble.text for bubble in await town.bubbles("td-grid"))
    assert "白小燕" not in case.text
    await town.keeps_its_promises()


async def test_the_row_follows_from_its_history_when_secrecy_was_asked_for_later(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼上302天天半夜打麻将吵得睡不着")
    await town.says("td-resident", "别说是我说的")
    case = await town.only_case()
    async with town.app.database.reading() as session:
        (story,) = await read(session, [case.community_id], town.app.rules)
    assert story.where == (case.estate_text, case.building_text, case.place_text) == ("富邦小区", "", "")


async def test_nobody_else_can_ask_for_it_and_a_closed_case_stays_as_it_is(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    case = await town.only_case()
    bubble = (await town.bubbles("td-neighbour") or await town.bubbles("td-resident"))[-1]
    data = f"c:confidential:{case.id}"
    assert "没有找到" in await town.taps_data("td-neighbour", bubble, data)
    await town.says("td-resident", "算了，不用了")
    (before,) = await town.rows(Reporter)
    await town.taps_data("td-resident", (await town.bubbles("td-resident"))[-1], data)
    (after,) = await town.rows(Reporter)
    assert (before.confidential, after.confidential, after.own_words) == (False, False, "")
    assert (await town.only_case()).text == case.text


async def test_a_neighbour_who_joins_in_secret_is_kept_secret_from_the_first_word(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼上天天半夜打麻将吵得睡不着")
    await town.says("td-grid", "转物业")
    await town.heard("td-property")
    asked = await town.says(
        "td-neighbour", "富邦小区3号楼2单元楼上半夜打麻将太吵了，我家老人心脏不好，千万别说是我说的"
    )
    assert "同一件" in asked
    said = await town.taps("td-neighbour", "是同一件")
    assert "已把您也记在" in said and "替您保密" in said
    case = await town.only_case()
    reporters = await town.rows(Reporter, Reporter.case_id == case.id)
    assert [(one.first, one.confidential) for one in sorted(reporters, key=lambda one: one.id)] == [
        (True, False),
        (False, True),
    ]
    assert "心脏" in await town.heard("td-grid")
    for table in (Case, CaseEvent):
        for row in await town.rows(table):
            assert "心脏" not in str(vars(row)), table
    for who in ("td-property", "td-resident"):
        assert not any("心脏" in bubble.text for bubble in await town.bubbles(who)), who
    await town.keeps_its_promises()


async def test_who_tells_more_of_their_own_case_and_asks_for_secrecy_gets_it(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼上天天半夜打麻将吵得睡不着")
    await town.says("td-grid", "转物业")
    await town.heard("td-property")
    await town.says("td-resident", "富邦小区3号楼2单元楼上半夜又打麻将了，我心脏不好，千万别说是我说的")
    case = await town.only_case()
    assert "替您保密" in (await town.bubbles("td-resident"))[-1].text
    assert "麻将" not in case.text and "心脏" not in case.text
    (reporter,) = await town.rows(Reporter)
    assert "麻将" in reporter.own_words and "心脏" in reporter.own_words
    assert not any("心脏" in bubble.text for bubble in await town.bubbles("td-property"))


@pytest.mark.parametrize("words", ["不用保密了", "不用保密了 我实名举报", "不用替我保密了，可以说是我", "别替我保密了"])
async def test_who_no_longer_minds_keeps_the_case_and_is_told_that_it_stays_secret(town: Town, words: str) -> None:
    await town.says("td-resident", NOISE)
    await town.heard("td-grid")
    case = await town.only_case()
    said = await town.says("td-resident", words)
    assert case.number in said and "接着办" in said and "还照保密的办" in said and "替您保密" not in said
    after = await town.only_case()
    assert after.status == case.status and "麻将" not in after.text
    assert not any("撤回" in bubble.text for bubble in await town.bubbles("td-grid"))
    assert "接着办" in await town.says("td-resident", f"{case.number} {words}")
    assert (await town.only_case()).status == case.status
    await town.keeps_its_promises()


async def test_what_is_told_beside_it_reaches_the_circle_alone(town: Town) -> None:
    await town.says("td-resident", NOISE)
    await town.heard("td-grid")
    assert "接着办" in await town.says("td-resident", "不用保密了，昨天又打到三点")
    assert "三点" not in (await town.only_case()).text
    (reporter,) = await town.rows(Reporter)
    assert "三点" in reporter.own_words


async def test_where_nothing_is_secret_there_is_nothing_to_lift(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    assert "没有设保密" in await town.says("td-resident", "不用保密")
    assert (await town.only_case()).status != "withdrawn"
    long = "富邦小区3号楼2单元楼上302天天半夜打麻将吵得睡不着，不用保密，可以说是我说的"
    await town.says("td-neighbour", long)
    assert not (await town.cases())[-1].text.startswith("（")
