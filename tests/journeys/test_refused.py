"""What is refused is refused whoever forges it, changes nothing, and is there for the operator to read afterwards."""

import asyncio
import json
import os
import sys
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bot.conversation.buttons import CaseDo, Kind, Same, TakeAlert, ToDepartment, Which
from tests.town import Town
from workflows.cases import NewReport
from workflows.handling import Handling
from workflows.models import Alert, Case, CaseEvent, Post, Refusal, Reporter, WebBubble, Whistle
from workflows.policy.lifecycle import Status
from workflows.policy.permissions import NotAllowed, OwnWork
from workflows.refusals import MOST_A_DAY, Refusals, Why

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

RESIDENT, NEIGHBOUR, GRID, OFFICE = "td-resident", "td-neighbour", "td-grid", "td-secretary"
STRANGER = "sq-resident"
AWAY = 2**62


async def lamp(town: Town, place: str = "富邦小区3号楼2单元", who: str = RESIDENT) -> Case:
    """A case of the resident's at 富邦小区."""
    person = await town.person(who)
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        where = town.app.directory.locate(place, prefer_community=person.community_id)
        report = NewReport(person.id, person.community_id, "street_light", "楼道灯不亮", where)
        return await office.file.case((await office.cases.open(report)).id)


async def forged(town: Town, who: str, data: str) -> str:
    """A tap with a payload that nobody offered."""
    bubble = WebBubble(id=1, chat_key=town.chat(who), sender="bot", text="…", buttons=[])
    return await town.taps_data(who, bubble, data)


async def shape(town: Town) -> list[int]:
    """What may not have changed."""
    async with town.app.database.reading() as session:
        tables = (Case, CaseEvent, Reporter, Whistle, Alert)
        return [(await session.execute(select(func.count()).select_from(table))).scalar_one() for table in tables]


async def last(town: Town) -> Refusal:
    """The newest refusal."""
    return (await town.rows(Refusal))[-1]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("zz:1:2", Why.UNKNOWN_BUTTON),
        ("不是按钮", Why.UNKNOWN_BUTTON),
        ("c", Why.MALFORMED),
        ("c:done", Why.MALFORMED),
        ("c:done:abc", Why.MALFORMED),
        ("c:done:1:2:3", Why.MALFORMED),
        (f"c:done:{10**30}", Why.MALFORMED),
        ("c:done:-1", Why.MALFORMED),
        ("g:grid:2026-W99", Why.MALFORMED),
        ("g:grid:nonsense", Why.MALFORMED),
        (CaseDo(act="done", case=AWAY).pack(), Why.NO_SUCH_CASE),
        (Kind(category="heating", case=AWAY).pack(), Why.NO_SUCH_CASE),
        (Which(act="solved", case=AWAY).pack(), Why.NO_SUCH_CASE),
        (ToDepartment(case=1, unit=1).pack(), Why.NOT_ON_DUTY),
        (TakeAlert(alert=1).pack(), Why.NOT_ON_DUTY),
    ],
)
async def test_a_forged_button_changes_nothing_and_is_kept(town: Town, data: str, why: Why) -> None:
    await lamp(town)
    before = await shape(town)
    assert await forged(town, RESIDENT, data)
    assert await shape(town) == before
    row = await last(town)
    person = await town.person(RESIDENT)
    assert (row.why, row.person_id, row.community_id, row.channel) == (why, person.id, person.community_id, "web")
    assert row.at == town.clock.now()


ACTS = ("history", "text", "card", "progress", "fix_kind", "fix_place", "solved", "urge", "withdraw", "restore", "done")


async def test_a_case_of_another_community_is_closed_to_everybody_elsewhere(town: Town) -> None:
    case = await lamp(town)
    before = await shape(town)
    for who in (STRANGER, "sq-grid", "sq-secretary", "qm-secretary"):
        for act in ACTS:
            said = await forged(town, who, CaseDo(act=act, case=case.id).pack())
            assert "没有找到这件事" in said and "灯" not in said, (who, act, said)
            row = await last(town)
            assert (row.why, row.case_id, row.person_id) == (
                Why.OTHER_COMMUNITY, case.id, (await town.person(who)).id,
            ), (who, act)  # fmt: skip
    assert await shape(town) == before
    assert len(await town.rows(Refusal)) == 4 * len(ACTS)


