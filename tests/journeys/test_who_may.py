"""Who may do what: every button, forged by everybody, in every state of a case, through the real dispatcher.

The table below was written by hand from DESIGN.md's ladder, not read from the program's own.
"""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import func, select

from bot.conversation.buttons import CaseDo
from nlu.rasa_client import RasaClient
from tests.conftest import settings_for
from tests.town import Town
from workflows.cases import NewReport
from workflows.models import CaseEvent, Chat, Person, Post, WebBubble
from workflows.policy.lifecycle import Status

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

REPORTER, NEIGHBOUR = "td-resident", "td-neighbour"
GRID, BRANCH, HEAD = "td-grid", "td-branch", "td-head-03"
PROPERTY, OFFICE, DEPARTMENT = "td-property", "td-secretary", "td-water"
STRANGERS = ("td-urban", "sq-grid", "sq-secretary", "qm-secretary")  # another department, other communities
EVERYBODY = (REPORTER, NEIGHBOUR, GRID, BRANCH, HEAD, PROPERTY, OFFICE, DEPARTMENT, *STRANGERS)

ACTS = (
    "verify", "not_true", "supply", "take_on", "head", "property", "community", "done", "cannot", "accept", "convene",
    "agree", "plan", "refuse", "confirm", "not_fixed", "note", "solved", "partly", "not", "urge", "withdraw",
)  # fmt: skip
NEAR = {GRID, BRANCH}
MAY: dict[Status, dict[str, set[str]]] = {
    Status.WITH_GRID: {
        "verify": NEAR | {OFFICE}, "not_true": NEAR | {OFFICE}, "supply": NEAR, "take_on": NEAR, "head": NEAR,
        "property": NEAR | {OFFICE}, "community": NEAR, "done": NEAR | {HEAD}, "accept": NEAR, "convene": {BRANCH},
        "agree": {BRANCH}, "note": NEAR | {OFFICE, HEAD}, "solved": {REPORTER}, "partly": {REPORTER},
        "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
    },
    Status.WITH_PROPERTY: {
        "supply": {PROPERTY}, "done": {PROPERTY}, "cannot": {PROPERTY}, "accept": {PROPERTY},
        "note": NEAR | {OFFICE, HEAD, PROPERTY}, "solved": {REPORTER}, "partly": {REPORTER}, "not": {REPORTER},
        "urge": {REPORTER}, "withdraw": {REPORTER},
    },
    Status.WITH_COMMUNITY: {
        "supply": {OFFICE}, "property": {OFFICE}, "done": {OFFICE}, "accept": {OFFICE}, "convene": {OFFICE},
        "agree": {OFFICE}, "note": NEAR | {OFFICE, HEAD}, "solved": {REPORTER}, "partly": {REPORTER},
        "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
    },
    Status.WITH_DEPARTMENT: {
        "supply": {DEPARTMENT}, "done": {DEPARTMENT}, "accept": {DEPARTMENT}, "plan": {DEPARTMENT},
        "refuse": {DEPARTMENT}, "note": NEAR | {OFFICE, HEAD, DEPARTMENT}, "solved": {REPORTER},
        "partly": {REPORTER}, "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
    },
    Status.TO_CONFIRM: {
        "confirm": NEAR | {OFFICE}, "not_fixed": NEAR | {OFFICE}, "note": NEAR | {OFFICE, HEAD, PROPERTY},
        "solved": {REPORTER}, "partly": {REPORTER}, "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
    },
    Status.TO_JUDGE: {
        "note": NEAR | {OFFICE, HEAD, PROPERTY}, "solved": {REPORTER}, "partly": {REPORTER}, "not": {REPORTER},
        "urge": {REPORTER}, "withdraw": {REPORTER},
    },
}  # fmt: skip


@pytest.fixture
async def embedded(tmp_path: Path, reader: RasaClient) -> AsyncIterator[Town]:
    """A town on SQLite: permissions do not depend on the engine."""
    settings = settings_for(f"sqlite+aiosqlite:///{tmp_path / 'town.db'}", tmp_path)
    async with Town.opened(settings, reader) as opened:
        await opened.seated(HEAD)
        yield opened


