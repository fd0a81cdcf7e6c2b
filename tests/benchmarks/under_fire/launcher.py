"""Starts `xiaoshao` without paying for its imports each time: imported once here, forked for every life.

Commands come as JSON lines on standard input: {"start": {"argv", "env", "log"}} and {"kill": pid, "signal"}. What
happened goes out the same way: {"ready": true}, {"pid": N}, {"exit": N, "code": C}. Ends when its input ends, and its
children with it.
"""

import asyncio
import ctypes
import gc
import json
import os
import select
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import asyncpg  # noqa: F401 - what a start would import
import uvicorn
import uvloop  # noqa: F401

import bot.channels.telegram  # noqa: F401
import workflows.directory_file  # noqa: F401
from bot.__main__ import main as xiaoshao
from bot.app import App
from bot.processes import leases
from bot.settings import load


def _say(**fields: Any) -> None:
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


async def _rehearse(config: Path) -> None:
    """Once through what every start does, on a database that is thrown away: what is loaded late is loaded now."""
    with tempfile.TemporaryDirectory() as folder:
        database = {"url": f"sqlite+aiosqlite:///{folder}/rehearsal.db"}
        app = App(load(config, database=database, storage=Path(folder)))
        uvicorn.Config(app.http, lifespan="off", ws="websockets-sansio").load()
        await app.prepare()
        await app.tick()
        await app.database.close()


def _live(argv: list[str], env: dict[str, str], log: str, machine: str) -> NoReturn:
    """The child: from here on it is `xiaoshao`, as if it had just been started, perhaps on a machine of its own."""
    if machine:
        leases.machine = lambda: machine
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it ends with the launcher
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.update(env)
    sys.argv = ["xiaoshao", *argv]
    code = 0
    try:
        xiaoshao()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


class _Launcher:
    def __init__(self) -> None:
        self.children: set[int] = set()
        self._waiting = b""

    def bury(self) -> None:
        for pid in list(self.children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self.children.discard(pid)
                _say(exit=pid, code=os.waitstatus_to_exitcode(status))

    def hear(self, read: bytes) -> None:
        *lines, self._waiting = (self._waiting + read).split(b"\n")
        for line in lines:
            asked = json.loads(line)
            if "start" in asked:
                pid = os.fork()
                if not pid:
                    _live(**asked["start"])
                self.children.add(pid)
                _say(pid=pid)
            elif asked["kill"] in self.children:  # only what was started here and has not been buried
                os.kill(asked["kill"], asked["signal"])


def main() -> None:
    """Until the input ends."""
    launcher = _Launcher()
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    asyncio.run(_rehearse(Path(sys.argv[1])))
    signal.set_wakeup_fd(theirs.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    gc.collect()
    gc.freeze()
    _say(ready=True)
    while True:
        ready, _, _ = select.select([0, ours], [], [])
        if ours in ready:
            ours.recv(4096)
            launcher.bury()
        if 0 in ready:
            read = os.read(0, 65536)
            if not read:
                break
            launcher.hear(read)
    for pid in launcher.children:
        os.kill(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
