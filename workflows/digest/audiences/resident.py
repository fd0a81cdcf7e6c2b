"""The resident's digest: what was solved around my home, and how my own cases stand."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import or_, select

from workflows.digest.lines import NO_CASES, Listing, Tally, listing, tallies
from workflows.digest.readers import Readers
from workflows.digest.sources import Sources, within
from workflows.models import Case, Person, Reporter
from workflows.policy.audiences import Audience
from workflows.policy.lifecycle import Status
from workflows.policy.weeks import Week

# A neighbour's private affairs and complaints are nobody else's news, solved or not.
PRIVATE = frozenset(
    {
        "neighbor_dispute",
        "social_aid",
        "health_service",
        "employment",
        "training",
        "land",
        "public_security",
        "property_service",
        "other_request",
    }
)
_AT_ONCE = 400  # persons in one SELECT


@dataclass(frozen=True)
class ResidentDigest:
    """What was solved around my home, and how my own cases stand."""

    audience = Audience.RESIDENT
    week: str
    estate: str = ""
    solved: tuple[Tally, ...] = ()  # by kind: places would point at neighbours
    mine: Listing = NO_CASES
    over: bool = True  # the week had ended when this was composed
    nearby: tuple[Tally, ...] = ()  # solved in the same grid, outside the estate: the street, the river, next door
    weeks: int = 1  # how many weeks up to this one are told, for whoever wants it more rarely

    @property
    def empty(self) -> bool:
        """Nothing to tell."""
        return not self.solved and not self.nearby and not self.mine.total

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not self.solved and not self.nearby


async def resident_digests(sources: Sources, persons: Sequence[Person], week: Week) -> dict[int, ResidentDigest]:
    """The digests of these residents, by person."""
    weeks = await Readers(sources.session).weeks_told(persons, week)
    homes = {person.home_estate_id for person in persons if person.home_estate_id is not None}
    solved = await Solved.around(sources, homes, week, max(weeks.values(), default=1))
    mine = await _waiting_for(sources, [person.id for person in persons])
    out = {}
    for person in persons:
        here, nearby = solved.for_person(person, weeks[person.id])
        out[person.id] = ResidentDigest(
            week=week.key,
            estate=sources.directory.estate(person.home_estate_id).name if person.home_estate_id else "",
            solved=here,
            mine=listing(sources, mine.get(person.id, []), by_whole=True),
            over=sources.over(week),
            nearby=nearby,
            weeks=weeks[person.id],
        )
    return out


Near = tuple[tuple[Tally, ...], tuple[Tally, ...]]  # in the estate, and around it


class Solved:
    """Matters of the neighbourhood that were solved around some homes: told by kind, and not to those they are about."""

    def __init__(self, sources: Sources, week: Week, found: Sequence[tuple[Case, frozenset[int]]]) -> None:
        self._sources = sources
        self._week = week
        self._by_grid: dict[int | None, list[tuple[Case, frozenset[int]]]] = defaultdict(list)
        self._by_estate: dict[int | None, list[tuple[Case, frozenset[int]]]] = defaultdict(list)
        for row, hidden in found:
            self._by_grid[row.grid_id].append((row, hidden))
            self._by_estate[row.estate_id].append((row, hidden))
        self._concerned = frozenset().union(*(hidden for _, hidden in found))
        self._told: dict[tuple[int, int], Near] = {}  # what neighbours read is the same for all of them

    @classmethod
    async def around(cls, sources: Sources, homes: Collection[int], week: Week, weeks: int) -> "Solved":
        """In so many weeks up to this one, in the estates of these homes and in their grids."""
        grids = {sources.directory.estate(home).grid_id for home in homes}
        rows = await sources.session.execute(
            select(Case).where(
                or_(Case.estate_id.in_(homes), Case.grid_id.in_(grids)),
                Case.status == Status.SOLVED,
                Case.category.not_in(PRIVATE),
                within(Case.closed_at, week.back(weeks - 1).start, week.end),
            )
        )
        return cls(sources, week, [(row, await sources.hidden_from(row)) for row in rows.scalars()])

    def for_person(self, person: Person, weeks: int) -> Near:
        """What is told to this person; nothing to whoever has no home here."""
        home = person.home_estate_id
        if home is None:
            return (), ()
        if person.id in self._concerned:
            return self._near(home, weeks, person.id)
        if (home, weeks) not in self._told:
            self._told[home, weeks] = self._near(home, weeks, None)
        return self._told[home, weeks]

    def _near(self, home: int, weeks: int, reader: int | None) -> Near:
        since = self._week.back(weeks - 1).start
        grid = self._sources.directory.estate(home).grid_id
        kinds: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
        for row, hidden in [*self._by_estate[home], *(one for one in self._by_grid[grid] if one[0].estate_id != home)]:
            if row.closed_at is not None and row.closed_at >= since and reader not in hidden:
                kinds[row.estate_id == home][row.category] += 1
        names = self._sources.rules.categories
        return tallies(kinds[True], {}, names), tallies(kinds[False], {}, names)


async def _waiting_for(sources: Sources, persons: Sequence[int]) -> dict[int, list[Case]]:
    """The open cases of each of these persons."""
    found: dict[int, list[Case]] = defaultdict(list)
    for start in range(0, len(persons), _AT_ONCE):
        rows = await sources.session.execute(
            select(Reporter.person_id, Case)
            .join(Case, Case.id == Reporter.case_id)
            .where(
                Reporter.person_id.in_(persons[start : start + _AT_ONCE]),
                Reporter.left_at.is_(None),
                Case.closed_at.is_(None),
            )
        )
        for person_id, row in rows:
            found[person_id].append(row)
    return found
