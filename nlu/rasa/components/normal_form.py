"""One spelling for what is written in several: width, case, traditional characters. Every character keeps its place."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import opencc

_T2S = opencc.OpenCC("t2s")


@lru_cache(maxsize=20_000)
def _plain(char: str) -> str:
    """Half width, lower case, simplified; a character that would become several stays as it is."""
    folded = unicodedata.normalize("NFKC", char).lower()
    if len(folded) != 1:
        return char
    if folded.isspace():
        return " "
    simple = _T2S.convert(folded) if folded >= "\u3400" else folded
    return {"著": "着"}.get(simple, simple) if len(simple) == 1 else folded


def normal_form(text: str) -> str:
    """The text as the featurizers read it: as long as the original, so that spans found in it hold there too."""
    return "".join(map(_plain, text))


def shape(char: str) -> str:
    """What kind of character it is, for the entity extractor: numbers in any script look alike."""
    if char.isdigit() or char in "〇零一二两三四五六七八九十百":
        return "9"
    if char.isascii() and char.isalpha():
        return "a"
    if "\u4e00" <= char <= "\u9fff":
        return "x"
    return " " if char.isspace() else "."
