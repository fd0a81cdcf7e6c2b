"""M3, M4: a whistle must be earned, the community reviews it, departments answer, and what is ruled becomes a rule."""

import pytest

from tests.town import Town
from workflows.models import CaseEvent, FollowUp, RoutingRule, Ruling, Whistle

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

SHRUBS = "富邦小区河边那片灌木长疯了，里面全是蚊子，晚上没法开窗"  # outside the community's powers, by the table
LIGHT = "富邦小区3号楼2单元楼道灯不亮了"  # the property's, so it must have tried
WATER, GREEN, URBAN = "呼和浩特市水务局", "呼和浩特市园林局", "回民区城市管理综合执法局"


async def _choose(town: Town, who: str, department: str) -> str:
    bubble, data = await town.button(who, department)
    return await town.taps_data(who, bubble, data)


async def _asked_for(town: Town) -> None:
    await town.says("td-resident", SHRUBS)
    await town.taps("td-grid", "申请吹哨")
    await _choose(town, "td-grid", WATER)
    await town.says("td-grid", "灌木长在河道管理范围里，社区没有权限进去打药，无照片，河边夜里拍不清")


async def test_the_grid_asks_the_community_sends_and_the_department_sees_the_grid_worker_only(town: Town) -> None:
    await _asked_for(town)
    case = await town.only_case()
    assert case.status == "with_community"
    card = await town.heard("td-secretary")
    assert WATER in card and "没有权限进去打药" in card and "夜里拍不清" in card
    assert "部门处理中" in await town.taps("td-secretary", "审核通过，吹哨")
    card = await town.heard("td-water")
    contact, resident = await town.person("td-grid"), await town.person("td-resident")
    assert contact.name in card and contact.phone in card
    assert resident.name not in card and resident.phone not in card
    assert await town.actions(await town.only_case()) == ["open", "propose_whistle", "blow_whistle"]
    (whistle,) = await town.rows(Whistle)
    assert whistle.contact_person_id == contact.id and (whistle.due_at - whistle.sent_at).days == 5
    await town.keeps_its_promises()


async def test_the_community_sends_it_back_with_a_question_or_solves_it_itself(town: Town) -> None:
    await _asked_for(town)
    assert "弄清" in await town.taps("td-secretary", "退回问一句")
    await town.says("td-secretary", "物业的绿化队去看过没有？")
    assert (await town.only_case()).status == "with_grid_branch"
    assert "物业的绿化队去看过没有" in await town.heard("td-grid")
    await town.taps("td-grid", "申请吹哨")
    await _choose(town, "td-grid", WATER)
    await town.says("td-grid", "物业看过了，进不去河道，无照片，手机没电了")
    await town.taps("td-secretary", "社区自己办")
    await town.says("td-secretary", "社区联系了河道保洁队，明天先清一遍")
    case = await town.only_case()
    assert case.status == "with_community" and "不用吹哨" in await town.heard("td-grid")
    assert "明天先清一遍" in await town.heard("td-resident")
    await town.opens("td-secretary", case)
    offered = [b["text"] for row in (await town.bubbles("td-secretary"))[-1].buttons for b in row]
    assert "审核通过，吹哨" not in offered
    await town.keeps_its_promises()


