"""Spans of time that a page of measures can be asked for: a week, a month or a quarter of the neighbourhood's calendar."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo

from workflows.policy.weeks import Week

_MONTH = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
_QUARTER = re.compile(r"(\d{4})-Q([1-4])", re.ASCII)


@dataclass(frozen=True)
class Span:
    """From `start` on, and before `end`. `key` is 2026-W48, 2026-11 or 2026-Q4."""

    key: str
    start: datetime
    end: datetime

    @property
    def kind(self) -> str:
        """week, month or quarter."""
        if "W" in self.key:
            return "week"
        return "quarter" if "Q" in self.key else "month"

    def previous(self, zone: tzinfo) -> "Span":
        """The one before, of the same kind."""
        return of(self.kind, self.start.astimezone(zone).date().toordinal() - 1, zone)

    def next(self, zone: tzinfo) -> "Span":
        """The one after."""
        return of(self.kind, self.end.astimezone(zone).date().toordinal(), zone)


def of(kind: str, day: int, zone: tzinfo) -> Span:
    """The span of this kind that a day (its ordinal) falls into."""
    when = date.fromordinal(day)
    if kind == "week":
        return week_span(Week.of(datetime.combine(when, time(12), zone), zone))
    if kind == "quarter":
        first = (when.month - 1) // 3 * 3 + 1
        return Span(
            f"{when.year}-Q{first // 3 + 1}", _first(when.year, first, zone), _first(when.year, first + 3, zone)
        )
    key = f"{when.year}-{when.month:02d}"
    return Span(key, _first(when.year, when.month, zone), _first(when.year, when.month + 1, zone))


def week_span(week: Week) -> Span:
    """A week as a span."""
    return Span(week.key, week.start, week.end)


def parse(key: str, zone: tzinfo) -> Span:
    """The span of a key.

    Raises:
        ValueError: it is none, or lies beyond the calendar.
    """
    try:
        if found := _QUARTER.fullmatch(key):
            return of("quarter", date(int(found[1]), int(found[2]) * 3, 1).toordinal(), zone)
        if found := _MONTH.fullmatch(key):
            return of("month", date(int(found[1]), int(found[2]), 1).toordinal(), zone)
        return week_span(Week.parse(key, zone))
    except OverflowError:
        raise ValueError(f"{key!r} is no week, month or quarter") from None


def _first(year: int, month: int, zone: tzinfo) -> datetime:
    return datetime.combine(date(year + (month - 1) // 12, (month - 1) % 12 + 1, 1), time(0), zone)
