"""The directory as one readable file, YAML or XLSX: checked whole, imported without doing anything twice, exported."""

import asyncio
import os
import re
import tempfile
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml
from openpyxl import Workbook, load_workbook
from openpyxl.styles import Font
from openpyxl.utils.exceptions import InvalidFileException
from openpyxl.worksheet.worksheet import Worksheet
from rapidfuzz import process
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Base, Building, Community, Estate, Grid, Household, Landmark, Person, Post, Unit
from workflows.policy.permissions import Role
from workflows.policy.places import building_number, half_width, unit_number

# ---- the words of the file

ROLES = {
    Role.GRID_WORKER: ("网格员",),
    Role.BRANCH_SECRETARY: ("网格党支部书记", "党支部书记", "支部书记", "网格党小组组长", "党小组组长"),
    Role.BUILDING_HEAD: ("楼栋长", "单元长", "楼长"),
    Role.LIAISON: ("联户长",),
    Role.PROPERTY_STAFF: ("物业人员", "物业", "物业经理", "物业工作人员"),
    Role.COMMITTEE_HEAD: ("业委会主任", "物管会主任", "业委会（物管会）主任"),
    Role.COMMUNITY_SECRETARY: ("社区书记", "社区党委书记", "村书记", "村党支部书记", "村党总支书记"),
    Role.COMMUNITY_STAFF: ("社区工作人员", "社工", "村干部"),
    Role.DEPARTMENT_LIAISON: ("部门联络员", "联络员"),
    Role.CLINIC_STAFF: ("医务人员", "医护人员", "导诊员"),
}
UNIT_KINDS = {
    "grid_branch": ("网格党支部", "网格党小组", "党支部", "党小组"),
    "property": ("物业", "物业公司", "物业企业"),
    "community": ("社区", "社区党委", "村", "村党总支", "村党支部"),
    "department": ("部门", "职能部门", "委办局"),
}
COMMUNITY_KINDS = {"city": ("社区", "城市社区", "城市"), "village": ("村", "行政村", "农村")}
COMMITTEES = {"业委会": ("业主委员会",), "物管会": ("物业管理委员会",)}
DIGESTS = {"weekly": ("每周", "周报", "是"), "off": ("不要", "否", "关")}
# The request intents of the NLU, in the words that an office fills in. `workflows` may not import `nlu`.
CATEGORIES = {
    "pest_control": ("蚊虫消杀",),
    "garbage": ("垃圾卫生",),
    "pollution": ("油烟扬尘异味",),
    "greening": ("绿化树木",),
    "stray_animals": ("流浪犬猫",),
    "road_damage": ("路面破损",),
    "manhole": ("井盖",),
    "street_light": ("路灯楼道灯",),
    "public_facility": ("公共设施",),
    "construction": ("施工改造",),
    "heating": ("供暖",),
    "water_supply": ("供水",),
    "power_supply": ("供电",),
    "gas": ("燃气",),
    "leak_repair": ("漏水维修",),
    "sewage": ("下水道",),
    "elevator": ("电梯",),
    "flying_wire": ("飞线充电",),
    "electric_hazard": ("电线隐患",),
    "fire_safety": ("消防通道",),
    "falling_objects": ("高空坠物",),
    "public_security": ("治安",),
    "noise": ("噪音",),
    "parking": ("停车",),
    "illegal_building": ("违建占道",),
    "neighbor_dispute": ("邻里纠纷",),
    "property_service": ("物业服务",),
    "employment": ("就业",),
    "training": ("培训",),
    "land": ("土地",),
    "health_service": ("看病体检",),
    "social_aid": ("低保养老",),
    "traffic": ("交通",),
    "other_request": ("其他诉求",),
}
UNIT_KIND_OF_ROLE: dict[Role, str | None] = {
    Role.GRID_WORKER: "grid_branch",
    Role.BRANCH_SECRETARY: "grid_branch",
    Role.BUILDING_HEAD: "grid_branch",
    Role.LIAISON: "grid_branch",
    Role.PROPERTY_STAFF: "property",
    Role.COMMITTEE_HEAD: None,
    Role.COMMUNITY_SECRETARY: "community",
    Role.COMMUNITY_STAFF: "community",
    Role.DEPARTMENT_LIAISON: "department",
    Role.CLINIC_STAFF: "department",
}
# What a post cannot do without; the rest is filled in from the place.
NEEDS: dict[Role, tuple[str, ...]] = {
    Role.GRID_WORKER: ("grid",),
    Role.BRANCH_SECRETARY: ("grid",),
    Role.BUILDING_HEAD: ("estate", "building"),
    Role.LIAISON: ("estate", "building"),
    Role.PROPERTY_STAFF: ("unit",),
    Role.COMMITTEE_HEAD: ("estate",),
    Role.COMMUNITY_SECRETARY: (),
    Role.COMMUNITY_STAFF: (),
    Role.DEPARTMENT_LIAISON: ("unit",),
    Role.CLINIC_STAFF: ("unit",),
}


@dataclass(frozen=True)
class Column:
    """A field of the file: its YAML key and its Chinese header, with the headers that offices use instead."""

    key: str
    header: str
    others: tuple[str, ...] = ()
    several: bool = False


@dataclass(frozen=True)
class Table:
    """A list in YAML, a sheet in XLSX."""

    key: str
    sheet: str
    columns: tuple[Column, ...]

    def column(self, header: str) -> Column | None:
        """The column that this header means."""
        for column in self.columns:
            if header in (column.header, *column.others):
                return column
        return None


