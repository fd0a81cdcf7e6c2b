"""Addresses as people spell them, and what a later message makes of an earlier one."""

import pytest

from workflows.policy.places import (
    Address,
    arabic,
    building_number,
    door_triple,
    find_doors,
    merge,
    room_number,
    unit_number,
)


@pytest.mark.parametrize(
    ("said", "number"),
    [("三", "3"), ("十", "10"), ("十二", "12"), ("二十", "20"), ("一百零二", "102"), ("六零二", "602"), ("幺零三", "103"),
     ("０３", "3"), ("12", "12"), ("壹", "1"), ("", ""), ("蓝", "")],
)  # fmt: skip
def test_numerals_become_digits(said: str, number: str) -> None:
    assert arabic(said) == number


@pytest.mark.parametrize(
    ("said", "number"),
    [("3号楼", "3"), ("三号楼", "3"), ("十二栋", "12"), ("7#", "7"), ("7#楼", "7"), ("B座", "B"), ("a1栋", "A1"),
     ("3", "3"), ("３ 号 楼", "3"), ("三楼栋", "3"), ("第三栋", "3"), ("3幢", "3"), ("3号搂", "3"), ("三排", "3排"),
     ("第3排", "3排"), ("东楼", ""), ("楼下", ""), ("", "")],
)  # fmt: skip
def test_a_building_is_known_in_every_spelling(said: str, number: str) -> None:
    assert building_number(said) == number


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("二单元", "2"),
        ("2单元", "2"),
        ("第一单元", "1"),
        ("二门", "2"),
        ("3门洞", "3"),
        ("2单员", "2"),
        ("2", "2"),
        ("单元", ""),
    ],
)
def test_a_unit_is_known_in_every_spelling(said: str, number: str) -> None:
    assert unit_number(said) == number


@pytest.mark.parametrize(
    ("said", "number"),
    [("602室", "602"), ("602", "602"), ("六零二", "602"), ("六楼东户", "6楼东户"), ("6层", "6楼"), ("东户", "东户"),
     ("顶楼西户", "顶楼西户"), ("负一层", "负1楼"), ("６０２", "602"), ("屋里", "")],
)  # fmt: skip
def test_a_room_is_known_in_every_spelling(said: str, number: str) -> None:
    assert room_number(said) == number


def test_a_triple_is_building_unit_and_room() -> None:
    assert door_triple("3-2-602") == ("3", "2", "602")
    assert door_triple("三杠二杠六零二") == ("3", "2", "602")
    assert door_triple("2026-11-24") is None


@pytest.mark.parametrize(
    ("text", "building", "unit", "room"),
    [
        ("3号楼2单元602", "3", "2", "602"),
        ("三号楼二单元六零二漏水", "3", "2", "602"),
        ("3栋一单元301室", "3", "1", "301"),
        ("5#3单元", "5", "3", ""),
        ("3楼2单元没水", "3", "2", ""),
        ("3号2单元没水", "3", "2", ""),
        ("三楼栋二门", "3", "2", ""),
        ("3-2-602", "3", "2", "602"),
        ("12-1503的水管", "12", "", "1503"),
        ("3号楼2-602", "3", "2", "602"),
        ("B座1203", "B", "", "1203"),
        ("５号楼４单元", "5", "4", ""),
        ("5号楼4单元六楼东户", "5", "4", "6楼东户"),
        ("2单元502", "", "2", "502"),
        ("302室漏水", "", "", "302"),
        ("602", "", "", "602"),
        ("我6楼漏水", "", "", "6楼"),
        ("3号楼，不对，是5号楼", "5", "", ""),
        ("不是3号楼是5号楼", "5", "", ""),
        ("下午3点5号楼停电", "5", "", ""),
    ],
)
def test_doors_are_found_in_a_message(text: str, building: str, unit: str, room: str) -> None:
    doors = find_doors(text)
    assert (doors.building, doors.unit, doors.room) == (building, unit, room)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24停水",
        "11月24号停电",
        "3号晚上停电",
        "80岁老人摔了",
        "打12345没人管",
        "5号线什么时候通",
        "电话0471-5550123",
        "手机15500001234",
        "一楼到六楼的灯都不亮",
        "三栋楼都没暖气",
        "两栋楼之间",
        "这一栋的人",
        "每单元都堵",
        "加盖了三层",
        "上门诊看病",
        "8-10点没水",
        "跑了120",
        "三排垃圾桶",
        "3.5米高",
    ],
)
def test_numbers_that_are_no_door_stay_what_they_are(text: str) -> None:
    assert not find_doors(text)


