"""A colleague who waits for a case of another grid, as one who joined it, sees and does what everybody does who waits."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.demo import KEYS
from bot.simulation.reader import Reader
from tests.conftest import settings_for
from tests.town import Town
from workflows.models import Person, Post
from workflows.policy.permissions import Role

pytestmark = pytest.mark.journey

LIGHT = "富邦小区3号楼2单元楼道灯坏了一个星期了，电话13947105678"


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The demo neighbourhood, read by somebody who knows these words."""
    async with Town.opened(settings_for(database_url, tmp_path), Reader()) as opened:
        yield opened


async def _of_another_grid(town: Town, grid_id: int | None) -> Person:
    async with town.app.database.reading() as session:
        rows = await session.execute(
            select(Person)
            .join(Post, Post.person_id == Person.id)
            .where(Post.role == Role.GRID_WORKER, Post.grid_id != grid_id, Person.key.is_not(None))
            .order_by(Person.id)
        )
        return next(one for one in rows.scalars() if one.key != "td-grid")


async def test_a_grid_worker_of_elsewhere_who_joined_is_told_no_number_and_asked_for_a_verdict(here: Town) -> None:
    await here.says("td-resident", LIGHT)
    case = await here.only_case()
    assert "13947105678" in await here.heard("td-grid")  # she goes there, and may have to ring
    colleague = await _of_another_grid(here, case.grid_id)
    assert colleague.key is not None
    if colleague.key not in KEYS:
        await here.seated(colleague.key)
    async with here.app.database.writing() as session:
        await here.app.office(session).cases.join(colleague.id, case.id, "我家也是")
    shown = await here.says(colleague.key, case.number)
    assert case.number in shown and "负责" in shown and "13947105678" not in shown
    await here.button(colleague.key, "催一下")
    with pytest.raises(AssertionError, match="属实"):
        await here.button(colleague.key, "属实")
    await here.taps("td-grid", "属实")
    await here.says("td-property", "换好了新灯泡")
    await here.taps("td-grid", "现场确认，好了")
    assert "等您评价" in await here.says(colleague.key, f"{case.number}怎么样了")
    await here.taps(colleague.key, "解决了")
    assert (await here.only_case()).status == "solved"
    await here.keeps_its_promises()
