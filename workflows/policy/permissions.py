"""Who may do what: one table from relation and action; the use case asks it, whatever button was tapped."""

from enum import StrEnum

from workflows.policy.lifecycle import Action, Rung


class Role(StrEnum):
    """岗位: the roles a post can have."""

    GRID_WORKER = "grid_worker"
    BRANCH_SECRETARY = "branch_secretary"
    BUILDING_HEAD = "building_head"
    LIAISON = "liaison"
    PROPERTY_STAFF = "property_staff"
    COMMITTEE_HEAD = "owners_committee_head"
    COMMUNITY_SECRETARY = "community_secretary"
    COMMUNITY_STAFF = "community_staff"
    DEPARTMENT_LIAISON = "department_liaison"
    CLINIC_STAFF = "clinic_staff"


class Relation(StrEnum):
    """How a person stands to one case. Computed from their posts and the case, never claimed."""

    REPORTER = "reporter"
    GRID_WORKER = "grid_worker"  # of the case's grid
    BRANCH = "branch_secretary"  # of the case's grid
    BUILDING_HEAD = "building_head"  # of the case's building, or 联户长 there
    PROPERTY = "property"  # staff of the company that holds or held it
    COMMUNITY = "community"  # secretary or staff of the case's community
    DEPARTMENT = "department"  # liaison of the department that holds it
    ASSISTANT = "assisting_department"  # liaison of a department that was called to help the one that leads
    SECRETARY = "community_secretary"  # of the case's community, beside being of its office
    SYSTEM = "system"


_GRID = frozenset({Relation.GRID_WORKER, Relation.BRANCH})
_OFFICE = frozenset({Relation.COMMUNITY})

WHO: dict[Action, frozenset[Relation]] = {
    Action.VERIFY: _GRID | _OFFICE,
    Action.NOT_TRUE: _GRID | _OFFICE,
    Action.TAKE_ON: _GRID,
    Action.ASK_BUILDING_HEAD: _GRID,
    Action.HAND_TO_PROPERTY: _GRID | _OFFICE,
    Action.HAND_TO_COMMUNITY: _GRID,
    Action.ASK_RESIDENT: _GRID | _OFFICE | {Relation.PROPERTY, Relation.DEPARTMENT},
    Action.SUPPLY: frozenset({Relation.REPORTER}),
    Action.ACCEPT: _GRID | _OFFICE | {Relation.PROPERTY, Relation.DEPARTMENT},
    Action.CANNOT_SOLVE: frozenset({Relation.PROPERTY}),
    Action.CONVENE: frozenset({Relation.BRANCH, Relation.COMMUNITY}),
    Action.AGREE: frozenset({Relation.BRANCH, Relation.COMMUNITY}),
    Action.AGREE_PLAN: frozenset({Relation.BRANCH, Relation.COMMUNITY}),
    Action.PROPOSE_WHISTLE: _GRID,
    Action.SEND_BACK: _OFFICE,
    Action.KEEP: _OFFICE,
    Action.BLOW_WHISTLE: _OFFICE,
    Action.CALL_ASSISTANT: _OFFICE,
    Action.ISSUE_LINK: _OFFICE,
    Action.ASSIST: frozenset({Relation.ASSISTANT}),
    Action.ASK_SUSPENSION: _GRID | _OFFICE | {Relation.PROPERTY, Relation.DEPARTMENT},
    Action.SUSPEND: frozenset({Relation.SECRETARY}),
    Action.REFUSE_SUSPENSION: frozenset({Relation.SECRETARY}),
    Action.WAKE: _OFFICE,
    Action.UPKEEP: _GRID | _OFFICE | {Relation.PROPERTY, Relation.DEPARTMENT},
    Action.PLAN: frozenset({Relation.DEPARTMENT}),
    Action.REFUSE: frozenset({Relation.DEPARTMENT}),
    Action.REPORT_RESULT: _GRID | _OFFICE | {Relation.PROPERTY, Relation.DEPARTMENT, Relation.BUILDING_HEAD},
    Action.CONFIRM: _GRID | _OFFICE,
    Action.NOT_FIXED: _GRID | _OFFICE,
    Action.JUDGE_SOLVED: frozenset({Relation.REPORTER}),
    Action.JUDGE_PARTLY: frozenset({Relation.REPORTER}),
    Action.JUDGE_NOT: frozenset({Relation.REPORTER}),
    Action.WITHDRAW: frozenset({Relation.REPORTER}),
    Action.REOPEN: frozenset({Relation.REPORTER}),
    Action.LEAVE: frozenset({Relation.REPORTER}),
    Action.ADD: frozenset({Relation.REPORTER}),
    Action.URGE: frozenset({Relation.REPORTER}),
    Action.RECLASSIFY: _GRID | _OFFICE | {Relation.REPORTER},
    Action.RELOCATE: _GRID | _OFFICE | {Relation.REPORTER},
    Action.COMMENT: _GRID
    | _OFFICE
    | {Relation.PROPERTY, Relation.DEPARTMENT, Relation.BUILDING_HEAD, Relation.ASSISTANT},
    Action.MERGE: _OFFICE,
    Action.ABSORB: _OFFICE,
    Action.SPLIT: _OFFICE,
}

