"""The weekly digest: to each audience its own, with silence and what is overdue counted as what they are."""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Executable, and_, case, exists, func, literal, or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from workflows.case_file import Rules, place_sentence
from workflows.directory import Directory
from workflows.models import Case, CaseEvent, Community, DigestIssue, FollowUp, Person, Post, Reporter, Whistle
from workflows.notices import Notice, NoticeKind
from workflows.people import People
from workflows.policy.lifecycle import CLOSED, OPEN, RUNG_OF, Action, Rung, Status
from workflows.policy.permissions import Relation, Role

KIND = "digest"  # of the follow-up that sends it
SOON = timedelta(days=3)
AGAIN = timedelta(days=30)
YOUNG = 2  # days in which a running week may have nothing to tell yet
SHOWN = 12  # lines of a list that travel with a digest; its total is always the whole
_AT_ONCE = 400  # rows in one INSERT

# A neighbour's private affairs and complaints are nobody else's news, solved or not.
PRIVATE = frozenset(
    {
        "neighbor_dispute",
        "social_aid",
        "health_service",
        "employment",
        "training",
        "land",
        "public_security",
        "property_service",
        "other_request",
    }
)
# A resident's last word in a week counts once. Asked twice without an answer is a word too: silence.
WORDS = (
    Action.JUDGE_SOLVED,
    Action.JUDGE_PARTLY,
    Action.JUDGE_NOT,
    Action.REOPEN,
    Action.CLOSE_UNANSWERED,
    Action.CLOSE_UNFOUNDED,
)
SENT_BACK = (Action.JUDGE_PARTLY, Action.JUDGE_NOT, Action.REOPEN)
ANSWERS = (Action.REPORT_RESULT, Action.PLAN, Action.REFUSE)
# The last of these tells how a matter stands that a department has: called, promised, or past its day.
MARKERS = (Action.BLOW_WHISTLE, Action.REPORT_RESULT, Action.PLAN, Action.OVERDUE)
AT_DEPARTMENT = (Status.WITH_DEPARTMENT, Status.WAITING_FOR_RESIDENT)
# Silence lower down climbs at once: only here can a step stay past its time.
STAYS_LATE = (Status.WITH_COMMUNITY, Status.WITH_DEPARTMENT)
# After everything else the step has a new deadline (or has found out that the old one is over: OVERDUE).
KEEPS_THE_CLOCK = (
    Action.ACCEPT,
    Action.VERIFY,
    Action.ASK_BUILDING_HEAD,
    Action.ASK_RESIDENT,  # paused, and then it goes on
    Action.SUPPLY,
    Action.RESUME,
    Action.REMIND,
    Action.JOIN,
    Action.LEAVE,
    Action.ADD,
    Action.RECLASSIFY,
    Action.RELOCATE,
    Action.URGE,
    Action.COMMENT,
)


class Audience(StrEnum):
    """For whom a digest is."""

    RESIDENT = "resident"
    GRID = "grid"
    PROPERTY = "property"
    COMMUNITY = "community"
    DEPARTMENT = "department"


AUDIENCE_OF = {
    Role.GRID_WORKER: Audience.GRID,
    Role.BRANCH_SECRETARY: Audience.GRID,
    Role.PROPERTY_STAFF: Audience.PROPERTY,
    Role.COMMUNITY_SECRETARY: Audience.COMMUNITY,
    Role.COMMUNITY_STAFF: Audience.COMMUNITY,
    Role.DEPARTMENT_LIAISON: Audience.DEPARTMENT,
}


# ---- when


