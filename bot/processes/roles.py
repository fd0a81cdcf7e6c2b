"""What a process does: any number of processes share PostgreSQL, SQLite has room for one that does everything."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from sqlalchemy import make_url


class ProcessRole(StrEnum):
    """A part of the work; the values are what `process.roles` and `--role` take."""

    WEB = "web"  # serves the page and the webhook, stores what comes in
    POLLING = "polling"  # asks Telegram for updates; one process at a time
    TURNS = "turns"  # understands and handles
    COURIER = "courier"  # delivers; one process a channel at a time
    SCHEDULER = "scheduler"  # does what is due


ALL = tuple(ProcessRole)


class NotAlone(Exception):
    """SQLite cannot be shared; the text says who has it and what to do."""


@contextmanager
def alone_on(url: str, roles: tuple[ProcessRole, ...]) -> Iterator[None]:
    """On SQLite, see to it that this is the only process and does everything; let go at the end, or when it is killed.

    Raises:
        NotAlone: another process serves this database, or a role would be nobody's.
    """
    path = make_url(url).database if make_url(url).get_backend_name() == "sqlite" else None
    if not path or path == ":memory:":
        yield
        return
    if missing := [role.value for role in ProcessRole if role not in roles]:
        raise NotAlone(
            f"process.roles: on SQLite one process does everything, and {', '.join(missing)} would be done by nobody. "
            "Leave process.roles and --role away, or point database.url at PostgreSQL, which many processes can share."
        )
    lock = Path(f"{path}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+", encoding="ascii") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            pid = file.read().strip()
            raise NotAlone(
                f"{path} is served by another process already{f' (process {pid})' if pid else ''}: SQLite takes one. "
                "Stop that one, or point database.url at PostgreSQL, which many processes can share."
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
