"""A colleague's words about another thing than the only case of their desk close nothing: it is asked what is meant."""

import pytest

from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT = "富邦小区3号楼2单元楼道灯不亮了"
LIFT = "富邦小区5号楼电梯停了三天了"


async def _with_the_property(town: Town, words: str) -> None:
    await town.says("td-resident", words)
    await town.taps("td-grid", "属实")
    await town.heard("td-property")
    assert (await town.only_case()).status == "with_property"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ("富邦小区南门口路灯不亮了", "南门口垃圾桶换了新的"),
        (LIGHT, "井盖换好了"),
        (LIGHT, "消防通道清了"),
        (LIFT, "已经联系施工队，换了砖"),
        (LIFT, "面包砖换了"),
    ],
)
async def test_words_about_another_thing_close_nothing(town: Town, told: str, words: str) -> None:
    await _with_the_property(town, told)
    case = await town.only_case()
    said = await town.says("td-property", words)
    assert case.number in said and "是说这件事吗" in said
    after = await town.only_case()
    assert (after.status, after.result) == (case.status, case.result)
    await town.taps("td-property", "已解决")
    assert (await town.only_case()).status != case.status  # they meant it all the same
    await town.keeps_its_promises()


@pytest.mark.parametrize("words", ["灯泡换了", "换了个新的", "已经修好了", "线路修好了", "联系电工修好了"])
async def test_words_that_can_be_about_it_are_the_result(town: Town, words: str) -> None:
    await _with_the_property(town, LIGHT)
    await town.says("td-property", words)
    assert (await town.only_case()).status == "to_confirm"


@pytest.mark.parametrize("words", ["已经联系了厂家", "已经联系人去修了", "已经通知师傅，换了一个先用着"])
async def test_that_somebody_was_told_to_come_is_a_step(town: Town, words: str) -> None:
    await _with_the_property(town, LIFT)
    await town.says("td-property", words)
    case = await town.only_case()
    assert case.status != "to_confirm" and case.result == ""


async def test_of_two_cases_the_one_whose_thing_is_named_is_done(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    await town.says("td-resident", "富邦小区5号楼门口垃圾没人收，臭得不行")
    await town.taps("td-grid", "属实")
    await town.says("td-property", "垃圾清走了")
    light, rubbish = await town.cases()
    assert (light.status, rubbish.status) == ("with_property", "to_confirm")
