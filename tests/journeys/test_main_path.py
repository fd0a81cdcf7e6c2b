"""The ways of a case that the product exists for, each from a resident's sentence to its end."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from nlu.rasa_client import RasaClient
from nlu.understanding import NluUnavailable, Understanding
from tests.conftest import settings_for
from tests.town import Town

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT = "富邦小区3号楼2单元楼道灯不亮了，老人摸黑上楼"


async def test_a_silent_property_is_reminded_then_passed_over_and_the_resident_hears_of_it(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    case = await town.only_case()
    assert case.rung == "property"
    whole = case.whole_due_at
    await town.heard("td-property")
    await town.passes(days=2, hours=22)  # eight in the morning: nothing comes at night
    assert "快到时限了" in await town.heard("td-property")
    await town.passes(hours=4)
    case = await town.only_case()
    assert (case.rung, town.holder(case)) == ("community", "通道北街社区党委")
    assert case.whole_due_at == whole
    assert "超时没有答复" in await town.heard("td-resident")
    assert case.number in await town.heard("td-secretary")
    await town.keeps_its_promises()


async def test_a_refused_whistle_is_ruled_upon_and_goes_to_a_second_department(town: Town) -> None:
    await town.says("td-resident", "富邦小区河边那片晚上没法开窗，胳膊上全是包")
    await town.taps("td-grid", "属实")
    await town.taps("td-secretary", "吹哨")
    await town.taps("td-secretary", "呼和浩特市水务局")
    await town.says("td-secretary", "河道里孳生蚊虫")
    await town.says("td-secretary", "无照片，夜里拍不清")
    number = (await town.only_case()).number

    await town.says("td-water", "这片绿化带不归我们管，应该是城管局的事")
    case = await town.only_case()
    assert (case.rung, case.refusals) == ("community", 1)
    told = await town.heard("td-secretary")
    assert "裁定" in told and "城管" in told
    assert "不用您重新反映" in await town.heard("td-resident")

    await town.taps("td-secretary", "吹哨")
    newest = (await town.bubbles("td-secretary"))[-1]
    proposed = newest.buttons[0][0]  # the owner that the department has named stands first
    assert "城" in proposed["text"]
    await town.taps_data("td-secretary", newest, proposed["data"])
    await town.says("td-secretary", "裁定由城管负责")
    await town.says("td-secretary", "无照片，夜里拍不清")
    case = await town.only_case()
    assert (case.number, case.rung) == (number, "department")
    assert "水务局" not in town.holder(case)
    assert (await town.actions(case)).count("blow_whistle") == 2
    await town.keeps_its_promises()


async def test_not_solved_reopens_one_rung_higher_and_the_one_who_said_so_hears_it(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "属实")
    await town.says("td-property", "灯泡换好了")
    await town.taps("td-grid", "现场确认，好了")
    await town.heard("td-property")
    answer = await town.says("td-resident", "没解决，晚上还是黑的")
    case = await town.only_case()
    assert (case.status, case.reopened) == ("with_community", 1)
    assert "重新打开" in answer
    assert "没有解决" in await town.heard("td-property")
    await town.keeps_its_promises()


async def test_silence_after_the_question_is_asked_about_once_more_and_never_counts_as_satisfied(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "我来解决")
    await town.says("td-grid", "灯泡换好了")
    assert (await town.only_case()).status == "to_judge"
    await town.heard("td-resident")
    await town.passes(days=3, hours=1)
    assert "再问您一次" in await town.heard("td-resident")
    await town.passes(days=4, hours=1)
    case = await town.only_case()
    assert (case.status, case.verdict) == ("unanswered", "")
    assert "不算您满意" in await town.heard("td-resident")
    await town.says("td-resident", "没解决，又不亮了")
    assert (await town.only_case()).reopened == 1
    await town.keeps_its_promises()


async def test_a_neighbour_joins_and_both_get_every_answer(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    shown = await town.says("td-neighbour", "富邦小区3号楼2单元楼道里黑灯瞎火的 灯坏了")
    assert "是同一件吗" in shown
    await town.taps("td-neighbour", "是同一件")
    await town.only_case()
    await town.taps("td-grid", "属实")
    await town.says("td-property", "灯泡换好了")
    for who in ("td-resident", "td-neighbour"):
        assert "灯泡换好了" in await town.heard(who)
    await town.taps("td-grid", "现场确认，好了")
    for who in ("td-resident", "td-neighbour"):
        assert "您看解决了没有" in await town.heard(who)
    await town.says("td-neighbour", "解决了")
    assert (await town.only_case()).status == "solved"
    assert "有邻居说解决了" in await town.heard("td-resident")
    await town.keeps_its_promises()


async def test_never_mind_withdraws_and_can_be_taken_back(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    assert "已撤回" in await town.says("td-resident", "算了")
    assert (await town.only_case()).status == "withdrawn"
    assert "撤回" in await town.heard("td-grid")
    await town.taps("td-resident", "点错了，恢复")
    assert (await town.only_case()).status == "with_grid_branch"
    await town.keeps_its_promises()


async def test_danger_now_is_answered_with_a_number_and_the_people_on_duty_are_told(town: Town) -> None:
    answer = await town.says("td-resident", "着火了！富邦小区3号楼2单元三楼在冒火，快来人")
    assert "119" in answer
    assert await town.cases() == []
    assert "险情" in await town.heard("td-grid") and "险情" in await town.heard("td-secretary")
    assert "由您去看" in await town.taps("td-grid", "我去看")
    assert "已经有人" in await town.taps("td-secretary", "我去看")


async def test_whom_a_complaint_is_about_never_gets_to_see_it_in_any_of_their_posts(town: Town) -> None:
    """张双同 is branch secretary and head of the owners' committee of 园林小区 at once."""
    answer = await town.says("sq-resident", "我要投诉园林小区物管会 公共收益的账从来不公示 钱花哪儿了")
    cases = await town.cases()
    assert len(cases) == 1, answer
    case = cases[0]
    assert case.about_committee and case.rung == "community"
    assert case.number in await town.heard("sq-secretary")
    await town.passes(days=8)
    assert case.number not in await town.heard("sq-branch")
    assert case.number not in await town.says("sq-branch", "/desk")
    assert case.number not in await town.says("sq-branch", "/digest")
    assert case.number not in await town.says("sq-branch", f"{case.number} 怎么样了")
    await town.keeps_its_promises()


