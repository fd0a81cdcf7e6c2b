"""The weekly digest: every case is counted exactly where it should be, and nobody is told twice."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields, replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import delete, func, select, update

from bot.conversation import digest_text
from bot.settings import load
from workflows.calendar import ChinaCalendar
from workflows.case_file import Rules
from workflows.cases import NewReport
from workflows.database import Database
from workflows.digest import (
    Audience,
    CaseLine,
    CommunityDigest,
    DepartmentDigest,
    Digests,
    GridDigest,
    Listing,
    Measures,
    PropertyDigest,
    ResidentDigest,
    Share,
    Tally,
    Week,
    as_data,
    from_data,
)
from workflows.directory import Directory
from workflows.models import (
    Base,
    Building,
    Case,
    CaseEvent,
    Community,
    DigestIssue,
    Estate,
    FollowUp,
    Grid,
    Person,
    Post,
    Unit,
    Whistle,
)
from workflows.notices import NoticeKind
from workflows.office import Office
from workflows.people import People
from workflows.policy.permissions import Role
from workflows.policy.weeks import next_issue, week_to_tell
from workflows.recount import compare

ZONE = ZoneInfo("Asia/Shanghai")
CONFIG = Path(__file__).parents[3] / "config.yml"
WEEK = Week.parse("2026-W47", ZONE)  # 16 to 22 November
MONDAY, TUESDAY, THURSDAY, SUNDAY = (datetime(2026, 11, day, 10, tzinfo=ZONE) for day in (16, 17, 19, 22))
NEXT_MONDAY = datetime(2026, 11, 23, 9, tzinfo=ZONE)


def _rules() -> Rules:
    settings = load(CONFIG)
    return Rules(
        settings.ladder_policy(),
        ChinaCalendar(),
        settings.zone,
        settings.categories,
        timedelta(hours=72),
    )


class Neighbourhood:
    """A community of two estates, and another one beside it; each has one of everybody."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.rules = _rules()
        self.directory = Directory()
        self.who: dict[str, int] = {}
        self.homes: dict[str, tuple[str, str]] = {}
        self.where: dict[str, int] = {}
        self.home = self.away = 0

    @asynccontextmanager
    async def at(self, moment: datetime) -> AsyncIterator[Office]:
        """One transaction at that time."""
        async with self.database.writing() as session:
            yield Office(session, moment, self.rules, self.directory)

    async def build(self) -> None:
        async with self.database.writing() as session:
            for name, code in (("仕奇社区", "SQ"), ("通道北街社区", "TD")):
                community = Community(name=name, code=code, kind="city")
                session.add(community)
                await session.flush()
                self.where[code] = community.id
                for kind, unit in (
                    ("community", f"{name}党委"),
                    ("property", f"{code}物业公司"),
                    ("department", "市水务局"),
                    ("department", "市政管理局"),
                ):
                    row = Unit(community_id=community.id, kind=kind, name=unit, answers_for=[])
                    session.add(row)
                    await session.flush()
                    self.where[f"{code}-{unit}"] = row.id
                for estate_name in ("园林小区", "富邦小区"):
                    branch = Unit(
                        community_id=community.id, kind="grid_branch", name=f"{estate_name}党支部", answers_for=[]
                    )
                    session.add(branch)
                    await session.flush()
                    grid = Grid(community_id=community.id, name=f"{estate_name}网格", branch_unit_id=branch.id)
                    session.add(grid)
                    await session.flush()
                    estate = Estate(
                        community_id=community.id,
                        grid_id=grid.id,
                        property_unit_id=self.where[f"{code}-{code}物业公司"],
                        name=estate_name,
                        aliases=[],
                        committee="物管会",
                    )
                    session.add(estate)
                    await session.flush()
                    for number in ("3", "5"):
                        building = Building(
                            community_id=community.id, estate_id=estate.id, grid_id=grid.id, number=number, units=2
                        )
                        session.add(building)
                        await session.flush()
                        self.where[f"{code}-{estate_name}-{number}"] = building.id
                    self.where[f"{code}-{estate_name}"] = estate.id
                    self.where[f"{code}-{estate_name}-grid"] = grid.id
            self.home, self.away = self.where["SQ"], self.where["TD"]
            await session.flush()
            self.directory = await Directory.load(session)
            for name, home in (
                ("老李", "园林小区"),
                ("小王", "园林小区"),
                ("赵姨", "富邦小区"),
            ):
                await self.person(session, name, home)
            for name, posts in {
                "网格员": [(Role.GRID_WORKER, "园林小区-grid")],
                "书记": [(Role.BRANCH_SECRETARY, "园林小区-grid"), (Role.COMMITTEE_HEAD, "园林小区")],
                "另一网格员": [(Role.GRID_WORKER, "富邦小区-grid")],
                "物业经理": [(Role.PROPERTY_STAFF, "SQ物业公司")],
                "社区书记": [(Role.COMMUNITY_SECRETARY, "仕奇社区党委")],
                "水务": [(Role.DEPARTMENT_LIAISON, "市水务局")],
                "市政": [(Role.DEPARTMENT_LIAISON, "市政管理局")],
                "楼栋长": [(Role.BUILDING_HEAD, "园林小区-3")],
            }.items():
                await self.person(session, name)
                for role, place in posts:
                    self.post(session, name, role, place)

    async def person(self, session, name: str, home: str = "") -> None:
        row = Person(
            community_id=self.home,
            name=name,
            home_estate_id=self.where[f"SQ-{home}"] if home else None,
            created_at=MONDAY,
        )
        session.add(row)
        await session.flush()
        self.who[name] = row.id

    def post(self, session, name: str, role: Role, place: str) -> None:
        found = self.where[f"SQ-{place}"]
        column = {
            Role.GRID_WORKER: "grid_id",
            Role.BRANCH_SECRETARY: "grid_id",
            Role.COMMITTEE_HEAD: "estate_id",
            Role.BUILDING_HEAD: "building_id",
        }.get(role, "unit_id")
        session.add(Post(community_id=self.home, person_id=self.who[name], role=role, since=MONDAY, **{column: found}))

    # ---- what people do

    async def report(
        self,
        when: datetime,
        *,
        who: str = "老李",
        category: str = "street_light",
        estate: str = "园林小区",
        building: str = "3",
        place: str = "",
        text: str = "楼道灯不亮了",
        patrol: bool = False,
    ) -> int:
        async with self.at(when) as office:
            address = self.directory.address_of(self.where[f"SQ-{estate}"], building) if estate else None
            spot = self.directory.refine(address, type(address)(place=place)) if address and place else address
            view = await office.cases.open(
                NewReport(
                    self.who[who], self.home, category, text, spot or self.directory.address_of(None), proactive=patrol
                )
            )
            return view.id

    async def solved_by_grid(self, case: int, when: datetime) -> None:
        async with self.at(when) as office:
            await office.handling.report_result(self.who["网格员"], case, "换好了")

    async def reported_by_property(self, case: int, when: datetime) -> None:
        async with self.at(when) as office:
            await office.handling.verify(self.who["网格员"], case)
            await office.handling.report_result(self.who["物业经理"], case, "换好了")

    async def solved_by_property(self, case: int, when: datetime) -> None:
        await self.reported_by_property(case, when)
        async with self.at(when) as office:
            await office.handling.confirm(self.who["网格员"], case)

    async def says(self, case: int, when: datetime, verdict: str, who: str = "老李") -> None:
        async with self.at(when) as office:
            await office.cases.judge(self.who[who], case, verdict, "")

    async def with_water(self, case: int, when: datetime, department: str = "市水务局") -> None:
        async with self.at(when) as office:
            view = await office.cases.look(self.who["社区书记"], case)
            if view.status == "with_grid_branch":
                await office.handling.hand_to_community(self.who["网格员"], case)
            # A whistle must be earned: the grid has tried.
            await office.handling.convene(self.who["社区书记"], case, "物业、居民")
            await office.handling.blow_whistle(
                self.who["社区书记"], case, self.where[f"SQ-{department}"], "河道归水务", "无照片"
            )

    async def time_passes(self, start: datetime, until: datetime, hours: int = 6) -> None:
        moment = start
        while moment <= until:
            async with self.at(moment) as office:
                await self.tick(office)
            moment += timedelta(hours=hours)

    async def tick(self, office: Office) -> None:
        follow_ups = office.follow_ups({"digest": office.digests.due})
        for row in await follow_ups.due():
            await follow_ups.run(row)

    # ---- what is counted

    async def counted(self, week: Week = WEEK, now: datetime = NEXT_MONDAY) -> Measures:
        """The digest's numbers, after making sure that the history tells the same for this week and its neighbours."""
        async with self.at(now) as office:
            weeks = [week.previous(), week, Week.of(week.end, ZONE)]
            wrong = await compare(office.session, office.digests, self.rules, [self.home, self.away], weeks, now)
            assert wrong == []
            return await office.digests.measures(self.home, week.start, week.end)

    async def digests(self, name: str, now: datetime = NEXT_MONDAY) -> list:
        async with self.at(now) as office:
            return await office.digests.for_person(self.who[name], WEEK)

    async def digest(self, name: str, now: datetime = NEXT_MONDAY):
        return (await self.digests(name, now))[0]


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Neighbourhood]:
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/town.db")
    async with database.writing() as session:
        connection = await session.connection()
        await connection.run_sync(Base.metadata.create_all)
    neighbourhood = Neighbourhood(database)
    await neighbourhood.build()
    yield neighbourhood
    await database.close()


