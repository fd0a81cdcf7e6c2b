"""One update, one transaction: the inbox, aiogram's state in SQL, and a session that writes to the outbox."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog
from aiogram import Bot, Dispatcher
from aiogram.client.session.base import BaseSession
from aiogram.fsm.state import State
from aiogram.fsm.storage.base import BaseStorage, StateType, StorageKey
from aiogram.methods import (
    AnswerCallbackQuery,
    EditMessageReplyMarkup,
    EditMessageText,
    SendMessage,
    SendPhoto,
    TelegramMethod,
)
from aiogram.methods.base import TelegramType
from aiogram.types import Chat as TelegramChat
from aiogram.types import Message, Update
from pydantic import ValidationError
from sqlalchemy import and_, bindparam, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from bot.clock import Clock
from bot.fetching import Fetch, Fetching
from bot.matters import ReadPassage, read_passages
from bot.metrics import TURN_SECONDS, TURNS
from bot.processes.claims import Claims, NoOthers
from bot.processes.postbox import Postbox, is_busy, savepoint, store, store_all
from bot.processes.queues import inbox_heads, put_off
from bot.processes.sharing import SharedCommit
from bot.storable import storable
from nlu.understanding import Entity, NluUnavailable, Understander, Understanding
from workflows.database import Database, on_postgresql
from workflows.models import Account, Chat, Inbound, Outbound, Person, Post
from workflows.people import Known

log = structlog.get_logger()

MAX_ATTEMPTS = 5
BATCH = 32
_FIELDS = ("text", "caption", "photo", "reply_markup", "message_id", "callback_query_id", "show_alert")
_KEPT = (SendMessage, SendPhoto, EditMessageText, EditMessageReplyMarkup, AnswerCallbackQuery)
TYPED = "typed"  # id of a tap that was typed as a number or a word: there is no query to answer


_WITH_THEIR_CHATS = (
    select(Inbound, Chat, Account, Person, Post)
    .outerjoin(Chat, and_(Chat.channel == Inbound.channel, Chat.chat_key == Inbound.chat_key))
    .outerjoin(Account, and_(Account.channel == Inbound.channel, Account.chat_key == Inbound.chat_key))
    .outerjoin(Person, Person.id == Account.person_id)
    .outerjoin(Post, and_(Post.person_id == Person.id, Post.until.is_(None)))
    .where(Inbound.id.in_(bindparam("ids", expanding=True)))
    .order_by(Inbound.id, Post.id)
)
# Of these updates, those whose chats no other transaction is working on; they are held by ours from now on.
_HELD = text(
    "SELECT id FROM unnest(CAST(:ids AS bigint[]), CAST(:chats AS text[])) AS head (id, chat) "
    "WHERE pg_try_advisory_xact_lock(hashtextextended(chat, 0))"
)


class Unreadable(Exception):
    """What the messenger sent is no update in any words that we know; another try would not help.

    Give its dead letter to whoever maintains the product: the error names the fields.
    """


class TextBot(Bot):
    """A bot whose only use is to give methods a way into the outbox; its token is never sent anywhere."""


@dataclass
class Turn:
    """One update being handled: its chat, its transaction, and what it says."""

    session: AsyncSession
    chat: Chat
    inbound: Inbound
    now: datetime
    sender: Known | None = None  # whose chat it is, as this transaction found them; None: a newcomer
    understanding: dict[str, Any] | None = None  # what is kept with the message when the turn is done
    said: list[Outbound] = field(default_factory=list)

    def say(self, method: str, payload: dict[str, Any]) -> None:
        """Write to the outbox, to be delivered when this turn is committed."""
        row = Outbound(
            channel=self.inbound.channel,
            chat_key=self.inbound.chat_key,
            method=method,
            payload=payload,
            inbound_id=self.inbound.id,
            created_at=self.now,
            not_before=self.now,
        )
        self.said.append(row)
        Postbox.of(self.session).say(row)


@dataclass(frozen=True)
class Taken:
    """A waiting update as the transaction that handles it found it, with its chat and its sender where they are known."""

    row: Inbound
    chat: Chat | None
    sender: Known | None


_turn: ContextVar[Turn] = ContextVar("turn")


class OutboxSession(BaseSession):
    """An aiogram session that sends nothing: each method becomes a row of the outbox, part of the turn."""

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[TelegramType],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's signature
    ) -> TelegramType:
        """Record the method; answer as the messenger would, with a made-up message."""
        turn = _turn.get()
        if isinstance(method, _KEPT):
            self._keep(turn, method)
        if isinstance(method, SendMessage | SendPhoto):
            made_up = Message(
                message_id=0, date=turn.now, chat=TelegramChat(id=int(turn.inbound.chat_key), type="private")
            )
            return cast(TelegramType, made_up)
        return cast(TelegramType, True)

    def _keep(self, turn: Turn, method: TelegramMethod[Any]) -> None:
        if isinstance(method, AnswerCallbackQuery):
            if method.callback_query_id == TYPED:
                if method.text:
                    turn.say("SendMessage", {"text": method.text})
                return
            if not method.text and turn.inbound.channel == "web":
                return
        if isinstance(method, EditMessageText | EditMessageReplyMarkup) and not method.message_id:
            return
        turn.say(type(method).__name__, fields_of(method))

    async def close(self) -> None:
        """Nothing is open."""

    async def stream_content(
        self,
        url: str,
        headers: dict[str, Any] | None = None,
        timeout: int = 30,  # noqa: ASYNC109 - aiogram's signature
        chunk_size: int = 65536,
        raise_for_status: bool = True,
    ) -> AsyncGenerator[bytes, None]:
        """Photos are fetched before the turn, never inside it.

        Raises:
            RuntimeError: always.
        """
        raise RuntimeError("a turn does not wait on the network: fetch before it")
        yield b""


def fields_of(method: TelegramMethod[Any]) -> dict[str, Any]:
    """What of a method the channels need, as JSON."""
    out: dict[str, Any] = {}
    for name in _FIELDS:
        value = getattr(method, name, None)
        if value is None:
            continue
        out[name] = value.model_dump(mode="json", exclude_none=True) if hasattr(value, "model_dump") else value
    return out


class TurnStorage(BaseStorage):
    """aiogram's state kept in the chat's row of the turn's own transaction."""

    async def set_state(self, key: StorageKey, state: StateType = None) -> None:
        """Set what is being talked about."""
        turn = _turn.get()
        turn.chat.state = state.state if isinstance(state, State) else state
        turn.chat.updated_at = turn.now

    async def get_state(self, key: StorageKey) -> str | None:
        """What is being talked about."""
        return _turn.get().chat.state

    async def set_data(self, key: StorageKey, data: Mapping[str, Any]) -> None:
        """Replace the dialogue's notes."""
        turn = _turn.get()
        turn.chat.data, turn.chat.updated_at = dict(data), turn.now

    async def get_data(self, key: StorageKey) -> dict[str, Any]:
        """The dialogue's notes."""
        return dict(_turn.get().chat.data or {})

    async def close(self) -> None:
        """Nothing is open."""


