"""A season in which everybody writes phone and ID numbers into everything, and a search that finds them again."""

import inspect
import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from bot.announcer import Announcer
from bot.simulation import Season, words
from bot.simulation.residents import Residents
from workflows.cases import NewReport
from workflows.models import Account, Case, Person
from workflows.office import Office
from workflows.policy.places import Address

PHONES = ("13947105678", "18604719988", "04715951234")
IDS = ("150102198001011234", "15010219991231123X", "150102800101123")
SPELLINGS = (
    "电话13947105678", "打139 4710 5678", "一三九四七一零五六七八", "１３９－４７１０－５６７８", "+86 186-0471-9988", "186.0471.9988",
    "1 8 6 0 4 7 1 9 9 8 8", "0471-5951234", "座机(0471)5951234", "幺三九四七幺零五六七八", "证150102198001011234",
    "身份证150102 19991231 123X", "15010219991231123x", "150102800101123", "１５０１０２１９８００１０１１２３４", "186零四七一9988",
)  # fmt: skip
WRITTEN = frozenset({"note", "reason", "question", "text", "parties", "agreement", "proposed", "photo_note"})
_HAN = str.maketrans("零〇一二三四五六七八九幺", "001234567891")


def told(text: str, numbers: tuple[str, ...]) -> set[str]:
    """Which of the numbers a text gives away, however it is written."""
    plain = unicodedata.normalize("NFKC", text).translate(_HAN).upper()
    bare = re.sub(r"[^0-9X*]", "", plain)
    return {number for number in numbers if number in bare}


class Neighbours:
    """For whom people report without having asked them: a name of its own for every such case."""

    _SURNAMES, _GIVEN = (
        "王李张刘陈杨赵黄周吴",
        ("桂芳", "秀英", "淑珍", "凤兰", "玉梅", "福来", "永贵", "长顺", "宝林", "德海"),
    )

    def __init__(self) -> None:
        self._next = iter(f"{surname}{given}" for given in self._GIVEN for surname in self._SURNAMES)
        self._turn = itertools.count()
        self.of_case: dict[int, str] = {}
        self.said_by: dict[str, int] = {}

    def behalf(self, report: NewReport) -> NewReport:
        """Every third report is for a neighbour, whose name is in it."""
        if report.proactive or report.on_behalf_of or next(self._turn) % 3:
            return report
        name = next(self._next)
        self.said_by[name] = report.person_id
        return replace(report, on_behalf_of=f"{name}奶奶", text=f"帮{name}奶奶反映，{report.text}，{name}一个人在家")

    def opened(self, case_id: int, report: NewReport) -> None:
        """The case knows it from now on, and so do all who write into it."""
        if report.on_behalf_of:
            self.of_case[case_id] = report.on_behalf_of.removesuffix("奶奶")


class Chatty:
    """A side of the office whose every free text ends in somebody's number, and in the name of whom it is for."""

    def __init__(self, side: Any, numbers: Iterator[str], neighbours: Neighbours) -> None:
        self._side = side
        self._numbers = numbers
        self._neighbours = neighbours

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._side, name)
        if not inspect.iscoroutinefunction(method):
            return method
        signature = inspect.signature(method)

        async def call(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs)
            name = self._neighbours.of_case.get(given.arguments.get("case_id", 0), "")
            for key in WRITTEN & given.arguments.keys():
                given.arguments[key] = f"{given.arguments[key]}，{next(self._numbers)}" + (
                    f"，{name}家" if name else ""
                )
            if "report" not in given.arguments or method.__name__ != "open":
                return await method(*given.args, **given.kwargs)
            report = given.arguments["report"] = self._neighbours.behalf(given.arguments["report"])
            view = await method(*given.args, **given.kwargs)
            self._neighbours.opened(view.id, report)
            return view

        return call


class Numbered(Residents):
    """Residents who write a number behind the place as well."""

    numbers = itertools.cycle(SPELLINGS)

    def where(self, home: Address, category: str) -> Address:
        """Some of the places end in one."""
        found = super().where(home, category)
        return replace(found, place=f"{found.place}{next(self.numbers)}") if self._random.random() < 0.3 else found


class Talkative(Season):
    """A season in which people write numbers into everything, and everybody has a chat."""

    numbers = Numbered.numbers
    residents_are = Numbered
    in_chat = False  # every word goes through the use cases, where the numbers are put in

    async def _prepare(self) -> None:
        self.spoken_for = Neighbours()
        await super()._prepare()
        self.grids: dict[str, set[int | None]] = {}  # by case number; more than one where its place was put right
        self.announcer = Announcer(self.settings.zone, None)
        async with self.database.writing() as session:
            for person in (await session.execute(select(Person))).scalars():
                chat = Account(
                    community_id=person.community_id, person_id=person.id, channel="web", chat_key=str(person.id)
                )
                session.add(chat)

    def _office(self, session: AsyncSession, moment: datetime) -> Office:
        office = super()._office(session, moment)
        office.cases = Chatty(office.cases, self.numbers, self.spoken_for)  # type: ignore[assignment]
        office.handling = Chatty(office.handling, self.numbers, self.spoken_for)  # type: ignore[assignment]
        return office

    async def _hear(self, office: Office) -> None:
        await super()._hear(office)
        for notice in office.notices:
            if notice.case_id is not None:
                case = await office.session.get_one(Case, notice.case_id)
                self.grids.setdefault(case.number, set()).add(case.grid_id)
        await self.announcer.announce(office)


@pytest.fixture
def talkative_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """What residents report, with a number behind it."""
    numbers = itertools.cycle(SPELLINGS)
    told_with_numbers = {
        kind: (weight, tuple(f"{one}，{next(numbers)}" for one in said for _ in range(3)))
        for kind, (weight, said) in words.TEXTS.items()
    }
    monkeypatch.setattr(words, "TEXTS", told_with_numbers)
