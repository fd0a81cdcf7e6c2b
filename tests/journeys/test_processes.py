"""Two and three processes of the product on one PostgreSQL: each thing once, in order, and somebody takes over."""

import asyncio
import itertools
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from bot.app import App
from bot.channels.web.messenger import CHANNEL
from bot.channels.web.page import message_update
from bot.clock import ManualClock
from bot.http import listening
from bot.operating.stopping import Stop, serve
from bot.processes.roles import ProcessRole
from nlu.understanding import Entity, Understanding
from tests.conftest import fresh_postgres, settings_for
from tests.processes.conftest import CUT_THE_LINE
from tests.processes.test_postbox import Holding
from tests.town import TUESDAY
from workflows.case_file import CLOCK
from workflows.database import at_the_end
from workflows.models import Case, CaseEvent, FollowUp, Inbound, Outbound, WebBubble

pytestmark = pytest.mark.journey
PATIENCE = 90  # seconds that a condition may take on a busy machine
WORK = (ProcessRole.TURNS, ProcessRole.COURIER, ProcessRole.SCHEDULER)


class Reader:
    """Knows lights, and one estate; may be made to think for ever."""

    def __init__(self) -> None:
        self.asked, self.may_answer = asyncio.Event(), asyncio.Event()
        self.may_answer.set()

    async def understand(self, text: str) -> Understanding:
        self.asked.set()
        await self.may_answer.wait()
        intent = "street_light" if "灯" in text else "thanks"
        entities = tuple(
            Entity(kind, words, text.index(words), text.index(words) + len(words))
            for kind, pattern in (("estate", "富邦小区"), ("building", r"\d+号楼"))
            for words in re.findall(pattern, text)
        )
        return Understanding(text, intent, 0.97, ((intent, 0.97),), (), entities)

    async def alike(self, text: str, others: Sequence[str]) -> list[float]:
        return [0.0] * len(others)


@pytest.fixture
async def url(postgres_url: str) -> str:
    return await fresh_postgres(postgres_url)


def process(url: str, tmp_path: Path, *roles: ProcessRole, clock: ManualClock | None = None) -> tuple[App, Reader]:
    reader = Reader()
    settings = settings_for(url, tmp_path, process={"roles": list(roles or ProcessRole), "take_over_seconds": 3})
    return App(settings, clock=clock, understander=reader), reader


async def says(app: App, chat: str, number: int, words: str) -> None:
    at = int(app.clock.now().timestamp())
    await app.inbox.receive(CHANNEL, f"{chat}:{number}", chat, message_update(number, chat, at, words))


async def rows(app: App, statement: Any) -> list[Any]:
    async with app.database.reading() as session:
        return list((await session.execute(statement)).scalars())


async def until(app: App, true: Callable[[list[Any]], bool], statement: Any) -> list[Any]:
    """Wait until the table is so."""
    async with asyncio.timeout(PATIENCE):
        while not true(found := await rows(app, statement)):  # noqa: ASYNC110 - another process changes it
            await asyncio.sleep(0.05)
    return found


# ---- turns and couriers


async def test_two_processes_at_work_do_each_thing_once_and_in_order(url: str, tmp_path: Path) -> None:
    chats = [str(800_000 + number) for number in range(6)]
    one, two = process(url, tmp_path)[0], process(url, tmp_path)[0]
    async with one.running(), two.running():
        for number in range(1, 6):
            stored = []
            for place, (app, chat) in enumerate(zip(itertools.cycle((one, two)), chats), 1):
                report = f"富邦小区{place}号楼楼道灯不亮"
                words = report if number == 1 else "谢谢" if number % 2 else "/cases"
                stored.append(says(app, chat, number, words))
            await asyncio.gather(*stored)
        done = await until(
            one, lambda found: len(found) == 30 and {row.state for row in found} == {"done"}, select(Inbound)
        )
        sent = await until(one, lambda found: {row.state for row in found} == {"sent"}, select(Outbound))
    _in_order(done, sent)
    bubbles = Counter(await rows(one, select(WebBubble.outbox_id).where(WebBubble.sender == "bot")))
    assert bubbles == Counter(row.id for row in sent if row.method.startswith("Send"))
    assert len(await rows(one, select(Case.id))) == 6
    await asyncio.gather(one.database.close(), two.database.close())


def _in_order(done: Sequence[Inbound], sent: Sequence[Outbound]) -> None:
    answers: Counter[int] = Counter()
    for chat in {row.chat_key for row in done}:
        inbound = sorted((row for row in done if row.chat_key == chat), key=lambda row: row.id)
        assert [row.update["message"]["message_id"] for row in inbound] == [1, 2, 3, 4, 5]
        assert all(a.done_at <= b.done_at for a, b in itertools.pairwise(inbound) if a.done_at and b.done_at)
        own = {row.id for row in inbound}
        outbound = sorted((row for row in sent if row.chat_key == chat), key=lambda row: row.id)
        answered = [row.inbound_id for row in outbound if row.inbound_id in own]
        assert answered == sorted(answered)
        assert all(a.sent_at <= b.sent_at for a, b in itertools.pairwise(outbound) if a.sent_at and b.sent_at)
        answers.update(answered)
    assert set(answers) == {row.id for row in done}


