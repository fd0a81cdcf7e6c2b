"""定期维护: promise it in two steps; a page for each plan, where its rounds are confirmed, left out and called for."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from bot.console import wording
from bot.console.case import photos_of
from bot.console.closing import day_of
from bot.console.steps import Begun, Done
from bot.console.unclear import Unclear
from bot.console.visit import Console, Visit
from bot.conversation.phrases import say
from workflows.case_file import CaseNotFound
from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.case_page import CasePage
from workflows.console.rounds import plan_page, plans
from workflows.handling import Missing
from workflows.media import PhotoRefused, path_of
from workflows.policy.upkeep import Rhythm, Season, SeasonRefused, rounds

_MOST_EVERY = 366
_YEARS = 5
_SHOWN = 6  # days of a plan that are listed before it is promised
_SAID = {"done": "round_done", "skip": "round_skipped", "call": "round_called", "renew": "renewed", "end": "plan_ended"}


class Promise:
    """A solution that carries a plan."""

    act, title, template = "upkeep", "定期维护", "step_upkeep.html"
    fields: Mapping[str, int] = {"work": 60, "rhythm": 10, "every": 4, "trigger": 40, "first": 20, "last": 20}

    async def choices(self, visit: Visit, page: CasePage) -> Mapping[str, Any]:
        """Today, for the calendar of the form."""
        return {"today": _today(visit)}

    async def check(self, begun: Begun) -> Sequence[int]:
        """What is done, how often, and from when to when; the days on which it falls."""
        season, today = _season(begun.typed), _today(begun.visit)
        if season.last.year > today.year + _YEARS:
            raise Unclear(f"一次最多约定到{today.year + _YEARS}年，以后可以再续一季。没有记下。")
        try:
            days = rounds(season, today)
        except SeasonRefused as refused:
            raise Missing(refused.phrase) from None
        begun.found = {"season": season, "days": days[:_SHOWN], "number": len(days)}
        return []

    async def do(self, begun: Begun) -> Done:
        """Promised; who reported it hears so."""
        upkeep = begun.visit.office.upkeep
        plan = await upkeep.plan(begun.visit.viewer.person_id, begun.case_id, begun.found["season"])
        return Done(f"/console/upkeep/{plan.id}", "promised")


def _season(typed: Mapping[str, str]) -> Season:
    if not typed["work"]:
        raise Unclear("请写做什么，比如：喷药。")
    if typed["rhythm"] not in list(Rhythm):
        raise Unclear("请选多久做一次。")
    rhythm = Rhythm(typed["rhythm"])
    first, last = day_of(typed["first"], "从哪一天开始"), day_of(typed["last"], "到哪一天为止")
    if rhythm is Rhythm.TRIGGER:
        if not typed["trigger"]:
            raise Unclear("请写碰到什么情况做，比如：大雨。")
        return Season(typed["work"], rhythm, 0, first, last, typed["trigger"])
    every = typed["every"]
    if not (every.isascii() and every.isdigit() and 1 <= int(every) <= _MOST_EVERY):
        raise Unclear(f"每几{'天' if rhythm is Rhythm.DAYS else '个月'}做一次？请写1到{_MOST_EVERY}的数字，比如：14。")
    return Season(typed["work"], rhythm, int(every), first, last)


def _today(visit: Visit) -> date:
    return visit.office.now.astimezone(visit.office.rules.zone).date()


class Plans:
    """The plans that the viewer has to do with, and one of them with all its rounds."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/upkeep", self.all, methods=["GET"])
        router.add_api_route("/upkeep/{plan_id}", self.one, methods=["GET"])
        router.add_api_route("/upkeep/{plan_id}/photo/{photo_id}", self.photo, methods=["GET"])
        router.add_api_route("/upkeep/{plan_id}/{act}", self.plan_act, methods=["POST"])
        router.add_api_route("/upkeep/{plan_id}/round/{task_id}/{act}", self.round_act, methods=["POST"])

    async def all(self, request: Request) -> Response:
        """What is running, what waits today first."""
        async with self._console.looking(request) as visit:
            return self._console.page(
                "upkeep.html", visit, plans=await plans(visit.office, visit.viewer), today=_today(visit)
            )

    async def one(self, request: Request, plan_id: int) -> Response:
        """One plan."""
        async with self._console.looking(request) as visit:
            return await self._page(visit, plan_id)

    async def _page(self, visit: Visit, plan_id: int, **more: Any) -> Response:
        page = await plan_page(visit.office, visit.viewer, plan_id)
        typed = {"round": "", "act": "", "note": "", **more.pop("typed", {})}
        return self._console.page(
            "plan.html", visit, page=page, plan=page.plan, today=_today(visit), typed=typed, **more
        )

    async def plan_act(self, request: Request, plan_id: int, act: str) -> Response:
        """大雨过了，现在做; 再来一季; 停掉."""
        shown = plan_id
        try:
            async with self._console.changing(request) as visit:
                upkeep, me = visit.office.upkeep, visit.viewer.person_id
                match act:
                    case "call":
                        plan = await upkeep.call(me, plan_id)
                    case "renew":
                        plan = await upkeep.renew(me, plan_id)
                    case "end":
                        plan = await upkeep.end(me, plan_id)
                    case _:
                        raise CaseNotFound(act)
                shown = plan.id
                audit.note(visit.office, visit.viewer, Deed.ACT, f"维护 {act}", case_id=plan.case_id)
        except Missing as missing:
            return await self._again(request, plan_id, say(missing.phrase))
        return self._console.back_to(f"/console/upkeep/{shown}", _SAID[act])

    async def round_act(self, request: Request, plan_id: int, task_id: int, act: str) -> Response:
        """做好了, with a photo or a word why there is none; 这次不用做, with a reason."""
        typed = {"round": str(task_id), "act": act}
        try:
            async with self._console.changing(request) as visit:
                await self._round(visit, plan_id, task_id, act)
        except (Missing, PhotoRefused) as error:
            said = say(error.phrase, limit=self._console.settings.channels.web.photo_limit_mb)
            return await self._again(request, plan_id, said, typed)
        return self._console.back_to(f"/console/upkeep/{plan_id}", _SAID[act])

    async def _round(self, visit: Visit, plan_id: int, task_id: int, act: str) -> None:
        office, me, note = visit.office, visit.viewer.person_id, visit.posted("note")
        page = await plan_page(office, visit.viewer, plan_id)
        if act not in ("done", "skip") or task_id not in {one.id for one in page.rounds}:
            raise CaseNotFound(task_id)
        if act == "skip":
            await office.upkeep.skip(me, task_id, note)
        else:
            await office.upkeep.done(me, task_id, note, await photos_of(self._console, visit))
        audit.note(office, visit.viewer, Deed.ACT, f"维护 {act}", case_id=page.plan.case_id)

    async def _again(self, request: Request, plan_id: int, wrong: str, typed: dict[str, str] | None = None) -> Response:
        form = await request.form(max_files=4, max_fields=30)
        note = form.get("note", "")
        kept = {"note": note if isinstance(note, str) else "", **(typed or {})}
        async with self._console.looking(request) as visit:
            page = await plan_page(visit.office, visit.viewer, plan_id)
            for one in page.rounds:
                at = one.done_at or one.skipped_at
                if at is not None and str(one.id) == kept.get("round"):
                    wrong += f"是{one.by}在{wording.local(at, visit.office.rules.zone)[5:]}记的。"
            return await self._page(visit, plan_id, status=422, wrong=wrong, typed=kept)

    async def photo(self, request: Request, plan_id: int, photo_id: str) -> Response:
        """A photo of one of the plan's rounds."""
        async with self._console.looking(request) as visit:
            page = await plan_page(visit.office, visit.viewer, plan_id)
        if not any(photo_id in one.photos for one in page.rounds):
            raise CaseNotFound(photo_id)
        path = path_of(self._console.settings.storage, photo_id)
        if not path.is_file():
            raise CaseNotFound(photo_id)
        return FileResponse(path, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=300"})
