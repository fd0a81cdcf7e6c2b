"""Who may do what in the console: every form, sent by everybody, in every state of a case; by the table of test_who_may."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import date
from pathlib import Path

import httpx
import pytest

from tests.conftest import settings_for
from tests.journeys.test_console import Desk, NobodyReads, signed_in
from tests.journeys.test_console_acts import with_water
from tests.journeys.test_who_may import (
    ASSISTING,
    BRANCH,
    DEPARTMENT,
    EVERYBODY,
    GRID,
    HEAD,
    MAY,
    OFFICE,
    PROPERTY,
    STAFF,
    STRANGERS,
    WANTED,
    Stage,
)
from tests.town import Town
from workflows.models import Media, RoutingRule, Ruling, UpkeepTask
from workflows.policy.lifecycle import Status
from workflows.policy.upkeep import Rhythm, Season

pytestmark = pytest.mark.journey

# Who has a post that the console is for; the others get no link.
AT_DESKS = (GRID, BRANCH, PROPERTY, OFFICE, DEPARTMENT, *STRANGERS)
IN_TWO_STEPS = ("merge", "split", "suspend", "assist", "link", "upkeep")
FORMS = (
    "verify", "not_true", "supply", "take_on", "head", "property", "community", "done", "cannot", "accept", "convene",
    "agree", "plan", "refuse", "confirm", "not_fixed", "note", "ask_whistle", "send_whistle", "send_back", "keep",
    "assist_done", "assist_plan", "assist_refuse", "suspend_yes", "suspend_no", "wake", *IN_TWO_STEPS,
)  # fmt: skip
# A plan of the water bureau's, in the grid of td-grid. What is nobody's to do here is refused as if it were not there.
PLAN = {act: {DEPARTMENT, OFFICE, GRID} for act in ("done", "skip", "call", "renew", "end")}
RULING = {act: {OFFICE} for act in ("rule", "once", "end")}


class Forms:
    """Everybody in front of a browser of their own, and what a form is sent with."""

    def __init__(self, town: Town, stage: Stage, desks: dict[str, Desk], tokens: dict[str, str]) -> None:
        self.town = town
        self.stage = stage
        self.desks = desks
        self.tokens = tokens
        garden = town.app.directory.department(stage._people[GRID].community_id, "园林局")
        assert garden is not None
        self.filled = {
            "note": "施工方、物业、居民商量，12月5日办，应该是园林局的事", "department": str(garden.id), "no_photo": "天黑",
            "until": "2026-12-20", "category": "manhole", "place": "", "work": "检查", "rhythm": "months", "every": "1",
            "trigger": "", "first": "2026-12-01", "last": "2027-11-30", "sure": "1",
        }  # fmt: skip

    async def sends(self, who: str, path: str, **more: str) -> httpx.Response:
        """A form with everything that any form could ask for."""
        data = {"token": self.tokens[who], **self.filled, "number": self.stage._words.get("merge", ""), **more}
        return await self.desks[who].client.post(f"/console/{path}", data=data)

    async def tries(self, who: str, act: str, case_id: int) -> bool:
        """Whether the case's history has a line of theirs now."""
        before = await self.stage._lines(who, case_id)
        path = f"case/{case_id}/next/{act}" if act in IN_TWO_STEPS else f"case/{case_id}/{act}"
        answer = await self.sends(who, path)
        did = await self.stage._lines(who, case_id) > before
        assert did == (answer.status_code in (200, 303)), (who, act, answer.status_code)
        assert did or answer.status_code in (403, 404, 422), (who, act, answer.status_code)
        return did


@pytest.fixture
async def forms(tmp_path: Path) -> AsyncIterator[Forms]:
    """A town on SQLite: permissions do not depend on the engine."""
    settings = settings_for(f"sqlite+aiosqlite:///{tmp_path / 'town.db'}", tmp_path)
    async with Town.opened(settings, NobodyReads()) as town, AsyncExitStack() as browsers:
        for who in (HEAD, STAFF):
            await town.seated(who)
        people = {key: await town.person(key) for key in (*EVERYBODY, STAFF)}
        desks = {who: await browsers.enter_async_context(signed_in(town, who)) for who in (*AT_DESKS, STAFF)}
        tokens = {who: await desk.token() for who, desk in desks.items()}
        yield Forms(town, Stage(town, people), desks, tokens)


@pytest.mark.parametrize("status", list(MAY), ids=str)
async def test_every_form_by_everybody(forms: Forms, status: Status) -> None:
    wrong = []
    await forms.stage.another()
    case_id = await forms.stage.case(status)
    for act in FORMS:
        for who in AT_DESKS:
            done = await forms.tries(who, act, case_id)
            if done != (who in MAY[status].get(act, set())):
                wrong.append(f"{who} {'did' if done else 'could not do'} {act}")
            if done:
                if act == "merge":
                    await forms.stage.another()
                case_id = await forms.stage.case(status)
    assert wrong == []


