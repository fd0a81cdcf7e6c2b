"""What staff do in their chats: whistles asked for and reviewed, answers, rulings, 挂账, merging, plans that repeat."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from aiogram.filters.callback_data import CallbackData
from sqlalchemy import select

from bot.conversation.buttons import Assist, CaseDo, Kind, MakeRule, ToDepartment
from bot.simulation.agenda import Chat
from workflows.models import Case
from workflows.notices import Notice, NoticeKind
from workflows.policy.lifecycle import OPEN, WORKING, Rung, Status
from workflows.voices import ONLY_VOICE
from workflows.whistles import ASSISTING

if TYPE_CHECKING:
    from bot.simulation.chats import Chats

_WHY = "超出社区自治权限，无照片，夜里拍不清"
_RUNG_WORKS = {
    Rung.GRID_BRANCH: ("grid_worker", "branch_secretary"),
    Rung.PROPERTY: ("property_staff",),
    Rung.COMMUNITY: ("community_secretary", "community_staff"),
    Rung.DEPARTMENT: ("department_liaison",),
}


class Duty:
    """Everybody on duty, with a phone."""

    def __init__(self, chats: "Chats") -> None:
        self._chats = chats
        self._season = chats.season
        self._random = chats.random

    # ---- what they hear

    def hear(self, now: datetime, notice: Notice, row: Case) -> bool:
        """Whether it is answered in the chat."""
        if notice.kind is NoticeKind.CARD and notice.capacity == ASSISTING:
            self._plan(now, 30, row, self._assists(notice.to, row))
            return True
        if notice.kind is NoticeKind.SUSPENSION:
            self._plan(now, 5, row, self._decides(notice.to, row), desk=False)
            return True
        if notice.kind not in (NoticeKind.CARD, NoticeKind.RULING) or row.status not in WORKING:
            return False
        if notice.capacity not in _RUNG_WORKS[Rung(row.rung)]:
            return False
        chat = self._at_desk(now, notice, row)
        if chat is not None:
            self._plan(now, 20, row, chat)
        return chat is not None

    def _plan(self, now: datetime, hours: float, row: Case, chat: Chat, *, desk: bool = True) -> None:
        self._season.agenda.chat(self._chats.later(now, hours), chat, row, desk=desk)

    def _at_desk(self, now: datetime, notice: Notice, row: Case) -> Chat | None:
        at = {
            Rung.GRID_BRANCH: self._grid,
            Rung.PROPERTY: self._property,
            Rung.COMMUNITY: self._community,
            Rung.DEPARTMENT: self._department,
        }[Rung(row.rung)]
        return at(notice, row)

    def _grid(self, notice: Notice, row: Case) -> Chat | None:
        me = notice.to
        if row.text == ONLY_VOICE:
            return self._listens(me, row)
        asked = notice.data.get("reason") == "sent_back"
        if asked or (self._may_be_blown(row) and self._chats.in_chat(0.3)):
            return self._asks_for_a_whistle(me, row)
        return self._rests(me, row) if self._chats.in_chat(0.02) else None

    def _may_be_blown(self, row: Case) -> bool:
        """Somebody below has tried, or it is none of theirs."""
        route = self._season.rules.ladder.route(row.category, row.text, row.estate_text)
        nobody = row.estate_id is None or self._season.directory.property_of(row.estate_id) is None
        return row.reopened > 0 or nobody or route.works_at is Rung.DEPARTMENT

    def _property(self, notice: Notice, row: Case) -> Chat | None:
        if self._chats.in_chat(0.04):
            return self._rests(notice.to, row)
        return self._promises(notice.to, row) if self._chats.in_chat(0.06) else None

    def _community(self, notice: Notice, row: Case) -> Chat | None:
        me, chance = notice.to, self._chats.drawn()
        if notice.data.get("reason") == "whistle_wanted":
            return self._reviews(me, row)
        if row.refusals:
            return self._blows(me, row) if chance < 0.6 else None
        choices: list[tuple[float, Callable[[int, Case], Chat]]] = [
            (0.10, self._merges), (0.16, self._splits), (0.30, self._blows), (0.36, self._rests), (0.40, self._promises),
            (0.46, self._chats.pages.works_on),
        ]  # fmt: skip
        return next((does(me, row) for below, does in choices if chance < below), None)

    def _department(self, notice: Notice, row: Case) -> Chat | None:
        if notice.to not in self._chats.reachable:
            return self._chats.pages.answers(row) if self._chats.in_chat(1.0) else None
        if self._chats.in_chat(0.12):
            return self._promises(notice.to, row)
        return self._answers(notice.to, row) if self._chats.in_chat(0.4) else None

    # ---- one case after the other

    async def does(self, me: int, row: Case, act: str, *words: str) -> bool:
        """Open the card by its number, tap what is to be done, and say what is asked for. False: there is no such button."""
        await self._chats.phones.says(me, row.number)
        if not await self.taps_act(me, row, act):
            return False
        for line in words:
            await self._chats.phones.says(me, line)
        return True

    async def taps_act(self, me: int, row: Case, act: str) -> bool:
        """The button of an act on the card that was just opened; the rarer ones are behind 更多."""
        phones = self._chats.phones
        if await phones.taps(me, _button(row, act), just_shown=True):
            return True
        return await phones.taps(me, _button(row, "more"), just_shown=True) and await phones.taps(
            me, _button(row, act), just_shown=True
        )

    def _listens(self, me: int, row: Case) -> Chat:
        async def chat() -> None:
            """What was only recorded gets a kind from whoever has listened to it."""
            if await self.does(me, row, "heard"):
                self._chats.did("voice_heard")
                await self._chats.phones.taps(me, lambda b: isinstance(b, Kind) and b.case == row.id, just_shown=True)

        return chat

    def _asks_for_a_whistle(self, me: int, row: Case) -> Chat:
        async def chat() -> None:
            if await self.does(me, row, "ask_whistle") and await self._chooses(me, row):
                await self._chats.phones.says(me, _WHY)
                self._chats.did("whistle_asked")

        return chat

    async def _chooses(self, me: int, row: Case) -> bool:
        """A department out of those that are offered."""
        return await self._chats.phones.taps(
            me, lambda b: isinstance(b, ToDepartment) and b.case == row.id and b.unit != 0, just_shown=True
        )

    def _reviews(self, me: int, row: Case) -> Chat:
        chance = self._random.random()

        async def chat() -> None:
            if chance < 0.5:
                done, what = await self.does(me, row, "send_whistle"), "whistle_sent"
            elif chance < 0.75 and row.grid_id is not None:
                done, what = await self.does(me, row, "send_back", "先问一句，物业去看过没有？"), "whistle_sent_back"
            else:
                done, what = await self.does(me, row, "keep", "这个社区自己能协调，不用吹哨"), "whistle_kept"
            if done:
                self._chats.did(what)

        return chat

    def _blows(self, me: int, row: Case) -> Chat:
        ruling, more, rule = row.refusals > 0, self._chats.chance(0.4), self._random.choice(("estate", "all", "no"))

        async def chat() -> None:
            if not await self.does(me, row, "whistle") or not await self._chooses(me, row):
                return
            await self._chats.phones.says(me, _WHY)
            self._chats.did("ruling" if ruling else "whistle_blown")
            if ruling and await self._chats.phones.taps(me, _scope(rule), just_shown=True):
                self._chats.did("rule_made" if rule != "no" else "rule_left")
            if more:
                await self._calls_help(me, row)

        return chat

    async def _calls_help(self, me: int, row: Case) -> None:
        if await self.does(me, row, "assist") and await self._chats.phones.taps(
            me, lambda b: isinstance(b, Assist) and b.case == row.id, just_shown=True
        ):
            self._chats.did("assistant_called")

    def _assists(self, me: int, row: Case) -> Chat:
        act, words = self._random.choice(
            (("assist_done", "我们这部分已经处理完了"), ("assist_plan", "三天内安排人去看"),
             ("assist_refuse", "这个不归我们管"))
        )  # fmt: skip

        async def chat() -> None:
            if me in self._chats.reachable and await self.does(me, row, act, words):
                self._chats.did(act)

        return chat

    def _answers(self, me: int, row: Case) -> Chat:
        chance, days = self._random.random(), self._random.randint(3, 12)
        act, words = ("done", "已派人处理完毕")
        if chance < 0.25:
            act, words = "plan", f"已列入计划，{days}天内完工"
        elif chance < 0.5:
            act, words = "refuse", "这个不归我们管，应该由其他部门负责"

        async def chat() -> None:
            if await self.does(me, row, act, words):
                self._chats.did(f"department_{act}")

        return chat

    # ---- 挂账

    def _rests(self, me: int, row: Case) -> Chat:
        days = self._random.randint(5, 20)

        async def chat() -> None:
            if await self.does(me, row, "suspend", f"等材料到货，{days}天后再办"):
                self._chats.did("suspension_asked")
                await self._perhaps_wake(row)

        return chat

    def _decides(self, me: int, row: Case) -> Chat:
        agrees = self._chats.chance(0.7)

        async def chat() -> None:
            act = "suspend_yes" if agrees else "suspend_no"
            if not await self._chats.phones.taps(me, _button(row, act)):
                return
            if not agrees:
                await self._chats.phones.says(me, "居民等不了这么久，请先想别的办法")
            self._chats.did("suspension_approved" if agrees else "suspension_refused")
            await self._perhaps_wake(row)

        return chat

    async def _perhaps_wake(self, row: Case) -> None:
        """Some are taken up again before their day."""
        async with self._season.database.reading() as session:
            now = await session.get_one(Case, row.id)
        if now.status == Status.SUSPENDED and self._chats.chance(0.4):
            self._plan(self._chats.clock.now(), 40, now, self._wakes(now), desk=False)

    def _wakes(self, row: Case) -> Chat:
        async def chat() -> None:
            office = self._chats.offices.get(row.community_id)
            if office and await self.does(office[0], row, "wake"):
                self._chats.did("suspension_lifted")

        return chat

    # ---- 并案 and 拆分

    def _merges(self, me: int, row: Case) -> Chat:
        async def chat() -> None:
            async with self._season.database.reading() as session:
                others = await session.execute(
                    select(Case.number)
                    .where(Case.community_id == row.community_id, Case.id != row.id, Case.status.in_(list(OPEN)))
                    .order_by(Case.category != row.category, Case.estate_text != row.estate_text, Case.id.desc())
                    .limit(1)
                )
                other = others.scalar_one_or_none()
            if other is not None and await self.does(me, row, "merge", other):
                self._chats.did("merge")

        return chat

    def _splits(self, me: int, row: Case) -> Chat:
        async def chat() -> None:
            if await self.does(me, row, "split", "楼道灯坏了一个星期了，和这件不是一回事"):
                self._chats.did("split")

        return chat

    # ---- 定期维护

    def _promises(self, me: int, row: Case) -> Chat:
        kind = self._random.random()

        async def chat() -> None:
            now = self._chats.clock.now().astimezone(self._season.settings.zone).date()
            first, last = now + timedelta(days=1), now + timedelta(days=45)
            span = f"{first.year}年{first.month}月{first.day}日到{last.year}年{last.month}月{last.day}日"
            words = f"{span}每{7 if kind < 0.4 else 14}天喷一次药" if kind < 0.75 else f"{span}大雨后检查一次井盖"
            if await self.does(me, row, "upkeep", words):
                self._chats.did("upkeep_promised")
                if kind >= 0.75:
                    self._chats.rounds.calls_later(now_at=self._chats.clock.now(), me=me)
            await self.does(me, row, "done", "这一遍已经处理完了")

        return chat


def _button(row: Case, act: str) -> Callable[[CallbackData], bool]:
    return lambda button: isinstance(button, CaseDo) and button.case == row.id and button.act == act


def _scope(wanted: str) -> Callable[[CallbackData], bool]:
    return lambda button: isinstance(button, MakeRule) and button.scope == wanted