def test_a_spot_between_two_buildings_is_in_neither() -> None:
    doors = find_doors("3号楼和5号楼之间的路灯")
    assert (doors.building, doors.between) == ("", "3号楼和5号楼之间")
    assert find_doors("1-3号楼都停水").between == "1-3号楼"


def test_in_a_village_houses_stand_in_rows() -> None:
    doors = find_doors("三排5号门口", rows=True)
    assert (doors.building, doors.room) == ("3排", "5号")
    assert not find_doors("三排5号门口")


HERE = Address(
    estate_id=1, estate="富邦小区", building_id=9, building="3", unit="2", room="602", grid_id=4, community_id=2
)


def test_an_address_reads_as_one_would_write_it() -> None:
    assert (
        Address(estate="园林小区", building="3", unit="2", room="602", place="河边").sentence()
        == "园林小区3号楼2单元602，河边"
    )
    assert Address(estate="河畔家园", building="B", room="1203").sentence() == "河畔家园B座1203"
    assert Address(estate="前毛道村", building="3排", room="5号").sentence() == "前毛道村3排5号"
    assert Address(place="河边").sentence() == "河边"
    assert Address().sentence() == ""


def test_an_address_is_routable_when_its_grid_is_known() -> None:
    assert HERE.routable
    assert not Address(estate="富丽小区").routable
    assert Address(estate="富丽小区").known_to_resident
    assert Address(maybe=("仕奇小区", "仕奇花园")).known_to_resident
    assert not Address(community_id=1).known_to_resident


def test_a_later_bubble_adds_what_was_missing() -> None:
    merged = merge(Address(estate_id=1, estate="富邦小区", grid_id=4, community_id=2), Address(building="3", unit="2"))
    assert (merged.estate, merged.building, merged.unit, merged.grid_id) == ("富邦小区", "3", "2", 4)
    assert merge(merged, Address(room="602")).room == "602"
    assert merge(merged, Address(place="东门口")).place == "东门口"


def test_a_new_building_drops_the_old_door() -> None:
    merged = merge(HERE, Address(building="5"))
    assert (merged.building, merged.building_id, merged.unit, merged.room) == ("5", None, "", "")
    assert merge(HERE, Address(building="5", room="101")).room == "101"


def test_a_new_unit_drops_the_old_room_only() -> None:
    merged = merge(HERE, Address(unit="1"))
    assert (merged.building, merged.unit, merged.room) == ("3", "1", "")


def test_a_new_estate_drops_the_whole_door() -> None:
    merged = merge(HERE, Address(estate_id=7, estate="园林小区", grid_id=1, community_id=1))
    assert merged == Address(estate_id=7, estate="园林小区", grid_id=1, community_id=1)


def test_an_unknown_estate_does_not_inherit_the_grid() -> None:
    merged = merge(HERE, Address(estate="富丽小区", building="8"))
    assert (merged.estate, merged.building, merged.grid_id) == ("富丽小区", "8", None)


def test_repeating_the_same_estate_keeps_the_door() -> None:
    assert merge(HERE, Address(estate_id=1, estate="富邦小区", grid_id=4, community_id=2)) == HERE


def test_an_answer_ends_the_doubt() -> None:
    doubt = Address(estate="仕奇", building="2", maybe=("仕奇小区", "仕奇花园"))
    merged = merge(doubt, Address(estate_id=3, estate="仕奇花园", grid_id=9, community_id=1))
    assert (merged.estate, merged.building, merged.maybe) == ("仕奇花园", "2", ())


def test_the_estate_may_come_after_the_door() -> None:
    merged = merge(
        Address(building="3", unit="2", place="东门口"),
        Address(estate_id=1, estate="富邦小区", grid_id=4, community_id=2),
    )
    assert (merged.estate, merged.building, merged.unit, merged.place, merged.grid_id) == (
        "富邦小区",
        "3",
        "2",
        "东门口",
        4,
    )


def test_a_landmark_gives_a_grid_where_there_is_none() -> None:
    merged = merge(Address(building="3"), Address(place="河边", landmark_id=5, grid_id=4, community_id=2))
    assert (merged.grid_id, merged.landmark_id) == (4, 5)
    assert merge(HERE, Address(place="早市", landmark_id=6, grid_id=8, community_id=2)).grid_id == 4
