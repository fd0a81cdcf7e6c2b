"""`make bench-nlu`: the reader against its peers, all trained on the same messages, in one run.

    .venv/bin/python -m tests.benchmarks.nlu [--readme] [--also-on FILE.jsonl]

Prints a table and one JSON object as the last line; with --readme the table is put into README.md between its marks.
"""

import argparse
import asyncio
import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bot.settings import load
from nlu import evaluation
from nlu.rasa_client import DEFAULT_MODEL, RASA_PROJECT, RasaProcess, rasa_python
from nlu.rasa_pool import RasaPool
from nlu.understanding import EMERGENCY, OUT_OF_SCOPE, Understander, Understanding

ROOT = Path(__file__).resolve().parents[2]
EXAMS = tuple(ROOT / "tests/nlu" / name for name in ("test_author.jsonl", "test_exam.jsonl", "plain_exam.jsonl"))
DIET_MODEL = RASA_PROJECT / "models" / "bench-diet.tar.gz"
LOG = ROOT / "var" / "log" / "bench-rasa.log"
EAR = load(ROOT / "config.yml").nlu.ear
MARKS = ("<!-- nlu table begins -->", "<!-- nlu table ends -->")


@dataclass
class Row:
    """One reader's line of the table."""

    name: str
    measures: dict[str, float | None]


COLUMNS = (
    ("accuracy", "accuracy", 3),
    ("macro_f1", "macro-F1", 3),
    ("hard_f1", "hard half", 3),
    ("also_recall", "second request", 3),
    ("also_false_rate", "split in vain", 3),
    ("entity_f1", "entity F1", 3),
    ("danger_recall", "danger heard", 3),
    ("danger_false", "false alarms", 4),
    ("oos_auroc", "out-of-scope AUROC", 3),
    ("p50", "p50 ms", 0),
    ("p99", "p99 ms", 0),
    ("per_second", "parses/s", 0),
    ("memory_mb", "MB", 0),
    ("training_seconds", "training s", 0),
)


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float | None:
    """The chance that a positive scores above a negative; ties count half. None where there is only one kind."""
    order = sorted(range(len(scores)), key=lambda i: scores[i])
    ranks = [0.0] * len(scores)
    at = 0
    while at < len(order):
        end = at
        while end < len(order) and scores[order[end]] == scores[order[at]]:
            end += 1
        for i in order[at:end]:
            ranks[i] = (at + end + 1) / 2
        at = end
    n = sum(positive)
    if n in (0, len(scores)):
        return None
    return (sum(rank for rank, yes in zip(ranks, positive, strict=True) if yes) - n * (n + 1) / 2) / (
        n * (len(scores) - n)
    )


def macro_f1(lines: Sequence[evaluation.Line], found: Sequence[Understanding]) -> float:
    return float(evaluation.measure(lines, found)["macro_f1"])


def quality(
    rows: Sequence[Mapping[str, Any]], lines: Sequence[evaluation.Line], found: Sequence[Understanding], *, net: bool
) -> dict[str, float | None]:
    """Every measure that needs no clock. `net`: the safety net in front counts for danger, as in the product."""
    measured = evaluation.measure(lines, found)
    hard = [i for i, row in enumerate(rows) if row.get("hard")]
    danger = [_danger(line.text, u, net) for line, u in zip(lines, found, strict=True)]
    wanted = [line.label == EMERGENCY for line in lines]
    excused = [EMERGENCY in line.accept for line in lines]
    others = [d for d, want, excuse in zip(danger, wanted, excused, strict=True) if not want and not excuse]
    return {
        "accuracy": measured["accuracy"],
        "macro_f1": measured["macro_f1"],
        "hard_f1": macro_f1([lines[i] for i in hard], [found[i] for i in hard]) if hard else None,
        "also_recall": measured["also_recall"],
        "also_false_rate": measured["also_false_rate"],
        "entity_f1": measured["entity_f1"],
        "danger_recall": sum(d for d, want in zip(danger, wanted, strict=True) if want) / max(1, sum(wanted)),
        "danger_false": sum(others) / max(1, len(others)),
        "oos_auroc": auroc(
            [dict(u.ranking).get(OUT_OF_SCOPE, 0.0) for u in found], [r["label"] == OUT_OF_SCOPE for r in rows]
        ),
    }


