"""A second way to the digest's numbers: the history alone, replayed event by event, without SQL's arithmetic."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.case_file import Rules
from workflows.digest import Digests
from workflows.models import CaseEvent, Patrol
from workflows.policy.clocks import due_at
from workflows.policy.lifecycle import CLOSED, Action, Rung, Status
from workflows.policy.measures import AGAIN, Measures
from workflows.policy.weeks import Week

_SAID = {
    Action.JUDGE_SOLVED: "said_solved",
    Action.JUDGE_PARTLY: "said_partly",
    Action.JUDGE_NOT: "said_not",
    Action.REOPEN: "said_not",
    Action.CLOSE_UNANSWERED: "silent",
    Action.CLOSE_UNFOUNDED: "silent",
}
_RETURNS = frozenset({Action.JUDGE_PARTLY, Action.JUDGE_NOT, Action.REOPEN})
_ANSWERS = {
    Action.REPORT_RESULT: "whistles_solved",
    Action.PLAN: "whistles_planned",
    Action.REFUSE: "whistles_refused",
}
_STANDS = {
    Action.BLOW_WHISTLE: "with_department",
    Action.REPORT_RESULT: "with_department",
    Action.PLAN: "with_department_planned",
    Action.OVERDUE: "with_department_overdue",
}
_DEEDS = {
    Action.PROPOSE_WHISTLE: "whistles_asked",
    Action.SEND_BACK: "whistles_sent_back",
    Action.KEEP: "whistles_kept",
    Action.SUSPEND: "suspended",
    Action.ROUND_DUE: "upkeep_due",
    Action.ROUND_DONE: "upkeep_done",
    Action.ROUND_MISSED: "upkeep_missed",
}
# A change of hands starts the step's clock anew, and so do these; a pause for the resident does not.
_ANEW = frozenset({Action.TAKE_ON, Action.CONVENE, Action.PLAN, Action.ROUTE})
_PAUSED = frozenset({Status.WAITING_FOR_RESIDENT, Status.SUSPENDED})
_WORKED = frozenset({Status.SOLVED, Status.UNANSWERED, Status.UNFOUNDED})


class BrokenHistory(ValueError):
    """A case's events do not follow from each other: one is missing, doubled or was changed."""


@dataclass
class Story:
    """One case as its events tell it."""

    case_id: int
    community_id: int
    opened_at: datetime
    first_rung: Rung
    due: datetime
    category: str
    where: tuple[str, str, str]  # estate, building, place
    proactive: bool
    recurs: bool
    events: list[CaseEvent] = field(default_factory=list)

    @classmethod
    def begun(cls, event: CaseEvent, rules: Rules) -> "Story":
        """A story as its first event opens it."""
        told = event.data.get("whole_due")
        # Histories that do not carry the deadline were opened under today's rules, as far as anybody knows.
        due = datetime.fromisoformat(told) if told else due_at(event.at, rules.ladder.whole, rules.calendar, rules.zone)
        return cls(
            case_id=event.case_id,
            community_id=event.community_id,
            opened_at=event.at,
            first_rung=Rung(event.rung),
            due=due,
            category=event.data["category"],
            where=_where(event.data),
            proactive=bool(event.data.get("proactive")),
            recurs="recurrence_of" in event.data,
        )

    @property
    def spot(self) -> tuple[str, ...] | None:
        """What makes two reports "the same place"; None where nobody said where it is."""
        estate, building, place = self.where
        if not any(self.where):
            return None
        return (estate, building) if building else (estate, "", place)

    def tell(self, event: CaseEvent) -> None:
        """Take the next event in.

        Raises:
            BrokenHistory: it does not start where the one before it ended.
        """
        before = self.events[-1].to_status if self.events else ""
        if event.from_status != before:
            raise BrokenHistory(
                f"case {self.case_id}: event {event.id} ({event.action}) starts from {event.from_status!r}, "
                f"but the case was {before!r}"
            )
        self.events.append(event)
        if event.action == Action.RECLASSIFY:
            self.category = event.data["category"]
        if event.action == Action.RELOCATE:
            self.where = _where(event.data)


@dataclass(frozen=True)
class Round:
    """巡查: one round of the grid. Without findings it belongs to no case; its record is its history."""

    community_id: int
    at: datetime
    clean: bool


async def read(session: AsyncSession, communities: Iterable[int], rules: Rules) -> list[Story | Round]:
    """Every case of these communities, from its events alone, and every round that was walked there.

    Raises:
        BrokenHistory: the events of a case do not follow from each other.
    """
    here = list(communities)
    rows = await session.execute(select(CaseEvent).where(CaseEvent.community_id.in_(here)).order_by(CaseEvent.id))
    stories: dict[int, Story] = {}
    for event in rows.scalars():
        if event.action == Action.OPEN and event.case_id not in stories:
            stories[event.case_id] = Story.begun(event, rules)
        if event.case_id not in stories:
            raise BrokenHistory(f"case {event.case_id}: its first event is {event.action}, not {Action.OPEN}")
        stories[event.case_id].tell(event)
    walked = await session.execute(select(Patrol).where(Patrol.community_id.in_(here)).order_by(Patrol.id))
    rounds = [Round(patrol.community_id, patrol.at, not patrol.findings) for patrol in walked.scalars()]
    return [*stories.values(), *rounds]


def _where(data: Mapping[str, str]) -> tuple[str, str, str]:
    return data.get("estate", ""), data.get("building", ""), data.get("place", "")


