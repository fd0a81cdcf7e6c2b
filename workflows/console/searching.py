"""Search: by number, words, place, category, status and time, among the cases that the viewer may see."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from sqlalchemy import ColumnElement, func, or_, select

from workflows.console.board import STATUSES, Lane
from workflows.console.rows import COLUMNS, CaseRow, is_late_step, is_late_whole, rows_of
from workflows.console.viewer import Viewer
from workflows.models import Case, Reporter
from workflows.office import Office
from workflows.policy.lifecycle import CLOSED, Status

PAGE = 50
MOST_WORDS = 6
_FETCH = 500  # rows that are turned into words at once: the chats go on in between


@dataclass(frozen=True)
class Query:
    """What is looked for. Empty: everything there is."""

    words: str = ""
    category: str = ""
    state: str = ""  # a status, a lane of the board, or open | closed | late | late_whole
    estate_id: int | None = None
    grid_id: int | None = None
    since: date | None = None  # opened on this day or later
    until: date | None = None  # opened on this day or earlier
    page: int = 1

    @property
    def empty(self) -> bool:
        """Whether nothing narrows it."""
        return not any((self.words, self.category, self.state, self.estate_id, self.grid_id, self.since, self.until))


@dataclass(frozen=True)
class Found:
    """A page of what was found, and how many there are."""

    query: Query
    total: int
    rows: list[CaseRow]

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // PAGE))


async def search(office: Office, viewer: Viewer, query: Query) -> Found:
    """One page, the newest first."""
    where = _conditions(office, viewer, query)
    total = (await office.session.execute(select(func.count()).select_from(Case).where(*where))).scalar_one()
    page = min(max(1, query.page), max(1, -(-total // PAGE)))
    rows = await office.session.execute(
        select(Case).where(*where).order_by(Case.id.desc()).limit(PAGE).offset((page - 1) * PAGE)
    )
    return Found(
        query, total, await rows_of(office.session, rows.scalars(), office.now, office.rules, office.directory)
    )


async def everything(office: Office, viewer: Viewer, query: Query) -> AsyncIterator[list[tuple[CaseRow, int]]]:
    """All that is found with its number of reporters, some thousand at a time, for the export."""
    last: int | None = None
    reporters = (
        select(func.count())
        .where(Reporter.case_id == Case.id, Reporter.left_at.is_(None))
        .correlate(Case)
        .scalar_subquery()
    )
    where = _conditions(office, viewer, query)
    # What a row shows, and not whole cases: to make 100,000 objects of 40 columns takes seconds.
    wanted = select(*COLUMNS, reporters.label("reporters")).where(*where).order_by(Case.id.desc()).limit(_FETCH)
    while True:
        found = (await office.session.execute(wanted if last is None else wanted.where(Case.id < last))).all()
        if not found:
            return
        rows = await rows_of(office.session, found, office.now, office.rules, office.directory)
        yield [(row, one.reporters) for row, one in zip(rows, found, strict=True)]
        last = found[-1].id


def _conditions(office: Office, viewer: Viewer, query: Query) -> list[ColumnElement[bool]]:
    where = [viewer.sees()]
    names = office.rules.categories
    for word in query.words.split()[:MOST_WORDS]:
        where.append(_word(word, [code for code, name in names.items() if word in name]))
    if query.category:
        where.append(Case.category == query.category)
    if query.state:
        where.append(_state(query.state, office.now))
    if query.estate_id is not None:
        where.append(Case.estate_id == query.estate_id)
    if query.grid_id is not None:
        where.append(Case.grid_id == query.grid_id)
    zone = office.rules.zone
    if query.since is not None:
        where.append(Case.opened_at >= _midnight(query.since, zone))
    if query.until is not None:
        where.append(Case.opened_at < _midnight(query.until + timedelta(days=1), zone))
    return where


def _word(word: str, categories: list[str]) -> ColumnElement[bool]:
    """A word of the report, of its place or of its category, or a part of its number; 5号楼 finds building 5."""
    columns = (Case.text, Case.place_text, Case.estate_text)
    ways = [column.contains(word, autoescape=True) for column in columns]
    ways.append(Case.number.contains(word.upper(), autoescape=True))
    if categories:
        ways.append(Case.category.in_(categories))
    building = word.removesuffix("楼").removesuffix("号").removesuffix("栋")
    if building and building != word:
        ways.append(Case.building_text == building)
    return or_(*ways)


def _state(state: str, now: datetime) -> ColumnElement[bool]:
    match state:
        case "open":
            return Case.closed_at.is_(None)
        case "closed":
            return Case.status.in_(sorted(CLOSED))
        case "late_whole":
            return is_late_whole(now)
        case "late":
            return or_(is_late_step(now), is_late_whole(now))
        case _ if state in list(Lane):
            return Case.status.in_(STATUSES[Lane(state)])
        case _ if state in list(Status):
            return Case.status == state
        case _:
            return Case.id.is_(None)


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(0), zone)
