"""Danger now, to its end: who is called, who goes, what was found, that it is over; and when nobody goes."""

import pytest

from tests.town import Town
from workflows.models import Alert

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

STUCK = "富邦小区3号楼2单元电梯困住人了"


async def test_who_called_hears_who_goes_and_what_was_found_and_so_do_those_on_duty(town: Town) -> None:
    await town.says("td-resident", STUCK)
    await town.taps("td-grid", "我去看")
    assert "网格员白小燕正赶过去" in await town.heard("td-resident")
    assert "网格员白小燕去看" in await town.heard("td-secretary")
    assert "已转告" in await town.says("td-grid", "到了，人已经出来了，没受伤，维保的在查")
    for who in ("td-resident", "td-branch", "td-secretary"):
        assert "维保的在查" in await town.heard(who), who
    (alert,) = await town.rows(Alert)
    assert alert.taken_by is not None and "维保的在查" in alert.report
    assert await town.cases() == []


async def test_the_property_company_is_called_to_a_lift_but_hears_neither_name_nor_number(town: Town) -> None:
    await town.says("td-resident", STUCK)
    called = await town.heard("td-property")
    assert "困在电梯" in called and "富邦小区3号楼2单元" in called
    assert "马秀兰" not in called and "15500003001" not in called
    assert "15500003001" in await town.heard("td-grid")


async def test_a_persons_own_plight_is_not_told_to_the_property_company(town: Town) -> None:
    assert "110" in await town.says("td-resident", "我不想活了，药已经吃了")
    assert "险情" in await town.heard("td-grid")
    assert await town.heard("td-property") == ""


async def test_that_it_is_over_is_told_on_and_becomes_no_case(town: Town) -> None:
    await town.says("td-resident", "厨房燃气味特别大，头晕")
    await town.taps("td-grid", "我去看")
    assert "人没事就好" in await town.says("td-resident", "关了阀门，没事了")
    told = await town.heard("td-grid")
    assert "关了阀门" in told and "照样到场" in told
    await town.passes(hours=1)  # an unfinished report would be opened by now
    assert await town.cases() == []
    assert "还没有人应" not in await town.heard("td-secretary")


async def test_more_words_of_the_same_danger_raise_no_second_alarm(town: Town) -> None:
    await town.says("td-resident", "富邦小区3号楼着火了")
    await town.heard("td-grid")
    await town.says("td-resident", "消防车进不来，门口停了车")
    assert "又说" in await town.heard("td-grid")
    assert len(await town.rows(Alert)) == 1
    assert await town.cases() == []


async def test_a_danger_to_which_nobody_goes_is_called_out_again_and_the_caller_is_told_not_to_wait(town: Town) -> None:
    await town.says("td-resident", STUCK)
    await town.heard("td-grid")
    await town.passes(hours=0.2)
    assert "还没有人应" in await town.heard("td-grid")
    assert "直接打119" in await town.heard("td-resident")
    await town.taps("td-secretary", "我去看")
    await town.heard("td-grid")
    await town.passes(hours=2)
    assert "还没有人应" not in await town.heard("td-grid")


async def test_after_an_alarm_another_matter_is_a_case_as_ever(town: Town) -> None:
    await town.says("td-resident", STUCK)
    await town.says("td-resident", "对了富邦小区5号楼门口的垃圾好几天没人收了，臭得不行")
    assert (await town.only_case()).category == "garbage"


@pytest.mark.parametrize(
    ("cry", "place"),
    [
        ("富邦小区4号楼2单元301 着火了", "富邦小区4号楼2单元301"),
        ("着火了 富邦小区4号楼1单元", "富邦小区4号楼1单元"),
        ("富邦小区8号楼3单元，有煤气味", "富邦小区8号楼3单元"),
        ("对门煤气味特别大 富邦小区6号楼2单元", "富邦小区6号楼2单元"),
        ("富邦小区5号楼，电梯困住人了，里头是个老太太", "富邦小区5号楼"),
        ("富邦小区4号楼着火了，2单元的电梯也停了，快来人", "富邦小区4号楼2单元"),
        ("富邦小区4号楼着火了，不对，是5号楼", "富邦小区5号楼"),
    ],
)
async def test_the_door_goes_out_with_the_alarm_wherever_the_message_names_it(town: Town, cry: str, place: str) -> None:
    await town.says("stranger", cry)
    told = await town.heard("td-grid")
    assert f"说：{cry}\n" in told
    assert f"地点：{place}\n" in told


async def test_a_cellar_is_part_of_the_place(town: Town) -> None:
    cry = "有人触电了 园林小区2号楼地下室"
    await town.says("stranger", cry)
    told = await town.heard("sq-grid")
    assert cry in told and "地点：园林小区2号楼，地下室" in told


async def test_another_entrance_than_ones_own_is_not_given_ones_own_door(town: Town) -> None:
    await town.says("td-resident", "闻到煤气味 好像是三单元传出来的")
    told = await town.heard("td-grid")
    assert "好像是三单元传出来的" in told and "地点：富邦小区3号楼3单元　" in told


@pytest.mark.parametrize(
    ("more", "place"), [("不是101 是102", "富邦小区4号楼1单元102"), ("不是4号楼，是5号楼", "富邦小区5号楼")]
)
async def test_a_corrected_door_reaches_those_on_duty_also_when_they_are_called_again(
    town: Town, more: str, place: str
) -> None:
    await town.says("stranger", "着火了 富邦小区4号楼1单元101")
    await town.heard("td-grid")
    await town.says("stranger", more)
    told = await town.heard("td-grid")
    assert more in told and f"（着火，{place}）" in told
    await town.passes(hours=0.2)
    assert f"地点：{place}\n" in await town.heard("td-grid")


