"""The page's HTTP side: the page itself, who sits where, the socket, photos, the demo's time machine."""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog
from fastapi import APIRouter, Depends, File, Form, HTTPException, Request, UploadFile, WebSocket, WebSocketDisconnect
from fastapi.requests import HTTPConnection
from fastapi.responses import FileResponse, JSONResponse, Response
from itsdangerous import BadSignature, URLSafeTimedSerializer
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.channels.web import documents
from bot.channels.web.messenger import (
    CHANNEL,
    COME_BACK,
    Hub,
    as_event,
    as_json,
    next_seq,
    tell,
    tell_bubble,
    typing,
)
from bot.clock import Clock, SystemClock
from bot.conversation.commands import STAFF_TITLES, TITLES
from bot.conversation.phrases import say
from bot.conversation.safety import advice
from bot.guard import Turnstile
from bot.processes.bell import CLOCK, ring
from bot.processes.postbox import lock_bubbles
from bot.settings import Settings
from bot.storable import storable, storable_text
from bot.turn import Inbox
from nlu import safety as net
from workflows.database import Database
from workflows.directory import Directory
from workflows.limits import Limits
from workflows.media import PhotoRefused, Photos, clean, keep, keep_file, path_of
from workflows.models import Account, Note, Person, Post, WebBubble
from workflows.people import People
from workflows.refusals import Refusals, Why
from workflows.voices import MEDIA_TYPES, checked, ending_of, is_voice

log = structlog.get_logger()

STATIC = Path(__file__).parent / "static"
COOKIE = "xiaoshao"
MAX_TEXT = 20_000
_YEAR = 365 * 86400  # seconds: who has not come back for so long begins anew
_RENEWED = timedelta(days=1)
_PHOTO_ID = re.compile(r"[A-Za-z0-9_-]{1,40}")
_COLORS = ("#6b8f71", "#7a86b6", "#b5836a", "#8a6fa8", "#4f8f9e", "#a8767c", "#7d8c4a")


@dataclass(frozen=True)
class Chair:
    """A seat in the demo: a person of the demo directory with a chat of their own."""

    chat: str
    person_id: int
    name: str
    role: str
    hint: str
    staff: bool


class Jump(BaseModel):
    """How far the time machine goes."""

    hours: float = Field(gt=0, le=24 * 31)


