"""The directory file: the seed's facts, nothing done twice, both formats alike, every mistake named with its line."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from workflows.directory import Directory
from workflows.directory_file import (
    DirectoryFileError,
    Problem,
    building_list,
    check,
    export_file,
    import_file,
)
from workflows.directory_file.ranges import UnclearRange, room_list
from workflows.models import (
    Base,
    Building,
    Community,
    Estate,
    Grid,
    Household,
    Landmark,
    Person,
    Post,
    Unit,
)

DEMO = Path(__file__).parents[3] / "workflows" / "demo" / "hohhot.yml"
NOW = datetime(2026, 11, 2, 1, tzinfo=UTC)
CHAIRS = (
    "td-resident td-neighbour td-grid td-branch td-property td-secretary td-water td-urban sq-resident sq-neighbour "
    "sq-grid sq-branch sq-property sq-secretary sq-works qm-resident qm-grid qm-secretary"
)

Engines = Callable[[], Coroutine[Any, Any, AsyncEngine]]


@pytest.fixture
async def engines() -> AsyncIterator[Engines]:
    """Makes empty databases."""
    made: list[AsyncEngine] = []

    async def make() -> AsyncEngine:
        engine = create_async_engine("sqlite+aiosqlite://")
        made.append(engine)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        return engine

    yield make
    for engine in made:
        await engine.dispose()


@pytest.fixture
async def session(engines: Engines) -> AsyncIterator[AsyncSession]:
    async with AsyncSession(await engines()) as opened:
        yield opened


async def _posts(session: AsyncSession, community: str, role: str) -> list[Post]:
    query = (
        select(Post)
        .join(Community, Community.id == Post.community_id)
        .where(Community.code == community, Post.role == role, Post.until.is_(None))
    )
    return list((await session.scalars(query)).all())


# ---- the seed's facts


async def test_shiqi_community_is_as_the_newspaper_counts_it(session: AsyncSession) -> None:
    await import_file(session, DEMO, NOW)
    sq = (await session.scalars(select(Community).where(Community.code == "SQ"))).one()
    assert (sq.name, str(sq.area_km2), sq.population) == ("仕奇社区", "0.47", 7374)
    estates = (await session.scalars(select(Estate).where(Estate.community_id == sq.id))).all()
    grids = (await session.scalars(select(Grid).where(Grid.community_id == sq.id))).all()
    assert len(estates) == 12
    assert len(grids) == 10
    assert "园林小区" in [estate.name for estate in estates]
    assert Counter(estate.committee for estate in estates) == {"物管会": 10, "业委会": 1, "": 1}
    heads = await _posts(session, "SQ", "building_head")
    assert len({post.person_id for post in heads}) == 170
    secretaries = {post.person_id for post in await _posts(session, "SQ", "branch_secretary")}
    committee_heads = {post.person_id for post in await _posts(session, "SQ", "owners_committee_head")}
    assert len(secretaries & committee_heads) == 8
    assert len(committee_heads) == 11


async def test_the_people_of_the_report_hold_their_posts(session: AsyncSession) -> None:
    await import_file(session, DEMO, NOW)
    rows = (
        await session.execute(select(Person.key, Person.name, Post.role).join(Post, Post.person_id == Person.id))
    ).all()
    held = {(key, name, role) for key, name, role in rows}
    assert ("sq-branch", "张双同", "branch_secretary") in held
    assert ("sq-branch", "张双同", "owners_committee_head") in held
    assert ("sq-secretary", "贾凯雯", "community_secretary") in held
    assert ("td-secretary", "张娜", "community_secretary") in held


async def test_every_place_has_its_people(session: AsyncSession) -> None:
    await import_file(session, DEMO, NOW)
    for code in ("SQ", "TD", "QM"):
        grids = set(
            await session.scalars(
                select(Grid.id).join(Community, Community.id == Grid.community_id).where(Community.code == code)
            )
        )
        assert {post.grid_id for post in await _posts(session, code, "grid_worker")} == grids
        assert {post.grid_id for post in await _posts(session, code, "branch_secretary")} == grids
        assert await _posts(session, code, "community_secretary")
        departments = await session.scalars(
            select(Unit.id)
            .join(Community, Community.id == Unit.community_id)
            .where(Community.code == code, Unit.kind == "department")
        )
        assert {post.unit_id for post in await _posts(session, code, "department_liaison")} == set(departments)


async def test_the_demo_chairs_sit_where_they_should(session: AsyncSession) -> None:
    await import_file(session, DEMO, NOW)
    directory = await Directory.load(session)
    persons = {person.key: person for person in (await session.scalars(select(Person))).all()}
    assert set(CHAIRS.split()) <= set(persons)
    posts = (await session.scalars(select(Post))).all()
    for key in ("td-resident", "td-neighbour", "sq-resident", "sq-neighbour", "qm-resident"):
        person = persons[key]
        assert not [post for post in posts if post.person_id == person.id]
        home = directory.address_of(person.home_estate_id, person.home_building, person.home_unit, person.home_room)
        assert home.building_id is not None
        worker = next(post for post in posts if post.person_id == persons[f"{key[:2]}-grid"].id)
        assert worker.grid_id == home.grid_id
    resident = persons["td-resident"]
    assert (resident.home_building, resident.home_unit) == ("3", "2")

    def unit_of(key: str) -> str:
        post = next(post for post in posts if post.person_id == persons[key].id)
        return directory.unit(post.unit_id).name if post.unit_id is not None else ""

    assert unit_of("td-water") == "呼和浩特市水务局"
    assert unit_of("td-urban") == "回民区城市管理综合执法局"
    assert unit_of("sq-works") == "赛罕区住房和城乡建设局"
    assert unit_of("td-property") == "富邦物业服务有限公司"
    assert unit_of("td-grid") == "第一网格党支部"
    assert unit_of("sq-secretary") == "仕奇社区党委"


async def test_in_the_village_a_row_has_its_liaison(session: AsyncSession) -> None:
    await import_file(session, DEMO, NOW)
    rows = (await session.scalars(select(Building).where(Building.number.endswith("排")))).all()
    liaisons = await _posts(session, "QM", "liaison")
    assert {post.building_id for post in liaisons} == {row.id for row in rows}
    assert all(post.grid_id == row.grid_id for post in liaisons for row in rows if row.id == post.building_id)
    assert (await session.scalars(select(func.count()).select_from(Household))).one() == 45


def test_the_demo_has_only_the_two_warnings_that_it_is_meant_to_have() -> None:
    problems = check(DEMO)
    assert [problem.severity for problem in problems] == ["warning", "warning"]
    assert all("没有物业公司" in problem.what for problem in problems)


# ---- importing twice, exporting, importing again


async def _counts(session: AsyncSession) -> dict[str, int]:
    tables = (Community, Unit, Grid, Estate, Building, Landmark, Household, Person, Post)
    return {
        table.__tablename__: (await session.scalars(select(func.count()).select_from(table))).one() for table in tables
    }


async def test_a_second_import_changes_nothing(session: AsyncSession) -> None:
    first = await import_file(session, DEMO, NOW)
    before = await _counts(session)
    second = await import_file(session, DEMO, NOW + timedelta(days=1))
    assert first.changed
    assert not second.changed
    assert str(second) == "没有变化"
    assert await _counts(session) == before


@pytest.mark.parametrize("ending", [".yml", ".xlsx"])
async def test_what_is_exported_comes_back_the_same(engines: Engines, tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"一{ending}", tmp_path / f"二{ending}"
    async with AsyncSession(await engines()) as session:
        await import_file(session, DEMO, NOW)
        await export_file(session, first)
        await export_file(session, tmp_path / "plain.yml")
        assert not (await import_file(session, first, NOW)).changed
    async with AsyncSession(await engines()) as session:
        await import_file(session, first, NOW)
        await export_file(session, second)
        await export_file(session, tmp_path / "again.yml")
    assert (tmp_path / "plain.yml").read_text(encoding="utf-8") == (tmp_path / "again.yml").read_text(encoding="utf-8")
    assert check(second) == [] or all(problem.severity == "warning" for problem in check(second))
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


SMALL = """version: 1
communities:
  - name: 小社区
    code: XS
    kind: city
    units:
      - {name: 小社区党委, kind: community}
      - {name: 一支部, kind: grid_branch}
      - {name: 好物业, kind: property, phone: 0471-5550001}
      - {name: 市水务局, kind: department, answers_for: [pollution]}
    grids:
      - {name: 第一网格, branch: 一支部}
    estates:
      - {name: 甲小区, aliases: [甲], grid: 第一网格, property: 好物业}
    buildings:
      - {estate: 甲小区, numbers: "1-3", units: 2}
    persons:
      - {key: worker, name: 王一, phone: "15500000001", posts: [{role: grid_worker, grid: 第一网格}]}
      - {key: branch, name: 王二, posts: [{role: 网格党支部书记, grid: 第一网格}]}
      - {key: office, name: 王三, posts: [{role: community_secretary}]}
      - {key: water, name: 王四, posts: [{role: department_liaison, unit: 市水务局}]}
      - {key: head, name: 王五, home: {estate: 甲小区, building: 2}, posts: [{role: 楼栋长, estate: 甲小区, building: 2号楼}]}
