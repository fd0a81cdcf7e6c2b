"""What a case's card says beside its row: a whistle that is asked for, who assists, why it rests, what it is again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.directory import Directory
from workflows.models import Case, CaseEvent, Media, RoutingRule, Ruling, Whistle
from workflows.policy.lifecycle import Action, Status
from workflows.voices import PREFIX


@dataclass(frozen=True)
class Wanted:
    """A whistle that the grid asks for, as the community reviews it."""

    unit_id: int
    unit: str
    reason: str
    no_photo: str  # why there is none


@dataclass(frozen=True)
class Assistant:
    """A department beside the one that leads."""

    unit_id: int
    unit: str
    state: str  # sent | solved | planned | refused
    answer: str


@dataclass(frozen=True)
class Suspension:
    """挂账: why, and to which day; `asked` while the secretary has not decided."""

    until: datetime
    reason: str
    asked: bool = False


@dataclass(frozen=True)
class Facts:
    """What only some cases have."""

    wanted: Wanted | None = None
    assistants: tuple[Assistant, ...] = ()
    suspension: Suspension | None = None
    recurrence_of: str = ""  # number of the case that was solved
    solved_then_by: str = ""  # who had it when it was called solved
    provenance: str = ""  # of the routing: the number of the case whose ruling it follows
    before_photos: tuple[str, ...] = ()


class FactsOf:
    """Reads them; a case that has none of it costs no query."""

    def __init__(self, session: AsyncSession, directory: Directory) -> None:
        self._session = session
        self._directory = directory

    async def read(self, case: Case, photos: Sequence[str], after: Sequence[str]) -> Facts:
        """Everything beside the row. `after`: the photos of the repair, which are not shown as how it was before."""
        status = Status(case.status)
        again = await self._again(case) if case.recurrence_of is not None else ("", "")
        return Facts(
            wanted=await self._wanted(case) if status is Status.WITH_COMMUNITY else None,
            assistants=await self._assistants(case) if case.rung == "department" else (),
            suspension=await self._suspension(case, case.suspended_until) if case.suspended_until else None,
            recurrence_of=again[0],
            solved_then_by=again[1],
            provenance=await self._provenance(case.routing_rule_id) if case.routing_rule_id is not None else "",
            before_photos=await self._before(case, photos, after),
        )

    async def _last(self, case: Case, *actions: Action) -> CaseEvent | None:
        row = await self._session.execute(
            select(CaseEvent)
            .where(CaseEvent.case_id == case.id, CaseEvent.action.in_(actions))
            .order_by(CaseEvent.id.desc())
            .limit(1)
        )
        return row.scalar_one_or_none()

    async def _wanted(self, case: Case) -> Wanted | None:
        """The grid's wish, as long as nothing has been made of it."""
        last = await self._last(
            case, Action.PROPOSE_WHISTLE, Action.BLOW_WHISTLE, Action.KEEP, Action.SEND_BACK, Action.REFUSE
        )
        if last is None or last.action != Action.PROPOSE_WHISTLE:
            return None
        unit = self._directory.unit(int(last.data["department"]))
        return Wanted(unit.id, unit.name, last.note, str(last.data.get("no_photo", "")))

    async def _assistants(self, case: Case) -> tuple[Assistant, ...]:
        rows = await self._session.execute(
            select(Whistle).where(Whistle.case_id == case.id, Whistle.lead.is_(False)).order_by(Whistle.id)
        )
        return tuple(
            Assistant(w.department_unit_id, self._directory.unit(w.department_unit_id).name, w.state, w.answer)
            for w in rows.scalars()
        )

    async def _suspension(self, case: Case, until: datetime) -> Suspension:
        """It rests, or is to rest when the secretary agrees."""
        last = await self._last(case, Action.ASK_SUSPENSION, Action.SUSPEND)
        return Suspension(until, last.note if last is not None else "", case.status != Status.SUSPENDED)

    async def _again(self, case: Case) -> tuple[str, str]:
        before = await self._session.get(Case, case.recurrence_of)
        if before is None:
            return "", ""
        holder = before.holder_unit_id
        return before.number, self._directory.unit(holder).name if holder is not None else ""

    async def _provenance(self, rule_id: int) -> str:
        row = await self._session.execute(
            select(Case.number)
            .join(Ruling, Ruling.case_id == Case.id)
            .join(RoutingRule, RoutingRule.ruling_id == Ruling.id)
            .where(RoutingRule.id == rule_id)
        )
        return row.scalar_one_or_none() or ""

    async def _before(self, case: Case, photos: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
        """How it was: photos of the file from before the result was reported."""
        if not after or len(photos) == len(after):
            return ()
        first = (
            (
                await self._session.execute(
                    select(Media.created_at).where(Media.id.in_(after)).order_by(Media.created_at)
                )
            )
            .scalars()
            .first()
        )
        rows = await self._session.execute(
            select(Media.id)
            .where(
                Media.case_id == case.id,
                Media.id.not_in(after),
                Media.id.not_like(f"{PREFIX}%"),
                Media.created_at <= first,
            )
            .order_by(Media.created_at)
        )
        return tuple(rows.scalars())


def unanswered(assistants: Sequence[Any]) -> list[str]:
    """Which of the assisting departments have not said a word."""
    return [one.unit for one in assistants if one.state == "sent"]