# A holder's actions are theirs only while they hold it: the property may not report on what the department has.
AT_THEIR_RUNG = frozenset(
    {
        Action.ACCEPT,
        Action.CANNOT_SOLVE,
        Action.REPORT_RESULT,
        Action.PLAN,
        Action.REFUSE,
        Action.ASK_RESIDENT,
        Action.TAKE_ON,
        Action.CONVENE,
        Action.AGREE,
        Action.AGREE_PLAN,
        Action.BLOW_WHISTLE,
        Action.PROPOSE_WHISTLE,
        Action.SEND_BACK,
        Action.KEEP,
        Action.ASK_SUSPENSION,
        Action.UPKEEP,
    }
)


class NotAllowed(Exception):
    """The person's post does not cover this; nothing was changed."""

    def __init__(self, action: Action, case_id: int | None = None) -> None:
        super().__init__(f"{action} is not theirs to do")
        self.action = action
        self.case_id = case_id


class OwnWork(NotAllowed):
    """Whoever solved a matter does not judge whether it is solved, also where they wait for it as a neighbour."""


def capacity(action: Action, relations: frozenset[Relation]) -> Relation:
    """In which capacity somebody with these relations does `action`.

    Raises:
        NotAllowed: in none.
    """
    allowed = WHO.get(action, frozenset()) & relations
    if not allowed:
        raise NotAllowed(action)
    return min(allowed, key=list(Relation).index)


def may_see(relations: frozenset[Relation]) -> bool:
    """Residents see their own cases only; staff see what their post covers."""
    return bool(relations)


RUNG_OF_RELATION = {
    Relation.GRID_WORKER: Rung.GRID_BRANCH,
    Relation.BRANCH: Rung.GRID_BRANCH,
    Relation.BUILDING_HEAD: Rung.GRID_BRANCH,
    Relation.PROPERTY: Rung.PROPERTY,
    Relation.COMMUNITY: Rung.COMMUNITY,
    Relation.DEPARTMENT: Rung.DEPARTMENT,
}


# Handing a case on is an overseer's right too, but nobody takes it from a rung that stands above theirs.
NEVER_FROM_ABOVE = frozenset({Action.HAND_TO_PROPERTY})
_LADDER = list(Rung)


JUDGING = frozenset({Action.JUDGE_SOLVED, Action.JUDGE_PARTLY, Action.JUDGE_NOT})
# What somebody has done who says that a matter is settled.
SETTLING = frozenset({Action.REPORT_RESULT, Action.AGREE, Action.NOT_TRUE})


def works_on_it(relations: frozenset[Relation], rung: Rung, *, holder: bool) -> bool:
    """Whether somebody works on a case that stands at this rung; `holder`: their own unit has it.

    A building head who only looked is a neighbour like others, and so is a department that had it once.
    """
    if rung in (Rung.PROPERTY, Rung.DEPARTMENT):
        return holder
    return any(RUNG_OF_RELATION.get(relation) is rung for relation in relations - {Relation.BUILDING_HEAD})


def at_rung(action: Action, relation: Relation, rung: Rung | None) -> bool:
    """Whether somebody with this relation may do `action` while the case is at `rung` (None: at nobody's)."""
    if relation not in WHO.get(action, frozenset()):
        return False
    theirs = RUNG_OF_RELATION.get(relation)
    if rung is None or theirs is None:
        return True
    if action in NEVER_FROM_ABOVE:
        return _LADDER.index(theirs) >= _LADDER.index(rung)
    return action not in AT_THEIR_RUNG or theirs is rung
