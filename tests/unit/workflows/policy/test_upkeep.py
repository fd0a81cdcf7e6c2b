"""Seasonal contracts: the days they call for, and what makes no sense."""

from datetime import date

import pytest

from workflows.policy.upkeep import Rhythm, Season, SeasonRefused, asked_on, next_season, rounds

TODAY = date(2026, 11, 24)


def season(first: date, last: date, rhythm: Rhythm = Rhythm.DAYS, every: int = 14) -> Season:
    return Season("喷药", rhythm, every, first, last)


def test_every_fourteen_days_from_april_to_september_is_fourteen_rounds() -> None:
    days = rounds(season(date(2027, 4, 1), date(2027, 9, 30)), TODAY)
    assert (days[0], days[1], days[-1], len(days)) == (date(2027, 4, 1), date(2027, 4, 15), date(2027, 9, 30), 14)


def test_monthly_on_the_thirty_first_falls_on_the_last_day_of_shorter_months() -> None:
    days = rounds(season(date(2026, 12, 31), date(2027, 4, 30), Rhythm.MONTHS, 1), TODAY)
    assert days == [date(2026, 12, 31), date(2027, 1, 31), date(2027, 2, 28), date(2027, 3, 31), date(2027, 4, 30)]


def test_a_season_that_has_begun_calls_only_for_what_is_to_come_and_keeps_its_rhythm() -> None:
    days = rounds(season(date(2026, 11, 1), date(2026, 12, 31), every=7), TODAY)
    assert days[0] == date(2026, 11, 29) and (days[0] - date(2026, 11, 1)).days % 7 == 0


def test_one_day_is_a_season_of_one_round() -> None:
    assert rounds(season(TODAY, TODAY), TODAY) == [TODAY]


def test_a_trigger_has_no_days_of_its_own() -> None:
    assert rounds(Season("看井盖", Rhythm.TRIGGER, 0, TODAY, date(2027, 11, 23), "大雨"), TODAY) == []


@pytest.mark.parametrize(
    ("first", "last", "rhythm", "every", "why"),
    [
        (date(2027, 9, 1), date(2027, 4, 30), Rhythm.DAYS, 14, "upkeep.ends_before"),
        (date(2025, 4, 1), date(2025, 9, 30), Rhythm.DAYS, 14, "upkeep.over"),
        (date(2026, 11, 1), date(2026, 11, 30), Rhythm.MONTHS, 1, "upkeep.no_day"),
        (date(2027, 1, 1), date(2028, 12, 31), Rhythm.DAYS, 1, "upkeep.too_many"),
        (date(2027, 1, 1), date(2027, 12, 31), Rhythm.DAYS, 0, "upkeep.no_rhythm"),
        (date(2027, 9, 1), date(2027, 4, 30), Rhythm.TRIGGER, 0, "upkeep.ends_before"),
    ],
)
def test_what_makes_no_sense_is_refused(first: date, last: date, rhythm: Rhythm, every: int, why: str) -> None:
    with pytest.raises(SeasonRefused) as refused:
        rounds(season(first, last, rhythm, every), TODAY)
    assert refused.value.phrase == why


def test_the_next_season_is_a_year_on_and_asked_about_a_month_before() -> None:
    summer = season(date(2027, 4, 1), date(2027, 9, 30))
    after = next_season(summer)
    assert (after.first, after.last) == (date(2028, 4, 1), date(2028, 9, 30))
    assert asked_on(summer) == date(2028, 3, 2)
    leap = season(date(2028, 2, 29), date(2028, 3, 31))
    assert next_season(leap).first == date(2029, 2, 28)


def test_a_season_of_a_whole_year_asks_when_it_is_over_and_not_before() -> None:
    assert asked_on(season(TODAY, date(2027, 11, 23))) == date(2027, 11, 24)
