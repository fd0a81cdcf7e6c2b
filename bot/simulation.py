"""A made-up season on a simulated clock: residents report, staff answer or stay silent, the digest is held to account."""

import heapq
import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import rules
from bot.settings import Settings
from workflows.case_file import CaseNotFound, CaseView, Rules
from workflows.cases import NewReport
from workflows.database import Database
from workflows.digest import CommunityDigest, Measures, Week, from_data
from workflows.directory import BuildingCard, Directory, EstateCard
from workflows.directory_file import import_file
from workflows.handling import Missing
from workflows.models import Case, Person, Post
from workflows.notices import Notice, NoticeKind
from workflows.office import Office
from workflows.policy.lifecycle import CLOSED, OPEN, Action, NotPossible, Rung, Status
from workflows.policy.permissions import NotAllowed, Role
from workflows.policy.places import Address
from workflows.recount import BrokenHistory, compare, count, differences, read

REPORTS_PER_RESIDENT = 0.35
FIRST_DAY = (2026, 9, 7)  # a Monday: the season has the October holidays, their make-up days and the first cold
DAY_BEGINS, DAY_ENDS = 8, 21
TICKS_A_DAY = 24
_ROWS = 500

# How often each kind is reported, in an ordinary month, and in which words.
TEXTS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "pest_control": (5, ("楼下蚊子太多了开不了窗", "厨房里蟑螂老多了，能不能统一消杀", "绿化带里有老鼠窜")),
    "garbage": (10, ("垃圾桶满了好几天没人清", "楼道口堆着建筑垃圾", "单元门口全是剩饭剩菜味")),
    "pollution": (3, ("楼下饭店的油烟直往家里灌", "工地扬尘大得不敢开窗", "下水沟臭得不行")),
    "greening": (5, ("树枝都伸到三楼窗户上了", "草坪踩秃了没人补种", "树倒了挡着路")),
    "stray_animals": (4, ("院里好几条野狗追着孩子跑", "遛狗不拴绳也不捡", "半夜流浪猫叫个不停")),
    "road_damage": (4, ("面包砖都被大车压碎了", "小区门口有个大坑", "路面塌了一块，老人容易绊倒")),
    "manhole": (3, ("井盖松了车一压哐当响", "井盖不见了，拿树枝插着", "井盖塌下去一截")),
    "street_light": (6, ("楼道灯坏了一个星期了", "小区的路灯一到晚上就不亮", "单元门口的灯一闪一闪的")),
    "public_facility": (3, ("健身器材断了一截", "门禁坏了谁都能进", "长椅少了两块板")),
    "construction": (4, ("改造工程挖开的沟没人填", "施工队把料堆在单元门口", "外墙保温修了一半就停了")),
    "heating": (2, ("暖气一点不热", "进屋不敢脱棉袄", "都供暖好几天了家里才十五度")),
    "water_supply": (3, ("从早上就没水", "水压太小洗不了澡", "自来水是黄的")),
    "power_supply": (2, ("我们单元又停电了", "家里电压不稳老跳闸", "半栋楼没电")),
    "gas": (1, ("燃气表没电了打不着火", "想问天然气什么时候通", "燃气管道改造什么时候轮到我们")),
    "leak_repair": (5, ("楼上漏水把我家顶棚泡了", "下雨天房顶就漏", "卫生间管子滴水")),
    "sewage": (5, ("下水道堵了往外返水", "一楼厕所反味儿", "院里污水井满了")),
    "elevator": (3, ("电梯停了两天了", "电梯一上一下直晃", "电梯门关不严")),
    "flying_wire": (4, ("有人从六楼往下拉线充电动车", "电动车推到楼道里充电", "飞线充电太吓人了")),
    "electric_hazard": (3, ("电线耷拉下来了够得着", "电表箱门敞着没人管", "网线缠成一团垂到地上")),
    "fire_safety": (4, ("消防通道让车堵死了", "楼道里堆满纸箱子", "消防栓箱是空的")),
    "falling_objects": (2, ("楼上有人往下扔烟头", "外墙皮往下掉", "窗台上的花盆摇摇欲坠")),
    "public_security": (2, ("电动车电瓶又被偷了", "半夜有陌生人挨家敲门", "楼里租房的人来来往往太杂")),
    "noise": (4, ("楼上装修中午也不停", "广场舞音响太大声", "半夜有人唱歌")),
    "parking": (5, ("共享单车把路口堵死了", "车位让外来车占了", "私装地锁没人管")),
    "illegal_building": (3, ("一楼把绿地圈起来了", "楼顶盖了个小房子", "烧烤摊占着人行道")),
    "neighbor_dispute": (2, ("对门老把鞋柜放楼道吵了好几次", "楼上孩子天天跑跳说了不听", "邻居的空调水滴我家窗台")),
    "property_service": (4, ("物业收费不给开票", "保安形同虚设谁都能进", "投诉业委会账目从来不公示")),
    "employment": (2, ("想找个附近能干的活", "能不能帮忙介绍个保洁的工作", "公益性岗位怎么报名")),
    "training": (1, ("有没有免费的电工培训", "想学月嫂去哪报名", "社区什么时候办技能培训")),
    "land": (1, ("土地流转的钱还没发", "我家地界和邻居说不清", "合作社包地的合同想看看")),
    "health_service": (1, ("老人想上门体检", "量血压的地方几点开", "骑手体检怎么预约")),
    "social_aid": (2, ("低保要交哪些材料", "高龄补贴没到账", "残疾证年审去哪办")),
    "traffic": (2, ("学校门口放学堵得动不了", "路口红绿灯坏了", "公交站牌被撞歪了")),
    "other_request": (1, ("想给社区提个意见", "便民服务点周末开不开门", "能不能多放几个快递柜")),
}
# In these months a kind is reported so many times as often.
SEASONS: Mapping[str, tuple[frozenset[int], float]] = {
    "heating": (frozenset({10, 11, 12, 1, 2, 3}), 9.0),
    "pest_control": (frozenset({5, 6, 7, 8, 9}), 4.0),
    "greening": (frozenset({4, 5, 6, 7, 8, 9, 10}), 2.0),
    "pollution": (frozenset({5, 6, 7, 8, 9}), 2.0),
    "noise": (frozenset({5, 6, 7, 8, 9}), 2.0),
    "construction": (frozenset({4, 5, 6, 7, 8, 9, 10}), 2.0),
    "falling_objects": (frozenset({11, 12, 1, 2, 3}), 2.5),
    "leak_repair": (frozenset({6, 7, 8, 9}), 2.0),
}
_PATROL = ("manhole", "electric_hazard", "fire_safety", "flying_wire", "garbage", "road_damage", "parking")
_KNOWN_REFUSALS = (NotPossible, NotAllowed, Missing, CaseNotFound)

