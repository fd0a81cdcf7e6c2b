"""Every week, every second one, once a month, or never; also after weeks that were slept through."""

from datetime import date, timedelta

import pytest

from workflows.policy.frequency import Frequency, is_due, weeks_told

FIRST = date(2026, 8, 31)  # a Monday


def _issued(frequency: Frequency, asleep: frozenset[int] = frozenset()) -> list[tuple[date, int]]:
    """The weeks of half a year that go out, and how many weeks each tells of."""
    last: date | None = None
    out = []
    for number in range(26):
        monday = FIRST + timedelta(weeks=number)
        if number not in asleep and is_due(frequency, monday, last):
            out.append((monday, weeks_told(frequency, monday, last)))
            last = monday
    return out


def test_weekly_is_every_week_and_off_is_none() -> None:
    assert [told for _, told in _issued(Frequency.WEEKLY)] == [1] * 26
    assert _issued(Frequency.OFF) == []


def test_a_fortnight_is_every_second_week_and_tells_of_both() -> None:
    issued = _issued(Frequency.FORTNIGHT)
    assert len(issued) == 13
    assert {told for _, told in issued} == {2}


def test_once_a_month_is_once_in_each_month_and_no_week_is_left_out() -> None:
    issued = _issued(Frequency.MONTHLY)
    months = [(monday + timedelta(weeks=1)).month for monday, _ in issued]  # told when the week is over
    assert months == [9, 10, 11, 12, 1, 2, 3]
    assert sum(told for _, told in issued[1:]) == (issued[-1][0] - issued[0][0]).days // 7


def test_what_was_slept_through_comes_a_week_later() -> None:
    usual = _issued(Frequency.MONTHLY)
    slept = (usual[1][0] - FIRST).days // 7
    assert _issued(Frequency.MONTHLY, frozenset({slept}))[1][0] == usual[1][0] + timedelta(weeks=1)


@pytest.mark.parametrize(
    ("frequency", "most"), [(Frequency.WEEKLY, 1), (Frequency.FORTNIGHT, 2), (Frequency.MONTHLY, 5)]
)
def test_a_year_off_is_not_told_at_once(frequency: Frequency, most: int) -> None:
    assert weeks_told(frequency, FIRST, FIRST - timedelta(weeks=52)) == most
    assert weeks_told(frequency, FIRST, None) == most
