"""Deadlines: calendar or working time, and the quiet hours of the night."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
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

    Calendar days and hours are plain time. Working days end at the same local time of the n-th worked
    day after the start's day; working hours are hours of worked days (0–24 o'clock, a worked day has 24).

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
    local = start.astimezone(zone)
    if clock.calendar == "calendar":
        return (local + span).astimezone(start.tzinfo)
    if clock.unit == "days":
        return _after_workdays(local, clock.amount, calendar).astimezone(start.tzinfo)
    return _after_working_time(local, span, calendar).astimezone(start.tzinfo)


def _after_workdays(local: datetime, days: int, calendar: WorkCalendar) -> datetime:
    day = local
    while days > 0:
        day += timedelta(days=1)
        if calendar.is_workday(day.date()):
            days -= 1
    return day


def _after_working_time(local: datetime, span: timedelta, calendar: WorkCalendar) -> datetime:
    moment = local
    while True:
        midnight = datetime.combine(moment.date() + timedelta(days=1), time(0), moment.tzinfo)
        if calendar.is_workday(moment.date()):
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
        return datetime.combine(end_day, self.end, local.tzinfo).astimezone(moment.tzinfo)


Now = Callable[[], datetime]
