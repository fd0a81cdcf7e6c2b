"""A year after a case was closed nothing personal of it is left, and every measure still counts the same."""

import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from bot.settings import ConfigError, Settings
from bot.simulation import Season
from tests.conftest import settings_for
from tests.talkative import PHONES, Talkative, told
from workflows import expiry
from workflows.database import Database
from workflows.digest import Week
from workflows.expiry import CLEARED, FORGOTTEN, Expiry, Keeping
from workflows.media import CleanPhoto, Photos, keep, path_of
from workflows.models import (
    Account,
    AuditEntry,
    Base,
    Case,
    CaseEvent,
    Chat,
    FollowUp,
    Inbound,
    Media,
    Outbound,
    Patrol,
    Person,
    Post,
    Reporter,
    Ruling,
    Unit,
    UpkeepPlan,
    UpkeepTask,
    WebBubble,
)
from workflows.policy.measures import Measures
from workflows.recount import compare, count, read

pytestmark = [pytest.mark.journey, pytest.mark.usefixtures("talkative_reports")]

DAYS = 365
BY_THEIR_OWN_AGE = ("inbox", "outbox", "web_bubbles", "follow_ups")
PHOTO = CleanPhoto("p" * 32, b"jpeg", 1, 1)
OPEN_PHOTO = CleanPhoto("o" * 32, b"jpeg", 1, 1)
STRAY_PHOTO = CleanPhoto("s" * 32, b"jpeg", 1, 1)


class Town:
    """A season that is over, with photos and messages, and the clock that is ours."""

    def __init__(self, played: Season, settings: Settings) -> None:
        self.played = played
        self.settings = settings
        self.database = played.database
        self.end = played.start + timedelta(days=played.days)

    async def night(self, now: datetime, days: int = DAYS) -> None:
        """One night's work, batch by batch until it is done."""
        keeping = Keeping(days, self.settings.storage, self.settings.zone)
        async with self.database.writing() as session:
            await Expiry(session, now, keeping).ensure_armed()
            rows = (await session.execute(select(FollowUp).where(FollowUp.kind == expiry.EXPIRE))).scalars().all()
            assert len(rows) == len(self.played.directory.communities)
        for row_id in [row.id for row in rows]:
            for _ in range(200):
                async with self.database.writing() as session:
                    row = await session.get_one(FollowUp, row_id)
                    await Expiry(session, now, keeping).due(row)
                    assert row.done_at is None and row.due_at > now
                    if row.due_at != now + expiry.AGAIN_AFTER:
                        break
            else:
                raise AssertionError("the night never ends")

    async def measures(self, now: datetime) -> list[Measures]:
        """Every week by the digest and by the history, which must agree."""
        weeks, week = [], Week.of(self.played.start, self.settings.zone)
        while week.start < self.end:
            weeks.append(week)
            week = Week.of(week.end, self.settings.zone)
        communities = [card.id for card in self.played.directory.communities]
        async with self.database.reading() as session:
            office = Season._office(self.played, session, now)
            assert await compare(session, office.digests, self.played.rules, communities, weeks, now) == []
            stories = await read(session, communities, self.played.rules)
            return [count(stories, one.start, one.end, now) for one in weeks]


async def _add_messages(session: AsyncSession, at: datetime) -> None:
    """Each reporter's words as they came in, the dialogue's notes, the page's bubbles; one message that still waits."""
    accounts = (await session.execute(select(Account).order_by(Account.id))).scalars().all()
    for account in accounts:
        session.add(Chat(channel="web", chat_key=account.chat_key, data={"note": PHONES[0]}, updated_at=at))
        for seq in (1, 2, 3):
            session.add(
                WebBubble(
                    chat_key=account.chat_key, seq=seq, sender="me", text=f"电话{PHONES[0]}", photo=PHOTO.id, at=at
                )
            )
    for number, state in enumerate(("done", "waiting", "poison")):
        session.add(
            Inbound(
                channel="web", update_key=str(number), chat_key="1", update={"text": PHONES[0]}, received_at=at,
                state=state,
            )
        )  # fmt: skip
    rows = (await session.execute(select(Outbound).order_by(Outbound.id))).scalars().all()
    for row in rows[:-1]:
        row.state = "sent"


async def _add_photos(session: AsyncSession, storage: Path, at: datetime) -> None:
    open_case = (await session.execute(select(Case.id).where(Case.closed_at.is_(None)))).scalars().first()
    closed = (await session.execute(select(Case.id).where(Case.closed_at.is_not(None)))).scalars().first()
    assert open_case is not None and closed is not None
    for photo, case_id in ((PHOTO, closed), (OPEN_PHOTO, open_case), (STRAY_PHOTO, None)):
        keep(storage, photo)
        await Photos(session, at).register(photo, 1, None)
        (await session.get_one(Media, photo.id)).case_id = case_id


