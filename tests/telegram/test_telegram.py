"""The Telegram channel against the emulator: what arrives is stored once and answered, whatever the network does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiogram import Bot, Dispatcher, F
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message
from fastapi import FastAPI
from sqlalchemy import func, select

from bot.channels import telegram
from bot.channels.telegram import TelegramMessenger, TelegramPhotos, TelegramPolling
from bot.clock import SystemClock
from bot.courier import Courier, OutcomeUnknown, Pace, TryLater
from bot.settings import Settings
from bot.turn import Hooks, Inbox, Read, Turn, Turns, TurnStorage
from nlu.understanding import Understanding
from tests.conftest import settings_for
from tests.telegram.line import (
    STRANGER,
    TOKEN,
    Emulator,
    Gate,
    Person,
    answers,
    free_port,
    hangs,
    hangs_up,
    picture,
    served,
    too_many,
    until,
)
from workflows.database import Database
from workflows.media import path_of
from workflows.models import Base, Inbound, Outbound

pytestmark = pytest.mark.telegram

SECRET = "a-secret-of-16-letters"


class Deaf:
    """A reader that makes the same of everything: these tests are about the way, not about the words."""

    async def understand(self, text: str) -> Understanding:
        return Understanding(text=text, intent="street_light", confidence=0.9)


def small_talk(storage: TurnStorage) -> Dispatcher:
    """A conversation of three sentences."""
    dispatcher = Dispatcher(storage=storage)

    @dispatcher.message(F.photo | F.document)
    async def photo(message: Message, photo: dict[str, Any] | None) -> None:
        assert photo is not None
        if refused := photo.get("photo_refused"):
            await message.answer(refused)
        else:
            await message.answer_photo(f"media:{photo['photo_id']}", caption="收到照片")

    @dispatcher.message(F.text)
    async def report(message: Message) -> None:
        button = InlineKeyboardButton(text="对", callback_data="yes")
        await message.answer(f"收到：{message.text}", reply_markup=InlineKeyboardMarkup(inline_keyboard=[[button]]))

    @dispatcher.callback_query()
    async def tapped(query: CallbackQuery) -> None:
        assert isinstance(query.message, Message)
        await query.message.edit_text("记下了")
        await query.answer("好")

    return dispatcher


async def _prepare(_: Any, turn: Turn, read: Read) -> dict[str, Any]:
    return {"photo": read.photo}


async def _nobody_near(*_: Any) -> dict[int, float]:
    return {}


async def _nothing(*_: Any) -> None:
    pass


class Line:
    """The pieces of the channel on a real database, with the small talk between them."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings = settings
        self.database = database
        clock = SystemClock()
        setting = settings.channels.telegram
        self.bot: Bot = telegram.telegram_bot(setting)
        self.inbox = Inbox(database, clock)
        self.messenger = TelegramMessenger(self.bot, settings.storage)
        photos = TelegramPhotos(self.bot, settings.storage, setting.photo_limit_mb)
        hooks = Hooks(_prepare, _nothing, _nothing, lambda update, _: update, lambda *_: "", _nobody_near, _nothing)
        self.turns = Turns(
            database, small_talk(TurnStorage()), self.inbox, Deaf(), clock, hooks, {telegram.CHANNEL: photos}
        )
        pace = Pace(setting.per_second, setting.per_chat_seconds)
        self.courier = Courier(database, {telegram.CHANNEL: self.messenger}, {telegram.CHANNEL: pace}, clock)
        self.turns.done = self.courier.wake
        self.http = FastAPI()
        self.http.include_router(telegram.webhook_router(settings, self.inbox))

    @asynccontextmanager
    async def handling(self) -> AsyncIterator[None]:
        """Turns and courier at work."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.turns.run())
            group.create_task(self.courier.run())
            try:
                yield
            finally:
                self.turns.stop()
                self.courier.stop()

    @asynccontextmanager
    async def polling(self) -> AsyncIterator[TelegramPolling]:
        """A polling from its start to its stop."""
        polling = TelegramPolling(self.bot, self.inbox)
        async with asyncio.TaskGroup() as group:
            group.create_task(polling.run())
            try:
                yield polling
            finally:
                polling.stop()

    async def count(self, table: type[Base], **where: Any) -> int:
        """How many rows there are."""
        async with self.database.reading() as session:
            found = await session.execute(select(func.count()).select_from(table).filter_by(**where))
            return int(found.scalar_one())


def settings_on(gate: Gate, tmp_path: Path, **section: Any) -> Settings:
    line = {"mode": "polling", "token": TOKEN, "api_base": gate.base, "per_chat_seconds": 0} | section
    return settings_for(f"sqlite+aiosqlite:///{tmp_path / 'line.db'}", tmp_path / "var", channels={"telegram": line})


@asynccontextmanager
async def line_on(settings: Settings) -> AsyncIterator[Line]:
    database = Database(settings.database.url)
    line = Line(settings, database)
    try:
        await database.migrate()
        yield line
    finally:
        await line.bot.session.close()
        await database.close()


@pytest.fixture
async def line(gate: Gate, tmp_path: Path) -> AsyncIterator[Line]:
    """The pieces, set to polling."""
    async with line_on(settings_on(gate, tmp_path)) as opened:
        yield opened


@pytest.fixture
def hook(gate: Gate, tmp_path: Path) -> Settings:
    """Settings for the webhook on a free port."""
    settings = settings_on(gate, tmp_path, mode="webhook", webhook_secret=SECRET)
    server = settings.server.model_copy(update={"public_url": f"http://127.0.0.1:{free_port()}"})
    return settings.model_copy(update={"server": server})


def port_of(settings: Settings) -> int:
    return int(settings.server.public_url.rsplit(":", 1)[1])


# --- polling


async def test_by_polling_a_stranger_writes_taps_and_sends_a_photo(
    line: Line, gate: Gate, emulator: Emulator, stranger: Person
) -> None:
    async with line.handling(), line.polling():
        await stranger.writes("楼道灯不亮")
        answer = (await until(lambda: gate.said, "an answer"))[0]
        assert answer.text == "收到：楼道灯不亮"
        assert answer.fields["chat_id"] == str(STRANGER)

        await stranger.taps(answer, "对")
        edit = (await until(lambda: gate.sent("editMessageText"), "an edit"))[0]
        assert (edit.text, edit.fields["message_id"]) == ("记下了", str(answer.result["message_id"]))
        assert (await until(lambda: gate.sent("answerCallbackQuery"), "an answer to the tap"))[0].text == "好"

        await stranger.sends(picture())
        back = (await until(lambda: gate.sent("sendPhoto"), "the photo"))[0]
        assert back.text == "收到照片"
    [uploaded] = back.files.values()
    assert b"secret place" not in uploaded
    photo_id = next((line.settings.storage / "photos").rglob("*.jpg")).stem
    assert path_of(line.settings.storage, photo_id).read_bytes() == uploaded
    verdict = await emulator.verdict("sendMessage", "editMessageText", "answerCallbackQuery", "sendPhoto", "getFile")
    assert verdict["ok"], verdict


async def test_an_update_that_polling_gets_twice_is_handled_once(line: Line, gate: Gate, stranger: Person) -> None:
    async with line.handling():
        async with line.polling():
            await until(lambda: offsets(gate), "the first poll")
            gate.make_trouble("getUpdates", hangs)
            # The poll that is on its way passes; the one that would acknowledge its update hangs.
            await stranger.writes("第一")
            await until(lambda: gate.said, "an answer")
        async with line.polling():
            await stranger.writes("第二")
            await until(lambda: len(gate.said) > 1, "another answer")
            await until(lambda: offsets(gate)[-1] == 3, "the acknowledgement")
    assert [call.text for call in gate.said] == ["收到：第一", "收到：第二"]
    delivered = [update["update_id"] for call in gate.sent("getUpdates") for update in call.result]
    assert delivered.count(1) == 2
    assert await line.count(Inbound) == 2


def offsets(gate: Gate) -> list[int | None]:
    """What each poll asked from."""
    polls = [call for call in gate.calls if call.method == "getUpdates"]
    return [int(call.fields["offset"]) if "offset" in call.fields else None for call in polls]


async def test_nothing_is_acknowledged_before_it_is_stored(
    line: Line, gate: Gate, stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = line.inbox.receive
    troubles = [OSError("the database is away")]

    async def receive(*given: Any) -> bool:
        if troubles:
            raise troubles.pop()
        return await stored(*given)

    monkeypatch.setattr(line.inbox, "receive", receive)
    async with line.handling(), line.polling():
        await stranger.writes("楼道灯不亮")
        await until(lambda: gate.said, "an answer")
        await until(lambda: offsets(gate)[-1] == 2, "the acknowledgement")
    assert offsets(gate)[-3:] == [None, None, 2]
    assert len(gate.said) == 1


async def test_a_left_over_webhook_is_taken_away(line: Line, gate: Gate, emulator: Emulator, stranger: Person) -> None:
    await emulator.call("setWebhook", url="http://127.0.0.1:9/old")
    await stranger.writes("楼道灯不亮")  # not delivered: nobody listens there
    async with line.handling(), line.polling():
        await until(lambda: gate.said, "an answer")
    assert (await emulator.call("getWebhookInfo"))["url"] == ""


async def test_two_pollers_with_one_token_are_told_apart_in_the_log(
    line: Line, gate: Gate, emulator: Emulator, stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(telegram.log, "error", lambda event, **_: said.append(event), raising=False)
    async with asyncio.TaskGroup() as group:
        other = group.create_task(emulator.call("getUpdates", timeout=50))
        async with line.polling():
            await until(lambda: said, "a word about the conflict")
        assert "another process polls with the same token" in said[0]
        await stranger.writes("一")  # ends the other's poll
        await other


async def test_polling_goes_on_after_every_kind_of_trouble(line: Line, gate: Gate, stranger: Person) -> None:
    bad = answers(502, "<html>Bad Gateway</html>")
    gate.make_trouble("deleteWebhook", hangs_up)
    gate.make_trouble("getUpdates", too_many(1), bad)
    async with line.handling(), line.polling():
        await stranger.writes("楼道灯不亮")
        await until(lambda: gate.said, "an answer")
    assert not gate.troubles["getUpdates"]


async def test_stopping_gives_up_the_poll_that_waits(line: Line, gate: Gate) -> None:
    async with asyncio.timeout(10), line.polling():
        await until(lambda: any(call.method == "getUpdates" for call in gate.calls), "a poll")


# --- webhook


async def test_by_webhook_a_stranger_writes_taps_and_sends_a_photo(
    hook: Settings, gate: Gate, emulator: Emulator, stranger: Person
) -> None:
    async with line_on(hook) as line, line.handling(), served(line.http, port_of(hook)):
        assert await telegram.set_webhook(line.bot, hook)
        assert await telegram.set_commands(line.bot)
        await stranger.writes("楼道灯不亮")
        answer = (await until(lambda: gate.said, "an answer"))[0]
        await stranger.taps(answer, "对")
        edit = (await until(lambda: gate.sent("editMessageText"), "an edit"))[0]
        assert edit.text == "记下了"
        await stranger.sends(picture())
        assert (await until(lambda: gate.sent("sendPhoto"), "the photo"))[0].text == "收到照片"
        info = await emulator.call("getWebhookInfo")
    assert (info["pending_update_count"], info["allowed_updates"]) == (0, telegram.ALLOWED_UPDATES)
    assert not gate.sent("getUpdates")
    verdict = await emulator.verdict("setWebhook", "setMyCommands", "sendMessage", "sendPhoto", "webhook")
    assert verdict["ok"], verdict


async def test_a_webhook_without_the_right_secret_changes_nothing(
    hook: Settings, gate: Gate, emulator: Emulator, stranger: Person
) -> None:
    url = hook.server.public_url + telegram.WEBHOOK_PATH
    async with line_on(hook) as line, line.handling(), served(line.http, port_of(hook)):
        await emulator.call("setWebhook", url=url, secret_token="somebody-elses")
        await stranger.writes("楼道灯不亮")
        assert (await emulator.call("getWebhookInfo"))["pending_update_count"] == 1
        assert await line.count(Inbound) == 0
        assert await telegram.set_webhook(line.bot, hook)  # the update has waited
        await until(lambda: gate.said, "an answer")
    assert "webhook:401" in {f"{item['method']}:{item['status']}" for item in (await emulator.verdict())["refusals"]}


async def test_a_webhook_delivered_twice_is_handled_once(hook: Settings, gate: Gate, stranger: Person) -> None:
    url = hook.server.public_url + telegram.WEBHOOK_PATH
    headers = {"X-Telegram-Bot-Api-Secret-Token": SECRET}
    update = {"update_id": 77, "message": stranger.message(text="楼道灯不亮")}
    async with line_on(hook) as line, served(line.http, port_of(hook)), aiohttp.ClientSession() as client:
        posts = [client.post(url, json=update, headers=headers) for _ in range(3)]
        for response in await asyncio.gather(*posts):
            assert response.status == 200
            response.release()
        async with line.handling():
            await until(lambda: gate.said, "an answer")
            async with client.post(url, json=update, headers=headers) as response:  # and once more, later
                assert response.status == 200
            await until(lambda: nothing_waits(line), "everything to be done")
        assert await line.count(Inbound) == 1
    assert len(gate.said) == 1


async def nothing_waits(line: Line) -> bool:
    return not await line.count(Inbound, state="waiting") and not await line.count(Outbound, state="waiting")


async def test_a_webhook_that_cannot_be_stored_is_delivered_again(
    hook: Settings, gate: Gate, emulator: Emulator, stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with line_on(hook) as line, line.handling(), served(line.http, port_of(hook)):
        assert await telegram.set_webhook(line.bot, hook)
        with monkeypatch.context() as away:

            async def receive(*_: Any) -> bool:
                raise OSError("the database is away")

            away.setattr(line.inbox, "receive", receive)
            await stranger.writes("楼道灯不亮")
            assert (await emulator.call("getWebhookInfo"))["pending_update_count"] == 1
        assert await emulator.deliver() == 1
        await until(lambda: gate.said, "an answer")
    assert len(gate.said) == 1


# --- the way out, when it is rough


async def test_429_waits_as_long_as_telegram_asks_and_keeps_the_order(line: Line, gate: Gate, stranger: Person) -> None:
    gate.make_trouble("sendMessage", too_many(1))
    await stranger.writes("第一")
    await stranger.writes("第二")
    async with line.handling(), line.polling():
        await until(lambda: len(gate.said) > 1, "both answers")
    assert [call.text for call in gate.said] == ["收到：第一", "收到：第二"]
    refused, *_ = [call for call in gate.calls if call.method == "sendMessage"]
    assert refused.status == 429
    assert gate.said[0].at - refused.at >= 0.95
    assert await line.count(Outbound, state="sent") == 2


async def test_an_answer_whose_fate_is_unknown_is_sent_again(line: Line, gate: Gate, stranger: Person) -> None:
    gate.make_trouble("sendMessage", answers(502, "<html>"), answers(200, '{"ok": tr'), hangs_up)
    await stranger.writes("第一")
    async with line.handling(), line.polling():
        await until(lambda: gate.said, "the answer")
        await until(lambda: nothing_waits(line), "everything to be done")
    assert len(gate.said) == 1


async def test_a_chat_that_blocked_the_bot_is_left_in_peace(line: Line, gate: Gate, stranger: Person) -> None:
    said = "Forbidden: bot was blocked by the user"
    gate.make_trouble("sendMessage", answers(403, {"ok": False, "error_code": 403, "description": said}))
    await stranger.writes("第一")
    async with line.handling(), line.polling():
        await until(lambda: dead(line), "the row to be set aside")
    assert gate.said == []


async def dead(line: Line) -> int:
    return await line.count(Outbound, state="dead")


def outbound(text: str = "好") -> Outbound:
    return Outbound(
        id=1, channel="telegram", chat_key="5001", method="SendMessage", payload={"text": text}, resend=True
    )


async def test_nobody_at_home_means_that_nothing_was_sent(gate: Gate, tmp_path: Path) -> None:
    nowhere = settings_on(gate, tmp_path, api_base=f"http://127.0.0.1:{free_port()}")
    async with line_on(nowhere) as line:
        with pytest.raises(TryLater):
            await line.messenger.deliver(outbound())


async def test_a_connection_that_never_comes_means_that_nothing_was_sent(
    gate: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telegram, "CONNECT_SECONDS", 0.2)
    server = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    # TLS to somebody who accepts and never says a word: the handshake does not end.
    async with server, line_on(settings_on(gate, tmp_path, api_base=f"https://127.0.0.1:{port}")) as line:
        with pytest.raises(TryLater):
            await line.messenger.deliver(outbound())


@pytest.mark.parametrize("trouble", [hangs, hangs_up], ids=["no answer", "cut"])
async def test_silence_after_sending_leaves_the_outcome_unknown(line: Line, gate: Gate, trouble: Any) -> None:
    line.bot.session.timeout = 0.3
    gate.make_trouble("sendMessage", trouble)
    with pytest.raises(OutcomeUnknown):
        await line.messenger.deliver(outbound())


async def test_a_long_message_arrives_whole(line: Line, gate: Gate, emulator: Emulator) -> None:
    text = "\n".join(f"{n}、" + "字😀" * 60 for n in range(100))
    await line.messenger.deliver(outbound(text))
    assert len(gate.said) > 3
    assert "\n".join(call.text for call in gate.said) == text
    assert (await emulator.verdict())["ok"]


# --- photos, when they are none


async def test_what_is_no_photo_is_answered_with_a_reason(line: Line, gate: Gate, stranger: Person) -> None:
    async with line.handling(), line.polling():
        await stranger.sends(b"this is no picture")
        assert (await until(lambda: gate.said, "an answer"))[0].text == "photo.not_a_photo"


async def test_a_photo_is_fetched_again_after_trouble_with_the_network(
    line: Line, gate: Gate, stranger: Person
) -> None:
    gate.make_trouble("getFile", answers(502, "<html>"))
    gate.make_trouble("file", hangs_up)
    async with line.handling(), line.polling():
        await stranger.sends(picture())
        assert (await until(lambda: gate.said, "an answer"))[0].text == "收到照片"
    assert await line.count(Inbound, state="done") == 1


async def test_a_photo_that_telegram_no_longer_has_is_not_waited_for(line: Line, gate: Gate, stranger: Person) -> None:
    gate.make_trouble("file", answers(404, "{}"))
    async with line.handling(), line.polling():
        await stranger.sends(picture())
        assert (await until(lambda: gate.said, "an answer"))[0].text == "photo.unreachable"
