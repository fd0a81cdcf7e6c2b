"""China's working days: the published calendar, the operator's overrides, and an honest fallback."""

import logging
from collections.abc import Collection
from datetime import date

import chinese_calendar

log = logging.getLogger(__name__)


class ChinaCalendar:
    """Which days offices work, with make-up days (调休).

    A year that is not published yet is counted as Monday to Friday; the log says so once, and `unpublished` remembers
    that it was asked for: it is reported, not guessed silently.
    """

    def __init__(self, days_off: Collection[date] = (), workdays: Collection[date] = ()) -> None:
        self._off = frozenset(days_off)
        self._work = frozenset(workdays)
        self.unpublished: set[int] = set()

    def is_workday(self, day: date) -> bool:
        """Whether offices work on `day`."""
        if day in self._work:
            return True
        if day in self._off:
            return False
        try:
            return bool(chinese_calendar.is_workday(day))
        except NotImplementedError:
            if day.year not in self.unpublished:
                self.unpublished.add(day.year)
                log.warning(
                    "the holidays of %d are not published: its deadlines are counted Monday to Friday", day.year
                )
            return day.weekday() < 5
