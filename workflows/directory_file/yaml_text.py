"""The YAML form: read so that every entry keeps its line, written with one line an entry."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

from workflows.directory_file.register import Register, Row
from workflows.directory_file.vocabulary import TABLE, TABLES, Column, Table, closest

# In YAML everything stands under its community, a home and posts under their person.
_COMMUNITY = TABLE["communities"].columns
_LISTS = TABLES[1:-1]
_HOME = ("estate", "building", "unit", "room")
_POST = [column for column in TABLE["posts"].columns if column.key not in ("community", "person")]


def _own(table: Table) -> list[Column]:
    """The columns that stand in the entry itself."""
    elsewhere = ("community", *_HOME) if table.key == "persons" else ("community",)
    return [column for column in table.columns if column.key not in elsewhere]


# ---- reading


def read_yaml(path: Path) -> Register:
    """The entries as rows; what does not fit the form is a problem with its line."""
    register = Register()
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        where = _line(mark) if mark else str(path)
        register.error(where, f"YAML 写法有误（{reason.problem}）", "请检查这一行和上一行的缩进、引号和括号")
    except yaml.YAMLError as reason:
        register.error(str(path), f"YAML 写法有误（{reason}）", "请检查文件里有没有不可见的控制字符")
    else:
        _Reader(register).file(root)
    return register


_NULL = "tag:yaml.org,2002:null"


class _Reader:
    """Walks the YAML tree so that every entry keeps its line."""

    def __init__(self, register: Register) -> None:
        self.register = register

    def file(self, root: yaml.Node | None) -> None:
        for key, node in self._fields(root, "文件", ("version", "communities")):
            if key == "communities":
                for entry in self._entries(node, "communities"):
                    self._community(entry)

    def _community(self, node: yaml.Node) -> None:
        row = self._row("communities", node)
        lists = {table.key: table for table in _LISTS}
        nested: list[tuple[Table, yaml.Node]] = []
        for key, value in self._fields(node, "社区", (*(column.key for column in _COMMUNITY), *lists)):
            if key in lists:
                nested.append((lists[key], value))
            else:
                row.values[key] = self._text(value)
        for table, value in nested:
            for entry in self._entries(value, table.key):
                self._entry(table, entry, row["name"])

    def _entry(self, table: Table, node: yaml.Node, community: str) -> None:
        row = self._row(table.key, node, community=community)
        known = [column.key for column in _own(table)]
        if table.key == "persons":
            known += ["home", "posts"]
        posts: list[yaml.Node] = []
        for key, value in self._fields(node, table.sheet, known):
            if key == "home":
                for part, words in self._fields(value, "住址", _HOME):
                    row.values[part] = self._text(words)
            elif key == "posts":
                posts = self._entries(value, "posts")
            else:
                row.values[key] = self._text(value)
        for post in posts:
            self._post(post, row, community)

    def _post(self, node: yaml.Node, person: Row, community: str) -> None:
        row = self._row("posts", node, community=community, person=person["key"] or person["name"])
        for key, value in self._fields(node, "岗位", [column.key for column in _POST]):
            row.values[key] = self._text(value)

    def _row(self, table: str, node: yaml.Node, **values: str) -> Row:
        row = Row(_line(node.start_mark), values)
        self.register.rows[table].append(row)
        return row

    def _fields(self, node: yaml.Node | None, what: str, known: Sequence[str]) -> Iterator[tuple[str, yaml.Node]]:
        if not isinstance(node, yaml.MappingNode):
            where = _line(node.start_mark) if node else "文件"
            self.register.error(where, f"这里应当是{what}的各个字段", f"请写成“字段: 值”，可用字段：{'、'.join(known)}")
            return
        seen: set[str] = set()
        for name, value in node.value:
            key = str(name.value)
            if key not in known:
                remedy = closest(key, known) or f"可用字段：{'、'.join(known)}"
                self.register.error(_line(name.start_mark), f"{what}没有“{key}”这个字段", remedy)
            elif key in seen:
                self.register.error(_line(name.start_mark), f"字段“{key}”写了两次", "请只留一个")
            else:
                seen.add(key)
                yield key, value

    def _entries(self, node: yaml.Node, key: str) -> list[yaml.Node]:
        if isinstance(node, yaml.SequenceNode):
            return list(node.value)
        if not (isinstance(node, yaml.ScalarNode) and node.tag == _NULL):
            self.register.error(_line(node.start_mark), f"“{key}”应当是一个列表", "每一条前面写一个“- ”")
        return []

    def _text(self, node: yaml.Node) -> str:
        if isinstance(node, yaml.SequenceNode):
            return "、".join(self._text(part) for part in node.value)
        if isinstance(node, yaml.ScalarNode):
            return "" if node.tag == _NULL else str(node.value)
        self.register.error(_line(node.start_mark), "这里只能写一个值", "请去掉里面的花括号或缩进")
        return ""


def _line(mark: yaml.Mark) -> str:
    return f"第{mark.line + 1}行"


# ---- writing


def as_yaml(register: Register) -> str:
    """One line an entry, so that a person can read it and a diff shows what changed."""
    posts: dict[str, list[Row]] = defaultdict(list)
    for row in register.rows["posts"]:
        posts[row["person"]].append(row)
    lines = ["version: 1", "communities:"]
    for community in register.rows["communities"]:
        head, *rest = _filled(_COMMUNITY, community)
        lines += [f"  - {head}", *(f"    {line}" for line in rest)]
        for table in _LISTS:
            rows = [row for row in register.rows[table.key] if row["community"] == community["name"]]
            if rows:
                lines += ["", f"    {table.key}:"]
                lines += [f"      - {_entry(table, row, posts)}" for row in rows]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _entry(table: Table, row: Row, posts: Mapping[str, Sequence[Row]]) -> str:
    fields = _filled(_own(table), row)
    if table.key == "persons":
        if home := _filled([column for column in table.columns if column.key in _HOME], row):
            fields.append(f"home: {_flow(home)}")
        if held := posts.get(row["key"]):
            fields.append(f"posts: [{', '.join(_flow(_filled(_POST, post)) for post in held)}]")
    return _flow(fields)


def _flow(fields: Iterable[str]) -> str:
    return "{" + ", ".join(fields) + "}"


def _filled(columns: Iterable[Column], row: Row) -> list[str]:
    return [f"{column.key}: {_value(column, row)}" for column in columns if row[column.key]]


def _value(column: Column, row: Row) -> str:
    if not column.several:
        return _scalar(row[column.key], number=column.key in ("area_km2", "population", "units", "lat", "lon"))
    parts = row.several(column.key)
    if column.key == "numbers" and len(parts) == 1:
        return f'"{parts[0]}"'
    return f"[{', '.join(map(_scalar, parts))}]"


_BARE = re.compile(r"[\u4e00-\u9fffA-Za-z（）][\w\u4e00-\u9fff（）/-]*|\d+|\d+\.\d+")
_YAML_WORDS = frozenset("y n yes no on off true false null".split())  # noqa: SIM905


def _scalar(value: str, *, number: bool = False) -> str:
    """Bare where YAML reads it as the same text; digits that count nothing, such as a phone's, are quoted."""
    number_like = value[:1].isdigit() and not number
    if _BARE.fullmatch(value) and not number_like and value.lower() not in _YAML_WORDS:
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
