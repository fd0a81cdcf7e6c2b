"""Closing: a unit or place that is no more. Nothing is deleted, and what is open passes to a successor."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Update, func, select, update
from sqlalchemy.orm import InstrumentedAttribute

from workflows.console import audit, roster
from workflows.console.audit import Deed
from workflows.console.directory.drafts import EntryRefused, Kind, Thing, lost_by_the_routes, thing
from workflows.console.directory.taking_over import take_over
from workflows.console.viewer import Viewer
from workflows.directory import Directory
from workflows.directory_file.version import change
from workflows.directory_file.vocabulary import TABLE
from workflows.models import (
    Base,
    Building,
    Case,
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
from workflows.office import Office
from workflows.policy.permissions import Role

CLOSABLE_UNITS = ("property", "department")
_WORKS_THERE = {"property": Role.PROPERTY_STAFF, "department": Role.DEPARTMENT_LIAISON}


@dataclass(frozen=True)
class Closing:
    """What closing it would mean."""

    name: str
    open_cases: int
    plans: int  # rounds of upkeep that it has promised
    places: int  # places that lie in it, or that it serves
    posts: Sequence[roster.PostLine]  # they end with it
    successors: Sequence[tuple[int, str]]

    @property
    def needs_successor(self) -> bool:
        """Whether something would be nobody's."""
        return bool(self.open_cases or self.plans or self.places)


async def closing(office: Office, viewer: Viewer, kind: Kind, entry_id: int) -> Closing:
    """What there is to know before.

    Raises:
        ForTheSecretary: only they do this.
        NoSuchEntry: not in this community.
        EntryRefused: such a one is not closed.
    """
    viewer.needs_secretary()
    one = await thing(office, viewer, kind, entry_id)
    if isinstance(one, Unit) and one.kind not in CLOSABLE_UNITS:
        raise EntryRefused({"": "社区党委和网格党支部不能在这里停用：网格停用时，它的党支部一起停用。"})
    lines = {line.id: line for line in await roster.posts(office, viewer)}
    ending = await office.session.scalars(select(Post.id).where(Post.until.is_(None), _posts_of(one)).order_by(Post.id))
    return Closing(
        name=_name(office, one),
        open_cases=await _count(office, Case, Case.closed_at.is_(None), _cases_of(one)),
        plans=await _count(office, UpkeepPlan, UpkeepPlan.state == "running", UpkeepPlan.unit_id == one.id)
        if isinstance(one, Unit)
        else 0,
        places=await _places(office, one),
        posts=[lines[post] for post in ending if post in lines],
        successors=await _successors(office, viewer, one),
    )


async def close(office: Office, viewer: Viewer, kind: Kind, entry_id: int, successor_id: int | None) -> Closing:
    """It is no more, from the commit on; what was open there is the successor's, with its clocks as they are.

    Raises:
        ForTheSecretary, NoSuchEntry: as `closing`.
        EntryRefused: no successor where one is needed, one that will not do, or rows of config.yml name it.
    """
    viewer.needs_secretary()
    await change(office.session)
    found = await closing(office, viewer, kind, entry_id)
    one = await thing(office, viewer, kind, entry_id)
    if successor_id is not None and successor_id not in {number for number, _ in found.successors}:
        raise EntryRefused({"successor": "请从名单里选一个接手的。"})
    if successor_id is None and found.needs_successor:
        raise EntryRefused({"successor": f"“{found.name}”还有没办完的事或者地点，请选一个接手的。"})
    successor = await thing(office, viewer, kind, successor_id) if successor_id is not None else None
    if isinstance(one, Unit) and isinstance(successor, Unit) and found.open_cases:
        await _somebody_there(office, successor)
    # The posts first: whoever is left is told of what they take over.
    await office.session.execute(update(Post).where(Post.until.is_(None), _posts_of(one)).values(until=office.now))
    one.closed_at, one.successor_id = office.now, successor_id
    moved = await _hand_on(office, viewer, one, successor)
    if lost := lost_by_the_routes(office, viewer, await Directory.load(office.session)):
        names = "、".join(f"“{name}”" for name in lost)
        raise EntryRefused({"": f"分派规则（config.yml 的 routes）里写着{names}。请先请管理员改规则，再来停用。"})
    name = _name(office, successor) if successor is not None else ""
    audit.note(
        office,
        viewer,
        Deed.CHANGE,
        f"停用{TABLE[kind].sheet}：{found.name}" + (f"，由{name}接手" if name else ""),
        data={
            "table": kind,
            "before": {"name": found.name},
            "after": {"successor": name, "cases": moved, "posts": [line.id for line in found.posts]},
        },
    )
    await office.session.flush()
    return found


