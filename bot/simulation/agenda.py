"""What people of a season mean to do, and when: in the order of time, and dropped when the case has moved on."""

import heapq
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta, tzinfo
from random import Random

from workflows.models import Case
from workflows.office import Office
from workflows.policy.lifecycle import Status

DAY_BEGINS, DAY_ENDS = 8, 21

Act = Callable[[Office], Awaitable[object]]
Chat = Callable[[], Awaitable[None]]


@dataclass(order=True)
class Intention:
    """What somebody means to do at a time, if the case still stands as they saw it: by a use case, or in their chat."""

    at: datetime
    order: int
    act: Act | None = field(compare=False, default=None)
    chat: Chat | None = field(compare=False, default=None)
    case_id: int | None = field(compare=False, default=None)
    seen: Status | None = field(compare=False, default=None)
    desk: int | None = field(compare=False, default=None)  # the latest plan of whoever holds it; None: a resident's


@dataclass
class Tally:
    """What the season has shown so far."""

    without_holder: int = 0
    without_clock: int = 0
    ticks: int = 0
    follow_ups_done: int = 0
    messages: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    not_possible: int = 0  # meant, but no longer allowed when its time came
    weeks: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)


class Agenda:
    """Everything that is meant, of all people together."""

    def __init__(self, random: Random, zone: tzinfo) -> None:
        self._random = random
        self._zone = zone
        self._meant: list[Intention] = []
        self._order = 0
        self._desks: dict[int, int] = {}

    def mean(self, at: datetime, act: Act, row: Case | None = None, *, desk: bool = False) -> None:
        """A use case. `row`: only while that case is as it is now; `desk`: a later plan for it takes its place."""
        self._put(Intention(at, self._next(), act=act), row, desk=desk)

    def chat(self, at: datetime, chat: Chat, row: Case | None = None, *, desk: bool = False) -> None:
        """The same for what is done in a chat, by messages and taps."""
        self._put(Intention(at, self._next(), chat=chat), row, desk=desk)

    def _next(self) -> int:
        self._order += 1
        return self._order

    def _put(self, meant: Intention, row: Case | None, *, desk: bool) -> None:
        if row is not None:
            meant.case_id, meant.seen = row.id, Status(row.status)
            if desk:
                meant.desk = self._desks[row.id] = meant.order
        heapq.heappush(self._meant, meant)

    def due(self, before: datetime) -> Intention | None:
        """The next one, where its time comes before this."""
        if self._meant and self._meant[0].at < before:
            return heapq.heappop(self._meant)
        return None

    def planned_anew(self, meant: Intention) -> bool:
        """Whether whoever has the case has made another plan since."""
        return meant.desk is not None and meant.case_id is not None and self._desks.get(meant.case_id) != meant.desk

    def later(self, now: datetime, mean_hours: float, random: Random | None = None) -> datetime:
        """Some time on, but not at night."""
        chance = random or self._random
        at = now + timedelta(minutes=1 + round(chance.expovariate(1 / (60 * mean_hours))))
        local = at.astimezone(self._zone)
        if DAY_BEGINS <= local.hour < DAY_ENDS:
            return at
        day = local.date() + timedelta(days=1 if local.hour >= DAY_ENDS else 0)
        morning = datetime.combine(day, time(DAY_BEGINS), self._zone)
        return morning + timedelta(minutes=chance.randrange(180))