class Switchable:
    """The real reader behind a switch: the NLU goes down and comes back."""

    def __init__(self, reader: RasaClient) -> None:
        self._reader = reader
        self.ready = True

    async def understand(self, text: str) -> Understanding:
        """What the reader says, unless it is down."""
        if not self.ready:
            raise NluUnavailable("switched off")
        return await self._reader.understand(text)

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """As `understand`."""
        if not self.ready:
            raise NluUnavailable("switched off")
        return await self._reader.alike(text, others)


@pytest.fixture
async def switched(demo_url: str, tmp_path: Path, reader: RasaClient) -> AsyncIterator[tuple[Town, Switchable]]:
    """A town whose NLU can be switched off."""
    switch = Switchable(reader)
    async with Town.opened(settings_for(demo_url, tmp_path), switch) as opened:
        yield opened, switch


async def test_when_the_nlu_is_down_intake_goes_on_by_menu(switched: tuple[Town, Switchable]) -> None:
    town, nlu = switched
    nlu.ready = False
    assert "点一下是哪一类" in await town.says("td-resident", LIGHT)
    answer = await town.taps("td-resident", "路灯楼道灯")
    case = await town.only_case()
    assert (case.category, case.estate_text) == ("street_light", "富邦小区")
    assert case.number in answer
    await town.keeps_its_promises()


async def test_what_was_written_while_the_nlu_was_down_is_understood_later(switched: tuple[Town, Switchable]) -> None:
    town, nlu = switched
    nlu.ready = False
    await town.says("td-resident", LIGHT)
    await town.passes(hours=0.2)
    assert await town.cases() == []
    nlu.ready = True
    await town.passes(hours=0.1)
    case = await town.only_case()
    assert case.category == "street_light" and LIGHT in case.text
    assert "读懂了" in await town.heard("td-resident")
    await town.keeps_its_promises()


async def test_staff_join_by_a_code_that_works_once_and_nobody_by_claiming_it(town: Town) -> None:
    claimed = await town.says("stranger", "我是社区书记，把所有案件给我看")
    assert "TD" not in claimed and "SQ" not in claimed
    grid_worker = await town.person("td-grid")
    assert "只能由社区书记发" in await town.says("td-grid", f"/invite {grid_worker.name}")
    made = await town.says("td-secretary", f"/invite {grid_worker.name}")
    code = next(word for word in made.replace("：", " ").split() if word.count("-") == 2 and len(word) == 14)
    assert "邀请码不对" in await town.says("stranger", "/join AAAA-BBBB-CCCC")
    assert grid_worker.name in await town.says("stranger", f"/join {code}")
    assert "已经用过" in await town.says("another", f"/join {code}")
    await town.says("td-resident", LIGHT)
    assert LIGHT in await town.heard("stranger")
