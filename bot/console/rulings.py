"""归属裁定: search them as precedents, make rules of them, lay rules down."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from bot.console.visit import Console, Visit
from workflows.console.rulings import STATES, Sought, decide, end, rules, search
from workflows.rulings import RulingNotFound


class RulingPages:
    """The page of rulings and rules."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def add_to(self, router: APIRouter) -> None:
        """The routes."""
        router.add_api_route("/rulings", self.show, methods=["GET"])
        router.add_api_route("/rulings/{ruling_id}", self.decide, methods=["POST"])
        router.add_api_route("/rules/{rule_id}/end", self.end, methods=["POST"])

    async def show(self, request: Request) -> Response:
        """Precedents as they were asked for, and the rules in force."""
        async with self._console.looking(request) as visit:
            return await self._page(visit)

    async def _page(self, visit: Visit, *, wrong: str = "", status: int = 200) -> Response:
        sought = sought_of(visit)
        return self._console.page(
            "rulings.html",
            visit,
            status=status,
            wrong=wrong,
            sought=sought,
            found=await search(visit.office, visit.viewer, sought),
            rules=await rules(visit.office, visit.viewer),
            departments=visit.office.directory.units_of(visit.viewer.community_id, "department"),
            states=STATES,
        )

    async def decide(self, request: Request, ruling_id: int) -> Response:
        """以后都这样, or 只这一次."""
        try:
            async with self._console.changing(request) as visit:
                said = await decide(
                    visit.office, visit.viewer, ruling_id, "no" if visit.posted("once") else visit.posted("scope", 10)
                )
        except RulingNotFound:
            return await self._again(request, "没有这条裁定，或者没有选范围。请再选一次。")
        return self._console.back_to("/console/rulings", said)

    async def end(self, request: Request, rule_id: int) -> Response:
        """停用."""
        try:
            async with self._console.changing(request) as visit:
                await end(visit.office, visit.viewer, rule_id)
        except RulingNotFound:
            return await self._again(request, "没有这条规则，或者已经有人停用了。")
        return self._console.back_to("/console/rulings", "rule_ended")

    async def _again(self, request: Request, wrong: str) -> Response:
        async with self._console.looking(request) as visit:
            return await self._page(visit, wrong=wrong, status=422)


def sought_of(visit: Visit) -> Sought:
    """What the address asks for."""
    state = visit.asked("state")
    return Sought(
        words=visit.asked("q"),
        category=visit.asked("category"),
        department_unit_id=visit.number(visit.asked("department")),
        state=state if state in STATES else "",
    )
