"""长辈版 and reporting for a neighbour, through the real dispatcher."""

import pytest

from tests.town import Town
from workflows.models import Outbound, Person, Reporter

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

HEAD = "td-head-03"  # 楼栋长 of 富邦小区3号楼
OFFER = "回“长辈版”"


async def how(town: Town, who: str) -> str:
    """What is kept with the person."""
    return (await town.person(who)).elder


async def test_asked_for_in_plain_words_it_stays_until_it_is_sent_away(town: Town) -> None:
    assert "好，换成长辈版" in await town.says("td-resident", "字太小了")
    assert await how(town, "td-resident") == "on"
    long_help = await town.says("td-grid", "/help")
    short_help = await town.says("td-resident", "/help")
    assert max(len(line) for line in short_help.split("\n")) <= 40
    assert len(short_help) < len(long_help)
    assert "改回普通版" in await town.says("td-resident", "普通版")
    assert await how(town, "td-resident") == "off"
    assert "怎么用小哨" in await town.says("td-resident", "/help")


async def test_the_page_is_told_to_change_its_type(town: Town) -> None:
    await town.says("td-resident", "/elder")
    await town.says("td-resident", "普通版")
    rows = await town.rows(Outbound, Outbound.method == "Restyle")
    assert [(row.chat_key, row.payload["large"], row.state) for row in rows] == [
        (town.chat("td-resident"), True, "sent"),
        (town.chat("td-resident"), False, "sent"),
    ]


async def test_a_report_by_numbers_with_a_telephone_number_beneath(town: Town) -> None:
    await town.says("td-resident", "长辈版")
    grid_worker = await town.person("td-grid")
    asked = await town.says("td-resident", "楼道灯不亮了")
    assert "1 是，就在我家这儿\n2 说不清在哪儿\n回个数字就行。" in asked
    assert f"打电话给网格员{grid_worker.name}：{grid_worker.phone}" in asked
    opened = await town.says("td-resident", "1")
    case = await town.only_case()
    assert (case.category, case.building_text) == ("street_light", "3")
    assert f"登记好了：【{case.number}】" in opened
    assert "全程不超过" not in opened
    await town.keeps_its_promises()


async def test_the_community_is_rung_where_the_home_is_not_known(town: Town) -> None:
    await town.says("stranger", "长辈版")
    community = town.app.directory.communities[0]
    assert f"打电话给{community.name}：{community.phone}" in await town.says("stranger", "你好")


async def test_the_menu_shows_four_kinds_at_once_and_the_others_behind_a_fifth(town: Town) -> None:
    await town.says("td-resident", "长辈版")
    first = await town.says("td-resident", "/menu")
    assert "1 供暖\n2 供水\n3 供电\n4 漏水、房屋维修\n5 其他\n回个数字就行。" in first
    assert [b["text"] for row in (await town.bubbles("td-resident"))[-1].buttons for b in row][-1] == "其他"
    second = await town.says("td-resident", "5")
    assert "1 下水道\n2 电梯\n3 路灯楼道灯\n4 垃圾卫生\n5 其他" in second
    assert "是什么事" in await town.says("td-resident", "3")
    await town.says("td-resident", "3号楼2单元的灯坏了")
    assert (await town.only_case()).category == "street_light"


async def test_the_closing_question_is_answered_by_a_number(town: Town) -> None:
    await town.says("td-resident", "长辈版")
    await town.says("td-resident", "富邦小区3号楼2单元楼道灯不亮了")
    case = await town.only_case()
    await town.taps("td-grid", "属实")
    await town.says("td-property", "灯泡换好了，亮了")
    await town.taps("td-grid", "现场确认，好了")
    asked = await town.heard("td-resident")
    assert "1 解决了\n2 部分解决\n3 没有\n回个数字就行。" in asked
    await town.says("td-resident", "1")
    case = await town.only_case()
    assert case.status == "solved"


async def test_it_is_offered_once_to_somebody_who_says_that_reading_is_hard(town: Town) -> None:
    said = await town.says("td-resident", "我老花眼看字费劲，富邦小区3号楼2单元楼道灯不亮了")
    assert "已登记" in said
    assert OFFER in said
    assert await how(town, "td-resident") == "offered"
    await town.passes(hours=1)
    await town.heard("td-resident")
    assert OFFER not in await town.says("td-resident", "我老花眼看字费劲，事情办得咋样了")


async def test_it_is_never_guessed_from_age(town: Town) -> None:
    assert OFFER not in await town.says("td-resident", "我八十二了，富邦小区3号楼2单元楼道灯不亮了")
    assert await how(town, "td-resident") == ""


