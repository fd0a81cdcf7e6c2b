"""Telegram: updates come in by polling or webhook and are stored first, the outbox goes out through the Bot API."""

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar, cast

import structlog
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramConflictError,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageReplyMarkup,
    EditMessageText,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType
from aiogram.types import BotCommand, BufferedInputFile, InlineKeyboardMarkup, Message
from aiogram.utils.token import TokenValidationError
from aiohttp import ClientConnectorError, ClientResponseError, ClientTimeout, ConnectionTimeoutError
from fastapi import APIRouter, Request, Response
from starlette.requests import ClientDisconnect

from bot.courier import DeliveryError, OutcomeUnknown, Rejected, TryLater
from bot.processes.leases import Alone, Desk
from bot.settings import ConfigError, Settings
from bot.settings import Telegram as TelegramSettings
from bot.turn import Inbox
from workflows.media import CleanPhoto, PhotoRefused, clean, keep, path_of
from workflows.models import Inbound, Outbound
from workflows.voices import ending_of, is_voice

log = structlog.get_logger()

CHANNEL = "telegram"
WEBHOOK_PATH = "/telegram/webhook"
ALLOWED_UPDATES = ["message", "edited_message", "callback_query"]
COMMANDS = {
    "start": "开始",
    "cases": "我的诉求",
    "menu": "按类别反映",
    "digest": "本周简报",
    "home": "我家在哪",
    "elder": "长辈版",
    "help": "怎么用",
}

TEXT_LIMIT, CAPTION_LIMIT, TOAST_LIMIT = 4096, 1024, 200  # Telegram's, in UTF-16 units
WEBHOOK_LIMIT = 1024 * 1024
DOWNLOAD_LIMIT_MB = 20
POLL_SECONDS = 25
LEASE = "polling:telegram"
LOOK_SECONDS = 0.5  # whether the process that asked before us is gone
CONNECT_SECONDS = 10.0
DOWNLOAD_SECONDS = 30
MAX_PAUSE = 30.0

_MEDIA = re.compile(r"media:([A-Za-z0-9_-]+)")
_NOT_CONNECTED = (ClientConnectorError, ConnectionTimeoutError)
_PASSING = (TelegramNetworkError, TelegramServerError, TelegramRetryAfter, ClientDecodeError)
_T = TypeVar("_T")


class _Session(AiohttpSession):
    """aiogram's session with a time limit of its own for connecting: what was never connected was never sent."""

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's signature
    ) -> TelegramType:
        """As aiogram's; aiohttp takes the whole set of limits where aiogram passes one number."""
        limits = ClientTimeout(total=self.timeout if timeout is None else timeout, connect=CONNECT_SECONDS)
        return await super().make_request(bot, method, timeout=cast(int, limits))


def telegram_bot(settings: TelegramSettings) -> Bot:
    """The bot that really speaks to Telegram, or to the Bot API server of `api_base`. Close its `session` at the end.

    Raises:
        ConfigError: the token cannot be one.
    """
    try:
        return Bot(settings.token, session=_Session(api=TelegramAPIServer.from_base(settings.api_base)))
    except TokenValidationError:
        raise ConfigError(
            "channels.telegram.token: is not a bot token. Copy it from @BotFather; it looks like 123456789:AAE…"
        ) from None


# --- out -------------------------------------------------------------------------------------------------------------


