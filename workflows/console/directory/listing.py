"""What the community's directory has now, as its pages show it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from workflows.console.directory.drafts import Entry, Kind, mark_of, register, row_of, sentence, thing
from workflows.console.viewer import Viewer
from workflows.directory_file.checking import checked
from workflows.directory_file.register import Row
from workflows.directory_file.vocabulary import CATEGORIES
from workflows.models import Building, Case, Estate, Grid, Landmark, Unit
from workflows.office import Office


@dataclass(frozen=True)
class Line:
    """A unit or place in a list."""

    id: int
    values: Row
    open_cases: int
    buildings: int = 0

    @property
    def answers_for(self) -> str:
        """The categories in words."""
        return "、".join(CATEGORIES.get(code, (code,))[0] for code in self.values.several("answers_for"))


@dataclass(frozen=True)
class Listing:
    """Every unit and place that is open, and what the rules of the directory remind of."""

    units: Sequence[Line]
    grids: Sequence[Line]
    estates: Sequence[Line]
    landmarks: Sequence[Line]
    reminders: Sequence[str]


@dataclass(frozen=True)
class BuildingLine:
    """A building of an estate."""

    id: int
    number: str
    units: int
    grid: str


async def listing(office: Office, viewer: Viewer) -> Listing:
    """Everything.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    found = await register(office, viewer)
    ids = {kind: await _ids(office, viewer, model) for kind, model in _LISTED.items()}
    held = await _open(office, viewer, Case.holder_unit_id)
    there = {
        Kind.UNIT: held,
        Kind.GRID: await _open(office, viewer, Case.grid_id),
        Kind.ESTATE: await _open(office, viewer, Case.estate_id),
    }
    houses = await office.session.execute(
        select(Building.estate_id, func.count())
        .where(Building.community_id == viewer.community_id, Building.closed_at.is_(None))
        .group_by(Building.estate_id)
    )
    buildings = {estate: number for estate, number in houses}

    def lines(kind: Kind) -> list[Line]:
        out = []
        for row in found.rows[kind]:
            number = ids[kind][row["name"]]
            many = buildings.get(number, 0) if kind is Kind.ESTATE else 0
            out.append(Line(number, row, there.get(kind, {}).get(number, 0), many))
        return out

    units = [line for line in lines(Kind.UNIT) if line.values["kind"] != "grid_branch"]
    grids, estates, landmarks = lines(Kind.GRID), lines(Kind.ESTATE), lines(Kind.LANDMARK)
    problems = checked(found)
    reminders = [f"{problem.where}：{sentence(problem)}" for problem in problems]
    return Listing(units, grids, estates, landmarks, reminders)


_LISTED: Mapping[Kind, type[Unit | Grid | Estate | Landmark]] = {
    Kind.UNIT: Unit,
    Kind.GRID: Grid,
    Kind.ESTATE: Estate,
    Kind.LANDMARK: Landmark,
}


async def _ids(office: Office, viewer: Viewer, model: type[Unit | Grid | Estate | Landmark]) -> dict[str, int]:
    rows = await office.session.execute(
        select(model.name, model.id).where(model.community_id == viewer.community_id, model.closed_at.is_(None))
    )
    return {name: number for name, number in rows}


async def _open(office: Office, viewer: Viewer, column: object) -> dict[int, int]:
    """How many open cases there are of each; never one that is about the viewer."""
    rows = await office.session.execute(
        select(column, func.count()).where(viewer.sees(), Case.closed_at.is_(None)).group_by(column)  # type: ignore[call-overload]
    )
    return {number: many for number, many in rows if number is not None}


async def entry(office: Office, viewer: Viewer, kind: Kind, entry_id: int) -> Entry:
    """One of them, for its form.

    Raises:
        ForTheOffice: they do not belong to the community's office.
        NoSuchEntry: not in this community.
    """
    viewer.needs_office()
    one = await thing(office, viewer, kind, entry_id)
    row = row_of(await register(office, viewer), kind, getattr(one, "name", ""))
    return Entry(entry_id, kind, dict(row.values), mark_of(row.values))


async def buildings_of(office: Office, viewer: Viewer, estate_id: int) -> list[BuildingLine]:
    """The buildings of an estate, in the order of their numbers."""
    rows = await office.session.execute(
        select(Building, Grid.name)
        .join(Grid, Grid.id == Building.grid_id)
        .where(
            Building.community_id == viewer.community_id,
            Building.estate_id == estate_id,
            Building.closed_at.is_(None),
        )
    )
    found = [BuildingLine(row.id, row.number, row.units, grid) for row, grid in rows]
    return sorted(
        found, key=lambda one: (not one.number.isdigit(), int(one.number) if one.number.isdigit() else 0, one.number)
    )
