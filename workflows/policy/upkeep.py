"""定期维护: on which days a seasonal contract calls for work, and when its next season comes up."""

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import StrEnum

MOST_ROUNDS = 370
ASK_BEFORE = timedelta(days=30)  # so long before the next season begins it is proposed


class Rhythm(StrEnum):
    """How a plan repeats."""

    DAYS = "days"
    MONTHS = "months"
    TRIGGER = "trigger"  # when somebody calls for it: after heavy rain


@dataclass(frozen=True)
class Season:
    """What is promised, and for how long."""

    work: str
    rhythm: Rhythm
    every: int  # days or months; 0 for a trigger
    first: date
    last: date
    trigger: str = ""


class SeasonRefused(ValueError):
    """Such a plan makes no sense; `phrase` says why."""

    def __init__(self, phrase: str) -> None:
        super().__init__(phrase)
        self.phrase = phrase


def rounds(season: Season, today: date) -> list[date]:
    """The days on which work is due, from today on. None for a trigger: somebody calls for each.

    Raises:
        SeasonRefused: it ends before it begins, is over already, has no day in it, or too many.
    """
    if season.last < season.first:
        raise SeasonRefused("upkeep.ends_before")
    if season.last < today:
        raise SeasonRefused("upkeep.over")
    if season.rhythm is Rhythm.TRIGGER:
        return []
    if season.every < 1:
        raise SeasonRefused("upkeep.no_rhythm")
    days: list[date] = []
    number = 0
    while (day := _nth(season, number)) <= season.last:
        number += 1
        if day >= today:
            days.append(day)
        if len(days) > MOST_ROUNDS:
            raise SeasonRefused("upkeep.too_many")
    if not days:
        raise SeasonRefused("upkeep.no_day")
    return days


def _nth(season: Season, number: int) -> date:
    if season.rhythm is Rhythm.DAYS:
        return season.first + timedelta(days=season.every * number)
    return _months_later(season.first, season.every * number)


def _months_later(day: date, months: int) -> date:
    """The same day some months on; the last one where a month is shorter."""
    month = day.month - 1 + months
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def next_season(season: Season) -> Season:
    """The same a year on."""
    return replace(season, first=_months_later(season.first, 12), last=_months_later(season.last, 12))


def asked_on(season: Season) -> date:
    """When the next season is proposed: a month before it begins, but not before this one is over."""
    return max(season.last + timedelta(days=1), next_season(season).first - ASK_BEFORE)


def next_round(days: Sequence[date], today: date) -> date | None:
    """The first of these days after today."""
    return min((day for day in days if day > today), default=None)
