"""Weeks, months and quarters of the neighbourhood's own calendar, and moving between them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from workflows.console.spans import parse

HOHHOT = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("key", "start", "end"),
    [
        ("2026-W48", (2026, 11, 22, 16), (2026, 11, 29, 16)),  # Monday midnight in Hohhot
        ("2026-11", (2026, 10, 31, 16), (2026, 11, 30, 16)),
        ("2026-12", (2026, 11, 30, 16), (2026, 12, 31, 16)),
        ("2026-Q4", (2026, 9, 30, 16), (2026, 12, 31, 16)),
        ("2028-02", (2028, 1, 31, 16), (2028, 2, 29, 16)),
    ],
)
def test_where_a_span_begins_and_ends(key: str, start: tuple[int, ...], end: tuple[int, ...]) -> None:
    span = parse(key, HOHHOT)
    assert (span.start, span.end) == (datetime(*start, tzinfo=UTC), datetime(*end, tzinfo=UTC))  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "before", "after"),
    [
        ("2026-01", "2025-12", "2026-02"),
        ("2026-12", "2026-11", "2027-01"),
        ("2026-Q1", "2025-Q4", "2026-Q2"),
        ("2026-Q4", "2026-Q3", "2027-Q1"),
        ("2026-W53", "2026-W52", "2027-W01"),
    ],
)
def test_the_spans_beside_it(key: str, before: str, after: str) -> None:
    span = parse(key, HOHHOT)
    assert span.previous(HOHHOT).key == before
    assert span.next(HOHHOT).key == after
    assert span.next(HOHHOT).start == span.end


@pytest.mark.parametrize("key", ["", "2026", "2026-13", "2026-Q5", "2025-W53", "26-11", "2026-11-24", "-1", "９999-11"])
def test_what_is_no_span(key: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(key, HOHHOT)
