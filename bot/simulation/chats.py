"""The part of a season that is played as people play it: who does what in their chat, and what they hear there."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import App
from bot.channels.web.messenger import CHANNEL
from bot.clock import ManualClock
from bot.simulation.agenda import Chat
from bot.simulation.doorstep import Doorstep
from bot.simulation.duty import Duty
from bot.simulation.pages import Pages
from bot.simulation.phones import Phones
from bot.simulation.reader import Reader
from bot.simulation.rounds import Rounds
from workflows.models import Account, Case, FollowUp, Person, Post
from workflows.notices import Notice, NoticeKind
from workflows.office import Office
from workflows.policy.lifecycle import CLOSED
from workflows.policy.permissions import Role

if TYPE_CHECKING:
    from bot.simulation.season import Season

MANY = 600  # residents; of more people not more is done in chats: a turn costs ten times what a use case does
# They are answered by the buttons beneath them, so they have to stand in the chat.
_BY_THEIR_BUTTONS = frozenset({NoticeKind.SUSPENSION, NoticeKind.UPKEEP_TASK, NoticeKind.UPKEEP_MISSED})


class Chats:
    """Everything that is done through the dispatcher and the pages.

    `whole`: every notice is worded, not only those that are answered by their buttons. `eager`: so many times as often
    does somebody choose their chat; a short season has the rare things then, too.
    """

    whole = False
    eager = 1.0

    def __init__(self, season: "Season") -> None:
        self.season = season
        self.clock = ManualClock(season.start)
        self.app = App(season.settings, clock=self.clock, understander=Reader(), database=season.database)
        self.phones = Phones(self.app)
        # Chances of its own: what is done by the use cases stays as it is, whatever is done here.
        self.random = Random(f"{season.seed} in chat")  # noqa: S311 - a made-up season
        self.reachable: set[int] = set()  # who has an account
        self.offices: dict[int, list[int]] = {}  # community -> its office, the secretary first
        self.people = min(season.residents, MANY)
        self._share = self.eager * self.people / season.residents
        self._notices: list[Notice] = []
        self.duty = Duty(self)
        self.rounds = Rounds(self)
        self.doorstep = Doorstep(self)
        self.pages = Pages(self)

    async def settle(self, session: AsyncSession) -> None:
        """Everybody gets a chat, but for the liaisons of every other department: those are reached by links."""
        self.app.directory = self.season.directory
        posts = (await session.execute(select(Post).where(Post.until.is_(None)).order_by(Post.id))).scalars().all()
        away = {post.person_id for post in posts if post.role == Role.DEPARTMENT_LIAISON and (post.unit_id or 0) % 2}
        for post in sorted(posts, key=lambda post: post.role != Role.COMMUNITY_SECRETARY):
            if post.role in (Role.COMMUNITY_SECRETARY, Role.COMMUNITY_STAFF):
                self.offices.setdefault(post.community_id, []).append(post.person_id)
        for person in (await session.execute(select(Person).order_by(Person.id))).scalars():
            if person.id in away:
                continue
            self.reachable.add(person.id)
            session.add(
                Account(community_id=person.community_id, person_id=person.id, channel=CHANNEL, chat_key=str(person.id))
            )
        self.rounds.plan()
        self.doorstep.plan()
        self.pages.plan()

    # ---- a conversation

    async def hold(self, at: datetime, chat: Chat) -> Sequence[Notice]:
        """Somebody does something in their chat; returns what everybody is told of it."""
        self.clock.set(at)
        self._notices.clear()
        self.app.announcer.listen = self._notices.append
        try:
            await chat()
        finally:
            self.app.announcer.listen = None
        season = self.season
        season.tally.wrong += self.phones.wrong
        season.tally.not_possible += self.phones.refused
        self.phones.wrong, self.phones.refused = [], 0
        return list(self._notices)

    def errands(self, session: AsyncSession, office: Office) -> Mapping[str, Callable[[FollowUp], Awaitable[None]]]:
        """What falls due in the conversations themselves: reports that were begun and not finished."""
        self.clock.set(office.now)
        return self.app.unfinished(session)

    async def put_into_words(self, office: Office, notices: Sequence[Notice]) -> None:
        """What the use cases want said stands in the chats, where somebody may want to tap it."""
        if not self.whole:
            office.notices[:] = [one for one in notices if one.kind in _BY_THEIR_BUTTONS]
        await self.app.announcer.announce(office)

    # ---- what people hear

    def hear(self, now: datetime, notice: Notice, row: Case) -> bool:
        """Whether somebody means to answer this in their chat; else it is left to the use cases."""
        if row.status in CLOSED and notice.kind is NoticeKind.CLOSED:
            self.doorstep.hear_of_the_end(now, notice, row)
            return False
        return (
            self.rounds.hear(now, notice, row)
            or self.duty.hear(now, notice, row)
            or self.doorstep.hear(now, notice, row)
        )

    def did(self, act: str) -> None:
        """One more of these."""
        self.season.tally.acts[act] += 1

    def chance(self, of: float) -> bool:
        """Whether it happens this time."""
        return self.random.random() < of

    def drawn(self) -> float:
        """A number to choose by among things that are done in chats; the fewer of them are to be, the larger."""
        return self.random.random() / self._share

    def in_chat(self, of: float) -> bool:
        """Whether somebody chooses their chat for it."""
        share = of * self._share
        return share >= 1 or self.chance(share)

    def later(self, now: datetime, hours: float) -> datetime:
        """Some time on, but not at night."""
        return self.season.agenda.later(now, hours, self.random)
