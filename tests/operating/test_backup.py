"""Backups: of one moment while people write, whole when they come back, refused with a sentence when they cannot."""

import asyncio
import json
import os
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.operating import engines
from bot.operating.archive import BackupRefused
from bot.operating.backup import back_up, restore
from bot.operating.engines import Postgres, Tools
from bot.settings import Settings
from tests.operating.conftest import LIGHT, Reader
from tests.town import Town
from workflows.database import Database
from workflows.models import Base, Media, Note

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
PHOTOS = 2
ON_SQLITE = pytest.mark.parametrize("engine", ["sqlite"], indirect=True)  # what no engine has a part in


async def everything(database: Database) -> dict[str, list[tuple[Any, ...]]]:
    """Every table with every row, in order of the keys."""
    found = {}
    async with database.reading() as session:
        for name, table in Base.metadata.tables.items():
            rows = await session.execute(table.select().order_by(*table.primary_key.columns))
            found[name] = [tuple(row) for row in rows]
    return found


def photos(settings: Settings) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (settings.storage / "photos").rglob("*.jpg")}


async def stored(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    database = Database(settings.database.url)
    try:
        return await everything(database)
    finally:
        await database.close()


async def test_what_is_restored_is_what_was_there_table_by_table_and_photo_by_photo(
    lived_in: Town, here: Settings, there: Settings, tmp_path: Path
) -> None:
    file = tmp_path / "town.backup"
    kept = await back_up(here, file, NOW)  # the town is open
    before = await everything(lived_in.app.database)
    assert file.stat().st_mode & 0o777 == 0o600
    assert kept.without_file == 0
    assert f"{len(before['cases'])} cases" in str(kept)

    await restore(there, file)

    after = await stored(there)
    for name, rows in before.items():
        assert after[name] == rows, name
    assert {name for name, rows in before.items() if rows} > {"cases", "case_events", "media", "alerts", "outbox"}
    assert len(before["media"]) == PHOTOS
    assert photos(there) == photos(here)
    assert len(photos(there)) == PHOTOS
    key = there.storage / "secret.key"
    assert key.read_text() == (here.storage / "secret.key").read_text()
    assert key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".xiaoshao")] == []
    assert [path.name for path in there.storage.iterdir() if path.name.startswith(".xiaoshao")] == []


async def test_life_goes_on_in_the_restored_town(
    lived_in: Town, here: Settings, there: Settings, tmp_path: Path
) -> None:
    await back_up(here, tmp_path / "x", NOW)
    await restore(there, tmp_path / "x")
    async with Town.opened(there, Reader(), lived_in.clock.now()) as town:
        cases = await town.cases()
        assert "已登记" in await town.says("sq-neighbour", LIGHT)
        assert len(await town.cases()) == len(cases) + 1
        await town.keeps_its_promises()


async def test_a_backup_is_of_one_moment_while_others_write(
    lived_in: Town, here: Settings, there: Settings, tmp_path: Path
) -> None:
    database, begun, stop = lived_in.app.database, asyncio.Event(), asyncio.Event()
    written = 0

    async def write() -> None:
        """Pairs that belong together, as fast as it goes."""
        nonlocal written
        while not stop.is_set():
            async with database.writing() as session:
                session.add(Note(key=f"left:{written}", value={}))
                await session.flush()
                session.add(Note(key=f"right:{written}", value={}))
            written += 1
            begun.set()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        await begun.wait()
        first = written
        await back_up(here, tmp_path / "x", NOW)
        last = written
        stop.set()
    assert last > first, "nobody could write during the backup"
    await restore(there, tmp_path / "x")
    keys = {row[0] for row in (await stored(there))["notes"]}
    left = {key.split(":")[1] for key in keys if key.startswith("left:")}
    assert left == {key.split(":")[1] for key in keys if key.startswith("right:")}
    assert first <= len(left) <= last + 1


# ---- places that are not fit


