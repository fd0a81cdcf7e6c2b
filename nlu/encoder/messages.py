"""The labelled messages of the Rasa project, as the encoder reads them, and small variations of them for each epoch."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import yaml

Span = tuple[str, int, int]
_MARK = re.compile(r"\[([^\]]*)\]\((\w+)\)")
_SWAPPED = ("estate", "building", "unit", "room")  # a place may be what a message is about: it stays


@dataclass(frozen=True)
class Example:
    """One message: what it asks, what it asks as well, and where its entities stand."""

    text: str
    intent: str
    also: tuple[str, ...] = ()
    spans: tuple[Span, ...] = ()


def unmarked(marked: str) -> tuple[str, tuple[Span, ...]]:
    """A message without its brackets, and the spans that they marked."""
    text, spans, at = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[at : mark.start()]
        spans.append((mark[2], len(text), len(text) + len(mark[1])))
        text += mark[1]
        at = mark.end()
    return text + marked[at:], tuple(spans)


@dataclass(frozen=True)
class Pair:
    """Two reports, and whether they are about one problem."""

    first: str
    second: str
    same: bool


def read_pairs(folder: Path) -> list[Pair]:
    """Lines `message<TAB>message<TAB>1 or 0` of every .tsv file of a folder."""
    rows = [line.split("\t") for file in sorted(folder.glob("*.tsv")) for line in file.read_text("utf-8").splitlines()]
    return [Pair(first, second, same == "1") for first, second, same in rows]


def read(folder: Path) -> list[Example]:
    """Every example below a Rasa data folder, in the order of files and lines."""
    found = []
    for file in sorted(folder.rglob("*.yml")):
        for group in yaml.safe_load(file.read_text("utf-8"))["nlu"]:
            also = tuple((group.get("metadata") or {}).get("also") or ())
            for line in group["examples"].splitlines():
                text, spans = unmarked(line.strip().removeprefix("- ").strip())
                found.append(Example(text, group["intent"], also, spans))
    return found


class Variations:
    """What could as well have been written: another address, no punctuation, a letter lost, two messages as one."""

    def __init__(self, examples: Sequence[Example], requests: frozenset[str], dice: Random) -> None:
        self._dice = dice
        self._names: dict[str, list[str]] = {kind: [] for kind in _SWAPPED}
        for example in examples:
            for kind, start, end in example.spans:
                if kind in self._names:
                    self._names[kind].append(example.text[start:end])
        self._short = [e for e in examples if e.intent in requests and not e.also and len(e.text) <= 40]

    def of(self, example: Example) -> Example:
        """The example or a variation of it; its labels hold."""
        if self._dice.random() < 0.35:
            example = self._elsewhere(example)
        if self._dice.random() < 0.15:
            example = self._changed(example, "，。！？,!?", self._dice.choice(["", " "]))
        if self._dice.random() < 0.06 and len(example.text) > 10:
            example = self._without_one_letter(example)
        return example

    def doubled(self, share: float) -> list[Example]:
        """Two requests of different kinds in one message, as many as `share` of the short ones."""
        dice, pairs = self._dice, []
        for _ in range(int(len(self._short) * share)):
            first, second = dice.sample(self._short, 2)
            if first.intent == second.intent:
                continue
            between = dice.choice(
                [
                    "，还有",
                    "，另外",
                    "。",
                    " ",
                    "，",
                    "。再就是",
                    "！还有 ",
                    " 对了 ",
                    "，顺便说一下",
                    "；",
                    "。还有个事，",
                ]
            )
            pairs.append(self._joined(first, between, second))
        return pairs

    def alike(self, examples: Sequence[Example], each: int) -> list[Pair]:
        """Easy pairs beside the written ones: the same words are one problem, at another address they are not, and two
        of one kind that nothing connects are not either."""
        dice = self._dice
        addressed = [e for e in examples if any(kind in ("estate", "building", "unit") for kind, _, _ in e.spans)]
        by_kind: dict[str, list[Example]] = {}
        for example in self._short:
            by_kind.setdefault(example.intent, []).append(example)
        pairs = []
        for _ in range(each):
            one = dice.choice(self._short)
            said_again = self._without_one_letter(self._changed(one, "，。！？,!?", " ")) if len(one.text) > 10 else one
            pairs.append(Pair(one.text, said_again.text, True))
            other = dice.choice(by_kind[one.intent])
            if other.text != one.text:
                pairs.append(Pair(one.text, other.text, False))
            here = dice.choice(addressed)
            there = self._elsewhere(here)
            if there.text != here.text:
                pairs.append(Pair(here.text, there.text, False))
        return pairs

    @staticmethod
    def _joined(first: Example, between: str, second: Example) -> Example:
        head = first.text.rstrip("，。！,.! ") + between
        moved = tuple((kind, start + len(head), end + len(head)) for kind, start, end in second.spans)
        kept = tuple(span for span in first.spans if span[2] <= len(head))
        return Example(head + second.text, first.intent, (second.intent,), kept + moved)

    def _elsewhere(self, example: Example) -> Example:
        text, spans, at = "", [], 0
        for kind, start, end in sorted(example.spans, key=lambda span: span[1]):
            name = example.text[start:end]
            if kind in self._names and (kind == "estate" or self._dice.random() < 0.5):
                name = self._dice.choice(self._names[kind])
            text += example.text[at:start]
            spans.append((kind, len(text), len(text) + len(name)))
            text += name
            at = end
        return replace(example, text=text + example.text[at:], spans=tuple(spans))

    def _changed(self, example: Example, letters: str, to: str) -> Example:
        return self._filtered(example, lambda _, char: to if char in letters else char)

    def _without_one_letter(self, example: Example) -> Example:
        inside = {at for _, start, end in example.spans for at in range(start, end)}
        free = [at for at in range(len(example.text)) if at not in inside]
        lost = self._dice.choice(free) if free else -1
        return self._filtered(example, lambda at, char: "" if at == lost else char)

    @staticmethod
    def _filtered(example: Example, change: object) -> Example:
        text, places = "", []
        for at, char in enumerate(example.text):
            places.append(len(text))
            text += change(at, char)  # type: ignore[operator]
        places.append(len(text))
        spans = tuple(
            (kind, places[start], places[end]) for kind, start, end in example.spans if places[start] < places[end]
        )
        return replace(example, text=text, spans=spans)
