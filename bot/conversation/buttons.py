"""Buttons as types. What they carry is untrusted: the use case checks who taps and what is possible."""

from dataclasses import dataclass
from typing import Annotated

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from pydantic import Field

# What a row can be numbered. A client of somebody's own making may put any number into a payload.
Id = Annotated[int, Field(ge=0, lt=2**63)]


class CaseDo(CallbackData, prefix="c"):
    """Do something to a case."""

    act: str
    case: Id


class Kind(CallbackData, prefix="k"):
    """Choose a category: of a draft (case 0) or, as a correction, of a case."""

    category: str
    case: Id = 0


class KindMenu(CallbackData, prefix="m"):
    """Show all categories, a page of them."""

    page: Id = 0
    case: Id = 0


class Where(CallbackData, prefix="p"):
    """Answer the question for the place: home, an estate by id, or 说不清."""

    how: str
    estate: Id = 0


class Same(CallbackData, prefix="s"):
    """Is it the same as this open case? 0: none of them."""

    case: Id = 0


class Which(CallbackData, prefix="w"):
    """Which case was meant."""

    act: str
    case: Id


class ToDepartment(CallbackData, prefix="d"):
    """Blow the whistle to this department."""

    case: Id
    unit: Id


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
    """Of a round (done, skip) or a plan (call, renew, end, no), by its id."""

    act: str
    row: int


class DigestMore(CallbackData, prefix="g"):
    """The digest's details."""

    audience: str
    week: str


class DigestEvery(CallbackData, prefix="q"):
    """How often the digest comes."""

    how: str


class TakeAlert(CallbackData, prefix="a"):
    """我去看: take up a danger. 报个信: say what was found."""

    alert: Id
    act: str = "go"


class Others(CallbackData, prefix="x"):
    """长辈版: the choices that were not shown yet."""


class Behalf(CallbackData, prefix="b"):
    """May the grid worker know for whom it was reported (tell, keep)? Whom to ring (mine)?"""

    how: str
    case: Id


class Also(CallbackData, prefix="y"):
    """Shall what was said beside a matter be entered as well (yes, no)?"""

    how: str


class Home(CallbackData, prefix="h"):
    """Keep this place as the person's home, or not."""

    keep: Id


_KINDS: dict[str, type[CallbackData]] = {
    kind.__prefix__: kind
    for kind in (
        CaseDo,
        Kind,
        KindMenu,
        Where,
        Same,
        Which,
        ToDepartment,
        Assist,
        MakeRule,
        EndRule,
        Round,
        Upkeep,
        DigestMore,
        DigestEvery,
        TakeAlert,
        Others,
        Behalf,
        Also,
        Home,
    )
}


def what_button(data: str) -> tuple[CallbackData | None, bool]:
    """The button that a payload stands for, and whether it at least begins like one of ours."""
    kind = _KINDS.get(data.split(":", 1)[0])
    if kind is None:
        return None, False
    try:
        return kind.unpack(data), True
    except (TypeError, ValueError):
        return None, True


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
