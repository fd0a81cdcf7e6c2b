"""Payloads of buttons, forged: every type of button there is, with values that no card would carry."""

from collections.abc import Sequence
from random import Random

from aiogram.filters.callback_data import CallbackData

from bot.conversation.buttons import (
    CaseDo,
    DigestMore,
    Home,
    Kind,
    KindMenu,
    Same,
    TakeAlert,
    ToDepartment,
    Where,
    Which,
)
from nlu.understanding import REQUEST_INTENTS

KINDS: tuple[type[CallbackData], ...] = (
    CaseDo, DigestMore, Home, Kind, KindMenu, Same, TakeAlert, ToDepartment, Where, Which,
)  # fmt: skip
ACTS = (
    "verify", "not_true", "supply", "take_on", "head", "property", "community", "done", "cannot", "accept", "convene",
    "agree", "plan", "refuse", "confirm", "not_fixed", "note", "whistle", "card", "fix_kind", "fix_place", "history", "text",
    "unclear", "new", "solved", "partly", "not", "urge", "withdraw", "restore", "progress", "explode", "", "go", "report",
)  # fmt: skip
_NUMBERS = (
    "0", "-1", "-99999999999999999999999", "1", "2", "3", "7", "2147483648", "9223372036854775808", "1e5", "1.5", "", "x",
    "٣", "True", "nan", "１", " 1", "1_0",
)  # fmt: skip
_WORDS = {
    "how": ("home", "estate", "name", "unknown", "", "moon"),
    "category": (*sorted(REQUEST_INTENTS), "no_such_kind", "", "greet"),
    "audience": ("resident", "grid", "property", "community", "department", "", "x"),
    "week": ("2026-W48", "2026-W47", "2026-W99", "2026-48", "", "x", "0000-W00", "9999-W53", "2026-W00", "-W1"),
    "act": ACTS,
}


def forged(rng: Random, ids: Sequence[int]) -> str:
    """A payload of at most 64 bytes, as a messenger would pass on from a client of somebody's own making."""
    kind = rng.choice(KINDS)
    parts = [kind.__prefix__]
    for name, field in kind.model_fields.items():
        if field.annotation is str:
            parts.append(rng.choice(_WORDS.get(name, ACTS)))
        elif ids and rng.random() < 0.7:
            parts.append(str(rng.choice(ids)))
        else:
            parts.append(rng.choice(_NUMBERS))
    match rng.randrange(14):
        case 0:
            parts.pop()
        case 1:
            parts.append(rng.choice(_NUMBERS))
        case 2:
            return rng.choice(["", "-", ":", "::::", "c", "c:", "\x00", "\ud800", "好" * 21, "x" * 64, "c:" + "9" * 62])
    return ":".join(parts).encode("utf-8", "surrogatepass")[:64].decode("utf-8", "ignore")
