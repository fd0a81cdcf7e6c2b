"""The application's lives: started warm by fork or cold from its command, killed, and stopped as an operator would."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


class Life:
    """One process of the application."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.ended = asyncio.Event()
        self.code: int | None = None

    def _bury(self, code: int) -> None:
        self.code = code
        self.ended.set()


class Lives:
    """Starts one life after the other with the same configuration."""

    def __init__(self, launcher: asyncio.subprocess.Process, config: Path, env: dict[str, str], log: Path) -> None:
        self._launcher = launcher
        self._config = config
        self._env = env
        self._log = log
        self._born: asyncio.Queue[int] = asyncio.Queue()
        self._alive: dict[int, Life] = {}
        self._cold: dict[int, asyncio.subprocess.Process] = {}
        self.ready = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def opened(cls, config: Path, env: dict[str, str], log: Path) -> AsyncIterator["Lives"]:
        """With its launcher, which ends every life that is left."""
        launcher = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.benchmarks.under_fire.launcher", config),
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONWARNINGS": "ignore"},
        )  # fmt: skip
        lives = cls(launcher, config, env, log)
        async with asyncio.TaskGroup() as group:
            listening = group.create_task(lives._listen())
            try:
                await asyncio.wait_for(lives.ready.wait(), 600)
                yield lives
            finally:
                assert launcher.stdin is not None
                launcher.stdin.close()
                for process in lives._cold.values():
                    if process.returncode is None:
                        process.kill()
                try:
                    await asyncio.wait_for(launcher.wait(), 10)
                except TimeoutError:
                    launcher.kill()
                listening.cancel()

    async def _listen(self) -> None:
        assert self._launcher.stdout is not None
        while line := await self._launcher.stdout.readline():
            said = json.loads(line)
            if "ready" in said:
                self.ready.set()
            elif "pid" in said:
                self._alive[said["pid"]] = Life(said["pid"])
                self._born.put_nowait(said["pid"])
            elif life := self._alive.pop(said["exit"], None):
                life._bury(said["code"])
        assert self.ready.is_set(), "the launcher cannot start; what it said stands above"

    async def start(
        self,
        mode: str,
        *,
        cold: bool = False,
        roles: Sequence[str] = (),
        own: Mapping[str, str] | None = None,
        machine: str = "",
    ) -> Life:
        """The next life; its Telegram by polling or webhook. With a `machine` others cannot see whether it lives."""
        env = self._env | {"XIAOSHAO__CHANNELS__TELEGRAM__MODE": mode, **(own or {})}
        argv = ["run", "--config", str(self._config), *roles]
        if cold:
            return await self._start_cold(argv, env)
        self._tell(start={"argv": argv, "env": env, "log": str(self._log), "machine": machine})
        return self._alive[await self._born.get()]

    async def _start_cold(self, argv: list[str], env: dict[str, str]) -> Life:
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *(ROOT / ".venv" / "bin" / "xiaoshao", *argv), cwd=ROOT, stdout=log, stderr=log, env=os.environ | env
            )
        life = Life(process.pid)
        self._cold[process.pid] = process
        return life

    def _tell(self, **asked: Any) -> None:
        assert self._launcher.stdin is not None
        self._launcher.stdin.write(json.dumps(asked).encode() + b"\n")

    async def ended(self, life: Life, seconds: float) -> bool:
        """Whether it ends within `seconds`."""
        try:
            if process := self._cold.get(life.pid):
                life._bury(await asyncio.wait_for(asyncio.shield(process.wait()), seconds))
            else:
                await asyncio.wait_for(life.ended.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def stir(self, life: Life, number: signal.Signals) -> None:
        """Send it a signal that does not end it."""
        if process := self._cold.get(life.pid):
            process.send_signal(number)
        else:
            self._tell(kill=life.pid, signal=int(number))

    async def signal(self, life: Life, number: signal.Signals, seconds: float = 20.0) -> int:
        """Send it a signal and wait for its end; its exit code.

        Raises:
            AssertionError: it does not end.
        """
        if process := self._cold.get(life.pid):
            if process.returncode is None:
                process.send_signal(number)
        else:
            self._tell(kill=life.pid, signal=int(number))
        assert await self.ended(life, seconds), f"process {life.pid} does not end after signal {number}"
        assert life.code is not None
        return life.code


async def output(command: list[str | Path], env: dict[str, str]) -> str:
    """What a command of the product prints."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=os.environ | env, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0, out
    return out.decode()
