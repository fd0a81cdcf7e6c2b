"""Somebody with posts in several communities chooses which one the console shows; no link leads around that."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import settings_for
from tests.journeys.test_console import GRID, OFFICE, NobodyReads, opened, signed_in
from tests.town import Town
from workflows.cases import NewReport
from workflows.models import AuditEntry, Post

pytestmark = pytest.mark.journey


@pytest.fixture
async def here(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The demo neighbourhood, whose secretary helps out in the office of the community beside it."""
    async with Town.opened(settings_for(database_url, tmp_path), NobodyReads()) as opened_:
        person = await opened_.person(OFFICE)
        async with opened_.app.database.writing() as session:
            session.add(
                Post(community_id=other(opened_), person_id=person.id, role="community_staff",
                     unit_id=opened_.app.directory.community_unit(other(opened_)), since=opened_.clock.now())
            )  # fmt: skip
        yield opened_


def other(town: Town) -> int:
    """The community beside it."""
    return next(card.id for card in town.app.directory.communities if card.code == "SQ")


async def opened_there(town: Town) -> int:
    """A report in the other community."""
    resident = await town.person("sq-resident")
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        address = town.app.directory.locate("园林小区3号楼", prefer_community=resident.community_id)
        view = await office.cases.open(
            NewReport(resident.id, resident.community_id, "garbage", "垃圾堆了三天", address)
        )
        return view.id


async def test_they_look_at_one_community_and_then_at_the_other(here: Town) -> None:
    mine, theirs = await opened(here), await opened_there(here)
    async with signed_in(here, OFFICE) as desk:
        page = await desk.sees("board")
        assert "通道北街社区" in page
        assert 'action="/console/community"' in page
        assert f"/console/case/{mine}" in page
        assert f"/console/case/{theirs}" not in page
        await desk.sees(f"case/{mine}")
        assert "请先切换到它的社区" in await desk.sees(f"case/{theirs}", 404)
        assert (await desk.posts(f"case/{theirs}/note", text="记一笔")).status_code == 404
        export = (await desk.client.get("/console/export/search.csv")).content.decode("utf-8-sig")
        assert "垃圾堆了三天" not in export

        answer = await desk.posts("community", community=str(other(here)))
        assert answer.headers["location"] == "/console?said=switched"
        page = await desk.sees("board")
        assert f"/console/case/{theirs}" in page
        assert f"/console/case/{mine}" not in page
        await desk.sees(f"case/{theirs}")
        await desk.sees(f"case/{mine}", 404)
        assert "仕奇社区" in await desk.sees("digest")
        assert "仕奇安居物业" in await desk.sees("directory")
        # There they are staff, and not the secretary.
        await desk.sees("directory/estates/new", 403)
        assert (await desk.posts("posts", name="新来的", role="community_staff")).status_code == 403
        export = (await desk.client.get("/console/export/search.csv")).content.decode("utf-8-sig")
        assert "垃圾堆了三天" in export
        assert "楼道灯不亮了" not in export
    looked = await here.rows(AuditEntry, AuditEntry.deed == "export")
    assert [entry.community_id for entry in looked] == [(await here.person(OFFICE)).community_id, other(here)]


async def test_what_is_chosen_must_be_theirs_and_ends_with_the_post(here: Town) -> None:
    third = next(card.id for card in here.app.directory.communities if card.code == "QM")
    async with signed_in(here, OFFICE) as desk:
        for forged in (str(third), "999", "", "-1"):
            assert (await desk.posts("community", community=forged)).status_code == 403
        assert (await desk.client.post("/console/community", data={"community": str(other(here))})).status_code == 403
        assert (await desk.posts("community", community=str(other(here)))).status_code == 303
        assert "仕奇社区" in await desk.sees("board")
        person = await here.person(OFFICE)
        async with here.app.database.writing() as session:
            for post in await here.rows(Post, Post.person_id == person.id, Post.community_id == other(here)):
                (await session.get_one(Post, post.id)).until = here.clock.now()
        page = await desk.sees("board")
        assert "通道北街社区" in page
        assert 'action="/console/community"' not in page  # nothing is left to choose
    async with signed_in(here, GRID) as worker:
        assert 'action="/console/community"' not in await worker.sees("desk")
        assert (await worker.posts("community", community=str(other(here)))).status_code == 403


async def test_a_worker_of_two_communities_has_each_desk_apart(here: Town) -> None:
    mine, theirs = await opened(here), await opened_there(here)
    worker = await here.person(GRID)
    grid = next(card for card in here.app.directory.grids_of(other(here)))
    case = (await here.cases())[-1]
    async with here.app.database.writing() as session:
        session.add(
            Post(community_id=other(here), person_id=worker.id, role="grid_worker", grid_id=case.grid_id,
                 unit_id=grid.branch_unit_id, since=here.clock.now())
        )  # fmt: skip
    async with signed_in(here, GRID) as desk:
        page = await desk.sees("desk")
        assert f"/console/case/{mine}" in page
        assert f"/console/case/{theirs}" not in page
        assert (await desk.posts("community", community=str(other(here)))).status_code == 303
        page = await desk.sees("desk")
        assert f"/console/case/{theirs}" in page
        assert f"/console/case/{mine}" not in page
