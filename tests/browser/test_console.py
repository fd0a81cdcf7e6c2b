"""The console in a real browser, on a desk and on a phone: main errands, by mouse, by thumb, and by keyboard alone."""

import asyncio
import io
import os
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import uvicorn
from PIL import Image
from playwright.async_api import Browser, Page, expect
from sqlalchemy import select

from bot.app import App
from bot.clock import ManualClock
from tests.benchmarks.many_cases import NOW, fill
from tests.browser.test_page import PATIENCE, browser, chromium
from tests.conftest import ROOT, settings_for
from tests.journeys.test_console import NobodyReads
from workflows.database import Database
from workflows.models import Case, Person
from workflows.policy.lifecycle import Status

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser

DESK = {"width": 1280, "height": 860}
PHONE = {"width": 360, "height": 740}
SECRETARY, GRID = "sq-secretary", "sq-grid"
SECRETARY_CHAT = "1014"
PAGES = (
    "board", "desk", "search", "measures", "weeks", "hotline", "map", "posts", "digest", "corrections", "phrases",
    "routes", "audit", "upkeep", "rulings",
)  # fmt: skip


@dataclass
class Site:
    """The product as it is served, with a community that has two months of cases."""

    app: App
    address: str

    async def case(self, *where: object) -> Case:
        """The newest such case."""
        async with self.app.database.reading() as session:
            query = select(Case).where(*where).order_by(Case.id.desc()).limit(1)  # type: ignore[arg-type]
            return (await session.execute(query)).scalar_one()

    async def link(self, who: str) -> str:
        """A one-time link, as the chat would send it."""
        async with self.app.database.writing() as session:
            person = (await session.execute(select(Person.id).where(Person.key == who))).scalar_one()
            return f"{self.address}/console/in/{await self.app.office(session).sign_ins.issue(person)}"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    """The product on a port and a database of its own; nobody reads, so nothing has to be trained."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'site.db'}")
    await fill(database, ROOT / "workflows/demo/hohhot.yml", 700, days=56, photos=False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings = settings_for(database.url, tmp_path, server={"port": port})
        app = App(settings, clock=ManualClock(NOW), understander=NobodyReads(), database=database)
        server = uvicorn.Server(uvicorn.Config(app.http, log_level="warning", lifespan="off"))
        async with app.running(), asyncio.TaskGroup() as group:
            group.create_task(server.serve(sockets=[taken]))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.02)
            yield Site(app, f"http://127.0.0.1:{port}")
            server.should_exit = True


@asynccontextmanager
async def window(browser: Browser, size: dict[str, int], *, scripts: bool = True) -> AsyncIterator[Page]:
    """A fresh browser window; anything that the page's policy refuses, or that cannot be loaded, fails the test."""
    context = await browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        locale="zh-CN",
        timezone_id="Asia/Shanghai",
        java_script_enabled=scripts,
    )
    page = await context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    yield page
    await context.close()
    assert [fault for fault in faults if "422" not in fault] == []


async def comes_in(page: Page, site: Site, who: str) -> None:
    """By the link and its button."""
    await page.goto(await site.link(who))
    await page.get_by_role("button", name="进入工作台").click()
    await expect(page.locator("main h1")).to_be_visible(timeout=PATIENCE)


async def shot(page: Page, name: str) -> None:
    """A picture for the README, when asked for."""
    if folder := os.environ.get("XIAOSHAO_SCREENSHOTS"):
        taken = Image.open(io.BytesIO(await page.screenshot()))
        taken.convert("RGB").quantize(96).save(Path(folder) / f"{name}.png", optimize=True)  # a third of the bytes


