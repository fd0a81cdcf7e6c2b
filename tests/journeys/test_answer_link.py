"""A department without an account answers by a signed one-case link: single use, expiring, and nothing else to be seen."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from tests.journeys.photos import a_photo
from tests.town import Town
from workflows.models import AnswerLink, CaseEvent, Whistle

pytestmark = [pytest.mark.journey, pytest.mark.rasa]

SHRUBS = "富邦小区河边那片灌木长疯了，里面全是蚊子，晚上没法开窗，我电话13812345678"
GREEN = "呼和浩特市园林局"  # nobody of it has a chat in the demo
URL = re.compile(r"https?://\S+(/answer/\S+)")


@pytest.fixture
async def browser(town: Town) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody's telephone, without any session."""
    transport = httpx.ASGITransport(app=town.app.http)
    async with httpx.AsyncClient(transport=transport, base_url="http://xiaoshao.test") as client:
        yield client


async def _whistled(town: Town, department: str = "园林局") -> str:
    await town.says("td-resident", SHRUBS)
    await town.taps("td-grid", "属实")
    await town.taps("td-secretary", "吹哨")
    await town.says("td-secretary", department)
    return await town.says("td-secretary", "灌木归园林局修剪，无照片，夜里拍不清")


async def _link(town: Town) -> str:
    await _whistled(town)
    found = URL.search(await town.taps("td-secretary", "生成答复链接"))
    assert found is not None
    return found[1]


async def _answer(browser: httpx.AsyncClient, link: str, **given: str) -> httpx.Response:
    return await browser.post(link, data={"signed": "李工 养护科", **given})


async def test_a_department_that_nobody_here_can_reach_is_offered_a_link(
    town: Town, browser: httpx.AsyncClient
) -> None:
    said = await _whistled(town)
    assert "还没有人在小哨上" in said
    assert "3号楼" not in said
    link = URL.search(await town.taps("td-secretary", "生成答复链接"))
    assert link is not None
    page = await browser.get(link[1])
    assert page.status_code == 200
    case = await town.only_case()
    contact, resident = await town.person("td-grid"), await town.person("td-resident")
    assert case.number in page.text and GREEN in page.text and contact.phone in page.text
    assert resident.name not in page.text and resident.phone not in page.text and "13812345678" not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe-inline" not in policy
    assert "<script" not in page.text and "style=" not in page.text and page.headers["cache-control"] == "no-store"
    assert (await browser.get("/answer/answer.css")).status_code == 200
    assert (await browser.get(link[1])).status_code == 200  # looking uses nothing up


async def test_solved_by_link_goes_to_the_witness_and_the_link_is_used_up(
    town: Town, browser: httpx.AsyncClient
) -> None:
    link = await _link(town)
    photo = {"photo": ("after.jpg", a_photo(), "image/jpeg")}
    done = await browser.post(link, data={"how": "done", "text": "灌木修剪完了", "signed": "李工"}, files=photo)
    assert done.status_code == 200 and "收到了" in done.text
    await town.settled()
    assert (await town.only_case()).status == "to_confirm"
    assert "灌木修剪完了" in await town.heard("td-grid")
    assert "灌木修剪完了" in await town.heard("td-secretary")
    assert (await town.bubbles("td-grid"))[-2].photo  # the repair, before the question
    (whistle,) = await town.rows(Whistle)
    assert (whistle.state, whistle.answered_by) == ("solved", "李工")
    again = await _answer(browser, link, how="done", text="又写一遍")
    assert again.status_code == 410 and "已经用这个链接答复过" in again.text and "又写一遍" in again.text
    assert (await browser.get(link)).status_code == 410
    await town.says("td-secretary", (await town.only_case()).number)
    assert "李工，由链接答复" in await town.taps("td-secretary", "看经过")
    await town.keeps_its_promises()


async def test_a_plan_needs_a_day_and_a_refusal_goes_to_the_ruling(town: Town, browser: httpx.AsyncClient) -> None:
    link = await _link(town)
    for day in ("", "2020-01-01", "明天"):
        page = await _answer(browser, link, how="plan", text="下周统一修剪", on=day)
        assert page.status_code == 400 and "以后的日期" in page.text and "下周统一修剪" in page.text
    assert "姓名和职务" in (await _answer(browser, link, how="plan", text="修", on="2026-12-05", signed="")).text
    assert (await _answer(browser, link, how="plan", text="下周统一修剪", on="2026-12-05")).status_code == 200
    await town.settled()
    assert "下周统一修剪" in await town.heard("td-resident")
    case = await town.only_case()
    assert case.status == "with_department" and case.result_kind == "planned"
    # After a plan the case is still theirs: a new link takes the final word, the old one is used.
    await town.says("td-secretary", case.number)
    await town.taps("td-secretary", "更多…")
    second = URL.search(await town.taps("td-secretary", "生成答复链接"))
    assert second is not None
    refused = await _answer(browser, second[1], how="refuse", text="河道里的不归我们", proposed="水务局")
    assert refused.status_code == 200
    await town.settled()
    told = await town.heard("td-secretary")
    assert "请裁定归属" in told and "水务局" in told
    assert (await town.only_case()).refusals == 1
    await town.keeps_its_promises()


