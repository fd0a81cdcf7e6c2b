"""The XLSX form: read as offices keep their registers, written with Chinese headers and words."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from workflows.directory_file.register import Register, Row
from workflows.directory_file.vocabulary import (
    CATEGORIES,
    COMMUNITY_KINDS,
    DIGESTS,
    ROLES,
    TABLES,
    UNIT_KINDS,
    Column,
    Table,
    Words,
)

# ---- reading


def read_workbook(path: Path) -> Register:
    """The sheets that are tables of the directory as rows; where there is one community, every row is its own."""
    register = Register()
    book = load_workbook(path, data_only=True)
    for sheet in book.worksheets:
        table = _table_of(sheet.title)
        if table is not None:
            _read_sheet(sheet, table, register)
        elif sheet.max_row > 1:
            sheets = "、".join(table.sheet for table in TABLES)
            register.warn(f"{sheet.title}表", "没有读这张表", f"要导入的表请命名为：{sheets}")
    book.close()
    only = register.rows["communities"]
    for table in TABLES[1:]:
        for row in register.rows[table.key]:
            if not row["community"] and len(only) == 1:
                row.values["community"] = only[0]["name"]
    return register


_TITLE_ENDING = "(?:台账|信息|基本|情况|登记|名录|名单|名册|一览|明细|清单|汇总|统计|册|表)*"


def _table_of(title: str) -> Table | None:
    """小区台账 is the sheet of the estates; 网格员名单 is none of the grids."""
    title = re.sub(r"\s|[（(].*[)）]", "", title)
    named = [table for table in TABLES if re.search(f"{table.sheet}{_TITLE_ENDING}$", title)]
    return max(named, key=lambda table: len(table.sheet), default=None)


def _read_sheet(sheet: Worksheet, table: Table, register: Register) -> None:
    grid = _cells(sheet)
    head = _header(grid, table)
    if head is None:
        if any(value is not None for row in grid for value in row):
            headers = "、".join(column.header for column in table.columns)
            register.error(f"{sheet.title}表", "找不到表头", f"请写一行表头：{headers}")
        return
    at, columns = head
    _warn_of_unread(sheet.title, grid[at], columns, table, register)
    community = ""
    for number, cells in enumerate(grid[at + 1 :], start=at + 2):
        if _is_remark(cells) or _is_header(cells, columns, table):
            continue
        row = Row(f"{sheet.title}表第{number}行", {})
        for place, column in columns.items():
            row.values[column.key] = _cell(cells[place] if place < len(cells) else None, row, column, register)
        if not any(value for key, value in row.values.items() if key != "community"):
            continue
        # Offices write the community once and leave the lines below it empty.
        row.values["community"] = community = row["community"] or community
        register.rows[table.key].append(row)


def _cells(sheet: Worksheet) -> list[list[Any]]:
    """The values of a sheet; what was merged stands in every cell."""
    grid = [list(row) for row in sheet.iter_rows(values_only=True)]
    for merged in sheet.merged_cells.ranges:
        value = grid[merged.min_row - 1][merged.min_col - 1]
        for line in range(merged.min_row - 1, min(merged.max_row, len(grid))):
            for place in range(merged.min_col - 1, min(merged.max_col, len(grid[line]))):
                grid[line][place] = value
    return grid


def _header(grid: list[list[Any]], table: Table) -> tuple[int, dict[int, Column]] | None:
    """The first row that holds at least two known headers; titles and remarks may stand above it.

    Of a header of two lines (住址 above 小区 and 楼号) it is the line that tells more.
    """
    known = [_known_headers(cells, table) for cells in grid[:13]]
    for at, columns in enumerate(known[:12]):
        if len(columns) >= 2:
            below = known[at + 1] if at + 1 < len(known) else {}
            return (at + 1, below) if len(below) > len(columns) else (at, columns)
    return None


def _known_headers(cells: Sequence[Any], table: Table) -> dict[int, Column]:
    columns: dict[int, Column] = {}
    for place, value in enumerate(cells):
        column = table.column(_title(value))
        if column and column not in columns.values():
            columns[place] = column
    return columns


def _title(value: Any) -> str:
    return re.sub(r"\s|\*|[（(].*?[)）]$", "", str(value or ""))


def _is_header(cells: Sequence[Any], columns: Mapping[int, Column], table: Table) -> bool:
    """The header once more: above every block, or as the second line of a header of two lines."""
    said = {place: _title(cells[place]) for place in columns if place < len(cells) and cells[place] is not None}
    return bool(said) and all(table.column(name) is columns[place] for place, name in said.items())


_NO_MATTER = frozenset({"序号", "备注", "说明", "年龄", "性别", "民族", "身份证号", "身份证号码", "政治面貌"})


def _warn_of_unread(
    title: str, header: Sequence[Any], columns: Mapping[int, Column], table: Table, register: Register
) -> None:
    names = [_title(value) for place, value in enumerate(header) if place not in columns and value is not None]
    used = {_title(header[place]) for place in columns}  # merged over several columns, of which the first is read
    if unread := [name for name in dict.fromkeys(names) if name and name not in _NO_MATTER | used]:
        free = [column.header for column in table.columns if column not in columns.values()]
        remedy = f"需要导入的话，请把表头改成：{'、'.join(free)}" if free else "不需要导入就不用管"
        register.warn(f"{title}表", f"没有读这些列：{'、'.join(unread)}", remedy)


_CELL_ERRORS = frozenset({"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!"})


def _cell(value: Any, row: Row, column: Column, register: Register) -> str:
    if value is None:
        return ""
    if isinstance(value, date):
        register.error(
            row.where,
            f"“{column.header}”被表格软件变成了日期（{value:%Y-%m-%d}）",
            "请把单元格格式改为“文本”后重新填写，如 3-12",
        )
        return ""
    if value in _CELL_ERRORS:
        register.error(row.where, f"“{column.header}”的公式出错了（{value}）", "请改好公式，或直接填写内容")
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_remark(cells: Sequence[Any]) -> bool:
    """合计 and 备注 lines stand below the entries and are none."""
    first = next((str(cell).strip() for cell in cells if cell is not None and str(cell).strip()), "")
    return bool(re.match(r"合计|总计|小计|备注|说明|填表|制表|填报|审核|注[:：]", first))


# ---- writing

_CHINESE: Mapping[str, Words] = {
    "communities.kind": COMMUNITY_KINDS,
    "units.kind": UNIT_KINDS,
    "units.answers_for": CATEGORIES,
    "posts.role": ROLES,
    "persons.digest": DIGESTS,
}


def write_workbook(register: Register, path: Path) -> None:
    """A sheet a table, every cell as text."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for table in TABLES:
        sheet = book.create_sheet(table.sheet)
        sheet.append([column.header for column in table.columns])
        for cell in sheet[1]:
            cell.font = Font(bold=True)
        sheet.freeze_panes = "A2"
        for row in register.rows[table.key]:
            sheet.append([_spoken(table, column, row) for column in table.columns])
        for place, column in enumerate(table.columns, start=1):
            letter = sheet.cell(1, place).column_letter
            longest = max((len(row[column.key]) for row in register.rows[table.key]), default=0)
            sheet.column_dimensions[letter].width = min(60, max(8, 2 * longest + 2))
            for cells in sheet.iter_rows(min_row=2, min_col=place, max_col=place):
                cells[0].number_format = "@"  # text: 3-12 must not become the twelfth of March
    book.save(path)
    book.close()


def _spoken(table: Table, column: Column, row: Row) -> str | None:
    words = _CHINESE.get(f"{table.key}.{column.key}")
    if words is None:
        return row[column.key] or None
    by_code = {str(code): names[0] for code, names in words.items()}
    return "、".join(by_code.get(part, part) for part in row.several(column.key)) or None