class TelegramMessenger:
    """The way out: one row of the outbox becomes one call, or several where Telegram's limits ask for it."""

    def __init__(
        self, bot: Bot, storage: Path, part_arrived: Callable[[Outbound, int], Awaitable[None]] | None = None
    ) -> None:
        """`part_arrived` records how many parts of a row have arrived, lest a kill makes them come again."""
        self._bot = bot
        self._storage = storage
        self._part_arrived = part_arrived
        self._arrived: dict[int, int] = {}  # of a row in several parts, how many have arrived: only the rest is tried

    async def deliver(self, row: Outbound) -> str | None:
        """Send one row; returns the id of its last message, the one with the buttons.

        Raises:
            TryLater, OutcomeUnknown, Rejected: as their docstrings say.
        """
        calls = await self._calls(row)
        message_id: str | None = None
        try:
            for number, call in enumerate(calls, start=1):
                if number <= max(self._arrived.get(row.id, 0), row.parts_arrived or 0):
                    continue
                message_id = await self._call(call)
                if len(calls) > 1:
                    self._arrived[row.id] = number
                if number < len(calls) and self._part_arrived is not None:
                    await self._part_arrived(row, number)
        except DeliveryError as error:
            if isinstance(error, Rejected) or (isinstance(error, OutcomeUnknown) and not row.resend):
                self._arrived.pop(row.id, None)  # there will be no other try
            raise
        self._arrived.pop(row.id, None)
        return message_id

    async def _calls(self, row: Outbound) -> list[TelegramMethod[Any]]:
        # Half an emoji, left by a page that cut a text, would make the whole message impossible to encode.
        payload = json.loads(json.dumps(row.payload, ensure_ascii=False).encode("utf-8", "replace"))
        try:
            if row.method == "SendVoice":
                return await self._voice(row, payload)
            photo = await self._photo(row, payload)
            return list(_calls_for(row.method, int(row.chat_key), payload, photo))
        except (KeyError, TypeError, ValueError):  # pydantic's error too, whose text would quote the message
            raise Rejected(f"not a {row.method} that Telegram could take") from None

    async def _photo(self, row: Outbound, payload: Mapping[str, Any]) -> BufferedInputFile | str | None:
        """A photo of ours as bytes, any other as Telegram knows it, none when ours is gone."""
        value = payload.get("photo")
        if row.method != "SendPhoto" or not isinstance(value, str):
            return None
        ours = _MEDIA.fullmatch(value)
        if ours is None:
            return value
        try:
            content = await asyncio.to_thread(path_of(self._storage, ours[1]).read_bytes)
        except FileNotFoundError:
            log.warning("telegram: a photo of the outbox is gone", outbox=row.id)
            return None
        except OSError as error:
            raise TryLater(MAX_PAUSE) from error
        return BufferedInputFile(content, filename="photo.jpg")

    async def _voice(self, row: Outbound, payload: Mapping[str, Any]) -> list[TelegramMethod[Any]]:
        """A recording of ours; its words alone when its file is gone."""
        from bot.channels.telegram_voice import voice_calls  # it takes what it needs from here

        ours = _MEDIA.fullmatch(str(payload["voice"]))
        if ours is None or not is_voice(ours[1]):
            raise Rejected("not a recording of ours")
        caption, chat_id = str(payload.get("caption") or ""), int(row.chat_key)
        markup = payload.get("reply_markup")
        markup = None if markup is None else InlineKeyboardMarkup.model_validate(markup)
        try:
            content = await asyncio.to_thread(path_of(self._storage, ours[1]).read_bytes)
        except FileNotFoundError:
            log.warning("telegram: a recording of the outbox is gone", outbox=row.id)
            return list(_messages(chat_id, caption or "（语音已经不在了）", markup))
        except OSError as error:
            raise TryLater(MAX_PAUSE) from error
        return list(voice_calls(chat_id, ending_of(ours[1]), content, shortened(caption, CAPTION_LIMIT), markup))

    async def _call(self, method: TelegramMethod[Any]) -> str | None:
        try:
            result = await self._bot(method)
        except Exception as error:  # the courier understands three outcomes and nothing else
            if not _is_done_already(error):
                # `from None`: aiogram's errors carry the message itself, which must not reach a log.
                raise _outcome(error) from None
            answer = error.data.get("result") if isinstance(error, ClientDecodeError) else None
            known = answer.get("message_id") if isinstance(answer, dict) else getattr(method, "message_id", None)
            return None if known is None else str(known)
        return str(result.message_id) if isinstance(result, Message) else None


