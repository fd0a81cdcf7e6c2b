"""Nobody outside the need-to-know circle reads a resident's number: every message of a season is searched for one.

Residents and staff of this season write phone and ID numbers into everything that they write, in many spellings. The
search knows nothing of how masking works: it folds a message to bare digits and looks for the numbers themselves.
"""

import inspect
import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot import simulation
from bot.announcer import Announcer
from bot.conversation import cards, digest_text
from bot.simulation import Season
from tests.conftest import settings_for
from workflows.corrections import Corrections
from workflows.database import Database
from workflows.digest import Week
from workflows.models import Account, Case, Outbound, Person, Post
from workflows.office import Office
from workflows.policy.permissions import Role
from workflows.policy.places import Address

pytestmark = pytest.mark.journey

PHONES = ("13947105678", "18604719988", "04715951234")
IDS = ("150102198001011234", "15010219991231123X", "150102800101123")
SPELLINGS = (
    "电话13947105678", "打139 4710 5678", "一三九四七一零五六七八", "１３９－４７１０－５６７８", "+86 186-0471-9988", "186.0471.9988",
    "1 8 6 0 4 7 1 9 9 8 8", "0471-5951234", "座机(0471)5951234", "幺三九四七幺零五六七八", "证150102198001011234",
    "身份证150102 19991231 123X", "15010219991231123x", "150102800101123", "１５０１０２１９８００１０１１２３４", "186零四七一9988",
)  # fmt: skip
WRITTEN = frozenset({"note", "reason", "question", "text", "parties", "agreement", "proposed", "photo_note"})
_HAN = str.maketrans("零〇一二三四五六七八九幺", "001234567891")


def told(text: str, numbers: tuple[str, ...]) -> set[str]:
    """Which of the numbers a text gives away, however it is written."""
    plain = unicodedata.normalize("NFKC", text).translate(_HAN).upper()
    bare = re.sub(r"[^0-9X*]", "", plain)
    return {number for number in numbers if number in bare}


class Chatty:
    """A side of the office whose every free text ends in somebody's number."""

    def __init__(self, side: Any, numbers: Iterator[str]) -> None:
        self._side = side
        self._numbers = numbers

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._side, name)
        if not inspect.iscoroutinefunction(method):
            return method
        signature = inspect.signature(method)

        async def call(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs)
            for key in WRITTEN & given.arguments.keys():
                given.arguments[key] = f"{given.arguments[key]}，{next(self._numbers)}"
            return await method(*given.args, **given.kwargs)

        return call


class Talkative(Season):
    """A season in which people write numbers into everything, and everybody has a chat."""

    numbers = itertools.cycle(SPELLINGS)

    async def _prepare(self) -> None:
        await super()._prepare()
        self.grids: dict[str, set[int | None]] = {}  # by case number; more than one where its place was put right
        self.announcer = Announcer(self.settings.zone, None)
        async with self.database.writing() as session:
            for person in (await session.execute(select(Person))).scalars():
                chat = Account(
                    community_id=person.community_id, person_id=person.id, channel="web", chat_key=str(person.id)
                )
                session.add(chat)

    def _office(self, session: AsyncSession, moment: datetime) -> Office:
        office = super()._office(session, moment)
        office.cases = Chatty(office.cases, self.numbers)  # type: ignore[assignment]
        office.handling = Chatty(office.handling, self.numbers)  # type: ignore[assignment]
        return office

    def _where(self, home: Address, category: str) -> Address:
        found = super()._where(home, category)
        return replace(found, place=f"{found.place}{next(self.numbers)}") if self._random.random() < 0.3 else found

    async def _hear(self, office: Office) -> None:
        await super()._hear(office)
        for notice in office.notices:
            if notice.case_id is not None:
                case = await office.session.get_one(Case, notice.case_id)
                self.grids.setdefault(case.number, set()).add(case.grid_id)
        await self.announcer.announce(office)


@pytest.fixture(scope="module")
def texts() -> Iterator[None]:
    """What residents report, with a number behind it."""
    numbers = itertools.cycle(SPELLINGS)
    patch = pytest.MonkeyPatch()
    told_with_numbers = {
        kind: (weight, tuple(f"{words}，{next(numbers)}" for words in said for _ in range(3)))
        for kind, (weight, said) in simulation.TEXTS.items()
    }
    patch.setattr(simulation, "TEXTS", told_with_numbers)
    yield
    patch.undo()


async def season(tmp_path: Path) -> tuple[Talkative, Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'season.db'}"
    database = Database(url)
    played = Talkative(settings_for(url, tmp_path), database, days=28, residents=150, seed=7)
    result = await played.play()
    assert result["cases"] > 40, result
    return played, database


async def near(session: AsyncSession) -> dict[int, set[int]]:
    """Whom a grid's residents' numbers may reach: (person) -> grids of which they are grid worker or branch secretary."""
    rows = await session.execute(
        select(Post.person_id, Post.grid_id).where(Post.role.in_([Role.GRID_WORKER, Role.BRANCH_SECRETARY]))
    )
    out: dict[int, set[int]] = {}
    for person_id, grid_id in rows:
        if grid_id is not None:
            out.setdefault(person_id, set()).add(grid_id)
    return out


@pytest.mark.usefixtures("texts")
async def test_no_number_leaves_the_circle_in_a_whole_season(tmp_path: Path) -> None:
    played, database = await season(tmp_path)
    try:
        async with database.reading() as session:
            await _outbox(session, played.grids)
            await _screens(played, session)
            exported = [row.text for row in await Corrections(session, played.start).candidates("new")]
            assert exported
            assert not [text for text in exported if told(text, PHONES + IDS)]
    finally:
        await database.close()


async def _outbox(session: AsyncSession, grids: dict[str, set[int | None]]) -> None:
    circle = await near(session)
    rows = (await session.execute(select(Outbound))).scalars().all()
    assert len(rows) > 500
    reached = 0
    for row in rows:
        text = str(row.payload.get("text") or row.payload.get("caption") or "")
        buttons = [b["text"] for line in row.payload.get("reply_markup", {}).get("inline_keyboard", []) for b in line]
        for said in (text, *buttons):
            assert not told(said, IDS), said
            if told(said, PHONES):
                number = re.search(r"【(\w+-\d+)】", said)
                assert number is not None, said
                assert grids[number[1]] & circle.get(int(row.chat_key), set()), said
                reached += 1
    assert reached, "the grid worker has to ring somebody: she is told the number"


async def _screens(played: Talkative, session: AsyncSession) -> None:
    """What people see when they look: cards, histories, lists, whole texts, digests with their details."""
    now = played.start.replace(hour=12)
    office = Season._office(played, session, now)
    zone = played.settings.zone
    everybody = PHONES + IDS
    for case in (await session.execute(select(Case))).scalars():
        view = await office.file.view(case)
        lines = await office.file.history(case)
        seen = [
            cards.history(view, lines, now, zone), cards.case_line(view, 200), cards.whole_text(view),
            cards.option_line(view), cards.progress(view, now, zone)[0], cards.opened(view, now, zone)[0],
            *(cards.staff_card(view, post, now, zone)[0] for post in set(Role) - {Role.GRID_WORKER, Role.BRANCH_SECRETARY}),
        ]  # fmt: skip
        for text in seen:
            assert not told(text, everybody), text
        assert not told(cards.staff_card(view, Role.GRID_WORKER, now, zone)[0], IDS)
    for person in (await session.execute(select(Person.id))).scalars():
        for digest in await office.digests.for_person(person, Week.of(now, zone)):
            for text in digest_text.render(digest):
                assert not told(text, everybody), text
