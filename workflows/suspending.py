"""挂账: a matter that cannot be done before some day is laid aside to it, with a reason and the secretary's approval."""

from datetime import datetime

from workflows.acting import Acting, Missing
from workflows.case_file import CaseView
from workflows.models import Case
from workflows.notices import NoticeKind
from workflows.people import Colleague
from workflows.policy.lifecycle import Action, Rung
from workflows.policy.permissions import Relation, Role


class Suspending(Acting):
    """One instance per transaction."""

    async def ask(self, person_id: int, case_id: int, reason: str, until: datetime | None) -> CaseView:
        """Whoever has the case asks for it; the secretary's own wish is granted with it.

        Raises:
            Missing: no reason, or no day to come.
        """
        if not reason.strip():
            raise Missing("need.reason")
        if until is None or until <= self._file.now:
            raise Missing("need.wake_day")
        case, role = await self._start(person_id, case_id, Action.ASK_SUSPENSION)
        if Relation.SECRETARY in await self._file.people.relations(person_id, case):
            return await self._aside(case, person_id, reason, until)
        secretaries = await self._secretaries(case)
        if not secretaries:
            raise Missing("need.secretary")
        data = {"until": until.isoformat()}
        await self._file.move(case, Action.ASK_SUSPENSION, by=person_id, role=role, note=reason, data=data)
        case.suspended_until = until
        self._file.tell_each(
            secretaries, case, NoticeKind.SUSPENSION, by=person_id, text=reason, until=until.isoformat()
        )
        await self._file.session.flush()
        return await self._file.view(case)

    async def approve(self, person_id: int, case_id: int) -> CaseView:
        """同意挂账.

        Raises:
            Missing: nobody has asked, or it has been decided.
            NotAllowed: only the secretary decides.
        """
        case, _ = await self._start(person_id, case_id, Action.SUSPEND)
        wish = (await self._file.view(case)).facts.suspension
        if wish is None:
            raise Missing("need.suspension")
        if wish.until <= self._file.now:
            raise Missing("need.wake_day")
        return await self._aside(case, person_id, wish.reason, wish.until)

    async def _aside(self, case: Case, person_id: int, reason: str, until: datetime) -> CaseView:
        rung, data = Rung(case.rung), {"until": until.isoformat()}
        await self._file.move(
            case, Action.SUSPEND, by=person_id, role=Relation.SECRETARY, note=reason, data=data, due=until
        )
        there = [c for c in await self._file.people.at_rung(case, rung) if c.person_id != person_id]
        self._file.tell_each(there, case, NoticeKind.ADDED, what="suspended", text=reason, until=until.isoformat())
        await self._file.tell_reporters(
            case, NoticeKind.PROGRESS, news="suspended", text=reason, until=until.isoformat()
        )
        return await self._file.view(case)

    async def refuse(self, person_id: int, case_id: int, reason: str) -> CaseView:
        """不同意: whoever asked hears why; the clock has run on.

        Raises:
            Missing: no reason, or nothing to decide.
        """
        if not reason.strip():
            raise Missing("need.reason")
        case, role = await self._start(person_id, case_id, Action.REFUSE_SUSPENSION)
        if case.suspended_until is None:
            raise Missing("need.suspension")
        await self._file.move(case, Action.REFUSE_SUSPENSION, by=person_id, role=role, note=reason)
        case.suspended_until = None
        there = await self._file.people.at_rung(case, Rung(case.rung))
        self._file.tell_each(there, case, NoticeKind.ADDED, what="not_suspended", text=reason)
        await self._file.session.flush()
        return await self._file.view(case)

    async def wake(self, person_id: int, case_id: int) -> CaseView:
        """恢复办理, before its day."""
        case, role = await self._start(person_id, case_id, Action.WAKE)
        await self._file.move(case, Action.WAKE, by=person_id, role=role)
        await self._file.card(case, reason="woken")
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="woken")
        return await self._file.view(case)

    async def _secretaries(self, case: Case) -> list[Colleague]:
        office = await self._file.people.at_rung(case, Rung.COMMUNITY)
        return [colleague for colleague in office if colleague.role is Role.COMMUNITY_SECRETARY]
