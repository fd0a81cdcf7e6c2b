"""What the fuzz has found, each once, on both databases."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from bot.channels.telegram import CHANNEL as TELEGRAM
from bot.channels.web.messenger import CHANNEL as WEB
from nlu.understanding import Understanding
from tests.benchmarks.fuzzing.play import Page, opened
from tests.conftest import settings_for
from tests.town import Town
from workflows.models import Inbound, Outbound, Person

pytestmark = pytest.mark.fuzz

LIGHT = "富邦小区3号楼2单元楼道灯不亮了"
CHAT = 500_001


class Lamps:
    """A reader that hears of nothing but lights on the stairs."""

    async def understand(self, text: str) -> Understanding:
        return Understanding(text, "street_light", 0.95, (("street_light", 0.95),))

    async def alike(self, _: str, others: Any) -> list[float]:
        return [0.0 for _ in others]


@pytest.fixture
async def town(demo_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The demo neighbourhood, on either database, with a reader that costs nothing."""
    async with Town.opened(settings_for(demo_url, tmp_path), Lamps()) as there:
        yield there


async def telegram(town: Town, **update: Any) -> str:
    """An update of Telegram's, and what was said to it."""
    before = len(await town.rows(Outbound))
    number = len(await town.rows(Inbound)) + 1
    await town.app.inbox.receive(TELEGRAM, str(number), str(CHAT), {"update_id": number, **update})
    await town.settled()
    said = (await town.rows(Outbound))[before:]
    return "\n".join(str(row.payload["text"]) for row in said if row.channel == TELEGRAM and row.payload.get("text"))


def message(text: str = LIGHT, **parts: Any) -> dict[str, Any]:
    sender = {"id": CHAT, "is_bot": False, "first_name": "王"}
    return {"message_id": 7, "date": 1, "chat": {"id": CHAT, "type": "private"}, "from": sender, "text": text} | parts


def tap(data: str, **parts: Any) -> dict[str, Any]:
    said = message("…")
    return {"id": "1", "from": said["from"], "chat_instance": "1", "data": data, "message": said} | parts


async def test_an_update_that_is_none_is_set_aside_at_once_with_a_word_and_the_chat_goes_on(town: Town) -> None:
    assert "没处理好" in await telegram(town, message=message(date="gestern"))
    (letter,) = await town.rows(Inbound)
    assert (letter.state, letter.attempts, letter.error) == ("poison", 1, "Unreadable: message.date")
    assert "收到，已登记" in await telegram(town, message=message())


async def test_a_message_whose_parts_are_no_parts_holds_up_nobody(town: Town) -> None:
    chat = town.chat("td-resident")
    for number, broken in enumerate(({"message": "x"}, {"message": ["x"]}, {"message": {"from": [1], "text": [None]}})):
        await town.app.inbox.receive(WEB, f"broken{number}", chat, {"update_id": 1, **broken})
    assert "收到，已登记" in await town.says("td-neighbour", LIGHT)
    assert "收到，已登记" in await town.says("td-resident", LIGHT.replace("3号", "5号"))
    assert "None" not in await town.heard("td-secretary")


async def test_a_button_under_a_message_that_telegram_no_longer_shows_still_works(town: Town) -> None:
    await telegram(town, message=message())
    case = await town.only_case()
    gone = {"chat": message()["chat"], "message_id": 7, "date": 0}
    assert case.number in await telegram(town, callback_query=tap(f"c:progress:{case.id}", message=gone))


async def test_a_message_without_a_sender_is_answered_like_any_other(town: Town) -> None:
    nameless = message()
    nameless.pop("from")
    assert "收到，已登记" in await telegram(town, message=nameless)


async def test_a_name_that_is_null_is_no_name(town: Town) -> None:
    await telegram(
        town, message=message(**{"from": {"id": CHAT, "is_bot": False, "first_name": "王", "last_name": None}})
    )
    assert (await town.rows(Person))[-1].name == "王"


@pytest.mark.parametrize("text", ["楼道灯\x00不亮了", "楼道灯\ud800不亮了", "\x00" + LIGHT])
async def test_what_no_database_can_keep_is_left_out_and_the_rest_is_heard(town: Town, text: str) -> None:
    assert await telegram(town, message=message(text))
    (kept,) = await town.rows(Inbound)
    assert kept.state == "done" and "楼道灯不亮了" in kept.update["message"]["text"]


FORGED = (
    "c:verify:99999999999999999999", "c:progress:-1", "s:9223372036854775808", "a:99999999999999999999:go", "p:name:-1",
    "g:grid:2026-48", "g:resident:0000-W00", "g::", "k:heating:99999999999999999999", "m:-1:0", "w:done:-5", "d:1:99999999",
)  # fmt: skip


