"""The measures of a span, counted by the database from cases and history."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    Subquery,
    and_,
    case,
    exists,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute, aliased

from workflows.digest.sources import Sources, within
from workflows.models import AnswerLink, Case, CaseEvent, Patrol, UpkeepTask, Whistle
from workflows.policy.lifecycle import CLOSED, OPEN, Action, Rung, Status
from workflows.policy.measures import (
    AGAIN,
    ANSWERS,
    AT_DEPARTMENT,
    CLOSING,
    DEEDS,
    KEEPS_THE_CLOCK,
    MARKERS,
    SENT_BACK,
    STAYS_LATE,
    WORDS,
    Measures,
)


@dataclass(frozen=True)
class RepeatPlace:
    """A place from which the same kind of matter came again within 30 days, and how often."""

    category: str
    estate_id: int | None
    estate: str
    building: str
    place: str
    number: int


class Counting:
    """Counts each span once, however many digests want its numbers."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._measured: dict[tuple[int | None, datetime, datetime], Measures] = {}

    async def measures(self, community_id: int | None, start: datetime, end: datetime) -> Measures:
        """The numbers of a span, counted by the database; None: of all communities together.

        The case rows answer for what still is as it was then, the history for what has moved on since.
        """
        key = (community_id, start, end)
        if key not in self._measured:
            self._measured[key] = await self._span(community_id, start, end).measures()
        return self._measured[key]

    async def opened_by_category(self, community_id: int | None, start: datetime, end: datetime) -> dict[str, int]:
        """`measures(…).by_category` alone."""
        found: dict[str, int] = (await self._span(community_id, start, end).opened())["by_category"]
        return found

    async def answers(self, community_id: int | None, start: datetime, end: datetime) -> Measures:
        """Of `measures(…)` only what was opened and what residents said: the rest stays 0."""
        span = self._span(community_id, start, end)
        counted: dict[str, Any] = await span.opened() | await span.said()
        return Measures(**counted)

    async def course(self, community_id: int | None, start: datetime, end: datetime) -> Measures:
        """Of `measures(…)` only what was opened, what was closed and what stood open: the rest stays 0."""
        span = self._span(community_id, start, end)
        counted: dict[str, Any] = await span.opened() | await span.ended() | await span.standing()
        return Measures(**counted)

    async def repeat_places(
        self, community_id: int | None, start: datetime, end: datetime, *where: ColumnElement[bool]
    ) -> list[RepeatPlace]:
        """Which places `measures(…).repeats` counts, most first, among the cases that `where` lets through."""
        return await self._span(community_id, start, end).repeat_places(*where)

    def _span(self, community_id: int | None, start: datetime, end: datetime) -> "_Span":
        sources = self._sources
        return _Span(sources.session, sources.communities(community_id), start, end, sources.now)