async def test_a_place_that_is_not_empty_is_refused_unless_it_may_be_overwritten(
    lived_in: Town, here: Settings, there: Settings, tmp_path: Path
) -> None:
    await back_up(here, tmp_path / "x", NOW)
    async with Town.opened(there, Reader()) as other:
        await other.photographs("qm-resident", "别处的照片")
    before, pictures = await stored(there), photos(there)
    with pytest.raises(BackupRefused, match=r"not empty: the database has tables and .* has photos.*--overwrite"):
        await restore(there, tmp_path / "x")
    assert (await stored(there), photos(there)) == (before, pictures)

    await restore(there, tmp_path / "x", overwrite=True)
    assert await stored(there) == await everything(lived_in.app.database)
    assert photos(there) == photos(here)


async def test_a_database_in_use_is_not_overwritten(
    lived_in: Town, here: Settings, there: Settings, tmp_path: Path
) -> None:
    await back_up(here, tmp_path / "x", NOW)
    with pytest.raises(BackupRefused, match="is in use: stop 小哨"):
        await restore(here, tmp_path / "x", overwrite=True)
    assert await lived_in.cases()


async def test_tables_of_an_older_revision_are_replaced_whole(
    lived_in: Town, here: Settings, there: Settings, tmp_path: Path
) -> None:
    await back_up(here, tmp_path / "x", NOW)
    database = Database(there.database.url)
    await database.migrate()
    async with database.writing() as session:
        await session.execute(text("CREATE TABLE later (case_id BIGINT REFERENCES cases (id))"))
        await session.execute(text("UPDATE alembic_version SET version_num = 'from elsewhere'"))
    await database.close()
    await restore(there, tmp_path / "x", overwrite=True)
    assert await stored(there) == await everything(lived_in.app.database)


# ---- archives that are not fit


@pytest.fixture
async def archive(lived_in: Town, here: Settings, tmp_path: Path) -> Path:
    await back_up(here, tmp_path / "x", NOW)
    return tmp_path / "x"


def rewritten(archive: Path, change: Any) -> Path:
    """The same archive, one entry after the other through `change(name, content)`; None leaves it out."""
    new = archive.with_name("rewritten")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(new, "w") as into:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                into.writestr(name, content)
    return new


def manifest_with(archive: Path, **values: Any) -> Path:
    return rewritten(archive, lambda name, c: json.dumps(json.loads(c) | values) if name == "manifest.json" else c)


async def refused(settings: Settings, file: Path, why: str) -> None:
    with pytest.raises(BackupRefused, match=why):
        await restore(settings, file)
    database = Database(settings.database.url)
    try:
        async with database.reading() as session:
            with pytest.raises(Exception, match=r"no such table|does not exist"):
                await session.execute(text("SELECT 1 FROM cases"))
    finally:
        await database.close()
    assert photos(settings) == {}


