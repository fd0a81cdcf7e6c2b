"""A community with as many cases as are asked for, straight into the tables: for measuring, not for showing."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy import insert, select, text

from bot.simulation import TEXTS
from workflows.database import Database
from workflows.directory import Directory, EstateCard
from workflows.directory_file import import_file
from workflows.models import Case, CaseEvent, Community, Media, Person, Reporter, Whistle
from workflows.policy.lifecycle import CLOSED, RUNG_OF, Action, Rung, Status
from workflows.policy.measures import KEEPS_THE_CLOCK, MARKERS

NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
DAYS = 3 * 365
NAME = "仕奇社区"
_CHUNK = 4000
_RESIDENTS = 5000

# How a case goes: the action, and the status it leads to.
_SOLVED = (
    (Action.VERIFY, Status.WITH_GRID),
    (Action.HAND_TO_PROPERTY, Status.WITH_PROPERTY),
    (Action.REPORT_RESULT, Status.TO_CONFIRM),
    (Action.CONFIRM, Status.TO_JUDGE),
    (Action.JUDGE_SOLVED, Status.SOLVED),
)
_SILENT = (*_SOLVED[:4], (Action.ASK_AGAIN, Status.TO_JUDGE), (Action.CLOSE_UNANSWERED, Status.UNANSWERED))
_CLIMBS = (
    (Action.HAND_TO_PROPERTY, Status.WITH_PROPERTY),
    (Action.CANNOT_SOLVE, Status.WITH_COMMUNITY),
    (Action.BLOW_WHISTLE, Status.WITH_DEPARTMENT),
    (Action.REPORT_RESULT, Status.TO_CONFIRM),
    (Action.CONFIRM, Status.TO_JUDGE),
    (Action.JUDGE_SOLVED, Status.SOLVED),
)
_REFUSED = (
    *_CLIMBS[:3],
    (Action.REFUSE, Status.WITH_COMMUNITY),
    (Action.BLOW_WHISTLE, Status.WITH_DEPARTMENT),
    *_CLIMBS[3:],
)
_BACK = (
    *_SOLVED[:4],
    (Action.JUDGE_PARTLY, Status.WITH_PROPERTY),
    (Action.REPORT_RESULT, Status.TO_CONFIRM),
    (Action.CONFIRM, Status.TO_JUDGE),
    (Action.JUDGE_SOLVED, Status.SOLVED),
)
_BY = {
    Action.VERIFY: "grid_worker",
    Action.HAND_TO_PROPERTY: "grid_worker",
    Action.CONFIRM: "grid_worker",
    Action.CANNOT_SOLVE: "property",
    Action.BLOW_WHISTLE: "community",
    Action.REFUSE: "department",
    Action.JUDGE_SOLVED: "reporter",
    Action.JUDGE_PARTLY: "reporter",
}
_WAYS = ((_SOLVED, 55), (_SILENT, 20), (_CLIMBS, 13), (_REFUSED, 5), (_BACK, 7))


@dataclass
class _Rows:
    """One chunk, by table."""

    cases: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    reporters: list[dict[str, Any]] = field(default_factory=list)
    whistles: list[dict[str, Any]] = field(default_factory=list)
    media: list[dict[str, Any]] = field(default_factory=list)


async def fill(
    database: Database, directory_file: Path, number: int, *, days: int = DAYS, photos: bool = True, seed: int = 1
) -> int:
    """Migrate, import the directory, and give one community so many cases in the days before NOW; returns its id.

    `photos` are entries of the register without a picture behind them.
    """
    await database.migrate()
    async with database.writing() as session:
        await import_file(session, directory_file, NOW - timedelta(days=days + 1))
        directory = await Directory.load(session)
        community = (await session.execute(select(Community.id).where(Community.name == NAME))).scalar_one()
        first = (await session.execute(select(Person.id).order_by(Person.id.desc()).limit(1))).scalar_one() + 1
        persons = [
            {"id": first + n, "community_id": community, "name": f"居民{n}", "created_at": NOW}
            for n in range(_RESIDENTS)
        ]
        await session.execute(insert(Person), persons)
    maker = _Maker(directory, community, range(first, first + _RESIDENTS), Random(seed), timedelta(days=days), photos)
    for rows in maker.chunks(number):
        async with database.writing() as session:
            tables = (
                (Case, rows.cases), (CaseEvent, rows.events), (Reporter, rows.reporters),
                (Whistle, rows.whistles), (Media, rows.media),
            )  # fmt: skip
            for table, values in tables:
                if values:
                    await session.execute(insert(table), values)
    async with database.writing() as session:
        if not database.sqlite:
            for sequence in ("cases", "case_events", "reporters", "whistles", "persons"):
                await session.execute(text(f"SELECT setval('{sequence}_id_seq', (SELECT max(id) FROM {sequence}))"))
        await session.execute(text("ANALYZE"))
    return int(community)


def _by_day(moment: datetime) -> datetime:
    """People report between eight and nine in the evening (Hohhot's clock); what came first stays first."""
    local = moment + timedelta(hours=8)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    awake = midnight + timedelta(hours=8) + (local - midnight) * 13 / 24
    return min(awake - timedelta(hours=8), NOW - timedelta(minutes=1))


class _Maker:
    """Makes up cases; the same ones for the same seed."""

    def __init__(
        self,
        directory: Directory,
        community: int,
        persons: range,
        random: Random,
        span: timedelta,
        photos: bool,
    ) -> None:
        self._span, self._photos = span, photos
        self._directory = directory
        self._community = community
        self._persons = persons
        self._random = random
        self._estates = directory.estates_of(community)
        self._departments = directory.units_of(community, "department")
        self._event = self._whistle = 0

    def chunks(self, number: int) -> Iterator[_Rows]:
        """All of it, a few thousand cases at a time."""
        step = self._span / number
        for begin in range(0, number, _CHUNK):
            rows = _Rows()
            for n in range(begin, min(number, begin + _CHUNK)):
                self._case(rows, n + 1, _by_day(NOW - step * (number - n)))
            yield rows

    def _case(self, rows: _Rows, case_id: int, opened: datetime) -> None:
        random, estate = self._random, self._random.choice(self._estates)
        category = random.choices(list(TEXTS), [weight for weight, _ in TEXTS.values()])[0]
        buildings = self._directory.buildings_of(estate.id)
        building = random.choice(buildings) if buildings and random.random() < 0.8 else None
        about = category == "property_service" and random.random() < 0.5
        answering = self._directory.departments_for(self._community, category)
        department = answering[0] if answering else random.choice(self._departments)
        row = {
            "id": case_id, "community_id": self._community, "number": f"SQ{opened:%y%m%d}-{case_id % 1000:03d}",
            "category": category, "text": random.choice(TEXTS[category][1]), "estate_id": estate.id,
            "building_id": building.id if building else None, "grid_id": building.grid_id if building else estate.grid_id,
            "estate_text": estate.name, "building_text": building.number if building else "",
            "place_text": "" if building else random.choice(("东门口", "小广场", "西墙外")), "verified": True,
            "about_unit_id": estate.property_unit_id if about else None,
            "proactive": random.random() < 0.06, "opened_at": opened, "whole_due_at": opened + timedelta(days=15),
            "department_unit_id": department.id,
        }  # fmt: skip
        self._goes(rows, row, estate, opened)
        rows.cases.append(row)
        for person in random.sample(self._persons, 1 if random.random() < 0.8 else 3):
            first = not any(r["case_id"] == case_id for r in rows.reporters[-3:])
            rows.reporters.append(
                {"community_id": self._community, "case_id": case_id, "person_id": person, "joined_at": opened, "first": first}
            )  # fmt: skip
        if self._photos and random.random() < 0.2:
            rows.media.append(
                {"id": f"photo{case_id}", "community_id": self._community, "case_id": case_id, "width": 800, "height": 600,
                 "size": 90_000, "created_at": opened}
            )  # fmt: skip

    def _goes(self, rows: _Rows, row: dict[str, Any], estate: EstateCard, opened: datetime) -> None:
        """Its history, as far as it has come by now."""
        at, status = opened, Status.WITH_GRID
        rung, holder, reopened, refusals = Rung.GRID_BRANCH, self._holder(row, estate, Rung.GRID_BRANCH), 0, 0
        data = {"category": row["category"], "estate": row["estate_text"], "building": row["building_text"],
                "place": row["place_text"], "proactive": row["proactive"], "whole_due": row["whole_due_at"].isoformat()}  # fmt: skip
        self._tell(rows, row, at, Action.OPEN, "", status, rung, holder, data)
        way = self._random.choices([way for way, _ in _WAYS], [weight for _, weight in _WAYS])[0]
        started = at
        for action, leads_to in way:
            after = at + timedelta(hours=self._random.expovariate(1 / 40))
            if after >= NOW:
                break
            at, before, status = after, status, leads_to
            started = at
            rung = RUNG_OF.get(status, rung)
            holder = self._holder(row, estate, rung)
            refused = {"refused_by": self._directory.unit(row["department_unit_id"]).name}
            self._tell(rows, row, at, action, before, status, rung, holder, refused if action is Action.REFUSE else {})
            reopened += action is Action.JUDGE_PARTLY
            refusals += action is Action.REFUSE
            if action is Action.BLOW_WHISTLE:
                self._whistle += 1
                rows.whistles.append(
                    {"id": self._whistle, "community_id": self._community, "case_id": row["id"], "reason": "社区权限外",
                     "department_unit_id": row["department_unit_id"], "sent_at": at, "due_at": at + timedelta(days=5),
                     "state": "solved"}
                )  # fmt: skip
        row |= {
            "status": status, "rung": rung, "first_rung": Rung.GRID_BRANCH, "holder_unit_id": holder, "rung_started_at": started,
            "rung_due_at": started + timedelta(days=3), "closed_at": at if status in CLOSED else None,
            "solved_at_rung": rung if status is Status.SOLVED else "", "verdict": "solved" if status is Status.SOLVED else "",
            "reopened": reopened, "refusals": refusals, "told_at": at,
        }  # fmt: skip

    def _holder(self, row: dict[str, Any], estate: EstateCard, rung: Rung) -> int | None:
        match rung:
            case Rung.GRID_BRANCH:
                return self._directory.branch_of(row["grid_id"])
            case Rung.PROPERTY:
                return estate.property_unit_id or self._directory.community_unit(self._community)
            case Rung.COMMUNITY:
                return self._directory.community_unit(self._community)
            case Rung.DEPARTMENT:
                return int(row["department_unit_id"])

    def _tell(
        self,
        rows: _Rows,
        row: dict[str, Any],
        at: datetime,
        action: Action,
        before: str,
        status: Status,
        rung: Rung,
        holder: int | None,
        data: dict[str, Any],
    ) -> None:
        self._event += 1
        row["touched_at"] = at
        row["last_marker"] = action if action in MARKERS else row.get("last_marker", "")
        row["last_step"] = row.get("last_step", "") if action in KEEPS_THE_CLOCK else action
        if action is Action.REPORT_RESULT:
            by = "department" if rung is Rung.DEPARTMENT else "property"
        else:
            by = _BY.get(action) or ("reporter" if action is Action.OPEN else "system")
        rows.events.append(
            {"id": self._event, "community_id": self._community, "case_id": row["id"], "at": at, "actor_id": None,
             "capacity": by, "action": action, "from_status": before, "to_status": status, "rung": rung,
             "holder_unit_id": holder, "data": data}
        )  # fmt: skip
