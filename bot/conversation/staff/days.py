"""The day that a plan names: 12月5日, 下周三, 三天内, 月底."""

import re
from datetime import datetime, timedelta

_DATE = re.compile(r"(?:(?P<month>\d{1,2})\s*月\s*)?(?P<day>\d{1,2})\s*[日号]")
_MONTH = re.compile(r"(?P<month>\d{1,2})月(?P<part>初|中旬?|底|份)?")
_DAYS = re.compile(r"(?P<n>\d{1,3}|[一二两三四五六七八九十])\s*天(?:之?内|后|以内)?")
_WEEKDAY = re.compile(r"(?P<next>下+)?(?:个)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天末])?")
_HAN = {c: n for n, c in enumerate("零一二三四五六七八九十")} | {"两": 2, "日": 7, "天": 7, "末": 7}


def planned_day(text: str, local_now: datetime) -> datetime | None:
    """The last day that a plan names, at 18:00 local time; None when it names none, or only a past one."""
    days = [d for d in _days(text, local_now) if d.date() >= local_now.date()]
    if not days:
        return None
    last = max(days)
    due = last.replace(hour=18, minute=0, second=0, microsecond=0)
    return due if due > local_now else due.replace(hour=23, minute=59)


def _days(text: str, now: datetime) -> list[datetime]:
    out: list[datetime | None] = []
    for found in _DATE.finditer(text):
        month = int(found["month"]) if found["month"] else None
        out.append(_on(now, month, int(found["day"])))
    for found in _DAYS.finditer(text):
        n = int(found["n"]) if found["n"].isdigit() else _HAN[found["n"]]
        out.append(now + timedelta(days=n))
    for found in _WEEKDAY.finditer(text):
        weekday = _HAN.get(found["day"] or "五", 5)
        weeks = len(found["next"] or "")
        if found["day"] or weeks:
            out.append(now - timedelta(days=now.isoweekday() - weekday) + timedelta(weeks=weeks))
    for found in _MONTH.finditer(text):
        if found["part"]:
            day = {"初": 10, "中": 20, "中旬": 20, "底": 28, "份": 28}[found["part"]]
            out.append(_on(now, int(found["month"]), day))
    for word, day in (("明天", 1), ("后天", 2), ("今天", 0)):
        if word in text:
            out.append(now + timedelta(days=day))
    if re.search(r"(?<!\d)(?<!\d月)(这个月|本月)?月底", text):
        end = (now.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
        out.append(end)
    return [day for day in out if day is not None]


def _on(now: datetime, month: int | None, day: int) -> datetime | None:
    """The next such day of the calendar."""
    try:
        if month is not None:
            this = now.replace(month=month, day=day)
            return this if this.date() >= now.date() else this.replace(year=now.year + 1)
        if day >= now.day:
            return now.replace(day=day)
        return (now.replace(day=1) + timedelta(days=32)).replace(day=day)
    except ValueError:
        return None