async def test_a_whistle_that_is_not_earned_is_refused_before_anybody_types_a_reason(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    assert "还不能吹哨" in await town.taps("td-grid", "申请吹哨")
    await town.taps("td-grid", "上报社区")
    assert "还不能吹哨" in await town.taps("td-secretary", "吹哨")
    case = await town.only_case()
    assert case.status == "with_community" and await town.rows(Whistle) == []
    await town.opens("td-secretary", case)
    await town.taps("td-secretary", "转物业")
    await town.says("td-property", "线路老化，我们修不了")
    assert "哪个部门" in await town.taps("td-secretary", "吹哨")
    await town.keeps_its_promises()


async def test_no_photo_needs_a_word_why_and_nothing_that_was_typed_is_lost(town: Town) -> None:
    await town.says("td-resident", SHRUBS)
    await town.taps("td-grid", "属实")
    await town.taps("td-secretary", "吹哨")
    await _choose(town, "td-secretary", WATER)
    assert "照片" in await town.says("td-secretary", "灌木长在河道管理范围里，社区没有权限")
    assert "为什么没有照片" in await town.says("td-secretary", "无照片")
    assert await town.rows(Whistle) == []
    assert "部门处理中" in await town.says("td-secretary", "河边没有灯，夜里拍不清")
    (whistle,) = await town.rows(Whistle)
    assert whistle.reason == "灌木长在河道管理范围里，社区没有权限"
    (blown,) = await town.rows(CaseEvent, CaseEvent.action == "blow_whistle")
    assert blown.data["photo"] == "河边没有灯，夜里拍不清"


async def test_the_department_is_reminded_at_every_point_of_the_configuration(town: Town) -> None:
    await _asked_for(town)
    await town.taps("td-secretary", "审核通过，吹哨")
    await town.heard("td-water")
    reminders = []
    for _ in range(5 * 24):
        await town.passes(hours=1)
        if "快到时限了" in await town.heard("td-water"):
            (whistle,) = await town.rows(Whistle)
            reminders.append(round((whistle.due_at - town.clock.now()).total_seconds() / 3600))
    assert reminders == [48, 2]  # six hours before it is four in the morning: it waits for the end of the quiet hours
    await town.keeps_its_promises()


async def test_an_answer_after_the_deadline_is_taken_and_said_to_be_late(town: Town) -> None:
    await _asked_for(town)
    await town.taps("td-secretary", "审核通过，吹哨")
    await town.passes(days=7)
    said = await town.says("td-water", "已派人把灌木修剪、消杀完了")
    assert "已经过了" in said
    case = await town.only_case()
    assert case.status == "to_confirm"
    (event,) = await town.rows(CaseEvent, CaseEvent.action == "report_result")
    assert event.data["late_days"] == 2
    await town.says("td-secretary", case.number)
    assert "晚了2天" in await town.taps("td-secretary", "看经过")


async def test_one_department_leads_others_assist_and_only_the_lead_closes(town: Town) -> None:
    await town.seated("td-liaison-04")
    await town.says("td-resident", SHRUBS)
    await town.taps("td-grid", "属实")
    await town.taps("td-secretary", "吹哨")
    await town.says("td-secretary", "水务局牵头，园林局协助")
    await town.says("td-secretary", "河道消杀和灌木修剪要一起做，无照片，夜里拍不清")
    case = await town.only_case()
    assert town.holder(case) == WATER
    lead, helper = await town.rows(Whistle)
    assert (lead.lead, helper.lead) == (True, False)
    card = await town.heard("td-liaison-04")
    assert "协助牵头单位" in card and (await town.person("td-grid")).phone in card
    await town.heard("td-water")
    await town.says("td-liaison-04", "我们这边灌木剪完了")
    assert (await town.only_case()).status == "with_department"  # the helper's part is not the end
    for who in ("td-secretary", "td-water"):
        assert "灌木剪完了" in await town.heard(who), who
    await town.says("td-water", "河道喷药消杀完了")
    case = await town.only_case()
    assert case.status == "to_confirm"
    assert [w.state for w in await town.rows(Whistle)] == ["solved", "solved"]
    await town.keeps_its_promises()


async def test_another_department_is_called_later_and_not_twice(town: Town) -> None:
    await _asked_for(town)
    await town.taps("td-secretary", "审核通过，吹哨")
    case = await town.only_case()
    await town.says("td-secretary", f"{case.number} 怎么样了")
    await town.taps("td-secretary", "更多…")
    assert "哪个部门来协助" in await town.taps("td-secretary", "请部门协助")
    said = await _choose(town, "td-secretary", URBAN)
    assert "水务局牵头" in said
    assert "协助" in await town.heard("td-urban")
    await town.says("td-secretary", f"{case.number} 怎么样了")
    await town.taps("td-secretary", "更多…")
    await town.taps("td-secretary", "请部门协助")
    assert "已经在办" in await town.says("td-secretary", "城市管理综合执法局")
    assert len(await town.rows(Whistle)) == 2
    # A helper may say that it is not theirs; the lead keeps it.
    await town.says("td-urban", "/desk")
    await town.opens("td-urban", case)
    await town.taps("td-urban", "不属于我")
    await town.says("td-urban", "河道里不归我们管")
    assert (await town.only_case()).refusals == 0
    assert "不属于他们" in await town.heard("td-secretary")
    await town.keeps_its_promises()


async def test_a_ruling_is_a_precedent_and_becomes_a_rule_when_a_person_says_so(town: Town) -> None:
    await town.seated("td-liaison-04")
    await _asked_for(town)
    await town.taps("td-secretary", "审核通过，吹哨")
    await town.says("td-water", "不归我们管，岸上的灌木应该是园林局的")
    assert "请裁定归属" in await town.heard("td-secretary")
    await town.taps("td-secretary", "吹哨")
    await _choose(town, "td-secretary", GREEN)
    said = await town.says("td-secretary", "岸上的灌木由园林局修剪，无照片，夜里拍不清")
    first = await town.only_case()
    assert "要不要定成规则" in said and GREEN in said
    (ruling,) = await town.rows(Ruling)
    assert ruling.refused_by == [WATER] and ruling.category == first.category
    assert await town.rows(RoutingRule) == []  # nobody has said so yet

    found = await town.says("td-secretary", "判例 河边的灌木")
    assert first.number in found and GREEN in found and WATER in found
    assert "没有找到" in await town.says("td-secretary", "/判例 电梯")
    assert "不在您的岗位" in await town.says("td-resident", "/判例 河边的灌木")

    await town.says("td-secretary", "判例 河边的灌木")
    said = await town.taps("td-secretary", "以后富邦小区的都这样")
    assert "定成规则了" in said and first.number in said
    await town.says("td-neighbour", "富邦小区靠河那边的灌木丛又招蚊子了")
    await town.taps("td-neighbour", "不是，另外一件")
    _, second = await town.cases()
    assert second.category == first.category
    assert town.app.directory.unit(second.department_unit_id or 0).name == GREEN
    await town.opens("td-grid", second)
    await town.taps("td-grid", "上报社区")
    assert f"按【{first.number}】的归属裁定" in await town.heard("td-secretary")

    assert first.number in await town.says("td-secretary", "/规则")
    assert "停用了" in await town.taps("td-secretary", "停用第1条")
    assert "没有由裁定来的" in await town.says("td-secretary", "/规则")
    await town.keeps_its_promises()


async def test_the_third_refusal_is_flagged_to_the_secretary(town: Town) -> None:
    for key in ("td-liaison-04", "td-liaison-06"):
        await town.seated(key)
    await _asked_for(town)
    await town.taps("td-secretary", "审核通过，吹哨")
    liaisons = {WATER: "td-water", GREEN: "td-liaison-04", "回民区卫生健康委员会": "td-liaison-06"}
    names = list(liaisons)
    for n, name in enumerate(names):
        await town.heard("td-secretary")
        await town.says(liaisons[name], "不归我们管")
        told = await town.heard("td-secretary")
        assert ("请书记亲自过问" in told) is (n == 2)
        if n < 2:
            await town.taps("td-secretary", "吹哨")
            await town.says("td-secretary", names[n + 1])
            await town.says("td-secretary", "请按职责办理，无照片，夜里拍不清")
    assert (await town.only_case()).refusals == 3
    assert len(await town.rows(Ruling)) == 2
    assert await town.rows(FollowUp, FollowUp.kind == "clock", FollowUp.done_at.is_(None))
    await town.keeps_its_promises()
