"""Rounds in chat: the grid's daily patrols, and the work that a solution has promised to repeat."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.conversation.buttons import Round, Upkeep
from bot.simulation import words
from bot.simulation.agenda import DAY_BEGINS, Chat
from workflows.models import Case
from workflows.notices import Notice, NoticeKind

if TYPE_CHECKING:
    from bot.simulation.chats import Chats

_ROUNDS_PER_REPORT = 0.12


class Rounds:
    """Whoever goes round."""

    def __init__(self, chats: "Chats") -> None:
        self._chats = chats
        self._season = chats.season
        self._random = chats.random
        self._begun: set[int] = set()  # rounds of upkeep that somebody has taken on: one of several colleagues

    # ---- 巡查

    def plan(self) -> None:
        """Over the whole season, in the morning."""
        season = self._season
        if not season.neighbours.patrols:
            return
        reports = round(self._chats.people * words.REPORTS_PER_RESIDENT)
        for _ in range(max(8, round(reports * _ROUNDS_PER_REPORT))):
            day = season.start + timedelta(days=self._random.randrange(season.days))
            at = day + timedelta(minutes=DAY_BEGINS * 60 + self._random.randrange(180))
            season.agenda.chat(at, self._patrol())

    def _patrol(self) -> Chat:
        me, grid_id = self._random.choice(self._season.neighbours.patrols)
        estates = self._estates(grid_id)
        chance, found = self._random.random(), [self._find(), self._find()]

        async def chat() -> None:
            if chance < 0.3 or not estates:
                await self._chats.phones.says(me, "巡查一圈，没发现问题")
                self._chats.did("patrol_clean")
            elif chance < 0.5:
                await self._chats.phones.says(me, "/巡查")
                await self._chats.phones.taps(me, lambda b: isinstance(b, Round) and not b.found, just_shown=True)
                self._chats.did("patrol_clean")
            else:
                items = "\n".join(f"{n}. {house}号楼下面{text}" for n, (house, text) in enumerate(found, 1))
                await self._chats.phones.says(me, f"今天巡查{estates[0]}发现：\n{items}")
                self._chats.did("patrol_findings")

        return chat

    def _estates(self, grid_id: int) -> list[str]:
        grid = self._season.directory.grid(grid_id)
        here = [e.name for e in self._season.directory.estates_of(grid.community_id) if e.grid_id == grid_id]
        self._random.shuffle(here)
        return here

    def _find(self) -> tuple[int, str]:
        kind = self._random.choice(words.PATROL)
        return self._random.randint(1, 6), self._random.choice(words.TEXTS[kind][1])

    # ---- 定期维护

    def hear(self, now: datetime, notice: Notice, row: Case) -> bool:
        """A round is asked for, or its day has gone by."""
        if notice.kind not in (NoticeKind.UPKEEP_TASK, NoticeKind.UPKEEP_MISSED):
            return False
        task, late = int(notice.data["task"]), notice.kind is NoticeKind.UPKEEP_MISSED
        if task not in self._begun and notice.to in self._chats.reachable and self._chats.chance(0.4 if late else 0.7):
            self._begun.add(task)
            at = self._chats.later(now, 20 if late else 4)
            self._season.agenda.chat(at, self._confirms(notice.to, task, row, late=late))
        return True

    def _confirms(self, me: int, task: int, row: Case, *, late: bool) -> Chat:
        photo = self._chats.chance(0.5)

        async def chat() -> None:
            phones = self._chats.phones
            if not await phones.taps(me, lambda b: isinstance(b, Upkeep) and b.act == "done" and b.row == task):
                return
            if photo:
                await phones.photographs(me, "做了一遍", row.community_id)
            else:
                await phones.says(me, "做过了，无照片，手机没电了")
            self._chats.did("upkeep_round_late" if late else "upkeep_round_done")

        return chat

    def calls_later(self, now_at: datetime, me: int) -> None:
        """It has rained heavily: what waits for that is called for."""

        async def chat() -> None:
            await self._chats.phones.says(me, "/维护")
            if await self._chats.phones.taps(me, lambda b: isinstance(b, Upkeep) and b.act == "call", just_shown=True):
                self._chats.did("upkeep_called")

        self._season.agenda.chat(self._chats.later(now_at, 60), chat)
