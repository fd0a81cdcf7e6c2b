"""Calls to 12345 by month, as the city reports them: entered one by one or imported from a CSV or XLSX file."""

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException
from sqlalchemy.dialects import postgresql, sqlite

from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.viewer import Viewer
from workflows.models import HotlineMonth
from workflows.office import Office

MOST_CALLS = 1_000_000
MOST_LINES = 600  # fifty years
MOST_BYTES = 2 * 1024 * 1024
MONTH_HEADERS, CALLS_HEADERS = ("月份", "月", "日期", "month"), ("来电数", "件数", "来电", "工单数", "数量", "calls")
_DAY = r"(?:\s*(?:月|[-/.])\s*\d{1,2}\s*日?(?:\s.*)?)?"
_MONTH = re.compile(
    rf"(20\d{{2}})\s*[-/.年]\s*(1[0-2]|0?[1-9])(?:月|{_DAY})|(20\d{{2}})(1[0-2]|0[1-9])(?:\d{{2}})?", re.ASCII
)


class ImportRefused(Exception):
    """The file cannot be taken; `errors` says of each line what is wrong with it. Nothing was changed."""

    def __init__(self, errors: Sequence[str]) -> None:
        super().__init__("；".join(errors))
        self.errors = tuple(errors)


@dataclass(frozen=True)
class MonthCalls:
    """A month such as 2026-11, and how often 12345 was called."""

    month: str
    calls: int


def read_month(text: str) -> str | None:
    """2026-11 for 2026-11, 2026/11, 202611, 2026年11月 and days of it; None for anything else."""
    found = _MONTH.fullmatch(_plain(text))
    if found is None:
        return None
    return f"{found[1] or found[3]}-{int(found[2] or found[4]):02d}"


def _plain(text: str) -> str:
    """１２，３４５ typed with a Chinese keyboard is 12,345."""
    return unicodedata.normalize("NFKC", text).strip()


def read_calls(text: str) -> int | None:
    """A whole number of calls; None for anything else."""
    bare = _plain(text).removesuffix("件").removesuffix("次").replace(",", "")
    if bare.endswith(".0"):
        bare = bare[:-2]
    return int(bare) if re.fullmatch(r"\d{1,7}", bare, re.ASCII) and int(bare) <= MOST_CALLS else None


def read_file(name: str, content: bytes, this_month: str) -> list[MonthCalls]:
    """The lines of a file with the columns 月份 and 来电数.

    Raises:
        ImportRefused: naming every wrong line; a file is taken whole or not at all.
    """
    if len(content) > MOST_BYTES:
        raise ImportRefused(["文件太大：这里只要每月一行，请另存一份只有“月份”和“来电数”两列的表。"])
    lines = list(_workbook(content) if name.lower().endswith((".xlsx", ".xlsm")) else _csv(content))
    head = next((n for n, cells in enumerate(lines) if any(cell.strip() for cell in cells)), None)
    if head is None:
        raise ImportRefused(["文件是空的。请写一行表头“月份,来电数”，下面每月一行，比如“2026-10,37”。"])
    month_at, calls_at = _columns(lines[head], head + 1)
    errors: list[str] = []
    found: dict[str, MonthCalls] = {}
    for number, cells in enumerate(lines[head + 1 :], start=head + 2):
        if not any(cell.strip() for cell in cells):
            continue
        one = _line(number, _cell(cells, month_at), _cell(cells, calls_at), this_month, errors)
        if one is not None and one.month in found:
            errors.append(f"第{number}行：{one.month}前面已经有一行了，请只留一行。")
        elif one is not None:
            found[one.month] = one
    if not found and not errors:
        errors.append("表头下面没有数据。请每月写一行，比如“2026-10,37”。")
    if len(lines) > MOST_LINES:
        errors.append(f"文件有{len(lines)}行，最多{MOST_LINES}行：这里只要每月一行。")
    if errors:
        raise ImportRefused(errors[:20])
    return list(found.values())


def _line(number: int, month_text: str, calls_text: str, this_month: str, errors: list[str]) -> MonthCalls | None:
    month, calls = read_month(month_text), read_calls(calls_text)
    if month is None:
        errors.append(f"第{number}行：月份“{month_text[:20]}”看不懂，请写成 2026-10 或 2026年10月。")
    elif month > this_month:
        errors.append(f"第{number}行：{month}还没到。")
    if calls is None:
        errors.append(f"第{number}行：来电数“{calls_text[:20]}”不是整数，请只写数字，比如 37。")
    if month is None or month > this_month or calls is None:
        return None
    return MonthCalls(month, calls)


def _columns(cells: Sequence[str], number: int) -> tuple[int, int]:
    names = [cell.strip().lower() for cell in cells]
    month = next((n for n, name in enumerate(names) if name in MONTH_HEADERS), None)
    calls = next((n for n, name in enumerate(names) if name in CALLS_HEADERS), None)
    if month is None or calls is None:
        raise ImportRefused([f"第{number}行：找不到表头。请写“月份”和“来电数”两列，下面每月一行。"])
    return month, calls


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""


def _csv(content: bytes) -> Iterable[list[str]]:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise ImportRefused(["文件打不开：请存成 CSV（UTF-8）或 XLSX。"])
    if "\0" in text:
        raise ImportRefused(["文件打不开：它不是 CSV 表格。请存成 CSV（UTF-8）或 XLSX。"])
    try:
        return list(csv.reader(io.StringIO(text), delimiter="\t" if "\t" in text.split("\n", 1)[0] else ","))
    except csv.Error:
        raise ImportRefused(["文件打不开：它不是 CSV 表格。请存成 CSV（UTF-8）或 XLSX。"]) from None


def _workbook(content: bytes) -> Iterable[list[str]]:
    try:
        book = load_workbook(io.BytesIO(content), data_only=True, read_only=True)
    except (zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, OSError):
        raise ImportRefused(["文件打不开：它不是 XLSX 表格，或者已经损坏。请重新另存一份。"]) from None
    try:
        sheet = book.worksheets[0]
        return [[_text(value) for value in row] for row in sheet.iter_rows(max_row=MOST_LINES + 1, values_only=True)]
    finally:
        book.close()


def _text(value: Any) -> str:
    if value is None:
        return ""
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m"))
    return str(value)


async def keep(office: Office, viewer: Viewer, months: Sequence[MonthCalls], how: str) -> int:
    """Enter these months; what was there for them is replaced. Returns how many.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    insert = sqlite.insert if office.session.get_bind().dialect.name == "sqlite" else postgresql.insert
    for one in months:
        values = {"calls": one.calls, "entered_by": viewer.person_id, "entered_at": office.now}
        await office.session.execute(
            insert(HotlineMonth)
            .values(community_id=viewer.community_id, month=one.month, **values)
            .on_conflict_do_update(index_elements=[HotlineMonth.community_id, HotlineMonth.month], set_=values)
        )
    told = "、".join(f"{one.month} {one.calls}件" for one in months)
    audit.note(office, viewer, Deed.IMPORT if how == "import" else Deed.CHANGE, f"12345来电：{told}")
    return len(months)
