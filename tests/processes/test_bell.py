"""Who wakes whom, and who may read which chat, on a line that can break."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy import text

from bot.processes.bell import INBOX, MOST_BYTES, OUTBOX, Line, LineDown, ring
from bot.processes.claims import ChatClaims
from tests.processes.conftest import CUT_THE_LINE, PATIENCE, open_line, until
from workflows.database import Database


def hearing(topic: str, heard: "asyncio.Queue[str]") -> Callable[[Line], None]:
    return lambda line: line.on(topic, heard.put_nowait)


def known(line: Line) -> Callable[[], Awaitable[bool]]:
    async def asked() -> bool:
        return line.open.is_set()

    return asked


async def test_another_process_is_woken_by_the_commit_and_not_before(one: Database, two: Database) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with open_line(two, hearing(INBOX, heard)):
        async with one.writing() as session:
            await ring(session, INBOX, "first")
        with contextlib.suppress(ZeroDivisionError):
            async with one.writing() as session:
                await ring(session, INBOX, "never")
                raise ZeroDivisionError
        async with one.writing() as session:
            await ring(session, OUTBOX, "of no interest")
            await ring(session, INBOX, "last")
        said = [await asyncio.wait_for(heard.get(), PATIENCE) for _ in range(2)]
    assert said == ["first", "last"]


async def test_nobody_wakes_himself(one: Database, two: Database) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    async with open_line(one, hearing(INBOX, heard)):
        for database, said in ((one, "own"), (two, "other's")):
            async with database.writing() as session:
                await ring(session, INBOX, said)
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "other's"
    assert heard.empty()


async def test_what_is_too_long_for_a_notification_is_refused_before_it_breaks_the_turn(one: Database) -> None:
    async with one.writing() as session:
        with pytest.raises(ValueError, match="too long"):
            await ring(session, INBOX, "长" * MOST_BYTES)


async def test_a_line_that_was_cut_comes_back_and_says_that_something_may_have_been_missed(
    one: Database, two: Database
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()
    returned: asyncio.Queue[None] = asyncio.Queue()
    async with open_line(two, hearing(INBOX, heard), lambda line: line.on_return(lambda: returned.put_nowait(None))):
        await asyncio.wait_for(returned.get(), PATIENCE)
        async with one.writing() as session:
            await session.execute(text(CUT_THE_LINE))
        await asyncio.wait_for(returned.get(), PATIENCE)
        async with one.writing() as session:
            await ring(session, INBOX, "again")
        assert await asyncio.wait_for(heard.get(), PATIENCE) == "again"


async def test_a_line_that_is_not_open_says_so(one: Database) -> None:
    with pytest.raises(LineDown):
        await Line(one).ask("SELECT 1")


# ---- claims


async def test_a_chat_is_read_by_one_process_until_it_is_given_back(one: Database, two: Database) -> None:
    chats = [f"web:{number}" for number in range(10)]
    async with open_line(one) as line_one, open_line(two) as line_two:
        first, second = ChatClaims(line_one), ChatClaims(line_two)
        ours = await first.take(chats, 4)
        assert len(ours) == 4
        theirs = await second.take(chats, 100)
        assert theirs == set(chats) - ours
        assert await first.take(chats, 100) == ours  # what is ours stays ours
        await first.give_back(sorted(ours))
        assert await second.take(chats, 100) == set(chats)
        assert await first.take(chats, 100) == set()


async def test_what_is_taken_twice_is_given_back_once(one: Database, two: Database) -> None:
    async with open_line(one) as line_one, open_line(two) as line_two:
        first, second = ChatClaims(line_one), ChatClaims(line_two)
        await first.take(["web:1"], 1)
        await first.take(["web:1"], 1)
        await first.give_back(["web:1"])
        assert await second.take(["web:1"], 1) == {"web:1"}


async def test_the_claims_of_a_process_end_with_it(one: Database, two: Database) -> None:
    async with open_line(two) as line_two:
        second = ChatClaims(line_two)
        async with open_line(one) as line_one:
            assert await ChatClaims(line_one).take(["web:1"], 1) == {"web:1"}
            assert await second.take(["web:1"], 1) == set()

        async def free() -> bool:
            return bool(await second.take(["web:1"], 1))

        await until(free)


async def test_without_a_line_everything_is_tried_for_the_turns_own_lock_decides(one: Database) -> None:
    line = Line(one)
    claims = ChatClaims(line)
    assert await claims.take(["web:1", "web:2"], 1) == {"web:1", "web:2"}
    await claims.give_back(["web:1"])
    assert not await known(line)()
