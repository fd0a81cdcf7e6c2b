"""Deadlines: calendar or working time, and the quiet hours of the night."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, Protocol


class WorkCalendar(Protocol):
    """Knows which days are worked; China's make-up days (调休) make this more than Monday to Friday."""

    def is_workday(self, day: date) -> bool:
        """Whether offices work on `day`."""


@dataclass(frozen=True)
class Clock:
    """How long something may take, e.g. 5 calendar days: the seed's "5天内给予反馈"."""

    amount: int
    unit: Literal["minutes", "hours", "days"] = "days"
    calendar: Literal["calendar", "working"] = "calendar"


def due_at(start: datetime, clock: Clock, calendar: WorkCalendar, zone: tzinfo) -> datetime:
    """When a clock that starts at `start` runs out.

    Hours and minutes are elapsed time, also through a night in which the clocks are changed; days end at the same
    local time. Working days end on the n-th worked day after the start's day; working hours are hours of worked days
    (from midnight to midnight).

    Raises:
        ValueError: `start` is naive.
    """
    if start.tzinfo is None:
        raise ValueError("a clock needs an aware start")
    match clock.unit:
        case "minutes":
            span = timedelta(minutes=clock.amount)
        case "hours":
            span = timedelta(hours=clock.amount)
        case "days":
            span = timedelta(days=clock.amount)
    if clock.unit == "days":
        local = start.astimezone(zone)
        due = local + span if clock.calendar == "calendar" else _after_workdays(local, clock.amount, calendar)
    elif clock.calendar == "calendar":
        due = start.astimezone(UTC) + span
    else:
        due = _after_working_time(start.astimezone(UTC), span, calendar, zone)
    return due.astimezone(start.tzinfo)


def _after_workdays(local: datetime, days: int, calendar: WorkCalendar) -> datetime:
    day = local
    while days > 0:
        day += timedelta(days=1)
        if calendar.is_workday(day.date()):
            days -= 1
    return day


def _after_working_time(moment: datetime, span: timedelta, calendar: WorkCalendar, zone: tzinfo) -> datetime:
    # Reckoned in UTC: between two local times of one zone Python counts what the wall clock shows, not what passes.
    while True:
        day = moment.astimezone(zone).date()
        midnight = datetime.combine(day + timedelta(days=1), time(0), zone).astimezone(UTC)
        if calendar.is_workday(day):
            if moment + span <= midnight:
                return moment + span
            span -= midnight - moment
        moment = midnight


@dataclass(frozen=True)
class QuietHours:
    """No unasked message in these local hours; answers to a person's own message are not held back."""

    start: time
    end: time

    def next_allowed(self, moment: datetime, zone: tzinfo) -> datetime:
        """`moment` itself, or the end of the quiet hours it falls into."""
        local = moment.astimezone(zone)
        if self.start == self.end:
            return moment
        clock = local.time()
        if self.start < self.end:
            quiet, end_day = self.start <= clock < self.end, local.date()
        else:
            quiet = clock >= self.start or clock < self.end
            end_day = local.date() + timedelta(days=1) if clock >= self.start else local.date()
        if not quiet:
            return moment
        end = datetime.combine(end_day, self.end, zone)
        # Where the clocks are changed just then, that time comes twice or never: the later of its two readings.
        return max(end, end.replace(fold=1), key=lambda reading: reading.astimezone(UTC)).astimezone(moment.tzinfo)


Now = Callable[[], datetime]
