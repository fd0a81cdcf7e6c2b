"""Any sequence of actions by anybody, at any time: a case kept by hand on paper and the database must agree after each.

The paper knows the rules of the ladder in its own words; nothing in it is taken from the product's tables.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Row, delete, select, update

from bot.app import rules
from bot.settings import load
from workflows.case_file import CaseNotFound
from workflows.cases import NewReport
from workflows.database import Database
from workflows.directory import Directory
from workflows.directory_file import import_file
from workflows.handling import Missing
from workflows.models import Base, Person
from workflows.notices import Notice
from workflows.office import Office
from workflows.policy.lifecycle import NotPossible
from workflows.policy.permissions import NotAllowed, Role

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
START = datetime(2026, 11, 24, 2, tzinfo=UTC)  # a Tuesday, ten o'clock in Hohhot; no feast before the new year
REFUSALS = (NotAllowed, NotPossible, CaseNotFound, Missing)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

GRID, PROPERTY, OFFICE, DEPARTMENT = (
    "with_grid_branch", "with_property", "with_community", "with_department",
)  # fmt: skip
WAITING, TO_CONFIRM, TO_JUDGE = "waiting_for_resident", "to_confirm", "to_judge"
SUSPENDED = "suspended"
WORKED = frozenset({GRID, PROPERTY, OFFICE, DEPARTMENT})
OPEN = WORKED | {WAITING, SUSPENDED, TO_CONFIRM, TO_JUDGE}
CLIMB = (GRID, PROPERTY, OFFICE, DEPARTMENT)

BRANCH_UNIT, COMPANY, COMMUNITY = "第一网格党支部", "仕奇安居物业服务有限公司", "仕奇社区党委"
DEPARTMENTS = {"sq-works": "赛罕区住房和城乡建设局", "sq-liaison-03": "呼和浩特市市政设施管护中心"}
CASES = Base.metadata.tables["cases"]
TABLES = [
    Base.metadata.tables[t]
    for t in ("reporters", "case_events", "answer_links", "whistles", "follow_ups", "corrections", "rulings")
]
RESIDENTS = ("sq-resident", "sq-neighbour")
PEOPLE = (
    *RESIDENTS, "sq-grid", "sq-branch", "sq-property", "sq-secretary", "sq-staff-1", *DEPARTMENTS, "head",
    "sq-grid-2", "sq-property-2", "td-secretary",
)  # fmt: skip


@dataclass(frozen=True)
class Way:
    """What the shipped routing says of a category: who works on it, whether the property is on its way, its hours."""

    works_at: str
    by_property: bool
    hours: dict[str, int] = field(default_factory=dict)


WAYS = {
    "street_light": Way(PROPERTY, True),
    "heating": Way(PROPERTY, True, {GRID: 4, PROPERTY: 24, OFFICE: 24}),
    "neighbor_dispute": Way(GRID, False),
    "pollution": Way(DEPARTMENT, True),
    "property_service": Way(OFFICE, False),
    "other_request": Way(OFFICE, False),
}
# (category, words, of whom they complain)
MATTERS = (
    ("street_light", "三号楼二单元楼道灯不亮", ""),
    ("heating", "暖气一点都不热", ""),
    ("neighbor_dispute", "楼上半夜剁馅", ""),
    ("pollution", "楼下饭店油烟大", ""),
    ("property_service", "物业收了钱不干活", "property"),
    ("property_service", "业委会的账从来不公示", "committee"),
    ("other_request", "网格员从来不接电话，要投诉", "grid"),
)
# Who may do what, where the case stands. g: grid worker, b: branch secretary, h: building head, p: the property that
# holds it, o: the community's office, s: its secretary (beside o), d: the department that holds it, a: one that was
# called to assist, r: who waits for the answer.
MAY: dict[str, dict[str, str]] = {
    "verify": {GRID: "gbo"},
    "not_true": {GRID: "gbo"},
    "take_on": {GRID: "gb"},
    "ask_head": {GRID: "gb"},
    "to_property": {GRID: "gbo", OFFICE: "o"},
    "to_community": {GRID: "gb"},
    "accept": {GRID: "gb", PROPERTY: "p", OFFICE: "o", DEPARTMENT: "d"},
    "ask": {GRID: "gb", PROPERTY: "p", OFFICE: "o", DEPARTMENT: "d"},
    "done": {GRID: "gbh", PROPERTY: "p", OFFICE: "o", DEPARTMENT: "d"},
    "done_wordless": {},
    "cannot": {PROPERTY: "p"},
    "convene": {GRID: "b", OFFICE: "o"},
    "agree": {GRID: "b", OFFICE: "o"},
    "agree_for_later": {GRID: "b", OFFICE: "o"},
    "whistle_works": {OFFICE: "o"},
    "whistle_roads": {OFFICE: "o"},
    "plan": {DEPARTMENT: "d"},
    "plan_yesterday": {},
    "refuse": {DEPARTMENT: "d"},
    "ask_whistle": {GRID: "gb"},
    "send_whistle": {OFFICE: "o"},
    "send_back": {OFFICE: "o"},
    "keep": {OFFICE: "o"},
    "call_roads": {DEPARTMENT: "o"},
    "assist": dict.fromkeys(OPEN, "a"),
    "links": {DEPARTMENT: "o"},
    "ask_rest": {GRID: "gb", PROPERTY: "p", OFFICE: "o", DEPARTMENT: "d"},
    "rest_yesterday": {},
    "rest": dict.fromkeys(WORKED, "s"),
    "no_rest": dict.fromkeys(WORKED, "s"),
    "wake": {SUSPENDED: "o"},
    "confirm": {TO_CONFIRM: "gbo"},
    "not_fixed": {TO_CONFIRM: "gbo"},
    "comment": dict.fromkeys(OPEN, "gbohpda"),
    "add": dict.fromkeys(OPEN, "r"),
    "urge": dict.fromkeys(OPEN, "r"),
    "withdraw": dict.fromkeys(OPEN, "r"),
    "solved": dict.fromkeys(WORKED | {SUSPENDED, TO_CONFIRM, TO_JUDGE}, "r"),
    "partly": dict.fromkeys((TO_CONFIRM, TO_JUDGE, "solved", "unanswered", "unfounded", "withdrawn"), "r"),
    "not": dict.fromkeys((TO_CONFIRM, TO_JUDGE, "solved", "unanswered", "unfounded", "withdrawn"), "r"),
    "reopen": dict.fromkeys(("solved", "unanswered", "unfounded", "withdrawn"), "r"),
    "join": dict.fromkeys(OPEN, "*"),
    "a_light": dict.fromkeys(OPEN, "gbor"),
    "a_dispute": dict.fromkeys(OPEN, "gbor"),
}
KIND = {"a_light": "street_light", "a_dispute": "neighbor_dispute"}
ACTS: dict[str, Callable[[Office, int, int, "World"], Any]] = {
    "verify": lambda o, me, c, w: o.handling.verify(me, c),
    "not_true": lambda o, me, c, w: o.handling.not_true(me, c, "去看过，亮着"),
    "take_on": lambda o, me, c, w: o.handling.take_on(me, c),
    "ask_head": lambda o, me, c, w: o.handling.ask_building_head(me, c),
    "to_property": lambda o, me, c, w: o.handling.hand_to_property(me, c),
    "to_community": lambda o, me, c, w: o.handling.hand_to_community(me, c),
    "accept": lambda o, me, c, w: o.handling.accept(me, c, "下午派人去"),
    "ask": lambda o, me, c, w: o.handling.ask_resident(me, c, "几点在家？"),
    "done": lambda o, me, c, w: o.handling.report_result(me, c, "办好了"),
    "done_wordless": lambda o, me, c, w: o.handling.report_result(me, c, " "),
    "cannot": lambda o, me, c, w: o.handling.cannot_solve(me, c, "没有权限"),
    "convene": lambda o, me, c, w: o.handling.convene(me, c, "施工方、物业、居民"),
    "agree": lambda o, me, c, w: o.handling.agree(me, c, "商量好了"),
    "agree_for_later": lambda o, me, c, w: o.handling.agree(me, c, "下周铺", o.now + 10 * DAY),
    "whistle_works": lambda o, me, c, w: o.handling.blow_whistle(me, c, w.unit(DEPARTMENTS["sq-works"]), "归你", "无"),
    "whistle_roads": lambda o, me, c, w: o.handling.blow_whistle(
        me, c, w.unit(DEPARTMENTS["sq-liaison-03"]), "归你", "无"
    ),
    "plan": lambda o, me, c, w: o.handling.plan(me, c, "下周修", o.now + 7 * DAY),
    "plan_yesterday": lambda o, me, c, w: o.handling.plan(me, c, "早修了", o.now - DAY),
    "refuse": lambda o, me, c, w: o.handling.refuse(me, c, "不归我们", "别的部门"),
    "ask_whistle": lambda o, me, c, w: o.handling.propose_whistle(me, c, w.unit(DEPARTMENTS["sq-works"]), "归你", "无"),
    "send_whistle": lambda o, me, c, w: o.handling.send_whistle(me, c),
    "send_back": lambda o, me, c, w: o.handling.send_back(me, c, "物业看过没有？"),
    "keep": lambda o, me, c, w: o.handling.keep(me, c, "社区自己来"),
    "call_roads": lambda o, me, c, w: o.handling.call_assistant(me, c, w.unit(DEPARTMENTS["sq-liaison-03"])),
    "assist": lambda o, me, c, w: o.handling.assist(me, c, "done", "我们这部分好了"),
    "links": lambda o, me, c, w: o.answer_links.issue(me, c),
    "ask_rest": lambda o, me, c, w: o.suspending.ask(me, c, "等配件", o.now + 4 * DAY),
    "rest_yesterday": lambda o, me, c, w: o.suspending.ask(me, c, "等配件", o.now - DAY),
    "rest": lambda o, me, c, w: o.suspending.approve(me, c),
    "no_rest": lambda o, me, c, w: o.suspending.refuse(me, c, "三天内办好"),
    "wake": lambda o, me, c, w: o.suspending.wake(me, c),
    "confirm": lambda o, me, c, w: o.handling.confirm(me, c),
    "not_fixed": lambda o, me, c, w: o.handling.not_fixed(me, c, "还是坏的"),
    "comment": lambda o, me, c, w: o.handling.comment(me, c, "记一笔"),
    "add": lambda o, me, c, w: o.cases.add(me, c, "晚上更厉害"),
    "urge": lambda o, me, c, w: o.cases.urge(me, c, "快点"),
    "withdraw": lambda o, me, c, w: o.cases.withdraw(me, c),
    "solved": lambda o, me, c, w: o.cases.judge(me, c, "solved"),
    "partly": lambda o, me, c, w: o.cases.judge(me, c, "partly", "一半"),
    "not": lambda o, me, c, w: o.cases.judge(me, c, "not", "没有"),
    "reopen": lambda o, me, c, w: o.cases.reopen(me, c, "又坏了"),
    "join": lambda o, me, c, w: o.cases.join(me, c, "我家也是"),
    "a_light": lambda o, me, c, w: o.cases.reclassify(me, c, "street_light"),
    "a_dispute": lambda o, me, c, w: o.cases.reclassify(me, c, "neighbor_dispute"),
}
# What leads nowhere new, or ends it.
ASIDES = {
    "comment", "urge", "add", "join", "withdraw", "solved", "a_light", "a_dispute", "accept", "ask_head", "keep", "links",
    "no_rest", "assist", "call_roads",
}  # fmt: skip
ROADS = DEPARTMENTS["sq-liaison-03"]
TRIED = {"cannot_solve", "escalate", "report_result", "take_on", "convene", "accept"}


class Paper:
    """The case as somebody would keep it in a notebook who knows the rules by heart."""

    def __init__(self, matter: tuple[str, str, str], reporter: str, now: datetime) -> None:
        self.category, _, self.complaint = matter
        self.about = self.complaint
        self.opened, self.whole = now, now + 15 * DAY
        self.waiting, self.ever = {reporter}, {reporter}
        self.verified = False
        self.reopened = self.refusals = 0
        self.kind = ""
        self.closed: datetime | None = None
        self.paused: datetime | None = None
        self.asked_again = False
        self.history: list[str] = ["open"]
        self.wanted = False  # the grid has asked for a whistle, and nothing has been made of it
        self.helpers: list[str] = []  # departments that were called to assist and have not answered for good
        self.called: set[str] = set()
        self.rest_until: datetime | None = None  # to which day it rests, or is to rest when the secretary agrees
        self.held: set[str] = set()
        self.settled_by: set[str] = set()
        self.status = self.rung = self._first()
        self._hold()
        self._clock(now, self._time(now, self.rung))

    # ---- the ladder

    @property
    def way(self) -> Way:
        return WAYS[self.category]

    @property
    def has_property(self) -> bool:
        return self.about != "property"

    def _free(self, rung: str) -> bool:
        if rung == GRID:
            return self.about not in ("committee", "grid")
        return rung != PROPERTY or (self.has_property and self.way.by_property)

    def _first(self) -> str:
        return next(rung for rung in (GRID, PROPERTY, OFFICE) if self._free(rung))

    def _above(self) -> str:
        return PROPERTY if self.rung == GRID and self._free(PROPERTY) else OFFICE

    def _hold(self, unit: str = "") -> None:
        self.holder = unit or {GRID: BRANCH_UNIT, PROPERTY: COMPANY, OFFICE: COMMUNITY}[self.rung]
        self.held.add(self.holder)

    # ---- clocks

    def _time(self, now: datetime, rung: str) -> datetime:
        if rung in self.way.hours:
            return now + self.way.hours[rung] * HOUR
        if rung != OFFICE:
            return now + {GRID: DAY, PROPERTY: 3 * DAY, DEPARTMENT: 5 * DAY}[rung]
        day, left = now, 3  # working days: in these weeks Monday to Friday
        while left:
            day += DAY
            left -= (day + 8 * HOUR).weekday() < 5
        return day

    def _clock(self, now: datetime, due: datetime) -> None:
        self.due = self.rings = due
        self.asked_again = False
        self.reminds = self._reminder(now) if self.status in WORKED else None

    def _reminder(self, now: datetime) -> datetime | None:
        """Six hours before; a department two days before as well; not where the time is shorter than that twice over."""
        for ahead in (2 * DAY, 6 * HOUR) if self.rung == DEPARTMENT else (6 * HOUR,):
            if self.due - ahead - now >= ahead:
                return self.due - ahead
        return None

    def _go(self, now: datetime, status: str, *, due: datetime | None = None, unit: str = "") -> None:
        before, self.status = self.status, status
        self.rest_until = due if status == SUSPENDED else None
        if status in WORKED:
            climbed, self.rung = self.rung != status, status
            if climbed or unit:
                self._hold(unit)
        if status not in OPEN:
            self.closed, self.paused = now, None
            return
        self.closed = None
        if status in (WAITING, SUSPENDED):
            until = due if status == SUSPENDED else now + 3 * DAY
            assert until is not None
            self.paused, self.rings, self.reminds, self.asked_again = now, until, None, False
            return
        if before in (WAITING, SUSPENDED):
            assert self.paused is not None
            due, self.paused = self.due + max(now - self.paused, timedelta(0)), None
            if before == SUSPENDED:
                due = max(due, now + 6 * HOUR)
        usual = {TO_CONFIRM: now + 2 * DAY, TO_JUDGE: now + 3 * DAY}
        self._clock(now, due or usual.get(status) or self._time(now, status))

    def knocks(self, now: datetime) -> None:
        """The machine looks what is due."""
        if self.status not in OPEN:
            return
        if self.reminds is not None and self.reminds <= now:
            self.reminds = None
            if now < self.due:
                self.history.append("remind")
                self.reminds = self._reminder(now)
        while self.status in OPEN and self.rings <= now:  # a pause that is over may leave a time that is over, too
            self._rings(now)

    def _rings(self, now: datetime) -> None:
        match self.status:
            case "with_grid_branch" | "with_property":
                self._go(now, self._above())
                self.history.append("escalate")
            case "with_community" | "with_department":
                self.rings = now + 2 * DAY
                self.history.append("overdue")
            case "waiting_for_resident":
                self._go(now, self.rung)
                self.history.append("resume")
            case "suspended":
                self._go(now, self.rung)
                self.history.append("wake")
            case "to_confirm":
                self._go(now, TO_JUDGE)
                self.history.append("pass_unconfirmed")
            case "to_judge" if not self.asked_again:
                self._clock(now, now + 4 * DAY)
                self.asked_again = True
                self.history.append("ask_again")
            case _:
                self._go(now, "unfounded" if self.kind == "unfounded" else "unanswered")
                self.history.append("close_unfounded" if self.kind == "unfounded" else "close_unanswered")

    # ---- who may

    def about_them(self, who: str) -> bool:
        """Whether the complaint is about this person, in whatever post."""
        theirs = {"property": {"sq-property"}, "committee": {"sq-branch"}, "grid": {"sq-grid", "sq-branch"}}
        return who in theirs.get(self.about, set())

    def _stands(self, who: str) -> set[str]:
        out = {"r"} if who in self.waiting else set()
        if self.about_them(who):
            return out
        posts = {"sq-grid": "g", "sq-branch": "b", "head": "h", "sq-secretary": "o", "sq-staff-1": "o"}
        out |= {posts[who]} if who in posts else set()
        if who == "sq-secretary":
            out.add("s")
        if DEPARTMENTS.get(who) in self.called:
            out.add("a")
        if who == "sq-property" and self.holder == COMPANY:
            out.add("p")
        if DEPARTMENTS.get(who) == self.holder:
            out.add("d")
        return out

    def allows(self, who: str, act: str, now: datetime) -> bool:
        """Whether this person may do this now."""
        who_may = MAY[act].get(self.status, "")
        if act == "join":
            return who in self.waiting or (bool(who_may) and not self.about_them(who))
        if self.status not in OPEN and who_may:
            reporters = self.ever if self.status == "withdrawn" else self.waiting
            assert self.closed is not None
            return who in reporters and now - self.closed <= 30 * DAY
        if act == "to_property" and not self.has_property:
            return False
        if not self._has_what_it_takes(who, act, now):
            return False
        if act in ("solved", "partly", "not") and self._own_work(who):
            return False
        return bool(self._stands(who) & set(who_may))

    def _has_what_it_takes(self, who: str, act: str, now: datetime) -> bool:
        """What an act wants beside a post: a whistle that is earned, a wish to be decided."""
        resting = self.rest_until is not None
        wants = {
            "whistle_works": self._earned(),
            "whistle_roads": self._earned(),
            "ask_whistle": self._earned(),
            "send_whistle": self.wanted and self._earned(),
            "send_back": self._free(GRID),
            "call_roads": self.holder != ROADS and ROADS not in self.called,
            "assist": DEPARTMENTS.get(who) in self.helpers,
            "rest": self.rest_until is not None and self.rest_until > now,
            "no_rest": resting,
        }
        return wants.get(act, True)

    def _own_work(self, who: str) -> bool:
        """Nobody judges what they did: who has it in hand, or has said that it is settled."""
        working = {GRID: "gb", PROPERTY: "p", OFFICE: "o", DEPARTMENT: "d"}[self.rung]
        return who in self.settled_by or bool(self._stands(who) & set(working))

    def _earned(self) -> bool:
        if self.way.works_at == DEPARTMENT or not self.has_property:
            return True
        return bool(self.refusals or self.reopened or TRIED & set(self.history))

    def possible(self, now: datetime) -> dict[str, list[str]]:
        """act → who may do it now."""
        found = {act: [who for who in PEOPLE if self.allows(who, act, now)] for act in MAY}
        return {act: who for act, who in found.items() if who}

    # ---- what it does

    def does(self, who: str, act: str, now: datetime) -> None:
        """Write down what was done."""
        getattr(self, f"_{act}")(who, now)

    def _wrote(self, *actions: str) -> None:
        self.history += actions

    def _verify(self, _: str, now: datetime) -> None:
        self.verified = True
        self._wrote("verify")
        if self.way.works_at == GRID:
            return
        if self.way.works_at == PROPERTY and self.has_property:
            self._go(now, PROPERTY)
            self._wrote("hand_to_property")
        else:
            self._go(now, OFFICE)
            self._wrote("hand_to_community")

    def _not_true(self, who: str, now: datetime) -> None:
        self.settled_by.add(who)
        self.kind = "unfounded"
        self._go(now, TO_JUDGE)
        self._wrote("not_true")

    def _work(self, now: datetime) -> None:
        self.verified = True
        hours = self.way.hours.get(PROPERTY)
        self._clock(now, now + (hours * HOUR if hours else 3 * DAY))

    def _take_on(self, _: str, now: datetime) -> None:
        self._work(now)
        self._wrote("take_on")

    def _convene(self, _: str, now: datetime) -> None:
        self._work(now)
        self._wrote("convene")

    def _ask_head(self, _: str, now: datetime) -> None:
        self._wrote("ask_building_head")

    def _to_property(self, _: str, now: datetime) -> None:
        self.verified = True
        self._go(now, PROPERTY)
        self._wrote("hand_to_property")

    def _to_community(self, _: str, now: datetime) -> None:
        self.verified = True
        self._go(now, OFFICE)
        self._wrote("hand_to_community")

    def _accept(self, _: str, now: datetime) -> None:
        self._wrote("accept")

    def _comment(self, _: str, now: datetime) -> None:
        self._wrote("comment")

    def _urge(self, _: str, now: datetime) -> None:
        self._wrote("urge")

    def _ask(self, _: str, now: datetime) -> None:
        self._go(now, WAITING)
        self._wrote("ask_resident")

    def _add(self, _: str, now: datetime) -> None:
        if self.status == WAITING:
            self._go(now, self.rung)
            self._wrote("supply")
        else:
            self._wrote("add")

    def _done(self, who: str, now: datetime) -> None:
        self.settled_by.add(who)
        self.verified, self.kind = True, "done"
        self._go(now, TO_JUDGE if self.status == GRID else TO_CONFIRM)
        self._wrote("report_result")

    def _agree(self, who: str, now: datetime) -> None:
        self.settled_by.add(who)
        self.kind = "negotiated"
        self._go(now, TO_JUDGE if self.status == GRID else TO_CONFIRM)
        self._wrote("agree")

    def _agree_for_later(self, _: str, now: datetime) -> None:
        self.verified, self.kind = True, "planned"
        self._clock(now, now + 10 * DAY)
        self._wrote("agree_plan")

    def _cannot(self, _: str, now: datetime) -> None:
        self._go(now, OFFICE)
        self._wrote("cannot_solve")

    def _ask_whistle(self, _: str, now: datetime) -> None:
        self.verified = self.wanted = True
        self._go(now, OFFICE)
        self._wrote("propose_whistle")

    def _send_whistle(self, who: str, now: datetime) -> None:
        self._whistle_works(who, now)

    def _send_back(self, _: str, now: datetime) -> None:
        self.wanted = False
        self._go(now, GRID)
        self._wrote("send_back")

    def _keep(self, _: str, now: datetime) -> None:
        self.wanted, self.verified = False, True
        self._wrote("keep")

    def _call_roads(self, _: str, now: datetime) -> None:
        self.helpers.append(ROADS)
        self.called.add(ROADS)
        self._wrote("call_assistant")

    def _assist(self, who: str, now: datetime) -> None:
        self.helpers.remove(DEPARTMENTS[who])
        self._wrote("assist")

    def _links(self, _: str, now: datetime) -> None:
        self._wrote("issue_link")

    def _ask_rest(self, who: str, now: datetime) -> None:
        if who == "sq-secretary":  # needs nobody's word but her own
            self._go(now, SUSPENDED, due=now + 4 * DAY)
            self._wrote("suspend")
        else:
            self.rest_until = now + 4 * DAY
            self._wrote("ask_suspension")

    def _rest(self, _: str, now: datetime) -> None:
        self._go(now, SUSPENDED, due=self.rest_until)
        self._wrote("suspend")

    def _no_rest(self, _: str, now: datetime) -> None:
        self.rest_until = None
        self._wrote("refuse_suspension")

    def _wake(self, _: str, now: datetime) -> None:
        self._go(now, self.rung)
        self._wrote("wake")

    def _whistle_works(self, _: str, now: datetime) -> None:
        self.wanted = False
        self._go(now, DEPARTMENT, unit=DEPARTMENTS["sq-works"])
        self._wrote("blow_whistle")

    def _whistle_roads(self, _: str, now: datetime) -> None:
        self.wanted = False
        self._go(now, DEPARTMENT, unit=DEPARTMENTS["sq-liaison-03"])
        self._wrote("blow_whistle")

    def _plan(self, _: str, now: datetime) -> None:
        self.kind = "planned"
        self._clock(now, now + 7 * DAY)
        self._wrote("plan")

    def _refuse(self, _: str, now: datetime) -> None:
        self.wanted = False
        self.refusals += 1
        self._go(now, OFFICE)
        self._wrote("refuse")

    def _confirm(self, _: str, now: datetime) -> None:
        self._go(now, TO_JUDGE)
        self._wrote("confirm")

    def _not_fixed(self, _: str, now: datetime) -> None:
        self.kind = ""
        self._go(now, self.rung)
        self._wrote("not_fixed")

    def _withdraw(self, who: str, now: datetime) -> None:
        self.waiting.discard(who)
        if self.waiting:
            self._wrote("leave")
        else:
            self._go(now, "withdrawn")
            self._wrote("withdraw")

    def _solved(self, _: str, now: datetime) -> None:
        self._go(now, "solved")
        self._wrote("judge_solved")

    def _sent_back(self, now: datetime, to: str, action: str) -> None:
        self.reopened += 1
        self.verified, self.kind = True, ""
        self._go(now, to)
        self._wrote(action)

    def _partly(self, who: str, now: datetime) -> None:
        if self.status in OPEN:
            self._sent_back(now, self.rung, "judge_partly")
        else:
            self._reopen(who, now)

    def _not(self, who: str, now: datetime) -> None:
        if self.status in OPEN:
            self._sent_back(now, self._next_time(), "judge_not")
        else:
            self._reopen(who, now)

    def _reopen(self, who: str, now: datetime) -> None:
        if self.status == "withdrawn":
            self.waiting.add(who)
            self._go(now, self.rung)
            self._wrote("reopen")
        else:
            self._sent_back(now, self._next_time(), "reopen")

    def _next_time(self) -> str:
        """The first time one rung up, the second time to the secretary."""
        return self._above() if self.reopened == 0 else OFFICE

    def _join(self, who: str, now: datetime) -> None:
        if who not in self.waiting:
            self.waiting.add(who)
            self.ever.add(who)
            self._wrote("join")

    def _a_light(self, who: str, now: datetime) -> None:
        self._kind("street_light", now)

    def _a_dispute(self, who: str, now: datetime) -> None:
        self._kind("neighbor_dispute", now)

    def _kind(self, category: str, now: datetime) -> None:
        if category == self.category:
            return
        self.category = category
        self._wrote("reclassify")
        if self.verified or self.status not in (GRID, OFFICE):
            return
        # What complains of the property is a complaint only under its own heading.
        self.about = "" if self.complaint == "property" else self.complaint
        self.status = self.rung = self._first()
        self._hold()
        self._clock(now, self._time(now, self.rung))
        self._wrote("route")


class World:
    """The demo neighbourhood on a database, with one event loop for all examples."""

    def __init__(self, runner: asyncio.Runner, url: str) -> None:
        self.runner = runner
        self.database = Database(url)
        self.rules = rules(load(ROOT / "config.yml"))
        self.directory = Directory()
        self.ids: dict[str, int] = {}

    async def build(self) -> None:
        await self.database.migrate()
        async with self.database.writing() as session:
            await import_file(session, ROOT / "workflows/demo/hohhot.yml", START)
        async with self.database.reading() as session:
            self.directory = await Directory.load(session)
            self.ids = {key: row for row, key in await session.execute(select(Person.id, Person.key)) if key}
        self.estate = next(e for e in self.directory.estates_of(self.community) if e.name == "园林小区").id
        async with self.database.reading() as session:
            people = Office(session, START, self.rules, self.directory).people
            address = self.directory.address_of(self.estate, "3", "2", "402")
            heads = await people.holders(Role.BUILDING_HEAD, building_id=address.building_id, entrance="2")
            self.ids["head"] = heads[0].person_id

    @property
    def community(self) -> int:
        return next(c.id for c in self.directory.communities if c.code == "SQ")

    def unit(self, name: str) -> int:
        return next(u.id for u in self.directory.units_of(self.community, "department") if u.name == name)

    async def empty(self) -> None:
        async with self.database.writing() as session:
            for table in (*TABLES, CASES):
                await session.execute(delete(table))
            await session.execute(update(Person).values(reassured_at=None))

    async def rows(self) -> dict[str, Sequence[Row[Any]]]:
        """Everything that is kept of cases, for comparing."""
        async with self.database.reading() as session:
            found = {}
            for table in (CASES, *TABLES):
                rows = await session.execute(select(table).order_by(*table.primary_key))
                found[table.name] = rows.all()
            return found


class AnyLife(RuleBasedStateMachine):
    """One case, anybody's acts, and time that jumps; the paper and the database side by side."""

    world: World  # set by whoever runs it

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.told: list[Any] = []

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.world.runner.run(work)

    @initialize(matter=st.sampled_from(MATTERS), who=st.sampled_from(RESIDENTS))
    def begins(self, matter: tuple[str, str, str], who: str) -> None:
        self._run(self._begins(matter, who))

    async def _begins(self, matter: tuple[str, str, str], who: str) -> None:
        await self.world.empty()
        self.paper = Paper(matter, who, self.now)
        async with self._office() as office:
            address = self.world.directory.address_of(self.world.estate, "3", "2", "402")
            report = NewReport(self.world.ids[who], self.world.community, matter[0], matter[1], address)
            self.case = (await office.cases.open(report)).id
        self.rows = await self.world.rows()
        self.past: list[Row[Any]] = []

    @asynccontextmanager
    async def _office(self) -> AsyncIterator[Office]:
        async with self.world.database.writing() as session:
            yield Office(session, self.now, self.world.rules, self.world.directory)

    # ---- what happens

    # One rule for everything: of several, whole examples would use only a few, and few cases would get far.
    @rule(data=st.data())
    def something_happens(self, data: st.DataObject) -> None:
        possible = self.paper.possible(self.now)
        onward = {act: who for act, who in possible.items() if act not in ASIDES} or possible
        match data.draw(
            st.sampled_from(("onward", "onward", "onward", "possible", "anything", "time", "time")), label="what"
        ):
            case "time":
                hours = data.draw(st.sampled_from((-3, 1, 5, 19, 30, 75, 24 * 8)), label="hours")
                self._time_passes(hours, data.draw(st.booleans(), label="awake"))
            case "anything":
                who = data.draw(st.sampled_from(PEOPLE), label="who")
                self._try(who, data.draw(st.sampled_from(sorted(MAY)), label="act"))
            case what if possible:
                acts = onward if what == "onward" else possible
                act = data.draw(st.sampled_from(sorted(acts)), label="act")
                self._try(data.draw(st.sampled_from(acts[act]), label="who"), act)

    def _try(self, who: str, act: str) -> None:
        allowed = self.paper.allows(who, act, self.now)
        refused = self._run(self._act(who, act))
        assert (refused is None) is allowed, f"{who} {act} in {self.paper.status}: {refused!r}, paper says {allowed}"
        if refused is None:
            self.paper.does(who, act, self.now)
            assert not self.paper.about_them(who) or who in self.paper.ever

    async def _act(self, who: str, act: str) -> Exception | None:
        """Does it, or returns the refusal. Kept either way, as a turn is that answers a refusal with a sentence."""
        async with self._office() as office:
            try:
                await ACTS[act](office, self.world.ids[who], self.case, self.world)
            except REFUSALS as refusal:
                await office.session.commit()
                assert await self.world.rows() == self.rows, f"{who} was refused {act}, but something has changed"
                assert not office.notices
                return refusal
        return None

    def _time_passes(self, hours: int, awake: bool) -> None:
        """Also backwards, and with a machine that sleeps meanwhile."""
        self.now += hours * HOUR
        if awake:
            self._run(self._knock())
            self.paper.knocks(self.now)

    async def _knock(self) -> None:
        """Until nothing is due, as after a week's sleep."""
        heard: list[Notice] = []
        for _ in range(10):
            async with self._office() as office:
                follow_ups = office.follow_ups()
                due = await follow_ups.due()
                for row in due:
                    await follow_ups.run(row)
                heard += office.notices
            if not due:
                break
        else:
            raise AssertionError("there is always something due")
        told = Counter((n.to, n.kind) for n in heard)
        assert max(told.values(), default=1) == 1, f"the same told twice: {told}"
        residents = Counter(n.to for n in heard if n.capacity == "reporter")
        assert max(residents.values(), default=1) == 1, f"a flood: {heard}"

    # ---- what always holds

    @invariant()
    def the_paper_and_the_database_agree(self) -> None:
        if not hasattr(self, "case"):
            return
        self.rows = rows = self._run(self.world.rows())
        (case,) = rows["cases"]
        paper, unit = self.paper, self.world.directory.unit
        assert (case.status, case.category) == (paper.status, paper.category)
        assert case.rung == {GRID: "grid_branch", PROPERTY: "property", OFFICE: "community"}.get(
            paper.rung, "department"
        )
        assert unit(case.holder_unit_id).name == paper.holder
        assert (case.opened_at, case.whole_due_at) == (paper.opened, paper.whole)
        assert (case.rung_due_at, case.paused_at, case.closed_at) == (paper.due, paper.paused, paper.closed)
        assert case.suspended_until == paper.rest_until
        assert (case.verified, case.reopened, case.refusals) == (paper.verified, paper.reopened, paper.refusals)
        names = {row: key for key, row in self.world.ids.items()}
        assert {names[r.person_id] for r in rows["reporters"] if r.left_at is None} <= paper.waiting | {"head"}
        assert sum(r.left_at is None for r in rows["reporters"]) == len(paper.waiting)
        self._clocks(rows["follow_ups"])
        self._history(rows["case_events"], case)

    def _clocks(self, follow_ups: Sequence[Row[Any]]) -> None:
        running = Counter(row.kind for row in follow_ups if row.done_at is None)
        if self.paper.status not in OPEN:
            assert not running
            return
        assert running["clock"] == running["progress"] == 1
        (clock,) = (row for row in follow_ups if row.done_at is None and row.kind == "clock")
        assert clock.due_at == self.paper.rings
        reminds = [row.due_at for row in follow_ups if row.done_at is None and row.kind == "remind"]
        assert reminds == ([self.paper.reminds] if self.paper.reminds else [])

    def _history(self, events: Sequence[Row[Any]], case: Row[Any]) -> None:
        assert list(events[: len(self.past)]) == self.past, "history was edited"
        self.past = list(events)
        assert [event.action for event in events] == self.paper.history
        before, category = "", ""
        for event in events:
            assert event.from_status == before
            before, category = event.to_status, event.data.get("category", category)
        told = (before, events[-1].rung, events[-1].holder_unit_id, category)
        assert told == (case.status, case.rung, case.holder_unit_id, case.category)
        assert datetime.fromisoformat(events[0].data["whole_due"]) == case.whole_due_at


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    with asyncio.Runner() as runner:
        world = World(runner, database_url)
        runner.run(world.build())
        yield world
        runner.run(world.database.close())


def test_whatever_anybody_does_a_case_keeps_its_promises(world: World, engine: str) -> None:
    class Here(AnyLife):
        pass

    Here.world = world
    examples, steps = (25, 40) if engine == "sqlite" else (5, 25)
    run_state_machine_as_test(Here, settings=settings(max_examples=examples, stateful_step_count=steps))
