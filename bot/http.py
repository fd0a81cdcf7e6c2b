"""The HTTP application: page, health, metrics, and the headers that every answer carries."""

import errno
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy import func, or_, select

from bot.channels.web import documents
from bot.channels.web.page import Page
from bot.console.building import build as console_router
from bot.conversation.phrases import say
from bot.guard import Guard
from bot.storable import storable_text
from workflows.models import Outbound

if TYPE_CHECKING:
    from bot.app import App

LAG_LIMIT_SECONDS = 60.0


class CannotListen(Exception):
    """The page cannot be served at server.host and server.port; the text says why and which key to change."""


@contextmanager
def listening(host: str, port: int) -> Iterator[list[socket.socket]]:
    """The sockets of the page, taken before anything else starts: whoever cannot be served should learn it first.

    Raises:
        CannotListen: another program has the port, or it may not be taken.
    """
    with ExitStack() as open_ones:
        try:
            found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            sockets = [open_ones.enter_context(_listening(family, where)) for family, *_, where in found]
        except OSError as error:
            raise CannotListen(_why_not(host, port, error)) from None
        yield sockets


def _listening(family: int, where: Any) -> socket.socket:
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(where)
        one.listen(2048)
        one.setblocking(False)
    except BaseException:
        one.close()
        raise
    return one


def _why_not(host: str, port: int, error: OSError) -> str:
    other = "set `server.port` in config.yml, or XIAOSHAO__SERVER__PORT"
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} on {host} is taken by another program (perhaps 小哨 is running already). "
            f"Stop that one, or choose another port: {other}={port + 1 if port < 65535 else 8081}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is reserved for the system's administrator. Choose one from 1024 on: {other}=8080."
    return (
        f"The page cannot be served at {host}: {error.strerror}. Set `server.host` in config.yml, or XIAOSHAO__SERVER__HOST, "
        "to 127.0.0.1 (this machine alone), 0.0.0.0 (everybody who reaches it) or an address of this machine."
    )


def build_http(app: "App", page: Page) -> FastAPI:
    """All routes of the product."""
    http = FastAPI(title="小哨 Xiaoshao", docs_url=None, redoc_url=None)
    http.add_middleware(Guard)

    @http.exception_handler(RequestValidationError)
    async def not_understood(_: Request, error: RequestValidationError) -> Response:
        """Which fields are wrong. What was sent is not repeated: it may hold what no JSON can, and it is somebody's own."""
        fields = [".".join(str(part) for part in one["loc"]) for one in error.errors()]
        return JSONResponse(
            {"error": say("request.refused"), "fields": [storable_text(field) for field in fields]}, 422
        )

    @http.get("/healthz", response_model=documents.Health)
    async def healthz() -> dict[str, str]:
        """The process lives."""
        return {"status": "ok"}

    @http.get("/readyz", response_model=documents.Readiness, responses=documents.NOT_READY)
    async def readyz() -> Response:
        """Database, NLU and courier: 503 when the product cannot do its work. The NLU may be away: intake goes on."""
        database = await app.database.answers()
        lag = await _lag(app) if database else None
        ready = database and lag is not None and lag < LAG_LIMIT_SECONDS
        body = {
            "ready": ready,
            "database": "ok" if database else "down",
            "nlu": "ok" if database and await app.can_read() else "starting or down: intake by menu",
            "courier_lag_seconds": lag,
        }
        return JSONResponse(body, 200 if ready else 503)

    @http.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """For Prometheus."""
        return PlainTextResponse(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    http.include_router(app.answer_page.router())
    if app.settings.channels.web.enabled:
        http.include_router(page.router())
    if app.settings.console.enabled:
        http.include_router(console_router(app.console()), dependencies=[Depends(page.not_too_often)])
    if app.settings.channels.telegram.how == "webhook":
        from bot.channels.telegram import webhook_router

        http.include_router(webhook_router(app.settings, app.inbox))
    return http


async def _lag(app: "App") -> float:
    """Age in seconds of the oldest message that could be delivered now.

    One that waits for its next try is not late by our fault: a single chat that cannot be reached makes nobody unready.
    """
    now = app.clock.now()
    world = datetime.now(UTC)  # noqa: TID251 - retries wait in the world's time
    async with app.database.reading() as session:
        oldest = (
            await session.execute(
                select(func.min(Outbound.not_before)).where(
                    Outbound.state == "waiting",
                    Outbound.not_before <= now,
                    or_(Outbound.retry_at.is_(None), Outbound.retry_at <= world),
                )
            )
        ).scalar_one()
    return max(0.0, (now - oldest).total_seconds()) if oldest is not None else 0.0
