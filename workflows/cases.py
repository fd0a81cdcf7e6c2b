"""What residents do with their cases: open, join, add, correct, urge, judge, withdraw, reopen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

from sqlalchemy import Select, bindparam, or_, select, update

from workflows.case_file import CaseFile, CaseNotFound, CaseView, told_of_place
from workflows.models import Case, CaseEvent, Correction, Media, Reporter
from workflows.notices import Notice, NoticeKind
from workflows.one_opening import alone_at
from workflows.people import Colleague
from workflows.policy import confidence, conflict, duplicates
from workflows.policy.conflict import About
from workflows.policy.lifecycle import CLOSED, Action, NotPossible, Rung, Status
from workflows.policy.permissions import NotAllowed, Relation, Role
from workflows.policy.places import Address

# What tells an open case apart from a new report.
_TOLD = (
    Case.id, Case.text, Case.category, Case.estate_id, Case.estate_text, Case.building_id, Case.building_text,
    Case.unit_text, Case.room_text, Case.place_text, Case.grid_id, Case.community_id,
)  # fmt: skip
_BARE = 6  # "没解决" and the like say nothing that the card does not say itself
# What the same complaint word leads to; used to look for duplicates among neighbours of a category.
_KIN = {
    kin: frozenset().union(*(pair for pair in duplicates.ALIKE if kin in pair))
    for kin in frozenset().union(*duplicates.ALIKE)
}


_MINE = (
    select(Case)
    .join(Reporter, Reporter.case_id == Case.id)
    .where(
        Reporter.person_id == bindparam("person"),
        or_(Reporter.left_at.is_(None), Case.status == Status.WITHDRAWN),
        or_(Case.closed_at.is_(None), Case.closed_at >= bindparam("since")),
    )
    .order_by(Case.id.desc())
    .limit(30)
)


@cache
def _open_around(known: frozenset[str]) -> Select[*tuple[Any, ...]]:
    """`Cases._around` for a place of which so much is known: every report asks twice, and building costs more than asking."""
    query = select(*_TOLD).where(Case.closed_at.is_(None), Case.opened_at >= bindparam("since"))
    if "community" in known:
        query = query.where(Case.community_id == bindparam("community"))
    if "kinds" in known:
        query = query.where(Case.category.in_(bindparam("kinds", expanding=True)))
    in_grid = Case.grid_id == bindparam("grid") if "grid" in known else Case.grid_id.is_(None)
    query = query.where(or_(Case.estate_id == bindparam("estate"), in_grid) if "estate" in known else in_grid)
    # Another name or another number is surely elsewhere (`duplicates.nearness`): those are left where they are.
    for column, texts in ((Case.estate_text, "estate_texts"), (Case.building_text, "building_texts")):
        if texts in known:
            query = query.where(column.in_(bindparam(texts, expanding=True)))
    return query.order_by(Case.opened_at.desc()).limit(200)


@dataclass(frozen=True)
class NewReport:
    """One problem at one place as somebody told it."""

    person_id: int
    community_id: int
    category: str
    text: str
    address: Address
    ranking: tuple[tuple[str, float], ...] = ()
    photos: tuple[str, ...] = ()
    on_behalf_of: str = ""
    consent: bool = False
    proactive: bool = False  # found on patrol, before anybody complained
    understood: str = ""  # what the NLU made of it, where a person chose another category
    confidence: float = 0.0
    extra: dict[str, str] = field(default_factory=dict)  # what the history keeps beside it
    confidential: bool = False  # nobody outside the circle may learn who said it
    urgent: bool = False  # a pipe has burst: whoever works on it is told at any hour
    recurrence_of: int | None = None  # id of the case that was solved, and is back
    opened_by: int | None = None  # a colleague who opened it for the reporter, in `capacity`
    capacity: str = ""


@dataclass(frozen=True)
class Likeness:
    """An open case nearby that may be the same problem."""

    view: CaseView
    score: float
    mine: bool


class Cases:
    """The resident's side. One instance per transaction."""

    def __init__(self, file: CaseFile) -> None:
        self._file = file

    # ---- opening and joining

    async def open(self, report: NewReport) -> CaseView:
        """Open a case: numbered, held by somebody, on the clock, before those who work on it."""
        about = conflict.about(report.category, report.text)
        address, text = report.address, report.text
        if report.confidential:
            address = confidence.public_place(address, of_people=confidence.about_people(report.category, about))
            text = confidence.WITHHELD
        case = Case(
            community_id=address.community_id or report.community_id,
            number="",
            category=report.category,
            text=text,
            estate_id=address.estate_id,
            building_id=address.building_id,
            grid_id=address.grid_id,
            estate_text=address.estate[:80],
            building_text=address.building[:40],
            unit_text=address.unit[:40],
            room_text=address.room[:40],
            place_text=address.place[:200],
            about_unit_id=self._file.directory.property_of(address.estate_id)
            if about.property and address.estate_id is not None
            else None,
            about_committee=about.committee,
            about_grid=about.grid,
            proactive=report.proactive,
            recurrence_of=report.recurrence_of,
            status=Status.WITH_GRID,
            rung=Rung.GRID_BRANCH,
        )
        role = report.capacity or (Role.GRID_WORKER if report.proactive else Relation.REPORTER)
        data = {"category": report.category, "confidence": round(report.confidence, 3), "photos": list(report.photos)}
        data |= report.extra
        if report.proactive:
            data["proactive"] = True
        if report.on_behalf_of and not report.confidential:
            data["on_behalf_of"], data["consent"] = report.on_behalf_of, report.consent
        await self._file.open(case, report.opened_by or report.person_id, role, data)
        self._file.session.add(
            Reporter(
                community_id=case.community_id,
                case_id=case.id,
                person_id=report.person_id,
                first=True,
                on_behalf_of=report.on_behalf_of,
                consent=report.consent,
                confidential=report.confidential,
                own_words=_own_words(report.text, report.address) if report.confidential else "",
                joined_at=self._file.now,
            )
        )
        await self.attach(case.id, report.photos)
        if report.understood and report.understood != report.category and not report.confidential:
            self._correction(case, report.text, report.understood, report.category, report.person_id, Relation.REPORTER)
        await self._file.card(case, urgent=report.urgent)
        return await self._file.view(case)

    async def attach(self, case_id: int, photos: Sequence[str]) -> None:
        """Put photos into the case's file."""
        if photos:
            await self._file.session.execute(
                update(Media).where(Media.id.in_(photos), Media.case_id.is_(None)).values(case_id=case_id)
            )

    async def nearby(self, address: Address, limit: int) -> list[tuple[int, str]]:
        """(id, words) of the open cases that may be at this place, nearest and newest first; for the reader to judge."""
        found = await self._around(address, address.community_id)
        near = [(duplicates.nearness(address, address_of(case)), case) for case in found]
        best = sorted((pair for pair in near if pair[0] > duplicates.ELSEWHERE), key=lambda pair: -pair[0])[:limit]
        return [(case.id, case.text) for _, case in best]

    async def _around(
        self, address: Address, community_id: int | None, kinds: frozenset[str] | None = None
    ) -> Sequence[Any]:
        """Of the open cases of the last weeks in the same estate or grid, those that may be at this place; newest first.

        Rows of what is needed to tell them apart, not the cases themselves: there may be hundreds.
        """
        if address.estate_id is None and address.grid_id is None:
            return []
        given = {
            "since": self._file.now - timedelta(days=self._file.rules.duplicate_days),
            "community": community_id,
            "kinds": None if kinds is None else sorted(kinds),
            "estate": address.estate_id,
            "grid": address.grid_id,
            "estate_texts": ["", address.estate] if address.estate else None,
            "building_texts": ["", address.building] if address.building else None,
        }
        known = {name: value for name, value in given.items() if value is not None}
        return (await self._file.session.execute(_open_around(frozenset(known)), known)).all()

    async def like(self, report: NewReport, alike: Mapping[int, float] | None = None, limit: int = 2) -> list[Likeness]:
        """Open cases nearby that may be the same problem, most alike first. `alike` is what the reader thinks of some.

        Until the commit nobody else opens one: what is not found here may be opened.

        Raises:
            InHand: another process looks or opens there right now.
        """
        address, rules = report.address, self._file.rules
        kinds = _KIN.get(report.category, frozenset()) | {report.category}
        community_id = address.community_id or report.community_id
        await alone_at(self._file.session, community_id, address, kinds)
        found = await self._around(address, community_id, kinds)
        mine = duplicates.Report(report.text, report.category, address, report.ranking)
        scored = [
            (
                duplicates.likeness(
                    mine, duplicates.Report(c.text, c.category, address_of(c)), (alike or {}).get(c.id)
                ),
                c,
            )
            for c in found
        ]
        best = sorted((pair for pair in scored if pair[0] >= rules.same_above), key=lambda pair: -pair[0])[:limit]
        out = []
        for score, told in best:
            case = await self._file.case(told.id, lock=False)
            if report.person_id in await self._file.people.excluded(case):
                continue
            waiting = [r.person_id for r in await self._file.reporters(case)]
            out.append(Likeness(await self._file.view(case), score, report.person_id in waiting))
        return out

    async def join(
        self, person_id: int, case_id: int, note: str = "", photos: Sequence[str] = (), *, confidential: bool = False
    ) -> CaseView:
        """A neighbour has the same problem: they become a co-reporter and get every answer.

        `confidential`: they asked for secrecy in the same breath, so their words go to the circle alone from the start.

        Raises:
            CaseNotFound: no such case.
            NotAllowed: the complaint is about them; who waits for the answer also says whether it is solved.
            NotPossible: it is closed.
        """
        case = await self._file.case(case_id)
        here = await self._file.session.execute(
            select(Reporter).where(Reporter.case_id == case.id, Reporter.person_id == person_id)
        )
        reporter = here.scalar_one_or_none()
        if reporter is not None and reporter.left_at is None:
            return await self._file.view(case)
        if person_id in await self._file.people.excluded(case):
            raise NotAllowed(Action.JOIN)
        own_words, note = note, confidence.public_note(note) if confidential else note
        await self._file.move(case, Action.JOIN, by=person_id, role=Relation.REPORTER, note=note)
        if reporter is None:
            self._file.session.add(
                Reporter(community_id=case.community_id, case_id=case.id, person_id=person_id, joined_at=self._file.now)
            )
        else:
            reporter.left_at = None
        await self.attach(case.id, photos)
        await self._file.session.flush()
        self._file.tell_each(
            await self._file.people.at_rung(case, Rung(case.rung)), case, NoticeKind.ADDED, what="join", text=note
        )
        if confidential:
            return await self.keep_in_confidence(person_id, case_id, own_words)
        return await self._file.view(case)

    async def agree_to_name(self, person_id: int, case_id: int, *, agreed: bool) -> CaseView:
        """Whether the grid worker may know for whom it was reported. They are told when they may.

        Raises:
            CaseNotFound: no such case of theirs.
        """
        case, reporter = await self._reported(person_id, case_id)
        before, reporter.consent = reporter.consent, agreed
        await self._file.session.flush()
        if agreed and not before and reporter.on_behalf_of:
            await self._note(case, f"替{reporter.on_behalf_of}反映的", "behalf")
        return await self._file.view(case)

    async def ring_first(self, person_id: int, case_id: int, ring: str) -> CaseView:
        """Whom to ring before coming, in the reporter's words. Only the grid and the community see it.

        Raises:
            CaseNotFound: no such case of theirs.
        """
        case, reporter = await self._reported(person_id, case_id)
        reporter.ring = ring[:80]
        await self._file.session.flush()
        await self._note(case, reporter.ring, "ring")
        return await self._file.view(case)

    async def _reported(self, person_id: int, case_id: int) -> tuple[Case, Reporter]:
        case = await self._file.case(case_id)
        row = await self._file.session.execute(
            select(Reporter).where(
                Reporter.case_id == case.id, Reporter.person_id == person_id, Reporter.left_at.is_(None)
            )
        )
        reporter = row.scalar_one_or_none()
        if reporter is None:
            raise CaseNotFound(case_id)
        return case, reporter

    async def keep_in_confidence(self, person_id: int, case_id: int, more: str = "") -> CaseView:
        """From now on nobody outside the circle sees what they said; cards that went out before cannot be called back.

        `more`: what they say with it, for the circle.

        Raises:
            CaseNotFound: no such case of theirs.
            NotPossible: it is closed.
        """
        case, reporter = await self._reported(person_id, case_id)
        role = await self._file.authorise(person_id, case, Action.RELOCATE)  # before anything is changed
        if not reporter.confidential:
            words = f"{_own_words(case.text, address_of(case))}\n{more}".strip()[:4000]
            reporter.confidential, reporter.own_words = True, words
            case.text = confidence.WITHHELD
            self._hide_place(case, address_of(case))
            place = told_of_place(case)  # the row must follow from its events
            await self._file.move(case, Action.RELOCATE, by=person_id, role=role, data=place)
            circle = await self._file.people.circle(case)
            self._file.tell_each(circle, case, NoticeKind.ADDED, what="confidential", text=more)
        return await self._file.view(case)

    def _hide_place(self, case: Case, address: Address) -> None:
        about = About(case.about_unit_id is not None, case.about_committee, case.about_grid)
        shown = confidence.public_place(address, of_people=confidence.about_people(case.category, about))
        case.building_text, case.unit_text, case.room_text = shown.building[:40], shown.unit[:40], shown.room[:40]
        case.place_text = shown.place[:200]
        if not shown.building:
            case.building_id = None

    async def _apart(self, case: Case, person_id: int, text: str) -> str:
        """The words as the record may hold them: those of somebody who asked for secrecy go to the circle alone."""
        for reporter in await self._file.in_confidence(case):
            if reporter.person_id == person_id and confidence.public_note(text) != text:
                reporter.own_words = f"{reporter.own_words}\n{text}".strip()[:4000]
                return confidence.public_note(text)
        return text

    async def _note(self, case: Case, text: str, what: str) -> None:
        """To those who have the case now, where they are near enough to be told."""
        if Rung(case.rung) in (Rung.GRID_BRANCH, Rung.COMMUNITY) and case.closed_at is None:
            there = await self._file.people.at_rung(case, Rung(case.rung))
            self._file.tell_each(there, case, NoticeKind.ADDED, what=what, text=text)

    # ---- while it is open

    async def mine(self, person_id: int, *, closed_days: int = 30, status: Status | None = None) -> list[CaseView]:
        """The person's own cases: the open ones and those closed lately, newest first; all, or those in one `status`."""
        query, given = _MINE, {"person": person_id, "since": self._file.now - timedelta(days=closed_days)}
        if status is not None:
            query = query.where(Case.status == status)
        rows = await self._file.session.execute(query, given)
        return [await self._file.view(case) for case in rows.scalars()]

    async def add(self, person_id: int, case_id: int, text: str, photos: Sequence[str] = ()) -> CaseView:
        """The reporter tells more; where the rung was waiting for it, its clock goes on.

        Raises:
            CaseNotFound: no such case of theirs.
            NotPossible: it is closed.
        """
        case = await self._file.case(case_id)
        role = await self._file.authorise(person_id, case, Action.ADD)
        secret = {reporter.person_id for reporter in await self._file.in_confidence(case)}
        text = await self._apart(case, person_id, text)
        waiting = Status(case.status) is Status.WAITING_FOR_RESIDENT
        data = {"photos": list(photos)} if photos else {}
        action = Action.SUPPLY if waiting else Action.ADD
        await self._file.move(case, action, by=person_id, role=role, note=text, data=data)
        if text:
            case.text = f"{case.text}\n{text}"[:4000]
        await self.attach(case.id, photos)
        await self._file.session.flush()
        there = await self._file.people.at_rung(case, Rung(case.rung))
        if waiting:
            await self._file.card(case, reason="supplied")
        else:
            self._file.tell_each(
                there, case, NoticeKind.ADDED, what="add", text=text, photos=[] if person_id in secret else list(photos)
            )
        return await self._file.view(case)

    async def urge(self, person_id: int, case_id: int, text: str) -> CaseView:
        """Nobody came: whoever holds it and whoever oversees them are told.

        Raises:
            CaseNotFound: no such case of theirs.
            NotPossible: it is closed.
        """
        case = await self._file.case(case_id)
        role = await self._file.authorise(person_id, case, Action.URGE)
        text = await self._apart(case, person_id, text)
        await self._file.move(case, Action.URGE, by=person_id, role=role, note=text)
        rung = Rung(case.rung)
        there = await self._file.people.at_rung(case, rung)
        if Status(case.status) is Status.TO_CONFIRM:
            there = await self._file.people.witnesses(case)
        overseers = await self._file.people.overseers(case, rung)
        told = {colleague.person_id: colleague for colleague in [*overseers, *there]}
        self._file.tell_each(told.values(), case, NoticeKind.ADDED, what="urge", text=text)
        return await self._file.view(case)

    async def withdraw(self, person_id: int, case_id: int, note: str = "") -> CaseView:
        """算了: the last reporter closes the case, an earlier one only leaves it.

        Raises:
            CaseNotFound: no such case of theirs.
            NotPossible: it is closed already.
        """
        case = await self._file.case(case_id)
        waiting = await self._file.reporters(case)
        action = Action.LEAVE if any(r.person_id != person_id for r in waiting) else Action.WITHDRAW
        role = await self._file.authorise(person_id, case, action)
        note = await self._apart(case, person_id, note)
        there = await self._file.people.at_rung(case, Rung(case.rung))
        await self._file.move(case, action, by=person_id, role=role, note=note)
        for reporter in waiting:
            if reporter.person_id == person_id:
                reporter.left_at = self._file.now
        await self._file.session.flush()
        if action is Action.WITHDRAW:
            self._file.tell_each(there, case, NoticeKind.CLOSED, how="withdrawn")
        return await self._file.view(case)

    async def reclassify(self, person_id: int, case_id: int, category: str) -> CaseView:
        """One tap puts the category right; while nobody has worked on it, it also takes the other's route.

        Raises:
            CaseNotFound, NotAllowed, NotPossible: not theirs to do, or closed.
        """
        case = await self._file.case(case_id)
        role = await self._file.authorise(person_id, case, Action.RECLASSIFY)
        before = case.category
        if category == before:
            return await self._file.view(case)
        self._correction(case, case.text, before, category, person_id, role)
        case.category = category
        await self._file.move(
            case, Action.RECLASSIFY, by=person_id, role=role, data={"from": before, "category": category}
        )
        await self._reroute(case, person_id, role)
        return await self._file.view(case)

    async def relocate(self, person_id: int, case_id: int, address: Address) -> CaseView:
        """The place is put right, and with it grid, people and property company.

        A case that the branch or the company of the wrong place has in hand goes to those of the right one.

        Raises:
            CaseNotFound, NotAllowed, NotPossible: not theirs to do, or closed.
        """
        case = await self._file.case(case_id)
        role = await self._file.authorise(person_id, case, Action.RELOCATE)
        before = await self._file.people.at_rung(case, Rung(case.rung))
        case.estate_id, case.building_id = address.estate_id, address.building_id
        case.grid_id = address.grid_id
        case.estate_text, case.building_text = address.estate[:80], address.building[:40]
        case.unit_text, case.room_text, case.place_text = address.unit[:40], address.room[:40], address.place[:200]
        note = address.sentence()
        secret = await self._file.in_confidence(case)
        if secret:
            secret[0].own_words = f"{secret[0].own_words}\n地点：{note}"[:4000]
            self._hide_place(case, address)
            note = ""
        data = told_of_place(case)
        await self._file.move(case, Action.RELOCATE, by=person_id, role=role, note=note, data=data)
        if self._file.held_elsewhere(case):
            await self._hand_over(case, person_id, role, before)
        else:
            await self._reroute(case, person_id, role)
        return await self._file.view(case)

    async def _hand_over(self, case: Case, person_id: int, role: Relation, before: Sequence[Colleague]) -> None:
        """To those of the right place, who see it for the first time; those of the wrong one are told, and are rid of it."""
        case.verified, case.paused_at = False, None
        await self._about(case)
        await self._file.start_again(case, by=person_id, role=role)
        await self._file.card(case, reason="corrected")
        now = {colleague.person_id for colleague in await self._file.people.at_rung(case, Rung(case.rung))}
        rid = [colleague for colleague in before if colleague.person_id not in now]
        self._file.tell_each(rid, case, NoticeKind.CLOSED, how="elsewhere")

    async def _about(self, case: Case) -> None:
        """Whom its words complain about, where it is now; also those that are kept in confidence."""
        secret = [reporter.own_words for reporter in await self._file.in_confidence(case)]
        about = conflict.about(case.category, "\n".join([case.text, *secret]))
        property_id = self._file.directory.property_of(case.estate_id) if case.estate_id is not None else None
        case.about_unit_id = property_id if about.property else None
        case.about_committee, case.about_grid = about.committee, about.grid

    async def _reroute(self, case: Case, person_id: int, role: Relation) -> None:
        """Only an unworked case changes its way; what a rung has in hand stays with it, and it is told."""
        if case.verified or Status(case.status) not in (Status.WITH_GRID, Status.WITH_COMMUNITY):
            self._file.tell_each(
                await self._file.people.at_rung(case, Rung(case.rung)),
                case,
                NoticeKind.ADDED,
                what="corrected",
                text="",
            )
            return
        await self._about(case)
        await self._file.start_again(case, by=person_id, role=role)
        await self._file.card(case, reason="corrected")

    # ---- the verdict

    async def judge(self, person_id: int, case_id: int, verdict: str, reason: str = "") -> CaseView:
        """解决 / 部分 / 没有. Half fixed goes back to the rung that has it, not fixed goes one rung higher.

        Raises:
            CaseNotFound, NotPossible: not theirs, or nothing to judge now.
            ValueError: an unknown verdict.
        """
        actions = {"solved": Action.JUDGE_SOLVED, "partly": Action.JUDGE_PARTLY, "not": Action.JUDGE_NOT}
        if verdict not in actions:
            raise ValueError(f"verdict {verdict!r}")
        case = await self._file.case(case_id)
        action = actions[verdict]
        if Status(case.status) in CLOSED:
            if verdict == "solved":
                raise NotPossible(Status(case.status), action)
            return await self.reopen(person_id, case_id, reason)
        role = await self._file.authorise(person_id, case, action)
        reason = await self._apart(case, person_id, reason)
        solver, solver_unit = Rung(case.rung), case.holder_unit_id
        objected = case.result_kind == "unfounded"
        await self._file.move(case, action, by=person_id, role=role, note=reason, data={"verdict": verdict})
        case.verdict = verdict
        for reporter in await self._file.reporters(case):
            if reporter.person_id == person_id:
                reporter.verdict = verdict
        if verdict == "solved":
            case.solved_at_rung = solver
            await self._others_told(case, person_id)
        else:
            await self._sent_back(case, solver, solver_unit, reason, "objected" if objected else verdict)
        await self._file.session.flush()
        return await self._file.view(case)

    async def _others_told(self, case: Case, person_id: int) -> None:
        for reporter in await self._file.reporters(case):
            if reporter.person_id != person_id:
                self._file.tell(
                    Notice(reporter.person_id, NoticeKind.CLOSED, case.id, Relation.REPORTER, {"how": "solved"})
                )
        rung = Rung(case.rung)
        self._file.tell_each(await self._file.people.at_rung(case, rung), case, NoticeKind.CLOSED, how="solved")

    async def _sent_back(self, case: Case, solver: Rung, solver_unit: int | None, reason: str, verdict: str) -> None:
        """Not fixed must reach the one who said that it was, and whoever has it now."""
        case.reopened += 1
        case.result, case.result_kind = "", ""
        if len(reason) > _BARE:
            case.text = f"{case.text}\n{reason}"[:4000]  # what is still wrong belongs on the next card
        case.verified = True
        await self._to_solver(case, solver, solver_unit, reason, verdict)
        await self._file.card(case, reason=f"not_fixed_{verdict}")
        await self._to_the_secretary(case, reason)

    async def _to_the_secretary(self, case: Case, reason: str) -> None:
        """From the second time on the secretary is told in person; the third is flagged."""
        limits = self._file.rules.ladder
        if case.reopened < limits.secretary_after:
            return
        office = await self._file.people.at_rung(case, Rung.COMMUNITY)
        secretaries = [colleague for colleague in office if colleague.role is Role.COMMUNITY_SECRETARY]
        flagged = case.reopened >= limits.flag_reopenings
        self._file.tell_each(secretaries, case, NoticeKind.FLAGGED, times=case.reopened, text=reason, flagged=flagged)

    async def recurs(self, person_id: int, case_id: int, text: str, photos: Sequence[str] = ()) -> CaseView:
        """又坏了: a solved case is back. A new case with a clock of its own, linked to the old one, at the same place.

        Raises:
            CaseNotFound: no such case of theirs.
            NotPossible: it was not solved, or so long ago that it is another matter.
        """
        before = await self._file.case(case_id)
        await self._file.authorise(person_id, before, Action.REOPEN)
        limit = timedelta(days=self._file.rules.ladder.reopen_days)
        late = before.closed_at is None or self._file.now - before.closed_at > limit
        if Status(before.status) is not Status.SOLVED or late:
            raise NotPossible(Status(before.status), Action.REOPEN)
        view = await self.open(
            NewReport(
                person_id,
                before.community_id,
                before.category,
                text,
                address_of(before),
                photos=tuple(photos),
                recurrence_of=before.id,
                confidential=any(one.person_id == person_id for one in await self._file.in_confidence(before)),
                extra={"recurrence_of": before.number},
            )
        )
        solver = Rung(before.solved_at_rung or before.rung)
        new = await self._file.case(view.id)
        await self._to_solver(new, solver, before.holder_unit_id, await self._apart(new, person_id, text), "again")
        return view

    async def _to_solver(self, case: Case, solver: Rung, solver_unit: int | None, text: str, verdict: str) -> None:
        """Whoever said that it was done hears it, where the case is no longer theirs; not those it is about."""
        if case.holder_unit_id == solver_unit:
            return
        roles = {
            Rung.PROPERTY: Role.PROPERTY_STAFF,
            Rung.DEPARTMENT: Role.DEPARTMENT_LIAISON,
            Rung.GRID_BRANCH: Role.GRID_WORKER,
            Rung.COMMUNITY: Role.COMMUNITY_STAFF,
        }
        told = (
            await self._file.people.holders(roles[solver], grid_id=case.grid_id)
            if solver is Rung.GRID_BRANCH
            else await self._file.people.holders(roles[solver], unit_id=solver_unit)
        )
        out = await self._file.people.excluded(case)
        self._file.tell_each(
            (c for c in told if c.person_id not in out), case, NoticeKind.RETURNED, text=text, verdict=verdict
        )

    async def explain(self, person_id: int, case_id: int, text: str, photos: Sequence[str] = ()) -> CaseView:
        """What is still wrong, after 没有 or 部分: for whoever has the case now and whoever said that it was done.

        Raises:
            CaseNotFound, NotPossible: as `add`.
        """
        view = await self.add(person_id, case_id, text, photos)
        case = await self._file.case(case_id)
        if person_id in {reporter.person_id for reporter in await self._file.in_confidence(case)}:
            text = confidence.public_note(text)
        said = await self._file.session.execute(
            select(CaseEvent.rung, CaseEvent.holder_unit_id)
            .where(
                CaseEvent.case_id == case.id,
                CaseEvent.action.in_([Action.REPORT_RESULT, Action.AGREE, Action.NOT_TRUE]),
            )
            .order_by(CaseEvent.id.desc())
            .limit(1)
        )
        last = said.first()
        if last is not None:
            await self._to_solver(case, Rung(last.rung), last.holder_unit_id, text, case.verdict or "not")
        return view

    async def reopen(self, person_id: int, case_id: int, reason: str) -> CaseView:
        """A closed case is not solved after all: open again, one rung higher, the resident's clock running on.

        Raises:
            CaseNotFound: not theirs.
            NotPossible: open, merged, or closed too long ago (then a new case is right).
        """
        case = await self._file.case(case_id)
        limit = timedelta(days=self._file.rules.ladder.reopen_days)
        late = case.closed_at is not None and self._file.now - case.closed_at > limit
        withdrawn = Status(case.status) is Status.WITHDRAWN
        if withdrawn:
            await self._come_back(case, person_id, late)
        role = await self._file.authorise(person_id, case, Action.REOPEN)
        if late:
            raise NotPossible(Status(case.status), Action.REOPEN)
        reason = await self._apart(case, person_id, reason)
        solver, solver_unit = Rung(case.rung), case.holder_unit_id
        await self._file.move(case, Action.REOPEN, by=person_id, role=role, note=reason)
        if withdrawn:
            await self._file.card(case, reason="restored")
        else:
            case.verdict = "not"
            await self._sent_back(case, solver, solver_unit, reason, "not")
        await self._file.session.flush()
        return await self._file.view(case)

    async def _come_back(self, case: Case, person_id: int, late: bool) -> None:
        """Whoever withdrew may take that back while there is time; nobody else gets in by this."""
        rows = await self._file.session.execute(
            select(Reporter).where(Reporter.case_id == case.id, Reporter.person_id == person_id)
        )
        for reporter in rows.scalars():
            if late:
                raise NotPossible(Status(case.status), Action.REOPEN)
            reporter.left_at = None
        await self._file.session.flush()

    # ---- looking

    async def look(self, person_id: int, case_id: int) -> CaseView:
        """One case, if this person may see it.

        Raises:
            CaseNotFound: there is none that they may see.
        """
        return await self._file.view(await self._file.seen_by(person_id, case_id))

    async def address(self, person_id: int, case_id: int) -> Address:
        """Where one's case is, as the policies take it.

        Raises:
            CaseNotFound: there is none that they may see.
        """
        return address_of(await self._file.seen_by(person_id, case_id))

    async def by_number(self, person_id: int, number: str) -> CaseView:
        """A case by the number that people say.

        Raises:
            CaseNotFound: there is none that they may see.
        """
        row = (await self._file.session.execute(select(Case.id).where(Case.number == number.upper()))).scalars().first()
        if row is None:
            raise CaseNotFound(number)
        return await self.look(person_id, row)

    def _correction(
        self, case: Case, text: str, understood: str, corrected: str, person_id: int, role: Relation
    ) -> None:
        self._file.session.add(
            Correction(
                community_id=case.community_id,
                case_id=case.id,
                text=text,
                understood=understood,
                corrected=corrected,
                by_person_id=person_id,
                capacity=role,
                at=self._file.now,
            )
        )


def address_of(case: Any) -> Address:
    """Where a case, or a row of its columns, is, as the policies take it."""
    return Address(
        estate_id=case.estate_id,
        estate=case.estate_text,
        building_id=case.building_id,
        building=case.building_text,
        unit=case.unit_text,
        room=case.room_text,
        place=case.place_text,
        grid_id=case.grid_id,
        community_id=case.community_id,
    )


def _own_words(text: str, address: Address) -> str:
    """What somebody said and where, for those who must know."""
    where = address.sentence()
    return f"{text}\n地点：{where}"[:4000] if where else text[:4000]
