"""The directory in memory: which place somebody means, and which grid, company and department answer for it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

from pypinyin import lazy_pinyin
from rapidfuzz.distance import Levenshtein
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Building, Community, Estate, Grid, Landmark, Unit
from workflows.policy.places import (
    Address,
    Doors,
    building_number,
    find_doors,
    half_width,
    merge,
    metres,
    room_number,
    unit_number,
)

VILLAGE = "village"
COMMUNITY_UNIT, DEPARTMENT = "community", "department"

Card = TypeVar("Card")
Listed = TypeVar("Listed", "GridCard", "EstateCard", "LandmarkCard", "UnitCard")

# ---- what the directory hands out


@dataclass(frozen=True)
class CommunityCard:
    """社区 or 村."""

    id: int
    name: str
    code: str
    kind: str
    district: str
    phone: str


@dataclass(frozen=True)
class GridCard:
    """网格."""

    id: int
    community_id: int
    name: str
    branch_unit_id: int | None
    closed: bool = False


@dataclass(frozen=True)
class EstateCard:
    """小区; `committee` is 业委会, 物管会 or empty."""

    id: int
    community_id: int
    grid_id: int
    property_unit_id: int | None
    name: str
    aliases: tuple[str, ...]
    committee: str
    lat: float | None = None
    lon: float | None = None
    closed: bool = False


@dataclass(frozen=True)
class BuildingCard:
    """楼栋."""

    id: int
    community_id: int
    estate_id: int
    grid_id: int
    number: str
    units: int
    closed: bool = False


@dataclass(frozen=True)
class LandmarkCard:
    """A place that belongs to no estate."""

    id: int
    community_id: int
    grid_id: int
    name: str
    aliases: tuple[str, ...]
    closed: bool = False


@dataclass(frozen=True)
class UnitCard:
    """单位: who can hold a case."""

    id: int
    community_id: int
    kind: str
    name: str
    phone: str
    answers_for: tuple[str, ...]
    closed: bool = False


# Nobody needs more words to say where they live; a pasted novel, full of names, must not hold up the neighbours.
LONGEST = 2000


class NotInDirectory(LookupError):
    """The snapshot does not know this id; load the directory again after an import."""

    def __init__(self, what: str, wanted: int) -> None:
        super().__init__(f"no {what} {wanted} in the directory; load it again if it was imported since")


class Directory:
    """An immutable snapshot of the places and units of all communities. Reading a message takes well under 1 ms.

    What was closed is found by its id, for cases and history go on naming it, and in no list, name or address.
    """

    def __init__(
        self,
        *,
        communities: Iterable[CommunityCard] = (),
        grids: Iterable[GridCard] = (),
        estates: Iterable[EstateCard] = (),
        buildings: Iterable[BuildingCard] = (),
        landmarks: Iterable[LandmarkCard] = (),
        units: Iterable[UnitCard] = (),
    ) -> None:
        self._communities = {card.id: card for card in communities}
        self._grids = {card.id: card for card in grids}
        self._estates = {card.id: card for card in estates}
        self._landmarks = {card.id: card for card in landmarks}
        self._units = {card.id: card for card in units}
        self._buildings = {(card.estate_id, card.number): card for card in buildings if not card.closed}
        self._names = _Gazetteer(
            self._communities.values(),
            [card for card in self._estates.values() if not card.closed],
            [card for card in self._landmarks.values() if not card.closed],
        )

    @classmethod
    async def load(cls, session: AsyncSession) -> "Directory":
        """Read every place and unit of the deployment."""
        communities = await session.scalars(select(Community).order_by(Community.id))
        grids = await session.scalars(select(Grid).order_by(Grid.id))
        estates = await session.scalars(select(Estate).order_by(Estate.id))
        buildings = await session.scalars(select(Building).order_by(Building.id))
        landmarks = await session.scalars(select(Landmark).order_by(Landmark.id))
        units = await session.scalars(select(Unit).order_by(Unit.id))
        return cls(
            communities=[CommunityCard(c.id, c.name, c.code, c.kind, c.district, c.phone) for c in communities],
            grids=[GridCard(g.id, g.community_id, g.name, g.branch_unit_id, g.closed_at is not None) for g in grids],
            estates=[
                EstateCard(
                    e.id,
                    e.community_id,
                    e.grid_id,
                    e.property_unit_id,
                    e.name,
                    tuple(e.aliases or ()),
                    e.committee,
                    float(e.lat) if e.lat is not None else None,
                    float(e.lon) if e.lon is not None else None,
                    e.closed_at is not None,
                )
                for e in estates
            ],
            buildings=[
                BuildingCard(b.id, b.community_id, b.estate_id, b.grid_id, b.number, b.units, b.closed_at is not None)
                for b in buildings
            ],
            landmarks=[
                LandmarkCard(m.id, m.community_id, m.grid_id, m.name, tuple(m.aliases or ()), m.closed_at is not None)
                for m in landmarks
            ],
            units=[
                UnitCard(
                    u.id, u.community_id, u.kind, u.name, u.phone, tuple(u.answers_for or ()), u.closed_at is not None
                )
                for u in units
            ],
        )

    # ---- looking up

    @property
    def communities(self) -> Sequence[CommunityCard]:
        """Every community of the deployment."""
        return tuple(self._communities.values())

    def community(self, community_id: int) -> CommunityCard:
        """The community of that id; raises NotInDirectory."""
        return _card(self._communities, community_id, "community")

    def grid(self, grid_id: int) -> GridCard:
        """The grid of that id; raises NotInDirectory."""
        return _card(self._grids, grid_id, "grid")

    def estate(self, estate_id: int) -> EstateCard:
        """The estate of that id; raises NotInDirectory."""
        return _card(self._estates, estate_id, "estate")

    def unit(self, unit_id: int) -> UnitCard:
        """The unit of that id; raises NotInDirectory."""
        return _card(self._units, unit_id, "unit")

    def landmark(self, landmark_id: int) -> LandmarkCard:
        """The landmark of that id; raises NotInDirectory."""
        return _card(self._landmarks, landmark_id, "landmark")

    def building(self, estate_id: int, number: str) -> BuildingCard | None:
        """The building of an estate, in any spelling of its number; None if the register does not list it."""
        return self._buildings.get((estate_id, number)) or self._buildings.get((estate_id, building_number(number)))

    def buildings_of(self, estate_id: int) -> Sequence[BuildingCard]:
        """Every building of an estate, as registered."""
        return tuple(card for card in self._buildings.values() if card.estate_id == estate_id)

    def grids_of(self, community_id: int) -> Sequence[GridCard]:
        """Every grid of a community."""
        return _open(card for card in self._grids.values() if card.community_id == community_id)

    def estates_of(self, community_id: int) -> Sequence[EstateCard]:
        """Every estate of a community."""
        return _open(card for card in self._estates.values() if card.community_id == community_id)

    def landmarks_of(self, community_id: int) -> Sequence[LandmarkCard]:
        """Every landmark of a community."""
        return _open(card for card in self._landmarks.values() if card.community_id == community_id)

    def units_of(self, community_id: int, kind: str) -> Sequence[UnitCard]:
        """Every unit of a kind in a community, in the order of the directory file."""
        return _open(card for card in self._units.values() if card.community_id == community_id and card.kind == kind)

    def property_of(self, estate_id: int) -> int | None:
        """The property company of an estate; None where there is none (or the estate is not known)."""
        card = self._estates.get(estate_id)
        return card.property_unit_id if card else None

    def branch_of(self, grid_id: int) -> int | None:
        """The party branch (in a village, the party group) of a grid."""
        return self.grid(grid_id).branch_unit_id

    def community_unit(self, community_id: int) -> int | None:
        """The community's party committee."""
        units = self.units_of(community_id, COMMUNITY_UNIT)
        return units[0].id if units else None

    def department(self, community_id: int, name: str) -> UnitCard | None:
        """A department by what people call it: 水务局 finds 呼和浩特市水务局, 住建局 finds …住房和城乡建设局."""
        wanted = "".join(name.split())
        if not wanted:
            return None
        departments = self.units_of(community_id, DEPARTMENT)
        containing = [card for card in departments if wanted in card.name]
        if containing:
            return min(containing, key=lambda card: (card.name != wanted, len(card.name)))
        # 卫健委 is 卫生健康委员会: the characters of the short name, in their order.
        spelled = [card for card in departments if _abbreviates(wanted, card.name)]
        return min(spelled, key=lambda card: len(card.name), default=None)

    def departments_for(self, community_id: int, category: str) -> Sequence[UnitCard]:
        """The departments that answer for a category there, the usual one first."""
        return tuple(card for card in self.units_of(community_id, DEPARTMENT) if category in card.answers_for)

    # ---- addresses

    def nearest(self, lat: float, lon: float, within_m: float = 600.0) -> EstateCard | None:
        """The estate nearest to a point (degrees), of those whose coordinates are known; None when none is `within_m`.

        None also for what is no point on earth: a messenger's numbers may be anything.
        """
        if not (-90 <= lat <= 90 and -180 <= lon <= 180):
            return None
        placed = [
            (metres(lat, lon, e.lat, e.lon), e)
            for e in self._estates.values()
            if e.lat is not None and e.lon is not None and not e.closed
        ]
        near = [(away, e.id, e) for away, e in placed if away <= within_m]
        return min(near)[2] if near else None

    def address_of(self, estate_id: int | None, building: str = "", unit: str = "", room: str = "") -> Address:
        """A registered home as an address; an empty one when there is no estate."""
        if estate_id is None:
            return Address()
        estate = self.estate(estate_id)
        return self.settle(
            Address(
                estate_id=estate_id,
                estate=estate.name,
                building=building_number(building) or building,
                unit=unit_number(unit) or unit,
                room=room,
            )
        )

    def settle(self, address: Address) -> Address:
        """The same address with the ids looked up again: building, grid, community."""
        if address.estate_id is not None:
            estate = self.estate(address.estate_id)
            building = self.building(estate.id, address.building) if address.building else None
            return replace(
                address,
                estate=estate.name,
                building_id=building.id if building else None,
                grid_id=building.grid_id if building else estate.grid_id,
                community_id=estate.community_id,
            )
        address = replace(address, building_id=None)
        if address.landmark_id is not None:
            landmark = self.landmark(address.landmark_id)
            return replace(address, grid_id=landmark.grid_id, community_id=landmark.community_id)
        return address

    def refine(self, old: Address, new: Address) -> Address:
        """`merge`, then the ids looked up: what a later bubble or a correction makes of an address."""
        return self.settle(merge(old, new))

    def locate(
        self,
        text: str,
        *,
        prefer_community: int | None,
        entities: Mapping[str, Sequence[str]] | None = None,
        home: Address | None = None,
    ) -> Address:
        """Which place a message names.

        `entities` are the NLU's (kinds estate, building, unit, room, place); the text is searched without them too.
        `home` is used only where the words say so (我家, 俺们楼). An estate that the directory does not know stays in
        the resident's words and has no grid. What comes after `LONGEST` characters is not searched.
        """
        return _Reading(
            self, self._names, half_width(text[:LONGEST]), prefer=prefer_community, entities=entities or {}, home=home
        ).address()


