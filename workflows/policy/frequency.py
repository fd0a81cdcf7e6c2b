"""How often somebody wants their digests, and whether this week's is one of them."""

from datetime import date, timedelta
from enum import StrEnum


class Frequency(StrEnum):
    """As it is stored with a person."""

    WEEKLY = "weekly"
    FORTNIGHT = "fortnight"
    MONTHLY = "monthly"
    OFF = "off"

    @property
    def most_weeks(self) -> int:
        """How many weeks one digest of this kind tells of at most: a month has up to five Mondays."""
        return {Frequency.WEEKLY: 1, Frequency.FORTNIGHT: 2, Frequency.MONTHLY: 5, Frequency.OFF: 1}[self]


def is_due(frequency: Frequency, monday: date, last: date | None) -> bool:
    """Whether the digest of the week that begins on `monday` goes out.

    `last`: the Monday of the newest earlier week whose digest they got, None where there is none. A month's digest is
    the first that goes out in it: what was slept through comes a week later, not a month later.
    """
    match frequency:
        case Frequency.WEEKLY:
            return True
        case Frequency.FORTNIGHT:
            return last is None or monday - last >= timedelta(weeks=2)
        case Frequency.MONTHLY:
            return last is None or _month_of_issue(last) != _month_of_issue(monday)
        case Frequency.OFF:
            return False


def weeks_told(frequency: Frequency, monday: date, last: date | None) -> int:
    """How many weeks, up to the one that begins on `monday`, are told in one digest: those since the last one."""
    since = (monday - last).days // 7 if last is not None else frequency.most_weeks
    return max(1, min(since, frequency.most_weeks))


def _month_of_issue(monday: date) -> tuple[int, int]:
    """A week is told when it is over."""
    issued = monday + timedelta(weeks=1)
    return issued.year, issued.month