@pytest.mark.parametrize("status", list(MAY), ids=str)
async def test_a_page_offers_exactly_what_its_viewer_may_do(forms: Forms, status: Status) -> None:
    """What stands on the page is what the table says, as far as the case has what it needs (a building head, a wish)."""
    wrong = []
    case_id = await forms.stage.case(status)
    needs_more = {"head", "assist_done", "assist_plan", "assist_refuse", "send_whistle", "send_back", "keep", "suspend_yes",
                  "suspend_no", "verify", "not_true", "take_on", "agree", "convene", "done", "supply", "accept"}  # fmt: skip
    for who in AT_DESKS:
        answer = await forms.desks[who].client.get(f"/console/case/{case_id}")
        offered = set(re.findall(rf'(?:action|href)="/console/case/{case_id}/(?:next/)?(\w+)"', answer.text)) & set(
            FORMS
        )
        may = {act for act in FORMS if who in MAY[status].get(act, set())}
        offered -= {"ask_whistle"}  # offered as in the chat, and refused until a rung below has tried
        if offered - may:
            wrong.append(f"{who} is offered {sorted(offered - may)}")
        if (may - offered) - needs_more and answer.status_code == 200:
            wrong.append(f"{who} is not offered {sorted(may - offered - needs_more)}")
    assert wrong == []


async def test_a_department_that_assists_answers_by_its_own_forms_and_no_others(forms: Forms) -> None:
    wrong = []
    for act in FORMS:
        case_id = await forms.stage.case(Status.WITH_DEPARTMENT)
        await forms.stage.assisted_by("城市管理综合执法局", case_id)
        done = await forms.tries("td-urban", act, case_id)
        if done != (act in ASSISTING or act in ("done", "plan", "refuse")):
            wrong.append(f"td-urban {'did' if done else 'could not do'} {act}")
    assert wrong == []


async def test_only_the_secretary_decides_whether_a_case_is_laid_aside(forms: Forms) -> None:
    wrong = []
    for act, may in WANTED.items():
        for who in (*AT_DESKS, STAFF):
            case_id = await forms.stage.case(Status.WITH_PROPERTY)
            await forms.stage.wants_to_rest(case_id)
            done = await forms.tries(who, act, case_id)
            if done != (who in may):
                wrong.append(f"{who} {'did' if done else 'could not do'} {act}")
    assert wrong == []


async def test_a_recording_is_heard_by_those_who_hear_residents(forms: Forms) -> None:
    town, did = forms.town, set()
    for number, who in enumerate((*AT_DESKS, STAFF)):
        case_id = await forms.stage.case(Status.WITH_GRID)
        async with town.app.database.writing() as session:
            community = (await town.person(GRID)).community_id
            session.add(Media(id=f"voice-ogg-{number:020}", community_id=community, case_id=case_id, width=0, height=0,
                              size=9, created_at=town.clock.now()))  # fmt: skip
        if await forms.tries(who, "heard", case_id):
            did.add(who)
    assert did == {GRID, BRANCH, OFFICE, STAFF}


async def test_every_act_on_a_plan_by_everybody(forms: Forms) -> None:
    town, wrong = forms.town, []
    case_id = await with_water(town)
    for act, may in PLAN.items():
        for who in (*AT_DESKS, STAFF):
            plan_id, task_id = await _plan(forms, case_id, trigger=act == "call")
            path = f"upkeep/{plan_id}/round/{task_id}/{act}" if act in ("done", "skip") else f"upkeep/{plan_id}/{act}"
            done = (await forms.sends(who, path)).status_code == 303
            if done != (who in may | {STAFF}):
                wrong.append(f"{who} {'did' if done else 'could not do'} {act}")
    assert wrong == []


async def _plan(forms: Forms, case_id: int, *, trigger: bool) -> tuple[int, int]:
    """A plan of whoever has the case, and its first round."""
    async with forms.town.app.database.writing() as session:
        office = forms.town.app.office(session)
        rhythm = Rhythm.TRIGGER if trigger else Rhythm.MONTHS
        season = Season(
            "检查", rhythm, 0 if trigger else 1, date(2026, 11, 24), date(2027, 3, 1), "大雨" if trigger else ""
        )
        plan = await office.upkeep.plan((await forms.town.person(DEPARTMENT)).id, case_id, season)
    tasks = await forms.town.rows(UpkeepTask, UpkeepTask.plan_id == plan.id)
    return plan.id, tasks[0].id if tasks else 0


async def test_rulings_are_decided_by_the_office_alone(forms: Forms) -> None:
    town, wrong = forms.town, []
    await with_water(town, refused_first=True)
    (ruling,) = await town.rows(Ruling)
    for act, may in RULING.items():
        for who in (*AT_DESKS, STAFF):
            if act == "end":
                async with town.app.database.writing() as session:
                    rule = await town.app.office(session).rulings.accept(
                        (await town.person(OFFICE)).id, ruling.id, "all"
                    )
                answer = await forms.sends(who, f"rules/{rule.id}/end")
            else:
                answer = await forms.sends(
                    who, f"rulings/{ruling.id}", scope="all", **({"once": "1"} if act == "once" else {})
                )
            done = answer.status_code == 303
            if done != (who in may | {STAFF}):
                wrong.append(f"{who} {'did' if done else 'could not do'} {act}")
    assert wrong == []
    assert await town.rows(RoutingRule)
