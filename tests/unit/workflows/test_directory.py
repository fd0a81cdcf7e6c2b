"""Which place a message names, read against the demo directory by hand-written sentences."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from workflows.directory import (
    LONGEST,
    CommunityCard,
    Directory,
    EstateCard,
    GridCard,
    NotInDirectory,
)
from workflows.directory_file import CATEGORIES, import_file
from workflows.models import Base
from workflows.policy.places import Address

DEMO = Path(__file__).parents[3] / "workflows" / "demo" / "hohhot.yml"
NOW = datetime(2026, 11, 2, 1, tzinfo=UTC)


async def _load() -> Directory:
    engine = create_async_engine("sqlite+aiosqlite://")
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        async with AsyncSession(engine) as session:
            await import_file(session, DEMO, NOW)
            return await Directory.load(session)
    finally:
        await engine.dispose()


@pytest.fixture(scope="module")
def directory() -> Directory:
    with asyncio.Runner() as runner:
        return runner.run(_load())


def _community(directory: Directory, code: str) -> int | None:
    return next((card.id for card in directory.communities if card.code == code), None)


def _estate(directory: Directory, name: str) -> EstateCard:
    estates = [e for c in directory.communities for e in directory.estates_of(c.id) if e.name == name]
    assert len(estates) == 1
    return estates[0]


def _home(directory: Directory, code: str) -> Address | None:
    homes = {
        "TD": ("富邦小区", "3", "2", "502"),
        "SQ": ("园林小区", "3", "2", "402"),
        "QM": ("前毛道村", "5排", "", "3号"),
    }
    if code not in homes:
        return None
    estate, building, unit, room = homes[code]
    return directory.address_of(_estate(directory, estate).id, building, unit, room)


# community of the chat | what is said | estate (? = not in the directory) | building | unit | room | place | grid
SENTENCES = """
TD|富邦小区3号楼2单元602|富邦小区|3|2|602||第一网格
TD|富邦7号楼3单元的灯坏了|富邦小区|7|3|||第一网格
TD|富邦3号停水了|富邦小区|3||||第一网格
TD|富邦 3 号楼没水了|富邦小区|3||||第一网格
TD|富邦5-1-301跑水|富邦小区|5|1|301||第一网格
TD|富邦小区三楼栋二门|富邦小区|3|2|||第一网格
TD|15500001234 富邦6#|富邦小区|6||||第一网格
TD|我在富邦住，6号楼4单元|富邦小区|6|4|||第一网格
TD|富邦|富邦小区|||||第一网格
TD|富邦门口堆的都是垃圾|富邦小区|||||第一网格
TD|富邦物业不管事|富邦小区|||||第一网格
TD|富邦小区西门口的消防通道|富邦小区||||西门口|第一网格
TD|富邦小区5号楼住的是我妈|富邦小区|5||||第一网格
TD|富邦小区2026年3月停的气|富邦小区|||||第一网格
TD|富邦小区二期6号楼|富邦小区|6||||第一网格
TD|富帮小区3号楼|富邦小区|3||||第一网格
TD|富帮3号楼没电|富邦小区|3||||第一网格
TD|付邦小区蚊子太多|富邦小区|||||第一网格
TD|富邦小去的路灯|富邦小区|||||第一网格
TD|富班小区井盖|富邦小区|||||第一网格
TD|毛纺场家属院3号楼|毛纺厂家属院|3||||第四网格
TD|富丽小区3号楼路灯不亮|富丽小区?|3||||
TD|富邦花园3号楼|富邦花园?|3||||
TD|新富邦小区5号楼|新富邦小区?|5||||
TD|富邦超市门口有人吵架||||||
TD|住在西苑新村2号楼|西苑新村?|2||||
TD|我们这儿是锦绣家园|锦绣家园?|||||
TD|锡林北路10号院没人扫雪|锡林北路10号院?|||||
TD|水泉3栋201漏水|水泉小区|3||201||第三网格
TD|水泉小区3号楼一单元|水泉小区|3|1|||第三网格
TD|光明里2栋3单元401|光明里小区|2|3|401||第五网格
TD|河畔家园B座1203|河畔家园|B||1203||第二网格
TD|河畔家园A栋电梯|河畔家园|A||||第二网格
TD|通道北街12号院2号楼|通道北街12号院|2||||第五网格
TD|电力家属院楼道灯|电力家属院|||||第六网格
TD|电力公司的人说不归他们管||||||
TD|上次在水泉小区住的时候就没这样||||||
TD|人家水泉小区都修了我们富邦小区为啥不修|富邦小区|||||第一网格
TD|像水泉小区那样弄个棚子||||||
TD|跟水泉小区一样没暖气||||||
TD|刚从水泉小区搬过来，富邦小区2号楼没暖气|富邦小区|2||||第一网格
TD|我以前住水泉小区现在住富邦|富邦小区|||||第一网格
TD|水泉小区的亲戚来富邦小区停车被贴条|富邦小区|||||第一网格
TD|不是富邦小区，是水泉小区|水泉小区|||||第三网格
TD|富邦小区3号楼，不对，是5号楼|富邦小区|5||||第一网格
TD|不对，是水泉小区2号楼|水泉小区|2||||第三网格
TD|富邦3号楼和5号楼之间的路灯不亮|富邦小区||||3号楼和5号楼之间|第一网格
TD|富邦小区和水泉小区中间那条路|富邦小区||||富邦小区和水泉小区中间|第一网格
TD|1-3号楼都停水||||||
TD|河边蚊子太多|||||河边|第一网格
TD|大坝底下有人倒垃圾|||||大坝|第一网格
TD|早市那块儿占道|||||早市|第五网格
TD|新华西街十字路口红绿灯坏了|||||新华西街十字路口|第六网格
TD|离富邦小区不远的三小门口|||||三小门口|第三网格
TD|光明小学门口堵车||||||
TD|我家暖气不热|富邦小区|3|2|502||第一网格
TD|俺家水管爆了|富邦小区|3|2|502||第一网格
TD|家里一股臭味|富邦小区|3|2|502||第一网格
TD|我们楼道灯坏了|富邦小区|3|2|||第一网格
TD|我们单元门禁坏了|富邦小区|3|2|||第一网格
TD|我家楼下垃圾没人倒|富邦小区|3||||第一网格
TD|我家对面那栋楼放炮|富邦小区|||||第一网格
TD|我们小区没有路灯|富邦小区|||||第一网格
TD|我们小区5号楼没电|富邦小区|5||||第一网格
TD|我们院里没人扫|富邦小区|||||第一网格
TD|我妈家暖气不热||||||
TD|我家孩子在学校被打||||||
TD|我家在水泉小区2号楼|水泉小区|2||||第三网格
TD|暖气不热||||||
TD|隔壁小区烧烤||||||
TD|老小区没电梯||||||
TD|5号线什么时候通||||||
TD|我打12345没人理||||||
TD|80岁老人住6楼||||6楼||
TD|80岁老人爬6楼||||||
TD|一楼热得穿背心六楼冻得穿棉袄||||||
TD|我家三楼漏水|富邦小区|3|2|3楼||第一网格
TD|3号晚上停电了||||||
TD|11月24号晚上8点30分3号楼停电||3||||
TD|电话15500001234||||||
TD|3-2-602||3|2|602||
TD|三杠二杠六零二||3|2|602||
TD|五号楼二单元五零二||5|2|502||
TD|一共3栋楼都没水||||||
SQ|园林小去3号楼面包砖碎了|园林小区|3||||第一网格
SQ|圆林小区3#2单元|园林小区|3|2|||第一网格
SQ|园林3号楼|园林小区|3||||第一网格
SQ|园林局什么时候来剪树||||||
SQ|园林工人剪的树枝没人拉||||||
SQ|锡林南苑8号楼|锡林南苑|8||||第四网格
SQ|锡林南苑2号楼|锡林南苑|2||||第三网格
SQ|南苑小区8号楼顶上漏雨|锡林南苑|8||||第四网格
SQ|仕奇花园2-3-501|仕奇花园|2|3|501||第九网格
SQ|桥华巷8号院下水堵了|桥华巷8号院|||||第九网格
SQ|8号院没人扫|桥华巷8号院|||||第九网格
SQ|18号院没人扫|18号院?|||||
SQ|粮食局家属院1号楼|粮食局宿舍|1||||第五网格
SQ|建筑公司施工太吵||||||
SQ|建筑公司家属院3栋1单元|建筑公司家属院|3|1|||第六网格
SQ|仕奇公园里狗乱跑|||||仕奇公园|第二网格
SQ|富邦小区的河边有蚊子|富邦小区||||河边|第一网格
SQ|河边蚊子太多|||||河边|
SQ|扎达盖河边蚊子太多|||||扎达盖河边|第一网格
SQ|扎达该河蚊子太多|||||扎达该河|第一网格
-|河边蚊子太多|||||河边|
-|扎达盖河边蚊子太多|||||扎达盖河边|第一网格
QM|3排5号门口的水渠堵了|前毛道村|3排||5号|水渠|第一网格
QM|前毛道三排5号|前毛道村|3排||5号||第一网格
QM|前毛道村8排1号没水|前毛道村|8排||1号||第三网格
QM|前毛道村23号|前毛道村|||23号||第二网格
QM|我家自来水没了|前毛道村|5排||3号||第二网格
QM|我们村的路灯|前毛道村|||||第二网格
QM|后毛道村有人偷水|后毛道村?|||||
QM|三排的路灯||||||
"""


def _cases() -> list[list[str]]:
    return [line.split("|") for line in SENTENCES.strip().splitlines()]


@pytest.mark.parametrize(("code", "text", "estate", "building", "unit", "room", "place", "grid"), _cases())
def test_a_sentence_leads_to_its_place(
    directory: Directory,
    code: str,
    text: str,
    estate: str,
    building: str,
    unit: str,
    room: str,
    place: str,
    grid: str,
) -> None:
    found = directory.locate(text, prefer_community=_community(directory, code), home=_home(directory, code))
    known = found.estate + ("?" if found.estate and found.estate_id is None else "")
    said = (known, found.building, found.unit, found.room)
    assert said == (estate, building, unit, room)
    if place:
        assert found.place == place
    assert (directory.grid(found.grid_id).name if found.grid_id is not None else "") == grid


def test_the_readers_entities_name_what_the_text_search_cannot_know(directory: Directory) -> None:
    td = _community(directory, "TD")
    found = directory.locate("阳光花苑的路灯又灭了", prefer_community=td, entities={"estate": ["阳光花苑"]})
    assert (found.estate, found.estate_id, found.routable) == ("阳光花苑", None, False)
    found = directory.locate("富帮那边没水", prefer_community=td, entities={"estate": ["富帮"]})
    assert found.estate == "富邦小区"
    found = directory.locate("东楼没电", prefer_community=td, entities={"building": ["东楼"]})
    assert found.building == "东楼"
    found = directory.locate("河边那片林子全是蚊子", prefer_community=td, entities={"place": ["河边那片林子"]})
    assert (found.place, found.landmark_id is not None) == ("河边那片林子", True)
    found = directory.locate("富邦小区北门的灯", prefer_community=td, entities={"place": ["北门"]})
    assert (found.estate, found.place) == ("富邦小区", "北门")
    found = directory.locate("6楼漏水", prefer_community=td, entities={"building": ["6楼"]})
    assert (found.building, found.room) == ("", "6楼")


def test_the_readers_generic_estates_name_none(directory: Directory) -> None:
    td = _community(directory, "TD")
    for words in ("小区", "我们小区", "这个小区", "院里", "村里", "这个" * 60):
        assert not directory.locate(f"{words}没人扫", prefer_community=td, entities={"estate": [words]}).estate


def test_an_entity_that_the_text_does_not_hold_is_not_believed(directory: Directory) -> None:
    assert not directory.locate("灯坏了", prefer_community=None, entities={"estate": ["富邦小区"]}).estate


def test_a_short_form_of_two_estates_is_asked_not_guessed(directory: Directory) -> None:
    sq = _community(directory, "SQ")
    doubt = directory.locate("仕奇2号楼没水", prefer_community=sq)
    assert set(doubt.maybe) == {"仕奇小区", "仕奇花园"}
    assert not doubt.routable
    answer = directory.locate(doubt.maybe[0], prefer_community=sq)
    assert directory.refine(doubt, answer).sentence() == f"{doubt.maybe[0]}2号楼"


def test_an_estate_of_another_community_is_found_and_of_two_the_nearer_one() -> None:
    directory = Directory(
        communities=[CommunityCard(n, f"第{n}社区", f"C{n}", "city", "", "") for n in (1, 2, 3)],
        grids=[GridCard(n, n, "第一网格", None) for n in (1, 2, 3)],
        estates=[EstateCard(n, n, n, None, "电力家属院", (), "") for n in (1, 2)],
    )
    assert directory.locate("电力家属院停水", prefer_community=2).estate_id == 2
    doubt = directory.locate("电力家属院停水", prefer_community=3)
    assert doubt.maybe == ("第1社区电力家属院", "第2社区电力家属院")
    assert directory.locate(doubt.maybe[1], prefer_community=3).estate_id == 2
    assert directory.locate("第1社区电力家属院停水", prefer_community=2).estate_id == 1


def test_long_names_may_lack_a_character_but_not_change_one() -> None:
    directory = Directory(
        communities=[CommunityCard(1, "一社区", "A", "city", "", "")],
        grids=[GridCard(1, 1, "第一网格", None)],
        estates=[
            EstateCard(1, 1, 1, None, "建筑设计院家属院", (), ""),
            EstateCard(2, 1, 1, None, "林业厅家属院", (), ""),
        ],
    )
    assert directory.locate("建筑设院家属院没水", prefer_community=1).estate_id == 1
    assert directory.locate("农业厅家属院没水", prefer_community=1).estate_id is None
    assert directory.locate("农业厅家属院没水", prefer_community=1).estate == "农业厅家属院"
    assert directory.locate("东林业厅家属院没水", prefer_community=1).estate_id is None


def test_a_correction_refines_the_address_and_its_grid(directory: Directory) -> None:
    sq = _community(directory, "SQ")
    old = directory.locate("锡林南苑2号楼3单元", prefer_community=sq)
    new = directory.refine(old, directory.locate("不对，是8号楼", prefer_community=sq))
    assert (new.estate, new.building, new.unit) == ("锡林南苑", "8", "")
    assert new.grid_id is not None
    assert directory.grid(new.grid_id).name == "第四网格"


def test_a_building_that_is_not_registered_keeps_the_estates_grid(directory: Directory) -> None:
    found = directory.locate("富邦小区99号楼", prefer_community=None)
    assert (found.building, found.building_id, found.routable) == ("99", None, True)


def test_a_pasted_novel_is_searched_only_at_its_beginning(directory: Directory) -> None:
    words = "，物业说来一直没来"
    assert directory.locate("富邦小区3号楼" + words * 1000, prefer_community=None).building == "3"
    behind = words * (LONGEST // len(words) + 1)
    assert not directory.locate(f"{behind}富邦小区3号楼", prefer_community=None).known_to_resident


def test_a_community_alone_is_known_but_not_routable(directory: Directory) -> None:
    found = directory.locate("仕奇社区有没有人管", prefer_community=_community(directory, "TD"))
    assert (found.community_id, found.routable, found.estate) == (_community(directory, "SQ"), False, "")


@pytest.mark.parametrize("text", ["", " ", "？！", "😀😀", "这个" * 2000, "1-" * 2000, "3号楼" * 1000, "小区" * 2000])
def test_odd_messages_are_read_without_harm(directory: Directory, text: str) -> None:
    directory.locate(text, prefer_community=None, entities={"estate": [text[:300]], "place": [""]})


def test_an_estate_leads_to_its_company_its_branch_and_its_community(directory: Directory) -> None:
    estate = _estate(directory, "富邦小区")
    company = directory.property_of(estate.id)
    branch = directory.branch_of(estate.grid_id)
    committee = directory.community_unit(estate.community_id)
    assert company is not None
    assert branch is not None
    assert committee is not None
    assert directory.unit(company).name == "富邦物业服务有限公司"
    assert directory.unit(branch).kind == "grid_branch"
    assert directory.unit(committee).name == "通道北街社区党委"
    assert directory.property_of(_estate(directory, "河畔家园").id) == company
    assert directory.property_of(_estate(directory, "通道北街12号院").id) is None
    building = directory.building(estate.id, "三号楼")
    assert building is not None
    assert building.number == "3"
    assert directory.building(estate.id, "99") is None


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("水务局", "呼和浩特市水务局"),
        ("住建局", "回民区住房和城乡建设局"),
        ("城管局", "回民区城市管理综合执法局"),
        ("卫健委", "回民区卫生健康委员会"),
        ("人社局", "回民区人力资源和社会保障局"),
        ("市场监管局", "回民区市场监督管理局"),
        ("公安", "呼和浩特市公安局回民区分局新华西路派出所"),
        ("交管", "呼和浩特市交通管理支队"),
        ("市政", "呼和浩特市市政设施管护中心"),
        ("热力", "呼和浩特市热力公司"),
        ("供水", "呼和浩特市供水公司"),
        ("供电", "呼和浩特供电公司"),
        ("燃气", "呼和浩特市燃气公司"),
        ("消防", "回民区消防救援大队"),
        ("通信", "呼和浩特市通信管理办公室"),
        ("医院", "呼和浩特市中医蒙医医院"),
        ("民政局", "回民区民政局"),
        ("农业农村局", "回民区农业农村局"),
        ("园林局", "呼和浩特市园林局"),
        ("生态环境局", "呼和浩特市生态环境局回民区分局"),
    ],
)
def test_a_department_is_found_by_what_people_call_it(directory: Directory, said: str, name: str) -> None:
    td = _community(directory, "TD")
    assert td is not None
    found = directory.department(td, said)
    assert found is not None
    assert found.name == name


def test_a_department_that_does_not_exist_is_not_made_up(directory: Directory) -> None:
    td = _community(directory, "TD")
    assert td is not None
    assert directory.department(td, "航天局") is None
    assert directory.department(td, " ") is None


def test_every_category_has_a_department_in_every_community(directory: Directory) -> None:
    for community in directory.communities:
        missing = [category for category in CATEGORIES if not directory.departments_for(community.id, category)]
        assert missing == [], community.name


def test_an_id_of_another_snapshot_is_named(directory: Directory) -> None:
    with pytest.raises(NotInDirectory, match="no unit 987654"):
        directory.unit(987654)
