"""Several Rasa processes as one reader, and a new model put in their place while nobody waits."""

import asyncio
import contextlib
import json
import tarfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

import structlog

from nlu.rasa_client import DEFAULT_LOG, DEFAULT_MODEL, Patience, RasaProcess
from nlu.understanding import INTENTS, NluUnavailable, Understanding, clean, without_asking

log = structlog.get_logger()

Start = Callable[[Path], RasaProcess]


class WrongModel(Exception):
    """The model tells other intents apart than this program and its `config.yml` know: train one that fits."""

    def __init__(self, model: Path, found: frozenset[str]) -> None:
        super().__init__(
            f"{model} knows other intents than config.yml.\n"
            f"  the model knows:     {', '.join(sorted(found))}\n"
            f"  this program knows:  {', '.join(sorted(INTENTS))}\n"
            f"  only in the model:   {', '.join(sorted(found - INTENTS)) or '-'}\n"
            f"  missing in it:       {', '.join(sorted(INTENTS - found)) or '-'}\n"
            "Run `make train`, or `xiaoshao nlu train` if this is a model of your own."
        )


def intents_of(model: Path) -> frozenset[str]:
    """What a trained model tells apart, read from its archive.

    Raises:
        NluUnavailable: it is no model.
    """
    try:
        with tarfile.open(model) as archive:
            name = next(name for name in archive.getnames() if name.endswith("/intents.json"))
            part = archive.extractfile(name)
            assert part is not None
            return frozenset(json.load(part))
    except (OSError, EOFError, tarfile.TarError, StopIteration, AssertionError, ValueError, TypeError) as error:
        raise NluUnavailable(f"{model} is no model of ours: {type(error).__name__}. Run `make train`") from None


def refuse_wrong(model: Path) -> None:
    """Raises WrongModel, or NluUnavailable when it is none at all."""
    if (found := intents_of(model)) != INTENTS:
        raise WrongModel(model, found)


def live_model(pointer: Path | None) -> Path:
    """The model that is to serve: the one that `pointer` names, else the one that ships."""
    if pointer is not None and pointer.is_file():
        named = Path(pointer.read_text("utf-8").strip())
        if named.is_file():
            return named
        log.error("live_model_is_missing", named=str(named), pointer=str(pointer))
    return DEFAULT_MODEL


class RasaPool:
    """`workers` processes that share the work, all with one model; a new generation takes over when it is ready.

    `pointer` is a file that names the model to serve. It is looked at every `look_seconds`: whoever writes another name
    into it (`xiaoshao nlu publish`) changes the model without a restart. A generation that does not come up is let go,
    and the old one goes on.
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        pointer: Path | None = None,
        log_file: Path | None = None,
        timeout_seconds: float = 4.0,
        look_seconds: float = 2.0,
        start: Start | None = None,
    ) -> None:
        self._workers = workers
        self._pointer = pointer
        self._look_seconds = look_seconds
        log_at = log_file or DEFAULT_LOG
        self._start_one = start or (
            lambda model: RasaProcess(model=model, timeout_seconds=timeout_seconds, log_file=log_at)
        )
        self._serving: Sequence[RasaProcess] = ()
        self._busy: dict[int, int] = {}
        self._released = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._leaving: asyncio.Task[None] | None = None
        self.model = live_model(pointer)

    @property
    def ready(self) -> bool:
        """Whether a message can be read now."""
        return any(process.ready for process in self._serving)

    @property
    def pids(self) -> list[int]:
        """Of the processes that serve."""
        return [process.pid for process in self._serving if process.pid is not None]

    async def start(self) -> None:
        """Raises WrongModel or NluUnavailable for what waiting would not cure."""
        if self._watcher is not None:
            return
        if self.model.is_file():  # one that is missing is told by the process itself, with the remedy
            refuse_wrong(self.model)
        self._serving = await self._generation(self.model)
        # Owned by this object: made here, ended and awaited in `stop`.
        self._watcher = asyncio.get_running_loop().create_task(self._watch(), name="nlu-pool")

    async def wait_until_ready(self, timeout_seconds: float | None = None) -> None:
        """Raises NluUnavailable when no process has come up by then."""
        waits = [asyncio.ensure_future(process.wait_until_ready(timeout_seconds)) for process in self._serving]
        done, others = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in others:
            wait.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for wait in done:
            wait.result()

    async def stop(self) -> None:
        """End every process."""
        watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watcher
        if self._leaving is not None:
            await self._leaving
        await self._end(self._serving)
        self._serving = ()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def understand(self, text: str) -> Understanding:
        """By the process that has least to do."""
        if (known := without_asking(clean(text))) is not None:
            return known
        process = self._least_busy()
        with self._occupied(process):
            return await process.understand(text)

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        """How likely each of `others` tells of the same problem as `text`."""
        process = self._least_busy()
        with self._occupied(process):
            return await process.alike(text, others)

    async def swap(self, model: Path) -> None:
        """Serve `model` from now on. Not one message waits: the old processes answer until the new ones are ready.

        Raises:
            WrongModel, NluUnavailable: it can't be served; the old model goes on.
        """
        refuse_wrong(model)
        coming = await self._generation(model)
        try:
            for process in coming:
                await process.wait_until_ready(Patience.start_within_seconds)
        except BaseException:
            await self._end(coming)
            raise
        old, self._serving, self.model = self._serving, coming, model
        log.info("nlu_model_changed", model=str(model))
        # Owned by this object, awaited in `stop`: whoever is stopped while the old ones leave must not leave them behind.
        self._leaving = asyncio.get_running_loop().create_task(self._retire(old), name="nlu-leaving")
        await asyncio.shield(self._leaving)

    async def _retire(self, old: Sequence[RasaProcess]) -> None:
        """End processes after their last answer."""
        while any(self._busy.get(id(process)) for process in old):
            self._released.clear()
            await self._released.wait()
        await self._end(old)

    async def _generation(self, model: Path) -> list[RasaProcess]:
        processes = [self._start_one(model) for _ in range(self._workers)]
        for process in processes:
            await process.start()
        return processes

    async def _end(self, processes: Sequence[RasaProcess]) -> None:
        await asyncio.gather(*(process.stop() for process in processes))
        for process in processes:
            self._busy.pop(id(process), None)

    def _least_busy(self) -> RasaProcess:
        up = [process for process in self._serving if process.ready]
        if not up:
            raise NluUnavailable("Rasa is starting")
        return min(up, key=lambda process: self._busy.get(id(process), 0))

    @contextlib.contextmanager
    def _occupied(self, process: RasaProcess) -> Iterator[None]:
        self._busy[id(process)] = self._busy.get(id(process), 0) + 1
        try:
            yield
        finally:
            self._busy[id(process)] -= 1
            self._released.set()

    async def _watch(self) -> None:
        refused: Path | None = None
        while True:
            await asyncio.sleep(self._look_seconds)
            wanted = live_model(self._pointer)
            if wanted in (self.model, refused):
                continue
            try:
                await self.swap(wanted)
                refused = None
            except (WrongModel, NluUnavailable, OSError) as error:
                refused = wanted  # told once; the old one goes on
                log.error("nlu_model_refused", model=str(wanted), why=str(error))
