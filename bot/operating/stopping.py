"""Serving until somebody says stop: SIGTERM or Ctrl-C ends the way in first, then the turn in hand, then the children."""

import asyncio
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
# Open pages are told at once; an answer that takes longer than this is cut off, and its message is safe in the inbox.
_LAST_ANSWERS_SECONDS = 5


class Stop:
    """Whether somebody has asked us to stop, and how."""

    def __init__(self) -> None:
        self.by: signal.Signals | None = None
        self._asked = asyncio.Event()

    def ask(self, by: signal.Signals) -> None:
        """Begin to stop."""
        self.by = self.by or by
        self._asked.set()

    @property
    def exit_code(self) -> int:
        """What the shell is told: a service that was told to end has done as it was told."""
        return 128 + self.by if self.by == signal.SIGINT else 0

    async def asked(self) -> None:
        """Wait for it."""
        await self._asked.wait()


@contextmanager
def listening_for_stop() -> Iterator[Stop]:
    """The first signal asks to stop, the second one ends the process in the system's own way."""
    loop, stop = asyncio.get_running_loop(), Stop()

    def heard(by: signal.Signals) -> None:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)
        stop.ask(by)

    for one in _SIGNALS:
        loop.add_signal_handler(one, heard, one)
    try:
        yield stop
    finally:
        for one in _SIGNALS:
            loop.remove_signal_handler(one)


class _Server(uvicorn.Server):
    """uvicorn that leaves signals to us: it raises SIGTERM again at its end, before the turns and children have had theirs."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(http: FastAPI, sockets: Sequence[socket.socket], stop: Stop) -> None:
    """Answer until asked to stop; returns when the last answer is out."""
    server = _Server(
        uvicorn.Config(
            http, log_level="warning", lifespan="off",
            ws="websockets-sansio", timeout_graceful_shutdown=_LAST_ANSWERS_SECONDS,
        )
    )  # fmt: skip

    async def end() -> None:
        await stop.asked()
        server.should_exit = True

    async with asyncio.TaskGroup() as group:
        ending = group.create_task(end(), name="stop")
        await server.serve(list(sockets))
        ending.cancel()
