"""Measures, categories by week, 12345, and the map."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import UploadFile

from bot.console.drawing import draw
from bot.console.visit import Console, Visit
from workflows.console.hotline import (
    MOST_BYTES,
    ImportRefused,
    MonthCalls,
    keep,
    read_calls,
    read_file,
    read_month,
)
from workflows.console.measuring import measured, outcome, weekly
from workflows.console.neighbourhood import heat
from workflows.console.spans import Span, of, parse, week_span
from workflows.policy.weeks import Week

DAYS = (7, 30, 90, 365)


class Numbers:
    """Pages of numbers, for the community's office."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/measures", self.measures, methods=["GET"])
        router.add_api_route("/weeks", self.weeks, methods=["GET"])
        router.add_api_route("/hotline", self.hotline, methods=["GET"])
        router.add_api_route("/hotline", self.enter, methods=["POST"])
        router.add_api_route("/hotline/import", self.import_, methods=["POST"])
        router.add_api_route("/map", self.map, methods=["GET"])

    async def measures(self, request: Request) -> Response:
        """指标."""
        async with self._console.looking(request) as visit:
            span, wrong = span_of(visit)
            zone, today = visit.office.rules.zone, visit.office.now
            day = today.astimezone(zone).date().toordinal()
            return self._console.page(
                "measures.html",
                visit,
                found=await measured(visit.office, visit.viewer, span, compare=compares(visit, span)),
                before=span.previous(zone),
                after=span.next(zone) if span.end <= today else None,
                kinds=[(kind, of(kind, day, zone).key) for kind in ("week", "month", "quarter")],
                wrong=wrong,
            )

    async def weeks(self, request: Request) -> Response:
        """逐周."""
        async with self._console.looking(request) as visit:
            found = await weekly(visit.office, visit.viewer, weeks_of(visit))
            return self._console.page("weeks.html", visit, found=found)

    async def hotline(self, request: Request) -> Response:
        """12345来电与我们的诉求."""
        async with self._console.looking(request) as visit:
            return await self._hotline(visit)

    async def _hotline(self, visit: Visit, status: int = 200, errors: tuple[str, ...] = ()) -> Response:
        months = await outcome(visit.office, visit.viewer)
        typed = {"month": visit.posted("month", 20), "calls": visit.posted("calls", 20)}
        return self._console.page("hotline.html", visit, status=status, months=months, errors=errors, typed=typed)

    async def enter(self, request: Request) -> Response:
        """One month by hand."""
        errors: list[str] = []
        async with self._console.changing(request) as visit:
            month, calls = read_month(visit.posted("month", 20)), read_calls(visit.posted("calls", 20))
            if month is None:
                errors.append("月份看不懂，请写成 2026-10。")
            elif month > this_month(visit):
                errors.append("这个月还没到。")
            if calls is None:
                errors.append("来电数请只写数字，比如 37。")
            if month is not None and calls is not None and not errors:
                await keep(visit.office, visit.viewer, [MonthCalls(month, calls)], "enter")
            visit.viewer.needs_office()
        if errors:
            return await self._wrong(request, visit, tuple(errors))
        return self._console.back_to("/console/hotline", "kept")

    async def import_(self, request: Request) -> Response:
        """A file with a line a month: taken whole, or not at all."""
        try:
            async with self._console.changing(request) as visit:
                visit.viewer.needs_office()
                upload = visit.form.get("file")
                if not isinstance(upload, UploadFile) or not upload.filename:
                    raise ImportRefused(["请先选一个文件（CSV 或 XLSX）。"])
                content = await upload.read(MOST_BYTES + 1)
                months = read_file(upload.filename, content, this_month(visit))
                await keep(visit.office, visit.viewer, months, "import")
        except ImportRefused as refused:
            return await self._wrong(request, visit, refused.errors)
        return self._console.back_to("/console/hotline", "kept")

    async def _wrong(self, request: Request, before: Visit, errors: tuple[str, ...]) -> Response:
        async with self._console.looking(request) as visit:
            visit.form = before.form
            return await self._hotline(visit, 422, errors)

    async def map(self, request: Request) -> Response:
        """地图."""
        async with self._console.looking(request) as visit:
            days, category = days_of(visit), visit.asked("category")
            found = await heat(visit.office, visit.viewer, days, category)
            return self._console.page("map.html", visit, found=found, picture=draw(found), choices=DAYS)


def span_of(visit: Visit) -> tuple[Span, str]:
    """The span that the address names; the running week where it names none."""
    zone, key = visit.office.rules.zone, visit.asked("span")
    running = week_span(Week.of(visit.office.now, zone))
    if not key:
        return running, ""
    try:
        span = parse(key, zone)
        span.previous(zone), span.next(zone)  # the calendar ends somewhere
    except (ValueError, OverflowError):
        return running, f"“{key[:20]}”不是一个时间段，下面是本周。"
    return span, ""


def compares(visit: Visit, span: Span) -> bool:
    """A week stands beside the one before it, as in the digest; a longer span where somebody asks for it."""
    return span.kind == "week" or visit.asked("compare") == "1"


def weeks_of(visit: Visit) -> int:
    """How many weeks the table shows."""
    return visit.number(visit.asked("weeks")) or 12


def days_of(visit: Visit) -> int:
    """How far back the map looks."""
    days = visit.number(visit.asked("days"))
    return days if days in DAYS else 30


def this_month(visit: Visit) -> str:
    """E.g. 2026-11."""
    return visit.office.now.astimezone(visit.office.rules.zone).strftime("%Y-%m")