def _card(cards: Mapping[int, Card], wanted: int, what: str) -> Card:
    try:
        return cards[wanted]
    except KeyError:
        raise NotInDirectory(what, wanted) from None


def _open(cards: Iterable[Listed]) -> tuple[Listed, ...]:
    return tuple(card for card in cards if not card.closed)


def _abbreviates(short: str, name: str) -> bool:
    rest = iter(name)
    return len(short) > 1 and all(char in rest for char in short)


# ---- names in running text

_SUFFIX = r"(?:小区|家属院|家属区|家属楼|宿舍区?|花园|家园|嘉园|佳园|公寓|新村|新居|大院|[苑府园庄湾村里城])"
_STRIP_SUFFIX = re.compile(rf"{_SUFFIX}$")
# A short form followed by one of these is something else: 园林局, 富邦花园 (which is not 富邦小区), 富邦超市.
_OTHER_THING = re.compile(
    rf"{_SUFFIX}|[局厅所处路街巷桥站厂店校]|大厦|大街|酒店|宾馆|超市|药店|饭店|商场|商城|市场|幼儿园|学校|小学|中学|医院|银行|公司|集团|广场|公园|工人|绿化|部门|人寿"
)
# Short forms that are everyday words too name an estate only where the words around them say so.
_EVERYDAY = re.compile(
    "园林|阳光|电力|铁路|水务|和平|幸福|光明|团结|民族|平安|新华|东风|健康|文化|"
    "教育|公园|建筑|供电|邮电|银行|农业|林业|水利|交通|卫生|体育|公安|机械|化工|"
    "纺织|粮食|物资|商业|金融|春天|未来|世纪|中心|朝阳|希望|胜利|友谊|繁荣|春雨|"
    "河畔|滨河|东方|西部|北方|南方|城市|现代|时代|国际|温馨|祥和|安居|老旧|居民|"
    "村民"
)
# Offices and works: 建筑公司 is heard more often than 建筑公司家属院.
_OFFICE = re.compile(r"(?:公司|[局厂厅处院路站队校社])$")
_CUT_NUMBER = re.compile(r"\d\d$|[一二三四五六七八九十]{2}$")  # 8号院 within 18号院
_STRONG_BEFORE = re.compile(r"(?:住在?|我们|俺们|咱们?|就是|是|在|^|[，,。；;：:\s])$")
_STRONG_AFTER = re.compile(
    r"\s*(?:\d{1,3}\s*(?:号|栋|幢|#|-\d)|[一二三四五六七八九十]{1,3}(?:号楼|栋|单元)|[A-Za-z]座|$|[的这那]|里[面头]?)"
)
_DISTINGUISHING = frozenset("新老旧东西南北中上下大小前后一二三四五六七八九十甲乙丙丁")
_NASALS = (("zh", "z"), ("ch", "c"), ("sh", "s"))


