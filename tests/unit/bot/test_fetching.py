"""Photos on their way: who waits for them and who doesn't."""

import asyncio
from typing import Any

from bot.fetching import Fetching
from workflows.models import Inbound


def update(number: int, channel: str = "slow", **noted: Any) -> Inbound:
    kept = {"message": {}} | ({"xiaoshao": noted} if noted else {})
    return Inbound(id=number, channel=channel, update_key=str(number), chat_key="1", update=kept)


async def test_a_turn_waits_for_its_own_photo_only() -> None:
    came, answered = asyncio.Event(), asyncio.Event()

    async def fetch(_: Inbound) -> dict[str, Any]:
        await answered.wait()
        return {"photo_id": "p"}

    fetching = Fetching({"slow": fetch}, came)
    slow, other, has_it = update(1), update(2, "web"), update(3, photo_id="q")
    assert not fetching.here(slow)
    assert fetching.here(other) and fetching.here(has_it)
    assert fetching.take(has_it) == {"photo_id": "q"} and fetching.take(other) is None
    answered.set()
    assert await fetching.some()
    await asyncio.wait_for(came.wait(), 5)
    assert fetching.here(slow) and fetching.take(slow) == {"photo_id": "p"}
    assert not await fetching.some()


async def test_a_photo_is_sent_for_once_and_again_only_after_it_was_taken() -> None:
    asked = []

    async def fetch(row: Inbound) -> None:
        asked.append(row.id)

    fetching = Fetching({"slow": fetch}, asyncio.Event())
    row = update(1)
    fetching.here(row)
    fetching.here(row)
    await fetching.some()
    assert fetching.here(row) and asked == [1]
    assert fetching.take(row) is None
    fetching.here(row)
    await fetching.some()
    assert asked == [1, 1]


async def test_one_that_never_comes_or_breaks_is_handed_over_as_trouble() -> None:
    async def never(_: Inbound) -> None:
        await asyncio.Event().wait()

    async def breaks(_: Inbound) -> None:
        raise ValueError("no such file")

    fetching = Fetching({"slow": never, "odd": breaks}, asyncio.Event(), within_seconds=0.01)
    rows = [update(1), update(2, "odd")]
    while not all([fetching.here(row) for row in rows]):
        await fetching.some()
    assert isinstance(fetching.take(rows[0]), TimeoutError)
    assert isinstance(fetching.take(rows[1]), ValueError)


async def test_closing_lets_go_of_what_has_not_come() -> None:
    ended = asyncio.Event()

    async def never(_: Inbound) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    fetching = Fetching({"slow": never}, asyncio.Event())
    fetching.here(update(1))
    await asyncio.sleep(0)
    await fetching.close()
    assert ended.is_set() and not await fetching.some()