class Stage:
    """A case in the state that is wanted, and people who try things on it."""

    def __init__(self, town: Town, people: dict[str, Person]) -> None:
        self._town = town
        self._people = people

    async def case(self, status: Status) -> int:
        """A new lamp of 富邦小区3号楼, brought to `status` by those whose business it is."""
        async with self._town.app.database.writing() as session:
            office = self._town.app.office(session)
            who = {key: person.id for key, person in self._people.items()}
            community = self._people[REPORTER].community_id
            where = self._town.app.directory.locate("富邦小区3号楼2单元", prefer_community=community)
            report = NewReport(who[REPORTER], community, "street_light", "楼道灯不亮", where)
            case_id = (await office.cases.open(report)).id
            h = office.handling
            if status is not Status.WITH_GRID:
                await h.verify(who[GRID], case_id)
            if status in (Status.WITH_COMMUNITY, Status.WITH_DEPARTMENT):
                await h.cannot_solve(who[PROPERTY], case_id, "线路老化，要动主线")
            if status is Status.WITH_DEPARTMENT:
                unit = office.directory.department(community, "水务局")
                assert unit is not None
                await h.blow_whistle(who[OFFICE], case_id, unit.id, "社区权限外", "无照片")
            if status in (Status.TO_CONFIRM, Status.TO_JUDGE):
                await h.report_result(who[PROPERTY], case_id, "换好了")
            if status is Status.TO_JUDGE:
                await h.confirm(who[GRID], case_id)
            assert (await office.file.case(case_id)).status == status
            return case_id

    async def tries(self, who: str, act: str, case_id: int) -> bool:
        """A forged button, and the words that it asks for. Whether the case's history has a line of theirs now."""
        before = await self._lines(who, case_id)
        chat = self._town.chat(who)
        bubble = WebBubble(id=1, chat_key=chat, sender="bot", text="…", buttons=[])
        await self._town.taps_data(who, bubble, CaseDo(act=act, case=case_id).pack())
        async with self._town.app.database.reading() as session:
            row = (await session.execute(select(Chat).where(Chat.chat_key == chat))).scalar_one()
            pending = str((row.data or {}).get("pending"))
        if pending == act:
            await self._town.says(who, "施工方、物业、居民商量，12月5日办，应该是园林局的事")
        return await self._lines(who, case_id) > before

    async def _lines(self, who: str, case_id: int) -> int:
        async with self._town.app.database.reading() as session:
            count = select(func.count()).where(CaseEvent.case_id == case_id, CaseEvent.actor_id == self._people[who].id)
            return int((await session.execute(count)).scalar_one())


@pytest.fixture
async def stage(embedded: Town) -> Stage:
    """Everybody of the table."""
    return Stage(embedded, {key: await embedded.person(key) for key in EVERYBODY})


@pytest.mark.parametrize("status", list(MAY), ids=str)
async def test_every_button_by_everybody(stage: Stage, status: Status) -> None:
    wrong = []
    case_id = await stage.case(status)
    for act in ACTS:
        for who in EVERYBODY:
            done = await stage.tries(who, act, case_id)
            if done != (who in MAY[status].get(act, set())):
                wrong.append(f"{who} {'did' if done else 'could not do'} {act}")
            if done:
                case_id = await stage.case(status)
    assert wrong == []


async def test_a_dismissed_grid_worker_has_lost_every_button(embedded: Town, stage: Stage) -> None:
    case_id = await stage.case(Status.WITH_GRID)
    grid_worker = await embedded.person(GRID)
    async with embedded.app.database.writing() as session:
        for post in (await session.execute(select(Post).where(Post.person_id == grid_worker.id))).scalars():
            post.until = embedded.clock.now()
    for act in ACTS:
        assert not await stage.tries(GRID, act, case_id), act
    assert "手头没有" in await embedded.says(GRID, "/desk")
