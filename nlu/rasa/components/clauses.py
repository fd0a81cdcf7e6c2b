"""Where in a message a second request may begin."""

from __future__ import annotations

import re
from dataclasses import dataclass

# The stronger the sign that something else begins, the sooner a cut is looked at.
CONNECTOR = re.compile(
    r"还有[就,，]?是?|另外|顺便|顺带|再就是|再一个|再有|再者|再说个|对了|以及|其次|第二[个件是]?|二是|二来|除此之外|此外|同时|"
    r"还想(?:问|说|反映|咨询)|再(?:问|说|反映|帮|给)|也(?:想|得|要|该|没|不|坏|给|帮)|外加|加上|还(?:老|得|给|没|不|总|天天)|又|"
    r"[2２②](?=[、.．,，)）:：])"
)
SENTENCE_END = re.compile(r"[。！？!?；;\n…~]+")
COMMA = re.compile(r"[，,、]+|\s+|(?<=[了的吗呢吧啊])(?=[\u4e00-\u9fff]{4})")
SHORTEST = 4  # letters; nothing shorter is a request of its own


@dataclass(frozen=True)
class Cut:
    """A place where one request may end and the next begin; strength 2 after a connector, 1 after a sentence, 0 else."""

    at: int
    strength: int


def _length(text: str) -> int:
    return sum(char.isalnum() for char in text)


def cuts_of(text: str, most: int = 6) -> list[Cut]:
    """The likeliest cuts, in the order of the text."""
    strengths: dict[int, int] = {}
    for match in COMMA.finditer(text):
        strengths[match.end()] = 0
    for match in SENTENCE_END.finditer(text):
        strengths[match.end()] = 1
    for match in CONNECTOR.finditer(text):
        # "…，还有" is one cut, not two: the comma before a connector is the connector's.
        before = match.start()
        strengths[before] = 2
    cuts = [
        Cut(at, strength)
        for at, strength in strengths.items()
        if _length(text[:at]) >= SHORTEST and _length(text[at:]) >= SHORTEST
    ]
    middle = len(text) / 2
    likeliest = sorted(cuts, key=lambda cut: (-cut.strength, abs(cut.at - middle)))[:most]
    return sorted(likeliest, key=lambda cut: cut.at)
