"""What people put right becomes a candidate for training; an operator decides upon each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Case, Community, Correction
from workflows.policy.privacy import mask
from workflows.unnamed import unnamed

RULING = "ruling"  # `understood` of a ruling on who owns what: a routing matter, no intent unless somebody says so


class NoSuchCandidate(LookupError):
    """There is no correction with this id; the text names it."""


class NoLabel(ValueError):
    """A ruling names an owner, not an intent: say which intent the message has."""


@dataclass(frozen=True)
class Candidate:
    """A correction with its provenance; phone and ID numbers are masked."""

    id: int
    text: str
    understood: str
    corrected: str
    label: str
    state: str
    at: datetime
    by: str  # in which capacity somebody put it right
    case_number: str
    community: str


class Corrections:
    """One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def candidates(self, *states: str) -> list[Candidate]:
        """Oldest first; all states when none is named."""
        query = (
            select(Correction, Case.number, Community.name)
            .join(Community, Community.id == Correction.community_id)
            .outerjoin(Case, Case.id == Correction.case_id)
            .order_by(Correction.id)
        )
        if states:
            query = query.where(Correction.state.in_(states))
        found = (await self._session.execute(query)).all()
        names = await unnamed(self._session, {row.case_id for row, *_ in found if row.case_id is not None})
        return [
            Candidate(
                id=row.id,
                text=mask(names.hidden(row.case_id, row.text)),
                understood=row.understood,
                corrected=row.corrected,
                label=row.label,
                state=row.state,
                at=row.at,
                by=row.capacity,
                case_number=number or "",
                community=community,
            )
            for row, number, community in found
        ]

    async def accept(self, ids: Iterable[int], label: str = "", *, known: frozenset[str]) -> None:
        """They train the reader from now on; `label` overrules what the person chose.

        Raises:
            NoSuchCandidate, NoLabel: nothing is changed then.
        """
        rows = await self._rows(ids)
        labels = [label or row.corrected for row in rows]
        for row, name in zip(rows, labels, strict=True):
            if name not in known:
                raise NoLabel(f"candidate {row.id}: {name!r} is no intent; give one with --label")
        for row, name in zip(rows, labels, strict=True):
            row.state, row.label, row.decided_at = "accepted", name, self._now

    async def reject(self, ids: Iterable[int]) -> None:
        """They train nothing.

        Raises:
            NoSuchCandidate: nothing is changed then.
        """
        for row in await self._rows(ids):
            row.state, row.label, row.decided_at = "rejected", "", self._now

    async def _rows(self, ids: Iterable[int]) -> Sequence[Correction]:
        wanted = sorted(set(ids))
        found = list((await self._session.execute(select(Correction).where(Correction.id.in_(wanted)))).scalars())
        if missing := sorted(set(wanted) - {row.id for row in found}):
            raise NoSuchCandidate(f"no candidate {missing[0]}: `xiaoshao nlu candidates` lists them")
        return found