@lru_cache(maxsize=8192)
def _sound(char: str) -> str:
    """The syllable as it is heard in Hohhot: no tone, zh = z, ang = an, eng = en, ing = in."""
    syllable = lazy_pinyin(char)[0].lower()
    for initial, plain in _NASALS:
        if syllable.startswith(initial):
            syllable = plain + syllable[len(initial) :]
    return syllable[:-1] if syllable.endswith(("ang", "eng", "ing")) else syllable


def _sounds(words: str) -> tuple[str, ...]:
    return tuple(_sound(char) for char in words)


@dataclass(frozen=True)
class _Target:
    """What a name stands for. `rank`: 0 its name or alias, 1 a short form that nobody registered."""

    kind: str  # estate | landmark | community
    id: int
    community_id: int
    rank: int = 0
    proper: bool = True  # a landmark's alias (河边) means that landmark only within its community


@dataclass(frozen=True)
class _Mention:
    start: int
    end: int
    words: str
    targets: tuple[_Target, ...] = ()

    def of(self, kind: str) -> tuple[_Target, ...]:
        return tuple(target for target in self.targets if target.kind == kind)

    def overlaps(self, other: "_Mention") -> bool:
        return self.start < other.end and other.start < self.end


class _Gazetteer:
    """Every name by its characters and by its sound."""

    def __init__(
        self, communities: Iterable[CommunityCard], estates: Iterable[EstateCard], landmarks: Iterable[LandmarkCard]
    ) -> None:
        self._exact: dict[tuple[str, ...], list[_Target]] = {}
        self._spoken: dict[tuple[str, ...], list[_Target]] = {}
        self._lengths: dict[str, list[int]] = {}
        self._spoken_lengths: dict[str, list[int]] = {}
        self._estate_names: list[tuple[str, _Target]] = []
        for community in communities:
            self._add(community.name, _Target("community", community.id, community.id))
        for estate in estates:
            self._add_estate(estate)
        for landmark in landmarks:
            for name in (landmark.name, *landmark.aliases):
                # 扎达盖河 can only be 扎达盖河河岸; 河边 may be any river's.
                proper = len(name) >= 3 and landmark.name.startswith(name[:3])
                self._add(name, _Target("landmark", landmark.id, landmark.community_id, proper=proper))
        for index, lengths in ((self._exact, self._lengths), (self._spoken, self._spoken_lengths)):
            for key in index:
                if len(key) not in lengths.setdefault(key[0], []):
                    lengths[key[0]].append(len(key))
        for known in (*self._lengths.values(), *self._spoken_lengths.values()):
            known.sort(reverse=True)

    def _add_estate(self, estate: EstateCard) -> None:
        target = _Target("estate", estate.id, estate.community_id)
        for name in map(half_width, (estate.name, *estate.aliases)):
            self._add(name, target)
            self._estate_names.append((name, target))
            core = _STRIP_SUFFIX.sub("", name)
            if len(core) >= 2 and core != name:
                self._add(core, replace(target, rank=1))

    def _add(self, name: str, target: _Target) -> None:
        name = half_width(name)
        if not name:
            return
        known = self._exact.setdefault(tuple(name), [])
        if not any((t.kind, t.id) == (target.kind, target.id) for t in known):
            known.append(target)
        spoken = self._spoken.setdefault(_sounds(name), [])
        if not any((t.kind, t.id) == (target.kind, target.id) for t in spoken):
            spoken.append(target)

    def scan(self, text: str) -> list[_Mention]:
        """Every name in the text, the longest at each place; then whole names that only sound right."""
        found = list(self._walk(text, list(text), self._lengths, self._exact))
        free = [True] * len(text)
        for mention in found:
            if len(mention.words) > 2 or mention.of("estate"):
                free[mention.start : mention.end] = [False] * (mention.end - mention.start)
        sounds = [_sound(char) if "\u4e00" <= char <= "\u9fff" else char.lower() for char in text]
        for mention in self._walk(text, sounds, self._spoken_lengths, self._spoken):
            # Three syllables or fewer sound like too much else.
            if mention.end - mention.start >= 4 and all(free[mention.start : mention.end]):
                targets = tuple(t for t in mention.targets if t.rank == 0)
                found.append(replace(mention, targets=targets))
        return sorted((m for m in found if m.targets), key=lambda mention: mention.start)

    def _walk(
        self,
        text: str,
        units: list[str],
        lengths: Mapping[str, list[int]],
        index: Mapping[tuple[str, ...], list[_Target]],
    ) -> Iterator[_Mention]:
        here = 0
        while here < len(units):
            step = 1
            for length in lengths.get(units[here], ()):
                targets = index.get(tuple(units[here : here + length]))
                if targets:
                    yield _Mention(here, here + length, text[here : here + length], tuple(targets))
                    step = length
                    break
            here += step

    def resolve(self, words: str, *, exact: bool = False) -> tuple[_Target, ...]:
        """The estates that these words name: exactly, by sound, or with one character dropped or doubled."""
        words = half_width(words)
        known = [t for t in self._exact.get(tuple(words), ()) if t.kind == "estate"]
        if known or exact:
            return tuple(known)
        heard = [t for t in self._spoken.get(_sounds(words), ()) if t.kind == "estate"]
        return tuple(heard) or tuple(self._misspelt(words))

    def _misspelt(self, words: str) -> Iterator[_Target]:
        """One character too many or too few in a long name. Never an exchanged one: 林业厅 and 农业厅 both exist."""
        if len(words) < 5:
            return
        for name, target in self._estate_names:
            if len(name) < 5 or abs(len(name) - len(words)) != 1:
                continue
            if Levenshtein.distance(words, name, score_cutoff=1) > 1:
                continue
            longer, shorter = (name, words) if len(name) > len(words) else (words, name)
            extra = next((a for a, b in zip(longer, shorter, strict=False) if a != b), longer[-1])
            if extra not in _DISTINGUISHING and not extra.isascii() and not _STRIP_SUFFIX.fullmatch(extra):
                yield target


