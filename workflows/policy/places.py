"""What an address is: its parts, how people spell them, and how a later message refines an earlier one."""

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import cos, hypot, radians

# 两 counts (两栋 = two buildings) and never numbers one, so it is a digit here but starts no ordinal below.
_CHINESE_DIGITS = {
    **dict(zip("零一二三四五六七八九", range(10), strict=True)),
    **dict(zip("〇壹贰叁肆伍陆柒捌玖", range(10), strict=True)),
    "○": 0,
    "幺": 1,
    "两": 2,
}
_CHINESE_SCALES = {"十": 10, "拾": 10, "百": 100}
_FULL_WIDTH = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−－﹣ー"), "-")


@dataclass(frozen=True)
class Address:
    """Where it is, as far as anybody said: the directory's ids where it knows, the resident's words where not.

    `estate` is the directory's name when known. `maybe` names equally likely estates; each of them can be given
    back to the directory as text and is then unambiguous.
    """

    estate_id: int | None = None
    estate: str = ""
    building_id: int | None = None
    building: str = ""
    unit: str = ""
    room: str = ""
    place: str = ""
    landmark_id: int | None = None
    grid_id: int | None = None
    community_id: int | None = None
    maybe: tuple[str, ...] = ()

    @property
    def routable(self) -> bool:
        """Whether a grid is known, so that somebody can be answerable."""
        return self.grid_id is not None

    @property
    def known_to_resident(self) -> bool:
        """Whether the resident gave anything at all."""
        return bool(self.estate or self.building or self.unit or self.room or self.place or self.maybe)

    def sentence(self) -> str:
        """As one would write it on a card: 园林小区3号楼2单元602，河边."""
        unit = f"{self.unit}单元" if re.fullmatch(r"\w{1,3}", self.unit) and "单元" not in self.unit else self.unit
        door = f"{self.estate}{_spoken_building(self.building)}{unit}{self.room}"
        return "，".join(part for part in (door, self.place) if part)

    def of_estate(self) -> "Address":
        """Only the estate of this address, e.g. to ask a resident "是您住的富邦小区吗"."""
        return Address(
            estate_id=self.estate_id, estate=self.estate, grid_id=self.grid_id, community_id=self.community_id
        )


def _spoken_building(building: str) -> str:
    if re.fullmatch(r"[甲乙丙丁]?\d+", building):
        return f"{building}号楼"
    if re.fullmatch(r"[A-Z]\d{0,2}|\d{1,2}[A-Z]", building):
        return f"{building}座"
    return building


def merge(old: Address, new: Address) -> Address:
    """What is known after a later bubble or a correction: the new parts replace, the rest stays where it still fits.

    A new estate drops the old door; a new building drops the old unit and room; a new unit drops the old room.
    The directory's `refine` then looks the ids up again.
    """
    merged = _with_estate(old, new)
    merged = _with_door(merged, new)
    if new.place:
        merged = replace(merged, place=new.place, landmark_id=new.landmark_id)
    if merged.grid_id is None and not (merged.estate and merged.estate_id is None and new.grid_id is None):
        merged = replace(merged, grid_id=new.grid_id, community_id=new.community_id)
    return merged


def _with_estate(old: Address, new: Address) -> Address:
    if new.estate or new.maybe:
        same = bool(new.estate) and new.estate == old.estate and new.estate_id in (old.estate_id, None)
        if same and not new.maybe:
            return replace(old, maybe=())
        # A known landmark lay near the old estate; words such as 东门口 fit any.
        place = "" if old.estate_id is not None and old.landmark_id is not None else old.place
        answered = replace(
            new,
            building="",
            building_id=None,
            unit="",
            room="",
            place=place,
            landmark_id=old.landmark_id if place else None,
        )
        if old.maybe or not old.estate:  # the door was told before anybody knew which estate: it is that estate's
            return replace(answered, building=old.building, unit=old.unit, room=old.room)
        return answered
    return old


def _with_door(old: Address, new: Address) -> Address:
    if new.building:
        if new.building != old.building:
            old = replace(old, building_id=None, unit="", room="")
        old = replace(old, building=new.building, building_id=new.building_id or old.building_id)
        if new.building_id is not None and new.grid_id is not None:
            old = replace(old, grid_id=new.grid_id)
    if new.unit:
        if old.unit and new.unit != old.unit:
            old = replace(old, room="")
        old = replace(old, unit=new.unit)
    return replace(old, room=new.room) if new.room else old