# ---- weeks


def test_a_week_begins_on_monday_midnight_of_its_own_zone():
    sunday_night = datetime(2026, 11, 22, 15, 59, 59, tzinfo=UTC)
    assert Week.of(sunday_night, ZONE).key == "2026-W47"
    assert Week.of(sunday_night + timedelta(seconds=1), ZONE).key == "2026-W48"


def test_the_year_of_a_week_is_the_iso_year():
    new_year = Week.of(datetime(2027, 1, 1, 12, tzinfo=ZONE), ZONE)
    assert new_year.key == "2026-W53"
    assert Week.parse("2026-W53", ZONE) == new_year
    assert Week.of(new_year.end, ZONE).key == "2027-W01"
    assert Week.of(new_year.end, ZONE).previous() == new_year


@pytest.mark.parametrize("key", ["2026-48", "2026-W54", "", "W48"])
def test_a_key_that_is_no_week_is_refused(key):
    with pytest.raises(ValueError, match=r"week|Invalid"):
        Week.parse(key, ZONE)


def test_the_next_issue_is_today_before_the_time_and_next_week_after_it():
    assert next_issue(NEXT_MONDAY - timedelta(minutes=1), 1, time(9), ZONE) == NEXT_MONDAY
    assert next_issue(NEXT_MONDAY, 1, time(9), ZONE) == NEXT_MONDAY + timedelta(days=7)
    assert next_issue(NEXT_MONDAY, 5, time(18), ZONE) == datetime(2026, 11, 27, 18, tzinfo=ZONE)


@pytest.mark.parametrize(
    ("day", "quiet", "expected"),
    [
        (23, True, "2026-W47"),  # Monday
        (24, True, "2026-W47"),
        (25, True, "2026-W48"),  # Wednesday: nothing in two days is news
        (23, False, "2026-W48"),
        (22, True, "2026-W47"),  # Sunday
    ],
)
def test_who_asks_when_the_week_has_hardly_begun_gets_the_one_before(day, quiet, expected):
    morning = datetime(2026, 11, day, 0, 0, 1, tzinfo=ZONE)
    assert week_to_tell(morning.astimezone(UTC), ZONE, quiet=quiet).key == expected


def test_the_rate_of_nothing_is_not_perfect():
    assert Share(0, 0).rate is None
    assert Share(1, 4).rate == 0.25


