"""Weeks of the neighbourhood's own calendar: which one a moment falls into, which to tell, when it goes out."""

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

YOUNG = 2  # days in which a running week may have nothing to tell yet


@dataclass(frozen=True)
class Week:
    """An ISO week of the neighbourhood's own calendar: Monday midnight to Monday midnight in its zone."""

    monday: date
    zone: tzinfo

    @classmethod
    def of(cls, moment: datetime, zone: tzinfo) -> "Week":
        """The week that `moment` falls into there."""
        day = moment.astimezone(zone).date()
        return cls(day - timedelta(days=day.weekday()), zone)

    @classmethod
    def parse(cls, key: str, zone: tzinfo) -> "Week":
        """The week of a key such as 2026-W48.

        Raises:
            ValueError: no such week.
        """
        found = re.fullmatch(r"(\d{4})-W(\d{2})", key)
        if not found:
            raise ValueError(f"{key!r} is no week: write e.g. 2026-W48")
        return cls(date.fromisocalendar(int(found[1]), int(found[2]), 1), zone)

    @property
    def key(self) -> str:
        """As it is stored, e.g. 2026-W48."""
        year, number, _ = self.monday.isocalendar()
        return f"{year}-W{number:02d}"

    @property
    def start(self) -> datetime:
        """Its first instant."""
        return datetime.combine(self.monday, time(0), self.zone)

    @property
    def end(self) -> datetime:
        """The first instant after it."""
        return datetime.combine(self.monday + timedelta(days=7), time(0), self.zone)

    def previous(self) -> "Week":
        """The week before."""
        return self.back(1)

    def back(self, weeks: int) -> "Week":
        """The one so many weeks before."""
        return Week(self.monday - timedelta(weeks=weeks), self.zone)


def next_issue(after: datetime, weekday: int, at: time, zone: tzinfo) -> datetime:
    """The next time after `after` at which the digest goes out; `weekday` 1 is Monday."""
    local = after.astimezone(zone)
    day = local.date() + timedelta(days=(weekday - local.isoweekday()) % 7)
    issue = datetime.combine(day, at, zone)
    return issue if issue > local else datetime.combine(day + timedelta(days=7), at, zone)


def week_to_tell(moment: datetime, zone: tzinfo, *, quiet: bool) -> Week:
    """Which week somebody means who asks for "the digest" at `moment`.

    The running one; but on its Monday or Tuesday, while nothing has happened in it yet (`quiet`), the one before.
    """
    running = Week.of(moment, zone)
    begun = (moment.astimezone(zone).date() - running.monday).days < YOUNG
    return running.previous() if begun and quiet else running
