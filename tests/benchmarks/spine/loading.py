"""A million open cases with reporters, history and what is due on them, written past the use cases: they would take hours."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.simulation import TEXTS
from tests.benchmarks.spine import city
from workflows.database import Database
from workflows.models import Case, CaseEvent, FollowUp, Reporter, Whistle
from workflows.policy.measures import KEEPS_THE_CLOCK, MARKERS

_AT_ONCE = 20_000
_HOUR = timedelta(hours=1)
# Of a hundred cases: where they stand, at which rung, and what has been done with them.
_STANDING = (
    (38, "with_grid_branch", "grid_branch", ("open",)),
    (22, "with_property", "property", ("open", "hand_to_property")),
    (14, "with_community", "community", ("open", "hand_to_community")),
    (8, "with_department", "department", ("open", "hand_to_community", "blow_whistle")),
    (9, "to_judge", "property", ("open", "hand_to_property", "report_result")),
    (9, "solved", "property", ("open", "hand_to_property", "report_result", "judge_solved")),
)
_PASSED = {
    "open": 0,
    "hand_to_property": 1,
    "hand_to_community": 1,
    "blow_whistle": 2,
    "report_result": 4,
    "judge_solved": 8,
}
_LEADS_TO = {
    "open": ("with_grid_branch", "grid_branch"),
    "hand_to_property": ("with_property", "property"),
    "hand_to_community": ("with_community", "community"),
    "blow_whistle": ("with_department", "department"),
    "report_result": ("to_judge", "property"),
    "judge_solved": ("solved", "property"),
}
_COLUMNS: dict[Any, tuple[str, ...]] = {
    Case: (
        "id", "community_id", "number", "category", "text", "estate_id", "grid_id", "estate_text", "building_text",
        "unit_text", "room_text", "place_text", "status", "rung", "holder_unit_id", "department_unit_id",
        "about_committee", "about_grid", "verified", "proactive", "opened_at", "rung_started_at", "rung_due_at",
        "whole_due_at", "result", "result_kind", "solved_at_rung", "verdict", "reopened", "refusals", "closed_at", "told_at",
        "touched_at", "last_marker", "last_step",
    ),
    Reporter: ("id", "community_id", "case_id", "person_id", "first", "on_behalf_of", "consent", "verdict", "joined_at"),
    CaseEvent: (
        "id", "community_id", "case_id", "at", "actor_id", "capacity", "action", "from_status", "to_status", "rung",
        "holder_unit_id", "note", "data",
    ),
    Whistle: (
        "id", "community_id", "case_id", "department_unit_id", "reason", "sent_at", "due_at", "state", "answer",
        "proposed_owner",
    ),
    FollowUp: ("id", "community_id", "case_id", "kind", "due_at", "data"),
}  # fmt: skip


def _last(path: Sequence[str]) -> tuple[str, str]:
    """`Case.last_marker` and `Case.last_step`."""
    markers = [action for action in path if action in MARKERS]
    return markers[-1] if markers else "", [action for action in path if action not in KEEPS_THE_CLOCK][-1]


@dataclass
class Load:
    """Cases as of `now`: opened within the last weeks, nothing due yet, everything due within the next days."""

    database: Database
    scale: city.Scale
    now: datetime
    loaded: int = 0
    open: int = 0
    _dice: Random = field(default_factory=lambda: Random(7))
    _ids: dict[str, int] = field(
        default_factory=lambda: {"follow_ups": 1000}
    )  # the first ones are the digests' weekly rows
    _times: dict[int, Any] = field(default_factory=dict)

    async def up_to(self, open_cases: int) -> None:
        """Add cases until so many are open; indexes are made anew afterwards, and PostgreSQL looks over its tables."""
        async with self.database._writer.connect() as connection, connection.begin():
            await self._without_indexes(connection, "drop")
            while self.open < open_cases:
                rows: dict[Any, list[Sequence[Any]]] = {model: [] for model in _COLUMNS}
                while len(rows[Case]) < _AT_ONCE and self.open < open_cases:
                    for model, row in self._case():
                        rows[model].append(row)
                for model, of_it in rows.items():
                    await self._write(connection, model.__table__, _COLUMNS[model], of_it)
            await self._without_indexes(connection, "create")
            if not self.database.sqlite:
                await self._numbers_go_on(connection)
        if not self.database.sqlite:
            async with self.database._writer.connect() as connection:
                loose = await connection.execution_options(isolation_level="AUTOCOMMIT")
                await loose.execute(text("VACUUM ANALYZE"))

    async def _without_indexes(self, connection: AsyncConnection, what: str) -> None:
        for model in _COLUMNS:
            for index in model.__table__.indexes:
                await connection.run_sync(getattr(index, what), checkfirst=True)

    async def _numbers_go_on(self, connection: AsyncConnection) -> None:
        for model in _COLUMNS:
            name = model.__table__.name
            await connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))")
            )

    async def _write(
        self, connection: AsyncConnection, table: Table, columns: Sequence[str], rows: list[Sequence[Any]]
    ) -> None:
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        if self.database.sqlite:
            marks = ", ".join("?" * len(columns))
            driver.executemany(f"INSERT INTO {table.name} ({', '.join(columns)}) VALUES ({marks})", rows)
        else:
            await driver.copy_records_to_table(table.name, columns=list(columns), records=rows)

    def _id(self, table: str) -> int:
        self._ids[table] = self._ids.get(table, 0) + 1
        return self._ids[table]

    def _at(self, hours: float) -> Any:
        """So many hours from now, as the driver takes it."""
        minutes = round(hours * 60)
        found = self._times.get(minutes)
        if found is None:
            moment = self.now + timedelta(minutes=minutes)
            found = moment.replace(tzinfo=None).isoformat(" ", "microseconds") if self.database.sqlite else moment
            self._times[minutes] = found
        return found

    def _case(self) -> Iterator[tuple[Any, Sequence[Any]]]:
        dice, number = self._dice, self.loaded
        self.loaded += 1
        _, status, rung, path = dice.choices(_STANDING, [row[0] for row in _STANDING])[0]
        estate = dice.randrange(self.scale.estates) + 1
        community, building = city.community_of(estate), str(dice.randrange(30) + 1)
        category = dice.choice(tuple(TEXTS))
        words = dice.choice(TEXTS[category][1])
        person = city.resident(self.scale, dice.randrange(self.scale.residents))[0]
        age = dice.random() ** 2 * 24 * 20 + 12  # hours; most are young, none older than three weeks
        holder = self._holder(rung, estate)
        case, closed = self._id("cases"), status == "solved"
        due = dice.random() * 24 * 5 + 0.1
        yield Case, (
            case, community, f"B{community}-{number}", category, f"{city.NAMES[estate - 1]}小区{building}号楼{words}",
            estate, city.grid_of(estate), f"{city.NAMES[estate - 1]}小区", f"{building}号楼", "", "", "", status, rung, holder,
            city.department(community), False, False, len(path) > 1, number % 20 == 0, self._at(-age), self._at(-age / 2),
            self._at(due), self._at(24 * 15 - age), "修好了" if status == "to_judge" else "",
            "done" if status == "to_judge" else "", rung if closed else "", "solved" if closed else "",
            int(number % 40 == 0), 0, self._at(-age * 0.1) if closed else None, self._at(-age * 0.3),
            self._at(-age * (1 - _PASSED[path[-1]] / 9)), *_last(path),
        )  # fmt: skip
        yield Reporter, (self._id("reporters"), community, case, person, True, "", False, "", self._at(-age))
        before = ""
        for action in path:
            to, at_rung = _LEADS_TO[action]
            when = self._at(-age * (1 - _PASSED[action] / 9))
            yield CaseEvent, (
                self._id("events"), community, case, when, person, "reporter", action, before, to, at_rung,
                self._holder(at_rung, estate), words if action == "open" else "", "{}",
            )  # fmt: skip
            before = to
        if rung == "department":
            yield Whistle, (self._id("whistles"), community, case, holder, "超出社区职权", self._at(-age * 0.7),
                            self._at(due), "sent", "", "")  # fmt: skip
        if not closed:
            self.open += 1
            yield from self._due(community, case, due, status)

    def _due(self, community: int, case: int, due: float, status: str) -> Iterator[tuple[Any, Sequence[Any]]]:
        nothing = json.dumps({})
        yield FollowUp, (self._id("follow_ups"), community, case, "clock", self._at(due), nothing)
        yield (
            FollowUp,
            (self._id("follow_ups"), community, case, "progress", self._at(0.1 + self._dice.random() * 72), nothing),
        )
        if due > 6.1 and status != "to_judge":
            yield FollowUp, (self._id("follow_ups"), community, case, "remind", self._at(due - 6), nothing)

    @staticmethod
    def _holder(rung: str, estate: int) -> int:
        community = city.community_of(estate)
        return {
            "grid_branch": city.unit_of_grid(city.grid_of(estate)),
            "property": city.company(community),
            "community": city.committee(community),
            "department": city.department(community),
        }[rung]