class Inbox:
    """Stores updates before anything else happens to them, each once under its channel's own id."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._shared = SharedCommit[Mapping[str, Any], bool](self._stored)
        self.arrived = asyncio.Event()

    async def receive(self, channel: str, update_key: str, chat_key: str, update: Mapping[str, Any]) -> bool:
        """Store and commit, together with what comes at the same time. False when it was stored before: a redelivery."""
        new = await self._shared.do(self.arriving(channel, update_key, chat_key, update))
        self.arrived.set()
        return new

    async def _stored(self, rows: Sequence[Mapping[str, Any]]) -> Sequence[bool]:
        async with self._database.writing() as session:
            return await store_all(session, rows)

    async def put(
        self, session: AsyncSession, channel: str, update_key: str, chat_key: str, update: Mapping[str, Any]
    ) -> bool:
        """Store within a transaction of the caller's; call `arrived.set()` after its commit."""
        return await store(session, self.arriving(channel, update_key, chat_key, update))

    def arriving(self, channel: str, update_key: str, chat_key: str, update: Mapping[str, Any]) -> dict[str, Any]:
        """A row of the inbox as it is stored."""
        return {
            "channel": channel, "update_key": update_key, "chat_key": chat_key, "update": storable(dict(update)),
            "received_at": self._clock.now(), "state": "waiting", "attempts": 0, "error": "",
        }  # fmt: skip


@dataclass(frozen=True)
class Read:
    """What was made of a message before its turn: alone, together with the unfinished report before it, its photo."""

    alone: Understanding | None = None
    joined: Understanding | None = None
    photo: dict[str, Any] | None = None
    trouble: Exception | None = None  # the photo could not be fetched: the turn is tried again
    alike: Mapping[int, float] = field(default_factory=dict)  # open cases nearby: chance that this is one of them
    passages: tuple[ReadPassage, ...] = ()  # of a message that may hold several matters, each read by itself


Prepare = Callable[[AsyncSession, Turn, Read], Awaitable[dict[str, Any]]]
Alike = Callable[[Chat | None, Person | None, str, Understanding | None], Awaitable[dict[int, float]]]
Finish = Callable[[AsyncSession, Turn, dict[str, Any]], Awaitable[None]]
Apologise = Callable[[AsyncSession, Turn], Awaitable[None]]