async def test_a_lamp_under_which_one_cannot_see_is_a_report(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼门口路灯坏了，看不清路")
    assert (await town.only_case()).category == "street_light"
    assert await how(town, "td-resident") == ""


async def test_danger_is_answered_first_and_in_full(town: Town) -> None:
    await town.says("td-resident", "长辈版")
    said = await town.says("td-resident", "着火了，3号楼着火了")
    assert "119" in said
    assert "打电话给网格员" in said
    assert "险情" in await town.heard("td-grid")


# ---- for a neighbour


async def test_the_neighbours_name_is_told_only_when_the_reporter_says_so(town: Town) -> None:
    said = await town.says("td-resident", "替楼上王大爷报，富邦小区3号楼2单元楼道灯不亮了")
    assert "代楼上王大爷反映" in said
    assert "要不要告诉网格员是替楼上王大爷反映的" in said
    card = await town.heard("td-grid")
    assert "王大爷" not in card
    assert "代一位邻居反映" in card
    await town.taps("td-resident", "可以告诉")
    assert "替楼上王大爷反映的" in await town.heard("td-grid")
    (reporter,) = await town.rows(Reporter)
    assert reporter.consent
    case = await town.only_case()
    assert "代楼上王大爷反映" in await town.opens("td-grid", case)


async def test_without_consent_the_name_stays_untold_and_the_closing_question_still_comes(town: Town) -> None:
    await town.says("td-resident", "替我妈报，富邦小区3号楼2单元楼道灯不亮了")
    assert "不说是替谁反映的" in await town.says("td-resident", "先不说")
    assert "我妈" not in await town.opens("td-grid", await town.only_case())
    await town.taps("td-grid", "属实")
    await town.says("td-property", "灯泡换好了，亮了")
    await town.taps("td-grid", "现场确认，好了")
    assert "您看解决了没有" in await town.heard("td-resident")
    await town.taps("td-resident", "解决了")
    assert (await town.only_case()).status == "solved"


async def test_consent_that_was_told_is_not_asked_for(town: Town) -> None:
    said = await town.says("td-resident", "王大爷托我反映，帮王大爷报一下富邦小区3号楼2单元楼道灯不亮了")
    assert "要不要告诉" not in said
    assert "代王大爷反映" in await town.heard("td-grid")


async def test_another_matter_after_the_question_is_heard_as_one(town: Town) -> None:
    await town.says("td-resident", "替我妈报，富邦小区3号楼2单元楼道灯不亮了")
    await town.says("td-resident", "富邦小区5号楼下水道堵了往外冒水")
    assert [case.category for case in await town.cases()] == ["street_light", "sewage"]


async def test_a_building_head_is_asked_whom_to_ring(town: Town) -> None:
    await town.seated(HEAD)
    await town.says(HEAD, "替王大爷报，富邦小区3号楼2单元楼道灯不亮了")
    case = await town.only_case()
    assert "上门前，打谁的电话" in await town.says(HEAD, "可以告诉")
    said = await town.says(HEAD, "王大爷 13900002222")
    assert f"上门前打：王大爷 13900002222。【{case.number}】" in said
    assert "上门前请先打：王大爷 13900002222" in await town.opens("td-grid", case)
    await town.taps("td-grid", "属实")
    assert "13900002222" not in await town.heard("td-property")


async def test_a_building_head_who_wants_to_be_rung_needs_a_number(town: Town) -> None:
    seated = await town.seated(HEAD)
    async with town.app.database.writing() as session:
        head = await session.get_one(Person, seated.id)
        head.phone = ""
    await town.says(HEAD, "替王大爷报，富邦小区3号楼2单元楼道灯不亮了")
    await town.says(HEAD, "可以告诉")
    assert "没有留电话" in await town.says(HEAD, "打给我")
    await town.says(HEAD, "13900003333")
    (reporter,) = await town.rows(Reporter)
    assert reporter.ring == "13900003333"


async def test_another_residents_case_is_not_theirs_to_speak_for(town: Town) -> None:
    await town.says("td-resident", "替我妈报，富邦小区3号楼2单元楼道灯不亮了")
    bubble, data = await town.button("td-resident", "可以告诉")
    await town.says("stranger", "你好")
    assert "没有找到这件事" in await town.taps_data("stranger", (await town.bubbles("stranger"))[-1], data)
    assert bubble.buttons
    (reporter,) = await town.rows(Reporter)
    assert not reporter.consent
