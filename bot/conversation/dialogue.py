"""What is being talked about: the unfinished report, the last choices offered, what a next line would answer."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.matters import Matter
from workflows.policy.places import Address


@dataclass
class Draft:
    """A report that is not a case yet: its bubbles, photos, and what is known of kind and place."""

    since: str
    texts: list[str] = field(default_factory=list)
    photos: list[str] = field(default_factory=list)
    category: str = ""
    understood: str = ""  # what the NLU thought, where a person has chosen otherwise
    confidence: float = 0.0
    ranking: list[list[Any]] = field(default_factory=list)
    also: list[str] = field(default_factory=list)
    address: dict[str, Any] = field(default_factory=dict)
    second_address: dict[str, Any] = field(default_factory=dict)  # of the second matter, where it is elsewhere
    place_asked: int = 0
    kind_asked: int = 0
    declined: bool = False  # the resident has said that no shown case is the same
    unread: bool = False  # the NLU could not be asked; to be read later
    rereads: int = 0  # how often it was tried again
    on_behalf_of: str = ""
    consent: bool = False
    confidential: bool = False  # 别说是我说的

    @property
    def text(self) -> str:
        """All bubbles as one report."""
        return "\n".join(self.texts)

    @property
    def where(self) -> Address:
        """The place as far as it is known."""
        return address_from(self.address)


@dataclass
class Dialogue:
    """One chat's notes, kept as aiogram's state data."""

    draft: Draft | None = None
    recent: int | None = None  # the case that the last bubbles belong to
    recent_at: str = ""
    asked: str = ""  # location | problem | case | same: what the last reply asked for
    home_offered: bool = False  # the last question for the place named the known home
    waiting: list[dict[str, Any]] = field(
        default_factory=list
    )  # further matters of a message, told and not taken up yet
    pending: str = ""  # an action that waits for words
    pending_case: int = 0
    pending_unit: int = 0
    pending_note: str = ""
    pending_step: str = ""  # which of several things that an action wants is asked for now
    pending_units: list[int] = field(default_factory=list)  # departments that are to assist
    here: dict[str, Any] = field(default_factory=dict)  # the place of a location that was shared just now
    here_at: str = ""
    focus: int | None = None  # the case that staff last touched
    shown: list[int] = field(default_factory=list)  # duplicates or candidates shown last
    listed: list[int] = field(default_factory=list)  # the cases of the last list, in its order
    listed_at: str = ""
    which: str = ""  # what is to be done with the case that is chosen next
    which_note: str = ""
    options: list[list[str]] = field(default_factory=list)  # [words, payload] of the last reply's buttons
    rest: list[list[str]] = field(default_factory=list)  # 长辈版: the choices behind 其他
    rest_asks: str = ""
    act: str = ""  # what the last turn was understood as
    alarm: int | None = None  # the danger that this chat has called out, while it may still be spoken of
    alarm_over: int | None = None  # the danger of which this chat has said that it is over
    alarm_at: str = ""
    alarm_kind: str = ""
    alarm_where: dict[str, Any] = field(
        default_factory=dict
    )  # its place as far as it was said; not the home put for it
    emergency: bool = False
    handed: bool = False
    minute: str = ""  # since when messages are counted
    in_minute: int = 0
    told_to_wait: bool = False

    def wait(self, found: Sequence[Matter], estate: Address, *, at_once: bool = False) -> None:
        """Keep matters for later turns. `at_once`: to be opened as they are, without a question."""
        self.waiting += [
            {
                "text": one.text,
                "intent": one.u.intent,
                "confidence": one.u.confidence,
                "address": address_kept(estate),
                "sure": one.sure,
                "at_once": at_once,
            }
            for one in found
        ]

    def keep(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)

    def is_recent(self, now: datetime, minutes: float) -> bool:
        """Whether a bubble now may still belong to the last report."""
        return bool(self.recent_at) and now - datetime.fromisoformat(self.recent_at) <= timedelta(minutes=minutes)


def restored(data: dict[str, Any]) -> Dialogue:
    """The reverse of `Dialogue.keep`; notes of an older version of the program are not held against anybody."""
    known = {key: value for key, value in data.items() if key in Dialogue.__dataclass_fields__}
    draft = known.pop("draft", None)
    dialogue = Dialogue(**known)
    if draft:
        dialogue.draft = Draft(**{k: v for k, v in draft.items() if k in Draft.__dataclass_fields__})
    return dialogue


def address_kept(address: Address) -> dict[str, Any]:
    """An address as JSON."""
    kept = asdict(address)
    kept["maybe"] = list(address.maybe)
    return {key: value for key, value in kept.items() if value not in (None, "", [])}


def address_from(kept: dict[str, Any]) -> Address:
    """The reverse of `address_kept`."""
    return Address(**{**kept, "maybe": tuple(kept.get("maybe", ()))})