async def test_from_the_chat_to_the_board_a_case_an_act_a_search_and_an_export(site: Site, browser: Browser) -> None:
    async with window(browser, DESK) as chat:
        await chat.goto(site.address)
        await chat.get_by_test_id(f"chair-{SECRETARY_CHAT}").click()
        await chat.get_by_test_id("composer").fill("工作台")
        await chat.get_by_test_id("send").click()
        link = chat.locator('[data-testid="bubble"] a[href*="/console/in/"]').last
        await expect(link).to_be_visible(timeout=PATIENCE)
        async with chat.context.expect_page() as opening:
            await link.click()
        page = await opening.value
        await page.get_by_role("button", name="进入工作台").click()
        await expect(page.get_by_role("heading", name="看板")).to_be_visible(timeout=PATIENCE)

        lane = page.get_by_role("region", name="社区协调")
        number = await lane.locator(".number").first.inner_text()
        await lane.locator(".case a").first.click()
        await expect(page.locator("h1")).to_contain_text(number)
        await page.locator("summary", has_text="协调会").click()
        await page.get_by_label("请哪几方、什么时候商量？").fill("施工方、物业、居民代表，明天上午")
        await page.get_by_role("button", name="协调会").click()
        await expect(page.get_by_role("status")).to_contain_text("已经办了")
        await expect(page.locator(".history")).to_contain_text("召集协调")
        await shot(page, "console_case")

        await page.get_by_role("link", name="搜索").click()
        await page.get_by_label("编号、字眼或地点").fill("路灯")
        await page.get_by_label("状态").select_option("open")
        await page.get_by_role("button", name="搜索").click()
        await expect(page).to_have_url(re.compile("state=open"))
        rows = await page.locator("tbody tr").count()
        assert rows > 0
        async with page.expect_download() as download:
            await page.get_by_role("link", name="导出为 CSV").click()
        file = await (await download.value).path()
        assert Path(file).read_text("utf-8-sig").count("路灯楼道灯") == rows
        assert (await download.value).suggested_filename == "仕奇社区-诉求-2026-11-24.csv"

        await page.get_by_role("link", name="指标").click()
        await page.get_by_role("link", name="月", exact=True).click()
        await expect(page.locator(".head .sum")).to_contain_text("2026年11月")
        await shot(page, "console_measures")
        await page.get_by_role("link", name="地图").click()
        await shot(page, "console_map")
        await page.get_by_role("link", name="园林小区，新增").click()
        await expect(page.get_by_label("小区")).to_have_value("1")


async def test_a_grid_worker_on_a_phone(site: Site, browser: Browser) -> None:
    case = await site.case(Case.status == Status.WITH_GRID, Case.grid_id == 1)
    async with site.app.database.writing() as session:
        (await session.get_one(Case, case.id)).verified = False
    async with window(browser, PHONE) as page:
        await comes_in(page, site, GRID)
        await expect(page.get_by_role("heading", name="待办", exact=True)).to_be_visible()
        await shot(page, "console_phone_desk")
        await page.locator(f'a[href="/console/case/{case.id}"]').click()
        await expect(page.get_by_role("button", name="属实", exact=True)).to_be_visible()
        await shot(page, "console_phone_case")
        box = await page.get_by_role("button", name="属实", exact=True).bounding_box()
        assert box is not None
        assert box["height"] >= 40  # a thumb's size
        await page.get_by_role("button", name="属实", exact=True).click()
        await expect(page.get_by_role("status")).to_contain_text("已经办了")
        await expect(page.locator(".history")).to_contain_text("核实：属实")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_two_steps_lay_a_case_aside_and_two_cases_become_one(site: Site, browser: Browser) -> None:
    async with site.app.database.writing() as session:
        rows = await session.execute(
            select(Case)
            .where(Case.status == Status.WITH_GRID, Case.about_unit_id.is_(None))
            .order_by(Case.id.desc())
            .limit(3)
        )
        one, two, three = rows.scalars()
        for case in (one, two, three):
            case.status, case.rung = Status.WITH_COMMUNITY, "community"
            case.holder_unit_id = site.app.directory.community_unit(case.community_id)
    async with window(browser, DESK, scripts=False) as page:
        await comes_in(page, site, SECRETARY)
        await page.goto(f"{site.address}/console/case/{one.id}")
        await page.get_by_role("link", name="并案").click()
        await page.get_by_label("另一件的编号").fill("SQ000000-00")
        await page.get_by_role("button", name="下一步").click()
        await expect(page.get_by_role("alert")).to_contain_text("没有编号是SQ000000-00")
        await page.get_by_label("另一件的编号").fill(two.number)
        await page.get_by_role("button", name="下一步").click()
        await expect(page.locator(".kept")).to_contain_text(two.number)
        await expect(page.locator(".gone")).to_contain_text(one.number)
        await shot(page, "console_merge")
        await page.get_by_role("button", name="确定并案").click()
        await expect(page.get_by_role("status")).to_contain_text("并好了")
        await page.get_by_role("link", name="挂账").click()
        await page.get_by_label("理由").fill("配件缺货，厂家12月20日到货")
        await page.get_by_label("挂到哪一天").fill("2026-12-20")
        await page.get_by_role("button", name="下一步").click()
        await page.get_by_role("button", name="返回修改").click()
        await expect(page.get_by_label("理由")).to_have_value("配件缺货，厂家12月20日到货")
        await page.get_by_role("button", name="下一步").click()
        await page.get_by_role("button", name="确定挂账").click()
        await expect(page.locator("#rest")).to_contain_text("2026-12-20")
        await page.get_by_role("link", name="看板").click()
        lane = page.get_by_role("region", name="挂账")
        await expect(lane).to_contain_text(two.number)
        await expect(lane).to_contain_text("配件缺货")
        await shot(page, "console_board")
        await page.goto(f"{site.address}/console/case/{two.id}")
        await page.emulate_media(media="print")
        await expect(page.locator("#rest")).to_be_visible()
        await expect(page.get_by_role("button", name="恢复办理")).to_be_hidden()


