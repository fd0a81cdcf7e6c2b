"""Databases for a measurement: files of SQLite on the real disk, databases of one PostgreSQL from the wheel."""

import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.benchmarks.under_fire.postgres import postgres

ENGINES = ("sqlite", "postgresql")


@dataclass(frozen=True)
class Place:
    """Where the databases of one engine are made."""

    engine: str
    folder: Path
    server: str = ""

    async def fresh(self) -> str:
        """The address of a database that nobody has used."""
        name = f"b{uuid.uuid4().hex[:12]}"
        if self.engine == "sqlite":
            return f"sqlite+aiosqlite:///{self.folder / name}.db"
        server = create_async_engine(self.server, isolation_level="AUTOCOMMIT")
        async with server.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        await server.dispose()
        return self.server.replace("/postgres?", f"/{name}?")


@asynccontextmanager
async def place(engine: str) -> AsyncIterator[Place]:
    """A folder, and for PostgreSQL a server, for as long as they are needed. TMPDIR should lie on a real disk."""
    with tempfile.TemporaryDirectory(prefix="xiaoshao-bench-") as folder:
        if engine == "sqlite":
            yield Place(engine, Path(folder))
            return
        async with postgres() as server:
            yield Place(engine, Path(folder), server.url)
