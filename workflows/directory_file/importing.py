"""Brings the database in line with a file that has no errors; a second time changes nothing."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.directory_file.checking import checked
from workflows.directory_file.posts import Scope, default_grid, default_unit
from workflows.directory_file.ranges import building_list, room_list
from workflows.directory_file.reading import read
from workflows.directory_file.register import DirectoryFileError, Problem, Register, Row, handle_of, people_by_handle
from workflows.directory_file.version import change
from workflows.directory_file.vocabulary import (
    CATEGORIES,
    COMMITTEES,
    COMMUNITY_KINDS,
    DIGESTS,
    ROLES,
    TABLE,
    UNIT_KINDS,
    code_of,
)
from workflows.models import Base, Building, Community, Estate, Grid, Household, Landmark, Person, Post, Unit
from workflows.policy.frequency import Frequency
from workflows.policy.permissions import Role
from workflows.policy.places import building_number, unit_number

Entry = TypeVar("Entry", bound=Base)


@dataclass(frozen=True)
class Imported:
    """What an import changed, by table. A second import of the same file changes nothing."""

    created: Mapping[str, int]
    updated: Mapping[str, int]
    ended: int = 0  # posts that are over because the file no longer has them
    not_in_file: int = 0  # posts that the file no longer has and that were left alone
    warnings: tuple[Problem, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is different now."""
        return bool(sum(self.created.values()) + sum(self.updated.values()) + self.ended)

    def __str__(self) -> str:
        """One line for a person."""
        parts = [f"新增{n}条{TABLE[key].sheet}" for key, n in self.created.items() if n]
        parts += [f"更新{n}条{TABLE[key].sheet}" for key, n in self.updated.items() if n]
        parts += [f"结束{self.ended}个岗位"] if self.ended else []
        parts += [f"文件里没有的{self.not_in_file}个岗位保持不变"] if self.not_in_file else []
        return "，".join(parts) or "没有变化"


async def import_file(session: AsyncSession, path: Path, now: datetime, *, end_missing: bool = False) -> Imported:
    """Bring the database in line with the file; a second time changes nothing.

    Posts that the file no longer has are ended only with `end_missing`; places, units and persons are never deleted,
    since cases refer to them.

    Raises:
        DirectoryFileError: the file has errors; nothing was changed.
    """
    register = await asyncio.to_thread(read, path)
    problems = checked(register)
    errors = [problem for problem in problems if problem.serious]
    if errors:
        raise DirectoryFileError(errors)
    await change(session)
    return await _Import(session, register, now).run(end_missing=end_missing, warnings=tuple(problems))


async def import_places(session: AsyncSession, register: Register, now: datetime) -> Imported:
    """The units and places alone of rows that were checked: people and posts stay as they are."""
    return await _Import(session, register, now).places()


