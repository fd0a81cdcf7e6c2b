"""The directory edited in a real browser, on a desk and on a phone."""

import pytest
from playwright.async_api import Browser, expect

from tests.browser.test_console import DESK, SECRETARY, Site, comes_in, shot, site, window
from tests.browser.test_page import PATIENCE, browser, chromium

__all__ = ["browser", "chromium", "site"]

pytestmark = pytest.mark.browser

PHONE = {"width": 390, "height": 844}


async def test_an_estate_is_entered_corrected_and_closed(site: Site, browser: Browser) -> None:
    async with window(browser, DESK) as page:
        await comes_in(page, site, SECRETARY)
        await page.get_by_role("link", name="名录").click()
        await shot(page, "console_directory")
        await page.get_by_role("link", name="新增小区").click()
        await page.get_by_label("名称").fill("园林小区")
        await page.get_by_label("别名").fill("桥东小院")
        await page.get_by_label("网格").select_option("第二网格")
        await page.get_by_role("button", name="保存").click()
        await expect(page.locator("#fault-name")).to_contain_text("重复", timeout=PATIENCE)
        await expect(page.get_by_label("别名")).to_have_value("桥东小院")  # what was typed is still there
        await shot(page, "console_directory_fault")
        await page.get_by_label("名称").fill("桥东家园")
        await page.get_by_role("button", name="保存").click()
        await expect(page.get_by_role("status")).to_contain_text("保存了", timeout=PATIENCE)
        assert site.app.directory.locate("桥东小院", prefer_community=None).estate == "桥东家园"

        await page.get_by_role("link", name="修改桥东家园").click()
        await page.get_by_label("楼号").fill("1-3")
        await page.get_by_role("button", name="保存楼栋").click()
        await expect(page.locator("#buildings tbody tr")).to_have_count(3, timeout=PATIENCE)

        await page.goto(f"{site.address}/console/directory")
        await page.get_by_role("link", name="停用园林小区").click()
        await page.get_by_role("button", name="确定停用").click()
        await expect(page.locator("#fault-successor")).to_contain_text("请选一个接手的", timeout=PATIENCE)
        await shot(page, "console_directory_close")
        await page.get_by_label("由谁接手").select_option("桥东家园")
        await page.get_by_role("button", name="确定停用").click()
        await expect(page.get_by_role("status")).to_contain_text("停用了", timeout=PATIENCE)
        await expect(page.get_by_role("link", name="修改园林小区")).to_have_count(0)
        assert site.app.directory.locate("园林小区", prefer_community=None).estate == "桥东家园"


async def test_the_directory_fits_a_phone(site: Site, browser: Browser) -> None:
    wide = []
    async with window(browser, PHONE) as page:
        await comes_in(page, site, SECRETARY)
        for name, path in (
            ("list", ""), ("estate", "/estates/1"), ("unit", "/units/16"), ("new", "/units/new"), ("close", "/estates/1/close"),
        ):  # fmt: skip
            await page.goto(f"{site.address}/console/directory{path}")
            await expect(page.locator("main h1")).to_be_visible(timeout=PATIENCE)
            await shot(page, f"console_phone_directory_{name}")
            if await page.evaluate("document.documentElement.scrollWidth") > PHONE["width"]:
                wide.append(path)
            for button in await page.locator("main .btn:visible").all():
                box = await button.bounding_box()
                assert box is not None
                assert box["height"] >= 32, (path, await button.inner_text())
    assert wide == []
