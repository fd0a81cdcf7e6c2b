"""One opening at a time: who looks whether a problem is known already, and opens it if not, does both alone.

Two transactions on PostgreSQL that look in the same instant would both find nothing, and make two cases of one problem.
SQLite has one writer and needs none of this.
"""

from collections.abc import Iterable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.database import on_postgresql
from workflows.policy.places import Address

# Tried, not waited for: a transaction may hold other places for other turns, and two that wait close a circle.
_TRY = text(
    "SELECT bool_and(pg_try_advisory_xact_lock(hashtextextended(place, 2))) FROM unnest(CAST(:places AS text[])) AS place"
)


class InHand(Exception):
    """Another process opens a case of this kind at this place right now: done again in a moment, it is seen."""


async def alone_at(session: AsyncSession, community_id: int, address: Address, kinds: Iterable[str]) -> None:
    """Until the commit nobody else looks for or opens cases of these kinds in this estate or grid.

    Raises:
        InHand: somebody else does so now.
    """
    if not on_postgresql(session):
        return
    near = [f"estate:{address.estate_id}"] if address.estate_id is not None else []
    near += [f"grid:{address.grid_id}"] if address.grid_id is not None else []
    places = sorted(f"{community_id}:{kind}:{place}" for kind in kinds for place in near)
    if places and not (await session.execute(_TRY, {"places": places})).scalar_one():
        raise InHand
