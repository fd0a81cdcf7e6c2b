"""What may be written in the file: its codes with their Chinese words, its tables with their headers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rapidfuzz import process

from workflows.policy.frequency import Frequency
from workflows.policy.permissions import Role

# ---- codes, each with its words; the first word is the one that is written

Words: TypeAlias = Mapping[Any, tuple[str, ...]]

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
DIGESTS = {
    Frequency.WEEKLY: ("每周", "周报", "是"),
    Frequency.FORTNIGHT: ("每两周", "两周一次"),
    Frequency.MONTHLY: ("每月", "每月一次"),
    Frequency.OFF: ("不要", "否", "关"),
}
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


def code_of(words: Words, said: str) -> str:
    """The code that a Chinese word or the code itself means; "" if none."""
    for code, names in words.items():
        if said == str(code) or said in names:
            return str(code)
    return ""


def allowed(words: Words) -> str:
    """Everything that may be written, for a remedy: 物业（property）、…"""
    return "、".join(f"{names[0]}（{code}）" for code, names in words.items())


def closest(said: str, known: Iterable[str]) -> str:
    """您是不是想写…: the nearest known name; "" if none is near."""
    found = process.extractOne(said, list(known), score_cutoff=55)
    return f"您是不是想写“{found[0]}”？" if found else ""


# ---- tables


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

    def header(self, key: str) -> str:
        """The header of the column with this key."""
        return next(column.header for column in self.columns if column.key == key)


_COMMUNITY = Column("community", "社区", ("所属社区", "社区名称", "村", "社区/村", "村/社区", "社区村"))
_PHONE = Column(
    "phone", "电话", ("联系电话", "手机", "手机号", "联系方式", "手机号码", "电话号码", "手机电话", "联系手机")
)
_GRID = Column("grid", "网格", ("所属网格", "网格名称", "所在网格", "负责网格", "网格号"))
_ESTATE = Column("estate", "小区", ("所属小区", "小区名称", "所在小区", "负责小区", "自然村"))
_BUILDING = Column("building", "楼号", ("楼栋", "楼栋号", "负责楼栋", "栋号", "幢号", "楼", "排"))
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
            Column("contact", "联系人", ("单位联系人",)),
            Column("hours", "办公时间", ("工作时间", "上班时间", "值班时间")),
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
            Column("property", "物业", ("物业公司", "物业企业", "物业服务企业", "物业服务公司", "物业单位")),
            Column("committee", "业委会", ("业委会或物管会", "业主组织", "业委会/物管会", "业主委员会", "物管会")),
            Column("lat", "纬度", ("北纬",)),
            Column("lon", "经度", ("东经",)),
        ),
    ),
    Table(
        "buildings",
        "楼栋",
        (
            _COMMUNITY,
            _ESTATE,
            Column("numbers", "楼号", ("楼栋", "楼栋号", "栋号", "幢号", "楼", "排"), several=True),
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
            Column("rooms", "房号", ("门牌", "门牌号", "户", "户号", "室号", "房间", "房间号"), several=True),
        ),
    ),
    Table(
        "persons",
        "人员",
        (
            _COMMUNITY,
            Column("key", "编号", ("人员编号", "序号编码")),
            Column("name", "姓名", ("名字", "人员姓名")),
            _PHONE,
            _ESTATE,
            _BUILDING,
            Column("unit", "单元", ("单元号",)),
            Column("room", "房号", ("门牌", "门牌号", "户号", "室号", "房间", "房间号")),
            Column("digest", "周报", ("接收周报",)),
        ),
    ),
    Table(
        "posts",
        "岗位",
        (
            _COMMUNITY,
            Column("person", "人员", ("人员编号", "编号", "姓名", "人员姓名")),
            Column("role", "岗位", ("岗位名称", "职务", "职位", "角色")),
            Column("unit", "单位", ("单位名称", "所属单位", "所在单位", "工作单位")),
            _GRID,
            _ESTATE,
            _BUILDING,
            Column("entrance", "单元", ("单元号",)),
        ),
    ),
)
TABLE = {table.key: table for table in TABLES}
