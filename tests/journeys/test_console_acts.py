"""The console's rarer acts over HTTP, on both databases: each in two steps, told to everybody, refused with a sentence."""

import re

import httpx
import pytest

from tests.journeys.test_console import (
    BRANCH,
    DEPARTMENT,
    ELSEWHERE,
    GRID,
    OFFICE,
    PROPERTY,
    RESIDENT,
    Desk,
    _words,
    here,
    opened,
    photo,
    signed_in,
    the_case,
)
from tests.town import Town
from workflows.cases import NewReport
from workflows.models import AnswerLink, AuditEntry, Case, Media, Reporter, RoutingRule, Ruling, UpkeepPlan, UpkeepTask
from workflows.policy.lifecycle import Status

__all__ = ["here"]

pytestmark = pytest.mark.journey

STAFF = "td-staff-1"  # of the office, but not its secretary
ASSISTANT = "td-urban"


def hidden(html: str) -> dict[str, str]:
    """What a page's form for the step carries unseen."""
    form = re.search(r'<form class="stack".*?</form>', html, re.DOTALL)
    assert form, _words(html)[:600]
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form[0]))


def alert(answer: httpx.Response) -> str:
    """What is said to be wrong."""
    found = re.search(r'role="alert">(.*?)</p>', answer.text, re.DOTALL)
    return found[1] if found else ""


async def first(desk: Desk, case_id: int, act: str, **typed: str) -> httpx.Response:
    """The first step: what its page was sent with, and the answer."""
    begun = hidden(await desk.sees(f"case/{case_id}/next/{act}"))
    return await desk.client.post(f"/console/case/{case_id}/next/{act}", data={**begun, **typed})


async def sure(desk: Desk, case_id: int, act: str, shown: httpx.Response) -> httpx.Response:
    """The second step, of the page that the first one was answered with."""
    assert shown.status_code == 200, alert(shown)
    return await desk.client.post(f"/console/case/{case_id}/next/{act}", data={**hidden(shown.text), "sure": "1"})


async def both_steps(desk: Desk, case_id: int, act: str, **typed: str) -> httpx.Response:
    """The whole way."""
    return await sure(desk, case_id, act, await first(desk, case_id, act, **typed))


async def by_a_neighbour(town: Town, text: str, where: str = "富邦小区3号楼2单元", behalf: str = "") -> int:
    """The same matter, reported by somebody else."""
    person = await town.person("td-neighbour")
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        address = town.app.directory.locate(where, prefer_community=person.community_id)
        report = NewReport(person.id, person.community_id, "street_light", text, address, on_behalf_of=behalf)
        return (await office.cases.open(report)).id


async def with_water(town: Town, refused_first: bool = False) -> int:
    """A case of the river, which the water bureau has; `refused_first`: another department said that it was not theirs."""
    case_id = await opened(town, "河边灌木里蚊子多，没人剪", "富邦小区河边", "pest_control")
    community = (await town.person(OFFICE)).community_id
    water = town.app.directory.department(community, "水务局")
    urban = town.app.directory.department(community, "城市管理综合执法局")
    assert water is not None and urban is not None
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        await office.handling.verify((await town.person(GRID)).id, case_id)
        secretary = (await town.person(OFFICE)).id
        if refused_first:
            await office.handling.blow_whistle(secretary, case_id, urban.id, "社区没有权限", "天黑")
            await office.handling.refuse((await town.person(ASSISTANT)).id, case_id, "河道不归我们管", "水务局")
        await office.handling.blow_whistle(secretary, case_id, water.id, "河道归水务局管", "天黑")
        await town.app.announcer.announce(office)
    await town.settled()
    for who in (OFFICE, GRID, DEPARTMENT, RESIDENT, ASSISTANT):
        await town.heard(who)
    return case_id


# ---- 并案, 拆分