async def _somebody_there(office: Office, successor: Unit) -> None:
    role = _WORKS_THERE[successor.kind]
    if not await office.people.holders(role, unit_id=successor.id):
        what = "联络员" if role is Role.DEPARTMENT_LIAISON else "物业人员"
        raise EntryRefused({"successor": f"“{successor.name}”还没有{what}，接不了手。请先在“岗位”里任命，再来停用。"})


# ---- what belongs to it


def _cases_of(one: Thing) -> ColumnElement[bool]:
    match one:
        case Unit():
            return Case.holder_unit_id == one.id
        case Grid():
            return Case.grid_id == one.id
        case Estate():
            return Case.estate_id == one.id
        case Building():
            return Case.building_id == one.id
        case _:
            return Case.id.is_(None)  # no case lies at a landmark: it has the landmark's grid


def _posts_of(one: Thing) -> ColumnElement[bool]:
    match one:
        case Unit():
            return Post.unit_id == one.id
        case Grid():  # a building head goes with the building
            return (Post.grid_id == one.id) & Post.building_id.is_(None)
        case Estate():
            return Post.estate_id == one.id
        case Building():
            return Post.building_id == one.id
        case _:
            return Post.id.is_(None)


async def _places(office: Office, one: Thing) -> int:
    match one:
        case Unit():
            return await _count(office, Estate, Estate.property_unit_id == one.id, Estate.closed_at.is_(None))
        case Grid():
            return sum([
                await _count(office, model, model.grid_id == one.id, model.closed_at.is_(None))
                for model in (Estate, Building, Landmark)
            ])  # fmt: skip
        case _:
            return 0


async def _count(office: Office, model: type[Thing | Case | UpkeepPlan], *where: ColumnElement[bool]) -> int:
    return (await office.session.execute(select(func.count()).select_from(model).where(*where))).scalar_one()


async def _successors(office: Office, viewer: Viewer, one: Thing) -> list[tuple[int, str]]:
    model = type(one)
    alike = [model.community_id == viewer.community_id, model.closed_at.is_(None), model.id != one.id]
    if isinstance(one, Unit):
        alike.append(Unit.kind == one.kind)
    if isinstance(one, Building):
        alike.append(Building.estate_id == one.estate_id)
    rows: Iterable[Any] = await office.session.scalars(select(model).where(*alike).order_by(model.id))
    return [(row.id, _name(office, row)) for row in rows]


def _name(office: Office, one: Thing) -> str:
    if isinstance(one, Building):
        return f"{office.directory.estate(one.estate_id).name}{one.number}号楼"
    return one.name


# ---- handing it on


async def _hand_on(office: Office, viewer: Viewer, one: Thing, successor: Thing | None) -> int:
    """Everything that refers to it and is not history; returns how many open cases changed hands."""
    match one, successor:
        case Unit(), (Unit() | None):
            return await _from_unit(office, viewer, one, successor)
        case Grid(), Grid():
            return await _from_grid(office, viewer, one, successor)
        case Estate(), (Estate() | None):
            return await _from_estate(office, viewer, one, successor)
        case Building(), Building():
            moved = await _to_the_grid(office, viewer, (Case.building_id == one.id,), successor.grid_id)
            await office.session.execute(_moved(Case, Case.building_id, one.id, successor.id, Case.closed_at.is_(None)))
            return moved
        case _:
            return 0


