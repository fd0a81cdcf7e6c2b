"""The names of many cases that nobody has agreed to: what lists, searches and exports leave out of the words."""

from collections.abc import Collection, Mapping

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Reporter
from workflows.policy.naming import without_names

_AT_ONCE = 1000  # below what either database takes in one statement


class Unnamed:
    """For whom was reported without their knowing, by case."""

    def __init__(self, names: Mapping[int, tuple[str, ...]]) -> None:
        self._names = names

    def hidden(self, case_id: int | None, text: str) -> str:
        """What was said in a case, without these names."""
        return without_names(text, self._names.get(case_id, ())) if case_id is not None else text


async def unnamed(session: AsyncSession, case_ids: Collection[int]) -> Unnamed:
    """One look-up for a whole list."""
    names: dict[int, tuple[str, ...]] = {}
    wanted = list(case_ids)
    for start in range(0, len(wanted), _AT_ONCE):
        ids = wanted[start : start + _AT_ONCE]
        rows = await session.execute(
            select(Reporter.case_id, Reporter.on_behalf_of).where(
                Reporter.case_id.in_(ids), Reporter.on_behalf_of != "", Reporter.consent.is_(False)
            )
        )
        for case_id, name in rows:
            names[case_id] = (*names.get(case_id, ()), name)
    return Unnamed(names)
