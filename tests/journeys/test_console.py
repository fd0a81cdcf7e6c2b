"""The console over HTTP, on both databases: who comes in, who sees what, every action, and what is refused."""

import csv
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openpyxl import Workbook, load_workbook
from PIL import Image
from sqlalchemy import select

from bot.channels.web.page import message_update
from bot.console.session import COOKIE
from nlu.understanding import NluUnavailable, Understanding
from tests.conftest import settings_for
from tests.town import Town
from workflows.cases import NewReport
from workflows.console.desk import desk
from workflows.console.exporting import one_moment
from workflows.console.viewer import viewer
from workflows.models import (
    AuditEntry,
    Case,
    CaseEvent,
    Correction,
    DigestIssue,
    HotlineMonth,
    Media,
    Outbound,
    Post,
    Refusal,
)
from workflows.policy.lifecycle import Status

pytestmark = pytest.mark.journey

OFFICE, GRID, BRANCH, PROPERTY, DEPARTMENT = "td-secretary", "td-grid", "td-branch", "td-property", "td-water"
ELSEWHERE = "sq-secretary"
RESIDENT = "td-resident"


class NobodyReads:
    """The console needs no reader: with this one nothing is understood, and nothing has to be trained."""

    ready = True

    async def understand(self, text: str) -> Understanding:
        """Raises NluUnavailable: as when the real one is down."""
        raise NluUnavailable(text)


