"""M6: 双向进入、交叉任职. One person, several posts, one chat; a complaint goes around whom it is about, at every rung."""

import pytest
from sqlalchemy import select

from tests.town import Town
from workflows.digest import Week
from workflows.digest.audiences import as_data
from workflows.models import Post
from workflows.policy.permissions import Role

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT = "富邦小区3号楼2单元楼道灯不亮了"
COMMITTEE = "投诉富邦小区物管会，账目从来不公示，收的停车费不知道去哪了"
PROPERTY = "投诉富邦小区物业，收了物业费不办事，打电话从来没人接"


async def test_the_card_says_in_which_of_several_posts_it_is_sent(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.passes(hours=25)  # the grid is silent: its branch secretary, who heads the 物管会 as well, is told
    assert "（以第一网格党支部书记的身份）" in await town.heard("td-branch")
    assert "的身份" not in await town.heard("td-grid")  # one post only
    case = await town.only_case()
    assert "（以第一网格党支部书记的身份）" in await town.says("td-branch", case.number)


async def test_a_complaint_about_the_committee_goes_around_its_head_in_every_post_and_digest(town: Town) -> None:
    said = await town.says("td-resident", COMMITTEE)
    case = await town.only_case()
    assert case.about_committee and case.number in said
    assert town.holder(case) == "通道北街社区党委"
    assert case.number in await town.heard("td-secretary")
    await _never_hears(town, "td-branch", case.number, COMMITTEE)
    await town.taps("td-secretary", "协调会")
    await town.says("td-secretary", "请物管会委员、居民代表明天上午来社区对账")
    await town.passes(days=8)  # reminders, overdue, chased: at every rung
    await _never_hears(town, "td-branch", case.number, COMMITTEE)
    for tried in (case.number, f"{case.number} 已解决"):
        assert "没有找到" in await town.says("td-branch", tried)


async def test_nobody_of_the_property_hears_of_a_complaint_about_it_whatever_else_they_are(town: Town) -> None:
    """The property's man is made a member of the community's office, as cross-posting has it: he stays out all the same."""
    man = await town.person("td-property")
    async with town.app.database.writing() as session:
        office = (
            await session.execute(
                select(Post).where(Post.role == Role.COMMUNITY_SECRETARY, Post.community_id == man.community_id)
            )
        ).scalar_one()
        session.add(
            Post(
                community_id=man.community_id,
                person_id=man.id,
                role=Role.COMMUNITY_STAFF,
                unit_id=office.unit_id,
                since=town.clock.now(),
            )
        )
    await town.says("td-resident", PROPERTY)
    case = await town.only_case()
    assert case.about_unit_id is not None
    await town.taps("td-grid", "上报社区")
    assert case.number in await town.heard("td-secretary")
    await town.passes(days=6)
    await _never_hears(town, "td-property", case.number, PROPERTY)
    await town.says("td-secretary", case.number)
    await town.taps("td-secretary", "更多…")
    await town.taps("td-secretary", "挂账")
    await town.says("td-secretary", "等业主大会，12月28日开会")
    await _never_hears(town, "td-property", case.number, PROPERTY)


async def _never_hears(town: Town, who: str, *words: str) -> None:
    """Neither unasked nor in their digests."""
    person = await town.person(who)
    told = await town.heard(who) + await town.says(who, "/desk")
    async with town.app.database.reading() as session:
        digests = town.app.office(session).digests
        week = Week.of(town.clock.now(), town.app.settings.zone)
        told += str([as_data(one) for one in await digests.for_person(person.id, week)])
    for word in words:
        assert word not in told, f"{who} has heard of {word}"