class Page:
    """Everything the chat page asks for."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        inbox: Inbox,
        hub: Hub,
        clock: Clock,
        directory: Callable[[], Directory],
        secret: str,
        after_jump: Callable[[], Awaitable[None]],
        chairs: Callable[[], list[Chair]],
    ) -> None:
        self._settings = settings
        self._database = database
        self._inbox = inbox
        self._hub = hub
        self._clock = clock
        self._directory = directory
        self._signer = URLSafeTimedSerializer(secret, salt="chat")
        self._turnstile = Turnstile(settings.limits.requests_per_minute)
        self._after_jump = after_jump
        self._chairs = chairs
        self._jump_lock = asyncio.Lock()

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(dependencies=[Depends(self.not_too_often)])
        router.add_api_route("/", self.index, methods=["GET"], include_in_schema=False)
        router.add_api_route("/static/{name}", self.static, methods=["GET"], include_in_schema=False)
        me, photo, time = documents.NOT_SEATED, documents.PHOTO_REFUSED | documents.UNREADABLE, documents.ABSENT
        time = time | documents.NO_JSON | documents.UNREADABLE
        media = documents.PHOTO | documents.ABSENT | documents.UNREADABLE
        router.add_api_route("/api/me", self.me, methods=["GET"], response_model=documents.Me, responses=me)
        router.add_api_route("/api/photo", self.photo, methods=["POST"], response_model=documents.Kept, responses=photo)
        router.add_api_route("/api/voice", self.voice, methods=["POST"], response_model=documents.Kept, responses=photo)
        router.add_api_route("/api/time", self.time, methods=["POST"], response_model=documents.Now, responses=time)
        router.add_api_route(
            "/media/{photo_id}", self.media, methods=["GET"], response_class=FileResponse, responses=media
        )
        router.add_api_websocket_route("/ws", self.socket)
        return router

    # ---- who

    def _own_chat(self, cookies: dict[str, str]) -> str | None:
        found = self._ticket(cookies)
        return found[0] if found is not None else None

    def _ticket(self, cookies: dict[str, str]) -> tuple[str, datetime] | None:
        """The chat that a cookie opens, and since when it is signed; none when forged, or not used for a year."""
        try:
            chat, since = self._signer.loads(cookies.get(COOKIE, ""), max_age=_YEAR, return_timestamp=True)
        except BadSignature:
            return None
        return str(chat), since

    async def not_too_often(self, connection: HTTPConnection) -> None:
        """So many requests a minute for one visitor; what goes on over an open socket is counted there."""
        if (
            not self._settings.limited
            or connection.scope["type"] != "http"
            or connection.url.path.startswith("/static")
        ):
            return
        if not self._turnstile.passes(self._visitor_key(connection)):
            raise HTTPException(429, say("limit.requests"), headers={"Retry-After": "10"})

    def _visitor_key(self, connection: HTTPConnection) -> str:
        """Whose requests are counted together: the chat's own, or those of the same address without a cookie."""
        chat = self._own_chat(connection.cookies)
        return f"chat {chat}" if chat is not None else f"from {connection.client.host if connection.client else '?'}"

    def _may(self, cookies: dict[str, str], chat: str) -> bool:
        """Whether this visitor may sit in this chat: their own, or in the demo any chair."""
        if self._settings.demo.enabled and any(chair.chat == chat for chair in self._chairs()):
            return True
        return chat == self._own_chat(cookies)

    async def index(self, request: Request) -> Response:
        """The page; a first visit gets a chat of its own, known again by a signed cookie."""
        response = FileResponse(STATIC / "chat.html", headers={"Cache-Control": "no-cache"})
        ticket = self._ticket(request.cookies)
        if ticket is None or datetime.now(UTC) - ticket[1] > _RENEWED:  # noqa: TID251 - a cookie lives in the world's time
            chat = ticket[0] if ticket is not None else str(secrets.randbelow(2**52 - 2**40) + 2**40)
            https = request.url.scheme == "https" or self._settings.server.public_url.startswith("https://")
            response.set_cookie(
                COOKIE, self._signer.dumps(chat), max_age=_YEAR, httponly=True, samesite="lax", secure=https
            )
        return response

    async def static(self, name: str) -> Response:
        """The page's own files, and nothing else."""
        if name not in {
            path.name for path in STATIC.iterdir()
        }:  # a name of any length or spelling never reaches the disk
            raise HTTPException(404)
        return FileResponse(STATIC / name, headers={"Cache-Control": "no-cache"})

    async def me(self, request: Request) -> dict[str, Any]:
        """Who sits here, and in the demo every chair there is."""
        chairs = self._chairs() if self._settings.demo.enabled else [await self._visitor(request)]
        async with self._database.reading() as session:
            rows = [await self._chair(session, chair, i) for i, chair in enumerate(chairs)]
        return {
            "demo": self._settings.demo.enabled,
            "title": "小哨",
            "community": self._directory().communities[0].name if self._directory().communities else "",
            "chairs": rows,
            "current": chairs[0].chat,
            "now": self._clock.now().astimezone(self._settings.zone).isoformat(),
            "commands": [{"command": command, "title": title} for command, title in TITLES.items()],
            "photo_limit_mb": self._settings.channels.web.photo_limit_mb,
            "voice_limit_seconds": self._settings.voice.limit_seconds,
        }

    async def _visitor(self, request: Request) -> Chair:
        chat = self._own_chat(request.cookies)
        if chat is None:
            raise HTTPException(401, "请刷新页面")
        async with self._database.reading() as session:
            person = (
                await session.execute(
                    select(Person)
                    .join(Account, Account.person_id == Person.id)
                    .where(Account.channel == CHANNEL, Account.chat_key == chat)
                )
            ).scalar_one_or_none()
            staff = (
                person is not None
                and (
                    await session.execute(
                        select(Post.id).where(Post.person_id == person.id, Post.until.is_(None)).limit(1)
                    )
                ).first()
                is not None
            )
        name = person.name if person is not None else "居民"
        return Chair(chat, person.id if person else 0, name, "工作人员" if staff else "居民", "", staff)

    async def _chair(self, session: Any, chair: Chair, index: int) -> dict[str, Any]:
        last = (
            await session.execute(
                select(WebBubble.text, WebBubble.kind)
                .where(WebBubble.chat_key == chair.chat)
                .order_by(WebBubble.id.desc())
                .limit(1)
            )
        ).first()
        titles = STAFF_TITLES if chair.staff else TITLES
        seen = await self._seen(session, chair.chat)
        person = await session.get(Person, chair.person_id) if chair.person_id else None
        return {
            "chat": chair.chat,
            "name": chair.name,
            "role": chair.role,
            "avatar": chair.name[:1],
            "color": _COLORS[index % len(_COLORS)],
            "hint": chair.hint,
            "read": seen,
            "unread": await self._unread(session, chair.chat, seen),
            "last": _preview(last.kind, last.text) if last else "",
            "audience": "staff" if chair.staff else "resident",
            "large": person is not None and person.elder == "on",
            "commands": [{"command": command, "title": title} for command, title in titles.items()],
        }

    @staticmethod
    async def _seen(session: Any, chat: str) -> int:
        note = await session.get(Note, f"read:{chat}")
        return int(note.value["seq"]) if note is not None else 0

    @staticmethod
    async def _unread(session: Any, chat: str, seen: int) -> int:
        query = select(func.count()).where(WebBubble.chat_key == chat, WebBubble.sender == "bot", WebBubble.seq > seen)
        return int((await session.execute(query)).scalar_one())

    # ---- the socket

    async def socket(self, socket: WebSocket) -> None:
        """One open page: what it missed first, then everything live."""
        if not _same_origin(socket):
            await socket.close(1008)
            return
        await socket.accept()
        queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue(1000)
        try:
            async with asyncio.TaskGroup() as group:
                writer = group.create_task(self._write(socket, queue))
                await self._listen(socket, queue)
                writer.cancel()
        except* (WebSocketDisconnect, RuntimeError, ConnectionError):
            log.debug("page left")
        finally:
            self._hub.leave(queue)

    async def _write(self, socket: WebSocket, queue: asyncio.Queue[dict[str, Any]]) -> None:
        while (event := await queue.get()) is not COME_BACK:
            await socket.send_json(event)
        await socket.close(1012)

    async def _listen(self, socket: WebSocket, queue: asyncio.Queue[dict[str, Any]]) -> None:
        try:
            while True:
                said = _frame(await socket.receive())
                if isinstance(said, dict):
                    await self._hear(socket, queue, said)
        except WebSocketDisconnect:
            return
        except (ValueError, RecursionError):
            await socket.close(1003)  # no JSON: no page of ours
        except asyncio.QueueFull:
            await socket.close(1008)  # asks without ever listening

    async def _hear(self, socket: WebSocket, queue: asyncio.Queue[dict[str, Any]], said: dict[str, Any]) -> None:
        match said.get("type"):
            case "hello":
                chats = said.get("chats")
                await self._hello(socket, queue, chats if isinstance(chats, dict) else {})
            case "text" | "tap" as kind:
                chat, client_id = _text_in(said, "chat"), _text_in(said, "client_id")[:60]
                if not client_id or not self._may(socket.cookies, chat):
                    queue.put_nowait({"type": "refused", "client_id": client_id, "reason": say("not_yours")})
                    await self._refuse(self._own_chat(socket.cookies), Why.NOT_THEIR_CHAT, str(kind))
                    return
                if self._flooded(socket, said):
                    queue.put_nowait({"type": "refused", "client_id": client_id, "reason": say("limit.requests")})
                    return
                await (self._text if kind == "text" else self._tap)(queue, chat, client_id, said)
            case "read":
                chat = _text_in(said, "chat")
                seq = _number(said.get("seq"))
                if seq is not None and self._may(socket.cookies, chat):
                    await self._read(chat, seq)
            case _:
                return

    def _flooded(self, socket: WebSocket, said: dict[str, Any]) -> bool:
        """Whether this visitor sends faster than anybody writes. Danger gets through."""
        if not self._settings.limited or self._turnstile.passes(self._visitor_key(socket)):
            return False
        return net.check(str(said.get("text", ""))) is None

    async def _refuse(self, chat: str | None, why: Why, what: str) -> None:
        """Note for the operator what a visitor tried and may not do."""
        async with self._database.writing() as session:
            owner = await self._account(session, chat)
            await Refusals(session, self._clock.now()).record(
                why, what,
                community_id=owner.community_id if owner is not None else self._directory().communities[0].id,
                person_id=owner.person_id if owner is not None else None,
                channel=CHANNEL,
            )  # fmt: skip

    @staticmethod
    async def _account(session: AsyncSession, chat: str | None) -> Account | None:
        found = await session.execute(select(Account).where(Account.channel == CHANNEL, Account.chat_key == chat))
        return found.scalar_one_or_none()

    async def _hello(self, socket: WebSocket, queue: asyncio.Queue[dict[str, Any]], chats: dict[str, Any]) -> None:
        async with self._database.reading() as session:
            for chat, last in chats.items():
                if not self._may(socket.cookies, str(chat)):
                    continue
                self._hub.watch(str(chat), queue)
                top = (
                    await session.execute(select(func.max(WebBubble.seq)).where(WebBubble.chat_key == str(chat)))
                ).scalar_one() or 0
                seen = _number(last) or 0
                since = seen if seen <= top else 0
                missed = await session.execute(
                    select(WebBubble)
                    .where(WebBubble.chat_key == str(chat), WebBubble.seq > since)
                    .order_by(WebBubble.seq.desc())
                    .limit(800)
                )
                for bubble in reversed(missed.scalars().all()):
                    await socket.send_json(as_event(bubble))
        await socket.send_json({"type": "ready"})

    async def _text(
        self, queue: asyncio.Queue[dict[str, Any]], chat: str, client_id: str, said: dict[str, Any]
    ) -> None:
        text = _text_in(said, "text")
        if len(text) > MAX_TEXT:
            queue.put_nowait(
                {"type": "refused", "client_id": client_id, "reason": "太长了，请分几次说，每次不超过4000字。"}
            )
            return
        try:
            bubble = await self._store(chat, client_id, text)
        except Exception as error:  # the database is away: danger must be answered all the same
            log.error("page message not stored", error=type(error).__name__)
            danger = net.check(text)
            reason = advice(danger) if danger is not None else "我这边出了点问题，请过一会儿再发。"
            queue.put_nowait({"type": "refused", "client_id": client_id, "reason": reason})
            return
        queue.put_nowait({"type": "ack", "client_id": client_id, "bubble": bubble})
        self._hub.publish(chat, {"type": "bubble", "chat": chat, "bubble": bubble})
        self._hub.publish(chat, typing(chat, on=True))

    async def _store(self, chat: str, client_id: str, text: str, photo: str = "", extra: Any = None) -> dict[str, Any]:
        """The bubble and its place in the inbox in one commit: what is acknowledged is never lost."""
        async with self._database.writing() as session:
            await lock_bubbles(session, chat)  # the same message may come again by another process
            known = (
                await session.execute(
                    select(WebBubble).where(WebBubble.chat_key == chat, WebBubble.client_id == client_id)
                )
            ).scalar_one_or_none()
            if known is not None:
                return as_json(known)
            bubble = WebBubble(
                chat_key=chat,
                seq=await next_seq(session, chat),
                sender="me",
                client_id=client_id,
                kind="voice" if is_voice(photo) else "photo" if photo else "text",
                text=text,
                photo=photo or None,
                at=self._clock.now(),
            )
            session.add(bubble)
            await session.flush()
            update = message_update(bubble.id, chat, int(self._clock.now().timestamp()), text, photo)
            if extra:
                update["xiaoshao"] = extra
            await self._inbox.put(session, CHANNEL, f"{chat}:{client_id}", chat, update)
            await tell_bubble(session, bubble)
            stored = as_json(bubble)
        self._inbox.arrived.set()
        return stored

    async def _tap(self, queue: asyncio.Queue[dict[str, Any]], chat: str, client_id: str, said: dict[str, Any]) -> None:
        async with self._database.writing() as session:
            number = _number(said.get("bubble"))
            bubble = await session.get(WebBubble, number) if number is not None else None
            data = _text_in(said, "data")
            offered = bubble is not None and any(b["data"] == data for row in bubble.buttons for b in row)
            if bubble is None or bubble.chat_key != chat or not offered:
                queue.put_nowait(
                    {"type": "refused", "client_id": client_id, "reason": "这个按钮已经过时了，请看最新的消息。"}
                )
                await self._refuse_tap(session, chat, data)
                return
            update = tap_update(bubble, data, client_id, int(self._clock.now().timestamp()))
            new = await self._inbox.put(session, CHANNEL, f"{chat}:{client_id}", chat, update)
            await tell(session, typing(chat, on=True))
        self._inbox.arrived.set()
        log.debug("tap", new=new)
        queue.put_nowait({"type": "ack", "client_id": client_id, "bubble": None})
        self._hub.publish(chat, typing(chat, on=True))

    async def _refuse_tap(self, session: AsyncSession, chat: str, data: str) -> None:
        owner = await self._account(session, chat)
        if owner is not None:
            await Refusals(session, self._clock.now()).record(
                Why.NOT_OFFERED, data, community_id=owner.community_id, person_id=owner.person_id, channel=CHANNEL
            )

    async def _read(self, chat: str, seq: int) -> None:
        async with self._database.writing() as session:
            await lock_bubbles(session, chat)
            note = await session.get(Note, f"read:{chat}")
            if note is None:
                note = Note(key=f"read:{chat}", value={"seq": 0})
                session.add(note)
            if seq > int(note.value["seq"]):
                note.value = {"seq": seq}
            seen = int(note.value["seq"])
            unread = {"type": "unread", "chat": chat, "seq": seen, "count": await self._unread(session, chat, seen)}
            await tell(session, unread)
        self._hub.publish(chat, unread)

    # ---- photos and time

    async def photo(
        self,
        request: Request,
        chat: str = Form(min_length=1),
        client_id: str = Form(min_length=1, max_length=60),
        caption: str = Form(default="", max_length=MAX_TEXT),
        file: UploadFile = File(),  # noqa: B008 - FastAPI's way
    ) -> Response:
        """A photo with or without words; what is no photo is refused with a sentence and loses nothing."""
        client_id, caption = storable_text(client_id), storable_text(caption)
        if not self._may(request.cookies, chat):
            return JSONResponse({"error": say("not_yours")}, 403)
        if not await self._room_for_a_photo(chat):
            return JSONResponse({"error": say("photo.too_many")}, 429)
        limit = self._settings.channels.web.photo_limit_mb
        content = await file.read(limit * 1024 * 1024 + 1)
        try:
            photo = await asyncio.to_thread(clean, content, limit)
        except PhotoRefused as refused:
            return JSONResponse({"error": say(refused.phrase, limit=limit)}, 400)
        await asyncio.to_thread(keep, self._settings.storage, photo)
        async with self._database.writing() as session:
            owner = await self._account(session, chat)
            community = owner.community_id if owner is not None else self._directory().communities[0].id
            await Photos(session, self._clock.now()).register(photo, community, owner.person_id if owner else None)
        bubble = await self._store(chat, client_id, caption, photo.id, {"photo_id": photo.id})
        self._hub.publish(chat, {"type": "bubble", "chat": chat, "bubble": bubble})
        return JSONResponse({"bubble": bubble})

    async def voice(
        self,
        request: Request,
        chat: str = Form(min_length=1),
        client_id: str = Form(min_length=1, max_length=60),
        seconds: int = Form(default=0, ge=0, le=86_400),
        file: UploadFile = File(),  # noqa: B008 - FastAPI's way
    ) -> Response:
        """A voice message; what is none is refused with a sentence and loses nothing."""
        client_id = storable_text(client_id)
        if not self._may(request.cookies, chat):
            return JSONResponse({"error": say("not_yours")}, 403)
        if not await self._room_for_a_photo(chat):
            return JSONResponse({"error": say("voice.too_many")}, 429)
        setting = self._settings.voice
        content = await file.read(setting.limit_mb * 1024 * 1024 + 1)
        try:
            voice = await asyncio.to_thread(
                checked, content, limit_mb=setting.limit_mb, limit_seconds=setting.limit_seconds, said_seconds=seconds
            )
        except PhotoRefused as refused:
            said = say(refused.phrase, limit=setting.limit_mb, seconds=setting.limit_seconds)
            return JSONResponse({"error": said}, 400)
        await asyncio.to_thread(keep_file, self._settings.storage, voice.id, voice.content)
        async with self._database.writing() as session:
            owner = await self._account(session, chat)
            community = owner.community_id if owner is not None else self._directory().communities[0].id
            await Photos(session, self._clock.now()).enter_voice(
                voice.id, len(voice.content), voice.seconds, community, owner.person_id if owner else None
            )
        bubble = await self._store(chat, client_id, "", voice.id, {"voice_id": voice.id})
        self._hub.publish(chat, {"type": "bubble", "chat": chat, "bubble": bubble})
        return JSONResponse({"bubble": bubble})

    async def media(self, request: Request, photo_id: str) -> Response:
        """A photo, to somebody in whose chat it was shown and who may still see what it belongs to."""
        if _PHOTO_ID.fullmatch(photo_id) is None:
            raise HTTPException(404)
        path = path_of(self._settings.storage, photo_id)
        if not await self._may_look(request.cookies, photo_id) or not path.is_file():
            raise HTTPException(404)
        # Not for long: whose post ends tomorrow shall not find it in the browser's cache.
        kind = MEDIA_TYPES[ending_of(photo_id)] if is_voice(photo_id) else "image/jpeg"
        return FileResponse(path, media_type=kind, headers={"Cache-Control": "private, max-age=300"})

    async def _may_look(self, cookies: dict[str, str], photo_id: str) -> bool:
        async with self._database.reading() as session:
            shown = await session.execute(
                select(WebBubble.chat_key, WebBubble.sender).where(WebBubble.photo == photo_id).distinct()
            )
            photos, people = Photos(session, self._clock.now()), People(session, self._clock.now())
            for chat, sender in shown.all():
                if not self._may(cookies, chat):
                    continue
                owner = await self._account(session, chat)
                if sender == "me" or (owner is not None and await photos.may_look(owner.person_id, photo_id, people)):
                    return True
        return False

    async def _room_for_a_photo(self, chat: str) -> bool:
        """Whether whoever sits here may send one more now."""
        if not self._settings.limited:
            return True
        async with self._database.reading() as session:
            owner = await self._account(session, chat)
            if owner is None:
                return True
            now = self._clock.now()
            allowance = self._settings.limits.of(staff=bool(await People(session, now).posts(owner.person_id)))
            return await Limits(session, now).photos_until(owner.person_id, allowance) is None

    async def time(self, jump: Jump) -> dict[str, str]:
        """The demo's time machine: hour by hour, so that each reminder falls due in its turn."""
        clock = self._clock
        if not self._settings.demo.enabled or not isinstance(clock, SystemClock):
            raise HTTPException(404)
        async with self._jump_lock:
            left = timedelta(hours=jump.hours)
            while left > timedelta(0):
                step = min(left, timedelta(hours=6))
                async with self._database.writing() as session:
                    await clock.forward(session, step)
                    await ring(session, CLOCK)
                clock.offset += step
                left -= step
                await self._after_jump()
        now = clock.now().astimezone(self._settings.zone).isoformat()
        moved = {"type": "clock", "now": now}
        async with self._database.writing() as session:
            await tell(session, moved)
        self._hub.everybody(moved)
        return {"now": now}


