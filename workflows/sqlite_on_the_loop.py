"""SQLite under asyncio without a thread's hop for every statement: an SQLAlchemy dialect beside pysqlite and aiosqlite.

Why it is ours: aiosqlite hands every call of the driver to a thread, four or five a statement, and the hops cost several
times what SQLite itself needs. Here statements run where they are asked for. Only what may *wait* goes to a thread, so that
the loop is never held for it: BEGIN IMMEDIATE, while another process writes, and COMMIT, for the disk. In WAL nothing between
the two waits for anybody. A long query would hold the loop: those are read through aiosqlite (`Database.reading`).

It is made of SQLAlchemy's interface for dialects alone, on top of its own pysqlite dialect; the driver is Python's sqlite3.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, CursorResult, Result
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.orm import Session
from sqlalchemy.pool import AsyncAdaptedQueuePool, Pool
from sqlalchemy.util import await_

DRIVER = "on_the_loop"


class OnTheLoop(SQLiteDialect_pysqlite):
    """Statements on the loop's thread, waits on another. On connect set `isolation_level` to None: we begin, not the driver."""

    driver = DRIVER
    supports_statement_cache = True
    is_async = True
    has_terminate = True  # closing takes no await, so a connection that was lost can be closed from anywhere

    def __init__(self, begin: str = "BEGIN", **kwargs: Any) -> None:
        """`begin`: how a transaction begins; BEGIN IMMEDIATE for those that write."""
        super().__init__(**kwargs)
        self._begin = begin
        self._waits = ThreadPoolExecutor(2, thread_name_prefix="sqlite waits")

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        """One that waits for a connection without holding the loop."""
        return AsyncAdaptedQueuePool

    def do_begin(self, dbapi_connection: DBAPIConnection) -> None:
        """A plain BEGIN takes no lock yet and waits for nobody."""
        if self._begin == "BEGIN":
            dbapi_connection.execute(self._begin)
        else:
            await_(self._waited_for(lambda: dbapi_connection.execute(self._begin)))

    def do_commit(self, dbapi_connection: DBAPIConnection) -> None:
        """The disk is waited for elsewhere."""
        await_(self._waited_for(dbapi_connection.commit))

    async def _waited_for(self, work: Callable[[], object]) -> None:
        """Cancelled meanwhile, it is still done to the end: nobody else gets a connection that a thread is using."""
        done = asyncio.get_running_loop().run_in_executor(self._waits, work)
        cancelled: asyncio.CancelledError | None = None
        while not done.done():
            try:
                await asyncio.wait([done])
            except asyncio.CancelledError as error:
                cancelled = error
        if cancelled is not None:
            done.exception()  # looked at, so that it is not reported as lost: who was cancelled hears of that alone
            raise cancelled
        done.result()


class ReadAtOnce(Session):
    """The session for it: rows are taken at once, for SQLAlchemy's asyncio layer closes no cursor that is a plain one."""

    def execute(self, *args: Any, **kwargs: Any) -> Result[Any]:
        """As `Session.execute`."""
        result = super().execute(*args, **kwargs)
        return result.freeze()() if isinstance(result, CursorResult) and result.returns_rows else result


registry.register(f"sqlite.{DRIVER}", __name__, OnTheLoop.__name__)
