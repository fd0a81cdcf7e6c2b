"""One Rasa for a whole run of tests, however many workers it has: it takes 840 MB and half a minute to start.

Whoever needs it first starts a keeper, a process of its own that has Rasa as its child. Every user holds a shared lock
on a file; when the keeper gets that lock for itself, nobody is left, and it ends. The kernel lets go of the locks of a
worker that crashed or was killed, so nothing stays behind.
"""

import asyncio
import fcntl
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from nlu.rasa_client import RasaProcess
from nlu.understanding import NluUnavailable

ROOT = Path(__file__).parent.parent
PATIENCE = 600  # seconds that Rasa may take to start on a busy machine
_ADDRESS, _LOG, _USERS, _START, _KEEPER = "rasa.json", "rasa.log", "rasa.users", "rasa.start", "rasa.keeper"
_keepers: list[subprocess.Popen[bytes]] = []  # they outlive the test that started them, and are not waited for


@contextmanager
def shared_rasa(folder: Path) -> Iterator[tuple[str, str]]:
    """The (url, token) of the Rasa of the run that has this folder; started if it does not run yet.

    Raises:
        NluUnavailable: it did not start; the message says why.
    """
    with (folder / _USERS).open("w") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        with (folder / _START).open("w") as alone:
            fcntl.flock(alone, fcntl.LOCK_EX)
            found = json.loads(_started(folder).read_text("utf-8"))
        if "trouble" in found:
            raise NluUnavailable(found["trouble"])
        yield found["url"], found["token"]


def _started(folder: Path) -> Path:
    address = folder / _ADDRESS
    if address.exists():
        return address
    with (folder / _LOG).open("ab") as log:
        command = [sys.executable, "-m", "tests.shared_rasa", str(folder)]
        # A group of its own: Ctrl-C is for the tests, which let go of their lock when they end.
        keeper = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    _keepers.append(keeper)
    while not address.exists():
        if keeper.poll() is not None:
            said = (folder / _LOG).read_text("utf-8", "replace")
            raise NluUnavailable(f"Rasa's keeper ended with {keeper.returncode}:\n{said[-3000:]}")
        time.sleep(0.1)
    return address


def wait_until_gone(folder: Path, seconds: float = 30) -> None:
    """At the very end of a run: until the keeper has ended Rasa, which it does when the last user has gone."""
    if not (folder / _KEEPER).exists():
        return
    deadline = time.monotonic() + seconds
    with (folder / _KEEPER).open("a") as life:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                time.sleep(0.05)
            else:
                return


async def _keep(folder: Path, users: IO[str]) -> None:
    process = RasaProcess(log_file=folder / _LOG, timeout_seconds=20.0)
    try:
        await process.start()
        await process.wait_until_ready(PATIENCE)
    except NluUnavailable as trouble:
        _say(folder, {"trouble": str(trouble)})
    else:
        _say(folder, {"url": process.url, "token": process.token})
    try:
        await asyncio.to_thread(fcntl.flock, users, fcntl.LOCK_EX)
    finally:
        await process.stop()


def _say(folder: Path, found: dict[str, str]) -> None:
    """In one go: who reads it finds all of it."""
    new = folder / f"{_ADDRESS}.new"
    new.write_text(json.dumps(found), "utf-8")
    os.replace(new, folder / _ADDRESS)


def main() -> None:
    """The keeper."""
    folder = Path(sys.argv[1])
    with (folder / _KEEPER).open("w") as life, (folder / _USERS).open("a") as users:
        fcntl.flock(life, fcntl.LOCK_EX)
        asyncio.run(_keep(folder, users))


if __name__ == "__main__":
    main()
