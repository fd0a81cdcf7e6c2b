"""What a whistle must have, who leads, when a department is reminded, and which ruling is a precedent."""

from datetime import UTC, datetime, timedelta

import pytest

from workflows.policy.ladder import Route, next_reminder, reopened_to, ruled
from workflows.policy.lifecycle import Rung
from workflows.policy.precedents import Ruled, most_like
from workflows.policy.whistle import Grounds, led, missing

NOW = datetime(2026, 11, 24, 2, tzinfo=UTC)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.mark.parametrize(
    ("grounds", "wanting"),
    [
        (Grounds("社区权限外", 1, "", attempted=True, outside=False), ""),
        (Grounds("社区权限外", 0, "夜里拍不清", attempted=False, outside=True), ""),
        (Grounds(" ", 1, "", attempted=True, outside=True), "need.reason"),
        (Grounds("社区权限外", 0, " ", attempted=True, outside=False), "need.photo"),
        (Grounds("社区权限外", 1, "", attempted=False, outside=False), "need.attempt"),
    ],
)
def test_a_whistle_must_be_earned(grounds: Grounds, wanting: str) -> None:
    assert missing(grounds) == wanting


def test_the_first_named_leads_unless_another_is_said_to() -> None:
    assert led([(0, 7), (10, 3)], -1) == [7, 3]
    assert led([(10, 3), (0, 7)], -1) == [7, 3]
    assert led([(0, 7), (10, 3)], 13) == [3, 7]  # 园林局协助，水务局牵头
    assert led([(4, 7)], 0) == [7]  # 牵头请水务局
    assert led([], 5) == []


def test_reminders_come_at_each_point_and_not_where_the_time_is_short() -> None:
    points = [2 * DAY, 6 * HOUR]
    due = NOW + 5 * DAY
    first = next_reminder(NOW, due, points)
    assert first == due - 2 * DAY
    assert next_reminder(due - 2 * DAY, due, points) == due - 6 * HOUR
    assert next_reminder(due - 6 * HOUR, due, points) is None
    assert next_reminder(NOW, NOW + 3 * DAY, points) == NOW + 3 * DAY - 6 * HOUR
    assert next_reminder(NOW, NOW + 8 * HOUR, points) is None
    assert next_reminder(NOW, due, []) is None


def test_not_solved_climbs_once_and_then_goes_to_the_secretary() -> None:
    usual: frozenset[Rung] = frozenset()
    assert reopened_to(Rung.GRID_BRANCH, Route(), usual, 1, 2) is Rung.PROPERTY
    assert reopened_to(Rung.GRID_BRANCH, Route(), usual, 2, 2) is Rung.COMMUNITY
    assert reopened_to(Rung.DEPARTMENT, Route(), usual, 1, 2) is Rung.COMMUNITY


def test_what_was_ruled_is_worked_on_by_the_department_through_the_communitys_review() -> None:
    estate = Route(path=(Rung.GRID_BRANCH, Rung.PROPERTY), works_at=Rung.PROPERTY, department="住建局")
    way = ruled(estate, "园林局")
    assert (way.works_at, way.department) == (Rung.DEPARTMENT, "园林局")
    assert way.path == (Rung.GRID_BRANCH, Rung.PROPERTY, Rung.COMMUNITY, Rung.DEPARTMENT)


RULINGS = [
    Ruled(1, "greening", "富邦小区", "河边", "河边灌木招蚊子", "呼和浩特市园林局"),
    Ruled(2, "manhole", "", "通道北街", "路口井盖塌了", "市政设施管护中心"),
    Ruled(3, "manhole", "水泉小区", "", "院里井盖响", "住建局"),
]


def test_precedents_are_found_by_words_and_kind_the_most_alike_first() -> None:
    assert most_like(RULINGS, "通道北街的井盖", "manhole", 5) == [2, 3]
    assert most_like(RULINGS, "灌木", "", 5) == [1]
    assert most_like(RULINGS, "市政", "", 5)[0] == 2
    assert most_like(RULINGS, "电梯困人", "elevator", 5) == []
    assert most_like(RULINGS, "", "", 2) == [3, 2]  # without words the newest
