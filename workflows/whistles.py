"""吹哨: asked for by the grid, reviewed and blown by the community, answered by the department that leads and by others."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select, update

from workflows.acting import Acting, Actor, Guest, Missing, person_of, signature
from workflows.case_file import CaseView
from workflows.directory import UnitCard
from workflows.models import Case, Whistle
from workflows.notices import Notice, NoticeKind
from workflows.policy import whistle as whistle_policy
from workflows.policy.lifecycle import Action, Rung
from workflows.policy.permissions import NotAllowed, Role
from workflows.rulings import Rulings

ASSISTING = "assisting_department"
_ANSWER_OF = {"done": "solved", "plan": "planned", "refuse": "refused"}


class Whistles(Acting):
    """The whistle's part of what staff do. One instance per transaction."""

    # ---- asked for and reviewed

    async def propose_whistle(
        self, person_id: int, case_id: int, department_unit_id: int, reason: str, no_photo: str = ""
    ) -> CaseView:
        """申请吹哨: the grid says why, and to whom; the community reviews it.

        Raises:
            Missing: no reason, no photo and no word why, or a whistle that is not earned.
        """
        case, role = await self._start(person_id, case_id, Action.PROPOSE_WHISTLE)
        self.may_call(Action.PROPOSE_WHISTLE, case, department_unit_id)
        await self._check(case, reason, no_photo)
        case.verified = True
        data = {"department": department_unit_id, "no_photo": no_photo}
        await self._file.move(case, Action.PROPOSE_WHISTLE, by=person_id, role=role, note=reason, data=data)
        await self._file.card(case, reason="whistle_wanted")
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="arrived")
        return await self._file.view(case)

    async def send_whistle(self, person_id: int, case_id: int) -> CaseView:
        """审核通过: the whistle goes out as the grid has asked for it.

        Raises:
            Missing: nobody has asked, or it has been decided already.
        """
        case, _ = await self._start(person_id, case_id, Action.BLOW_WHISTLE)
        wanted = (await self._file.view(case)).facts.wanted
        if wanted is None:
            raise Missing("need.wanted")
        return await self.blow_whistle(person_id, case_id, wanted.unit_id, wanted.reason, wanted.no_photo)

    async def send_back(self, person_id: int, case_id: int, question: str) -> CaseView:
        """退回问一句: the grid answers first.

        Raises:
            Missing: no question, or no grid that could answer it.
        """
        if not question.strip():
            raise Missing("need.back_question")
        case, role = await self._start(person_id, case_id, Action.SEND_BACK)
        if Rung.GRID_BRANCH in self._file.around(case):
            raise Missing("need.grid")
        await self._file.move(case, Action.SEND_BACK, by=person_id, role=role, note=question)
        await self._file.card(case, reason="sent_back", text=question)
        return await self._file.view(case)

    async def keep(self, person_id: int, case_id: int, note: str) -> CaseView:
        """社区自己办: no whistle is needed; who asked for it and who waits hear so."""
        if not note.strip():
            raise Missing("need.keep")
        case, role = await self._start(person_id, case_id, Action.KEEP)
        case.verified = True
        await self._file.move(case, Action.KEEP, by=person_id, role=role, note=note)
        grid = await self._file.people.at_rung(case, Rung.GRID_BRANCH)
        self._file.tell_each(grid, case, NoticeKind.ADDED, what="keep", text=note)
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="accepted", text=note)
        return await self._file.view(case)

    # ---- blown

    async def blow_whistle(
        self,
        person_id: int,
        case_id: int,
        department_unit_id: int,
        reason: str,
        photo_note: str = "",
        assistants: Sequence[int] = (),
    ) -> CaseView:
        """The community's reviewed call to a department, with the grid worker's contact and 5 days.

        After a refusal this is the ruling (归属): the case goes to another department without starting again.
        `photo_note` says why there is no photo; `assistants` are departments that help the one that leads.

        Raises:
            Missing: no reason, no photo and no word why, or a whistle that is not earned.
        """
        if not reason.strip():
            raise Missing("need.reason")
        case, role = await self._start(person_id, case_id, Action.BLOW_WHISTLE)
        self.may_call(Action.BLOW_WHISTLE, case, department_unit_id)
        await self._check(case, reason, photo_note)
        contact = await self._contact(case, person_id)
        ruling = case.refusals > 0
        data = {"department": department_unit_id, "contact": contact, "ruling": ruling, "photo": photo_note or "photo"}
        await self._file.move(
            case,
            Action.BLOW_WHISTLE,
            by=person_id,
            role=role,
            note=reason,
            data=data,
            holder_unit_id=department_unit_id,
        )
        case.department_unit_id = department_unit_id
        self._sent(case, department_unit_id, contact, reason, person_id)
        if ruling:
            await Rulings(self._file).record(case, department_unit_id, reason, person_id)
        await self._file.session.flush()
        await self._arrived(case)
        for unit_id in dict.fromkeys(assistants):
            if unit_id != department_unit_id:
                await self.call_assistant(person_id, case_id, unit_id, reason)
        return await self._file.view(case)

    async def call_assistant(self, person_id: int, case_id: int, unit_id: int, note: str = "") -> CaseView:
        """请部门协助: another department beside the one that leads; it answers too, only the lead closes.

        Raises:
            Missing: it leads already, or has been called.
        """
        case, role = await self._start(person_id, case_id, Action.CALL_ASSISTANT)
        self.may_call(Action.CALL_ASSISTANT, case, unit_id)
        called = {one.unit_id for one in (await self._file.view(case)).facts.assistants}
        if unit_id == case.holder_unit_id or unit_id in called:
            raise Missing("need.other_department")
        contact = await self._contact(case, person_id)
        leading = await self._leading(case)
        reason = note or (leading.reason if leading is not None else case.text)
        name = self._file.directory.unit(unit_id).name
        await self._file.move(
            case, Action.CALL_ASSISTANT, by=person_id, role=role, note=name, data={"department": unit_id}
        )
        self._sent(case, unit_id, contact, reason, person_id, lead=False)
        await self._file.session.flush()
        for liaison in await self._file.people.holders(Role.DEPARTMENT_LIAISON, unit_id=unit_id):
            self._file.tell(Notice(liaison.person_id, NoticeKind.CARD, case.id, ASSISTING, {"reason": "assist"}))
        return await self._file.view(case)

    def _sent(self, case: Case, unit_id: int, contact: int, reason: str, by: int, *, lead: bool = True) -> None:
        self._file.session.add(
            Whistle(
                community_id=case.community_id,
                case_id=case.id,
                department_unit_id=unit_id,
                contact_person_id=contact,
                reason=reason,
                sent_by=by,
                sent_at=self._file.now,
                due_at=case.rung_due_at,
                state="sent",
                lead=lead,
            )
        )

    def may_call(self, action: Action, case: Case | CaseView, unit_id: int) -> UnitCard:
        """A department that this community may call.

        Raises:
            NotAllowed: the unit is none, or another community's.
        """
        for unit in self._file.directory.units_of(case.community_id, "department"):
            if unit.id == unit_id:
                return unit
        raise NotAllowed(action, case.id)

    async def _contact(self, case: Case, otherwise: int) -> int:
        """Whom the department rings: the grid worker, never the resident."""
        grid_workers = await self._file.people.at_rung(case, Rung.GRID_BRANCH)
        return grid_workers[0].person_id if grid_workers else otherwise

    async def may_be_blown(self, case_id: int) -> bool:
        """Whether it is earned: a rung below has tried, or it is none of theirs. Asked before anybody types a reason."""
        case = await self._file.case(case_id, lock=False)
        return await self._tried(case) or self._outside(case)

    async def reachable(self, case_id: int) -> bool:
        """Whether every department that has still to answer has somebody with an account here."""
        rows = await self._file.session.execute(
            select(Whistle.department_unit_id).where(Whistle.case_id == case_id, Whistle.state == "sent")
        )
        for unit_id in rows.scalars():
            liaisons = await self._file.people.holders(Role.DEPARTMENT_LIAISON, unit_id=unit_id)
            if not any([await self._file.people.accounts_of(one.person_id) for one in liaisons]):
                return False
        return True

    async def _tried(self, case: Case) -> bool:
        return case.refusals > 0 or case.reopened > 0 or await self._file.attempted(case)

    def _outside(self, case: Case) -> bool:
        return self._file.route(case).works_at is Rung.DEPARTMENT or not self._file.has_property(case)

    async def _check(self, case: Case, reason: str, no_photo: str) -> None:
        view = await self._file.view(case)
        missing = whistle_policy.missing(
            whistle_policy.Grounds(
                reason=reason,
                photos=len(view.photos),
                no_photo=no_photo,
                attempted=await self._tried(case),
                outside=self._outside(case),
            )
        )
        if missing:
            raise Missing(missing)

    # ---- answered

    async def plan(self, actor: Actor, case_id: int, text: str, on: datetime) -> CaseView:
        """有计划: the department names the day; the clock runs to that day, the resident hears it.

        Raises:
            Missing: a day in the past.
        """
        if on <= self._file.now:
            raise Missing("need.future_day")
        case, role = await self._start(actor, case_id, Action.PLAN)
        data = {"on": on.isoformat(), **await self._lateness(case), **signature(actor)}
        await self._file.move(case, Action.PLAN, by=person_of(actor), role=role, note=text, data=data, due=on)
        case.result_kind = "planned"
        await self._whistle_answered(case, "planned", text, actor, planned_for=on)
        await self._office_told(case, "plan", text)
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="planned", text=text, on=on.isoformat())
        return await self._file.view(case)

    async def refuse(self, actor: Actor, case_id: int, reason: str, proposed: str = "") -> CaseView:
        """不属于我, with a reason and the owner it proposes: back to the community for a ruling."""
        if not reason.strip():
            raise Missing("need.reason")
        case, role = await self._start(actor, case_id, Action.REFUSE)
        who = self._file.directory.unit(case.holder_unit_id).name if case.holder_unit_id is not None else ""
        data = {"refused_by": who, "proposed": proposed, **await self._lateness(case), **signature(actor)}
        case.refusals += 1
        await self._file.move(case, Action.REFUSE, by=person_of(actor), role=role, note=reason, data=data)
        await self._whistle_answered(case, "refused", reason, actor, proposed=proposed)
        flagged = case.refusals >= self._file.rules.ladder.flag_refusals
        self._file.tell_each(
            await self._file.people.at_rung(case, Rung.COMMUNITY),
            case,
            NoticeKind.RULING,
            who=who,
            text=reason,
            proposed=proposed,
            flagged=flagged,
        )
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="refused", who=who, text=reason)
        return await self._file.view(case)

    async def assist(
        self,
        actor: Actor,
        case_id: int,
        how: str,
        text: str,
        *,
        on: datetime | None = None,
        photos: Sequence[str] = (),
    ) -> CaseView:
        """What an assisting department answers (done, plan, refuse): for the community and the one that leads.

        Raises:
            Missing: no words and no photo.
            NotAllowed: they were not called, or have answered finally.
        """
        if not text.strip() and not photos:
            raise Missing("need.result")
        case, role = await self._start(actor, case_id, Action.ASSIST)
        mine = await self._assisting(actor, case)
        unit = self._file.directory.unit(mine.department_unit_id).name
        data: dict[str, Any] = {"department": mine.department_unit_id, "how": how, **signature(actor)}
        if photos:
            data["photos"] = list(photos)
        await self._file.move(case, Action.ASSIST, by=person_of(actor), role=role, note=text, data=data)
        await self._attach(case, photos)
        mine.state, mine.answer, mine.answered_at, mine.planned_for = _ANSWER_OF[how], text, self._file.now, on
        mine.answered_by = actor.signed if isinstance(actor, Guest) else ""
        told = await self._file.people.at_rung(case, Rung.COMMUNITY)
        if case.rung == Rung.DEPARTMENT:
            told += await self._file.people.at_rung(case, Rung.DEPARTMENT)
        self._file.tell_each(
            told, case, NoticeKind.ADDED, what=f"assist_{how}", who=unit, text=text, photos=list(photos)
        )
        await self._file.session.flush()
        return await self._file.view(case)

    async def _assisting(self, actor: Actor, case: Case) -> Whistle:
        """The whistle on which this actor assists; one that is refused or solved is answered."""
        query = select(Whistle).where(
            Whistle.case_id == case.id, Whistle.lead.is_(False), Whistle.state.in_(["sent", "planned"])
        )
        if isinstance(actor, Guest):
            query = query.where(Whistle.id == actor.whistle_id)
        else:
            units = [post.unit_id for post in await self._file.people.posts(actor)]
            query = query.where(Whistle.department_unit_id.in_(units))
        found = (await self._file.session.execute(query.order_by(Whistle.id).limit(1))).scalar_one_or_none()
        if found is None:
            raise NotAllowed(Action.ASSIST)
        return found

    async def _leading(self, case: Case) -> Whistle | None:
        row = await self._file.session.execute(
            select(Whistle)
            .where(Whistle.case_id == case.id, Whistle.lead.is_(True), Whistle.state.in_(["sent", "planned"]))
            .order_by(Whistle.id.desc())
            .limit(1)
        )
        return row.scalar_one_or_none()

    async def _lateness(self, case: Case) -> dict[str, int]:
        """An answer after the deadline is taken all the same; the history says how late it was."""
        whistle = await self._leading(case)
        if whistle is None or whistle.state != "sent" or self._file.now <= whistle.due_at:
            return {}
        return {"late_days": max(1, (self._file.now - whistle.due_at).days)}

    async def _office_told(self, case: Case, how: str, text: str) -> None:
        """The community blew the whistle: it hears what came of it."""
        told = await self._file.people.at_rung(case, Rung.COMMUNITY)
        self._file.tell_each(told, case, NoticeKind.ADDED, what=f"whistle_{how}", text=text)

    async def _whistle_answered(
        self,
        case: Case,
        state: str,
        answer: str,
        actor: Actor,
        *,
        proposed: str = "",
        planned_for: datetime | None = None,
    ) -> None:
        await self._file.session.execute(
            update(Whistle)
            .where(Whistle.case_id == case.id, Whistle.lead.is_(True), Whistle.state.in_(["sent", "planned"]))
            .values(
                state=state,
                answered_at=self._file.now,
                answer=answer,
                answered_by=actor.signed if isinstance(actor, Guest) else "",
                proposed_owner=proposed[:120],
                planned_for=planned_for,
            )
        )
