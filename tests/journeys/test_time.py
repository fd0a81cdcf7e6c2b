"""Time as machines have it: asleep for a week, set back, over the new year, through feasts and their make-up days."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from nlu.understanding import Understanding
from tests.conftest import settings_for
from tests.town import Town
from workflows.models import Case, CaseEvent, DigestIssue, FollowUp, Outbound, WebBubble

pytestmark = pytest.mark.journey

HOHHOT = ZoneInfo("Asia/Shanghai")
LIGHT = "富邦小区3号楼2单元楼道灯不亮了"
RUBBISH = "富邦小区5号楼门口垃圾没人收"
NOISE = "富邦小区1号楼楼上半夜吵得睡不着"
ROAD = "富邦小区东门口的面包砖被大车压碎了"
EVERYBODY = ("td-resident", "td-grid", "td-branch", "td-property", "td-secretary")


class Words:
    """Reads by a word, so that only time is on trial here."""

    ready = True
    _KINDS = (("灯", "street_light"), ("垃圾", "garbage"), ("吵", "neighbor_dispute"), ("砖", "construction"))

    async def understand(self, text: str) -> Understanding:
        kind = next((kind for word, kind in self._KINDS if word in text), "out_of_scope")
        return Understanding(text, kind, 0.95, ((kind, 0.95),))

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        return [0.0 for _ in others]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HOHHOT)


@pytest.fixture
async def start() -> datetime:
    return at("2026-11-24T10:00")  # a Tuesday


@pytest.fixture
async def town(migrated_url: str, tmp_path: Path, start: datetime) -> AsyncIterator[Town]:
    """The demo neighbourhood, with plain words understood."""
    async with Town.opened(settings_for(migrated_url, tmp_path), Words(), start) as opened:
        yield opened


async def _sleeps(town: Town, **span: float) -> dict[str, list[WebBubble]]:
    """The machine sleeps, wakes, and does what is due. Returns what everybody hears then."""
    before = {who: len(await town.bubbles(who)) for who in EVERYBODY}
    town.clock.forward(timedelta(**span))
    await town.settled()
    await town.keeps_its_promises()
    return {who: (await town.bubbles(who))[before[who] :] for who in EVERYBODY}


def _told_of(bubbles: Sequence[WebBubble], case: Case) -> list[str]:
    return [b.text for b in bubbles if case.number in b.text and "每周" not in b.text and "周报" not in b.text]


async def _four_cases(town: Town) -> list[Case]:
    """One with the grid, one agreed upon for later, one with the property, one waiting for the resident's verdict."""
    for words in (LIGHT, RUBBISH, NOISE, ROAD):
        await town.says("td-resident", words)
    cases = await town.cases()
    assert len(cases) == 4, [c.text for c in cases]
    await town.opens("td-grid", cases[1])
    await town.taps("td-grid", "属实")
    branch, grid = [await town.person(who) for who in ("td-branch", "td-grid")]
    async with town.app.database.writing() as session:
        handling = town.app.office(session).handling
        await handling.agree(branch.id, cases[2].id, "十点以后不拉琴", town.clock.now() + timedelta(days=5))
        await handling.report_result(grid.id, cases[3].id, "铺好了")
    return await town.cases()


async def test_a_week_asleep_is_caught_up_once_and_nobody_is_flooded(town: Town) -> None:
    cases = await _four_cases(town)
    assert [c.status for c in cases] == ["with_grid_branch", "with_property", "with_grid_branch", "to_judge"]
    heard = await _sleeps(town, days=7)
    for who, bubbles in heard.items():
        for case in cases:
            told = _told_of(bubbles, case)
            assert len(told) <= 1, (who, told)
            assert not any("快到时限" in text for text in told), (who, told)
    for case in cases:
        assert len(_told_of(heard["td-resident"], case)) == 1, case.text
    after = await town.cases()
    assert [c.status for c in after] == ["with_property", "with_community", "with_community", "to_judge"]
    for case in after:  # each has its whole time before it again, and that only once
        assert case.rung_due_at > town.clock.now()
        actions = await town.actions(case)
        assert sum(actions.count(a) for a in ("escalate", "ask_again")) == 1 and "remind" not in actions
    assert [c.whole_due_at for c in after] == [c.whole_due_at for c in cases]
    assert all(not bubbles for bubbles in (await _sleeps(town, seconds=2)).values())