# ---- numbers


def half_width(text: str) -> str:
    """Full-width letters, digits, signs and odd dashes as plain ones; every character keeps its position."""
    return text.translate(_FULL_WIDTH).translate(_DASHES)


def arabic(numeral: str) -> str:
    """A number in digits: 三 → 3, 十二 → 12, 六零二 → 602, 一百零二 → 102, ０３ → 3; "" if it is none."""
    numeral = half_width(numeral).strip()
    if numeral.isascii() and numeral.isdigit():
        return str(int(numeral))
    if not numeral or any(char not in _CHINESE_DIGITS and char not in _CHINESE_SCALES for char in numeral):
        return ""
    if not any(char in _CHINESE_SCALES for char in numeral):
        return "".join(str(_CHINESE_DIGITS[char]) for char in numeral).lstrip("0")
    total, digit = 0, 0
    for char in numeral:
        if char in _CHINESE_SCALES:
            total += (digit or (0 if total else 1)) * _CHINESE_SCALES[char]
            digit = 0
        else:
            digit = _CHINESE_DIGITS[char]
    return str(total + digit)


_N = r"(?:\d{1,3}|[一二三四五六七八九十壹贰叁肆伍陆柒捌玖]{1,3})"
_DIGIT = "零〇○幺一二三四五六七八九两"
_DOOR = rf"(?:\d{{3,4}}|[{_DIGIT}]{{3,4}}|[{_DIGIT}]百零?[{_DIGIT}])"
_SIDE = r"(?:[东西中南北左右对](?:边|侧|手)?那?(?:户|家|门(?!口)))"
_LIFT = r"[楼搂喽]"  # the pinyin keyboard offers 搂 and 喽 first
# A number inside a longer number, a date or a range is no building.
_ALONE = r"(?<![\dA-Za-z.年月])(?<!\d[-:：])"
_NOT_THIS = r"(?<![这那同每哪整几好前后共有第])"


def building_number(words: str) -> str:
    """三号楼 → 3, 十二栋 → 12, 7# → 7, B座 → B, 三排 → 3排 (a village's row); "" if it is no building."""
    words = re.sub(r"\s", "", half_width(words)).upper()
    if row := re.fullmatch(rf"第?({_N})排", words):
        return f"{arabic(row[1])}排"
    found = re.fullmatch(
        rf"第?(?:([甲乙丙丁]?{_N})|([A-Z]\d{{0,2}}|\d{{1,2}}[A-Z]))(?:#{_LIFT}?|号{_LIFT}?|號樓|{_LIFT}栋|[栋幢座]{_LIFT}?|{_LIFT})?",
        words,
    )
    if not found:
        return ""
    return _numbered_building(found[1]) if found[1] else found[2]


def _numbered_building(words: str) -> str:
    """甲三 → 甲3: the old courtyards count 甲 and 乙 beside the plain numbers."""
    branch = words[:1] if words[:1] in "甲乙丙丁" else ""
    return branch + (arabic(words.removeprefix(branch)) or words.removeprefix(branch).upper())


def unit_number(words: str) -> str:
    """二单元 → 2, 3门 → 3, 第一单元 → 1; "" if it is no unit."""
    found = re.fullmatch(
        rf"第?({_N}|[A-Z]|[东西南北中])(?:单[元员园源]|门洞?|洞)?", re.sub(r"\s", "", half_width(words)).upper()
    )
    if not found:
        return ""
    return arabic(found[1]) or found[1]


def room_number(words: str) -> str:
    """602室 → 602, 六零二 → 602, 六楼东户 → 6楼东户, 顶楼西户 as it is; "" if it is no room."""
    words = re.sub(r"\s", "", half_width(words))
    if floor := re.fullmatch(rf"(负|地下)?({_N})[楼层]({_SIDE})?", words):
        return f"{'负' if floor[1] else ''}{arabic(floor[2])}楼{floor[3] or ''}"
    if re.fullmatch(rf"(?:顶[楼层])?{_SIDE}|顶[楼层]", words):
        return words
    found = re.fullmatch(rf"({_DOOR}|{_N})([室户号]房?间?|房间?|家)?", words)
    return arabic(found[1]) if found else ""


def door_triple(words: str) -> tuple[str, str, str] | None:
    """3-2-602 → ("3", "2", "602"); dictated 三杠二杠六零二 as well."""
    found = _TRIPLE.search(half_width(words))
    return (
        (arabic(found["building"]) or found["building"], arabic(found["unit"]), arabic(found["room"]))
        if found
        else None
    )


