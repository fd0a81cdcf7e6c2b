"""The measures of a span of time: its numbers and rates, and which actions count as what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from workflows.policy.lifecycle import CLOSED, TRANSITIONS, Action, Status

AGAIN = timedelta(days=30)  # the same kind at the same place within these days is a repeat
# A resident's last word in a week counts once. Asked twice without an answer is a word too: silence.
WORDS = (
    Action.JUDGE_SOLVED,
    Action.JUDGE_PARTLY,
    Action.JUDGE_NOT,
    Action.REOPEN,
    Action.CLOSE_UNANSWERED,
    Action.CLOSE_UNFOUNDED,
)
# Whatever the lifecycle lets end a case: what is closed is looked for among these events only.
CLOSING = tuple(sorted({action for (_, action), leads_to in TRANSITIONS.items() if leads_to in CLOSED}))
SENT_BACK = (Action.JUDGE_PARTLY, Action.JUDGE_NOT, Action.REOPEN)
# 吹哨 asked for, reviewed without one; 挂账: counted as they happened.
DEEDS = (Action.PROPOSE_WHISTLE, Action.SEND_BACK, Action.KEEP, Action.SUSPEND)
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
    Action.KEEP,
    Action.CALL_ASSISTANT,
    Action.ASSIST,
    Action.ISSUE_LINK,
    Action.ASK_SUSPENSION,
    Action.REFUSE_SUSPENSION,
    Action.SUSPEND,  # paused, and then it goes on
    Action.WAKE,
    Action.UPKEEP,
    Action.ROUND_DUE,
    Action.ROUND_DONE,
    Action.ROUND_MISSED,
    Action.ROUND_SKIPPED,
    Action.ABSORB,
    Action.SPLIT,
    Action.SUCCEED,
)


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
    whistles_asked: int = 0  # by the grid, for the community to review: 申请吹哨
    whistles_sent_back: int = 0  # reviewed, with a question first
    whistles_kept: int = 0  # reviewed, and solved by the community itself
    links_answered: int = 0  # answers of departments that have no account here
    patrols: int = 0  # rounds of the grid
    patrols_clean: int = 0  # of these, without findings
    recurrences: int = 0  # opened as what was solved and is back
    suspended: int = 0  # 挂账
    upkeep_due: int = 0  # rounds of seasonal contracts that were asked for
    upkeep_done: int = 0  # also those that come late
    upkeep_missed: int = 0  # the day has gone by without a word

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
                self.whistles_asked,
                self.whistles_sent_back,
                self.whistles_kept,
                self.links_answered,
                self.patrols,
                self.suspended,
                self.upkeep_due,
                self.upkeep_done,
                self.upkeep_missed,
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
    def sent_back(self) -> Share:
        """Cases that a resident sent back, of those on which a resident spoke or was waited for to the end."""
        return Share(self.reopened, self.answered + self.silent)

    @property
    def whistling(self) -> Share:
        """吹哨率: whistles, of what was reported. A case that is sent to a second department counts twice."""
        return Share(self.whistles, self.opened)

    @property
    def whistles_open(self) -> int:
        """What departments had at the end."""
        return self.with_department + self.with_department_planned + self.with_department_overdue


NOTHING = Measures()
