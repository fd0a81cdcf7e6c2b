"""The case's file: the one place where a case changes, its history grows and its clocks are set."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.case_facts import Facts, FactsOf
from workflows.directory import Directory
from workflows.models import Case, CaseCounter, CaseEvent, FollowUp, Media, Person, Reporter, RoutingRule, Whistle
from workflows.notices import Notice, NoticeKind
from workflows.people import People
from workflows.policy import ladder as ladder_policy
from workflows.policy.clocks import Clock, WorkCalendar, due_at
from workflows.policy.ladder import Ladder, Route
from workflows.policy.lifecycle import CLOSED, RUNG_OF, STATUS_OF, TRANSITIONS, Action, Rung, Status, To, destination
from workflows.policy.measures import KEEPS_THE_CLOCK, MARKERS
from workflows.policy.naming import without_names
from workflows.policy.permissions import (
    JUDGING,
    SETTLING,
    WHO,
    NotAllowed,
    OwnWork,
    Relation,
    at_rung,
    capacity,
    may_see,
    works_on_it,
)
from workflows.policy.privacy import mask
from workflows.voices import is_voice

SYSTEM = "system"
_HOLDERS = frozenset({Relation.PROPERTY, Relation.DEPARTMENT})
PAUSED = frozenset({Status.WAITING_FOR_RESIDENT, Status.SUSPENDED})  # the rung's clock stands still
CLOCK = "clock"
REMIND = "remind"
PROGRESS = "progress"

# What the staff's buttons stand for.
ACTION_OF_ACT = {
    "verify": Action.VERIFY,
    "take_on": Action.TAKE_ON,
    "head": Action.ASK_BUILDING_HEAD,
    "property": Action.HAND_TO_PROPERTY,
    "community": Action.HAND_TO_COMMUNITY,
    "confirm": Action.CONFIRM,
    "not_true": Action.NOT_TRUE,
    "supply": Action.ASK_RESIDENT,
    "done": Action.REPORT_RESULT,
    "cannot": Action.CANNOT_SOLVE,
    "accept": Action.ACCEPT,
    "convene": Action.CONVENE,
    "agree": Action.AGREE,
    "plan": Action.PLAN,
    "refuse": Action.REFUSE,
    "not_fixed": Action.NOT_FIXED,
    "note": Action.COMMENT,
    "whistle": Action.BLOW_WHISTLE,
    "ask_whistle": Action.PROPOSE_WHISTLE,
    "send_whistle": Action.BLOW_WHISTLE,
    "send_back": Action.SEND_BACK,
    "keep": Action.KEEP,
    "assist": Action.CALL_ASSISTANT,
    "assist_done": Action.ASSIST,
    "assist_plan": Action.ASSIST,
    "assist_refuse": Action.ASSIST,
    "link": Action.ISSUE_LINK,
    "suspend": Action.ASK_SUSPENSION,
    "suspend_yes": Action.SUSPEND,
    "suspend_no": Action.REFUSE_SUSPENSION,
    "wake": Action.WAKE,
    "upkeep": Action.UPKEEP,
    "merge": Action.MERGE,
    "split": Action.SPLIT,
}

# The post in which somebody is told, as they stand to the case.
_RELATIONS_OF_POST = {
    "grid_worker": (Relation.GRID_WORKER,),
    "branch_secretary": (Relation.BRANCH,),
    "building_head": (Relation.BUILDING_HEAD,),
    "liaison": (Relation.BUILDING_HEAD,),
    "property_staff": (Relation.PROPERTY,),
    "community_secretary": (Relation.COMMUNITY, Relation.SECRETARY),
    "community_staff": (Relation.COMMUNITY,),
    "department_liaison": (Relation.DEPARTMENT,),
    "assisting_department": (Relation.ASSISTANT,),
}


def may_tap(act: str, post: str, status: Status) -> bool:
    """Whether a button for `act` makes sense on the card of somebody in this post, while the case is in `status`.

    Only for drawing cards: the use case checks again whoever taps.
    """
    action = ACTION_OF_ACT.get(act)
    if action is None:
        return True
    if (status, action) not in TRANSITIONS:
        return False
    return any(at_rung(action, relation, RUNG_OF.get(status)) for relation in _RELATIONS_OF_POST.get(post, ()))


# Who waits for the answer to a case, or did, the first reporter among them.
_WAITING = (
    select(
        Reporter.person_id,
        Reporter.first,
        Reporter.on_behalf_of,
        Reporter.consent,
        Reporter.ring,
        Reporter.confidential,
        Reporter.own_words,
        Reporter.left_at,
    )
    .where(Reporter.case_id == bindparam("case"))
    .order_by(Reporter.id)
)
_MEDIA = select(Media.id, Media.heard_at).where(Media.case_id == bindparam("case")).order_by(Media.created_at)
_RULES = (
    select(RoutingRule)
    .where(
        RoutingRule.community_id == bindparam("community"),
        RoutingRule.category == bindparam("category"),
        RoutingRule.ended_at.is_(None),
        RoutingRule.estate_text.in_(["", bindparam("estate")]),
    )
    .order_by(RoutingRule.id.desc())
)
_COUNTED_ON = {
    dialect: insert_on(CaseCounter)
    .on_conflict_do_update(
        index_elements=[CaseCounter.community_id, CaseCounter.day], set_={"last": CaseCounter.last + 1}
    )
    .returning(CaseCounter.last)
    for dialect, insert_on in (("sqlite", sqlite.insert), ("postgresql", postgresql.insert))
}
NO_FACTS = Facts()
Tell = Callable[[Notice], None]


class CaseNotFound(LookupError):
    """No such case, or none that this person may see: the two are not told apart on purpose."""


@dataclass(frozen=True)
class Rules:
    """What an operator decides, as the use cases need it."""

    ladder: Ladder
    calendar: WorkCalendar
    zone: tzinfo
    categories: Mapping[str, str]
    no_news: timedelta
    duplicate_days: int = 30
    same_above: float = 0.5


@dataclass(frozen=True)
class Line:
    """One line of a case's history, as those who may see it read it."""

    at: datetime
    action: Action
    who: str
    capacity: str
    note: str
    to_status: Status
    rung: Rung
    holder: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class CaseView:
    """What may be shown of a case. Phone and ID numbers are in `text` alone: who shows that, masks it for the reader."""

    id: int
    number: str
    community_id: int
    community: str
    category: str
    category_name: str
    text: str
    place: str
    status: Status
    rung: Rung
    holder: str
    holder_unit_id: int | None
    department: str
    department_unit_id: int | None
    works_at: Rung
    verified: bool
    about: str
    opened_at: datetime
    rung_due_at: datetime
    whole_due_at: datetime
    closed_at: datetime | None
    told_at: datetime | None
    result: str
    result_kind: str
    reporters: int
    photos: tuple[str, ...]
    reopened: int
    refusals: int
    has_property: bool
    on_behalf_of: str
    voices: tuple[str, ...] = ()  # recordings of the file, oldest first
    unheard: int = 0  # how many of them nobody on duty has listened to
    consent: bool = False  # whether the grid worker may know for whom it was reported
    unnamed: tuple[tuple[int, str], ...] = ()  # (who said it, a name): not to be read by others, nobody has agreed
    ring: str = ""  # whom to ring before coming, in the reporter's words
    confidential: bool = False  # somebody who waits for it has asked for secrecy; `text` and `photos` are withheld then
    own_words: str = ""  # what they said, for those who must know alone
    own_photos: tuple[str, ...] = ()
    result_photos: tuple[str, ...] = ()  # of the repair: by those who reported it or looked, never the reporter's own
    proposed: str = ""  # whose it is, by the department that refused it last
    refused_by: tuple[int, ...] = ()  # departments that have refused it
    whistle_reason: str = ""  # why the community called the department that has it
    contact: str = ""  # for a department: the grid worker's name and number, never the resident's
    whistle_due_at: datetime | None = None  # of the department that has it: by when it is to answer
    proactive: bool = False  # 未诉先办: found on patrol
    facts: Facts = NO_FACTS

    @property
    def open(self) -> bool:
        """Whether somebody is still answerable for it."""
        return self.status not in CLOSED

    def unsaid(self, text: str, reader: int | None = None) -> str:
        """The text without the names that nobody has agreed to; `reader` knows those that they said themselves."""
        return without_names(text, (name for who, name in self.unnamed if who != reader))


