"""The page on which a department without an account answers one case: no sign-in, no script, works on a phone."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal

from fastapi import APIRouter, File, Form, HTTPException, UploadFile
from fastapi.responses import FileResponse, HTMLResponse, Response
from itsdangerous import BadSignature, URLSafeSerializer
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.clock import Clock
from bot.conversation import cards
from bot.conversation.phrases import say
from bot.settings import Settings
from workflows.answer_links import Answer, Asked, LinkRefused
from workflows.database import Database
from workflows.handling import Missing
from workflows.media import PhotoRefused, clean, keep, path_of
from workflows.office import Office
from workflows.policy.privacy import mask

TEMPLATES = Path(__file__).parent / "templates"
MAX_WORDS = 2000
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
}
_STATUS = {"link.unknown": 404, "link.expired": 410, "link.used": 410, "link.answered": 409}


@dataclass(frozen=True)
class Given:
    """What was typed, so that a mistake loses nothing."""

    how: str = ""
    text: str = ""
    on: str = ""
    proposed: str = ""
    signed: str = ""


class AnswerPage:
    """The routes below /answer. The token is signed with the installation's key; the database knows whether it is good."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        office: Callable[[AsyncSession], Office],
        announcer: Announcer,
        secret: str,
    ) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._office = office
        self._announcer = announcer
        self._signer = URLSafeSerializer(secret, salt="answer")
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self.answered: Callable[[], None] = lambda: None  # the application wakes its courier here

    def token(self, link_id: int, secret: str) -> str:
        """The last part of the address, to be passed on."""
        return str(self._signer.dumps([link_id, secret]))

    def router(self) -> APIRouter:
        """The routes."""
        router = APIRouter(prefix="/answer", include_in_schema=False)
        router.add_api_route("/answer.css", self.style, methods=["GET"])
        router.add_api_route("/{token}", self.show, methods=["GET"])
        router.add_api_route("/{token}", self.take, methods=["POST"])
        router.add_api_route("/{token}/photo/{photo_id}", self.photo, methods=["GET"])
        return router

    def _opened(self, token: str) -> tuple[int, str]:
        try:
            link_id, secret = self._signer.loads(token)
            return int(link_id), str(secret)
        except (BadSignature, ValueError, TypeError):
            raise LinkRefused("link.unknown") from None

    async def style(self) -> Response:
        """The page's only other file."""
        return FileResponse(TEMPLATES / "answer.css", headers={"Cache-Control": "max-age=3600"})

    async def show(self, token: str) -> Response:
        """The case of this link, and what may be answered. Looking uses nothing up: messengers look by themselves."""
        try:
            async with self._database.reading() as session:
                return self._form(token, await self._office(session).answer_links.look(*self._opened(token)), Given())
        except LinkRefused as refused:
            return self._refusal(refused)

    async def photo(self, token: str, photo_id: str) -> Response:
        """A photo of this case, and of no other."""
        try:
            async with self._database.reading() as session:
                asked = await self._office(session).answer_links.look(*self._opened(token))
        except LinkRefused:
            raise HTTPException(404) from None
        path = path_of(self._settings.storage, photo_id)
        if photo_id not in asked.view.photos or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "no-store"})

    async def take(
        self,
        token: str,
        how: Literal["done", "plan", "refuse"] = Form(),
        text: str = Form(default=""),
        on: str = Form(default=""),
        proposed: str = Form(default=""),
        signed: str = Form(default=""),
        photo: UploadFile | None = File(default=None),  # noqa: B008 - FastAPI's way
    ) -> Response:
        """One answer. What is wanting is said above the form, with everything that was typed still in it."""
        given = Given(how, text.strip(), on, proposed.strip(), signed.strip())
        try:
            link = self._opened(token)
            problem, photo_id = self._wrong(given), ""
            if not problem:
                problem, photo_id = await self._photo(link, photo)
            if not problem:
                problem = await self._answer(link, given, photo_id)
            if problem:
                async with self._database.reading() as session:
                    asked = await self._office(session).answer_links.look(*link)
                return self._form(token, asked, given, problem)
        except LinkRefused as refused:
            return self._refusal(refused, kept=given.text)
        self.answered()
        return self._page(200, title="答复已收到", done=say("link.thanks"))

    def _wrong(self, given: Given) -> str:
        """What the form is wanting."""
        if not given.signed:
            return say("link.sign")
        if max(map(len, (given.text, given.proposed, given.signed))) > MAX_WORDS:
            return say("link.too_long", most=MAX_WORDS)
        if given.how == "plan" and self._day(given.on) is None:
            return say("need.future_day")
        return ""

    async def _photo(self, link: tuple[int, str], photo: UploadFile | None) -> tuple[str, str]:
        """(what is wrong with it, its id): checked by content and drawn anew, like every photo.

        Raises:
            LinkRefused: nothing is kept for a link that is not good.
        """
        limit = self._settings.channels.web.photo_limit_mb
        content = await photo.read(limit * 1024 * 1024 + 1) if photo is not None else b""
        if not content:
            return "", ""
        async with self._database.reading() as session:
            community = (await self._office(session).answer_links.look(*link)).view.community_id
        try:
            cleaned = await asyncio.to_thread(clean, content, limit)
        except PhotoRefused as refused:
            return say(refused.phrase, limit=limit), ""
        await asyncio.to_thread(keep, self._settings.storage, cleaned)
        async with self._database.writing() as session:
            await self._office(session).photos.register(cleaned, community, None)
        return "", cleaned.id

    async def _answer(self, link: tuple[int, str], given: Given, photo_id: str) -> str:
        """Hand it in, in one transaction with everything that is told of it; or what is wanting."""
        answer = Answer(
            given.how,
            given.text,
            given.signed,
            on=self._day(given.on),
            proposed=given.proposed,
            photos=[photo_id] if photo_id else [],
        )
        try:
            async with self._database.writing() as session:
                office = self._office(session)
                await office.answer_links.answer(*link, answer)
                await self._announcer.announce(office)
        except Missing as missing:
            return say(missing.phrase)
        return ""

    def _day(self, written: str) -> datetime | None:
        """Six in the evening of that day, where it is still to come."""
        try:
            day = datetime.combine(datetime.fromisoformat(written).date(), time(18), self._settings.zone)
        except ValueError:
            return None
        return day if day > self._clock.now() else None

    # ---- pages

    def _form(self, token: str, asked: Asked, given: Given, problem: str = "") -> Response:
        now, zone = self._clock.now(), self._settings.zone
        return self._page(
            400 if problem else 200,
            title=say("link.title"),
            problem=problem,
            asked=asked,
            given=given,
            place=mask(asked.view.place),
            text=mask(asked.view.unsaid(asked.view.text)),
            reason=mask(asked.view.unsaid(asked.reason)),
            due=cards.moment(asked.due_at, now, zone),
            late=now > asked.due_at,
            until=cards.moment(asked.expires_at, now, zone),
            tomorrow=(now.astimezone(zone) + timedelta(days=1)).date().isoformat(),
            photos=[f"/answer/{token}/photo/{photo}" for photo in asked.view.photos[:6]],
            limit=self._settings.channels.web.photo_limit_mb,
            phone=asked.community_phone,
        )

    def _refusal(self, refused: LinkRefused, kept: str = "") -> Response:
        return self._page(
            _STATUS[refused.phrase],
            title=say("link.closed"),
            problem=say(refused.phrase, number=refused.number),
            kept=kept,
        )

    def _page(self, status: int, **values: Any) -> Response:
        empty = {"problem": "", "kept": "", "done": "", "asked": None, "given": Given(), "phone": ""}
        body = self._templates.get_template("answer.html").render(empty | values)
        return HTMLResponse(body, status, headers=_HEADERS)