class _Import:
    """One file into one transaction. The check has seen to it that whatever a row names is there."""

    def __init__(self, session: AsyncSession, register: Register, now: datetime) -> None:
        self.session = session
        self.rows = register.rows
        self.persons_by_handle = people_by_handle(register)
        self.now = now
        self.created: Counter[str] = Counter()
        self.updated: Counter[str] = Counter()
        self.communities: dict[str, Community] = {}
        self.units: dict[tuple[str, str], Unit] = {}
        self.offices: dict[str, Unit] = {}  # by community: its one unit of that kind
        self.grids: dict[tuple[str, str], Grid] = {}
        self.estates: dict[tuple[str, str], Estate] = {}
        self.buildings: dict[tuple[str, str, str], Building] = {}
        self.persons: dict[str, Person] = {}

    async def places(self) -> Imported:
        """Units and places, each after what it names."""
        for step in (
            self._communities,
            self._units,
            self._grids,
            self._estates,
            self._buildings,
            self._landmarks,
        ):
            await step()
            await self.session.flush()
        return Imported(dict(self.created), dict(self.updated))

    async def run(self, *, end_missing: bool, warnings: tuple[Problem, ...]) -> Imported:
        """Places first, then people, then posts."""
        await self.places()
        for step in (self._households, self._persons):
            await step()
            await self.session.flush()
        missing = await self._posts()
        if end_missing:
            for post in missing:
                post.until = self.now
        await self.session.flush()
        ended = len(missing) if end_missing else 0
        return Imported(dict(self.created), dict(self.updated), ended, len(missing) - ended, warnings)

    def _put(self, table: str, found: Entry | None, new: type[Entry], values: Mapping[str, Any]) -> Entry:
        """The row with these values: as it is, changed, or made."""
        if found is None:
            made = new(**values)
            self.session.add(made)
            self.created[table] += 1
            return made
        changed = {key: value for key, value in values.items() if getattr(found, key) != value}
        for key, value in changed.items():
            setattr(found, key, value)
        if changed:
            self.updated[table] += 1
        return found

    async def _known(self, table: type[Entry]) -> list[Entry]:
        """What the communities of this file have already."""
        ids = [community.id for community in self.communities.values()]
        query = select(table).where(table.__table__.c.community_id.in_(ids))
        return list((await self.session.scalars(query)).all())

    def _id(self, row: Row) -> int:
        return self.communities[row["community"]].id

    # ---- places

    async def _communities(self) -> None:
        known = {row.code: row for row in (await self.session.scalars(select(Community))).all()}
        names = {row.name: row for row in known.values()}
        for row in self.rows["communities"]:
            values = {
                "name": row["name"],
                "code": row["code"],
                "kind": code_of(COMMUNITY_KINDS, row["kind"]),
                "district": row["district"],
                "area_km2": Decimal(row["area_km2"]).quantize(Decimal("0.01")) if row["area_km2"] else None,
                "population": int(row["population"]) if row["population"] else None,
                "phone": row["phone"],
            }
            namesake = names.get(row["name"])
            if namesake is not None and namesake.code != row["code"]:
                what = f"“{row['name']}”在系统里的代码是{namesake.code}，不是{row['code']}"
                raise DirectoryFileError([Problem(row.where, what, "代码是诉求编号的开头，定了就不能改，请改回来")])
            self.communities[row["name"]] = self._put("communities", known.get(row["code"]), Community, values)

    async def _units(self) -> None:
        known = {(unit.community_id, unit.name): unit for unit in await self._known(Unit)}
        for row in self.rows["units"]:
            values = {
                "community_id": self._id(row),
                "kind": code_of(UNIT_KINDS, row["kind"]),
                "name": row["name"],
                "phone": row["phone"],
                "answers_for": [code_of(CATEGORIES, part) for part in row.several("answers_for")],
                "contact": row["contact"],
                "hours": row["hours"],
                **_OPEN,
            }
            unit = self._put("units", known.get((self._id(row), row["name"])), Unit, values)
            self.units[row["community"], row["name"]] = unit
            if unit.kind == "community":
                self.offices[row["community"]] = unit

    async def _grids(self) -> None:
        known = {(grid.community_id, grid.name): grid for grid in await self._known(Grid)}
        for row in self.rows["grids"]:
            values = {
                "community_id": self._id(row),
                "name": row["name"],
                "branch_unit_id": self.units[row["community"], row["branch"]].id,
                **_OPEN,
            }
            grid = self._put("grids", known.get((self._id(row), row["name"])), Grid, values)
            self.grids[row["community"], row["name"]] = grid

    async def _estates(self) -> None:
        known = {(estate.community_id, estate.name): estate for estate in await self._known(Estate)}
        for row in self.rows["estates"]:
            company = self.units[row["community"], row["property"]] if row["property"] else None
            values = {
                "community_id": self._id(row),
                "grid_id": self.grids[row["community"], row["grid"]].id,
                "property_unit_id": company.id if company else None,
                "name": row["name"],
                "aliases": row.several("aliases"),
                "committee": code_of(COMMITTEES, row["committee"]),
                "lat": Decimal(row["lat"]).quantize(_SIX_PLACES) if row["lat"] else None,
                "lon": Decimal(row["lon"]).quantize(_SIX_PLACES) if row["lon"] else None,
                **_OPEN,
            }
            estate = self._put("estates", known.get((self._id(row), row["name"])), Estate, values)
            self.estates[row["community"], row["name"]] = estate

    async def _buildings(self) -> None:
        known = {(building.estate_id, building.number): building for building in await self._known(Building)}
        for row in self.rows["buildings"]:
            estate = self.estates[row["community"], row["estate"]]
            for number in building_list(row.several("numbers")):
                values = {
                    "community_id": self._id(row),
                    "estate_id": estate.id,
                    "grid_id": self.grids[row["community"], row["grid"]].id if row["grid"] else estate.grid_id,
                    "number": number,
                    "units": int(row["units"] or 1),
                    **_OPEN,
                }
                building = self._put("buildings", known.get((estate.id, number)), Building, values)
                self.buildings[row["community"], row["estate"], number] = building

    async def _landmarks(self) -> None:
        known = {(landmark.community_id, landmark.name): landmark for landmark in await self._known(Landmark)}
        for row in self.rows["landmarks"]:
            values = {
                "community_id": self._id(row),
                "grid_id": self.grids[row["community"], row["grid"]].id,
                "name": row["name"],
                "aliases": row.several("aliases"),
                **_OPEN,
            }
            self._put("landmarks", known.get((self._id(row), row["name"])), Landmark, values)

    async def _households(self) -> None:
        known = {(door.building_id, door.unit, door.room): door for door in await self._known(Household)}
        for row in self.rows["households"]:
            building = self.buildings[_building(row)]
            unit = unit_number(row["unit"]) or row["unit"]
            counted = self.communities[row["community"]].kind == "village" or building.number.endswith("排")
            for room in room_list(row.several("rooms"), counted=counted):
                values = {
                    "community_id": self._id(row),
                    "building_id": building.id,
                    "unit": unit,
                    "room": room,
                }
                key = (building.id, unit, room)
                known[key] = self._put("households", known.get(key), Household, values)

    # ---- people

    async def _persons(self) -> None:
        keys = [row["key"] for row in self.rows["persons"]]
        known: dict[str | None, Person] = {}
        for at in range(0, len(keys), 500):  # SQLite refuses a statement with too many values
            found = await self.session.scalars(select(Person).where(Person.key.in_(keys[at : at + 500])))
            known |= {person.key: person for person in found.all()}
        ours = {community.id for community in self.communities.values()}
        for row in self.rows["persons"]:
            estate = self.estates[row["community"], row["estate"]] if row["estate"] else None
            values = {
                "community_id": self._id(row),
                "key": row["key"],
                "name": row["name"],
                "phone": row["phone"],
                "home_estate_id": estate.id if estate else None,
                "home_building": building_number(row["building"]) or row["building"],
                "home_unit": unit_number(row["unit"]) or row["unit"],
                "home_room": row["room"],
            }
            person = known.get(row["key"])
            # How often somebody wants the digest they say in the chat: an empty cell leaves it as it is.
            if row["digest"] or person is None:
                values["digest"] = code_of(DIGESTS, row["digest"]) or Frequency.WEEKLY
            if person is not None and person.community_id not in ours:
                what = f"编号“{row['key']}”在系统里是别的社区的人"
                raise DirectoryFileError([Problem(row.where, what, "请换一个编号，如在前面加上社区代码")])
            made = values if person else values | {"created_at": self.now}
            self.persons[row["key"]] = self._put("persons", person, Person, made)

    async def _posts(self) -> list[Post]:
        """Posts of the file are taken up; those of the database that it does not have are handed back."""
        current = [post for post in await self._known(Post) if post.until is None]
        known = {tuple(getattr(post, key) for key in _IDENTITY): post for post in current}
        grids = {grid.id: grid for grid in self.grids.values()}
        every = (self._post(row, grids) for row in self.rows["posts"])
        # A post that stands in the file twice, in whatever words, is one.
        wanted = {tuple(values[key] for key in _IDENTITY): values for values in every}
        for identity, values in wanted.items():
            if identity not in known:
                self._put("posts", None, Post, values | {"since": self.now})
        kept = {post.id for identity, post in known.items() if identity in wanted}
        return [post for post in current if post.id not in kept]

    def _post(self, row: Row, grids: Mapping[int, Grid]) -> dict[str, Any]:
        person = handle_of(self.persons_by_handle, row)
        if person is None:
            raise LookupError(row.where)  # the check has refused it before
        role = Role(code_of(ROLES, row["role"]))
        scope = Scope(
            unit=self.units.get((row["community"], row["unit"])),
            grid=self.grids.get((row["community"], row["grid"])),
            estate=self.estates.get((row["community"], row["estate"])),
            building=self.buildings.get(_building(row)),
        )
        grid_id = scope.grid.id if scope.grid else default_grid(role, scope)
        office = self.offices[row["community"]].id
        return {
            "community_id": self._id(row),
            "person_id": self.persons[person["key"]].id,
            "role": role.value,
            "unit_id": scope.unit.id if scope.unit else default_unit(role, grids.get(grid_id or 0), office),
            "grid_id": grid_id,
            "estate_id": scope.estate.id if scope.estate else None,
            "building_id": scope.building.id if scope.building else None,
            "entrance": unit_number(row["entrance"]) or row["entrance"],
        }


_OPEN: Mapping[str, Any] = {"closed_at": None, "successor_id": None}  # what is in the file is there (again)
_SIX_PLACES = Decimal("0.000001")  # a tenth of a metre
_IDENTITY = ("community_id", "person_id", "role", "unit_id", "grid_id", "estate_id", "building_id", "entrance")


def _building(row: Row) -> tuple[str, str, str]:
    return row["community"], row["estate"], building_number(row["building"])
