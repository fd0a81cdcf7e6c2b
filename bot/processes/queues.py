"""Who is next: of every chat that waits, the first row that may go now, without reading what may not.

A chat whose first row waits for its retry waits as a whole. Its other rows are put off with the first one, so that
they stand far back in the index of what is due, and a hundred thousand of them cost nobody anything. What is written
to such a chat meanwhile is looked at until the first row's next try, and put off then.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Integer, Select, bindparam, literal_column, null, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from workflows.models import Inbound, Outbound

LONGEST_PAUSE = timedelta(hours=1)  # between two tries, whatever a messenger asks for
# Written out: SQLite cannot know of a parameter that it is what an index is limited to.
_WAITING: ColumnElement[str] = literal_column("'waiting'")


Question = tuple[Select[Any], dict[str, Any]]  # as `session.execute(*question)` takes it
_MOST = bindparam("most", type_=Integer)


def inbox_heads(world: datetime, most: int) -> Question:
    """The oldest waiting update of each chat, unless it waits for its retry: `most` of them, oldest first.

    `world` is the world's time.
    """
    return _INBOX_HEADS, {"world": world, "strayed": world + LONGEST_PAUSE, "most": most}


def outbox_heads(channels: Sequence[str], now: datetime, world: datetime, most: int) -> Question:
    """The oldest row of each chat that may go at `now`, unless it waits for its retry: `most` of them, oldest first.

    `now` is the application's time, `world` the world's, in which retries wait.
    """
    given = {"channels": list(channels), "now": now, "world": world, "strayed": world + LONGEST_PAUSE, "most": most}
    return _OUTBOX_HEADS, given


def with_those_behind(heads: Sequence[int], now: datetime, most: int) -> Question:
    """What else of the chats of these rows may go at `now`, behind them: `most` in all, oldest first.

    Of each chat it is what comes next, without a gap.
    """
    return _BEHIND, {"heads": list(heads), "now": now, "most": most}


def _inbox_heads() -> Select[Any]:
    other = aliased(Inbound)
    first = (
        select(other.id)
        .where(other.channel == Inbound.channel, other.chat_key == Inbound.chat_key, other.state == _WAITING)
        .order_by(other.id)
        .limit(1)
        .correlate(Inbound)
        .scalar_subquery()
    )
    heads = select(Inbound.id).where(Inbound.state == _WAITING, Inbound.id == first)
    new = heads.where(Inbound.retry_at.is_(null())).order_by(Inbound.id)
    return _either(Inbound, [new, *_tried(heads, Inbound)])


def _outbox_heads() -> Select[Any]:
    other = aliased(Outbound)
    first = (
        select(other.id)
        .where(
            other.channel == Outbound.channel,
            other.chat_key == Outbound.chat_key,
            other.state == _WAITING,
            _may_go(other),
        )
        .order_by(other.id)
        .limit(1)
        .correlate(Outbound)
        .scalar_subquery()
    )
    # An expression, or SQLite would go through all that a channel has by another index.
    ours = Outbound.channel.concat("").in_(bindparam("channels", expanding=True))
    heads = select(Outbound.id).where(Outbound.state == _WAITING, ours, Outbound.id == first)
    never_tried = heads.where(Outbound.retry_at.is_(null()))
    new = never_tried.where(Outbound.not_before <= Outbound.created_at).order_by(Outbound.id)
    later = never_tried.where(Outbound.not_before > Outbound.created_at, Outbound.not_before <= bindparam("now"))
    return _either(Outbound, [new, later.order_by(Outbound.not_before), *_tried(heads, Outbound)])


def _behind() -> Select[Any]:
    first = aliased(Outbound)
    return (
        select(Outbound)
        .join(first, (first.channel == Outbound.channel) & (first.chat_key == Outbound.chat_key))
        .where(
            first.id.in_(bindparam("heads", expanding=True)),
            Outbound.state == _WAITING,
            _may_go(Outbound),
            Outbound.id > first.id,
        )
        .order_by(Outbound.id)
        .limit(_MOST)
    )


def _may_go(table: Any) -> ColumnElement[bool]:
    """Its time has come, or it never had to wait: then it goes also where the clock was set back behind its writing."""
    return or_(table.not_before <= bindparam("now"), table.not_before <= table.created_at)


async def put_off(session: AsyncSession, row: Inbound | Outbound, until: datetime) -> None:
    """Let a chat wait as a whole, for LONGEST_PAUSE at most: the row, and what stands behind it."""
    table = type(row)
    await session.execute(
        update(table)
        .where(table.channel == row.channel, table.chat_key == row.chat_key, table.state == _WAITING)
        .values(retry_at=until)
        .execution_options(synchronize_session=False)
    )
    row.retry_at = until


def _tried(heads: Select[Any], table: Any) -> list[Select[Any]]:
    """Those whose pause is over, or further ahead than any pause reaches: then the clock was set back meanwhile."""
    over = heads.where(table.retry_at <= bindparam("world"))
    strayed = heads.where(table.retry_at > bindparam("strayed"))
    return [over.order_by(table.retry_at), strayed.order_by(table.retry_at)]


def _either(table: Any, some: Sequence[Select[Any]]) -> Select[Any]:
    """Each part comes by its own stretch of an index, which one condition with an "or" would not."""
    ids = union_all(*(select(one.limit(_MOST).subquery().c.id) for one in some))
    return select(table).where(table.id.in_(ids)).order_by(table.id).limit(_MOST)


# Built once: the courier and the turns ask several times for every message, and building costs more than asking.
_INBOX_HEADS, _OUTBOX_HEADS, _BEHIND = _inbox_heads(), _outbox_heads(), _behind()