async def test_a_case_that_somebody_has_nothing_to_do_with(town: Town) -> None:
    case = await lamp(town)
    before = await shape(town)
    for data in (
        CaseDo(act="solved", case=case.id),
        Kind(category="heating", case=case.id),
        Which(act="urge", case=case.id),
    ):
        assert "没有找到这件事" in await forged(town, NEIGHBOUR, data.pack())
        row = await last(town)
        assert (row.why, row.case_id, row.what) == (Why.NOT_THEIRS, case.id, data.pack())
    assert "不在您的岗位范围里" in await forged(town, RESIDENT, CaseDo(act="verify", case=case.id).pack())
    assert (await last(town)).why == Why.NOT_THEIR_STEP
    await forged(town, NEIGHBOUR, Same(case=case.id).pack())  # never shown as a likely duplicate: no way in
    assert await shape(town) == before


async def test_somebody_elses_case_number(town: Town) -> None:
    case = await lamp(town)
    before = await shape(town)
    for who, why in ((NEIGHBOUR, Why.NOT_THEIRS), (STRANGER, Why.OTHER_COMMUNITY), ("sq-grid", Why.OTHER_COMMUNITY)):
        said = await town.says(who, f"{case.number}怎么样了")
        assert "没有找到这件事" in said and "灯" not in said
        row = await last(town)
        assert (row.why, row.case_id) == (why, case.id)
    await town.says(NEIGHBOUR, "TD991231-77怎么样了")
    assert (await last(town)).why == Why.NO_SUCH_CASE
    assert await shape(town) == before


async def test_invitations_open_once_and_in_time_only(town: Town) -> None:
    head = await town.person("td-head-03")
    async with town.app.database.writing() as session:
        people = town.app.office(session).people
        used = await people.invite(head.id, None, timedelta(days=7))
        late = await people.invite(head.id, None, timedelta(days=7))
    assert "欢迎" in await town.says("the head", f"/join {used}")
    for code, why in ((used, Why.INVITATION_USED), ("AAAA-BBBB-CCCC", Why.INVITATION_UNKNOWN)):
        assert "邀请码" in await town.says("a thief", f"/join {code}")
        assert (await last(town)).why == why
    await town.passes(days=8)
    assert "过期" in await town.says("a thief", f"/start {late}")
    assert (await last(town)).why == Why.INVITATION_EXPIRED
    assert "岗位" not in await town.says("a thief", "/help")
    assert "只能由社区书记" in await town.says(NEIGHBOUR, "/invite 谁")
    assert (await last(town)).why == Why.MAY_NOT_INVITE
    row = await last(town)
    assert all(code not in row.what for code in (used, late))


async def test_a_dismissed_grid_workers_old_buttons(town: Town) -> None:
    case = await lamp(town)
    grid = await town.person(GRID)
    old = [
        (bubble, button["data"])
        for bubble in await town.bubbles(GRID)
        for row in bubble.buttons
        for button in row
        if button["data"].startswith("c:")
    ]
    async with town.app.database.writing() as session:
        for post in (await session.execute(select(Post).where(Post.person_id == grid.id))).scalars():
            post.until = town.clock.now()
    before = await shape(town)
    await town.settled()
    taps = old or [
        (WebBubble(id=1, chat_key=town.chat(GRID), sender="bot", text="…", buttons=[]), f"c:verify:{case.id}")
    ]
    for bubble, data in taps:
        assert "没有找到这件事" in await town.taps_data(GRID, bubble, data)
        row = await last(town)
        assert (row.why, row.person_id) == (Why.POST_ENDED, grid.id)
    assert await shape(town) == before


