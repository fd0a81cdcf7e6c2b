"""Personal data of what is long closed is cleared away; the history keeps its shape, and every measure counts the same.

A case that was closed `privacy.expire_days` ago loses its words, its door (unit and room), its photos, and whom it was
reported for. What happened, when, by which rung, of which kind, in which estate and building stays. A place in free words
is replaced by a token, once for all cases there, so that "the same kind at the same place again" is still counted. This is
the one exception to "history is appended, never edited": words are taken out of it, nothing is put in.

Messages of that age go as a whole (inbox, outbox, the page's bubbles), alarms and what people put right lose their words.
Who has reported nothing else, holds no post and has not written since is forgotten: name, number, home, and the link to
their chat. Open cases are never touched.

Due rows as for everything else: one for each community, once a night, in batches.
"""

import asyncio
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta, tzinfo
from pathlib import Path

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.media import path_of
from workflows.models import (
    Account,
    Alert,
    AuditEntry,
    Case,
    CaseEvent,
    Chat,
    Community,
    Correction,
    FollowUp,
    Inbound,
    Landmark,
    Media,
    Note,
    Outbound,
    Patrol,
    Person,
    Post,
    Reporter,
    Ruling,
    SignIn,
    UpkeepPlan,
    UpkeepTask,
    WebBubble,
    Whistle,
)
from workflows.policy.lifecycle import Action
from workflows.policy.privacy import mask

EXPIRE = "expire"  # the follow-up that clears away
AT_NIGHT = time(3, 30)
CLEARED = "（早先的消息已按规定清除）"
FORGOTTEN = "居民"
BATCH = 200  # cases, persons or alarms at once
MESSAGES = 1000
AGAIN_AFTER = timedelta(minutes=1)
# What of an event's notes is counted or says how it went; everything else may be somebody's words.
_KEPT = frozenset(
    {
        "category", "from", "confidence", "proactive", "whole_due", "estate", "building", "verdict", "department", "contact",
        "ruling", "on", "silent", "silent_unit", "refused_by", "until", "routing_rule",
    }
)  # fmt: skip


_TOKEN = re.compile(r"#[0-9a-f]{8}")  # stands for a place that nobody can read any more


@dataclass(frozen=True)
class Keeping:
    """For how long personal data is kept after a case was closed, and where the photos lie."""

    days: int
    storage: Path
    zone: tzinfo


