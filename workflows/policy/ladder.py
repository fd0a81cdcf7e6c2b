"""The ladder: where a case starts, who should work on it, what happens when somebody stays silent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import assert_never

from workflows.policy.clocks import Clock
from workflows.policy.lifecycle import Rung, Status

DEFAULT_PATH = (Rung.GRID_BRANCH, Rung.PROPERTY, Rung.COMMUNITY, Rung.DEPARTMENT)


@dataclass(frozen=True)
class Route:
    """One row of the routing table in `config.yml`; the first that matches wins.

    `works_at` is the rung that is expected to do the work: once the grid worker has found the matter true, the
    case goes there by itself (a department is reached through the community's review).
    """

    categories: frozenset[str] = frozenset()  # empty: every category
    words: tuple[str, ...] = ()  # one of them in the message or its place; empty: any text
    estates: frozenset[str] = frozenset()  # empty: everywhere
    path: tuple[Rung, ...] = DEFAULT_PATH
    works_at: Rung = Rung.PROPERTY
    department: str = ""
    clocks: Mapping[Rung, Clock] = field(default_factory=dict)

    def matches(self, category: str, text: str, estate: str) -> bool:
        """Whether this row speaks of such a case."""
        return (
            (not self.categories or category in self.categories)
            and (not self.words or any(word in text for word in self.words))
            and (not self.estates or estate in self.estates)
        )


@dataclass(frozen=True)
class Ladder:
    """Everything an operator decides about climbing: routes and clocks."""

    routes: Sequence[Route]
    rung_clocks: Mapping[Rung, Clock]
    whole: Clock
    confirm: Clock
    judge: Clock
    judge_again: Clock
    supply: Clock
    remind_before: Clock
    remind_department: Sequence[Clock]  # so long before a department's deadline, one reminder each
    alert: Clock  # a danger that nobody has gone to is called out again after this
    chase: Clock  # how often a rung that nobody stands above is reminded after its deadline
    reopen_days: int
    flag_refusals: int
    flag_reopenings: int
    secretary_after: int  # from this reopening on it goes to the community, and the secretary is told in person
    answer_link: Clock  # how long a department's one-case link is good

    def route(self, category: str, text: str, estate: str) -> Route:
        """The first row that matches. The last row of a checked configuration matches everything."""
        for row in self.routes:
            if row.matches(category, text, estate):
                return row
        return Route()

    def clock_of(self, rung: Rung, route: Route) -> Clock:
        """How long this rung has for such a case."""
        return route.clocks.get(rung, self.rung_clocks[rung])


def start(route: Route, around: frozenset[Rung] = frozenset()) -> Rung:
    """The first rung of the path that is not gone around because of a conflict of interest."""
    for rung in route.path:
        if rung not in around:
            return rung
    return Rung.COMMUNITY


def above(rung: Rung, route: Route, around: frozenset[Rung] = frozenset()) -> Rung:
    """One rung higher on this path. Above the community stands nobody who would take it unasked: a whistle
    is blown by a person, never by silence, so the community keeps it.
    """
    order = [step for step in DEFAULT_PATH if step in route.path or step is Rung.COMMUNITY]
    for step in order:
        if DEFAULT_PATH.index(step) > DEFAULT_PATH.index(rung) and step not in around and step is not Rung.DEPARTMENT:
            return step
    return Rung.COMMUNITY


def after_verification(route: Route, has_property: bool, around: frozenset[Rung] = frozenset()) -> Rung:
    """Where a case goes once it has been found true: to the rung that is expected to work on it."""
    match route.works_at:
        case Rung.GRID_BRANCH:
            return Rung.GRID_BRANCH
        case Rung.PROPERTY:
            return Rung.PROPERTY if has_property and Rung.PROPERTY not in around else Rung.COMMUNITY
        case Rung.COMMUNITY | Rung.DEPARTMENT:
            return Rung.COMMUNITY
        case _ as never:
            assert_never(never)


# What the clock decides. A use case acts on it.


@dataclass(frozen=True)
class Escalate:
    """The rung stayed silent: one higher."""

    to: Rung


@dataclass(frozen=True)
class Chase:
    """Nobody stands above who could take it: the holder and its overseer are told, again and again."""


@dataclass(frozen=True)
class ResumeWork:
    """The resident did not answer 需补充: the rung works with what it has."""


@dataclass(frozen=True)
class Wake:
    """The day has come to which it was laid aside: the rung goes on."""


@dataclass(frozen=True)
class PassUnconfirmed:
    """The grid worker did not look in time: the resident is asked all the same, and told so."""


@dataclass(frozen=True)
class AskAgain:
    """No verdict yet: asked once more."""


@dataclass(frozen=True)
class CloseUnanswered:
    """Asked twice without an answer: closed as such, never as satisfied."""

    unfounded: bool = False


Expired = Escalate | Chase | ResumeWork | Wake | PassUnconfirmed | AskAgain | CloseUnanswered


def when_expired(
    status: Status, rung: Rung, route: Route, *, around: frozenset[Rung], asked_again: bool, unfounded: bool
) -> Expired:
    """What to do when the running clock of an open case has run out.

    Raises:
        ValueError: the case is closed; closed cases have no clock.
    """
    match status:
        case Status.WITH_GRID | Status.WITH_PROPERTY:
            return Escalate(above(rung, route, around))
        case Status.WITH_COMMUNITY | Status.WITH_DEPARTMENT:
            return Chase()
        case Status.WAITING_FOR_RESIDENT:
            return ResumeWork()
        case Status.SUSPENDED:
            return Wake()
        case Status.TO_CONFIRM:
            return PassUnconfirmed()
        case Status.TO_JUDGE:
            return CloseUnanswered(unfounded) if asked_again else AskAgain()
        case Status.SOLVED | Status.UNANSWERED | Status.UNFOUNDED | Status.WITHDRAWN | Status.MERGED:
            raise ValueError(f"a closed case ({status}) has no clock")
        case _ as never:
            assert_never(never)


def next_reminder(now: datetime, due: datetime, aheads: Sequence[timedelta]) -> datetime | None:
    """The first moment at which a rung is reminded of its deadline; none where its time is shorter than that twice over."""
    moments = (due - ahead for ahead in aheads if due - ahead - now >= ahead)
    return min(moments, default=None)


def ruled(route: Route, department: str) -> Route:
    """The way of a matter whose owner has been ruled: the community sends it on to that department."""
    path = tuple(rung for rung in DEFAULT_PATH if rung in route.path or rung in (Rung.COMMUNITY, Rung.DEPARTMENT))
    return replace(route, path=path, works_at=Rung.DEPARTMENT, department=department)


def reopened_to(rung: Rung, route: Route, around: frozenset[Rung], times: int, secretary_after: int) -> Rung:
    """Not solved goes one rung higher; the second time (or whatever the operator says) to the secretary's rung."""
    return Rung.COMMUNITY if times >= secretary_after else above(rung, route, around)


def shifted(due: datetime, paused_at: datetime, now: datetime) -> datetime:
    """The rung's deadline after a pause: waiting for the resident is not held against the rung.

    Nor is a machine's clock that was set back meanwhile: no pause is shorter than none.
    """
    return due + max(now - paused_at, timedelta(0))
