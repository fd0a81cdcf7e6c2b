"""One file that holds everything people have entrusted to us, and the way back from it."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

from bot.operating import archive, revisions
from bot.operating.archive import SECRET, BackupRefused, Manifest
from bot.operating.engines import Engine, engine_for
from bot.settings import Settings

PHOTOS = "photos"
MODELS = "nlu/models"


@dataclass(frozen=True)
class Kept:
    """What a backup holds, or what a restore has brought back."""

    manifest: Manifest
    without_file: int = 0  # photos of the register whose file was not there

    def __str__(self) -> str:
        """For the operator."""
        rows, files = self.manifest.rows, self.manifest.files
        photos = sum(name.startswith(f"{PHOTOS}/") for name in files)
        said = (
            f"{rows.get('cases', 0)} cases, {rows.get('persons', 0)} persons, {sum(rows.values())} rows in all, "
            f"{photos} photos, from {self.manifest.engine} at revision {self.manifest.revision}"
        )
        if self.without_file:
            said += f"\n{self.without_file} photos are in the register and have no file in storage"
        return said


async def back_up(settings: Settings, file: Path, now: datetime) -> Kept:
    """Write an archive of one moment, while whoever works goes on.

    The database is copied first: a photo's file is written before the register knows of it, so every photo that the copy
    knows of is there when the files are copied.

    Raises:
        BackupRefused: with the reason and the remedy; no file was left behind.
    """
    _refuse_taken(file)
    engine = engine_for(settings.database.url)
    try:
        with tempfile.TemporaryDirectory(prefix=".xiaoshao-backup-", dir=file.parent) as name:
            folder = Path(name)
            dump = folder / engine.dump_name
            taken = await engine.dump(dump)
            half = folder / "half"
            with archive.writing(half) as into:
                await asyncio.to_thread(_fill, into, settings, dump)
                manifest = Manifest(
                    version=version("xiaoshao"),
                    made_at=now.isoformat(),
                    engine=engine.name,
                    engine_version=taken.engine_version,
                    tool=taken.tool,
                    revision=taken.revision,
                    rows=taken.rows,
                    files=into.files,
                )
                into.close(manifest)
            half.rename(file)
    except OSError as error:
        raise BackupRefused(f"{file}: cannot be written: {error.strerror}.") from None
    there = {Path(name).stem for name in manifest.files if name.startswith(f"{PHOTOS}/")}
    return Kept(manifest, len(taken.photos - there))


def _refuse_taken(file: Path) -> None:
    if file.exists():
        raise BackupRefused(f"{file} exists already: choose another name, or move that one away.")


def _fill(into: archive.Writer, settings: Settings, dump: Path) -> None:
    into.add(dump.name, dump, compress=dump.suffix == ".sqlite")
    storage = settings.storage
    if (storage / SECRET).is_file():
        into.add(SECRET, storage / SECRET)
    if (model := _own_model(settings)) is not None:
        into.add(f"{MODELS}/{model.name}", model)
    for photo in sorted(file for file in (storage / PHOTOS).glob("*/*.*") if file.suffix != ".part"):
        try:
            into.add(photo.relative_to(storage).as_posix(), photo)
        except FileNotFoundError:  # its time had come while we were on the way
            continue


def _own_model(settings: Settings) -> Path | None:
    """The trained model in service, if it is the operator's own; the shipped one is made anew by the set-up."""
    try:
        named = Path(settings.live_model.read_text("utf-8").strip())
    except OSError:
        return None
    return named if named.is_file() else None


async def restore(settings: Settings, file: Path, *, overwrite: bool = False) -> Kept:
    """Bring everything back from an archive. Nothing is touched before the whole archive has been checked.

    Raises:
        BackupRefused: with the reason and the remedy.
    """
    engine = engine_for(settings.database.url)
    with archive.reading(file) as source:
        manifest = source.manifest
        _refuse_foreign(manifest, engine, file)
        await engine.refuse_unfit(manifest)
        await _refuse_occupied(engine, settings.storage, overwrite)
        try:
            settings.storage.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".xiaoshao-restore-", dir=settings.storage) as name:
                folder = Path(name)
                await asyncio.to_thread(source.unpack, folder)
                await engine.load(folder / engine.dump_name, manifest)
                await asyncio.to_thread(_put, folder, settings)
        except OSError as error:
            raise BackupRefused(f"{settings.storage}: cannot be written: {error.strerror}.") from None
    return Kept(manifest)


def _refuse_foreign(manifest: Manifest, engine: Engine, file: Path) -> None:
    if manifest.engine != engine.name:
        raise BackupRefused(
            f"{file} is a backup of {manifest.engine}, and database.url names {engine.name}: set database.url to a "
            f"{manifest.engine} database. A backup does not change the kind of database."
        )
    if manifest.revision not in revisions.known():
        raise BackupRefused(
            f"{file} was made by a newer 小哨 ({manifest.version}, tables at revision {manifest.revision}; this one is "
            f"{version('xiaoshao')} and knows {revisions.known()[-1]}). Install that version and restore with it."
        )


async def _refuse_occupied(engine: Engine, storage: Path, overwrite: bool) -> None:
    if overwrite:
        return
    photos = storage / PHOTOS
    there = [
        *(["the database has tables"] if await engine.occupied() else []),
        *([f"{photos} has photos"] if any(_files(photos)) else []),
    ]
    if there:
        raise BackupRefused(
            f"the place is not empty: {' and '.join(there)}. Point database.url and storage at new places, or give "
            "--overwrite: what is there now is then gone."
        )


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _put(folder: Path, settings: Settings) -> None:
    """Photos, key and model in their places; each by renaming, on the same disk."""
    storage = settings.storage
    old, new = storage / PHOTOS, folder / PHOTOS
    new.mkdir(exist_ok=True)
    if old.exists():
        old.rename(folder / "old")
    new.rename(old)
    if (folder / SECRET).is_file():
        (folder / SECRET).chmod(0o600)
        (folder / SECRET).replace(storage / SECRET)
    for model in folder.glob(f"{MODELS}/*.tar.gz"):
        to = storage / MODELS / model.name
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.move(model, to)
        half = settings.live_model.with_suffix(".half")
        half.write_text(f"{to.resolve()}\n", "utf-8")
        os.replace(half, settings.live_model)