_COMMUNITY = Column("community", "社区", ("所属社区", "社区名称", "村", "社区（村）", "社区(村)"))
_PHONE = Column("phone", "电话", ("联系电话", "手机", "手机号", "联系方式", "手机号码"))
_GRID = Column("grid", "网格", ("所属网格", "网格名称"))
_ESTATE = Column("estate", "小区", ("所属小区", "小区名称", "自然村"))
_BUILDING = Column("building", "楼号", ("楼栋", "楼栋号", "楼", "排", "楼号（排）"))
_ALIASES = Column("aliases", "别名", ("俗称", "简称", "曾用名"), several=True)
TABLES = (
    Table(
        "communities",
        "社区",
        (
            Column("name", "名称", ("社区", "社区名称", "村名")),
            Column("code", "代码", ("编码", "社区代码")),
            Column("kind", "类型", ("类别",)),
            Column("district", "辖区", ("所属街道", "街道", "乡镇")),
            Column("area_km2", "面积", ("辖区面积", "面积平方公里")),
            Column("population", "人口", ("居民人数", "常住人口")),
            _PHONE,
        ),
    ),
    Table(
        "units",
        "单位",
        (
            _COMMUNITY,
            Column("name", "名称", ("单位名称", "单位")),
            Column("kind", "类型", ("单位类型", "类别")),
            _PHONE,
            Column("answers_for", "受理事项", ("负责事项", "职责", "受理类别"), several=True),
        ),
    ),
    Table(
        "grids",
        "网格",
        (
            _COMMUNITY,
            Column("name", "名称", ("网格", "网格名称")),
            Column("branch", "党支部", ("网格党支部", "党小组", "网格党小组")),
        ),
    ),
    Table(
        "estates",
        "小区",
        (
            _COMMUNITY,
            Column("name", "名称", ("小区", "小区名称")),
            _ALIASES,
            _GRID,
            Column("property", "物业", ("物业公司", "物业企业", "物业服务企业")),
            Column("committee", "业委会", ("业委会或物管会", "业主组织", "业委会/物管会")),
        ),
    ),
    Table(
        "buildings",
        "楼栋",
        (
            _COMMUNITY,
            _ESTATE,
            Column("numbers", "楼号", ("楼栋", "楼栋号", "楼", "排"), several=True),
            Column("units", "单元数", ("单元", "单元个数")),
            _GRID,
        ),
    ),
    Table("landmarks", "地标", (_COMMUNITY, Column("name", "名称", ("地标", "地点")), _ALIASES, _GRID)),
    Table(
        "households",
        "户",
        (
            _COMMUNITY,
            _ESTATE,
            _BUILDING,
            Column("unit", "单元", ("单元号",)),
            Column("rooms", "房号", ("门牌", "户", "户号", "房间号"), several=True),
        ),
    ),
    Table(
        "persons",
        "人员",
        (
            _COMMUNITY,
            Column("key", "编号", ("人员编号", "序号编码")),
            Column("name", "姓名", ("名字",)),
            _PHONE,
            _ESTATE,
            _BUILDING,
            Column("unit", "单元", ("单元号",)),
            Column("room", "房号", ("门牌", "户号", "房间号")),
            Column("digest", "周报", ("接收周报",)),
        ),
    ),
    Table(
        "posts",
        "岗位",
        (
            _COMMUNITY,
            Column("person", "人员", ("人员编号", "编号", "姓名")),
            Column("role", "岗位", ("职务", "角色")),
            Column("unit", "单位", ("单位名称", "所属单位")),
            _GRID,
            _ESTATE,
            _BUILDING,
            Column("entrance", "单元", ("单元号",)),
        ),
    ),
)
TABLE = {table.key: table for table in TABLES}

# ---- what is found wrong


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, and what to write instead. Warnings do not stop an import."""

    where: str
    what: str
    remedy: str
    severity: Literal["error", "warning"] = "error"

    @property
    def serious(self) -> bool:
        """Whether it stops an import."""
        return self.severity == "error"

    def __str__(self) -> str:
        """One line for a person."""
        mark = "错误" if self.severity == "error" else "提醒"
        return f"【{mark}】{self.where}：{self.what}。{self.remedy}"


class DirectoryFileError(Exception):
    """The directory file has errors, so nothing was imported; correct every line that is named."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Imported:
    """What an import changed, by table. A second import of the same file changes nothing."""

    created: Mapping[str, int]
    updated: Mapping[str, int]
    ended: int = 0  # posts that are over because the file no longer has them
    not_in_file: int = 0  # posts that the file no longer has and that were left alone
    warnings: tuple[Problem, ...] = ()

    @property
    def changed(self) -> bool:
        """Whether anything is different now."""
        return bool(sum(self.created.values()) + sum(self.updated.values()) + self.ended)

    def __str__(self) -> str:
        """One line for a person."""
        parts = [f"新增{n}条{TABLE[key].sheet}" for key, n in self.created.items() if n]
        parts += [f"更新{n}条{TABLE[key].sheet}" for key, n in self.updated.items() if n]
        parts += [f"结束{self.ended}个岗位"] if self.ended else []
        parts += [f"文件里没有的{self.not_in_file}个岗位保持不变"] if self.not_in_file else []
        return "，".join(parts) or "没有变化"


@dataclass
class Row:
    """One entry, every value as clean text; several values are joined by 、."""

    where: str
    values: dict[str, str]

    def __getitem__(self, key: str) -> str:
        return self.values.get(key, "")

    def several(self, key: str) -> list[str]:
        """The values of a list field."""
        return [part.strip() for part in re.split(r"[、,，;；\n]", self[key]) if part.strip()]


@dataclass
class Register:
    """The whole file, read but not yet believed."""

    rows: dict[str, list[Row]] = field(default_factory=lambda: {table.key: [] for table in TABLES})
    problems: list[Problem] = field(default_factory=list)

    def error(self, where: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(where, what, remedy))

    def warn(self, where: str, what: str, remedy: str) -> None:
        self.problems.append(Problem(where, what, remedy, "warning"))


def _code_of(words: Mapping[Any, tuple[str, ...]], said: str) -> str:
    """The code that a Chinese word or the code itself means; "" if none."""
    for code, names in words.items():
        if said == str(code) or said in names:
            return str(code)
    return ""


def _closest(said: str, known: Iterable[str]) -> str:
    """你是不是想写…: the nearest known name, if any is near."""
    found = process.extractOne(said, list(known), score_cutoff=55)
    return f"您是不是想写“{found[0]}”？" if found else ""


def _allowed(words: Mapping[Any, tuple[str, ...]]) -> str:
    return "、".join(f"{names[0]}（{code}）" if names else str(code) for code, names in words.items())


_PHONE_NUMBER = re.compile(r"1[3-9]\d{9}|0\d{2,3}-?\d{7,8}(?:-\d{1,5})?|400-?\d{3}-?\d{4}|[19]\d{2,5}")
_RANGE = re.compile(r"(.+?)[-~～至到](.+)")


def building_list(words: Sequence[str]) -> list[str] | None:
    """1-8、10号楼、A座 as numbers; None if a part is no building."""
    out: list[str] = []
    for part in words:
        ends = _RANGE.fullmatch(half_width(part))
        if ends is None:
            number = building_number(part)
            if not number:
                return None
            out.append(number)
            continue
        row = "排" if "排" in ends[2] else ""
        first, last = (building_number(end).removesuffix("排") for end in ends.groups())
        if not (first.isdigit() and last.isdigit() and int(first) <= int(last)):
            return None
        out += [f"{number}{row}" for number in range(int(first), int(last) + 1)]
    return out


def room_list(words: Sequence[str]) -> list[str]:
    """101、102 as they are; 1-12号 as twelve doors."""
    out: list[str] = []
    for part in words:
        ends = re.fullmatch(r"(\d+)(号?)[-~～至到](\d+)(号?)", half_width(part))
        if ends and int(ends[1]) <= int(ends[3]) <= int(ends[1]) + 200:
            out += [f"{number}{ends[4]}" for number in range(int(ends[1]), int(ends[3]) + 1)]
        else:
            out.append(part)
    return out


# ---- reading