async def test_a_plan_is_promised_and_a_round_left_out_on_a_phone(site: Site, browser: Browser) -> None:
    case = await site.case(Case.status == Status.WITH_GRID, Case.grid_id == 1)
    async with window(browser, PHONE) as page:
        await comes_in(page, site, GRID)
        await page.goto(f"{site.address}/console/case/{case.id}")
        await page.get_by_role("link", name="定期维护").click()
        await page.get_by_label("做什么").fill("喷药")
        await page.get_by_label("几天，或几个月").fill("14")
        await page.get_by_label("到哪一天").fill("2026-01-01")
        await page.get_by_role("button", name="下一步").click()
        await expect(page.get_by_role("alert")).to_contain_text("在开始的前面")
        await expect(page.get_by_label("做什么")).to_have_value("喷药")
        await page.get_by_label("到哪一天").fill("2027-02-28")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        await page.get_by_role("button", name="下一步").click()
        await page.get_by_role("button", name="确定约定").click()
        await expect(page.get_by_role("status")).to_contain_text("约定好了")
        await page.locator("summary", has_text="这次不用做").first.click()
        await page.get_by_label("为什么不用做").first.fill("下雪了，虫子都没了")
        await page.get_by_role("button", name="确认这次不用做").first.click()
        await expect(page.locator(".rounds li").first).to_contain_text("下雪了")
        await shot(page, "console_phone_plan")
        assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


async def test_every_page_fits_a_phone(site: Site, browser: Browser) -> None:
    case = await site.case(Case.closed_at.is_(None))
    wide = []
    async with window(browser, PHONE) as page:
        await comes_in(page, site, SECRETARY)
        for path in (*PAGES, f"case/{case.id}"):
            await page.goto(f"{site.address}/console/{path}")
            if await page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
                wide.append(path)
    assert wide == []


async def test_by_keyboard_alone(site: Site, browser: Browser) -> None:
    async with window(browser, DESK) as page:
        await page.goto(await site.link(SECRETARY))
        await expect(page.get_by_role("button", name="进入工作台")).to_be_focused(timeout=PATIENCE)  # by itself
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="看板")).to_be_visible(timeout=PATIENCE)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="跳到正文")).to_be_focused()
        await page.keyboard.press("Enter")
        await _tab_to(page, "a[href^='/console/case/']")
        outline = await page.evaluate("getComputedStyle(document.activeElement.closest('.case')).outlineStyle")
        assert outline == "solid"  # one sees where one is
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="经过")).to_be_visible(timeout=PATIENCE)
        await _tab_to(page, "summary", "记一笔")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("电话联系过物业")
        await _tab_to(page, "button", "记一笔")
        await page.keyboard.press("Enter")
        await expect(page.locator(".history")).to_contain_text("电话联系过物业", timeout=PATIENCE)


async def _tab_to(page: Page, selector: str, words: str = "") -> None:
    """Press Tab until such an element has the focus."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        if await page.evaluate(
            "([s, w]) => document.activeElement.matches(s) && document.activeElement.innerText.includes(w)",
            [selector, words],
        ):
            return
    raise AssertionError(f"Tab does not reach {selector} {words}")


async def test_without_scripts_and_on_paper(site: Site, browser: Browser) -> None:
    async with window(browser, DESK, scripts=False) as page:
        await comes_in(page, site, SECRETARY)
        await page.get_by_role("link", name="网格核实").click()
        await page.locator("tbody a").first.click()
        await page.locator("summary", has_text="记一笔").click()
        await page.locator("#note-note").fill("没有脚本也能办")
        await page.get_by_role("button", name="记一笔").click()
        await expect(page.locator(".history")).to_contain_text("没有脚本也能办")
        await page.emulate_media(media="print")
        await expect(page.locator("nav[aria-label=工作台]")).to_be_hidden()
        await expect(page.locator("#acts")).to_be_hidden()
        await expect(page.get_by_role("heading", name="经过")).to_be_visible()
        paper = await page.pdf()
        assert paper.startswith(b"%PDF")
