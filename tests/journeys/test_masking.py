"""Nobody outside the need-to-know circle reads a resident's number: every message of a season is searched for one.

Residents and staff of this season write phone and ID numbers into everything that they write, in many spellings. The
search knows nothing of how masking works: it folds a message to bare digits and looks for the numbers themselves.
"""

import re
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.conversation import cards, digest_text
from bot.simulation import Season
from tests.conftest import settings_for
from tests.talkative import IDS, PHONES, Talkative, told
from workflows.corrections import Corrections
from workflows.database import Database
from workflows.digest import Week
from workflows.models import Case, Outbound, Person, Post
from workflows.policy.permissions import Role

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("talkative_reports")]


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


async def test_no_number_leaves_the_circle_in_a_whole_season(tmp_path: Path) -> None:
    played, database = await season(tmp_path)
    try:
        async with database.reading() as session:
            await _outbox(session, played.grids, played.spoken_for.said_by)
            await _screens(played, session)
            exported = [row.text for row in await Corrections(session, played.start).candidates("new")]
            assert exported
            assert not [text for text in exported if told(text, PHONES + IDS)]
            assert not [text for text in exported for name in played.spoken_for.said_by if name in text]
    finally:
        await database.close()


async def _outbox(session: AsyncSession, grids: dict[str, set[int | None]], said_by: dict[str, int]) -> None:
    circle = await near(session)
    assert len(said_by) > 10
    rows = (await session.execute(select(Outbound))).scalars().all()
    assert len(rows) > 500
    reached = 0
    for row in rows:
        text = str(row.payload.get("text") or row.payload.get("caption") or "")
        buttons = [b["text"] for line in row.payload.get("reply_markup", {}).get("inline_keyboard", []) for b in line]
        for said in (text, *buttons):
            assert not told(said, IDS), said
            for name in (name for name in said_by if name in said):  # nobody has agreed: only who said it reads it
                assert str(said_by[name]) == row.chat_key, said
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
            assert not [name for name in played.spoken_for.said_by if name in text], text
        assert not told(cards.staff_card(view, Role.GRID_WORKER, now, zone)[0], IDS)
    for person in (await session.execute(select(Person.id))).scalars():
        for digest in await office.digests.for_person(person, Week.of(now, zone)):
            for text in digest_text.render(digest):
                assert not told(text, everybody), text
