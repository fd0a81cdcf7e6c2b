"""The grid's digest: a grid worker's or branch secretary's week."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import exists, select
from sqlalchemy.orm import aliased

from workflows.digest.audiences.staff import StaffDigest, lateness
from workflows.digest.lines import NO_CASES, Listing, Tally, at_rung, due_soon, late, listing, tallies
from workflows.digest.sources import Sources
from workflows.models import Case, CaseEvent
from workflows.policy.audiences import Audience
from workflows.policy.lifecycle import Action, Rung, Status
from workflows.policy.permissions import Relation, Role
from workflows.policy.weeks import Week


@dataclass(frozen=True)
class GridDigest(StaffDigest):
    """A grid worker's or branch secretary's week."""

    audience = Audience.GRID
    grids: tuple[str, ...] = ()
    mine: Listing = NO_CASES  # at the grid's rung
    due_soon: Listing = NO_CASES  # of mine
    overdue: Listing = NO_CASES  # in my grid, whoever has them
    to_confirm: Listing = NO_CASES
    elsewhere: int = 0  # open in my grid, with others
    missed: int = 0  # climbed last week because nobody of the grid had answered
    silent: tuple[Tally, ...] = ()  # who let a deadline pass, by name

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not self.missed


async def grid_digest(sources: Sources, person_id: int, week: Week) -> GridDigest:
    """The grids in which this person is grid worker or branch secretary."""
    posts = await sources.posts(person_id, Audience.GRID)
    grids = {post.grid_id: post.community_id for post in posts if post.grid_id is not None}
    here = Case.grid_id.in_(list(grids))
    cases = await sources.open_cases(person_id, Case.community_id.in_(set(grids.values())), here)
    mine = [row for row in cases if at_rung(row, Rung.GRID_BRANCH)]
    to_confirm = [row for row in cases if row.status == Status.TO_CONFIRM]
    overdue = [row for row in cases if late(row, sources.now)]
    climbed = await sources.happened(person_id, week, grids.values(), CaseEvent.action == Action.ESCALATE, here)
    return GridDigest(
        week=week.key,
        grids=tuple(sources.directory.grid(grid).name for grid in grids),
        mine=listing(sources, mine),
        due_soon=listing(sources, due_soon(mine, sources.now)),
        overdue=listing(sources, overdue),
        to_confirm=listing(sources, to_confirm),
        elsewhere=len(cases) - len(mine) - len(to_confirm),  # what is to be confirmed is at no rung
        missed=sum(1 for event, _ in climbed if event.from_status == Status.WITH_GRID),
        silent=await _silent(sources, person_id, climbed, cases),
        **lateness(sources, overdue, week),
    )


async def _silent(
    sources: Sources, person_id: int, climbed: Iterable[tuple[CaseEvent, Case]], cases: Sequence[Case]
) -> tuple[Tally, ...]:
    """Who let a deadline pass last week, and which building heads were asked and have not said a word."""
    names: Counter[str] = Counter()
    for event, its_case in climbed:
        if event.from_status == Status.WITH_GRID:
            workers = await sources.people.holders(Role.GRID_WORKER, grid_id=its_case.grid_id)
            persons = await sources.people.people_of(w.person_id for w in workers if w.person_id != person_id)
            names.update(person.name for person in persons.values())
        elif event.data.get("silent_unit"):
            names[str(event.data["silent_unit"])] += 1
    names.update(await _silent_heads(sources, cases))
    return tallies(names, {}, {})


async def _silent_heads(sources: Sources, cases: Sequence[Case]) -> list[str]:
    """The building heads who were asked about these cases and have not answered, once for each case."""
    asked, answer = aliased(CaseEvent), aliased(CaseEvent)
    answered = exists().where(
        answer.case_id == asked.case_id, answer.id > asked.id, answer.capacity == Relation.BUILDING_HEAD
    )
    rows = await sources.session.execute(
        select(asked.case_id)
        .where(asked.case_id.in_([row.id for row in cases]), asked.action == Action.ASK_BUILDING_HEAD, ~answered)
        .distinct()
    )
    waiting = set(rows.scalars())
    names: list[str] = []
    for row in cases:
        if row.id in waiting and row.building_id is not None:
            heads = await sources.people.holders(
                Role.BUILDING_HEAD, Role.LIAISON, building_id=row.building_id, entrance=row.unit_text or None
            )
            names += [p.name for p in (await sources.people.people_of(h.person_id for h in heads)).values()]
    return names
