"""A shared commit: what comes while one is under way goes together into the next, and a commit costs what it costs once.

Each still stands or falls alone: when a commit of several fails, each of them is tried by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Work = TypeVar("Work")
Done = TypeVar("Done")
_Waiting = tuple[Work, asyncio.Future[Done]]
Together = Callable[[Sequence[Work]], Awaitable[Sequence[Done]]]


class SharedCommit(Generic[Work, Done]):
    """Gathers small writes of many tasks into transactions of one after the other."""

    def __init__(self, together: Together[Work, Done]) -> None:
        """`together` does some at once, all or none of them, and says of each what came of it."""
        self._together = together
        self._waiting: list[_Waiting[Work, Done]] = []
        self._one_at_a_time = asyncio.Lock()

    async def do(self, work: Work) -> Done:
        """Returns when it is committed; raises what kept it from that.

        Cancelled, it may or may not have been committed, as with a commit of its own; the others' are not lost.
        """
        mine: asyncio.Future[Done] = asyncio.get_running_loop().create_future()
        self._waiting.append((work, mine))
        async with self._one_at_a_time:
            if not mine.done():
                await asyncio.sleep(0)  # those that are ready at the same moment come along
                some, self._waiting = self._waiting, []
                try:
                    await self._all(some)
                finally:  # cancelled in the midst: whoever is next takes the others'
                    self._waiting[:0] = [one for one in some if not one[1].done() and one[1] is not mine]
        return await mine

    async def _all(self, some: Sequence[_Waiting[Work, Done]]) -> None:
        try:
            done = await self._together([work for work, _ in some])
        except Exception as error:
            if len(some) == 1:
                _fail(some[0][1], error)
                return
            for one in some:
                await self._all([one])
            return
        for (_, future), result in zip(some, done, strict=True):
            if not future.done():
                future.set_result(result)


def _fail(future: asyncio.Future[Done], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
