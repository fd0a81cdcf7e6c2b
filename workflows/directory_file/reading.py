"""Reads a file of either form into clean rows."""

import re
import zipfile
from collections import Counter
from pathlib import Path

from openpyxl.utils.exceptions import InvalidFileException

from workflows.directory_file.register import Problem, Register, Row
from workflows.directory_file.workbook import read_workbook
from workflows.directory_file.yaml_text import read_yaml
from workflows.policy.places import half_width

_OTHER_FORMS = frozenset({".xls", ".et", ".ods", ".csv", ".docx"})


def read(path: Path) -> Register:
    """The file as rows. What cannot be read becomes a problem with its place, never an exception."""
    ending = path.suffix.lower()
    if ending in _OTHER_FORMS:
        return Register(problems=[Problem(str(path), f"不能读 {ending} 文件", "请用表格软件另存为 .xlsx 后再试")])
    try:
        register = read_workbook(path) if ending in (".xlsx", ".xlsm") else read_yaml(path)
    except FileNotFoundError:
        return Register(problems=[Problem(str(path), "没有这个文件", "请核对路径")])
    except (zipfile.BadZipFile, InvalidFileException, OSError, KeyError, ValueError) as reason:
        what = f"读不出来（{type(reason).__name__}）"
        return Register(problems=[Problem(str(path), what, "请另存为 .xlsx 或 UTF-8 编码的 .yml 后再试")])
    for rows in register.rows.values():
        for row in rows:
            tidy(row)
    _name_persons(register)
    return register


def tidy(row: Row) -> None:
    """Every value without what nobody meant to write."""
    row.values = {key: _clean(value) for key, value in row.values.items()}
    if row["phone"]:
        row.values["phone"] = _phone(row["phone"])


_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff]")
_NOTHING = re.compile(r"[-/\\—–_]+|无|暂无")
_MOBILE = re.compile(r"(?:\+?86-?)?(1[3-9]\d)-?(\d{4})-?(\d{4})")
_SCIENTIFIC = re.compile(r"(\d)\.(\d+)[Ee]\+?(\d{1,2})")
_WIDE_ALNUM = {wide: wide - 0xFEE0 for wide in range(0xFF10, 0xFF5B) if chr(wide - 0xFEE0).isalnum()}


def _clean(value: str) -> str:
    """Without stray spaces, with plain digits: 张 娜 → 张娜, ３ → 3, 3.0 → 3; what stands for nothing is nothing."""
    value = _UNSEEN.sub("", value).translate(_WIDE_ALNUM).replace("\u3000", " ").replace("\xa0", " ").strip()
    value = re.sub(r"(?<=[\u4e00-\u9fff（）])\s+(?=[\u4e00-\u9fff（）\d])|(?<=\d)\s+(?=[\u4e00-\u9fff])", "", value)
    value = re.sub(r"^(\d+)\.0+$", r"\1", value)
    return "" if _NOTHING.fullmatch(value) else value


def _phone(value: str) -> str:
    """+86 155-0000-0001 and 1.5500000001E+10 → 15500000001, as long as no digit is lost."""
    value = re.sub(r"\s", "", half_width(value))
    if (real := _SCIENTIFIC.fullmatch(value)) and len(real[2]) == int(real[3]):
        return real[1] + real[2]
    mobile = _MOBILE.fullmatch(value)
    return "".join(mobile.groups()) if mobile else value


def _name_persons(register: Register) -> None:
    """A register without 编号: the name is the handle while it is unique."""
    names = Counter((row["community"], row["name"]) for row in register.rows["persons"] if not row["key"])
    for row in register.rows["persons"]:
        if row["key"] or not row["name"]:
            continue
        if names[row["community"], row["name"]] > 1:
            what = f"有几个人都叫“{row['name']}”又没有编号"
            register.error(row.where, what, "请给每个人写一个不同的编号；同一个人写了几遍就只留一条")
            continue
        row.values["key"] = f"{row['community']}/{row['name']}"
