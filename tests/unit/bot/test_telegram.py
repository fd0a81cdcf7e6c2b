"""The Telegram channel without a network: what is sent, what an answer means, what is stored and when."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import httpx
import pytest
import structlog
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import TelegramMethod
from aiogram.types import InputFile
from fastapi import FastAPI
from PIL import Image

from bot.channels import telegram
from bot.channels.telegram import TelegramMessenger, TelegramPhotos, TelegramPolling, private_chat, split
from bot.courier import DeliveryError, OutcomeUnknown, Rejected, TryLater
from bot.settings import ConfigError, Settings, load
from workflows.media import path_of
from workflows.models import Inbound, Outbound

ROOT = Path(__file__).parents[3]
SENT = {"message_id": 77, "date": 1, "chat": {"id": 5001, "type": "private"}, "text": "好"}
SECRET = "a-secret-of-16-letters"
KEYBOARD = {"inline_keyboard": [[{"text": "属实", "callback_data": "c:1"}]]}

Answer = tuple[int, Any] | BaseException


class Scripted(BaseSession):
    """An aiogram session with answers written beforehand, read by aiogram's own code; the last one is repeated."""

    def __init__(self, *answers: Answer, file: bytes | BaseException = b"") -> None:
        super().__init__()
        self.answers = list(answers) or [(200, {"ok": True, "result": SENT})]
        self.file = file
        self.calls: list[TelegramMethod[Any]] = []
        self.urls: list[str] = []
        self.read = 0

    async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:  # noqa: ASYNC109
        self.calls.append(method)
        await asyncio.sleep(0)  # as a network would
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, TelegramNetworkError):
            raise answer from answer.__cause__
        if isinstance(answer, BaseException):
            raise answer
        status, body = answer
        content = body if isinstance(body, str) else json.dumps(body)
        return self.check_response(bot, method, status, content).result

    async def stream_content(self, url: str, *_: Any, **__: Any) -> AsyncIterator[bytes]:  # type: ignore[override]
        self.urls.append(url)
        if isinstance(self.file, BaseException):
            raise self.file
        for start in range(0, len(self.file), 65536):
            self.read += 65536
            yield self.file[start : start + 65536]

    async def close(self) -> None:
        pass


def ok(result: Any) -> Answer:
    return 200, {"ok": True, "result": result}


def refused(status: int, description: str, **parameters: Any) -> Answer:
    body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
    return status, body | ({"parameters": parameters} if parameters else {})


def network(cause: BaseException) -> TelegramNetworkError:
    error = TelegramNetworkError(method=telegram._GetUpdates(timeout=0, allowed_updates=[]), message="trouble")
    error.__cause__ = cause
    return error


def bot_with(*answers: Answer, file: bytes | BaseException = b"") -> tuple[Bot, Scripted]:
    session = Scripted(*answers, file=file)
    return Bot("42:synthetic", session=session), session


def row(method: str, payload: dict[str, Any], **fields: Any) -> Outbound:
    given = {"id": 1, "channel": "telegram", "chat_key": "5001", "resend": True} | fields
    return Outbound(method=method, payload=payload, **given)


def picture(width: int = 40, height: int = 30) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (width, height), "teal").save(out, "JPEG")
    return out.getvalue()


async def deliver(storage: Path, message: Outbound, *answers: Answer) -> tuple[str | None, list[TelegramMethod[Any]]]:
    bot, session = bot_with(*answers)
    return await TelegramMessenger(bot, storage).deliver(message), session.calls


# --- the way out


async def test_a_message_is_sent_with_its_buttons_and_gives_its_id(tmp_path: Path) -> None:
    message_id, [call] = await deliver(tmp_path, row("SendMessage", {"text": "好", "reply_markup": KEYBOARD}))
    assert message_id == "77"
    assert type(call).__name__ == "SendMessage"
    sent = call.model_dump(exclude_none=True, mode="json", include={"chat_id", "text", "reply_markup"})
    assert sent == {"chat_id": 5001, "text": "好", "reply_markup": KEYBOARD}


async def test_a_long_message_is_split_between_lines_and_only_the_last_part_has_the_buttons(tmp_path: Path) -> None:
    lines = [f"第{n}行" + "字" * 90 for n in range(100)]
    _, calls = await deliver(tmp_path, row("SendMessage", {"text": "\n".join(lines), "reply_markup": KEYBOARD}))
    assert len(calls) == 3
    assert all(len(call.text) <= 4096 for call in calls)
    assert "\n".join(call.text for call in calls).split("\n") == lines
    assert [call.reply_markup is not None for call in calls] == [False, False, True]


