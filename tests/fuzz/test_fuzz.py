"""A small run of the fuzz on both databases, and proof that its watch can say no."""

from pathlib import Path
from typing import Any

import pytest

from tests.benchmarks.fuzzing.play import round_of
from tests.benchmarks.fuzzing.watch import faults_of
from workflows.models import Outbound
from workflows.policy.lifecycle import Status

pytestmark = pytest.mark.fuzz

UPDATES = {"sqlite": 800, "postgresql": 400}


@pytest.mark.timeout(900)  # on a machine that does nothing else it takes about twenty seconds
async def test_whatever_is_sent_the_product_stands(engine: str, database_url: str, tmp_path: Path) -> None:
    result = await round_of(UPDATES[engine], database_url, tmp_path, "house")
    assert not result.findings, "\n".join(str(finding) for finding in dict.fromkeys(result.findings))
    assert result.handled["done"] > UPDATES[engine] / 3 and result.handled["unreadable"] > 10
    assert set(result.statuses) == {status.value for status in Status}


async def test_the_watch_sees_a_fault_in_a_handler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("bot.conversation.resident.hear", broken)
    result = await round_of(60, f"sqlite+aiosqlite:///{tmp_path / 'town.db'}", tmp_path, "house")
    told = " ".join(finding.what for finding in result.findings)
    assert "turn failed" in told and "ends as poison" in told


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({"text": " "}, "empty"),
        ({"text": "Traceback (most recent call last)"}, "Traceback"),
        ({"text": "住在None"}, "None"),
        ({"text": "请找{holder}"}, "{holder}"),
        ({"text": "ValueError：不对"}, "ValueError"),
        (
            {"text": "好", "reply_markup": {"inline_keyboard": [[{"text": "好", "callback_data": "c:" + "9" * 63}]]}},
            "carries",
        ),
        (
            {"text": "好", "reply_markup": {"inline_keyboard": [[{"text": "", "callback_data": "c:1"}]]}},
            "without words",
        ),
    ],
)
def test_the_watch_sees_what_nobody_should_read(payload: dict[str, Any], fault: str) -> None:
    row = Outbound(method="SendMessage", payload=payload, state="sent", channel="web", chat_key="1")
    assert fault in " ".join(faults_of(row))


def test_the_watch_has_nothing_against_a_plain_sentence() -> None:
    row = Outbound(method="SendMessage", payload={"text": "好，【TD261124-01】已撤回。"}, state="sent")
    assert not list(faults_of(row))