def read(path: Path) -> Register:
    """The file as rows. What cannot be read becomes a problem with its place, never an exception."""
    try:
        register = _read_xlsx(path) if path.suffix.lower() == ".xlsx" else _read_yaml(path)
    except FileNotFoundError:
        register = Register()
        register.error(str(path), "没有这个文件", "请核对路径")
    except (zipfile.BadZipFile, InvalidFileException, OSError, KeyError, ValueError) as reason:
        register = Register()
        register.error(str(path), f"读不出来（{type(reason).__name__}）", "请另存为 .xlsx 或 UTF-8 编码的 .yml 后再试")
    for table in TABLES:
        for row in register.rows[table.key]:
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


class _YamlReader:
    """Walks the YAML tree so that every entry keeps its line."""

    def __init__(self, register: Register) -> None:
        self.register = register

    def file(self, root: yaml.Node | None) -> None:
        for key, node in self._fields(root, "文件", ("version", "communities")):
            if key == "communities":
                for entry in self._entries(node, "communities"):
                    self._community(entry)

    def _community(self, node: yaml.Node) -> None:
        keys = [column.key for column in TABLE["communities"].columns]
        lists = [table.key for table in TABLES if table.key not in ("communities", "posts")]
        row = Row(_line(node), {})
        self.register.rows["communities"].append(row)
        nested: list[tuple[str, yaml.Node]] = []
        for key, value in self._fields(node, "社区", (*keys, *lists)):
            if key in lists:
                nested.append((key, value))
            else:
                row.values[key] = self._text(value)
        for key, value in nested:
            for entry in self._entries(value, key):
                self._entry(key, entry, row["name"])

    def _entry(self, table: str, node: yaml.Node, community: str) -> None:
        row = Row(_line(node), {"community": community})
        keys = [column.key for column in TABLE[table].columns if column.key != "community"]
        if table == "persons":
            keys = ["key", "name", "phone", "digest", "home", "posts"]
        self.register.rows[table].append(row)
        posts: list[yaml.Node] = []
        for key, value in self._fields(node, TABLE[table].sheet, keys):
            if key == "home":
                for part, words in self._fields(value, "住址", ("estate", "building", "unit", "room")):
                    row.values[part] = self._text(words)
            elif key == "posts":
                posts = self._entries(value, "posts")
            else:
                row.values[key] = self._text(value)
        for post in posts:
            self._post(post, row, community)

    def _post(self, node: yaml.Node, person: Row, community: str) -> None:
        row = Row(_line(node), {"community": community, "person": person["key"] or person["name"]})
        keys = [column.key for column in TABLE["posts"].columns if column.key not in ("community", "person")]
        self.register.rows["posts"].append(row)
        for key, value in self._fields(node, "岗位", keys):
            row.values[key] = self._text(value)

    def _fields(self, node: yaml.Node | None, what: str, known: Sequence[str]) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            where = _line(node) if node else "文件"
            self.register.error(where, f"这里应当是{what}的各个字段", f"请写成“字段: 值”，可用字段：{'、'.join(known)}")
            return
        seen: set[str] = set()
        for name, value in node.value:
            key = str(name.value)
            if key not in known:
                remedy = _closest(key, known) or f"可用字段：{'、'.join(known)}"
                self.register.error(_line(name), f"{what}没有“{key}”这个字段", remedy)
            elif key in seen:
                self.register.error(_line(name), f"字段“{key}”写了两次", "请只留一个")
            else:
                seen.add(key)
                yield key, value

    def _entries(self, node: yaml.Node, key: str) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not (isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"):
            self.register.error(_line(node), f"“{key}”应当是一个列表", "每一条前面写一个“- ”")
        return []

    def _text(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.SequenceNode):
            return "、".join(self._text(part) for part in node.value)
        if isinstance(node, yaml.ScalarNode):
            return "" if node.tag == "tag:yaml.org,2002:null" else str(node.value)
        self.register.error(_line(node), "这里只能写一个值", "请去掉里面的花括号或缩进")
        return ""


def _line(node: yaml.Node) -> str:
    return f"第{node.start_mark.line + 1}行"


def _read_yaml(path: Path) -> Register:
    register = Register()
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        where = f"第{mark.line + 1}行" if mark else str(path)
        register.error(where, f"YAML 写法有误（{reason.problem}）", "请检查这一行和上一行的缩进、引号和括号")
        return register
    except yaml.YAMLError as reason:
        register.error(str(path), f"YAML 写法有误（{reason}）", "请检查文件里有没有不可见的控制字符")
        return register
    _YamlReader(register).file(root)
    return register


def _read_xlsx(path: Path) -> Register:
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
    grid = [list(row) for row in sheet.iter_rows(values_only=True)]
    for merged in sheet.merged_cells.ranges:
        value = grid[merged.min_row - 1][merged.min_col - 1]
        for line in range(merged.min_row - 1, min(merged.max_row, len(grid))):
            for place in range(merged.min_col - 1, min(merged.max_col, len(grid[line]))):
                grid[line][place] = value
    head = _header(grid, table)
    if head is None:
        if any(value is not None for row in grid for value in row):
            headers = "、".join(column.header for column in table.columns)
            register.error(f"{sheet.title}表", "找不到表头", f"请写一行表头：{headers}")
        return
    at, columns = head
    above = ""
    for number, cells in enumerate(grid[at + 1 :], start=at + 2):
        row = Row(f"{sheet.title}表第{number}行", {})
        for place, column in columns.items():
            row.values[column.key] = _cell(cells[place] if place < len(cells) else None, row, column, register)
        if not any(value for key, value in row.values.items() if key != "community") or _is_remark(cells):
            continue
        # Offices write the community once and leave the lines below it empty.
        above = row["community"] or above
        if "community" in [column.key for column in table.columns]:
            row.values["community"] = above
        register.rows[table.key].append(row)


def _is_remark(cells: Sequence[Any]) -> bool:
    """合计 and 备注 lines stand below the entries and are none."""
    first = next((str(cell).strip() for cell in cells if cell is not None and str(cell).strip()), "")
    return bool(re.match(r"合计|总计|小计|备注|说明|填表|注[:：]", first))


def _header(grid: list[list[Any]], table: Table) -> tuple[int, dict[int, Column]] | None:
    """The first row that holds at least two known headers; titles and remarks may stand above it."""
    for at, cells in enumerate(grid[:12]):
        columns: dict[int, Column] = {}
        for place, value in enumerate(cells):
            name = re.sub(r"\s|\*|[（(].*?[)）]$", "", str(value or ""))
            column = table.column(name)
            if column and column not in columns.values():
                columns[place] = column
        if len(columns) >= 2:
            return at, columns
    return None


def _cell(value: Any, row: Row, column: Column, register: Register) -> str:
    if value is None:
        return ""
    if isinstance(value, (datetime, date)):
        register.error(
            row.where,
            f"“{column.header}”被表格软件变成了日期（{value:%Y-%m-%d}）",
            "请把单元格格式改为“文本”后重新填写，如 3-12",
        )
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


# ---- checking


def check(path: Path) -> list[Problem]:
    """Everything that is wrong or doubtful in the file, in one go; an empty list means it can be imported as it is."""
    register = read(path)
    return _checked(register)


def _checked(register: Register) -> list[Problem]:
    if any(register.rows.values()):
        _Check(register).run()
    elif not register.problems:
        register.error("文件", "里面没有任何内容", "请至少写一个社区")
    return register.problems


class _Check:
    """Reads the rows as facts and notes whatever does not fit together."""

    def __init__(self, register: Register) -> None:
        self.register = register
        rows = register.rows
        self.communities = {row["name"]: row for row in rows["communities"]}
        self.units = {(row["community"], row["name"]): row for row in rows["units"]}
        self.grids = {(row["community"], row["name"]): row for row in rows["grids"]}
        self.estates = {(row["community"], row["name"]): row for row in rows["estates"]}
        self.buildings: dict[tuple[str, str, str], Row] = {}
        self.persons = people_by_handle(register)

    def run(self) -> None:
        """Every table, places before people."""
        self._communities()
        for table in TABLES[1:]:
            for row in self.register.rows[table.key]:
                self._community_of(row)
        self._units()
        self._grids()
        self._estates()
        self._buildings()
        self._landmarks()
        self._households()
        self._persons()
        self._posts()
        self._staffing()

    # ---- places

    def _communities(self) -> None:
        for row in self.register.rows["communities"]:
            self._required(row, "communities", "name", "code", "kind")
            if row["code"] and not re.fullmatch(r"[A-Z]{1,8}", row["code"]):
                self._error(row, f"代码“{row['code']}”不合要求", "请写 1 到 8 个大写字母，如 SQ，它是诉求编号的开头")
            self._known(row, "类型", row["kind"], COMMUNITY_KINDS)
            self._phone(row)
            for key, name in (("area_km2", "面积"), ("population", "人口")):
                if row[key] and not re.fullmatch(r"\d+(\.\d{1,2})?" if key == "area_km2" else r"\d+", row[key]):
                    self._error(row, f"{name}“{row[key]}”不是数字", "请只写数字，如 0.47 或 7374")
            units = [unit for unit in self._of("units", row) if _code_of(UNIT_KINDS, unit["kind"]) == "community"]
            if len(units) != 1:
                self._error(
                    row,
                    f"“{row['name']}”有{len(units)}个社区一级的单位",
                    "请写且只写一个，如“仕奇社区党委”，类型为社区",
                )
        self._unique("communities", "name", across=True)
        self._unique("communities", "code", across=True)

    def _community_of(self, row: Row) -> None:
        if not row["community"]:
            self._error(row, "没有写社区", "请填写这一条属于哪个社区")
        elif row["community"] not in self.communities:
            remedy = _closest(row["community"], self.communities) or "请先在社区表里写上它"
            self._error(row, f"没有“{row['community']}”这个社区", remedy)

    def _units(self) -> None:
        for row in self.register.rows["units"]:
            self._required(row, "units", "name", "kind")
            kind = self._known(row, "单位类型", row["kind"], UNIT_KINDS)
            self._phone(row)
            for category in row.several("answers_for"):
                self._known(row, "受理事项", category, CATEGORIES)
            if kind == "department" and not row["answers_for"]:
                self._warn(row, f"“{row['name']}”没有写受理事项", "请写上它负责哪些类别，否则系统不会想到它")
        self._unique("units", "name")

    def _grids(self) -> None:
        for row in self.register.rows["grids"]:
            self._required(row, "grids", "name", "branch")
            self._unit(row, row["branch"], "grid_branch")
        self._unique("grids", "name")

    def _estates(self) -> None:
        names: dict[tuple[str, str], Row] = {}
        for row in self.register.rows["estates"]:
            self._required(row, "estates", "name", "grid")
            self._grid(row)
            if row["property"]:
                self._unit(row, row["property"], "property")
            elif _code_of(COMMUNITY_KINDS, self.communities.get(row["community"], row)["kind"]) != "village":
                self._warn(row, f"“{row['name']}”没有物业公司", "诉求会跳过物业这一级；有物业的话请补上")
            if row["committee"]:
                self._known(row, "业委会", row["committee"], COMMITTEES)
            for alias in row.several("aliases"):
                other = names.get((row["community"], alias)) or self.estates.get((row["community"], alias))
                if other and other is not row:
                    self._error(
                        row,
                        f"别名“{alias}”也是“{other['name']}”（{other.where}）的名字",
                        "同一个叫法只能指一个小区，请删掉一处",
                    )
                names[row["community"], alias] = row
        self._unique("estates", "name")

    def _buildings(self) -> None:
        for row in self.register.rows["buildings"]:
            self._required(row, "buildings", "estate", "numbers")
            if row["grid"]:
                self._grid(row)
            if row["units"] and not re.fullmatch(r"[1-9]\d?", row["units"]):
                self._error(row, f"单元数“{row['units']}”不对", "请写 1 到 99 的整数")
            if not self._one_estate(row):
                continue
            numbers = building_list(row.several("numbers"))
            if numbers is None:
                self._error(row, f"楼号“{row['numbers']}”看不懂", "请写成 1-8、10 或 A座、B座，用顿号分开")
            for number in numbers or ():
                place = (row["community"], row["estate"], number)
                if place in self.buildings:
                    first = self.buildings[place].where
                    self._error(row, f"“{row['estate']}”的{number}号楼写了两次（{first}也有）", "请从其中一处去掉")
                else:
                    self.buildings[place] = row

    def _one_estate(self, row: Row) -> bool:
        parts = [part for part in re.split(r"[、,，/；;和]", row["estate"]) if part]
        if len(parts) > 1 and (row["community"], row["estate"]) not in self.estates:
            self._error(
                row, f"一栋楼写在了{len(parts)}个小区里（{row['estate']}）", "一栋楼只能属于一个小区，请分成几行"
            )
            return False
        return self._estate(row)

    def _landmarks(self) -> None:
        for row in self.register.rows["landmarks"]:
            self._required(row, "landmarks", "name", "grid")
            self._grid(row)
        self._unique("landmarks", "name")

    def _households(self) -> None:
        for row in self.register.rows["households"]:
            self._required(row, "households", "estate", "building", "rooms")
            if self._estate(row):
                self._building(row)

    # ---- people

    def _persons(self) -> None:
        for row in self.register.rows["persons"]:
            self._required(row, "persons", "name")
            self._phone(row)
            if row["digest"]:
                self._known(row, "周报", row["digest"], DIGESTS)
            if row["estate"] and self._estate(row) and row["building"]:
                self._building(row)
        self._unique("persons", "key", across=True)

    def _posts(self) -> None:
        seen: dict[tuple[str, ...], Row] = {}
        for row in self.register.rows["posts"]:
            self._required(row, "posts", "person", "role")
            if row["person"] and handle_of(self.persons, row) is None:
                names = [person["name"] for person in self.register.rows["persons"]]
                self._error(
                    row,
                    f"岗位上的“{row['person']}”不在人员表里",
                    _closest(row["person"], [*self.persons, *names]) or "请先把这个人写进人员表",
                )
            code = self._known(row, "岗位", row["role"], ROLES)
            if code:
                self._post_scope(row, Role(code))
            scope = (row["community"], row["person"], code, row["unit"], row["grid"], row["estate"], row["building"])
            same = seen.setdefault((*scope, row["entrance"]), row)
            if same is not row:
                self._error(row, f"这个岗位在{same.where}已经写过", "请删掉一条")

    def _post_scope(self, row: Row, role: Role) -> None:
        for key in NEEDS[role]:
            if not row[key]:
                column = next(column for column in TABLE["posts"].columns if column.key == key)
                self._error(row, f"{ROLES[role][0]}没有写{column.header}", "不写就不知道他管哪里，请补上")
        if row["unit"]:
            self._unit(row, row["unit"], UNIT_KIND_OF_ROLE[role])
        if row["grid"]:
            self._grid(row)
        if row["estate"] and self._estate(row) and row["building"]:
            self._building(row)

    def _staffing(self) -> None:
        held = Counter(
            (row["community"], _code_of(ROLES, row["role"]), row["grid"] or row["unit"])
            for row in self.register.rows["posts"]
        )
        for grid in self.register.rows["grids"]:
            for role in (Role.GRID_WORKER, Role.BRANCH_SECRETARY):
                if not held[grid["community"], role, grid["name"]]:
                    self._warn(grid, f"“{grid['name']}”没有{ROLES[role][0]}", "诉求到了这个网格没有人接，请补上")
        for unit in self.register.rows["units"]:
            if _code_of(UNIT_KINDS, unit["kind"]) != "department":
                continue
            if not held[unit["community"], Role.DEPARTMENT_LIAISON, unit["name"]]:
                self._warn(unit, f"“{unit['name']}”没有联络员", "哨声吹到那里没有人接，请补上")
        secretaries = {
            row["community"]
            for row in self.register.rows["posts"]
            if _code_of(ROLES, row["role"]) == Role.COMMUNITY_SECRETARY
        }
        for row in self.register.rows["communities"]:
            if row["name"] not in secretaries:
                self._warn(row, f"“{row['name']}”没有社区书记", "升级到社区的诉求没有人管，请补上")

    # ---- what several tables ask

    def _of(self, table: str, community: Row) -> list[Row]:
        return [row for row in self.register.rows[table] if row["community"] == community["name"]]

    def _error(self, row: Row, what: str, remedy: str) -> None:
        self.register.error(row.where, what, remedy)

    def _warn(self, row: Row, what: str, remedy: str) -> None:
        self.register.warn(row.where, what, remedy)

    def _required(self, row: Row, table: str, *keys: str) -> None:
        for key in keys:
            if not row[key]:
                header = next(column.header for column in TABLE[table].columns if column.key == key)
                self._error(row, f"没有写{header}（{key}）", "这一项必须填写")

    def _known(self, row: Row, what: str, said: str, words: Mapping[Any, tuple[str, ...]]) -> str:
        code = _code_of(words, said)
        if said and not code:
            nearest = _closest(said, [name for names in words.values() for name in names] + [str(c) for c in words])
            self._error(row, f"没有“{said}”这种{what}", f"{nearest}可以写：{_allowed(words)}")
        return code

    def _phone(self, row: Row) -> None:
        number = re.sub(r"[\s()（）]", "", half_width(row["phone"]))
        if number and not _PHONE_NUMBER.fullmatch(number):
            self._error(row, f"电话“{row['phone']}”不对", "手机写 11 位数字，座机写成 0471-5550123")

    def _unit(self, row: Row, name: str, kind: str | None) -> None:
        unit = self.units.get((row["community"], name))
        if not name:
            return
        if unit is None:
            names = [unit for community, unit in self.units if community == row["community"]]
            self._error(row, f"没有“{name}”这个单位", _closest(name, names) or "请先把它写进单位表")
        elif kind and (found := _code_of(UNIT_KINDS, unit["kind"])) and found != kind:
            self._error(
                row,
                f"“{name}”是{UNIT_KINDS[found][0]}，这里要写{UNIT_KINDS[kind][0]}",
                f"请改单位，或改它的类型（{unit.where}）",
            )

    def _grid(self, row: Row) -> None:
        if row["grid"] and (row["community"], row["grid"]) not in self.grids:
            names = [grid for community, grid in self.grids if community == row["community"]]
            self._error(row, f"没有“{row['grid']}”这个网格", _closest(row["grid"], names) or "请先把它写进网格表")

    def _estate(self, row: Row) -> bool:
        if not row["estate"]:
            return False
        if (row["community"], row["estate"]) in self.estates:
            return True
        names = [estate for community, estate in self.estates if community == row["community"]]
        self._error(row, f"没有“{row['estate']}”这个小区", _closest(row["estate"], names) or "请先把它写进小区表")
        return False

    def _building(self, row: Row) -> None:
        number = building_number(row["building"])
        if row["building"] and (row["community"], row["estate"], number) not in self.buildings:
            self._error(row, f"“{row['estate']}”没有“{row['building']}”这栋楼", "请核对楼号，或先把它写进楼栋表")

    def _unique(self, table: str, key: str, *, across: bool = False) -> None:
        seen: dict[tuple[str, str], Row] = {}
        column = next(column.header for column in TABLE[table].columns if column.key == key)
        for row in self.register.rows[table]:
            if not row[key]:
                continue
            same = seen.setdefault(("" if across else row["community"], row[key]), row)
            if same is not row:
                self._error(
                    row, f"{TABLE[table].sheet}的{column}“{row[key]}”重复（{same.where}也有）", "请改名或删掉一条"
                )


def people_by_handle(register: Register) -> dict[str, Row]:
    """Persons by key, and by 社区/姓名 where that is unique."""
    rows = register.rows["persons"]
    names = Counter((row["community"], row["name"]) for row in rows)
    out = {f"{row['community']}/{row['name']}": row for row in rows if names[row["community"], row["name"]] == 1}
    return out | {row["key"]: row for row in rows if row["key"]}


def handle_of(persons: Mapping[str, Row], post: Row) -> Row | None:
    """The person of a post, named by key or, where only one has it, by name."""
    return persons.get(post["person"]) or persons.get(f"{post['community']}/{post['person']}")


# ---- importing

Rows = TypeVar("Rows", bound=Base)


async def import_file(session: AsyncSession, path: Path, now: datetime, *, end_missing: bool = False) -> Imported:
    """Bring the database in line with the file; a second time changes nothing.

    Posts that the file no longer has are ended only with `end_missing`; places, units and persons are never deleted,
    since cases refer to them.

    Raises:
        DirectoryFileError: the file has errors; nothing was changed.
    """
    register = await asyncio.to_thread(read, path)
    problems = _checked(register)
    errors = [problem for problem in problems if problem.serious]
    if errors:
        raise DirectoryFileError(errors)
    return await _Import(session, register, now).run(end_missing=end_missing, warnings=tuple(problems))


class _Import:
    """One file into one transaction."""

    def __init__(self, session: AsyncSession, register: Register, now: datetime) -> None:
        self.session = session
        self.rows = register.rows
        self.persons_by_handle = people_by_handle(register)
        self.now = now
        self.created: Counter[str] = Counter()
        self.updated: Counter[str] = Counter()
        self.communities: dict[str, Community] = {}
        self.units: dict[tuple[str, str], Unit] = {}
        self.grids: dict[tuple[str, str], Grid] = {}
        self.estates: dict[tuple[str, str], Estate] = {}
        self.buildings: dict[tuple[str, str, str], Building] = {}
        self.persons: dict[str, Person] = {}

    async def run(self, *, end_missing: bool, warnings: tuple[Problem, ...]) -> Imported:
        """Places first, then people, then posts."""
        for step in (
            self._communities,
            self._units,
            self._grids,
            self._estates,
            self._buildings,
            self._landmarks,
            self._households,
            self._persons,
        ):
            await step()
            await self.session.flush()
        missing = await self._posts()
        if end_missing:
            for post in missing:
                post.until = self.now
        await self.session.flush()
        ended = len(missing) if end_missing else 0
        return Imported(dict(self.created), dict(self.updated), ended, len(missing) - ended, warnings)

    def _put(self, table: str, found: Rows | None, new: Callable[..., Rows], values: Mapping[str, Any]) -> Rows:
        """The row with these values: as it is, changed, or made."""
        if found is None:
            made = new(**values)
            self.session.add(made)
            self.created[table] += 1
            return made
        changed = {key: value for key, value in values.items() if getattr(found, key) != value}
        for key, value in changed.items():
            setattr(found, key, value)
        if changed:
            self.updated[table] += 1
        return found

    async def _known(self, table: type[Rows]) -> list[Rows]:
        """What the communities of this file have already."""
        ids = [community.id for community in self.communities.values()]
        query = select(table).where(table.__table__.c.community_id.in_(ids))
        return list((await self.session.scalars(query)).all())

    def _id(self, row: Row) -> int:
        return self.communities[row["community"]].id

    async def _communities(self) -> None:
        known = {row.code: row for row in (await self.session.scalars(select(Community))).all()}
        names = {row.name: row for row in known.values()}
        for row in self.rows["communities"]:
            values = {
                "name": row["name"],
                "code": row["code"],
                "kind": _code_of(COMMUNITY_KINDS, row["kind"]),
                "district": row["district"],
                "area_km2": Decimal(row["area_km2"]).quantize(Decimal("0.01")) if row["area_km2"] else None,
                "population": int(row["population"]) if row["population"] else None,
                "phone": row["phone"],
            }
            namesake = names.get(row["name"])
            if namesake is not None and namesake.code != row["code"]:
                what = f"“{row['name']}”在系统里的代码是{namesake.code}，不是{row['code']}"
                raise DirectoryFileError([Problem(row.where, what, "代码是诉求编号的开头，定了就不能改，请改回来")])
            self.communities[row["name"]] = self._put("communities", known.get(row["code"]), Community, values)

    async def _units(self) -> None:
        known = {(unit.community_id, unit.name): unit for unit in await self._known(Unit)}
        for row in self.rows["units"]:
            values = {
                "community_id": self._id(row),
                "kind": _code_of(UNIT_KINDS, row["kind"]),
                "name": row["name"],
                "phone": row["phone"],
                "answers_for": [_code_of(CATEGORIES, part) for part in row.several("answers_for")],
            }
            unit = self._put("units", known.get((self._id(row), row["name"])), Unit, values)
            self.units[row["community"], row["name"]] = unit

    async def _grids(self) -> None:
        known = {(grid.community_id, grid.name): grid for grid in await self._known(Grid)}
        for row in self.rows["grids"]:
            values = {
                "community_id": self._id(row),
                "name": row["name"],
                "branch_unit_id": self.units[row["community"], row["branch"]].id,
            }
            grid = self._put("grids", known.get((self._id(row), row["name"])), Grid, values)
            self.grids[row["community"], row["name"]] = grid

    async def _estates(self) -> None:
        known = {(estate.community_id, estate.name): estate for estate in await self._known(Estate)}
        for row in self.rows["estates"]:
            company = self.units[row["community"], row["property"]] if row["property"] else None
            values = {
                "community_id": self._id(row),
                "grid_id": self.grids[row["community"], row["grid"]].id,
                "property_unit_id": company.id if company else None,
                "name": row["name"],
                "aliases": row.several("aliases"),
                "committee": _code_of(COMMITTEES, row["committee"]),
            }
            estate = self._put("estates", known.get((self._id(row), row["name"])), Estate, values)
            self.estates[row["community"], row["name"]] = estate

    async def _buildings(self) -> None:
        known = {(building.estate_id, building.number): building for building in await self._known(Building)}
        for row in self.rows["buildings"]:
            estate = self.estates[row["community"], row["estate"]]
            for number in building_list(row.several("numbers")) or ():
                values = {
                    "community_id": self._id(row),
                    "estate_id": estate.id,
                    "grid_id": self.grids[row["community"], row["grid"]].id if row["grid"] else estate.grid_id,
                    "number": number,
                    "units": int(row["units"] or 1),
                }
                building = self._put("buildings", known.get((estate.id, number)), Building, values)
                self.buildings[row["community"], row["estate"], number] = building

    async def _landmarks(self) -> None:
        known = {(landmark.community_id, landmark.name): landmark for landmark in await self._known(Landmark)}
        for row in self.rows["landmarks"]:
            values = {
                "community_id": self._id(row),
                "grid_id": self.grids[row["community"], row["grid"]].id,
                "name": row["name"],
                "aliases": row.several("aliases"),
            }
            self._put("landmarks", known.get((self._id(row), row["name"])), Landmark, values)

    async def _households(self) -> None:
        known = {(door.building_id, door.unit, door.room): door for door in await self._known(Household)}
        for row in self.rows["households"]:
            building = self._building(row)
            unit = unit_number(row["unit"]) or row["unit"]
            for room in room_list(row.several("rooms")):
                values = {
                    "community_id": self._id(row),
                    "building_id": building.id if building else None,
                    "unit": unit,
                    "room": room,
                }
                key = (building.id if building else 0, unit, room)
                known[key] = self._put("households", known.get(key), Household, values)

    def _building(self, row: Row) -> Building | None:
        number = building_number(row["building"])
        return self.buildings.get((row["community"], row["estate"], number)) if row["building"] else None

    async def _persons(self) -> None:
        keys = [row["key"] for row in self.rows["persons"]]
        known: dict[str | None, Person] = {}
        for at in range(0, len(keys), 500):  # SQLite refuses a statement with too many values
            found = await self.session.scalars(select(Person).where(Person.key.in_(keys[at : at + 500])))
            known |= {person.key: person for person in found.all()}
        ours = {community.id for community in self.communities.values()}
        for row in self.rows["persons"]:
            estate = self.estates[row["community"], row["estate"]] if row["estate"] else None
            values = {
                "community_id": self._id(row),
                "key": row["key"],
                "name": row["name"],
                "phone": row["phone"],
                "home_estate_id": estate.id if estate else None,
                "home_building": building_number(row["building"]) or row["building"],
                "home_unit": unit_number(row["unit"]) or row["unit"],
                "home_room": row["room"],
                "digest": _code_of(DIGESTS, row["digest"]) or "weekly",
            }
            person = known.get(row["key"])
            if person is not None and person.community_id not in ours:
                what = f"编号“{row['key']}”在系统里是别的社区的人"
                raise DirectoryFileError([Problem(row.where, what, "请换一个编号，如在前面加上社区代码")])
            made = values if person else values | {"created_at": self.now}
            self.persons[row["key"]] = self._put("persons", person, Person, made)

    async def _posts(self) -> list[Post]:
        """Posts of the file are taken up; those of the database that it does not have are handed back."""
        current = [post for post in await self._known(Post) if post.until is None]
        known = {_identity(post): post for post in current}
        kept: set[int] = set()
        for row in self.rows["posts"]:
            values = self._post_values(row)
            post = known.get(tuple(values[key] for key in POST_IDENTITY))
            if post is None:
                self._put("posts", None, Post, values | {"since": self.now})
            else:
                kept.add(post.id)
        return [post for post in current if post.id not in kept]

    def _post_values(self, row: Row) -> dict[str, Any]:
        person = handle_of(self.persons_by_handle, row)
        if person is None:
            raise LookupError(row.where)  # the check has refused it before
        role = Role(_code_of(ROLES, row["role"]))
        place = (row["community"], row["estate"])
        scope = Scope(
            unit=self.units.get((row["community"], row["unit"])) if row["unit"] else None,
            grid=self.grids.get((row["community"], row["grid"])) if row["grid"] else None,
            estate=self.estates.get(place) if row["estate"] else None,
            building=self._building(row),
        )
        community = self.communities[row["community"]]
        office = next(u for (name, _), u in self.units.items() if name == row["community"] and u.kind == "community")
        grids = {grid.id: grid for grid in self.grids.values()}
        grid_id = scope.grid.id if scope.grid else default_grid(role, scope)
        unit_id = scope.unit.id if scope.unit else default_unit(role, grids.get(grid_id or 0), office.id)
        return {
            "community_id": community.id,
            "person_id": self.persons[person["key"]].id,
            "role": role.value,
            "unit_id": unit_id,
            "grid_id": grid_id,
            "estate_id": scope.estate.id if scope.estate else None,
            "building_id": scope.building.id if scope.building else None,
            "entrance": unit_number(row["entrance"]) or row["entrance"],
        }


POST_IDENTITY = ("community_id", "person_id", "role", "unit_id", "grid_id", "estate_id", "building_id", "entrance")


def _identity(post: Post) -> tuple[Any, ...]:
    return tuple(getattr(post, key) for key in POST_IDENTITY)


@dataclass(frozen=True)
class Scope:
    """What a post covers, as far as the file says."""

    unit: Unit | None
    grid: Grid | None
    estate: Estate | None
    building: Building | None


def default_grid(role: Role, scope: Scope) -> int | None:
    """The grid of a building head or liaison is that of their building; nobody needs to write it."""
    if role not in (Role.BUILDING_HEAD, Role.LIAISON):
        return None
    if scope.building:
        return scope.building.grid_id
    return scope.estate.grid_id if scope.estate else None


def default_unit(role: Role, grid: Grid | None, office: int) -> int | None:
    """The unit of a post in a grid is the grid's branch, of one in the community its party committee."""
    match UNIT_KIND_OF_ROLE[role]:
        case "grid_branch":
            return grid.branch_unit_id if grid else None
        case "community":
            return office
        case _:
            return None


# ---- exporting


async def export_file(session: AsyncSession, path: Path) -> None:
    """Write what the database holds now, YAML or XLSX by the ending; the old file stays until the new is whole."""
    register = await _register(session)
    await asyncio.to_thread(write, register, path)


def write(register: Register, path: Path) -> None:
    """The rows as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    half_written = Path(name)
    try:
        if path.suffix.lower() == ".xlsx":
            _write_xlsx(register, half_written)
        else:
            half_written.write_text(as_yaml(register), encoding="utf-8")
        half_written.replace(path)
    finally:
        half_written.unlink(missing_ok=True)


async def _all(session: AsyncSession, table: type[Rows]) -> list[Rows]:
    return list((await session.scalars(select(table).order_by(table.__table__.c.id))).all())


async def _register(session: AsyncSession) -> Register:
    return _Export(
        communities={row.id: row for row in await _all(session, Community)},
        units={row.id: row for row in await _all(session, Unit)},
        grids={row.id: row for row in await _all(session, Grid)},
        estates={row.id: row for row in await _all(session, Estate)},
        buildings={row.id: row for row in await _all(session, Building)},
        landmarks=await _all(session, Landmark),
        households=await _all(session, Household),
        persons={row.id: row for row in await _all(session, Person) if row.key is not None},
        posts=[row for row in await _all(session, Post) if row.until is None],
    ).register()


@dataclass
class _Export:
    """The database's rows, on their way to being a file's."""

    communities: dict[int, Community]
    units: dict[int, Unit]
    grids: dict[int, Grid]
    estates: dict[int, Estate]
    buildings: dict[int, Building]
    landmarks: list[Landmark]
    households: list[Household]
    persons: dict[int, Person]
    posts: list[Post]

    def register(self) -> Register:
        """Every table in the order of its rows. Persons who came by chat have no key and are not the directory's."""
        out = Register()
        for table, rows in (
            ("communities", map(self._community, self.communities.values())),
            ("units", map(self._unit, self.units.values())),
            ("grids", map(self._grid, self.grids.values())),
            ("estates", map(self._estate, self.estates.values())),
            ("buildings", self._building_ranges()),
            ("landmarks", map(self._landmark, self.landmarks)),
            ("households", self._household_rows()),
            ("persons", map(self._person, self.persons.values())),
            ("posts", (self._post(post) for post in self.posts if post.person_id in self.persons)),
        ):
            out.rows[table] = [
                Row(f"{TABLE[table].sheet}表第{number}行", {key: value for key, value in values.items() if value})
                for number, values in enumerate(rows, start=2)
            ]
        return out

    def _name(self, community_id: int) -> str:
        return self.communities[community_id].name

    def _community(self, row: Community) -> dict[str, str]:
        return {
            "name": row.name,
            "code": row.code,
            "kind": row.kind,
            "district": row.district,
            "area_km2": f"{row.area_km2:f}".rstrip("0").rstrip(".") if row.area_km2 is not None else "",
            "population": str(row.population) if row.population is not None else "",
            "phone": row.phone,
        }

    def _unit(self, row: Unit) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "name": row.name,
            "kind": row.kind,
            "phone": row.phone,
            "answers_for": "、".join(row.answers_for or ()),
        }

    def _grid(self, row: Grid) -> dict[str, str]:
        branch = self.units[row.branch_unit_id].name if row.branch_unit_id is not None else ""
        return {"community": self._name(row.community_id), "name": row.name, "branch": branch}

    def _estate(self, row: Estate) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "name": row.name,
            "aliases": "、".join(row.aliases or ()),
            "grid": self.grids[row.grid_id].name,
            "property": self.units[row.property_unit_id].name if row.property_unit_id is not None else "",
            "committee": row.committee,
        }

    def _building_ranges(self) -> Iterator[dict[str, str]]:
        """Buildings that follow each other and are alike become one row: 1-8."""
        runs: list[list[Building]] = []
        for row in self.buildings.values():
            if runs and _continues(runs[-1][-1], row):
                runs[-1].append(row)
            else:
                runs.append([row])
        for run in runs:
            first, last = run[0], run[-1]
            estate = self.estates[first.estate_id]
            yield {
                "community": self._name(first.community_id),
                "estate": estate.name,
                "numbers": first.number if first is last else f"{first.number.removesuffix('排')}-{last.number}",
                "units": str(first.units),
                "grid": self.grids[first.grid_id].name if first.grid_id != estate.grid_id else "",
            }

    def _landmark(self, row: Landmark) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "name": row.name,
            "aliases": "、".join(row.aliases or ()),
            "grid": self.grids[row.grid_id].name,
        }

    def _household_rows(self) -> Iterator[dict[str, str]]:
        rooms: dict[tuple[int, str], list[str]] = defaultdict(list)
        for row in self.households:
            rooms[row.building_id, row.unit].append(row.room)
        for (building_id, unit), doors in rooms.items():
            building = self.buildings[building_id]
            yield {
                "community": self._name(building.community_id),
                "estate": self.estates[building.estate_id].name,
                "building": building.number,
                "unit": unit,
                "rooms": "、".join(doors),
            }

    def _person(self, row: Person) -> dict[str, str]:
        return {
            "community": self._name(row.community_id),
            "key": row.key or "",
            "name": row.name,
            "phone": row.phone,
            "estate": self.estates[row.home_estate_id].name if row.home_estate_id is not None else "",
            "building": row.home_building,
            "unit": row.home_unit,
            "room": row.home_room,
            "digest": row.digest if row.digest != "weekly" else "",
        }

    def _post(self, row: Post) -> dict[str, str]:
        scope = Scope(
            unit=self.units.get(row.unit_id or 0),
            grid=self.grids.get(row.grid_id or 0),
            estate=self.estates.get(row.estate_id or 0),
            building=self.buildings.get(row.building_id or 0),
        )
        role = Role(row.role)
        offices = (u.id for u in self.units.values() if (u.community_id, u.kind) == (row.community_id, "community"))
        usual_grid = row.grid_id == default_grid(role, scope)
        usual_unit = row.unit_id == default_unit(role, scope.grid, next(offices, 0))
        return {
            "community": self._name(row.community_id),
            "person": self.persons[row.person_id].key or "",
            "role": row.role,
            "unit": scope.unit.name if scope.unit and not usual_unit else "",
            "grid": scope.grid.name if scope.grid and not usual_grid else "",
            "estate": scope.estate.name if scope.estate else "",
            "building": scope.building.number if scope.building else "",
            "entrance": row.entrance,
        }