async def test_what_has_arrived_of_a_long_message_is_not_sent_again(tmp_path: Path) -> None:
    bot, session = bot_with(ok(SENT), refused(429, "Too Many Requests", retry_after=3), ok(SENT))
    messenger = TelegramMessenger(bot, tmp_path)
    message = row("SendMessage", {"text": "一" * 4096 + "\n" + "二" * 4096})
    with pytest.raises(TryLater) as trouble:
        await messenger.deliver(message)
    assert trouble.value.seconds == 3
    assert await messenger.deliver(message) == "77"
    assert [call.text[0] for call in session.calls] == ["一", "二", "二"]


async def test_what_had_arrived_of_a_long_message_before_a_kill_is_not_sent_again(tmp_path: Path) -> None:
    bot, session = bot_with(ok(SENT), ok(SENT), ok(SENT))
    message = row("SendMessage", {"text": "\n".join(word * 4096 for word in "一二三")})

    async def kills_at_the_second(_: Outbound, parts: int) -> None:
        message.parts_arrived = parts  # as the courier records it
        if parts == 2:
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await TelegramMessenger(bot, tmp_path, kills_at_the_second).deliver(message)
    await TelegramMessenger(bot, tmp_path).deliver(message)
    assert [call.text[0] for call in session.calls] == ["一", "二", "三"]


async def test_a_rejected_part_is_forgotten_so_that_another_try_starts_anew(tmp_path: Path) -> None:
    bot, session = bot_with(ok(SENT), refused(400, "Bad Request: chat not found"), ok(SENT))
    messenger = TelegramMessenger(bot, tmp_path)
    message = row("SendMessage", {"text": "一" * 4096 + "\n" + "二" * 4096})
    with pytest.raises(Rejected):
        await messenger.deliver(message)
    await messenger.deliver(message)
    assert [call.text[0] for call in session.calls] == ["一", "二", "一", "二"]


@pytest.mark.parametrize(
    ("text", "limit", "parts"),
    [
        ("短", 10, ["短"]),
        ("一二\n三四\n五六", 5, ["一二\n三四", "五六"]),
        ("一二三四\n五", 4, ["一二三四", "五"]),
        ("一二三四五六七", 3, ["一二三", "四五六", "七"]),
        ("一二三。四五六。七", 6, ["一二三。", "四五六。七"]),
        ("\n\n\n\n\n一", 3, ["一"]),
        ("😀😀😀", 3, ["😀", "😀", "😀"]),  # two units each: a pair is never torn apart
        ("一\n\n\n二", 3, ["一", "二"]),
        ("    ", 3, [" "]),
        ("", 3, [""]),
    ],
)
def test_splitting(text: str, limit: int, parts: list[str]) -> None:
    assert split(text, limit) == parts


async def test_a_photo_of_ours_is_uploaded(tmp_path: Path) -> None:
    path = path_of(tmp_path, "abc_DEF-1")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"jpeg")
    message_id, [call] = await deliver(
        tmp_path, row("SendPhoto", {"photo": "media:abc_DEF-1", "caption": "井盖", "reply_markup": KEYBOARD})
    )
    assert message_id == "77"
    assert isinstance(call.photo, InputFile)
    assert call.photo.data == b"jpeg"
    assert (call.caption, call.reply_markup is not None) == ("井盖", True)


async def test_a_photo_that_telegram_knows_goes_by_its_name(tmp_path: Path) -> None:
    _, [call] = await deliver(tmp_path, row("SendPhoto", {"photo": "AgACAgI"}))
    assert call.photo == "AgACAgI"


async def test_a_long_caption_becomes_photo_and_text(tmp_path: Path) -> None:
    _, [photo, text] = await deliver(
        tmp_path, row("SendPhoto", {"photo": "AgACAgI", "caption": "字" * 1025, "reply_markup": KEYBOARD})
    )
    assert (photo.caption, photo.reply_markup) == (None, None)
    assert (text.text, text.reply_markup is not None) == ("字" * 1025, True)


