"""A shared commit: together where it can be, alone where it must be, and nobody waits for ever."""

import asyncio
from collections.abc import Sequence

import pytest

from bot.processes.sharing import SharedCommit


class Book:
    """Stands for the database: all or none of what is written at once."""

    def __init__(self) -> None:
        self.commits: list[list[int]] = []
        self.free = asyncio.Event()
        self.free.set()

    async def write(self, numbers: Sequence[int]) -> Sequence[int]:
        await self.free.wait()
        if any(number < 0 for number in numbers):
            raise ValueError("refused")
        self.commits.append(list(numbers))
        return [number * 10 for number in numbers]


async def test_what_comes_during_a_commit_goes_together_into_the_next() -> None:
    book = Book()
    shared = SharedCommit[int, int](book.write)
    book.free.clear()
    first = asyncio.ensure_future(shared.do(1))
    await asyncio.sleep(0.01)
    others = [asyncio.ensure_future(shared.do(number)) for number in (2, 3, 4)]
    await asyncio.sleep(0.01)
    book.free.set()
    assert await asyncio.gather(first, *others) == [10, 20, 30, 40]
    assert book.commits == [[1], [2, 3, 4]]


async def test_one_that_is_refused_takes_nobody_with_it() -> None:
    book = Book()
    shared = SharedCommit[int, int](book.write)
    done = await asyncio.gather(*(shared.do(number) for number in (1, -2, 3)), return_exceptions=True)
    assert [done[0], done[2]] == [10, 30]
    assert isinstance(done[1], ValueError)


async def test_when_the_one_that_commits_for_all_is_cancelled_the_others_are_still_done() -> None:
    book = Book()
    shared = SharedCommit[int, int](book.write)
    book.free.clear()
    tasks = [asyncio.ensure_future(shared.do(number)) for number in (1, 2, 3)]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    await asyncio.sleep(0.01)
    book.free.set()
    with pytest.raises(asyncio.CancelledError):
        await tasks[0]
    assert await asyncio.gather(*tasks[1:]) == [20, 30]
    assert await shared.do(4) == 40
    assert not any(1 in commit for commit in book.commits)