# ---- doors in running text


@dataclass(frozen=True)
class Doors:
    """Building, unit and room as found in a message, and which stretch of it they take."""

    building: str = ""
    unit: str = ""
    room: str = ""
    between: str = ""  # 3号楼和5号楼之间: a spot that is in neither
    spans: tuple[tuple[int, int], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.building or self.unit or self.room or self.between)


_BAR = r"\s*[-/杠]\s*"
_NOT_A_DOOR = r"(?![\d年月日号点时:：块元钱度米岁斤万千%]|-\d)"
_TRIPLE = re.compile(
    rf"(?<![\dA-Za-z-])(?P<building>{_N}|[A-Za-z])(?:号{_LIFT})?{_BAR}(?P<unit>\d{{1,2}}|[一二三四五六七八九十]{{1,2}})(?:单元)?{_BAR}"
    rf"(?P<room>{_DOOR}){_NOT_A_DOOR}"
)
_PAIR = re.compile(rf"(?<![\dA-Za-z-])(?P<building>\d{{1,3}}|[A-Z]){_BAR}(?P<room>\d{{3,4}}){_NOT_A_DOOR}")
_RANGE = re.compile(rf"{_ALONE}{_N}(?:号{_LIFT}?|栋)?\s*(?:-|~|～|到|至)\s*{_N}\s*(?:号{_LIFT}|栋|幢|#)")
_UNIT_AHEAD = rf"(?=\s*第?{_N}\s*(?:单[元员园源]|门(?!口|诊)))"
_BUILDINGS = (
    re.compile(
        rf"{_ALONE}(?P<n>[甲乙丙丁]?{_N})\s*(?:号\s*(?:{_LIFT}|樓|公寓{_LIFT}|住宅{_LIFT})|號樓|号[栋幢]{_LIFT}?|{_LIFT}栋)"
    ),
    re.compile(rf"{_ALONE}(?P<n>\d{{1,3}})\s*#{_LIFT}?"),
    re.compile(rf"{_NOT_THIS}{_ALONE}(?P<n>{_N})\s*[栋幢](?!{_LIFT}(?!下|道|上|梯|顶|里|长)|房)"),
    re.compile(rf"第(?P<n>{_N})[栋幢]{_LIFT}?"),
    re.compile(rf"{_ALONE}(?P<n>{_N})\s*{_LIFT}{_UNIT_AHEAD}"),
    re.compile(rf"{_ALONE}(?P<n>{_N})\s*号(?=\s*第?{_N}\s*(?:单[元员园源]|门(?=洞|\d)))"),
    re.compile(r"(?<![A-Za-z\d])(?P<n>[A-Za-z]\d{0,2}|\d{1,2}[A-Za-z])\s*(?:[座栋幢]|号楼|楼(?=[\d\s，,。]|$))"),
    re.compile(rf"{_ALONE}(?P<n>\d{{1,3}})座(?=\s*\d{{3,4}}|\s*{_N}单元|$|[，,。\s])"),
)
_ROW = re.compile(rf"第?(?P<n>{_N})排(?:\s*(?P<house>\d{{1,3}}|{_N})\s*[号家户])?")
# Directly after an estate's name a bare number is a building: 富邦3号, 富邦 3.
_AFTER_ESTATE = re.compile(
    rf"\s*(?P<n>{_N})(?:号(?!线|路|院|井|门|口|晚|早|上午|下午|中午|凌晨|开始|起|到|至|那天|之前|以前)|(?=\s*(?:$|[，,。；;！!、])))"
)
_UNIT = re.compile(rf"(?<![每各几\d-])第?(?P<n>{_N}|[A-Z]|[东西南北中])\s*单[元员园源]")
_GATE = re.compile(rf"\s*第?(?P<n>{_N})门(?:洞|(?!口|诊|卫))")
_SHORT_UNIT = re.compile(rf"\s*-?\s*(?P<unit>\d{{1,2}}){_BAR}(?P<room>\d{{3,4}}){_NOT_A_DOOR}")
_ROOM_NEXT = re.compile(rf"[\s,，、-]*(?:的|住)?(?P<room>{_DOOR}|\d{{2}}(?=[室户]))(?:室|户|号房?|房)?{_NOT_A_DOOR}")
_ROOM = re.compile(rf"(?<![\d.-])(?P<room>{_DOOR}|\d{{2}})(?:室(?!内|外|友)|房间?(?=[的里]|$|[，,。\s])|号房)")
_ROOM_WHOLE = re.compile(rf"(?:我?是|我?住|在)?\s*(?P<room>{_DOOR})(?:的|室|户|号)?[。.!！]?")
_NUMBERS_TO_RING = frozenset({"110", "119", "120", "122", "114"})
_FLOOR = re.compile(
    rf"(?<![\d.:：\-~～到至几每各号层两了盖加共爬])(?P<below>负|地下)?(?P<n>{_N})"
    rf"(?:楼(?!栋|以[上下])|(?P<storey>层)(?=\s*{_SIDE}|[，,。\s]|$|住户|[的西东]|漏|楼道))(?P<side>\s*{_SIDE})?"
    rf"(?!\s*[-~～到至]\s*{_N}[楼层])"
)
_TOP_FLOOR = re.compile(rf"顶[楼层]{_SIDE}")
_SIDE_NEXT = re.compile(rf"\s*(?P<room>{_SIDE})")
_WITHDRAWN = re.compile(r"(?:不是|并非|不在|别去|不归)$")
_CORRECTED = re.compile(r"不对|不是|错了|应该是|更正|改成|哦是|噢是")
_TOGETHER = re.compile(r"\s*(?:和|跟|与|、|，|,|及)?\s*")
_AMID = re.compile(r"(?:之间|中间|当中|夹道|中间那)")