# ---- the numbers


async def test_what_was_opened_is_counted_by_kind_and_estate_in_its_own_week(town):
    await town.report(WEEK.start - timedelta(seconds=1))
    await town.report(WEEK.start)
    await town.report(TUESDAY, who="赵姨", estate="富邦小区", category="garbage")
    await town.report(WEEK.end - timedelta(seconds=1), estate="", building="", text="路灯")
    await town.report(WEEK.end)
    found = await town.counted()
    assert found.opened == 3
    assert found.by_category == {"street_light": 2, "garbage": 1}
    assert found.by_estate == {"园林小区": 1, "富邦小区": 1, "": 1}


async def test_a_corrected_kind_and_place_are_counted_as_corrected(town):
    case = await town.report(TUESDAY)
    async with town.at(TUESDAY + timedelta(hours=1)) as office:
        await office.cases.reclassify(town.who["老李"], case, "electric_hazard")
        await office.cases.relocate(town.who["老李"], case, town.directory.address_of(town.where["SQ-富邦小区"], "5"))
    found = await town.counted()
    assert found.by_category == {"electric_hazard": 1}
    assert found.by_estate == {"富邦小区": 1}


async def test_found_on_patrol_is_counted_as_found_before_anybody_complained(town):
    await town.report(TUESDAY, who="网格员", patrol=True)
    await town.report(TUESDAY)
    found = await town.counted()
    assert (found.opened, found.proactive) == (2, 1)


async def test_solved_in_time_is_on_time_and_satisfied(town):
    case = await town.report(MONDAY)
    await town.solved_by_grid(case, TUESDAY)
    await town.says(case, THURSDAY, "solved")
    found = await town.counted()
    assert (found.solved, found.closed, found.open) == (1, 1, 0)
    assert found.on_time == Share(1, 1)
    assert found.response == Share(1, 1)
    assert found.satisfaction == Share(1, 1)


async def test_solved_after_the_residents_deadline_is_closed_but_not_on_time(town):
    case = await town.report(MONDAY - timedelta(days=16))
    await town.solved_by_grid(case, TUESDAY)
    await town.says(case, THURSDAY, "solved")
    found = await town.counted()
    assert found.on_time == Share(0, 1)
    assert found.satisfaction == Share(1, 1)


async def test_what_is_open_past_its_deadline_stands_in_the_denominator(town):
    await town.report(MONDAY - timedelta(days=16))
    await town.report(MONDAY)
    solved = await town.report(MONDAY)
    await town.solved_by_grid(solved, TUESDAY)
    await town.says(solved, TUESDAY, "solved")
    found = await town.counted()
    assert (found.open, found.overdue) == (2, 1)
    assert found.on_time == Share(1, 2)


async def test_a_deadline_at_the_end_of_the_week_is_not_overdue_yet(town):
    await town.report(WEEK.end - timedelta(days=15))
    assert (await town.counted()).overdue == 0
    assert (await town.counted(Week.of(WEEK.end, ZONE), NEXT_MONDAY)).overdue == 1


async def test_a_step_past_its_time_is_counted_apart_from_the_residents_deadline_until_it_has_a_new_one(town):
    case = await town.report(MONDAY)
    async with town.at(MONDAY) as office:
        await office.handling.hand_to_community(town.who["网格员"], case)
        due = (await office.cases.look(town.who["社区书记"], case)).rung_due_at
    await town.time_passes(due - timedelta(hours=1), due - timedelta(hours=1))
    assert (await town.counted()).overdue_step == 0
    await town.time_passes(due, due)
    found = await town.counted()
    assert (found.overdue_step, found.overdue) == (1, 0)
    desk = await _desk(town, "社区书记", due + timedelta(hours=1))
    digest = await town.digest("社区书记", due + timedelta(hours=1))
    assert digest.measures.overdue_step == digest.overdue_here == len(desk) == 1
    # A question to the resident stops the clock and does not wind it up again.
    async with town.at(due + timedelta(hours=2)) as office:
        await office.handling.ask_resident(town.who["社区书记"], case, "哪个楼道")
    assert (await town.counted()).overdue_step == 0
    async with town.at(due + timedelta(hours=3)) as office:
        await office.cases.add(town.who["老李"], case, "3号楼2单元")
    assert (await town.counted()).overdue_step == 1
    async with town.at(due + timedelta(hours=4)) as office:
        await office.handling.convene(town.who["社区书记"], case, "物业、居民")
    assert (await town.counted()).overdue_step == 0


async def _desk(town, name: str, now: datetime) -> list[int]:
    """What the desk calls 超时."""
    async with town.at(now) as office:
        views = await office.handling.on_my_desk(town.who[name])
    return [view.id for view in views if view.rung_due_at < now]


async def test_a_department_past_its_day_is_late_until_it_names_a_new_one(town):
    case = await town.report(MONDAY)
    await town.with_water(case, MONDAY)
    await town.time_passes(SUNDAY, SUNDAY)
    assert (await town.counted()).overdue_step == 1
    async with town.at(SUNDAY + timedelta(hours=1)) as office:
        await office.handling.plan(town.who["水务"], case, "下周", NEXT_MONDAY + timedelta(days=7))
    assert (await town.counted()).overdue_step == 0


async def test_withdrawn_in_time_leaves_the_rate_and_withdrawn_late_stays_in_it(town):
    for opened in (MONDAY, MONDAY - timedelta(days=16)):
        case = await town.report(opened)
        async with town.at(TUESDAY) as office:
            await office.cases.withdraw(town.who["老李"], case)
    found = await town.counted()
    assert (found.withdrawn, found.withdrawn_late, found.closed) == (2, 1, 0)
    assert found.on_time == Share(0, 1)
    assert found.response == Share(0, 0)


