"""How well messages are understood: an understander measured on labelled lines."""

import json
import math
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nlu.understanding import ENTITY_KINDS, INTENTS, Understander, Understanding


class EvaluationError(Exception):
    """The file cannot be measured; the text names file, line and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled message; `where` is file:line, for complaints."""

    id: str
    text: str
    label: str
    accept: frozenset[str] = frozenset()
    also: tuple[str, ...] = ()
    entities: Mapping[str, tuple[str, ...]] | None = None  # None: nobody has marked them
    where: str = field(default="", compare=False)

    def is_right(self, intent: str) -> bool:
        return intent == self.label or intent in self.accept


def read_lines(path: Path) -> list[Line]:
    try:
        rows = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise EvaluationError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    if not (lines := list(parse_lines(rows, str(path)))):
        raise EvaluationError(f"{path}: there is no message in it")
    return lines


def parse_lines(rows: Iterable[str], name: str = "line") -> Iterator[Line]:
    for number, row in enumerate(rows, start=1):
        if row.strip():
            yield _line(row, f"{name}:{number}")


def _line(row: str, where: str) -> Line:
    try:
        data = json.loads(row)
    except ValueError as error:
        raise EvaluationError(f"{where}: not JSON: {error}") from None
    if not isinstance(data, dict):
        raise EvaluationError(f"{where}: not an object")
    for key in ("id", "text", "label"):
        if key not in data:
            raise EvaluationError(f"{where}: has no {key!r}")
    line = Line(
        id=str(data["id"]),
        text=_text(data["text"], "text", where),
        label=_text(data["label"], "label", where),
        accept=frozenset(_texts(data.get("accept"), "accept", where)),
        also=tuple(_texts(data.get("also"), "also", where)),
        entities=_entities(data["entities"], where) if data.get("entities") is not None else None,
        where=where,
    )
    for label in (line.label, *sorted(line.accept), *line.also):
        if label not in INTENTS:
            raise EvaluationError(f"{where}: the model knows no label {label!r}; it knows {', '.join(sorted(INTENTS))}")
    return line


def _text(value: Any, key: str, where: str) -> str:
    if not isinstance(value, str):
        raise EvaluationError(f"{where}: {key!r} must be a text")
    return value


def _texts(value: Any, key: str, where: str) -> Sequence[str]:
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise EvaluationError(f"{where}: {key!r} must be a list of texts")
    return value


def _entities(value: Any, where: str) -> Mapping[str, tuple[str, ...]]:
    if not isinstance(value, dict):
        raise EvaluationError(f"{where}: 'entities' must be an object of lists")
    if unknown := sorted(set(value) - set(ENTITY_KINDS)):
        raise EvaluationError(f"{where}: unknown entity kind {unknown[0]!r}; known are {', '.join(ENTITY_KINDS)}")
    return {kind: tuple(_texts(values, f"entities.{kind}", where)) for kind, values in value.items()}


async def evaluate(lines: Iterable[Line], understander: Understander) -> dict[str, Any]:
    """The object that `xiaoshao evaluate --json` prints; NluUnavailable passes through."""
    lines = list(lines)
    understood, seconds = [], []
    for line in lines:
        began = time.perf_counter()
        understood.append(await understander.understand(line.text))
        seconds.append(time.perf_counter() - began)
    return measure(lines, understood) | {
        "latency_ms": {"p50": _percentile(seconds, 50), "p99": _percentile(seconds, 99)},
        "predictions": [_prediction(line, found) for line, found in zip(lines, understood, strict=True)],
    }


def measure(lines: Sequence[Line], understood: Sequence[Understanding]) -> dict[str, Any]:
    """All measures that need no clock."""
    pairs = list(zip(lines, understood, strict=True))
    # An accepted prediction counts as the label itself, in every measure.
    predicted = [line.label if line.is_right(found.intent) else found.intent for line, found in pairs]
    per_label = _per_label([line.label for line in lines], predicted)
    return {
        "n": len(lines),
        "accuracy": _share(sum(line.label == guess for line, guess in zip(lines, predicted, strict=True)), len(lines)),
        "macro_f1": _share(sum(row["f1"] for row in per_label.values()), len(per_label)),
        "per_label": per_label,
        "also_recall": _also_recall(pairs),
        "also_false_rate": _also_false_rate(pairs),
        "entity_f1": _entity_f1(pairs),
    }


def _per_label(labels: Sequence[str], predicted: Sequence[str]) -> dict[str, dict[str, float]]:
    wanted, guessed = Counter(labels), Counter(predicted)
    hits = Counter(label for label, guess in zip(labels, predicted, strict=True) if label == guess)
    return {
        label: {
            "n": wanted[label],
            "precision": _share(hits[label], guessed[label]),
            "recall": _share(hits[label], wanted[label]),
            "f1": _share(2 * hits[label], wanted[label] + guessed[label]),
        }
        for label in sorted(wanted)
    }


def _also_recall(pairs: Sequence[tuple[Line, Understanding]]) -> float | None:
    """The share of second requests that were found; naming the two in the other order finds both."""
    wanted = found = 0
    for line, understanding in pairs:
        swapped = any(line.is_right(intent) for intent in understanding.also)
        wanted += len(line.also)
        found += sum(also in understanding.also or (swapped and also == understanding.intent) for also in line.also)
    return _share(found, wanted) if wanted else None


def _also_false_rate(pairs: Sequence[tuple[Line, Understanding]]) -> float | None:
    single = [understanding for line, understanding in pairs if not line.also]
    return _share(sum(bool(understanding.also) for understanding in single), len(single)) if single else None


def _entity_f1(pairs: Sequence[tuple[Line, Understanding]]) -> float | None:
    hits = wanted = guessed = 0
    for line, understanding in pairs:
        if line.entities is None:
            continue
        gold = Counter((kind, value) for kind, values in line.entities.items() for value in values)
        guess = Counter((entity.kind, entity.value) for entity in understanding.entities)
        hits += (gold & guess).total()
        wanted += gold.total()
        guessed += guess.total()
    return _share(2 * hits, wanted + guessed) if wanted or guessed else None


def _prediction(line: Line, found: Understanding) -> dict[str, Any]:
    entities: dict[str, list[str]] = {}
    for entity in found.entities:
        entities.setdefault(entity.kind, []).append(entity.value)
    return {
        "id": line.id,
        "label": found.intent,
        "confidence": round(found.confidence, 4),
        "ranking": [[name, round(confidence, 4)] for name, confidence in found.ranking[:3]],
        "also": list(found.also),
        "entities": entities,
    }


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0


def _percentile(seconds: Sequence[float], percent: int) -> float:
    """In milliseconds, by the nearest rank."""
    if not seconds:
        return 0.0
    return round(sorted(seconds)[math.ceil(len(seconds) * percent / 100) - 1] * 1000, 1)
