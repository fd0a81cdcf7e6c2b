"""Recordings and 长辈版 on the page, in a real browser: what is recorded is what the server takes, and it can be played."""

from collections.abc import AsyncIterator
from email import message_from_bytes
from typing import Any

import pytest
from playwright.async_api import Browser, Route, async_playwright, expect

from bot.guard import CSP
from tests.browser.test_page import PATIENCE, PHONE, chromium
from tests.browser.test_page_alone import ADDRESS, Server, _chair, _page
from workflows.voices import checked, ending_of

pytestmark = pytest.mark.browser


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium with a microphone that beeps. Only a secure page may record; this one stands for https."""
    async with async_playwright() as playwright:
        opened = await playwright.chromium.launch(
            executable_path=chromium(),
            args=[
                "--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
                f"--unsafely-treat-insecure-origin-as-secure={ADDRESS.rstrip('/')}",
            ],
        )  # fmt: skip
        yield opened
        await opened.close()


def _voice(server: Server, number: int) -> dict[str, Any]:
    """A recording that 小哨 hands on."""
    event = server.bubble("1", number, number, "居民的语音")
    event["bubble"] |= {"kind": "voice", "voice": "/media/voice-ogg-abc"}
    return event


async def test_a_recording_can_be_played_and_says_what_it_is(browser: Browser) -> None:
    page = await _page(browser, PHONE)
    server = Server(page)
    server.history.append(_voice(server, 5))
    await server.open()
    await page.get_by_test_id("chair-1").click()
    bubble = page.get_by_test_id("bubble").filter(has_text="居民的语音")
    audio = bubble.locator("audio")
    await expect(audio).to_be_visible(timeout=PATIENCE)
    await expect(audio).to_have_attribute("src", "/media/voice-ogg-abc")
    await expect(audio).to_have_attribute("aria-label", "居民的语音")
    assert await page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert "media-src 'self'" in CSP


async def test_what_the_browser_records_is_what_the_server_takes(browser: Browser) -> None:
    page = await _page(browser, PHONE)
    server = Server(page)
    sent: list[tuple[dict[str, str], bytes]] = []

    async def take(route: Route) -> None:
        """The server's side of sending."""
        kind = route.request.headers["content-type"]
        body = route.request.post_data_buffer or b""
        form = message_from_bytes(b"Content-Type: " + kind.encode() + b"\r\n\r\n" + body)
        parts = {
            str(p.get_param("name", header="content-disposition")): p.get_payload(decode=True) for p in form.walk()
        }
        file = parts.pop("file")
        assert isinstance(file, bytes)
        fields = {name: value.decode() for name, value in parts.items() if isinstance(value, bytes)}
        sent.append((fields, file))
        event = _voice(server, 9)["bubble"] | {"from": "me", "client_id": fields["client_id"], "text": ""}
        await route.fulfill(json={"bubble": event})

    await server.open()
    await page.route(f"{ADDRESS}api/voice", take)
    await page.get_by_test_id("chair-1").click()
    record = page.get_by_test_id("record")
    await record.click()
    await expect(page.locator("#record-words")).to_have_text("正在录音，说完点一下发送", timeout=PATIENCE)
    await expect(record).to_have_attribute("aria-pressed", "true")
    await page.wait_for_function("s => performance.now() - s > 1500", arg=await page.evaluate("performance.now()"))
    await record.click()
    mine = page.locator('[data-testid="bubble"][data-from="me"]')
    await expect(mine.locator("audio")).to_be_visible(timeout=PATIENCE)
    await expect(mine).to_have_attribute("data-state", "sent")
    ((fields, file),) = sent
    assert fields["chat"] == "1"
    assert ending_of(checked(file, limit_mb=5, limit_seconds=120, said_seconds=int(fields["seconds"])).id) == "webm"


async def test_where_the_browser_cannot_record_there_is_no_button(browser: Browser) -> None:
    page = await _page(browser, PHONE)
    await page.add_init_script("delete window.MediaRecorder")
    server = Server(page)
    await server.open()
    await page.get_by_test_id("chair-1").click()
    await expect(page.get_by_test_id("composer")).to_be_visible()
    await expect(page.get_by_test_id("record")).to_be_hidden()


async def test_large_type_comes_with_the_chat_that_asked_for_it(browser: Browser) -> None:
    page = await _page(browser, PHONE)
    server = Server(page)
    await server.open()
    await page.get_by_test_id("chair-1").click()
    root = page.locator("html")
    await expect(root).not_to_have_class("large")
    server.say({"type": "style", "chat": "2", "large": True})  # somebody else's
    server.say({"type": "style", "chat": "1", "large": True})
    await expect(root).to_have_class("large")
    await expect(page.get_by_test_id("large-type")).to_have_attribute("aria-checked", "true")
    server.say({"type": "style", "chat": "1", "large": False})
    await expect(root).not_to_have_class("large")


async def test_large_type_is_there_when_somebody_comes_back_on_another_device(browser: Browser) -> None:
    page = await _page(browser, PHONE)
    server = Server(page)
    server.chairs[0] = _chair("1", "马秀兰", "居民", audience="resident", large=True)
    await server.open()
    await page.get_by_test_id("chair-1").click()
    await expect(page.locator("html")).to_have_class("large")
