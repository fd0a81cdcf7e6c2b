"""Deadlines as a table of dates; weekdays are in the comments."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from workflows.calendar import ChinaCalendar
from workflows.policy.clocks import Clock, QuietHours, due_at

HOHHOT = ZoneInfo("Asia/Shanghai")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HOHHOT)


@pytest.mark.parametrize(
    ("start", "clock", "due"),
    [
        (
            "2026-02-14T10:00",
            Clock(5, "days", "calendar"),
            "2026-02-19T10:00",
        ),  # the seed's 5天 runs through Spring Festival
        (
            "2026-02-14T10:00",
            Clock(5, "days", "working"),
            "2026-02-28T10:00",
        ),  # Saturday, worked (make-up); the feast lies between
        ("2026-11-24T10:00", Clock(3, "days", "working"), "2026-11-27T10:00"),  # Tuesday to Friday
        ("2026-11-27T10:00", Clock(1, "days", "working"), "2026-11-30T10:00"),  # Friday to Monday
        ("2026-09-30T10:00", Clock(1, "days", "working"), "2026-10-08T10:00"),  # Wednesday before the National Day week
        ("2026-11-24T22:00", Clock(4, "hours", "calendar"), "2026-11-25T02:00"),
        ("2026-11-27T23:00", Clock(2, "hours", "working"), "2026-11-30T01:00"),  # one hour on Friday, one on Monday
        ("2026-12-31T12:00", Clock(30, "minutes", "calendar"), "2026-12-31T12:30"),
    ],
)
def test_a_deadline_falls_on_the_day_that_the_calendar_says(start: str, clock: Clock, due: str) -> None:
    assert due_at(at(start), clock, ChinaCalendar(), HOHHOT) == at(due)


def test_a_year_that_is_not_published_is_reported_and_counted_as_weekdays() -> None:
    calendar = ChinaCalendar()
    due = due_at(at("2026-12-31T10:00"), Clock(1, "days", "working"), calendar, HOHHOT)  # Thursday
    assert due == at("2027-01-01T10:00")
    assert calendar.unpublished == {2027}


def test_an_operator_can_say_which_days_of_such_a_year_are_off() -> None:
    calendar = ChinaCalendar(days_off=[date(2027, 1, 1)], workdays=[date(2027, 1, 2)])
    due = due_at(at("2026-12-31T10:00"), Clock(1, "days", "working"), calendar, HOHHOT)
    assert due == at("2027-01-02T10:00")
    assert calendar.unpublished == set()


def test_a_naive_start_is_refused() -> None:
    with pytest.raises(ValueError, match="aware"):
        due_at(datetime(2026, 1, 1), Clock(1), ChinaCalendar(), HOHHOT)  # noqa: DTZ001


@pytest.mark.parametrize(
    ("moment", "allowed"),
    [
        ("2026-11-24T21:59", "2026-11-24T21:59"),
        ("2026-11-24T22:00", "2026-11-25T07:30"),
        ("2026-11-25T03:00", "2026-11-25T07:30"),
        ("2026-11-25T07:30", "2026-11-25T07:30"),
    ],
)
def test_nothing_unasked_is_said_in_the_night(moment: str, allowed: str) -> None:
    quiet = QuietHours(time(22), time(7, 30))
    assert quiet.next_allowed(at(moment).astimezone(UTC), HOHHOT) == at(allowed)
