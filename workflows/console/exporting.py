"""Tables as CSV and XLSX: what stands on a page, safe to open in a spreadsheet."""

import asyncio
import csv
import io
import re
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path
from typing import IO, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.console.spreadsheet import FORMULA, Book, Plain, packed

Cell = str | int | float | datetime | None
BOM = "\ufeff"  # without it the usual spreadsheet program reads Chinese as gibberish
MOST_ROWS = 200_000
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_WIDTHS = (8, 48)
_BLOCK = 1 << 18  # bytes of a finished file that are read at once


@dataclass(frozen=True)
class Table:
    """One table: a title, its column names, its rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


async def one_moment(session: AsyncSession) -> None:
    """Make everything that this transaction reads from now on the state of one moment, whatever others write.

    On SQLite a transaction reads that way anyhow; PostgreSQL has to be told before the first statement.
    """
    if session.get_bind().dialect.name == "postgresql":
        await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    await session.execute(text("SELECT 1"))


def as_csv(table: Table, zone: tzinfo) -> bytes:
    """UTF-8 with a byte order mark; a cell that a spreadsheet would run as a formula gets an apostrophe before it."""
    return BOM.encode() + _lines([table.columns, *table.rows], zone)


def _lines(rows: Iterable[Sequence[Cell]], zone: tzinfo) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerows([_plain(cell, zone) for cell in row] for row in rows)
    return out.getvalue().encode()


def _plain(cell: Cell, zone: tzinfo) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).isoformat(" ", "minutes")[:16]
    if isinstance(cell, str):
        bare = _ILLEGAL.sub("", cell)
        return f"'{bare}" if bare.lstrip(" ").startswith(FORMULA) else bare
    return cell


def as_xlsx(tables: Iterable[Table], zone: tzinfo) -> bytes:
    """A sheet for each table; text stays text, whatever it begins with."""
    with tempfile.TemporaryDirectory(prefix="xiaoshao-export-") as folder:
        path = Path(folder) / "tables.xlsx"
        book = Book(path)
        for table in tables:
            book.sheet(table.title, table.columns, _widths(table))
            book.rows(_local(table.rows, zone))
        book.close()
        return path.read_bytes()


def _local(rows: Iterable[Sequence[Cell]], zone: tzinfo) -> Iterator[list[Plain]]:
    """Excel knows no zones: the neighbourhood's own time, to the minute."""
    for row in rows:
        yield [_minute(cell, zone) if isinstance(cell, datetime) else cell for cell in row]


def _minute(at: datetime, zone: tzinfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)


def _widths(table: Table) -> list[float]:
    """As wide as the first rows need; Chinese characters count twice."""
    out = []
    for number, name in enumerate(table.columns):
        longest = max([_wide(name), *(_wide(row[number]) for row in table.rows[:50])])
        out.append(float(min(max(longest + 2, _WIDTHS[0]), _WIDTHS[1])))
    return out


def _wide(cell: Cell) -> int:
    if isinstance(cell, datetime):
        return 16
    first = str(cell or "").split("\n", 1)[0]
    return len(first) + sum(ord(char) > 0x2E80 for char in first)


# ---- tables that are too long to be held in memory


class NotWritten(Exception):
    """The process that writes the XLSX file ended before it was whole; the disk may be full. Nothing was sent."""


class Spool(Protocol):
    """A file that is being written, some thousand rows at a time, without holding up the loop."""

    async def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        """More rows."""


class _Lines:
    def __init__(self, file: IO[bytes], columns: Sequence[str], zone: tzinfo) -> None:
        self._file, self._zone = file, zone
        file.write(as_csv(Table("", columns, ()), zone))

    async def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        self._file.write(await asyncio.to_thread(_lines, rows, self._zone))


class _Sheet:
    def __init__(self, process: Process, title: str, columns: Sequence[str], zone: tzinfo) -> None:
        self._process, self._title, self._columns, self._zone = process, title, columns, zone
        self._begun = False

    async def write(self, rows: Sequence[Sequence[Cell]]) -> None:
        if not self._begun:
            widths = _widths(Table(self._title, self._columns, rows[:50]))
            await self._say(packed("sheet", [self._title, self._columns, widths]))
            self._begun = True
        await self._say(await asyncio.to_thread(lambda: packed("rows", list(_local(rows, self._zone)))))

    async def _say(self, line: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise NotWritten from None


@asynccontextmanager
async def spooled(
    form: str, title: str, columns: Sequence[str], zone: tzinfo
) -> AsyncIterator[tuple[Spool, IO[bytes]]]:
    """One long table as CSV or XLSX in a file without a name: whole at the end of the block, gone when it is closed.

    XLSX is written by another process. It costs seconds of processor time, in which a thread would make the chats wait.

    Raises:
        NotWritten: the other process could not write it.
    """
    with tempfile.TemporaryDirectory(prefix="xiaoshao-export-") as folder:
        path = Path(folder) / "table"
        file: IO[bytes]
        if form == "csv":
            file = path.open("w+b")
            yield _Lines(file, columns, zone), file
            return
        path.touch()
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "workflows.console.spreadsheet", str(path), stdin=PIPE, stdout=DEVNULL
        )
        file = path.open("rb")
        try:
            sheet = _Sheet(process, title, columns, zone)
            yield sheet, file
            await sheet.write(())
            assert process.stdin is not None
            process.stdin.close()
            if await process.wait() != 0:
                raise NotWritten
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def blocks(file: IO[bytes]) -> AsyncIterator[bytes]:
    """The finished file from its beginning; it is closed when all was sent, or nobody wants the rest."""
    with file:
        file.seek(0)
        while block := await asyncio.to_thread(file.read, _BLOCK):
            yield block
