"""The resident's digest: what was solved around my home, and how my own cases stand."""

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from workflows.digest.lines import NO_CASES, Listing, Tally, listing, tallies
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

    @property
    def empty(self) -> bool:
        """Nothing to tell."""
        return not self.solved and not self.mine.total

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not self.solved


async def resident_digests(sources: Sources, persons: Sequence[Person], week: Week) -> dict[int, ResidentDigest]:
    """The digests of these residents, by person."""
    homes = {person.home_estate_id for person in persons if person.home_estate_id is not None}
    solved = await _solved_at(sources, homes, week)
    mine = await _waiting_for(sources, [person.id for person in persons])
    out = {}
    for person in persons:
        near = [row for row, hidden in solved.get(person.home_estate_id or 0, ()) if person.id not in hidden]
        out[person.id] = ResidentDigest(
            week=week.key,
            estate=sources.directory.estate(person.home_estate_id).name if person.home_estate_id else "",
            solved=tallies(Counter(row.category for row in near), {}, sources.rules.categories),
            mine=listing(sources, mine.get(person.id, []), by_whole=True),
            over=sources.over(week),
        )
    return out


async def _solved_at(
    sources: Sources, estates: Collection[int], week: Week
) -> dict[int, list[tuple[Case, frozenset[int]]]]:
    """Matters of the neighbourhood solved there in the week, each with those from whom it is kept."""
    rows = await sources.session.execute(
        select(Case).where(
            Case.estate_id.in_(estates),
            Case.status == Status.SOLVED,
            Case.category.not_in(PRIVATE),
            within(Case.closed_at, week.start, week.end),
        )
    )
    found: dict[int, list[tuple[Case, frozenset[int]]]] = defaultdict(list)
    for row in rows.scalars():
        found[row.estate_id or 0].append((row, await sources.hidden_from(row)))
    return found


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
