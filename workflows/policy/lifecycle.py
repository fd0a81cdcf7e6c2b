"""The lifecycle of a case: one table says what may happen in which state and where that leads."""

from enum import StrEnum


class Rung(StrEnum):
    """层级: a step of the ladder, in climbing order."""

    GRID_BRANCH = "grid_branch"
    PROPERTY = "property"
    COMMUNITY = "community"
    DEPARTMENT = "department"


class Status(StrEnum):
    """Where a case stands. `with_*` means: this rung is working on it."""

    WITH_GRID = "with_grid_branch"
    WITH_PROPERTY = "with_property"
    WITH_COMMUNITY = "with_community"
    WITH_DEPARTMENT = "with_department"
    WAITING_FOR_RESIDENT = "waiting_for_resident"  # 需补充: the rung's clock is paused
    SUSPENDED = "suspended"  # 挂账: laid aside to a day, with the secretary's approval; wakes itself
    TO_CONFIRM = "to_confirm"  # the holder says done; the grid worker looks on the spot
    TO_JUDGE = "to_judge"  # the resident is asked 解决/部分/没有
    SOLVED = "solved"
    UNANSWERED = "unanswered"  # asked twice, no answer: never counted as satisfied
    UNFOUNDED = "unfounded"  # 不属实, and the resident agrees
    WITHDRAWN = "withdrawn"
    MERGED = "merged"


class Action(StrEnum):
    """What somebody (or the clock) does to a case. The history speaks these words."""

    OPEN = "open"
    VERIFY = "verify"
    NOT_TRUE = "not_true"
    ASK_RESIDENT = "ask_resident"
    SUPPLY = "supply"
    RESUME = "resume"
    TAKE_ON = "take_on"
    ASK_BUILDING_HEAD = "ask_building_head"
    HAND_TO_PROPERTY = "hand_to_property"
    HAND_TO_COMMUNITY = "hand_to_community"
    ACCEPT = "accept"
    CANNOT_SOLVE = "cannot_solve"
    CONVENE = "convene"
    AGREE = "agree"
    AGREE_PLAN = "agree_plan"  # agreed upon, to be done on a day that was named
    PROPOSE_WHISTLE = "propose_whistle"  # the grid asks for one; the community reviews it
    SEND_BACK = "send_back"  # reviewed: a question first
    KEEP = "keep"  # reviewed: the community solves it itself
    BLOW_WHISTLE = "blow_whistle"
    CALL_ASSISTANT = "call_assistant"  # another department beside the one that leads
    ASSIST = "assist"  # what an assisting department answers
    ISSUE_LINK = "issue_link"  # a department without an account is to answer by a link
    PLAN = "plan"
    REFUSE = "refuse"
    REPORT_RESULT = "report_result"
    CONFIRM = "confirm"
    NOT_FIXED = "not_fixed"
    PASS_UNCONFIRMED = "pass_unconfirmed"  # noqa: S105 - passes on, is no password
    JUDGE_SOLVED = "judge_solved"
    JUDGE_PARTLY = "judge_partly"
    JUDGE_NOT = "judge_not"
    ASK_AGAIN = "ask_again"
    CLOSE_UNANSWERED = "close_unanswered"
    CLOSE_UNFOUNDED = "close_unfounded"
    WITHDRAW = "withdraw"
    REOPEN = "reopen"
    ESCALATE = "escalate"
    REMIND = "remind"
    OVERDUE = "overdue"
    ASK_SUSPENSION = "ask_suspension"
    SUSPEND = "suspend"
    REFUSE_SUSPENSION = "refuse_suspension"
    WAKE = "wake"
    JOIN = "join"
    LEAVE = "leave"
    ADD = "add"
    RECLASSIFY = "reclassify"
    RELOCATE = "relocate"
    URGE = "urge"
    COMMENT = "comment"
    ROUTE = "route"
    SUCCEED = "succeed"  # the unit or place that had it was closed: another takes it over as it is
    MERGE = "merge"
    UPKEEP = "upkeep"  # a plan that repeats was promised with it
    ROUND_DUE = "round_due"  # of such a plan: its day has come; also long after the case was closed
    ROUND_DONE = "round_done"
    ROUND_MISSED = "round_missed"
    ROUND_SKIPPED = "round_skipped"  # it need not be done this time; neither done nor missed
    ABSORB = "absorb"  # another case was merged into this one
    SPLIT = "split"  # a second matter was taken out of this one


