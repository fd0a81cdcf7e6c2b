"""The page in a real browser against a server of three lines: what it makes of what it is told."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Route, WebSocketRoute, async_playwright, expect

from bot.channels.web.page import STATIC
from tests.browser.test_page import PATIENCE, PHONE, chromium

ADDRESS = "http://xiaoshao.test/"
KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
WIDE = {"width": 1200, "height": 800}
LONG_POST = "网格党支部书记、业委会（物管会）主任"
BUTTONS = [[{"text": "属实", "data": "c:verify:1"}, {"text": "不属实", "data": "c:not_true:1"}]]
TICK = [[{"text": "✓ 属实", "data": "done"}]]

pytestmark = pytest.mark.browser


def _chair(chat: str, name: str, role: str, **more: Any) -> dict[str, Any]:
    return {
        "chat": chat, "name": name, "role": role, "avatar": name[:1], "color": "#6b8f71", "hint": "富邦小区3号楼2单元",
        "read": 0, "unread": 0, "last": "", "audience": "staff", "commands": [], **more,
    }  # fmt: skip


class Server:
    """Says what the test tells it to say, and remembers what it hears."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.heard: list[dict[str, Any]] = []
        self.chairs = [
            _chair("1", "马秀兰", "居民", audience="resident"),
            _chair("2", "杨永胜", LONG_POST),
            _chair("3", "张娜", "社区党委书记", read=1),
        ]
        self.history = [self.bubble("3", 1, 1, "早就看过的")]
        self._socket: WebSocketRoute | None = None

    async def open(self, *, large: bool = False) -> None:
        """Serve the page and open it."""
        if large:
            await self.page.add_init_script("localStorage.setItem('xiaoshao.large', 'true')")
        await self.page.route(f"{ADDRESS}**", self._serve)
        await self.page.route_web_socket("**/ws", self._connect)
        await self.page.goto(ADDRESS)
        await expect(self.page.locator("#app")).to_be_visible(timeout=PATIENCE)
        await expect(self.page.get_by_test_id("hint").or_(self.page.get_by_test_id("chair-1")).first).to_be_visible()

    async def _serve(self, route: Route) -> None:
        path = route.request.url.removeprefix(ADDRESS).split("#")[0]
        if path == "api/me":
            me = {
                "demo": True, "title": "小哨", "community": "仕奇社区", "chairs": self.chairs, "current": "1",
                "now": "2026-11-26T22:00:00+08:00", "commands": [], "photo_limit_mb": 10,
            }  # fmt: skip
            await route.fulfill(json=me)
            return
        file = STATIC / (path.removeprefix("static/") or "chat.html")
        if not file.is_file():
            await route.fulfill(status=404)
            return
        await route.fulfill(body=file.read_bytes(), content_type=KINDS.get(file.suffix, "text/html; charset=utf-8"))

    def _connect(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        socket.on_message(self._hear)

    def _hear(self, text: str | bytes) -> None:
        said = json.loads(text)
        self.heard.append(said)
        if said["type"] == "hello":
            for event in self.history:
                self.say(event)
            self.say({"type": "ready"})
        if said["type"] == "tap":
            self.say({"type": "ack", "client_id": said["client_id"], "bubble": None})

    def say(self, event: dict[str, Any]) -> None:
        """Over the socket."""
        assert self._socket is not None
        self._socket.send(json.dumps(event))

    @staticmethod
    def bubble(chat: str, number: int, seq: int, text: str, buttons: list[Any] | None = None) -> dict[str, Any]:
        """A bubble of 小哨's, as the server sends it."""
        return {
            "type": "bubble",
            "chat": chat,
            "bubble": {
                "id": number, "seq": seq, "from": "bot", "kind": "text", "text": text, "photo": None,
                "buttons": buttons or [], "at": "2026-11-26T21:59:00+08:00", "client_id": None, "edited": seq != number,
            },
        }  # fmt: skip


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        yield opened
        await opened.close()


async def _page(browser: Browser, viewport: Any) -> Page:
    context = await browser.new_context(viewport=viewport, locale="zh-CN", timezone_id="Asia/Shanghai")
    return await context.new_page()


async def test_what_arrives_in_another_chair_is_counted_at_once_and_until_it_is_read(browser: Browser) -> None:
    page = await _page(browser, WIDE)
    server = Server(page)
    await server.open()
    secretary = page.get_by_test_id("chair-3")
    await expect(page).to_have_title("马秀兰（居民） · 小哨 · 仕奇社区")
    await expect(secretary.get_by_test_id("badge")).to_have_count(0)

    server.say(server.bubble("3", 2, 2, "这件事升到您这里"))
    server.say(server.bubble("3", 3, 3, "还有一件"))
    await expect(secretary.get_by_test_id("badge")).to_have_text("2")
    await expect(page).to_have_title("(2) 马秀兰（居民） · 小哨 · 仕奇社区")
    server.say({"type": "unread", "chat": "3", "seq": 2, "count": 1})  # read elsewhere, but for the last
    await expect(secretary.get_by_test_id("badge")).to_have_text("1")

    await secretary.click()
    await expect(secretary.get_by_test_id("badge")).to_have_count(0)
    await expect(page).to_have_title("张娜（社区党委书记） · 小哨 · 仕奇社区")
    assert {"type": "read", "chat": "3", "seq": 3} in server.heard


@pytest.mark.parametrize("large", [False, True], ids=["standard", "large"])
@pytest.mark.parametrize("viewport", [PHONE, WIDE], ids=["phone", "wide"])
async def test_a_long_post_takes_nobodys_name(browser: Browser, viewport: Any, large: bool) -> None:
    page = await _page(browser, viewport)
    server = Server(page)
    server.history.append(server.bubble("2", 1, 1, "网格员还没有动静，请您看看"))  # with the time in its row
    await server.open(large=large)
    await expect(page.get_by_test_id("chair-2").locator(".chair-time")).not_to_be_empty()
    shown = await page.locator(".chair-name").evaluate_all("names => names.map(n => [n.clientWidth, n.scrollWidth])")
    assert len(shown) == 3
    assert [name for name in shown if name[0] < name[1]] == []
    wide = await page.locator(".chair").evaluate_all("rows => rows.filter(r => r.scrollWidth > r.clientWidth).length")
    assert wide == 0


async def test_buttons_that_the_server_restores_can_be_tapped_again(browser: Browser) -> None:
    """A refused tap: the tick is drawn first, then the server takes it back."""
    page = await _page(browser, WIDE)
    server = Server(page)
    server.history.append(server.bubble("1", 1, 1, "路灯不亮", BUTTONS))
    await server.open()
    buttons = page.get_by_test_id("bubble-button")
    await buttons.first.click()
    server.say(server.bubble("1", 1, 2, "路灯不亮", TICK))
    await expect(buttons).to_have_text(["✓ 属实"])
    server.say(server.bubble("1", 1, 3, "路灯不亮", BUTTONS))
    server.say(server.bubble("1", 4, 4, "这件事现在不归您办。"))
    await expect(buttons).to_have_text(["属实", "不属实"])
    await expect(buttons.first).to_be_enabled()
    await expect(buttons.first).not_to_have_class("chosen")
    await buttons.last.click()
    await expect(buttons.last).to_have_class("chosen")
    assert [said["data"] for said in server.heard if said["type"] == "tap"] == ["c:verify:1", "c:not_true:1"]


@pytest.mark.parametrize("answer", ["bubble", "toast"])
async def test_a_tap_answered_with_words_alone_gives_its_buttons_back(browser: Browser, answer: str) -> None:
    page = await _page(browser, WIDE)
    server = Server(page)
    server.history.append(server.bubble("1", 1, 1, "路灯不亮", BUTTONS))
    await server.open()
    buttons = page.get_by_test_id("bubble-button")
    await buttons.first.click()
    await expect(buttons.first).to_be_disabled()
    server.say({"type": "toast", "chat": "1", "text": ""})  # stops the button's clock, says nothing
    await expect(page.get_by_test_id("toast")).to_have_count(0)
    await expect(buttons.first).to_be_disabled()
    if answer == "bubble":
        server.say(server.bubble("1", 2, 2, "这件事现在不归您办。"))
    else:
        server.say({"type": "toast", "chat": "1", "text": "已经选过了"})
        await expect(page.get_by_test_id("toast")).to_have_text("已经选过了")
    await expect(buttons.first).to_be_enabled()
    await expect(buttons.last).to_be_enabled()
