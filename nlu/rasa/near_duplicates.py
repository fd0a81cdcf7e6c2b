"""Finds training messages that say almost the same in almost the same letters, and takes the later one away.

    .venv/bin/python near_duplicates.py            lists them: score, place, both messages
    .venv/bin/python near_duplicates.py --remove   removes the later of each pair from its file

Two messages are near-duplicates when the cosine of their letter pairs is at least --alike. Test sets named with --against
are only compared with: a training message too near to one of theirs is listed (and removed) as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

COMMON = 8  # letters; everybody says 转人工 and 哈哈哈 in the same words, also in an exam
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from train import MARK, examples_of, intents_of_domain  # noqa: E402 - it lies beside this file


@dataclass(frozen=True)
class Line:
    """A message and where it stands; `number` is 0 for one of a test set."""

    file: Path
    number: int
    text: str


def training_lines(folder: Path) -> list[Line]:
    intents = intents_of_domain()
    return [
        Line(file, number, MARK.sub(r"\1", text))
        for file in sorted(folder.rglob("*.yml"))
        for number, _, text in examples_of(file, intents)
    ]


def exam_lines(files: list[Path]) -> list[Line]:
    return [
        Line(file, 0, json.loads(row)["text"])
        for file in files
        for row in file.read_text("utf-8").splitlines()
        if row.strip()
    ]


def pairs(lines: list[Line], alike: float) -> list[tuple[float, Line, Line]]:
    """Every later line that is too like an earlier one, with the earlier one."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    matrix = TfidfVectorizer(analyzer="char", ngram_range=(2, 2), norm="l2").fit_transform(line.text for line in lines)
    found: list[tuple[float, Line, Line]] = []
    gone: set[int] = set()
    for start in range(0, len(lines), 500):
        block = (matrix[start : start + 500] @ matrix.T).tocoo()
        for row, column, score in zip(block.row + start, block.col, block.data, strict=True):
            if score < alike or column >= row or row in gone or column in gone:
                continue
            if lines[row].number and (lines[column].number or len(lines[row].text) > COMMON):
                gone.add(int(row))
                found.append((float(score), lines[column], lines[row]))
    return found


def remove(lines: list[Line]) -> None:
    by_file: dict[Path, set[int]] = defaultdict(set)
    for line in lines:
        by_file[line.file].add(line.number)
    for file, numbers in by_file.items():
        kept = [
            row for number, row in enumerate(file.read_text("utf-8").splitlines(), start=1) if number not in numbers
        ]
        file.write_text("\n".join(kept) + "\n", "utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--alike", type=float, default=0.8)
    parser.add_argument("--remove", action="store_true")
    parser.add_argument("--against", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    lines = [*exam_lines(given.against), *training_lines(HERE / "data")]
    found = pairs(lines, given.alike)
    for score, first, second in found:
        print(
            f"{score:.2f}  {second.file.name}:{second.number}  {second.text}\n      {first.file.name}:{first.number}  {first.text}"
        )
    if given.remove:
        remove([second for _, _, second in found])
    print(f"{len(found)} of {len(lines)} messages{' removed' if given.remove else ''}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