@dataclass(frozen=True)
class Hooks:
    """What the application adds to a turn.

    `prepare` gives the handlers what they take by name, `finish` turns what the workflow wants said into outbox
    rows, `apologise` answers a message that cannot be handled, `as_tap` reads a typed number as the button it names,
    `internal` handles what nobody typed, such as a report that was left unfinished.
    `context` gives the unfinished report that a new bubble may belong to, `alike` what the reader thinks of the open
    cases nearby.
    """

    prepare: Prepare
    finish: Finish
    apologise: Apologise
    as_tap: Callable[[Update, Chat], Update]
    context: Callable[[Chat, datetime], str]
    alike: Alike
    internal: Callable[[str, Update, Turn, dict[str, Any]], Awaitable[None]]


class Turns:
    """Takes waiting updates chat by chat, in order, and handles each in a transaction of its own making.

    Updates of different chats share a commit, each under its own savepoint: one that fails takes nothing with it.
    """

    def __init__(
        self,
        database: Database,
        dispatcher: Dispatcher,
        inbox: Inbox,
        understander: Understander,
        clock: Clock,
        hooks: Hooks,
        fetchers: Mapping[str, Fetch] | None = None,
        claims: Claims | None = None,
        look_seconds: float = 1.0,
    ) -> None:
        """`look_seconds`: how often the inbox is looked at when nobody says that something has arrived."""
        self._claims = claims or NoOthers()
        self._look_seconds = look_seconds
        self._fetching = Fetching({} if fetchers is None else fetchers, inbox.arrived)
        self._database = database
        self._dispatcher = dispatcher
        self._inbox = inbox
        self._understander = understander
        self._clock = clock
        self._hooks = hooks
        self._session = OutboxSession()
        self._bot = TextBot("1:outbox", session=self._session)
        self.done = asyncio.Event()  # set after each batch: the courier has work
        self._stopping = False

    async def run(self) -> None:
        """Until stopped: handle what is waiting, then wait for more."""
        try:
            while not self._stopping:
                self._inbox.arrived.clear()
                if not await self._once_or_later():
                    try:
                        await asyncio.wait_for(self._inbox.arrived.wait(), timeout=self._look_seconds)
                    except TimeoutError:
                        continue  # another process may have stored one, or a retry has come due
        finally:
            await self._fetching.close()

    async def _once_or_later(self) -> int:
        """One batch; none when it could not be committed. What one message does is caught before: this is the database."""
        try:
            return await self.once()
        except Exception as error:  # in whatever words it says that it is away: the updates are safe, try again
            log.warning("turns cannot reach the database", error=type(error).__name__)
            await asyncio.sleep(0.5)
            return 0

    def stop(self) -> None:
        """Finish the batch in hand and return."""
        self._stopping = True
        self._inbox.arrived.set()

    async def drain(self) -> None:
        """Handle everything that is waiting now."""
        while await self.once() or await self._fetching.some():
            pass

    async def once(self) -> int:
        """One batch: at most one update per chat. Returns how many were taken."""
        heads = await self._next()
        if not heads:
            return 0
        try:
            async with self._database.glancing() as session:
                known = await _with_their_chats(session, [row.id for row in heads])
            read = await asyncio.gather(*(self._read_or_trouble(row, known.get(row.id)) for row in heads))
            started = asyncio.get_running_loop().time()
            async with self._database.writing() as session:
                await self._handle_each(session, list(zip(heads, read, strict=True)))
        finally:
            await self._claims.give_back([_chat_of(row) for row in heads])
        TURN_SECONDS.observe(asyncio.get_running_loop().time() - started)
        self.done.set()
        return len(heads)

    async def _next(self) -> Sequence[Inbound]:
        """The updates of a batch. Where the first that wait are all another process's or wait for a photo: those behind."""
        most = BATCH * 8
        while True:
            heads = await self._heads(most)
            free = [row for row in await self._ours(heads) if self._fetching.here(row)][:BATCH]
            if free or len(heads) < most:
                return free
            most *= 8

    async def _ours(self, heads: Sequence[Inbound]) -> Sequence[Inbound]:
        """Those that no other process is reading or handling; their chats stay ours until they are handled."""
        ours = await self._claims.take([_chat_of(row) for row in heads], BATCH)
        return [row for row in heads if _chat_of(row) in ours]

    async def _heads(self, most: int) -> Sequence[Inbound]:
        """The oldest waiting update of each chat; a chat whose oldest waits for its retry waits with it."""
        now = datetime.now(UTC)  # noqa: TID251 - retries wait in the world's time, not in the demo's
        async with self._database.glancing() as session:
            return (await session.execute(*inbox_heads(now, most))).scalars().all()

    async def _read_or_trouble(self, row: Inbound, known: Taken | None) -> Read:
        """What one message does before its turn must not hold up the others; a database that is away does."""
        try:
            return await self._read(row, known)
        except (DBAPIError, OSError):
            raise
        except Exception as error:
            return Read(trouble=error)

    async def _read(self, row: Inbound, known: Taken | None) -> Read:
        """The wait for the NLU, outside any transaction; a photo has come before."""
        photo = self._fetching.take(row)
        if isinstance(photo, Exception):
            if row.attempts < MAX_ATTEMPTS - 1:
                return Read(trouble=photo)
            photo = {"photo_refused": "voice.unreachable" if is_recording(row.update) else "photo.unreachable"}
        words = words_of(row.update) or str((photo or {}).get("recognised", ""))
        if words.startswith("/"):
            return Read(photo=photo)
        chat = known.chat if known is not None else None
        person = known.sender.person if known is not None and known.sender is not None else None
        own = (row.update.get("xiaoshao") or {}).get("event")
        now = self._clock.now()
        before = self._hooks.context(chat, now) if chat is not None and own is None else ""
        alone = joined = None
        passages: tuple[ReadPassage, ...] = ()
        if words:
            try:
                alone = await self._understander.understand(words)
                joined = await self._understander.understand(f"{before} {words}") if before else None
                if own is None:
                    passages = await read_passages(self._understander, words, alone)
            except NluUnavailable:
                return Read(photo=photo)
        whole = f"{before} {words}".strip()  # a tap that tells the place completes the report before it
        alike = await self._hooks.alike(chat, person, whole, joined or alone) if whole else {}
        return Read(alone, joined, photo, alike=alike, passages=passages)

    async def _handle_each(self, session: AsyncSession, heads: Sequence[tuple[Inbound, Read]]) -> None:
        """What all of them need is loaded at once, and for the rest again after one that failed."""
        waiting = await self._taken_up(session, heads)
        for number, (head, read) in enumerate(heads):
            taken = waiting.get(head.id)
            if taken is not None and not await self._handle(session, taken, read):
                waiting = await self._taken_up(session, heads[number + 1 :])

    async def _handle(self, session: AsyncSession, taken: Taken, read: Read) -> bool:
        """Whether it went well."""
        inbound_id, chat_id, channel = taken.row.id, taken.row.chat_key, taken.row.channel
        try:
            async with savepoint(session):
                await self._turn(session, taken, read)
        except Exception as error:  # whatever one message does, the others go on
            session.expire_all()
            row = await session.get_one(Inbound, inbound_id)
            await self._failed(session, row, error)
            state = row.state
            await session.flush()
        else:
            state = "done"
            TURNS.labels(channel, "done").inc()
        log.debug("turn", channel=channel, chat=chat_id, state=state)
        return state == "done"

    async def _taken_up(self, session: AsyncSession, heads: Sequence[tuple[Inbound, Read]]) -> dict[int, Taken]:
        """Those that are still ours to do; on PostgreSQL their chats are held for this transaction before they are read."""
        if not heads:
            return {}
        ids: Sequence[int] = [head.id for head, _ in heads]
        if on_postgresql(session):
            chats = [_chat_of(head) for head, _ in heads]
            ids = (await session.execute(_HELD, {"ids": ids, "chats": chats})).scalars().all()
        found = await _with_their_chats(session, ids)
        return {inbound_id: taken for inbound_id, taken in found.items() if taken.row.state == "waiting"}

    async def _turn(self, session: AsyncSession, taken: Taken, read: Read) -> None:
        if read.trouble is not None:
            raise read.trouble
        row, now = taken.row, self._clock.now()
        chat = taken.chat or Chat(channel=row.channel, chat_key=row.chat_key, state=None, data={}, updated_at=now)
        turn = Turn(session, chat, row, now, taken.sender, recorded(read.alone))
        token = _turn.set(turn)
        try:
            update = self._update(row, read)
            data = await self._hooks.prepare(session, turn, read)
            event = (row.update.get("xiaoshao") or {}).get("event")
            if event is not None:
                await self._hooks.internal(event, update, turn, data)
            else:
                await self._dispatcher.feed_update(self._bot, self._hooks.as_tap(update, chat), **data)
            await self._hooks.finish(session, turn, data)
        finally:
            _turn.reset(token)
        # Each row is written once, at the end: every query between would write what has changed so far.
        row.understanding = turn.understanding
        row.state, row.done_at = "done", self._clock.now()
        chat.updated_at = turn.now
        session.add(chat)

    def _update(self, row: Inbound, read: Read) -> Update:
        """The update in aiogram's words; what was recognised in a recording stands beneath it like a caption."""
        plain = _plain(row.update)
        recognised = (read.photo or {}).get("recognised")
        if recognised and not words_of(plain):
            plain["message"] = {**plain["message"], "caption": recognised}
            row.update = {**row.update, "xiaoshao": read.photo}
        try:
            return Update.model_validate(plain, context={"bot": self._bot})
        except ValidationError as error:
            fields = sorted({".".join(str(part) for part in one["loc"]) for one in error.errors(include_input=False)})
            raise Unreadable(", ".join(fields)) from None  # pydantic's text would quote the message

    async def _failed(self, session: AsyncSession, row: Inbound, error: Exception) -> None:
        """Tried again with growing pauses; after the last attempt set aside, visible, and the person is told.

        What cannot be read is set aside at once: the chat goes on.
        """
        if is_busy(error):  # another process was at the same case: no fault of this message
            log.info("a turn gives way to another process", inbound=row.id)
            row.retry_at = self._again(timedelta(seconds=0.1))
            return
        row.attempts += 1
        row.error = f"{type(error).__name__}: {error}"[:2000]
        if isinstance(error, Unreadable):
            log.error(
                "update cannot be read",
                inbound=row.id,
                channel=row.channel,
                error="Unreadable",
                fields=str(error)[:500],
            )
        else:
            log.error("turn failed", inbound=row.id, attempts=row.attempts, error=type(error).__name__, exc_info=error)
        if row.attempts < MAX_ATTEMPTS and not isinstance(error, Unreadable):
            await put_off(session, row, self._again(timedelta(seconds=0.2 * 4**row.attempts)))
            return
        row.state = "poison"
        TURNS.labels(row.channel, "poison").inc()
        taken = (await _with_their_chats(session, [row.id]))[row.id]
        now = self._clock.now()
        chat = taken.chat or Chat(channel=row.channel, chat_key=row.chat_key, state=None, data={}, updated_at=now)
        session.add(chat)
        await self._hooks.apologise(session, Turn(session, chat, row, now, taken.sender))

    def _again(self, pause: timedelta) -> datetime:
        """When this pause is over; then at once, without waiting for the next look."""
        asyncio.get_running_loop().call_later(pause.total_seconds() + 0.01, self._inbox.arrived.set)
        return datetime.now(UTC) + pause  # noqa: TID251 - the world's time


