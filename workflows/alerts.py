"""Danger now, and people who ask for a person: told at once to those on duty, and not let go of until it is over."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import or_, select, true

from workflows.case_file import CaseFile
from workflows.models import Alert, FollowUp
from workflows.notices import Notice, NoticeKind
from workflows.people import OFFICE_ROLES, Colleague
from workflows.policy import conflict
from workflows.policy.clocks import due_at
from workflows.policy.permissions import Relation, Role
from workflows.policy.places import Address

ALERT = "alert"  # the follow-up that asks whether anybody has gone
CHASED = 3  # as often as a danger is called out again while nobody takes it

# Where hands on the spot help, the building head and the property company are called as well. Of a person's
# own plight (轻生, 走失, a quarrel with knives) they are not: the fewer who know, the better.
_ON_THE_SPOT = frozenset(
    {"fire", "gas", "co", "shock", "drowning", "lift", "collapse", "fall", "trapped", "scald", "live_water"}
)
_STILL_OPEN = timedelta(hours=3)  # what a colleague types about "it" within this time is about the danger
_SAME_DANGER = timedelta(minutes=30)  # what the same person says within this time is of the same danger


class AlertNotFound(LookupError):
    """No such danger, or none of this person's community."""


@dataclass(frozen=True)
class Raised:
    """A danger that was called out: to how many, and who has already said that they go."""

    id: int
    told: int
    goes: tuple[str, str] = ("", "")  # role and name


