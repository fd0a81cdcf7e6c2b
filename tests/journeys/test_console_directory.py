"""The directory in the console, on both databases: what is entered routes at once, what is wrong is told at its field,
and what is closed leaves nothing that is nobody's."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from bot.app import App
from bot.clock import ManualClock
from tests.conftest import settings_for
from tests.journeys.test_console import GRID, OFFICE, Desk, NobodyReads, opened, signed_in, the_case
from tests.town import Town
from workflows.console.directory.drafts import Kind
from workflows.console.directory.listing import listing
from workflows.console.viewer import viewer
from workflows.database import Database
from workflows.directory_file import check, export_file, import_file
from workflows.models import (
    AuditEntry,
    Building,
    Case,
    CaseEvent,
    Estate,
    Grid,
    Landmark,
    Person,
    Post,
    RoutingRule,
    Unit,
    UpkeepPlan,
    Whistle,
)
from workflows.policy.lifecycle import Action, Status
from workflows.policy.weeks import Week
from workflows.recount import compare

pytestmark = pytest.mark.journey
STAFF = "td-staff-1"


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The demo neighbourhood on either kind of database."""
    async with Town.opened(settings_for(database_url, tmp_path), NobodyReads()) as opened_:
        yield opened_


async def one(town: Town, model: type, name: str) -> Unit | Grid | Estate | Landmark:
    """The unit or place of the secretary's community with this name."""
    community = (await town.person(OFFICE)).community_id
    return (await town.rows(model, model.community_id == community, model.name == name))[0]


async def at(desk: Desk, town: Town, kind: Kind, name: str, /, **fields: str | list[str]) -> int:
    """Send the form of an entry with other values; the status."""
    models = {Kind.UNIT: Unit, Kind.GRID: Grid, Kind.ESTATE: Estate, Kind.LANDMARK: Landmark}
    entry = await one(town, models[kind], name)
    page = await desk.sees(f"directory/{kind}/{entry.id}")
    answer = await desk.posts(f"directory/{kind}/{entry.id}", **{**_filled_in(page), **fields})
    return answer.status_code