async def test_two_cases_stand_side_by_side_before_they_become_one(here: Town) -> None:
    older = await opened(here, "楼道灯不亮了")
    newer = await by_a_neighbour(here, "单元里黑灯瞎火的，王奶奶摔了一跤", behalf="王奶奶")
    one, two = (await the_case(here, older)).number, (await the_case(here, newer)).number
    await here.settled()
    for who in (RESIDENT, "td-neighbour", GRID):
        await here.heard(who)
    async with signed_in(here, OFFICE) as desk:
        assert f"/console/case/{newer}/next/merge" in await desk.sees(f"case/{newer}")
        shown = await first(desk, newer, "merge", number=f" {one.lower()} ")
        page = _words(shown.text)
        assert shown.status_code == 200
        assert (
            page.index(f"留下 {one}")
            < page.index("楼道灯不亮了")
            < page.index(f"并进去 {two}")
            < page.index("黑灯瞎火")
        )
        assert "王奶奶" not in page and "一位邻居摔了一跤" in page
        assert (await the_case(here, newer)).status == Status.WITH_GRID  # nothing yet
        back = await desk.client.post(f"/console/case/{newer}/next/merge", data={**hidden(shown.text), "back": "1"})
        assert f'value="{one.lower()}"' in back.text  # 返回修改 keeps what was typed
        done = await sure(desk, newer, "merge", shown)
        assert done.headers["location"] == f"/console/case/{older}?said=merged"
        assert "一位邻居摔了一跤" in await desk.sees(f"case/{older}")
    assert (await the_case(here, newer)).merged_into == older
    await here.settled()
    assert f"并到一起办了。以后的进展都在【{one}】里" in await here.heard("td-neighbour")
    told = await here.heard(GRID)
    assert f"并到【{one}】里了" in told and "另一件并了进来" in told and "王奶奶" not in told
    assert [(line.deed, line.subject) for line in await here.rows(AuditEntry, AuditEntry.deed == "act")] == [
        ("act", "merge")
    ]
    await here.keeps_its_promises()


async def test_what_cannot_be_merged_is_refused_with_a_sentence_and_the_number_stays(here: Town) -> None:
    case_id = await opened(here)
    closed = await by_a_neighbour(here, "灯闪")
    number = (await the_case(here, case_id)).number
    async with here.app.database.writing() as session:
        neighbour = await here.person("td-neighbour")
        await here.app.office(session).cases.withdraw(neighbour.id, closed)
        other = await here.person("sq-secretary")
        where = here.app.directory.locate("园林小区3号楼", prefer_community=other.community_id)
        report = NewReport(other.id, other.community_id, "street_light", "灯不亮", where)
        foreign = (await here.app.office(session).cases.open(report)).number
    gone = (await the_case(here, closed)).number
    async with signed_in(here, OFFICE) as desk:
        for typed, said in (
            ("昨天那件", "没看出编号"),
            (number, "这是同一件"),
            (f"{number[:-2]}99", "没有编号是"),
            (foreign, "别的社区的编号"),
            (gone, "已撤回"),
        ):
            refused = await first(desk, case_id, "merge", number=typed)
            assert refused.status_code == 422, typed
            assert said in alert(refused), (typed, alert(refused))
            assert f'value="{typed}"' in refused.text
    assert await here.actions(await the_case(here, case_id)) == ["open"]


async def test_of_two_who_act_at_once_the_second_is_told_what_the_first_did(here: Town) -> None:
    case_id, other = await opened(here), await by_a_neighbour(here, "灯不亮")
    await here.seated(STAFF)
    number = (await the_case(here, other)).number
    secretary = (await here.person(OFFICE)).name
    async with signed_in(here, STAFF) as colleague, signed_in(here, OFFICE) as desk:
        merging = await first(colleague, case_id, "merge", number=number)
        splitting = await first(colleague, case_id, "split", note="门口还缺一块砖", category="road_damage")
        assert (
            await both_steps(desk, case_id, "split", note="门禁也坏了", category="public_facility")
        ).status_code == 303
        late = await sure(colleague, case_id, "split", splitting)
        assert late.status_code == 422
        assert secretary in alert(late) and "拆出另一件" in alert(late) and "没有办" in alert(late)
        assert "门口还缺一块砖</textarea>" in late.text
        assert (await both_steps(desk, case_id, "merge", number=number)).status_code == 303
        late = await sure(colleague, case_id, "merge", merging)
        assert late.status_code == 422 and secretary in alert(late) and "并" in alert(late)
        assert number in late.text
        # Whoever has read it may go on: the form that came back knows what has been done meanwhile.
        again = await first(colleague, case_id, "split", note="门口还缺一块砖", category="road_damage")
        assert (await sure(colleague, case_id, "split", again)).status_code == 303
    assert len(await here.cases()) == 4
    await here.keeps_its_promises()


