"""How often the directory was changed: the number by which every process knows that its snapshot is old."""

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import DirectoryState


async def change(session: AsyncSession) -> None:
    """Count one more change. Whoever else changes the directory waits until this transaction is over."""
    await session.execute(update(DirectoryState).values(version=DirectoryState.version + 1))


async def version(session: AsyncSession) -> int:
    """The number as it is now."""
    return (await session.execute(select(DirectoryState.version))).scalar_one()