@ON_SQLITE
async def test_a_damaged_archive_is_refused_before_anything_is_touched(archive: Path, there: Settings) -> None:
    whole = archive.read_bytes()
    cut = archive.with_name("cut")
    cut.write_bytes(whole[: len(whole) // 2])
    await refused(there, cut, "cut is damaged, or no backup of 小哨")
    flipped = archive.with_name("flipped")
    middle = whole.index(b"\xff\xd8\xff") + 200  # within a photo
    flipped.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    await refused(there, flipped, "flipped is damaged.*photos/")
    await refused(
        there, rewritten(archive, lambda name, c: c + b"x" if name.endswith(".jpg") else c), "checksum of photos"
    )
    await refused(there, rewritten(archive, lambda name, c: None if name.endswith(".jpg") else c), "its own list")
    cut.write_bytes(b"what is this?")
    await refused(there, cut, "is damaged, or no backup")
    await refused(there, archive.with_name("nowhere"), "nowhere: cannot be read: No such file")


@ON_SQLITE
async def test_an_archive_that_wants_to_write_elsewhere_is_refused(archive: Path, there: Settings) -> None:
    with zipfile.ZipFile(archive) as old:
        files = json.loads(old.read("manifest.json"))["files"]
    new = manifest_with(archive, files=files | {"../outside": "0"})
    with zipfile.ZipFile(new, "a") as into:
        into.writestr("../outside", b"x")
    await refused(there, new, "'../outside' is no part of a backup")


@ON_SQLITE
async def test_an_archive_of_a_newer_program_is_refused(archive: Path, there: Settings) -> None:
    await refused(there, manifest_with(archive, format=2, version="9.0"), "newer 小哨 .9.0. in a format")
    await refused(there, manifest_with(archive, revision="9999"), "newer 小哨 .*revision 9999.*Install that version")


async def test_an_archive_of_the_other_kind_of_database_is_refused(archive: Path, there: Settings, engine: str) -> None:
    other = {"sqlite": "postgresql", "postgresql": "sqlite"}[engine]
    await refused(
        there, manifest_with(archive, engine=other), f"is a backup of {other}, and database.url names {engine}"
    )


# ---- making one


@ON_SQLITE
async def test_a_file_that_is_there_is_not_overwritten(archive: Path, here: Settings) -> None:
    before = archive.read_bytes()
    with pytest.raises(BackupRefused, match="exists already"):
        await back_up(here, archive, NOW)
    assert archive.read_bytes() == before


async def test_where_nothing_is_nothing_is_backed_up(there: Settings, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="nothing to back up"):
        await back_up(there, tmp_path / "x", NOW)
    assert not (tmp_path / "x").exists()


@ON_SQLITE
async def test_a_photo_without_its_file_is_told(lived_in: Town, here: Settings, tmp_path: Path) -> None:
    [first, *_] = await lived_in.rows(Media)
    next((here.storage / "photos").rglob(f"{first.id}.jpg")).unlink()
    kept = await back_up(here, tmp_path / "x", NOW)
    assert "1 photos are in the register and have no file" in str(kept)


@ON_SQLITE
async def test_the_operators_own_model_comes_along(
    lived_in: Town, here: Settings, there: Settings, tmp_path: Path
) -> None:
    model = here.storage / "nlu" / "models" / "20261126-030000.tar.gz"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"a model")
    here.live_model.write_text(f"{model}\n")
    await back_up(here, tmp_path / "x", NOW)
    await restore(there, tmp_path / "x")
    named = Path(there.live_model.read_text().strip())
    assert named == (there.storage / "nlu" / "models" / model.name).resolve()
    assert named.read_bytes() == b"a model"


def test_the_oldest_tools_that_are_new_enough_are_taken_and_missing_ones_are_named(tmp_path: Path) -> None:
    tools = [Tools(Path("/a"), 15), Tools(Path("/c"), 18), Tools(Path("/b"), 17)]
    server = Postgres("postgresql+asyncpg://u:p@h/d", lambda: tools)
    assert server.tools_from(16) == tools[2]
    with pytest.raises(BackupRefused, match=r"(?s)PostgreSQL 19 or newer.*15 in /a.*postgresql-client-19"):
        server.tools_from(19)
    with pytest.raises(BackupRefused, match="found: none"):
        Postgres("postgresql+asyncpg://u:p@h/d", list).tools_from(15)


def test_tools_are_found_in_the_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pg_dump", "pg_restore"):
        (tmp_path / name).write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 97.3 (Debian 97.3-1)'\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert engines.found_tools()[0] == Tools(tmp_path, 97)


def test_the_password_is_in_the_environment_and_not_in_the_arguments() -> None:
    there = Postgres("postgresql+asyncpg://u:p%40ss@h:5433/d?ssl=require", list)
    assert there._environment() == {
        "PGHOST": "h", "PGPORT": "5433", "PGUSER": "u", "PGPASSWORD": "p@ss", "PGDATABASE": "d",
        "PGSSLMODE": "require", "LC_MESSAGES": "C",
    }  # fmt: skip


async def test_a_server_that_is_away_is_a_sentence(tmp_path: Path, there: Settings) -> None:
    with pytest.raises(BackupRefused, match=r"PostgreSQL cannot be used: .*database.url"):
        await Postgres(f"postgresql+asyncpg://postgres@/x?host={tmp_path}").dump(tmp_path / "x")
