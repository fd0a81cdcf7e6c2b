"""Board, desk and search."""

from datetime import date

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.console.visit import Console, Visit
from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.board import board
from workflows.console.desk import desk
from workflows.console.searching import Query, search


class Lists:
    """Pages that list cases."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("", self.home, methods=["GET"])
        router.add_api_route("/board", self.board, methods=["GET"])
        router.add_api_route("/desk", self.desk, methods=["GET"])
        router.add_api_route("/search", self.search, methods=["GET"])

    async def home(self, request: Request) -> Response:
        """The board for the office, the desk for everybody else."""
        async with self._console.looking(request) as visit:
            office = visit.viewer.office
        return self._console.back_to("/console/board" if office else "/console/desk")

    async def board(self, request: Request) -> Response:
        """看板."""
        async with self._console.looking(request) as visit:
            columns = await board(visit.office, visit.viewer)
            return self._console.page("board.html", visit, columns=columns)

    async def desk(self, request: Request) -> Response:
        """待办."""
        async with self._console.looking(request) as visit:
            return self._console.page("desk.html", visit, desk=await desk(visit.office, visit.viewer))

    async def search(self, request: Request) -> Response:
        """搜索."""
        async with self._console.looking(request) as visit:
            query, wrong = query_of(visit)
            found = await search(visit.office, visit.viewer, query)
            community = visit.viewer.community_id
            directory = visit.office.directory
            response = self._console.page(
                "search.html",
                visit,
                found=found,
                query=query,
                wrong=wrong,
                estates=directory.estates_of(community),
                grids=directory.grids_of(community),
            )
        if query.words:
            async with self._console.transaction() as office:
                audit.note(office, visit.viewer, Deed.SEARCH, query.words, data={"found": found.total})
        return response


def query_of(visit: Visit) -> tuple[Query, str]:
    """What the address asks for, and a sentence about what of it could not be read."""
    wrong: list[str] = []

    def day(name: str) -> date | None:
        text = visit.asked(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError:
            wrong.append(f"日期“{text[:20]}”看不懂，请写成 2026-11-24。")
            return None

    since, until = day("since"), day("until")
    if since and until and since > until:
        wrong.append("“从”在“到”的后面，找不到任何诉求。")
    query = Query(
        words=visit.asked("q"),
        category=visit.asked("category"),
        state=visit.asked("state"),
        estate_id=visit.number(visit.asked("estate")),
        grid_id=visit.number(visit.asked("grid")),
        since=since,
        until=until,
        page=visit.number(visit.asked("page")) or 1,
    )
    return query, "".join(wrong)