def _calls_for(
    method: str, chat_id: int, payload: Mapping[str, Any], photo: BufferedInputFile | str | None
) -> Iterator[TelegramMethod[Any]]:
    markup = payload.get("reply_markup")
    if markup is not None:
        markup = InlineKeyboardMarkup.model_validate(markup)  # the only kind of buttons that this house uses
    match method:
        case "SendMessage":
            yield from _messages(chat_id, payload["text"], markup)
        case "SendPhoto":
            yield from _photo_messages(chat_id, photo, payload.get("caption") or "", markup)
        case "EditMessageText":
            first, *more = split(payload["text"], TEXT_LIMIT)
            yield EditMessageText.model_validate(
                _edit(chat_id, payload) | {"text": first, "reply_markup": None if more else markup}
            )
            if more:
                yield from _messages(chat_id, "\n".join(more), markup)
        case "EditMessageReplyMarkup":
            yield EditMessageReplyMarkup.model_validate(_edit(chat_id, payload) | {"reply_markup": markup})
        case "AnswerCallbackQuery":
            text = payload.get("text")
            yield AnswerCallbackQuery(
                callback_query_id=str(payload["callback_query_id"]),
                text=shortened(text, TOAST_LIMIT) if text else None,
                show_alert=payload.get("show_alert"),
            )
        case _:
            raise Rejected(f"unknown method {method}")


def _edit(chat_id: int, payload: Mapping[str, Any]) -> dict[str, Any]:
    message_id = int(payload["message_id"])
    if message_id <= 0:
        raise Rejected("a message id of the web page, not of Telegram")
    return {"chat_id": chat_id, "message_id": message_id}


def _messages(chat_id: int, text: str, markup: object) -> Iterator[TelegramMethod[Any]]:
    parts = split(text, TEXT_LIMIT)
    for number, part in enumerate(parts, start=1):
        last = number == len(parts)
        yield SendMessage.model_validate({"chat_id": chat_id, "text": part, "reply_markup": markup if last else None})


def _photo_messages(
    chat_id: int, photo: BufferedInputFile | str | None, caption: str, markup: object
) -> Iterator[TelegramMethod[Any]]:
    if photo is None:
        if not caption:
            raise Rejected("the photo is gone and has no words")
        yield from _messages(chat_id, caption, markup)
        return
    fits = _units(caption) <= CAPTION_LIMIT
    yield SendPhoto.model_validate(
        {
            "chat_id": chat_id,
            "photo": photo,
            "caption": (caption or None) if fits else None,
            "reply_markup": markup if fits else None,
        }
    )
    if not fits:
        yield from _messages(chat_id, caption, markup)


def _is_done_already(error: Exception) -> bool:
    """Errors that say that the chat looks as it should."""
    if isinstance(error, TelegramBadRequest):
        return "message is not modified" in (error.message or "")
    # Telegram took it and answered in words that this version of aiogram doesn't know.
    return isinstance(error, ClientDecodeError) and isinstance(error.data, dict) and error.data.get("ok") is True


def _outcome(error: Exception) -> DeliveryError:
    """What an error means for the message; the reason never holds its text."""
    reason = type(error).__name__
    if not isinstance(error, TelegramAPIError) or isinstance(error, TelegramServerError):
        return OutcomeUnknown(reason)
    said = error.message or reason  # Telegram may leave out the description
    if isinstance(error, TelegramRetryAfter):
        return TryLater(error.retry_after)
    if isinstance(error, TelegramNetworkError) and not isinstance(error, TelegramEntityTooLarge):
        return TryLater(0) if isinstance(error.__cause__, _NOT_CONNECTED) else OutcomeUnknown(reason)
    if said.startswith("Too Many Requests"):
        return TryLater(5)
    return Rejected(said, blocked=isinstance(error, TelegramForbiddenError))


def _units(text: str) -> int:
    """The length as Telegram counts it."""
    return len(text.encode("utf-16-le")) // 2


def _head(text: str, limit: int) -> str:
    return text.encode("utf-16-le")[: limit * 2].decode("utf-16-le", "ignore")


def shortened(text: str, limit: int) -> str:
    """At most `limit` units of a text."""
    return text if _units(text) <= limit else _head(text, limit - 1) + "…"


