"""Conflict of interest: whom a complaint is about must not be the one who handles it."""

import re
from dataclasses import dataclass

_COMMITTEE = re.compile(r"业委会|物管会|业主委员会|业主会")
_PROPERTY = re.compile(r"物业|保安|管家")
_COMPLAINT = re.compile(r"投诉|举报|告他|查查|查一下账|贪|吃回扣|徇私|包庇|不作为|账目|公示")


@dataclass(frozen=True)
class About:
    """Whom a complaint is about."""

    property: bool = False
    committee: bool = False


def about(category: str, text: str) -> About:
    """Read from kind and words whether the matter is the property company's or the committee's own conduct.

    "物业不管" as an aside makes no complaint about the property (code book 13): there only the category decides.
    """
    committee, company = bool(_COMMITTEE.search(text)), bool(_PROPERTY.search(text))
    if category == "property_service":
        return About(property=company or not committee, committee=committee)
    if _COMPLAINT.search(text):
        return About(property=False, committee=committee)
    return About()
