"""The ladder's decisions, and the shipped routing table."""

from pathlib import Path

import pytest

from bot.settings import load
from workflows.policy import conflict
from workflows.policy.ladder import (
    AskAgain,
    Chase,
    CloseUnanswered,
    Escalate,
    PassUnconfirmed,
    ResumeWork,
    Route,
    above,
    after_verification,
    start,
    when_expired,
)
from workflows.policy.lifecycle import Rung, Status
from workflows.policy.privacy import mask

LADDER = load(Path("config.yml")).ladder_policy()
NOBODY: frozenset[Rung] = frozenset()


@pytest.mark.parametrize(
    ("category", "text", "works_at", "department"),
    [
        ("pest_control", "河边全是蚊子", Rung.DEPARTMENT, "水务局"),
        ("pest_control", "地下室有蟑螂", Rung.PROPERTY, "卫健委"),
        ("construction", "面包砖被大车压碎", Rung.COMMUNITY, "住建局"),
        ("flying_wire", "五楼拉线充电", Rung.PROPERTY, "消防"),
        ("neighbor_dispute", "楼上往我家滴水不赔", Rung.GRID_BRANCH, "公安"),
        ("other_request", "孩子上学", Rung.COMMUNITY, ""),
    ],
)
def test_the_first_row_that_matches_says_who_works_on_it(
    category: str, text: str, works_at: Rung, department: str
) -> None:
    route = LADDER.route(category, text, "")
    assert (route.works_at, route.department) == (works_at, department)


def test_a_silent_property_climbs_to_the_community_and_a_silent_grid_to_the_property() -> None:
    for status, rung, to in (
        (Status.WITH_GRID, Rung.GRID_BRANCH, Rung.PROPERTY),
        (Status.WITH_PROPERTY, Rung.PROPERTY, Rung.COMMUNITY),
    ):
        assert when_expired(status, rung, Route(), around=NOBODY, asked_again=False, unfounded=False) == Escalate(to)


def test_silence_never_blows_a_whistle() -> None:
    assert above(Rung.COMMUNITY, Route()) is Rung.COMMUNITY
    decision = when_expired(
        Status.WITH_COMMUNITY, Rung.COMMUNITY, Route(), around=NOBODY, asked_again=False, unfounded=False
    )
    assert decision == Chase()


def test_a_rung_that_the_complaint_is_about_is_gone_around() -> None:
    around = frozenset({Rung.PROPERTY})
    assert above(Rung.GRID_BRANCH, Route(), around) is Rung.COMMUNITY
    assert start(Route(), frozenset({Rung.GRID_BRANCH})) is Rung.PROPERTY
    assert after_verification(Route(), has_property=True, around=around) is Rung.COMMUNITY


def test_the_resident_is_asked_again_once_and_then_the_case_closes_as_unanswered() -> None:
    def expired(status: Status, *, asked_again: bool) -> object:
        return when_expired(status, Rung.PROPERTY, Route(), around=NOBODY, asked_again=asked_again, unfounded=False)

    assert expired(Status.TO_JUDGE, asked_again=False) == AskAgain()
    assert expired(Status.TO_JUDGE, asked_again=True) == CloseUnanswered()
    assert expired(Status.TO_CONFIRM, asked_again=False) == PassUnconfirmed()
    assert expired(Status.WAITING_FOR_RESIDENT, asked_again=False) == ResumeWork()


def test_a_closed_case_has_no_clock() -> None:
    with pytest.raises(ValueError, match="no clock"):
        when_expired(Status.SOLVED, Rung.PROPERTY, Route(), around=NOBODY, asked_again=False, unfounded=False)


def test_a_complaint_is_about_the_committee_or_the_property_only_where_it_is_the_matter() -> None:
    assert conflict.about("property_service", "物业费涨了服务没变") == conflict.About(property=True)
    assert conflict.about("property_service", "业委会的账从来不公示") == conflict.About(committee=True)
    assert conflict.about("heating", "暖气不热物业也不管") == conflict.About()


def test_phone_and_id_numbers_are_masked() -> None:
    assert mask("我电话15512345678 身份证150102199001011234") == "我电话155****5678 身份证150102********1234"
    assert mask("富邦小区3号楼2单元602，12345打了") == "富邦小区3号楼2单元602，12345打了"
