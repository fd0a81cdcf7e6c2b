"""Every page and every export of the console, as every post, after a season in which everybody writes numbers and names.

The pages are followed from link to link, as a person would. The search knows nothing of how masking works.
"""

import csv
import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from itertools import cycle
from pathlib import Path

import httpx
import pytest
from openpyxl import load_workbook
from sqlalchemy import func, select

from bot.app import App
from bot.clock import ManualClock
from tests.conftest import settings_for
from tests.journeys.test_console import NobodyReads, browser
from tests.journeys.test_masking import near, season
from tests.talkative import IDS, PHONES, SPELLINGS, Talkative, told
from tests.town import Town
from workflows.cases import NewReport
from workflows.console.viewer import CONSOLE_ROLES, viewer
from workflows.database import Database
from workflows.models import Case, Post, Ruling, UpkeepPlan
from workflows.office import Office
from workflows.policy.lifecycle import Action, Status
from workflows.policy.permissions import Role
from workflows.policy.upkeep import Rhythm, Season

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("talkative_reports")]

_CASE = re.compile(r"/console/(?:case/(\d+)|export/case\.\w+\?case=(\d+))")
_SOME = 5  # of what is reached with many parameters: they show the same rows once more
_NUMBERS = cycle(SPELLINGS)


class Words(HTMLParser):
    """What can be read on a page, piece by piece, and where its links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "href" and value:
                self.links.append(value)
            elif value and name not in ("class", "id", "for", "action", "src", "name", "d", "viewbox") and value != "":
                self.pieces.append(value if not (tag == "input" and ("type", "hidden") in attrs) else "")

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def cells(path: str, content: bytes) -> list[str]:
    """Everything in an export."""
    if ".csv" in path:
        return [cell for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))) for cell in row]
    book = load_workbook(io.BytesIO(content))
    return [str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]


def spoken(name: str = "") -> str:
    """What people write in passing."""
    return f"打{next(_NUMBERS)}问{f'，{name}家' if name else ''}"


async def aftermath(played: Talkative, now: datetime) -> None:
    """What a season does not do by itself: lay aside, promise rounds, merge, split, leave out a round, call for help."""
    async with played.database.writing() as session:
        office: Office = played._office(session, now)
        await _merged(played, office)
        homes = [(person, home) for person, home in played.neighbours.people if home.grid_id is not None][:12]
        for number, (person, home) in enumerate(homes):
            assert home.community_id is not None
            report = NewReport(person, home.community_id, "street_light", f"灯不亮，{spoken()}", home)
            case = await office.file.case((await office.cases.open(report)).id)
            secretary = await _of(office, case, Role.COMMUNITY_SECRETARY)
            assert secretary is not None
            name = played.spoken_for.of_case.get(case.id, "")
            while case.status in (Status.WITH_GRID, Status.WITH_PROPERTY):
                await office.file.move(case, Action.ESCALATE)
            match number % 4:
                case 0:
                    await office.suspending.ask(secretary, case.id, spoken(name), now + timedelta(days=20))
                case 1:
                    await _rounds(office, secretary, case.id, name, now)
                case 2:
                    await _ruled(office, secretary, case)
                case _:
                    await office.merging.split(secretary, case.id, f"另一件，{spoken(name)}", "garbage")


async def _rounds(office: Office, secretary: int, case_id: int, name: str, now: datetime) -> None:
    today = now.date()
    season = Season(f"喷药{spoken(name)}"[:60], Rhythm.DAYS, 7, today, today + timedelta(days=60))
    plan = await office.upkeep.plan(secretary, case_id, season)
    _, rounds = await office.upkeep.look(secretary, plan.id)
    await office.upkeep.done(secretary, rounds[0].id, spoken(name), [])
    await office.upkeep.skip(secretary, rounds[1].id, spoken(name))


async def _ruled(office: Office, secretary: int, case: Case) -> None:
    """One department says that it is not theirs, and the community decides whose it is."""
    reached = {
        unit.id: found[0].person_id
        for unit in office.directory.units_of(case.community_id, "department")
        if (found := await office.people.holders(Role.DEPARTMENT_LIAISON, unit_id=unit.id))
    }
    one, *_, other = reached
    await office.handling.blow_whistle(secretary, case.id, one, "社区权限外", "天黑")
    await office.handling.refuse(reached[one], case.id, "不归我们", "别的部门")
    await office.handling.blow_whistle(secretary, case.id, other, "就归他们", "天黑")


async def _merged(played: Talkative, office: Office) -> None:
    """One person who reports for two neighbours, and then it is one matter."""
    person, home = played.neighbours.people[0]
    community = home.community_id
    assert community is not None
    reports = [
        NewReport(
            person,
            community,
            "street_light",
            f"帮{name}奶奶反映，灯不亮，{spoken(name)}",
            home,
            on_behalf_of=f"{name}奶奶",
        )
        for name in ("郭巧云", "孙兰芝")
    ]
    one, two = [(await office.cases.open(report)).id for report in reports]
    played.spoken_for.said_by |= {"郭巧云": person, "孙兰芝": person}
    secretary = await _of(office, await office.file.case(one), Role.COMMUNITY_SECRETARY)
    assert secretary is not None
    await office.merging.merge(secretary, one, two)


async def _of(office: Office, case: Case, role: Role) -> int | None:
    found = await office.people.holders(role, community_id=case.community_id)
    return found[0].person_id if found else None


async def everybody(app: App) -> list[tuple[str, int]]:
    """For every post that the console is for: of those who hold it, the one who sees most."""
    best: dict[str, tuple[int, int]] = {}
    async with app.database.reading() as session:
        office = app.office(session)
        rows = (await session.execute(select(Post.role, Post.person_id).where(Post.until.is_(None)))).all()
        for role, person_id in rows:
            if role not in CONSOLE_ROLES:
                continue
            me = await viewer(office.people, person_id)
            count = await session.execute(select(func.count()).select_from(Case).where(me.sees()))
            best[role] = max(best.get(role, (-1, 0)), (int(count.scalar_one()), person_id))
    return [(role, person_id) for role, (_, person_id) in sorted(best.items())]


def _worth(path: str, tried: dict[str, int]) -> bool:
    """Every page, every case and its CSV; of what shows the same once more in another way, some."""
    if not path.startswith("/console/") or path.startswith(("/console/static", "/console/photo")) or "said=" in path:
        return False
    bare, _, query = path.partition("?")
    if _CASE.match(path) and "/next/" not in path and ".xlsx" not in path:
        return True
    kind = re.sub(r"/\d+", "/*", bare)
    tried[kind] = tried.get(kind, 0) + 1
    return tried[kind] <= (_SOME if query or "*" in kind else 1)


async def walked(client: httpx.AsyncClient) -> list[tuple[str, list[str]]]:
    """All that can be reached: (address, what can be read there)."""
    seen: list[tuple[str, list[str]]] = []
    waiting, known, tried = ["/console/desk"], {"/console/desk"}, dict[str, int]()
    while waiting:
        path = waiting.pop(0)
        answer = await client.get(path, follow_redirects=True)
        assert answer.status_code == 200, (path, answer.status_code)
        if "/export/" in path:
            seen.append((path, cells(path, answer.content)))
            continue
        if "/photo/" in path:
            continue
        page = Words()
        page.feed(answer.text)
        seen.append((path, page.pieces))
        for link in page.links:
            full = (
                str(httpx.URL(f"http://127.0.0.1:8080{path}").join(link))
                .removeprefix("http://127.0.0.1:8080")
                .split("#")[0]
            )
            if full not in known and _worth(full, tried):
                known.add(full)
                waiting.append(full)
    return seen


def _given_away(seen: list[tuple[str, list[str]]], names: set[str], may_ring: set[int]) -> Iterator[tuple[str, str]]:
    for path, pieces in seen:
        case = _CASE.search(path)
        rings = case is not None and int(case[1] or case[2]) in may_ring
        for piece in pieces:
            if told(piece, IDS if rings else PHONES + IDS) or any(name in piece for name in names):
                yield path, piece.strip()[:200]


@pytest.mark.timeout(900)  # on a machine that does nothing else it takes about a minute
async def test_no_number_and_no_name_stands_on_any_page_or_in_any_export_of_a_season(tmp_path: Path) -> None:
    played, database = await season(tmp_path)
    now = played.start + timedelta(days=28, hours=10)
    await aftermath(played, now)
    names = set(played.spoken_for.said_by)
    wrong, pages, rung = [], {}, 0
    app = App(
        settings_for(database.url, tmp_path), clock=ManualClock(now), understander=NobodyReads(), database=database
    )
    try:
        await _there_was_something_to_find(database)
        await app.prepare()
        for role, person_id in await everybody(app):
            async with database.writing() as session:
                link = await app.office(session).sign_ins.issue(person_id)
                circle = (await near(session)).get(person_id, set())
                mine = set((await session.execute(select(Case.id).where(Case.grid_id.in_(circle)))).scalars())
            async with browser(Town(app, ManualClock(now))) as client:
                assert (await client.post(f"/console/in/{link}")).status_code == 303
                seen = await walked(client)
            pages[role] = len(seen)
            wrong += [(role, *one) for one in _given_away(seen, names, mine)]
            rung += sum(bool(told(piece, PHONES)) for _, pieces in seen for piece in pieces)
            kinds = {re.sub(r"\d+", "*", path.split("?")[0]) for path, _ in seen}
            assert "/console/case/*" in kinds, (role, kinds)
    finally:
        await database.close()
    assert wrong == []
    assert rung, "the grid worker has to ring somebody: her page tells the number"
    assert len(pages) == len(CONSOLE_ROLES), pages
    assert min(pages.values()) > 8 and max(pages.values()) > 80, pages


async def _there_was_something_to_find(database: Database) -> None:
    async with database.reading() as session:
        for table, where in ((UpkeepPlan, True), (Ruling, True), (Case, Case.status == Status.SUSPENDED)):
            count = await session.execute(select(func.count()).select_from(table).where(where))  # type: ignore[arg-type]
            assert count.scalar_one(), table
