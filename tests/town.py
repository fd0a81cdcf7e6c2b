"""A town for journeys: people in their chairs talk to the real dispatcher on a real database; only time is ours."""

import io
import itertools
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from PIL import Image
from sqlalchemy import func, inspect, select

from bot.app import App
from bot.channels.web.messenger import CHANNEL
from bot.channels.web.page import message_update, tap_update
from bot.clock import ManualClock
from bot.demo import FIRST_CHAT, KEYS
from bot.settings import Settings
from nlu.speech import SpeechEngine
from nlu.understanding import Understander
from workflows.media import clean, keep, keep_file
from workflows.models import Account, Case, CaseEvent, FollowUp, Inbound, Outbound, Person, WebBubble
from workflows.policy.lifecycle import OPEN
from workflows.voices import checked

Row = TypeVar("Row")
TUESDAY = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)  # ten o'clock in the morning in Hohhot


class Town:
    """Who says what to 小哨, what they hear, and how days go by."""

    def __init__(self, app: App, clock: ManualClock) -> None:
        self.app = app
        self.clock = clock
        self._numbers = itertools.count(1)
        self._heard: dict[str, int] = {}

    @classmethod
    @asynccontextmanager
    async def opened(
        cls,
        settings: Settings,
        understander: Understander,
        start: datetime = TUESDAY,
        speech: SpeechEngine | None = None,
    ) -> AsyncIterator["Town"]:
        """A prepared application on a fresh database."""
        clock = ManualClock(start)
        app = App(settings, clock=clock, understander=understander, speech=speech)
        try:
            await app.prepare()
            yield cls(app, clock)
        finally:
            await app.database.close()

    def chat(self, who: str) -> str:
        """The chat of a demo chair (td-resident …); any other word is a stranger's own chat."""
        if who in KEYS:
            return str(FIRST_CHAT + KEYS.index(who))
        return str(700_000 + sum(ord(c) * 31**i for i, c in enumerate(who)) % 100_000)

    async def says(self, who: str, text: str) -> str:
        """Somebody writes; returns everything that they hear from then on until nothing is left to do."""
        await self.heard(who)
        chat = self.chat(who)
        number = next(self._numbers)
        await self.app.inbox.receive(CHANNEL, f"{chat}:{number}", chat, self._message(number, chat, text))
        await self.settled()
        return await self.heard(who)

    def _message(self, number: int, chat: str, text: str, photo: str = "") -> dict[str, Any]:
        return message_update(number, chat, int(self.clock.now().timestamp()), text, photo)

    async def photographs(self, who: str, caption: str = "") -> str:
        """Somebody sends a photo."""
        await self.heard(who)
        buffer = io.BytesIO()
        Image.new("RGB", (80, 60), (200, 90, 60)).save(buffer, "JPEG")
        photo = clean(buffer.getvalue(), 1)
        keep(self.app.settings.storage, photo)
        async with self.app.database.writing() as session:
            await self.app.office(session).photos.register(photo, self.app.directory.communities[0].id, None)
        chat, number = self.chat(who), next(self._numbers)
        update = self._message(number, chat, caption, photo.id) | {"xiaoshao": {"photo_id": photo.id}}
        await self.app.inbox.receive(CHANNEL, f"{chat}:{number}", chat, update)
        await self.settled()
        return await self.heard(who)

    async def speaks(self, who: str, recording: bytes) -> str:
        """Somebody sends a voice message from the page."""
        await self.heard(who)
        voice = checked(recording, limit_mb=5, limit_seconds=120)
        keep_file(self.app.settings.storage, voice.id, voice.content)
        community = self.app.directory.communities[0].id
        async with self.app.database.writing() as session:
            photos = self.app.office(session).photos
            await photos.enter_voice(voice.id, len(voice.content), voice.seconds, community, None)
        chat, number = self.chat(who), next(self._numbers)
        update = self._message(number, chat, "", voice.id) | {"xiaoshao": {"voice_id": voice.id}}
        await self.app.inbox.receive(CHANNEL, f"{chat}:{number}", chat, update)
        await self.settled()
        return await self.heard(who)

    async def shares_location(self, who: str, lat: float, lon: float) -> str:
        """Somebody shares where they are, as Telegram does."""
        await self.heard(who)
        chat, number = self.chat(who), next(self._numbers)
        update = self._message(number, chat, "")
        del update["message"]["text"]
        update["message"]["location"] = {"latitude": lat, "longitude": lon}
        await self.app.inbox.receive(CHANNEL, f"{chat}:{number}", chat, update)
        await self.settled()
        return await self.heard(who)

    async def taps(self, who: str, label: str) -> str:
        """Somebody taps the newest button with these words in their chat.

        Raises:
            AssertionError: there is no such button; the message lists those that there are.
        """
        bubble, data = await self.button(who, label)
        return await self.taps_data(who, bubble, data)

    async def taps_data(self, who: str, bubble: WebBubble, data: str) -> str:
        """A tap with any payload: also stale and forged ones."""
        await self.heard(who)
        chat, number = self.chat(who), next(self._numbers)
        update = tap_update(bubble, data, f"tap{number}", int(self.clock.now().timestamp()))
        await self.app.inbox.receive(CHANNEL, f"{chat}:{number}", chat, update)
        await self.settled()
        return await self.heard(who)

    async def button(self, who: str, label: str) -> tuple[WebBubble, str]:
        """The newest bubble with such a button, and what the button carries."""
        there = []
        for bubble in reversed(await self.bubbles(who)):
            for row in bubble.buttons:
                for button in row:
                    there.append(button["text"])
                    if button["text"] == label:
                        return bubble, button["data"]
        raise AssertionError(f"{who} sees no button {label!r}, only {there}")

    async def opens(self, who: str, case: Case) -> str:
        """Somebody on duty looks at their desk and opens the card of this case, with all its buttons."""
        await self.says(who, "/desk")
        for bubble in reversed(await self.bubbles(who)):
            for button in itertools.chain.from_iterable(bubble.buttons):
                if case.number in button["text"]:
                    return await self.taps_data(who, bubble, button["data"])
        raise AssertionError(f"{case.number} is not on the desk of {who}")

    async def seated(self, who: str) -> Person:
        """Somebody of the directory who has no chair in the demo gets a chat of their own, by their key."""
        person = await self.person(who)
        async with self.app.database.writing() as session:
            account = Account(
                community_id=person.community_id, person_id=person.id, channel=CHANNEL, chat_key=self.chat(who)
            )
            session.add(account)
        return person

    async def bubbles(self, who: str) -> list[WebBubble]:
        """Everything in this chat, oldest first."""
        async with self.app.database.reading() as session:
            rows = await session.execute(
                select(WebBubble).where(WebBubble.chat_key == self.chat(who)).order_by(WebBubble.id)
            )
            return list(rows.scalars())

    async def heard(self, who: str) -> str:
        """What this person has been told since the last look."""
        bubbles = [b for b in await self.bubbles(who) if b.sender == "bot" and b.id > self._heard.get(who, 0)]
        if bubbles:
            self._heard[who] = bubbles[-1].id
        return "\n".join(b.text for b in bubbles)

    async def passes(self, *, days: float = 0, hours: float = 0) -> None:
        """Time goes by, hour by hour, and what falls due is done in its turn. Hours in which nothing does are left out."""
        end = self.clock.now() + timedelta(days=days, hours=hours)
        while self.clock.now() < end:
            self.clock.set(min(end, await self._next_hour_with_work()))
            await self.settled()

    async def _next_hour_with_work(self) -> datetime:
        """Counted from now. Only follow-ups, messages that wait for a time of day, and what is to be tried again come
        about by themselves."""
        waiting = (
            select(func.min(FollowUp.due_at)).where(FollowUp.done_at.is_(None)),
            select(func.min(Outbound.not_before)).where(Outbound.state == "waiting"),
            select(func.min(Inbound.received_at)).where(Inbound.state == "waiting"),
        )
        async with self.app.database.reading() as session:
            moments = [(await session.execute(query)).scalar() for query in waiting]
        now = self.clock.now()
        wait = min((moment for moment in moments if moment is not None), default=now + timedelta(days=366)) - now
        return now + timedelta(hours=max(1, math.ceil(wait / timedelta(hours=1))))

    async def settled(self) -> None:
        """Until nothing is due, waiting or undelivered."""
        await self.app.settle()

    # ---- what there is

    async def person(self, key: str) -> Person:
        """Somebody of the demo directory."""
        async with self.app.database.reading() as session:
            return (await session.execute(select(Person).where(Person.key == key))).scalar_one()

    async def rows(self, table: type[Row], *where: Any) -> list[Row]:
        """What a table holds, oldest first."""
        async with self.app.database.reading() as session:
            found = await session.execute(select(table).where(*where).order_by(*inspect(table).primary_key))
            return list(found.scalars())

    async def cases(self, *where: Any) -> list[Case]:
        """Cases, oldest first."""
        async with self.app.database.reading() as session:
            return list((await session.execute(select(Case).where(*where).order_by(Case.id))).scalars())

    async def only_case(self) -> Case:
        """The one case that there is."""
        found = await self.cases()
        assert len(found) == 1, [f"{c.number} {c.category} {c.status}" for c in found]
        return found[0]

    async def actions(self, case: Case) -> list[str]:
        """What has been done to a case, in order."""
        async with self.app.database.reading() as session:
            rows = await session.execute(
                select(CaseEvent.action).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id)
            )
            return list(rows.scalars())

    def holder(self, case: Case) -> str:
        """Who is answerable for it."""
        return self.app.directory.unit(case.holder_unit_id).name if case.holder_unit_id is not None else ""

    async def keeps_its_promises(self) -> None:
        """Every open case has one holder and one running clock, and nothing was lost on the way."""
        async with self.app.database.reading() as session:
            _, without_holder, without_clock = await self.app.office(session).follow_ups().unclocked()
            assert (without_holder, without_clock) == (0, 0)
            stray = select(func.count()).where(
                FollowUp.done_at.is_(None), FollowUp.case_id.in_(select(Case.id).where(Case.status.not_in(list(OPEN))))
            )
            assert (await session.execute(stray)).scalar_one() == 0
            dead = select(func.count()).where(Outbound.state == "dead")
            assert (await session.execute(dead)).scalar_one() == 0
