"""Buttons as types. What they carry is untrusted: the use case checks who taps and what is possible."""

from dataclasses import dataclass

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup


class CaseDo(CallbackData, prefix="c"):
    """Do something to a case."""

    act: str
    case: int


class Kind(CallbackData, prefix="k"):
    """Choose a category: of a draft (case 0) or, as a correction, of a case."""

    category: str
    case: int = 0


class KindMenu(CallbackData, prefix="m"):
    """Show all categories, a page of them."""

    page: int = 0
    case: int = 0


class Where(CallbackData, prefix="p"):
    """Answer the question for the place: home, an estate by id, or 说不清."""

    how: str
    estate: int = 0


class Same(CallbackData, prefix="s"):
    """Is it the same as this open case? 0: none of them."""

    case: int = 0


class Which(CallbackData, prefix="w"):
    """Which case was meant."""

    act: str
    case: int


class ToDepartment(CallbackData, prefix="d"):
    """Blow the whistle to this department."""

    case: int
    unit: int


class Assist(CallbackData, prefix="u"):
    """Call this department to assist the one that leads."""

    case: int
    unit: int


class MakeRule(CallbackData, prefix="r"):
    """Make a routing rule of a ruling: place | estate | all; no: only this once."""

    ruling: int
    scope: str


class EndRule(CallbackData, prefix="e"):
    """Lay a routing rule down."""

    rule: int


class Round(CallbackData, prefix="o"):
    """A round without findings, or one with."""

    found: int


class Upkeep(CallbackData, prefix="v"):
    """Of a round (done) or a plan (call, renew, end, no), by its id."""

    act: str
    row: int


class DigestMore(CallbackData, prefix="g"):
    """The digest's details."""

    audience: str
    week: str


class TakeAlert(CallbackData, prefix="a"):
    """我去看: take up a danger. 报个信: say what was found."""

    alert: int
    act: str = "go"


class Home(CallbackData, prefix="h"):
    """Keep this place as the person's home, or not."""

    keep: int


@dataclass(frozen=True)
class Option:
    """A button: its words and what it carries. Where a channel has no buttons it is a numbered line."""

    text: str
    data: str


Rows = list[list[Option]]


def option(text: str, data: CallbackData) -> Option:
    """A button with a typed payload."""
    return Option(text, data.pack())


def keyboard(rows: Rows) -> InlineKeyboardMarkup | None:
    """aiogram's markup of these buttons."""
    if not rows:
        return None
    return InlineKeyboardMarkup(
        inline_keyboard=[[InlineKeyboardButton(text=o.text, callback_data=o.data) for o in row] for row in rows]
    )