async def test_a_whistle_goes_to_a_department_of_the_cases_own_community_only(town: Town) -> None:
    case = await lamp(town)
    async with town.app.database.writing() as session:
        grid = await town.person(GRID)
        await town.app.office(session).handling.hand_to_community(grid.id, case.id)
    directory = town.app.directory
    elsewhere = next(c for c in directory.communities if c.id != case.community_id)
    foreign = directory.units_of(elsewhere.id, "department")[0].id
    company = directory.units_of(case.community_id, "property")[0].id
    before = await shape(town)
    for unit in (foreign, company, AWAY):
        said = await forged(town, OFFICE, ToDepartment(case=case.id, unit=unit).pack())
        assert "不在您的岗位范围里" in said
        assert (await last(town)).why == Why.NOT_THEIR_STEP
        office = await town.person(OFFICE)
        async with town.app.database.writing() as session:
            handling: Handling = town.app.office(session).handling
            with pytest.raises(NotAllowed):
                await handling.blow_whistle(office.id, case.id, unit, "权限外", "无照片")
    assert await shape(town) == before
    own = directory.units_of(case.community_id, "department")[0]
    assert "还不能吹哨" in await forged(
        town, OFFICE, ToDepartment(case=case.id, unit=own.id).pack()
    )  # theirs to call, and next it must be earned


async def test_nobody_judges_their_own_work(town: Town) -> None:
    """A man of the property company lives there too and joins: whether it is solved, the other residents say."""
    case = await lamp(town)
    people = {key: (await town.person(key)).id for key in (RESIDENT, GRID, "td-property", "td-branch")}
    company = people["td-property"]
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        await office.handling.verify(people[GRID], case.id)
        await office.cases.join(company, case.id, "我也住这儿")
        await office.handling.report_result(company, case.id, "换好了")
        await office.handling.confirm(people[GRID], case.id)
        await town.app.announcer.announce(office)
    await town.settled()
    assert "您看解决了没有" in await town.heard(RESIDENT)
    assert "您看解决了没有" not in await town.heard("td-property")
    before = await shape(town)
    for act in ("solved", "partly", "not"):
        assert "要由反映的居民来评" in await forged(town, "td-property", CaseDo(act=act, case=case.id).pack())
        assert (await last(town)).why == Why.OWN_WORK
    assert await shape(town) == before
    async with town.app.database.writing() as session:
        with pytest.raises(OwnWork):
            await town.app.office(session).cases.judge(company, case.id, "solved")
    await town.taps(RESIDENT, "解决了")
    assert (await town.only_case()).status == Status.SOLVED


async def test_whoever_only_looked_may_judge_what_others_did(town: Town) -> None:
    """The grid worker reports the lamp of her own stairs: the company mends it, and her word as a resident counts."""
    case = await lamp(town, who=GRID)
    people = {key: (await town.person(key)).id for key in (GRID, "td-property", "td-branch")}
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        await office.handling.verify(people["td-branch"], case.id)
        await office.handling.report_result(people["td-property"], case.id, "换好了")
        await office.handling.confirm(people["td-branch"], case.id)
    assert "办结" in await forged(town, GRID, CaseDo(act="solved", case=case.id).pack())
    assert (await town.only_case()).status == Status.SOLVED


async def test_who_hammers_at_a_door_does_not_fill_the_disk(town: Town) -> None:
    person = await town.person(NEIGHBOUR)
    async with town.app.database.writing() as session:
        refusals = Refusals(session, town.clock.now())
        for _ in range(MOST_A_DAY + 20):
            await refusals.record(
                Why.MALFORMED, "c", community_id=person.community_id, person_id=person.id, channel="web"
            )
    assert len(await town.rows(Refusal)) == MOST_A_DAY
    await town.passes(hours=25)
    await forged(town, NEIGHBOUR, "c")
    assert len(await town.rows(Refusal)) == MOST_A_DAY + 1


async def test_the_operator_reads_who_tried_what(town: Town) -> None:
    case = await lamp(town)
    await forged(town, NEIGHBOUR, CaseDo(act="solved", case=case.id).pack())
    await forged(town, STRANGER, "c:打13947105678:x")
    async with town.app.database.reading() as session:
        found = await Refusals(session, town.clock.now()).lately(town.clock.now() - timedelta(days=1), 10)
    assert [(one.why, one.case) for one in found] == [("malformed", ""), ("not_theirs", case.number)]
    assert found[1].name == (await town.person(NEIGHBOUR)).name
    assert "13947105678" not in found[0].what
    there = os.environ | {"XIAOSHAO__DATABASE__URL": town.app.settings.database.url}
    command = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bot", "audit", "--json", "--days", "3650", env=there, stdout=asyncio.subprocess.PIPE
    )
    told, _ = await command.communicate()
    assert command.returncode == 0
    rows = json.loads(told)
    assert [row["why"] for row in rows] == ["malformed", "not_theirs"]