@dataclass(frozen=True)
class Week:
    """An ISO week of the neighbourhood's own calendar: Monday midnight to Monday midnight in its zone."""

    monday: date
    zone: tzinfo

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo) -> "Week":
        """The week that `moment` falls into there."""
        day = moment.astimezone(zone).date()
        return cls(day - timedelta(days=day.weekday()), zone)

    @classmethod
    def parse(cls, key: str, zone: tzinfo) -> "Week":
        """The week of a key such as 2026-W48.

        Raises:
            ValueError: no such week.
        """
        found = re.fullmatch(r"(\d{4})-W(\d{2})", key)
        if not found:
            raise ValueError(f"{key!r} is no week: write e.g. 2026-W48")
        return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1), zone)

    @property
    def key(self) -> str:
        """As it is stored, e.g. 2026-W48."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02d}"

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return datetime.combine(self.monday, time(0), self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return datetime.combine(self.monday + timedelta(days=7), time(0), self.zone)

    def previous(self) -> "Week":
        """The week before."""
        return Week(self.monday - timedelta(days=7), self.zone)


def next_issue(after: datetime, weekday: int, at: time, zone: tzinfo) -> datetime:
    """The next time after `after` at which the digest goes out; `weekday` 1 is Monday."""
    local = after.astimezone(zone)
    day = local.date() + timedelta(days=(weekday - local.isoweekday()) % 7)
    issue = datetime.combine(day, at, zone)
    return issue if issue > local else datetime.combine(day + timedelta(days=7), at, zone)


def week_to_tell(moment: datetime, zone: tzinfo, *, quiet: bool) -> Week:
    """Which week somebody means who asks for "the digest" at `moment`.

    The running one; but on its Monday or Tuesday, while nothing has happened in it yet (`quiet`), the one before.
    """
    running = Week.of(moment, zone)
    begun = (moment.astimezone(zone).date() - running.monday).days < YOUNG
    return running.previous() if begun and quiet else running


# ---- the numbers


@dataclass(frozen=True)
class Share:
    """So many of so many. The rate of nothing is not 100 %: it is None."""

    part: int
    whole: int

    @property
    def rate(self) -> float | None:
        """Between 0 and 1, or None where there was nothing to count."""
        return self.part / self.whole if self.whole else None


@dataclass(frozen=True)
class Measures:
    """What happened in a span of time, and how things stood at its end.

    A case that was closed and reopened within the span is open, not closed. Kind and place are the ones last put
    right. Withdrawn in time leaves the on-time rate; withdrawn after the deadline stays in its denominator, as
    giving up on us is no success of ours.
    """

    opened: int = 0
    proactive: int = 0  # 未诉先办
    by_category: Mapping[str, int] = field(default_factory=dict)  # opened, by code
    by_estate: Mapping[str, int] = field(default_factory=dict)  # opened, by name; "" where no estate was named
    open: int = 0  # at the end
    overdue: int = 0  # of these, past the resident's own deadline: 全程超时
    overdue_step: int = 0  # of these, past the time of whoever has it, as they were told: 这一步超时
    solved: int = 0  # closed because a resident said so
    unanswered: int = 0
    unfounded: int = 0
    withdrawn: int = 0
    merged: int = 0
    closed_in_time: int = 0  # of solved, unanswered and unfounded
    withdrawn_late: int = 0
    first_rung: int = 0  # of solved: where the case began, without climbing
    said_solved: int = 0
    said_partly: int = 0
    said_not: int = 0
    silent: int = 0  # asked twice, no answer
    reopened: int = 0  # cases that a resident sent back
    repeats: int = 0  # opened, and the same kind was reported from the same place within 30 days before
    whistles: int = 0
    whistles_solved: int = 0
    whistles_planned: int = 0
    whistles_refused: int = 0
    refused_by: Mapping[str, int] = field(default_factory=dict)
    with_department: int = 0  # at the end: waiting for the department's first word
    with_department_planned: int = 0
    with_department_overdue: int = 0

    @property
    def quiet(self) -> bool:
        """Nothing happened; what stands open is no event."""
        return not any(
            (
                self.opened,
                self.closed,
                self.withdrawn,
                self.merged,
                self.answered,
                self.silent,
                self.reopened,
                self.whistles,
                self.whistles_solved,
                self.whistles_planned,
                self.whistles_refused,
            )
        )

    @property
    def closed(self) -> int:
        """Brought to an end by somebody's work."""
        return self.solved + self.unanswered + self.unfounded

    @property
    def on_time(self) -> Share:
        """Closed in time, of everything that was closed or should have been."""
        return Share(self.closed_in_time, self.closed + self.withdrawn_late + self.overdue)

    @property
    def answered(self) -> int:
        """Cases whose resident has spoken."""
        return self.said_solved + self.said_partly + self.said_not

    @property
    def response(self) -> Share:
        """How many residents answered, of those whose answer was waited for to the end."""
        return Share(self.answered, self.answered + self.silent)

    @property
    def satisfaction(self) -> Share:
        """How many say that it is solved, of those who answered: read it beside `response`."""
        return Share(self.said_solved, self.answered)

    @property
    def first_rung_solved(self) -> Share:
        """Solved without climbing."""
        return Share(self.first_rung, self.solved)

    @property
    def whistles_open(self) -> int:
        """What departments had at the end."""
        return self.with_department + self.with_department_planned + self.with_department_overdue


# ---- what each audience gets; `over`: the week had ended when this was composed


@dataclass(frozen=True)
class CaseLine:
    """A case in one line. No words of the resident and no telephone number."""

    case_id: int
    number: str
    category: str
    place: str
    holder: str
    status: str
    days: int  # since it was opened
    due_at: datetime  # the resident's deadline for residents, the rung's for staff
    overdue: bool  # by the resident's deadline
    contact: str = ""
    overdue_step: bool = False  # by the rung's, as the desk shows it


@dataclass(frozen=True)
class Listing:
    """Cases of one sort: how many, and the most pressing of them."""

    total: int = 0
    lines: tuple[CaseLine, ...] = ()


@dataclass(frozen=True)
class Tally:
    """A name and its number, where it matters beside that of the week before."""

    name: str
    now: int
    before: int = 0


@dataclass(frozen=True)
class ResidentDigest:
    """What was solved around my home, and how my own cases stand."""

    audience = Audience.RESIDENT
    week: str
    estate: str = ""
    solved: tuple[Tally, ...] = ()  # by kind: places would point at neighbours
    mine: Listing = Listing()
    over: bool = True

    @property
    def empty(self) -> bool:
        """Nothing to tell."""
        return not self.solved and not self.mine.total

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not self.solved


@dataclass(frozen=True)
class GridDigest:
    """A grid worker's or branch secretary's week."""

    audience = Audience.GRID
    week: str
    grids: tuple[str, ...] = ()
    mine: Listing = Listing()  # at the grid's rung
    due_soon: Listing = Listing()  # of mine
    overdue: Listing = Listing()  # in my grid, whoever has them
    to_confirm: Listing = Listing()
    elsewhere: int = 0  # open in my grid, with others
    missed: int = 0  # climbed last week because nobody of the grid had answered
    silent: tuple[Tally, ...] = ()  # who let a deadline pass, by name
    overdue_step: int = 0
    overdue_whole: int = 0
    over: bool = True

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not self.missed


@dataclass(frozen=True)
class PropertyDigest:
    """A property company's week."""

    audience = Audience.PROPERTY
    week: str
    units: tuple[str, ...] = ()
    mine: Listing = Listing()
    due_soon: Listing = Listing()
    overdue: Listing = Listing()
    reported: int = 0  # results last week
    handed_up: int = 0  # 解决不了
    missed: int = 0  # climbed by silence
    returned: int = 0  # "not fixed", by resident or grid worker
    overdue_step: int = 0
    overdue_whole: int = 0
    over: bool = True

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not (self.reported or self.handed_up or self.missed or self.returned)


@dataclass(frozen=True)
class DepartmentDigest:
    """A department's whistles."""

    audience = Audience.DEPARTMENT
    week: str
    units: tuple[str, ...] = ()
    waiting: Listing = Listing()
    planned: Listing = Listing()
    overdue: Listing = Listing()
    solved: int = 0  # answers of last week
    promised: int = 0
    refused: int = 0
    returned: int = 0
    overdue_step: int = 0
    overdue_whole: int = 0
    over: bool = True

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return not (self.solved or self.promised or self.refused or self.returned)