async def test_a_chat_that_one_process_is_reading_is_left_to_it_and_taken_over_when_it_is_gone(
    url: str, tmp_path: Path
) -> None:
    web, _ = process(url, tmp_path, ProcessRole.WEB)
    one, slow = process(url, tmp_path, *WORK)
    two, _ = process(url, tmp_path, *WORK)
    slow.may_answer.clear()
    done = select(Inbound.chat_key).where(Inbound.state == "done")
    async with web.running(), asyncio.TaskGroup() as group, AsyncExitStack() as life:
        await one.prepare()
        await life.enter_async_context(one._among_others())
        await says(web, "800001", 1, "富邦小区5号楼楼道灯不亮")
        reading = group.create_task(one.turns.once())
        await asyncio.wait_for(slow.asked.wait(), PATIENCE)
        async with two.running():
            await says(web, "800002", 1, "谢谢")
            assert await until(web, bool, done) == ["800002"]
            await says(web, "800003", 1, "谢谢")  # one more look at the inbox
            assert set(await until(web, lambda found: len(found) == 2, done)) == {"800002", "800003"}
            await life.aclose()  # it dies in the middle of reading: its line ends, and nothing else is said
            assert len(await until(web, lambda found: len(found) == 3, done)) == 3
        reading.cancel()
    assert len(await rows(web, select(Case.id))) == 1
    await asyncio.gather(*(app.database.close() for app in (web, one, two)))


# ---- ticks


async def _a_week(apps: Sequence[App], clock: ManualClock) -> dict[str, list[str]]:
    """Twelve reports, and then nobody answers: what happens to each case, by its number."""
    for number in range(1, 13):
        await says(apps[0], str(800_100 + number), 1, f"富邦小区{number}号楼楼道灯不亮")
        await apps[0].settle()
    for _ in range(24):
        clock.forward(timedelta(hours=7))
        while sum(await asyncio.gather(*(app.tick(limit=5) for app in apps), *(app.issue() for app in apps))):
            pass
    told: dict[str, list[str]] = {}
    found = select(CaseEvent, Case.number).join(Case, Case.id == CaseEvent.case_id).order_by(CaseEvent.id)
    async with apps[0].database.reading() as session:
        for event, number in (await session.execute(found)).all():
            told.setdefault(number, []).append(f"{event.action} {event.from_status}→{event.to_status} {event.at}")
    return told


async def test_schedulers_side_by_side_do_what_one_alone_would_do(url: str, postgres_url: str, tmp_path: Path) -> None:
    clock = ManualClock(TUESDAY)
    apps = [process(url, tmp_path, clock=clock)[0] for _ in range(3)]
    other = ManualClock(TUESDAY)
    alone = process(await fresh_postgres(postgres_url), tmp_path / "alone", clock=other)[0]
    for app in (*apps, alone):
        await app.prepare()
    together, single = await _a_week(apps, clock), await _a_week([alone], other)
    assert together == single
    assert len(together) == 12 and all(len(told) > 4 for told in together.values())
    said = select(Outbound.chat_key, Outbound.payload)
    counts = []
    for app in (apps[0], alone):
        async with app.database.reading() as session:
            counts.append(Counter((chat, payload.get("text")) for chat, payload in await session.execute(said)))
    assert counts[0] == counts[1]
    clocks = Counter(
        await rows(apps[0], select(FollowUp.case_id).where(FollowUp.kind == CLOCK, FollowUp.done_at.is_(None)))
    )
    assert set(clocks.values()) == {1}
    for app in (*apps, alone):
        await app.database.close()


async def test_a_case_that_another_process_changed_meanwhile_is_seen_as_it_is_once_it_is_locked(
    url: str, tmp_path: Path
) -> None:
    one, two = (process(url, tmp_path, clock=ManualClock(TUESDAY))[0] for _ in range(2))
    await one.prepare()
    await two.prepare()
    await says(one, "800001", 1, "富邦小区5号楼楼道灯不亮")
    await one.settle()
    [case_id] = await rows(one, select(Case.id))
    async with one.database.writing() as session:
        office = one.office(session)
        seen = await office.file.case(case_id, lock=False)
        before = seen.category
        async with two.database.writing() as other:
            (await two.office(other).file.case(case_id)).category = "elevator"
        assert (await office.file.case(case_id, lock=False)).category == before
        assert (await office.file.case(case_id)).category == "elevator"
    await asyncio.gather(one.database.close(), two.database.close())