# ---- reading one message

# A place named only to compare, to remember or to move away from is not where it is.
_ASIDE_BEFORE = re.compile(
    r"(?:人家那?|不像|(?<!好)像|学学|(?:以前|原来|从前|原先|早先|小时候|那时候)(?:是?住在?|在|住的)|(?:上次|上回|那年|那回)在"
    r"|刚从|比不上|不如)$"
)
_ASIDE_AFTER = re.compile(
    r"(?:的(?:亲戚|朋友|人来)|住的时候|住那会|那会儿|那阵子|住过|搬(?:过来|来|出来|到)|(?:那边)?(?:早就?|都早)|(?:那边|人家)都|就(?:没有?这|不会?这|比)"
    r"|(?:那边)?都(?:修|换|装|通|来|热|弄|供)[^，,。]{0,4}了[^。]{0,6}(?:我们|咱|俺|为[啥什]|怎么|凭))"
)
_COMPARED = (
    re.compile(r"(?:跟|和|像|与|比|离|距离?)$"),
    re.compile(r"(?:那边)?(?:一样|似的|那样|一个样|差不多|比|强多|好多了|还差|不远|很近|挺近|不算远)"),
)
_WITHDRAWN = re.compile(r"(?:不是|并非|不在|不住|别去|不归)$")
_CORRECTED = re.compile(r"不对|不是|错了|应该是|更正|改成|[哦噢]是")
_MINE_BEFORE = re.compile(r"(?:我们|俺们|咱们?|我是|我住|我家在?|俺家在?|我家住|我在|住在|[我俺]们?这?是?)$")
_DOOR_BEHIND = re.compile(
    r"\s*(?:第?[\d一二三四五六七八九十]{1,3}\s*(?:号楼|号|栋|幢|#|楼|单元|排)|\d+-\d|[A-Za-z]\d?座)+"
)
_BLANK = "\u25a1"  # keeps positions, belongs to no word