async def test_a_door_that_is_told_after_the_cry_takes_the_place_of_the_home(town: Town) -> None:
    await town.says("td-resident", "着火了")
    assert "富邦小区3号楼2单元502" in await town.heard("td-grid")
    await town.says("td-resident", "富邦小区6号楼2单元")
    assert "（着火，富邦小区6号楼2单元）" in await town.heard("td-grid")
    await town.says("td-resident", "7号楼也着了")  # a second house, no other one
    assert "（着火，富邦小区6号楼2单元）" in await town.heard("td-grid")


async def test_the_house_of_another_matter_is_not_the_dangers(town: Town) -> None:
    cry = "富邦小区7号楼垃圾好几天没人收，5号楼着火了"
    await town.says("td-resident", cry)
    (alert,) = await town.rows(Alert)
    assert (alert.place, alert.text) == ("富邦小区5号楼", cry)


async def test_of_a_very_long_message_the_cry_is_quoted_and_the_place_is_kept(town: Town) -> None:
    await town.says(
        "stranger", f"富邦小区4号楼2单元301。{'我们这楼住的人多。' * 90}现在厨房着火了。{'快点来人吧。' * 30}"
    )
    told = await town.heard("td-grid")
    assert "现在厨房着火了" in told and "地点：富邦小区4号楼2单元301" in told
    (alert,) = await town.rows(Alert)
    assert len(alert.text) <= 600


@pytest.mark.parametrize("more", ["关了阀门了 还有味", "阀门关了 味儿还是大", "阀门已经关了"])
async def test_gas_goes_on_until_nobody_smells_it(town: Town, more: str) -> None:
    await town.says("td-resident", "煤气味特别大")
    await town.heard("td-grid")
    said = await town.says("td-resident", more)
    assert "人没事就好" not in said and "到室外" in said and "119" in said
    told = await town.heard("td-grid")
    assert "又说" in told and more in told and "报平安" not in told
    (alert,) = await town.rows(Alert)
    assert alert.cleared_at is None


@pytest.mark.parametrize("more", ["阀门已经关了 可是头晕得厉害", "头晕"])
async def test_a_dizzy_head_in_gas_is_a_case_for_the_ambulance(town: Town, more: str) -> None:
    await town.says("td-resident", "煤气味特别大")
    await town.heard("td-grid")
    said = await town.says("td-resident", more)
    assert said.startswith("头晕、恶心就是中毒的样子：马上到室外，打急救：120")
    assert "（燃气泄漏，" in await town.heard("td-grid")
    (alert,) = await town.rows(Alert)
    assert (alert.kind, alert.cleared_at) == ("gas", None)


async def test_an_all_clear_with_its_reason_is_one_and_may_be_said_twice_and_taken_back(town: Town) -> None:
    await town.says("td-resident", "煤气味特别大")
    await town.says("td-resident", "阀门关了 味儿还是大")
    await town.heard("td-grid")
    for _ in range(2):
        assert "人没事就好" in await town.says("td-resident", "没事了 是邻居炖臭豆腐")
        assert "报平安" in await town.heard("td-grid")
    assert "到室外" in await town.says("td-resident", "又闻到味了")
    assert "险情（燃气泄漏）" in await town.heard("td-grid")
    assert [alert.cleared_at is None for alert in await town.rows(Alert)] == [False, True]


async def test_after_an_all_clear_a_smell_of_another_kind_is_a_matter_as_ever(town: Town) -> None:
    await town.says("td-resident", "厨房燃气味特别大，头晕")
    await town.says("td-resident", "关了阀门，没事了")
    await town.says("td-resident", "富邦小区5号楼下垃圾味太大了，好几天没人收")
    assert (await town.only_case()).category == "garbage"
    assert len(await town.rows(Alert)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "我们小区门口的面包砖让大车压碎了 老人都绊倒了",
        "富邦小区南门口面包砖碎了，我妈绊倒了，你们快修修",
        "昨天我妈被绊倒了 你们修修吧",
        "我妈被绊倒了，不过没事，就是来修修",
    ],
)
async def test_a_fall_told_to_say_what_is_broken_is_a_case_with_the_number_beneath(town: Town, text: str) -> None:
    said = await town.says("td-resident", text)
    assert said.count("120") == 1 and "开着免提" not in said
    if "已登记" not in said:
        await town.taps("td-resident", "是，就在我家这儿")
    assert (await town.only_case()).category == "road_damage"
    assert await town.rows(Alert) == []
    await town.says("td-resident", "你们啥时候来修")
    assert "险情" not in await town.heard("td-grid")


@pytest.mark.parametrize(
    "text",
    [
        "我妈绊倒了流血了",
        "小区门口砖坏了 我妈刚刚绊倒了 起不来了",
        "快来人，面包砖碎了，老人绊倒了动不了",
        "老人摔倒了",
    ],
)
async def test_who_lies_there_hurt_is_in_danger(town: Town, text: str) -> None:
    assert "开着免提" in await town.says("td-resident", text)
    (alert,) = await town.rows(Alert)
    assert (alert.kind, alert.text) == ("medical", text)


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("富邦小区5号楼门口井盖没了，我爸摔倒了昏过去了", "manhole"),
        ("小区门口砖坏了 我妈刚刚绊倒了 起不来了", "road_damage"),
    ],
)
async def test_the_thing_that_somebody_fell_over_is_a_matter_too(town: Town, text: str, category: str) -> None:
    said = await town.says("td-resident", text)
    assert said.index("120") < said.index("收到，已登记")
    assert (await town.only_case()).category == category
