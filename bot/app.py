"""The only wiring: everything is built here and handed down."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from aiogram.fsm.context import FSMContext
from aiogram.fsm.storage.base import StorageKey
from aiogram.types import CallbackQuery, Message, Update
from aiogram.types import Chat as TelegramChat
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from fastapi import FastAPI
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot import demo
from bot.announcer import Announcer
from bot.channels.web.answer_page import AnswerPage
from bot.channels.web.messenger import CHANNEL as WEB
from bot.channels.web.messenger import RESTYLE, Hub, WebMessenger
from bot.channels.web.page import Chair, Page
from bot.channels.web.relay import Relay
from bot.clock import Clock, SystemClock
from bot.console.session import Sessions
from bot.console.visit import Console
from bot.conversation import resident, routers, staff
from bot.conversation.dialogue import Dialogue, restored
from bot.conversation.phrases import say, worded
from bot.conversation.talk import Duty, Speaker, Talk, keep
from bot.conversation.words import chosen
from bot.courier import Courier, Messenger, Pace
from bot.digest_round import KIND as DIGEST
from bot.digest_round import DigestRound
from bot.fetching import Fetch
from bot.http import build_http
from bot.knocking import keep_knocking
from bot.likeness import Nearby
from bot.metrics import FOLLOW_UPS, NLU_READY
from bot.pictures.week_pictures import WeekPictures, face_for
from bot.processes.bell import CLOCK, INBOX, OUTBOX, Line
from bot.processes.claims import ChatClaims
from bot.processes.directory_watch import DIRECTORY, DirectoryWatch
from bot.processes.leases import Alone, Desk, Leases
from bot.processes.postbox import Postbox, is_busy, savepoint, will_pass
from bot.processes.roles import ProcessRole, alone_on
from bot.recognising import Recognising
from bot.settings import Settings, refuse_unknown_departments
from bot.turn import TYPED, Hooks, Inbox, Read, Turn, Turns, TurnStorage, words_of
from nlu.rasa_client import RasaClient
from nlu.rasa_pool import RasaPool
from nlu.speech import SpeechEngine, engine_of
from nlu.understanding import Understander
from workflows.alerts import ALERT
from workflows.calendar import ChinaCalendar
from workflows.case_file import Rules
from workflows.database import Database, on_postgresql, wait_for
from workflows.directory import Directory
from workflows.directory_file import import_file
from workflows.expiry import EXPIRE, Expiry, Keeping
from workflows.media import path_of
from workflows.models import Chat, Community, FollowUp, Outbound
from workflows.office import Office
from workflows.policy.permissions import Role
from workflows.upkeep import SEASON, UPKEEP

if TYPE_CHECKING:
    from bot.channels.telegram import TelegramPolling

log = structlog.get_logger()

DRAFT, REREAD = "draft", "reread"
DATABASE_SECONDS = 30.0  # it may come up after us, as after a power cut
DIRECTORY_SECONDS = 3.0  # how often the directory is looked at without having been told that it was changed
LOOK_SECONDS = 3.0  # among several processes, how often everybody looks without having been woken
READER = "reader is ready"
# When a text that could not be read is tried again; while the NLU is down, only the first counts.
_REREAD_AFTER = (timedelta(seconds=20), timedelta(minutes=1), timedelta(minutes=3), timedelta(minutes=8))


def rules(settings: Settings) -> Rules:
    """What the operator decides, as the use cases take it."""
    return Rules(
        ladder=settings.ladder_policy(),
        calendar=ChinaCalendar(settings.holidays.days_off, settings.holidays.workdays),
        zone=settings.zone,
        categories=settings.categories,
        no_news=timedelta(hours=settings.no_news_hours),
        duplicate_days=settings.listening.duplicate_days,
        same_above=settings.nlu.same_above,
    )


class App:
    """One running product: its parts, and how they start and stop."""

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock | None = None,
        understander: Understander | None = None,
        database: Database | None = None,
        speech: SpeechEngine | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.database = database or Database(settings.database.url)
        self.rules = rules(settings)
        self.directory = Directory()
        self.watch = DirectoryWatch(self.database, self._take_directory, DIRECTORY_SECONDS)
        self.chairs: list[Chair] = []
        self.roles = settings.process.roles
        self.secret = _secret(settings.storage)
        self.hub = Hub()
        # On SQLite there are no others: nobody to be woken by, and nobody to share with.
        several = not self.database.sqlite
        self.line = Line(self.database) if several else None
        self.leases = Leases(self.database, settings.process.take_over_seconds) if several else None
        self.relay = Relay(self.database, self.hub, self.line) if self.line and ProcessRole.WEB in self.roles else None
        self.inbox = Inbox(self.database, self.clock)
        self.understander = understander or self._reader()
        # Whoever tries the demo at night sees at once what their words set going; what time brings waits for morning.
        self.announcer = Announcer(settings.zone, None if settings.demo.enabled else settings.quiet())
        self.by_time = Announcer(settings.zone, settings.quiet())
        face = face_for(settings.digest.font, wanted=settings.digest.card)
        self.pictures = WeekPictures(self.database, self.office, settings.storage, face)
        self.digests = DigestRound(self.database, self.office, self.announcer, self.pictures, self.clock.now)
        self.messengers: dict[str, Messenger] = {WEB: WebMessenger(self.database, self.hub, self.clock)}
        self.answer_page = AnswerPage(
            self.settings, self.database, self.clock, self.office, self.announcer, self.secret
        )
        self.fetchers: dict[str, Fetch] = {}
        self.speech = speech or engine_of(settings.speech.engine, settings.speech.model)
        if self.speech is not None:
            self.fetchers[WEB] = self._recognised(None)
        self.paces = {WEB: Pace(settings.channels.web.per_second, exact=True)}
        self.storage = TurnStorage()
        nearby = Nearby(self.database, self.understander, self.office)
        hooks = Hooks(self._prepare, self._finish, self._apologise, as_tap, unfinished, nearby, self._internal)
        self.turns = Turns(
            self.database,
            routers.build(self.storage),
            self.inbox,
            self.understander,
            self.clock,
            hooks,
            self.fetchers,
            ChatClaims(self.line) if self.line else None,
            LOOK_SECONDS if several else 1.0,
        )
        self.desk: Desk = self.leases or Alone()
        look = LOOK_SECONDS if several else 0.5
        self.courier = Courier(self.database, self.messengers, self.paces, self.clock, self.desk, look)
        self.turns.done = self.courier.wake
        self.answer_page.answered = self.courier.wake.set
        self.scheduler = AsyncIOScheduler(timezone=settings.zone)
        self._ticking = asyncio.Lock()
        self._issuing = asyncio.Lock()
        self._clock_moved = asyncio.Event()
        self._polling: TelegramPolling | None = None
        self._background: list[Coroutine[Any, Any, object]] = []
        if self.line:
            self._listen(self.line)
        self.http: FastAPI = build_http(self, self._page())

    def _reader(self) -> RasaPool | RasaClient:
        nlu = self.settings.nlu
        if nlu.url:
            return RasaClient(nlu.url, nlu.token, timeout_seconds=nlu.timeout_seconds)
        return RasaPool(
            workers=nlu.workers,
            pointer=self.settings.live_model,
            log_file=self.settings.storage / "log" / "rasa.log",
            timeout_seconds=nlu.timeout_seconds,
        )

    def _page(self) -> Page:
        return Page(
            self.settings,
            self.database,
            self.inbox,
            self.hub,
            self.clock,
            lambda: self.directory,
            self.secret,
            self.settle,
            lambda: self.chairs,
        )

    def console(self) -> Console:
        """The staff's pages; what they change goes out like what a chat changes."""
        return Console(
            self.settings,
            self.database,
            self.clock,
            self.office,
            self.announcer,
            Sessions(_secret(self.settings.storage), timedelta(hours=self.settings.console.hours)),
            self._wake,
            self.pictures,
            self.answer_page.token,
            self.watch.look,
        )

    def _take_directory(self, directory: Directory) -> None:
        self.directory = directory

    def _wake(self) -> None:
        self.courier.wake.set()
        self.inbox.arrived.set()

    # ---- starting and stopping

    async def prepare(self) -> None:
        """Tables at this version, the directory in memory, the demo seated, the digests armed."""
        await self.database.migrate()
        async with self.database.writing() as session:
            await _one_at_a_time(session)
            empty = (await session.execute(select(func.count()).select_from(Community))).scalar_one() == 0
            if empty and self.settings.demo.enabled:
                await import_file(session, self.settings.demo.directory, self.clock.now())
        await self.watch.look()
        async with self.database.writing() as session:
            await _one_at_a_time(session)
            if isinstance(self.clock, SystemClock):
                await self.clock.restore(session)
            if self.settings.demo.enabled:
                self.chairs = await demo.seat(session, self.directory)
            digest = self.settings.digest
            await self.office(session).digests.ensure_armed(digest.iso_weekday, digest.at)
            await self.expiry(session).ensure_armed()

    async def _prepared(self) -> None:
        """`prepare`, once the database is there; it may go away again while we are at it."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + DATABASE_SECONDS
        while True:
            await wait_for(self.database, DATABASE_SECONDS)
            try:
                await self.prepare()
            except Exception as error:
                if not will_pass(error) or loop.time() > deadline:
                    raise
                log.warning("the database went away at the start, trying again", error=type(error).__name__)
                await asyncio.sleep(0.5)
            else:
                return

    def _listen(self, line: Line) -> None:
        """What other processes say, and what may have been said while the line was down."""
        line.on(INBOX, lambda _: self.inbox.arrived.set())
        line.on(OUTBOX, lambda _: self.courier.wake.set())
        line.on(CLOCK, lambda _: self._clock_moved.set())
        line.on(DIRECTORY, lambda _: self.watch.changed.set())
        for event in (self.inbox.arrived, self.courier.wake, self._clock_moved, self.watch.changed):
            line.on_return(event.set)

    @asynccontextmanager
    async def running(self) -> AsyncIterator["App"]:
        """Everything that this process does, at work.

        Raises:
            NotAlone: on SQLite another process is at work, or part of the work would be nobody's.
        """
        with alone_on(self.settings.database.url, self.roles):
            async with AsyncExitStack() as stack:
                stack.push_async_callback(self.database.close)
                await self._prepared()
                self._check_departments()
                if ProcessRole.TURNS in self.roles:
                    await self._start_reader(stack)
                await self._start_telegram(stack)
                await stack.enter_async_context(self._among_others())
                if ProcessRole.SCHEDULER in self.roles:
                    self._start_ticks(stack)
                async with self._working():
                    yield self

    async def _start_reader(self, stack: AsyncExitStack) -> None:
        if isinstance(self.understander, RasaPool):
            await self.understander.start()
            stack.push_async_callback(self.understander.stop)
        elif isinstance(self.understander, RasaClient):
            stack.push_async_callback(self.understander.aclose)

    def _start_ticks(self, stack: AsyncExitStack) -> None:
        self.scheduler.add_job(
            self._knock, "interval", seconds=self.settings.scheduler.tick_seconds, max_instances=1, coalesce=True
        )
        self.scheduler.add_job(
            self._knock_for_digests,
            "interval",
            seconds=self.settings.scheduler.tick_seconds,
            max_instances=1,
            coalesce=True,
        )
        self.scheduler.start()
        self._background.append(keep_knocking(self.scheduler, self.settings.scheduler.tick_seconds))
        stack.push_async_callback(self._end_ticks)

    @asynccontextmanager
    async def _among_others(self) -> AsyncIterator[None]:
        """What ties this process to the others, for as long as it works."""
        async with asyncio.TaskGroup() as group:
            ties: list[Coroutine[Any, Any, None]] = [self.watch.run()]
            if self.line and self.leases:
                ties += [self.line.run(), self.leases.run(), self._follow_the_clock(), self._say_that_it_reads()]
            if self.relay:
                ties.append(self.relay.run())
            tasks = [group.create_task(tie, name="ties") for tie in ties]
            if self.line:  # what is read before could not be claimed
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self.line.open.wait(), LOOK_SECONDS)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            if ProcessRole.TURNS in self.roles:
                group.create_task(self.turns.run(), name="turns")
            if ProcessRole.COURIER in self.roles:
                group.create_task(self.courier.run(), name="courier")
            if self._polling is not None:
                group.create_task(self._polling.run(), name="telegram")
            setting_up = [group.create_task(work, name="telegram set-up") for work in self._background]
            try:
                yield
            finally:
                for task in setting_up:  # they insist for as long as the network is away; stopping must not wait
                    task.cancel()
                if self._polling is not None:
                    self._polling.stop()
                self.turns.stop()
                self.courier.stop()

    async def _follow_the_clock(self) -> None:
        """The demo's time machine may be moved in another process."""
        while True:
            await self._clock_moved.wait()
            self._clock_moved.clear()
            if not isinstance(self.clock, SystemClock):
                continue
            try:
                async with self.database.reading() as session:
                    await self.clock.restore(session)
            except Exception as error:  # the database is away: asked again when the line is back
                log.warning("the clock cannot be read", error=type(error).__name__)

    async def _say_that_it_reads(self) -> None:
        """The schedulers send unread texts to be read again only while somebody can read."""
        while self.leases and ProcessRole.TURNS in self.roles:
            if self.nlu_ready:
                try:
                    await self.leases.note(READER)
                except Exception as error:  # the database is away: so are the schedulers
                    log.debug("the reader's state cannot be told", error=type(error).__name__)
            await asyncio.sleep(self.settings.process.take_over_seconds / 3)

    def _check_departments(self) -> None:
        """The routing table against the directory that is served; raises ConfigError for a name nobody there has."""
        doubtful = self.settings.doubtful_departments(self.directory)
        refuse_unknown_departments(doubtful)
        for one in doubtful:
            log.warning("department_missing_in_directory", department=one.name, said=str(one))

    async def _start_telegram(self, stack: AsyncExitStack) -> None:
        """The way out, photos, and the way in by polling; imported only when a token is there."""
        how = self.settings.channels.telegram.how
        if how == "off":
            return
        from bot.channels import telegram
        from bot.channels.telegram_voice import TelegramMedia

        setting = self.settings.channels.telegram
        bot = telegram.telegram_bot(setting)
        stack.push_async_callback(bot.session.close)
        self.messengers["telegram"] = telegram.TelegramMessenger(bot, self.settings.storage, self.courier.part_arrived)
        photos = telegram.TelegramPhotos(bot, self.settings.storage, setting.photo_limit_mb)
        self.fetchers["telegram"] = self._recognised(TelegramMedia(photos, self.settings.voice))
        self.paces["telegram"] = Pace(setting.per_second, setting.per_chat_seconds, at_once=1)
        if how == "polling" and ProcessRole.POLLING in self.roles:
            self._polling = telegram.TelegramPolling(bot, self.inbox, self.desk)
        if how == "webhook" and ProcessRole.WEB in self.roles:
            self._background.append(telegram.set_webhook(bot, self.settings))
        if ProcessRole.POLLING in self.roles or ProcessRole.WEB in self.roles:
            self._background.append(telegram.set_commands(bot))

    def _recognised(self, fetch: Fetch | None) -> Fetch:
        """What a channel fetches, with the words of its recordings where there is an engine."""
        if self.speech is None:
            assert fetch is not None
            return fetch
        return Recognising(fetch, self.speech, self.settings.storage, self.settings.speech.within_seconds)

    # ---- one transaction's use cases

    def office(self, session: AsyncSession) -> Office:
        """The use cases of one transaction."""
        return Office(session, self.clock.now(), self.rules, self.directory)

    def expiry(self, session: AsyncSession) -> Expiry:
        """Clears away what is old, in one transaction."""
        settings = self.settings
        keeping = Keeping(settings.privacy.expire_days, settings.storage, settings.zone)
        return Expiry(session, self.clock.now(), keeping)

    @property
    def nlu_ready(self) -> bool:
        """Whether this process's NLU answers now."""
        return bool(getattr(self.understander, "ready", True))

    async def can_read(self) -> bool:
        """Whether the NLU answers now, here or in a process that is there for it."""
        if ProcessRole.TURNS in self.roles and self.nlu_ready:
            return True
        return self.leases is not None and await self.leases.noted(READER)

    # ---- ticks

    async def _knock(self) -> None:
        async with self._ticking:
            await self.tick()

    async def _knock_for_digests(self) -> None:
        """Drawing and issuing take a while, at which no deadline may wait: not part of the tick."""
        async with self._issuing:
            await self.issue()

    async def _end_ticks(self) -> None:
        """What is in hand may finish: the scheduler alone would cut it off."""
        self.scheduler.pause()
        await asyncio.sleep(0)  # one that was just started takes the lock
        async with self._ticking, self._issuing:
            self.scheduler.shutdown(wait=False)

    async def tick(self, limit: int = 50) -> int:
        """Do what is due now. Each follow-up under its own savepoint: one that fails is tried again later."""
        NLU_READY.set(1 if self.nlu_ready else 0)
        done = 0
        async with self.database.writing() as session:
            office = self.office(session)
            others = {
                ALERT: office.alerts.due,
                EXPIRE: self.expiry(session).due,
                UPKEEP: office.upkeep.due,
                SEASON: office.upkeep.season_due,
                **self.unfinished(session),
            }
            follow_ups = office.follow_ups(others)
            for row in await follow_ups.due(limit, without={DIGEST}):
                kind, row_id = row.kind, row.id
                try:
                    async with savepoint(session):
                        await follow_ups.run(row)
                        await self.by_time.announce(office)
                except Exception as error:  # one bad row must not stop the others
                    office.notices.clear()
                    await self._put_off(session, row_id, kind, error)
                    continue
                FOLLOW_UPS.labels(kind).inc()
                done += 1
        if done:
            self.courier.wake.set()
            self.inbox.arrived.set()
        return done

    def unfinished(self, session: AsyncSession) -> Mapping[str, Callable[[FollowUp], Awaitable[None]]]:
        """What is due about reports that somebody has begun and not finished."""
        return {
            DRAFT: lambda row: self._draft_due(session, row),
            REREAD: lambda row: self._reread_due(session, row),
        }

    async def issue(self) -> int:
        """Send the digests whose time has come; how many communities got theirs."""
        done = await self.digests.once()
        if done:
            self.courier.wake.set()
        return done

    async def _put_off(self, session: AsyncSession, row_id: int, kind: str, error: Exception) -> None:
        if is_busy(error):  # a turn was at the same case: it stays due
            log.info("a follow-up gives way to another process", id=row_id, kind=kind)
            return
        log.error("follow-up failed", id=row_id, kind=kind, error=type(error).__name__, exc_info=error)
        kept = await session.get_one(FollowUp, row_id, populate_existing=True)
        kept.due_at = self.clock.now() + timedelta(minutes=5)

    async def settle(self) -> None:
        """Until nothing is due, waiting or undelivered: for the time machine, `replay` and tests.

        What is other processes' work is left to them.
        """
        for _ in range(500):
            worked = await self.tick() + await self.issue() if ProcessRole.SCHEDULER in self.roles else 0
            if ProcessRole.TURNS in self.roles:
                await self.turns.drain()
            if ProcessRole.COURIER in self.roles:
                await self.courier.drain()
            if not worked:
                return

    async def _draft_due(self, session: AsyncSession, row: FollowUp) -> None:
        row.done_at = self.clock.now()
        await self._event(session, row, "draft_expired", "")

    async def _reread_due(self, session: AsyncSession, row: FollowUp) -> None:
        if not await self.can_read():
            row.due_at = self.clock.now() + _REREAD_AFTER[0]
            return
        row.done_at = self.clock.now()
        chat = await _chat(session, row.data["channel"], row.data["chat_key"])
        draft = restored(chat.data).draft if chat is not None else None
        if draft is not None and draft.unread:
            await self._event(session, row, "reread", draft.text)

    async def _event(self, session: AsyncSession, row: FollowUp, event: str, text: str) -> None:
        """Something nobody typed goes through the inbox like everything else: in order, once, in a turn."""
        chat_key = row.data["chat_key"]
        update = {"update_id": 0, "message": self._message(chat_key, text), "xiaoshao": {"event": event}}
        arriving = self.inbox.arriving(row.data["channel"], f"{event}:{row.id}", chat_key, update)
        Postbox.of(session).put(arriving)

    def _message(self, chat_key: str, text: str) -> dict[str, Any]:
        return {
            "message_id": 0,
            "date": int(self.clock.now().timestamp()),
            "chat": {"id": int(chat_key), "type": "private"},
            "text": text,
        }

    # ---- hooks of a turn

    async def _prepare(self, session: AsyncSession, turn: Turn, read: Read) -> dict[str, Any]:
        office = self.office(session)
        speaker = await self._speaker(office, turn)
        dialogue = restored(turn.chat.data)
        dialogue.act = ""
        photo = read.photo or {}
        if photo.get("photo_id"):
            photo = await self._register(office, speaker, dialogue, photo)
        elif photo.get("voice_id"):
            photo = await self._register_voice(office, speaker, dialogue, photo)
        talk = Talk(
            office=office,
            speaker=speaker,
            dialogue=dialogue,
            settings=self.settings,
            now=office.now,
            alone=read.alone,
            joined=read.joined,
            alike=read.alike,
            passages=read.passages,
            photo=str(photo.get("photo_id", "")),
            photo_refused=str(photo.get("photo_refused", "")),
            voice=str(photo.get("voice_id", "")),
            voice_words=str(photo.get("recognised", "")),
            human_phone=await self._human_phone(office, speaker),
            channel=turn.inbound.channel,
            answer_token=self.answer_page.token,
        )
        return {"talk": talk}

    async def _register(
        self, office: Office, speaker: Speaker, dialogue: Dialogue, photo: dict[str, Any]
    ) -> dict[str, Any]:
        """Enter a photo that a channel has fetched; the page enters its own at once. Too many are not taken."""
        if await office.photos.get(photo["photo_id"]) is not None:
            return photo
        if self.settings.limited and dialogue.alarm is None:
            allowance = self.settings.limits.of(staff=speaker.staff)
            if await office.limits.photos_until(speaker.person_id, allowance) is not None:
                path_of(self.settings.storage, photo["photo_id"]).unlink(missing_ok=True)
                return {"photo_refused": "photo.too_many"}
        await office.photos.enter(photo, speaker.community_id, speaker.person_id)
        return photo

    async def _register_voice(
        self, office: Office, speaker: Speaker, dialogue: Dialogue, voice: dict[str, Any]
    ) -> dict[str, Any]:
        """Enter a recording that Telegram has brought; the page enters its own at once. It counts like a photo."""
        if await office.photos.get(voice["voice_id"]) is not None:
            return voice
        if self.settings.limited and dialogue.alarm is None:
            allowance = self.settings.limits.of(staff=speaker.staff)
            if await office.limits.photos_until(speaker.person_id, allowance) is not None:
                path_of(self.settings.storage, voice["voice_id"]).unlink(missing_ok=True)
                return {"photo_refused": "voice.too_many"}
        size, seconds = int(voice.get("size", 0)), int(voice.get("seconds", 0))
        await office.photos.enter_voice(voice["voice_id"], size, seconds, speaker.community_id, speaker.person_id)
        return voice

    async def _speaker(self, office: Office, turn: Turn) -> Speaker:
        known, inbound = turn.sender, turn.inbound
        if known is None:
            community = self.directory.communities[0].id
            name = name_in(inbound.update)
            known = await office.people.newcomer(inbound.channel, inbound.chat_key, name, community)
        person = known.person
        home = self.directory.address_of(
            person.home_estate_id, person.home_building, person.home_unit, person.home_room
        )
        return Speaker(
            person_id=person.id,
            account_id=known.account.id,
            community_id=person.community_id,
            name=person.name,
            phone=person.phone,
            home=home,
            duties=tuple(
                Duty(Role(p.role), p.community_id, p.unit_id, p.grid_id, p.estate_id, p.building_id)
                for p in known.posts
            ),
            newcomer=turn.sender is None,
            elder=person.elder,
        )

    async def _human_phone(self, office: Office, speaker: Speaker) -> str:
        """长辈版: whom to ring, the grid worker where they have a number that may be told, else the community."""
        if speaker.elder != "on" or speaker.staff:
            return ""
        home = speaker.home
        if self.settings.elder.grid_worker_phone and home.grid_id is not None:
            there = await office.people.holders(Role.GRID_WORKER, grid_id=home.grid_id)
            people = await office.people.people_of(colleague.person_id for colleague in there)
            for person in people.values():
                if person.phone:
                    return say("elder.phone", who=f"网格员{person.name}", phone=person.phone)
        community = self.directory.community(home.community_id or speaker.community_id)
        return say("elder.phone", who=community.name, phone=community.phone) if community.phone else ""

    async def _finish(self, session: AsyncSession, turn: Turn, data: dict[str, Any]) -> None:
        talk: Talk = data["talk"]
        await self.announcer.announce(talk.office, awake=talk.speaker.person_id)
        turn.understanding = {**(turn.understanding or {}), "act": talk.dialogue.act}
        if talk.dialogue.draft is not None:
            await self._remember_draft(session, turn, talk)
        if resident.matters.calls_next(talk):
            turn.chat.data = talk.dialogue.keep()
        self._read_later(session, turn, talk)
        if talk.restyled is not None:
            await self._restyle(session, turn, talk, large=talk.restyled)

    async def _restyle(self, session: AsyncSession, turn: Turn, talk: Talk, *, large: bool) -> None:
        """Open pages of this person change their type by themselves."""
        for account in await talk.office.people.accounts_of(talk.speaker.person_id):
            if account.channel == WEB:
                Postbox.of(session).say(
                    Outbound(
                        channel=WEB,
                        chat_key=account.chat_key,
                        method=RESTYLE,
                        payload={"large": large},
                        created_at=turn.now,
                        not_before=turn.now,
                    )
                )

    def _read_later(self, session: AsyncSession, turn: Turn, talk: Talk) -> None:
        """Each item of a list gets a turn of its own, read by itself, in this chat's order."""
        inbound = turn.inbound
        for n, (event, words, photo) in enumerate(talk.later):
            noted = {"event": event, **({"photo_id": photo} if photo else {})}
            update = {"update_id": 0, "message": self._message(inbound.chat_key, words), "xiaoshao": noted}
            arriving = self.inbox.arriving(inbound.channel, f"{event}:{inbound.id}:{n}", inbound.chat_key, update)
            Postbox.of(session).put(arriving)
        if talk.later:
            self.inbox.arrived.set()

    async def _remember_draft(self, session: AsyncSession, turn: Turn, talk: Talk) -> None:
        """An unfinished report is never forgotten: it is opened as it is when its time has come."""
        where = {"channel": turn.inbound.channel, "chat_key": turn.inbound.chat_key}
        wanted = [(DRAFT, timedelta(minutes=self.settings.listening.draft_minutes))]
        if talk.dialogue.draft is not None and talk.dialogue.draft.unread:
            wanted.append((REREAD, _REREAD_AFTER[min(talk.dialogue.draft.rereads, len(_REREAD_AFTER) - 1)]))
        for kind, after in wanted:
            pending = (
                (
                    await session.execute(
                        select(FollowUp).where(
                            FollowUp.case_id.is_(None),
                            FollowUp.kind == kind,
                            FollowUp.done_at.is_(None),
                            FollowUp.due_at <= turn.now + after,
                        )
                    )
                )
                .scalars()
                .all()
            )
            if not any(row.data == where for row in pending):
                session.add(
                    FollowUp(community_id=talk.speaker.community_id, kind=kind, due_at=turn.now + after, data=where)
                )

    async def _internal(self, event: str, update: Update, turn: Turn, data: dict[str, Any]) -> None:
        talk: Talk = data["talk"]
        talk.message = update.message
        with worded(short=talk.speaker.elder == "on"):
            if event == "draft_expired":
                await resident.draft_expired(talk)
            elif event == "reread":
                await resident.reread(talk)
            elif event == "finding":
                await staff.finding(talk, words_of(turn.inbound.update), talk.photo)
            elif event == resident.matters.EVENT:
                await resident.matters.next_one(talk)
        chat_id = int(turn.inbound.chat_key)
        state = FSMContext(self.storage, StorageKey(bot_id=1, chat_id=chat_id, user_id=chat_id))
        await keep(state, talk.dialogue)

    async def _apologise(self, session: AsyncSession, turn: Turn) -> None:
        """Say so, and hand what was written to a person: it may matter more than our fault."""
        turn.say("SendMessage", {"text": say("apology")})
        try:
            async with savepoint(session):
                office = self.office(session)
                speaker = await self._speaker(office, turn)
                home = speaker.home
                where = home.community_id or speaker.community_id
                await office.alerts.human(
                    speaker.person_id, where, home.grid_id, words_of(turn.inbound.update) or "（没有文字）", "stuck"
                )
                await self.announcer.announce(office)
        except Exception as error:  # the cause may be what the desk would need as well; the dead letter stays
            log.error("could not hand over a dead letter", inbound=turn.inbound.id, error=type(error).__name__)