def _continues(last: Building, row: Building) -> bool:
    if (last.estate_id, last.grid_id, last.units) != (row.estate_id, row.grid_id, row.units):
        return False
    before, after = last.number.removesuffix("排"), row.number.removesuffix("排")
    same_kind = last.number.endswith("排") == row.number.endswith("排")
    return same_kind and before.isdigit() and after.isdigit() and int(after) == int(before) + 1


def as_yaml(register: Register) -> str:
    """One line an entry, so that a person can read it and a diff shows what changed."""
    posts: dict[str, list[Row]] = defaultdict(list)
    for row in register.rows["posts"]:
        posts[row["person"]].append(row)
    lines = ["version: 1", "communities:"]
    for community in register.rows["communities"]:
        fields = [(column.key, community[column.key]) for column in TABLE["communities"].columns]
        head = [f"{key}: {_yaml(key, value)}" for key, value in fields if value]
        lines += [f"  - {head[0]}", *(f"    {line}" for line in head[1:])]
        for table in TABLES[1:-1]:
            rows = [row for row in register.rows[table.key] if row["community"] == community["name"]]
            if rows:
                lines += ["", f"    {table.key}:"]
                lines += [f"      - {_yaml_entry(table, row, posts)}" for row in rows]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _yaml_entry(table: Table, row: Row, posts: Mapping[str, Sequence[Row]]) -> str:
    columns = [column for column in table.columns if column.key != "community" and row[column.key]]
    if table.key != "persons":
        return _flow(columns, row)
    home = [column for column in columns if column.key in ("estate", "building", "unit", "room")]
    own = [column for column in columns if column not in home]
    parts = [_flow(own, row)[1:-1]]
    if home:
        parts.append(f"home: {_flow(home, row)}")
    if held := posts.get(row["key"]):
        scope = [column for column in TABLE["posts"].columns if column.key not in ("community", "person")]
        parts.append("posts: [" + ", ".join(_flow([c for c in scope if post[c.key]], post) for post in held) + "]")
    return "{" + ", ".join(parts) + "}"