@pytest.fixture
async def here(demo_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    """The demo neighbourhood on either kind of database."""
    async with Town.opened(settings_for(demo_url, tmp_path), NobodyReads()) as opened:
        yield opened


class Desk:
    """Somebody in front of a browser."""

    def __init__(self, town: Town, client: httpx.AsyncClient) -> None:
        self.town = town
        self.client = client

    async def sees(self, path: str, status: int = 200) -> str:
        """The page's text; its status is asserted."""
        answer = await self.client.get(f"/console/{path}")
        assert answer.status_code == status, (path, answer.status_code, _words(answer.text)[:400])
        return answer.text

    async def token(self) -> str:
        """What this session's forms carry."""
        return re.findall(r'name="token" value="([^"]+)"', await self.sees("desk"))[0]

    async def posts(self, path: str, files: dict[str, Any] | None = None, **fields: str) -> httpx.Response:
        """Send a form of one's own page."""
        data = {"token": await self.token(), **fields}
        return await self.client.post(f"/console/{path}", data=data, files=files)


@asynccontextmanager
async def browser(town: Town) -> AsyncIterator[httpx.AsyncClient]:
    """A browser without any cookie."""
    transport = httpx.ASGITransport(town.app.http)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client:
        yield client


async def link_for(town: Town, who: str, words: str = "/console") -> str:
    """The path of the link that the chat answers with."""
    said = await town.says(who, words)
    found = re.search(r"http://127\.0\.0\.1:8080(/console/in/\S+)", said)
    assert found, said
    return found[1]


@asynccontextmanager
async def signed_in(town: Town, who: str) -> AsyncIterator[Desk]:
    """Somebody who has followed their link."""
    link = await link_for(town, who)
    async with browser(town) as client:
        answer = await client.post(link)
        assert answer.status_code == 303, _words(answer.text)
        yield Desk(town, client)


async def opened(
    town: Town, text: str = "楼道灯不亮了", where: str = "富邦小区3号楼2单元", category: str = "street_light"
) -> int:
    """A resident's report."""
    person = await town.person(RESIDENT)
    async with town.app.database.writing() as session:
        office = town.app.office(session)
        address = town.app.directory.locate(where, prefer_community=person.community_id)
        view = await office.cases.open(NewReport(person.id, person.community_id, category, text, address))
        await town.app.announcer.announce(office)
        return view.id


async def the_case(town: Town, case_id: int) -> Case:
    """The row as it is now."""
    return (await town.rows(Case, Case.id == case_id))[0]


def _words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def photo() -> dict[str, Any]:
    """A form's photo."""
    out = io.BytesIO()
    Image.new("RGB", (60, 40), (90, 160, 90)).save(out, "JPEG")
    return {"photo": ("a.jpg", out.getvalue(), "image/jpeg")}


# ---- coming in


async def test_a_link_from_the_chat_opens_the_console_once(here: Town) -> None:
    link = await link_for(here, OFFICE)
    async with browser(here) as client:
        for _ in range(2):  # a messenger's preview, and then the person
            door = await client.get(link)
            assert door.status_code == 200
            assert COOKIE not in door.cookies
        answer = await client.post(link)
        assert answer.headers["location"] == "/console"
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie
        assert "path=/console" in cookie
        assert "max-age=43200" in cookie
        assert (await client.get("/console")).headers["location"] == "/console/board"
        assert "看板" in (await client.get("/console/board")).text
    async with browser(here) as other:
        again = await other.post(link)
        assert again.status_code == 403
        assert "已经用过了" in again.text
        assert "再" in again.text or "发 <strong>/console" in again.text
        assert (await other.get("/console/board")).status_code == 401


async def test_the_word_alone_brings_a_link_and_a_newer_one_replaces_the_older(here: Town) -> None:
    older = await link_for(here, GRID, "工作台")
    newer = await link_for(here, GRID, "工作台")
    async with browser(here) as client:
        assert (await client.post(older)).status_code == 403
        assert (await client.post(newer)).status_code == 303
        assert (await client.get("/console")).headers["location"] == "/console/desk"


async def test_a_link_that_is_old_or_made_up_says_how_to_get_another(here: Town) -> None:
    link = await link_for(here, OFFICE)
    here.clock.set(here.clock.now() + timedelta(minutes=11))
    async with browser(here) as client:
        late = await client.post(link)
        assert late.status_code == 403
        assert "过期了" in late.text
        assert "/console" in late.text
        made_up = await client.post("/console/in/abcdef")
        assert made_up.status_code == 403
        assert "不对" in made_up.text


async def test_a_link_that_opens_nothing_is_noted_for_the_operator_with_its_reason(here: Town) -> None:
    replaced = await link_for(here, OFFICE)
    late = await link_for(here, OFFICE)
    async with browser(here) as client:
        await client.post(replaced)
        here.clock.set(here.clock.now() + timedelta(minutes=11))
        await client.post(late)
        await client.post("/console/in/abcdef")
    secretary = await here.person(OFFICE)
    noted = [(row.why, row.person_id, row.channel, row.what) for row in await here.rows(Refusal)]
    assert noted == [
        ("sign_in_used", secretary.id, "console", "console/in"),
        ("sign_in_expired", secretary.id, "console", "console/in"),
        ("sign_in", None, "console", "console/in"),
    ]


async def test_a_link_stands_in_the_outbox_only_until_it_was_delivered(here: Town) -> None:
    chat = here.chat(OFFICE)
    await here.app.inbox.receive("web", f"{chat}:link", chat, message_update(1, chat, 0, "/console"))
    await here.app.turns.drain()
    waiting = [row for row in await here.rows(Outbound) if "/console/in/" in str(row.payload)]
    (token,) = re.findall(r"/console/in/([\w-]{40,})", waiting[0].payload["text"])  # a crash now loses nothing
    await here.settled()
    assert all(token not in str(row.payload) for row in await here.rows(Outbound))
    assert token in (await here.bubbles(OFFICE))[-1].text
    async with browser(here) as client:
        assert (await client.post(f"/console/in/{token}")).status_code == 303


async def test_a_resident_gets_no_link(here: Town) -> None:
    said = await here.says(RESIDENT, "/console")
    assert "/console/in/" not in said
    assert "网格员、物业、社区和部门" in said


async def test_a_session_ends_with_the_post_and_after_twelve_hours(here: Town) -> None:
    async with signed_in(here, GRID) as grid:
        await grid.sees("desk")
        person = await here.person(GRID)
        async with here.app.database.writing() as session:
            for post in (await session.execute(select(Post).where(Post.person_id == person.id))).scalars():
                post.until = here.clock.now()
        assert "岗位已经结束" in await grid.sees("desk", 403)
    async with signed_in(here, OFFICE) as office:
        here.clock.set(here.clock.now() + timedelta(hours=11, minutes=59))
        await office.sees("board")
        here.clock.set(here.clock.now() + timedelta(minutes=2))
        await office.sees("board", 401)


async def test_a_forged_cookie_opens_nothing_and_going_out_ends_it(here: Town) -> None:
    async with browser(here) as client:
        client.cookies.set(COOKIE, "eyJwZXJzb24iOjN9.AAAA", path="/console")
        assert (await client.get("/console/board")).status_code == 401
    async with signed_in(here, OFFICE) as office:
        out = await office.posts("out")
        assert "已经退出" in out.text
        await office.sees("board", 401)


# ---- who sees what

OFFICE_PAGES = (
    "board", "measures", "weeks", "hotline", "map", "posts", "digest", "corrections", "phrases", "routes", "audit",
    "export/board.csv", "export/measures.csv", "export/weeks.csv", "export/hotline.csv", "export/map.csv",
    "export/posts.csv", "export/corrections.csv", "export/phrases.csv", "export/routes.csv", "export/audit.csv",
)  # fmt: skip
EVERYBODYS_PAGES = ("desk", "search", "export/desk.csv", "export/search.csv")


@pytest.mark.parametrize("who", [OFFICE, GRID, BRANCH, PROPERTY, DEPARTMENT])
async def test_every_page_by_every_post(here: Town, who: str) -> None:
    async with signed_in(here, who) as desk:
        for page in EVERYBODYS_PAGES:
            await desk.sees(page)
        for page in OFFICE_PAGES:
            if page == "board" and who != OFFICE:
                continue  # the board of what one sees oneself is no secret
            await desk.sees(page, 200 if who == OFFICE else 403)


async def test_without_a_session_every_page_is_closed(here: Town) -> None:
    async with browser(here) as client:
        for page in (*OFFICE_PAGES, *EVERYBODYS_PAGES, "", "case/1", "photo/x", "export/case.xlsx?case=1"):
            assert (await client.get(f"/console/{page}".rstrip("/"))).status_code == 401, page
        for form in ("case/1/verify", "posts", "hotline", "digest", "corrections/1", "posts/1/end"):
            assert (await client.post(f"/console/{form}", data={"token": "x"})).status_code == 401, form


async def test_a_case_is_seen_by_those_whose_post_covers_it(here: Town) -> None:
    case_id = await opened(here, "楼道灯不亮，我电话13812345678")
    case = await the_case(here, case_id)
    seen = {}
    for who in (OFFICE, GRID, BRANCH, PROPERTY, DEPARTMENT, ELSEWHERE):
        async with signed_in(here, who) as desk:
            answer = await desk.client.get(f"/console/case/{case_id}")
            found = f'/console/case/{case_id}"' in await desk.sees(f"search?q={case.number}")
            seen[who] = (answer.status_code, found, "13812345678" in answer.text, "138****5678" in answer.text)
    assert seen == {
        OFFICE: (200, True, False, True),
        GRID: (200, True, True, False),  # who goes to the door may ring
        BRANCH: (200, True, True, False),
        PROPERTY: (404, False, False, False),  # it is not in their hands
        DEPARTMENT: (404, False, False, False),
        ELSEWHERE: (404, False, False, False),
    }


async def test_the_property_sees_no_reporter(here: Town) -> None:
    case_id = await opened(here)
    person = await here.person(RESIDENT)
    async with here.app.database.writing() as session:
        await here.app.office(session).handling.verify((await here.person(GRID)).id, case_id)
    async with signed_in(here, PROPERTY) as desk:
        page = await desk.sees(f"case/{case_id}")
        assert person.name not in page
        assert person.phone not in page
        rows = list(
            csv.reader(io.StringIO((await desk.sees(f"export/case.csv?case={case_id}")).removeprefix("\ufeff")))
        )
        assert person.name not in str(rows)
    async with signed_in(here, OFFICE) as desk:
        assert person.name in await desk.sees(f"case/{case_id}")


async def test_no_page_needs_a_script_or_loads_anything_from_elsewhere(here: Town) -> None:
    case_id = await opened(here)
    async with signed_in(here, OFFICE) as desk:
        for page in (*(p for p in OFFICE_PAGES if not p.startswith("export")), "desk", "search", f"case/{case_id}"):
            answer = await desk.client.get(f"/console/{page}")
            policy = answer.headers["content-security-policy"]
            assert "script-src 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["cache-control"] == "no-store"
            assert not re.search(r"<script|\son\w+=|\sstyle=|javascript:", answer.text), page
            assert not re.search(r'(src|href)="(https?:)?//', answer.text), page
            fields = re.findall(r"<(?:input|select|textarea)\b[^>]*>", answer.text)
            named = set(re.findall(r'<label[^>]*for="([^"]+)"', answer.text))
            for element in fields:
                if 'type="hidden"' not in element:
                    assert re.search(r'id="([^"]+)"', element)[1] in named, (page, element)  # type: ignore[index]
        for name in ("tabler.css", "console.css"):
            sheet = await desk.client.get(f"/console/static/{name}")
            assert sheet.status_code == 200
            assert "@import" not in sheet.text
            assert not re.search(r"url\(['\"]?https?:", sheet.text)


# ---- board, desk, search


async def test_the_board_shows_both_clocks_and_what_is_late_first(here: Town) -> None:
    first = await opened(here, "楼道灯不亮了", "富邦小区3号楼2单元")
    await here.passes(hours=20)
    second = await opened(here, "下水道返水", "富邦小区5号楼1单元", "sewage")
    async with signed_in(here, OFFICE) as desk:
        page = await desk.sees("board")
        one, two = (await the_case(here, first)).number, (await the_case(here, second)).number
        assert "没有超时" in page
        assert page.index(one) < page.index(two)
        assert re.search(r"这一步</span>剩(3|4)小时", page)
        assert "全程</span>剩14天" in page
    async with here.app.database.writing() as session:  # the grid's deadline alone has passed
        late = await session.get_one(Case, second)
        late.rung_due_at = here.clock.now() - timedelta(hours=5)
    async with signed_in(here, OFFICE) as desk:
        page = await desk.sees("board")
        assert page.index(two) < page.index(one)
        assert "超时5小时" in page
        assert "超时：这一步 1，全程 0" in page


async def test_the_desk_is_the_chats_desk(here: Town) -> None:
    for n in range(1, 5):
        case_id = await opened(here, "楼道灯不亮了", f"富邦小区{n}号楼1单元")
        async with here.app.database.writing() as session:
            handling = here.app.office(session).handling
            grid, company = (await here.person(GRID)).id, (await here.person(PROPERTY)).id
            if n > 1:
                await handling.verify(grid, case_id)
            if n > 2:
                await handling.report_result(company, case_id, "换好了")
            if n > 3:
                await handling.not_fixed(grid, case_id, "还没好")
    for who in (GRID, BRANCH, PROPERTY, OFFICE):
        person = await here.person(who)
        async with here.app.database.reading() as session:
            office = here.app.office(session)
            in_chat = [view.id for view in await office.handling.on_my_desk(person.id)]
            on_page = [row.id for row in (await desk(office, await viewer(office.people, person.id))).mine]
        assert sorted(on_page) == sorted(in_chat), who
        if who in (GRID, PROPERTY):
            assert on_page


async def test_search_finds_by_number_words_place_kind_state_and_day(here: Town) -> None:
    lamp = await the_case(here, await opened(here, "单元门口的灯一闪一闪", "富邦小区3号楼2单元"))
    await here.passes(days=1)
    drain = await the_case(here, await opened(here, "下水道返水", "富邦小区5号楼1单元", "sewage"))
    percent = await the_case(here, await opened(here, "涨了100%的停车费", "富邦小区", "parking"))
    day = (here.clock.now() + timedelta(hours=8)).date()
    wanted = {
        f"q={lamp.number}": [lamp], f"q={lamp.number.lower()}": [lamp], "q=返水": [drain], "q=灯 闪": [lamp],
        "q=富邦小区 下水道": [drain], "q=3号楼": [lamp], "q=路灯": [lamp], "q=100%25": [percent], "q=100_": [],
        "category=sewage": [drain], f"since={day}": [percent, drain], f"until={day - timedelta(days=1)}": [lamp],
        "state=closed": [], "state=grid&category=parking": [percent], "q=没有这种事": [],
        "q='; DROP TABLE cases; --": [], f"estate={lamp.estate_id}&state=open": [lamp, drain, percent],
    }  # fmt: skip
    async with signed_in(here, OFFICE) as desk:
        for query, found in wanted.items():
            page = await desk.sees(f"search?{query}")
            listed = set(re.findall(r'href="/console/case/(\d+)"', page))
            assert listed == {str(case.id) for case in found}, query
        page = await desk.sees("search?since=gestern")
        assert "看不懂" in page
        assert "在“到”的后面" in await desk.sees("search?since=2026-12-01&until=2026-11-01")
        await desk.sees("search?page=99999999&estate=abc&grid=-1&state=nonsense")
    assert any(line.deed == "search" for line in await here.rows(AuditEntry))


# ---- acting


async def test_a_case_goes_its_whole_way_through_the_consoles_forms(here: Town) -> None:
    case_id = await opened(here)
    async with signed_in(here, GRID) as grid:
        assert "属实" in await grid.sees(f"case/{case_id}")
        answer = await grid.posts(f"case/{case_id}/verify")
        assert answer.status_code == 303
    await here.settled()
    assert "物业" in await here.heard(RESIDENT)  # the resident hears it as after a tap in the chat
    async with signed_in(here, PROPERTY) as company:
        answer = await company.posts(f"case/{case_id}/done", files=photo(), note="灯管换了")
        assert answer.status_code == 303
    case = await the_case(here, case_id)
    assert case.status == Status.TO_CONFIRM
    assert [photo.case_id for photo in await here.rows(Media)] == [case_id]
    async with signed_in(here, GRID) as grid:
        page = await grid.sees(f"case/{case_id}")
        shown = re.findall(r'<img src="(/console/photo/[^"]+)" alt="处理后', page)
        picture = await grid.client.get(shown[0])
        assert picture.headers["content-type"] == "image/jpeg"
        assert (await grid.posts(f"case/{case_id}/confirm")).status_code == 303
    await here.settled()
    assert "解决了没有" in await here.heard(RESIDENT)
    assert await here.actions(case) == ["open", "verify", "hand_to_property", "report_result", "confirm"]
    deeds = [(line.deed, line.subject) for line in await here.rows(AuditEntry) if line.deed == "act"]
    assert deeds == [("act", "verify"), ("act", "done"), ("act", "confirm")]
    await here.keeps_its_promises()


async def test_a_whistle_from_the_console(here: Town) -> None:
    case_id = await opened(here, "河边蚊子多", "富邦小区河边", "pest_control")
    async with here.app.database.writing() as session:
        await here.app.office(session).handling.verify((await here.person(GRID)).id, case_id)
    community = (await here.person(OFFICE)).community_id
    unit = here.app.directory.department(community, "水务局")
    assert unit is not None
    async with signed_in(here, OFFICE) as office:
        bare = await office.posts(f"case/{case_id}/whistle", department=str(unit.id), note="社区没有权限到河道消杀")
        assert bare.status_code == 422
        assert "吹哨要附照片" in bare.text
        assert "社区没有权限到河道消杀</textarea>" in bare.text  # nothing that was typed is lost
        nobody = await office.posts(f"case/{case_id}/whistle", department="99999", note="x", no_photo="天黑")
        assert nobody.status_code == 422
        sent = await office.posts(
            f"case/{case_id}/whistle", department=str(unit.id), note="社区没有权限到河道消杀", no_photo="天黑"
        )
        assert sent.status_code == 303
    assert (await the_case(here, case_id)).holder_unit_id == unit.id
    async with signed_in(here, DEPARTMENT) as department:
        page = await department.sees(f"case/{case_id}")
        grid, resident = await here.person(GRID), await here.person(RESIDENT)
        assert grid.phone in page
        assert resident.name not in page
        plan = await department.posts(f"case/{case_id}/plan", note="12月5日喷药")
        assert plan.status_code == 303
        unclear = await department.posts(f"case/{case_id}/plan", note="会办的")
        assert unclear.status_code == 422
        assert "会办的</textarea>" in unclear.text


async def test_a_form_without_the_sessions_own_token_does_nothing(here: Town) -> None:
    case_id = await opened(here)
    async with signed_in(here, BRANCH) as stranger:
        foreign = await stranger.token()
    async with signed_in(here, GRID) as grid:
        for token in ("", "x", foreign):
            answer = await grid.client.post(f"/console/case/{case_id}/verify", data={"token": token})
            assert answer.status_code == 403
            assert "没有提交" in answer.text
    assert (await the_case(here, case_id)).status == Status.WITH_GRID
    assert not (await the_case(here, case_id)).verified


async def test_what_is_refused_says_why_and_changes_nothing(here: Town) -> None:
    case_id = await opened(here)
    async with signed_in(here, GRID) as grid:
        empty = await grid.posts(f"case/{case_id}/not_true", note="  ")
        assert (empty.status_code, "请写一句" in empty.text) == (422, True)
        no_photo = await grid.posts(
            f"case/{case_id}/done", files={"photo": ("a.jpg", b"no picture", "image/jpeg")}, note="修好了"
        )
        assert no_photo.status_code == 422
        assert "不是照片" in no_photo.text
        assert "修好了</textarea>" in no_photo.text
        assert (await grid.posts(f"case/{case_id}/refuse", note="不归我们")).status_code == 403
        assert (await grid.posts(f"case/{case_id}/dance")).status_code == 404
        assert (await grid.posts("case/999999/verify")).status_code == 404
        assert (await grid.posts(f"case/{case_id}/fix_place", note="火星")).status_code == 422
        assert (await grid.posts(f"case/{case_id}/fix_kind", category="mars")).status_code == 422
        assert await here.actions(await the_case(here, case_id)) == ["open"]
        assert (await grid.posts(f"case/{case_id}/community")).status_code == 303
        twice = await grid.posts(f"case/{case_id}/community")  # a double click
        assert twice.status_code == 422
        assert "社区党委协调中" in twice.text
    async with signed_in(here, ELSEWHERE) as other:
        assert (await other.posts(f"case/{case_id}/done", note="修好了")).status_code == 404
    async with signed_in(here, PROPERTY) as company:
        assert (await company.posts(f"case/{case_id}/done", note="修好了")).status_code == 404


async def test_kind_and_place_are_put_right_from_the_page(here: Town) -> None:
    case_id = await opened(here)
    async with signed_in(here, GRID) as grid:
        assert (await grid.posts(f"case/{case_id}/fix_kind", category="power_supply")).status_code == 303
        assert (await grid.posts(f"case/{case_id}/fix_place", note="富邦小区5号楼1单元")).status_code == 303
    case = await the_case(here, case_id)
    assert (case.category, case.building_text) == ("power_supply", "5")
    assert [c.corrected for c in await here.rows(Correction)] == ["power_supply"]


# ---- conflict of interest


async def test_who_is_complained_about_finds_it_nowhere(here: Town) -> None:
    """The secretary is also the head of the owners' committee that the complaint is about."""
    secretary = await here.person(OFFICE)
    plain = await opened(here)
    about = await opened(here, "举报业委会账目从来不公示", "富邦小区", "property_service")
    photo_id = "p" * 20
    async with here.app.database.writing() as session:
        case = await session.get_one(Case, about)
        assert case.about_committee
        session.add(
            Post(
                community_id=secretary.community_id, person_id=secretary.id, role="owners_committee_head",
                estate_id=case.estate_id, since=here.clock.now(),
            )
        )  # fmt: skip
        session.add(
            Media(id=photo_id, community_id=case.community_id, case_id=about, width=1, height=1, size=1,
                  created_at=here.clock.now())
        )  # fmt: skip
        session.add(
            Correction(community_id=case.community_id, case_id=about, text="举报业委会账目从来不公示",
                       understood="other_request", corrected="property_service", capacity="grid_worker",
                       at=here.clock.now())
        )  # fmt: skip
        session.add(AuditEntry(community_id=case.community_id, at=here.clock.now(), person_id=secretary.id,
                               deed="look", case_id=about))  # fmt: skip
        number = case.number
    pages = (
        "audit", "export/audit.csv", "board", "desk", "search", "search?q=举报", f"search?q={number}", "map", "corrections", "routes",
        "export/board.csv", "export/desk.csv", "export/search.csv", "export/corrections.csv",
        "measures", "export/measures.csv", "digest",
    )  # fmt: skip
    async with signed_in(here, OFFICE) as desk:
        for page in pages:
            text = await desk.sees(page)
            for repeated in (f"q={number}", f'value="{number}"'):  # what was searched for
                text = text.replace(repeated, "")
            assert number not in text, page
            assert "举报业委会" not in text, page
            assert f"/case/{about}" not in text, page
        await desk.sees(f"case/{about}", 404)
        await desk.sees(f"photo/{photo_id}", 404)
        await desk.sees(f"export/case.csv?case={about}", 404)
        assert (await desk.posts(f"case/{about}/note", note="我来处理")).status_code == 404
        assert (await desk.posts("corrections/1", decision="accept")).status_code == 422
        assert "1 件" in _words(await desk.sees("map"))  # one of the two: not even as a number
        assert f"/case/{plain}" in await desk.sees("board")
        assert "只能看自己的" in await desk.sees("digest")
        assert (await desk.client.get("/console/digest?audience=grid")).status_code == 403
    async with here.app.database.writing() as session:
        heads = select(Post).where(Post.role == "owners_committee_head", Post.person_id == secretary.id)
        post = (await session.execute(heads)).scalar_one()
        post.until = here.clock.now()
    async with signed_in(here, OFFICE) as desk:
        assert number in await desk.sees("board")  # the same page shows it to those whom it is not about


async def test_the_lists_leave_out_exactly_whom_the_use_cases_leave_out(here: Town) -> None:
    """The SQL of `Viewer.sees` against `People.relations`, for every post and every way in which a case can be about somebody."""
    reports = (
        ("楼道灯不亮了", "富邦小区3号楼2单元", "street_light"),
        ("物业乱收费，投诉物业", "富邦小区3号楼2单元", "property_service"),
        ("举报业委会账目不公示", "富邦小区3号楼2单元", "property_service"),
        ("投诉网格员从来不接电话", "富邦小区3号楼2单元", "other_request"),
        ("路边垃圾没人管", "说不清", "garbage"),
    )
    ids = [await opened(here, *report) for report in reports]
    kinds = {(c.about_unit_id is not None, c.about_committee, c.about_grid) for c in await here.cases()}
    assert len(kinds) == 4
    wrong = []
    for who in (OFFICE, GRID, BRANCH, PROPERTY, DEPARTMENT, ELSEWHERE, "sq-grid"):
        person = await here.person(who)
        async with here.app.database.reading() as session:
            office = here.app.office(session)
            me = await viewer(office.people, person.id)
            listed = set((await session.execute(select(Case.id).where(me.sees()))).scalars())
            for case in await here.cases(Case.id.in_(ids)):
                covered = await office.people.relations(person.id, case)
                held = case.holder_unit_id in {post.unit_id for post in me.posts}
                theirs = bool(covered) and (me.office or who in (GRID, BRANCH, "sq-grid") or held)
                if (case.id in listed) != theirs:
                    wrong.append((who, case.text, case.id in listed, covered))
    assert wrong == []


# ---- exports


async def test_an_export_is_safe_to_open_and_says_who_took_it(here: Town) -> None:
    evil = '=HYPERLINK("http://x","灯")'
    case_id = await opened(here, evil)
    await opened(here, "+86 停电\n第二行\x0b", "富邦小区5号楼1单元", "power_supply")
    async with signed_in(here, OFFICE) as desk:
        answer = await desk.client.get("/console/export/search.csv")
        assert answer.content.startswith(b"\xef\xbb\xbf")
        assert "attachment" in answer.headers["content-disposition"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert {row["诉求"] for row in rows} == {f"'{evil}", "'+86 停电\n第二行"}
        assert all(re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", row["反映时间"]) for row in rows)
        book = load_workbook(io.BytesIO((await desk.client.get("/console/export/search.xlsx")).content))
        cells = {cell.value: cell.data_type for row in book.active.iter_rows() for cell in row}
        assert cells[evil] == "s"
        assert "f" not in cells.values()
        case = await desk.client.get(f"/console/export/case.xlsx?case={case_id}")
        assert load_workbook(io.BytesIO(case.content)).sheetnames == ["诉求", "经过", "反映人"]
        for what in ("board", "measures", "weeks", "hotline", "map", "posts", "audit", "phrases", "routes", "desk"):
            content = (await desk.client.get(f"/console/export/{what}.xlsx")).content
            assert load_workbook(io.BytesIO(content)).active.max_row >= 1, what
        await desk.sees("export/nothing.csv", 404)
        await desk.sees("export/board.exe", 404)
    taken = [line for line in await here.rows(AuditEntry) if line.deed == "export"]
    assert taken[0].subject == "诉求 CSV，2行"
    assert len(taken) == 13


async def test_an_export_is_of_one_moment_while_others_write(here: Town) -> None:
    await opened(here)
    count = select(Case.id)
    async with here.app.database.reading() as session:
        await one_moment(session)
        before = list((await session.execute(count)).scalars())
        await opened(here, "下水道返水", "富邦小区5号楼1单元", "sewage")
        assert list((await session.execute(count)).scalars()) == before
    assert len(await here.cases()) == 2


# ---- 12345


async def test_calls_to_12345_are_entered_and_corrected(here: Town) -> None:
    async with signed_in(here, OFFICE) as desk:
        assert (await desk.posts("hotline", month="2026年10月", calls="37件")).status_code == 303
        assert (await desk.posts("hotline", month="2026-10", calls="41")).status_code == 303
        for month, calls in (("2026-13", "3"), ("去年", "3"), ("2026-12", "3"), ("2026-10", "-3"), ("2026-10", "三")):
            wrong = await desk.posts("hotline", month=month, calls=calls)
            assert wrong.status_code == 422, (month, calls)
            assert f'value="{calls}"' in wrong.text
        page = _words(await desk.sees("hotline"))
        assert "2026年10月 41 0" in page
    assert [(row.month, row.calls) for row in await here.rows(HotlineMonth)] == [("2026-10", 41)]
    async with signed_in(here, ELSEWHERE) as other:
        assert "2026年10月 还没填 0" in _words(await other.sees("hotline"))
    async with signed_in(here, GRID) as grid:
        assert (await grid.posts("hotline", month="2026-10", calls="1")).status_code == 403


def workbook(*rows: tuple[Any, ...]) -> bytes:
    """An XLSX file."""
    book, out = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(out)
    return out.getvalue()


GOOD = {
    "a.csv": "月份,来电数\n2026-09,12\n2026年10月,37\n".encode("utf-8-sig"),
    "gbk.csv": "月份,来电数\n2026-09,12\n2026/10,37件\n".encode("gb18030"),
    "tabs.csv": "月份\t件数\n\n2026-09\t12\n202610\t37\n".encode(),
    "a.xlsx": workbook(("月份", "备注", "来电数"), ("2026-09", "", 12), ("2026-10", "补报", 37.0)),
}
BAD = {
    "units.csv": ("月份,来电数\n2026-09,12\n2026-10,三十七\n2026-9月份,5千\n", ("第3行", "第4行")),
    "twice.csv": ("月份,来电数\n2026-10,1\n2026-10,2\n", ("第3行", "已经有一行")),
    "future.csv": ("月份,来电数\n2027-01,1\n", ("第2行", "还没到")),
    "head.csv": ("甲,乙\n2026-10,1\n", ("第1行", "表头")),
    "empty.csv": ("", ("空的",)),
    "nothing.csv": ("月份,来电数\n", ("没有数据",)),
    "broken.xlsx": ("not a workbook", ("XLSX",)),
    "binary.csv": ("a\0b", ("不是 CSV",)),
}


@pytest.mark.parametrize("name", sorted(GOOD))
async def test_a_file_of_calls_is_taken_whole(here: Town, name: str) -> None:
    async with signed_in(here, OFFICE) as desk:
        answer = await desk.posts("hotline/import", files={"file": (name, GOOD[name], "text/csv")})
        assert answer.status_code == 303, _words(answer.text)
    assert sorted((row.month, row.calls) for row in await here.rows(HotlineMonth)) == [("2026-09", 12), ("2026-10", 37)]


async def test_a_file_with_a_wrong_line_is_not_taken_at_all(here: Town) -> None:
    async with signed_in(here, OFFICE) as desk:
        for name, (content, told) in BAD.items():
            answer = await desk.posts("hotline/import", files={"file": (name, content.encode(), "text/csv")})
            assert answer.status_code == 422, name
            for words in told:
                assert words in answer.text, (name, _words(answer.text))
        huge = await desk.posts("hotline/import", files={"file": ("a.csv", b"1" * 3_000_000, "text/csv")})
        assert "太大" in huge.text
    assert await here.rows(HotlineMonth) == []


# ---- posts, corrections, digests


async def test_a_colleague_is_appointed_joins_and_leaves(here: Town) -> None:
    community = (await here.person(OFFICE)).community_id
    grid = here.app.directory.grids_of(community)[0]
    async with signed_in(here, OFFICE) as desk:
        wrong = await desk.posts("posts", name="李新", phone="13900001111", role="grid_worker")
        assert wrong.status_code == 422
        assert "要选一个网格" in wrong.text
        assert 'value="李新"' in wrong.text
        made = await desk.posts("posts", name="李新", phone="13900001111", role="grid_worker", grid=str(grid.id))
        assert made.status_code == 200
        code = re.search(r'big-code">([0-9A-F-]+)<', made.text)
        assert code
        assert code[1] not in await desk.sees("posts")  # shown once
        again = await desk.posts("posts", name="李新", phone="13900001111", role="grid_worker", grid=str(grid.id))
        assert "已经有这个岗位" in again.text
    assert "欢迎" in await here.says("newcomer", f"/join {code[1]}")
    link = await link_for(here, "newcomer")
    async with browser(here) as client:
        assert (await client.post(link)).status_code == 303
        assert (await client.get("/console/desk")).status_code == 200
        async with signed_in(here, OFFICE) as desk:
            row = re.search(r"李新.*?/console/posts/(\d+)/end", await desk.sees("posts?role=grid_worker"), re.DOTALL)
            assert row
            assert (await desk.posts(f"posts/{row[1]}/end")).status_code == 303
            assert (await desk.posts(f"posts/{row[1]}/end")).status_code == 422
        assert (await client.get("/console/desk")).status_code == 403
    deeds = [line.subject for line in await here.rows(AuditEntry) if line.deed == "change"]
    assert any("任命：李新" in deed for deed in deeds)
    assert any("结束岗位：李新" in deed for deed in deeds)


async def test_a_community_keeps_a_secretary_and_only_its_secretary_edits_posts(here: Town) -> None:
    secretary = await here.person(OFFICE)
    mine = (await here.rows(Post, Post.person_id == secretary.id, Post.role == "community_secretary"))[0]
    theirs = (await here.rows(Post, Post.community_id != secretary.community_id, Post.role == "grid_worker"))[0]
    async with signed_in(here, OFFICE) as desk:
        last = await desk.posts(f"posts/{mine.id}/end")
        assert last.status_code == 422
        assert "不能没有书记" in last.text
        assert (await desk.posts(f"posts/{theirs.id}/end")).status_code == 422
        assert (await desk.posts(f"posts/{theirs.person_id}/invite")).status_code == 422
    async with signed_in(here, GRID) as grid:
        assert (await grid.posts(f"posts/{mine.id}/end")).status_code == 403
        assert (await grid.posts("posts", name="x", role="community_secretary")).status_code == 403
    assert all(post.until is None for post in await here.rows(Post))


async def test_corrections_are_accepted_rejected_and_only_ones_own(here: Town) -> None:
    mine, theirs = (await here.person(OFFICE)).community_id, (await here.person(ELSEWHERE)).community_id
    async with here.app.database.writing() as session:
        for community, understood, corrected in (
            (mine, "garbage", "sewage"), (mine, "parking", "traffic"), (mine, "ruling", "水务局"), (theirs, "gas", "heating"),
        ):  # fmt: skip
            session.add(
                Correction(community_id=community, text=f"{understood}的话", understood=understood, corrected=corrected,
                           capacity="reporter", at=here.clock.now())
            )  # fmt: skip
    ids = {row.understood: row.id for row in await here.rows(Correction)}
    async with signed_in(here, OFFICE) as desk:
        page = await desk.sees("corrections")
        assert "garbage的话" in page
        assert "gas的话" not in page
        assert (await desk.posts(f"corrections/{ids['garbage']}", decision="accept")).status_code == 303
        assert (await desk.posts(f"corrections/{ids['parking']}", decision="reject")).status_code == 303
        ruling = await desk.posts(f"corrections/{ids['ruling']}", decision="accept")
        assert ruling.status_code == 422
        assert "先在右边选一个类别" in ruling.text
        accepted = await desk.posts(f"corrections/{ids['ruling']}", decision="accept", label="pest_control")
        assert accepted.status_code == 303
        assert (await desk.posts(f"corrections/{ids['gas']}", decision="accept")).status_code == 422
        assert "garbage的话" in await desk.sees("corrections?state=accepted")
    states = {row.understood: (row.state, row.label) for row in await here.rows(Correction)}
    assert states == {
        "garbage": ("accepted", "sewage"), "parking": ("rejected", ""), "ruling": ("accepted", "pest_control"),
        "gas": ("new", ""),
    }  # fmt: skip


async def test_a_digest_is_looked_at_and_sent_once(here: Town) -> None:
    await opened(here)
    async with signed_in(here, OFFICE) as desk:
        for audience in ("community", "grid", "property", "department"):
            assert "收到的样子" in await desk.sees(f"digest?audience={audience}&week=2026-W48")
        assert "还没过完" in (await desk.posts("digest", week="2026-W48")).text
        assert "不是一周" in await desk.sees("digest?week=2026-W99")
        first = await desk.posts("digest", week="2026-W47")
        sent = len(await here.rows(DigestIssue))
        assert sent > 3
        assert f"发出{sent}份" in first.text
        assert "没有重发" in (await desk.posts("digest", week="2026-W47")).text
        assert len(await here.rows(DigestIssue)) == sent
    assert {row.community_id for row in await here.rows(DigestIssue)} == {(await here.person(OFFICE)).community_id}
    await here.settled()
    assert "周报" in await here.heard(GRID)


async def test_the_history_names_colleagues_and_no_residents(here: Town) -> None:
    case_id = await opened(here)
    async with signed_in(here, GRID) as grid:
        await grid.posts(f"case/{case_id}/note", note="去看过，居民电话13812345678")
        page = _words(await grid.sees(f"case/{case_id}"))
    assert f"网格员{(await here.person(GRID)).name} 备注" in page
    assert "138****5678" in page
    assert len(await here.rows(CaseEvent, CaseEvent.action == "comment")) == 1
