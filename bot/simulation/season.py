"""A made-up season on a simulated clock: residents report, staff answer or stay silent, the digest is held to account."""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from bot.app import rules
from bot.settings import Settings
from bot.simulation import reckoning
from bot.simulation.agenda import Agenda, Intention, Tally
from bot.simulation.chats import Chats
from bot.simulation.residents import Residents
from bot.simulation.staff import DESKS, RUNG_OF_ROLE, STAFF, Staff
from workflows.case_file import CaseNotFound, Rules
from workflows.database import Database
from workflows.directory import Directory
from workflows.directory_file import import_file
from workflows.handling import Missing
from workflows.models import Case
from workflows.notices import Notice, NoticeKind
from workflows.office import Office
from workflows.policy.lifecycle import OPEN, NotPossible
from workflows.policy.permissions import NotAllowed
from workflows.upkeep import SEASON, UPKEEP

FIRST_DAY = (2026, 9, 7)  # a Monday: the season has the October holidays, their make-up days and the first cold
TICKS_A_DAY = 24
_ROWS = 500
_KNOWN_REFUSALS = (NotPossible, NotAllowed, Missing, CaseNotFound)


async def simulate(
    settings: Settings, days: int, residents: int, seed: int, progress: Callable[[int], None] | None = None
) -> dict[str, Any]:
    """Play a season on a throw-away database and say what the digest measured and whether the promises held."""
    with tempfile.TemporaryDirectory(prefix="xiaoshao-season-") as folder:
        database = Database(f"sqlite+aiosqlite:///{Path(folder) / 'season.db'}")
        apart = settings.model_copy(update={"storage": Path(folder)})  # recordings and keys of the season go with it
        try:
            season = Season(apart, database, days, residents, seed)
            return await season.play(progress)
        finally:
            await database.close()