async def test_silence_is_not_satisfaction(town):
    case = await town.report(MONDAY - timedelta(days=7))
    await town.solved_by_grid(case, MONDAY - timedelta(days=7))
    # Asked, asked again, and never an answer.
    await town.time_passes(MONDAY - timedelta(days=7), SUNDAY)
    found = await town.counted()
    assert (found.unanswered, found.solved, found.silent) == (1, 0, 1)
    assert found.response == Share(0, 1)
    assert found.satisfaction.rate is None
    assert found.first_rung_solved == Share(0, 0)


async def test_who_is_still_being_asked_is_not_yet_silent(town):
    case = await town.report(MONDAY)
    await town.solved_by_grid(case, SUNDAY)
    found = await town.counted()
    assert (found.silent, found.answered, found.open) == (0, 0, 1)


async def test_closed_and_reopened_in_one_week_is_open_and_the_last_word_counts(town):
    case = await town.report(MONDAY)
    await town.solved_by_grid(case, MONDAY)
    await town.says(case, TUESDAY, "solved")
    await town.says(case, THURSDAY, "not")
    found = await town.counted()
    assert (found.closed, found.open, found.reopened) == (0, 1, 1)
    assert found.satisfaction == Share(0, 1)
    assert found.said_not == 1


async def test_a_week_keeps_its_numbers_when_a_case_is_reopened_later(town):
    case = await town.report(MONDAY)
    await town.solved_by_grid(case, TUESDAY)
    await town.says(case, THURSDAY, "solved")
    before = await town.counted()
    await town.says(case, NEXT_MONDAY, "not")
    later = NEXT_MONDAY + timedelta(days=30)
    assert await town.counted(now=later) == before
    async with town.at(NEXT_MONDAY + timedelta(days=1)) as office:  # reopened one rung up
        await office.handling.report_result(town.who["物业经理"], case, "重新换了")
    await town.says(case, NEXT_MONDAY + timedelta(days=2), "solved")
    assert await town.counted(now=later) == before
    following = await town.counted(Week.of(NEXT_MONDAY, ZONE), later)
    assert (following.reopened, following.said_not, following.said_solved, following.solved) == (1, 0, 1, 1)


async def test_half_fixed_is_sent_back_and_the_final_word_of_the_week_counts(town):
    case = await town.report(MONDAY)
    await town.solved_by_grid(case, MONDAY)
    await town.says(case, TUESDAY, "partly")
    await town.solved_by_grid(case, THURSDAY)
    await town.says(case, SUNDAY, "solved")
    found = await town.counted()
    assert (found.reopened, found.said_partly, found.said_solved, found.solved) == (1, 0, 1, 1)


async def test_solved_where_it_began_is_told_from_solved_higher_up(town):
    by_grid, by_property = await town.report(MONDAY), await town.report(MONDAY)
    await town.solved_by_grid(by_grid, TUESDAY)
    await town.solved_by_property(by_property, TUESDAY)
    for case in (by_grid, by_property):
        await town.says(case, THURSDAY, "solved")
    assert (await town.counted()).first_rung_solved == Share(1, 2)


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [
        ({"when": TUESDAY - timedelta(days=30)}, 1),
        ({"when": TUESDAY - timedelta(days=30, microseconds=1)}, 0),
        ({"building": "5"}, 0),
        ({"category": "elevator"}, 0),
        ({"estate": "富邦小区"}, 0),
    ],
)
async def test_the_same_kind_at_the_same_place_within_thirty_days_is_a_repeat(town, earlier, expected):
    await town.report(**{"when": MONDAY - timedelta(days=7), **earlier})
    await town.report(TUESDAY)
    assert (await town.counted()).repeats == expected


@pytest.mark.parametrize(
    ("estate", "place", "expected"), [("园林小区", "东门", 1), ("园林小区", "西门", 0), ("", "", 0)]
)
async def test_without_a_building_the_spot_decides_and_no_place_is_nowhere(town, estate, place, expected):
    await town.report(MONDAY, estate=estate, building="", place="东门" if estate else "")
    await town.report(TUESDAY, estate=estate, building="", place=place)
    assert (await town.counted()).repeats == expected


async def test_whistles_are_counted_by_what_became_of_them(town):
    cases = [await town.report(MONDAY) for _ in range(4)]
    for case in cases:
        await town.with_water(case, MONDAY)
    waiting, planned, solved, refused = cases
    async with town.at(TUESDAY) as office:
        water = town.who["水务"]
        await office.handling.plan(water, planned, "下周清淤", TUESDAY + timedelta(days=10))
        await office.handling.report_result(water, solved, "已清理")
        await office.handling.refuse(water, refused, "归市政", "市政管理局")
    found = await town.counted()
    assert found.whistles == 4
    assert (found.whistles_planned, found.whistles_solved, found.whistles_refused) == (1, 1, 1)
    assert found.refused_by == {"市水务局": 1}
    assert (found.with_department, found.with_department_planned, found.with_department_overdue) == (1, 1, 0)
    await town.with_water(refused, THURSDAY, "市政管理局")
    found = await town.counted()
    assert (found.whistles, found.with_department) == (5, 2)
    # Five days later the first one is late; the planned one has its day.
    await town.time_passes(SUNDAY, SUNDAY)
    found = await town.counted()
    assert (found.with_department, found.with_department_overdue, found.with_department_planned) == (1, 1, 1)
    assert found.whistles_open == 3
    assert waiting


async def test_the_other_community_is_not_counted_and_all_together_are(town):
    await town.report(TUESDAY)
    async with town.at(TUESDAY) as office:
        address = town.directory.address_of(town.where["TD-富邦小区"], "3")
        await office.cases.open(NewReport(town.who["老李"], town.away, "garbage", "垃圾", address))
    assert (await town.counted()).opened == 1
    async with town.at(NEXT_MONDAY) as office:
        assert (await office.digests.measures(None, WEEK.start, WEEK.end)).opened == 2


