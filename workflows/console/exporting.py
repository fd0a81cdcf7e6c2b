"""Tables as CSV and XLSX: what stands on a page, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo

from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE, WriteOnlyCell
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet._write_only import WriteOnlyWorksheet
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

Cell = str | int | float | datetime | None
BOM = "\ufeff"  # without it the usual spreadsheet program reads Chinese as gibberish
MOST_ROWS = 200_000
_LONGEST = 32_000  # a cell of XLSX takes 32,767 characters
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_WIDTHS = (8, 48)


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
    out = io.StringIO()
    out.write(BOM)
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(table.columns)
    for row in table.rows:
        writer.writerow([_plain(cell, zone) for cell in row])
    return out.getvalue().encode()


def _plain(cell: Cell, zone: tzinfo) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.astimezone(zone).strftime("%Y-%m-%d %H:%M")
    if isinstance(cell, str):
        bare = ILLEGAL_CHARACTERS_RE.sub("", cell)
        return f"'{bare}" if bare.lstrip(" ").startswith(_FORMULA) else bare
    return cell


def as_xlsx(tables: Iterable[Table], zone: tzinfo) -> bytes:
    """A sheet for each table; text stays text, whatever it begins with."""
    book = Workbook(write_only=True)
    for table in tables:
        sheet = book.create_sheet(_sheet_name(table.title))
        sheet.freeze_panes = "A2"
        for number, width in enumerate(_widths(table), start=1):
            sheet.column_dimensions[get_column_letter(number)].width = width
        sheet.append([_head(sheet, name) for name in table.columns])
        for row in table.rows:
            sheet.append([_cell(sheet, cell, zone) for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _head(sheet: WriteOnlyWorksheet, name: str) -> object:
    cell = WriteOnlyCell(sheet, value=name)
    cell.font = Font(bold=True)
    return cell


def _cell(sheet: WriteOnlyWorksheet, value: Cell, zone: tzinfo) -> object:
    if isinstance(value, datetime):
        return value.astimezone(zone).replace(tzinfo=None, second=0, microsecond=0)  # Excel knows no zones
    if isinstance(value, str):
        bare = ILLEGAL_CHARACTERS_RE.sub("", value)[:_LONGEST]
        if not bare.startswith(_FORMULA) and "\n" not in bare:
            return bare
        cell = WriteOnlyCell(sheet, value=bare)
        cell.data_type = "s"  # what begins with "=" would be kept as a formula
        cell.quotePrefix = True  # and would become one when somebody edits it
        cell.alignment = Alignment(wrap_text=True, vertical="top")
        return cell
    return value


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


def _sheet_name(title: str) -> str:
    """Excel takes 31 characters, and not these."""
    return "".join("·" if char in r"[]:*?/\'" else char for char in title)[:31] or "表"