async def test_a_second_matter_gets_a_case_of_its_own(here: Town) -> None:
    case_id = await opened(here, "楼道灯不亮，门口井盖也松了")
    await here.settled()
    await here.heard(RESIDENT)
    async with signed_in(here, OFFICE) as desk:
        for typed, said in (
            ({"note": "", "category": "manhole", "place": ""}, "要拆出来的是什么事"),
            ({"note": "井盖松了", "category": "mars", "place": ""}, "请选一个类别"),
            ({"note": "井盖松了", "category": "manhole", "place": "火星"}, "名册里没有这个地方"),
            ({"note": "井盖松了", "category": "manhole", "place": "园林小区3号楼"}, "不在本社区"),
        ):
            refused = await first(desk, case_id, "split", **typed)
            assert refused.status_code == 422 and said in alert(refused), (typed, alert(refused))
            assert typed["place"] in refused.text and f"{typed['note']}</textarea>" in refused.text
        shown = await first(desk, case_id, "split", note="井盖松了", category="manhole", place="富邦小区5号楼")
        assert "富邦小区5号楼" in _words(shown.text) and "井盖" in shown.text
        done = await sure(desk, case_id, "split", shown)
        assert done.status_code == 303
    _, new = await here.cases()
    assert done.headers["location"] == f"/console/case/{new.id}?said=split"
    assert (new.category, new.building_text, new.text) == ("manhole", "5", "井盖松了")
    await here.settled()
    assert "这一件单独登记了：井盖松了" in await here.heard(RESIDENT)
    await here.keeps_its_promises()


# ---- 挂账


async def test_a_case_is_laid_aside_approved_shown_in_its_lane_and_woken(here: Town) -> None:
    case_id = await opened(here)
    async with here.app.database.writing() as session:
        await here.app.office(session).handling.verify((await here.person(GRID)).id, case_id)
    number = (await the_case(here, case_id)).number
    async with signed_in(here, PROPERTY) as company:
        for until, said in (
            ("2026-11-20", "2026年11月20日已经过了"),
            ("下周", "看不懂"),
            ("", "请选一天"),
            ("2026-11-24", "已经过了"),
        ):
            refused = await first(company, case_id, "suspend", note="配件缺货", until=until)
            assert refused.status_code == 422 and said in alert(refused), (until, alert(refused))
            assert "配件缺货</textarea>" in refused.text and f'value="{until}"' in refused.text
        assert "请写一句理由" in alert(await first(company, case_id, "suspend", note=" ", until="2026-12-20"))
        shown = await first(company, case_id, "suspend", note="配件缺货，打13812345678问", until="2026-12-20")
        assert "书记同意后才停住时限" in shown.text
        done = await sure(company, case_id, "suspend", shown)
        assert done.headers["location"].endswith("said=asked")
    await here.settled()
    assert "配件缺货" in await here.heard(OFFICE)
    await here.heard(RESIDENT)
    await here.seated(STAFF)
    async with signed_in(here, STAFF) as colleague:
        assert "等书记定" in await colleague.sees(f"case/{case_id}")
        assert (await colleague.posts(f"case/{case_id}/suspend_yes")).status_code == 403
    async with signed_in(here, OFFICE) as desk:
        page = await desk.sees(f"case/{case_id}")
        assert "等您定" in page and "138****5678" in page and "13812345678" not in page
        seen = re.search(r'name="seen" value="([^"]+)"', page)
        assert seen
        empty = await desk.posts(f"case/{case_id}/suspend_no", note="")
        assert empty.status_code == 422 and "请写一句理由" in alert(empty)
        assert (await desk.posts(f"case/{case_id}/suspend_yes", seen=seen[1])).status_code == 303
        twice = await desk.posts(f"case/{case_id}/suspend_yes", seen=seen[1])
        assert twice.status_code == 422 and "挂账" in alert(twice)
        board = await desk.sees("board")
        lane = board[board.index('id="lane-suspended"') :]
        assert number in lane and "挂到 <b>2026-12-20</b>" in lane and "配件缺货" in lane
        assert "没办完 <b>1</b> 件，这一步超时 <b>0</b> 件" in board and "挂账 <b>1</b> 件" in board
        assert number not in board[: board.index('id="lane-suspended"')]
        assert "2026-12-20 08:00,配件缺货" in await desk.sees("export/board.csv")
        assert number in await desk.sees("search?state=suspended")
    await here.settled()
    assert "12月20日" in await here.heard(RESIDENT)
    async with signed_in(here, GRID) as grid:
        assert (await grid.posts(f"case/{case_id}/wake")).status_code == 403
    async with signed_in(here, OFFICE) as desk:
        assert (await desk.posts(f"case/{case_id}/wake")).status_code == 303
        board = await desk.sees("board")
        assert number in board and "挂账 <b>0</b> 件" in board
    await here.settled()
    assert "恢复办理" in await here.heard(RESIDENT)
    await here.keeps_its_promises()