@dataclass(frozen=True)
class _Number:
    value: str
    start: int
    end: int


def find_doors(text: str, *, estates: tuple[tuple[int, int], ...] = (), rows: bool = False) -> Doors:
    """Building, unit and room in any usual spelling. Dates, ages, phone numbers and line numbers are none.

    `estates` are the stretches that name an estate, since a bare number behind one is a building; `rows` says
    that the place is a village, where houses stand in rows (三排5号).
    """
    text = half_width(text)
    for read in (_whole_triple, _row if rows else _nothing, _amid, _several):
        doors = read(text)
        if doors:
            return doors
    building = _chosen_building(text, estates)
    if building is None:
        pair = _PAIR.search(text)
        if pair and not _is_date(pair):
            return Doors(building=pair["building"], room=pair["room"], spans=(pair.span(),))
        return _unit_and_room(text, None)
    return _unit_and_room(text, building)


def _nothing(text: str) -> Doors:
    return Doors()


def _is_date(match: re.Match[str]) -> bool:
    return match["room"].startswith("20") and int(match["room"]) < 2100 and "-" in match[0]


def _whole_triple(text: str) -> Doors:
    found = None
    for match in _TRIPLE.finditer(text):  # the last one: a correction comes after what it corrects
        found = match
    if found is None:
        return Doors()
    building = arabic(found["building"]) or found["building"].upper()
    return Doors(building, arabic(found["unit"]), arabic(found["room"]), spans=(found.span(),))


def _row(text: str) -> Doors:
    for match in _ROW.finditer(text):
        if match["house"] or text[max(0, match.start() - 8) : match.start()].rstrip().endswith("村"):
            room = f"{arabic(match['house'])}号" if match["house"] else ""
            return Doors(building=f"{arabic(match['n'])}排", room=room, spans=(match.span(),))
    house = re.search(rf"(?<=村)\s*(?P<house>{_N})号(?!线|路|楼|晚|早|上午|下午)", text)
    return Doors(room=f"{arabic(house['house'])}号", spans=(house.span(),)) if house else Doors()


def _several(text: str) -> Doors:
    match = _RANGE.search(text)
    return Doors(between=match[0].strip(), spans=(match.span(),)) if match else Doors()


def _amid(text: str) -> Doors:
    """3号楼和5号楼之间 lies in neither building; saying one of them would send the grid worker to a door."""
    buildings = _buildings(text)
    for left, right in itertools.pairwise(buildings):
        behind = _AMID.match(text, right.end)
        if behind and _TOGETHER.fullmatch(text, left.end, right.start):
            span = (left.start, behind.end())
            return Doors(between=text[span[0] : span[1]], spans=(span,))
    return Doors()


def _buildings(text: str) -> list[_Number]:
    found: list[_Number] = []
    for pattern in _BUILDINGS:
        for match in pattern.finditer(text):
            value = _numbered_building(match["n"])
            if not any(match.start() < other.end and other.start < match.end() for other in found):
                found.append(_Number(value, match.start(), match.end()))
    return sorted(found, key=lambda number: number.start)