@pytest.fixture(name="town")
async def played_town(database_url: str, tmp_path: Path) -> AsyncIterator[Town]:
    settings = settings_for(database_url, tmp_path)
    database = Database(database_url)
    played = Talkative(settings, database, days=28, residents=60, seed=3)
    try:
        await played.play()
        town = Town(played, settings)
        async with database.writing() as session:
            await _add_messages(session, town.end)
            await _add_photos(session, tmp_path, town.end)
        yield town
    finally:
        await database.close()


async def everything(session: AsyncSession, *without: str) -> str:
    """Every word in every table that is not the directory's own, as one text."""
    said = []
    for table in Base.metadata.sorted_tables:
        if table.name not in ("communities", "units", "estates", *without):
            rows = (await session.execute(text(f"SELECT * FROM {table.name}"))).mappings()
            said += [json.dumps(dict(row), default=str, ensure_ascii=False) for row in rows]
    return "\n".join(said)


async def test_before_its_time_nothing_is_cleared(town: Town) -> None:
    async with town.database.reading() as session:
        before = await everything(session, *BY_THEIR_OWN_AGE)
        counted = await session.execute(select(func.min(Case.closed_at)))
    first = counted.scalar_one()
    await town.night(first + timedelta(days=DAYS) - timedelta(seconds=1))
    async with town.database.reading() as session:
        rows = await session.execute(select(func.count()).select_from(Case).where(Case.expired_at.is_not(None)))
        assert rows.scalar_one() == 0
        assert await everything(session, *BY_THEIR_OWN_AGE) == before


async def test_a_year_later_no_word_is_left_and_every_measure_is_the_same(town: Town) -> None:
    now = town.end + timedelta(days=DAYS + 1)
    before = await town.measures(now)
    async with town.database.reading() as session:
        shape = select(
            CaseEvent.id, CaseEvent.at, CaseEvent.action, CaseEvent.from_status, CaseEvent.to_status, CaseEvent.rung,
            CaseEvent.holder_unit_id, CaseEvent.capacity, CaseEvent.actor_id,
        ).order_by(CaseEvent.id)  # fmt: skip
        events = (await session.execute(shape)).all()
        kept = select(
            Case.id, Case.number, Case.category, Case.status, Case.estate_text, Case.building_text, Case.estate_id,
            Case.building_id, Case.grid_id, Case.opened_at, Case.closed_at, Case.verdict, Case.result_kind,
        ).order_by(Case.id)  # fmt: skip
        cases = (await session.execute(kept)).all()
        open_ones = (
            (await session.execute(select(Case).where(Case.closed_at.is_(None)).order_by(Case.id))).scalars().all()
        )
        open_before = [{k: v for k, v in vars(c).items() if not k.startswith("_")} for c in open_ones]
        assert told(await everything(session), PHONES)
        assert any(c.place_text and not c.building_text for c in (await session.execute(select(Case))).scalars())
    assert len(open_before) > 1 and len(cases) - len(open_before) > 6
    await town.night(now)
    assert await town.measures(now) == before
    async with town.database.reading() as session:
        assert (await session.execute(shape)).all() == events
        assert (await session.execute(kept)).all() == cases
        again = (await session.execute(select(Case).where(Case.closed_at.is_(None)).order_by(Case.id))).scalars().all()
        assert [{k: v for k, v in vars(c).items() if not k.startswith("_")} for c in again] == open_before
        await _nothing_of_the_closed(session, town)


async def _nothing_of_the_closed(session: AsyncSession, town: Town) -> None:
    closed = (await session.execute(select(Case).where(Case.closed_at.is_not(None)))).scalars().all()
    still = set((await session.execute(select(Case.place_text).where(Case.closed_at.is_(None)))).scalars())
    for case in closed:
        assert (case.text, case.result, case.unit_text, case.room_text) == ("", "", "", "")
        assert case.expired_at is not None
        events = (await session.execute(select(CaseEvent).where(CaseEvent.case_id == case.id))).scalars().all()
        said = json.dumps([[event.note, event.data] for event in events], ensure_ascii=False)
        assert all(event.note == "" for event in events)
        if case.place_text not in still:  # the same spot, where somebody still waits
            assert not told(f"{case.place_text}{said}", PHONES), said
    assert not path_of(town.settings.storage, PHOTO.id).exists()
    assert not path_of(town.settings.storage, STRAY_PHOTO.id).exists()
    assert path_of(town.settings.storage, OPEN_PHOTO.id).exists()
    assert list((await session.execute(select(Media.id))).scalars()) == [OPEN_PHOTO.id]
    assert list((await session.execute(select(Inbound.state))).scalars()) == ["waiting"]
    assert list((await session.execute(select(Outbound.state))).scalars()) == ["waiting"]
    bubbles = (await session.execute(select(WebBubble))).scalars().all()
    assert {(b.text, b.photo, b.seq) for b in bubbles} == {(CLEARED, None, 3)}
    await _who_is_forgotten(session)


