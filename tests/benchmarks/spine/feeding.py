"""Updates into a webhook: the same ASGI calls for whatever is measured, by so many clients at once."""

import asyncio
import gc
import json
import resource
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass(frozen=True)
class Cost:
    """What handling some updates took."""

    updates: int
    cpu_seconds: float
    wall_seconds: float

    @property
    def cpu_ms(self) -> float:
        """Of this process, an update; the database server's own work is not in it."""
        return self.cpu_seconds / self.updates * 1000

    @property
    def per_second(self) -> float:
        """Updates a second."""
        return self.updates / self.wall_seconds


class Side(Protocol):
    """One of the two that are compared."""

    async def handle(self, update: dict[str, Any]) -> None:
        """Returns when the update has been answered: the sender then sends its next."""

    async def settle(self) -> None:
        """Returns when nothing is left to write either."""


async def post(app: Asgi, path: str, body: bytes, headers: Sequence[tuple[bytes, bytes]] = ()) -> int:
    """One POST straight into an ASGI application; returns the status."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
        "headers": [(b"host", b"bench"), (b"content-type", b"application/json"), *headers],
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 2), "state": {},
    }  # fmt: skip
    status, sent = 0, False

    async def receive() -> dict[str, Any]:
        nonlocal sent
        if sent:
            await asyncio.sleep(3600)
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    await app(scope, receive, send)
    return status


def message(update_id: int, chat: int, text: str) -> dict[str, Any]:
    """A text in a private chat, as Telegram sends it."""
    return {
        "update_id": update_id,
        "message": {
            "message_id": update_id,
            "date": int(time.time()),
            "chat": {"id": chat, "type": "private", "first_name": "居民"},
            "from": {"id": chat, "is_bot": False, "first_name": "居民", "language_code": "zh-hans"},
            "text": text,
        },
    }


def encoded(update: dict[str, Any]) -> bytes:
    """As it comes over the wire."""
    return json.dumps(update).encode()


def cpu_seconds() -> float:
    """User and system time of this process with all its threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def timed(side: Side, updates: Iterable[dict[str, Any]], clients: int) -> Cost:
    """Every update, by so many clients at once, each of whom waits for the answer before they send the next."""
    todo = list(updates)
    queue: Iterator[dict[str, Any]] = iter(todo)
    gc.collect()
    cpu, wall = cpu_seconds(), time.perf_counter()

    async def client() -> None:
        for update in queue:
            await side.handle(update)

    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client())
    await side.settle()
    return Cost(len(todo), cpu_seconds() - cpu, time.perf_counter() - wall)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and range of what was measured several times."""
    return {"median": round(statistics.median(values), 3), "low": round(min(values), 3), "high": round(max(values), 3)}


def percentile(values: Sequence[float], of_hundred: float) -> float:
    """The value below which so many of a hundred lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * of_hundred / 100))]
