"""The weekly digest: to each audience its own, with silence and what is overdue counted as what they are."""

from workflows.digest.audiences import (
    CommunityDigest,
    DepartmentDigest,
    Digest,
    GridDigest,
    PropertyDigest,
    ResidentDigest,
    as_data,
    from_data,
)
from workflows.digest.digests import Digests
from workflows.digest.lines import CaseLine, Listing, Tally
from workflows.digest.week_card import WeekCard, WeekCourse
from workflows.policy.audiences import Audience
from workflows.policy.measures import Measures, Share
from workflows.policy.weeks import Week

__all__ = [
    "Audience",
    "CaseLine",
    "CommunityDigest",
    "DepartmentDigest",
    "Digest",
    "Digests",
    "GridDigest",
    "Listing",
    "Measures",
    "PropertyDigest",
    "ResidentDigest",
    "Share",
    "Tally",
    "Week",
    "WeekCard",
    "WeekCourse",
    "as_data",
    "from_data",
]