class Season:
    """One season. `listen` hears every notice, for whoever wants to look at what people are told.

    Most of what people do is done by the use cases; `in_chat` says whether a part of it is done as people do it, by
    messages and taps, links and pages, through the real dispatcher.
    """

    in_chat = True
    residents_are: type[Residents] = Residents
    chats_are: type[Chats] = Chats

    def __init__(self, settings: Settings, database: Database, days: int, residents: int, seed: int) -> None:
        self.settings = settings
        self.database = database
        self.rules: Rules = rules(settings)
        self.directory = Directory()
        self.days = days
        self.residents = residents
        self.seed = seed
        self.start = datetime(*FIRST_DAY, tzinfo=settings.zone)
        self.tally = Tally()
        self.listen: Callable[[Notice], None] | None = None
        self.random = Random(seed)  # noqa: S311 - a made-up season, and the same one for the same seed
        self.agenda = Agenda(self.random, settings.zone)
        self.neighbours = self.residents_are(self)
        self.staff = Staff(self)
        self.chats = self.chats_are(self) if self.in_chat else None
        self._sitting: AbstractAsyncContextManager[AsyncSession] | None = None
        self._session: AsyncSession | None = None

    async def play(self, progress: Callable[[int], None] | None = None) -> dict[str, Any]:
        """Every day, and the reckoning at the end."""
        await self._prepare()
        for day in range(self.days):
            midnight = self.start + timedelta(days=day)
            try:
                for hour in range(TICKS_A_DAY):
                    await self._hour(midnight + timedelta(hours=hour))
            except BaseException as error:
                await self._rise(error)
                raise
            await self._rise()
            if progress is not None:
                progress(day + 1)
        return await self._reckoning()

    async def _reckoning(self) -> dict[str, Any]:
        return await reckoning.reckon(self)

    async def _prepare(self) -> None:
        await self.database.migrate()
        digest = self.settings.digest
        async with self.database.writing() as session:
            await import_file(session, self.settings.demo.directory, self.start)
            self.directory = await Directory.load(session)
            await self.neighbours.settle(session)
            office = self._office(session, self.start)
            await office.digests.ensure_armed(digest.iso_weekday, digest.at)
            if self.chats is not None:
                await self.chats.settle(session)
        self.neighbours.plan_reports()

    # ---- one transaction for many use cases: what is measured here is the rules, not the disk

    async def _sit(self) -> AsyncSession:
        """The transaction that use cases share, until the day is over or somebody writes in a chat."""
        if self._session is None:
            self._sitting = self.database.writing()
            self._session = await self._sitting.__aenter__()
        return self._session

    async def _rise(self, error: BaseException | None = None) -> None:
        sitting, self._sitting, self._session = self._sitting, None, None
        if sitting is not None:
            await sitting.__aexit__(type(error) if error else None, error, None)

    # ---- an hour

    async def _hour(self, moment: datetime) -> None:
        await self._tick(moment)
        while (meant := self.agenda.due(moment + timedelta(hours=1))) is not None:
            await self._try(meant)

    async def _tick(self, moment: datetime) -> None:
        session = await self._sit()
        office = self._office(session, moment)
        follow_ups = office.follow_ups(
            {
                "digest": office.digests.due,
                UPKEEP: office.upkeep.due,
                SEASON: office.upkeep.season_due,
                **(self.chats.errands(session, office) if self.chats is not None else {}),
            }
        )
        while due := await follow_ups.due(_ROWS):
            for row in due:
                await follow_ups.run(row)
            await session.flush()
            self.tally.follow_ups_done += len(due)
        _, unheld, unclocked = await follow_ups.unclocked()
        self.tally.without_holder = max(self.tally.without_holder, unheld)
        self.tally.without_clock = max(self.tally.without_clock, unclocked)
        self.tally.ticks += 1
        await self._hear(office)

    async def _try(self, meant: Intention) -> None:
        session = await self._sit()
        if self.agenda.planned_anew(meant):
            return
        if meant.case_id is not None and meant.seen is not None:
            row = await session.get_one(Case, meant.case_id)
            if row.status != meant.seen:
                return  # it has moved on
        if meant.chat is not None and self.chats is not None:
            await self._rise()  # a turn has a transaction of its own
            notices = await self.chats.hold(meant.at, meant.chat)
            await self._told(self._office(await self._sit(), meant.at), notices)
        elif meant.act is not None:
            await self._do(session, meant)

    async def _do(self, session: AsyncSession, meant: Intention) -> None:
        assert meant.act is not None
        office = self._office(session, meant.at)
        try:
            async with session.begin_nested():  # as every turn of the real product
                await meant.act(office)
        except _KNOWN_REFUSALS:
            self.tally.not_possible += 1
            return
        await self._hear(office)

    def _office(self, session: AsyncSession, moment: datetime) -> Office:
        return Office(session, moment, self.rules, self.directory)

    # ---- what people hear, and what they then mean to do

    async def _hear(self, office: Office) -> None:
        notices = list(office.notices)
        await self._told(office, notices)
        if self.chats is not None:
            await self.chats.put_into_words(office, notices)

    async def _told(self, office: Office, notices: Sequence[Notice]) -> None:
        heard: set[tuple[int | None, NoticeKind]] = set()
        issued: list[Notice] = []
        for notice in notices:
            self.tally.messages[notice.kind] += 1
            if self.listen is not None:
                self.listen(notice)
            if notice.kind is NoticeKind.DIGEST:
                issued.append(notice)
                continue
            if notice.case_id is None:
                continue
            row = await office.session.get_one(Case, notice.case_id)
            if self.chats is not None and self.chats.hear(office.now, notice, row):
                continue
            if notice.kind in DESKS and RUNG_OF_ROLE.get(notice.capacity) != row.rung:
                continue  # told, but it is not theirs to do
            # Of several colleagues who get the same card, the first one acts.
            if notice.kind in STAFF and (notice.case_id, notice.kind) in heard:
                continue
            heard.add((notice.case_id, notice.kind))
            self._react(office.now, notice, row)
        await reckoning.check_issued(self, office, issued)

    def _react(self, now: datetime, notice: Notice, row: Case) -> None:
        if row.status in OPEN:
            self.staff.hear(now, notice, row)
            self.neighbours.hear(now, notice, row)
        elif notice.kind is NoticeKind.CLOSED:
            self.neighbours.hear_of_the_end(now, notice, row)