async def test_two_who_report_the_same_in_one_instant_to_two_processes_make_one_case(url: str, tmp_path: Path) -> None:
    clock = ManualClock(TUESDAY)
    one, two = (process(url, tmp_path, clock=clock)[0] for _ in range(2))
    await one.prepare()
    await two.prepare()
    for number in (1, 2):
        await says(one, f"80000{number}", 1, "富邦小区5号楼楼道灯不亮")
    first, second = await one.turns._heads(10)
    holding = Holding()
    async with asyncio.TaskGroup() as group:
        group.create_task(_turn_that_stands_still(one, first, holding))
        await asyncio.wait_for(holding.there.wait(), PATIENCE)  # its case is there, and nobody sees it
        async with two.database.writing() as session:
            await two.turns._handle_each(session, [(second, await two.turns._read(second, None))])
        [waits] = await rows(two, select(Inbound).where(Inbound.id == second.id))
        assert (waits.state, waits.attempts, waits.error) == ("waiting", 0, "")
        holding.may_go.set()
    async with asyncio.timeout(PATIENCE):
        while not await two.turns.once():  # noqa: ASYNC110 - it gave way for a tenth of a second
            await asyncio.sleep(0.02)
    await two.courier.drain()
    assert len(await rows(two, select(Case.id))) == 1
    told = await rows(two, select(Outbound).where(Outbound.chat_key == second.chat_key))
    assert "s:1" in json.dumps([row.payload for row in told])  # the first one's case is offered
    await asyncio.gather(one.database.close(), two.database.close())


async def _turn_that_stands_still(app: App, row: Inbound, holding: Holding) -> None:
    read = await app.turns._read(row, None)
    async with app.database.writing() as session:
        await app.turns._handle_each(session, [(row, read)])
        at_the_end(session, holding)


# ---- the page


@asynccontextmanager
async def served(app: App) -> AsyncIterator[str]:
    """The process at work, its page on a port of its own."""
    stop = Stop()
    with listening("127.0.0.1", 0) as sockets:
        async with app.running(), asyncio.TaskGroup() as group:
            group.create_task(serve(app.http, sockets, stop))
            yield f"ws://127.0.0.1:{sockets[0].getsockname()[1]}/ws"
            stop._asked.set()


async def _open(socket: ClientConnection, chat: str, last: int = 0) -> list[dict[str, Any]]:
    await socket.send(json.dumps({"type": "hello", "chats": {chat: last}}))
    return await _heard(socket, lambda event: event["type"] == "ready")


async def _heard(socket: ClientConnection, last: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    heard: list[dict[str, Any]] = []
    async with asyncio.timeout(PATIENCE):
        while not heard or not last(heard[-1]):
            heard.append(json.loads(await socket.recv()))
    return heard


def _from(sender: str) -> Callable[[dict[str, Any]], bool]:
    return lambda event: event["type"] == "bubble" and event["bubble"]["from"] == sender


async def test_a_page_hears_what_other_processes_do_to_its_chat(url: str, tmp_path: Path) -> None:
    near, far = process(url, tmp_path, ProcessRole.WEB)[0], process(url, tmp_path, ProcessRole.WEB)[0]
    work, _ = process(url, tmp_path, *WORK)
    async with (
        served(near) as here,
        served(far) as there,
        work.running(),
        connect(here) as mine,
        connect(there) as other,
    ):
        for socket in (mine, other):
            await _open(socket, "1001")
        await mine.send(
            json.dumps({"type": "text", "chat": "1001", "client_id": "c1", "text": "富邦小区5号楼楼道灯不亮"})
        )
        for socket in (mine, other):
            heard = await _heard(socket, _from("bot"))
            assert [event["bubble"]["text"] for event in heard if _from("me")(event)] == ["富邦小区5号楼楼道灯不亮"]
            assert {"type": "typing", "chat": "1001", "on": True} in heard
            await _heard(socket, lambda event: event == {"type": "typing", "chat": "1001", "on": False})
        seq = max(await rows(near, select(WebBubble.seq).where(WebBubble.chat_key == "1001")))
        await mine.send(json.dumps({"type": "read", "chat": "1001", "seq": seq}))
        unread = await _heard(other, lambda event: event["type"] == "unread")
        assert unread[-1] == {"type": "unread", "chat": "1001", "seq": seq, "count": 0}


async def test_a_page_whose_process_was_deaf_for_a_while_is_told_to_come_back_and_misses_nothing(
    url: str, tmp_path: Path
) -> None:
    page, _ = process(url, tmp_path, ProcessRole.WEB)
    work, _ = process(url, tmp_path, *WORK)
    async with served(page) as address, work.running():
        async with connect(address) as socket:
            await _open(socket, "1001")
            async with work.database.writing() as session:
                await session.execute(text(CUT_THE_LINE))
            await says(work, "1001", 1, "谢谢")
            with pytest.raises(ConnectionClosed) as closed:
                await _heard(socket, lambda _: False)
            assert closed.value.rcvd is not None and closed.value.rcvd.code == 1012
        await until(work, bool, select(WebBubble.id).where(WebBubble.chat_key == "1001"))
        async with connect(address) as socket:
            assert any(_from("bot")(event) for event in await _open(socket, "1001"))
