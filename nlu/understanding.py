"""What a message means: the value every channel works with, and the port that whoever reads messages stands behind."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

REQUEST_INTENTS = frozenset(
    {
        "pest_control",
        "garbage",
        "pollution",
        "greening",
        "stray_animals",
        "road_damage",
        "manhole",
        "street_light",
        "public_facility",
        "construction",
        "heating",
        "water_supply",
        "power_supply",
        "gas",
        "leak_repair",
        "sewage",
        "elevator",
        "flying_wire",
        "electric_hazard",
        "fire_safety",
        "falling_objects",
        "public_security",
        "noise",
        "parking",
        "illegal_building",
        "neighbor_dispute",
        "property_service",
        "employment",
        "training",
        "land",
        "health_service",
        "social_aid",
        "traffic",
        "other_request",
    }
)
OUT_OF_SCOPE = "out_of_scope"
EMERGENCY = "emergency"
DIALOGUE_INTENTS = frozenset(
    {
        "greet",
        "thanks",
        "goodbye",
        "ask_progress",
        "urge",
        "satisfied",
        "dissatisfied",
        "withdraw",
        "human",
        "help",
        "propose_topic",
        EMERGENCY,
        OUT_OF_SCOPE,
    }
)
INTENTS = REQUEST_INTENTS | DIALOGUE_INTENTS
ENTITY_KINDS = ("estate", "building", "unit", "room", "place", "time")

BETWEEN = "\u241e"  # stands between two reports that the reader is to hold against each other; no message has it
MAX_LENGTH = 1000  # nobody describes one problem at greater length; a pasted novel must not hold up the neighbours


class NluUnavailable(Exception):
    """The NLU cannot be asked just now: take the request by menu and understand the text later."""


@dataclass(frozen=True, slots=True)
class Entity:
    """A verbatim piece of the message; `start` and `end` count characters of `Understanding.text`."""

    kind: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Understanding:
    """What the NLU makes of one message; `text` is the message as it was read, after `clean`.

    Where it holds a second request (`also`), `parts` are the words of the first and of the second.
    """

    text: str
    intent: str
    confidence: float
    ranking: tuple[tuple[str, float], ...] = ()
    also: tuple[str, ...] = ()
    entities: tuple[Entity, ...] = ()
    parts: tuple[str, ...] = ()

    def values(self, kind: str) -> tuple[str, ...]:
        return tuple(entity.value for entity in self.entities if entity.kind == kind)


class Understander(Protocol):
    """Whoever can say what a message means."""

    async def understand(self, text: str) -> Understanding:
        """Raises NluUnavailable when the message cannot be read now."""
        ...

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """How likely each of `others` tells of the same problem as `text`, 0 to 1.

        Raises NluUnavailable when they cannot be read now.
        """
        ...


# Invisible characters that keyboards, web pages and attackers leave between letters: controls, joiners, marks of
# direction, variation selectors and tags. The zero-width joiner inside an emoji goes too: emoji are not read anyway.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
_SPACES = re.compile(r"\s+")
_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without what nobody can see, in one line, cut to a length that is read in good time.

    Nor does it begin with a slash: Rasa would take what follows for the name of an intent, and believe it.
    """
    text = _LONE_SURROGATES.sub("", text[: MAX_LENGTH * 4]).replace(BETWEEN, " ")
    return _SPACES.sub(" ", _INVISIBLE.sub("", text)).strip().lstrip("/ ")[:MAX_LENGTH].rstrip()


_ADDRESS = re.compile(
    r"(?P<building>\d{1,3}|[A-Za-z])\s*[-—–－]\s*(?:(?P<unit>\d{1,2})\s*[-—–－]\s*)?(?P<room>\d{3,4})"
)


def without_asking(text: str) -> Understanding | None:
    """What plain code can say of a cleaned text in which there is nothing to read: no letter of any script."""
    if any(unicodedata.category(char).startswith("L") for char in text) and not _ADDRESS.fullmatch(text):
        return None
    entities: tuple[Entity, ...] = ()
    if address := _ADDRESS.fullmatch(text):
        entities = tuple(
            Entity(kind, value, *address.span(kind)) for kind, value in address.groupdict().items() if value is not None
        )
    return Understanding(text=text, intent=OUT_OF_SCOPE, confidence=0.0, entities=entities)


_BLOCKS: Mapping[str, tuple[tuple[int, int], ...]] = MappingProxyType(
    {
        "han": (
            (0x2E80, 0x2FDF), (0x3005, 0x3007), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
            (0x20000, 0x3FFFF),
        ),
        "latin": (
            (0x41, 0x5A), (0x61, 0x7A), (0xAA, 0xAA), (0xBA, 0xBA), (0xC0, 0x24F), (0x1E00, 0x1EFF), (0xFF21, 0xFF5A),
        ),
        "cyrillic": ((0x400, 0x52F), (0x1C80, 0x1C8F), (0x2DE0, 0x2DFF), (0xA640, 0xA69F)),
        "mongolian": ((0x1800, 0x18AF), (0x11660, 0x1167F)),
        "arabic": ((0x600, 0x6FF), (0x750, 0x77F), (0x870, 0x8FF), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC)),
        "tibetan": ((0xF00, 0xFFF),),
        "kana": ((0x3040, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9D)),
        "hangul": ((0x1100, 0x11FF), (0x3130, 0x318F), (0xAC00, 0xD7AF)),
        "thai": ((0xE00, 0xE7F),),
    }
)  # fmt: skip


def _script_of_letter(char: str) -> str | None:
    if not unicodedata.category(char).startswith("L") and char != "〇":
        return None
    code = ord(char)
    return next(
        (script for script, ranges in _BLOCKS.items() if any(low <= code <= high for low, high in ranges)), "other"
    )


def script_of(text: str) -> str:
    """The script a text is written in: "han" when at least a third of its letters are, else the commonest other.

    "none" when it has no letters at all.
    """
    counts = Counter(script for char in text if (script := _script_of_letter(char)) is not None)
    if not counts:
        return "none"
    if counts["han"] * 3 >= counts.total():
        return "han"
    return next(script for script, _ in counts.most_common() if script != "han")


def is_foreign(text: str) -> bool:
    """Whether a message is written in a language the NLU doesn't read."""
    return script_of(text) not in {"han", "none"}
