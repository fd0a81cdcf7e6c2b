"""定期维护: a solution that carries a plan. Each round is asked for, confirmed with a photo, told, or raises itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from sqlalchemy import select

from workflows.acting import Missing
from workflows.case_file import SYSTEM, CaseFile, CaseNotFound
from workflows.models import Case, FollowUp, Person, UpkeepPlan, UpkeepTask
from workflows.notices import Notice, NoticeKind
from workflows.people import OFFICE_ROLES, Colleague
from workflows.policy import upkeep
from workflows.policy.lifecycle import Action, Rung
from workflows.policy.permissions import NotAllowed, Role
from workflows.policy.upkeep import Rhythm, Season, SeasonRefused

UPKEEP, SEASON = "upkeep", "season"  # kinds of follow-ups; not of a case: they outlive it
_ASK_AT, _MISSED_AT = time(8), time(9)  # local: on the day itself, and on the day after
_WORKERS = {
    "department": (Role.DEPARTMENT_LIAISON,),
    "property": (Role.PROPERTY_STAFF,),
    "grid_branch": (Role.GRID_WORKER, Role.BRANCH_SECRETARY),
    "community": OFFICE_ROLES,
}


@dataclass(frozen=True)
class PlanView:
    """A plan as people read it."""

    id: int
    case_id: int
    number: str
    place: str
    unit: str
    work: str
    rhythm: Rhythm
    every: int
    trigger: str
    first_on: date
    last_on: date
    next_on: date | None
    done: int
    missed: int
    left: int
    state: str


@dataclass(frozen=True)
class Round:
    """One round of a plan as people read it."""

    id: int
    due_on: date
    asked_at: datetime | None
    done_at: datetime | None
    skipped_at: datetime | None
    missed_at: datetime | None
    by: str
    note: str
    photos: tuple[str, ...]

    @property
    def open(self) -> bool:
        """Whether somebody may still confirm it, or leave it out."""
        return self.done_at is None and self.skipped_at is None


class Upkeep:
    """One instance per transaction."""

    def __init__(self, file: CaseFile) -> None:
        self._file = file

    @property
    def _today(self) -> date:
        return self._file.now.astimezone(self._file.rules.zone).date()

    def _at(self, day: date, hour: time) -> datetime:
        return datetime.combine(day, hour, self._file.rules.zone)

    # ---- making

    async def plan(self, person_id: int, case_id: int, season: Season) -> PlanView:
        """Whoever has the case (or reported it done) promises to come back.

        Raises:
            Missing: it ends before it begins, is over, or says no rhythm.
            NotAllowed, NotPossible, CaseNotFound: not theirs, or the case is closed.
        """
        days = self._days(season)
        case = await self._file.case(case_id)
        role = await self._file.authorise(person_id, case, Action.UPKEEP)
        assert case.holder_unit_id is not None, "an open case has a holder"
        plan = await self._write(case, case.holder_unit_id, season, days, person_id)
        await self._file.move(case, Action.UPKEEP, by=person_id, role=role, note=season.work, data={"plan": plan.id})
        await self._file.tell_reporters(case, NoticeKind.UPKEEP_NEWS, what="planned", **_words_of(season, days))
        return await self.view(plan)

    def _days(self, season: Season) -> list[date]:
        try:
            return upkeep.rounds(season, self._today)
        except SeasonRefused as refused:
            raise Missing(refused.phrase) from None

    async def _write(
        self,
        case: Case,
        unit_id: int,
        season: Season,
        days: Sequence[date],
        person_id: int,
        season_of: int | None = None,
    ) -> UpkeepPlan:
        plan = UpkeepPlan(
            community_id=case.community_id,
            case_id=case.id,
            unit_id=unit_id,
            work=season.work[:120],
            rhythm=season.rhythm,
            every=season.every,
            trigger=season.trigger[:40],
            first_on=season.first,
            last_on=season.last,
            made_by=person_id,
            made_at=self._file.now,
            season_of=season_of,
        )
        self._file.session.add(plan)
        await self._file.session.flush()
        for day in days:
            await self._task(plan, day)
        self._later(plan, SEASON, {"plan": plan.id}, self._at(upkeep.asked_on(season), _MISSED_AT))
        await self._file.session.flush()
        return plan

    async def _task(self, plan: UpkeepPlan, day: date) -> UpkeepTask:
        task = UpkeepTask(community_id=plan.community_id, plan_id=plan.id, due_on=day)
        self._file.session.add(task)
        await self._file.session.flush()
        self._later(plan, UPKEEP, {"task": task.id}, max(self._at(day, _ASK_AT), self._file.now))
        return task

    def _later(self, plan: UpkeepPlan, kind: str, data: dict[str, int], at: datetime) -> None:
        self._file.session.add(FollowUp(community_id=plan.community_id, kind=kind, due_at=at, data=data))

    # ---- what is due

    async def due(self, follow_up: FollowUp) -> None:
        """A round's day has come: it is asked for; or it has gone by without a word: it raises itself."""
        task = await self._file.session.get_one(UpkeepTask, int(follow_up.data["task"]))
        plan = await self._file.session.get_one(UpkeepPlan, task.plan_id)
        follow_up.done_at = self._file.now
        if task.done_at is not None or task.skipped_at is not None or plan.state == "ended":
            return
        if task.asked_at is None:
            task.asked_at = self._file.now
            await self._note(plan, Action.ROUND_DUE, task)
            await self._tell_workers(plan, NoticeKind.UPKEEP_TASK, task=task.id)
            follow_up.done_at = None
            follow_up.due_at = max(
                self._at(task.due_on + timedelta(days=1), _MISSED_AT), self._file.now + timedelta(hours=12)
            )
            return
        task.missed_at = self._file.now
        await self._note(plan, Action.ROUND_MISSED, task)
        data = {"task": task.id, "day": task.due_on.isoformat()}
        case = await self._file.case(plan.case_id)
        office = await self._file.people.at_rung(case, Rung.COMMUNITY)
        above = {colleague.person_id for colleague in office}
        workers = await self._workers(plan)
        self._tell([c for c in workers if c.person_id not in above], plan, NoticeKind.UPKEEP_MISSED, **data)
        self._tell(office, plan, NoticeKind.UPKEEP_MISSED, overseer=True, **data)
        await self._news(case, plan, what="missed", day=task.due_on.isoformat(), work=plan.work)

    async def season_due(self, follow_up: FollowUp) -> None:
        """The season is over and the next one comes up: 再来一季？"""
        follow_up.done_at = self._file.now
        plan = await self._file.session.get_one(UpkeepPlan, int(follow_up.data["plan"]))
        if plan.state == "ended":
            return
        plan.state = "over"
        after = upkeep.next_season(season_of(plan))
        data = {"plan": plan.id, "first": after.first.isoformat(), "last": after.last.isoformat(), "work": plan.work}
        await self._tell_workers(plan, NoticeKind.SEASON, **data)
        case = await self._file.case(plan.case_id)
        workers = {c.person_id for c in await self._workers(plan)}
        office = await self._file.people.at_rung(case, Rung.COMMUNITY)
        self._tell([c for c in office if c.person_id not in workers], plan, NoticeKind.SEASON, **data)

    async def _workers(self, plan: UpkeepPlan) -> list[Colleague]:
        """Those of the unit that has promised it, who have a chat; where nobody has, the community's office."""
        case = await self._file.case(plan.case_id, lock=False)
        unit = self._file.directory.unit(plan.unit_id)
        out = await self._file.people.excluded(case)
        found = await self._file.people.holders(*_WORKERS[unit.kind], unit_id=plan.unit_id)
        if unit.kind == "community":
            found = await self._file.people.holders(*OFFICE_ROLES, community_id=plan.community_id)
        here = [c for c in found if c.person_id not in out and await self._file.people.accounts_of(c.person_id)]
        return here or await self._file.people.at_rung(case, Rung.COMMUNITY)

    async def _tell_workers(self, plan: UpkeepPlan, kind: NoticeKind, /, **data: object) -> None:
        self._tell(await self._workers(plan), plan, kind, **data)

    def _tell(self, colleagues: Sequence[Colleague], plan: UpkeepPlan, kind: NoticeKind, /, **data: object) -> None:
        known = {"work": plan.work, "unit": self._file.directory.unit(plan.unit_id).name}
        for colleague in colleagues:
            self._file.tell(Notice(colleague.person_id, kind, plan.case_id, colleague.role, {**known, **data}))

    # ---- done

    async def done(self, person_id: int, task_id: int, note: str, photos: Sequence[str]) -> PlanView:
        """A round is confirmed on the spot; who reported the matter hears of it. Late is late, and still done.

        Raises:
            CaseNotFound: no such round that is theirs.
            Missing: no photo and no word why, or it was confirmed before.
        """
        task, plan, role = await self._round(person_id, task_id)
        if not photos and not note.strip():
            raise Missing("need.round_photo")
        task.done_at, task.done_by, task.note, task.photos = self._file.now, person_id, note, list(photos)
        await self._note(plan, Action.ROUND_DONE, task, by=person_id, role=role)
        case = await self._file.case(plan.case_id)
        view = await self.view(plan)
        following = view.next_on.isoformat() if view.next_on is not None else ""
        await self._news(
            case, plan, what="done", note=note, photos=list(photos), work=plan.work, turn=view.done, next=following
        )
        return view

    async def _note(
        self, plan: UpkeepPlan, action: Action, task: UpkeepTask, *, by: int | None = None, role: str = SYSTEM
    ) -> None:
        """What became of a round stands in the history of the case, also long after it was closed."""
        case = await self._where_it_went(await self._file.case(plan.case_id))
        day = task.due_on
        note, data = f"{plan.work}，{day.month}月{day.day}日", {"task": task.id, "day": day.isoformat()}
        await self._file.move(case, action, by=by, role=role, note=note, data=data)

    async def _where_it_went(self, case: Case) -> Case:
        """The case itself; of a merged one, that in which people find it now."""
        while case.merged_into is not None:
            case = await self._file.case(case.merged_into)
        return case

    async def skip(self, person_id: int, task_id: int, reason: str) -> PlanView:
        """这次不用做: a round is left out, and whoever reported the matter hears why. It counts neither as done nor as missed.

        Raises:
            CaseNotFound: no such round that is theirs.
            Missing: no reason, or it was decided before.
        """
        task, plan, role = await self._round(person_id, task_id)
        if not reason.strip():
            raise Missing("need.skip_reason")
        task.skipped_at, task.done_by, task.note = self._file.now, person_id, reason
        await self._file.session.flush()
        view = await self.view(plan)
        following = view.next_on.isoformat() if view.next_on is not None else ""
        case = await self._file.case(plan.case_id)
        await self._note(plan, Action.ROUND_SKIPPED, task, by=person_id, role=role)
        day = task.due_on.isoformat()
        await self._news(case, plan, what="skipped", note=reason, work=plan.work, day=day, next=following)
        return view

    async def due_day(self, task_id: int) -> date | None:
        """The day of a round."""
        task = await self._file.session.get(UpkeepTask, task_id)
        return task.due_on if task is not None else None

    async def _round(self, person_id: int, task_id: int) -> tuple[UpkeepTask, UpkeepPlan, Role]:
        """A round that is still open, locked, its plan, and as what this person speaks of it."""
        task = await self._file.session.get(UpkeepTask, task_id, with_for_update=True, populate_existing=True)
        if task is None:
            raise CaseNotFound(task_id)
        plan = await self._file.session.get_one(UpkeepPlan, task.plan_id)
        role = await self._authorise(person_id, plan)
        if task.done_at is not None:
            raise Missing("upkeep.done_before")
        if task.skipped_at is not None:
            raise Missing("upkeep.skipped_before")
        return task, plan, role

    async def _news(self, case: Case, plan: UpkeepPlan, /, **data: object) -> None:
        """For who reported it, also long after the case was closed; of a merged one, those of the case it went into."""
        case = await self._where_it_went(case)
        unit = self._file.directory.unit(plan.unit_id).name
        await self._file.tell_reporters(case, NoticeKind.UPKEEP_NEWS, unit=unit, **data)

    async def call(self, person_id: int, plan_id: int) -> PlanView:
        """大雨过后: a round that waits for its occasion is called for now.

        Raises:
            CaseNotFound: no such plan that is theirs.
            Missing: it goes by the calendar, or is over.
        """
        plan = await self._mine(person_id, plan_id)
        if plan.rhythm != Rhythm.TRIGGER or plan.state != "running" or plan.last_on < self._today:
            raise Missing("upkeep.not_callable")
        waiting = await self._file.session.execute(
            select(UpkeepTask.id).where(
                UpkeepTask.plan_id == plan.id,
                UpkeepTask.done_at.is_(None),
                UpkeepTask.missed_at.is_(None),
                UpkeepTask.skipped_at.is_(None),
            )
        )
        if waiting.first() is not None:
            raise Missing("upkeep.called_before")
        await self._task(plan, self._today)
        await self._file.session.flush()
        return await self.view(plan)

    async def renew(self, person_id: int, plan_id: int) -> PlanView:
        """再来一季: the same a year on. Two taps make one season.

        Raises:
            CaseNotFound: no such plan that is theirs.
            Missing: that season is over as well.
        """
        plan = await self._mine(person_id, plan_id)
        row = await self._file.session.execute(select(UpkeepPlan).where(UpkeepPlan.season_of == plan.id))
        renewed = row.scalars().first()
        if renewed is None:
            after = upkeep.next_season(season_of(plan))
            days = self._days(after)
            case = await self._file.case(plan.case_id)
            renewed = await self._write(case, plan.unit_id, after, days, person_id, plan.id)
            await self._news(case, renewed, what="planned", **_words_of(after, days))
        return await self.view(renewed)

    async def end(self, person_id: int, plan_id: int) -> PlanView:
        """It is not needed any more.

        Raises:
            CaseNotFound: no such plan that is theirs.
        """
        plan = await self._mine(person_id, plan_id)
        plan.state = "ended"
        await self._file.session.flush()
        return await self.view(plan)

    async def _mine(self, person_id: int, plan_id: int) -> UpkeepPlan:
        plan = await self._file.session.get(UpkeepPlan, plan_id, with_for_update=True)
        if plan is None:
            raise CaseNotFound(plan_id)
        await self._authorise(person_id, plan)
        return plan

    async def _authorise(self, person_id: int, plan: UpkeepPlan) -> Role:
        """In which post: of the unit that has promised it, the community's office, the grid; nobody whom it is about."""
        case = await self._file.case(plan.case_id, lock=False)
        posts = await self._file.people.posts(person_id)
        theirs = [
            Role(post.role)
            for post in posts
            if post.unit_id == plan.unit_id
            or (Role(post.role) in OFFICE_ROLES and post.community_id == plan.community_id)
            or (Role(post.role) is Role.GRID_WORKER and post.grid_id is not None and post.grid_id == case.grid_id)
        ]
        if not theirs or person_id in await self._file.people.excluded(case):
            raise CaseNotFound(plan.id)
        return theirs[0]

    # ---- looking

    async def look(self, person_id: int, plan_id: int) -> tuple[PlanView, list[Round]]:
        """A plan with all its rounds, the earliest first.

        Raises:
            CaseNotFound: no such plan that is theirs.
        """
        plan = await self._file.session.get(UpkeepPlan, plan_id)
        if plan is None:
            raise CaseNotFound(plan_id)
        await self._authorise(person_id, plan)
        rows = await self._file.session.execute(
            select(UpkeepTask, Person.name)
            .outerjoin(Person, Person.id == UpkeepTask.done_by)
            .where(UpkeepTask.plan_id == plan.id)
            .order_by(UpkeepTask.due_on, UpkeepTask.id)
        )
        rounds = [
            Round(t.id, t.due_on, t.asked_at, t.done_at, t.skipped_at, t.missed_at, name or "", t.note, tuple(t.photos))
            for t, name in rows
        ]
        return await self.view(plan), rounds

    async def of_case(self, person_id: int, case_id: int) -> list[PlanView]:
        """The plans that a solution of this case carries, as far as they are this person's."""
        rows = await self._file.session.execute(
            select(UpkeepPlan).where(UpkeepPlan.case_id == case_id).order_by(UpkeepPlan.id)
        )
        return await self._theirs(person_id, rows.scalars())

    async def plans(self, person_id: int) -> list[PlanView]:
        """The plans that this person has to do with and that are not over.

        Raises:
            NotAllowed: they hold no post.
        """
        posts = await self._file.people.posts(person_id)
        if not posts:
            raise NotAllowed(Action.UPKEEP)
        rows = await self._file.session.execute(
            select(UpkeepPlan)
            .where(
                UpkeepPlan.community_id.in_({post.community_id for post in posts}),
                UpkeepPlan.state == "running",
                UpkeepPlan.last_on >= self._today,
            )
            .order_by(UpkeepPlan.id)
        )
        return await self._theirs(person_id, rows.scalars())

    async def _theirs(self, person_id: int, plans: Iterable[UpkeepPlan]) -> list[PlanView]:
        out = []
        for plan in plans:
            try:
                await self._authorise(person_id, plan)
            except CaseNotFound:
                continue
            out.append(await self.view(plan))
        return out

    async def view(self, plan: UpkeepPlan) -> PlanView:
        """A snapshot for showing."""
        rows = await self._file.session.execute(
            select(UpkeepTask.due_on, UpkeepTask.done_at, UpkeepTask.missed_at).where(
                UpkeepTask.plan_id == plan.id, UpkeepTask.skipped_at.is_(None)
            )
        )
        tasks = rows.all()
        open_days = [task.due_on for task in tasks if task.done_at is None and task.missed_at is None]
        case_view = await self._file.view(await self._file.case(plan.case_id, lock=False))
        return PlanView(
            plan.id,
            plan.case_id,
            case_view.number,
            case_view.place,
            self._file.directory.unit(plan.unit_id).name,
            plan.work,
            Rhythm(plan.rhythm),
            plan.every,
            plan.trigger,
            plan.first_on,
            plan.last_on,
            min(open_days, default=None),
            sum(task.done_at is not None for task in tasks),
            sum(task.missed_at is not None and task.done_at is None for task in tasks),
            len(open_days),
            plan.state,
        )


def season_of(plan: UpkeepPlan) -> Season:
    """The plan as the policy takes it."""
    return Season(plan.work, Rhythm(plan.rhythm), plan.every, plan.first_on, plan.last_on, plan.trigger)


def _words_of(season: Season, days: Sequence[date]) -> dict[str, object]:
    return {
        "work": season.work,
        "first": season.first.isoformat(),
        "last": season.last.isoformat(),
        "turn": len(days),
        "next": days[0].isoformat() if days else "",
        "trigger": season.trigger,
    }