@dataclass(frozen=True)
class CommunityDigest:
    """A community secretary's week: the numbers beside last week's, and what waits for a decision now."""

    audience = Audience.COMMUNITY
    week: str
    community: str = ""
    measures: Measures = Measures()
    before: Measures = Measures()
    by_category: tuple[Tally, ...] = ()
    by_estate: tuple[Tally, ...] = ()
    at_community: Listing = Listing()
    to_rule: Listing = Listing()  # of these: a department has refused
    late_departments: Listing = Listing()
    flagged: Listing = Listing()  # refused or sent back again and again
    overdue_here: int = 0  # of at_community, past the community's own time
    overdue: Listing = Listing()  # past the resident's deadline, whoever has them
    over: bool = True

    @property
    def quiet(self) -> bool:
        """Nothing happened in the week."""
        return self.measures.quiet


Digest = ResidentDigest | GridDigest | PropertyDigest | CommunityDigest | DepartmentDigest
_ADAPTERS: Mapping[Audience, TypeAdapter[Any]] = {
    kind.audience: TypeAdapter(kind)
    for kind in (ResidentDigest, GridDigest, PropertyDigest, CommunityDigest, DepartmentDigest)
}


def as_data(digest: Digest) -> dict[str, Any]:
    """A digest as it travels in a notice: nothing in it that JSON does not know."""
    body = _ADAPTERS[digest.audience].dump_python(digest, mode="json")
    return {"audience": digest.audience.value, "week": digest.week, "digest": body}


def from_data(data: Mapping[str, Any]) -> Digest:
    """The digest that a notice carries."""
    digest: Digest = _ADAPTERS[Audience(data["audience"])].validate_python(data["digest"])
    return digest


