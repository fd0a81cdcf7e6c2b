"""Asks the Rasa server what a message means; starts that server as a child process and keeps it alive."""

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx
import structlog

from nlu.understanding import BETWEEN, ENTITY_KINDS, Entity, NluUnavailable, Understanding, clean, without_asking

RASA_PROJECT = Path(__file__).parent / "rasa"
DEFAULT_MODEL = RASA_PROJECT / "models" / "nlu.tar.gz"
DEFAULT_LOG = Path("var/log/rasa.log")

log = structlog.get_logger()
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Patience:
    """How long a child may be silent before it counts as hung. A starved machine is slow: a restart, which costs many
    seconds of full work, would make it slower still. A child that is dead is noticed at once whatever stands here."""

    look_every_seconds: float = 20.0
    answer_within_seconds: float = 30.0
    looks: int = 5  # this many in a row unanswered
    silence_seconds: float = 240.0  # and no answer to anybody for this long
    start_within_seconds: float = 600.0


class RasaClient:
    """The HTTP client of one `rasa run --enable-api`."""

    def __init__(
        self,
        url: str,
        token: str = "",
        *,
        timeout_seconds: float = 4.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        # Rasa takes its token only in the query string, and httpx writes every URL to its log at INFO.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        self._http = httpx.AsyncClient(
            base_url=url.rstrip("/"),
            params={"token": token} if token else None,
            timeout=timeout_seconds,
            transport=transport,
            trust_env=False,  # a proxy for the outside has no business between us and loopback
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def understand(self, text: str) -> Understanding:
        text = clean(text)
        if (known := without_asking(text)) is not None:
            return known
        return await self._parsed(text, lambda parsed: _understanding(text, parsed))

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """How likely each of `others` tells of the same problem as `text`, 0 to 1; by the reader's head for pairs."""
        if not others:
            return []
        joined = BETWEEN.join(clean(each) or "?" for each in (text, *others))
        return await self._parsed(joined, lambda parsed: [float(score) for score in parsed["same"]])

    async def _parsed(self, text: str, read: Callable[[Mapping[str, Any]], Answer]) -> Answer:
        try:
            response = await self._http.post("/model/parse", json={"text": text})
            response.raise_for_status()
            return read(response.json())
        except httpx.HTTPStatusError as error:
            raise NluUnavailable(f"Rasa answered {error.response.status_code}") from None
        except httpx.HTTPError as error:
            raise NluUnavailable(f"Rasa cannot be reached: {type(error).__name__}") from None
        except (KeyError, TypeError, ValueError) as error:
            # Not the error's own text: it may quote the message.
            raise NluUnavailable(f"Rasa's answer cannot be read: {type(error).__name__}") from None

    async def model_id(self) -> str:
        """Which model is served; raises NluUnavailable while there is none."""
        try:
            response = await self._http.get("/status")
            response.raise_for_status()
            return str(response.json()["model_id"])
        except (httpx.HTTPError, KeyError, TypeError, ValueError) as error:
            raise NluUnavailable(f"Rasa has no model ready: {type(error).__name__}") from None


def _understanding(text: str, parsed: Mapping[str, Any]) -> Understanding:
    ranking = tuple((str(row["name"]), float(row["confidence"])) for row in parsed.get("intent_ranking", ()))
    intent = parsed["intent"]
    return Understanding(
        text=text,
        intent=str(intent["name"]),
        confidence=float(intent["confidence"]),
        ranking=ranking,
        also=tuple(str(name) for name in parsed.get("also", ())),
        parts=tuple(str(words) for words in parsed.get("parts", ())),
        entities=tuple(
            Entity(row["entity"], text[row["start"] : row["end"]], int(row["start"]), int(row["end"]))
            for row in parsed.get("entities", ())
            if row["entity"] in ENTITY_KINDS
        ),
    )


def rasa_python(project: Path = RASA_PROJECT) -> Path:
    return project / ".venv" / "bin" / "python"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class RasaProcess:
    """`rasa run` as a child on loopback: watched, restarted when it dies, gone when we are.

    `start` returns as soon as the child is on its way, so that intake by menu can begin; `wait_until_ready` waits for
    it. Until then, and whenever the child is down, `understand` raises NluUnavailable.

    Start it from the thread that lives as long as the application: the kernel ends the child with that thread.
    """

    def __init__(
        self,
        *,
        model: Path = DEFAULT_MODEL,
        project: Path = RASA_PROJECT,
        log_file: Path = DEFAULT_LOG,
        timeout_seconds: float = 4.0,
        patience: Patience = Patience(),
        longest_pause_seconds: float = 60.0,
        command: Callable[[int], list[str]] | None = None,
    ) -> None:
        self._model = model
        self._project = project
        self._log_file = log_file
        self._timeout = timeout_seconds
        self._patience = patience
        self._longest_pause = longest_pause_seconds
        self._command = command or self._serve
        self._token = secrets.token_hex(24)  # hex: an argument that begins with a dash is an option to Rasa
        self._ready = asyncio.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._client: RasaClient | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._url = ""
        self._answered = 0.0  # when the child last proved that it works

    @property
    def ready(self) -> bool:
        return self._ready.is_set()

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child else None

    @property
    def url(self) -> str:
        """Where the child serves at the moment; changes when it is restarted."""
        return self._url

    @property
    def token(self) -> str:
        return self._token

    async def start(self) -> None:
        """Raises NluUnavailable when there is nothing to start: that is not cured by waiting."""
        if self._supervisor is not None:
            return
        for path, remedy in ((rasa_python(self._project), "make setup"), (self._model, "make train")):
            if not path.is_file():
                raise NluUnavailable(f"{path} is missing: run `{remedy}`")
        # Owned by this object: made here, ended and awaited in `stop`.
        self._supervisor = asyncio.get_running_loop().create_task(self._keep_alive(), name="rasa-supervisor")

    async def wait_until_ready(self, timeout_seconds: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._ready.wait()
        except TimeoutError:
            raise NluUnavailable(f"Rasa was not ready within {timeout_seconds} s: see {self._log_file}") from None

    async def stop(self) -> None:
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return
        supervisor.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await supervisor

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def understand(self, text: str) -> Understanding:
        if (known := without_asking(clean(text))) is not None:
            return known
        if not self.ready or self._client is None:
            raise NluUnavailable("Rasa is starting")
        understood = await self._client.understand(text)
        self._answered = time.monotonic()
        return understood

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """As `RasaClient.alike`."""
        if not self.ready or self._client is None:
            raise NluUnavailable("Rasa is starting")
        likeness = await self._client.alike(text, others)
        self._answered = time.monotonic()
        return likeness

    async def _keep_alive(self) -> None:
        pause = 0.5
        while True:
            came_up = time.monotonic()
            try:
                await self._live()
            except OSError as error:
                log.error("rasa_cannot_be_started", error=str(error))
            finally:
                await self._clear_away()
            # One that served for a while and died is started again at once; one that cannot start is not hammered.
            pause = 0.5 if time.monotonic() - came_up > self._longest_pause * 2 else min(pause * 2, self._longest_pause)
            log.warning("rasa_restarts", in_seconds=pause, log=str(self._log_file))
            await asyncio.sleep(pause)

    async def _live(self) -> None:
        """One life of the child, from start to death."""
        port = _free_port()
        self._url = f"http://127.0.0.1:{port}"
        self._client = RasaClient(self._url, self._token, timeout_seconds=self._timeout)
        self._child = self._spawn(port)
        log.info("rasa_starts", pid=self._child.pid, port=port)
        # Not with the client that people wait for: its few seconds say nothing about whether the child is healthy.
        patient = self._patience.answer_within_seconds
        async with RasaClient(self._url, self._token, timeout_seconds=patient) as watcher:
            if not await self._comes_up(self._child, watcher):
                return
            self._ready.set()
            log.info("rasa_ready", pid=self._child.pid)
            await self._watch(self._child, watcher)

    async def _watch(self, child: subprocess.Popen[bytes], watcher: RasaClient) -> None:
        """Until the child is dead or hangs: lives, but answers nobody. Asked seldom, for it is one lane for everybody."""
        self._answered = time.monotonic()
        next_look, missed = self._answered + self._patience.look_every_seconds, 0
        while child.poll() is None:
            await asyncio.sleep(min(0.5, self._patience.look_every_seconds))
            began = time.monotonic()
            if began < next_look:
                continue
            try:
                await watcher.model_id()
            except NluUnavailable:
                missed = 1 if self._answered > began else missed + 1  # slow to us, but it has answered somebody else
            else:
                self._answered, missed = time.monotonic(), 0
            next_look = time.monotonic() + self._patience.look_every_seconds
            silent = time.monotonic() - self._answered
            if missed >= self._patience.looks and silent >= self._patience.silence_seconds:
                log.error("rasa_hangs", pid=child.pid, silent_seconds=round(silent), log=str(self._log_file))
                return

    async def _comes_up(self, child: subprocess.Popen[bytes], client: RasaClient) -> bool:
        deadline = time.monotonic() + self._patience.start_within_seconds
        while child.poll() is None and time.monotonic() < deadline:
            try:
                await client.model_id()
                await client.understand("楼道灯不亮")  # the first message pays for loading: nobody should wait for that
            except NluUnavailable:
                await asyncio.sleep(0.25)
            else:
                return True
        log.warning("rasa_did_not_come_up", exit_code=child.poll(), log=str(self._log_file))
        return False

    def _serve(self, port: int) -> list[str]:
        launcher = self._project / "serve.py"
        return [
            *(str(rasa_python(self._project)), "-W", "ignore"),
            *(str(launcher), str(os.getpid()), str(self._model.resolve()), str(port)),
        ]

    def _spawn(self, port: int) -> subprocess.Popen[bytes]:
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        # The application's own secrets are none of the child's business.
        kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR", "TZ") if key in os.environ}
        with self._log_file.open("ab") as log_file:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and launcher
                self._command(port),
                stdin=subprocess.DEVNULL,
                stdout=log_file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a group of its own: Ctrl-C is for us, and we end the whole group
                env=kept
                | {
                    "XIAOSHAO_RASA_TOKEN": self._token,
                    "RASA_TELEMETRY_ENABLED": "false",
                    "LOG_LEVEL": "WARNING",
                    "LOG_LEVEL_LIBRARIES": "ERROR",
                    "OMP_NUM_THREADS": "1",  # more threads than one make every message slower
                    "TF_CPP_MIN_LOG_LEVEL": "3",
                    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
                    "PYTHONWARNINGS": "ignore",
                    "PYTHONUNBUFFERED": "1",
                    "PYTHONUTF8": "1",
                },
            )

    async def _clear_away(self) -> None:
        self._ready.clear()
        client, self._client = self._client, None
        child, self._child = self._child, None
        if child is not None:
            await asyncio.shield(_end_group(child))
        if client is not None:
            await client.aclose()


async def _end_group(child: subprocess.Popen[bytes], patience_seconds: float = 5.0) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        await asyncio.to_thread(child.wait, patience_seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # whatever it left behind, too
    await asyncio.to_thread(child.wait)


if sys.platform != "linux":  # pragma: no cover
    log.warning("rasa_may_be_orphaned", reason="only Linux ends a child together with its parent")
