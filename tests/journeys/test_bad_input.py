"""Bad input gets a clear sentence and loses nothing."""

import io
from datetime import UTC, datetime

import pytest
from PIL import Image
from sqlalchemy import update

from bot import dead_letters
from bot.channels.web.messenger import CHANNEL
from bot.turn import MAX_ATTEMPTS
from tests.town import Town
from workflows.media import PhotoRefused, clean
from workflows.models import Inbound

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

LIGHT = "富邦小区3号楼2单元楼道灯不亮了"


@pytest.mark.parametrize("text", ["   ", "😡😡😡", "12345678", "\u200b\u200b", "asdkjh qwe zzz"])
async def test_what_says_nothing_gets_a_friendly_question_and_no_case(town: Town, text: str) -> None:
    assert await town.says("td-resident", text)
    assert await town.cases() == []


async def test_ten_thousand_characters_are_one_report_and_an_answer(town: Town) -> None:
    assert await town.says("td-resident", LIGHT + "，物业说来一直没来" * 1100)
    assert len(await town.cases()) <= 1
    await town.keeps_its_promises()


async def test_an_unknown_command_is_answered_with_help(town: Town) -> None:
    assert "/help" in await town.says("td-resident", "/drop_table cases")


async def test_a_button_of_somebody_elses_case_changes_nothing(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    case = await town.only_case()
    bubble, _ = await town.button("td-resident", "撤回")
    for who in ("td-neighbour", "sq-grid", "sq-secretary", "stranger"):
        await town.says(who, "你好")
        theirs = (await town.bubbles(who))[-1]
        for act in ("withdraw", "verify", "solved", "history", "done"):
            said = await town.taps_data(who, theirs, f"c:{act}:{case.id}")
            assert "没有找到这件事" in said, (who, act, said)
    assert bubble.buttons
    assert (await town.only_case()).status == "with_grid_branch"
    assert await town.actions(case) == ["open"]


async def test_forged_and_broken_payloads_are_met_with_a_sentence(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    bubble, _ = await town.button("td-resident", "撤回")
    for data in (
        "c:withdraw:999999",
        "c:explode:1",
        "c:verify",
        "k:no_such_kind:0",
        "d:1:1",
        "x",
        "p:home:0",
        "s:7",
        "w:urge:0",
    ):
        assert await town.taps_data("td-resident", bubble, data), data
    assert (await town.only_case()).status == "with_grid_branch"


async def test_a_second_tap_on_the_same_button_is_told_what_the_state_is(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    bubble, data = await town.button("td-grid", "属实")
    await town.taps_data("td-grid", bubble, data)
    again = await town.taps_data("td-grid", bubble, data)
    assert "过时" in again
    case = await town.only_case()
    assert (await town.actions(case)).count("verify") == 1
    await town.keeps_its_promises()


async def test_an_update_that_is_delivered_twice_is_handled_once(town: Town) -> None:
    chat = town.chat("td-resident")
    sent = town._message(1, chat, LIGHT)
    assert await town.app.inbox.receive(CHANNEL, "same-key", chat, sent)
    assert not await town.app.inbox.receive(CHANNEL, "same-key", chat, sent)
    await town.settled()
    await town.only_case()
    assert (await town.heard("td-resident")).count("收到，已登记") == 1


async def test_an_edited_message_is_noticed_and_changes_nothing(town: Town) -> None:
    await town.says("td-resident", LIGHT)
    chat = town.chat("td-resident")
    message = town._message(77, chat, LIGHT + "改")["message"]
    edit = {"update_id": 77, "edited_message": {**message, "edit_date": message["date"]}}
    await town.app.inbox.receive(CHANNEL, "edit", chat, edit)
    await town.settled()
    assert "更正" in await town.heard("td-resident")
    assert await town.actions(await town.only_case()) == ["open"]


async def test_words_beside_a_refused_photo_are_read_all_the_same(town: Town) -> None:
    chat = town.chat("td-resident")
    sent = town._message(1, chat, LIGHT) | {"xiaoshao": {"photo_refused": "photo.too_large"}}
    await town.app.inbox.receive(CHANNEL, "refused", chat, sent)
    await town.settled()
    told = await town.heard("td-resident")
    assert "照片太大" in told and "收到，已登记" in told
    assert (await town.only_case()).category == "street_light"


async def test_a_message_that_breaks_every_time_is_set_aside_with_an_apology_and_the_next_is_handled(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)

    async def broken(*_: object) -> None:
        raise RuntimeError("the cause that an operator mends")

    with monkeypatch.context() as trouble:
        trouble.setattr("bot.conversation.resident.hear", broken)
        await town.app.inbox.receive(
            CHANNEL, "k", town.chat("td-resident"), town._message(1, town.chat("td-resident"), LIGHT)
        )
        for _ in range(MAX_ATTEMPTS):
            await town.app.turns.drain()
            async with town.app.database.writing() as session:
                await session.execute(update(Inbound).values(retry_at=long_ago))
        await town.settled()
    assert "没处理好" in await town.heard("td-resident")
    assert LIGHT in await town.heard("td-secretary")  # a person has it in the meantime
    assert await town.cases() == []
    async with town.app.database.writing() as session:
        letters = await dead_letters.read(session)
        assert [(letter["id"], letter["error"]) for letter in letters] == [("in-1", "RuntimeError")]
        await dead_letters.put_back(session, "in-1")
    await town.settled()
    assert "收到，已登记" in await town.heard("td-resident")
    await town.only_case()


def test_a_file_that_is_no_photo_is_refused() -> None:
    with pytest.raises(PhotoRefused, match=r"photo\.not_a_photo"):
        clean(b"%PDF-1.7 not a picture", 10)


def test_a_photo_over_the_limit_is_refused() -> None:
    with pytest.raises(PhotoRefused, match=r"photo\.too_large"):
        clean(b"\xff\xd8" + b"0" * 1_100_000, 1)


def test_the_position_in_a_photo_is_not_passed_on() -> None:
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (40.0, 48.0, 0.0), 3: "E", 4: (111.0, 39.0, 0.0)}
    exif[0x010F] = "Telephone of a resident"
    raw = io.BytesIO()
    Image.new("RGB", (50, 40)).save(raw, "JPEG", exif=exif)
    assert b"Telephone" in raw.getvalue()
    cleaned = clean(raw.getvalue(), 1)
    assert b"Telephone" not in cleaned.jpeg
    with Image.open(io.BytesIO(cleaned.jpeg)) as picture:
        assert not picture.getexif()