class Digests:
    """Counts, composes and issues digests. One instance per transaction."""

    def __init__(
        self,
        session: AsyncSession,
        now: datetime,
        rules: Rules,
        directory: Directory,
        people: People,
        tell: Callable[[Notice], None],
    ) -> None:
        self._session = session
        self._now = now
        self._rules = rules
        self._directory = directory
        self._people = people
        self._tell = tell
        self._about: dict[int, frozenset[int]] = {}
        self._measured: dict[tuple[int | None, datetime, datetime], Measures] = {}

    # ---- on demand

    async def for_person(self, person_id: int, week: Week) -> list[Digest]:
        """Every digest that this person's posts call for, and the resident's where there is something in it."""
        called = {AUDIENCE_OF.get(Role(post.role)) for post in await self._people.posts(person_id)}
        called.add(Audience.RESIDENT)
        wanted = sorted((audience for audience in called if audience), key=list(Audience).index, reverse=True)
        made = [await self.make(audience, person_id, week) for audience in wanted]
        return [digest for digest in made if not (isinstance(digest, ResidentDigest) and digest.empty)]

    async def asked_for(self, person_id: int) -> list[Digest]:
        """The digests of whoever asks for them without naming a week: see `week_to_tell`."""
        running = Week.of(self._now, self._rules.zone)
        found = await self.for_person(person_id, running)
        week = week_to_tell(self._now, self._rules.zone, quiet=all(digest.quiet for digest in found))
        return found if week == running else await self.for_person(person_id, week)

    async def make(self, audience: Audience, person_id: int, week: Week) -> Digest:
        """One digest of one person.

        Raises:
            LookupError: the person holds no post that this digest is for.
        """
        if audience is not Audience.RESIDENT and not await self._posts(person_id, audience):
            raise LookupError(f"person {person_id} holds no post for a {audience} digest")
        match audience:
            case Audience.RESIDENT:
                return await self.resident(person_id, week)
            case Audience.GRID:
                return await self.grid(person_id, week)
            case Audience.PROPERTY:
                return await self.property(person_id, week)
            case Audience.COMMUNITY:
                return await self.community(person_id, week)
            case Audience.DEPARTMENT:
                return await self.department(person_id, week)

    async def previews(self, audience: str, week: Week, limit: int = 3) -> list[Digest]:
        """What the first few people of that audience would read; nothing is sent. Empty for an unknown audience."""
        if audience not in list(Audience):
            return []
        wanted = Audience(audience)
        if wanted is Audience.RESIDENT:
            found = await self._session.execute(select(Reporter.person_id).distinct().order_by(Reporter.person_id))
        else:
            roles = [role for role, one in AUDIENCE_OF.items() if one is wanted]
            found = await self._session.execute(
                select(Post.person_id)
                .where(Post.role.in_(roles), Post.until.is_(None))
                .distinct()
                .order_by(Post.person_id)
            )
        return [await self.make(wanted, person_id, week) for person_id in list(found.scalars())[:limit]]

    async def resident(self, person_id: int, week: Week) -> ResidentDigest:
        """What was solved around their home, and their own open cases."""
        person = await self._people.person(person_id)
        return (await self._residents([person], week))[person_id]

    async def grid(self, person_id: int, week: Week) -> GridDigest:
        """The grids in which this person is grid worker or branch secretary."""
        posts = [p for p in await self._posts(person_id, Audience.GRID) if p.grid_id is not None]
        grids = {post.grid_id: post.community_id for post in posts if post.grid_id is not None}
        here = Case.grid_id.in_(list(grids))
        cases = await self._open_cases(person_id, Case.community_id.in_(set(grids.values())), here)
        mine = [c for c in cases if _at(c, Rung.GRID_BRANCH)]
        climbed = await self._happened(person_id, week, grids.values(), CaseEvent.action == Action.ESCALATE, here)
        late = [c for c in cases if self._late(c)]
        return GridDigest(
            week=week.key,
            grids=tuple(self._directory.grid(grid).name for grid in grids),
            mine=self._listing(mine),
            due_soon=self._listing(self._soon(mine)),
            overdue=self._listing(late),
            to_confirm=self._listing([c for c in cases if c.status == Status.TO_CONFIRM]),
            elsewhere=sum(1 for c in cases if not _at(c, Rung.GRID_BRANCH) and c.status != Status.TO_CONFIRM),
            missed=sum(1 for event, _ in climbed if event.from_status == Status.WITH_GRID),
            silent=await self._silent(person_id, climbed, cases),
            **self._lateness(late, week),
        )

    async def property(self, person_id: int, week: Week) -> PropertyDigest:
        """The property companies this person works for."""
        posts = await self._posts(person_id, Audience.PROPERTY)
        units, homes = _units(posts)
        cases = await self._open_cases(person_id, Case.holder_unit_id.in_(units), Case.rung == Rung.PROPERTY)
        mine = [c for c in cases if _at(c, Rung.PROPERTY)]
        theirs = await self._happened(
            person_id,
            week,
            homes,
            CaseEvent.from_status == Status.WITH_PROPERTY,
            CaseEvent.action.in_([Action.REPORT_RESULT, Action.CANNOT_SOLVE, Action.ESCALATE]),
            _holder_before().in_(units),
        )
        done = [event.action for event, _ in theirs]
        late = [c for c in mine if self._late(c)]
        return PropertyDigest(
            week=week.key,
            units=self._names(units),
            mine=self._listing(mine),
            due_soon=self._listing(self._soon(mine)),
            overdue=self._listing(late),
            reported=done.count(Action.REPORT_RESULT),
            handed_up=done.count(Action.CANNOT_SOLVE),
            missed=done.count(Action.ESCALATE),
            returned=await self._returned(person_id, week, units, homes),
            **self._lateness(late, week),
        )

    async def department(self, person_id: int, week: Week) -> DepartmentDigest:
        """The departments for which this person answers."""
        posts = await self._posts(person_id, Audience.DEPARTMENT)
        units, homes = _units(posts)
        cases = await self._open_cases(person_id, Case.holder_unit_id.in_(units), Case.rung == Rung.DEPARTMENT)
        mine = [c for c in cases if _at(c, Rung.DEPARTMENT)]
        whistles = await self._last_whistles([c.id for c in mine])
        names = await self._people.people_of(w.contact_person_id for w in whistles.values() if w.contact_person_id)
        contacts = {w.case_id: names[w.contact_person_id].name for w in whistles.values() if w.contact_person_id}
        planned = {c.id for c in mine if c.id in whistles and whistles[c.id].state == "planned"}
        answers = await self._happened(
            person_id,
            week,
            homes,
            CaseEvent.from_status == Status.WITH_DEPARTMENT,
            CaseEvent.action.in_(ANSWERS),
            _holder_before().in_(units),
        )
        done = [event.action for event, _ in answers]
        late = [c for c in mine if self._late(c)]
        waiting = [c for c in mine if not self._late(c) and c.id not in planned]
        return DepartmentDigest(
            week=week.key,
            units=self._names(units),
            waiting=self._listing(waiting, contacts),
            planned=self._listing([c for c in mine if c.id in planned and not self._late(c)], contacts),
            overdue=self._listing(late, contacts),
            solved=done.count(Action.REPORT_RESULT),
            promised=done.count(Action.PLAN),
            refused=done.count(Action.REFUSE),
            returned=await self._returned(person_id, week, units, homes),
            **self._lateness(late, week),
        )

    async def community(self, person_id: int, week: Week) -> CommunityDigest:
        """The community in whose office this person works (the first, where there are several)."""
        community = (await self._posts(person_id, Audience.COMMUNITY))[0].community_id
        now = await self.measures(community, week.start, week.end)
        before = await self.measures(community, week.previous().start, week.previous().end)
        ladder = self._rules.ladder
        pressing = await self._open_cases(
            person_id,
            Case.community_id == community,
            or_(
                Case.status.in_([Status.WITH_COMMUNITY, Status.WITH_DEPARTMENT]),
                Case.refusals >= ladder.flag_refusals,
                Case.reopened >= ladder.flag_reopenings,
                Case.whole_due_at < self._now,
            ),
        )
        here = [c for c in pressing if c.status == Status.WITH_COMMUNITY]
        whistles = await self._last_whistles([c.id for c in here if c.refusals])
        return CommunityDigest(
            week=week.key,
            community=self._directory.community(community).name,
            measures=now,
            before=before,
            by_category=_tallies(now.by_category, before.by_category, self._rules.categories),
            by_estate=_tallies(now.by_estate, before.by_estate, {"": "其他地点"}),
            at_community=self._listing(here),
            to_rule=self._listing([c for c in here if c.id in whistles and whistles[c.id].state == "refused"]),
            late_departments=self._listing(
                [c for c in pressing if c.status == Status.WITH_DEPARTMENT and self._late_step(c)]
            ),
            flagged=self._listing(
                [c for c in pressing if c.refusals >= ladder.flag_refusals or c.reopened >= ladder.flag_reopenings]
            ),
            overdue=self._listing([c for c in pressing if c.whole_due_at < self._now]),
            overdue_here=sum(1 for c in here if self._late_step(c)),
            over=self._over(week),
        )

    # ---- sending

    async def send_week(self, week: Week, community_id: int | None = None) -> int:
        """Issue the digests of a week, each once per person and audience, however often this is called.

        People with posts get theirs in any case; residents where something happened and they have not turned it off.
        """
        sent = 0
        for community in self._communities(community_id):
            sent += await self._send_posts(week, community)
            sent += await self._send_residents(week, community)
        return sent

    async def due(self, follow_up: FollowUp) -> None:
        """The handler of the weekly row: send the week before, then set the row to its next time.

        Whoever slept through several weeks sends the last one only: an old digest is no news.
        """
        await self.send_week(Week.of(self._now, self._rules.zone).previous(), follow_up.community_id)
        weekday, at = int(follow_up.data["weekday"]), time.fromisoformat(follow_up.data["at"])
        follow_up.due_at = next_issue(self._now, weekday, at, self._rules.zone)
        await self._session.flush()

    async def ensure_armed(self, weekday: int, at: time) -> None:
        """Give every community its weekly row, on the operator's day (1 is Monday) and time. Safe at every start."""
        schedule = {"weekday": weekday, "at": at.isoformat()}
        # Two processes that start at once must not both find the row missing.
        await self._session.execute(select(Community.id).order_by(Community.id).with_for_update())
        rows = await self._session.execute(
            select(FollowUp).where(FollowUp.kind == KIND, FollowUp.done_at.is_(None)).order_by(FollowUp.id)
        )
        pending = {row.community_id: row for row in rows.scalars()}
        when = next_issue(self._now, weekday, at, self._rules.zone)
        for community in self._communities(None):
            row = pending.get(community)
            if row is None:
                self._session.add(FollowUp(community_id=community, kind=KIND, due_at=when, data=schedule))
            elif row.data != schedule:
                row.data = schedule
                if row.due_at > self._now:  # what is due already goes out first
                    row.due_at = when
        await self._session.flush()

    async def _send_posts(self, week: Week, community: int) -> int:
        posts = await self._session.execute(
            select(Post.person_id, Post.role)
            .where(Post.community_id == community, Post.role.in_(list(AUDIENCE_OF)), Post.until.is_(None))
            .order_by(Post.id)
        )
        roles: dict[tuple[int, Audience], Role] = {}
        for person_id, role in posts:
            roles.setdefault((person_id, AUDIENCE_OF[Role(role)]), Role(role))
        claimed = await self._claim(list(roles), week, community)
        for person_id, audience in claimed:
            data = as_data(await self.make(audience, person_id, week))
            self._tell(Notice(person_id, NoticeKind.DIGEST, None, roles[person_id, audience], data))
        return len(claimed)

    async def _send_residents(self, week: Week, community: int) -> int:
        in_week = (Case.status == Status.SOLVED, Case.closed_at >= week.start, Case.closed_at < week.end)
        solved = select(Case.estate_id).where(*in_week, Case.estate_id.is_not(None))
        waiting = (
            select(Reporter.person_id)
            .join(Case, Case.id == Reporter.case_id)
            .where(Reporter.left_at.is_(None), Case.closed_at.is_(None))
        )
        told = select(DigestIssue.person_id).where(
            DigestIssue.audience == Audience.RESIDENT, DigestIssue.week == week.key
        )
        rows = await self._session.execute(
            select(Person)
            .where(
                Person.community_id == community,
                Person.digest == "weekly",
                or_(Person.home_estate_id.in_(solved), Person.id.in_(waiting)),
                Person.id.not_in(told),
            )
            .order_by(Person.id)
        )
        found = await self._residents(rows.scalars().all(), week)
        full = {(person, Audience.RESIDENT): digest for person, digest in found.items() if not digest.empty}
        claimed = await self._claim(list(full), week, community)
        for key in claimed:
            self._tell(Notice(key[0], NoticeKind.DIGEST, None, Relation.REPORTER, as_data(full[key])))
        return len(claimed)

    async def _claim(
        self, wanted: Sequence[tuple[int, Audience]], week: Week, community: int
    ) -> list[tuple[int, Audience]]:
        """Those of `wanted` that nobody has sent yet; the unique key decides, also between two processes."""
        insert = sqlite.insert if self._session.get_bind().dialect.name == "sqlite" else postgresql.insert
        won: set[tuple[int, Audience]] = set()
        for start in range(0, len(wanted), _AT_ONCE):
            rows = [
                {
                    "community_id": community,
                    "person_id": person_id,
                    "audience": audience,
                    "week": week.key,
                    "sent_at": self._now,
                }
                for person_id, audience in wanted[start : start + _AT_ONCE]
            ]
            claimed = await self._session.execute(
                insert(DigestIssue)
                .values(rows)
                .on_conflict_do_nothing(index_elements=[DigestIssue.person_id, DigestIssue.audience, DigestIssue.week])
                .returning(DigestIssue.person_id, DigestIssue.audience)
            )
            won |= {(person_id, Audience(audience)) for person_id, audience in claimed}
        return [key for key in wanted if key in won]

    # ---- composing

    async def _residents(self, persons: Sequence[Person], week: Week) -> dict[int, ResidentDigest]:
        homes = {p.home_estate_id for p in persons if p.home_estate_id is not None}
        solved = await self._solved_at(homes, week)
        mine = await self._waiting_for([p.id for p in persons])
        out = {}
        for person in persons:
            near = [c for c, hidden in solved.get(person.home_estate_id or 0, ()) if person.id not in hidden]
            kinds: dict[str, int] = defaultdict(int)
            for done in near:
                kinds[done.category] += 1
            out[person.id] = ResidentDigest(
                week=week.key,
                estate=self._directory.estate(person.home_estate_id).name if person.home_estate_id else "",
                solved=_tallies(kinds, {}, self._rules.categories),
                mine=self._listing(mine.get(person.id, []), by_whole=True),
                over=self._over(week),
            )
        return out

    async def _solved_at(self, estates: Collection[int], week: Week) -> dict[int, list[tuple[Case, frozenset[int]]]]:
        """Matters of the neighbourhood solved there in the week, each with those from whom it is kept."""
        rows = await self._session.execute(
            select(Case).where(
                Case.estate_id.in_(estates),
                Case.status == Status.SOLVED,
                Case.category.not_in(PRIVATE),
                Case.closed_at >= week.start,
                Case.closed_at < week.end,
            )
        )
        found: dict[int, list[tuple[Case, frozenset[int]]]] = defaultdict(list)
        for row in rows.scalars():
            found[row.estate_id or 0].append((row, await self._hidden_from(row)))
        return found

    async def _waiting_for(self, persons: Sequence[int]) -> dict[int, list[Case]]:
        found: dict[int, list[Case]] = defaultdict(list)
        for start in range(0, len(persons), _AT_ONCE):
            rows = await self._session.execute(
                select(Reporter.person_id, Case)
                .join(Case, Case.id == Reporter.case_id)
                .where(
                    Reporter.person_id.in_(persons[start : start + _AT_ONCE]),
                    Reporter.left_at.is_(None),
                    Case.closed_at.is_(None),
                )
            )
            for person_id, row in rows:
                found[person_id].append(row)
        return found

    async def _posts(self, person_id: int, audience: Audience) -> list[Post]:
        posts = await self._people.posts(person_id)
        return [post for post in posts if AUDIENCE_OF.get(Role(post.role)) is audience]

    async def _open_cases(self, person_id: int, *where: ColumnElement[bool]) -> list[Case]:
        """Open cases as this person may see them: what is about them is not among them."""
        rows = await self._session.execute(select(Case).where(Case.closed_at.is_(None), *where))
        return [c for c in rows.scalars() if person_id not in await self._hidden_from(c)]

    async def _hidden_from(self, row: Case) -> frozenset[int]:
        """Whom the case is about: it is in no digest of theirs, not even as a number."""
        if row.id not in self._about:
            self._about[row.id] = await self._people.excluded(row)
        return self._about[row.id]

    async def _happened(
        self, person_id: int, week: Week, communities: Iterable[int], *where: ColumnElement[bool]
    ) -> list[tuple[CaseEvent, Case]]:
        """Events of the week as this person may see them."""
        rows = await self._session.execute(
            select(CaseEvent, Case)
            .join(Case, Case.id == CaseEvent.case_id)
            .where(
                CaseEvent.community_id.in_(set(communities)),
                CaseEvent.at >= week.start,
                CaseEvent.at < week.end,
                *where,
            )
            .order_by(CaseEvent.id)
        )
        return [(e, c) for e, c in rows if person_id not in await self._hidden_from(c)]

    async def _returned(self, person_id: int, week: Week, units: Collection[int], homes: Collection[int]) -> int:
        """Cases that came back although one of these units had said that they were done."""
        said = aliased(CaseEvent)
        who_said = (
            select(said.holder_unit_id)
            .where(said.case_id == CaseEvent.case_id, said.id < CaseEvent.id, said.action == Action.REPORT_RESULT)
            .order_by(said.id.desc())
            .limit(1)
            .correlate(CaseEvent)
            .scalar_subquery()
        )
        back = CaseEvent.action.in_([*SENT_BACK, Action.NOT_FIXED])
        found = await self._happened(person_id, week, homes, back, who_said.in_(units))
        return len({c.id for _, c in found})

    async def _silent(
        self, person_id: int, climbed: Sequence[tuple[CaseEvent, Case]], cases: Sequence[Case]
    ) -> tuple[Tally, ...]:
        """Who let a deadline pass last week, and which building heads were asked and have not said a word."""
        names: dict[str, int] = defaultdict(int)
        for event, its_case in climbed:
            if event.from_status == Status.WITH_GRID:
                workers = await self._people.holders(Role.GRID_WORKER, grid_id=its_case.grid_id)
                persons = await self._people.people_of(w.person_id for w in workers if w.person_id != person_id)
                for person in persons.values():
                    names[person.name] += 1
            elif event.data.get("silent_unit"):
                names[str(event.data["silent_unit"])] += 1
        for head in await self._silent_heads(cases):
            names[head] += 1
        return _tallies(names, {}, {})

    async def _silent_heads(self, cases: Sequence[Case]) -> list[str]:
        asked, answer = aliased(CaseEvent), aliased(CaseEvent)
        answered = exists().where(
            answer.case_id == asked.case_id, answer.id > asked.id, answer.capacity == Relation.BUILDING_HEAD
        )
        rows = await self._session.execute(
            select(asked.case_id)
            .where(asked.case_id.in_([c.id for c in cases]), asked.action == Action.ASK_BUILDING_HEAD, ~answered)
            .distinct()
        )
        waiting = set(rows.scalars())
        names: list[str] = []
        for asking in cases:
            if asking.id in waiting and asking.building_id is not None:
                heads = await self._people.holders(
                    Role.BUILDING_HEAD,
                    Role.LIAISON,
                    building_id=asking.building_id,
                    entrance=asking.unit_text or None,
                )
                names += [p.name for p in (await self._people.people_of(h.person_id for h in heads)).values()]
        return names

    async def _last_whistles(self, cases: Collection[int]) -> dict[int, Whistle]:
        last = select(func.max(Whistle.id)).where(Whistle.case_id.in_(cases)).group_by(Whistle.case_id)
        rows = await self._session.execute(select(Whistle).where(Whistle.id.in_(last)))
        return {whistle.case_id: whistle for whistle in rows.scalars()}

    def _late(self, row: Case) -> bool:
        """The resident's deadline has passed, or that of the rung which has it."""
        return row.whole_due_at < self._now or self._late_step(row)

    def _late_step(self, row: Case) -> bool:
        """Whoever has it is past their own time."""
        return Status(row.status) in RUNG_OF and row.rung_due_at < self._now

    def _lateness(self, late: Collection[Case], week: Week) -> Any:
        return {
            "overdue_step": sum(1 for c in late if self._late_step(c)),
            "overdue_whole": sum(1 for c in late if c.whole_due_at < self._now),
            "over": self._over(week),
        }

    def _over(self, week: Week) -> bool:
        return week.end <= self._now

    def _soon(self, cases: Iterable[Case]) -> list[Case]:
        return [c for c in cases if not self._late(c) and c.rung_due_at <= self._now + SOON]

    def _listing(
        self, cases: Sequence[Case], contacts: Mapping[int, str] | None = None, *, by_whole: bool = False
    ) -> Listing:
        due: Callable[[Case], datetime] = lambda c: c.whole_due_at if by_whole else c.rung_due_at  # noqa: E731
        pressing = sorted(cases, key=lambda c: (due(c), c.id))[:SHOWN]
        return Listing(
            len(cases),
            tuple(
                CaseLine(
                    case_id=c.id,
                    number=c.number,
                    category=self._rules.categories.get(c.category, c.category),
                    place=place_sentence(c),
                    holder=self._directory.unit(c.holder_unit_id).name if c.holder_unit_id is not None else "",
                    status=c.status,
                    days=(self._now - c.opened_at).days,
                    due_at=due(c).astimezone(self._rules.zone),  # read as the neighbourhood's clock says
                    overdue=c.whole_due_at < self._now,
                    contact=(contacts or {}).get(c.id, ""),
                    overdue_step=self._late_step(c),
                )
                for c in pressing
            ),
        )

    def _names(self, units: Iterable[int]) -> tuple[str, ...]:
        return tuple(self._directory.unit(unit).name for unit in units)

    def _communities(self, community_id: int | None) -> list[int]:
        return [community_id] if community_id is not None else [c.id for c in self._directory.communities]

    # ---- counting

    async def measures(self, community_id: int | None, start: datetime, end: datetime) -> Measures:
        """The numbers of a span, counted by the database; None: of all communities together.

        The case rows answer for what still is as it was then, the history for what has moved on since.
        """
        key = (community_id, start, end)
        if key not in self._measured:
            count = _Count(self._session, self._communities(community_id), start, end, self._now)
            self._measured[key] = await count.measures()
        return self._measured[key]


