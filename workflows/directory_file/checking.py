"""Checks the rows as a whole and names whatever does not fit together, with its place and its remedy."""

import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from workflows.directory_file.naming import core, settle_names
from workflows.directory_file.posts import NEEDS, UNIT_KIND_OF_ROLE
from workflows.directory_file.ranges import UnclearRange, building_list, room_list
from workflows.directory_file.reading import read
from workflows.directory_file.register import Problem, Register, Row, handle_of, people_by_handle
from workflows.directory_file.vocabulary import (
    CATEGORIES,
    COMMITTEES,
    COMMUNITY_KINDS,
    DIGESTS,
    ROLES,
    TABLE,
    TABLES,
    UNIT_KINDS,
    Words,
    allowed,
    closest,
    code_of,
)
from workflows.policy.permissions import Role
from workflows.policy.places import building_number, find_doors, half_width, unit_number

_BETWEEN = re.compile(r"[、,，/；;和]")
_SEVERAL_NUMBERS = re.compile(r"\d\D*?[、,/;和~至到-]\D*?\d")
_PHONE_NUMBER = re.compile(r"1[3-9]\d{9}|0\d{2,3}-?\d{7,8}(?:-\d{1,5})?|400-?\d{3}-?\d{4}|[19]\d{2,5}")

_LONGEST = {"name": 80, "contact": 80, "hours": 80}  # characters, by the column's key
_LONGEST_UNIT = 120
_TWO_GRIDS = "跨网格的小区只写一行，网格写大门所在的，其余的楼在楼栋表里写明网格"


def check(path: Path) -> list[Problem]:
    """Everything that is wrong or doubtful in the file, in one go; an empty list means it can be imported as it is."""
    return checked(read(path))


def checked(register: Register) -> list[Problem]:
    """The same for rows that are read already, which then call every place and unit by its one name."""
    if any(register.rows.values()):
        settle_names(register)
        _Check(register).run()
    elif not register.problems:
        register.error("文件", "里面没有任何内容", "请至少写一个社区")
    return register.problems