@pytest.mark.parametrize(
    ("tampered", "named"),
    [
        ({"category": "garbage"}, "by_category: digest {'garbage': 1}, history {'street_light': 1}"),
        ({"estate_text": "富邦小区"}, "by_estate"),
        ({"opened_at": MONDAY - timedelta(days=7)}, "opened: digest 0, history 1"),
        ({"whole_due_at": TUESDAY}, "closed_in_time: digest 0, history 1"),
        ({"status": "unanswered"}, "unanswered: digest 1, history 0"),
        ({"closed_at": None}, "open: digest 1, history 0"),
        ({"solved_at_rung": "property"}, "first_rung: digest 0, history 1"),
    ],
)
async def test_a_case_row_that_its_history_does_not_bear_out_is_named(town, tampered, named):
    case = await town.report(MONDAY)
    await town.solved_by_grid(case, TUESDAY)
    await town.says(case, THURSDAY, "solved")
    assert await town.counted()
    async with town.at(NEXT_MONDAY) as office:
        await office.session.execute(update(Case).where(Case.id == case).values(**tampered))
        wrong = await compare(office.session, office.digests, town.rules, [town.home], [WEEK], NEXT_MONDAY)
    assert any(f"2026-W47, community {town.home}: {named}" in line for line in wrong), wrong


async def test_an_event_that_was_taken_out_of_the_history_is_named(town):
    case = await town.report(MONDAY)
    await town.solved_by_grid(case, TUESDAY)
    await town.says(case, THURSDAY, "solved")
    async with town.at(NEXT_MONDAY) as office:
        await office.session.execute(delete(CaseEvent).where(CaseEvent.action == "report_result"))
        wrong = await compare(office.session, office.digests, town.rules, [town.home], [WEEK], NEXT_MONDAY)
    assert wrong
    assert wrong[0].startswith(f"case {case}: event ")


# ---- what each audience gets


async def test_a_grid_worker_sees_their_own_grid_only(town):
    mine = await town.report(SUNDAY)
    await town.report(SUNDAY, who="赵姨", estate="富邦小区")
    handed = await town.report(SUNDAY)
    await town.reported_by_property(handed, SUNDAY)
    late = await town.report(MONDAY - timedelta(days=20))
    digest = await town.digest("网格员")
    assert digest.grids == ("园林小区网格",)
    assert digest.mine.total == 2
    assert {line.case_id for line in digest.mine.lines} == {mine, late}
    assert [line.case_id for line in digest.overdue.lines] == [late]
    assert [line.case_id for line in digest.due_soon.lines] == [mine]
    assert [line.case_id for line in digest.to_confirm.lines] == [handed]


async def test_the_branch_secretary_reads_who_was_silent(town):
    await town.report(MONDAY)
    asked = await town.report(SUNDAY)
    async with town.at(SUNDAY) as office:
        await office.handling.ask_building_head(town.who["网格员"], asked)
    await town.time_passes(TUESDAY, SUNDAY)
    digest = await town.digest("书记")
    assert digest.missed == 1
    assert {tally.name for tally in digest.silent} == {"网格员", "楼栋长", "SQ物业公司"}
    assert "网格员" not in {tally.name for tally in (await town.digest("网格员")).silent}
    async with town.at(NEXT_MONDAY) as office:
        await office.handling.comment(town.who["楼栋长"], asked, "看过了，是灯泡坏了")
    assert "楼栋长" not in {tally.name for tally in (await town.digest("书记")).silent}


async def test_the_property_reads_what_came_back(town):
    waiting, returned, climbed = [await town.report(MONDAY) for _ in range(3)]
    for case in (waiting, returned, climbed):
        async with town.at(MONDAY) as office:
            await office.handling.verify(town.who["网格员"], case)
    async with town.at(TUESDAY) as office:
        await office.handling.report_result(town.who["物业经理"], returned, "好了")
        await office.handling.cannot_solve(town.who["物业经理"], climbed, "管线不归我们")
        await office.handling.not_fixed(town.who["网格员"], returned, "还黑着")
    digest = await town.digest("物业经理")
    assert (digest.reported, digest.handed_up, digest.returned, digest.missed) == (1, 1, 1, 0)
    assert digest.mine.total == 2
    assert (digest.overdue.total, digest.overdue_step, digest.overdue_whole) == (2, 2, 0)
    assert digest.units == ("SQ物业公司",)


async def test_the_department_reads_its_whistles_with_the_grid_workers_name(town):
    waiting, planned, late = [await town.report(MONDAY) for _ in range(3)]
    await town.with_water(late, MONDAY)
    for case in (waiting, planned):
        await town.with_water(case, SUNDAY)
    async with town.at(SUNDAY) as office:
        await office.handling.plan(town.who["水务"], planned, "下周", NEXT_MONDAY + timedelta(days=7))
    digest = await town.digest("水务")
    assert [line.case_id for line in digest.waiting.lines] == [waiting]
    assert [line.case_id for line in digest.planned.lines] == [planned]
    assert [line.case_id for line in digest.overdue.lines] == [late]
    assert digest.waiting.lines[0].contact == "网格员"
    assert (digest.promised, digest.refused) == (1, 0)
    assert (await town.digest("市政")).waiting.total == 0


async def test_the_secretary_reads_what_needs_a_decision(town):
    refused, late, here = [await town.report(MONDAY) for _ in range(3)]
    await town.with_water(refused, MONDAY)
    await town.with_water(late, MONDAY)
    async with town.at(TUESDAY) as office:
        await office.handling.refuse(town.who["水务"], refused, "不归我们")
        await office.handling.hand_to_community(town.who["网格员"], here)
    digest = await town.digest("社区书记")
    assert isinstance(digest, CommunityDigest)
    assert digest.at_community.total == 2
    assert [line.case_id for line in digest.to_rule.lines] == [refused]
    assert [line.case_id for line in digest.late_departments.lines] == [late]
    assert digest.by_category[0].name == "路灯楼道灯"
    assert (digest.by_category[0].now, digest.by_category[0].before) == (3, 0)
    async with town.at(NEXT_MONDAY) as office:
        await office.session.execute(update(Case).where(Case.id == refused).values(refusals=3))
    assert [line.case_id for line in (await town.digest("社区书记")).flagged.lines] == [refused]