class _Count:
    """One span of some communities, counted by the database."""

    def __init__(
        self, session: AsyncSession, communities: Sequence[int], start: datetime, end: datetime, now: datetime
    ) -> None:
        self._session = session
        self._communities = communities
        self._start = start
        self._end = end
        self._now = now

    async def measures(self) -> Measures:
        counted: dict[str, Any] = {}
        for part in (self._opened, self._ended, self._standing_now, self._said, self._sent_back, self._whistles):
            counted |= await part()
        return Measures(**counted, repeats=await self._repeats())

    async def _rows(self, query: Executable) -> Sequence[Any]:
        rows: Sequence[Any] = (await self._session.execute(query)).all()
        return rows

    def _events(self) -> tuple[ColumnElement[bool], ...]:
        return (
            CaseEvent.community_id.in_(self._communities),
            CaseEvent.at >= self._start,
            CaseEvent.at < self._end,
        )

    async def _opened(self) -> dict[str, Any]:
        rows = await self._rows(
            select(Case.category, Case.estate_text, Case.proactive, func.count())
            .where(Case.community_id.in_(self._communities), Case.opened_at >= self._start, Case.opened_at < self._end)
            .group_by(Case.category, Case.estate_text, Case.proactive)
        )
        by_category: dict[str, int] = defaultdict(int)
        by_estate: dict[str, int] = defaultdict(int)
        opened = proactive = 0
        for category, estate, patrol, number in rows:
            by_category[category] += number
            by_estate[estate] += number
            opened += number
            proactive += number if patrol else 0
        return {
            "opened": opened,
            "proactive": proactive,
            "by_category": dict(by_category),
            "by_estate": dict(by_estate),
        }

    async def _ended(self) -> dict[str, Any]:
        """Cases that were closed within the span and still were at its end."""
        opening, again = aliased(CaseEvent), aliased(CaseEvent)
        began = and_(opening.case_id == Case.id, opening.action == Action.OPEN)
        still_so = (
            select(
                Case.status.label("status"),
                (Case.closed_at <= Case.whole_due_at).label("in_time"),
                (Case.solved_at_rung == opening.rung).label("first"),
            )
            .join(opening, began)
            .where(Case.community_id.in_(self._communities), Case.closed_at >= self._start, Case.closed_at < self._end)
        )
        reopened = exists().where(
            again.case_id == CaseEvent.case_id,
            again.id > CaseEvent.id,
            again.at < self._end,
            again.action == Action.REOPEN,
        )
        moved_on = (
            select(
                CaseEvent.to_status.label("status"),
                (CaseEvent.at <= Case.whole_due_at).label("in_time"),
                (CaseEvent.rung == opening.rung).label("first"),
            )
            .join(Case, Case.id == CaseEvent.case_id)
            .join(opening, began)
            .where(
                *self._events(),
                CaseEvent.to_status.in_(list(CLOSED)),
                CaseEvent.from_status.in_(list(OPEN)),
                or_(Case.closed_at.is_(None), Case.closed_at >= self._end),
                ~reopened,
            )
        )
        ended = union_all(still_so, moved_on).subquery()
        columns = (ended.c.status, ended.c.in_time, ended.c.first)
        out: dict[str, int] = dict.fromkeys(("closed_in_time", "withdrawn_late", "first_rung"), 0)
        out |= {status.value: 0 for status in CLOSED}
        for status, in_time, first, number in await self._rows(select(*columns, func.count()).group_by(*columns)):
            out[status] += number
            if status in (Status.SOLVED, Status.UNANSWERED, Status.UNFOUNDED):
                out["closed_in_time"] += number if in_time else 0
            if status == Status.WITHDRAWN:
                out["withdrawn_late"] += 0 if in_time else number
            if status == Status.SOLVED:
                out["first_rung"] += number if first else 0
        return dict(out)

    async def _standing_now(self) -> dict[str, Any]:
        """What was open at the end of the span, and how it stood with the departments."""
        since = aliased(CaseEvent)
        touched = exists().where(since.case_id == Case.id, since.at >= self._end)
        unmoved = select(Case.id, Case.status, Case.rung, Case.whole_due_at).where(
            Case.community_id.in_(self._communities),
            Case.closed_at.is_(None),
            Case.opened_at < self._end,
            ~touched,
        )
        later = select(since.case_id).where(since.community_id.in_(self._communities), since.at >= self._end)
        before = aliased(CaseEvent)
        last = (
            select(func.max(before.id)).where(before.case_id.in_(later), before.at < self._end).group_by(before.case_id)
        )
        moved = (
            select(Case.id, CaseEvent.to_status, CaseEvent.rung, Case.whole_due_at)
            .join(Case, Case.id == CaseEvent.case_id)
            .where(CaseEvent.id.in_(last), CaseEvent.to_status.in_(list(OPEN)))
        )
        standing = union_all(unmoved, moved).subquery()
        marker = aliased(CaseEvent)
        mark = (
            select(marker.action)
            .where(marker.case_id == standing.c.id, marker.at < self._end, marker.action.in_(MARKERS))
            .order_by(marker.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        turn = aliased(CaseEvent)
        turned = (
            select(turn.action)
            .where(turn.case_id == standing.c.id, turn.at < self._end, turn.action.not_in(KEEPS_THE_CLOCK))
            .order_by(turn.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        at_department = and_(standing.c.rung == Rung.DEPARTMENT, standing.c.status.in_(AT_DEPARTMENT))
        each = select(
            (standing.c.whole_due_at < min(self._end, self._now)).label("late"),
            case((at_department, mark), else_="").label("mark"),
            case((standing.c.status.in_(STAYS_LATE), turned), else_="").label("turn"),
        ).subquery()
        out = dict.fromkeys(
            (
                "open",
                "overdue",
                "overdue_step",
                "with_department",
                "with_department_planned",
                "with_department_overdue",
            ),
            0,
        )
        columns = (each.c.late, each.c.mark, each.c.turn)
        for late, its_mark, its_turn, number in await self._rows(select(*columns, func.count()).group_by(*columns)):
            out["open"] += number
            out["overdue"] += number if late else 0
            out["overdue_step"] += number if its_turn == Action.OVERDUE else 0
            if its_mark == Action.PLAN:
                out["with_department_planned"] += number
            elif its_mark == Action.OVERDUE:
                out["with_department_overdue"] += number
            elif its_mark != "":
                out["with_department"] += number
        return dict(out)

    async def _said(self) -> dict[str, Any]:
        later = aliased(CaseEvent)
        spoke_later = exists().where(
            later.case_id == CaseEvent.case_id,
            later.id > CaseEvent.id,
            later.at < self._end,
            later.action.in_(WORDS),
            later.from_status != Status.WITHDRAWN,
        )
        rows = await self._rows(
            select(CaseEvent.action, func.count())
            .where(
                *self._events(),
                CaseEvent.action.in_(WORDS),
                # Taking a withdrawal back says nothing about anybody's work.
                CaseEvent.from_status != Status.WITHDRAWN,
                ~spoke_later,
            )
            .group_by(CaseEvent.action)
        )
        said: dict[str, int] = defaultdict(int, {action: number for action, number in rows})
        return {
            "said_solved": said[Action.JUDGE_SOLVED],
            "said_partly": said[Action.JUDGE_PARTLY],
            "said_not": said[Action.JUDGE_NOT] + said[Action.REOPEN],
            "silent": said[Action.CLOSE_UNANSWERED] + said[Action.CLOSE_UNFOUNDED],
        }

    async def _sent_back(self) -> dict[str, Any]:
        rows = await self._rows(
            select(func.count(CaseEvent.case_id.distinct())).where(
                *self._events(), CaseEvent.action.in_(SENT_BACK), CaseEvent.from_status != Status.WITHDRAWN
            )
        )
        return {"reopened": rows[0][0]}

    async def _repeats(self) -> int:
        """Opened in the span where the same kind was reported from the same place in the 30 days before."""
        total = 0
        for known in (True, False):  # apart, so that either can use the index over estates
            earlier = aliased(Case)
            estate = earlier.estate_id == Case.estate_id if known else earlier.estate_id.is_(None)
            before = exists().where(
                earlier.community_id == Case.community_id,
                estate,
                earlier.estate_text == Case.estate_text,
                earlier.category == Case.category,
                earlier.building_text == Case.building_text,
                or_(Case.building_text != "", earlier.place_text == Case.place_text),
                earlier.id < Case.id,
                earlier.opened_at >= _days_before(self._session, Case.opened_at, AGAIN),
            )
            rows = await self._rows(
                select(func.count()).where(
                    Case.community_id.in_(self._communities),
                    Case.opened_at >= self._start,
                    Case.opened_at < self._end,
                    Case.estate_id.is_not(None) if known else Case.estate_id.is_(None),
                    or_(Case.estate_text != "", Case.building_text != "", Case.place_text != ""),
                    before,
                )
            )
            total += rows[0][0]
        return total

    async def _whistles(self) -> dict[str, Any]:
        blown = await self._rows(
            select(func.count()).where(
                Whistle.community_id.in_(self._communities),
                Whistle.sent_at >= self._start,
                Whistle.sent_at < self._end,
            )
        )
        answers = (
            select(CaseEvent.action.label("action"), CaseEvent.data["refused_by"].as_string().label("who"))
            .where(*self._events(), CaseEvent.from_status == Status.WITH_DEPARTMENT, CaseEvent.action.in_(ANSWERS))
            .subquery()
        )
        columns = (answers.c.action, answers.c.who)
        counted: dict[str, int] = defaultdict(int)
        refused: dict[str, int] = defaultdict(int)
        for action, who, number in await self._rows(select(*columns, func.count()).group_by(*columns)):
            counted[action] += number
            if action == Action.REFUSE:
                refused[who or ""] += number
        return {
            "whistles": blown[0][0],
            "whistles_solved": counted[Action.REPORT_RESULT],
            "whistles_planned": counted[Action.PLAN],
            "whistles_refused": counted[Action.REFUSE],
            "refused_by": dict(refused),
        }


def _days_before(session: AsyncSession, moment: Any, span: timedelta) -> ColumnElement[Any]:
    """A column's time minus some days, in the words of the database at hand."""
    if session.get_bind().dialect.name == "sqlite":
        # SQLite keeps times as text; its own %f would cut the microseconds off.
        return func.strftime("%Y-%m-%d %H:%M:%S", moment, f"-{span.days} days").concat(func.substr(moment, 20))
    earlier: ColumnElement[Any] = moment - literal(span)
    return earlier


def _holder_before() -> Any:
    """Who held the case just before the event at hand."""
    earlier = aliased(CaseEvent)
    return (
        select(earlier.holder_unit_id)
        .where(earlier.case_id == CaseEvent.case_id, earlier.id < CaseEvent.id)
        .order_by(earlier.id.desc())
        .limit(1)
        .correlate(CaseEvent)
        .scalar_subquery()
    )


def _at(row: Case, rung: Rung) -> bool:
    """Whether this rung has it in hand, a question to the resident included."""
    return row.rung == rung and (Status(row.status) in RUNG_OF or row.status == Status.WAITING_FOR_RESIDENT)


def _units(posts: Iterable[Post]) -> tuple[list[int], list[int]]:
    """The units of these posts, and the communities these are in."""
    found = {post.unit_id: post.community_id for post in posts if post.unit_id is not None}
    return list(found), list(set(found.values()))


def _tallies(now: Mapping[str, int], before: Mapping[str, int], names: Mapping[str, str]) -> tuple[Tally, ...]:
    """Most first; what was there last week and is gone is told too."""
    tallies = [Tally(names.get(key, key), now.get(key, 0), before.get(key, 0)) for key in {**now, **before}]
    return tuple(sorted(tallies, key=lambda tally: (-tally.now, -tally.before, tally.name)))