def _moved(
    model: type[Base], column: InstrumentedAttribute[Any], old: int, new: int | None, *where: ColumnElement[bool]
) -> Update:
    return update(model).where(column == old, *where).values({column: new})


async def _from_unit(office: Office, viewer: Viewer, one: Unit, successor: Unit | None) -> int:
    heir = successor.id if successor is not None else None
    session, is_open = office.session, Case.closed_at.is_(None)
    open_here = select(Case.id).where(Case.community_id == viewer.community_id, is_open)
    await session.execute(_moved(Estate, Estate.property_unit_id, one.id, heir))
    await session.execute(_moved(Case, Case.department_unit_id, one.id, heir, is_open))
    if heir is None:
        await session.execute(
            update(RoutingRule)
            .where(RoutingRule.department_unit_id == one.id, RoutingRule.ended_at.is_(None))
            .values(ended_at=office.now)
        )
        return 0
    await session.execute(
        _moved(RoutingRule, RoutingRule.department_unit_id, one.id, heir, RoutingRule.ended_at.is_(None))
    )
    await session.execute(_moved(UpkeepPlan, UpkeepPlan.unit_id, one.id, heir, UpkeepPlan.state == "running"))
    await session.execute(_moved(Whistle, Whistle.department_unit_id, one.id, heir, Whistle.case_id.in_(open_here)))
    directory = await Directory.load(session)
    return await take_over(office, viewer, directory, (Case.holder_unit_id == one.id,), holder=heir)


async def _from_grid(office: Office, viewer: Viewer, one: Grid, successor: Grid) -> int:
    for model in (Estate, Building, Landmark):
        await office.session.execute(_moved(model, model.grid_id, one.id, successor.id))
    heads = (Post.until.is_(None), Post.grid_id == one.id)
    await office.session.execute(
        update(Post).where(*heads).values(grid_id=successor.id, unit_id=successor.branch_unit_id)
    )
    moved = await _to_the_grid(office, viewer, (Case.grid_id == one.id,), successor.id)
    others = await _count(office, Grid, Grid.branch_unit_id == one.branch_unit_id, Grid.closed_at.is_(None))
    if one.branch_unit_id is not None and not others:
        branch = await office.session.get_one(Unit, one.branch_unit_id)
        branch.closed_at, branch.successor_id = office.now, successor.branch_unit_id
    return moved


async def _from_estate(office: Office, viewer: Viewer, one: Estate, successor: Estate | None) -> int:
    await office.session.execute(
        update(Building).where(Building.estate_id == one.id, Building.closed_at.is_(None)).values(closed_at=office.now)
    )
    if successor is None:  # nobody lives there any more
        await office.session.execute(
            update(Person)
            .where(Person.home_estate_id == one.id)
            .values(home_estate_id=None, home_building="", home_unit="", home_room="")
        )
        return 0
    await office.session.execute(_moved(Person, Person.home_estate_id, one.id, successor.id))
    # Residents go on calling it what they always did.
    names = dict.fromkeys([*(successor.aliases or []), one.name, *(one.aliases or [])])
    successor.aliases = [name for name in names if name != successor.name]
    one.grid_id, one.property_unit_id = successor.grid_id, successor.property_unit_id  # for what is still open there
    await office.session.flush()
    return await _to_the_grid(
        office, viewer, (Case.estate_id == one.id,), successor.grid_id, successor.property_unit_id
    )


async def _to_the_grid(
    office: Office, viewer: Viewer, which: Sequence[ColumnElement[bool]], grid_id: int, company: int | None = None
) -> int:
    """Open cases into a grid: what the branch had is its branch's now."""
    await office.session.flush()
    directory = await Directory.load(office.session)
    return await take_over(
        office, viewer, directory, which, grid=grid_id, branch=directory.branch_of(grid_id), property_unit=company
    )
