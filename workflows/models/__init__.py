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
from workflows.models.messages import Chat, Inbound, Note, Outbound, WebBubble
from workflows.models.people import Account, Invitation, Person, Post, Unit
from workflows.models.places import Building, Community, Estate, Grid, Household, Landmark
from workflows.models.processes import Lease

__all__ = [
    "Account",
    "Alert",
    "Base",
    "Building",
    "Case",
    "CaseCounter",
    "CaseEvent",
    "Chat",
    "Community",
    "Correction",
    "DigestIssue",
    "Estate",
    "FollowUp",
    "Grid",
    "Household",
    "Inbound",
    "Invitation",
    "Landmark",
    "Lease",
    "Media",
    "Note",
    "Outbound",
    "Person",
    "Post",
    "Refusal",
    "Reporter",
    "SignIn",
    "Unit",
    "UtcDateTime",
    "WebBubble",
    "Whistle",
]
