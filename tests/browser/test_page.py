"""The page in a real browser on a phone's screen: one person plays resident, grid worker and secretary."""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect

ROOT = Path(__file__).parent.parent.parent
PHONE = {"width": 360, "height": 740}
PATIENCE = 20_000  # milliseconds that a condition may take on a busy machine
REPORT = "富邦小区河边那片晚上没法开窗，胳膊上全是包"

pytestmark = [pytest.mark.browser, pytest.mark.rasa]


def chromium() -> str:
    """Where the browser is; without one these tests are skipped."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("XIAOSHAO_REQUIRE_BROWSER"):
        pytest.fail("no Chromium: install Debian's package chromium")
    pytest.skip("no Chromium here: install it to run the browser tests")


@pytest.fixture
def address(tmp_path: Path, rasa: tuple[str, str]) -> Iterator[str]:
    """The product as `make run` starts it, on a port and a database of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url, token = rasa
    environment = {
        **os.environ,
        "XIAOSHAO__SERVER__PORT": str(port),
        "XIAOSHAO__DATABASE__URL": f"sqlite+aiosqlite:///{tmp_path / 'page.db'}",
        "XIAOSHAO__STORAGE": str(tmp_path),
        "XIAOSHAO__NLU__URL": url,
        "XIAOSHAO__NLU__TOKEN": token,
    }
    with (tmp_path / "server.log").open("w") as log:
        server = subprocess.Popen(
            [ROOT / ".venv/bin/xiaoshao", "run"], cwd=ROOT, env=environment, stdout=log, stderr=log
        )
        try:
            _until_ready(f"http://127.0.0.1:{port}/readyz", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(30)


def _until_ready(url: str, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        assert server.poll() is None, "the server has stopped"
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)  # not up yet
    pytest.fail("the server did not become ready")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=chromium(),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run"],
        )
        yield opened
        await opened.close()


class Hand:
    """What a thumb can do on the page."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.address = address

    async def sits(self, chat: str) -> None:
        """Take a chair."""
        back, chair = self.page.get_by_test_id("back"), self.page.get_by_test_id(f"chair-{chat}")
        await expect(back.or_(chair).filter(visible=True).first).to_be_visible(timeout=PATIENCE)
        if await back.is_visible():
            await back.click()
        await chair.click()

    async def writes(self, text: str) -> None:
        """Write and send."""
        await self.page.get_by_test_id("composer").fill(text)
        await self.page.get_by_test_id("send").click()

    async def taps(self, label: str) -> None:
        """Tap the newest button of that name."""
        exactly = re.compile(f"^\\s*{re.escape(label)}\\s*$")
        button = self.page.get_by_test_id("bubble-button").filter(has_text=exactly).last
        await expect(button).to_be_enabled(timeout=PATIENCE)
        await button.click()

    async def reads(self, words: str) -> None:
        """Wait until these words stand in a bubble of the other side."""
        said = self.page.locator('[data-testid="bubble"][data-from="bot"]').filter(has_text=words)
        await expect(said.last).to_be_visible(timeout=PATIENCE)

    async def shot(self, name: str) -> None:
        """A picture for the README, when asked for."""
        if folder := os.environ.get("XIAOSHAO_SCREENSHOTS"):
            await self.page.wait_for_timeout(400)  # the bubble's own animation
            await self.page.screenshot(path=str(Path(folder) / f"{name}.png"))


async def test_one_person_plays_resident_grid_worker_and_secretary_on_a_phone(address: str, browser: Browser) -> None:
    context = await browser.new_context(viewport=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai")
    page = await context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    hand = Hand(page, address)
    await page.goto(address)

    await hand.sits("1001")
    await hand.writes(REPORT)
    await hand.reads("收到，已登记")
    await hand.shot("resident")
    await page.get_by_test_id("back").click()
    # Without a reload: the grid worker's chair shows that something came.
    await expect(page.get_by_test_id("chair-1003").get_by_test_id("badge")).to_be_visible(timeout=PATIENCE)
    await expect(page).to_have_title(re.compile(r"^\(\d+\) 会话"))

    await hand.sits("1003")
    await hand.reads(REPORT)
    await hand.shot("grid_worker")
    await hand.taps("属实")
    await hand.reads("社区党委协调中")

    await hand.sits("1006")
    await hand.reads(REPORT)
    await hand.taps("吹哨")
    await hand.taps("呼和浩特市水务局")
    await hand.reads("为什么需要部门来办")
    await hand.writes("河道里的灌木孳生蚊虫，社区没有权限到河道消杀")
    await hand.reads("吹哨要附照片")
    await hand.writes("无照片，夜里拍不清")
    await hand.reads("部门处理中")
    await hand.shot("secretary")

    await hand.sits("1007")
    await hand.writes("今天已派人对河道喷药消杀完了")
    await hand.reads("已报办好")
    await hand.sits("1003")
    await hand.taps("现场确认，好了")
    await hand.sits("1001")
    await hand.reads("您看解决了没有")
    await hand.taps("解决了")
    await hand.reads("就此办结")

    await hand.sits("1006")
    await hand.writes("/digest")
    await hand.reads("社区")
    await hand.shot("digest")

    await page.reload()
    await hand.sits("1001")
    await hand.reads("就此办结")  # the page remembers nothing by itself: the server does
    wide = await page.evaluate("document.documentElement.scrollWidth")
    assert wide <= PHONE["width"]
    assert faults == []
    await context.close()


async def test_the_time_machine_brings_reminders_and_escalation(address: str, browser: Browser) -> None:
    context = await browser.new_context(viewport=PHONE, locale="zh-CN", timezone_id="Asia/Shanghai")
    page = await context.new_page()
    hand = Hand(page, address)
    await page.goto(address)
    await hand.sits("1001")
    await hand.writes("富邦小区3号楼2单元楼道灯不亮了")
    await hand.reads("收到，已登记")
    await page.get_by_test_id("back").click()
    await page.get_by_test_id("time-day").click()
    await page.get_by_test_id("time-day").click()
    await hand.sits("1001")
    await hand.reads("超时没有答复")
    await context.close()
