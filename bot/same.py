"""`xiaoshao same`: are two reports one problem? The same judgement that intake uses, measured on pairs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.settings import Settings
from nlu.understanding import REQUEST_INTENTS, Understander, Understanding
from workflows.directory import Directory
from workflows.policy.duplicates import Report, likeness


class PairsError(Exception):
    """A line of the file cannot be used; the text names file and line."""


def read_pairs(path: Path) -> list[Mapping[str, Any]]:
    """All pairs of a JSONL file.

    Raises:
        PairsError: naming the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise PairsError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise PairsError(f"{path}: is not UTF-8 text (byte {error.start}); save it as UTF-8") from None
    pairs = [_pair(f"{path}:{number}", line) for number, line in enumerate(lines, 1) if line.strip()]
    if not pairs:
        raise PairsError(f"{path}: there is no pair in it")
    return pairs


def _pair(where: str, line: str) -> Mapping[str, Any]:
    try:
        pair = json.loads(line)
    except json.JSONDecodeError as error:
        raise PairsError(f"{where}: is not JSON: {error.msg}") from None
    if not isinstance(pair, dict) or not {"id", "a", "b"} <= pair.keys():
        raise PairsError(f'{where}: needs "id", "a" and "b"')
    for key in ("a", "b"):
        if not isinstance(pair[key], str):
            raise PairsError(f'{where}: "{key}" must be a text; found {pair[key]!r}')
    same = pair.pop("same", None)
    if same not in (None, True, False):
        raise PairsError(f'{where}: "same" must be true or false; found {same!r}')
    return pair if same is None else pair | {"same": bool(same)}


async def judge_pairs(
    settings: Settings, pairs: Sequence[Mapping[str, Any]], understander: Understander
) -> dict[str, Any]:
    """Judge every pair; `accuracy` counts those whose line says what is right."""
    predictions, right, known = [], 0, 0
    for pair in pairs:
        [read] = await understander.alike(pair["a"], [pair["b"]])
        score = likeness(await _report(pair["a"], understander), await _report(pair["b"], understander), read)
        alike = score >= settings.nlu.same_above
        predictions.append({"id": pair["id"], "same": alike, "score": round(score, 4)})
        if "same" in pair:
            known += 1
            right += alike == bool(pair["same"])
    return {"n": len(pairs), "accuracy": round(right / known, 4) if known else None, "predictions": predictions}


async def _report(text: str, understander: Understander) -> Report:
    u: Understanding = await understander.understand(text)
    entities: dict[str, list[str]] = {}
    for entity in u.entities:
        entities.setdefault(entity.kind, []).append(entity.value)
    address = Directory().locate(text, prefer_community=None, entities=entities)
    ranking = tuple((label, score) for label, score in u.ranking if label in REQUEST_INTENTS)
    category = ranking[0][0] if ranking else u.intent
    return Report(u.text, category, address, ranking)
