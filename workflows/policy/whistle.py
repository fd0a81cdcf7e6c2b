"""吹哨: what a whistle must have before it is blown, and which department leads when several are named."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Grounds:
    """What speaks for a whistle."""

    reason: str
    photos: int
    no_photo: str  # why there is none
    attempted: bool  # a rung below has tried, refused or stayed silent
    outside: bool  # 社区自治权限外: by its kind, by a ruling, or because nobody below could do it


def missing(grounds: Grounds) -> str:
    """The phrase that says what is still wanted: need.reason, need.photo, need.attempt; empty when it is earned."""
    if not grounds.reason.strip():
        return "need.reason"
    if not (grounds.attempted or grounds.outside):
        return "need.attempt"
    if not grounds.photos and not grounds.no_photo.strip():
        return "need.photo"
    return ""


def led(named: Sequence[tuple[int, int]], lead_at: int) -> list[int]:
    """Units in the order in which they answer, the leading one first.

    `named` holds (where in the sentence, unit); `lead_at` is where 牵头 stands in it, or -1: then the first one leads.
    """
    order = [unit for _, unit in sorted(named)]
    before = [(at, unit) for at, unit in named if at < lead_at]
    if before:
        lead = max(before)[1]
        order = [lead, *(unit for unit in order if unit != lead)]
    return order
