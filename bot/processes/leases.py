"""What one process at a time may do, such as delivering a channel: kept in a table, put off for as long as it lives.

A lease outlives transactions, for none may be open while a messenger is awaited. Its time is the database's, so that
machines whose clocks differ agree; its holder counts from before it asked, and stops by itself when the lease has run
out. A holder that is known to be dead, because it was a process of this machine, is followed at once.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog
from sqlalchemy import ColumnElement, DateTime, delete, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.sql.dml import ReturningInsert

from workflows.database import Database
from workflows.models import Lease

log = structlog.get_logger()

# Parts of the stated time: a lease lasts `_LASTS`, is put off every `_AGAIN`, and looked for every `_LOOK`. The last
# holder's end and the next one's look stay below the whole.
_LASTS, _AGAIN, _LOOK = 0.6, 0.2, 0.15
_MARGIN = 0.05  # of the whole: the holder stops this much before the table lets go


class Desk(Protocol):
    """Who may do what."""

    async def hold(self, name: str) -> bool:
        """Whether it is ours now; takes it when it is free."""

    def holds(self, name: str) -> bool:
        """Whether it is still ours, without asking anybody."""

    async def release(self, name: str) -> None:
        """Others may have it."""


class Alone:
    """The desk of a process that has no others beside it."""

    async def hold(self, name: str) -> bool:
        """Always."""
        return True

    def holds(self, name: str) -> bool:
        """Always."""
        return True

    async def release(self, name: str) -> None:
        """There is nobody."""


def running_seconds() -> float:
    """Seconds that go on while the machine sleeps: a lease does not wait for it."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class Leases:
    """The leases of this process."""

    def __init__(
        self,
        database: Database,
        take_over_seconds: float,
        *,
        me: str | None = None,
        running: Callable[[], float] = running_seconds,
        now: Callable[[], datetime | None] = lambda: None,
    ) -> None:
        """`now` stands in for the database's own time where a test wants another."""
        self._database = database
        self._whole = take_over_seconds
        self._me = me or this_process()
        self._running = running
        self._now = now
        self._until: dict[str, float] = {}  # by our own watch
        self._renew_at: dict[str, float] = {}
        self._look_at: dict[str, float] = {}

    async def hold(self, name: str) -> bool:
        """Whether it is ours now; takes it when it is free."""
        at = self._running()
        if self.holds(name) and at < self._renew_at[name]:
            return True
        if not self.holds(name) and at < self._look_at.get(name, at):
            return False
        return await self._take(name)

    def holds(self, name: str) -> bool:
        """Whether it is still ours, without asking anybody."""
        return self._running() < self._until.get(name, 0.0)

    async def _take(self, name: str) -> bool:
        asked = self._running()
        taken = await self._asked_for(name, "") or await self._follow_the_dead(name)
        if not taken:
            self._look_at[name] = asked + self._whole * _LOOK
            if self._until.pop(name, None) is not None:
                log.warning("another process has taken over", lease=name)
            return False
        if name not in self._until:
            log.info("this process takes over", lease=name)
        self._until[name] = asked + self._whole * (_LASTS - _MARGIN)
        self._renew_at[name] = asked + self._whole * _AGAIN
        return True

    async def _asked_for(self, name: str, dead: str) -> bool:
        free = or_(Lease.holder.in_([self._me, dead]), Lease.until <= self._time())
        async with self._database.writing() as session:
            return (await session.execute(self._written(name, _LASTS, free))).first() is not None

    def _time(self) -> ColumnElement[datetime]:
        now, kind = self._now(), DateTime(timezone=True)
        return func.clock_timestamp(type_=kind) if now is None else literal(now, kind)

    def _written(self, name: str, part: float, where: ColumnElement[bool] | None) -> ReturningInsert[str]:
        until = self._time() + timedelta(seconds=self._whole * part)
        row = insert(Lease).values(name=name, holder=self._me, until=until)
        new = {"holder": row.excluded.holder, "until": row.excluded.until}
        return row.on_conflict_do_update(index_elements=[Lease.name], set_=new, where=where).returning(Lease.name)

    async def _follow_the_dead(self, name: str) -> bool:
        async with self._database.reading() as session:
            holder = (await session.execute(select(Lease.holder).where(Lease.name == name))).scalar_one_or_none()
        return holder is not None and is_dead(holder) and await self._asked_for(name, holder)

    async def release(self, name: str) -> None:
        """Others may have it. While the database is away, they have to wait until it has run out."""
        if self._until.pop(name, None) is None:
            return
        try:
            async with self._database.writing() as session:
                await session.execute(delete(Lease).where(Lease.name == name, Lease.holder == self._me))
        except Exception as error:
            log.warning("a lease is left to run out", lease=name, error=type(error).__name__)

    async def run(self) -> None:
        """Until cancelled: put off what is held, however long its work takes."""
        while True:
            await asyncio.sleep(self._whole * _AGAIN / 2)
            for name in [name for name in self._until if self.holds(name)]:
                try:
                    await self.hold(name)
                except Exception as error:  # the database is away: it runs out by our own watch as well
                    log.warning("a lease cannot be put off", lease=name, error=type(error).__name__)

    async def note(self, name: str) -> None:
        """Write down that something holds good for the stated time, whoever says so."""
        async with self._database.writing() as session:
            await session.execute(self._written(name, 1.0, None))

    async def noted(self, name: str) -> bool:
        """Whether somebody has written it down within the stated time."""
        async with self._database.reading() as session:
            found = await session.execute(select(Lease.name).where(Lease.name == name, Lease.until > self._time()))
            return found.first() is not None


# ---- who is dead


def machine() -> str:
    """This machine since its start, as far as its processes see each other; a new name where that cannot be told."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return secrets.token_hex(16)


def this_process() -> str:
    """A name that no other process has had or will have: machine, number, start, and a mark of its own."""
    return f"{machine()}/{os.getpid()}/{_started(os.getpid())}/{secrets.token_hex(4)}"


def is_dead(holder: str) -> bool:
    """Whether it surely is: a process of this machine that is gone. False when that cannot be known."""
    where, pid, started, _ = ("", "", "", "", *holder.rsplit("/", 3))[-4:]
    return where == machine() and pid.isdigit() and bool(started) and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a living process began, in the kernel's ticks; empty for one that has ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