def split(text: str, limit: int) -> list[str]:
    """A text in parts of at most `limit` units, cut between lines; a longer line after a sentence, else anywhere."""
    parts: list[str] = []
    while _units(text) > limit:
        head = _head(text, limit)
        if text[len(head)] == "\n":
            cut = len(head)
        else:
            cut = head.rstrip("\n").rfind("\n") if head.strip() else 0
            if cut <= 0 or not head[:cut].strip():
                cut = max(head.rfind(mark, len(head) // 2) for mark in "。！？；.!?") + 1 or len(head)
        parts.append(text[:cut].rstrip("\n"))
        text = text[cut:].lstrip("\n")
    parts.append(text)
    return [part for part in parts if part.strip()] or [text]


# --- in --------------------------------------------------------------------------------------------------------------


class _GetUpdates(TelegramMethod[list[dict[str, Any]]]):
    """getUpdates whose answer stays as Telegram sent it: one update in words new to aiogram must not stop them all."""

    __returning__ = list[dict[str, Any]]
    __api_method__ = "getUpdates"

    offset: int | None = None
    timeout: int
    allowed_updates: list[str]


class TelegramPolling:
    """Asks for updates and moves the offset only behind what is stored.

    The offset is not kept: after a restart Telegram sends again what it has not seen acknowledged, and the inbox
    drops what it has.
    """

    def __init__(self, bot: Bot, inbox: Inbox, desk: Desk | None = None) -> None:
        self._bot = bot
        self._inbox = inbox
        self._desk = desk or Alone()  # Telegram lets one process at a time ask
        self._offset: int | None = None
        self._webhook_gone = False
        self._stopping = False
        self._waiting: asyncio.Timeout | None = None

    async def run(self) -> None:
        """Until stopped: ask, store, ask again; after trouble with growing pauses."""
        failures = 0
        while not self._stopping:
            try:
                if not await self._desk.hold(LEASE):
                    await self._unless_stopped(asyncio.sleep(LOOK_SECONDS))
                    continue
                await self._round()
            except Exception as error:  # whatever it was, the next round asks from the same offset
                failures += 1
                _report(error)
                await self._unless_stopped(asyncio.sleep(_pause(error, failures)))
            else:
                failures = 0
        await self._desk.release(LEASE)

    def stop(self) -> None:
        """Finish storing what has arrived and return; a poll that waits is given up."""
        self._stopping = True
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(0)

    async def _round(self) -> None:
        if not self._webhook_gone:  # left over from webhook mode, it would refuse every poll
            self._webhook_gone = bool(await self._unless_stopped(self._bot.delete_webhook()))
        ask = _GetUpdates(offset=self._offset, timeout=POLL_SECONDS, allowed_updates=ALLOWED_UPDATES)
        for update in await self._unless_stopped(self._bot(ask, request_timeout=POLL_SECONDS + 15)) or []:
            if id_in(update) is None:
                log.warning("telegram: something without an update_id came instead of an update; it is left out")
                continue
            update_id = await _store(self._inbox, update)
            if self._offset is None or update_id >= self._offset:
                self._offset = update_id + 1

    async def _unless_stopped(self, waiting: Awaitable[_T]) -> _T | None:
        """The result, or none when `stop` came first."""
        try:
            async with asyncio.timeout(None) as self._waiting:
                if self._stopping:
                    self._waiting.reschedule(0)
                return await waiting
        except TimeoutError:
            if not self._stopping:
                raise
            return None
        finally:
            self._waiting = None


def _report(error: Exception) -> None:
    if isinstance(error, TelegramConflictError):
        log.error(
            "telegram: somebody else takes this bot's updates: another process polls with the same token, or a "
            "webhook was set; stop the other one, or give this one a token of its own"
        )
    elif isinstance(error, TelegramUnauthorizedError | TelegramNotFound):
        log.error("telegram: the token is refused; copy it again from @BotFather into TELEGRAM_BOT_TOKEN")
    else:
        log.warning("telegram: polling failed, trying again", error=type(error).__name__)


def _pause(error: Exception, failures: int) -> float:
    if isinstance(error, TelegramRetryAfter):
        return float(error.retry_after)
    return min(MAX_PAUSE, 2.0 ** min(failures - 1, 10))


async def _store(inbox: Inbox, update: Mapping[str, Any]) -> int:
    """Store what belongs to a private chat and leave the rest; returns the update's id.

    Raises:
        ValueError: it has no id, so it is no update.
    """
    update_id = id_in(update)
    if update_id is None:
        raise ValueError("no update_id")
    chat_id = private_chat(update)
    if chat_id is None:
        log.debug("telegram: an update from no private chat is left aside", update_id=update_id)
    else:
        # What we note beside an update is ours to write, never the sender's.
        told = {key: value for key, value in update.items() if key != "xiaoshao"}
        await inbox.receive(CHANNEL, str(update_id), str(chat_id), told)
    return update_id


def id_in(part: Mapping[str, Any], key: str = "update_id") -> int | None:
    """An id as Telegram gives them, of at most 64 bits; None for anything else."""
    value = part.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 else None


def private_chat(update: Mapping[str, Any]) -> int | None:
    """The private chat that an update of a kind we asked for belongs to."""
    tapped = update.get("callback_query")
    message = update.get("message") or update.get("edited_message")
    if message is None and isinstance(tapped, Mapping):
        message = tapped.get("message")
    chat = message.get("chat") if isinstance(message, Mapping) else None
    return id_in(chat, "id") if isinstance(chat, Mapping) and chat.get("type") == "private" else None


def webhook_router(settings: Settings, inbox: Inbox) -> APIRouter:
    """The route that Telegram calls: 200 says that the update is stored and committed, nothing less."""
    router = APIRouter()
    secret = settings.channels.telegram.webhook_secret.encode()

    @router.post(WEBHOOK_PATH, include_in_schema=False)
    async def receive(request: Request) -> Response:
        given = request.headers.get("X-Telegram-Bot-Api-Secret-Token", "").encode()
        if not secret or not hmac.compare_digest(given, secret):
            return Response(status_code=401)
        try:
            body = await _body(request)
            if body is None:
                return Response(status_code=413)
            update = json.loads(body)
        except (ValueError, RecursionError, ClientDisconnect):
            return Response(status_code=400)
        return Response(status_code=await _receive(inbox, update))

    return router


async def _receive(inbox: Inbox, update: object) -> int:
    """The status that tells Telegram whether to send this update again."""
    if not isinstance(update, dict) or id_in(update) is None:
        return 400
    try:
        await _store(inbox, update)
    except Exception as error:  # whatever the driver raises, Telegram keeps the update and sends it again
        log.error("telegram: an update cannot be stored now; it will be sent again", error=type(error).__name__)
        return 503
    return 200


async def _body(request: Request) -> bytes | None:
    """The body; none as soon as it is too long."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > WEBHOOK_LIMIT:
            return None
    return bytes(body)


async def set_webhook(bot: Bot, settings: Settings) -> bool:
    """Tell Telegram where to send updates; waits for the network. False when it refuses; the log says why."""
    url = settings.server.public_url.rstrip("/") + WEBHOOK_PATH
    secret = settings.channels.telegram.webhook_secret
    return await _insist(
        "set the webhook (server.public_url must be an https address that Telegram can reach)",
        lambda: bot.set_webhook(url, secret_token=secret, allowed_updates=ALLOWED_UPDATES),
    )


async def set_commands(bot: Bot) -> bool:
    """Fill the bot's command menu; waits for the network. False when Telegram refuses."""
    commands = [BotCommand(command=command, description=description) for command, description in COMMANDS.items()]
    return await _insist("fill the command menu", lambda: bot.set_my_commands(commands))


async def _insist(what: str, call: Callable[[], Awaitable[object]]) -> bool:
    failures = 0
    while True:
        try:
            await call()
        except Exception as error:  # only what Telegram says is final, not what the network does
            if isinstance(error, TelegramAPIError) and not isinstance(error, _PASSING):
                log.error(f"telegram: could not {what}", error=str(error))
                return False
            failures += 1
            pause = _pause(error, failures)
            log.warning(f"telegram: could not {what}, trying again", error=type(error).__name__, seconds=pause)
        else:
            return True
        await asyncio.sleep(pause)


# --- photos ----------------------------------------------------------------------------------------------------------


class TelegramPhotos:
    """Fetches the photo of a message before its turn, cleans it and keeps it."""

    def __init__(self, bot: Bot, storage: Path, limit_mb: int) -> None:
        self._bot = bot
        self.storage = storage
        self._limit_mb = min(limit_mb, DOWNLOAD_LIMIT_MB)

    async def __call__(self, row: Inbound) -> dict[str, Any] | None:
        """The kept photo's id and measures, or the phrase that says why there is none; None without a photo.

        Raises:
            OSError: the network or the disk is in trouble; try again.
        """
        pictures = pictures_in(row.update)
        if not pictures:
            return None
        try:
            photo = await self._clean(await self.fetch(self._largest(pictures), self._limit_mb))
        except PhotoRefused as refused:
            return {"photo_refused": refused.phrase}
        await asyncio.to_thread(keep, self.storage, photo)
        return {"photo_id": photo.id, "width": photo.width, "height": photo.height, "size": len(photo.jpeg)}

    @property
    def _limit(self) -> int:
        return self._limit_mb * 1024 * 1024

    def _largest(self, pictures: list[Mapping[str, Any]]) -> str:
        fitting = [picture for picture in pictures if _size(picture, "file_size") <= self._limit]
        if not fitting:
            raise PhotoRefused("photo.too_large")
        best = max(fitting, key=lambda picture: _size(picture, "width") * _size(picture, "height"))
        return str(best["file_id"])

    async def _clean(self, content: bytes) -> CleanPhoto:
        try:
            return await asyncio.to_thread(clean, content, self._limit_mb)
        except PhotoRefused:
            raise
        except Exception as error:  # a picture made to choke its reader must not hold up the other chats
            log.warning("telegram: a picture could not be read", error=type(error).__name__)
            raise PhotoRefused("photo.not_a_photo") from None

    async def fetch(self, file_id: str, limit_mb: int) -> bytes:
        """A file as Telegram has it.

        Raises:
            PhotoRefused: it is larger than `limit_mb`, or Telegram will not give it.
            OSError: the network is in trouble; try again.
        """
        # No error goes on with its text: the address of a file holds the token.
        try:
            file = await self._bot.get_file(file_id)
            if not file.file_path:
                raise PhotoRefused("photo.unreachable")
            return await self._download(file.file_path, limit_mb * 1024 * 1024)
        except PhotoRefused:
            raise
        except Exception as error:
            if phrase := _refusal(error):
                raise PhotoRefused(phrase) from None
            raise OSError(f"Telegram: {type(error).__name__}") from None

    async def _download(self, file_path: str, limit: int) -> bytes:
        url = self._bot.session.api.file_url(self._bot.token, file_path)
        content = bytearray()
        async with aclosing(self._bot.session.stream_content(url, timeout=DOWNLOAD_SECONDS)) as chunks:
            async for chunk in chunks:
                content += chunk
                if len(content) > limit:
                    raise PhotoRefused("photo.too_large")
        return bytes(content)


def _size(picture: Mapping[str, Any], what: str) -> int:
    value = picture.get(what)
    return value if isinstance(value, int) else 0


def _refusal(error: Exception) -> str | None:
    """The phrase for a file that Telegram will not give; none when it may be had later."""
    if isinstance(error, ClientResponseError):
        return "photo.unreachable" if 400 <= error.status < 500 and error.status not in (408, 429) else None
    if not isinstance(error, TelegramAPIError) or isinstance(error, _PASSING):
        return None
    return "photo.too_large" if "file is too big" in (error.message or "") else "photo.unreachable"


def pictures_in(update: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The sizes of a message's photo, or its document if that is a picture."""
    message = update.get("message")
    if not isinstance(message, Mapping):
        return []
    found = message.get("photo")
    document = message.get("document")
    if isinstance(document, Mapping) and str(document.get("mime_type")).startswith("image/"):
        found = [document]
    if not isinstance(found, list):
        return []
    return [picture for picture in found if isinstance(picture, Mapping) and isinstance(picture.get("file_id"), str)]
