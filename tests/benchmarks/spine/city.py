"""A made-up city for measurements: communities, grids, estates, people in their posts, and residents with a chat."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import product
from typing import Any

from sqlalchemy import Table, insert, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.simulation import TEXTS
from workflows.database import Database
from workflows.models import Account, Building, Community, Estate, Grid, Person, Post, Unit

CHANNEL = "telegram"
GRIDS, ESTATES, BUILDINGS = 4, 40, 12  # of a community, of a community, registered of an estate
FIRST_CHAT = 1_000_000
_AT_ONCE = 1_000
_LEFT = "春夏秋冬东南西北金银玉翠红紫兰青松柏梅桂枫柳荷莲星月云霞江湖海泉山岭峰谷龙凤鹤鹿祥瑞福禄安康宁和"
_RIGHT = "禾苑泽澜庭景园辉城堡光华馨怡枫桥渡舟帆林原野堤岸廊阁台榭轩斋居舍坊里巷门关塔楼屏岚烟雨晴雪"
NAMES = tuple(f"{left}{right}" for left, right in product(_LEFT, _RIGHT))


@dataclass(frozen=True)
class Scale:
    """How large a city: communities of four grids and forty estates each."""

    communities: int = 10
    residents: int = 5_000

    @property
    def estates(self) -> int:
        """In the whole city."""
        return self.communities * ESTATES


def community_of(estate: int) -> int:
    """Numbers are rows' ids: from 1 on, in the order of the tables."""
    return (estate - 1) // ESTATES + 1


def grid_of(estate: int) -> int:
    """The grid in which an estate lies."""
    return (community_of(estate) - 1) * GRIDS + (estate - 1) % ESTATES * GRIDS // ESTATES + 1


def unit_of_grid(grid: int) -> int:
    """The branch of a grid; each community has its committee, four branches, one company and one department."""
    return (grid - 1) // GRIDS * (GRIDS + 3) + 2 + (grid - 1) % GRIDS


def committee(community: int) -> int:
    """A community's own unit."""
    return (community - 1) * (GRIDS + 3) + 1


def company(community: int) -> int:
    """The property company of a community's estates."""
    return committee(community) + GRIDS + 1


def department(community: int) -> int:
    """The one department of a community."""
    return committee(community) + GRIDS + 2


def posts_of(scale: Scale) -> int:
    """Persons with a post come first: so many of them."""
    return scale.communities * (2 * GRIDS + 3)


def resident(scale: Scale, number: int) -> tuple[int, int, int]:
    """(person id, estate id, building number) of resident 0, 1, 2 …: everyone has a building of their own."""
    estate = number % scale.estates + 1
    return posts_of(scale) + number + 1, estate, number // scale.estates + 1


async def settle(database: Database, scale: Scale, now: datetime) -> None:
    """Fill an empty, migrated database with the city."""
    async with database.writing() as session:
        for table, rows in _tables(scale, now):
            await _fill(session, table, rows)
        if not database.sqlite:
            await _numbers_go_on(session)


async def _fill(session: AsyncSession, table: Any, rows: Iterator[dict[str, Any]]) -> None:
    chunk: list[dict[str, Any]] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == _AT_ONCE:
            await session.execute(insert(table), chunk)
            chunk = []
    if chunk:
        await session.execute(insert(table), chunk)


async def _numbers_go_on(session: AsyncSession) -> None:
    """PostgreSQL does not notice ids that were given."""
    for model in (Community, Unit, Grid, Estate, Building, Person, Account, Post):
        table = model.__table__
        assert isinstance(table, Table)
        await session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), (SELECT max(id) FROM {table.name}))")
        )


def _tables(scale: Scale, now: datetime) -> Sequence[tuple[Any, Iterator[dict[str, Any]]]]:
    return (
        (Community, _communities(scale)),
        (Unit, _units(scale)),
        (Grid, _grids(scale)),
        (Estate, _estates(scale)),
        (Building, _buildings(scale)),
        (Person, _persons(scale, now)),
        (Account, _accounts(scale, now)),
        (Post, _posts(scale, now)),
    )


def _communities(scale: Scale) -> Iterator[dict[str, Any]]:
    for number in range(1, scale.communities + 1):
        yield {"id": number, "name": f"{number}号社区", "code": f"B{number}", "kind": "city"}


def _units(scale: Scale) -> Iterator[dict[str, Any]]:
    for community in range(1, scale.communities + 1):
        kinds = ("community", *["grid_branch"] * GRIDS, "property", "department")
        for index, kind in enumerate(kinds):
            yield {
                "id": committee(community) + index,
                "community_id": community,
                "kind": kind,
                "name": f"{community}号社区{kind}{index}",
                "answers_for": list(TEXTS) if kind == "department" else [],
            }


def _grids(scale: Scale) -> Iterator[dict[str, Any]]:
    for grid in range(1, scale.communities * GRIDS + 1):
        yield {
            "id": grid,
            "community_id": (grid - 1) // GRIDS + 1,
            "name": f"第{grid}网格",
            "branch_unit_id": unit_of_grid(grid),
        }


def _estates(scale: Scale) -> Iterator[dict[str, Any]]:
    for estate in range(1, scale.estates + 1):
        yield {
            "id": estate,
            "community_id": community_of(estate),
            "grid_id": grid_of(estate),
            "property_unit_id": company(community_of(estate)),
            "name": f"{NAMES[estate - 1]}小区",
            "aliases": [],
        }


def _buildings(scale: Scale) -> Iterator[dict[str, Any]]:
    for estate in range(1, scale.estates + 1):
        for number in range(1, BUILDINGS + 1):
            yield {
                "id": (estate - 1) * BUILDINGS + number,
                "community_id": community_of(estate),
                "estate_id": estate,
                "grid_id": grid_of(estate),
                "number": str(number),
                "units": 3,
            }


def _persons(scale: Scale, now: datetime) -> Iterator[dict[str, Any]]:
    per_community = 2 * GRIDS + 3
    for person in range(1, posts_of(scale) + 1):
        community = (person - 1) // per_community + 1
        yield {"id": person, "community_id": community, "name": f"干部{person}", "home_estate_id": None,
               "home_building": "", "created_at": now}  # fmt: skip
    for number in range(scale.residents):
        person, estate, building = resident(scale, number)
        yield {"id": person, "community_id": community_of(estate), "name": f"居民{number}", "home_estate_id": estate,
               "home_building": str(building), "created_at": now}  # fmt: skip


def _accounts(scale: Scale, now: datetime) -> Iterator[dict[str, Any]]:
    for person in _persons(scale, now):
        yield {
            "id": person["id"],
            "community_id": person["community_id"],
            "person_id": person["id"],
            "channel": CHANNEL,
            "chat_key": str(FIRST_CHAT + person["id"]),
            "last_seen_at": now,
        }


def _posts(scale: Scale, now: datetime) -> Iterator[dict[str, Any]]:
    number = 0
    for community in range(1, scale.communities + 1):
        grids = range((community - 1) * GRIDS + 1, community * GRIDS + 1)
        held: list[tuple[str, int, int | None]] = [("grid_worker", unit_of_grid(grid), grid) for grid in grids]
        held += [("branch_secretary", unit_of_grid(grid), grid) for grid in grids]
        held += [
            ("property_staff", company(community), None),
            ("community_secretary", committee(community), None),
            ("department_liaison", department(community), None),
        ]
        for role, unit, grid in held:
            number += 1
            yield {
                "id": number,
                "community_id": community,
                "person_id": number,
                "role": role,
                "unit_id": unit,
                "grid_id": grid,
                "since": now,
            }