def count(records: Sequence[Story | Round], start: datetime, end: datetime, now: datetime) -> Measures:
    """The measures of a span, counted by hand."""
    stories = [record for record in records if isinstance(record, Story)]
    tally: Counter[str] = Counter()
    by_category: Counter[str] = Counter()
    by_estate: Counter[str] = Counter()
    refused_by: Counter[str] = Counter()
    for record in records:
        if isinstance(record, Round) and start <= record.at < end:
            tally["patrols"] += 1
            tally["patrols_clean"] += record.clean
    for story in stories:
        if start <= story.opened_at < end:
            tally["opened"] += 1
            tally["proactive"] += story.proactive
            tally["recurrences"] += story.recurs
            by_category[story.category] += 1
            by_estate[story.where[0]] += 1
        known = [event for event in story.events if event.at < end]
        if known:
            _state(story, known, start, min(end, now), tally)
            _words(known, start, tally)
            _departments(known, start, tally, refused_by)
            _deeds(known, start, tally)
    return Measures(
        **tally,
        by_category=dict(by_category),
        by_estate=dict(by_estate),
        refused_by=dict(refused_by),
        repeats=_repeats(stories, start, end),
    )


def _state(story: Story, known: Sequence[CaseEvent], start: datetime, moment: datetime, tally: Counter[str]) -> None:
    last = known[-1]
    status = Status(last.to_status)
    if status not in CLOSED:
        tally["open"] += 1
        tally["overdue"] += story.due < moment
        tally["overdue_step"] += _step_is_late(known) and status not in _PAUSED
        if Rung(last.rung) is Rung.DEPARTMENT and status in (Status.WITH_DEPARTMENT, Status.WAITING_FOR_RESIDENT):
            marks = [_STANDS[Action(e.action)] for e in known if Action(e.action) in _STANDS]
            tally[marks[-1] if marks else "with_department"] += 1
        return
    closing = next(event for event in reversed(known) if event.from_status not in CLOSED)
    if closing.at < start:
        return
    in_time = closing.at <= story.due
    tally[status] += 1
    tally["closed_in_time"] += in_time and status in _WORKED
    tally["withdrawn_late"] += not in_time and status is Status.WITHDRAWN
    tally["first_rung"] += status is Status.SOLVED and Rung(closing.rung) is story.first_rung


def _step_is_late(known: Sequence[CaseEvent]) -> bool:
    """Whether whoever has it has been told that their time is over, and has no new one."""
    late = False
    for event in known:
        paused = any(status in (event.from_status, event.to_status) for status in _PAUSED)
        if event.action == Action.OVERDUE:
            late = True
        elif event.action in _ANEW or (event.from_status != event.to_status and not paused):
            late = False
    return late


def _words(known: Sequence[CaseEvent], start: datetime, tally: Counter[str]) -> None:
    spoken = [
        Action(event.action)
        for event in known
        if event.at >= start and Action(event.action) in _SAID and event.from_status != Status.WITHDRAWN
    ]
    if spoken:
        tally[_SAID[spoken[-1]]] += 1
    if any(action in _RETURNS for action in spoken):
        tally["reopened"] += 1


def _departments(known: Sequence[CaseEvent], start: datetime, tally: Counter[str], refused_by: Counter[str]) -> None:
    for event in known:
        if event.at < start:
            continue
        if event.action == Action.BLOW_WHISTLE:
            tally["whistles"] += 1
        if event.from_status == Status.WITH_DEPARTMENT and Action(event.action) in _ANSWERS:
            tally[_ANSWERS[Action(event.action)]] += 1
            if event.action == Action.REFUSE:
                refused_by[event.data.get("refused_by", "")] += 1


def _deeds(known: Sequence[CaseEvent], start: datetime, tally: Counter[str]) -> None:
    for event in known:
        if event.at < start:
            continue
        if Action(event.action) in _DEEDS:
            tally[_DEEDS[Action(event.action)]] += 1
        tally["links_answered"] += "signed" in event.data


def _repeats(stories: Sequence[Story], start: datetime, end: datetime) -> int:
    last: dict[tuple[int, str, tuple[str, ...]], datetime] = {}
    repeats = 0
    for story in sorted(stories, key=lambda story: story.case_id):
        if story.spot is None:
            continue
        key = (story.community_id, story.category, story.spot)
        seen = last.get(key)
        if seen is not None and start <= story.opened_at < end and story.opened_at - seen <= AGAIN:
            repeats += 1
        last[key] = story.opened_at
    return repeats


def differences(digest: Measures, recounted: Measures) -> list[str]:
    """Every number on which the two disagree, e.g. "solved: digest 3, history 4"."""
    return [
        f"{each.name}: digest {getattr(digest, each.name)}, history {getattr(recounted, each.name)}"
        for each in fields(Measures)
        if getattr(digest, each.name) != getattr(recounted, each.name)
    ]


async def compare(
    session: AsyncSession,
    digests: Digests,
    rules: Rules,
    communities: Sequence[int],
    weeks: Sequence[Week],
    now: datetime,
) -> list[str]:
    """Count every week of every community both ways, and all communities together; what is returned is wrong."""
    try:
        stories = await read(session, communities, rules)
    except BrokenHistory as broken:
        return [str(broken)]
    wrong = []
    for week in weeks:
        for community in (*communities, None):
            theirs = [s for s in stories if community is None or s.community_id == community]
            counted = await digests.measures(community, week.start, week.end)
            again = count(theirs, week.start, week.end, now)
            wrong += [f"{week.key}, community {community}: {line}" for line in differences(counted, again)]
    return wrong


async def digest_equals_recount(
    session: AsyncSession,
    digests: Digests,
    rules: Rules,
    communities: Sequence[int],
    weeks: Sequence[Week],
    now: datetime,
) -> bool:
    """Whether the history tells the same as the digest, number by number."""
    return not await compare(session, digests, rules, communities, weeks, now)
