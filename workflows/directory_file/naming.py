"""One name for each place and unit: what a row calls it otherwise becomes the name that its own table gives it."""

import re
from collections import defaultdict
from collections.abc import Iterable

from workflows.directory_file.register import Register, Row
from workflows.directory_file.vocabulary import TABLE
from workflows.policy.places import arabic, half_width

# Which column of a table names a row of which other table.
_NAMES: tuple[tuple[str, str, str], ...] = (
    ("grids", "branch", "units"),
    ("estates", "property", "units"),
    ("posts", "unit", "units"),
    *((table, "grid", "grids") for table in ("estates", "buildings", "landmarks", "posts")),
    *((table, "estate", "estates") for table in ("buildings", "households", "persons", "posts")),
)


def settle_names(register: Register) -> None:
    """Give every row the one name. What is certain is done silently, what is only likely with a warning.

    Certain: other brackets or spaces, an estate's alias, a grid's number (1 for 第一网格). Likely: a company without
    有限公司, a department without its city, an estate without 小区, where only one fits.
    """
    known = {table: _known(register, table) for table in ("units", "grids", "estates")}
    told: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
    for table, column, what in _NAMES:
        for row in register.rows[table]:
            said, names = row[column], known[what].get(row["community"], {})
            if not said or said in names:
                continue
            if sure := _only(name for name, keys in names.items() if keys & _sure(what, said, row["community"])):
                row.values[column] = sure
            elif likely := _only(name for name in names if _alike(what, said, name)):
                row.values[column] = likely
                told[what, said, likely].append(row)
    for (what, said, name), rows in told.items():
        times = f"（共{len(rows)}处）" if len(rows) > 1 else ""
        remedy = f"是的话最好改成全名；不是的话请把它写进{TABLE[what].sheet}表"
        register.warn(rows[0].where, f"“{said}”当作“{name}”{times}", remedy)


def rename(register: Register, table: str, community: str, old: str, new: str) -> None:
    """Give a unit, grid or estate another name, wherever a row of its community names it."""
    for where, column, what in (*_NAMES, (table, "name", table)):
        for row in register.rows[where] if what == table else ():
            if (row["community"], row[column]) == (community, old):
                row.values[column] = new


def _known(register: Register, table: str) -> dict[str, dict[str, set[str]]]:
    """By community, every name with everything that it is certainly called."""
    out: dict[str, dict[str, set[str]]] = defaultdict(dict)
    for row in register.rows[table]:
        keys = _sure(table, row["name"], row["community"])
        keys |= {_bare(alias) for alias in row.several("aliases")}
        out[row["community"]].setdefault(row["name"], set()).update(keys)
    return out


def _only(found: Iterable[str]) -> str:
    names = list(found)
    return names[0] if len(names) == 1 else ""


def _bare(name: str) -> str:
    return re.sub(r"[\s()\[\]【】“”\"'·]", "", half_width(name)).upper()


def _sure(table: str, name: str, community: str) -> set[str]:
    if table != "grids":
        return {_bare(name)}
    words = _bare(name).removeprefix(_bare(community))
    number = arabic(re.sub(r"第|号|网格", "", words))
    return {_bare(name), f"第{number}网格"} if number else {_bare(name)}


def core(name: str) -> str:
    """What two spellings of one unit share: 富邦物业 of 富邦物业服务有限公司 and of 富邦物业公司."""
    return re.sub(r"(?:服务|管理|集团|股份|有限|责任|公司|企业)+$", "", _bare(name))


def _alike(table: str, said: str, name: str) -> bool:
    if table == "estates":
        return _bare(said).removesuffix("小区") == _bare(name).removesuffix("小区")
    if table == "grids":
        return False
    short, whole = core(said), core(name)
    if short == whole:
        return True
    if len(short) < 3 or not whole.endswith(short):
        return False
    # 水务局 or 市水务局 of a city; but 安康物业 is not 新安康物业
    return bool(re.search(r"[省市区县旗盟镇乡局]$", whole.removesuffix(short)) or short[0] in "省市区县旗盟镇乡")