def _flow(columns: Sequence[Column], row: Row) -> str:
    fields = (f"{c.key}: {_yaml(c.key, row.several(c.key) if c.several else row[c.key])}" for c in columns)
    return "{" + ", ".join(fields) + "}"


_BARE = re.compile(r"[\u4e00-\u9fffA-Za-z（）][\w\u4e00-\u9fff（）/-]*|\d+|\d+\.\d+")
_YAML_WORDS = frozenset("y n yes no on off true false null".split())  # noqa: SIM905


def _yaml(key: str, value: str | list[str]) -> str:
    if isinstance(value, list):
        return (
            f'"{value[0]}"' if key == "numbers" and len(value) == 1 else f"[{', '.join(_yaml('', v) for v in value)}]"
        )
    number_like = value[:1].isdigit() and key not in ("area_km2", "population", "units")
    if _BARE.fullmatch(value) and not number_like and value.lower() not in _YAML_WORDS:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_CHINESE: dict[str, Mapping[Any, tuple[str, ...]]] = {
    "communities.kind": COMMUNITY_KINDS,
    "units.kind": UNIT_KINDS,
    "units.answers_for": CATEGORIES,
    "posts.role": ROLES,
    "persons.digest": DIGESTS,
}


def _write_xlsx(register: Register, path: Path) -> None:
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
