"""Reads a file of either form into clean rows."""

import re
import zipfile
from collections import Counter
from pathlib import Path

from openpyxl.utils.exceptions import InvalidFileException

from workflows.directory_file.register import Problem, Register
from workflows.directory_file.workbook import read_workbook
from workflows.directory_file.yaml_text import read_yaml
from workflows.policy.places import half_width


def read(path: Path) -> Register:
    """The file as rows. What cannot be read becomes a problem with its place, never an exception."""
    try:
        register = read_workbook(path) if path.suffix.lower() == ".xlsx" else read_yaml(path)
    except FileNotFoundError:
        return Register(problems=[Problem(str(path), "没有这个文件", "请核对路径")])
    except (zipfile.BadZipFile, InvalidFileException, OSError, KeyError, ValueError) as reason:
        what = f"读不出来（{type(reason).__name__}）"
        return Register(problems=[Problem(str(path), what, "请另存为 .xlsx 或 UTF-8 编码的 .yml 后再试")])
    for rows in register.rows.values():
        for row in rows:
            row.values = {key: _clean(value) for key, value in row.values.items()}
            if row["phone"]:
                row.values["phone"] = re.sub(r"\s", "", half_width(row["phone"]))
    _name_persons(register)
    return register


_WIDE_ALNUM = {wide: wide - 0xFEE0 for wide in range(0xFF10, 0xFF5B) if chr(wide - 0xFEE0).isalnum()}


def _clean(value: str) -> str:
    """Without stray spaces, with plain digits: 张 娜 → 张娜, ３ → 3, 3.0 → 3."""
    value = value.translate(_WIDE_ALNUM).replace("\u3000", " ").replace("\xa0", " ").strip()
    value = re.sub(r"(?<=[\u4e00-\u9fff（）])\s+(?=[\u4e00-\u9fff（）\d])|(?<=\d)\s+(?=[\u4e00-\u9fff])", "", value)
    return re.sub(r"^(\d+)\.0+$", r"\1", value)


def _name_persons(register: Register) -> None:
    """A register without 编号: the name is the handle while it is unique."""
    names = Counter((row["community"], row["name"]) for row in register.rows["persons"] if not row["key"])
    for row in register.rows["persons"]:
        if row["key"] or not row["name"]:
            continue
        if names[row["community"], row["name"]] > 1:
            register.error(row.where, f"有几个人都叫“{row['name']}”又没有编号", "请给每个人写一个不同的编号")
        row.values["key"] = f"{row['community']}/{row['name']}"