async def test_what_rests_longest_stands_last_in_its_lane(here: Town) -> None:
    days = {}
    async with signed_in(here, OFFICE) as desk:
        for building, until in ((3, "2027-03-01"), (5, "2026-12-02"), (7, "2027-01-15")):
            case_id = await opened(here, "灯不亮", f"富邦小区{building}号楼")
            async with here.app.database.writing() as session:
                await here.app.office(session).handling.hand_to_community((await here.person(GRID)).id, case_id)
            done = await both_steps(desk, case_id, "suspend", note=f"等{until}", until=until)
            assert done.headers["location"].endswith("said=suspended")  # the secretary's own wish is granted with it
            days[until] = (await the_case(here, case_id)).number
        board = await desk.sees("board")
    at = [board.index(days[until]) for until in sorted(days)]
    assert at == sorted(at)
    assert "挂账 <b>3</b> 件" in board


async def test_a_wish_that_was_changed_meanwhile_is_not_granted_unseen(here: Town) -> None:
    case_id = await opened(here)
    async with here.app.database.writing() as session:
        await here.app.office(session).handling.verify((await here.person(GRID)).id, case_id)
    async with signed_in(here, PROPERTY) as company, signed_in(here, OFFICE) as desk:
        await both_steps(company, case_id, "suspend", note="配件缺货", until="2026-12-20")
        seen = re.search(r'name="seen" value="([^"]+)"', await desk.sees(f"case/{case_id}"))
        assert seen
        await both_steps(company, case_id, "suspend", note="还要等", until="2027-06-01")
        late = await desk.posts(f"case/{case_id}/suspend_yes", seen=seen[1])
        assert (
            late.status_code == 422 and "申请挂账" in alert(late) and (await here.person(PROPERTY)).name in alert(late)
        )
    assert (await the_case(here, case_id)).status == Status.WITH_PROPERTY


# ---- 部门协助, 答复链接


