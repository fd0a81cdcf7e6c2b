"""What is done on pages: departments without an account answer by their link, the office works at the console."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx

from bot.simulation.agenda import Chat
from workflows.models import Case

if TYPE_CHECKING:
    from bot.simulation.chats import Chats

_LINK = re.compile(r"https?://\S+?(/answer/\S+)")
_DOOR = re.compile(r"https?://\S+?(/console/in/\S+)")
_TOO_LATE = (409, 410)  # somebody has answered meanwhile; used or expired
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


class Pages:
    """Browsers of the season."""

    def __init__(self, chats: "Chats") -> None:
        self._chats = chats
        self._season = chats.season
        self._random = chats.random

    def plan(self) -> None:
        """Every fortnight each community's secretary works at the console and enters the calls to 12345."""
        for office in self._chats.offices.values():
            for day in range(3, self._season.days, 14):
                at = self._season.start + timedelta(days=day, hours=9, minutes=self._random.randrange(60))
                self._season.agenda.chat(at, self._looks_and_enters(office[0]))

    # ---- links

    def answers(self, row: Case) -> Chat | None:
        """The community passes a link on; somebody of the department opens it and answers."""
        office = self._chats.offices.get(row.community_id)
        if office is None:
            return None

        async def chat() -> None:
            me, phones = office[0], self._chats.phones
            await phones.says(me, row.number)
            if not await self._chats.duty.taps_act(me, row, "link"):
                return
            found = _LINK.search(await phones.newest(me))
            if found is not None:
                self._chats.did("link_issued")
                at = self._chats.later(self._chats.clock.now(), 40)
                self._season.agenda.chat(at, self._opens(found[1], row.number))

        return chat

    def _opens(self, link: str, number: str) -> Chat:
        chance, days = self._random.random(), self._random.randint(3, 12)

        async def chat() -> None:
            given = _answer(chance, (self._chats.clock.now() + timedelta(days=days)).date().isoformat())
            async with self._chats.phones.browser() as browser:
                await browser.get(link)
                answer = await browser.post(link, data={"signed": "李工 养护科", **given})
            if answer.status_code == 200:
                self._chats.did(f"link_{given['how']}")
            elif answer.status_code in _TOO_LATE:
                self._chats.did("link_too_late")
            else:
                self._season.tally.wrong.append(f"a link is answered with {answer.status_code}: {number}")

        return chat

    # ---- the console

    def works_on(self, me: int, row: Case) -> Chat:
        """One case, from its page."""

        async def chat() -> None:
            async with self._chats.phones.browser() as browser:
                if not await self._comes_in(browser, me):
                    return
                page = await browser.get(f"/console/case/{row.id}")
                token = _TOKEN.search(page.text)
                if page.status_code != 200 or token is None:
                    return
                form = {"token": token[1], "note": "社区协调解决了", "opened": ""}
                answer = await browser.post(f"/console/case/{row.id}/done", data=form)
                if answer.status_code == 303:
                    self._chats.did("console_act")

        return chat

    def _looks_and_enters(self, me: int) -> Chat:
        calls = self._random.randint(5, 60)

        async def chat() -> None:
            async with self._chats.phones.browser() as browser:
                if not await self._comes_in(browser, me):
                    return
                page = await browser.get("/console/hotline")
                token = _TOKEN.search(page.text)
                if token is None:
                    return
                month = self._chats.clock.now().astimezone(self._season.settings.zone).strftime("%Y-%m")
                form = {"token": token[1], "month": month, "calls": str(calls)}
                answer = await browser.post("/console/hotline", data=form)
                if answer.status_code == 303:
                    self._chats.did("console_hotline")
                if (await browser.get("/console/export/board.csv")).status_code == 200:
                    self._chats.did("console_export")

        return chat

    async def _comes_in(self, browser: httpx.AsyncClient, me: int) -> bool:
        """Ask 小哨 for the link, open it, and press the button behind it."""
        door = _DOOR.search(await self._chats.phones.says(me, "工作台"))
        if door is None:
            return False
        await browser.get(door[1])
        come_in = (await browser.post(door[1])).status_code == 303
        if come_in:
            self._chats.did("console_sign_in")
        return come_in


def _answer(chance: float, on: str) -> dict[str, str]:
    if chance < 0.25:
        return {"how": "plan", "text": "已列入计划", "on": on}
    if chance < 0.5:
        return {"how": "refuse", "text": "不属于我单位职责", "proposed": ""}
    return {"how": "done", "text": "已派人处理完毕"}
