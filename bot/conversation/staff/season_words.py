"""What a promise to come back says: 4月到9月每14天喷一次药, 每月修剪一次, 大雨后检查井盖."""

import re
from calendar import monthrange
from datetime import date, timedelta

from workflows.policy.upkeep import Rhythm, Season

_N = r"(?P<n>\d{1,3}|[一二两三四五六七八九十]{1,3}|半)"
_DAYS = re.compile(rf"(?:每隔?|隔){_N}?\s*(?:天|日)(?!期)")
_WEEKS = re.compile(rf"每隔?{_N}?\s*个?\s*(?:周|星期|礼拜)")
_MONTHS = re.compile(rf"(?:每隔?{_N}?\s*个?\s*月|按月|月月)")
_QUARTER = re.compile(r"每(?:个)?季(?:度)?")
_YEAR = re.compile(r"每年")
_POINT = r"(?:(?P<{0}y>\d{{4}})年)?(?P<{0}m>\d{{1,2}})月(?:(?P<{0}d>\d{{1,2}})[日号]|(?P<{0}part>初|中旬?|底))?(?:份)?"
_RANGE = re.compile(
    rf"从?\s*{_POINT.format('a')}\s*(?:到|至|—|–|-|~)\s*(?:次年|明年|来年)?{_POINT.format('b')}(?:为止|止)?"
)
_TRIGGER = re.compile(
    r"(?:每次|每逢|每回|逢|一?下?)?(?:下完?)?(?P<what>大雨|暴雨|下雨|大风|大雪|下雪|雨雪)(?:天|过|以|之)?后?"
)
_ONCE = re.compile(r"一次|一回|一遍|定期|都要?|都会?|的时候|就(?=[\u4e00-\u9fff])")
_HAN = {c: n for n, c in enumerate("零一二三四五六七八九十")} | {"两": 2}
_WRAPS = timedelta(days=280)  # 11月到3月 goes over the new year; 5月10日到5月1日 is a slip


def read(text: str, today: date) -> Season | None:
    """The season that these words promise; None when they say no rhythm. Whether it makes sense is the policy's to say."""
    trigger = _TRIGGER.search(text)
    rhythm = _rhythm(text)
    if rhythm is None and trigger is None:
        return None
    found = _RANGE.search(text)
    first, last = _range(found, today) if found else (today, _a_year_on(today))
    kind, every = rhythm if rhythm is not None else (Rhythm.TRIGGER, 0)
    what = trigger["what"] if trigger is not None and rhythm is None else ""
    return Season(_work(text), kind, every, first, last, what)


def _rhythm(text: str) -> tuple[Rhythm, int] | None:
    rest = _RANGE.sub("", text)
    if found := _DAYS.search(rest):
        return Rhythm.DAYS, _number(found["n"]) + (1 if found[0].startswith("隔") else 0)
    if found := _WEEKS.search(rest):
        return Rhythm.DAYS, 7 * _number(found["n"])
    if found := _MONTHS.search(rest):
        if found["n"] == "半":
            return Rhythm.DAYS, 15
        return Rhythm.MONTHS, _number(found["n"])
    if _QUARTER.search(rest):
        return Rhythm.MONTHS, 3
    return (Rhythm.MONTHS, 12) if _YEAR.search(rest) else None


def _number(words: str | None) -> int:
    if not words:
        return 1
    if words.isdigit():
        return int(words)
    if "十" in words:
        tens, _, ones = words.partition("十")
        return 10 * _HAN.get(tens, 1) + _HAN.get(ones, 0)
    return _HAN.get(words, 1)


def _range(found: re.Match[str], today: date) -> tuple[date, date]:
    """Both ends; where no year is written, the season that is now or comes next, over the new year if need be."""
    first_year, last_year = found["ay"], found["by"]
    year = int(first_year or last_year or today.year)
    first = _point(found, "a", year, end=False)
    last = _point(found, "b", int(last_year or year), end=True)
    if first_year or last_year:
        return first, last
    if last < first:
        over = _point(found, "b", year + 1, end=True)
        if over - first > _WRAPS:
            return first, last
        last = over
    if last < today:
        first, last = _point(found, "a", first.year + 1, end=False), _point(found, "b", last.year + 1, end=True)
    return first, last


def _point(found: re.Match[str], which: str, year: int, *, end: bool) -> date:
    month = min(max(int(found[f"{which}m"]), 1), 12)
    most = monthrange(year, month)[1]
    parts = {"初": 1, "中": 15, "中旬": 15, "底": most}
    day = int(found[f"{which}d"] or parts.get(found[f"{which}part"] or "", most if end else 1))
    return date(year, month, min(max(day, 1), most))


def _a_year_on(today: date) -> date:
    return today + timedelta(days=364)


def _work(text: str) -> str:
    """What is done each time: the words without the times."""
    for pattern in (_RANGE, _DAYS, _WEEKS, _MONTHS, _QUARTER, _YEAR, _TRIGGER, _ONCE):
        text = pattern.sub("", text)
    return re.sub(r"^[\s，,。；;：:在]+|[\s，,。；;！!]+$", "", text)[:60] or "定期维护"