async def test_departments_are_called_to_help_answer_and_get_a_link(here: Town) -> None:
    case_id = await with_water(here)
    community = (await here.person(OFFICE)).community_id
    urban = here.app.directory.department(community, "城市管理综合执法局")
    garden = here.app.directory.department(community, "园林局")
    water = here.app.directory.department(community, "水务局")
    assert urban is not None and garden is not None and water is not None
    async with signed_in(here, OFFICE) as desk:
        for unit, said in (("", "请哪个部门"), ("99999", "请哪个部门"), (str(water.id), "请换一个")):
            refused = await first(desk, case_id, "assist", department=unit, note="占道的摊子")
            assert refused.status_code == 422 and said in alert(refused)
            assert "占道的摊子</textarea>" in refused.text
        assert (
            await both_steps(desk, case_id, "assist", department=str(urban.id), note="河边占道的摊子")
        ).status_code == 303
        assert (await both_steps(desk, case_id, "assist", department=str(garden.id), note="")).status_code == 303
        assert "请换一个" in alert(await first(desk, case_id, "assist", department=str(urban.id), note=""))
        page = await desk.sees(f"case/{case_id}")
        assert "有部门还没有人在小哨上" in page and "（协助）" in page
    await here.settled()
    assert "请你们协助" in await here.heard(ASSISTANT)
    async with signed_in(here, ASSISTANT) as helper:
        assert f"/console/case/{case_id}" in await helper.sees("desk")
        assert (await helper.posts(f"case/{case_id}/assist_done", note="摊子清走了")).status_code == 303
        assert (await helper.posts(f"case/{case_id}/assist_done", note="又清了一遍")).status_code == 403
    await here.settled()
    assert "摊子清走了" in await here.heard(OFFICE)
    async with signed_in(here, OFFICE) as desk:
        made = await both_link(desk, case_id)
        links = re.findall(r'value="(http://[^"]+/answer/[^"]+)"', made.text)
        assert len(links) == 2  # the lead and the one that has not answered
        answer = await desk.client.get(links[-1].split("8080", 1)[1])
        assert answer.status_code == 200 and "园林局" in answer.text
        older = links[-1]
        await both_link(desk, case_id)
        assert (await desk.client.get(older.split("8080", 1)[1])).status_code != 200
    assert len(await here.rows(AnswerLink)) == 4
    await here.keeps_its_promises()


async def both_link(desk: Desk, case_id: int) -> httpx.Response:
    """The links' page has no first step: nothing is typed."""
    begun = hidden(await desk.sees(f"case/{case_id}/next/link"))
    return await desk.client.post(f"/console/case/{case_id}/next/link", data={**begun, "sure": "1"})


async def test_the_grid_asks_for_a_whistle_from_its_page(here: Town) -> None:
    case_id = await opened(here, "河边蚊子多", "富邦小区河边", "pest_control")
    water = here.app.directory.department((await here.person(OFFICE)).community_id, "水务局")
    assert water is not None
    async with signed_in(here, GRID) as grid:
        assert "申请吹哨" in await grid.sees(f"case/{case_id}")
        asked = await grid.posts(
            f"case/{case_id}/ask_whistle", department=str(water.id), note="河道归水务局", no_photo="天黑"
        )
        assert asked.status_code == 303
    async with signed_in(here, OFFICE) as desk:
        assert "审核通过，吹哨" in await desk.sees(f"case/{case_id}")
        assert (await desk.posts(f"case/{case_id}/send_whistle")).status_code == 303
    assert (await the_case(here, case_id)).holder_unit_id == water.id


async def test_a_recording_is_marked_as_heard(here: Town) -> None:
    case_id = await opened(here)
    async with here.app.database.writing() as session:
        community = (await session.get_one(Case, case_id)).community_id
        session.add(Media(id="voice-ogg-" + "a" * 20, community_id=community, case_id=case_id, width=0, height=0, size=9,
                          created_at=here.clock.now()))  # fmt: skip
    async with signed_in(here, GRID) as grid:
        assert "听过了</button>" in await grid.sees(f"case/{case_id}")
        assert (await grid.posts(f"case/{case_id}/heard")).status_code == 303
        assert "听过了</button>" not in await grid.sees(f"case/{case_id}")
    (voice,) = await here.rows(Media)
    assert voice.heard_by == (await here.person(GRID)).id
    assert await here.actions(await the_case(here, case_id)) == ["open", "comment"]


# ---- 定期维护


