"""Editing: one unit or place is entered or changed, effective for whoever is routed from the commit on."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass

from sqlalchemy import select, update

from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.directory.drafts import (
    FIELDS,
    MODELS,
    THIS,
    EntryRefused,
    Kind,
    judge,
    lost_by_the_routes,
    mark_of,
    register,
    row_of,
    thing,
)
from workflows.console.directory.taking_over import take_over
from workflows.console.viewer import Viewer
from workflows.directory import VILLAGE, Directory
from workflows.directory_file.importing import import_places
from workflows.directory_file.naming import rename
from workflows.directory_file.ranges import UnclearRange, building_list
from workflows.directory_file.reading import tidy
from workflows.directory_file.register import Register, Row
from workflows.directory_file.version import change
from workflows.directory_file.vocabulary import TABLE
from workflows.models import Building, Case, Grid, Post, RoutingRule
from workflows.office import Office

EDITABLE_UNITS = ("property", "department", "community")  # a grid's branch is edited with its grid
_MEANWHILE = "有人刚刚改过这一条，您看到的不是最新的。请对照下面的内容，再保存一次。"


@dataclass(frozen=True)
class Saved:
    """What was kept, and what it leaves to be seen to."""

    name: str
    reminders: Sequence[str]


async def save(
    office: Office, viewer: Viewer, kind: Kind, entry_id: int | None, values: Mapping[str, str], mark: str = ""
) -> Saved:
    """Enter a unit or place (`entry_id` None), or change it. `mark`: what the form was made from.

    What is open stays with whoever has it: a new company or grid gets what is reported from now on.

    Raises:
        ForTheSecretary: only they do this.
        NoSuchEntry: not in this community.
        EntryRefused: it breaks a rule of the directory, or somebody else changed it meanwhile.
    """
    viewer.needs_secretary()
    await change(office.session)
    before = await register(office, viewer)
    draft = deepcopy(before)
    community = office.directory.community(viewer.community_id).name
    if entry_id is None:
        row, old = Row(THIS, {"community": community}), ""
        draft.rows[kind].append(row)
        told: Mapping[str, str] = {}
    else:
        old = getattr(await thing(office, viewer, kind, entry_id), "name", "")
        row = row_of(draft, kind, old)
        told, row.where = dict(row.values), THIS
        if mark and mark != mark_of(told):
            raise EntryRefused({"": _MEANWHILE})
    row.values |= {key: values[key] for key in FIELDS[kind] if key in values}
    tidy(row)
    _unit_kind(kind, row, told)
    if kind is Kind.GRID:
        _branch(office, viewer, draft, row)
    if old and row["name"]:
        rename(draft, kind, community, old, row["name"])
    judged = judge(before, draft, kind)
    if entry_id is not None and old != row["name"]:
        setattr(await thing(office, viewer, kind, entry_id), "name", row["name"])  # noqa: B010 - not every kind has one
        await _rules_too(office, viewer, kind, old, row["name"])
    await _apply(office, viewer, draft)
    _note(office, viewer, kind, old or row["name"], told, row.values)
    return Saved(row["name"], judged.reminders)


async def save_buildings(office: Office, viewer: Viewer, estate_id: int, values: Mapping[str, str]) -> Saved:
    """Enter these buildings of an estate, or change those that it has.

    Raises:
        ForTheSecretary, NoSuchEntry, EntryRefused: as `save`.
    """
    viewer.needs_secretary()
    await change(office.session)
    estate = getattr(await thing(office, viewer, Kind.ESTATE, estate_id), "name", "")
    before = await register(office, viewer)
    draft = deepcopy(before)
    row = Row(THIS, {"community": office.directory.community(viewer.community_id).name, "estate": estate})
    row.values |= {key: values[key] for key in ("numbers", "units", "grid") if key in values}
    tidy(row)
    told = _take_out(draft, row)
    draft.rows[Kind.BUILDING].append(row)
    judged = judge(before, draft, Kind.BUILDING)
    await _apply(office, viewer, draft)
    _note(office, viewer, Kind.BUILDING, f"{estate}{row['numbers']}号楼", told, row.values)
    return Saved(f"{estate}{row['numbers']}号楼", judged.reminders)


def _take_out(draft: Register, new: Row) -> dict[str, str]:
    """The numbers of a new row out of those that have them already; what was said of them."""
    try:
        numbers = building_list(new.several("numbers"))
    except UnclearRange:
        return {}  # the check will say so
    told: dict[str, str] = {}
    for row in draft.rows[Kind.BUILDING]:
        if row["estate"] != new["estate"]:
            continue
        has = building_list(row.several("numbers"))
        if here := [number for number in has if number in numbers]:
            told["numbers"] = "、".join([*filter(None, [told.get("numbers", "")]), *here])
            told |= {"units": row["units"], "grid": row["grid"]}
            row.values["numbers"] = "、".join(number for number in has if number not in numbers)
    draft.rows[Kind.BUILDING] = [row for row in draft.rows[Kind.BUILDING] if row["numbers"]]
    return told


def _unit_kind(kind: Kind, row: Row, told: Mapping[str, str]) -> None:
    """What a unit is stays as it is: its posts and cases hang on it."""
    if kind is not Kind.UNIT:
        return
    if told:
        row.values["kind"] = told["kind"]
    if row["kind"] not in EDITABLE_UNITS[: 3 if told else 2]:
        raise EntryRefused({"kind": "请选一个：物业公司，或者部门。"})


def _branch(office: Office, viewer: Viewer, draft: Register, row: Row) -> None:
    """A grid without a party branch gets one of its own name."""
    if row["branch"] or not row["name"]:
        return
    village = office.directory.community(viewer.community_id).kind == VILLAGE
    row.values["branch"] = f"{row['name']}{'党小组' if village else '党支部'}"
    if not any(unit["name"] == row["branch"] for unit in draft.rows[Kind.UNIT]):
        unit = {"community": row["community"], "name": row["branch"], "kind": "grid_branch"}
        draft.rows[Kind.UNIT].append(Row(f"单位“{row['branch']}”", unit))


async def _rules_too(office: Office, viewer: Viewer, kind: Kind, old: str, new: str) -> None:
    """Rules that were made of rulings speak of an estate by its name."""
    if kind is Kind.ESTATE:
        await office.session.execute(
            update(RoutingRule)
            .where(RoutingRule.community_id == viewer.community_id, RoutingRule.estate_text == old)
            .values(estate_text=new)
        )


async def _apply(office: Office, viewer: Viewer, draft: Register) -> None:
    """The draft's places into the database, by the import's own hand; posts and a branch's open cases follow.

    Raises:
        EntryRefused: rows of the configuration would speak of something that is no longer there.
    """
    before = await _lie_of_the_land(office, viewer)
    await office.session.flush()
    places = Register({key: rows if key in (*MODELS, "communities") else [] for key, rows in draft.rows.items()})
    await import_places(office.session, places, office.now)
    after = await _lie_of_the_land(office, viewer)
    directory = await Directory.load(office.session)
    if lost := lost_by_the_routes(office, viewer, directory):
        names = "、".join(f"“{name}”" for name in lost)
        what = f"分派规则（config.yml 的 routes）里写着{names}，这样改以后就找不到了"
        raise EntryRefused({"name": f"{what}。请先请管理员改规则，再来改名。"})
    await _posts_follow(office, viewer, before, after)
    for grid_id, branch in after.branches.items():
        old = before.branches.get(grid_id)
        if old not in (None, branch):
            held = (Case.grid_id == grid_id, Case.holder_unit_id == old)
            await take_over(office, viewer, directory, held, holder=branch)


@dataclass(frozen=True)
class _Land:
    """Which grid each building lies in, and which branch each grid has."""

    grids: Mapping[int, int]
    branches: Mapping[int, int | None]


async def _lie_of_the_land(office: Office, viewer: Viewer) -> _Land:
    here = viewer.community_id
    buildings = await office.session.execute(select(Building.id, Building.grid_id).where(Building.community_id == here))
    grids = await office.session.execute(select(Grid.id, Grid.branch_unit_id).where(Grid.community_id == here))
    return _Land({one: grid for one, grid in buildings}, {one: branch for one, branch in grids})


async def _posts_follow(office: Office, viewer: Viewer, before: _Land, after: _Land) -> None:
    """A building head belongs to the grid of their building, whoever works in a grid to its branch."""
    posts = await office.session.scalars(
        select(Post).where(Post.community_id == viewer.community_id, Post.until.is_(None))
    )
    for post in posts:
        was, building = post.grid_id or 0, post.building_id or 0
        if was and before.grids.get(building) == was:
            post.grid_id = after.grids[building]
        if post.grid_id is not None and post.unit_id is not None and post.unit_id == before.branches.get(was):
            post.unit_id = after.branches[post.grid_id]
    await office.session.flush()


def _note(
    office: Office, viewer: Viewer, kind: Kind, name: str, before: Mapping[str, str], after: Mapping[str, str]
) -> None:
    """Into the log: what it was and what it is, where that is different."""
    told = [key for key in FIELDS[kind] if before.get(key, "") != after.get(key, "")]
    audit.note(
        office,
        viewer,
        Deed.CHANGE,
        f"{'修改' if before else '新增'}{TABLE[kind].sheet}：{name}",
        data={
            "table": kind,
            "before": {key: before.get(key, "") for key in told},
            "after": {key: after.get(key, "") for key in told},
        },
    )
