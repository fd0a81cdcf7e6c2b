"""Sheets as an XLSX file, row by row, so that 100,000 rows take no more memory than one.

    python -m workflows.console.spreadsheet FILE    # the sheets come on the standard input, a line of JSON a piece

This module imports nothing of ours: as a process of its own it is ready in a moment, and the chats go on beside it.
"""

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter

Plain = str | int | float | datetime | None  # times without a zone: spreadsheets know none
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what no XML can hold
_LONGEST = 32_000  # a cell of XLSX takes 32,767 characters
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_OPTIONS = {"constant_memory": True, "default_date_format": "yyyy-mm-dd hh:mm"}


class Book:
    """An XLSX file in the making. Text stays text, whatever it begins with."""

    def __init__(self, path: Path) -> None:
        self._book: Any = xlsxwriter.Workbook(path, _OPTIONS)
        self._bold = self._book.add_format({"bold": True})
        self._literal = self._book.add_format({"quote_prefix": True, "text_wrap": True, "valign": "top"})
        self._names: set[str] = set()
        self._sheet: Any = None
        self._at = 0

    def sheet(self, title: str, columns: Sequence[str], widths: Sequence[float]) -> None:
        """The next sheet; what `rows` brings stands in it from now on."""
        self._sheet = self._book.add_worksheet(self._name(title))
        self._sheet.freeze_panes(1, 0)
        for number, width in enumerate(widths):
            self._sheet.set_column(number, number, width)
        for number, name in enumerate(columns):
            self._sheet.write_string(0, number, name, self._bold)
        self._at = 1

    def rows(self, rows: Iterable[Sequence[Plain]]) -> None:
        """More rows of the sheet that was begun last."""
        for row in rows:
            for number, value in enumerate(row):
                self._cell(number, value)
            self._at += 1

    def _cell(self, number: int, value: Plain) -> None:
        if isinstance(value, str):
            bare = _ILLEGAL.sub("", value)[:_LONGEST]
            # What begins like a formula would become one when somebody edits it.
            literal = self._literal if bare.startswith(FORMULA) or "\n" in bare else None
            self._sheet.write_string(self._at, number, bare, literal)
        elif isinstance(value, datetime):
            self._sheet.write_datetime(self._at, number, value)
        elif value is not None:
            self._sheet.write_number(self._at, number, value)

    def close(self) -> None:
        """Write the file."""
        self._book.close()

    def _name(self, title: str) -> str:
        """Excel takes 31 characters, not these, no apostrophe at the ends, and no name twice."""
        name = "".join("·" if char in r"[]:*?/\'" else char for char in title)[:28] or "表"
        while name.lower() in self._names:
            name = f"{name[:28]}({len(self._names)})"
        self._names.add(name.lower())
        return name


def packed(kind: str, piece: Any) -> bytes:
    """One line for the process that writes: `sheet` with its title, columns and widths, or `rows`."""
    return json.dumps([kind, piece], ensure_ascii=False, default=lambda at: [at.isoformat()]).encode() + b"\n"


def _unpacked(row: Sequence[Any]) -> list[Plain]:
    return [datetime.fromisoformat(value[0]) if isinstance(value, list) else value for value in row]


def main(path: Path, lines: Iterable[bytes]) -> None:
    """Write what comes; the file is whole when this returns."""
    book = Book(path)
    for line in lines:
        kind, piece = json.loads(line)
        if kind == "sheet":
            book.sheet(*piece)
        else:
            book.rows(map(_unpacked, piece))
    book.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.buffer)