async def _one_at_a_time(session: AsyncSession) -> None:
    """Processes that start at once fill an empty database one after the other."""
    if on_postgresql(session):
        await session.execute(text("SELECT pg_advisory_xact_lock(7222)"))


def name_in(update: Mapping[str, Any]) -> str:
    """What the sender of a message calls themselves, as far as it can be read; perhaps nothing."""
    message = update.get("message")
    sender = message.get("from") if isinstance(message, Mapping) else None
    if not isinstance(sender, Mapping):
        return ""
    parts = (sender.get(part) for part in ("last_name", "first_name"))
    return "".join(part for part in parts if isinstance(part, str))[:40]


async def _chat(session: AsyncSession, channel: str, chat_key: str) -> Chat | None:
    return (
        await session.execute(select(Chat).where(Chat.channel == channel, Chat.chat_key == chat_key))
    ).scalar_one_or_none()


def as_tap(update: Update, chat: Chat) -> Update:
    """A typed number, or a button's own words, is a tap on that button."""
    message = update.message
    if message is None or not message.text or message.text.startswith("/"):
        return update
    notes = chat.data or {}
    data = chosen(message.text, notes.get("options") or [], numbered=bool(notes.get("asked")))
    if not data or message.from_user is None:
        return update
    query = CallbackQuery(
        id=TYPED,
        from_user=message.from_user,
        chat_instance=str(chat.chat_key),
        data=data,
        message=Message(
            message_id=0, date=message.date, chat=TelegramChat(id=message.chat.id, type="private"), text="…"
        ).as_(message.bot),
    ).as_(message.bot)
    return Update(update_id=update.update_id, callback_query=query)


def unfinished(chat: Chat, _now: Any) -> str:
    """The bubbles of a report that is not complete, for reading the next one together with them."""
    draft = (chat.data or {}).get("draft")
    return " ".join(draft["texts"])[-400:] if draft else ""


def _secret(storage: Path) -> str:
    """The key that signs cookies: made once, kept beside the photos, readable by this user only."""
    path = storage / "secret.key"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        own = storage / f"secret.{secrets.token_hex(4)}.new"
        own.touch(mode=0o600)
        own.write_text(secrets.token_urlsafe(48), encoding="ascii")
        with contextlib.suppress(FileExistsError):  # another process has just made one
            os.link(own, path)
        own.unlink()
    return path.read_text(encoding="ascii")
