"""The measurements as tables for reading, and as one flat object of ratios for programs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

README = Path(__file__).resolve().parents[1] / "README.md"
MARKS = ("<!-- spine table begins -->", "<!-- spine table ends -->")
TURN_AIMS = {"1": 0.6, "16": 1.0, "64": 1.0}


def tables(found: Mapping[str, Mapping[str, Any]]) -> str:
    """Everything that was measured, engine by engine, with the aims and whether they were reached."""
    return "\n\n".join(part for part in (_turns(found), _rest(found)) if part)


def ratios(found: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """One number per name: throughput and cpu against the echo, and everything with an aim."""
    out: dict[str, float] = {}
    for engine, parts in found.items():
        for name, value in _numbers(parts):
            out[f"{engine}_{name}"] = value
    return out


def _numbers(parts: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for clients in TURN_AIMS:
        if at := parts.get("turns", {}).get(clients):
            yield f"turn_throughput_{clients}", at["throughput_ratio"]["median"]
            yield f"turn_cpu_{clients}", at["cpu_ratio"]["median"]
    for path, _, _ in _AIMED:
        value = _at(parts, path)
        if value is not None:
            yield "_".join(path), value


def _turns(found: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [
        "| engine | clients | echo/s | turns/s | **throughput ratio** (low to high) | aim | echo cpu-ms | turn cpu-ms | cpu ratio |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for engine, parts in found.items():
        for clients, aim in TURN_AIMS.items():
            at = parts.get("turns", {}).get(clients)
            if at is None:
                continue
            ratio = at["throughput_ratio"]
            lines.append(
                f"| {engine} | {clients} | {at['echo_per_second']['median']:.0f} | {at['turn_per_second']['median']:.0f} "
                f"| **{ratio['median']:.2f}** ({ratio['low']:.2f} to {ratio['high']:.2f}) "
                f"| ≥ {aim}: {_verdict(ratio['median'] >= aim)} "
                f"| {at['echo_cpu_ms']['median']:.2f} | {at['turn_cpu_ms']['median']:.2f} | {at['cpu_ratio']['median']:.1f} |"
            )
        if said := parts.get("turns", {}).get("statements_per_turn"):
            lines.append(f"| {engine} | | | statements a turn: {said['1']} alone, {said['16']} among 16 | | | | | |")
    return "\n".join(lines) if len(lines) > 2 else ""


_AIMED: tuple[tuple[tuple[str, ...], str, float | None], ...] = (
    (("look_up", "open_cases"), "open cases for the look-up", None),
    (("sweep", "open_cases"), "open cases for sweep and digest", None),
    (("sweep", "many"), "many due ones", None),
    (("look_up", "before_the_turn_ms", "p50"), "duplicate look-up: before the turn, p50 ms", None),
    (("look_up", "before_the_turn_ms", "p99"), "duplicate look-up: before the turn, p99 ms", 20.0),
    (("look_up", "in_the_turn_ms", "p50"), "the same within the turn, p50 ms", None),
    (("look_up", "in_the_turn_ms", "p99"), "the same within the turn, p99 ms", 20.0),
    (("sweep", "nothing_due_ms", "median"), "sweep, nothing due, ms", 50.0),
    (("sweep", "few_due", "ms_each"), "sweep, 100 due, ms each", None),
    (("sweep", "many_due", "ms_each"), "sweep, many due, ms each", None),
    (("sweep", "cost_each_of_many_to_few"), "sweep, one of many against one of 100 (linear: about 1)", 1.3),
    (("digest", "all_seconds", "median"), "digest counting over all cases, s", 2.0),
    (("digest", "one_community_seconds", "median"), "the secretary's digest of one community, s", None),
    (("memory", "growth"), "memory at the end against 2,000 turns", 1.1),
    (("start", "prepare_new_database_seconds", "median"), "`App.prepare` on a new database, s", None),
    (("start", "prepare_seconds", "median"), "`App.prepare` again, s", None),
    (
        ("start", "process_to_answer_seconds", "median"),
        "start of the process to a ready answer, NLU elsewhere, s",
        None,
    ),
)


def _at(parts: Mapping[str, Any], path: tuple[str, ...]) -> float | None:
    value: Any = parts
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return float(value)


def _rest(found: Mapping[str, Mapping[str, Any]]) -> str:
    lines = [f"| measure | {' | '.join(found)} | aim |", f"|---|{'---|' * len(found)}---|"]
    for path, words, aim in _AIMED:
        values = [_at(parts, path) for parts in found.values()]
        if all(value is None for value in values):
            continue
        cells = []
        for value in values:
            reached = f" ({_verdict(value <= aim)})" if aim is not None and value is not None else ""
            cells.append("" if value is None else f"{value:.6g}{reached}")
        lines.append(f"| {words} | {' | '.join(cells)} | {'' if aim is None else f'≤ {aim:g}'} |")
    for engine, parts in found.items():
        if memory := parts.get("memory"):
            steps = ", ".join(f"{n}: {mb:.0f}" for n, mb in memory["rss_mb"].items())
            lines.append(f"| resident memory in MB after so many turns ({engine}): {steps} | {'| ' * len(found)}|")
    return "\n".join(lines) if len(lines) > 2 else ""


def _verdict(reached: bool) -> str:
    return "reached" if reached else "**not reached**"


def put_into_readme(text: str) -> None:
    """Replace what stands between the marks."""
    before, _, rest = README.read_text("utf-8").partition(MARKS[0])
    _, _, after = rest.partition(MARKS[1])
    README.write_text(f"{before}{MARKS[0]}\n{text}\n{MARKS[1]}{after}", "utf-8")