def _chosen_building(text: str, estates: tuple[tuple[int, int], ...]) -> _Number | None:
    candidates = [n for n in _buildings(text) if not _WITHDRAWN.search(text[max(0, n.start - 8) : n.start])]
    for start, end in estates:
        match = _AFTER_ESTATE.match(text, end)
        free = match and not any(match.start("n") < other.end and other.start < match.end() for other in candidates)
        if match and free and start < end:
            candidates.append(_Number(arabic(match["n"]), match.start("n"), match.end()))
    candidates.sort(key=lambda number: number.start)
    if not candidates:
        return None
    first, last = candidates[0], candidates[-1]
    if last is not first and _CORRECTED.search(text[first.end : last.start]):
        return last
    ends = {end for _, end in estates}
    attached = [n for n in candidates if n.start in ends]
    return attached[0] if attached else first


def _unit_and_room(text: str, building: _Number | None) -> Doors:
    spans: list[tuple[int, int]] = []
    value, here = "", 0
    if building:
        value, here = building.value, building.end
        spans.append((building.start, building.end))
        if short := _SHORT_UNIT.match(text, here):
            return Doors(value, short["unit"], short["room"], spans=(*spans, short.span()))
    unit = _unit(text, building)
    if unit:
        spans.append((unit.start, unit.end))
        here = unit.end
    room = _room(text, here, attached=bool(building or unit))
    if room:
        spans.append((room.start, room.end))
    return Doors(value, unit.value if unit else "", room.value if room else "", spans=tuple(spans))


def _unit(text: str, building: _Number | None) -> _Number | None:
    if building and (gate := _GATE.match(text, building.end)):
        return _Number(arabic(gate["n"]), gate.start("n"), gate.end())
    matches = [m for m in _UNIT.finditer(text) if not _WITHDRAWN.search(text[max(0, m.start() - 8) : m.start()])]
    behind = [m for m in matches if building and m.start() >= building.end]
    for match in behind or matches:
        return _Number(arabic(match["n"]) or match["n"], match.start(), match.end())
    return None


def _room(text: str, here: int, *, attached: bool) -> _Number | None:
    for reader in _room_readers(text, here, attached=attached):
        if found := reader():
            return found
    return None


def _room_readers(text: str, here: int, *, attached: bool) -> Iterator[Callable[[], _Number | None]]:
    if attached:
        yield lambda: _numbered(_ROOM_NEXT.match(text, here))
        yield lambda: _named(_SIDE_NEXT.match(text, here))
    else:
        yield lambda: _numbered(_ROOM_WHOLE.fullmatch(text.strip()), text.find(text.strip()))
    yield lambda: _numbered(_ROOM.search(text, here) or _ROOM.search(text))
    yield lambda: _floor(text, here, attached=attached)


def _numbered(match: re.Match[str] | None, offset: int = 0) -> _Number | None:
    if match is None or arabic(match["room"]) in _NUMBERS_TO_RING:
        return None
    return _Number(arabic(match["room"]), match.start("room") + offset, match.end() + offset)


def _named(match: re.Match[str] | None) -> _Number | None:
    return _Number(match["room"], match.start("room"), match.end()) if match else None


def _floor(text: str, here: int, *, attached: bool) -> _Number | None:
    """A floor counts where it belongs to a door that was named, or where it is the only one spoken of."""
    matches = list(_FLOOR.finditer(text, here if attached else 0))
    if attached:
        matches = matches[:1]
    elif len({arabic(match["n"]) for match in matches if not match["side"]}) > 1:
        matches = [match for match in matches if match["side"]]  # 一楼热六楼冷 is a comparison
    for match in matches:
        side = (match["side"] or "").strip()
        if match["storey"] and not (side or attached or text[: match.start()].endswith(("在", "住", "第"))):
            continue  # 落了一层 is dust
        words = f"{'负' if match['below'] else ''}{arabic(match['n'])}楼{side}"
        return _Number(words, match.start(), match.end())
    top = _TOP_FLOOR.search(text, here)
    return _Number(top[0], top.start(), top.end()) if top else None


def metres(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """How far apart two points (degrees) are; exact enough within a city."""
    north = (other_lat - lat) * 111_320.0
    east = (other_lon - lon) * 111_320.0 * cos(radians((lat + other_lat) / 2))
    return hypot(north, east)