class To(StrEnum):
    """Where a transition leads when that depends on the case's own ladder."""

    SAME = "same"  # stays in its state
    RUNG = "rung"  # back to the rung that holds it
    NEXT = "next"  # one rung higher


CLOSED = frozenset({Status.SOLVED, Status.UNANSWERED, Status.UNFOUNDED, Status.WITHDRAWN, Status.MERGED})
ROUNDS = frozenset({Action.ROUND_DUE, Action.ROUND_DONE, Action.ROUND_MISSED, Action.ROUND_SKIPPED})
STATUS_OF = {
    Rung.GRID_BRANCH: Status.WITH_GRID,
    Rung.PROPERTY: Status.WITH_PROPERTY,
    Rung.COMMUNITY: Status.WITH_COMMUNITY,
    Rung.DEPARTMENT: Status.WITH_DEPARTMENT,
}
RUNG_OF = {status: rung for rung, status in STATUS_OF.items()}
WORKING = frozenset(RUNG_OF)
OPEN = frozenset(Status) - CLOSED

TRANSITIONS: dict[tuple[Status, Action], Status | To] = {
    # 网格党支部: the grid worker looks, the branch secretary calls the property in.
    (Status.WITH_GRID, Action.ACCEPT): To.SAME,
    (Status.WITH_GRID, Action.VERIFY): To.SAME,
    (Status.WITH_GRID, Action.NOT_TRUE): Status.TO_JUDGE,
    (Status.WITH_GRID, Action.ASK_RESIDENT): Status.WAITING_FOR_RESIDENT,
    (Status.WITH_GRID, Action.TAKE_ON): To.SAME,
    (Status.WITH_GRID, Action.ASK_BUILDING_HEAD): To.SAME,
    (Status.WITH_GRID, Action.HAND_TO_PROPERTY): Status.WITH_PROPERTY,
    (Status.WITH_GRID, Action.HAND_TO_COMMUNITY): Status.WITH_COMMUNITY,
    (Status.WITH_GRID, Action.PROPOSE_WHISTLE): Status.WITH_COMMUNITY,
    (Status.WITH_GRID, Action.CONVENE): To.SAME,
    (Status.WITH_GRID, Action.AGREE): Status.TO_JUDGE,
    (Status.WITH_GRID, Action.AGREE_PLAN): To.SAME,
    (Status.WITH_GRID, Action.REPORT_RESULT): Status.TO_JUDGE,  # the grid worker is the witness
    (Status.WITH_GRID, Action.ESCALATE): To.NEXT,
    # 物业: 已解决 or 解决不了; "如果物业无法解决" it climbs.
    (Status.WITH_PROPERTY, Action.ACCEPT): To.SAME,
    (Status.WITH_PROPERTY, Action.REPORT_RESULT): Status.TO_CONFIRM,
    (Status.WITH_PROPERTY, Action.CANNOT_SOLVE): Status.WITH_COMMUNITY,
    (Status.WITH_PROPERTY, Action.ASK_RESIDENT): Status.WAITING_FOR_RESIDENT,
    (Status.WITH_PROPERTY, Action.ESCALATE): To.NEXT,
    # 社区党委: coordinates, calls the parties together, or blows the whistle.
    (Status.WITH_COMMUNITY, Action.ACCEPT): To.SAME,
    (Status.WITH_COMMUNITY, Action.CONVENE): To.SAME,
    (Status.WITH_COMMUNITY, Action.AGREE): Status.TO_CONFIRM,
    (Status.WITH_COMMUNITY, Action.AGREE_PLAN): To.SAME,
    (Status.WITH_COMMUNITY, Action.REPORT_RESULT): Status.TO_CONFIRM,
    (Status.WITH_COMMUNITY, Action.HAND_TO_PROPERTY): Status.WITH_PROPERTY,
    (Status.WITH_COMMUNITY, Action.SEND_BACK): Status.WITH_GRID,
    (Status.WITH_COMMUNITY, Action.KEEP): To.SAME,
    (Status.WITH_COMMUNITY, Action.BLOW_WHISTLE): Status.WITH_DEPARTMENT,
    (Status.WITH_COMMUNITY, Action.ASK_RESIDENT): Status.WAITING_FOR_RESIDENT,
    # 部门: answers within 5 days. A refusal goes back for a ruling, and can go to another department.
    (Status.WITH_DEPARTMENT, Action.ACCEPT): To.SAME,
    (Status.WITH_DEPARTMENT, Action.CALL_ASSISTANT): To.SAME,
    (Status.WITH_DEPARTMENT, Action.ISSUE_LINK): To.SAME,
    (Status.WITH_DEPARTMENT, Action.PLAN): To.SAME,
    (Status.WITH_DEPARTMENT, Action.REPORT_RESULT): Status.TO_CONFIRM,
    (Status.WITH_DEPARTMENT, Action.REFUSE): Status.WITH_COMMUNITY,
    (Status.WITH_DEPARTMENT, Action.ASK_RESIDENT): Status.WAITING_FOR_RESIDENT,
    # 需补充
    (Status.WAITING_FOR_RESIDENT, Action.SUPPLY): To.RUNG,
    (Status.WAITING_FOR_RESIDENT, Action.RESUME): To.RUNG,
    # 挂账
    (Status.SUSPENDED, Action.WAKE): To.RUNG,
    (Status.SUSPENDED, Action.JUDGE_SOLVED): Status.SOLVED,
    # 现场确认 and 居民评价: closed by witnesses.
    (Status.TO_CONFIRM, Action.CONFIRM): Status.TO_JUDGE,
    (Status.TO_CONFIRM, Action.NOT_FIXED): To.RUNG,
    (Status.TO_CONFIRM, Action.PASS_UNCONFIRMED): Status.TO_JUDGE,
    (Status.TO_CONFIRM, Action.JUDGE_SOLVED): Status.SOLVED,
    (Status.TO_CONFIRM, Action.JUDGE_PARTLY): To.RUNG,
    (Status.TO_CONFIRM, Action.JUDGE_NOT): To.NEXT,
    (Status.TO_JUDGE, Action.JUDGE_SOLVED): Status.SOLVED,
    (Status.TO_JUDGE, Action.JUDGE_PARTLY): To.RUNG,
    (Status.TO_JUDGE, Action.JUDGE_NOT): To.NEXT,
    (Status.TO_JUDGE, Action.ASK_AGAIN): To.SAME,
    (Status.TO_JUDGE, Action.CLOSE_UNANSWERED): Status.UNANSWERED,
    (Status.TO_JUDGE, Action.CLOSE_UNFOUNDED): Status.UNFOUNDED,
    # "Not fixed" reaches whoever said it was fixed, also after closing.
    (Status.SOLVED, Action.REOPEN): To.NEXT,
    (Status.UNANSWERED, Action.REOPEN): To.NEXT,
    (Status.UNFOUNDED, Action.REOPEN): To.NEXT,
    (Status.WITHDRAWN, Action.REOPEN): To.RUNG,
}
for _status in WORKING:
    TRANSITIONS[_status, Action.REMIND] = To.SAME
    TRANSITIONS[_status, Action.OVERDUE] = To.SAME
    TRANSITIONS[_status, Action.ROUTE] = To.SAME
    TRANSITIONS[_status, Action.ASK_SUSPENSION] = To.SAME
    TRANSITIONS[_status, Action.REFUSE_SUSPENSION] = To.SAME
    TRANSITIONS[_status, Action.SUSPEND] = Status.SUSPENDED
    # The resident says that it is solved before the holder does: theirs is the word that counts.
    TRANSITIONS[_status, Action.JUDGE_SOLVED] = Status.SOLVED