async def test_a_month_asleep_climbs_one_rung_not_four(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    heard = await _sleeps(town, days=30)
    case = await town.only_case()
    assert case.status == "with_property"
    assert len(_told_of(heard["td-resident"], case)) == len(_told_of(heard["td-property"], case)) == 1
    weeks = [issue.week for issue in await town.rows(DigestIssue)]
    assert set(weeks) <= {"2026-W51"}  # an old digest is no news: only the last one goes out
    await _sleeps(town, days=30)
    assert (await town.only_case()).status == "with_community"


async def test_what_is_due_is_done_in_the_order_in_which_it_fell_due(town: Town) -> None:
    for words in (NOISE, LIGHT, RUBBISH):
        await town.says("td-resident", words)
        town.clock.forward(timedelta(minutes=10))
    await _sleeps(town, days=7)
    events = await town.rows(CaseEvent, CaseEvent.action == "escalate")
    assert [e.case_id for e in events] == [c.id for c in await town.cases()]


async def test_a_clock_set_back_repeats_nothing_and_loses_nothing(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.passes(hours=19)  # reminded six hours before the deadline
    case = await town.only_case()
    assert (await town.actions(case)).count("remind") == 1
    town.clock.forward(timedelta(hours=-12))
    heard = await _sleeps(town, seconds=0)
    assert not any(heard.values())
    await town.opens("td-grid", case)
    await town.taps("td-grid", "属实")
    assert (await town.only_case()).status == "with_property"
    await town.passes(hours=30)
    actions = await town.actions(case)
    assert actions.count("remind") == 1 and "escalate" not in actions
    after = await town.only_case()
    assert (after.status, after.whole_due_at) == ("with_property", case.whole_due_at)
    await town.passes(days=3)
    assert (await town.actions(case)).count("escalate") == 1
    await town.keeps_its_promises()


async def test_a_clock_set_back_over_midnight_gives_no_number_twice(town: Town) -> None:
    town.clock.set(at("2026-11-25T23:50"))
    await town.says("td-resident", LIGHT)
    town.clock.set(at("2026-11-26T00:10"))
    await town.says("td-resident", RUBBISH)
    town.clock.set(at("2026-11-25T23:55"))
    await town.says("td-resident", NOISE)
    numbers = [case.number for case in await town.cases()]
    assert len(set(numbers)) == 3 and [n[-9:-3] for n in numbers] == ["261125", "261126", "261125"]
    await town.keeps_its_promises()


@pytest.mark.parametrize("start", [at("2026-12-30T10:00")])  # a Wednesday
async def test_a_case_goes_over_the_new_year_whose_feasts_nobody_has_published(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "上报社区")
    case = await town.only_case()
    assert case.rung_due_at == at("2027-01-04T10:00")  # Thursday, Friday, Monday: as far as anybody knows
    assert town.app.rules.calendar.unpublished == {2027}
    assert [r.getMessage() for r in caplog.records if "2027" in r.getMessage()], "nobody is told that 2027 is a guess"
    await town.passes(days=6)
    assert {issue.week for issue in await town.rows(DigestIssue)} == {"2026-W53"}
    assert (await town.actions(case)).count("overdue") == 1
    await town.says("td-resident", RUBBISH)
    assert "270105" in (await town.cases())[-1].number
    await town.keeps_its_promises()


@pytest.mark.parametrize("start", [at("2026-02-14T10:00")])  # a Saturday that is worked, before nine days off
async def test_the_community_s_working_days_go_around_the_feast(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    await town.taps("td-grid", "上报社区")
    case = await town.only_case()
    assert case.rung_due_at == at("2026-02-26T10:00")  # Tuesday 24, Wednesday, Thursday
    town.clock.set(at("2026-02-26T09:59"))
    await town.settled()
    assert "overdue" not in await town.actions(case)
    town.clock.set(at("2026-02-26T10:01"))
    await town.settled()
    assert (await town.actions(case)).count("overdue") == 1
    await town.keeps_its_promises()


async def test_an_unfinished_report_survives_the_sleep_and_is_opened_once(town: Town) -> None:
    await town.says("td-resident", "楼道灯不亮了")
    if not await town.cases():
        await _sleeps(town, days=7)
    case = await town.only_case()
    assert case.category == "street_light"
    assert not await town.rows(FollowUp, FollowUp.done_at.is_(None), FollowUp.kind == "draft")


async def test_the_demos_time_machine_keeps_the_night_and_brings_its_messages_in_the_morning(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    assert "楼道灯" in await town.heard("td-grid")  # what words set going is seen at once, also in a demo at night
    town.clock.set(at("2026-11-25T23:00"))  # the grid's day is over: the case has climbed
    await town.settled()
    held = await town.rows(Outbound, Outbound.state == "waiting")
    assert held and {row.not_before for row in held} == {at("2026-11-26T07:30")}
    assert "楼道灯" not in await town.heard("td-property")
    town.clock.set(at("2026-11-26T08:00"))
    await town.settled()
    assert not await town.rows(Outbound, Outbound.state == "waiting")
    morning = [bubble for bubble in await town.bubbles("td-branch") if "超时" in bubble.text]
    assert morning and morning[-1].at == at("2026-11-26T07:30")