async def test_forged_numbers_are_met_with_a_sentence(town: Town) -> None:
    for data in FORGED:
        assert await telegram(town, callback_query=tap(data)), data
    assert {row.state for row in await town.rows(Inbound)} == {"done"}


async def test_a_whistle_cannot_be_blown_to_what_is_no_department_of_the_community(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    case = await town.only_case()
    await town.taps("td-grid", "属实")
    await town.taps("td-property", "解决不了")
    await town.says("td-property", "没有权限")
    bubble = (await town.bubbles("td-secretary"))[-1]
    for unit in (case.holder_unit_id, 99_999_999):
        assert "不在您的岗位范围里" in await town.taps_data("td-secretary", bubble, f"d:{case.id}:{unit}")
    assert (await town.only_case()).status == "with_community"


# ---- the page, by its real server


@pytest.fixture
async def address(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """Where the product answers."""
    async with opened(database_url, tmp_path, "found") as (_, _, _, log, url):
        yield url
        assert not log.faults, log.faults


FRAMES: tuple[tuple[Any, int | None], ...] = (
    (b'{"type":"hello","chats":{}}', 1003),
    ("{", 1003),
    ("[" * 50_000, 1003),
    ({"type": "read", "chat": "1001", "seq": 2**70}, None),
    ({"type": "read", "chat": "1001", "seq": -1}, None),
    ({"type": "hello", "chats": {"1001": -(2**70)}}, None),
    ({"type": "tap", "chat": "1001", "client_id": "x", "bubble": 2**70, "data": "c:verify:1"}, None),
    ({"type": "tap", "chat": "1001", "client_id": "\x00", "bubble": 1, "data": "\ud800"}, None),
    ({"type": "text", "chat": "1001", "client_id": "\ud800\x00n", "text": "灯\x00不亮\ud800"}, None),
)


async def test_no_frame_breaks_the_socket(address: str) -> None:
    page = Page(address.replace("http", "ws") + "/ws")
    for frame, code in FRAMES:
        assert await page.sends(json.dumps(frame) if isinstance(frame, dict) else frame) == code, frame
        assert await page.sends('{"type":"read","chat":"1001","seq":1}') is None, frame
    await page.close()


async def test_what_is_no_text_is_no_message_of_that_text(address: str) -> None:
    page = Page(address.replace("http", "ws") + "/ws")
    for number, text in enumerate((None, {"": {}}, [None], 7)):
        await page.sends(json.dumps({"type": "text", "chat": "1001", "client_id": f"n{number}", "text": text}))
    await page.close()
    async with httpx.AsyncClient(base_url=address) as client:
        chairs = (await client.get("/api/me")).json()["chairs"]
    assert chairs[0]["last"] == ""


async def test_a_request_that_cannot_be_understood_is_refused_without_being_repeated(address: str) -> None:
    async with httpx.AsyncClient(base_url=address) as client:
        for body in (b'{"hours":NaN}', b'{"hours":1e999}', b'{"hours":"\\ud800"}', b'{"\\ud800":1}', b"{}"):
            answer = await client.post("/api/time", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 422, body
            assert set(answer.json()) == {"error", "fields"} and "请刷新" in answer.json()["error"]


async def test_a_name_that_no_file_can_have_is_not_found(address: str) -> None:
    odd = "a" * 300
    async with httpx.AsyncClient(base_url=address) as client:
        for path in ("/media/%00", f"/media/{odd}", f"/static/{odd}", "/static/%00", "/static/..%2fpage.py"):
            assert (await client.get(path)).status_code == 404, path


@pytest.mark.parametrize("latitude", ["inf", "-inf", "nan", 1e300, 95])
async def test_a_place_that_is_nowhere_on_earth_is_asked_for_in_words(town: Town, latitude: Any) -> None:
    where = {"latitude": latitude, "longitude": 111.75}
    said = await telegram(town, message={**message(), "text": None, "location": where})
    assert "小区" in said
    assert {row.state for row in await town.rows(Inbound)} == {"done"}


async def test_one_chat_that_cannot_be_reached_makes_nobody_unready(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    async with town.app.database.writing() as session:
        row = (await session.execute(select(Outbound).where(Outbound.channel == WEB).limit(1))).scalar_one()
        row.state, row.not_before = "waiting", row.not_before - timedelta(hours=1)
        row.retry_at = datetime.now(UTC) + timedelta(minutes=50)  # noqa: TID251 - retries wait in the world's time
    transport = httpx.ASGITransport(town.app.http)
    async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
        assert (await client.get("/readyz")).json()["courier_lag_seconds"] == 0.0
        async with town.app.database.writing() as session:
            await session.execute(update(Outbound).values(retry_at=None))
        answer = await client.get("/readyz")
    assert (answer.status_code, answer.json()["courier_lag_seconds"] >= 3600) == (503, True)
