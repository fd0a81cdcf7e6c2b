"""The directory as it would be: one entry changed, held against the rules of the directory file before anything is kept."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select

from workflows.console.viewer import Viewer
from workflows.directory import Directory
from workflows.directory_file.checking import checked
from workflows.directory_file.exporting import register_of
from workflows.directory_file.register import Problem, Register, Row
from workflows.directory_file.vocabulary import TABLE
from workflows.models import Building, Estate, Grid, Landmark, Unit
from workflows.office import Office

Thing = Unit | Grid | Estate | Building | Landmark


class Kind(StrEnum):
    """What can be edited and closed: the tables of the directory file."""

    UNIT = "units"
    GRID = "grids"
    ESTATE = "estates"
    BUILDING = "buildings"
    LANDMARK = "landmarks"


MODELS: Mapping[Kind, type[Thing]] = {
    Kind.UNIT: Unit,
    Kind.GRID: Grid,
    Kind.ESTATE: Estate,
    Kind.BUILDING: Building,
    Kind.LANDMARK: Landmark,
}
# What a form may set; the rest of a row is not for it to say.
FIELDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.UNIT: ("name", "kind", "phone", "contact", "hours", "answers_for"),
    Kind.GRID: ("name", "branch"),
    Kind.ESTATE: ("name", "aliases", "grid", "property", "committee", "lat", "lon"),
    Kind.BUILDING: ("estate", "numbers", "units", "grid"),
    Kind.LANDMARK: ("name", "aliases", "grid"),
}
THIS = "这一条"


class NoSuchEntry(LookupError):
    """The community has no such unit or place, or it was closed."""


class EntryRefused(Exception):
    """It was not kept; `said` has a sentence for each field that is wrong ("": for the whole). Nothing was changed."""

    def __init__(self, said: Mapping[str, str]) -> None:
        super().__init__("；".join(said.values()))
        self.said = dict(said)


@dataclass(frozen=True)
class Entry:
    """A unit or place as the file has it, and the mark by which a change made meanwhile is noticed."""

    id: int
    kind: Kind
    values: Mapping[str, str]
    mark: str


def mark_of(values: Mapping[str, str]) -> str:
    """Another one as soon as anything is different."""
    told = json.dumps(sorted((key, value) for key, value in values.items() if value), ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


async def register(office: Office, viewer: Viewer) -> Register:
    """The community's rows as they are; each says of itself where it stands in words."""
    found = await register_of(office.session, viewer.community_id)
    for table, rows in found.rows.items():
        for row in rows:
            row.where = f"{TABLE[table].sheet}“{row['name'] or row['estate'] or row['person']}”"
    return found


async def thing(office: Office, viewer: Viewer, kind: Kind, entry_id: int) -> Thing:
    """The unit or place itself.

    Raises:
        NoSuchEntry: there is none in this community that is open.
    """
    model = MODELS[kind]
    row: Thing | None = await office.session.scalar(
        select(model)
        .where(model.id == entry_id, model.community_id == viewer.community_id, model.closed_at.is_(None))
        .execution_options(populate_existing=True)
    )
    if row is None:
        raise NoSuchEntry(f"{kind} {entry_id}")
    return row


def row_of(found: Register, kind: Kind, name: str) -> Row:
    """The row with this name."""
    return next(row for row in found.rows[kind] if row["name"] == name)


@dataclass(frozen=True)
class Judged:
    """What a draft brings with it: reminders that were not there before."""

    reminders: Sequence[str]


def judge(before: Register, draft: Register, kind: Kind) -> Judged:
    """Hold the draft against the rules; afterwards its rows call every place and unit by its one name.

    Raises:
        EntryRefused: what it has of errors that were not there before.
    """
    known = {(problem.what, problem.remedy) for problem in checked(deepcopy(before))}
    fresh = [problem for problem in checked(draft) if (problem.what, problem.remedy) not in known]
    if wrong := [problem for problem in fresh if problem.serious]:
        raise EntryRefused(_by_field(wrong, kind))
    return Judged([sentence(problem) for problem in fresh])


def _by_field(problems: Iterable[Problem], kind: Kind) -> dict[str, str]:
    """At the field that was filled in; what is another table's stands above the form."""
    said: dict[str, str] = {}
    for problem in problems:
        here = problem.column in FIELDS[kind] and problem.where.startswith((THIS, TABLE[kind].sheet))
        field = problem.column if here else ""
        told = sentence(problem) if here else f"{problem.where}：{sentence(problem)}"
        said[field] = f"{said[field]}{told}" if field in said else told
    return said


def sentence(problem: Problem) -> str:
    """As a person reads it beside the field."""
    return f"{problem.what}。{problem.remedy.rstrip('。')}。" if problem.remedy else f"{problem.what}。"


def lost_by_the_routes(office: Office, viewer: Viewer, after: Directory) -> list[str]:
    """Names that rows of config.yml use and that would mean nothing any more: the next start would refuse them."""
    here, routes = viewer.community_id, office.rules.ladder.routes
    departments = {route.department for route in routes if route.department}
    lost = [
        name
        for name in sorted(departments)
        if office.directory.department(here, name) is not None and after.department(here, name) is None
    ]
    gone = {card.name for card in office.directory.estates_of(here)} - {card.name for card in after.estates_of(here)}
    return lost + sorted(gone & {estate for route in routes for estate in route.estates})