_GENERIC_ESTATE = re.compile(
    r"(?:[我俺咱们这那哪本该全整各每别其他隔壁旁边对面附近老旧新好多几两个半一的里不]|楼下|知道|清楚|晓得|记得|确定|什么|叫啥)*"
    r"(?:小区|家属院|家属区|家属楼|花园|公寓|大院|院里?|村里?|农村|小花园|宿舍)?[里内外]?|城中村|中心花园|(?:封闭|谢谢)小区"
)
_UNKNOWN = re.compile(
    r"(?P<core>[\u4e00-\u9fffA-Za-z0-9]{2,12}?)"
    r"(?P<suffix>小区|家属院|家属区|家属楼|宿舍区|花园|家园|嘉园|佳苑|华庭|庭院|雅居|新村|公寓|号院|苑|村(?![民委里口头长干支医道路东西南北边]))"
    rf"(?!{_SUFFIX})"
)
_UNKNOWN_CUT = re.compile(
    r".*(?:[我俺咱你您他她它们在住是的到去从那这个和跟与了来有说对不啊呢吗吧把给让叫请问哪全各每往离靠下上里为进就代看址停而，]|反映|隔壁|旁边|附近|对面|整|老旧|知道|清楚|晓得|记得|确定|什么|叫啥)"
)
# Suffixes that are ordinary words as well need a clean beginning: 小花园, 农村, 学生公寓.
_SOFT_SUFFIX = frozenset({"花园", "公寓", "村", "苑", "家园", "华庭", "庭院", "雅居"})
_CLEAN_START = re.compile(r"(?:^|[，,。；;！!？?：:\s]|住在?|我们|俺们|咱们?|是|在|到|去)$")
_TOGETHER = re.compile(r"\s*[和跟与、到]\s*")
_AMID = re.compile(r"之间|中间|当中|交界")
_SPOTS = re.compile(
    r"(?:[东西南北正侧]大?门(?:口|外|岗)?(?!诊)|小区大?门口|地下车库|地库|停车场|健身区|活动室|桥头|桥下|凉亭|小广场|垃圾[房站点]|配电[房箱]|车棚)"
)

