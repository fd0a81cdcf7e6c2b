"""Who may do what: every button, forged by everybody, in every state of a case, through the real dispatcher.

The table below was written by hand from DESIGN.md's ladder, not read from the program's own.
"""

from collections.abc import AsyncIterator
from datetime import timedelta
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
STAFF = "td-staff-1"  # of the office, but not its secretary
PROPERTY, OFFICE, DEPARTMENT = "td-property", "td-secretary", "td-water"
STRANGERS = ("td-urban", "sq-grid", "sq-secretary", "qm-secretary")  # another department, other communities
EVERYBODY = (REPORTER, NEIGHBOUR, GRID, BRANCH, HEAD, PROPERTY, OFFICE, DEPARTMENT, *STRANGERS)

ACTS = (
    "verify", "not_true", "supply", "take_on", "head", "property", "community", "done", "cannot", "accept", "convene",
    "agree", "plan", "refuse", "confirm", "not_fixed", "note", "solved", "partly", "not", "urge", "withdraw",
    "again", "ask_whistle", "send_whistle", "send_back", "keep", "assist", "assist_done", "assist_plan",
    "assist_refuse", "link", "suspend", "suspend_yes", "suspend_no", "wake", "merge", "split", "upkeep",
)  # fmt: skip
NEAR = {GRID, BRANCH}
OPEN_TO_THE_OFFICE = {"merge": {OFFICE}, "split": {OFFICE}}
MAY: dict[Status, dict[str, set[str]]] = {
    Status.WITH_GRID: {
        "verify": NEAR | {OFFICE}, "not_true": NEAR | {OFFICE}, "supply": NEAR, "take_on": NEAR, "head": NEAR,
        "property": NEAR | {OFFICE}, "community": NEAR, "done": NEAR | {HEAD}, "accept": NEAR, "convene": {BRANCH},
        "agree": {BRANCH}, "note": NEAR | {OFFICE, HEAD}, "solved": {REPORTER}, "partly": {REPORTER},
        "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
        "suspend": NEAR, "upkeep": NEAR, **OPEN_TO_THE_OFFICE,
    },
    Status.WITH_PROPERTY: {
        "supply": {PROPERTY}, "done": {PROPERTY}, "cannot": {PROPERTY}, "accept": {PROPERTY},
        "note": NEAR | {OFFICE, HEAD, PROPERTY}, "solved": {REPORTER}, "partly": {REPORTER}, "not": {REPORTER},
        "urge": {REPORTER}, "withdraw": {REPORTER},
        "suspend": {PROPERTY}, "upkeep": {PROPERTY}, **OPEN_TO_THE_OFFICE,
    },
    Status.WITH_COMMUNITY: {
        "supply": {OFFICE}, "property": {OFFICE}, "done": {OFFICE}, "accept": {OFFICE}, "convene": {OFFICE},
        "agree": {OFFICE}, "note": NEAR | {OFFICE, HEAD}, "solved": {REPORTER}, "partly": {REPORTER},
        "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
        "send_back": {OFFICE}, "keep": {OFFICE}, "suspend": {OFFICE}, "upkeep": {OFFICE}, **OPEN_TO_THE_OFFICE,
    },
    Status.WITH_DEPARTMENT: {
        "supply": {DEPARTMENT}, "done": {DEPARTMENT}, "accept": {DEPARTMENT}, "plan": {DEPARTMENT},
        "refuse": {DEPARTMENT}, "note": NEAR | {OFFICE, HEAD, DEPARTMENT}, "solved": {REPORTER},
        "partly": {REPORTER}, "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
        "assist": {OFFICE}, "link": {OFFICE}, "suspend": {DEPARTMENT}, "upkeep": {DEPARTMENT}, **OPEN_TO_THE_OFFICE,
    },
    Status.SUSPENDED: {
        "note": NEAR | {OFFICE, HEAD}, "wake": {OFFICE}, "solved": {REPORTER}, "partly": {REPORTER},
        "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER}, "upkeep": NEAR | {OFFICE}, **OPEN_TO_THE_OFFICE,
    },
    Status.TO_CONFIRM: {
        "confirm": NEAR | {OFFICE}, "not_fixed": NEAR | {OFFICE}, "note": NEAR | {OFFICE, HEAD, PROPERTY},
        "solved": {REPORTER}, "partly": {REPORTER}, "not": {REPORTER}, "urge": {REPORTER}, "withdraw": {REPORTER},
        "upkeep": NEAR | {OFFICE, PROPERTY}, **OPEN_TO_THE_OFFICE,
    },
    Status.TO_JUDGE: {
        "note": NEAR | {OFFICE, HEAD, PROPERTY}, "solved": {REPORTER}, "partly": {REPORTER}, "not": {REPORTER},
        "urge": {REPORTER}, "withdraw": {REPORTER}, "upkeep": NEAR | {OFFICE, PROPERTY}, **OPEN_TO_THE_OFFICE,
    },
}  # fmt: skip
# What the helping department of a whistle may do beside the one that leads, and what a wish to lay aside opens.
ASSISTING = {"assist_done", "assist_plan", "assist_refuse", "note"}
WANTED = {
    "suspend_yes": {OFFICE}, "suspend_no": {OFFICE},  # only the secretary: td-staff-1 is of the office, and may not
}  # fmt: skip