"""


def _file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "名录.yml"
    path.write_text(text, encoding="utf-8")
    return path


def _problems(tmp_path: Path, text: str) -> list[Problem]:
    return check(_file(tmp_path, text))


def _line_of(text: str, words: str) -> str:
    return f"第{next(n for n, line in enumerate(text.splitlines(), start=1) if words in line)}行"


def test_a_sound_file_has_no_problem(tmp_path: Path) -> None:
    assert _problems(tmp_path, SMALL) == []


async def test_who_left_the_file_keeps_the_post_unless_told_otherwise(session: AsyncSession, tmp_path: Path) -> None:
    await import_file(session, _file(tmp_path, SMALL), NOW)
    shorter = _file(tmp_path, "\n".join(line for line in SMALL.splitlines() if "王五" not in line))
    kept = await import_file(session, shorter, NOW)
    assert (kept.changed, kept.not_in_file) == (False, 1)
    later = NOW + timedelta(days=3)
    ended = await import_file(session, shorter, later, end_missing=True)
    assert ended.ended == 1
    post = (await session.scalars(select(Post).where(Post.role == "building_head"))).one()
    assert post.until == later
    assert (await session.scalars(select(Person).where(Person.key == "head"))).one().name == "王五"
    back = await import_file(session, _file(tmp_path, SMALL), later)
    assert back.created["posts"] == 1


async def test_a_changed_line_changes_one_row(session: AsyncSession, tmp_path: Path) -> None:
    await import_file(session, _file(tmp_path, SMALL), NOW)
    changed = await import_file(session, _file(tmp_path, SMALL.replace("王一", "王大一")), NOW)
    assert (sum(changed.created.values()), dict(changed.updated)) == (0, {"persons": 1})


async def test_a_file_with_errors_changes_nothing(session: AsyncSession, tmp_path: Path) -> None:
    with pytest.raises(DirectoryFileError, match="好物叶"):
        await import_file(session, _file(tmp_path, SMALL.replace("property: 好物业", "property: 好物叶")), NOW)
    assert (await _counts(session))["communities"] == 0


async def test_another_communitys_person_is_not_taken_over(session: AsyncSession, tmp_path: Path) -> None:
    await import_file(session, _file(tmp_path, SMALL), NOW)
    other = SMALL.replace("小社区", "大社区").replace("code: XS", "code: DS")
    with pytest.raises(DirectoryFileError, match="别的社区的人"):
        await import_file(session, _file(tmp_path, other), NOW)


async def test_a_communitys_code_is_for_ever(session: AsyncSession, tmp_path: Path) -> None:
    await import_file(session, _file(tmp_path, SMALL), NOW)
    with pytest.raises(DirectoryFileError, match="代码是XS"):
        await import_file(session, _file(tmp_path, SMALL.replace("code: XS", "code: XX")), NOW)


# ---- mistakes

MISTAKES = [
    ("property: 好物业", "property: 好物叶", "甲小区, aliases", "没有“好物叶”这个单位", "好物业"),
    ("grid: 第一网格, property", "grid: 第二网格, property", "甲小区, aliases", "没有“第二网格”这个网格", "第一网格"),
    ("role: grid_worker", "role: grid_walker", "王一", "没有“grid_walker”这种岗位", "grid_worker"),
    (
        "answers_for: [pollution]",
        "answers_for: [polution]",
        "市水务局, kind",
        "没有“polution”这种受理事项",
        "pollution",
    ),
    ("kind: property", "kind: 物业叶", "好物业, kind", "没有“物业叶”这种单位类型", "物业"),
    ('"15500000001"', '"1550000001"', "王一", "电话“1550000001”不对", "11 位"),
    ("branch: 一支部", "branch: 好物业", "第一网格, branch", "“好物业”是物业，这里要写网格党支部", "改单位"),
    ("building: 2号楼", "building: 8号楼", "王五", "“甲小区”没有“8号楼”这栋楼", "核对楼号"),
    ("key: branch", "key: worker", "王二", "编号“worker”重复", "改名"),
    ('numbers: "1-3"', 'numbers: "1-3、2"', "numbers", "“甲小区”的2号楼写了两次", "去掉"),
    ('numbers: "1-3"', 'numbers: "好几栋"', "numbers", "楼号“好几栋”看不懂", "1-8"),
    ("grid: 第一网格, property", "grid: 第一网格、第二网格, property", "甲小区, aliases", "写了几个网格", "大门"),
    ("{role: grid_worker, grid: 第一网格}", "{role: grid_worker, grid: 1/2}", "王一", "写了几个网格", "分成几行"),
    ("building: 2号楼", "building: 1-3号楼", "王五", "一行里写了几栋楼", "分成几行"),
    ("building: 2号楼", "building: 2号楼, entrance: 1-2单元", "王五", "一行里写了几个单元", "分成几行"),
    ("building: 2}, posts", 'building: 2, unit: "1、2"}, posts', "王五", "一行里写了几个单元", "分成几行"),
    ("building: 2号楼", "building: 2-1-602", "王五", "楼号里写了门牌", "各自的一栏"),
    ('"15500000001"', "1.55E+10", "王一", "科学计数", "文本"),
    ('"15500000001"', '"15500000001/15500000002"', "王一", "不对", "只写一个"),
    (
        "estate: 甲小区, numbers",
        "estate: 甲小区和乙小区, numbers",
        "numbers",
        "一栋楼写在了2个小区里",
        "只能属于一个小区",
    ),
    ("aliases: [甲]", "alias: [甲]", "alias:", "没有“alias”这个字段", "aliases"),
    ("code: XS", "code: x1", "name: 小社区", "代码“x1”不合要求", "大写字母"),
    ("role: department_liaison, unit: 市水务局", "role: department_liaison", "王四", "部门联络员没有写单位", "补上"),
]


@pytest.mark.parametrize(("right", "wrong", "line", "what", "remedy"), MISTAKES)
def test_a_mistake_is_named_with_its_line_and_its_remedy(
    tmp_path: Path, right: str, wrong: str, line: str, what: str, remedy: str
) -> None:
    assert right in SMALL
    text = SMALL.replace(right, wrong)
    found = [problem for problem in _problems(tmp_path, text) if what in problem.what]
    assert len(found) == 1, _problems(tmp_path, text)
    assert found[0].where == _line_of(text, line)
    assert remedy in found[0].remedy
    assert found[0].severity == "error"
    assert found[0].where in str(found[0])


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    text = SMALL
    for right, wrong, *_ in MISTAKES[:6]:
        text = text.replace(right, wrong)
    assert len([problem for problem in _problems(tmp_path, text) if problem.severity == "error"]) >= 6


WARNINGS = [
    (", property: 好物业", "", "“甲小区”没有物业公司"),
    ("role: grid_worker, grid", "role: branch_secretary, grid", "“第一网格”没有网格员"),
    ("role: 网格党支部书记, grid", "role: grid_worker, grid", "“第一网格”没有网格党支部书记"),
    ("role: community_secretary", "role: community_staff", "“小社区”没有社区书记"),
    (", answers_for: [pollution]", "", "“市水务局”没有写受理事项"),
]


@pytest.mark.parametrize(("right", "wrong", "what"), WARNINGS)
def test_what_is_only_missing_is_a_warning(tmp_path: Path, right: str, wrong: str, what: str) -> None:
    assert right in SMALL
    problems = _problems(tmp_path, SMALL.replace(right, wrong))
    assert what in [problem.what for problem in problems]
    assert {problem.severity for problem in problems} == {"warning"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("communities: [", "YAML 写法有误"),
        ("communities: {a: 1}", "应当是一个列表"),
        ("- 1", "各个字段"),
        ("", "各个字段"),
        ("communities:\n  - 1\n", "各个字段"),
        ("communities:\n  - {name: 甲, name: 乙}\n", "写了两次"),
    ],
)
def test_a_file_that_is_none_is_said_to_be_none(tmp_path: Path, text: str, what: str) -> None:
    assert any(what in problem.what for problem in _problems(tmp_path, text))


def test_a_missing_or_broken_file_is_a_problem_not_a_crash(tmp_path: Path) -> None:
    assert "没有这个文件" in check(tmp_path / "没有.yml")[0].what
    broken = tmp_path / "坏.xlsx"
    broken.write_bytes(b"PK not a workbook")
    assert "读不出来" in check(broken)[0].what
    for ending in ("xls", "csv", "et"):
        other = tmp_path / f"名录.{ending}"
        other.write_bytes(b"a,b")
        (problem,) = check(other)
        assert f"不能读 .{ending} 文件" in problem.what
        assert ".xlsx" in problem.remedy
    wrong = tmp_path / "坏.yml"
    wrong.write_bytes("小区".encode("gbk"))
    assert "读不出来" in check(wrong)[0].what


def test_building_ranges_are_read_as_people_write_them() -> None:
    assert building_list(["1-3", "5号楼", "Ａ座"]) == ["1", "2", "3", "5", "A"]
    assert building_list(["1号楼-3号楼"]) == ["1", "2", "3"]
    assert building_list(["1-3排"]) == ["1排", "2排", "3排"]
    assert building_list(["1至30号楼"]) == [str(number) for number in range(1, 31)]
    assert building_list(["1#——3#", "十二栋"]) == ["1", "2", "3", "12"]


@pytest.mark.parametrize("words", ["3-1", "好几栋", "1-3-5", "1 3 5", "1-", "A1-A8", "1-" + "9" * 5000])
def test_what_is_no_list_of_buildings_is_refused(words: str) -> None:
    with pytest.raises(UnclearRange, match="看不懂"):
        building_list([words])


@pytest.mark.parametrize(
    ("words", "count"), [(["1-100000"], 100000), (["1至999号楼"], 999), (["1-200", "201-301"], 101)]
)
def test_a_list_of_far_too_many_buildings_is_refused(tmp_path: Path, words: list[str], count: int) -> None:
    text = SMALL.replace('numbers: "1-3"', f"numbers: [{', '.join(words)}]")
    (problem,) = _problems(tmp_path, text)  # and not one more for every person in these buildings
    assert problem.where == _line_of(text, "numbers:")
    assert problem.what == f"楼号“{words[-1]}”一共{count}栋，一行最多300栋"
    assert "分成几行" in problem.remedy


ROOMS = [
    ("101、203", "101 203"),
    ("101-104", "101 102 103 104"),
    ("101-302", "101 102 201 202 301 302"),
    ("101～602", "101 102 201 202 301 302 401 402 501 502 601 602"),
    ("901至1002", "901 902 1001 1002"),
    ("101-103室", "101室 102室 103室"),
    ("1-3", "1 2 3"),
    ("1-3号", "1号 2号 3号"),
    ("1号到3号", "1号 2号 3号"),
    ("0101-0202", "0101 0102 0201 0202"),
    ("A-101、东户", "A-101 东户"),
]


@pytest.mark.parametrize(("words", "doors"), ROOMS)
def test_room_ranges_are_read_as_offices_mean_them(words: str, doors: str) -> None:
    assert room_list(words.split("、")) == doors.split()


def test_house_numbers_are_counted_on() -> None:
    assert len(room_list(["1-300"], counted=True)) == 300
    assert room_list(["99-102"], counted=True) == ["99", "100", "101", "102"]
    assert len(room_list(["101-302"], counted=True)) == 202
    assert len(room_list(["101-302号"])) == 202


UNCLEAR_ROOMS = [
    ("1-300", "挨着数", "1-300号"),
    ("1-302", "1单元302", "“单元”一栏"),
    ("108-203", "每层有哪几户", "101-104、201-204"),
    ("10101-10302", "每层有哪几户", "101-104"),
    ("104-101", "比前面的小", "101-104"),
    ("101-1", "比前面的小", "101之1"),
    ("一号至十二号", "看不懂", "1-12号"),
    ("东户～西户", "看不懂", "101-104"),
    ("1-1000号", "超过了500户", "分成几行"),
    ("101-6030", "超过了500户", "分成几行"),
    ("1-99999999999999999999号", "看不懂", "1-12号"),
]


@pytest.mark.parametrize(("words", "what", "remedy"), UNCLEAR_ROOMS)
def test_an_unclear_room_range_is_refused_and_becomes_no_door(
    tmp_path: Path, words: str, what: str, remedy: str
) -> None:
    text = SMALL.replace(
        "    persons:", f'    households:\n      - {{estate: 甲小区, building: 1, rooms: "{words}"}}\n    persons:'
    )
    (problem,) = _problems(tmp_path, text)
    assert problem.where == _line_of(text, "rooms:")
    assert problem.serious
    assert words in problem.what
    assert what in problem.what
    assert remedy in problem.remedy


async def test_a_room_range_becomes_its_doors_in_block_and_village(session: AsyncSession, tmp_path: Path) -> None:
    text = SMALL.replace("kind: city", "kind: village")
    text = text.replace(
        "    persons:", '    households:\n      - {estate: 甲小区, building: 1, rooms: "1-300"}\n    persons:'
    )
    await import_file(session, _file(tmp_path, text), NOW)
    assert (await _counts(session))["households"] == 300
    text = SMALL.replace(
        "    persons:",
        '    households:\n      - {estate: 甲小区, building: 2, unit: 1, rooms: "101-302"}\n    persons:',
    )
    await import_file(session, _file(tmp_path, text), NOW)
    assert (await _counts(session))["households"] == 306


# ---- one thing in other words

TWICE = [
    ("grid_worker, grid: 第一网格", "网格员, grid: 第一网格"),
    ("grid_worker, grid: 第一网格", "grid_worker, grid: 第一网格"),
    ("grid_worker, grid: 第一网格", "grid_worker, grid: 1"),
    ("grid_worker, grid: 第一网格", "网格员, grid: 1号网格, unit: 一支部"),
    ("grid_worker, grid: 第一网格", "网格员, grid: 第１网格"),
    ("grid_worker, grid: 第一网格", "网格员, grid: 小社区第一网格"),
    ("property_staff, unit: 好物业", "物业, unit: 好物业服务有限公司"),
    ("department_liaison, unit: 市水务局", "联络员, unit: 水务局"),
    ("building_head, estate: 甲小区, building: 2", "楼栋长, estate: 甲, building: 二号楼, grid: 第一网格"),
    (
        "building_head, estate: 甲小区, building: 2, entrance: 1",
        "单元长, estate: 甲小区, building: 2#, entrance: 一单元",
    ),
    ("liaison, estate: 甲小区, building: 2", "联户长, building: 2, unit: 一支部"),
    ("community_staff", "社工, unit: 小社区党委"),
]


@pytest.mark.parametrize(("one", "other"), TWICE)
async def test_one_post_in_other_words_is_one_post(session: AsyncSession, tmp_path: Path, one: str, other: str) -> None:
    line = f"      - {{key: twice, name: 王九, posts: [{{role: {one}}}, {{role: {other}}}]}}"
    text = f"{SMALL}{line}\n"
    told = [problem for problem in _problems(tmp_path, text) if "已经写过，只算一个" in problem.what]
    assert [(problem.where, problem.severity) for problem in told] == [(_line_of(text, "王九"), "warning")]
    assert "王九" in told[0].what
    await import_file(session, _file(tmp_path, text), NOW)
    posts = select(Post).join(Person, Person.id == Post.person_id).where(Person.key == "twice")
    assert len((await session.scalars(posts)).all()) == 1
    assert not (await import_file(session, _file(tmp_path, text), NOW)).changed


async def test_posts_of_one_person_in_two_places_stay_two(session: AsyncSession, tmp_path: Path) -> None:
    head = "role: 楼栋长, estate: 甲小区, building"
    line = f"      - {{key: both, name: 王九, posts: [{{{head}: 1}}, {{{head}: 2}}, {{{head}: 2, entrance: 1}}]}}"
    text = f"{SMALL}{line}\n"
    assert _problems(tmp_path, text) == []
    await import_file(session, _file(tmp_path, text), NOW)
    assert (await _counts(session))["posts"] == 8


def test_a_short_name_that_fits_one_unit_is_taken_and_told_once(tmp_path: Path) -> None:
    text = SMALL.replace("name: 好物业,", "name: 好物业服务有限公司,")
    text = text.replace(
        "property: 好物业}", "property: 好物业}\n      - {name: 乙小区, grid: 第一网格, property: 好物业}"
    )
    (problem,) = _problems(tmp_path, text)
    assert problem.what == "“好物业”当作“好物业服务有限公司”（共2处）"
    assert (problem.where, problem.severity) == (_line_of(text, "aliases"), "warning")


@pytest.mark.parametrize(
    ("others", "said"),
    [
        (("好物业管理有限公司", "好物业服务有限公司"), "好物业公司"),  # which of the two?
        (("新安康物业有限公司",), "安康物业"),  # another company
    ],
)
def test_a_short_name_that_fits_none_or_two_is_not_guessed(tmp_path: Path, others: tuple[str, ...], said: str) -> None:
    units = "".join(f"\n      - {{name: {name}, kind: property}}" for name in others)
    text = SMALL.replace("answers_for: [pollution]}", f"answers_for: [pollution]}}{units}")
    text = text.replace("property: 好物业}", f"property: {said}}}").replace(
        "{name: 好物业, kind: property, phone: 0471-5550001}", "{name: 丙, kind: property}"
    )
    assert [p.what for p in _problems(tmp_path, text) if p.serious] == [f"没有“{said}”这个单位"]


def test_a_company_in_two_spellings_is_told(tmp_path: Path) -> None:
    text = SMALL.replace("    grids:", "      - {name: 好物业服务有限公司, kind: 物业公司}\n    grids:")
    (problem,) = _problems(tmp_path, text)
    assert problem.what.startswith("“好物业服务有限公司”和“好物业”（第9行）像是同一个单位")
    assert not problem.serious


@pytest.mark.parametrize(
    ("before", "after", "name"),
    [
        ("role: grid_worker, grid: 第一网格", "role: grid_worker, grid: 第一网格, building: 2号楼", "王一"),
        ("role: 楼栋长, estate: 甲小区", "role: 楼栋长", "王五"),
    ],
)
def test_a_building_without_its_estate_is_named(tmp_path: Path, before: str, after: str, name: str) -> None:
    text = SMALL.replace(before, after)
    assert _problems(tmp_path, text) == []  # the community has one estate
    text = text.replace("    buildings:", "      - {name: 乙小区, grid: 第一网格, property: 好物业}\n    buildings:")
    (problem,) = _problems(tmp_path, text)
    assert (problem.where, problem.severity) == (_line_of(text, name), "error")
    assert problem.what == "写了“2号楼”却没有写小区"
    assert "甲小区" in problem.remedy


def test_a_home_without_its_estate_is_told(tmp_path: Path) -> None:
    text = SMALL.replace("home: {estate: 甲小区, building: 2}", "home: {building: 2}")
    assert _problems(tmp_path, text) == []
    text = text.replace("    buildings:", "      - {name: 乙小区, grid: 第一网格, property: 好物业}\n    buildings:")
    (problem,) = _problems(tmp_path, text)
    assert (problem.where, problem.severity) == (_line_of(text, "王五"), "warning")


@pytest.mark.parametrize(
    "post",
    ["role: department_liaison, unit: 市水务局, grid: 第一网格", "role: department_liaison, unit: 市水务局, grid: 1"],
)
def test_a_liaison_with_a_grid_is_still_the_departments(tmp_path: Path, post: str) -> None:
    assert _problems(tmp_path, SMALL.replace("role: department_liaison, unit: 市水务局", post)) == []


def test_a_household_liaison_with_a_grid_is_sound(tmp_path: Path) -> None:
    assert _problems(tmp_path, SMALL.replace("role: 楼栋长,", "role: 联户长, grid: 第一网格,")) == []


def test_namesakes_are_told_apart_or_asked_for(tmp_path: Path) -> None:
    same = '      - {key: same, name: 王一, phone: "15500000001"}\n'
    (problem,) = _problems(tmp_path, SMALL + same)
    assert problem.what.endswith("同名同电话，像是同一个人")
    assert not problem.serious
    assert _problems(tmp_path, SMALL + same.replace("0001", "0009")) == []
    nameless = SMALL.replace("{key: worker, name: 王一,", "{name: 王一,") + same.replace("key: same, ", "")
    found = _problems(tmp_path, nameless)
    assert [p.what for p in found if "没有编号" in p.what] == ["有几个人都叫“王一”又没有编号"] * 2
    assert not [p.what for p in found if "重复" in p.what]


# ---- a workbook as an office has it


def _office_book(path: Path) -> None:
    book = Workbook()
    first = book.worksheets[0]
    first.title = "填表说明"
    first.append(["请按要求填写"])
    first.append(["谢谢"])
    sheet = book.create_sheet("社区基本情况表")
    sheet.append(["XX街道社区基本情况"])
    sheet.merge_cells("A1:D1")
    sheet.append(["社区名称", "社区代码", "类别", "面积（平方公里）", "常住人口"])
    sheet.append([" 小 社 区 ", "XS", "社区", 0.5, 3000.0])
    sheet = book.create_sheet("单位名册")
    sheet.append(["社区", "单位名称", "单位类型", "联系电话", "负责事项"])
    sheet.append(["小社区", "小社区党委", "社区党委", None, None])
    sheet.append([None, "一支部", "网格党支部", None, None])
    sheet.append([None, "好物业　", "物业公司", "0471-5550001", None])
    sheet.append([None, None, None, None, None])
    sheet.append([None, "市水务局", "职能部门", None, "油烟扬尘异味、下水道"])
    sheet = book.create_sheet("网格台账")
    sheet.append(["网格名称", "网格党支部"])
    sheet.append(["第一网格", "一支部"])
    sheet = book.create_sheet("小区台账")
    sheet.append(["序号", "小区名称 ", "俗称", "所属网格", "物业公司", "业主组织"])
    sheet.append([1, "甲小区", "甲；老甲", "第一网格", "好物业", "物业管理委员会"])
    sheet.append([2, "乙小区", None, "第一网格", "好物业", None])
    sheet.append(["合计", 2, None, None, None, None])
    sheet = book.create_sheet("楼栋信息")
    sheet.append(["小区", "楼栋号", "单元数"])
    sheet.append(["甲小区", "1～2", 3.0])
    sheet.append([None, 3.0, "２"])
    sheet.append([None, "4#", "3.0"])
    sheet.append(["乙小区", "Ａ座、Ｂ座", 1])
    sheet.merge_cells("A2:A4")
    sheet = book.create_sheet("人员名单")
    sheet.append(["编号", "姓名", "手机号", "小区", "楼号"])
    sheet.append(["w", "王　一", 15500000001.0, None, None])
    sheet.append(["b", "王二", None, None, None])
    sheet.append([None, "王三", None, None, None])
    sheet.append(["d", "王四", None, None, None])
    sheet.append(["h", "王五", "155 0000 0005", "甲小区", 2.0])
    sheet = book.create_sheet("岗位")
    sheet.append(["姓名", "职务", "单位", "网格", "小区", "楼号", "单元"])
    sheet.append(["王一", "网格员", None, "第一网格", None, None, None])
    sheet.append(["王二", "党支部书记", None, "第一网格", None, None, None])
    sheet.append(["王三", "社区党委书记", None, None, None, None, None])
    sheet.append(["王四", "联络员", "市水务局", None, None, None, None])
    sheet.append(["王五", "单元长", None, None, "甲小区", "２号楼", 1.0])
    book.save(path)
    book.close()


async def test_an_offices_workbook_is_read_as_it_is(session: AsyncSession, tmp_path: Path) -> None:
    path = tmp_path / "小社区.xlsx"
    _office_book(path)
    assert [problem.what for problem in check(path)] == ["没有读这张表"]
    await import_file(session, path, NOW)
    community = (await session.scalars(select(Community))).one()
    assert (community.name, str(community.area_km2), community.population) == ("小社区", "0.50", 3000)
    estate = (await session.scalars(select(Estate).where(Estate.name == "甲小区"))).one()
    assert (estate.aliases, estate.committee) == (["甲", "老甲"], "物管会")
    buildings = (await session.scalars(select(Building).order_by(Building.id))).all()
    assert [(b.number, b.units) for b in buildings] == [("1", 3), ("2", 3), ("3", 2), ("4", 3), ("A", 1), ("B", 1)]
    worker = (await session.scalars(select(Person).where(Person.key == "w"))).one()
    assert (worker.name, worker.phone) == ("王一", "15500000001")
    head = (await session.scalars(select(Post).where(Post.role == "building_head"))).one()
    assert (head.building_id, head.entrance) == (buildings[1].id, "1")
    assert (await session.scalars(select(Unit.answers_for).where(Unit.name == "市水务局"))).one() == [
        "pollution",
        "sewage",
    ]
    assert not (await import_file(session, path, NOW)).changed


def test_a_workbooks_mistakes_name_sheet_and_row(tmp_path: Path) -> None:
    path = tmp_path / "小社区.xlsx"
    _office_book(path)
    book = load_workbook(path)
    book["小区台账"]["E3"] = "好物叶"
    book["楼栋信息"]["B5"] = date(2026, 1, 8)
    book["人员名单"]["C2"] = 1550000
    book["岗位"]["B6"] = "楼霸"
    book["岗位"]["A4"] = "王三三"
    book["楼栋信息"].append(["甲小区、乙小区", 9, 1])
    book.save(path)
    book.close()
    found = {problem.where: problem for problem in check(path) if problem.severity == "error"}
    assert "好物叶" in found["小区台账表第3行"].what
    dated = next(p for p in check(path) if p.where == "楼栋信息表第5行" and "日期" in p.what)
    assert "文本" in dated.remedy
    assert "电话" in found["人员名单表第2行"].what
    assert "楼霸" in found["岗位表第6行"].what
    assert "王三三" in found["岗位表第4行"].what
    assert "2个小区" in found["楼栋信息表第6行"].what


def test_a_sheet_without_a_header_is_named(tmp_path: Path) -> None:
    path = tmp_path / "表.xlsx"
    book = Workbook()
    book.worksheets[0].title = "小区"
    book.worksheets[0].append(["甲小区", "第一网格"])
    book.save(path)
    book.close()
    assert any(problem.where == "小区表" and "找不到表头" in problem.what for problem in check(path))


def _edited(tmp_path: Path, change: Callable[[Workbook], None]) -> list[Problem]:
    path = tmp_path / "小社区.xlsx"
    _office_book(path)
    book = load_workbook(path)
    change(book)
    book.save(path)
    book.close()
    return [problem for problem in check(path) if problem.what != "没有读这张表"]


def test_a_header_that_comes_again_is_no_entry(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        sheet = book["小区台账"]
        sheet.delete_rows(4)
        sheet.append([None])
        sheet.append(["序号", "小区名称", "俗称", "所属网格", "物业公司", "业主组织"])
        sheet.append([3, "丙小区", None, "第一网格", "好物业", "无"])
        sheet.append(["制表人：王三", None, "审核人：王四", date(2026, 11, 2)])

    assert _edited(tmp_path, change) == []


def test_of_a_header_of_two_lines_the_lower_one_counts(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        sheet = book["人员名单"]
        sheet.insert_rows(1)
        for place, title in enumerate(["编号", "姓名", "手机号", "住址", None], start=1):
            sheet.cell(1, place, title)
        sheet.merge_cells("D1:E1")
        for letter in "ABC":
            sheet.merge_cells(f"{letter}1:{letter}2")

    assert _edited(tmp_path, change) == []
    assert "住址" not in "".join(problem.what for problem in check(tmp_path / "小社区.xlsx"))


def test_a_column_that_is_not_read_is_told(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        sheet = book["人员名单"]
        for place, title in enumerate(["编号", "姓名", "手机号", "小区", "几号楼", "身份证号", "备注"], start=1):
            sheet.cell(1, place, title)

    (problem,) = _edited(tmp_path, change)
    assert (problem.where, problem.what) == ("人员名单表", "没有读这些列：几号楼")
    assert "楼号" in problem.remedy
    assert not problem.serious


def test_a_formula_that_failed_is_named(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        book["人员名单"]["C2"] = "#N/A"
        book["人员名单"]["C2"].data_type = "e"

    (problem,) = _edited(tmp_path, change)
    assert problem.where == "人员名单表第2行"
    assert problem.what == "“电话”的公式出错了（#N/A）"


async def test_phones_are_read_as_spreadsheets_leave_them(session: AsyncSession, tmp_path: Path) -> None:
    written: list[str | float] = [
        15500000001.0,
        "1.5500000001E+10",
        "155-0000-0001",
        "+86 155 0000 0001",
        "１５５００００００01",
        "\u200b15500000001",
    ]
    for value in written:

        def change(book: Workbook, value: str | float = value) -> None:
            book["人员名单"]["C2"] = value

        assert _edited(tmp_path, change) == []
        await import_file(session, tmp_path / "小社区.xlsx", NOW)
        worker = (await session.scalars(select(Person).where(Person.key == "w"))).one()
        assert worker.phone == "15500000001"


def test_a_dash_or_none_is_an_empty_cell(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        book["小区台账"]["F3"] = "——"
        book["人员名单"]["C3"] = "无"
        book["人员名单"]["D3"] = "/"

    assert _edited(tmp_path, change) == []


def test_a_post_of_a_name_that_two_have_asks_for_the_number(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        book["人员名单"].append(["w2", "王一", "15500000009", None, None])

    (problem,) = _edited(tmp_path, change)
    assert problem.where == "岗位表第2行"
    assert "有几个人都叫“王一”" in problem.what
    assert "编号" in problem.remedy


def test_an_estate_that_stands_in_two_grids_is_told_how_to_be_written(tmp_path: Path) -> None:
    def change(book: Workbook) -> None:
        book["网格台账"].append(["第二网格", "一支部"])
        book["小区台账"]["B3"] = "甲小区"
        book["小区台账"]["D3"] = "2"

    found = [problem for problem in _edited(tmp_path, change) if "甲小区”重复" in problem.what]
    assert [problem.where for problem in found] == ["小区台账表第3行"]
    assert "楼栋表里写明网格" in found[0].remedy
