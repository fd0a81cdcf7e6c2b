"""Cases and names in lines: how each stands, how late it is, and the most pressing first."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from workflows.case_file import place_sentence
from workflows.digest.sources import Sources
from workflows.models import Case
from workflows.policy.lifecycle import RUNG_OF, Rung, Status

SOON = timedelta(days=3)
SHOWN = 12  # lines of a list that travel with a digest; its total is always the whole


@dataclass(frozen=True)
class CaseLine:
    """A case in one line. No words of the resident and no telephone number."""

    case_id: int
    number: str
    category: str
    place: str
    holder: str
    status: str
    days: int  # since it was opened
    due_at: datetime  # the resident's deadline for residents, the rung's for staff
    overdue: bool  # by the resident's deadline
    contact: str = ""
    overdue_step: bool = False  # by the rung's, as the desk shows it


@dataclass(frozen=True)
class Listing:
    """Cases of one sort: how many, and the most pressing of them."""

    total: int = 0
    lines: tuple[CaseLine, ...] = ()


NO_CASES = Listing()


@dataclass(frozen=True)
class Tally:
    """A name and its number, where it matters beside that of the week before."""

    name: str
    now: int
    before: int = 0


def listing(
    sources: Sources, cases: Sequence[Case], contacts: Mapping[int, str] | None = None, *, by_whole: bool = False
) -> Listing:
    """The most pressing of these cases by the rung's deadline, or by the resident's (`by_whole`)."""

    def due(row: Case) -> datetime:
        return row.whole_due_at if by_whole else row.rung_due_at

    def line(row: Case) -> CaseLine:
        holder = row.holder_unit_id
        return CaseLine(
            case_id=row.id,
            number=row.number,
            category=sources.rules.categories.get(row.category, row.category),
            place=place_sentence(row),
            holder=sources.directory.unit(holder).name if holder is not None else "",
            status=row.status,
            days=(sources.now - row.opened_at).days,
            due_at=due(row).astimezone(sources.rules.zone),  # read as the neighbourhood's clock says
            overdue=late_whole(row, sources.now),
            contact=(contacts or {}).get(row.id, ""),
            overdue_step=late_step(row, sources.now),
        )

    pressing = sorted(cases, key=lambda row: (due(row), row.id))[:SHOWN]
    return Listing(len(cases), tuple(line(row) for row in pressing))


def tallies(now: Mapping[str, int], before: Mapping[str, int], names: Mapping[str, str]) -> tuple[Tally, ...]:
    """Most first; what was there last week and is gone is told too."""
    found = [Tally(names.get(key, key), now.get(key, 0), before.get(key, 0)) for key in {**now, **before}]
    return tuple(sorted(found, key=lambda tally: (-tally.now, -tally.before, tally.name)))


def at_rung(row: Case, rung: Rung) -> bool:
    """Whether this rung has it in hand, a question to the resident included."""
    return row.rung == rung and (Status(row.status) in RUNG_OF or row.status == Status.WAITING_FOR_RESIDENT)


def late(row: Case, now: datetime) -> bool:
    """The resident's deadline has passed, or that of the rung which has it."""
    return late_whole(row, now) or late_step(row, now)


def late_whole(row: Case, now: datetime) -> bool:
    """The resident's deadline has passed."""
    return row.whole_due_at < now


def late_step(row: Case, now: datetime) -> bool:
    """Whoever has it is past their own time."""
    return Status(row.status) in RUNG_OF and row.rung_due_at < now


def due_soon(cases: Iterable[Case], now: datetime) -> list[Case]:
    """Those that are not late yet and will be in a few days."""
    return [row for row in cases if not late(row, now) and row.rung_due_at <= now + SOON]