async def test_residents_read_what_was_solved_around_their_home_but_no_private_affairs(town):
    for category in ("street_light", "neighbor_dispute"):
        case = await town.report(MONDAY, who="小王", category=category)
        await town.solved_by_grid(case, TUESDAY)
        await town.says(case, THURSDAY, "solved", "小王")
    own = await town.report(SUNDAY)
    digest = await town.digest("老李")
    assert isinstance(digest, ResidentDigest)
    assert [(tally.name, tally.now) for tally in digest.solved] == [("路灯楼道灯", 1)]
    assert [line.case_id for line in digest.mine.lines] == [own]
    assert await town.digests("赵姨") == []


async def test_closed_without_an_answer_is_not_told_to_the_neighbours_as_solved(town):
    case = await town.report(MONDAY - timedelta(days=7), who="小王")
    await town.solved_by_grid(case, MONDAY - timedelta(days=7))
    await town.time_passes(MONDAY - timedelta(days=7), SUNDAY)
    assert await town.digests("老李") == []


async def test_whom_a_complaint_is_about_finds_no_trace_of_it_in_their_digest(town):
    """书记 is also head of the owners' committee (双向进入、交叉任职); 物业经理 works for the company."""
    await town.report(SUNDAY, category="property_service", text="投诉业委会账目不公示")
    about_property = await town.report(SUNDAY, category="property_service", text="物业乱收费")
    async with town.at(SUNDAY) as office:
        await office.handling.hand_to_community(town.who["网格员"], about_property)
    for name in ("书记", "物业经理"):
        digest = await town.digest(name)
        assert "property_service" not in json.dumps(as_data(digest))
        assert "物业服务" not in json.dumps(as_data(digest), ensure_ascii=False)
    branch = await town.digest("书记")
    assert (branch.mine.total, branch.overdue.total, branch.elsewhere) == (0, 0, 1)
    worker = await town.digest("网格员")
    assert worker.elsewhere == 2
    # The secretary who is head of the committee at the same time is told of the other complaint only.
    async with town.database.writing() as session:
        town.post(session, "社区书记", Role.COMMITTEE_HEAD, "园林小区")
    assert (await town.digest("社区书记")).at_community.total == 1


async def test_on_a_monday_without_news_the_week_before_is_told_and_on_one_with_news_the_running_one(town):
    case = await town.report(THURSDAY)
    tuesday = NEXT_MONDAY + timedelta(days=1)
    for name in ("社区书记", "网格员", "老李"):
        assert {one.week for one in await _asked(town, name, tuesday)} == {"2026-W47"}
    assert {one.week for one in await _asked(town, "社区书记", tuesday + timedelta(days=1))} == {"2026-W48"}
    await town.report(NEXT_MONDAY)
    assert {one.week for one in await _asked(town, "社区书记", tuesday)} == {"2026-W48"}
    assert await _asked(town, "赵姨", tuesday) == []
    assert case


async def _asked(town, name: str, now: datetime) -> list:
    async with town.at(now) as office:
        return await office.digests.asked_for(town.who[name])


async def test_the_secretary_finds_what_is_past_the_residents_deadline_whoever_has_it(town):
    late = await town.report(MONDAY - timedelta(days=16))
    await town.report(SUNDAY)
    digest = await town.digest("社区书记")
    assert [line.case_id for line in digest.overdue.lines] == [late]
    assert f"全程超时，不管现在谁在办（{digest.measures.overdue}件）" in digest_text.render(digest)[1]


# ---- sending


async def _sent(office: Office) -> list[tuple[int, str, str]]:
    return [(n.to, n.data["audience"], n.data["week"]) for n in office.notices if n.kind is NoticeKind.DIGEST]


async def test_everybody_gets_each_digest_once_however_often_it_is_sent(town):
    await town.report(SUNDAY)
    async with town.database.writing() as session:
        town.post(session, "网格员", Role.GRID_WORKER, "富邦小区-grid")
        town.post(session, "网格员", Role.PROPERTY_STAFF, "SQ物业公司")
    async with town.at(NEXT_MONDAY) as office:
        first = await office.digests.send_week(WEEK)
        told = await _sent(office)
        assert first == len(told) == len(set(told))
        mine = sorted(audience for person, audience, _ in told if person == town.who["网格员"])
        assert mine == ["grid", "property"]
        assert (town.who["老李"], "resident", "2026-W47") in told
        assert town.who["赵姨"] not in {person for person, _, _ in told}
        assert await office.digests.send_week(WEEK) == 0
    async with town.at(NEXT_MONDAY) as office:
        assert await office.digests.send_week(WEEK) == 0
        assert await office.digests.send_week(WEEK.previous()) > 0


async def test_another_process_that_was_first_is_not_sent_after(town):
    async with town.database.writing() as session:
        session.add(
            DigestIssue(
                community_id=town.home,
                person_id=town.who["网格员"],
                audience="grid",
                week=WEEK.key,
                sent_at=NEXT_MONDAY,
            )
        )
    async with town.at(NEXT_MONDAY) as office:
        await office.digests.send_week(WEEK)
        assert town.who["网格员"] not in {person for person, _, _ in await _sent(office)}


async def test_a_resident_who_turned_it_off_gets_none_but_may_ask_for_it(town):
    await town.report(SUNDAY)
    async with town.at(SUNDAY) as office:
        await office.session.execute(update(Person).where(Person.id == town.who["老李"]).values(digest="off"))
    async with town.at(NEXT_MONDAY) as office:
        await office.digests.send_week(WEEK)
        assert town.who["老李"] not in {person for person, _, _ in await _sent(office)}
        assert (await office.digests.resident(town.who["老李"], WEEK)).mine.total == 1