class Alerts:
    """Brings a person to a person. One instance per transaction."""

    def __init__(self, file: CaseFile) -> None:
        self._file = file
        self._session = file.session
        self._now = file.now
        self._people = file.people

    # ---- danger

    async def danger(
        self, person_id: int, community_id: int, kind: str, text: str, address: Address, *, moves: bool = False
    ) -> Raised:
        """Record it and tell everybody on duty there, at any hour. More words of the same danger raise no second one.

        `moves`: these words put the danger at this address, also if it was thought to be elsewhere.
        """
        lately = await self._lately(person_id)
        if lately is not None and kind in (lately.kind, "unclear"):
            if moves:
                self._put(lately, address)
            told = await self._news(lately, "again", text)
            return Raised(lately.id, told, await self._who(lately, lately.taken_by))
        community = address.community_id or community_id
        alert = Alert(
            community_id=community,
            person_id=person_id,
            kind=kind,
            text=text,
            at=self._now,
        )
        self._put(alert, address)
        self._session.add(alert)
        await self._session.flush()
        told = await self._call_out(alert)
        due = due_at(self._now, self._file.rules.ladder.alert, self._file.rules.calendar, self._file.rules.zone)
        self._session.add(FollowUp(community_id=community, kind=ALERT, due_at=due, data={"alert": alert.id, "nth": 1}))
        await self._session.flush()
        return Raised(alert.id, told)

    @staticmethod
    def _put(alert: Alert, address: Address) -> None:
        """The place of a danger. Its community stays: those who were called there must go on hearing of it."""
        alert.grid_id, alert.estate_id, alert.building_id = address.grid_id, address.estate_id, address.building_id
        alert.place = address.sentence()[:200]

    async def _lately(self, person_id: int) -> Alert | None:
        found = await self._session.execute(
            select(Alert)
            .where(Alert.person_id == person_id, Alert.at >= self._now - _SAME_DANGER, Alert.cleared_at.is_(None))
            .order_by(Alert.id.desc())
            .limit(1)
        )
        return found.scalar_one_or_none()

    async def take(self, person_id: int, alert_id: int) -> bool:
        """我去看: the first who says so has it; who called and who is on duty hear of it. False: somebody was first.

        Raises:
            AlertNotFound: no such alert, or none of this person's community.
        """
        alert = await self._theirs(person_id, alert_id)
        if alert.taken_by is not None:
            return alert.taken_by == person_id
        alert.taken_by, alert.taken_at = person_id, self._now
        await self._session.flush()
        await self._news(alert, "coming", "", by=person_id)
        return True

    async def called_to(self, person_id: int, *, free: bool = False) -> int | None:
        """The newest danger of the last hours to which this person was called; `free`: that nobody else has taken."""
        posts = await self._people.posts(person_id)
        rows = await self._session.execute(
            select(Alert)
            .where(
                Alert.community_id.in_([post.community_id for post in posts]),
                Alert.at >= self._now - _STILL_OPEN,
                Alert.person_id != person_id,
                Alert.reported_at.is_(None),
                or_(Alert.taken_by.is_(None), Alert.taken_by == person_id) if free else true(),
            )
            .order_by(Alert.id.desc())
            .limit(5)
        )
        for alert in rows.scalars():
            if any(c.person_id == person_id for c in await self._circle(alert)):
                return alert.id
        return None

    async def report(self, person_id: int, alert_id: int, text: str, photos: Sequence[str] = ()) -> None:
        """到场报信: what was found on the spot. Who called and who is on duty hear it.

        Raises:
            AlertNotFound: no such alert, or none of this person's community.
        """
        alert = await self._theirs(person_id, alert_id)
        if alert.taken_by is None:
            alert.taken_by, alert.taken_at = person_id, self._now
        alert.report = f"{alert.report}\n{text}".strip()[:4000]
        alert.reported_at = self._now
        await self._session.flush()
        await self._news(alert, "report", text, by=person_id, photos=photos)

    async def add(
        self, person_id: int, alert_id: int, text: str, photos: Sequence[str] = (), address: Address | None = None
    ) -> Raised:
        """Who called says more, corrects the place, or asks where the help is: everybody on duty hears it.

        Raises:
            AlertNotFound: it is not theirs.
        """
        alert = await self._own(person_id, alert_id)
        if address is not None:
            self._put(alert, address)
        told = await self._news(alert, "again", text, photos=photos)
        return Raised(alert.id, told, await self._who(alert, alert.taken_by))

    async def clear(self, person_id: int, alert_id: int, text: str) -> None:
        """没事了: who called says that it is over. Told on, never just believed: a person still looks.

        Raises:
            AlertNotFound: it is not theirs.
        """
        alert = await self._own(person_id, alert_id)
        alert.cleared_at = self._now
        await self._session.flush()
        await self._news(alert, "clear", text)

    async def due(self, follow_up: FollowUp) -> None:
        """Nobody has said that they go: called out again, and who called is told to rely on the telephone."""
        follow_up.done_at = self._now
        alert = await self._session.get(Alert, follow_up.data["alert"])
        if alert is None or alert.taken_by is not None or alert.cleared_at is not None:
            return
        await self._call_out(alert, again=True)
        minutes = round((self._now - alert.at).total_seconds() / 60)
        self._tell(alert.person_id, Relation.REPORTER, alert, "nobody", "", minutes=minutes)
        nth = int(follow_up.data["nth"])
        if nth < CHASED:
            rules = self._file.rules
            due = due_at(self._now, rules.ladder.alert, rules.calendar, rules.zone)
            data = {"alert": alert.id, "nth": nth + 1}
            self._session.add(FollowUp(community_id=alert.community_id, kind=ALERT, due_at=due, data=data))
        await self._session.flush()

    async def _theirs(self, person_id: int, alert_id: int) -> Alert:
        alert = await self._session.get(Alert, alert_id, with_for_update=True, populate_existing=True)
        if alert is None or all(c.person_id != person_id for c in await self._circle(alert)):
            raise AlertNotFound(alert_id)
        return alert

    async def _own(self, person_id: int, alert_id: int) -> Alert:
        alert = await self._session.get(Alert, alert_id, with_for_update=True, populate_existing=True)
        if alert is None or alert.person_id != person_id:
            raise AlertNotFound(alert_id)
        return alert

    async def _circle(self, alert: Alert) -> list[Colleague]:
        """Everybody who is called to a danger: those on duty, and where hands help those on the spot."""
        told = await self._duty(alert.community_id, alert.grid_id)
        if alert.kind in _ON_THE_SPOT:
            if alert.building_id is not None:
                told += await self._people.holders(Role.BUILDING_HEAD, Role.LIAISON, building_id=alert.building_id)
            company = self._file.directory.property_of(alert.estate_id) if alert.estate_id is not None else None
            if company is not None:
                told += await self._people.holders(Role.PROPERTY_STAFF, unit_id=company)
        seen: dict[int, Colleague] = {}
        for colleague in told:
            seen.setdefault(colleague.person_id, colleague)
        return list(seen.values())

    async def _call_out(self, alert: Alert, *, again: bool = False) -> int:
        data = {
            "alert": alert.id,
            "from": alert.person_id,
            "danger": alert.kind,
            "text": alert.text,
            "place": alert.place,
            "again": again,
        }
        told = [c for c in await self._circle(alert) if c.person_id != alert.person_id]
        for colleague in told:
            self._file.tell(Notice(colleague.person_id, NoticeKind.ALERT, None, colleague.role, data, urgent=True))
        return len(told)

    async def _news(
        self, alert: Alert, what: str, text: str, *, by: int | None = None, photos: Sequence[str] = ()
    ) -> int:
        """News of a danger to everybody whom it concerns, except whoever it comes from. Returns how many on duty."""
        speaker = by if by is not None else alert.person_id
        who = await self._who(alert, by)
        told = [c for c in await self._circle(alert) if c.person_id not in (speaker, alert.person_id)]
        for colleague in told:
            free = alert.taken_by is None
            self._tell(colleague.person_id, colleague.role, alert, what, text, who=who, photos=list(photos), free=free)
        if speaker != alert.person_id:
            self._tell(alert.person_id, Relation.REPORTER, alert, what, text, who=who, photos=list(photos))
        return len(told)

    def _tell(self, to: int, role: str, alert: Alert, what: str, text: str, **data: Any) -> None:
        kept = {"alert": alert.id, "what": what, "text": text, "danger": alert.kind, "place": alert.place, **data}
        kept["from"] = alert.person_id
        self._file.tell(Notice(to, NoticeKind.ALERT_NEWS, None, role, kept, urgent=True))

    async def _who(self, alert: Alert, person_id: int | None) -> tuple[str, str]:
        """A colleague as others are told of them: in which post they were called, and their name."""
        if person_id is None:
            return "", ""
        role = next((str(c.role) for c in await self._circle(alert) if c.person_id == person_id), "")
        return role, (await self._people.person(person_id)).name

    # ---- a person, please

    async def human(self, person_id: int, community_id: int, grid_id: int | None, text: str, why: str) -> int:
        """Somebody wants a person (or wrote what we cannot read): the duty desk is told. Returns how many.

        Not those whom the words complain about: a grid worker does not get the complaint about herself.
        """
        told = await self._duty(community_id, None if conflict.about("", text).grid else grid_id)
        for colleague in told:
            if colleague.person_id != person_id:
                data = {"from": person_id, "text": text, "why": why}
                self._file.tell(Notice(colleague.person_id, NoticeKind.HUMAN, None, colleague.role, data))
        return len(told)

    async def _duty(self, community_id: int, grid_id: int | None) -> list[Colleague]:
        """Grid worker and branch secretary where the grid is known; the community's office in any case."""
        near = (
            await self._people.holders(Role.GRID_WORKER, Role.BRANCH_SECRETARY, grid_id=grid_id)
            if grid_id is not None
            else []
        )
        office = await self._people.holders(*OFFICE_ROLES, community_id=community_id)
        return list({colleague.person_id: colleague for colleague in [*office, *near]}.values())
