"""The file of a backup: a zip of dump, photos and key; its manifest with all checksums is written last and read first."""

import hashlib
import json
import os
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

FORMAT = 1
SECRET = "secret.key"  # noqa: S105 - the name of a file
_MANIFEST = "manifest.json"
_OURS = re.compile(
    r"database\.(sqlite|pgdump)|secret\.key|photos/[\w-]{2}/[\w-]+\.(jpg|ogg|webm|mp3|m4a)|nlu/models/[\w.-]+\.tar\.gz"
)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, KeyError, TypeError)
_BLOCK = 1 << 20


class BackupRefused(Exception):
    """It was not done, and nothing was changed unless the text says so; the text is the reason and the remedy."""


@dataclass(frozen=True)
class Manifest:
    """What is in a backup, and where it came from."""

    version: str  # of 小哨
    made_at: str
    engine: str  # sqlite | postgresql
    engine_version: str
    tool: int  # the major version of pg_dump; 0 for SQLite
    revision: str  # of the tables
    rows: dict[str, int]
    files: dict[str, str]  # name → SHA-256
    format: int = FORMAT


class Writer:
    """Adds files and remembers their checksums."""

    def __init__(self, into: zipfile.ZipFile) -> None:
        self._zip = into
        self.files: dict[str, str] = {}

    def add(self, name: str, source: Path, *, compress: bool = False) -> None:
        """A file of the disk under this name. Photos are compressed already."""
        with source.open("rb") as stream, self._zip.open(_entry(name, compress), "w", force_zip64=True) as into:
            self.files[name] = _copied(stream, into)

    def close(self, manifest: Manifest) -> None:
        """The last entry: without it, it is no backup."""
        self._zip.writestr(_entry(_MANIFEST, True), json.dumps(asdict(manifest), ensure_ascii=False, indent=1))


def _entry(name: str, compress: bool) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    entry.external_attr = 0o600 << 16
    return entry


def _copied(source: IO[bytes], into: IO[bytes]) -> str:
    """The SHA-256 of what was copied."""
    digest = hashlib.sha256()
    while block := source.read(_BLOCK):
        digest.update(block)
        into.write(block)
    return digest.hexdigest()


@contextmanager
def writing(path: Path) -> Iterator[Writer]:
    """A new archive that only its owner may read; on the disk, not only in its cache, when the block ends."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600), "w+b") as stream:
        with zipfile.ZipFile(stream, "w") as whole:
            yield Writer(whole)
        stream.flush()
        os.fsync(stream.fileno())


class Reader:
    """An archive whose manifest could be read."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        self._path = path
        with _told(path):
            self._zip = zipfile.ZipFile(stream)
            said: dict[str, Any] = json.loads(self._zip.read(_MANIFEST))
            newer = int(said["format"]) > FORMAT
        if newer:
            raise BackupRefused(
                f"{path} was made by a newer 小哨 ({said.get('version', '?')}) in a format that this one does not know. "
                "Install that version and restore with it."
            )
        with _told(path):
            self.manifest = Manifest(**said)
            if set(self.manifest.files) | {_MANIFEST} != set(self._zip.namelist()):
                raise ValueError("it does not hold the files of its own list")
            if strange := [name for name in self.manifest.files if not _OURS.fullmatch(name)]:
                raise ValueError(f"{strange[0]!r} is no part of a backup")

    def unpack(self, folder: Path) -> None:
        """Everything into `folder`, each file against its checksum.

        Raises:
            BackupRefused: one is damaged.
        """
        with _told(self._path):
            for name, expected in self.manifest.files.items():
                to = folder / name
                to.parent.mkdir(parents=True, exist_ok=True)
                with self._zip.open(name) as stream, to.open("xb") as into:
                    found = _copied(stream, into)
                if found != expected:
                    raise ValueError(f"the checksum of {name} is another one")


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Whatever is wrong with an archive becomes a sentence."""
    try:
        yield
    except _BROKEN as error:
        raise BackupRefused(
            f"{path} is damaged, or no backup of 小哨: {error}. Nothing was changed. Take another one."
        ) from None


@contextmanager
def reading(path: Path) -> Iterator[Reader]:
    """An archive, opened.

    Raises:
        BackupRefused: it is not there, no backup, damaged or newer.
    """
    try:
        stream = path.open("rb")
    except OSError as error:
        raise BackupRefused(f"{path}: cannot be read: {error.strerror}.") from None
    with stream:
        yield Reader(path, stream)