class CaseFile:
    """Changes cases inside one transaction and collects what is to be said about it."""

    def __init__(
        self, session: AsyncSession, now: datetime, rules: Rules, directory: Directory, people: People, tell: Tell
    ) -> None:
        self.session = session
        self.now = now
        self.rules = rules
        self.directory = directory
        self.people = people
        self.tell = tell
        self._in_hand: dict[int, Case] = {}  # so that the session need not load again what it was asked for before

    # ---- reading

    async def case(self, case_id: int, *, lock: bool = True) -> Case:
        """The row itself, locked for this transaction, and then as it is now: it may have been read before it was locked.

        Raises:
            CaseNotFound: there is none.
        """
        found = await self.session.get(Case, case_id, with_for_update=lock or None, populate_existing=lock)
        if found is None:
            raise CaseNotFound(case_id)
        self._in_hand[case_id] = found
        return found

    async def seen_by(self, person_id: int, case_id: int) -> Case:
        """The case, if this person may see it.

        Raises:
            CaseNotFound: there is none, or it is none of theirs.
        """
        found = await self.case(case_id, lock=False)
        if not may_see(await self.people.relations(person_id, found)):
            raise CaseNotFound(case_id)
        return found

    def route(self, case: Case) -> Route:
        """The row of the routing table that this case follows; an accepted ruling names its department before it."""
        table = self.rules.ladder.route(case.category, f"{case.text} {case.place_text}", case.estate_text)
        if case.routing_rule_id is None or case.department_unit_id is None:
            return table
        return ladder_policy.ruled(table, self.directory.unit(case.department_unit_id).name)

    async def _rule_for(self, case: Case) -> RoutingRule | None:
        """The newest rule of this community, made from a ruling, that speaks of such a case."""
        which = {"community": case.community_id, "category": case.category, "estate": case.estate_text}
        rows = await self.session.execute(_RULES, which)
        words = f"{case.text} {case.place_text}"
        return next((rule for rule in rows.scalars() if rule.word in words), None)

    async def _routed(self, case: Case) -> Route:
        """Where the case goes, decided anew: by an accepted ruling, else by the table; and which department answers."""
        rule = await self._rule_for(case)
        case.routing_rule_id = rule.id if rule is not None else None
        case.department_unit_id = rule.department_unit_id if rule is not None else None
        route = self.route(case)
        if rule is None and route.department:
            named = self.directory.department(case.community_id, route.department)
            case.department_unit_id = named.id if named is not None else None
        return route

    def around(self, case: Case) -> frozenset[Rung]:
        """Rungs that are gone around because the complaint is about them."""
        out: set[Rung] = set()
        if case.about_unit_id is not None or not self._property(case):
            out.add(Rung.PROPERTY)
        if case.about_committee or case.about_grid:
            out.add(Rung.GRID_BRANCH)
        if case.grid_id is None:
            out.add(Rung.GRID_BRANCH)
        return frozenset(out)

    def _property(self, case: Case) -> int | None:
        return self.directory.property_of(case.estate_id) if case.estate_id is not None else None

    def has_property(self, case: Case) -> bool:
        """Whether there is a property company that the case is not about."""
        return self._property(case) is not None and Rung.PROPERTY not in self.around(case)

    async def attempted(self, case: Case) -> bool:
        """Whether a rung below the community has tried, refused or stayed silent on it."""
        tried = (
            Action.CANNOT_SOLVE,
            Action.ESCALATE,
            Action.REPORT_RESULT,
            Action.TAKE_ON,
            Action.CONVENE,
            Action.ACCEPT,
        )
        row = await self.session.execute(
            select(CaseEvent.id).where(CaseEvent.case_id == case.id, CaseEvent.action.in_(tried)).limit(1)
        )
        return row.first() is not None

    async def view(self, case: Case) -> CaseView:
        """A snapshot for showing."""
        waiting = (await self.session.execute(_WAITING, {"case": case.id})).all()
        first = next((row for row in waiting if row.first), None)
        secret = [row for row in waiting if row.confidential]
        media = (await self.session.execute(_MEDIA, {"case": case.id})).all()
        every = tuple(one for one, _ in media if not is_voice(one))
        shown = () if secret else every
        voices = {one: heard for one, heard in media if is_voice(one)}
        repair = await self._result_photos(case) if case.result_kind == "done" else ()
        holder = self.directory.unit(case.holder_unit_id) if case.holder_unit_id is not None else None
        department = self.directory.unit(case.department_unit_id) if case.department_unit_id is not None else None
        about = []
        if case.about_unit_id is not None:
            about.append("物业")
        if case.about_committee:
            about.append("业委会（物管会）")
        if case.about_grid:
            about.append("网格员或网格党支部")
        return CaseView(
            id=case.id,
            number=case.number,
            community_id=case.community_id,
            community=self.directory.community(case.community_id).name,
            category=case.category,
            category_name=self.rules.categories.get(case.category, case.category),
            text=case.text,
            place=mask(place_sentence(case)),
            status=Status(case.status),
            rung=Rung(case.rung),
            holder=holder.name if holder else "",
            holder_unit_id=case.holder_unit_id,
            department=department.name if department else "",
            department_unit_id=case.department_unit_id,
            works_at=self.route(case).works_at,
            verified=case.verified,
            about="、".join(about),
            opened_at=case.opened_at,
            rung_due_at=case.rung_due_at,
            whole_due_at=case.whole_due_at,
            closed_at=case.closed_at,
            told_at=case.told_at,
            result=mask(case.result),
            result_kind=case.result_kind,
            reporters=sum(row.left_at is None for row in waiting),
            photos=shown,
            confidential=bool(secret),
            own_words="\n".join(row.own_words for row in secret),
            own_photos=every if secret else (),
            reopened=case.reopened,
            refusals=case.refusals,
            has_property=self.has_property(case),
            on_behalf_of=mask(first.on_behalf_of) if first and not secret else "",
            consent=first.consent if first else False,
            ring=first.ring if first else "",
            unnamed=tuple((row.person_id, row.on_behalf_of) for row in waiting if row.on_behalf_of and not row.consent),
            voices=tuple(voices),
            unheard=sum(heard is None for heard in voices.values()),
            result_photos=repair,
            proactive=case.proactive,
            facts=await FactsOf(self.session, self.directory).read(case, shown, repair),
            proposed=await self._proposed(case) if case.refusals else "",
            refused_by=await self._refused_by(case) if case.refusals else (),
            **(await self._whistle(case) if Rung(case.rung) is Rung.DEPARTMENT else {}),
        )

    async def in_confidence(self, case: Case) -> Sequence[Reporter]:
        """Those of its reporters who have asked for secrecy, whether or not they still wait."""
        rows = await self.session.execute(
            select(Reporter).where(Reporter.case_id == case.id, Reporter.confidential.is_(True)).order_by(Reporter.id)
        )
        return rows.scalars().all()

    async def _result_photos(self, case: Case) -> tuple[str, ...]:
        """What the last report of a result, and whoever looked afterwards, has shown."""
        rows = await self.session.execute(
            select(CaseEvent.action, CaseEvent.data)
            .where(CaseEvent.case_id == case.id, CaseEvent.action.in_([Action.REPORT_RESULT, Action.CONFIRM]))
            .order_by(CaseEvent.id)
        )
        photos: list[str] = []
        for action, data in rows:
            photos = [*([] if action == Action.REPORT_RESULT else photos), *data.get("photos", [])]
        return tuple(photos)

    async def _proposed(self, case: Case) -> str:
        row = await self.session.execute(
            select(Whistle.proposed_owner)
            .where(Whistle.case_id == case.id, Whistle.state == "refused", Whistle.lead.is_(True))
            .order_by(Whistle.id.desc())
            .limit(1)
        )
        return mask(row.scalar_one_or_none() or "")

    async def _refused_by(self, case: Case) -> tuple[int, ...]:
        rows = await self.session.execute(
            select(Whistle.department_unit_id).where(Whistle.case_id == case.id, Whistle.state == "refused")
        )
        return tuple(rows.scalars())

    async def _whistle(self, case: Case) -> dict[str, Any]:
        """Of the last whistle: why it was blown, and whom of the grid to ring."""
        row = await self.session.execute(
            select(
                Whistle.reason,
                func.coalesce(Whistle.planned_for, Whistle.due_at).label("due_at"),
                Person.name,
                Person.phone,
            )
            .join(Person, Whistle.contact_person_id == Person.id)
            .where(Whistle.case_id == case.id, Whistle.lead.is_(True))
            .order_by(Whistle.id.desc())
            .limit(1)
        )
        found = row.first()
        if found is None:
            return {}
        contact = f"{found.name} {found.phone}".strip()
        return {"whistle_reason": mask(found.reason), "contact": contact, "whistle_due_at": found.due_at}

    async def history(self, case: Case) -> list[Line]:
        """The record, oldest first, with the names of those who acted."""
        events = (
            (await self.session.execute(select(CaseEvent).where(CaseEvent.case_id == case.id).order_by(CaseEvent.id)))
            .scalars()
            .all()
        )
        names = await self.people.people_of(event.actor_id for event in events if event.actor_id is not None)
        lines = []
        for event in events:
            unit = self.directory.unit(event.holder_unit_id) if event.holder_unit_id is not None else None
            actor: Person | None = names.get(event.actor_id) if event.actor_id is not None else None
            lines.append(
                Line(
                    event.at,
                    Action(event.action),
                    actor.name if actor else "",
                    event.capacity,
                    event.note,
                    Status(event.to_status),
                    Rung(event.rung),
                    unit.name if unit else "",
                    event.data,
                )
            )
        return lines

    # ---- changing

    async def authorise(self, person_id: int, case: Case, action: Action) -> Relation:
        """In which capacity this person does this now.

        Raises:
            NotAllowed: in none: their post does not cover the case, or they do not hold it now.
            CaseNotFound: they may not even see it.
            NotPossible: not in the state it is in. Said before anything is changed: a refusal is answered with a
                sentence, and the turn that says it is kept.
        """
        relations = await self.people.relations(person_id, case)
        if not may_see(relations):
            raise CaseNotFound(case.id)
        rung = RUNG_OF.get(Status(case.status))
        theirs = relations
        if relations & _HOLDERS and not await self._is_holder(person_id, case):
            theirs = relations - _HOLDERS  # they had it before: to see it, not to act on it
        able = frozenset(r for r in theirs if at_rung(action, r, rung))
        if not WHO.get(action, frozenset()) & able:
            raise NotAllowed(action, case.id)
        role = capacity(action, able)
        if action in JUDGING and await self._own_work(person_id, case, relations):
            raise OwnWork(action, case.id)
        destination(Status(case.status), action)
        return role

    async def may_do(self, person_id: int, case: Case, acts: Iterable[str]) -> list[str]:
        """Which of these acts this person may do to the case as it stands: what `authorise` would let through."""
        relations = await self.people.relations(person_id, case)
        status = Status(case.status)
        rung = RUNG_OF.get(status)
        if relations & _HOLDERS and not await self._is_holder(person_id, case):
            relations = relations - _HOLDERS
        return [
            act
            for act in acts
            if (status, action := ACTION_OF_ACT[act]) in TRANSITIONS
            and any(at_rung(action, relation, rung) for relation in relations)
        ]

    async def authorise_act(self, person_id: int, case_id: int, act: str) -> None:
        """Refuse at the tap what would be refused after the words, so that nobody types in vain.

        Raises:
            NotAllowed, NotPossible, CaseNotFound: as `authorise` and the lifecycle say.
        """
        action = ACTION_OF_ACT.get(act)
        if action is not None:
            case = await self.case(case_id, lock=False)
            destination(Status(case.status), action)
            await self.authorise(person_id, case, action)

    async def _did_the_work(self, person_id: int, case: Case) -> bool:
        """Whether a reporter is not asked for a verdict: it would be on their own work."""
        if not await self.people.posts(person_id):
            return False
        return await self._own_work(person_id, case, await self.people.relations(person_id, case))

    async def _own_work(self, person_id: int, case: Case, relations: frozenset[Relation]) -> bool:
        """Whether this person has the case in hand, or has said that the matter is settled."""
        if works_on_it(relations, Rung(case.rung), holder=await self._is_holder(person_id, case)):
            return True
        said = await self.session.execute(
            select(CaseEvent.id)
            .where(CaseEvent.case_id == case.id, CaseEvent.actor_id == person_id, CaseEvent.action.in_(SETTLING))
            .limit(1)
        )
        return said.first() is not None

    async def _is_holder(self, person_id: int, case: Case) -> bool:
        return any(post.unit_id == case.holder_unit_id for post in await self.people.posts(person_id))

    async def open(self, case: Case, actor_id: int | None, role: str, data: Mapping[str, Any]) -> Case:
        """Number a new case, put it on its first rung and start both clocks."""
        route = await self._routed(case)
        case.number = await self._number(case.community_id)
        case.opened_at = case.touched_at = self.now
        case.last_marker, case.last_step = "", Action.OPEN
        case.whole_due_at = self._due(self.rules.ladder.whole)
        if case.department_unit_id is None:
            answering = self.directory.departments_for(case.community_id, case.category)
            case.department_unit_id = answering[0].id if answering else None
        case.rung = ladder_policy.start(route, self.around(case))
        case.first_rung = case.rung
        case.status = STATUS_OF[Rung(case.rung)]
        case.holder_unit_id = self._holder(case, Rung(case.rung))
        self._set_clock(case, self.rules.ladder.clock_of(Rung(case.rung), route))
        case.told_at = self.now
        self.session.add(case)
        await self.session.flush()
        self._in_hand[case.id] = case
        opened = {**data, **told_of_place(case), "whole_due": case.whole_due_at.isoformat()}
        if case.routing_rule_id is not None:
            opened["routing_rule"] = case.routing_rule_id
        self._record(case, Action.OPEN, "", actor_id, role, case.text, opened)
        clocks = ((CLOCK, case.rung_due_at), (REMIND, self._remind_at(case)), (PROGRESS, self.now + self.rules.no_news))
        of_it = {"community_id": case.community_id, "case_id": case.id}
        await self.session.execute(  # in one statement: nobody asks for their ids here
            insert(FollowUp), [{**of_it, "kind": kind, "due_at": at} for kind, at in clocks if at is not None]
        )
        return case

    async def move(
        self,
        case: Case,
        action: Action,
        *,
        by: int | None = None,
        role: str = SYSTEM,
        note: str = "",
        data: Mapping[str, Any] | None = None,
        holder_unit_id: int | None = None,
        clock: Clock | None = None,
        due: datetime | None = None,
    ) -> Case:
        """Do `action` by the table of the lifecycle: state, rung, holder, clocks and history in one step.

        `holder_unit_id` names the department for a whistle; `clock` or `due` replace the rung's usual time.

        Raises:
            NotPossible: the table does not allow it in this state.
        """
        before = Status(case.status)
        leads = destination(before, action)
        route = self.route(case)
        old_rung = Rung(case.rung)
        match leads:
            case To.SAME:
                status = before
            case To.RUNG:
                status = STATUS_OF[old_rung]
            case To.NEXT:
                status = STATUS_OF[self._higher(case, action, route)]
            case Status():
                status = leads
        if status in RUNG_OF:
            case.rung = RUNG_OF[status]
        case.status = status
        if case.rung != old_rung or holder_unit_id is not None:
            case.holder_unit_id = holder_unit_id or self._holder(case, Rung(case.rung))
        if status is not before or clock is not None or due is not None or case.rung != old_rung:
            await self._restart_clocks(case, before, status, route, clock, due)
        self._record(case, action, before, by, role, note, data or {})
        await self.session.flush()
        return case

    def held_elsewhere(self, case: Case) -> bool:
        """Whether the branch or property company that has it is not that of its place, since the place was put right.

        Not once somebody has said that it is done: then it is looked at and judged where they say it was.
        """
        rung, status = Rung(case.rung), Status(case.status)
        working = status in RUNG_OF or status is Status.WAITING_FOR_RESIDENT
        if not working or rung not in (Rung.GRID_BRANCH, Rung.PROPERTY):
            return False
        return case.holder_unit_id != self._holder(case, rung)

    def _higher(self, case: Case, action: Action, route: Route) -> Rung:
        """One rung up; what was not solved again and again goes straight to the secretary's."""
        rung, around = Rung(case.rung), self.around(case)
        if action not in (Action.JUDGE_NOT, Action.REOPEN):
            return ladder_policy.above(rung, route, around)
        return ladder_policy.reopened_to(rung, route, around, case.reopened + 1, self.rules.ladder.secretary_after)

    async def start_again(self, case: Case, *, by: int | None, role: str) -> None:
        """Put an unworked case on its first rung anew, after what or where it is was put right."""
        route = await self._routed(case)
        before = Status(case.status)
        case.rung = ladder_policy.start(route, self.around(case))
        case.status = STATUS_OF[Rung(case.rung)]
        case.holder_unit_id = self._holder(case, Rung(case.rung))
        self._set_clock(case, self.rules.ladder.clock_of(Rung(case.rung), route))
        await self._arm(case, CLOCK, case.rung_due_at)
        await self._arm(case, REMIND, self._remind_at(case))
        self._record(case, Action.ROUTE, before, by, role, "", {})
        await self.session.flush()

    async def _restart_clocks(
        self, case: Case, before: Status, status: Status, route: Route, clock: Clock | None, due: datetime | None
    ) -> None:
        if status in CLOSED:
            case.closed_at = self.now
            case.paused_at = case.suspended_until = None
            await self._stop(case)
            return
        reopened, case.closed_at = case.closed_at is not None, None
        due = self._due_in(case, before, status, route, clock, due)
        if status is not before:
            case.suspended_until = due if status is Status.SUSPENDED else None  # a wish for it lapses when it moves on
        if status in PAUSED:
            # The rung's deadline is kept: it goes on from here when the pause is over.
            case.paused_at = self.now
            await self._arm(case, CLOCK, due)
            await self._arm(case, REMIND, None)
        else:
            if before in PAUSED:
                case.paused_at = None
            else:
                case.rung_started_at = self.now
            case.rung_due_at = due
            await self._arm(case, CLOCK, due)
            await self._arm(case, REMIND, self._remind_at(case))
        if reopened:
            self._schedule(case, PROGRESS, self.now + self.rules.no_news)

    def _due_in(
        self, case: Case, before: Status, status: Status, route: Route, clock: Clock | None, due: datetime | None
    ) -> datetime:
        """When the clock runs out that begins to run in this state."""
        limits = self.rules.ladder
        match status:
            case Status.WAITING_FOR_RESIDENT:
                return self._due(limits.supply)
            case Status.SUSPENDED:
                assert due is not None, "a case is laid aside to a day"
                return due
            case Status.TO_CONFIRM:
                return self._due(limits.confirm)
            case Status.TO_JUDGE:
                return self._due(clock or limits.judge)
            case _ if before in PAUSED and case.paused_at is not None:
                goes_on = ladder_policy.shifted(case.rung_due_at, case.paused_at, self.now)
                # Who wakes it must have a little time, also where it was laid aside when theirs was over.
                return max(goes_on, self._due(limits.remind_before)) if before is Status.SUSPENDED else goes_on
            case _:
                return due or self._due(clock or limits.clock_of(Rung(case.rung), route))

    def _set_clock(self, case: Case, clock: Clock) -> None:
        case.rung_started_at = self.now
        case.rung_due_at = self._due(clock)

    def _due(self, clock: Clock) -> datetime:
        return due_at(self.now, clock, self.rules.calendar, self.rules.zone)

    def _remind_at(self, case: Case) -> datetime | None:
        """Some hours before the deadline; not at all where the rung's whole time is shorter than that twice over."""
        if Status(case.status) not in RUNG_OF:
            return None
        limits = self.rules.ladder
        points = limits.remind_department if case.rung == Rung.DEPARTMENT else (limits.remind_before,)
        return ladder_policy.next_reminder(
            self.now, case.rung_due_at, [self._due(point) - self.now for point in points]
        )

    def next_reminder(self, case: Case) -> datetime | None:
        """When whoever has it is reminded once more, after they just were."""
        return self._remind_at(case)

    def _holder(self, case: Case, rung: Rung) -> int | None:
        """The unit answerable at this rung; where there is none, the community's party committee is."""
        found: int | None
        match rung:
            case Rung.GRID_BRANCH:
                found = self.directory.branch_of(case.grid_id) if case.grid_id is not None else None
            case Rung.PROPERTY:
                found = self._property(case)
            case Rung.COMMUNITY:
                found = None
            case Rung.DEPARTMENT:
                found = case.department_unit_id
        return found if found is not None else self.directory.community_unit(case.community_id)

    def _record(
        self,
        case: Case,
        action: Action,
        before: Status | str,
        by: int | None,
        role: str,
        note: str,
        data: Mapping[str, Any],
    ) -> None:
        case.touched_at = max(case.touched_at, self.now)  # a clock may have been set back
        if action in MARKERS:
            case.last_marker = action
        if action not in KEEPS_THE_CLOCK:
            case.last_step = action
        self.session.add(
            CaseEvent(
                community_id=case.community_id,
                case_id=case.id,
                at=self.now,
                actor_id=by,
                capacity=role,
                action=action,
                from_status=str(before),
                to_status=case.status,
                rung=case.rung,
                holder_unit_id=case.holder_unit_id,
                note=note,
                data=dict(data),
            )
        )

    def _schedule(self, case: Case, kind: str, at: datetime | None) -> None:
        if at is not None:
            self.session.add(FollowUp(community_id=case.community_id, case_id=case.id, kind=kind, due_at=at))

    async def _arm(self, case: Case, kind: str, at: datetime | None) -> None:
        """Set the one pending follow-up of this kind to a new time, or lay it down."""
        pending = (
            (
                await self.session.execute(
                    select(FollowUp).where(
                        FollowUp.case_id == case.id, FollowUp.kind == kind, FollowUp.done_at.is_(None)
                    )
                )
            )
            .scalars()
            .first()
        )
        if pending is None:
            self._schedule(case, kind, at)
        elif at is None:
            pending.done_at = self.now
        else:
            pending.due_at = at
            pending.data = {}

    async def rearm(self, case: Case, kind: str, at: datetime | None) -> None:
        """Set a follow-up of an open case to another time."""
        await self._arm(case, kind, at)
        await self.session.flush()

    async def _stop(self, case: Case) -> None:
        await self.session.execute(
            update(FollowUp)
            .where(FollowUp.case_id == case.id, FollowUp.done_at.is_(None))
            .values(done_at=self.now)
            .execution_options(synchronize_session="fetch")
        )

    async def _number(self, community_id: int) -> str:
        day = self.now.astimezone(self.rules.zone).strftime("%y%m%d")
        statement = _COUNTED_ON[self.session.get_bind().dialect.name]
        first = {"community_id": community_id, "day": day, "last": 1}
        last = (await self.session.execute(statement, first)).scalar_one()
        return f"{self.directory.community(community_id).code}{day}-{last:02d}"

    # ---- saying

    async def reporters(self, case: Case) -> Sequence[Reporter]:
        """Who waits for the answer: first reporter and neighbours who joined."""
        rows = await self.session.execute(
            select(Reporter).where(Reporter.case_id == case.id, Reporter.left_at.is_(None)).order_by(Reporter.id)
        )
        return rows.scalars().all()

    async def tell_reporters(self, case: Case, kind: NoticeKind, **data: Any) -> None:
        """News for everybody who waits; the clock of "no news" starts again."""
        asks = kind in (NoticeKind.VERDICT, NoticeKind.VERDICT_AGAIN) or data.get("how") == "unanswered"
        for reporter in await self.reporters(case):
            if not (asks and await self._did_the_work(reporter.person_id, case)):
                self.tell(Notice(reporter.person_id, kind, case.id, Relation.REPORTER, data))
        case.told_at = self.now
        if case.closed_at is None:
            await self._arm(case, PROGRESS, self.now + self.rules.no_news)

    def tell_each(
        self, colleagues: Iterable[Any], case: Case, kind: NoticeKind, *, urgent: bool = False, **data: Any
    ) -> int:
        """The same to several colleagues, each in their own capacity. Returns how many."""
        told = 0
        for colleague in colleagues:
            self.tell(Notice(colleague.person_id, kind, case.id, colleague.role, data, urgent))
            told += 1
        return told

    async def card(self, case: Case, *, reason: str = "", text: str = "", urgent: bool = False) -> None:
        """Put the case before those who work on it at its rung; where nobody is, before their overseers.

        `urgent`: at night too.
        """
        rung = Rung(case.rung)
        there = await self.people.at_rung(case, rung)
        if not self.tell_each(there, case, NoticeKind.CARD, urgent=urgent, reason=reason, text=text):
            overseers = await self.people.overseers(case, rung)
            self.tell_each(overseers, case, NoticeKind.OVERSEE, urgent=urgent, reason="nobody")


def told_of_place(case: Case) -> dict[str, str]:
    """The place as the history keeps it: the case row must follow from its events."""
    return {"estate": case.estate_text, "building": case.building_text, "place": case.place_text}


def place_sentence(case: Case) -> str:
    """The place of a case as people say it: 园林小区3号楼2单元602，河边."""
    address = case.estate_text
    if case.building_text:
        address += (
            case.building_text if case.building_text.endswith(("楼", "栋", "座", "号")) else f"{case.building_text}号楼"
        )
    if case.unit_text:
        address += case.unit_text if case.unit_text.endswith(("单元", "门")) else f"{case.unit_text}单元"
    address += case.room_text
    return "，".join(part for part in (address, case.place_text) if part)
