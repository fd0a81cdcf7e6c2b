"""One turn as a handler sees it: who speaks, what was understood, what may be done, and a way to answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from typing import Any

from aiogram.fsm.context import FSMContext
from aiogram.types import Message

from bot.conversation import choices
from bot.conversation.buttons import Rows, keyboard
from bot.conversation.cards import ROLE
from bot.conversation.dialogue import Dialogue
from bot.conversation.phrases import say
from bot.matters import ReadPassage
from bot.settings import Settings
from nlu.understanding import Understanding
from workflows.directory import Directory
from workflows.office import Office
from workflows.policy.permissions import Role
from workflows.policy.places import Address
from workflows.refusals import Why


@dataclass(frozen=True)
class Duty:
    """A post somebody holds, as far as a conversation needs it."""

    role: Role
    community_id: int
    unit_id: int | None
    grid_id: int | None
    estate_id: int | None
    building_id: int | None


@dataclass(frozen=True)
class Speaker:
    """Who is writing."""

    person_id: int
    account_id: int
    community_id: int
    name: str
    phone: str
    home: Address
    duties: tuple[Duty, ...] = ()
    newcomer: bool = False
    elder: str = ""  # 长辈版: on | off | offered; empty: never spoken of

    @property
    def staff(self) -> bool:
        """Whether they hold any post."""
        return bool(self.duties)

    def has(self, *roles: Role) -> bool:
        """Whether one of their posts is one of these."""
        return any(duty.role in roles for duty in self.duties)

    def posts(self, directory: Directory) -> str:
        """Their posts in words."""
        parts = []
        for duty in self.duties:
            at = directory.unit(duty.unit_id).name if duty.unit_id is not None else ""
            if not at and duty.estate_id is not None:
                at = directory.estate(duty.estate_id).name
            parts.append(f"{at}{ROLE[duty.role]}")
        return "、".join(dict.fromkeys(parts)) or "居民"


def _no_links(link_id: int, secret: str) -> str:
    """Stands where nobody can sign a link."""
    raise LookupError(f"link {link_id}: there is no key to sign it with")


@dataclass
class Talk:
    """What a handler works with in one turn. Rules of the ladder are not here but in the office."""

    office: Office
    speaker: Speaker
    dialogue: Dialogue
    settings: Settings
    now: datetime
    alone: Understanding | None = None
    joined: Understanding | None = None
    alike: Mapping[int, float] = field(default_factory=dict)  # what the reader thinks of open cases nearby
    passages: Sequence[ReadPassage] = ()  # of a message that may hold several matters
    photo: str = ""
    photo_used: bool = False  # it has found its report or its case
    photo_refused: str = ""
    voice: str = ""  # a recording that came with this message
    voice_words: str = ""  # what the speech engine heard in it
    human_phone: str = ""  # 长辈版: whom to ring, said beneath every answer
    channel: str = "web"
    said: list[str] = field(default_factory=list)
    message: Message | None = None
    later: list[tuple[str, str, str]] = field(
        default_factory=list
    )  # (event, text, photo) to be read in turns of their own
    answer_token: Callable[[int, str], str] = _no_links
    beneath: list[str] = field(default_factory=list)  # said once beneath the next answer
    restyled: bool | None = None  # 长辈版 was switched on or off in this turn
    caution: bool = False  # words of danger in what looks like an ordinary matter: the numbers are said beside it

    @property
    def zone(self) -> tzinfo:
        """The neighbourhood's time zone."""
        return self.settings.zone

    @property
    def directory(self) -> Directory:
        """Places and units."""
        return self.office.directory

    def act(self, name: str) -> None:
        """Note what this turn was understood as."""
        self.dialogue.act = name

    async def refuse(self, why: Why, what: str, case_id: int | None = None) -> None:
        """Note for the operator what this person tried and may not do."""
        me = self.speaker
        await self.office.refusals.record(
            why, what, community_id=me.community_id, person_id=me.person_id, channel=self.channel, case_id=case_id
        )

    async def answer(self, text: str, rows: Rows | None = None, *, asks: str = "") -> None:
        """Say something in this chat. `asks` is what a next line would answer; buttons can be typed as numbers."""
        assert self.message is not None
        rows = rows or []
        if self.caution:  # once, beside the first thing that is said
            text, self.caution = f"{text}\n{say('danger.perhaps')}", False
        if self.voice_words:  # so that a misheard word is seen at once
            text, self.voice_words = f"{text}\n{say('voice.recognised', text=self.voice_words)}", ""
        text, self.beneath = "\n".join([text, *self.beneath]), []
        if self.speaker.elder == "on":
            text, rows = self._for_elders(text, rows, asks)
        self.said.append(text)
        self.dialogue.asked = asks
        self.dialogue.options = [[option.text, option.data] for row in rows for option in row]
        await self.message.answer(text, reply_markup=keyboard(rows))

    def _for_elders(self, text: str, rows: Rows, asks: str) -> tuple[str, Rows]:
        """Choices that answer a question as numbered lines, four at most; and once in a turn whom to ring."""
        if asks:
            rows, rest = choices.few(rows)
            self.dialogue.rest, self.dialogue.rest_asks = [[one.text, one.data] for one in rest], asks
            text = choices.numbered(text, rows)
        if self.human_phone:
            text, self.human_phone = f"{text}\n{self.human_phone}", ""
        return text, rows

    async def say(self, key: str, rows: Rows | None = None, *, asks: str = "", **values: Any) -> None:
        """`answer` with a phrase."""
        await self.answer(say(key, **values), rows, asks=asks)

    def locate(self, text: str, understanding: Understanding | None) -> Address:
        """The address that a message names."""
        entities: dict[str, list[str]] = {}
        for entity in understanding.entities if understanding is not None else ():
            if entity.value not in text:
                continue  # of another clause
            entities.setdefault(entity.kind, []).append(entity.value)
        return self.directory.locate(
            text, prefer_community=self.speaker.community_id, entities=entities, home=self.speaker.home
        )

    def category(self, code: str) -> str:
        """A category's name in front of people."""
        return self.settings.categories.get(code, code)

    def touch(self, case_id: int) -> None:
        """The bubbles that follow now may belong to this case."""
        self.dialogue.recent, self.dialogue.recent_at = case_id, self.now.isoformat()

    def lists(self, case_ids: list[int]) -> None:
        """These cases are shown now, in this order: for a while "第二个" is the second of them."""
        self.dialogue.listed, self.dialogue.listed_at = case_ids, self.now.isoformat()

    def in_recent(self) -> bool:
        """Whether a bubble now may belong to the last report."""
        return self.dialogue.recent is not None and self.dialogue.is_recent(
            self.now, self.settings.listening.fragment_minutes
        )


async def keep(state: FSMContext, dialogue: Dialogue) -> None:
    """Write the dialogue's notes back into aiogram's state, at the end of the turn."""
    await state.set_data(dialogue.keep())


def soon(now: datetime, minutes: float) -> datetime:
    """In so many minutes."""
    return now + timedelta(minutes=minutes)