class Expiry:
    """Clears away what is old. One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime, keeping: Keeping) -> None:
        self._session = session
        self._now = now
        self._keeping = keeping
        self._before = now - timedelta(days=keeping.days)

    # ---- when

    async def ensure_armed(self) -> None:
        """Give every community its nightly row. Safe at every start and from several processes."""
        communities = await self._session.execute(select(Community.id).order_by(Community.id).with_for_update())
        rows = await self._session.execute(
            select(FollowUp.community_id).where(FollowUp.kind == EXPIRE, FollowUp.done_at.is_(None))
        )
        armed = set(rows.scalars())
        for community in communities.scalars():
            if community not in armed:
                self._session.add(FollowUp(community_id=community, kind=EXPIRE, due_at=self._next_night(), data={}))
        await self._session.flush()

    async def due(self, follow_up: FollowUp) -> None:
        """The handler of the nightly row: one batch of everything, and again soon while there is more."""
        notes = dict(follow_up.data)
        community = follow_up.community_id
        more = await self._cases(community) | await self._alerts(community) | await self._photos(community)
        more |= await self._persons(community, notes)
        await self._notes_on_work(community)
        first = (await self._session.execute(select(func.min(Community.id)))).scalar_one()
        if community == first:  # messages belong to no community
            more |= await self._messages() | await self._bubbles(notes)
        follow_up.data = notes
        follow_up.due_at = self._now + AGAIN_AFTER if more else self._next_night()
        await self._session.flush()

    def _next_night(self) -> datetime:
        local = self._now.astimezone(self._keeping.zone)
        night = datetime.combine(local.date(), AT_NIGHT, self._keeping.zone)
        return night if night > local else night + timedelta(days=1)

    async def waiting(self) -> int:
        """How many closed cases are due to be cleared now."""
        count = select(func.count()).select_from(Case).where(Case.closed_at <= self._before, Case.expired_at.is_(None))
        return int((await self._session.execute(count)).scalar_one())

    # ---- cases

    async def _cases(self, community: int) -> bool:
        rows = await self._session.execute(
            select(Case)
            .where(Case.community_id == community, Case.closed_at <= self._before, Case.expired_at.is_(None))
            .order_by(Case.closed_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        cases = rows.scalars().all()
        ids = [case.id for case in cases]
        if not ids:
            return False
        for case in cases:
            case.text = case.result = case.unit_text = case.room_text = ""
            case.expired_at = self._now
        await self._session.flush()
        await self._history(ids)
        for case in cases:
            await self._place(case)
        await self._around(ids)
        while await self._delete_photos(Media.case_id.in_(ids)):
            pass
        return len(ids) == BATCH

    async def _history(self, ids: Sequence[int]) -> None:
        """Words go out of the events; of places the one that counts stays, with its free words for `_place` to replace."""
        rows = await self._session.execute(select(CaseEvent).where(CaseEvent.case_id.in_(ids)).order_by(CaseEvent.id))
        last: dict[int, CaseEvent] = {}
        for event in rows.scalars():
            event.note = ""
            kept = {key: value for key, value in event.data.items() if key in _KEPT}
            if event.action in (Action.OPEN, Action.RELOCATE) and "place" in event.data:
                before = last.get(event.case_id)
                if before is not None:
                    before.data = {**before.data, "place": ""}
                last[event.case_id] = event
                kept["place"] = event.data["place"]
            event.data = kept
        await self._session.flush()

    async def _place(self, case: Case) -> None:
        """A place in free words: not needed beside a building; a known landmark stays; else a token stands for it."""
        place = case.place_text
        if not place or _TOKEN.fullmatch(place):
            return
        if case.building_text:
            await self._replace_place([case.id], "")
            return
        known = select(Landmark.id).where(Landmark.community_id == case.community_id, Landmark.name == place)
        same = (Case.community_id == case.community_id, Case.place_text == place, Case.building_text == "")
        still = select(Case.id).where(*same, Case.expired_at.is_(None)).limit(1)
        if (await self._session.execute(known)).first() or (await self._session.execute(still)).first():
            return  # while a case there is not cleared, the two must be known for the same place
        together = (await self._session.execute(select(Case.id).where(*same))).scalars().all()
        await self._replace_place(together, f"#{secrets.token_hex(4)}")

    async def _replace_place(self, ids: Sequence[int], place: str) -> None:
        rows = await self._session.execute(select(Case).where(Case.id.in_(ids)))
        for case in rows.scalars():
            case.place_text = place
        events = await self._session.execute(
            select(CaseEvent).where(CaseEvent.case_id.in_(ids), CaseEvent.action.in_([Action.OPEN, Action.RELOCATE]))
        )
        for event in events.scalars():
            if event.data.get("place"):
                event.data = {**event.data, "place": place}
        await self._session.flush()

    async def _around(self, ids: Sequence[int]) -> None:
        """What else was written about these cases."""
        run = self._session.execute
        await run(update(Reporter).where(Reporter.case_id.in_(ids)).values(on_behalf_of="", ring="", own_words=""))
        await run(update(Whistle).where(Whistle.case_id.in_(ids)).values(reason="", answer="", proposed_owner=""))
        # A precedent stays one: whose such a matter is, where, and who had refused it.
        await run(update(Ruling).where(Ruling.case_id.in_(ids)).values(text="", reason=""))
        await run(delete(FollowUp).where(FollowUp.case_id.in_(ids), FollowUp.done_at.is_not(None)))
        corrections = await run(select(Correction).where(Correction.case_id.in_(ids)))
        for one in corrections.scalars():
            one.text = mask(one.text) if one.state == "accepted" else ""  # what trains the reader was decided upon
        await self._session.flush()

    # ---- alarms and photos

    async def _alerts(self, community: int) -> bool:
        rows = await self._session.execute(
            select(Alert)
            .where(
                Alert.community_id == community,
                Alert.at <= self._before,
                or_(Alert.text != "", Alert.report != "", Alert.place != ""),
            )
            .limit(BATCH)
        )
        alerts = rows.scalars().all()
        for alert in alerts:
            alert.text = alert.report = alert.place = ""
        return len(alerts) == BATCH

    async def _photos(self, community: int) -> bool:
        """Photos that have found no case, and later ones of a case that is cleared, such as those of its upkeep."""
        cleared = select(Case.id).where(Case.community_id == community, Case.expired_at.is_not(None))
        of_nothing = or_(Media.case_id.is_(None), Media.case_id.in_(cleared))
        lost = (Media.community_id == community, of_nothing, Media.created_at <= self._before)
        return await self._delete_photos(*lost) == BATCH

    async def _notes_on_work(self, community: int) -> None:
        """What was noted on rounds and upkeep, and what was looked for in the console; that it was done stays."""
        run = self._session.execute
        await run(
            update(Patrol)
            .where(Patrol.community_id == community, Patrol.at <= self._before, Patrol.note != "")
            .values(note="")
        )
        plans = select(UpkeepPlan.id).where(UpkeepPlan.community_id == community)
        over = or_(UpkeepTask.done_at <= self._before, UpkeepTask.skipped_at <= self._before)
        done = (UpkeepTask.plan_id.in_(plans), over, UpkeepTask.note != "")
        await run(update(UpkeepTask).where(*done).values(note="", photos=[]))
        looked = (AuditEntry.community_id == community, AuditEntry.at <= self._before, AuditEntry.subject != "")
        await run(update(AuditEntry).where(*looked).values(subject="", data={}))

    async def _delete_photos(self, *which: object) -> int:
        """The files first: a row without a file is cleared away tonight or tomorrow, a file without a row never."""
        ids = (await self._session.execute(select(Media.id).where(*which).limit(BATCH))).scalars().all()  # type: ignore[arg-type]
        await asyncio.to_thread(self._unlink, ids)
        await self._session.execute(delete(Media).where(Media.id.in_(ids)))
        return len(ids)

    def _unlink(self, ids: Sequence[str]) -> None:
        for photo_id in ids:
            path_of(self._keeping.storage, photo_id).unlink(missing_ok=True)

    # ---- persons

    async def _persons(self, community: int, notes: dict[str, object]) -> bool:
        """All persons of the community, some at a time, once a night: who has nothing left here is forgotten."""
        after = int(str(notes.get("person", 0)))
        found = (
            await self._session.execute(
                select(Person.id)
                .where(Person.community_id == community, Person.id > after)
                .order_by(Person.id)
                .limit(BATCH)
            )
        ).scalars().all()  # fmt: skip
        if not found:
            notes["person"] = 0
            return False
        notes["person"] = found[-1]
        rows = await self._session.execute(
            select(Person).where(
                Person.id.in_(found),
                Person.expired_at.is_(None),
                Person.key.is_(None),  # people of the directory leave with the directory
                Person.created_at <= self._before,
                ~exists().where(Post.person_id == Person.id),
                ~exists().where(
                    Reporter.person_id == Person.id, Case.id == Reporter.case_id, Case.expired_at.is_(None)
                ),
                ~exists().where(Alert.person_id == Person.id, Alert.at > self._before),
                ~exists().where(
                    Account.person_id == Person.id,
                    Chat.channel == Account.channel,
                    Chat.chat_key == Account.chat_key,
                    Chat.updated_at > self._before,
                ),
            )
        )
        for person in rows.scalars():
            await self._forget(person)
        return True

    async def _forget(self, person: Person) -> None:
        person.name, person.phone, person.digest, person.expired_at = FORGOTTEN, "", "off", self._now
        person.home_estate_id = None
        person.home_building = person.home_unit = person.home_room = ""
        accounts = await self._session.execute(select(Account).where(Account.person_id == person.id))
        for account in accounts.scalars():
            chat = account.chat_key
            await self._session.execute(delete(Chat).where(Chat.channel == account.channel, Chat.chat_key == chat))
            if account.channel == "web":
                await self._session.execute(delete(WebBubble).where(WebBubble.chat_key == chat))
                await self._session.execute(delete(Note).where(Note.key == f"read:{chat}"))
            await self._session.delete(account)
        await self._session.flush()

    # ---- messages

    async def _messages(self) -> bool:
        """Inbox and outbox by age, the oldest first; what is not handled or delivered yet stays."""
        more = False
        for table, at in ((Inbound, Inbound.received_at), (Outbound, Outbound.created_at)):
            rows = await self._session.execute(select(table.id, at, table.state).order_by(table.id).limit(MESSAGES))
            old = [row_id for row_id, moment, state in rows if moment <= self._before and state != "waiting"]
            await self._session.execute(delete(table).where(table.id.in_(old)))
            more |= len(old) == MESSAGES
        await self._session.execute(delete(SignIn).where(SignIn.expires_at <= self._before))
        return more

    async def _bubbles(self, notes: dict[str, object]) -> bool:
        """The page's bubbles by age. Each chat's newest stays, without its words: positions count on from it."""
        after = int(str(notes.get("bubble", 0)))
        rows = await self._session.execute(
            select(WebBubble.id, WebBubble.chat_key, WebBubble.seq, WebBubble.at)
            .where(WebBubble.id > after)
            .order_by(WebBubble.id)
            .limit(MESSAGES)
        )
        old = []
        for row in rows:
            if row.at > self._before:
                break
            old.append(row)
        if not old:
            return False
        notes["bubble"] = old[-1].id
        newest = await self._session.execute(
            select(WebBubble.chat_key, func.max(WebBubble.seq))
            .where(WebBubble.chat_key.in_({row.chat_key for row in old}))
            .group_by(WebBubble.chat_key)
        )
        top = {chat: seq for chat, seq in newest}
        last = [row.id for row in old if top[row.chat_key] == row.seq]
        gone = [row.id for row in old if top[row.chat_key] != row.seq]
        await self._session.execute(delete(WebBubble).where(WebBubble.id.in_(gone)))
        await self._session.execute(
            update(WebBubble)
            .where(WebBubble.id.in_(last))
            .values(text=CLEARED, photo=None, buttons=[], kind="text")
            .execution_options(synchronize_session=False)
        )
        return len(old) == MESSAGES