async def _with_their_chats(session: AsyncSession, ids: Iterable[int]) -> dict[int, Taken]:
    """Updates by id, each with its chat and with who writes there."""
    rows = await session.execute(_WITH_THEIR_CHATS, {"ids": list(ids)})
    found: dict[int, Taken] = {}
    posts: dict[int, list[Post]] = {}
    for row, chat, account, person, post in rows:
        held = posts.setdefault(row.id, [])
        if post is not None:
            held.append(post)
        found[row.id] = Taken(row, chat, Known(account, person, held) if person is not None else None)
    return found


def _chat_of(row: Inbound) -> str:
    return f"{row.channel}:{row.chat_key}"


def _plain(update: Mapping[str, Any]) -> dict[str, Any]:
    """The messenger's own part of an update, without what we have noted beside it."""
    return {key: value for key, value in update.items() if key != "xiaoshao"}


def is_recording(update: Mapping[str, Any]) -> bool:
    """Whether it brings a voice message or a file of sound."""
    message = update.get("message")
    return isinstance(message, Mapping) and ("voice" in message or "audio" in message)


def words_of(update: Mapping[str, Any]) -> str:
    """The text or caption of a message update; empty for anything else."""
    message = update.get("message")
    if not isinstance(message, Mapping):
        return ""
    said = message.get("text") or message.get("caption")
    return said if isinstance(said, str) else ""


def recorded(understanding: Understanding | None) -> dict[str, Any] | None:
    """An understanding as it is kept with the message; the text itself is already there."""
    if understanding is None:
        return None
    kept = asdict(understanding)
    kept.pop("text")
    return kept


def recalled(text_: str, kept: Mapping[str, Any]) -> Understanding:
    """The reverse of `recorded`."""
    return Understanding(
        text=text_,
        intent=kept["intent"],
        confidence=kept["confidence"],
        ranking=tuple((label, score) for label, score in kept["ranking"]),
        also=tuple(kept["also"]),
        entities=tuple(Entity(**entity) for entity in kept["entities"]),
        parts=tuple(kept.get("parts", ())),
    )