async def test_an_expired_link_changes_nothing_and_gives_the_words_back(town: Town, browser: httpx.AsyncClient) -> None:
    link = await _link(town)
    town.clock.set(town.clock.now() + timedelta(days=10, minutes=1))
    page = await browser.get(link)
    assert page.status_code == 410 and "过期了" in page.text
    late = await _answer(browser, link, how="done", text="其实早就修好了")
    assert late.status_code == 410 and "过期了" in late.text and "其实早就修好了" in late.text
    assert await town.rows(CaseEvent, CaseEvent.action == "report_result") == []


async def test_a_forged_link_or_that_of_another_case_shows_nothing(town: Town, browser: httpx.AsyncClient) -> None:
    link = await _link(town)
    token = link.rsplit("/", 1)[-1]
    (row,) = await town.rows(AnswerLink)
    forged = town.app.answer_page.token(row.id, "guessed")
    for bad in (token[:-2], token + "x", "x", forged, town.app.answer_page.token(row.id + 1, "guessed")):
        for page in (
            await browser.get(f"/answer/{bad}"),
            await _answer(browser, f"/answer/{bad}", how="done", text="x"),
        ):
            assert page.status_code == 404 and "链接不对" in page.text
            assert (await town.only_case()).number not in page.text
    assert (await browser.get(f"{link}/photo/whatever")).status_code == 404
    assert (await browser.post(link, data={"how": "merge", "text": "x", "signed": "x"})).status_code == 422


async def test_of_two_who_answer_at_once_the_second_hears_that_it_was_answered(
    town: Town, browser: httpx.AsyncClient
) -> None:
    link = await _link(town)
    await town.seated("td-liaison-04")
    await town.says("td-liaison-04", "灌木修剪完了")  # their liaison joined meanwhile
    page = await _answer(browser, link, how="plan", text="下周修剪", on="2026-12-05")
    assert page.status_code == 409 and "已经有人答复" in page.text and "下周修剪" in page.text
    assert (await town.only_case()).status == "to_confirm"
    assert len(await town.rows(CaseEvent, CaseEvent.action.in_(["plan", "report_result"]))) == 1
    await town.keeps_its_promises()


async def test_a_new_link_makes_the_old_one_worthless(town: Town, browser: httpx.AsyncClient) -> None:
    old = await _link(town)
    await town.says("td-secretary", (await town.only_case()).number)
    await town.taps("td-secretary", "更多…")
    new = URL.search(await town.taps("td-secretary", "生成答复链接"))
    assert new is not None and new[1] != old
    assert (await browser.get(old)).status_code == 410
    assert (await browser.get(new[1])).status_code == 200


async def test_an_assisting_department_answers_its_own_part_by_link(town: Town, browser: httpx.AsyncClient) -> None:
    await _whistled(town, "水务局牵头，园林局协助")
    said = await town.taps("td-secretary", "生成答复链接")
    links = [found[1] for found in URL.finditer(said)]
    assert len(links) == 2
    page = await browser.get(links[1])
    assert "协助办理" in page.text
    assert (await _answer(browser, links[1], how="done", text="灌木剪完了")).status_code == 200
    await town.settled()
    assert (await town.only_case()).status == "with_department"
    assert "灌木剪完了" in await town.heard("td-water")
    await town.keeps_its_promises()


async def test_a_huge_photo_is_refused_with_a_sentence_and_the_words_are_kept(
    town: Town, browser: httpx.AsyncClient
) -> None:
    link = await _link(town)
    huge = {"photo": ("huge.jpg", b"\xff\xd8" + b"0" * (11 * 1024 * 1024), "image/jpeg")}
    page = await browser.post(link, data={"how": "done", "text": "修好了", "signed": "李工"}, files=huge)
    assert page.status_code == 400 and "照片太大" in page.text and "修好了" in page.text
    no_photo = {"photo": ("a.jpg", b"not a picture", "image/jpeg")}
    page = await browser.post(link, data={"how": "done", "text": "修好了", "signed": "李工"}, files=no_photo)
    assert page.status_code == 400 and "修好了" in page.text
    assert (await town.only_case()).status == "with_department"
