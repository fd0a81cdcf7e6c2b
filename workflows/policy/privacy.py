"""Masking: phone and ID numbers leave the need-to-know circle only in part.

Who needs to know (DESIGN 3.8, and what the cards do):

- a **phone number** that a resident wrote: the reporter, and the grid worker and branch secretary of the case's grid, who
  go to the door. In danger now, or when somebody asks for a person: those on duty, that is, the grid's two and the
  community's office, who must ring back. The property company, departments, building heads, neighbours, digests, what
  trains the reader, and everybody else get it masked. A department gets the grid worker's number, never the resident's.
- an **ID number**: nobody. It is never needed to mend a lamp.

`mask` hides both, `mask_id` only the latter. People write numbers in many ways: with spaces, dashes, dots, +86, in
full-width digits, in Chinese numerals (一三八…), one by one. The text is therefore read three times: its digits
(of any script), its Chinese numerals, and both together. What is no such number stays whole: case numbers, dates, house numbers, sums.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator

_NUMERALS = {
    "零": "0", "〇": "0", "○": "0", "一": "1", "幺": "1", "壹": "1", "二": "2", "贰": "2", "三": "3", "叁": "3",
    "四": "4", "肆": "4", "五": "5", "伍": "5", "六": "6", "陆": "6", "七": "7", "柒": "7", "八": "8", "捌": "8",
    "九": "9", "玖": "9",
}  # fmt: skip
_X = dict.fromkeys("xXｘＸ×✕", "X")
_GAP = r"[-\s.·•・_~‐-―−－．﹣\u200b-\u200d\u2060\ufe0f\u20e3]"  # what people put between digits
_GAPS = f"{_GAP}{{0,3}}"
_COUNTS = re.compile(rf"[\d{''.join(_NUMERALS)}]")
_SHORTEST = 7  # digits of a local number
_READABLE = 4  # so many digits stay at the end


def _digits(count: int) -> str:
    return rf"\d(?:{_GAPS}\d){{{count - 1}}}"


_COUNTRY = rf"(?:(?:\+|00)?86[)）]?{_GAPS})"
_MOBILE = re.compile(rf"(?<!\d){_COUNTRY}?(?P<number>1{_GAPS}[3-9](?:{_GAPS}\d){{9}})(?!\d)")
# Between commas only 138,0013,8000 is a phone number: sums go by threes.
_MOBILE_BY_COMMA = re.compile(r"(?<!\d)(?P<number>1[3-9]\d[,，、]\s?\d{4}[,，、]\s?\d{4})(?!\d)")
_MOBILES_IN_A_ROW = re.compile(r"(?<!\d)(?:1[3-9]\d{9}){2,4}(?!\d)")
_AREA = r"(?:10|2\d|[3-9]\d{2})"
_LANDLINE = re.compile(
    rf"(?<!\d)(?:{_COUNTRY}[(（]?0?|[(（]?0){_AREA}[)）]?{_GAPS}(?P<number>{_digits(7)}(?:{_GAP}?\d)?)(?!\d)"
)
# A number without its area is only known for one by the word before it.
_CALLED = re.compile(
    rf"(?:电话|座机|固话|手机|号码|联系方式|打|拨)[^\d\n]{{0,6}}?(?P<number>[2-9]\d{{2,3}}{_GAP}?\d{{4}})(?![\d元块年月])"
)
_ID = re.compile(rf"(?<!\d)(?P<number>{_digits(17)}{_GAPS}[\dX])(?!\d)")
_OLD_ID = re.compile(rf"(?<!\d)(?P<number>{_digits(15)})(?!\d)")

Span = tuple[int, int, int]  # where a number begins and ends, and how many of its digits stay at the front
Find = Callable[[str], Iterator[Span]]
Read = Callable[[str], str]  # one character for one


def mask(text: str) -> str:
    """The text with the middle of every phone and ID number hidden: 138****5678."""
    return _hidden(_hidden(text, _ids), _phones)


def mask_id(text: str) -> str:
    """ID numbers only: who goes to the door needs the phone number, nobody needs the other."""
    return _hidden(text, _ids)


def _hidden(text: str, find: Find) -> str:
    if len(_COUNTS.findall(text)) < _SHORTEST:  # nearly every text: nothing to look for
        return text
    for read in (_in_digits,) if text.isascii() else (_in_digits, _in_numerals, _in_both):
        plain = read(text)
        parts, at = [], 0
        for start, end, front in sorted(find(plain)):
            if start >= at:
                parts += [text[at:start], _middle_hidden(text[start:end], plain[start:end], front)]
                at = end
        text = "".join(parts) + text[at:]
    return text


def _middle_hidden(number: str, plain: str, front: int) -> str:
    own = [character for character, read in zip(number, plain, strict=True) if read in "0123456789X"]
    return "".join(own[:front]) + "*" * (8 if len(own) >= 15 else 4) + "".join(own[-_READABLE:])


# ---- reading


def _in_digits(text: str) -> str:
    """The digits of any script as 0-9."""
    return "".join(map(_digit, text))


def _digit(character: str) -> str:
    if character in _X or character.isascii():
        return _X.get(character, character)
    value = unicodedata.decimal(character, None)
    return character if value is None else str(value)


def _in_numerals(text: str) -> str:
    """The Chinese numerals as 0-9, and nothing else."""
    return "".join(_NUMERALS.get(c, "#" if _digit(c).isdecimal() else c) for c in text)


def _in_both(text: str) -> str:
    """Digits and Chinese numerals as 0-9: people mix them."""
    return "".join(_NUMERALS.get(c, c) for c in _in_digits(text))


# ---- finding


def _phones(plain: str) -> Iterator[Span]:
    for found in _MOBILES_IN_A_ROW.finditer(plain):
        for start in range(found.start(), found.end(), 11):
            yield start, start + 11, 3
    for found in _each(_MOBILE, plain):
        if _written_as_a_phone(_groups(found["number"])):
            yield *found.span("number"), 3
    for found in _MOBILE_BY_COMMA.finditer(plain):
        yield *found.span("number"), 3
    for found in _each(_LANDLINE, plain):
        yield *found.span("number"), 0
    for found in _each(_CALLED, plain):
        if not _a_day(_joined(found["number"])):
            yield *found.span("number"), 0


def _ids(plain: str) -> Iterator[Span]:
    for found in _each(_ID, plain):
        groups, digits = _groups(found["number"]), _joined(found["number"])
        if len(groups) == 1 or (_written_as_an_id(groups) and _a_day(digits[6:14])):
            yield *found.span("number"), 6
    for found in _each(_OLD_ID, plain):
        groups, digits = _groups(found["number"]), _joined(found["number"])
        if (len(groups) == 1 or _written_as_an_id(groups)) and _a_day(f"19{digits[6:12]}"):
            yield *found.span("number"), 6


def _each(pattern: re.Pattern[str], plain: str) -> Iterator[re.Match[str]]:
    """Also those that overlap: the first of them may be house numbers that run into a phone number."""
    found = pattern.search(plain)
    while found is not None:
        yield found
        found = pattern.search(plain, found.start() + 1)


def _joined(number: str) -> str:
    return re.sub(r"[^\dX]", "", number)


def _groups(number: str) -> list[int]:
    """The lengths of its parts."""
    return [len(part) for part in re.findall(r"[\dX]+", number)]


def _written_as_a_phone(groups: list[int]) -> bool:
    """In threes and more, one by one, or in pairs with one three: 15-2-1201-1602 are houses."""
    return min(groups) >= 3 or max(groups) == 1 or (set(groups) == {2, 3} and groups.count(3) == 1)


def _written_as_an_id(groups: list[int]) -> bool:
    """By its own parts (six for the place, then the birthday), in fours, or one by one: never a phone and a room."""
    return groups[0] in (6, 14, 17) or groups[:2] == [3, 3] or max(groups) == 1 or set(groups[:-1]) == {4}


def _a_day(digits: str) -> bool:
    return "1900" <= digits[:4] <= "2099" and "01" <= digits[4:6] <= "12" and "01" <= digits[6:8] <= "31"
