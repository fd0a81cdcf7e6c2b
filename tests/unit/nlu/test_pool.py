"""The pool of readers: who gets the work, how a new model takes over, and which models are refused."""

import asyncio
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from nlu.rasa_client import RasaProcess
from nlu.rasa_pool import RasaPool, WrongModel, intents_of, live_model
from nlu.understanding import INTENTS, NluUnavailable, Understanding


def model(path: Path, intents: Sequence[str] = tuple(INTENTS)) -> Path:
    """A file that says of itself what a model of ours says."""
    content = json.dumps(list(intents)).encode()
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("components/train_components.linear_intents/intents.json")
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


class Reader:
    """A process without one: it answers with its model's name when it is let."""

    made: ClassVar[list["Reader"]] = []

    def __init__(self, model: Path) -> None:
        self.model, self.ready, self.stopped, self.read = model, False, False, 0
        self.may_come_up, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_come_up.set()
        self.may_answer.set()
        Reader.made.append(self)

    async def start(self) -> None:
        self.ready = self.may_come_up.is_set()

    async def wait_until_ready(self, timeout_seconds: float | None = None) -> None:
        if "broken" in self.model.name:
            raise NluUnavailable("did not come up")
        await self.may_come_up.wait()
        self.ready = True

    async def stop(self) -> None:
        self.stopped, self.ready = True, False

    async def understand(self, text: str) -> Understanding:
        self.read += 1
        await self.may_answer.wait()
        assert not self.stopped, "it was ended while it was reading"
        return Understanding(text, self.model.stem.split(".")[0], 1.0)


def start(path: Path) -> RasaProcess:
    return cast(RasaProcess, Reader(path))


async def until(condition: Callable[[], bool]) -> None:
    """Let the others work until it holds; not for ever."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the pool has no event for what the test looks at
            await asyncio.sleep(0.001)


@pytest.fixture(autouse=True)
def _nobody() -> None:
    Reader.made = []


def pool(tmp_path: Path, name: str = "old", workers: int = 1, **more: Any) -> RasaPool:
    pointer = tmp_path / "live"
    pointer.write_text(str(model(tmp_path / f"{name}.tar.gz")))
    return RasaPool(workers=workers, pointer=pointer, start=start, look_seconds=0.01, **more)


async def test_the_work_goes_to_whoever_has_least(tmp_path: Path) -> None:
    async with pool(tmp_path, workers=2) as readers:
        for reader in Reader.made:
            reader.may_answer.clear()
        waiting = [asyncio.ensure_future(readers.understand("楼道灯不亮")) for _ in range(4)]
        await asyncio.sleep(0)
        assert [reader.read for reader in Reader.made] == [2, 2]
        for reader in Reader.made:
            reader.may_answer.set()
        await asyncio.gather(*waiting)


async def test_a_new_model_takes_over_while_the_old_one_finishes_what_it_reads(tmp_path: Path) -> None:
    async with pool(tmp_path) as readers:
        old = Reader.made[0]
        old.may_answer.clear()
        begun = asyncio.ensure_future(readers.understand("楼道灯不亮"))
        await asyncio.sleep(0)
        swap = asyncio.ensure_future(readers.swap(model(tmp_path / "new.tar.gz")))
        await until(lambda: len(Reader.made) == 2 and Reader.made[1].ready)
        assert (await readers.understand("楼道灯不亮")).intent == "new"
        assert not old.stopped
        old.may_answer.set()
        assert (await begun).intent == "old"
        await swap
        assert old.stopped


async def test_until_the_new_one_is_ready_the_old_one_answers(tmp_path: Path) -> None:
    async with pool(tmp_path) as readers:

        def slow(path: Path) -> RasaProcess:
            reader = Reader(path)
            reader.may_come_up.clear()
            return cast(RasaProcess, reader)

        readers._start_one = slow
        swap = asyncio.ensure_future(readers.swap(model(tmp_path / "new.tar.gz")))
        await until(lambda: len(Reader.made) == 2)
        assert (await readers.understand("楼道灯不亮")).intent == "old"
        Reader.made[1].may_come_up.set()
        await swap
        assert (await readers.understand("楼道灯不亮")).intent == "new"


async def test_stopping_while_the_old_ones_leave_leaves_none_behind(tmp_path: Path) -> None:
    readers = pool(tmp_path)
    await readers.start()
    old = Reader.made[0]
    old.may_answer.clear()
    begun = asyncio.ensure_future(readers.understand("楼道灯不亮"))
    await asyncio.sleep(0)
    (tmp_path / "live").write_text(str(model(tmp_path / "new.tar.gz")))
    await until(lambda: readers.model.name == "new.tar.gz")
    stopping = asyncio.ensure_future(readers.stop())  # the watcher is still waiting for the last answer of the old one
    await asyncio.sleep(0.01)
    old.may_answer.set()
    await stopping
    assert (await begun).intent == "old"
    assert [reader.stopped for reader in Reader.made] == [True, True]


async def test_a_model_that_does_not_come_up_changes_nothing(tmp_path: Path) -> None:
    async with pool(tmp_path) as readers:
        with pytest.raises(NluUnavailable):
            await readers.swap(model(tmp_path / "broken.tar.gz"))
        assert Reader.made[1].stopped
        assert (await readers.understand("楼道灯不亮")).intent == "old"


async def test_whoever_names_another_model_in_the_pointer_changes_it_without_a_restart(tmp_path: Path) -> None:
    async with pool(tmp_path) as readers:
        (tmp_path / "live").write_text(str(model(tmp_path / "new.tar.gz")))
        await until(lambda: readers.model.name == "new.tar.gz")
        assert (await readers.understand("楼道灯不亮")).intent == "new"


async def test_a_model_of_other_intents_is_refused_with_both_lists(tmp_path: Path) -> None:
    strange = model(tmp_path / "strange.tar.gz", ["greet", "pizza"])
    pointer = tmp_path / "live"
    pointer.write_text(str(strange))
    with pytest.raises(WrongModel) as refusal:
        await RasaPool(pointer=pointer, start=start).start()
    assert "greet, pizza" in str(refusal.value)
    assert "pest_control" in str(refusal.value)
    assert Reader.made == []


def test_a_file_that_is_no_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    with pytest.raises(NluUnavailable, match="make train"):
        intents_of(tmp_path / "x.tar.gz")


def test_a_pointer_to_nothing_leaves_the_shipped_model(tmp_path: Path) -> None:
    (tmp_path / "live").write_text("/nowhere/nlu.tar.gz")
    assert live_model(tmp_path / "live") == live_model(None)