async def test_the_words_go_on_without_a_photo_that_is_gone(tmp_path: Path) -> None:
    _, [call] = await deliver(
        tmp_path, row("SendPhoto", {"photo": "media:gone", "caption": "井盖", "reply_markup": KEYBOARD})
    )
    assert (call.text, call.reply_markup is not None) == ("井盖", True)
    with pytest.raises(Rejected):
        await deliver(tmp_path, row("SendPhoto", {"photo": "media:gone"}))


async def test_an_edit_names_the_message(tmp_path: Path) -> None:
    message_id, [call] = await deliver(
        tmp_path, row("EditMessageText", {"message_id": 12, "text": "新", "reply_markup": KEYBOARD})
    )
    assert (call.chat_id, call.message_id, call.text) == (5001, 12, "新")
    assert message_id == "77"


async def test_an_edit_that_grew_too_long_goes_on_in_a_new_message(tmp_path: Path) -> None:
    _, [edit, more] = await deliver(
        tmp_path,
        row("EditMessageText", {"message_id": 12, "text": "一" * 4096 + "\n二", "reply_markup": KEYBOARD}),
    )
    assert (edit.message_id, edit.reply_markup) == (12, None)
    assert (more.text, more.reply_markup is not None) == ("二", True)


async def test_buttons_are_taken_away(tmp_path: Path) -> None:
    _, [call] = await deliver(tmp_path, row("EditMessageReplyMarkup", {"message_id": 12}))
    assert (call.message_id, call.reply_markup) == (12, None)


async def test_a_tap_is_answered_within_telegrams_200_characters(tmp_path: Path) -> None:
    message_id, [call] = await deliver(
        tmp_path,
        row("AnswerCallbackQuery", {"callback_query_id": "9", "text": "字" * 300, "show_alert": True}),
        ok(True),
    )
    assert message_id is None
    assert (call.callback_query_id, call.text, call.show_alert) == ("9", "字" * 199 + "…", True)


@pytest.mark.parametrize(
    ("method", "payload", "chat_key"),
    [
        ("EditMessageText", {"message_id": 0, "text": "x"}, "5001"),
        ("EditMessageText", {"message_id": -3, "text": "x"}, "5001"),
        ("EditMessageReplyMarkup", {"message_id": -3}, "5001"),
        ("EditMessageText", {"text": "x"}, "5001"),
        ("SendMessage", {}, "5001"),
        ("SendMessage", {"text": "x"}, "web-chair"),
        ("SendMessage", {"text": "x", "reply_markup": {"inline_keyboard": "?"}}, "5001"),
        ("SendPhoto", {"photo": {"data": "…"}}, "5001"),
        ("SendPhoto", {"photo": "media:../../etc/passwd", "message_id": 1}, "x"),
        ("SendVenue", {}, "5001"),
    ],
)
async def test_a_row_that_is_not_for_telegram_is_set_aside_unsent(
    tmp_path: Path, method: str, payload: dict[str, Any], chat_key: str
) -> None:
    bot, session = bot_with()
    with pytest.raises(Rejected) as error:
        await TelegramMessenger(bot, tmp_path).deliver(row(method, payload, chat_key=chat_key))
    assert session.calls == []
    assert not error.value.blocked


async def test_half_an_emoji_does_not_stop_a_message(tmp_path: Path) -> None:
    _, [call] = await deliver(tmp_path, row("SendMessage", {"text": "坏了\ud83d"}))
    assert call.text == "坏了?"


def reached_host() -> aiohttp.ClientConnectorError:
    key = aiohttp.client_reqrep.ConnectionKey("api.telegram.org", 443, True, True, None, None, None)
    return aiohttp.ClientConnectorError(key, OSError(111, "refused"))


