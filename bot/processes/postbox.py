"""The order of a chat: what a transaction writes to chats is kept back until its last moment, when it locks them.

On PostgreSQL a row gets its id before its transaction is committed, so two transactions that write to one chat could
be committed in the other order, and the smaller id would come to light after the larger one was sent. Therefore rows
of inbox and outbox are written under a lock upon their chat that ends with the commit: within a chat, ids grow as
transactions are committed. Locks are taken last and in one order for all, so that nobody who has one waits for
anything else: they cannot close a circle.
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from zlib import crc32

from sqlalchemy import insert, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.processes.bell import INBOX, OUTBOX, call
from workflows.database import at_the_end, on_postgresql
from workflows.models import Base, Inbound, Outbound
from workflows.one_opening import InHand

# A digest may go to a hundred thousand chats, and the server has room for some thousand locks: chats share this many.
_DRAWERS = 512
_BUBBLES, _IN, _OUT = 7231, 7232, 7233  # the kinds of lock, taken in this order
_LOCK = text("SELECT pg_advisory_xact_lock(:kind, drawer) FROM unnest(CAST(:drawers AS int[])) AS drawer")
# Every statement is a way to the server and back: who locks to write rings in the same breath, for the commit to carry.
_LOCK_AND_RING = text(
    "SELECT pg_notify(:topic, :said), count(pg_advisory_xact_lock(:kind, drawer)) "
    "FROM unnest(CAST(:drawers AS int[])) AS drawer"
)
_SAY = insert(Outbound).execution_options(render_nulls=True)  # one statement for all, whoever answers nobody too
_BOX = "postbox"
_OUTBOX_COLUMNS = frozenset(Base.metadata.tables[Outbound.__tablename__].columns.keys())

_INBOX = Base.metadata.tables[Inbound.__tablename__]
# Core's, not the ORM's: the answer is an id, or none where the update is known.
_STORE_SQLITE, _STORE_POSTGRESQL = (
    insert_on(_INBOX).on_conflict_do_nothing(index_elements=["channel", "update_key"]).returning(_INBOX.c.id)
    for insert_on in (sqlite.insert, postgresql.insert)
)

Home = tuple[str, str]  # channel and key of a chat


async def _locked(session: AsyncSession, kind: int, chats: Iterable[Home], topic: str = "") -> None:
    """`topic`: whom the commit wakes."""
    if on_postgresql(session):
        given = {
            "kind": kind,
            "drawers": sorted({crc32(f"{channel}:{key}".encode()) % _DRAWERS for channel, key in chats}),
        }
        if topic:
            await session.execute(_LOCK_AND_RING, {**given, **call(session, topic)})
        else:
            await session.execute(_LOCK, given)


async def lock_bubbles(session: AsyncSession, chat_key: str) -> None:
    """Until the commit nobody else gives a number to a bubble of this chat of the page."""
    await _locked(session, _BUBBLES, [("web", chat_key)])


async def store(session: AsyncSession, row: Mapping[str, Any]) -> bool:
    """Put an update into the inbox, in its place within its chat. False when it was there before: a redelivery."""
    return (await store_all(session, [row]))[0]


async def store_all(session: AsyncSession, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """`store` for several, in this order."""
    await _locked(session, _IN, [(row["channel"], row["chat_key"]) for row in rows], INBOX)
    return [await _stored(session, row) for row in rows]


async def _stored(session: AsyncSession, row: Mapping[str, Any]) -> bool:
    statement = _STORE_POSTGRESQL if on_postgresql(session) else _STORE_SQLITE
    return (await session.execute(statement, row)).scalar_one_or_none() is not None


class Postbox:
    """What one transaction writes to chats, oldest first. It goes into the tables right before the commit."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._out: list[Outbound] = []
        self._in: list[Mapping[str, Any]] = []

    @classmethod
    def of(cls, session: AsyncSession) -> "Postbox":
        """The one of this transaction, which must be one of `Database.writing()`."""
        box = session.info.get(_BOX)
        if not isinstance(box, Postbox):
            box = session.info[_BOX] = cls(session)
            at_the_end(session, box._emptied)
        return box

    def say(self, row: Outbound) -> None:
        """For a messenger."""
        self._out.append(row)

    def put(self, row: Mapping[str, Any]) -> None:
        """For the inbox: something that nobody typed."""
        self._in.append(row)

    def _marked(self) -> tuple[int, int]:
        return len(self._out), len(self._in)

    def _back_to(self, mark: tuple[int, int]) -> None:
        del self._out[mark[0] :], self._in[mark[1] :]

    async def _emptied(self) -> None:
        session, out, into = self._session, self._out, self._in
        if into or out:
            await session.flush()  # what may have to wait for other rows waits before the chats are locked
        if into:
            await store_all(session, into)
        if out:
            await _locked(session, _OUT, _homes(out), OUTBOX)
            await session.execute(_SAY, [_columns(row) for row in out])  # nobody asks for their ids here


def _columns(row: Outbound) -> dict[str, Any]:
    """What was given; the rest has its defaults. The same columns for all, so that they go in one statement."""
    given = {name: value for name, value in vars(row).items() if name in _OUTBOX_COLUMNS}
    return {"inbound_id": None, "resend": True, **given}


def _homes(rows: Sequence[Outbound]) -> set[Home]:
    return {(row.channel, row.chat_key) for row in rows}


@asynccontextmanager
async def savepoint(session: AsyncSession) -> AsyncIterator[None]:
    """A part that stands or falls alone: when it raises, what it wrote and what it said are both undone."""
    box = Postbox.of(session)
    mark = box._marked()
    try:
        async with session.begin_nested():
            yield
    except BaseException:
        box._back_to(mark)
        raise


def is_busy(error: BaseException) -> bool:
    """Whether the database refused because somebody else was at the same rows: nothing is wrong, it is done again."""
    if isinstance(error, InHand):
        return True
    return _state(error) in ("40P01", "40001", "55P03")  # deadlock, serialization, lock not available


def will_pass(error: BaseException) -> bool:
    """Whether the same may succeed in a moment: the database was busy, went away, or is not up yet."""
    gone = isinstance(error, OSError) or getattr(error, "connection_invalidated", False)
    return gone or is_busy(error) or _state(error)[:2] in ("08", "53", "57")  # connection, resources, intervention


def _state(error: BaseException) -> str:
    """PostgreSQL's code for what went wrong, where it said one."""
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")
