"""What holds of every clock: any start, any zone, any calendar of feasts and make-up days."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workflows.calendar import ChinaCalendar
from workflows.policy.clocks import Clock, QuietHours, due_at
from workflows.policy.ladder import shifted

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STEADY = [ZoneInfo("Asia/Shanghai"), UTC, ZoneInfo("Asia/Kathmandu")]
# With daylight saving: by an hour, by half an hour, at midnight itself, and a zone that once left a whole day out.
CHANGING = [ZoneInfo(z) for z in ("Europe/Berlin", "Australia/Lord_Howe", "Asia/Beirut", "Pacific/Apia")]
BERLIN = ZoneInfo("Europe/Berlin")
TWICE = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=BERLIN)  # the second ten past two of that night

steady = st.sampled_from(STEADY)
zones = st.sampled_from(STEADY + CHANGING)
starts = st.datetimes(datetime(2010, 1, 1), datetime(2026, 11, 30), timezones=st.just(UTC))  # noqa: DTZ001
lengths = st.integers(1, 40)
clocks = st.builds(
    Clock, lengths, st.sampled_from(("minutes", "hours", "days")), st.sampled_from(("calendar", "working"))
)


class Feasts:
    """A calendar of its own: some weekdays off, some days of the weekend worked; never a month without a worked day."""

    def __init__(self, off: frozenset[int], worked: frozenset[int]) -> None:
        self._off, self._worked = off, worked

    def is_workday(self, day: date) -> bool:
        number = day.toordinal() % 31
        if number in self._worked:
            return True
        return day.weekday() < 5 and number not in self._off


calendars = st.one_of(
    st.builds(ChinaCalendar),
    st.builds(Feasts, st.frozensets(st.integers(0, 30), max_size=12), st.frozensets(st.integers(0, 30), max_size=6)),
)


@given(starts, clocks, calendars, zones)
@example(TWICE, Clock(10, "minutes"), ChinaCalendar(), BERLIN)
@example(
    TWICE - 30 * timedelta(minutes=1),
    Clock(10, "minutes", "working"),
    Feasts(frozenset(), frozenset(range(31))),
    BERLIN,
)
def test_it_runs_out_after_its_start_and_is_told_in_the_zone_of_the_start(start, clock, calendar, zone):
    due = due_at(start, clock, calendar, zone)
    assert due.astimezone(UTC) > start.astimezone(UTC)
    assert due.utcoffset() is not None and due.tzinfo is start.tzinfo


@given(starts, lengths, st.sampled_from(("minutes", "hours")), zones)
@example(TWICE, 30, "minutes", BERLIN)
@example(datetime(2026, 10, 25, 1, 30, tzinfo=BERLIN), 2, "hours", BERLIN)
@example(datetime(2026, 3, 29, 1, 30, tzinfo=BERLIN), 4, "hours", BERLIN)
def test_hours_are_as_long_as_they_last_also_in_the_night_when_the_clocks_are_changed(start, amount, unit, zone):
    due = due_at(start, Clock(amount, unit), ChinaCalendar(), zone)
    assert due.astimezone(UTC) - start.astimezone(UTC) == timedelta(**{unit: amount})


@given(starts, lengths, st.sampled_from(STEADY))
def test_days_end_at_the_same_time_of_day(start, amount, zone):
    assert due_at(start, Clock(amount), ChinaCalendar(), zone) == start + amount * DAY


@given(starts, st.timedeltas(timedelta(0), 30 * DAY), clocks, calendars, steady)
def test_who_starts_later_is_never_due_earlier(start, later, clock, calendar, zone):
    assert due_at(start, clock, calendar, zone) <= due_at(start + later, clock, calendar, zone)


@given(starts, st.timedeltas(timedelta(0), 30 * DAY), clocks, calendars, st.sampled_from(CHANGING))
def test_nor_is_it_where_the_clocks_are_changed_but_for_that_one_change(start, later, clock, calendar, zone):
    change = DAY if zone.key == "Pacific/Apia" else HOUR
    assert due_at(start, clock, calendar, zone) <= due_at(start + later, clock, calendar, zone) + change


@given(starts, clocks, calendars, zones)
def test_more_time_is_never_less(start, clock, calendar, zone):
    more = Clock(clock.amount + 1, clock.unit, clock.calendar)
    assert due_at(start, clock, calendar, zone) < due_at(start, more, calendar, zone)


@given(starts, lengths, calendars, steady)
def test_working_days_end_on_a_worked_day_with_that_many_worked_days_behind_the_start(start, amount, calendar, zone):
    due = due_at(start, Clock(amount, "days", "working"), calendar, zone).astimezone(zone)
    local = start.astimezone(zone)
    assert calendar.is_workday(due.date())
    assert due.time() == local.time()
    days = [local.date() + n * DAY for n in range(1, (due.date() - local.date()).days + 1)]
    assert sum(map(calendar.is_workday, days)) == amount


@given(starts, st.integers(1, 60), calendars, zones)
def test_working_hours_are_hours_of_worked_days(start, amount, calendar, zone):
    due = due_at(start, Clock(amount, "hours", "working"), calendar, zone)
    ticks, moment = 0, start
    while moment < due:  # quarter by quarter: every zone changes its clocks by whole quarters
        ticks += calendar.is_workday(moment.astimezone(zone).date())
        moment += HOUR / 4
    # The quarter in which a day or the span itself begins or ends may count or not.
    days = (due - start).days + 2
    assert abs(ticks - 4 * amount) <= days


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2025-01-25", 1, "2025-01-26"),  # Saturday; Sunday 26 is worked for Spring Festival
        ("2025-09-27", 1, "2025-09-28"),  # Saturday; Sunday 28 is worked for National Day
        ("2025-09-30", 1, "2025-10-09"),  # Tuesday; eight days off
        ("2026-02-13", 1, "2026-02-14"),  # Friday; Saturday 14 is worked
        ("2026-02-14", 1, "2026-02-24"),  # and then nine days are off
        ("2024-12-31", 1, "2025-01-02"),  # Tuesday; New Year's Day is off, and nothing else
        ("2025-12-31", 2, "2026-01-05"),  # Wednesday; Thursday to Saturday off, Sunday 4 is worked
    ],
)
def test_make_up_days_and_the_turn_of_the_year_count_as_published(start, days, due):
    zone = STEADY[0]
    morning = datetime.fromisoformat(f"{start}T09:00").replace(tzinfo=zone)
    found = due_at(morning, Clock(days, "days", "working"), ChinaCalendar(), zone)
    assert found.date() == date.fromisoformat(due)


@given(st.dates(date(2026, 12, 20), date(2027, 12, 31)), lengths)
def test_a_deadline_that_reaches_into_a_year_without_published_holidays_says_so(day, amount):
    calendar, zone = ChinaCalendar(), STEADY[0]
    due = due_at(datetime.combine(day, time(9), zone), Clock(amount, "days", "working"), calendar, zone)
    assert calendar.unpublished == set(range(2027, due.year + 1))


@given(st.frozensets(st.dates(date(2027, 1, 1), date(2027, 3, 31)), max_size=30), st.integers(1, 20))
def test_what_the_operator_says_of_such_a_year_holds(off, amount):
    zone = STEADY[0]
    weekend = {date(2027, 1, 1) + n * DAY for n in range(120) if (date(2027, 1, 1) + n * DAY).weekday() > 4}
    calendar = ChinaCalendar(days_off=off, workdays=sorted(weekend - off)[:5])
    due = due_at(datetime(2026, 12, 31, 9, tzinfo=zone), Clock(amount, "days", "working"), calendar, zone)
    assert due.date() not in off
    assert due.date() not in weekend or due.date() in sorted(weekend - off)[:5]


times = st.times().map(lambda t: t.replace(second=0, microsecond=0))


@given(starts, times, times, zones)
@example(TWICE.astimezone(UTC), time(22), time(2, 30), BERLIN)  # half past two comes twice in that night
@example(datetime(2026, 3, 29, 0, 30, tzinfo=UTC), time(22), time(2, 30), BERLIN)  # and never in this one
def test_quiet_hours_hold_a_message_back_until_their_end_and_no_longer(moment, start, end, zone):
    quiet = QuietHours(start, end)
    allowed = quiet.next_allowed(moment, zone)
    assert moment <= allowed <= moment + DAY + 2 * HOUR or zone.key == "Pacific/Apia"
    assert allowed >= moment
    assert quiet.next_allowed(allowed, zone) == allowed


@given(starts, st.timedeltas(-30 * DAY, 30 * DAY), st.timedeltas(timedelta(0), 5 * DAY))
def test_a_pause_never_costs_the_rung_time_whatever_the_machine_s_clock_does(now, pause, left):
    due = now + left
    assert shifted(due, now, now + pause) == due + max(pause, timedelta(0))