async def test_what_is_sent_survives_json_and_is_the_digest_again(town):
    await town.report(SUNDAY)
    for name in ("老李", "网格员", "物业经理", "社区书记", "水务"):
        for digest in await town.digests(name):
            assert from_data(json.loads(json.dumps(as_data(digest)))) == digest


async def test_the_weekly_row_sends_the_week_before_and_sets_itself_to_the_next(town):
    await town.report(SUNDAY)
    async with town.at(SUNDAY) as office:
        await office.digests.ensure_armed(1, time(9))
        await office.digests.ensure_armed(1, time(9))
    async with town.at(NEXT_MONDAY - timedelta(minutes=1)) as office:
        await town.tick(office)
        assert not await _sent(office)
    async with town.at(NEXT_MONDAY) as office:
        rows = (await office.session.execute(select(FollowUp).where(FollowUp.kind == "digest"))).scalars().all()
        assert [row.due_at for row in rows] == [NEXT_MONDAY, NEXT_MONDAY]
        await town.tick(office)
        told = await _sent(office)
        assert {week for _, _, week in told} == {"2026-W47"}
        assert (town.who["社区书记"], "community", "2026-W47") in told
        assert [row.due_at for row in rows] == [NEXT_MONDAY + timedelta(days=7)] * 2
        assert all(row.done_at is None for row in rows)
        await town.tick(office)
        assert await _sent(office) == told


async def test_a_machine_that_slept_three_weeks_sends_the_last_week_only_and_once(town):
    async with town.at(SUNDAY) as office:
        await office.digests.ensure_armed(1, time(9))
    awake = NEXT_MONDAY + timedelta(days=16)  # a Wednesday
    async with town.at(awake) as office:
        await office.digests.ensure_armed(1, time(9))
        await town.tick(office)
        await town.tick(office)
        assert {week for _, _, week in await _sent(office)} == {"2026-W49"}
        weeks = (await office.session.execute(select(DigestIssue.week).distinct())).scalars().all()
        assert weeks == ["2026-W49"]
        due = (await office.session.execute(select(FollowUp.due_at).where(FollowUp.kind == "digest"))).scalars()
        assert set(due) == {NEXT_MONDAY + timedelta(days=21)}


async def test_a_new_day_in_the_settings_moves_the_row_but_not_one_that_is_due(town):
    async with town.at(SUNDAY) as office:
        await office.digests.ensure_armed(1, time(9))
        await office.digests.ensure_armed(5, time(18, 30))
        rows = (await office.session.execute(select(FollowUp).where(FollowUp.kind == "digest"))).scalars().all()
        friday = datetime(2026, 11, 27, 18, 30, tzinfo=ZONE)
        assert [row.due_at for row in rows] == [friday, friday]
    async with town.at(friday + timedelta(hours=1)) as office:
        await office.digests.ensure_armed(1, time(9))
        await town.tick(office)
        assert {week for _, _, week in await _sent(office)} == {"2026-W47"}
        due = (await office.session.execute(select(FollowUp.due_at).where(FollowUp.kind == "digest"))).scalars()
        assert set(due) == {NEXT_MONDAY + timedelta(days=7)}


async def test_asking_for_a_digest_of_a_post_that_one_does_not_hold_is_refused(town):
    async with town.at(NEXT_MONDAY) as office:
        with pytest.raises(LookupError):
            await office.digests.make(Audience.COMMUNITY, town.who["老李"], WEEK)


async def test_one_count_serves_everybody_in_the_office(town):
    async with town.at(NEXT_MONDAY) as office:
        digests = Digests(
            office.session, NEXT_MONDAY, town.rules, town.directory, People(office.session, NEXT_MONDAY), print
        )
        first = await digests.measures(town.home, WEEK.start, WEEK.end)
        assert await digests.measures(town.home, WEEK.start, WEEK.end) is first
        assert (await office.session.execute(select(func.count()).select_from(Whistle))).scalar_one() == 0


# ---- in words


def _line(number: int, overdue: bool = True) -> CaseLine:
    return CaseLine(
        number,
        f"SQ261116-{number:02d}",
        "违建占道、占用公共空间",
        "呼和浩特市第一建筑工程公司家属院12号楼3单元602，电话13812345678",
        "呼和浩特市公安局赛罕区分局人民路派出所",
        "with_department",
        number,
        NEXT_MONDAY,
        overdue,
        "乌云其其格",
    )


MANY = Listing(4321, tuple(_line(number) for number in range(12)))
FEW = Listing(1, (_line(7, overdue=False),))
NAMES = tuple(Tally("呼和浩特市公安局赛罕区分局人民路派出所", 1234, 5678) for _ in range(34))
FULL = Measures(
    **{each.name: 98765 for each in fields(Measures) if each.type is int or each.type == "int"},
    refused_by={"呼和浩特市水务局": 12},
)
LONGEST = [
    ResidentDigest("2026-W53", "第一建筑工程公司家属院", NAMES, MANY),
    GridDigest("2026-W53", ("第一网格",) * 4, MANY, MANY, MANY, MANY, 9999, 9999, NAMES),
    PropertyDigest("2026-W53", ("仕奇安居物业服务有限公司",) * 3, MANY, MANY, MANY, 999, 999, 999, 999),
    DepartmentDigest("2026-W53", ("呼和浩特市公安局赛罕区分局人民路派出所",), MANY, MANY, MANY, 9, 9, 9, 9),
    CommunityDigest("2026-W53", "通道北街社区", FULL, FULL, NAMES, NAMES, MANY, MANY, MANY, MANY, 999, MANY),
]


@pytest.mark.parametrize("digest", LONGEST, ids=lambda digest: digest.audience)
def test_the_longest_digest_fits_one_screen_and_its_details_one_message(digest):
    short, detail = digest_text.render(digest)
    assert len(short.splitlines()) <= 14
    assert len(short) <= 350
    assert 0 < len(detail) <= 3000
    assert "13812345678" not in short + detail
    asked, _ = digest_text.render(digest, running="2027-W01")
    assert len(asked.splitlines()) <= 14
    assert len(asked) <= 350
    assert asked.endswith("/digest 本周")


