"""One request to the console: who asks, in which transaction, and how the answer is drawn."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.datastructures import FormData

from bot.announcer import Announcer
from bot.clock import Clock
from bot.console import wording
from bot.console.session import COOKIE, Session, Sessions
from bot.console.styles import ICON, SHEETS, address
from bot.conversation import cards
from bot.conversation.dialogue import Dialogue
from bot.conversation.talk import Duty, Speaker, Talk
from bot.pictures.week_pictures import Picture, WeekPictures
from bot.settings import Settings
from workflows.case_file import CaseNotFound
from workflows.console.directory.drafts import NoSuchEntry
from workflows.console.exporting import one_moment
from workflows.console.viewer import ForTheOffice, ForTheSecretary, NotOnDuty, Viewer, viewer
from workflows.database import Database
from workflows.office import Office
from workflows.policy.permissions import Role

log = structlog.get_logger()

TEMPLATES = Path(__file__).parent / "templates"
CSP = (
    "default-src 'none'; script-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self'; font-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
_SAID = {
    "done": "已经办了，相关的人会收到消息。",
    "noted": "记下了。",
    "ended": "岗位已结束，权限马上失效。",
    "kept": "保存了。",
    "accepted": "已采用，下次训练会用上。",
    "rejected": "好，这条不采用。",
    "merged": "并好了，两边的居民和承办的人都会收到消息。",
    "split": "拆出来了，就是这一件。居民和该办的人都会收到消息。",
    "asked": "申请记下了，书记同意后生效。",
    "suspended": "挂账了，到日子自动恢复。居民会收到消息。",
    "promised": "约定好了。每次到日子提醒该做的人，做了就告诉反映的居民。",
    "round_done": "记下了，反映的居民会收到消息。",
    "round_skipped": "记为这次不用做，反映的居民会收到消息。",
    "round_called": "叫了一次，该做的人马上收到消息。",
    "renewed": "又约定了一季，就是这一项。",
    "plan_ended": "停掉了，以后不再提醒。",
    "ruled": "定成规则了，以后同样的直接归他们。",
    "once": "好，只这一次。裁定还在这里，可以查。",
    "rule_ended": "停用了，已经照它分派的不变。",
    "heard": "记为听过了。类别听着不对，就在“更正类别或地点”里改。",
    "closed": "停用了，没办完的事已经交给接手的。",
    "switched": "换到这个社区了。",
}


class NotSignedIn(Exception):
    """No session, or one that is over."""


class StrangeForm(Exception):
    """The form does not come from this session's own page, or the page was open for too long."""


@dataclass
class Visit:
    """Who asks, and what is theirs to ask for, within one transaction."""

    request: Request
    session: Session
    office: Office
    viewer: Viewer
    form: FormData = field(default_factory=FormData)

    def posted(self, name: str, most: int = 4000) -> str:
        """A field of the form as text."""
        value = self.form.get(name, "")
        return value.strip()[:most] if isinstance(value, str) else ""

    def asked(self, name: str, most: int = 200) -> str:
        """A parameter of the address as text."""
        return self.request.query_params.get(name, "").strip()[:most]

    def number(self, text: str) -> int | None:
        """A whole number that somebody may have tampered with."""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else None


