"""Posts, digests, corrections, message templates, routing rules, the audit log."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.console.visit import Console, Visit
from bot.conversation import digest_text
from bot.conversation.phrases import everything
from bot.pictures.week_pictures import Picture
from nlu.understanding import INTENTS, REQUEST_INTENTS
from workflows.console import learning, roster, sending
from workflows.console.audit import Deed, entries
from workflows.console.roster import Appointment, RosterRefused
from workflows.console.sending import TooEarly
from workflows.corrections import RULING, NoLabel, NoSuchCandidate
from workflows.policy.audiences import Audience
from workflows.policy.lifecycle import Rung
from workflows.policy.permissions import Role
from workflows.policy.weeks import Week


class Managing:
    """What the community's office sets and reads."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/posts", self.posts, methods=["GET"])
        router.add_api_route("/posts", self.appoint, methods=["POST"])
        router.add_api_route("/posts/{post_id}/end", self.end, methods=["POST"])
        router.add_api_route("/posts/{person_id}/invite", self.invite, methods=["POST"])
        router.add_api_route("/digest", self.digest, methods=["GET"])
        router.add_api_route("/digest", self.send, methods=["POST"])
        router.add_api_route("/corrections", self.corrections, methods=["GET"])
        router.add_api_route("/corrections/{candidate_id}", self.decide, methods=["POST"])
        router.add_api_route("/phrases", self.phrases, methods=["GET"])
        router.add_api_route("/routes", self.routes, methods=["GET"])
        router.add_api_route("/audit", self.audit, methods=["GET"])

    # ---- posts

    async def posts(self, request: Request) -> Response:
        """岗位."""
        async with self._console.looking(request) as visit:
            return await self._posts(visit)

    async def _posts(self, visit: Visit, status: int = 200, **more: Any) -> Response:
        directory, here = visit.office.directory, visit.viewer.community_id
        fields = ("name", "phone", "role", "unit", "grid", "estate", "building")
        return self._console.page(
            "posts.html",
            visit,
            status=status,
            lines=await roster.posts(visit.office, visit.viewer, visit.asked("role")),
            role=visit.asked("role"),
            roles=list(Role),
            units=[*directory.units_of(here, "property"), *directory.units_of(here, "department")],
            grids=directory.grids_of(here),
            estates=directory.estates_of(here),
            typed={name: visit.posted(name, 80) for name in fields},
            **{"code": "", "whom": "", "days": self._console.settings.staff.invitation_days, **more},
        )

    async def appoint(self, request: Request) -> Response:
        """任命."""
        try:
            async with self._console.changing(request) as visit:
                wanted = _appointment(visit)
                person, code = await roster.appoint(visit.office, visit.viewer, wanted, self._valid)
        except RosterRefused as refused:
            return await self._posts_again(request, visit, wrong=refused.phrase)
        return await self._with_code(request, person.name, code)

    async def invite(self, request: Request, person_id: int) -> Response:
        """发邀请码."""
        try:
            async with self._console.changing(request) as visit:
                person, code = await roster.invite(visit.office, visit.viewer, person_id, self._valid)
        except RosterRefused as refused:
            return await self._posts_again(request, visit, wrong=refused.phrase)
        return await self._with_code(request, person.name, code)

    async def end(self, request: Request, post_id: int) -> Response:
        """结束岗位."""
        try:
            async with self._console.changing(request) as visit:
                await roster.end(visit.office, visit.viewer, post_id)
        except RosterRefused as refused:
            return await self._posts_again(request, visit, wrong=refused.phrase)
        return self._console.back_to("/console/posts", "ended")

    @property
    def _valid(self) -> timedelta:
        return timedelta(days=self._console.settings.staff.invitation_days)

    async def _posts_again(self, request: Request, before: Visit, wrong: str) -> Response:
        async with self._console.looking(request) as visit:
            visit.form = before.form
            return await self._posts(visit, 422, wrong=wrong)

    async def _with_code(self, request: Request, name: str, code: str) -> Response:
        """The code is shown once, on the answer to the form itself: it is nowhere else."""
        async with self._console.looking(request) as visit:
            return await self._posts(visit, code=code, whom=name)

    # ---- digests

    async def digest(self, request: Request) -> Response:
        """简报."""
        async with self._console.looking(request) as visit:
            return await self._digest(visit)

    async def _digest(self, visit: Visit, status: int = 200, wrong: str = "", said: str = "") -> Response:
        zone, now = visit.office.rules.zone, visit.office.now
        running = Week.of(now, zone)
        week, why = _week(visit, running.previous())
        chosen = visit.asked("audience")
        audience = Audience(chosen) if chosen in list(Audience) else Audience.COMMUNITY
        found = await sending.preview(visit.office, visit.viewer, week, audience)
        return self._console.page(
            "digest.html",
            visit,
            status=status,
            week=week,
            running=running,
            weeks=_recent(running, 6),
            audience=audience,
            audiences=sending.audiences(visit.viewer),
            preview=(found.who, *digest_text.render(found.digest)) if found else None,
            issued=await sending.issued(visit.office, visit.viewer, week),
            over=week.end <= now,
            wrong=wrong or why,
            said=said,
        )

    async def send(self, request: Request) -> Response:
        """发送简报."""
        picture = await self._picture(request)
        shown = False
        try:
            async with self._console.changing(request, picture) as visit:
                week, why = _week(visit, Week.of(visit.office.now, visit.office.rules.zone).previous())
                sent = 0 if why else await sending.send(visit.office, visit.viewer, week)
            shown = picture is not None and picture.entered
        except TooEarly:
            async with self._console.looking(request) as visit:
                return await self._digest(visit, 422, wrong="这一周还没过完，简报等周一再发，免得少说。")
        finally:
            if not shown:
                self._console.pictures.discard(picture)
        async with self._console.looking(request) as visit:
            said = f"发出{sent}份简报。" if sent else "该收到的人都收到过了，没有重发。"
            return await self._digest(visit, said=said)

    async def _picture(self, request: Request) -> Picture | None:
        """Drawn before the transaction that sends it; none where nothing will be sent."""
        async with self._console.looking(request) as visit, request.form(max_files=4, max_fields=30) as visit.form:
            zone, now = visit.office.rules.zone, visit.office.now
            week, why = _week(visit, Week.of(now, zone).previous())
            if why or not visit.viewer.secretary or week.end > now:
                return None
            community = visit.viewer.community_id
        return await self._console.pictures.drawn(community, week)

    # ---- what was understood

    async def corrections(self, request: Request) -> Response:
        """识别更正."""
        async with self._console.looking(request) as visit:
            return await self._corrections(visit)

    async def _corrections(self, visit: Visit, status: int = 200, wrong: str = "") -> Response:
        state = visit.asked("state") if visit.asked("state") in learning.STATES else "new"
        return self._console.page(
            "corrections.html",
            visit,
            status=status,
            state=state,
            states=learning.STATES,
            candidates=await learning.candidates(visit.office, visit.viewer, state),
            labels=sorted(REQUEST_INTENTS),
            ruling=RULING,
            wrong=wrong,
        )

    async def decide(self, request: Request, candidate_id: int) -> Response:
        """采用 or 不采用."""
        accept = False
        try:
            async with self._console.changing(request) as visit:
                accept = visit.posted("decision") == "accept"
                label = visit.posted("label", 40)
                await learning.decide(
                    visit.office, visit.viewer, candidate_id, accept=accept, label=label, known=INTENTS
                )
        except NoLabel:
            wrong = "这条更正说的是该谁管，不是哪一类。请先在右边选一个类别，再点“采用”。"
        except NoSuchCandidate:
            wrong = "没有这条更正，或者它不归您看。"
        else:
            return self._console.back_to("/console/corrections", "accepted" if accept else "rejected")
        async with self._console.looking(request) as visit:
            return await self._corrections(visit, 422, wrong)

    # ---- looking only

    async def phrases(self, request: Request) -> Response:
        """话术."""
        async with self._console.looking(request) as visit:
            visit.viewer.needs_office()
            wanted = visit.asked("q")
            found = [(key, text) for key, text in everything().items() if wanted in key or wanted in text]
            return self._console.page("phrases.html", visit, phrases=found, wanted=wanted)

    async def routes(self, request: Request) -> Response:
        """分派规则."""
        async with self._console.looking(request) as visit:
            visit.viewer.needs_office()
            found = await learning.candidates(visit.office, visit.viewer, "")
            return self._console.page(
                "routes.html",
                visit,
                ladder=visit.office.rules.ladder,
                rungs=list(Rung),
                rulings=[one for one in found if one.understood == RULING],
            )

    async def audit(self, request: Request) -> Response:
        """日志."""
        async with self._console.looking(request) as visit:
            deed, before = visit.asked("deed"), visit.number(visit.asked("before"))
            lines = await entries(visit.office, visit.viewer, deed=deed, before=before)
            return self._console.page("audit.html", visit, lines=lines, deed=deed, deeds=list(Deed))


def _appointment(visit: Visit) -> Appointment:
    role = visit.posted("role")
    if role not in list(Role):
        raise RosterRefused("请选一个岗位。")
    return Appointment(
        name=visit.posted("name", 80),
        phone=visit.posted("phone", 30),
        role=Role(role),
        unit_id=visit.number(visit.posted("unit")),
        grid_id=visit.number(visit.posted("grid")),
        estate_id=visit.number(visit.posted("estate")),
        building=visit.posted("building", 20),
    )


def _week(visit: Visit, otherwise: Week) -> tuple[Week, str]:
    key = visit.posted("week", 20) or visit.asked("week", 20)
    if not key:
        return otherwise, ""
    try:
        week = Week.parse(key, visit.office.rules.zone)
        week.previous(), week.end  # the calendar ends somewhere
    except (ValueError, OverflowError):
        return otherwise, f"“{key[:20]}”不是一周，请写成 2026-W48。"
    return week, ""


def _recent(running: Week, number: int) -> list[Week]:
    weeks = [running]
    while len(weeks) < number:
        weeks.append(weeks[-1].previous())
    return weeks