class _Check:
    """Reads the rows as facts and notes whatever does not fit together."""

    def __init__(self, register: Register) -> None:
        self.register = register
        self.communities = {row["name"]: row for row in register.rows["communities"]}
        self.units = self._by_name("units")
        self.grids = self._by_name("grids")
        self.estates = self._by_name("estates")
        self.buildings: dict[tuple[str, str, str], Row] = {}
        self.unclear: set[tuple[str, str]] = set()  # estates of which a row of buildings could not be read
        self.persons = people_by_handle(register)
        self.namesakes: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in register.rows["persons"]:
            self.namesakes[row["community"], row["name"]].append(row)
        self.offices: dict[str, list[Row]] = defaultdict(list)
        for row in register.rows["units"]:
            if code_of(UNIT_KINDS, row["kind"]) == "community":
                self.offices[row["community"]].append(row)

    def run(self) -> None:
        """Every table, places before people."""
        self._communities()
        for table in TABLES[1:]:
            for row in self.register.rows[table.key]:
                self._community_of(row)
                self._fits(row, table.key)
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
            for key, name, number in (("area_km2", "面积", r"\d+(\.\d{1,2})?"), ("population", "人口", r"\d+")):
                if row[key] and not re.fullmatch(number, row[key]):
                    self._error(row, f"{name}“{row[key]}”不是数字", "请只写数字，如 0.47 或 7374")
            offices = self.offices.get(row["name"], [])
            if len(offices) != 1:
                self._error(
                    row,
                    f"“{row['name']}”有{len(offices)}个社区一级的单位",
                    "请写且只写一个，如“仕奇社区党委”，类型为社区",
                )
        self._unique("communities", "name", across=True)
        self._unique("communities", "code", across=True)

    def _community_of(self, row: Row) -> None:
        if not row["community"]:
            self._error(row, "没有写社区", "请填写这一条属于哪个社区")
        elif row["community"] not in self.communities:
            remedy = closest(row["community"], self.communities) or "请先在社区表里写上它"
            self._error(row, f"没有“{row['community']}”这个社区", remedy)

    def _fits(self, row: Row, table: str) -> None:
        """Longer than the database takes is no name, but something that was pasted into the wrong cell."""
        for key, longest in _LONGEST.items():
            most = _LONGEST_UNIT if (table, key) == ("units", "name") else longest
            if len(row[key]) > most:
                what = f"{TABLE[table].header(key)}太长了（{len(row[key])}个字）"
                self._error(row, what, f"请写在{most}个字以内", key)

    def _units(self) -> None:
        for row in self.register.rows["units"]:
            self._required(row, "units", "name", "kind")
            kind = self._known(row, "单位类型", row["kind"], UNIT_KINDS)
            self._phone(row)
            for category in row.several("answers_for"):
                self._known(row, "受理事项", category, CATEGORIES, "answers_for")
            if kind == "department" and not row["answers_for"]:
                self._warn(row, f"“{row['name']}”没有写受理事项", "请写上它负责哪些类别，否则系统不会想到它")
        self._unique("units", "name")
        self._spelt_twice()

    def _spelt_twice(self) -> None:
        spelt: dict[tuple[str, str, str], Row] = {}
        for row in self.register.rows["units"]:
            first = spelt.setdefault((row["community"], code_of(UNIT_KINDS, row["kind"]), core(row["name"])), row)
            if first["name"] != row["name"]:
                what = f"“{row['name']}”和“{first['name']}”（{first.where}）像是同一个单位的两种写法"
                self._warn(row, what, "是同一个就只留一条，别处也写这一个名字，否则诉求会分到两家")

    def _grids(self) -> None:
        for row in self.register.rows["grids"]:
            self._required(row, "grids", "name", "branch")
            self._unit(row, row["branch"], "grid_branch", "branch")
        self._unique("grids", "name")

    def _estates(self) -> None:
        names: dict[tuple[str, str], Row] = {}
        for row in self.register.rows["estates"]:
            self._required(row, "estates", "name", "grid")
            self._grid(row, several=_TWO_GRIDS)
            if row["property"]:
                self._unit(row, row["property"], "property", "property")
            elif code_of(COMMUNITY_KINDS, self.communities.get(row["community"], row)["kind"]) != "village":
                self._warn(row, f"“{row['name']}”没有物业公司", "诉求会跳过物业这一级；有物业的话请补上")
            self._known(row, "业委会", row["committee"], COMMITTEES, "committee")
            self._coordinates(row)
            for alias in row.several("aliases"):
                other = names.get((row["community"], alias)) or self.estates.get((row["community"], alias))
                if other and other is not row:
                    self._error(
                        row,
                        f"别名“{alias}”也是“{other['name']}”（{other.where}）的名字",
                        "同一个叫法只能指一个小区，请删掉一处",
                        "aliases",
                    )
                names[row["community"], alias] = row
        self._unique("estates", "name", remedy=f"请改名或删掉一条；{_TWO_GRIDS}")

    def _coordinates(self, row: Row) -> None:
        """Both or neither; degrees, as a telephone's map shows them."""
        for key, name, most in (("lat", "纬度", 90), ("lon", "经度", 180)):
            number = r"-?\d{1,3}(\.\d{1,8})?"
            if row[key] and not (re.fullmatch(number, row[key]) and abs(float(row[key])) <= most):
                self._error(
                    row, f"{name}“{row[key]}”不对", f"请写度数，如 {'40.83' if key == 'lat' else '111.65'}", key
                )
        if bool(row["lat"]) != bool(row["lon"]):
            self._error(row, "经度和纬度只写了一个", "请两个都写，或者两个都不写", "lat")

    def _buildings(self) -> None:
        for row in self.register.rows["buildings"]:
            self._required(row, "buildings", "estate", "numbers")
            self._grid(row)
            if row["units"] and not re.fullmatch(r"[1-9]\d?", row["units"]):
                self._error(row, f"单元数“{row['units']}”不对", "请写 1 到 99 的整数", "units")
            if not self._one_estate(row):
                continue
            if not row["numbers"]:
                self.unclear.add((row["community"], row["estate"]))
            try:
                numbers = building_list(row.several("numbers"))
            except UnclearRange as unclear:
                self._error(row, unclear.what, unclear.remedy, "numbers")
                self.unclear.add((row["community"], row["estate"]))
                continue
            for number in numbers:
                place = (row["community"], row["estate"], number)
                if place in self.buildings:
                    first = self.buildings[place].where
                    self._error(
                        row, f"“{row['estate']}”的{number}号楼写了两次（{first}也有）", "请从其中一处去掉", "numbers"
                    )
                else:
                    self.buildings[place] = row

    def _one_estate(self, row: Row) -> bool:
        parts = [part for part in _BETWEEN.split(row["estate"]) if part]
        if len(parts) > 1 and (row["community"], row["estate"]) not in self.estates:
            self._error(
                row, f"一栋楼写在了{len(parts)}个小区里（{row['estate']}）", "一栋楼只能属于一个小区，请分成几行"
            )
            return False
        return self._estate(row)

    def _landmarks(self) -> None:
        for row in self.register.rows["landmarks"]:
            self._required(row, "landmarks", "name", "grid")
            self._grid(row, several="一个地标只属于一个网格，请只写一个")
        self._unique("landmarks", "name")

    def _households(self) -> None:
        for row in self.register.rows["households"]:
            self._only_estate(row)
            self._required(row, "households", "estate", "building", "rooms")
            self._building(row)
            self._entrance(row, row["unit"])
            kind = code_of(COMMUNITY_KINDS, self.communities.get(row["community"], row)["kind"])
            counted = kind == "village" or building_number(row["building"]).endswith("排")
            try:
                room_list(row.several("rooms"), counted=counted)
            except UnclearRange as unclear:
                self._error(row, unclear.what, unclear.remedy)

    # ---- people

    def _persons(self) -> None:
        humans: dict[tuple[str, str, str], Row] = {}
        for row in self.register.rows["persons"]:
            same = humans.setdefault((row["community"], row["name"], row["phone"]), row)
            if same is not row and row["phone"] and row["key"] and same["key"]:
                what = f"“{row['name']}”和{same.where}同名同电话，像是同一个人"
                self._warn(row, what, "是同一个人就只留一条，几个岗位都写在他名下")
            self._only_estate(row)
            if row["building"] and not row["estate"]:
                self._warn(row, f"住址写了“{row['building']}”却没有写小区", "不写小区就不知道他住哪里，请补上")
            self._required(row, "persons", "name")
            self._phone(row)
            self._known(row, "周报", row["digest"], DIGESTS)
            self._building(row)
            self._entrance(row, row["unit"])
        self._unique("persons", "key", across=True)

    def _posts(self) -> None:
        seen: dict[tuple[str, ...], Row] = {}
        for row in self.register.rows["posts"]:
            self._required(row, "posts", "person", "role")
            self._only_estate(row)
            person = self._person(row)
            code = self._known(row, "岗位", row["role"], ROLES)
            if not code:
                continue
            self._scope(row, Role(code))
            if person is None:
                continue
            same = seen.setdefault((row["community"], person["key"], code, *self._covered(row, Role(code))), row)
            if same is not row:
                what = f"“{person['name']}”的这个{ROLES[Role(code)][0]}岗位在{same.where}已经写过，只算一个"
                self._warn(row, what, "请删掉一条；管的是两处的话请写清楚各管哪里")

    def _person(self, row: Row) -> Row | None:
        """Who holds the post. A name that several have is nobody's."""
        said = row["person"]
        namesakes = self.namesakes.get((row["community"], said), [])
        if len(namesakes) > 1 and said not in self.persons:
            where = "、".join(person.where for person in namesakes)
            self._error(row, f"有几个人都叫“{said}”（{where}），看不出是谁的岗位", "请把姓名换成这个人的编号")
            return None
        found = handle_of(self.persons, row)
        if said and found is None:
            names = [name for _, name in self.namesakes]
            remedy = closest(said, [*self.persons, *names]) or "请先把这个人写进人员表"
            self._error(row, f"岗位上的“{said}”不在人员表里", remedy)
        return found

    def _covered(self, row: Row, role: Role) -> tuple[str, ...]:
        """What the post covers with everything that need not be written, so that the same is seen to be the same."""
        estate = self.estates.get((row["community"], row["estate"]))
        building = self.buildings.get((row["community"], row["estate"], building_number(row["building"])))
        grid = row["grid"]
        if not grid and role in (Role.BUILDING_HEAD, Role.LIAISON):
            grid = (building["grid"] if building else "") or (estate["grid"] if estate else "")
        unit = row["unit"]
        match UNIT_KIND_OF_ROLE[role]:
            case "grid_branch" if not unit and (row["community"], grid) in self.grids:
                unit = self.grids[row["community"], grid]["branch"]
            case "community" if not unit and row["community"] in self.offices:
                unit = self.offices[row["community"]][0]["name"]
        entrance = unit_number(row["entrance"]) or row["entrance"]
        return unit, grid, row["estate"], building_number(row["building"]) or row["building"], entrance

    def _scope(self, row: Row, role: Role) -> None:
        homeless = bool(row["building"] and not row["estate"])
        if homeless:
            self._error(row, f"写了“{row['building']}”却没有写小区", self._where_is(row))
        for key in NEEDS[role]:
            if not row[key] and not (key == "estate" and homeless):
                header = TABLE["posts"].header(key)
                self._error(row, f"{ROLES[role][0]}没有写{header}", "不写就不知道他管哪里，请补上")
        self._unit(row, row["unit"], UNIT_KIND_OF_ROLE[role])
        self._grid(row)
        self._building(row)
        self._entrance(row, row["entrance"])

    def _where_is(self, row: Row) -> str:
        number = building_number(row["building"])
        having = [
            estate for community, estate, known in self.buildings if (community, known) == (row["community"], number)
        ]
        return f"请补上小区；有这栋楼的是：{'、'.join(having[:5])}" if having else "请补上小区，或去掉楼号"

    def _staffing(self) -> None:
        held = {
            (row["community"], code_of(ROLES, row["role"]), place)
            for row in self.register.rows["posts"]
            for place in (row["grid"], row["unit"])
        }
        for grid in self.register.rows["grids"]:
            for role in (Role.GRID_WORKER, Role.BRANCH_SECRETARY):
                if (grid["community"], role, grid["name"]) not in held:
                    self._warn(grid, f"“{grid['name']}”没有{ROLES[role][0]}", "诉求到了这个网格没有人接，请补上")
        for unit in self.register.rows["units"]:
            if code_of(UNIT_KINDS, unit["kind"]) != "department":
                continue
            if (unit["community"], Role.DEPARTMENT_LIAISON, unit["name"]) not in held:
                self._warn(unit, f"“{unit['name']}”没有联络员", "哨声吹到那里没有人接，请补上")
        with_secretary = {community for community, role, _ in held if role == Role.COMMUNITY_SECRETARY}
        for row in self.register.rows["communities"]:
            if row["name"] not in with_secretary:
                self._warn(row, f"“{row['name']}”没有社区书记", "升级到社区的诉求没有人管，请补上")

    # ---- what several tables ask. Only `_required` minds what is not written; the others pass it over.

    def _by_name(self, table: str) -> dict[tuple[str, str], Row]:
        return {(row["community"], row["name"]): row for row in self.register.rows[table]}

    def _error(self, row: Row, what: str, remedy: str, column: str = "") -> None:
        self.register.error(row.where, what, remedy, column)

    def _warn(self, row: Row, what: str, remedy: str) -> None:
        self.register.warn(row.where, what, remedy)

    def _required(self, row: Row, table: str, *keys: str) -> None:
        for key in keys:
            if not row[key]:
                self._error(row, f"没有写{TABLE[table].header(key)}（{key}）", "这一项必须填写", key)

    def _known(self, row: Row, what: str, said: str, words: Words, column: str = "") -> str:
        code = code_of(words, said)
        if said and not code:
            nearest = closest(said, [*(name for names in words.values() for name in names), *map(str, words)])
            self._error(row, f"没有“{said}”这种{what}", f"{nearest}可以写：{allowed(words)}", column)
        return code

    def _phone(self, row: Row) -> None:
        number = re.sub(r"[()]", "", row["phone"])
        if re.fullmatch(r"\d(\.\d+)?E\+?\d+", number, re.IGNORECASE):
            what = f"电话“{row['phone']}”被表格软件写成了科学计数，后面几位已经丢了"
            self._error(row, what, "请把单元格格式改为“文本”后重新填写", "phone")
        elif number and not _PHONE_NUMBER.fullmatch(number):
            self._error(
                row, f"电话“{row['phone']}”不对", "只写一个号码，手机 11 位数字，座机写成 0471-5550123", "phone"
            )

    def _unit(self, row: Row, name: str, kind: str | None, column: str = "unit") -> None:
        unit = self.units.get((row["community"], name))
        if not name:
            return
        if unit is None:
            self._absent(row, name, "单位", self.units, column)
        elif kind and (found := code_of(UNIT_KINDS, unit["kind"])) and found != kind:
            self._error(
                row,
                f"“{name}”是{UNIT_KINDS[found][0]}，这里要写{UNIT_KINDS[kind][0]}",
                f"请改单位，或改它的类型（{unit.where}）",
                column,
            )

    def _grid(self, row: Row, several: str = "一行只写一个网格，请分成几行") -> None:
        if not row["grid"] or (row["community"], row["grid"]) in self.grids:
            return
        if re.search(r".[、,，/；;].|网格和.", row["grid"]):
            self._error(row, f"一行里写了几个网格（{row['grid']}）", several, "grid")
        else:
            self._absent(row, row["grid"], "网格", self.grids, "grid")

    def _estate(self, row: Row) -> bool:
        if not row["estate"]:
            return False
        if (row["community"], row["estate"]) in self.estates:
            return True
        self._absent(row, row["estate"], "小区", self.estates, "estate")
        return False

    def _absent(self, row: Row, name: str, what: str, known: Mapping[tuple[str, str], Row], column: str) -> None:
        names = [name for community, name in known if community == row["community"]]
        self._error(row, f"没有“{name}”这个{what}", closest(name, names) or f"请先把它写进{what}表", column)

    def _building(self, row: Row) -> None:
        """The building, in an estate that is known."""
        if not self._estate(row) or not row["building"]:
            return
        known = (row["community"], row["estate"], building_number(row["building"])) in self.buildings
        if known or (row["community"], row["estate"]) in self.unclear:
            return
        doors = find_doors(row["building"])
        if doors.unit or doors.room:
            self._error(row, f"楼号里写了门牌（{row['building']}）", "楼号、单元、房号请分开写在各自的一栏")
        elif _SEVERAL_NUMBERS.search(half_width(row["building"])):
            self._error(row, f"一行里写了几栋楼（{row['building']}）", "一行只写一栋，管几栋就分成几行")
        else:
            self._error(row, f"“{row['estate']}”没有“{row['building']}”这栋楼", "请核对楼号，或先把它写进楼栋表")

    def _entrance(self, row: Row, said: str) -> None:
        if _SEVERAL_NUMBERS.search(half_width(said)):
            self._error(row, f"一行里写了几个单元（{said}）", "一行只写一个单元，请分成几行")

    def _only_estate(self, row: Row) -> None:
        """A building without an estate is in the only one that the community has."""
        if row["estate"] or not row["building"]:
            return
        names = [name for community, name in self.estates if community == row["community"]]
        if len(names) == 1:
            row.values["estate"] = names[0]

    def _unique(self, table: str, key: str, *, across: bool = False, remedy: str = "请改名或删掉一条") -> None:
        seen: dict[tuple[str, str], Row] = {}
        for row in self.register.rows[table]:
            if not row[key]:
                continue
            same = seen.setdefault(("" if across else row["community"], row[key]), row)
            if same is not row:
                what = f"{TABLE[table].sheet}的{TABLE[table].header(key)}“{row[key]}”重复（{same.where}也有）"
                self._error(row, what, remedy, key)
