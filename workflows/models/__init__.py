"""Tables of the whole product; every row of a neighbourhood carries its `community_id`."""

from workflows.models.access import Refusal, SignIn
from workflows.models.base import Base, UtcDateTime
from workflows.models.cases import (
    Alert,
    Case,
    CaseCounter,
    CaseEvent,
    Correction,
    DigestIssue,
    FollowUp,
    Media,
    Reporter,
    Whistle,
)
from workflows.models.console import AuditEntry, HotlineMonth
from workflows.models.messages import Chat, Inbound, Note, Outbound, WebBubble
from workflows.models.people import Account, Invitation, Person, Post, Unit
from workflows.models.places import Building, Community, DirectoryState, Estate, Grid, Household, Landmark
from workflows.models.processes import Lease
from workflows.models.upkeep import Patrol, UpkeepPlan, UpkeepTask
from workflows.models.whistles import AnswerLink, RoutingRule, Ruling

__all__ = [
    "Account",
    "Alert",
    "AnswerLink",
    "AuditEntry",
    "Base",
    "Building",
    "Case",
    "CaseCounter",
    "CaseEvent",
    "Chat",
    "Community",
    "Correction",
    "DigestIssue",
    "DirectoryState",
    "Estate",
    "FollowUp",
    "Grid",
    "HotlineMonth",
    "Household",
    "Inbound",
    "Invitation",
    "Landmark",
    "Lease",
    "Media",
    "Note",
    "Outbound",
    "Patrol",
    "Person",
    "Post",
    "Refusal",
    "Reporter",
    "RoutingRule",
    "Ruling",
    "SignIn",
    "Unit",
    "UpkeepPlan",
    "UpkeepTask",
    "UtcDateTime",
    "WebBubble",
    "Whistle",
]