async def _who_is_forgotten(session: AsyncSession) -> None:
    busy = set((await session.execute(select(Post.person_id))).scalars()) | set(
        (
            await session.execute(
                select(Reporter.person_id).join(Case, Case.id == Reporter.case_id).where(Case.closed_at.is_(None))
            )
        ).scalars()
    )
    persons = (await session.execute(select(Person))).scalars().all()
    linked = set((await session.execute(select(Account.person_id))).scalars())
    forgotten = [p for p in persons if p.expired_at is not None]
    assert len(forgotten) > 30
    for person in persons:
        if person.id in busy or person.key is not None:
            assert person.expired_at is None and person.name != FORGOTTEN and person.id in linked
        else:
            assert (person.name, person.phone, person.home_room, person.home_estate_id) == (FORGOTTEN, "", "", None)
            assert person.id not in linked


async def test_who_has_written_lately_is_remembered(town: Town) -> None:
    now = town.end + timedelta(days=DAYS + 1)
    async with town.database.writing() as session:
        busy = select(Reporter.person_id).join(Case, Case.id == Reporter.case_id).where(Case.closed_at.is_(None))
        quiet = select(Person).where(Person.key.is_(None), Person.id.not_in(busy)).order_by(Person.id).limit(1)
        person = (await session.execute(quiet)).scalar_one()
        chat = (await session.execute(select(Chat).where(Chat.chat_key == str(person.id)))).scalar_one()
        chat.updated_at = now - timedelta(days=10)
    await town.night(now)
    async with town.database.reading() as session:
        assert (await session.get_one(Person, person.id)).name == person.name
    await town.night(now + timedelta(days=DAYS))
    async with town.database.reading() as session:
        assert (await session.get_one(Person, person.id)).name == FORGOTTEN


async def test_small_batches_come_to_the_same(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "BATCH", 3)
    monkeypatch.setattr(expiry, "MESSAGES", 7)
    now = town.end + timedelta(days=DAYS + 1)
    before = await town.measures(now)
    await town.night(now)
    assert await town.measures(now) == before
    async with town.database.reading() as session:
        await _nothing_of_the_closed(session, town)


async def test_what_was_written_around_a_case_goes_with_it_and_what_was_done_stays(town: Town) -> None:
    now, secret = town.end + timedelta(days=DAYS + 1), f"张大爷 {PHONES[0]}"
    async with town.database.writing() as session:
        case = (await session.execute(select(Case).where(Case.closed_at.is_not(None)).limit(1))).scalar_one()
        here, who = case.community_id, (await session.execute(select(Post.person_id).limit(1))).scalar_one()
        unit = (await session.execute(select(Unit.id).limit(1))).scalar_one()
        rule = Ruling(
            community_id=here, case_id=case.id, category=case.category, text=secret, refused_by=["园林局"],
            department_unit_id=unit, reason=secret, at=town.end,
        )  # fmt: skip
        plan = UpkeepPlan(
            community_id=here, case_id=case.id, unit_id=unit, work="修剪", rhythm="days", every=14,
            first_on=town.end.date(), last_on=town.end.date(), made_at=town.end,
        )  # fmt: skip
        session.add_all([rule, plan, Patrol(community_id=here, person_id=who, at=town.end, note=secret)])
        await session.flush()
        for at in (town.end, now):  # one round long ago, one today
            session.add(
                UpkeepTask(community_id=here, plan_id=plan.id, due_on=at.date(), done_at=at, done_by=who, note=secret)
            )
        session.add(AuditEntry(community_id=here, at=town.end, person_id=who, deed="search", subject=secret))
    await town.night(now)
    async with town.database.reading() as session:
        ruling = await session.get_one(Ruling, rule.id)
        assert (ruling.text, ruling.reason, ruling.refused_by) == ("", "", ["园林局"])
        assert (await session.execute(select(Patrol.note))).scalars().all() == [""]
        assert (await session.execute(select(UpkeepTask.note).order_by(UpkeepTask.id))).scalars().all() == ["", secret]
        assert (await session.execute(select(AuditEntry.deed, AuditEntry.subject))).all() == [("search", "")]


def test_a_time_that_is_too_short_is_refused(tmp_path: Path) -> None:
    for days in (10, 59):
        with pytest.raises(ConfigError, match="expire_days"):
            settings_for("sqlite+aiosqlite:///x.db", tmp_path, privacy={"expire_days": days})
    with pytest.raises(ConfigError, match=r"reopen_days \+ 30, that is 120"):
        settings_for("sqlite+aiosqlite:///x.db", tmp_path, privacy={"expire_days": 100}, ladder={"reopen_days": 90})
