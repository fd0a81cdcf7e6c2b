"""The one place that reads the machine's clock; in the demo it can be moved forward."""

from datetime import UTC, datetime, timedelta
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Note

_KEY = "demo.clock"


class Clock(Protocol):
    """Whoever says what time it is."""

    def now(self) -> datetime:
        """The present instant, aware."""


class SystemClock:
    """The machine's time, and the demo's offset on top: the time machine only ever goes forward."""

    def __init__(self) -> None:
        self.offset = timedelta(0)

    def now(self) -> datetime:
        """The present instant in UTC."""
        return datetime.now(UTC) + self.offset  # noqa: TID251 - this is the wiring's clock

    async def restore(self, session: AsyncSession) -> None:
        """Take up the offset that an earlier run of the demo left behind."""
        note = await session.get(Note, _KEY)
        if note is not None:
            self.offset = timedelta(seconds=float(note.value["seconds"]))

    async def forward(self, session: AsyncSession, by: timedelta) -> None:
        """Move the demo's clock and remember it with the transaction.

        Raises:
            ValueError: backwards.
        """
        if by < timedelta(0):
            raise ValueError("the time machine only goes forward: deadlines cannot be unmet again")
        note = await session.get(Note, _KEY)
        if note is None:
            note = Note(key=_KEY, value={"seconds": 0.0})
            session.add(note)
        note.value = {"seconds": (self.offset + by).total_seconds()}


class ManualClock:
    """A clock that stands until somebody moves it: for tests, `simulate` and `replay`."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def now(self) -> datetime:
        """Where it was put."""
        return self._now

    def set(self, moment: datetime) -> None:
        """Put it somewhere else; backwards too, as real clocks are."""
        self._now = moment

    def forward(self, by: timedelta) -> datetime:
        """Move it on and say what time it is."""
        self._now += by
        return self._now