_HOME = re.compile(
    r"(?:我们|俺们|咱们|我|俺|咱)(?:这儿?个?|那个?|住的|住|自己|的|本)?"
    r"(?P<what>家(?![属长园政具伙电教庭])|屋(?!顶)|单元|(?:这)?栋|楼|小区|院|村)|(?:^|[，,。！!？?；;\s])(?P<inside>家里|家中|屋里|俺屋)"
    r"|(?:^|[，,。！!？?；;\s在])(?P<village>村(?:里|上|口|头|[东西南北](?:头|边|口)))"
)
_HOME_NOT = re.compile(r"(?:的)?(?:孩子|娃|小孩|儿子|闺女|姑娘|狗|猫|车|老公|媳妇|亲戚|店|饭馆)|以前|原来|原先")
_HOME_NEAR = re.compile(
    r"的?(?P<near>楼下|楼上|楼道|楼梯|单元|门口|小区|院|附近|旁边|后面|前面|后边|前边|这栋|那栋|对面|窗户?外|隔壁)"
)
_HOME_LEVEL = {"家": 4, "屋": 4, "单元": 3, "栋": 2, "这栋": 2, "楼": 2, "小区": 1, "院": 1, "村": 1}
_NEAR_LEVEL = {
    **dict.fromkeys(("楼上", "楼道", "楼梯", "单元", "门口", "隔壁"), 3),
    **dict.fromkeys(("楼下", "这栋", "后面", "前面", "后边", "前边", "窗外", "窗户外"), 2),
}


