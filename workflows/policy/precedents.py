"""归属: which earlier rulings are like a matter, and what a rule made of one would speak of."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

_KIND, _ESTATE, _PLACE = 2.0, 0.5, 1.0


@dataclass(frozen=True)
class Ruled:
    """A ruling as far as likeness goes."""

    id: int
    category: str
    estate: str
    place: str
    text: str
    department: str


def _pairs(text: str) -> set[str]:
    letters = [char for char in text if char.isalnum()]
    return {"".join(pair) for pair in pairwise(letters)}


def likeness(one: Ruled, words: str, category: str) -> float:
    """How much a ruling has to do with these words; 0 for nothing at all."""
    shared = len(_pairs(words) & _pairs(f"{one.text}{one.place}{one.estate}{one.department}"))
    score = float(shared)
    if category and category == one.category:
        score += _KIND
    if one.estate and one.estate in words:
        score += _ESTATE
    if one.place and one.place in words:
        score += _PLACE
    return score


def most_like(rulings: Sequence[Ruled], words: str, category: str, limit: int) -> list[int]:
    """Ids of the rulings that have to do with it, the most alike and then the newest first; all of them without words."""
    if not words.strip():
        return [one.id for one in sorted(rulings, key=lambda one: -one.id)[:limit]]
    scored = [(likeness(one, words, category), one.id) for one in rulings]
    return [ruling_id for score, ruling_id in sorted(scored, reverse=True) if score > 0][:limit]