for _status in OPEN:
    TRANSITIONS[_status, Action.WITHDRAW] = Status.WITHDRAWN
    TRANSITIONS[_status, Action.MERGE] = Status.MERGED
    for _action in (
        Action.JOIN,
        Action.LEAVE,
        Action.ADD,
        Action.RECLASSIFY,
        Action.RELOCATE,
        Action.URGE,
        Action.COMMENT,
        Action.ASSIST,
        Action.UPKEEP,
        Action.ABSORB,
        Action.SPLIT,
        Action.SUCCEED,
    ):
        TRANSITIONS[_status, _action] = To.SAME
for _status in Status:  # 定期维护 outlives the case that it was promised with
    for _action in ROUNDS:
        TRANSITIONS[_status, _action] = To.SAME


class NotPossible(Exception):
    """This cannot be done to a case in this state; the sentence for the person says what the state is."""

    def __init__(self, status: Status, action: Action) -> None:
        super().__init__(f"{action} is not possible in {status}")
        self.status = status
        self.action = action


def destination(status: Status, action: Action) -> Status | To:
    """Where `action` leads from `status`.

    Raises:
        NotPossible: the table has no such row.
    """
    try:
        return TRANSITIONS[status, action]
    except KeyError:
        raise NotPossible(status, action) from None


def possible(status: Status) -> frozenset[Action]:
    """Everything the table allows in `status`, whoever asks."""
    return frozenset(action for state, action in TRANSITIONS if state is status)