class _Reading:
    """One message, read once."""

    def __init__(
        self,
        directory: Directory,
        names: _Gazetteer,
        text: str,
        *,
        prefer: int | None,
        entities: Mapping[str, Sequence[str]],
        home: Address | None,
    ) -> None:
        self.directory = directory
        self.names = names
        self.text = text
        self.entities = {
            kind: tuple(half_width(value).strip() for value in values) for kind, values in entities.items()
        }
        self.home = home
        self.mentions = [m for m in names.scan(text) if not self._inside_another_name(m)]
        named = next((t.id for m in self.mentions for t in m.of("community") if not m.of("estate")), None)
        self.named_community = named
        self.prefer = named if named is not None else prefer

    def address(self) -> Address:
        """The whole address, ids looked up."""
        estates = self._estate_mentions()
        here = [m for m in estates if not self._aside(m)]
        chosen = self._chosen([m for m in here if not _WITHDRAWN.search(_before(self.text, m.start))])
        address = self._estate(chosen)
        doors = self._doors(estates, here, address)
        if doors.building.endswith("排") and not address.estate and not address.maybe:
            address = self._only_village_estate()
        address = replace(address, building=doors.building, unit=doors.unit, room=doors.room)
        address = self._with_home(address)
        address = self._with_place(address, doors, chosen)
        if address.community_id is None and self.named_community is not None:
            address = replace(address, community_id=self.named_community)
        return self.directory.settle(address)

    # ---- estates

    def _inside_another_name(self, mention: _Mention) -> bool:
        """新富邦小区, 富邦花园, 园林局, or an everyday word that nothing marks as a name."""
        before, after = _before(self.text, mention.start), _after(self.text, mention.end)
        estates = mention.of("estate")
        if not estates or mention.words == self.text.strip():
            return False
        if re.search(r"(?:^|[在住是到，,。\s])[新东西南北前后大小]$", before) or _CUT_NUMBER.search(
            before + mention.words[0]
        ):
            return True
        if _STRIP_SUFFIX.search(mention.words) or (estates[0].rank == 0 and len(mention.words) > 3):
            return False
        return bool(_OTHER_THING.match(after)) or (
            self._everyday(mention) and not self._marked_as_name(mention, before, after)
        )

    def _everyday(self, mention: _Mention) -> bool:
        registered = mention.of("estate")[0].rank == 0
        return bool(_EVERYDAY.fullmatch(mention.words) or (not registered and _OFFICE.search(mention.words)))

    def _marked_as_name(self, mention: _Mention, before: str, after: str) -> bool:
        if any(mention.words in value for value in self.entities.get("estate", ())):
            return True
        return bool(_STRONG_AFTER.match(after)) and (bool(_STRONG_BEFORE.search(before)) or after[:1].isdigit())

    def _estate_mentions(self) -> list[_Mention]:
        known = [m for m in self.mentions if m.of("estate")]
        known += [m for m in self._heard_before_doors() if not any(m.overlaps(k) for k in known)]
        for value in self.entities.get("estate", ()):
            known = self._with_entity(known, value)
        if not known:
            known = list(self._unknown_estates())
        return sorted(known, key=lambda mention: mention.start)

    def _heard_before_doors(self) -> Iterator[_Mention]:
        """富帮3号楼: a short form that only sounds right counts directly before a door."""
        for door in _DOOR_BEHIND.finditer(self.text):
            for length in (4, 3, 2):
                start = door.start() - length
                words = self.text[max(start, 0) : door.start()]
                if start < 0 or not all("\u4e00" <= char <= "\u9fff" for char in words):
                    continue
                if self.names.resolve(words, exact=True):
                    break  # the text search has seen it, and may have had a reason to pass it by
                if targets := self.names.resolve(words):
                    yield _Mention(start, door.start(), words, targets)
                    break

    def _with_entity(self, known: list[_Mention], value: str) -> list[_Mention]:
        """The NLU's estate: names what the text search missed, and corrects it where it cut a longer name short."""
        start = self.text.find(value)
        if not value or start < 0 or _GENERIC_ESTATE.fullmatch(value):
            return known
        mention = _Mention(start, start + len(value), value)
        within = [m for m in known if m.overlaps(mention)]
        if within:
            inner = within[0]
            prefix = self.text[start : inner.start]
            if len(prefix) == 1 and prefix in _DISTINGUISHING:
                return [m for m in known if m is not inner] + [mention]
            return known
        targets = self.names.resolve(_UNKNOWN_CUT.sub("", value) or value)
        return [*known, replace(mention, targets=targets)]

    def _unknown_estates(self) -> Iterator[_Mention]:
        for match in _UNKNOWN.finditer(self.text):
            core = _UNKNOWN_CUT.sub("", match["core"])
            words = core + match["suffix"]
            start = match.end() - len(words)
            if len(core) < (1 if match["suffix"] == "号院" else 2) or _GENERIC_ESTATE.fullmatch(words):
                continue
            if match["suffix"] in _SOFT_SUFFIX and not _CLEAN_START.search(_before(self.text, start)):
                continue
            if any(m.of("community") and m.start <= start < m.end for m in self.mentions):
                continue
            yield _Mention(start, match.end(), words, self.names.resolve(words))

    def _aside(self, mention: _Mention) -> bool:
        before, after = _before(self.text, mention.start), _after(self.text, mention.end)
        if _ASIDE_BEFORE.search(before) or _ASIDE_AFTER.match(after):
            return True
        return bool(_COMPARED[0].search(before) and _COMPARED[1].match(after))

    def _chosen(self, mentions: list[_Mention]) -> _Mention | None:
        if not mentions:
            return None
        first, last = mentions[0], mentions[-1]
        if last is not first and _CORRECTED.search(self.text[first.end : last.start]):
            return last
        for mark in (self._mine, self._has_door):
            marked = [m for m in mentions if mark(m)]
            if marked:
                return marked[0]
        return first

    def _mine(self, mention: _Mention) -> bool:
        return bool(_MINE_BEFORE.search(_before(self.text, mention.start)))

    def _has_door(self, mention: _Mention) -> bool:
        return bool(_DOOR_BEHIND.match(self.text, mention.end))

    def _estate(self, mention: _Mention | None) -> Address:
        if mention is None:
            return Address()
        targets = mention.of("estate")
        if not targets:
            return Address(estate=_trimmed(mention.words))
        best = [t for t in targets if t.rank == min(other.rank for other in targets)]
        near = [t for t in best if t.community_id == self.prefer]
        best = near or best
        if len(best) == 1:
            card = self.directory.estate(best[0].id)
            return Address(estate_id=card.id, estate=card.name, grid_id=card.grid_id, community_id=card.community_id)
        return Address(estate=mention.words, maybe=tuple(self._distinct(t) for t in best))

    def _distinct(self, target: _Target) -> str:
        """A name that locates this estate and no other, for a button."""
        card = self.directory.estate(target.id)
        alike = [t for t in self.names.resolve(card.name, exact=True) if t.rank == 0]
        return card.name if len(alike) == 1 else f"{self.directory.community(card.community_id).name}{card.name}"

    # ---- doors

    def _doors(self, estates: list[_Mention], here: list[_Mention], address: Address) -> Doors:
        text = self.text
        for mention in estates:
            withdrawn = _WITHDRAWN.search(_before(self.text, mention.start))
            if mention not in here or withdrawn:
                behind = _DOOR_BEHIND.match(text, mention.end)
                end = behind.end() if behind else mention.end
                text = text[: mention.start] + _BLANK * (end - mention.start) + text[end:]
        doors = find_doors(text, estates=tuple((m.start, m.end) for m in here), rows=self._rows(address))
        return self._with_door_entities(doors)

    def _rows(self, address: Address) -> bool:
        community = address.community_id if address.community_id is not None else self.prefer
        if address.estate and address.community_id is None:
            return False
        return community is not None and self.directory.community(community).kind == VILLAGE

    def _only_village_estate(self) -> Address:
        """Rows are counted within a village; where it is the only one, its name goes without saying."""
        estates = self.directory.estates_of(self.prefer) if self.prefer is not None else ()
        return self.directory.address_of(estates[0].id) if len(estates) == 1 else Address()

    def _with_door_entities(self, doors: Doors) -> Doors:
        """What the NLU saw and the spellings did not: 东楼, or a bare number it had reason to trust."""
        building, unit, room = doors.building, doors.unit, doors.room
        if doors.between:
            return doors
        for value in self.entities.get("building", ()):
            if re.fullmatch(r"[\d一二三四五六七八九十]+[楼层]", value):
                room = room or room_number(value)
            elif not building and not _is_aside(self.text, value):
                building = building_number(value) or _short(value)
        for value in self.entities.get("unit", ()):
            unit = unit or unit_number(value) or _short(value)
        for value in self.entities.get("room", ()):
            room = room or room_number(value) or _short(value)
        return replace(doors, building=building, unit=unit, room=room)

    # ---- home

    def _with_home(self, address: Address) -> Address:
        level = self._home_level()
        home = self.home
        if not level or home is None or address.maybe:
            return address
        if address.estate and (address.estate_id, address.estate) != (home.estate_id, home.estate):
            return address
        told = address
        address = replace(home.of_estate(), building=told.building, unit=told.unit, room=told.room)
        if level >= 2 and told.building in ("", home.building):
            address = replace(address, building=home.building)
            if level >= 3 and told.unit in ("", home.unit):
                address = replace(address, unit=home.unit)
                if level >= 4 and not told.room:
                    address = replace(address, room=home.room)
        return address

    def _home_level(self) -> int:
        """How much of the home the words mean: 4 the door (我家), 3 the entrance, 2 the building, 1 the estate."""
        best = 0
        for match in _HOME.finditer(self.text):
            after = self.text[match.end() :]
            if match["village"]:
                best = max(best, 1 if self._lives_in_a_village() else 0)
                continue
            if match["inside"]:
                best = max(best, 4)
                continue
            if match["what"] == "家" and _HOME_NOT.match(after):
                continue
            near = _HOME_NEAR.match(after) if match["what"] in ("家", "屋") else None
            if match["what"] == "楼":
                best = max(best, 3 if after.startswith(("上", "道", "梯")) else 2)
            else:
                best = max(best, _NEAR_LEVEL.get(near["near"], 1) if near else _HOME_LEVEL[match["what"]])
        return best

    def _lives_in_a_village(self) -> bool:
        at = self.home.community_id if self.home is not None else None
        return at is not None and self.directory.community(at).kind == VILLAGE

    # ---- spots

    def _with_place(self, address: Address, doors: Doors, chosen: _Mention | None) -> Address:
        landmark, mention = self._landmark(address)
        words = [part for part in (doors.between, self._between_estates()) if part]
        for value in self._place_entities(chosen):
            if not any(value in word or word in value for word in words):
                words.append(value)
        if mention and not any(mention.words in word for word in words):
            words.append(mention.words)
        if not words and (spot := _SPOTS.search(self.text)):
            words.append(spot[0])
        address = replace(address, place="、".join(words))
        if landmark is None:
            return address
        if address.estate_id is None and (address.maybe or (address.estate and not landmark.proper)):
            return address  # 河边 of an estate that nobody knows may be another river
        return replace(address, landmark_id=landmark.id)

    def _between_estates(self) -> str:
        """富邦小区和水泉小区中间 is a spot; the first of the two takes it."""
        named = [mention for mention in self.mentions if mention.of("estate")]
        for left, right in pairwise(named):
            amid = _AMID.match(self.text, right.end)
            if amid and _TOGETHER.fullmatch(self.text, left.end, right.start):
                return self.text[left.start : amid.end()]
        return ""

    def _place_entities(self, chosen: _Mention | None) -> Iterator[str]:
        for value in self.entities.get("place", ()):
            if not value or (chosen and value in chosen.words) or _is_aside(self.text, value):
                continue
            yield value

    def _landmark(self, address: Address) -> tuple[_Target | None, _Mention | None]:
        community = address.community_id if address.community_id is not None else self.prefer
        found: list[tuple[_Target, _Mention]] = []
        named = [
            mention
            for mention in self.mentions
            if mention.of("landmark") and not mention.of("estate") and not self._aside(mention)
            if not _WITHDRAWN.search(_before(self.text, mention.start))
        ]
        for mention in named:
            for target in mention.of("landmark"):
                near = target.community_id == community
                if near or (target.proper and address.community_id is None):
                    found.append((target, mention))
        if not found:
            return None, named[0] if named else None  # 河边 of nobody knows which river: the words are kept
        return max(found, key=lambda pair: (pair[0].community_id == community, len(pair[1].words), -pair[1].start))


def _is_aside(text: str, value: str) -> bool:
    start = text.find(value)
    before, after = _before(text, start), _after(text, start + len(value))
    return start >= 0 and bool(_ASIDE_BEFORE.search(before) or _ASIDE_AFTER.match(after))


def _before(text: str, start: int) -> str:
    """The words just before; more would make long messages slow and tell nothing."""
    return text[max(0, start - 16) : max(0, start)]


def _after(text: str, end: int) -> str:
    return text[end : end + 32]


def _short(words: str) -> str:
    return words if len(words) <= 8 else ""


def _trimmed(words: str) -> str:
    """The resident's words for an estate, without what only leads to it."""
    return re.sub(r"^(?:[我俺咱]们?)?(?:家|就|是|住|在|这个|那个|的)*", "", words)[:80] or words[:80]