async def test_a_seasonal_plan_is_promised_confirmed_left_out_and_ended(here: Town) -> None:
    case_id = await with_water(here)
    good = {"work": "喷药", "rhythm": "days", "every": "14", "trigger": "", "first": "2026-12-01", "last": "2027-02-28"}
    async with signed_in(here, DEPARTMENT) as water:
        for changed, said in (
            ({"first": "2027-02-28", "last": "2026-12-01"}, "在开始的前面"),
            ({"first": "2025-04-01", "last": "2025-09-30"}, "已经过去"),
            ({"every": "半"}, "请写1到366的数字"),
            ({"every": ""}, "请写1到366的数字"),
            ({"every": "400"}, "请写1到366的数字"),
            ({"last": "明年"}, "看不懂"),
            ({"last": "9999-12-31"}, "一次最多约定到2031年"),
            ({"every": "1", "last": "2029-12-31"}, "次数太多"),
            ({"rhythm": "months", "every": "5", "first": "2020-01-31", "last": "2026-11-25"}, "一次也轮不到"),
            ({"work": " "}, "请写做什么"),
            ({"rhythm": "sometimes"}, "请选多久"),
            ({"rhythm": "trigger"}, "碰到什么情况"),
        ):
            refused = await first(water, case_id, "upkeep", **{**good, **changed})
            assert refused.status_code == 422 and said in alert(refused), (changed, alert(refused))
            assert f'value="{changed.get("last", good["last"])}"' in refused.text  # nothing typed is lost
        assert await here.rows(UpkeepPlan) == []
        shown = await first(water, case_id, "upkeep", **good)
        assert "2026-12-01、2026-12-15" in shown.text and "共7次" in shown.text
        done = await sure(water, case_id, "upkeep", shown)
        path = done.headers["location"].split("?")[0].removeprefix("/console/")
        assert "喷药" in await water.sees(path) and "喷药" in await water.sees("upkeep")
        assert "喷药" in await water.sees("export/upkeep.csv")
    await here.settled()
    assert "约定了定期维护：喷药" in await here.heard(RESIDENT)
    await here.passes(days=7)
    one, two = (await here.rows(UpkeepTask))[:2]
    async with signed_in(here, DEPARTMENT) as water:
        bare = await water.posts(f"{path}/round/{one.id}/done", note="")
        assert bare.status_code == 422 and "请发一张现场照片" in alert(bare)
        wrong = await water.posts(
            f"{path}/round/{one.id}/done", files={"photo": ("a.jpg", b"no picture", "image/jpeg")}, note="喷完了"
        )
        assert wrong.status_code == 422 and "不是照片" in alert(wrong) and "喷完了</textarea>" in wrong.text
        assert (await water.posts(f"{path}/round/{one.id}/done", files=photo(), note="喷完了")).status_code == 303
        twice = await water.posts(f"{path}/round/{one.id}/done", note="又喷了一遍")
        assert twice.status_code == 422 and "已经确认过" in alert(twice) and "12-01 10:00记的" in alert(twice)
        assert "又喷了一遍" in twice.text
        page = await water.sees(path)
        picture = re.findall(r'<img src="(/console/upkeep/[^"]+)"', page)
        assert (await water.client.get(picture[0])).headers["content-type"] == "image/jpeg"
        no_reason = await water.posts(f"{path}/round/{two.id}/skip", note=" ")
        assert no_reason.status_code == 422 and "为什么不用做" in alert(no_reason)
        assert (await water.posts(f"{path}/round/{two.id}/skip", note="下雪了，虫子都没了")).status_code == 303
        again = await water.posts(f"{path}/round/{two.id}/done", note="其实喷了")
        assert again.status_code == 422 and "不用做" in alert(again)
        assert "这次不用做" in await water.sees(path)
    await here.settled()
    told = await here.heard(RESIDENT)
    assert "定期维护做了第1次" in told and "这次不用做：下雪了" in told
    await here.passes(days=10)  # the day of the one that was left out goes by: nobody is asked, nothing is missed
    assert [task.id for task in await here.rows(UpkeepTask, UpkeepTask.missed_at.is_not(None))] == []
    assert "今天该做定期维护" not in await here.heard(DEPARTMENT)
    async with signed_in(here, OFFICE) as desk:
        assert (await desk.posts(f"{path}/call")).status_code == 422  # it goes by the calendar
        assert (await desk.posts(f"{path}/renew")).status_code == 303
        assert (await desk.posts(f"{path}/end")).status_code == 303
        assert "停掉了" in await desk.sees(path)
    assert [plan.state for plan in await here.rows(UpkeepPlan)] == ["ended", "running"]
    for who, status in ((GRID, 200), (BRANCH, 404), (PROPERTY, 404), (ASSISTANT, 404), (ELSEWHERE, 404)):
        async with signed_in(here, who) as desk:
            await desk.sees(path, status)
            assert (await desk.posts(f"{path}/end")).status_code == (303 if status == 200 else 404), who
    await here.keeps_its_promises()