class _Span:
    """One span of some communities."""

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
        parts = (
            self.opened, self.ended, self.standing, self.said, self._sent_back, self._whistles, self._deeds,
            self._rounds, self._upkeep,
        )  # fmt: skip
        for part in parts:
            counted |= await part()
        return Measures(**counted, repeats=await self._repeats())

    async def opened(self) -> dict[str, Any]:
        """What was reported, of which kind and where."""
        columns = (Case.category, Case.estate_text, Case.proactive, Case.recurrence_of.is_not(None))
        by_category: Counter[str] = Counter()
        by_estate: Counter[str] = Counter()
        opened = proactive = recurrences = 0
        for category, estate, patrol, again, number in await self._grouped(
            columns, Case.community_id.in_(self._communities), within(Case.opened_at, self._start, self._end)
        ):
            by_category[category] += number
            by_estate[estate] += number
            opened += number
            proactive += number if patrol else 0
            recurrences += number if again else 0
        return {
            "opened": opened,
            "proactive": proactive,
            "recurrences": recurrences,
            "by_category": dict(by_category),
            "by_estate": dict(by_estate),
        }

    async def ended(self) -> dict[str, int]:
        """Cases that were closed within the span and still were at its end."""
        ended = self._closed_at_the_end()
        out: Counter[str] = Counter()
        for status, in_time, first, number in await self._grouped((ended.c.status, ended.c.in_time, ended.c.first)):
            out[status] += number
            if status in (Status.SOLVED, Status.UNANSWERED, Status.UNFOUNDED):
                out["closed_in_time"] += number if in_time else 0
            if status == Status.WITHDRAWN:
                out["withdrawn_late"] += 0 if in_time else number
            if status == Status.SOLVED:
                out["first_rung"] += number if first else 0
        return out

    def _closed_at_the_end(self) -> Subquery:
        """How each was closed, whether in time, and whether at the rung where it began."""
        again = aliased(CaseEvent)
        still_so = select(
            Case.status.label("status"),
            (Case.closed_at <= Case.whole_due_at).label("in_time"),
            (Case.solved_at_rung == Case.first_rung).label("first"),
        ).where(Case.community_id.in_(self._communities), within(Case.closed_at, self._start, self._end))
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
                (CaseEvent.rung == Case.first_rung).label("first"),
            )
            .join(Case, Case.id == CaseEvent.case_id)
            .where(
                *self._happened(),
                CaseEvent.action.in_(CLOSING),
                CaseEvent.to_status.in_(list(CLOSED)),
                CaseEvent.from_status.in_(list(OPEN)),
                or_(Case.closed_at.is_(None), Case.closed_at >= self._end),
                ~reopened,
            )
        )
        return union_all(still_so, moved_on).subquery()

    async def standing(self) -> dict[str, int]:
        """What was open at the end of the span, and how it stood with the departments."""
        standing = union_all(self._untouched_since(), self._as_it_was()).subquery()
        at_department = and_(standing.c.rung == Rung.DEPARTMENT, standing.c.status.in_(AT_DEPARTMENT))
        each = select(
            (standing.c.whole_due_at < min(self._end, self._now)).label("late"),
            case((at_department, standing.c.last_marker), else_="").label("marker"),
            case((standing.c.status.in_(STAYS_LATE), standing.c.last_step), else_="").label("step"),
        ).subquery()
        out: Counter[str] = Counter()
        for late, marker, step, number in await self._grouped((each.c.late, each.c.marker, each.c.step)):
            out["open"] += number
            out["overdue"] += number if late else 0
            out["overdue_step"] += number if step == Action.OVERDUE else 0
            if marker == Action.PLAN:
                out["with_department_planned"] += number
            elif marker == Action.OVERDUE:
                out["with_department_overdue"] += number
            elif marker != "":
                out["with_department"] += number
        return out

    def _untouched_since(self) -> Select[Any, Any, Any, Any, Any]:
        """The open cases with which nothing has been done since the end: their rows tell how they stood then."""
        return select(Case.status, Case.rung, Case.whole_due_at, Case.last_marker, Case.last_step).where(
            Case.community_id.in_(self._communities),
            Case.closed_at.is_(None),
            Case.opened_at < self._end,
            Case.touched_at < self._end,
        )

    def _as_it_was(self) -> Select[Any, Any, Any, Any, Any]:
        """Those with which something has been done since: what their history says of the end.

        Only what is open now or was closed since can have been open then. The history is asked case by case: PostgreSQL
        takes these cases for many, and would read all events to join them.
        """
        status = self._last(CaseEvent.to_status)
        return select(
            status,
            self._last(CaseEvent.rung),
            Case.whole_due_at,
            func.coalesce(self._last(CaseEvent.action, CaseEvent.action.in_(MARKERS)), ""),
            func.coalesce(self._last(CaseEvent.action, CaseEvent.action.not_in(KEEPS_THE_CLOCK)), ""),
        ).where(
            Case.community_id.in_(self._communities),
            Case.opened_at < self._end,
            Case.touched_at >= self._end,
            or_(Case.closed_at.is_(None), Case.closed_at >= self._end),
            status.in_(list(OPEN)),
        )

    def _last(self, column: InstrumentedAttribute[str], *matters: ColumnElement[bool]) -> Any:
        """What the last event of a case before the end says, of those that matter."""
        last = select(column).where(CaseEvent.case_id == Case.id, CaseEvent.at < self._end, *matters)
        return last.order_by(CaseEvent.id.desc()).limit(1).correlate(Case).scalar_subquery()

    async def said(self) -> dict[str, int]:
        """What residents answered, the last word of each case."""
        later = aliased(CaseEvent)
        spoke_later = exists().where(
            later.case_id == CaseEvent.case_id,
            later.id > CaseEvent.id,
            later.at < self._end,
            later.action.in_(WORDS),
            later.from_status != Status.WITHDRAWN,
        )
        rows = await self._grouped(
            (CaseEvent.action,),
            *self._happened(),
            CaseEvent.action.in_(WORDS),
            # Taking a withdrawal back says nothing about anybody's work.
            CaseEvent.from_status != Status.WITHDRAWN,
            ~spoke_later,
        )
        said = Counter({action: number for action, number in rows})
        return {
            "said_solved": said[Action.JUDGE_SOLVED],
            "said_partly": said[Action.JUDGE_PARTLY],
            "said_not": said[Action.JUDGE_NOT] + said[Action.REOPEN],
            "silent": said[Action.CLOSE_UNANSWERED] + said[Action.CLOSE_UNFOUNDED],
        }

    async def _sent_back(self) -> dict[str, int]:
        cases = select(func.count(CaseEvent.case_id.distinct())).where(
            *self._happened(), CaseEvent.action.in_(SENT_BACK), CaseEvent.from_status != Status.WITHDRAWN
        )
        return {"reopened": await self._number(cases)}

    async def _repeats(self) -> int:
        """Opened in the span where the same kind was reported from the same place in the 30 days before."""
        return await self._number(select(func.count()).select_from(self._repeated()))

    def _repeated(self, *shown: ColumnElement[Any]) -> Subquery:
        """The cases that `_repeats` counts, with what tells their place, and what else is asked of them.

        Each is held against the one before it at its place, by one sort: an index would be asked for every case.
        """
        spot = case((Case.building_text != "", ""), else_=Case.place_text)
        place = (Case.category, Case.estate_id, Case.estate_text, Case.building_text, spot.label("spot"))
        # Numbers first: texts are slow to sort where a language's order of words is in force.
        alike = (Case.community_id, Case.estate_id, Case.building_text, Case.category, spot, Case.estate_text)
        lag = func.lag(Case.opened_at).over(partition_by=alike, order_by=Case.id)
        each = (
            select(*place, *shown, Case.opened_at, lag.label("before"))
            .where(
                Case.community_id.in_(self._communities),
                within(Case.opened_at, self._start - AGAIN, self._end),
                or_(Case.estate_text != "", Case.building_text != "", Case.place_text != ""),
            )
            .subquery()
        )
        return (
            select(each)
            .where(
                each.c.opened_at >= self._start,
                each.c.before >= _days_before(self._session, each.c.opened_at, AGAIN),
            )
            .subquery()
        )

    async def repeat_places(self, *where: ColumnElement[bool]) -> list[RepeatPlace]:
        """The places behind `_repeats`, most first."""
        again = self._repeated(and_(true(), *where).label("shown"))
        columns = (again.c.category, again.c.estate_id, again.c.estate_text, again.c.building_text, again.c.spot)
        found = [RepeatPlace(*row) for row in await self._grouped(columns, again.c.shown)]
        return sorted(found, key=lambda place: (-place.number, place.estate, place.building, place.category))

    async def _whistles(self) -> dict[str, Any]:
        blown = select(func.count()).where(
            Whistle.community_id.in_(self._communities),
            Whistle.lead.is_(True),
            within(Whistle.sent_at, self._start, self._end),
        )
        refusal, refused_by = CaseEvent.action == Action.REFUSE, CaseEvent.data["refused_by"].as_string()
        answers = (
            select(CaseEvent.action.label("action"), case((refusal, refused_by), else_="").label("who"))
            .where(*self._happened(), CaseEvent.from_status == Status.WITH_DEPARTMENT, CaseEvent.action.in_(ANSWERS))
            .subquery()
        )
        counted: Counter[str] = Counter()
        refused: Counter[str] = Counter()
        for action, who, number in await self._grouped((answers.c.action, answers.c.who)):
            counted[action] += number
            if action == Action.REFUSE:
                refused[who or ""] += number
        return {
            "whistles": await self._number(blown),
            "whistles_solved": counted[Action.REPORT_RESULT],
            "whistles_planned": counted[Action.PLAN],
            "whistles_refused": counted[Action.REFUSE],
            "refused_by": dict(refused),
        }

    async def _deeds(self) -> dict[str, int]:
        """What was done with whistles before they were blown, what was laid aside, and answers by link."""
        rows = await self._grouped((CaseEvent.action,), *self._happened(), CaseEvent.action.in_(DEEDS))
        done = Counter({action: number for action, number in rows})
        links = select(func.count()).where(
            AnswerLink.community_id.in_(self._communities), within(AnswerLink.used_at, self._start, self._end)
        )
        return {
            "whistles_asked": done[Action.PROPOSE_WHISTLE],
            "whistles_sent_back": done[Action.SEND_BACK],
            "whistles_kept": done[Action.KEEP],
            "suspended": done[Action.SUSPEND],
            "links_answered": await self._number(links),
        }

    async def _rounds(self) -> dict[str, int]:
        """Patrols, and those of them on which nothing was found."""
        rows = await self._session.execute(
            select(Patrol.findings).where(
                Patrol.community_id.in_(self._communities), within(Patrol.at, self._start, self._end)
            )
        )
        found = [bool(findings) for findings in rows.scalars()]
        return {"patrols": len(found), "patrols_clean": found.count(False)}

    async def _upkeep(self) -> dict[str, int]:
        """Rounds of seasonal contracts, by when they were asked for, done and given up."""
        moments = {
            "upkeep_due": UpkeepTask.asked_at,
            "upkeep_done": UpkeepTask.done_at,
            "upkeep_missed": UpkeepTask.missed_at,
        }
        counts = [func.count(case((within(at, self._start, self._end), 1))) for at in moments.values()]
        here = UpkeepTask.community_id.in_(self._communities)
        row = (await self._session.execute(select(*counts).where(here))).one()
        return dict(zip(moments, row, strict=True))

    def _happened(self) -> tuple[ColumnElement[bool], ...]:
        """The events of the span."""
        return (CaseEvent.community_id.in_(self._communities), within(CaseEvent.at, self._start, self._end))

    async def _grouped(self, columns: Sequence[Any], *where: ColumnElement[bool]) -> Sequence[Any]:
        """How many rows there are of each combination of these columns."""
        rows: Sequence[Any] = (
            await self._session.execute(select(*columns, func.count()).where(*where).group_by(*columns))
        ).all()
        return rows

    async def _number(self, query: Select[int]) -> int:
        return (await self._session.execute(query)).scalar_one()


def _days_before(session: AsyncSession, moment: Any, span: timedelta) -> ColumnElement[Any]:
    """A column's time minus some days, in the words of the database at hand."""
    if session.get_bind().dialect.name == "sqlite":
        # SQLite keeps times as text; its own %f would cut the microseconds off.
        return func.strftime("%Y-%m-%d %H:%M:%S", moment, f"-{span.days} days").concat(func.substr(moment, 20))
    earlier: ColumnElement[Any] = moment - literal(span)
    return earlier