Act = Callable[[Office], Awaitable[object]]


@dataclass(order=True)
class Intention:
    """What somebody means to do at a time, if the case still stands as they saw it."""

    at: datetime
    order: int
    act: Act = field(compare=False)
    case_id: int | None = field(compare=False, default=None)
    seen: Status | None = field(compare=False, default=None)
    desk: int | None = field(compare=False, default=None)  # the latest plan of whoever holds it; None: a resident's


@dataclass
class Tally:
    """What the season has shown so far."""

    without_holder: int = 0
    without_clock: int = 0
    ticks: int = 0
    follow_ups_done: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    not_possible: int = 0  # meant, but no longer allowed when its time came
    weeks: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


async def simulate(
    settings: Settings, days: int, residents: int, seed: int, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Play a season on a throw-away database and say what the digest measured and whether the promises held."""
    with tempfile.TemporaryDirectory(prefix="xiaoshao-season-") as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'season.db'}")
        try:
            season = Season(settings, database, days, residents, seed)
            return await season.play(progress)
        finally:
            await database.close()


class Season:
    """One season. `listen` hears every notice, for whoever wants to look at what people are told."""

    def __init__(self, settings: Settings, database: Database, days: int, residents: int, seed: int) -> None:
        self.settings = settings
        self.database = database
        self.rules: Rules = rules(settings)
        self.directory = Directory()
        self.days = days
        self.residents = residents
        self.seed = seed
        self.start = datetime(*FIRST_DAY, tzinfo=settings.zone)
        self.tally = Tally()
        self.listen: Callable[[Notice], None] | None = None
        self._random = Random(seed)  # noqa: S311 - a made-up season, and the same one for the same seed
        self._agenda: list[Intention] = []
        self._order = 0
        self._desks: dict[int, int] = {}
        self._people: list[tuple[int, Address]] = []
        self._patrols: list[tuple[int, int]] = []  # (grid worker, grid)
        self._buildings: dict[int, Sequence[BuildingCard]] = {}

    async def play(self, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
        """Every day, and the reckoning at the end."""
        await self._prepare()
        for day in range(self.days):
            midnight = self.start + timedelta(days=day)
            # One transaction a day: what is measured here is the rules, not the disk.
            async with self.database.writing() as session:
                for hour in range(TICKS_A_DAY):
                    await self._hour(session, midnight + timedelta(hours=hour))
            if progress is not None:
                progress(day + 1)
        return await self._reckoning()

    # ---- before it begins

    async def _prepare(self) -> None:
        await self.database.migrate()
        digest = self.settings.digest
        async with self.database.writing() as session:
            await import_file(session, self.settings.demo.directory, self.start)
            self.directory = await Directory.load(session)
            await self._settle_residents(session)
            posts = await session.execute(
                select(Post.person_id, Post.grid_id).where(Post.role == Role.GRID_WORKER, Post.until.is_(None))
            )
            self._patrols = [(person, grid) for person, grid in posts if grid is not None]
            office = self._office(session, self.start)
            await office.digests.ensure_armed(digest.iso_weekday, digest.at)
        self._plan_reports()

    async def _settle_residents(self, session: AsyncSession) -> None:
        estates = [e for c in self.directory.communities for e in self.directory.estates_of(c.id)]
        self._buildings = {estate.id: self.directory.buildings_of(estate.id) for estate in estates}
        weights = [1 + sum(card.units for card in self._buildings[estate.id]) for estate in estates]
        homes = [self._home(estate) for estate in self._random.choices(estates, weights, k=self.residents)]
        persons = [
            Person(
                community_id=home.community_id,
                name=f"居民{number + 1}",
                home_estate_id=home.estate_id,
                home_building=home.building,
                home_unit=home.unit,
                home_room=home.room,
                created_at=self.start,
            )
            for number, home in enumerate(homes)
        ]
        session.add_all(persons)
        await session.flush()
        self._people = [(person.id, home) for person, home in zip(persons, homes, strict=True)]

    def _home(self, estate: EstateCard) -> Address:
        buildings = self._buildings[estate.id]
        if not buildings:
            return self.directory.address_of(estate.id)
        building = self._random.choice(buildings)
        floor, door = self._random.randint(1, 6), self._random.randint(1, 2)
        unit = str(self._random.randint(1, max(1, building.units)))
        return self.directory.address_of(estate.id, building.number, unit, f"{floor}0{door}")

    def _plan_reports(self) -> None:
        for _ in range(round(self.residents * REPORTS_PER_RESIDENT)):
            day = self.start + timedelta(days=self._random.randrange(self.days))
            at = day + timedelta(minutes=self._random.randrange(DAY_BEGINS * 60, DAY_ENDS * 60))
            if self._patrols and self._random.random() < 0.06:
                self._mean(at, self._patrol)
            else:
                self._mean(at, self._report)

    # ---- an hour

    async def _hour(self, session: AsyncSession, moment: datetime) -> None:
        await self._tick(session, moment)
        while self._agenda and self._agenda[0].at < moment + timedelta(hours=1):
            await self._try(session, heapq.heappop(self._agenda))

    async def _tick(self, session: AsyncSession, moment: datetime) -> None:
        office = self._office(session, moment)
        follow_ups = office.follow_ups({"digest": office.digests.due})
        while due := await follow_ups.due(_ROWS):
            for row in due:
                await follow_ups.run(row)
            await session.flush()
            self.tally.follow_ups_done += len(due)
        _, unheld, unclocked = await follow_ups.unclocked()
        self.tally.without_holder = max(self.tally.without_holder, unheld)
        self.tally.without_clock = max(self.tally.without_clock, unclocked)
        self.tally.ticks += 1
        await self._hear(office)

    async def _try(self, session: AsyncSession, meant: Intention) -> None:
        if meant.case_id is not None:
            if meant.desk is not None and self._desks.get(meant.case_id) != meant.desk:
                return  # somebody has planned anew since
            row = await session.get_one(Case, meant.case_id)
            if meant.seen is not None and row.status != meant.seen:
                return  # it has moved on
        office = self._office(session, meant.at)
        try:
            async with session.begin_nested():  # as every turn of the real product
                await meant.act(office)
        except _KNOWN_REFUSALS:
            self.tally.not_possible += 1
            return
        await self._hear(office)

    def _office(self, session: AsyncSession, moment: datetime) -> Office:
        return Office(session, moment, self.rules, self.directory)

    # ---- what people hear, and what they then mean to do

    async def _hear(self, office: Office) -> None:
        heard: set[tuple[int | None, NoticeKind]] = set()
        issued: list[Notice] = []
        for notice in list(office.notices):
            self.tally.messages[notice.kind] += 1
            if self.listen is not None:
                self.listen(notice)
            if notice.kind is NoticeKind.DIGEST:
                issued.append(notice)
                continue
            if notice.case_id is None:
                continue
            row = await office.session.get_one(Case, notice.case_id)
            if notice.kind in _DESKS and _RUNG_OF_ROLE.get(notice.capacity) != row.rung:
                continue  # told, but it is not theirs to do
            # Of several colleagues who get the same card, the first one acts.
            if notice.kind in _STAFF and (notice.case_id, notice.kind) in heard:
                continue
            heard.add((notice.case_id, notice.kind))
            self._react(office.now, notice, row)
        await self._check_issued(office, issued)

    def _react(self, now: datetime, notice: Notice, row: Case) -> None:
        reaction = _REACTIONS.get(notice.kind)
        if reaction is not None and row.status in OPEN:
            reaction(self, now, notice, row)
        elif notice.kind is NoticeKind.CLOSED and row.status in CLOSED and notice.capacity == "reporter":
            self._when_closed(now, notice, row)

    def _at_desk(self, now: datetime, notice: Notice, row: Case) -> None:
        """Whoever has it on their desk decides; some stay silent, and then the clock acts."""
        silent = {Rung.GRID_BRANCH: 0.08, Rung.PROPERTY: 0.12, Rung.COMMUNITY: 0.12, Rung.DEPARTMENT: 0.18}
        rung = Rung(row.rung)
        if row.status == Status.TO_CONFIRM or self._random.random() < silent[rung]:
            return
        choose = {
            Rung.GRID_BRANCH: self._grid_acts,
            Rung.PROPERTY: self._property_acts,
            Rung.COMMUNITY: self._community_acts,
            Rung.DEPARTMENT: self._department_acts,
        }[rung]
        hours = {Rung.GRID_BRANCH: 5, Rung.PROPERTY: 30, Rung.COMMUNITY: 40, Rung.DEPARTMENT: 60}[rung]
        act = choose(notice.to, row)
        self._mean(self._later(now, hours), act, row, desk=True)

    def _grid_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        stays = self.rules.ladder.route(row.category, f"{row.text} {row.place_text}", row.estate_text).works_at
        if chance < 0.05 and not row.verified:
            return lambda office: office.handling.not_true(me, case_id, "现场看了，没有这个情况")
        if chance < 0.10:
            return lambda office: office.handling.ask_resident(me, case_id, "具体在哪个位置？有照片吗？")
        if chance < 0.14 and row.building_id is not None:
            return self._then(lambda office: office.handling.ask_building_head(me, case_id), me, case_id)
        if chance < 0.30 or stays is Rung.GRID_BRANCH:
            return lambda office: office.handling.report_result(me, case_id, "现场处理好了")
        if chance < 0.35:
            return self._then(lambda office: office.handling.take_on(me, case_id), me, case_id)
        return lambda office: office.handling.verify(me, case_id)

    def _property_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        if chance < 0.18:
            return lambda office: office.handling.cannot_solve(me, case_id, "不在物业维修范围，解决不了")
        if chance < 0.40:
            return self._then(lambda office: office.handling.accept(me, case_id, "行，下午派人去看"), me, case_id)
        if chance < 0.43:
            return lambda office: office.handling.ask_resident(me, case_id, "家里什么时候有人？")
        return lambda office: office.handling.report_result(me, case_id, "维修好了")

    def _community_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        if chance < 0.25:
            return self._then(lambda office: office.handling.convene(me, case_id, "物业、居民、施工方"), me, case_id)
        if chance < 0.50:
            return lambda office: office.handling.report_result(me, case_id, "社区协调解决了")
        if chance < 0.55 and row.about_unit_id is None:
            return lambda office: office.handling.hand_to_property(me, case_id, "请物业先处理")
        return self._whistle(me, row)

    def _whistle(self, me: int, row: Case) -> Act:
        case_id = row.id
        others = [unit.id for unit in self.directory.departments_for(row.community_id, row.category)]
        if row.refusals:  # a ruling: another one than the one that has refused
            others = [unit for unit in others if unit != row.department_unit_id]
        department = self._random.choice(others) if others and row.refusals else row.department_unit_id
        if department is None:
            return lambda office: office.handling.report_result(me, case_id, "社区协调解决了")
        chosen: int = department
        return lambda office: office.handling.blow_whistle(
            me, case_id, chosen, "超出社区自治权限", "现场已查看，无照片"
        )

    def _department_acts(self, me: int, row: Case) -> Act:
        case_id, chance = row.id, self._random.random()
        if chance < 0.16:
            return lambda office: office.handling.refuse(me, case_id, "不属于我单位职责", "建议由其他部门负责")
        if chance < 0.30:
            days = self._random.randint(3, 14)
            return self._then(
                lambda office: office.handling.plan(me, case_id, "已列入计划", office.now + timedelta(days=days)),
                me,
                case_id,
                hours=24.0 * days,
            )
        return lambda office: office.handling.report_result(me, case_id, "已派人处理完毕")

    def _then(self, first: Act, me: int, case_id: int, hours: float = 24) -> Act:
        """Do something that leaves it on the desk, and mean to finish it later (or forget)."""

        async def act(office: Office) -> None:
            await first(office)
            row = await office.session.get_one(Case, case_id)
            if self._random.random() < 0.85:
                self._mean(self._later(office.now, hours), self._finish(me, row), row, desk=True)

        return act

    def _finish(self, me: int, row: Case) -> Act:
        case_id = row.id
        if row.rung == Rung.COMMUNITY:
            return lambda office: office.handling.agree(me, case_id, "几方商量好了，调整方案，本周完工")
        return lambda office: office.handling.report_result(me, case_id, "处理好了")

    def _look(self, now: datetime, notice: Notice, row: Case) -> None:
        """The witness goes there."""
        me, case_id, chance = notice.to, row.id, self._random.random()
        if chance < 0.08:
            return

        async def act(office: Office) -> None:
            if chance < 0.16:
                await office.handling.not_fixed(me, case_id, "现场看还没弄好")
            else:
                await office.handling.confirm(me, case_id, "现场看过，弄好了")

        self._mean(self._later(now, 10), act, row)

    def _oversee(self, now: datetime, notice: Notice, row: Case) -> None:
        if self._random.random() < 0.6:
            self._at_desk(now, notice, row)

    def _judge(self, now: datetime, notice: Notice, row: Case) -> None:
        again = notice.kind is NoticeKind.VERDICT_AGAIN
        words, weights = ("solved", "partly", "not", ""), (6, 1, 1, 12) if again else (55, 8, 8, 29)
        verdict = self._random.choices(words, weights)[0]
        me, case_id = notice.to, row.id
        if verdict:
            self._mean(self._later(now, 20), lambda office: office.cases.judge(me, case_id, verdict, "看了一下"), row)

    def _supply(self, now: datetime, notice: Notice, row: Case) -> None:
        me, case_id = notice.to, row.id
        if self._random.random() < 0.7:
            self._mean(self._later(now, 12), lambda office: office.cases.add(me, case_id, "就在单元门口右边"), row)

    def _help(self, now: datetime, notice: Notice, row: Case) -> None:
        me, case_id = notice.to, row.id
        if self._random.random() < 0.7:
            self._mean(
                self._later(now, 8), lambda office: office.handling.comment(me, case_id, "去看过了，确实有"), row
            )

    def _when_closed(self, now: datetime, notice: Notice, row: Case) -> None:
        me, case_id = notice.to, row.id
        if self._random.random() < 0.04:
            at = self._later(now, 100)
            self._mean(at, lambda office: office.cases.reopen(me, case_id, "又坏了，没修好"), row)

    # ---- what residents do of themselves

    async def _report(self, office: Office) -> None:
        person, home = self._random.choice(self._people)
        category = self._category(office.now)
        where = self._where(home, category)
        text = self._random.choice(TEXTS[category][1])
        meant = category
        if self._random.random() < 0.06:  # misunderstood, and put right with one tap
            category = self._random.choice(list(TEXTS))
        community = home.community_id or where.community_id or 0
        report = NewReport(person, community, category, text, where, confidence=round(self._random.random(), 2))
        like = await office.cases.like(report)
        if like and self._random.random() < 0.6:
            await self._has_company(office, person, like[0].view, like[0].mine)
            return
        view = await office.cases.open(report)
        self.tally.acts["open"] += 1
        self._second_thoughts(office.now, person, view, home, meant)

    async def _has_company(self, office: Office, person: int, view: CaseView, mine: bool) -> None:
        if mine:
            await office.cases.urge(person, view.id, "还没人来")
            self.tally.acts["urge"] += 1
        else:
            await office.cases.join(person, view.id, "我家也是")
            self.tally.acts["join"] += 1

    def _second_thoughts(self, now: datetime, me: int, view: CaseView, home: Address, meant: str) -> None:
        case_id = view.id
        if meant != view.category:
            self._also(now, 0.2, Action.RECLASSIFY, view, lambda office: office.cases.reclassify(me, case_id, meant))
        chance = self._random.random()
        if chance < 0.04:
            self._also(now, 6, Action.WITHDRAW, view, lambda office: office.cases.withdraw(me, case_id, "算了"))
        elif chance < 0.08 and home.estate_id is not None:
            there = self._home(self.directory.estate(home.estate_id))
            self._also(now, 1, Action.RELOCATE, view, lambda office: office.cases.relocate(me, case_id, there))
        elif chance < 0.18:
            self._also(now, 60, Action.URGE, view, lambda office: office.cases.urge(me, case_id, "怎么还没动静"))
        elif chance < 0.24:
            self._also(now, 8, Action.ADD, view, lambda office: office.cases.add(me, case_id, "早晚最厉害"))
        elif chance < 0.26:
            self._also(
                now, 40, Action.JUDGE_SOLVED, view, lambda office: office.cases.judge(me, case_id, "solved", "自己好了")
            )

    def _also(self, now: datetime, hours: float, action: Action, view: CaseView, act: Act) -> None:
        async def counted(office: Office) -> None:
            await act(office)
            self.tally.acts[action] += 1

        self._mean(self._later(now, hours), counted)

    async def _patrol(self, office: Office) -> None:
        """未诉先办: the grid worker finds it before anybody complains."""
        person, grid_id = self._random.choice(self._patrols)
        grid = self.directory.grid(grid_id)
        here = [e for e in self.directory.estates_of(grid.community_id) if e.grid_id == grid_id]
        if not here:
            return
        category = self._random.choice(_PATROL)
        where = self.directory.address_of(self._random.choice(here).id)
        text = self._random.choice(TEXTS[category][1])
        await office.cases.open(NewReport(person, grid.community_id, category, text, where, proactive=True))
        self.tally.acts["patrol"] += 1

    def _category(self, now: datetime) -> str:
        month = now.astimezone(self.settings.zone).month
        weights = []
        for category, (weight, _) in TEXTS.items():
            months, factor = SEASONS.get(category, (frozenset(), 1.0))
            weights.append(weight * (factor if month in months else 1.0))
        return self._random.choices(list(TEXTS), weights)[0]

    def _where(self, home: Address, category: str) -> Address:
        chance = self._random.random()
        landmarks = self.directory.landmarks_of(home.community_id) if home.community_id is not None else ()
        if landmarks and (category in ("pest_control", "traffic") or chance < 0.08):
            spot = self._random.choice(landmarks)
            return self.directory.settle(Address(landmark_id=spot.id, place=spot.name))
        if chance < 0.25 and home.estate_id is not None:
            spot_words = self._random.choice(("东门口", "西门口", "小广场", ""))
            return self.directory.settle(Address(estate_id=home.estate_id, estate=home.estate, place=spot_words))
        return home

    # ---- the agenda

    def _mean(self, at: datetime, act: Act, row: Case | None = None, *, desk: bool = False) -> None:
        self._order += 1
        if row is None:
            meant = Intention(at, self._order, act)
        else:
            meant = Intention(at, self._order, act, row.id, Status(row.status), self._order if desk else None)
            if desk:
                self._desks[row.id] = self._order
        heapq.heappush(self._agenda, meant)

    def _later(self, now: datetime, mean_hours: float) -> datetime:
        """Some time on, but not at night."""
        at = now + timedelta(minutes=1 + round(self._random.expovariate(1 / (60 * mean_hours))))
        local = at.astimezone(self.settings.zone)
        if DAY_BEGINS <= local.hour < DAY_ENDS:
            return at
        day = local.date() + timedelta(days=1 if local.hour >= DAY_ENDS else 0)
        morning = datetime.combine(day, time(DAY_BEGINS), self.settings.zone)
        return morning + timedelta(minutes=self._random.randrange(180))

    # ---- the digest held to account

    async def _check_issued(self, office: Office, issued: Sequence[Notice]) -> None:
        """What the secretaries were just sent, and the same week counted anew from the history."""
        if not issued:
            return
        by_name = {card.name: card.id for card in self.directory.communities}
        sent = [digest for notice in issued if isinstance(digest := from_data(notice.data), CommunityDigest)]
        try:
            stories = await read(office.session, by_name.values(), self.rules)
        except BrokenHistory as broken:
            self.tally.wrong.append(str(broken))
            return
        for digest in sent:
            theirs = [story for story in stories if story.community_id == by_name[digest.community]]
            week = Week.parse(digest.week, self.settings.zone)
            for measured, of in ((digest.measures, week), (digest.before, week.previous())):
                again = count(theirs, of.start, of.end, office.now)
                self.tally.wrong += [f"{of.key}, {digest.community}: {line}" for line in differences(measured, again)]
            self.tally.weeks.add(week.key)

    async def _reckoning(self) -> dict[str, Any]:
        end = self.start + timedelta(days=self.days)
        communities = [card.id for card in self.directory.communities]
        weeks = []
        week = Week.of(self.start, self.settings.zone)
        while week.start < end:
            weeks.append(week)
            week = Week.of(week.end, self.settings.zone)
        async with self.database.reading() as session:
            office = self._office(session, end)
            whole = await office.digests.measures(None, self.start, end)
            self.tally.wrong += await compare(session, office.digests, self.rules, communities, weeks, end)
            if not self.tally.wrong:
                stories = await read(session, communities, self.rules)
                self.tally.wrong += differences(whole, count(stories, self.start, end, end))
            _, unheld, unclocked = await office.follow_ups().unclocked()
            self.tally.without_holder = max(self.tally.without_holder, unheld)
            self.tally.without_clock = max(self.tally.without_clock, unclocked)
            rows = await session.execute(select(Case.status, func.count()).group_by(Case.status))
            statuses = {status: number for status, number in rows}
        return self._result(statuses, whole, len(weeks))

    def _result(self, statuses: Mapping[str, int], whole: Measures, weeks: int) -> dict[str, Any]:
        shares = {
            "on_time": whole.on_time,
            "response_rate": whole.response,
            "satisfaction": whole.satisfaction,
            "first_rung_solved": whole.first_rung_solved,
        }
        return {
            "days": self.days,
            "residents": self.residents,
            "seed": self.seed,
            "cases": sum(statuses.values()),
            "open": sum(number for status, number in statuses.items() if status in OPEN),
            "closed": {status: number for status, number in sorted(statuses.items()) if status in CLOSED},
            "without_holder": self.tally.without_holder,
            "without_clock": self.tally.without_clock,
            "ticks": self.tally.ticks,
            "follow_ups_done": self.tally.follow_ups_done,
            "messages": {str(kind): number for kind, number in sorted(self.tally.messages.items())},
            "acts": {str(act): number for act, number in sorted(self.tally.acts.items())},
            "not_possible": self.tally.not_possible,
            **{name: round(share.rate, 4) if share.rate is not None else None for name, share in shares.items()},
            "shares": {name: [share.part, share.whole] for name, share in shares.items()},
            "refusals": whole.whistles_refused,
            **{name: value for name, value in asdict(whole).items() if name not in ("opened", "open")},
            "weeks": weeks,
            "weeks_issued": len(self.tally.weeks),
            "digest_equals_recount": not self.tally.wrong,
            "differences": self.tally.wrong[:20],
        }


_REACTIONS: Mapping[NoticeKind, Callable[[Season, datetime, Notice, Case], None]] = {
    NoticeKind.CARD: Season._at_desk,
    NoticeKind.RULING: Season._at_desk,
    NoticeKind.OVERDUE: Season._oversee,
    NoticeKind.OVERSEE: Season._oversee,
    NoticeKind.CONFIRM: Season._look,
    NoticeKind.HELP: Season._help,
    NoticeKind.SUPPLY: Season._supply,
    NoticeKind.VERDICT: Season._judge,
    NoticeKind.VERDICT_AGAIN: Season._judge,
}
# Who acts at which rung: a reminder also reaches those who only oversee.
_RUNG_OF_ROLE: Mapping[str, Rung] = {
    Role.GRID_WORKER: Rung.GRID_BRANCH,
    Role.BRANCH_SECRETARY: Rung.GRID_BRANCH,
    Role.PROPERTY_STAFF: Rung.PROPERTY,
    Role.COMMUNITY_SECRETARY: Rung.COMMUNITY,
    Role.COMMUNITY_STAFF: Rung.COMMUNITY,
    Role.DEPARTMENT_LIAISON: Rung.DEPARTMENT,
}
_DESKS = frozenset({NoticeKind.CARD, NoticeKind.RULING, NoticeKind.OVERDUE, NoticeKind.OVERSEE})
_STAFF = frozenset(
    {NoticeKind.CARD, NoticeKind.RULING, NoticeKind.OVERDUE, NoticeKind.OVERSEE, NoticeKind.CONFIRM, NoticeKind.HELP}
)