class Console:
    """What every page of the console needs."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        clock: Clock,
        office: Callable[[Any], Office],
        announcer: Announcer,
        sessions: Sessions,
        wake: Callable[[], None],
        pictures: WeekPictures,
        answer_token: Callable[[int, str], str],
        renew: Callable[[], Awaitable[None]],
    ) -> None:
        self.settings = settings
        self.database = database
        self.clock = clock
        self.sessions = sessions
        self._office = office
        self._announcer = announcer
        self._wake = wake
        self.pictures = pictures
        self.answer_token = answer_token
        self.renew = renew  # reads the directory again, after it was changed

    # ---- transactions

    def session_of(self, request: Request) -> Session:
        """Raises NotSignedIn."""
        session = self.sessions.read(request.cookies.get(COOKIE, ""), self.clock.now())
        if session is None:
            raise NotSignedIn
        return session

    @asynccontextmanager
    async def looking(self, request: Request) -> AsyncIterator[Visit]:
        """A request that changes nothing: everything in it is the state of one moment.

        Raises:
            NotSignedIn, NotOnDuty: they see nothing.
        """
        session = self.session_of(request)
        async with self.database.reading() as reading:
            await one_moment(reading)
            office = self._office(reading)
            yield Visit(request, session, office, await viewer(office.people, session.person_id, session.community))

    @asynccontextmanager
    async def changing(self, request: Request, picture: Picture | None = None) -> AsyncIterator[Visit]:
        """A form: its changes, and what is said about them, are committed together at the end of the block.

        `picture`: for digests that are sent in it.

        Raises:
            NotSignedIn, NotOnDuty, StrangeForm: nothing is changed.
        """
        session = self.session_of(request)
        async with request.form(max_files=4, max_fields=60) as form:
            token = form.get("token", "")
            if not isinstance(token, str) or not self.sessions.from_own_form(session, token):
                raise StrangeForm
            async with self.transaction(picture) as office:
                who = await viewer(office.people, session.person_id, session.community)
                yield Visit(request, session, office, who, form)

    @asynccontextmanager
    async def transaction(self, picture: Picture | None = None) -> AsyncIterator[Office]:
        """The use cases of one writing transaction; what they want said goes into it, and is delivered after it."""
        async with self.database.writing() as writing:
            office = self._office(writing)
            yield office
            await self._announcer.announce(office, picture=picture)
        self._wake()

    def talk(self, visit: Visit) -> Talk:
        """The viewer as the conversation's acts take a speaker."""
        person = visit.viewer
        speaker = Speaker(
            person_id=person.person_id,
            account_id=0,
            community_id=person.community_id,
            name=person.name,
            phone="",
            home=visit.office.directory.address_of(None),
            duties=tuple(
                Duty(Role(p.role), p.community_id, p.unit_id, p.grid_id, p.estate_id, p.building_id)
                for p in person.posts
            ),
        )
        return Talk(visit.office, speaker, Dialogue(), self.settings, visit.office.now, channel="console")

    # ---- answers

    @cached_property
    def _templates(self) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        zone = self.settings.zone
        environment.globals |= {
            "w": wording,
            "icon": address(ICON),
            "sheets": [address(name) for name in SHEETS],
            "ROLE": cards.ROLE,
            "STATE": cards.STATE,
            "CATEGORIES": self.settings.categories,
            "deed": cards.deed,
            "percent": wording.percent,
        }
        environment.filters |= {
            "local": lambda at: wording.local(at, zone),
            "day": lambda at: wording.local(at, zone)[:10],
            "category": lambda code: self.settings.categories.get(code, code),
        }
        return environment

    def page(self, template: str, visit: Visit, *, status: int = 200, said: str = "", **values: Any) -> Response:
        """A page for somebody who is signed in."""
        office = visit.office

        def link(**changed: Any) -> str:
            """This page with other parameters."""
            merged: dict[str, Any] = {**visit.request.query_params, **changed}
            merged.pop("said", None)
            return "?" + urlencode({name: value for name, value in merged.items() if value not in ("", None)})

        return self._html(
            template,
            status,
            visit=visit,
            viewer=visit.viewer,
            community=office.directory.community(visit.viewer.community_id),
            communities=[office.directory.community(one) for one in visit.viewer.communities],
            posts="、".join(dict.fromkeys(cards.ROLE[post.role] for post in visit.viewer.here)),
            now=office.now,
            token=self.sessions.form_token(visit.session),
            said=said or _SAID.get(visit.asked("said"), ""),
            wrong=values.pop("wrong", ""),
            path=visit.request.url.path,
            link=link,
            **values,
        )

    def plain(self, template: str, status: int = 200, **values: Any) -> Response:
        """A page for somebody who is not (or no longer) signed in."""
        return self._html(template, status, **values)

    def _html(self, template: str, status: int, **values: Any) -> Response:
        text = self._templates.get_template(template).render(**values)
        return HTMLResponse(text, status, headers={"Content-Security-Policy": CSP, "Cache-Control": "no-store"})

    def back_to(self, path: str, said: str = "", part: str = "") -> Response:
        """After a form: to a page (and the part of it) that can be loaded again without doing it twice."""
        where = f"{path}?{urlencode({'said': said})}" if said else path
        return RedirectResponse(f"{where}#{part}" if part else where, HTTPStatus.SEE_OTHER)

    def refused(self, error: Exception) -> Response:
        """The one boundary between refusals and sentences. What is no refusal is a fault and is raised on."""
        match error:
            case NotSignedIn():
                return self.plain("closed.html", 401, why="")
            case NotOnDuty():
                response = self.plain("closed.html", 403, why="您的岗位已经结束，工作台不能再用了。")
                response.delete_cookie(COOKIE, path="/console")
                return response
            case StrangeForm():
                return self.plain("sorry.html", 403, why="页面放得太久了，没有提交。请返回上一页，刷新以后再试一次。")
            case ForTheOffice():
                return self.plain("sorry.html", 403, why="这一页只给社区的书记和工作者看。")
            case ForTheSecretary():
                return self.plain("sorry.html", 403, why="这件事只有社区书记能做。")
            case CaseNotFound():
                return self.plain(
                    "sorry.html",
                    404,
                    why="没有这件诉求，或者它不归您的岗位管。在几个社区有岗位的，请先切换到它的社区。",
                )
            case NoSuchEntry():
                return self.plain("sorry.html", 404, why="名录里没有这一条，或者它已经停用了。")
            case _:
                raise error


_REFUSALS = (NotSignedIn, NotOnDuty, StrangeForm, ForTheOffice, ForTheSecretary, CaseNotFound, NoSuchEntry)


def route_class(console: Console) -> type[APIRoute]:
    """Routes whose refusals are answered by `Console.refused`."""

    class ConsoleRoute(APIRoute):
        def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
            handle = super().get_route_handler()

            async def guarded(request: Request) -> Response:
                try:
                    return await handle(request)
                except _REFUSALS as error:
                    log.info("console refused", why=type(error).__name__)
                    return console.refused(error)

            return guarded

    return ConsoleRoute