def message_update(number: int, chat: str, at: int, text: str, photo: str = "") -> dict[str, Any]:
    """A page's message as the update that Telegram would send: one conversation engine for every channel."""
    chat_id = int(chat)
    message: dict[str, Any] = {
        "message_id": number,
        "date": at,
        "chat": {"id": chat_id, "type": "private"},
        "from": {"id": chat_id, "is_bot": False, "first_name": "居民"},
    }
    if is_voice(photo):
        message["voice"] = {"file_id": f"media:{photo}", "file_unique_id": photo[-16:], "duration": 0}
    elif photo:
        message["photo"] = [{"file_id": f"media:{photo}", "file_unique_id": photo[:16], "width": 1, "height": 1}]
        if text:
            message["caption"] = text
    else:
        message["text"] = text
    return {"update_id": number, "message": message}


def tap_update(bubble: WebBubble, data: str, query_id: str, at: int) -> dict[str, Any]:
    """A tap on a page's button as Telegram's callback query."""
    chat_id = int(bubble.chat_key)
    rows = [[{"text": b["text"], "callback_data": b["data"]} for b in row] for row in bubble.buttons]
    return {
        "update_id": bubble.id,
        "callback_query": {
            "id": query_id or "0",
            "from": {"id": chat_id, "is_bot": False, "first_name": "居民"},
            "chat_instance": bubble.chat_key,
            "data": data,
            "message": {
                "message_id": bubble.id,
                "date": at,
                "chat": {"id": chat_id, "type": "private"},
                "text": bubble.text or "…",
                "reply_markup": {"inline_keyboard": rows},
            },
        },
    }


def _frame(message: Mapping[str, Any]) -> Any:
    """What a frame of the socket says, fit to be stored.

    Raises:
        WebSocketDisconnect: the page is gone.
        ValueError, RecursionError: it is no JSON text.
    """
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1000))
    return storable(json.loads(message.get("text") or ""))


def _preview(kind: str, text: str) -> str:
    """The last bubble of a chat, as the list of chairs shows it."""
    return (text or {"photo": "[图片]", "voice": "[语音]"}.get(kind, ""))[:40].replace("\n", " ")


def _text_in(said: Mapping[str, Any], what: str) -> str:
    """A text of a frame; empty where something else stands in its place."""
    value = said.get(what)
    return value if isinstance(value, str) else ""


def _number(value: object) -> int | None:
    """A number of a bubble or a place in a chat; None for what can be neither."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _same_origin(socket: WebSocket) -> bool:
    """A page of another site may not open our socket with our visitor's cookie."""
    origin = socket.headers.get("origin")
    return origin is None or origin.split("://", 1)[-1] == socket.headers.get("host")
