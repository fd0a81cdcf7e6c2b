"""The same problem or only alike? Place decides first, then kind, then words."""

import re
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import exp, log, sqrt

from workflows.policy.places import Address

# Categories that people confuse when they describe one and the same thing.
ALIKE = tuple(
    frozenset(pair)
    for pair in (
        ("road_damage", "manhole"),
        ("road_damage", "construction"),
        ("manhole", "sewage"),
        ("pest_control", "greening"),
        ("pest_control", "garbage"),
        ("garbage", "pollution"),
        ("garbage", "fire_safety"),
        ("sewage", "pollution"),
        ("sewage", "leak_repair"),
        ("leak_repair", "water_supply"),
        ("leak_repair", "heating"),
        ("flying_wire", "electric_hazard"),
        ("flying_wire", "fire_safety"),
        ("electric_hazard", "power_supply"),
        ("electric_hazard", "street_light"),
        ("street_light", "power_supply"),
        ("parking", "fire_safety"),
        ("parking", "traffic"),
        ("parking", "illegal_building"),
        ("noise", "construction"),
        ("noise", "neighbor_dispute"),
        ("noise", "stray_animals"),
        ("illegal_building", "fire_safety"),
        ("falling_objects", "leak_repair"),
        ("public_facility", "public_security"),
    )
)
ELSEWHERE = 0.0
_SAME_SPOT, _SAME_WORDS, _SURE = 0.7, 0.75, 0.9
_ADDRESS = re.compile(
    r"[一-鿿]{1,6}(?:小区|家属院|花园|公寓|苑)|[\d一二三四五六七八九十]{1,3}\s*(?:号楼|栋|幢|单元|室|楼)|\d+(?:-\d+)+"
)
_BY_LETTERS = 0.8  # brings the letters' score to the scale of the reader's: one threshold serves both
# Matters of a household: two neighbours without heating are two doors but, in one building, one cause.
SHARED_CAUSE = frozenset({"heating", "water_supply", "power_supply", "gas", "elevator", "sewage"})


@dataclass(frozen=True)
class Report:
    """One report as far as likeness goes: what kind, where, in which words."""

    text: str
    category: str
    address: Address
    ranking: tuple[tuple[str, float], ...] = ()


def likeness(a: Report, b: Report, read: float | None = None) -> float:
    """How likely two reports are about one problem, 0 to 1. The threshold is the operator's.

    `read` is what the NLU thinks of the two together; without it their letters have to do.
    """
    where = nearness(a.address, b.address)
    if where == ELSEWHERE:
        return 0.0
    if where >= _SAME_SPOT and a.category == b.category and _words(_matter(a.text), _matter(b.text)) >= _SAME_WORDS:
        return _SURE  # the same words about the same spot need no reader
    if read is not None:
        return _weighed(min(max(read, 1e-4), 1 - 1e-4), where, _overlap(a, b), _words(a.text, b.text))
    kind = _kind(a, b)
    words = _words(a.text, b.text)
    if kind == 0.0:
        return _BY_LETTERS * 0.3 * where * words
    sure = 0.18 if kind == 1.0 else 0.0  # of another kind, the words must speak for it
    return _BY_LETTERS * min(1.0, where * (0.55 * kind + 0.45 * min(1.0, words * 2.0) + sure))


def _matter(text: str) -> str:
    """The words without the address: what is wrong, not where."""
    return _ADDRESS.sub("", text)


def _weighed(read: float, where: float, overlap: float, words: float) -> float:
    """What the NLU thinks of the two, steadied by place, kind and words; fitted on tests/nlu/pairs_fit and pairs_dev.

    Words in common count against it: the reader has given them their due already, and a little too much.
    """
    sure = 0.56 * log(read / (1 - read)) + 0.32 * where + 0.51 * overlap - 2.62 * words + 0.23
    return 1 / (1 + exp(-sure))


def _overlap(a: Report, b: Report) -> float:
    """How much of the reader's belief about the two lies on the same kinds, 0 to 1."""
    if a.ranking and b.ranking:
        theirs = dict(b.ranking)
        return sum(min(score, theirs.get(label, 0.0)) for label, score in a.ranking)
    return float(a.category == b.category)


def _kind(a: Report, b: Report) -> float:
    if a.category == b.category:
        return 1.0
    if frozenset((a.category, b.category)) in ALIKE:
        return 0.75
    # The readers' second thoughts: what one message is mostly, the other is a little.
    overlap = dict(a.ranking).get(b.category, 0.0) + dict(b.ranking).get(a.category, 0.0)
    return min(0.7, overlap)


def nearness(a: Address, b: Address) -> float:
    """0: surely elsewhere; 1: surely the same spot; between: it may be."""
    if a.estate and b.estate and a.estate != b.estate:
        return 0.0
    same_estate = bool(a.estate and a.estate == b.estate)
    if a.building and b.building:
        if a.building != b.building:
            return 0.0
        if a.unit and b.unit and a.unit != b.unit:
            return 0.15
        if a.room and b.room and a.room != b.room:
            return 0.6
        return 1.0 if same_estate or not (a.estate and b.estate) else 0.9
    if a.place and b.place:
        near = _words(a.place, b.place)
        if a.place in b.place or b.place in a.place:
            near = 1.0
        return 0.55 + 0.45 * min(1.0, near * 1.6)
    if same_estate:
        return 0.7
    if a.grid_id is not None and a.grid_id == b.grid_id:
        return 0.65
    return 0.6


@lru_cache(maxsize=1024)  # one message is held against many; nobody changes what is given
def _grams(text: str) -> Counter[str]:
    letters = [char for char in text if char.isalnum()]
    return Counter(letters) + Counter("".join(pair) for pair in pairwise(letters))


def _words(a: str, b: str) -> float:
    left, right = _grams(a), _grams(b)
    dot = sum(count * right[gram] for gram, count in left.items())
    norm = sqrt(sum(n * n for n in left.values()) * sum(n * n for n in right.values()))
    return dot / norm if norm else 0.0
