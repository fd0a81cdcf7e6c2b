"""Lists of buildings and rooms as offices write them: every one of them, or a sentence that says how to write it."""

import re
from collections.abc import Sequence

from workflows.policy.places import arabic, building_number, half_width

MOST_BUILDINGS = 300  # in one line of the file; the largest estates of a city stay below it
MOST_ROOMS = 500
_TALLEST = 60  # floors
_DOORS_OF_A_FLOOR = 30

_RANGE = re.compile(r"(.+?)[-~至到]+(.+)")
_ROOM_RANGE = re.compile(r"(\d{1,9})([号室户]?)[-~至到]+(\d{1,9})([号室户]?)")
_NUMERAL = r"[\d零一二三四五六七八九十百]+[号室户]?"
_WORDY_RANGE = re.compile(rf".+[~至到].+|{_NUMERAL}-+{_NUMERAL}")


class UnclearRange(Exception):
    """The words name no certain buildings or rooms; `remedy` says how to write them."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy


def building_list(words: Sequence[str]) -> list[str]:
    """1-8、10号楼、A座 as numbers, at most 300 of them.

    Raises:
        UnclearRange: a part is no building, or there are too many.
    """
    out: list[str] = []
    for part in words:
        out += _buildings(part, MOST_BUILDINGS - len(out))
    return out


def _buildings(part: str, room_for: int) -> list[str]:
    words = half_width(part)
    ends = _RANGE.fullmatch(words)
    if ends is None:
        number = "" if re.search(r"\d\s+\d", words) else building_number(words)  # 1 3 5 is not building 135
        if not number:
            raise _no_building(part)
        return [number]
    first, last = (_plain(end) for end in ends.groups())
    if not (first and last and int(first) <= int(last)):
        raise _no_building(part)
    count = int(last) - int(first) + 1
    if count > room_for:
        what = f"楼号“{part}”一共{count}栋，一行最多{MOST_BUILDINGS}栋"
        raise UnclearRange(what, "请核对楼号；真有这么多就分成几行写")
    row = "排" if "排" in ends[2] else ""
    return [f"{number}{row}" for number in range(int(first), int(last) + 1)]


def _plain(end: str) -> str:
    """The end of a range as digits; "" if it counts nothing."""
    if len(end) > 12:
        return ""
    number = building_number(end).removesuffix("排") or arabic(re.sub(r"[第号楼栋幢座#排\s]", "", end))
    return number if number.isdigit() else ""


def _no_building(part: str) -> UnclearRange:
    return UnclearRange(f"楼号“{part}”看不懂", "请写成 1-8、10 或 A座、B座，用顿号分开")


def room_list(words: Sequence[str], *, counted: bool = False) -> list[str]:
    """101、102 as they are, ranges as the doors that an office means by them, at most 500.

    - 101-104 are the four doors of one floor, 1-12 and 1-12号 twelve doors that are counted on.
    - 101-602 are the doors 01 and 02 of each of six floors, not 502 doors.
    - Where doors are `counted` on, in a village or a row of houses (排), 101-302 are 202 of them, and so are 101-302号.
    - 1-302 in a block may be room 302 of unit 1, and 104-101 or 一号至九号 may be anything: refused.

    Raises:
        UnclearRange: a range can be read in two ways or in none, or there are too many doors.
    """
    out: list[str] = []
    for part in words:
        plain = re.sub(r"\s", "", half_width(part))
        if ends := _ROOM_RANGE.fullmatch(plain):
            out += _doors(part, ends, counted=counted)
        elif _WORDY_RANGE.fullmatch(plain):
            raise UnclearRange(f"房号“{part}”看不懂", "请用数字写，如 101-104 或 1-12号，用顿号分开")
        else:
            out.append(part)
        if len(out) > MOST_ROOMS:
            raise _too_many(part)
    return out


def _doors(part: str, ends: re.Match[str], *, counted: bool) -> list[str]:
    first, last = int(ends[1]), int(ends[3])
    mark = ends[4] or ends[2]
    width = len(ends[1]) if ends[1].startswith("0") else 0
    if last < first:
        what = f"房号“{part}”后面的数比前面的小"
        raise UnclearRange(what, "一段房号请写成 101-104；101 分出来的户请写成 101之1")
    numbers: Sequence[int]
    if counted or mark == "号" or last < 100:
        if last - first >= MOST_ROOMS:
            raise _too_many(part)
        numbers = range(first, last + 1)
    elif first < 100 and not width:
        what = f"房号“{part}”看不出是{first}单元{last}，还是从{first}到{last}挨着数"
        raise UnclearRange(what, f"单元请写在“单元”一栏；挨着数的请写成 {first}-{last}号")
    else:
        numbers = _by_floor(part, divmod(first, 100), divmod(last, 100))
    return [f"{number:0{width}d}{mark}" for number in numbers]


def _by_floor(part: str, first: tuple[int, int], last: tuple[int, int]) -> Sequence[int]:
    (lowest, left), (highest, right) = first, last
    if lowest == highest:
        return range(100 * lowest + left, 100 * lowest + right + 1)
    if not (1 <= left <= right <= _DOORS_OF_A_FLOOR and highest <= _TALLEST):
        what = f"房号“{part}”看不出每层有哪几户"
        raise UnclearRange(what, "请一层写一段，如 101-104、201-204；挨着数的在后面写“号”，如 101-302号")
    return [100 * floor + door for floor in range(lowest, highest + 1) for door in range(left, right + 1)]


def _too_many(part: str) -> UnclearRange:
    return UnclearRange(
        f"写到房号“{part}”超过了{MOST_ROOMS}户", f"请核对房号；一行最多{MOST_ROOMS}户，真有这么多就分成几行写"
    )