@pytest.fixture
async def embedded(tmp_path: Path, reader: RasaClient) -> AsyncIterator[Town]:
    """A town on SQLite: permissions do not depend on the engine."""
    settings = settings_for(f"sqlite+aiosqlite:///{tmp_path / 'town.db'}", tmp_path)
    async with Town.opened(settings, reader) as opened:
        await opened.seated(HEAD)
        await opened.seated(STAFF)
        yield opened


class Stage:
    """A case in the state that is wanted, and people who try things on it."""

    def __init__(self, town: Town, people: dict[str, Person]) -> None:
        self._town = town
        self._people = people
        self._words = {"upkeep": "每月检查一次"}

    async def another(self) -> None:
        """A second case of the neighbourhood, into which one may be merged; nobody here has anything to do with it."""
        async with self._town.app.database.writing() as session:
            office = self._town.app.office(session)
            community = self._people[REPORTER].community_id
            where = self._town.app.directory.locate("水泉小区1号楼", prefer_community=community)
            report = NewReport(self._people["td-head-03"].id, community, "garbage", "垃圾没人收", where)
            self._words["merge"] = (await office.cases.open(report)).number

    async def wants_to_rest(self, case_id: int) -> None:
        """The one who has it asks the secretary to lay it aside."""
        async with self._town.app.database.writing() as session:
            office = self._town.app.office(session)
            until = self._town.clock.now() + timedelta(days=20)
            await office.suspending.ask(self._people[PROPERTY].id, case_id, "等配件", until)

    async def assisted_by(self, unit: str, case_id: int) -> None:
        """Another department is called to help."""
        async with self._town.app.database.writing() as session:
            office = self._town.app.office(session)
            found = office.directory.department(self._people[REPORTER].community_id, unit)
            assert found is not None
            await office.handling.call_assistant(self._people[OFFICE].id, case_id, found.id)

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
            if status not in (Status.WITH_GRID, Status.SUSPENDED):
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
            if status is Status.SUSPENDED:
                until = self._town.clock.now() + timedelta(days=20)
                await office.handling.hand_to_community(who[GRID], case_id)
                await office.suspending.ask(who[OFFICE], case_id, "等配件", until)
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
        if pending in (act, f"assist_{act}"):
            await self._town.says(who, self._words.get(act, "施工方、物业、居民商量，12月5日办，应该是园林局的事"))
        elif pending == f"{act}_unit":
            await self._town.says(who, "园林局")
        return await self._lines(who, case_id) > before

    async def _lines(self, who: str, case_id: int) -> int:
        async with self._town.app.database.reading() as session:
            count = select(func.count()).where(CaseEvent.case_id == case_id, CaseEvent.actor_id == self._people[who].id)
            return int((await session.execute(count)).scalar_one())


@pytest.fixture
async def stage(embedded: Town) -> Stage:
    """Everybody of the table."""
    return Stage(embedded, {key: await embedded.person(key) for key in (*EVERYBODY, STAFF)})


@pytest.mark.parametrize("status", list(MAY), ids=str)
async def test_every_button_by_everybody(stage: Stage, status: Status) -> None:
    wrong = []
    await stage.another()
    case_id = await stage.case(status)
    for act in ACTS:
        for who in EVERYBODY:
            done = await stage.tries(who, act, case_id)
            if done != (who in MAY[status].get(act, set())):
                wrong.append(f"{who} {'did' if done else 'could not do'} {act}")
            if done:
                if act == "merge":
                    await stage.another()
                case_id = await stage.case(status)
    assert wrong == []


async def test_a_department_that_assists_has_its_own_buttons_and_no_others(stage: Stage) -> None:
    wrong = []
    for act in ACTS:
        case_id = await stage.case(Status.WITH_DEPARTMENT)
        await stage.assisted_by("城市管理综合执法局", case_id)
        done = await stage.tries("td-urban", act, case_id)
        # 已解决 of a helper is its own part; the use case makes it that, whichever button it was.
        if done != (act in ASSISTING or act in ("done", "plan", "refuse")):
            wrong.append(f"td-urban {'did' if done else 'could not do'} {act}")
    assert wrong == []


async def test_only_the_secretary_decides_whether_a_case_is_laid_aside(stage: Stage) -> None:
    wrong = []
    for act, may in WANTED.items():
        for who in (*EVERYBODY, STAFF):
            case_id = await stage.case(Status.WITH_PROPERTY)
            await stage.wants_to_rest(case_id)
            done = await stage.tries(who, act, case_id)
            if done != (who in may):
                wrong.append(f"{who} {'did' if done else 'could not do'} {act}")
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
