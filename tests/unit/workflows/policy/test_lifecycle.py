"""The lifecycle, walked by hand: each test is a way that a case can take."""

import pytest

from workflows.policy.lifecycle import CLOSED, OPEN, ROUNDS, Action, NotPossible, Status, To, destination, possible


def test_what_the_property_cannot_solve_reaches_the_community() -> None:
    assert destination(Status.WITH_PROPERTY, Action.CANNOT_SOLVE) is Status.WITH_COMMUNITY


def test_a_refused_whistle_goes_back_to_the_community_for_a_ruling() -> None:
    assert destination(Status.WITH_DEPARTMENT, Action.REFUSE) is Status.WITH_COMMUNITY
    assert destination(Status.WITH_COMMUNITY, Action.BLOW_WHISTLE) is Status.WITH_DEPARTMENT


def test_what_a_holder_reports_is_first_seen_by_the_grid_worker_and_then_judged_by_the_resident() -> None:
    assert destination(Status.WITH_PROPERTY, Action.REPORT_RESULT) is Status.TO_CONFIRM
    assert destination(Status.TO_CONFIRM, Action.CONFIRM) is Status.TO_JUDGE
    assert destination(Status.TO_JUDGE, Action.JUDGE_SOLVED) is Status.SOLVED


def test_not_solved_goes_one_rung_higher_and_half_solved_back_to_the_same() -> None:
    assert destination(Status.TO_JUDGE, Action.JUDGE_NOT) is To.NEXT
    assert destination(Status.TO_JUDGE, Action.JUDGE_PARTLY) is To.RUNG


def test_silence_closes_as_unanswered_and_never_as_solved() -> None:
    assert destination(Status.TO_JUDGE, Action.CLOSE_UNANSWERED) is Status.UNANSWERED


def test_a_whistle_is_blown_by_the_community_only() -> None:
    for status in (Status.WITH_GRID, Status.WITH_PROPERTY, Status.WITH_DEPARTMENT, Status.TO_JUDGE):
        with pytest.raises(NotPossible):
            destination(status, Action.BLOW_WHISTLE)


def test_only_a_verdict_or_a_withdrawal_ends_an_open_case_at_the_hands_of_a_person() -> None:
    ends = {action for status in OPEN for action in possible(status) if destination(status, action) in CLOSED}
    assert ends == {
        Action.JUDGE_SOLVED, Action.WITHDRAW, Action.MERGE, Action.CLOSE_UNANSWERED, Action.CLOSE_UNFOUNDED,
    }  # fmt: skip


def test_nothing_happens_to_a_closed_case_but_its_reopening_and_the_rounds_promised_with_it() -> None:
    for status in CLOSED - {Status.MERGED}:
        assert possible(status) - ROUNDS == {Action.REOPEN}
        assert all(destination(status, action) is To.SAME for action in ROUNDS)
    assert possible(Status.MERGED) == ROUNDS