async def test_a_check_after_heavy_rain_is_called_for(here: Town) -> None:
    case_id = await with_water(here)
    async with signed_in(here, DEPARTMENT) as water:
        typed = {
            "work": "检查河堤",
            "rhythm": "trigger",
            "trigger": "大雨",
            "first": "2026-11-24",
            "last": "2027-10-31",
        }
        done = await both_steps(water, case_id, "upkeep", **typed)
        path = done.headers["location"].split("?")[0].removeprefix("/console/")
        assert "大雨过了，现在做一次" in await water.sees(path)
    async with signed_in(here, OFFICE) as desk:
        assert (await desk.posts(f"{path}/call")).status_code == 303
        second = await desk.posts(f"{path}/call")
        assert second.status_code == 422 and "还没确认" in alert(second)
    await here.settled()
    assert "今天该做定期维护" in await here.heard(DEPARTMENT)
    assert len(await here.rows(UpkeepTask)) == 1


async def test_a_round_is_left_out_in_the_chat_as_well(here: Town) -> None:
    case_id = await with_water(here)
    typed = {"work": "喷药", "rhythm": "days", "every": "14", "first": "2026-11-24", "last": "2026-12-24"}
    async with signed_in(here, DEPARTMENT) as water:
        await both_steps(water, case_id, "upkeep", **typed)
    await here.settled()
    assert "今天该做定期维护" in await here.heard(DEPARTMENT)
    await here.heard(RESIDENT)
    assert "为什么不用做" in await here.taps(DEPARTMENT, "这次不用做")
    assert "记为不用做" in await here.says(DEPARTMENT, "下雪了")
    assert "这次不用做：下雪了" in await here.heard(RESIDENT)
    (task,) = await here.rows(UpkeepTask, UpkeepTask.skipped_at.is_not(None))
    assert task.note == "下雪了"


# ---- 归属裁定


