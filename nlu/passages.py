"""Cuts a message into the passages that may each tell of a matter of its own: items of a list, sentences, clauses."""

import re
from dataclasses import dataclass

MOST = 14  # passages of one message that are read; what is told in more of them is a story, and read by sentences
_SENTENCES = 2  # who writes more full stops than that puts one thing into each
SHORTEST = 3  # letters and digits; nothing shorter tells of anything

_HAN = "一二三四五六七八九十"
_NUMBER = re.compile(
    r"(?:[（(]?(?P<digits>\d{1,2})[)）、．：]|(?P<dotted>\d{1,2})\.(?!\d)|[（(]?(?P<han>[一二三四五六七八九十])[)）、．：]"
    r"|(?P<circled>[①②③④⑤⑥⑦⑧⑨⑩])|第(?P<nth>[一二三四五六七八九十\d]{1,2})[,，、:：条个处])\s*"
)
_BEFORE_A_NUMBER = re.compile(r"[\s;；。，,：:！!]$")
_SENTENCE = re.compile(r"[。！!？?；;…\n]+\s*")
_CLAUSE = re.compile(
    r"[。！!？?；;…\n，,]+\s*|(?<=[\u4e00-\u9fff])\s+(?=[\u4e00-\u9fffA-Za-z\d])|(?<=\d)\s+(?=[\u4e00-\u9fff])"
)
ANNOUNCES = re.compile(
    r"(那|哦|噢|对了)?[，, ]?(还有|另外|再就是|再一个|再有|顺便|顺带|对了|其次|最后|第[一二三四五](?=[，,、个件条是])|[一二三四五]是"
    r"|此外|除此|同时|以及|还要反映|再说个|外加)"
)
_EDGES = " \n\t;；。，,:：、"


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of a message. `listed`: an item of a numbered list; `announced`: 另外, 还有 stands before it."""

    text: str
    listed: bool = False
    announced: bool = False
    begins_sentence: bool = False


def listed(text: str) -> tuple[str, list[str]]:
    """What stands before a numbered list, and its items; no items when the text is no list.

    The numbers must run 1, 2, 3: "3号楼", "12.5米" and "1、2、3号楼" are none.
    """
    starts: list[re.Match[str]] = []
    for found in _NUMBER.finditer(text):
        if _value(found) == len(starts) + 1 and _at_a_break(text, found):
            starts.append(found)
    if len(starts) < 2:
        return "", []
    ends = [*(found.start() for found in starts[1:]), len(text)]
    items = [text[found.end() : end].strip(_EDGES) for found, end in zip(starts, ends, strict=True)]
    if any(_length(item) < SHORTEST for item in items):
        return "", []
    return text[: starts[0].start()].strip(_EDGES), items


def _value(found: re.Match[str]) -> int:
    if found["circled"]:
        return "①②③④⑤⑥⑦⑧⑨⑩".index(found["circled"]) + 1
    written = found["digits"] or found["dotted"] or found["han"] or found["nth"]
    return int(written) if written.isdigit() else _HAN.find(written) + 1


def _at_a_break(text: str, found: re.Match[str]) -> bool:
    before = text[: found.start()]
    return not before or bool(found["circled"]) or bool(_BEFORE_A_NUMBER.search(before))


def passages(text: str) -> list[Passage]:
    """The items of a list, else the sentences of a message that has several, else its clauses.

    Crumbs go with the passage before them.
    """
    _, items = listed(text)
    if items:
        return [Passage(item, listed=True, begins_sentence=True) for item in items][:MOST]
    cut: list[Passage] = []
    told = _split(_SENTENCE, text)
    for sentence in told:
        for n, clause in enumerate([sentence] if len(told) > _SENTENCES else _split(_CLAUSE, sentence)):
            if _length(clause) < SHORTEST and cut:
                cut[-1] = Passage(f"{cut[-1].text}，{clause}", False, cut[-1].announced, cut[-1].begins_sentence)
            else:
                cut.append(Passage(clause, False, bool(ANNOUNCES.match(clause)), n == 0))
    return cut


def sentences(text: str) -> list[str]:
    """The sentences of a long message; where it has no full stops, its clauses."""
    found = _split(_SENTENCE, text)
    if len(found) < 3:
        found = _split(_CLAUSE, text)
    return [one for one in found if _length(one) >= SHORTEST]


def _split(at: re.Pattern[str], text: str) -> list[str]:
    return [part for part in (piece.strip(_EDGES) for piece in at.split(text)) if part]


def _length(text: str) -> int:
    return sum(char.isalnum() for char in text)
