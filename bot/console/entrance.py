"""Coming in by the link that 小哨 sent to one's chat, and going out again."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.console.session import COOKIE, Session
from bot.console.visit import Console
from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.viewer import ForTheOffice, NotOnDuty, viewer
from workflows.office import Office
from workflows.refusals import Why
from workflows.sign_in import Denied, SignIns

_WHY = {
    Denied.UNKNOWN: "这个链接不对，可能没有复制完整。",
    Denied.USED: "这个链接已经用过了，或者您后来又要了新的。每个链接只能用一次。",
    Denied.EXPIRED: "这个链接过期了。链接只在10分钟内有效。",
    Denied.NO_POST: "您的岗位已经结束，工作台不能再用了。",
}


_REFUSED = {
    Denied.UNKNOWN: Why.SIGN_IN,
    Denied.USED: Why.SIGN_IN_USED,
    Denied.EXPIRED: Why.SIGN_IN_EXPIRED,
    Denied.NO_POST: Why.SIGN_IN_NO_POST,
}


async def _note(office: Office, link: str, why: Why) -> None:
    """For the operator: whose link it was, as far as that is known. Never the link itself."""
    community_id, person_id = await office.sign_ins.whose(link) or (office.directory.communities[0].id, None)
    await office.refusals.record(why, "console/in", community_id=community_id, person_id=person_id, channel="console")


class Entrance:
    """The door."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/in/{link}", self.door, methods=["GET"])
        router.add_api_route("/in/{link}", self.come_in, methods=["POST"])
        router.add_api_route("/out", self.go_out, methods=["POST"])
        router.add_api_route("/community", self.look_at, methods=["POST"])

    async def door(self, link: str) -> Response:
        """The link itself opens nothing: messengers fetch links to draw a preview, and that would use it up."""
        return self._console.plain("door.html", link=link[:100])

    async def come_in(self, request: Request, link: str) -> Response:
        """The button behind the link: a session, or a sentence that says why not."""
        console = self._console
        async with console.transaction() as office:
            who = await SignIns(office.session, office.now).redeem(link)
            if isinstance(who, Denied):
                await _note(office, link, _REFUSED[who])
                return console.plain("closed.html", 403, why=_WHY[who])
            try:
                me = await viewer(office.people, who)
            except NotOnDuty:
                await _note(office, link, Why.SIGN_IN_NO_POST)
                return console.plain("closed.html", 403, why="您的岗位目前用不到工作台，有事在聊天里办就行。")
            audit.note(office, me, Deed.SIGN_IN)
        session, cookie = console.sessions.begin(who, console.clock.now())
        return self._with_cookie(request, console.back_to("/console"), cookie, session)

    async def look_at(self, request: Request) -> Response:
        """Somebody with posts in several communities looks at another one from now on."""
        async with self._console.changing(request) as visit:
            chosen = visit.number(visit.posted("community", 12))
            if chosen is None or chosen not in visit.viewer.communities:
                raise ForTheOffice
        cookie = self._console.sessions.look_at(visit.session, chosen)
        return self._with_cookie(request, self._console.back_to("/console", "switched"), cookie, visit.session)

    def _with_cookie(self, request: Request, response: Response, cookie: str, session: Session) -> Response:
        console = self._console
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=max(0, int((session.until - console.clock.now()).total_seconds())),
            path="/console",
            httponly=True,
            samesite="lax",
            secure=console.settings.console_url.startswith("https:") or request.url.scheme == "https",
        )
        return response

    async def go_out(self, request: Request) -> Response:
        """退出."""
        async with self._console.changing(request) as visit:
            audit.note(visit.office, visit.viewer, Deed.SIGN_OUT)
        response = self._console.plain("closed.html", why="您已经退出工作台。")
        response.delete_cookie(COOKIE, path="/console")
        return response
