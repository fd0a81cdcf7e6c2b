"""What residents do in their chats: join a neighbour's report, speak, report for others, judge with a reason, unsubscribe."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from bot.conversation.buttons import Behalf, CaseDo, Same, Where
from bot.simulation import words
from bot.simulation.agenda import DAY_BEGINS, DAY_ENDS, Chat
from workflows.models import Case, Reporter
from workflows.notices import Notice, NoticeKind
from workflows.policy.lifecycle import Status
from workflows.policy.places import Address

if TYPE_CHECKING:
    from bot.simulation.chats import Chats

_IN_CHAT = 0.12  # of all reports, so many are told in the chat
_MOST_QUESTIONS = 4


class Doorstep:
    """Everybody who lives there, with a phone."""

    def __init__(self, chats: "Chats") -> None:
        self._chats = chats
        self._season = chats.season
        self._random = chats.random
        self._ended: set[int] = set()  # cases of whose end somebody has heard
        self._last: tuple[str, Address] | None = None  # what was reported last, for a neighbour to join

    def plan(self) -> None:
        """Over the whole season: reports of every sort, and a few who want fewer digests."""
        people, kinds = self._chats.people, (self._reports, self._joins, self._speaks, self._for_a_neighbour)
        number = max(12, round(people * words.REPORTS_PER_RESIDENT * _IN_CHAT))
        for n in range(number):
            self._at_some_time(kinds[n % len(kinds)]())
        for n in range(max(4, people // 40)):
            self._at_some_time(self._subscribes("退订" if n % 2 == 0 else "简报每月一次"))

    def _at_some_time(self, chat: Chat) -> None:
        day = self._season.start + timedelta(days=self._random.randrange(self._season.days))
        minutes = self._random.randrange(DAY_BEGINS * 60, DAY_ENDS * 60)
        self._season.agenda.chat(day + timedelta(minutes=minutes), chat)

    # ---- reporting

    def _reports(self) -> Chat:
        me, home = self._random.choice(self._season.neighbours.people)
        kind = self._random.choice(words.QUIET)
        text = self._random.choice(words.TEXTS[kind][1])

        async def chat() -> None:
            await self._tells(me, f"{_door(home)}{text}")
            self._last = (text, home)
            self._chats.did("report_in_chat")

        return chat

    async def _tells(self, me: int, text: str) -> None:
        """Say it, and answer what is asked until it is filed."""
        await self._chats.phones.says(me, text)
        for _ in range(_MOST_QUESTIONS):
            if not await self._answers(me):
                return

    async def _answers(self, me: int) -> bool:
        """The question that was just asked, where it is one for the place or for what may be the same."""
        phones = self._chats.phones
        if await phones.taps(me, lambda b: isinstance(b, Same) and b.case != 0, just_shown=True):
            self._chats.did("join_in_chat")
            return True
        return await phones.taps(me, lambda b: isinstance(b, Where) and b.how in ("home", "unknown"), just_shown=True)

    def _joins(self) -> Chat:
        chance = self._random.random()

        async def chat() -> None:
            """Somebody of the same house has the same trouble."""
            if self._last is None:
                return
            text, where = self._last
            near = [p for p, home in self._season.neighbours.people if home.estate_id == where.estate_id]
            await self._tells(near[int(chance * len(near))], f"{_door(where)}{text}")

        return chat

    def _speaks(self) -> Chat:
        me, home = self._random.choice(self._season.neighbours.people)
        seconds = self._random.randint(3, 40)

        async def chat() -> None:
            community = home.community_id or self._season.directory.communities[0].id
            await self._chats.phones.speaks(me, seconds, community)
            self._chats.did("voice")
            for _ in range(_MOST_QUESTIONS):
                if not await self._answers(me):
                    return

        return chat

    def _for_a_neighbour(self) -> Chat:
        me, home = self._random.choice(self._season.neighbours.people)
        text = self._random.choice(words.TEXTS["street_light"][1])
        agreed = self._chats.chance(0.7)

        async def chat() -> None:
            await self._tells(me, f"替楼上王大爷报，{_door(home)}{text}")
            how = "tell" if agreed else "keep"
            if await self._chats.phones.taps(me, lambda b: isinstance(b, Behalf) and b.how == how):
                self._chats.did("report_for_a_neighbour")

        return chat

    def _subscribes(self, wish: str) -> Chat:
        me, _ = self._random.choice(self._season.neighbours.people)

        async def chat() -> None:
            await self._chats.phones.says(me, wish)
            self._chats.did("digest_off" if wish == "退订" else "digest_monthly")

        return chat

    # ---- judging

    def hear(self, now: datetime, notice: Notice, row: Case) -> bool:
        """解决了没有? Some answer in the chat, and say why where it is not."""
        if notice.kind not in (NoticeKind.VERDICT, NoticeKind.VERDICT_AGAIN) or not self._chats.in_chat(0.2):
            return False
        if row.status == Status.TO_JUDGE:
            self._season.agenda.chat(self._chats.later(now, 10), self._judges(notice.to, row), row)
        return True

    def _judges(self, me: int, row: Case) -> Chat:
        verdict = self._random.choices(("solved", "partly", "not"), (5, 3, 2))[0]

        async def chat() -> None:
            phones = self._chats.phones
            await phones.says(me, f"{row.number}怎么样了")
            if not await phones.taps(
                me, lambda b: isinstance(b, CaseDo) and b.case == row.id and b.act == verdict, just_shown=True
            ):
                return
            self._chats.did(f"verdict_{verdict}")
            if verdict != "solved":
                await phones.says(me, "弄了一半就走了，还是老样子")

        return chat

    def hear_of_the_end(self, now: datetime, notice: Notice, row: Case) -> None:
        """Solved, and within the month it is back."""
        if notice.data.get("how") == "solved" and row.id not in self._ended:
            self._ended.add(row.id)
            if self._chats.in_chat(0.15):
                self._season.agenda.chat(self._chats.later(now, 24 * 6), self._finds_it_back(row.id), row)

    def _finds_it_back(self, case_id: int) -> Chat:
        async def chat() -> None:
            async with self._season.database.reading() as session:
                first = select(Reporter.person_id).where(Reporter.case_id == case_id).order_by(Reporter.id).limit(1)
                me = (await session.execute(first)).scalar_one()
            if "又犯" in await self._chats.phones.says(me, "又坏了"):
                self._chats.did("recurrence")

        return chat


def _door(home: Address) -> str:
    building = f"{home.building}号楼" if home.building else ""
    return f"{home.estate}{building}" + (f"{home.unit}单元" if home.unit else "")
