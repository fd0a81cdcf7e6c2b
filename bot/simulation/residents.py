"""What residents do of themselves and when they are asked, by the use cases: report, join, add, urge, judge."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.simulation import words
from bot.simulation.agenda import DAY_BEGINS, DAY_ENDS, Act
from workflows.case_file import CaseView
from workflows.cases import NewReport
from workflows.directory import BuildingCard, EstateCard
from workflows.models import Case, Person, Post
from workflows.notices import Notice, NoticeKind
from workflows.office import Office
from workflows.policy.lifecycle import CLOSED, Action
from workflows.policy.permissions import Role
from workflows.policy.places import Address

if TYPE_CHECKING:
    from bot.simulation.season import Season


class Residents:
    """Everybody who lives there."""

    def __init__(self, season: "Season") -> None:
        self._season = season
        self._agenda = season.agenda
        self._random = season.random
        self.people: list[tuple[int, Address]] = []
        self.patrols: list[tuple[int, int]] = []  # (grid worker, grid)
        self._buildings: dict[int, Sequence[BuildingCard]] = {}

    def hear(self, now: datetime, notice: Notice, row: Case) -> None:
        """One notice to one of them, about a case that is open."""
        reaction = _REACTIONS.get(notice.kind)
        if reaction is not None:
            reaction(self, now, notice, row)

    def hear_of_the_end(self, now: datetime, notice: Notice, row: Case) -> None:
        """It was closed."""
        if row.status in CLOSED and notice.capacity == "reporter":
            self._when_closed(now, notice, row)

    async def settle(self, session: AsyncSession) -> None:
        """Give everybody a home, by the size of the houses."""
        estates = [e for c in self._season.directory.communities for e in self._season.directory.estates_of(c.id)]
        self._buildings = {estate.id: self._season.directory.buildings_of(estate.id) for estate in estates}
        weights = [1 + sum(card.units for card in self._buildings[estate.id]) for estate in estates]
        homes = [self.home(estate) for estate in self._random.choices(estates, weights, k=self._season.residents)]
        persons = [
            Person(
                community_id=home.community_id,
                name=f"居民{number + 1}",
                home_estate_id=home.estate_id,
                home_building=home.building,
                home_unit=home.unit,
                home_room=home.room,
                created_at=self._season.start,
            )
            for number, home in enumerate(homes)
        ]
        session.add_all(persons)
        await session.flush()
        self.people = [(person.id, home) for person, home in zip(persons, homes, strict=True)]
        posts = await session.execute(
            select(Post.person_id, Post.grid_id).where(Post.role == Role.GRID_WORKER, Post.until.is_(None))
        )
        self.patrols = [(person, grid) for person, grid in posts if grid is not None]

    def home(self, estate: EstateCard) -> Address:
        """A door of this estate."""
        buildings = self._buildings[estate.id]
        if not buildings:
            return self._season.directory.address_of(estate.id)
        building = self._random.choice(buildings)
        floor, door = self._random.randint(1, 6), self._random.randint(1, 2)
        unit = str(self._random.randint(1, max(1, building.units)))
        return self._season.directory.address_of(estate.id, building.number, unit, f"{floor}0{door}")

    def plan_reports(self) -> None:
        """When something will be reported, over the whole season."""
        for _ in range(round(self._season.residents * words.REPORTS_PER_RESIDENT)):
            day = self._season.start + timedelta(days=self._random.randrange(self._season.days))
            at = day + timedelta(minutes=self._random.randrange(DAY_BEGINS * 60, DAY_ENDS * 60))
            if self.patrols and self._random.random() < 0.06:
                self._agenda.mean(at, self._patrol)
            else:
                self._agenda.mean(at, self._report)

    def _judge(self, now: datetime, notice: Notice, row: Case) -> None:
        again = notice.kind is NoticeKind.VERDICT_AGAIN
        verdicts, weights = ("solved", "partly", "not", ""), (6, 1, 1, 12) if again else (55, 8, 8, 29)
        verdict = self._random.choices(verdicts, weights)[0]
        me, case_id = notice.to, row.id
        if verdict:
            self._agenda.mean(
                self._agenda.later(now, 20), lambda office: office.cases.judge(me, case_id, verdict, "看了一下"), row
            )

    def _supply(self, now: datetime, notice: Notice, row: Case) -> None:
        me, case_id = notice.to, row.id
        if self._random.random() < 0.7:
            self._agenda.mean(
                self._agenda.later(now, 12), lambda office: office.cases.add(me, case_id, "就在单元门口右边"), row
            )

    def _when_closed(self, now: datetime, notice: Notice, row: Case) -> None:
        me, case_id = notice.to, row.id
        if self._random.random() < 0.04:
            at = self._agenda.later(now, 100)
            self._agenda.mean(at, lambda office: office.cases.reopen(me, case_id, "又坏了，没修好"), row)

    # ---- what residents do of themselves

    async def _report(self, office: Office) -> None:
        person, home = self._random.choice(self.people)
        category = self._category(office.now)
        where = self.where(home, category)
        text = self._random.choice(words.TEXTS[category][1])
        meant = category
        if self._random.random() < 0.06:  # misunderstood, and put right with one tap
            category = self._random.choice(list(words.TEXTS))
        community = home.community_id or where.community_id or 0
        report = NewReport(person, community, category, text, where, confidence=round(self._random.random(), 2))
        like = await office.cases.like(report)
        if like and self._random.random() < 0.6:
            await self._has_company(office, person, like[0].view, like[0].mine)
            return
        view = await office.cases.open(report)
        self._season.tally.acts["open"] += 1
        self._second_thoughts(office.now, person, view, home, meant)

    async def _has_company(self, office: Office, person: int, view: CaseView, mine: bool) -> None:
        if mine:
            await office.cases.urge(person, view.id, "还没人来")
            self._season.tally.acts["urge"] += 1
        else:
            await office.cases.join(person, view.id, "我家也是")
            self._season.tally.acts["join"] += 1

    def _second_thoughts(self, now: datetime, me: int, view: CaseView, home: Address, meant: str) -> None:
        case_id = view.id
        if meant != view.category:
            self._also(now, 0.2, Action.RECLASSIFY, view, lambda office: office.cases.reclassify(me, case_id, meant))
        chance = self._random.random()
        if chance < 0.04:
            self._also(now, 6, Action.WITHDRAW, view, lambda office: office.cases.withdraw(me, case_id, "算了"))
        elif chance < 0.08 and home.estate_id is not None:
            there = self.home(self._season.directory.estate(home.estate_id))
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
            self._season.tally.acts[action] += 1

        self._agenda.mean(self._agenda.later(now, hours), counted)

    async def _patrol(self, office: Office) -> None:
        """未诉先办: the grid worker finds it before anybody complains."""
        person, grid_id = self._random.choice(self.patrols)
        grid = self._season.directory.grid(grid_id)
        here = [e for e in self._season.directory.estates_of(grid.community_id) if e.grid_id == grid_id]
        if not here:
            return
        category = self._random.choice(words.PATROL)
        where = self._season.directory.address_of(self._random.choice(here).id)
        text = self._random.choice(words.TEXTS[category][1])
        await office.cases.open(NewReport(person, grid.community_id, category, text, where, proactive=True))
        self._season.tally.acts["patrol"] += 1

    def _category(self, now: datetime) -> str:
        month = now.astimezone(self._season.settings.zone).month
        weights = []
        for category, (weight, _) in words.TEXTS.items():
            months, factor = words.SEASONS.get(category, (frozenset(), 1.0))
            weights.append(weight * (factor if month in months else 1.0))
        return self._random.choices(list(words.TEXTS), weights)[0]

    def where(self, home: Address, category: str) -> Address:
        """Where somebody who lives there sees such a thing."""
        chance = self._random.random()
        landmarks = self._season.directory.landmarks_of(home.community_id) if home.community_id is not None else ()
        if landmarks and (category in ("pest_control", "traffic") or chance < 0.08):
            spot = self._random.choice(landmarks)
            return self._season.directory.settle(Address(landmark_id=spot.id, place=spot.name))
        if chance < 0.25 and home.estate_id is not None:
            spot_words = self._random.choice(("东门口", "西门口", "小广场", ""))
            return self._season.directory.settle(
                Address(estate_id=home.estate_id, estate=home.estate, place=spot_words)
            )
        return home


_REACTIONS: Mapping[NoticeKind, Callable[[Residents, datetime, Notice, Case], None]] = {
    NoticeKind.SUPPLY: Residents._supply,
    NoticeKind.VERDICT: Residents._judge,
    NoticeKind.VERDICT_AGAIN: Residents._judge,
}
