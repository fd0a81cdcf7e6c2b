"""What every answer carries: the policies for browsers, and no word of a fault; and who asks too often is told so cheaply."""

import time
from collections import OrderedDict
from collections.abc import Callable

import structlog
from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger()

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(), microphone=(self), camera=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",  # whoever serves what may be kept says so
}
_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}
_KEYS = 20_000


class Guard:
    """Around everything else, also around what goes wrong: a handler's fault becomes a bare 500 with the same headers.

    A route may set one of the headers itself, such as a page that needs another policy; it keeps what it has set.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                headers = MutableHeaders(scope=message)
                for name, value in (HEADERS | (_HTTPS if scope["scheme"] == "https" else {})).items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, with_headers)
        except Exception as error:  # the last door: what is said outside tells nothing of what is inside
            log.error("a page failed", path=scope["path"], error=type(error).__name__, exc_info=error)
            if started:
                raise
            await PlainTextResponse("出了点问题，请过一会儿再试。", 500)(scope, receive, with_headers)


class Turnstile:
    """Lets so many through in a minute for each key, in this process alone: it spares the machine, it counts nobody.

    What a person may do in a day is counted in the database (`workflows.limits`).
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = per_minute
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # key: (how many are left, at what time)

    def passes(self, key: str) -> bool:
        """Whether this one may go through; takes a place if so."""
        now = self._clock()
        left, then = self._left.pop(key, (float(self._most), now))
        left = min(float(self._most), left + (now - then) * self._most / 60)
        passes = left >= 1
        self._left[key] = (left - 1 if passes else left, now)
        if len(self._left) > _KEYS:
            self._left.popitem(last=False)
        return passes