def unknown_host() -> aiohttp.ClientConnectorDNSError:
    key = aiohttp.client_reqrep.ConnectionKey("api.telegram.org", 443, True, True, None, None, None)
    return aiohttp.ClientConnectorDNSError(key, OSError(-2, "unknown"))


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (network(reached_host()), TryLater),
        (network(unknown_host()), TryLater),
        (network(aiohttp.ConnectionTimeoutError()), TryLater),
        (refused(429, "Too Many Requests: retry after 7", retry_after=7), TryLater),
        (refused(429, "Too Many Requests"), TryLater),
        (network(TimeoutError()), OutcomeUnknown),
        (network(aiohttp.SocketTimeoutError()), OutcomeUnknown),
        (network(aiohttp.ServerDisconnectedError()), OutcomeUnknown),
        (network(aiohttp.ClientOSError(104, "reset")), OutcomeUnknown),
        (refused(500, "Internal Server Error"), OutcomeUnknown),
        (refused(502, "Bad Gateway"), OutcomeUnknown),
        ((502, "<html>Bad Gateway</html>"), OutcomeUnknown),
        ((504, {"ok": False}), OutcomeUnknown),
        ((200, '{"ok": true, "result": {"mess'), OutcomeUnknown),
        ((200, "[]"), OutcomeUnknown),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "broken"), OutcomeUnknown),
        (RuntimeError("Session is closed"), OutcomeUnknown),
        (refused(403, "Forbidden: bot was blocked by the user"), Rejected),
        (refused(400, "Bad Request: query is too old and response timeout expired"), Rejected),
        (refused(400, "Bad Request: chat not found"), Rejected),
        (refused(404, "Not Found"), Rejected),
        (refused(401, "Unauthorized"), Rejected),
        (refused(409, "Conflict"), Rejected),
        (refused(413, "Request Entity Too Large"), Rejected),
        (refused(400, "group chat was upgraded", migrate_to_chat_id=-100), Rejected),
    ],
)
async def test_what_an_answer_means_for_the_message(tmp_path: Path, answer: Answer, outcome: type[Exception]) -> None:
    with pytest.raises(outcome) as error:
        await deliver(tmp_path, row("SendMessage", {"text": "我家煤气"}), answer)
    assert type(error.value) is outcome
    assert error.value.__cause__ is None
    assert "煤气" not in str(error.value)


async def test_the_pause_that_telegram_asks_for_is_kept(tmp_path: Path) -> None:
    with pytest.raises(TryLater) as error:
        await deliver(tmp_path, row("SendMessage", {"text": "x"}), refused(429, "Too Many Requests", retry_after=7))
    assert error.value.seconds == 7


@pytest.mark.parametrize(
    ("status", "description", "blocked"),
    [
        (403, "Forbidden: bot was blocked by the user", True),
        (403, "Forbidden: user is deactivated", True),
        (400, "Bad Request: chat not found", False),
    ],
)
async def test_only_a_closed_chat_counts_as_blocked(
    tmp_path: Path, status: int, description: str, blocked: bool
) -> None:
    with pytest.raises(Rejected) as error:
        await deliver(tmp_path, row("SendMessage", {"text": "x"}), refused(status, description))
    assert error.value.blocked is blocked


async def test_a_message_that_looks_as_it_should_counts_as_sent(tmp_path: Path) -> None:
    same = refused(400, "Bad Request: message is not modified: specified new message content is the same")
    edited, _ = await deliver(tmp_path, row("EditMessageText", {"message_id": 12, "text": "同"}), same)
    assert edited == "12"


async def test_a_message_taken_with_words_that_aiogram_does_not_know_is_not_sent_again(tmp_path: Path) -> None:
    message_id, _ = await deliver(tmp_path, row("SendMessage", {"text": "x"}), ok({"message_id": 77, "date": "soon"}))
    assert message_id == "77"