async def test_rulings_are_found_linked_made_rules_of_and_laid_down(here: Town) -> None:
    case_id = await with_water(here, refused_first=True)
    (ruling,) = await here.rows(Ruling)
    number = (await the_case(here, case_id)).number
    water = ruling.department_unit_id
    async with signed_in(here, OFFICE) as desk:
        for query, found in (
            ("", True), ("?q=河边的灌木", True), ("?q=电梯", False), (f"?department={water}", True), ("?department=1", False),
            ("?category=pest_control&q=蚊子", True), ("?category=heating", False), ("?state=new", True), ("?state=rule", False),
            ("?q=%27;--&department=abc&state=x", False),
        ):  # fmt: skip
            page = await desk.sees(f"rulings{query}")
            assert (f'href="/console/case/{case_id}"' in page) is found, query
        assert "城市管理综合执法局" in page or "河道归水务局管" in await desk.sees("rulings")
        assert number in await desk.sees("export/rulings.csv?q=蚊子")
        unknown = await desk.posts(f"rulings/{ruling.id}", scope="galaxy")
        assert unknown.status_code == 422 and "没有选范围" in alert(unknown)
        assert (await desk.posts("rulings/9999", scope="all")).status_code == 422
        assert (await desk.posts(f"rulings/{ruling.id}", scope="place", once="1")).status_code == 303
        assert number in await desk.sees("rulings?state=once")
        assert (await desk.posts(f"rulings/{ruling.id}", scope="estate")).status_code == 303
        assert number in await desk.sees("rulings?state=rule")
        (rule,) = await here.rows(RoutingRule)
        assert rule.department_unit_id == water and rule.estate_text == "富邦小区"
    async with signed_in(here, GRID) as grid:
        page = await grid.sees("rulings")
        assert number in page and "定成规则" not in page and "停用</summary>" not in page
        assert (await grid.posts(f"rulings/{ruling.id}", scope="all")).status_code == 403
        assert (await grid.posts(f"rules/{rule.id}/end")).status_code == 403
    async with signed_in(here, ELSEWHERE) as other:
        assert number not in await other.sees("rulings")
        assert (await other.posts(f"rulings/{ruling.id}", scope="all")).status_code == 422
        assert (await other.posts(f"rules/{rule.id}/end")).status_code == 422
    for who in (PROPERTY, DEPARTMENT):
        async with signed_in(here, who) as desk:
            await desk.sees("rulings", 403)
    async with signed_in(here, OFFICE) as desk:
        assert (await desk.posts(f"rules/{rule.id}/end")).status_code == 303
        assert "已经有人停用" in alert(await desk.posts(f"rules/{rule.id}/end"))
    (rule,) = await here.rows(RoutingRule)
    assert rule.ended_at is not None
    changes = [line.subject for line in await here.rows(AuditEntry, AuditEntry.deed == "change")]
    assert [words.split("：")[1][:2] for words in changes] == ["只这", "采用", "停用"]


async def test_whom_a_ruled_case_is_about_does_not_find_its_ruling(here: Town) -> None:
    case_id = await with_water(here, refused_first=True)
    async with here.app.database.writing() as session:
        (await session.get_one(Case, case_id)).about_grid = True
    (ruling,) = await here.rows(Ruling)
    number = (await the_case(here, case_id)).number
    async with signed_in(here, GRID) as grid:
        assert number not in await grid.sees("rulings")
        assert number not in await grid.sees("export/rulings.csv")
    assert number not in await here.says(GRID, "判例 河边的灌木")
    async with signed_in(here, OFFICE) as desk:
        assert number in await desk.sees("rulings")
    assert ruling.declined_at is None


# ---- names


async def test_a_name_said_without_consent_stands_on_no_page_until_it_is_agreed_to(here: Town) -> None:
    case_id = await by_a_neighbour(here, "帮王奶奶反映，王奶奶家门口灯不亮，她电话13812345678", behalf="王奶奶")
    neighbour = await here.person("td-neighbour")
    async with here.app.database.writing() as session:
        office = here.app.office(session)
        await office.cases.add(neighbour.id, case_id, "王奶奶说夜里最黑")
        await here.app.announcer.announce(office)
    await here.settled()
    told = await here.heard(GRID)
    assert "夜里最黑" in told and "王奶奶" not in told
    pages = (f"case/{case_id}", "desk", "board", "search?q=灯", f"export/case.csv?case={case_id}", "export/search.csv",
             "export/board.csv", "export/desk.csv", f"case/{case_id}/next/merge", f"case/{case_id}/next/split")  # fmt: skip
    async with signed_in(here, OFFICE) as desk:
        for page in pages:
            text = await desk.sees(page)
            assert "王奶奶" not in text, page
        assert "代一位邻居" in await desk.sees(f"case/{case_id}")
    async with signed_in(here, GRID) as grid:
        page = await grid.sees(f"case/{case_id}")
        assert "王奶奶" not in page and "13812345678" in page  # who goes to the door may ring
        assert "王奶奶" not in await grid.sees(f"export/case.csv?case={case_id}")
    async with here.app.database.writing() as session:
        await here.app.office(session).cases.agree_to_name(neighbour.id, case_id, agreed=True)
    async with signed_in(here, OFFICE) as desk:
        assert "代王奶奶" in await desk.sees(f"case/{case_id}")
    assert [row.consent for row in await here.rows(Reporter)] == [True]