def _filled_in(page: str) -> dict[str, str | list[str]]:
    """What the first form of the page would send as it stands."""
    form = re.search(r'<form class="stack".*?</form>', page, re.DOTALL)
    assert form
    values: dict[str, str | list[str]] = {}
    for field, value in re.findall(
        r'<input (?:class="form-control"|type="hidden")[^>]*?name="(\w+)"[^>]*?value="([^"]*)"', form[0]
    ):
        values[field] = value
    for field, options in re.findall(r'<select[^>]*? name="(\w+)"[^>]*>(.*?)</select>', form[0], re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        values[field] = (chosen[1] or chosen[2]) if chosen else ""
    boxes = re.findall(r'name="answers_for" value="(\w+)" checked', form[0])
    return {**values, **({"answers_for": boxes} if boxes else {})} | {"token": values["token"]}


def faults(page: str) -> dict[str, str]:
    """The sentences that stand at fields."""
    return dict(re.findall(r'<p class="fault" id="fault-(\w+)">(.*?)</p>', page))


# ---- what is entered works at once


async def test_an_estate_with_its_everyday_name_is_routed_to_its_grid_and_company_at_once(here: Town) -> None:
    async with signed_in(here, OFFICE) as office:
        assert here.app.directory.locate("桥东小院4号楼", prefer_community=None).estate_id is None
        answer = await office.posts(
            "directory/estates", name="桥东家园", aliases="桥东小院、桥东", grid="第二网格",
            property="民康物业服务有限公司", committee="物管会", lat="", lon="",
        )  # fmt: skip
        assert answer.status_code == 303
        estate = await one(here, Estate, "桥东家园")
        page = await office.posts(f"directory/estates/{estate.id}/buildings", numbers="1-3、A座", units="2", grid="")
        assert page.status_code == 303
        shown = await office.sees("directory?said=kept")
        assert "桥东家园" in shown
        assert "保存了" in shown
    case = await the_case(here, await opened(here, where="桥东小院3号楼2单元"))
    second = await one(here, Grid, "第二网格")
    assert (case.estate_id, case.grid_id) == (estate.id, second.id)
    assert case.holder_unit_id == second.branch_unit_id
    assert here.app.directory.property_of(estate.id) == (await one(here, Unit, "民康物业服务有限公司")).id
    entry = (await here.rows(AuditEntry, AuditEntry.subject == "新增小区：桥东家园"))[0]
    assert entry.data["before"] == {key: "" for key in entry.data["after"]}
    assert entry.data["after"]["aliases"] == "桥东小院、桥东"


async def test_an_edit_is_written_down_and_leaves_open_cases_with_those_who_have_them(here: Town) -> None:
    before = await the_case(here, await opened(here))
    old, new = await one(here, Grid, "第一网格"), await one(here, Grid, "第三网格")
    async with signed_in(here, OFFICE) as office:
        assert await at(office, here, Kind.ESTATE, "富邦小区", grid="第三网格", property="民康物业服务有限公司") == 303
        log = await office.sees("audit?deed=change")
        assert "<del>第一网格</del> → 第三网格" in log
    entry = (await here.rows(AuditEntry, AuditEntry.subject == "修改小区：富邦小区"))[0]
    assert entry.data["before"] == {"grid": "第一网格", "property": "富邦物业服务有限公司"}
    assert entry.data["after"] == {"grid": "第三网格", "property": "民康物业服务有限公司"}
    unchanged = await the_case(here, before.id)
    assert (unchanged.grid_id, unchanged.holder_unit_id) == (old.id, old.branch_unit_id)
    fresh = await the_case(here, await opened(here, "垃圾没人收", category="garbage"))
    assert fresh.grid_id == new.id
    # The building's head goes with the building; the grid worker stays with the grid.
    estate = await one(here, Estate, "富邦小区")
    heads = await here.rows(Post, Post.role == "building_head", Post.estate_id == estate.id, Post.until.is_(None))
    assert heads
    assert {(post.grid_id, post.unit_id) for post in heads} == {(new.id, new.branch_unit_id)}
    workers = await here.rows(Post, Post.role == "grid_worker", Post.grid_id == old.id, Post.until.is_(None))
    assert workers
    await here.keeps_its_promises()


async def test_a_grid_that_gets_another_branch_takes_its_open_cases_and_people_along(here: Town) -> None:
    case = await the_case(here, await opened(here))
    async with signed_in(here, OFFICE) as office:
        await here.heard(GRID)
        assert await at(office, here, Kind.GRID, "第一网格", name="河岸网格", branch="") == 303
    await here.settled()
    grid, branch = await one(here, Grid, "河岸网格"), await one(here, Unit, "河岸网格党支部")
    now = await the_case(here, case.id)
    assert (now.grid_id, now.holder_unit_id, grid.branch_unit_id) == (grid.id, branch.id, branch.id)
    assert now.rung_due_at == case.rung_due_at
    posts = await here.rows(Post, Post.grid_id == grid.id, Post.until.is_(None))
    assert {post.unit_id for post in posts} == {branch.id}
    assert "由您这里接着办" in await here.heard(GRID)
    await here.keeps_its_promises()
    await _measures_agree(here)


async def test_a_new_name_is_a_new_name_everywhere(here: Town) -> None:
    async with signed_in(here, OFFICE) as office:
        assert await at(office, here, Kind.ESTATE, "富邦小区", name="富邦新苑", aliases="富邦、富邦小区") == 303
        assert await at(office, here, Kind.GRID, "第一网格", name="河岸网格") == 303
        assert (
            await at(
                office, here, Kind.UNIT, "富邦物业服务有限公司", name="富邦新物业有限公司", hours="每天 8:00-20:00"
            )
            == 303
        )
        exported = (await office.client.get("/console/directory/export.yml")).text
    assert here.app.directory.locate("富邦小区3号楼", prefer_community=None).estate == "富邦新苑"
    assert "富邦小区" in exported  # as what people say
    assert "name: 富邦小区" not in exported
    assert "富邦物业服务有限公司" not in exported
    assert "第一网格," not in exported
    assert exported.count("富邦新苑") > 10  # its buildings, and the homes and posts of people


# ---- what is wrong is told at its field, and nothing is changed


async def test_what_breaks_a_rule_of_the_file_is_told_at_its_field(here: Town) -> None:
    async with signed_in(here, OFFICE) as office:
        version = await _everything(here)
        estate = {
            "name": "新小区",
            "aliases": "",
            "grid": "第一网格",
            "property": "",
            "committee": "",
            "lat": "",
            "lon": "",
        }
        for changed, field, words in (
            ({"name": ""}, "name", "没有写名称"),
            ({"name": "富邦小区"}, "name", "重复"),
            ({"grid": ""}, "grid", "没有写网格"),
            ({"grid": "第九网格"}, "grid", "没有“第九网格”这个网格"),
            ({"property": "呼和浩特市水务局"}, "property", "这里要写物业"),
            ({"aliases": "水泉"}, "aliases", "同一个叫法只能指一个小区"),
            ({"lat": "四十度", "lon": "111.6"}, "lat", "请写度数"),
            ({"lat": "40.8"}, "lat", "只写了一个"),
            ({"committee": "居委会"}, "committee", "没有“居委会”这种业委会"),
            ({"name": "长" * 90}, "name", "太长了"),
        ):
            answer = await office.posts("directory/estates", **{**estate, **changed})
            assert answer.status_code == 422, changed
            assert words in faults(answer.text)[field], (changed, faults(answer.text))
            if changed.get("name", "新小区") == "新小区":
                assert 'value="新小区"' in answer.text  # what was typed is still there
        unit = {"name": "区水利局", "kind": "department", "phone": "12-34", "contact": "", "hours": ""}
        answer = await office.posts("directory/units", **unit)
        assert "电话“12-34”不对" in faults(answer.text)["phone"]
        answer = await office.posts("directory/units", **{**unit, "phone": "", "kind": "community"})
        assert "物业公司，或者部门" in faults(answer.text)["kind"]
        house = await one(here, Estate, "富邦小区")
        answer = await office.posts(f"directory/estates/{house.id}/buildings", numbers="八到一", units="0", grid="")
        assert set(faults(answer.text)) == {"building_numbers", "building_units"}
        assert await _everything(here) == version


async def _everything(town: Town) -> list[object]:
    async with town.app.database.reading() as session:
        return [
            (await session.execute(select(model.__table__).order_by(model.id))).all()
            for model in (Unit, Grid, Estate, Building, Landmark, Post)
        ]


async def test_a_department_that_the_rules_name_keeps_a_name_that_they_find(here: Town) -> None:
    async with signed_in(here, OFFICE) as office:
        bureau = await one(here, Unit, "呼和浩特市水务局")
        page = await office.sees(f"directory/units/{bureau.id}")
        answer = await office.posts(f"directory/units/{bureau.id}", **{**_filled_in(page), "name": "市河湖中心"})
        assert answer.status_code == 422
        assert "“水务局”" in faults(answer.text)["name"]
        answer = await office.posts(f"directory/units/{bureau.id}/close")
        assert answer.status_code == 422
        assert "config.yml" in answer.text
        assert await at(office, here, Kind.UNIT, "呼和浩特市水务局", name="呼市水务局") == 303
    doubtful = here.app.settings.doubtful_departments(here.app.directory)
    assert not any(one.name == "水务局" and "通道北街社区" in one.without for one in doubtful)


async def test_two_who_edit_the_same_do_not_undo_each_other_unseen(here: Town) -> None:
    async with signed_in(here, OFFICE) as office:
        estate = await one(here, Estate, "水泉小区")
        opened_before = _filled_in(await office.sees(f"directory/estates/{estate.id}"))
        assert await at(office, here, Kind.ESTATE, "水泉小区", aliases="水泉、泉水小区") == 303
        answer = await office.posts(f"directory/estates/{estate.id}", **{**opened_before, "committee": "业委会"})
        assert answer.status_code == 422
        assert "有人刚刚改过" in answer.text
        assert (await one(here, Estate, "水泉小区")).committee == "物管会"


async def test_only_the_secretary_edits_and_only_their_own_community(here: Town) -> None:
    elsewhere = (await here.rows(Estate, Estate.community_id != (await here.person(OFFICE)).community_id))[0]
    estate = await one(here, Estate, "富邦小区")
    async with signed_in(here, OFFICE) as office:
        for path in (f"estates/{elsewhere.id}", "estates/999999", f"estates/{elsewhere.id}/close", "persons/1"):
            await office.sees(f"directory/{path}", 404)
        for path in (f"estates/{elsewhere.id}", f"estates/{elsewhere.id}/close", f"estates/{elsewhere.id}/buildings"):
            assert (await office.posts(f"directory/{path}", name="别人的", numbers="1")).status_code == 404
    await here.seated(STAFF)
    async with signed_in(here, STAFF) as staff:
        shown = await staff.sees("directory")
        assert "富邦小区" in shown
        assert "修改" not in shown
        await staff.sees(f"directory/estates/{estate.id}", 403)
        assert (await staff.posts("directory/estates", name="新小区", grid="第一网格")).status_code == 403
        assert (await staff.posts(f"directory/estates/{estate.id}/close")).status_code == 403
    async with signed_in(here, GRID) as worker:
        await worker.sees("directory", 403)
        await worker.sees("directory/export.yml", 403)


# ---- closing


async def _whistled(town: Town) -> Case:
    """A case that the water bureau has."""
    case_id = await opened(town, "河边蚊子太多", "富邦小区3号楼", "pest_control")
    bureau = await one(town, Unit, "呼和浩特市水务局")
    secretary = await town.person(OFFICE)
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        case = await office.file.case(case_id)
        while Status(case.status) is not Status.WITH_COMMUNITY:
            await office.file.move(case, Action.ESCALATE)
        await office.handling.blow_whistle(secretary.id, case_id, bureau.id, "社区权限外", "河边夜里拍不清")
        office.notices.clear()
    return await the_case(town, case_id)


async def test_a_department_with_open_cases_is_closed_with_a_successor_who_goes_on(here: Town) -> None:
    case = await _whistled(here)
    old = await one(here, Unit, "呼和浩特市水务局")
    async with signed_in(here, OFFICE) as office:
        answer = await office.posts(
            "directory/units", name="河湖水务局", kind="department", phone="", contact="王工", hours=""
        )
        assert answer.status_code == 303
        heir = await one(here, Unit, "河湖水务局")
        shown = await office.sees(f"directory/units/{old.id}/close")
        assert "<b>1</b> 件" in shown
        answer = await office.posts(f"directory/units/{old.id}/close", successor="")
        assert "请选一个接手的" in faults(answer.text)["successor"]
        answer = await office.posts(f"directory/units/{old.id}/close", successor=str(heir.id))
        assert "还没有联络员" in faults(answer.text)["successor"]
        wrong = await one(here, Unit, "富邦物业服务有限公司")
        answer = await office.posts(f"directory/units/{old.id}/close", successor=str(wrong.id))
        assert "请从名单里选" in faults(answer.text)["successor"]
        assert (await the_case(here, case.id)).holder_unit_id == old.id
        async with here.app.database.writing() as session:
            liaison = await here.person("td-urban")
            session.add(
                Post(community_id=liaison.community_id, person_id=liaison.id, role="department_liaison", unit_id=heir.id,
                     since=here.clock.now())
            )  # fmt: skip
        await here.heard("td-urban")
        answer = await office.posts(f"directory/units/{old.id}/close", successor=str(heir.id))
        assert answer.status_code == 303
        assert "呼和浩特市水务局" not in await office.sees("directory")
        assert "河湖水务局" in await office.sees(f"case/{case.id}")
    await here.settled()
    now = await the_case(here, case.id)
    assert (now.holder_unit_id, now.department_unit_id, now.status) == (heir.id, heir.id, case.status)
    assert (now.rung_due_at, now.whole_due_at) == (case.rung_due_at, case.whole_due_at)
    event = (await here.rows(CaseEvent, CaseEvent.case_id == case.id))[-1]
    assert (event.action, event.holder_unit_id, event.data) == ("succeed", heir.id, {"from": "呼和浩特市水务局"})
    assert [w.department_unit_id for w in await here.rows(Whistle, Whistle.case_id == case.id)] == [heir.id]
    assert "这件事由您这里接着办" in await here.heard("td-urban")
    assert await here.rows(Post, Post.unit_id == old.id, Post.until.is_(None)) == []
    closed = await one(here, Unit, "呼和浩特市水务局")
    assert (closed.closed_at, closed.successor_id) == (here.clock.now(), heir.id)
    department = here.app.directory.department(heir.community_id, "水务局")
    assert department is not None
    assert department.id == heir.id
    await here.keeps_its_promises()
    await _measures_agree(here)


async def _measures_agree(town: Town) -> None:
    async with town.app.database.reading() as session:
        office = town.app.office(session)
        weeks = [Week.of(town.clock.now(), office.rules.zone)]
        communities = [card.id for card in town.app.directory.communities]
        assert await compare(session, office.digests, office.rules, communities, weeks, town.clock.now()) == []


async def test_a_grid_that_is_closed_leaves_its_places_cases_and_building_heads_to_another(here: Town) -> None:
    case = await the_case(here, await opened(here))
    old, heir = await one(here, Grid, "第一网格"), await one(here, Grid, "第二网格")
    async with signed_in(here, OFFICE) as office:
        answer = await office.posts(f"directory/grids/{old.id}/close")
        assert "请选一个接手的" in faults(answer.text)["successor"]
        assert (await office.posts(f"directory/grids/{old.id}/close", successor=str(heir.id))).status_code == 303
    for model in (Estate, Building, Landmark):
        assert await here.rows(model, model.grid_id == old.id) == []
    now = await the_case(here, case.id)
    assert (now.grid_id, now.holder_unit_id) == (heir.id, heir.branch_unit_id)
    assert (await one(here, Unit, "第一网格党支部")).closed_at is not None
    estate = await one(here, Estate, "富邦小区")
    heads = await here.rows(Post, Post.estate_id == estate.id, Post.role == "building_head", Post.until.is_(None))
    assert {(post.grid_id, post.unit_id) for post in heads} == {(heir.id, heir.branch_unit_id)}
    assert await here.rows(Post, Post.grid_id == old.id, Post.until.is_(None)) == []
    fresh = await the_case(here, await opened(here, "垃圾没人收", category="garbage"))
    assert fresh.grid_id == heir.id
    await here.keeps_its_promises()
    await _measures_agree(here)


async def test_an_estate_and_a_building_that_are_closed_leave_nothing_open_behind(here: Town) -> None:
    case = await the_case(here, await opened(here))
    old, heir = await one(here, Estate, "富邦小区"), await one(here, Estate, "河畔家园")
    second = await one(here, Grid, "第二网格")
    houses = {house.number: house for house in await here.rows(Building, Building.estate_id == old.id)}
    async with signed_in(here, OFFICE) as office:
        assert (await office.posts(f"directory/buildings/{houses['3'].id}/close")).status_code == 422
        answer = await office.posts(f"directory/buildings/{houses['3'].id}/close", successor=str(houses["4"].id))
        assert answer.status_code == 303
        assert (await the_case(here, case.id)).building_id == houses["4"].id
        assert (await office.posts(f"directory/estates/{old.id}/close", successor=str(heir.id))).status_code == 303
    now = await the_case(here, case.id)
    assert (now.grid_id, now.holder_unit_id) == (second.id, second.branch_unit_id)
    assert (now.estate_id, now.estate_text) == (old.id, "富邦小区")  # where it was reported from is history
    assert here.app.directory.locate("富邦小区", prefer_community=None).estate_id == heir.id
    assert await here.rows(Person, Person.home_estate_id == old.id) == []
    await here.keeps_its_promises()
    await _measures_agree(here)
    case = await the_case(here, await opened(here, "垃圾没人收", "富邦小区2号楼", "garbage"))
    assert case.estate_id == heir.id


async def test_the_rules_made_of_rulings_and_promised_rounds_pass_on_too(here: Town) -> None:
    old, heir = await one(here, Unit, "富邦物业服务有限公司"), await one(here, Unit, "民康物业服务有限公司")
    case_id = await opened(here)
    secretary = await here.person(OFFICE)
    async with here.app.database.writing() as session:
        today = here.clock.now().date()
        session.add(
            UpkeepPlan(community_id=old.community_id, case_id=case_id, unit_id=old.id, work="修剪", rhythm="days", every=14,
                       first_on=today, last_on=today, made_by=secretary.id, made_at=here.clock.now())
        )  # fmt: skip
    async with signed_in(here, OFFICE) as office:
        shown = await office.sees(f"directory/units/{old.id}/close")
        assert "定期维护 <b>1</b> 项" in shown
        assert "名下的地方 <b>2</b> 处" in shown
        assert (await office.posts(f"directory/units/{old.id}/close")).status_code == 422
        assert (await office.posts(f"directory/units/{old.id}/close", successor=str(heir.id))).status_code == 303
    assert [plan.unit_id for plan in await here.rows(UpkeepPlan)] == [heir.id]
    assert (await one(here, Estate, "富邦小区")).property_unit_id == heir.id
    assert await here.rows(RoutingRule) == []


# ---- the same file, and every process


@pytest.mark.parametrize("form", ["yml", "xlsx"])
async def test_what_is_exported_is_the_file_that_the_import_reads(here: Town, tmp_path: Path, form: str) -> None:
    async with signed_in(here, OFFICE) as office:
        answer = await office.posts(
            "directory/units", name="街道城建科", kind="department", phone="0471-5550999", contact="李工", hours="周一到周五",
            answers_for="road_damage",
        )  # fmt: skip
        assert answer.status_code == 303
        house = await one(here, Estate, "通道北街12号院")
        assert (await office.posts(f"directory/estates/{house.id}/close")).status_code == 303
        answer = await office.posts(
            "posts",
            name="新来的",
            phone="15500000999",
            role="grid_worker",
            grid=str((await one(here, Grid, "第二网格")).id),
        )
        assert answer.status_code == 200
        content = (await office.client.get(f"/console/directory/export.{form}")).content
    path = tmp_path / f"名录.{form}"
    path.write_bytes(content)
    assert [problem for problem in check(path) if problem.serious] == []
    async with here.app.database.writing() as session:
        done = await import_file(session, path, here.clock.now(), end_missing=True)
        assert not done.changed, str(done)
    other = Database(f"sqlite+aiosqlite:///{tmp_path / f'other-{form}.db'}")
    await other.migrate()
    async with other.writing() as session:
        await import_file(session, path, here.clock.now())
        await export_file(session, tmp_path / "again.yml")
        unit = (await session.execute(select(Unit).where(Unit.name == "街道城建科"))).scalar_one()
        assert (unit.contact, unit.hours, unit.answers_for) == ("李工", "周一到周五", ["road_damage"])
        assert (await session.execute(select(Estate).where(Estate.name == "通道北街12号院"))).first() is None
        assert (await session.execute(select(Post).join(Person).where(Person.name == "新来的"))).first() is not None
    await other.close()
    async with here.app.database.reading() as session:
        community = (await here.person(OFFICE)).community_id
        await export_file(session, tmp_path / "first.yml", community)
    assert (tmp_path / "again.yml").read_text("utf-8") == (tmp_path / "first.yml").read_text("utf-8")


async def test_another_process_routes_by_it_too(here: Town, tmp_path: Path) -> None:
    """On PostgreSQL it is told at once, by its own line; on SQLite an import is another process, and is looked for."""
    other = App(here.app.settings, clock=ManualClock(here.clock.now()), understander=NobodyReads())
    await other.prepare()
    other.watch._look_seconds = 600.0 if other.line else 0.05
    async with asyncio.TaskGroup() as group:
        works = [group.create_task(other.watch.run())]
        if other.line:
            works.append(group.create_task(other.line.run()))
            await asyncio.wait_for(other.line.open.wait(), 10)
        async with signed_in(here, OFFICE) as office:
            answer = await office.posts("directory/landmarks", name="新月广场", aliases="月亮广场", grid="第三网格")
            assert answer.status_code == 303
        async with asyncio.timeout(20):
            while other.directory.locate("新月广场", prefer_community=None).landmark_id is None:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        for work in works:
            work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.gather(*works)
    await other.database.close()


async def test_what_to_see_to_is_listed(here: Town) -> None:
    grid = await one(here, Grid, "第二网格")
    async with here.app.database.writing() as session:
        await session.execute(
            update(Post).where(Post.grid_id == grid.id, Post.role == "grid_worker").values(until=here.clock.now())
        )
    async with signed_in(here, OFFICE) as office:
        assert "“第二网格”没有网格员" in await office.sees("directory")
    person = await here.person(OFFICE)
    async with here.app.database.reading() as session:
        desk = here.app.office(session)
        found = await listing(desk, await viewer(desk.people, person.id))
    assert {line.values["name"]: line.buildings for line in found.estates}["富邦小区"] == 10