async def test_no_words_of_a_message_reach_the_log(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        for answer in (refused(400, "Bad Request"), (200, "{"), (502, "我家煤气"), ok({"text": "我家煤气"})):
            with suppress(DeliveryError):
                await deliver(tmp_path, row("SendPhoto", {"photo": "media:gone", "caption": "我家煤气"}), answer)
    assert len(logs) == 4
    assert "煤气" not in str(logs)


def test_a_token_that_cannot_be_one_is_refused_without_repeating_it() -> None:
    settings = load(ROOT / "config.yml", channels={"telegram": {"token": "my secret"}})
    with pytest.raises(ConfigError) as error:
        telegram.telegram_bot(settings.channels.telegram)
    assert "channels.telegram.token" in str(error.value)
    assert "my secret" not in str(error.value)


# --- polling


class Box:
    """An inbox that only remembers, and fails when it is told to."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
        self.trouble: list[Exception] = []

    async def receive(self, channel: str, update_key: str, chat_key: str, update: dict[str, Any]) -> bool:
        if self.trouble:
            raise self.trouble.pop(0)
        new = (channel, update_key) not in self.rows
        self.rows[channel, update_key] = (chat_key, update)
        return new


def message(update_id: int, text: str = "路灯坏了", kind: str = "private", **fields: Any) -> dict[str, Any]:
    sender = {"id": 5001, "is_bot": False, "first_name": "王"}
    body = {"message_id": 1, "date": 1, "chat": {"id": 5001, "type": kind}, "from": sender, "text": text}
    return {"update_id": update_id, "message": body | fields}


async def poll(
    box: Box, *answers: Answer, until: Callable[[Scripted], bool], monkeypatch: pytest.MonkeyPatch
) -> list[TelegramMethod[Any]]:
    """Run a polling until its session has been asked what we wait for."""
    bot, session = bot_with(*answers)
    polling = TelegramPolling(bot, box)  # type: ignore[arg-type]
    monkeypatch.setattr(telegram, "_pause", lambda error, failures: 0.001)

    async def watch() -> None:
        async with asyncio.timeout(10):
            while not until(session):  # noqa: ASYNC110 - the session knows no events
                await asyncio.sleep(0.001)
        polling.stop()
        polling.stop()  # a second signal does no harm

    async with asyncio.TaskGroup() as group:
        group.create_task(polling.run())
        group.create_task(watch())
    return session.calls


async def test_the_webhook_goes_first_and_the_offset_follows_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    calls = await poll(
        box,
        ok(True),
        ok([message(7), message(9)]),
        ok([]),
        until=lambda session: len(session.calls) > 3,
        monkeypatch=monkeypatch,
    )
    assert type(calls[0]).__name__ == "DeleteWebhook"
    assert not calls[0].drop_pending_updates
    assert [call.offset for call in calls[1:4]] == [None, 10, 10]
    assert calls[1].timeout == 25
    assert calls[1].allowed_updates == ["message", "edited_message", "callback_query"]
    assert list(box.rows) == [("telegram", "7"), ("telegram", "9")]
    assert box.rows["telegram", "7"] == ("5001", message(7))


async def test_the_offset_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    box.trouble = [OSError("the database is away")]
    calls = await poll(
        box,
        ok(True),
        ok([message(7)]),
        ok([message(7)]),
        ok([]),
        until=lambda session: len(session.calls) > 3,
        monkeypatch=monkeypatch,
    )
    assert [call.offset for call in calls[1:4]] == [None, None, 8]
    assert list(box.rows) == [("telegram", "7")]


async def test_groups_and_channels_are_left_aside_and_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    post = {"update_id": 9, "channel_post": {"message_id": 1, "date": 1, "chat": {"id": -100, "type": "channel"}}}
    calls = await poll(
        box,
        ok(True),
        ok([message(8, kind="supergroup"), post, {"update_id": 10, "poll": {}}]),
        ok([]),
        until=lambda session: len(session.calls) > 2,
        monkeypatch=monkeypatch,
    )
    assert calls[2].offset == 11
    assert box.rows == {}


async def test_what_is_no_update_is_left_out_and_the_others_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    calls = await poll(
        box,
        ok(True),
        ok([message(7), {"message": message(8)["message"]}, message(10**100), message(9)]),
        ok([]),
        until=lambda session: len(session.calls) > 2,
        monkeypatch=monkeypatch,
    )
    assert calls[2].offset == 10
    assert list(box.rows) == [("telegram", "7"), ("telegram", "9")]


async def test_what_we_note_beside_an_update_cannot_be_sent_to_us() -> None:
    box = Box()
    assert await post(box, message(7) | {"xiaoshao": {"event": "draft_expired"}}) == 200
    assert box.rows == {("telegram", "7"): ("5001", message(7))}


async def test_an_update_in_words_new_to_aiogram_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Box()
    await poll(
        box,
        ok(True),
        ok([message(7, date="tomorrow"), message(8)]),
        ok([]),
        until=lambda session: len(session.calls) > 2,
        monkeypatch=monkeypatch,
    )
    assert len(box.rows) == 2


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (refused(409, "Conflict: terminated by other getUpdates request"), "another process polls with the same token"),
        (refused(401, "Unauthorized"), "the token is refused"),
        (refused(502, "Bad Gateway"), "trying again"),
        ((200, "<html>"), "trying again"),
        (network(TimeoutError()), "trying again"),
        ((500, {"ok": False}), "trying again"),
    ],
)
async def test_polling_outlives_trouble_and_says_what_it_is(
    monkeypatch: pytest.MonkeyPatch, trouble: Answer, said: str
) -> None:
    box = Box()
    with structlog.testing.capture_logs() as logs:
        await poll(
            box,
            ok(True),
            trouble,
            ok([message(7)]),
            ok([]),
            until=lambda session: bool(box.rows),
            monkeypatch=monkeypatch,
        )
    assert said in str(logs)


@pytest.mark.parametrize(("failures", "seconds"), [(1, 1.0), (2, 2.0), (3, 4.0), (5, 16.0), (6, 30.0), (1000, 30.0)])
def test_pauses_grow_to_half_a_minute(failures: int, seconds: float) -> None:
    assert telegram._pause(OSError(), failures) == seconds


async def test_stopping_does_not_wait_for_the_poll_to_end() -> None:
    class Slow(Scripted):
        async def make_request(self, bot: Bot, method: TelegramMethod[Any], timeout: int | None = None) -> Any:  # noqa: ASYNC109
            self.calls.append(method)
            if type(method).__name__ == "DeleteWebhook":
                return True
            return await asyncio.Event().wait()

    session = Slow()
    polling = TelegramPolling(Bot("42:synthetic", session=session), Box())  # type: ignore[arg-type]
    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        group.create_task(polling.run())
        while len(session.calls) < 2:  # noqa: ASYNC110 - the session knows no events
            await asyncio.sleep(0.001)
        polling.stop()


@pytest.mark.parametrize(
    ("update", "chat"),
    [
        (message(1), 5001),
        ({"update_id": 1, "edited_message": message(1)["message"]}, 5001),
        ({"update_id": 1, "callback_query": {"id": "1", "message": message(1)["message"]}}, 5001),
        ({"update_id": 1, "callback_query": {"id": "1", "inline_message_id": "2"}}, None),
        ({"update_id": 1, "callback_query": {"id": "1", "message": message(1, kind="group")["message"]}}, None),
        (message(1, kind="group"), None),
        ({"update_id": 1, "channel_post": message(1)["message"]}, None),
        ({"update_id": 1, "message": "?"}, None),
        ({"update_id": 1, "callback_query": "?"}, None),
        ({"update_id": 1, "message": {"chat": {"type": "private", "id": "x"}}}, None),
        ({"update_id": 1, "message": {"chat": {"type": "private", "id": True}}}, None),
        ({"update_id": 1, "message": {"chat": {"type": "private", "id": 10**100}}}, None),
        ({"update_id": 1}, None),
    ],
)
def test_which_chat_an_update_belongs_to(update: dict[str, Any], chat: int | None) -> None:
    assert private_chat(update) == chat


# --- webhook


def webhook_settings(secret: str = SECRET) -> Settings:
    section = {"mode": "webhook" if secret else "off", "token": "42:synthetic", "webhook_secret": secret}
    return load(ROOT / "config.yml", channels={"telegram": section}, server={"public_url": "https://xiaoshao.example/"})


async def post(box: Box, body: Any, secret: str | None = SECRET, configured: str = SECRET) -> int:
    app = FastAPI()
    app.include_router(telegram.webhook_router(webhook_settings(configured), box))  # type: ignore[arg-type]
    headers = {} if secret is None else {"X-Telegram-Bot-Api-Secret-Token": secret.encode("latin-1")}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://xiaoshao") as client:
        return (await client.post(telegram.WEBHOOK_PATH, content=content, headers=headers)).status_code


async def test_an_update_is_stored_before_it_is_acknowledged() -> None:
    box = Box()
    assert await post(box, message(7)) == 200
    assert box.rows == {("telegram", "7"): ("5001", message(7))}


async def test_an_update_that_could_not_be_stored_is_asked_for_again() -> None:
    box = Box()
    box.trouble = [OSError("the database is away")]
    with structlog.testing.capture_logs() as logs:
        assert await post(box, message(7)) == 503
    assert "路灯" not in str(logs)
    assert await post(box, message(7)) == 200
    assert len(box.rows) == 1


@pytest.mark.parametrize("secret", [None, "", "wrong", SECRET + "x", SECRET[:-1], "\xe9" * 22])
async def test_a_stranger_is_turned_away_without_effect(secret: str | None) -> None:
    box = Box()
    assert await post(box, message(7), secret) == 401
    assert box.rows == {}


@pytest.mark.parametrize("secret", [None, ""])
async def test_without_a_configured_secret_nobody_gets_in(secret: str | None) -> None:
    assert await post(Box(), message(7), secret, configured="") == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"\xff\xfe", 400),
        (b"[" * 200_000, 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"update_id": "7"}', 400),
        (b'{"update_id": true}', 400),
        (b'{"update_id": 1%s}' % (b"0" * 100), 400),
        (b'{"update_id": 7, "message": "' + b"x" * 1_048_577 + b'"}', 413),
    ],
)
async def test_a_body_that_is_no_update_is_refused(body: bytes, status: int) -> None:
    box = Box()
    assert await post(box, body) == status
    assert box.rows == {}


async def test_a_group_is_acknowledged_and_left_aside() -> None:
    box = Box()
    assert await post(box, message(7, kind="group")) == 200
    assert box.rows == {}


async def test_the_webhook_is_set_with_its_secret_once_the_network_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telegram, "_pause", lambda error, failures: 0)
    bot, session = bot_with(network(reached_host()), refused(502, "Bad Gateway"), (500, {"ok": False}), ok(True))
    assert await telegram.set_webhook(bot, webhook_settings())
    call = session.calls[-1]
    assert len(session.calls) == 4
    assert (call.url, call.secret_token) == ("https://xiaoshao.example/telegram/webhook", SECRET)
    assert call.allowed_updates == ["message", "edited_message", "callback_query"]


async def test_a_refused_webhook_is_said_with_the_key_to_change() -> None:
    bot, _ = bot_with(refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"))
    with structlog.testing.capture_logs() as logs:
        assert not await telegram.set_webhook(bot, webhook_settings())
    assert "server.public_url" in str(logs)
    assert "HTTPS URL must be provided" in str(logs)


async def test_the_command_menu_is_chinese() -> None:
    bot, session = bot_with(ok(True))
    assert await telegram.set_commands(bot)
    commands = {command.command: command.description for command in session.calls[0].commands}
    assert commands == {
        "start": "开始",
        "cases": "我的诉求",
        "menu": "按类别反映",
        "digest": "本周简报",
        "home": "我家在哪",
        "elder": "长辈版",
        "help": "怎么用",
    }


# --- photos


SIZES = [
    {"file_id": "small", "width": 90, "height": 60, "file_size": 1_000},
    {"file_id": "large", "width": 1280, "height": 960, "file_size": 200_000},
    {"file_id": "middle", "width": 320, "height": 240, "file_size": 20_000},
]
FILE = ok({"file_id": "x", "file_unique_id": "y", "file_path": "photos/file_1.jpg"})


def inbound(**message_fields: Any) -> Inbound:
    update = message(7, **message_fields)
    return Inbound(
        id=1,
        channel="telegram",
        update_key="7",
        chat_key="5001",
        update=update,
        received_at=datetime.now(UTC),  # noqa: TID251
    )


async def fetch(
    storage: Path, update: Inbound, *answers: Answer, file: bytes | BaseException = b"", limit_mb: int = 10
) -> tuple[dict[str, Any] | None, Scripted]:
    bot, session = bot_with(*(answers or (FILE,)), file=file)
    return await TelegramPhotos(bot, storage, limit_mb)(update), session


async def test_the_largest_size_is_fetched_cleaned_and_kept(tmp_path: Path) -> None:
    got, session = await fetch(tmp_path, inbound(photo=SIZES), file=picture(40, 30))
    assert got is not None
    assert session.calls[0].file_id == "large"
    assert session.urls == ["https://api.telegram.org/file/bot42:synthetic/photos/file_1.jpg"]
    assert (got["width"], got["height"]) == (40, 30)
    kept = path_of(tmp_path, got["photo_id"]).read_bytes()
    assert len(kept) == got["size"]
    assert Image.open(io.BytesIO(kept)).format == "JPEG"


async def test_a_file_that_turns_out_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    got, session = await fetch(tmp_path, inbound(photo=SIZES), file=b"x" * 5 * 2**20, limit_mb=1)
    assert got == {"photo_refused": "photo.too_large"}
    assert session.read <= 2**20 + 65536


async def test_a_size_over_the_limit_gives_way_to_the_next(tmp_path: Path) -> None:
    sizes = [*SIZES, {"file_id": "giant", "width": 9000, "height": 9000, "file_size": 3_000_000}]
    _, session = await fetch(tmp_path, inbound(photo=sizes), file=picture(), limit_mb=2)
    assert session.calls[0].file_id == "large"


async def test_sizes_that_are_no_numbers_are_no_sizes(tmp_path: Path) -> None:
    sizes = [{"file_id": "odd", "width": "1280", "height": None, "file_size": "9"}, *SIZES]
    _, session = await fetch(tmp_path, inbound(photo=sizes), file=picture())
    assert session.calls[0].file_id == "large"


async def test_a_picture_sent_as_a_file_is_a_photo_too(tmp_path: Path) -> None:
    document = {"file_id": "doc", "mime_type": "image/png", "file_size": 1_000}
    got, session = await fetch(tmp_path, inbound(document=document), file=picture())
    assert session.calls[0].file_id == "doc"
    assert got is not None
    assert "photo_id" in got


@pytest.mark.parametrize(
    "fields",
    [{}, {"document": {"file_id": "doc", "mime_type": "application/pdf"}}, {"photo": []}, {"photo": "?"}],
)
async def test_a_message_without_a_photo_asks_nobody(tmp_path: Path, fields: dict[str, Any]) -> None:
    got, session = await fetch(tmp_path, inbound(**fields))
    assert got is None
    assert session.calls == []


def http_error(status: int) -> aiohttp.ClientResponseError:
    return aiohttp.ClientResponseError(None, (), status=status, message="x")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "answer", "file", "phrase"),
    [
        (
            {"document": {"file_id": "d", "mime_type": "image/png", "file_size": 11 * 2**20}},
            FILE,
            b"",
            "photo.too_large",
        ),
        ({"photo": SIZES}, refused(400, "Bad Request: file is too big"), b"", "photo.too_large"),
        ({"photo": SIZES}, FILE, b"x" * (10 * 2**20 + 1), "photo.too_large"),
        ({"photo": SIZES}, FILE, b"this is no picture", "photo.not_a_photo"),
        ({"photo": SIZES}, FILE, b"", "photo.not_a_photo"),
        ({"photo": SIZES}, refused(400, "Bad Request: wrong file_id"), b"", "photo.unreachable"),
        ({"photo": SIZES}, ok({"file_id": "x", "file_unique_id": "y"}), b"", "photo.unreachable"),
        ({"photo": SIZES}, FILE, http_error(404), "photo.unreachable"),
    ],
)
async def test_a_photo_that_cannot_be_had_is_refused_with_a_reason(
    tmp_path: Path, fields: dict[str, Any], answer: Answer, file: bytes | BaseException, phrase: str
) -> None:
    got, _ = await fetch(tmp_path, inbound(**fields), answer, file=file)
    assert got == {"photo_refused": phrase}
    assert not (tmp_path / "photos").exists()


@pytest.mark.parametrize(
    ("answer", "file"),
    [
        (network(reached_host()), b""),
        (network(TimeoutError()), b""),
        (refused(429, "Too Many Requests", retry_after=2), b""),
        (refused(502, "Bad Gateway"), b""),
        ((200, "<html>"), b""),
        ((500, {"ok": False}), b""),
        (FILE, http_error(502)),
        (FILE, http_error(429)),
        (FILE, aiohttp.ClientPayloadError("https://api.telegram.org/file/bot42:synthetic/x")),
        (FILE, TimeoutError()),
        (FILE, reached_host()),
    ],
)
async def test_trouble_with_the_network_is_tried_again_and_never_shows_the_token(
    tmp_path: Path, answer: Answer, file: bytes | BaseException
) -> None:
    with pytest.raises(OSError, match="Telegram") as error:
        await fetch(tmp_path, inbound(photo=SIZES), answer, file=file)
    assert "synthetic" not in str(error.value)
    assert error.value.__suppress_context__


async def test_a_picture_that_chokes_its_reader_is_no_photo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def choke(content: bytes, limit_mb: int) -> None:
        raise IndexError("a reader's bug")

    monkeypatch.setattr(telegram, "clean", choke)
    got, _ = await fetch(tmp_path, inbound(photo=SIZES), file=b"x")
    assert got == {"photo_refused": "photo.not_a_photo"}


async def test_a_full_disk_is_trouble_not_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "photos").write_text("not a folder")
    with pytest.raises(OSError, match="photos"):
        await fetch(tmp_path, inbound(photo=SIZES), file=picture())
