"""The departments' answer page in a real browser on a phone's screen: without script, without sign-in."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright, expect

from nlu.rasa_client import RasaClient
from tests.browser.test_page import PATIENCE, PHONE, chromium
from tests.conftest import settings_for
from tests.town import Town

pytestmark = [pytest.mark.browser, pytest.mark.rasa]

SHRUBS = "富邦小区河边那片灌木长疯了，里面全是蚊子，晚上没法开窗"


@pytest.fixture
async def town_served(tmp_path: Path, reader: RasaClient) -> AsyncIterator[Town]:
    """A town whose pages are served on a port of their own."""
    listening = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listening.getsockname()[1]}"
    settings = settings_for(f"sqlite+aiosqlite:///{tmp_path / 'town.db'}", tmp_path, server={"public_url": address})
    async with Town.opened(settings, reader) as town:
        server = uvicorn.Server(uvicorn.Config(town.app.http, log_config=None, lifespan="off", ws="none"))
        serving = asyncio.get_running_loop().create_task(server.serve([listening]))
        try:
            yield town
        finally:
            server.should_exit = True
            await serving


@pytest.fixture
async def phone() -> AsyncIterator[Page]:
    """A phone without JavaScript and without any cookie; whatever the page's own policy blocks is a failure."""
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        context = await browser.new_context(viewport=PHONE, java_script_enabled=False, device_scale_factor=2)
        page = await context.new_page()
        page.set_default_timeout(PATIENCE)
        blocked: list[str] = []
        page.on("console", lambda said: blocked.append(said.text) if said.type == "error" else None)
        yield page
        assert [line for line in blocked if "Content Security Policy" in line] == []
        await browser.close()


async def test_a_department_answers_on_a_phone_and_a_mistake_loses_nothing(
    town_served: Town, phone: Page, tmp_path: Path
) -> None:
    town = town_served
    await town.photographs("td-resident", SHRUBS)
    await town.taps("td-grid", "属实")
    await town.taps("td-secretary", "吹哨")
    await town.says("td-secretary", "园林局")
    await town.says("td-secretary", "灌木归园林局修剪")
    said = await town.taps("td-secretary", "生成答复链接")
    found = re.search(r"http://127\S+/answer/\S+", said)
    assert found is not None, said

    await phone.goto(found[0])
    await expect(phone.get_by_role("heading", name="社区吹哨，请答复")).to_be_visible()
    width = await phone.locator("main").bounding_box()
    assert width is not None and width["width"] <= PHONE["width"]  # nothing to be scrolled sideways
    await expect(phone.get_by_alt_text("现场照片1")).to_be_visible()
    background = phone.get_by_role("button", name="提交：有计划")
    await expect(background).to_be_hidden()
    await phone.screenshot(path=tmp_path / "answer.png", full_page=True)

    await phone.get_by_text("有计划", exact=True).click()
    form = phone.locator("form", has=background)
    await form.get_by_label("打算怎么办").fill("下周统一修剪")
    await form.get_by_label("您的姓名和职务").fill("李工 养护科")
    await form.get_by_label("哪一天办好").fill("2026-12-05")
    town.clock.set(town.clock.now().replace(month=12, day=6))  # the page lay open for days: the day has gone by
    await background.click()
    # Its link has gone by as well: said plainly, and the words are there to be copied.
    await expect(phone.get_by_role("alert")).to_contain_text("过期了")
    await expect(phone.get_by_text("下周统一修剪")).to_be_visible()

    await town.says("td-secretary", (await town.only_case()).number)
    await town.taps("td-secretary", "更多…")
    again = re.search(r"http://127\S+/answer/\S+", await town.taps("td-secretary", "生成答复链接"))
    assert again is not None
    await phone.goto(again[0])
    await phone.get_by_text("不属于我们", exact=True).click()
    form = phone.locator("form", has=phone.get_by_role("button", name="提交：不属于我们"))
    await form.get_by_label("为什么不属于你们").fill("河道里的归水务局")
    await form.get_by_label("应该由谁办").fill("水务局")
    await form.get_by_label("您的姓名和职务").fill("李工")
    await phone.get_by_role("button", name="提交：不属于我们").click()
    await expect(phone.get_by_role("status")).to_contain_text("收到了")
    await phone.screenshot(path=tmp_path / "done.png", full_page=True)
    await town.settled()
    assert "请裁定归属" in await town.heard("td-secretary")
    await phone.goto(again[0])
    await expect(phone.get_by_role("alert")).to_contain_text("已经用这个链接答复过")
