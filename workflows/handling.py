"""What staff do with a case at their rung: verify, hand on, solve, negotiate, whistle, confirm."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select, update

from workflows.acting import Actor, Missing, person_of, signature
from workflows.case_file import CaseView
from workflows.models import Case, Media, Whistle
from workflows.notices import NoticeKind
from workflows.people import Colleague
from workflows.policy import ladder as ladder_policy
from workflows.policy.clocks import Clock
from workflows.policy.lifecycle import Action, Rung, Status
from workflows.policy.permissions import NotAllowed, Relation, Role
from workflows.voices import PREFIX
from workflows.whistles import Whistles

__all__ = ["Handling", "Missing"]

_LISTENERS = frozenset({Relation.GRID_WORKER, Relation.BRANCH, Relation.COMMUNITY})  # of residents' voices


class Handling(Whistles):
    """The staff's side. One instance per transaction; every call checks that the person's post covers it."""

    # ---- 网格党支部

    async def verify(self, person_id: int, case_id: int, note: str = "") -> CaseView:
        """属实: found true on the spot. The case then goes by itself to the rung that should work on it."""
        case, role = await self._start(person_id, case_id, Action.VERIFY)
        await self._file.move(case, Action.VERIFY, by=person_id, role=role, note=note)
        case.verified = True
        target = ladder_policy.after_verification(
            self._file.route(case), self._file.has_property(case), self._file.around(case)
        )
        match target:
            case Rung.PROPERTY:
                await self._file.move(case, Action.HAND_TO_PROPERTY, by=person_id, role=role)
                await self._arrived(case, found_true=True)
            case Rung.COMMUNITY | Rung.DEPARTMENT:
                await self._file.move(case, Action.HAND_TO_COMMUNITY, by=person_id, role=role)
                await self._arrived(case, found_true=True)
            case Rung.GRID_BRANCH:
                await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="verified")
        return await self._file.view(case)

    async def not_true(self, person_id: int, case_id: int, reason: str) -> CaseView:
        """不属实: the resident is told why and may object; it is not simply closed.

        Raises:
            Missing: without a reason nobody is refused.
        """
        if not reason.strip():
            raise Missing("need.reason")
        case, role = await self._start(person_id, case_id, Action.NOT_TRUE)
        case.result, case.result_kind = reason, "unfounded"
        await self._file.move(case, Action.NOT_TRUE, by=person_id, role=role, note=reason)
        await self._file.tell_reporters(case, NoticeKind.VERDICT)
        return await self._file.view(case)

    async def ask_resident(self, person_id: int, case_id: int, question: str) -> CaseView:
        """需补充: a question to the resident; the rung's clock waits, theirs does not."""
        if not question.strip():
            raise Missing("need.question")
        case, role = await self._start(person_id, case_id, Action.ASK_RESIDENT)
        await self._file.move(case, Action.ASK_RESIDENT, by=person_id, role=role, note=question)
        await self._file.tell_reporters(case, NoticeKind.SUPPLY, text=question)
        return await self._file.view(case)

    async def take_on(self, person_id: int, case_id: int) -> CaseView:
        """我来解决: the grid worker solves it on the spot."""
        case, role = await self._start(person_id, case_id, Action.TAKE_ON)
        case.verified = True
        await self._file.move(case, Action.TAKE_ON, by=person_id, role=role, clock=self._work_clock(case))
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="taken_on")
        return await self._file.view(case)

    async def ask_building_head(self, person_id: int, case_id: int) -> CaseView:
        """请楼栋长: the third of the 铁三角 is asked to look.

        Raises:
            Missing: the case has no building, or the building has no head.
        """
        case, role = await self._start(person_id, case_id, Action.ASK_BUILDING_HEAD)
        heads = await self.building_heads(case)
        if not heads:
            raise Missing("need.building_head")
        await self._file.move(case, Action.ASK_BUILDING_HEAD, by=person_id, role=role)
        self._file.tell_each(heads, case, NoticeKind.HELP)
        return await self._file.view(case)

    async def building_heads(self, case: Case) -> list[Colleague]:
        """楼栋长、单元长 or 联户长 of the case's building, without those it is about."""
        if case.building_id is None:
            return []
        found = await self._file.people.holders(
            Role.BUILDING_HEAD, Role.LIAISON, building_id=case.building_id, entrance=case.unit_text or None
        )
        out = await self._file.people.excluded(case)
        return [colleague for colleague in found if colleague.person_id not in out]

    async def hand_to_property(self, person_id: int, case_id: int, note: str = "") -> CaseView:
        """联系物业: "由党支部书记联系物业进行查看".

        Raises:
            Missing: no property company there, or the complaint is about it.
        """
        case, role = await self._start(person_id, case_id, Action.HAND_TO_PROPERTY)
        if not self._file.has_property(case):
            raise Missing("need.property")
        case.verified = True
        await self._file.move(case, Action.HAND_TO_PROPERTY, by=person_id, role=role, note=note)
        await self._arrived(case)
        return await self._file.view(case)

    async def hand_to_community(self, person_id: int, case_id: int, note: str = "") -> CaseView:
        """上报社区党委."""
        case, role = await self._start(person_id, case_id, Action.HAND_TO_COMMUNITY)
        case.verified = True
        await self._file.move(case, Action.HAND_TO_COMMUNITY, by=person_id, role=role, note=note)
        await self._arrived(case)
        return await self._file.view(case)

    # ---- any rung that works on it

    async def accept(self, person_id: int, case_id: int, note: str) -> CaseView:
        """行，下午派人去看: taken in hand; the resident hears it."""
        case, role = await self._start(person_id, case_id, Action.ACCEPT)
        await self._file.move(case, Action.ACCEPT, by=person_id, role=role, note=note)
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="accepted", text=note)
        return await self._file.view(case)

    async def comment(self, person_id: int, case_id: int, note: str, photos: Sequence[str] = ()) -> CaseView:
        """A line into the history, for colleagues."""
        case, role = await self._start(person_id, case_id, Action.COMMENT)
        data = {"photos": list(photos)} if photos else {}
        await self._file.move(case, Action.COMMENT, by=person_id, role=role, note=note, data=data)
        await self._attach(case, photos)
        if role is Relation.BUILDING_HEAD:
            self._file.tell_each(
                await self._file.people.at_rung(case, Rung(case.rung)), case, NoticeKind.ADDED, what="head", text=note
            )
        return await self._file.view(case)

    async def heard(self, person_id: int, case_id: int) -> CaseView:
        """听过了: somebody on duty has listened to the recordings of a case.

        Raises:
            CaseNotFound, NotAllowed: the grid's or the community's to do, for a case that they may see.
        """
        case, role = await self._start(person_id, case_id, Action.COMMENT)
        if role not in _LISTENERS:
            raise NotAllowed(Action.COMMENT, case_id)
        unheard = (Media.case_id == case.id, Media.id.like(f"{PREFIX}%"), Media.heard_at.is_(None))
        done = await self._file.session.execute(
            update(Media).where(*unheard).values(heard_at=self._file.now, heard_by=person_id).returning(Media.id)
        )
        if done.scalars().all():  # a second tap changes nothing
            await self._file.move(case, Action.COMMENT, by=person_id, role=role, note="听过语音了")
        return await self._file.view(case)

    async def report_result(self, actor: Actor, case_id: int, text: str, photos: Sequence[str] = ()) -> CaseView:
        """已解决, with a photo or a line of text. The grid worker looks, the resident judges.

        Raises:
            Missing: neither photo nor text.
        """
        if not text.strip() and not photos:
            raise Missing("need.result")
        case, role = await self._start(actor, case_id, Action.REPORT_RESULT)
        case.result, case.result_kind, case.verified = text, "done", True
        data: dict[str, Any] = {"photos": list(photos)} if photos else {}
        data |= {**await self._lateness(case), **signature(actor)} if role is Relation.DEPARTMENT else {}
        await self._file.move(case, Action.REPORT_RESULT, by=person_of(actor), role=role, note=text, data=data)
        await self._attach(case, photos)
        await self._whistle_answered(case, "solved", text, actor)
        await self._to_witnesses(case)
        if role is Relation.DEPARTMENT:
            await self._office_told(case, "done", text)
        return await self._file.view(case)

    async def _to_witnesses(self, case: Case) -> None:
        if Status(case.status) is Status.TO_JUDGE:
            await self._file.tell_reporters(case, NoticeKind.VERDICT)
            return
        self._file.tell_each(await self._file.people.witnesses(case), case, NoticeKind.CONFIRM)
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="reported", text=case.result)

    async def confirm(self, person_id: int, case_id: int, note: str = "", photos: Sequence[str] = ()) -> CaseView:
        """The grid worker has looked: it is done. Now the resident judges."""
        case, role = await self._start(person_id, case_id, Action.CONFIRM)
        data = {"photos": list(photos)} if photos else {}
        await self._file.move(case, Action.CONFIRM, by=person_id, role=role, note=note, data=data)
        await self._attach(case, photos)
        await self._file.tell_reporters(case, NoticeKind.VERDICT)
        return await self._file.view(case)

    async def not_fixed(self, person_id: int, case_id: int, reason: str, photos: Sequence[str] = ()) -> CaseView:
        """The grid worker has looked: it is not done. Whoever said so hears it."""
        case, role = await self._start(person_id, case_id, Action.NOT_FIXED)
        data = {"photos": list(photos)} if photos else {}
        await self._file.move(case, Action.NOT_FIXED, by=person_id, role=role, note=reason, data=data)
        await self._attach(case, photos)
        case.result, case.result_kind = "", ""
        await self._file.session.flush()
        await self._file.card(case, reason="not_confirmed")
        return await self._file.view(case)

    # ---- 物业

    async def cannot_solve(self, person_id: int, case_id: int, reason: str) -> CaseView:
        """解决不了, with a reason: "如果物业无法解决" it climbs to the community."""
        if not reason.strip():
            raise Missing("need.reason")
        case, role = await self._start(person_id, case_id, Action.CANNOT_SOLVE)
        who = self._file.directory.unit(case.holder_unit_id).name if case.holder_unit_id is not None else "物业"
        await self._file.move(case, Action.CANNOT_SOLVE, by=person_id, role=role, note=reason)
        await self._file.card(case, reason="cannot_solve")
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="climbed", who=who, text=reason)
        return await self._file.view(case)

    # ---- 协调会 (the paver negotiation)

    async def convene(self, person_id: int, case_id: int, parties: str) -> CaseView:
        """Call the parties together (施工方, 物业, 居民)."""
        if not parties.strip():
            raise Missing("need.parties")
        case, role = await self._start(person_id, case_id, Action.CONVENE)
        case.verified = True
        await self._file.move(
            case,
            Action.CONVENE,
            by=person_id,
            role=role,
            note=parties,
            data={"parties": parties},
            clock=self._work_clock(case),
        )
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="convened", text=parties)
        await self._parties_told(case, person_id, "convene", parties)
        return await self._file.view(case)

    async def _parties_told(self, case: Case, person_id: int, what: str, text: str) -> None:
        """A negotiation is news for the others whom it binds: the property company and the grid."""
        told = await self._file.people.at_rung(case, Rung.GRID_BRANCH)
        company = self._file.directory.property_of(case.estate_id) if case.estate_id is not None else None
        if company is not None and self._file.has_property(case):
            told += await self._file.people.holders(Role.PROPERTY_STAFF, unit_id=company)
        others = [c for c in told if c.person_id != person_id]
        self._file.tell_each(others, case, NoticeKind.ADDED, what=what, text=text)

    async def agree(self, person_id: int, case_id: int, agreement: str, on: datetime | None = None) -> CaseView:
        """What the parties have agreed: solved by negotiation, without a whistle.

        `on` is the day by which it is to be done, where that is still to come: then the case stays where it is, its
        clock runs to that day, and nobody is asked before whether it is solved.
        """
        if not agreement.strip():
            raise Missing("need.agreement")
        if on is not None:
            case, role = await self._start(person_id, case_id, Action.AGREE_PLAN)
            case.result_kind, case.verified = "planned", True
            data = {"on": on.isoformat()}
            await self._file.move(case, Action.AGREE_PLAN, by=person_id, role=role, note=agreement, data=data, due=on)
            await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="agreed", text=agreement, on=on.isoformat())
            await self._parties_told(case, person_id, "agree", agreement)
            return await self._file.view(case)
        case, role = await self._start(person_id, case_id, Action.AGREE)
        case.result, case.result_kind = agreement, "negotiated"
        await self._file.move(case, Action.AGREE, by=person_id, role=role, note=agreement)
        await self._to_witnesses(case)
        await self._parties_told(case, person_id, "agree", agreement)
        return await self._file.view(case)

    # ---- shared

    def _work_clock(self, case: Case) -> Clock:
        """Who takes it on gets as long as the property would have."""
        return self._file.rules.ladder.clock_of(Rung.PROPERTY, self._file.route(case))

    async def on_my_desk(self, person_id: int, limit: int = 20) -> list[CaseView]:
        """What waits for this person in any of their posts, most pressing first."""
        posts = await self._file.people.posts(person_id)
        wanted: dict[int, Case] = {}
        for post in posts:
            query = select(Case).where(Case.closed_at.is_(None))
            match Role(post.role):
                case Role.GRID_WORKER | Role.BRANCH_SECRETARY:
                    query = query.where(
                        Case.grid_id == post.grid_id,
                        Case.status.in_([Status.WITH_GRID, Status.TO_CONFIRM]),
                    )
                case Role.PROPERTY_STAFF | Role.DEPARTMENT_LIAISON:
                    assisting = select(Whistle.case_id).where(
                        Whistle.department_unit_id == post.unit_id, Whistle.lead.is_(False), Whistle.state == "sent"
                    )
                    query = query.where(
                        or_(
                            and_(
                                Case.holder_unit_id == post.unit_id,
                                Case.status.in_([Status.WITH_PROPERTY, Status.WITH_DEPARTMENT]),
                            ),
                            Case.id.in_(assisting),
                        )
                    )
                case Role.COMMUNITY_SECRETARY | Role.COMMUNITY_STAFF:
                    query = query.where(Case.community_id == post.community_id, Case.status == Status.WITH_COMMUNITY)
                case _:
                    continue
            rows = await self._file.session.execute(query.order_by(Case.rung_due_at).limit(limit))
            for case in rows.scalars():
                if person_id not in await self._file.people.excluded(case):
                    wanted[case.id] = case
        ordered = sorted(wanted.values(), key=lambda case: case.rung_due_at)[:limit]
        return [await self._file.view(case) for case in ordered]
