"""Trains a model on what ships and what operators have accepted, and holds it against the one that serves."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nlu import evaluation
from nlu.evaluation import Line
from nlu.rasa_client import RASA_PROJECT, RasaProcess, rasa_python
from nlu.understanding import NluUnavailable

TESTS = Path(__file__).parents[1] / "tests" / "nlu"
EXAMS = tuple(TESTS / name for name in ("test_author.jsonl", "test_exam.jsonl", "plain_exam.jsonl"))
NOISE = 0.005  # of macro-F1 on a thousand messages: less is chance


class TrainingFailed(Exception):
    """No model came out; the text says what to mend."""


def train(messages: Path, out: Path) -> None:
    """Make a model from the shipped data and one more file of messages; its progress goes to standard error.

    Raises:
        TrainingFailed: naming the file and line, when the data are to blame.
        NluUnavailable: Rasa is not installed.
    """
    python = rasa_python()
    if not python.is_file():
        raise NluUnavailable(f"{python} is missing: run `make setup`")
    command = [str(python), str(RASA_PROJECT / "train.py"), "--extra", str(messages), "--out", str(out)]
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if key in os.environ}
    ended = subprocess.run(  # noqa: S603 - our own interpreter and script
        command, env=kept | {"OMP_NUM_THREADS": "1", "PYTHONUTF8": "1"}, check=False
    )
    if ended.returncode:
        raise TrainingFailed("the training stopped: the reason stands above")


def as_training_file(messages: Sequence[tuple[str, str]]) -> str:
    """(intent, text) pairs in Rasa's format. Brackets would be read as marks of an entity and become round ones."""
    lines = ['version: "3.1"', "nlu:" if messages else "nlu: []"]
    for intent in sorted({intent for intent, _ in messages}):
        lines += [f"- intent: {intent}", "  examples: |"]
        for text in dict.fromkeys(text for of, text in messages if of == intent):
            lines.append("    - " + " ".join(text.split()).replace("[", "（").replace("]", "）"))
    return "\n".join(lines) + "\n"


@dataclass(frozen=True)
class Comparison:
    """Two models on the same messages: what `evaluate` says of each on every exam, and on the corrections."""

    old: Mapping[str, Mapping[str, Any]]
    new: Mapping[str, Mapping[str, Any]]

    @property
    def worse(self) -> list[str]:
        """Why the new one may not go live; empty when it may."""
        reasons = []
        for exam in self.old:
            before, after = self.old[exam]["macro_f1"], self.new[exam]["macro_f1"]
            if exam != "corrections" and after < before - NOISE:
                reasons.append(f"{exam}: macro-F1 fell from {before:.3f} to {after:.3f}")
            elif exam == "corrections" and self.new[exam]["accuracy"] < self.old[exam]["accuracy"]:
                reasons.append("fewer of the accepted corrections are read as corrected")
            lost = _emergencies(self.old[exam]) - _emergencies(self.new[exam])
            if lost > 0:
                reasons.append(f"{exam}: {lost} messages of danger are no longer heard")
        return reasons

    def table(self) -> str:
        """For people: a line per exam."""
        lines = [f"{'messages':16} {'n':>5} {'accuracy':>17} {'macro-F1':>17}"]
        for exam, before in self.old.items():
            after = self.new[exam]
            lines.append(
                f"{exam:16} {before['n']:5} {before['accuracy']:8.3f} {after['accuracy']:8.3f}"
                f" {before['macro_f1']:8.3f} {after['macro_f1']:8.3f}"
            )
        return "\n".join(lines)


def _emergencies(result: Mapping[str, Any]) -> int:
    found = result["per_label"].get("emergency")
    return round(found["recall"] * found["n"]) if found else 0


async def compare(old: Path, new: Path, corrections: Sequence[tuple[str, str]], log_file: Path) -> Comparison:
    """Read every exam, and the corrections, with both models.

    Raises:
        NluUnavailable: one of them does not come up.
    """
    exams: dict[str, Sequence[Line]] = {file.stem: evaluation.read_lines(file) for file in EXAMS if file.is_file()}
    if corrections:
        exams["corrections"] = [
            Line(id=str(number), text=text, label=intent) for number, (intent, text) in enumerate(corrections)
        ]
    measured = []
    for model in (old, new):
        async with RasaProcess(model=model, log_file=log_file, timeout_seconds=20.0) as process:
            await process.wait_until_ready(600)
            measured.append({exam: await evaluation.evaluate(lines, process) for exam, lines in exams.items()})
    return Comparison(*measured)