@pytest.mark.parametrize(
    "digest",
    [kind("2026-W47") for kind in (ResidentDigest, GridDigest, PropertyDigest, DepartmentDigest, CommunityDigest)],
    ids=lambda digest: digest.audience,
)
def test_a_week_without_anything_is_said_in_a_sentence(digest):
    short, detail = digest_text.render(digest)
    assert "没有" in short
    assert "11月16日—22日" in short
    assert detail == ""


def test_the_secretary_reads_silence_and_overdue_beside_the_good_numbers():
    measures = Measures(
        opened=12,
        open=9,
        overdue=3,
        overdue_step=2,
        solved=8,
        unanswered=4,
        closed_in_time=12,
        said_solved=8,
        said_not=1,
        silent=4,
    )
    short, detail = digest_text.render(CommunityDigest("2026-W47", "仕奇社区", measures, Measures(opened=8)))
    assert "新增12件（前一周8件）" in short
    assert "到周日没办完9件：这一步超时2件，全程超时3件" in short
    assert "按期办结 12/15（分母里有3件全程超时还没办完）" in short
    assert "居民答复 9/13（4件问了两次没答，不算满意）" in short
    assert "答复的居民说解决了 8/9" in short
    assert "%" not in short
    assert "居民没答复4件" in detail


@pytest.mark.parametrize(
    ("measures", "said"),
    [
        (Measures(), "按期办结：还没有可算的（没有办结的，也没有全程超时的）"),
        (Measures(open=5), "按期办结：还没有可算的（没有办结的，也没有全程超时的）"),
        (Measures(open=5, overdue=2), "按期办结 0/2（分母里有2件全程超时还没办完）"),
        (Measures(withdrawn=3, withdrawn_late=1), "按期办结 0/1（分母里有1件超时后居民撤了）"),
        (Measures(solved=2, closed_in_time=2), "按期办结 2/2"),
    ],
)
def test_the_rate_on_time_is_always_said_and_says_what_it_counts(measures, said):
    short, _ = digest_text.render(CommunityDigest("2026-W47", "仕奇社区", measures, Measures()))
    assert said in short.splitlines()


def test_a_week_that_still_runs_is_not_told_as_if_it_were_over():
    running = CommunityDigest("2026-W47", "仕奇社区", Measures(open=1), Measures(), over=False)
    short, _ = digest_text.render(running, running="2026-W47")
    assert short.startswith("仕奇社区周报（本周到现在，11月16日—22日）")
    assert "周日" not in short
    assert "/digest" not in short


@pytest.mark.parametrize("kind", [ResidentDigest, GridDigest, PropertyDigest, DepartmentDigest, CommunityDigest])
def test_the_week_before_is_named_with_the_way_to_the_running_one(kind):
    lines = digest_text.render(kind("2026-W47"), running="2026-W48")[0].splitlines()
    assert "（上周，11月16日—22日）" in lines[0]
    assert lines[-1] == "本周从11月23日起，刚开始，还没有新情况。要看本周，发：/digest 本周"


def test_a_case_past_a_deadline_says_past_which():
    def by(step: bool, whole: bool) -> str:
        line = replace(_line(7, overdue=whole), overdue_step=step)
        return digest_text.render(PropertyDigest("2026-W47", ("物业",), mine=Listing(1, (line,))))[1]

    assert "第8天，这一步已超时" in by(True, False)
    assert "第8天，全程已超时" in by(False, True)
    assert "第8天，这一步和全程已超时" in by(True, True)
    assert "第8天，11月23日9:00前" in by(False, False)


def test_the_desk_is_named_only_for_what_lies_on_it():
    _, detail = digest_text.render(CommunityDigest("2026-W47", "仕奇社区", FULL, FULL, at_community=MANY))
    assert "……还有4317件，发 /desk 看" in detail
    _, detail = digest_text.render(CommunityDigest("2026-W47", "仕奇社区", FULL, FULL, late_departments=MANY))
    assert "……还有4317件没列出来" in detail


def test_kinds_with_a_comma_of_their_own_can_be_told_apart():
    kinds = (Tally("流浪犬猫、养宠", 2), Tally("路灯楼道灯", 1))
    short, _ = digest_text.render(ResidentDigest("2026-W47", "园林小区", kinds))
    assert "园林小区解决了3件：流浪犬猫、养宠2件，路灯楼道灯1件" in short


def test_counts_by_kind_and_estate_are_not_crowded_out_by_long_lists():
    assert "按小区（括号里是前一周）" in digest_text.render(LONGEST[-1])[1]


def test_a_resident_reads_who_has_it_and_by_when():
    digest = ResidentDigest("2026-W47", "园林小区", (Tally("路灯楼道灯", 2),), FEW)
    short, detail = digest_text.render(digest)
    assert "园林小区解决了2件：路灯楼道灯2件" in short
    assert "第8天" in short
    assert "派出所" in detail
    assert "最晚11月23日办完" in detail


@pytest.mark.parametrize(
    ("status", "step", "whole", "said"),
    [
        ("with_property", False, False, "物业处理中，第8天"),
        ("with_property", True, False, "物业处理中，第8天，超时了，在催"),
        ("with_property", False, True, "物业处理中，第8天，比说好的晚了"),  # nobody is chased for it
        ("to_judge", False, False, "说办好了，等您说解决没有，第8天"),
        ("waiting_for_resident", False, False, "等您补充情况，第8天"),
    ],
)
def test_a_resident_is_told_where_the_ball_is_and_chasing_only_where_somebody_is_chased(status, step, whole, said):
    line = replace(_line(7, overdue=whole), status=status, overdue_step=step)
    short, _ = digest_text.render(ResidentDigest("2026-W47", "园林小区", (), Listing(1, (line,))))
    assert short.splitlines()[-1].endswith(said)
