"""Writes what the database holds now as a file of either form."""

import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.directory_file.posts import Scope, default_grid, default_unit
from workflows.directory_file.register import Register, Row
from workflows.directory_file.vocabulary import TABLE
from workflows.directory_file.workbook import write_workbook
from workflows.directory_file.yaml_text import as_yaml
from workflows.models import Base, Building, Community, Estate, Grid, Household, Landmark, Person, Post, Unit
from workflows.policy.permissions import Role

Entry = TypeVar("Entry", bound=Base)


async def export_file(session: AsyncSession, path: Path, community_id: int | None = None) -> None:
    """Write what the database holds now, YAML or XLSX by the ending; the old file stays until the new is whole.

    `community_id`: of this community alone. What was closed is not written.
    """
    register = await register_of(session, community_id)
    await asyncio.to_thread(write, register, path)


def write(register: Register, path: Path) -> None:
    """The rows as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    half_written = Path(name)
    try:
        if path.suffix.lower() == ".xlsx":
            write_workbook(register, half_written)
        else:
            half_written.write_text(as_yaml(register), encoding="utf-8")
        half_written.replace(path)
    finally:
        half_written.unlink(missing_ok=True)


async def register_of(session: AsyncSession, community_id: int | None = None) -> Register:
    """The rows that the database holds now, of one community or of all; what was closed is not among them."""

    async def every(table: type[Entry], *where: ColumnElement[bool]) -> list[Entry]:
        columns = table.__table__.c
        if community_id is not None:
            where += ((columns.id if table is Community else columns.community_id) == community_id,)
        if "closed_at" in columns:
            where += (columns.closed_at.is_(None),)
        return list((await session.scalars(select(table).where(*where).order_by(columns.id))).all())

    buildings = {row.id: row for row in await every(Building)}
    return _Export(
        communities={row.id: row for row in await every(Community)},
        units={row.id: row for row in await every(Unit)},
        grids={row.id: row for row in await every(Grid)},
        estates={row.id: row for row in await every(Estate)},
        buildings=buildings,
        landmarks=await every(Landmark),
        households=[row for row in await every(Household) if row.building_id in buildings],
        persons={row.id: row for row in await every(Person, Person.key.is_not(None))},
        posts=await every(Post, Post.until.is_(None)),
    ).register()


@dataclass
class _Export:
    """The database's rows, on their way to being a file's."""

    communities: dict[int, Community]
    units: dict[int, Unit]
    grids: dict[int, Grid]
    estates: dict[int, Estate]
    buildings: dict[int, Building]
    landmarks: list[Landmark]
    households: list[Household]
    persons: dict[int, Person]
    posts: list[Post]

    def register(self) -> Register:
        """Every table in the order of its rows. Persons who came by chat have no key and are not the directory's."""
        out = Register()
        for table, rows in (
            ("communities", map(self._community, self.communities.values())),
            ("units", map(self._unit, self.units.values())),
            ("grids", map(self._grid, self.grids.values())),
            ("estates", map(self._estate, self.estates.values())),
            ("buildings", self._building_ranges()),
            ("landmarks", map(self._landmark, self.landmarks)),
            ("households", self._household_rows()),
            ("persons", map(self._person, self.persons.values())),
            ("posts", (self._post(post) for post in self.posts if post.person_id in self.persons)),
        ):
            out.rows[table] = [
                Row(f"{TABLE[table].sheet}表第{number}行", {key: value for key, value in values.items() if value})
                for number, values in enumerate(rows, start=2)
            ]
        return out

    def _name(self, community_id: int) -> str:
        return self.communities[community_id].name

    def _community(self, row: Community) -> dict[str, str]:
        return {
            "name": row.name,
            "code": row.code,
            "kind": row.kind,
            "district": row.district,
            "area_km2": f"{row.area_km2:f}".rstrip("0").rstrip(".") if row.area_km2 is not None else "",
            "population": str(row.population) if row.population is not None else "",
            "phone": row.phone,
        }

    def _unit(self, row: Unit) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "name": row.name,
            "kind": row.kind,
            "phone": row.phone,
            "answers_for": "、".join(row.answers_for),
            "contact": row.contact,
            "hours": row.hours,
        }

    def _grid(self, row: Grid) -> dict[str, str]:
        branch = self.units[row.branch_unit_id].name if row.branch_unit_id in self.units else ""
        return {"community": self._name(row.community_id), "name": row.name, "branch": branch}

    def _estate(self, row: Estate) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "name": row.name,
            "aliases": "、".join(row.aliases),
            "grid": self.grids[row.grid_id].name,
            "property": self.units[row.property_unit_id].name if row.property_unit_id in self.units else "",
            "committee": row.committee,
            "lat": _degrees(row.lat),
            "lon": _degrees(row.lon),
        }

    def _building_ranges(self) -> Iterator[dict[str, str]]:
        """Buildings that follow each other and are alike become one row: 1-8."""
        runs: list[list[Building]] = []
        for row in self.buildings.values():
            if runs and _continues(runs[-1][-1], row):
                runs[-1].append(row)
            else:
                runs.append([row])
        for run in runs:
            first, last = run[0], run[-1]
            estate = self.estates[first.estate_id]
            yield {
                "community": self._name(first.community_id),
                "estate": estate.name,
                "numbers": first.number if first is last else f"{first.number.removesuffix('排')}-{last.number}",
                "units": str(first.units),
                "grid": self.grids[first.grid_id].name if first.grid_id != estate.grid_id else "",
            }

    def _landmark(self, row: Landmark) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "name": row.name,
            "aliases": "、".join(row.aliases),
            "grid": self.grids[row.grid_id].name,
        }

    def _household_rows(self) -> Iterator[dict[str, str]]:
        rooms: dict[tuple[int, str], list[str]] = defaultdict(list)
        for row in self.households:
            rooms[row.building_id, row.unit].append(row.room)
        for (building_id, unit), doors in rooms.items():
            building = self.buildings[building_id]
            yield {
                "community": self._name(building.community_id),
                "estate": self.estates[building.estate_id].name,
                "building": building.number,
                "unit": unit,
                "rooms": "、".join(doors),
            }

    def _person(self, row: Person) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "key": row.key or "",
            "name": row.name,
            "phone": row.phone,
            "estate": self.estates[row.home_estate_id].name if row.home_estate_id in self.estates else "",
            "building": row.home_building,
            "unit": row.home_unit,
            "room": row.home_room,
            "digest": row.digest if row.digest != "weekly" else "",
        }

    def _post(self, row: Post) -> dict[str, str]:
        scope = Scope(
            unit=self.units.get(row.unit_id or 0),
            grid=self.grids.get(row.grid_id or 0),
            estate=self.estates.get(row.estate_id or 0),
            building=self.buildings.get(row.building_id or 0),
        )
        role = Role(row.role)
        offices = (u.id for u in self.units.values() if (u.community_id, u.kind) == (row.community_id, "community"))
        usual_grid = row.grid_id == default_grid(role, scope)
        usual_unit = row.unit_id == default_unit(role, scope.grid, next(offices, 0))
        return {
            "community": self._name(row.community_id),
            "person": self.persons[row.person_id].key or "",
            "role": row.role,
            "unit": scope.unit.name if scope.unit and not usual_unit else "",
            "grid": scope.grid.name if scope.grid and not usual_grid else "",
            "estate": scope.estate.name if scope.estate else "",
            "building": scope.building.number if scope.building else "",
            "entrance": row.entrance,
        }


def _continues(last: Building, row: Building) -> bool:
    if (last.estate_id, last.grid_id, last.units) != (row.estate_id, row.grid_id, row.units):
        return False
    before, after = last.number.removesuffix("排"), row.number.removesuffix("排")
    same_kind = last.number.endswith("排") == row.number.endswith("排")
    return same_kind and before.isdigit() and after.isdigit() and int(after) == int(before) + 1


def _degrees(value: Decimal | None) -> str:
    return f"{value:f}".rstrip("0").rstrip(".") if value is not None else ""