def _danger(text: str, u: Understanding, net: bool) -> bool:
    if not net:
        return u.intent == EMERGENCY
    return EAR.hear(text, u).now


def read(files: Sequence[Path]) -> tuple[list[dict[str, Any]], list[evaluation.Line]]:
    rows = [json.loads(row) for file in files for row in file.read_text("utf-8").splitlines() if row.strip()]
    return rows, [line for file in files for line in evaluation.read_lines(file)]


async def served(
    name: str, model: Path, files: Sequence[Path], *, workers: int, net: bool
) -> tuple[Row, dict[str, Any]]:
    """A Rasa model over HTTP: quality and latency one by one, then as fast as it goes."""
    rows, lines = read(files)
    async with RasaProcess(model=model, log_file=LOG, timeout_seconds=60.0) as process:
        await process.wait_until_ready(300)
        for line in lines[:50]:
            await process.understand(line.text)
        found, seconds = [], []
        for line in lines:
            began = time.perf_counter()
            found.append(await process.understand(line.text))
            seconds.append(time.perf_counter() - began)
        memory = _memory([process.pid])
    seconds.sort()
    measures = quality(rows, lines, found, net=net)
    measures |= {"p50": seconds[len(seconds) // 2] * 1000, "p99": seconds[int(len(seconds) * 0.99)] * 1000}
    measures |= {"memory_mb": memory, "per_second": await _throughput(model, lines, workers), "training_seconds": None}
    return Row(name, measures), calibration(lines, found)


async def _throughput(model: Path, lines: Sequence[evaluation.Line], workers: int) -> float:
    pool = RasaPool(workers=workers, start=lambda path: RasaProcess(model=model, log_file=LOG, timeout_seconds=60.0))
    async with pool:
        for process in pool._serving:
            await process.wait_until_ready(300)
        work = iter([line.text for line in lines] * 2)

        async def client(reader: Understander) -> int:
            done = 0
            for text in work:
                await reader.understand(text)
                done += 1
            return done

        await asyncio.gather(*(client(pool) for _ in range(4)))  # a warm-up over everything
        work = iter([line.text for line in lines] * 2)
        began = time.perf_counter()
        done = sum(await asyncio.gather(*(client(pool) for _ in range(4 * workers))))
        return done / (time.perf_counter() - began)


def _memory(pids: Sequence[int | None]) -> float:
    return sum(psutil.Process(pid).memory_info().rss for pid in pids if pid is not None) / 1e6


def calibration(lines: Sequence[evaluation.Line], found: Sequence[Understanding]) -> dict[str, Any]:
    """Reliability: of the messages that it was so sure of, how many were right? ECE is the mean gap."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(10)]
    for line, u in zip(lines, found, strict=True):
        bins[min(9, int(u.confidence * 10))].append((u.confidence, line.is_right(u.intent)))
    table, gap = [], 0.0
    for number, rows in enumerate(bins):
        if rows:
            sure, right = statistics.mean(c for c, _ in rows), statistics.mean(r for _, r in rows)
            gap += len(rows) / len(lines) * abs(sure - right)
            table.append({"from": number / 10, "n": len(rows), "confidence": round(sure, 3), "right": round(right, 3)})
    return {"ece": round(gap, 4), "reliability": table}


def peers(files: Sequence[Path], curve: Path | None) -> dict[str, Any]:
    command = [str(rasa_python()), str(ROOT / "tests/benchmarks/nlu_peers.py"), *map(str, files)]
    command += ["--curve", str(curve)] if curve else []
    done = subprocess.run(command, capture_output=True, check=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def peer_row(name: str, result: Mapping[str, Any], files: Sequence[Path]) -> Row:
    rows, lines = read(files)
    predictions = [p for file in files for p in result["exams"][file.stem]]
    found = [
        Understanding(
            line.text, p["label"], p["confidence"], ((p["label"], p["confidence"]), (OUT_OF_SCOPE, p["out_of_scope"]))
        )
        for line, p in zip(lines, predictions, strict=True)
    ]
    measures = quality(rows, lines, found, net=False)
    measures |= {"entity_f1": None, "also_recall": None, "also_false_rate": None}  # they do not look for any
    measures |= {"p50": result["latency_ms"]["p50"], "p99": result["latency_ms"]["p99"], "per_second": None}
    measures |= {"memory_mb": result["memory_mb"], "training_seconds": result["training_seconds"]}
    return Row(name, measures)


def trained(out: Path, config: Path | None) -> float:
    """Train a model from the shipped messages; the seconds that it took."""
    began = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "2", "RASA_TELEMETRY_ENABLED": "false", "RASA_MAX_CACHE_SIZE": "0"}
    if config is None:
        command = [str(rasa_python()), "train.py", "--out", str(out)]
    else:
        command = [
            str(rasa_python()),
            "-W",
            "ignore",
            "-m",
            "rasa",
            "train",
            "nlu",
            "--config",
            str(config),
            "--nlu",
            "data",
        ]
        command += [
            "--out",
            str(out.parent),
            "--fixed-model-name",
            out.name.removesuffix(".tar.gz"),
            "--domain",
            "domain.yml",
        ]
    subprocess.run(command, cwd=RASA_PROJECT, env=environment, check=True, stdout=sys.stderr)
    return time.perf_counter() - began


def diet_trained() -> float:
    """Train stock DIET, or take the model of an earlier run on the same messages; the seconds that it took then."""
    stamp, seconds = DIET_MODEL.with_suffix(".messages"), DIET_MODEL.with_suffix(".seconds")
    config = ROOT / "tests/benchmarks/diet.yml"
    whole = hashlib.sha256(config.read_bytes())
    for file in sorted((RASA_PROJECT / "data").rglob("*.yml")):
        whole.update(file.read_bytes())
    if DIET_MODEL.is_file() and stamp.is_file() and stamp.read_text() == whole.hexdigest():
        return float(seconds.read_text())
    took = trained(DIET_MODEL, config)
    seconds.write_text(f"{took:.1f}")
    stamp.write_text(whole.hexdigest())
    return took


def table(rows: Sequence[Row]) -> str:
    head = "| reader | " + " | ".join(title for _, title, _ in COLUMNS) + " |"
    lines = [head, "|---|" + "---:|" * len(COLUMNS)]
    for row in rows:
        cells = []
        for key, _, digits in COLUMNS:
            value = row.measures.get(key)
            cells.append("–" if value is None else f"{value:.{digits}f}")
        lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def put_into_readme(text: str) -> None:
    file = ROOT / "README.md"
    before, _, rest = file.read_text("utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    file.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", "utf-8")


async def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--readme", action="store_true")
    parser.add_argument("--curve", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--without-diet", action="store_true", help="it alone takes a quarter of an hour to train")
    parser.add_argument("--also-on", type=Path, nargs="*", default=[])
    given = parser.parse_args()
    rows: list[Row] = []
    took = await asyncio.to_thread(trained, RASA_PROJECT / "models" / "bench-ours.tar.gz", None)
    ours, sure = await served("**小哨**", DEFAULT_MODEL, EXAMS, workers=given.workers, net=True)
    ours.measures["training_seconds"] = took
    rows.append(ours)
    result = await asyncio.to_thread(peers, EXAMS, given.curve)
    rows += [peer_row(name, values, EXAMS) for name, values in result.items() if isinstance(values, dict)]
    if not given.without_diet:
        took = await asyncio.to_thread(diet_trained)
        diet, _ = await served("stock Rasa DIET (6 epochs)", DIET_MODEL, EXAMS, workers=given.workers, net=False)
        diet.measures["training_seconds"] = took
        rows.append(diet)
    text = table(rows)
    print(text)
    elsewhere = {}
    for file in given.also_on:
        found, _ = await served(file.stem, DEFAULT_MODEL, [file], workers=1, net=True)
        elsewhere[file.stem] = found.measures
    if given.readme:
        put_into_readme(text)
    whole = {"rows": {row.name: row.measures for row in rows}, "calibration": sure, "curve": result.get("curve")}
    print(json.dumps({**whole, "elsewhere": elsewhere}, ensure_ascii=False))


if __name__ == "__main__":
    asyncio.run(main())
