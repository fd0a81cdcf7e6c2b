"""What is due: claimed rows, one decision each, acted on once."""

from collections.abc import Awaitable, Callable, Collection, Mapping
from datetime import timedelta
from typing import assert_never

from sqlalchemy import or_, select

from workflows.case_file import CLOCK, PROGRESS, REMIND, CaseFile
from workflows.database import on_postgresql
from workflows.models import Case, FollowUp, Reporter
from workflows.notices import Notice, NoticeKind
from workflows.policy import ladder as ladder_policy
from workflows.policy.clocks import due_at
from workflows.policy.ladder import AskAgain, Chase, CloseUnanswered, Escalate, PassUnconfirmed, ResumeWork, Wake
from workflows.policy.lifecycle import CLOSED, OPEN, RUNG_OF, Action, Rung, Status
from workflows.policy.permissions import Relation

ONCE_A_DAY = timedelta(hours=20)  # a tick is not punctual to the minute: a day of the calendar, not of the stopwatch
MOST_LISTED = 6

Handler = Callable[[FollowUp], Awaitable[None]]


class FollowUps:
    """Does what is due now. One instance per transaction; `others` handle the kinds that are not about a case."""

    def __init__(self, file: CaseFile, others: Mapping[str, Handler] | None = None) -> None:
        self._file = file
        self._others = others or {}

    async def due(self, limit: int = 50, without: Collection[str] = ()) -> list[FollowUp]:
        """Claim what is due, oldest first, `without` the kinds that somebody else looks after.

        Rows that another process has in hand are skipped, also those of a case that a turn has in hand:
        whoever locks the case first and then its follow-up must not find us the other way round.
        """
        rows = await self._file.session.execute(
            select(FollowUp)
            .where(FollowUp.done_at.is_(None), FollowUp.due_at <= self._file.now, FollowUp.kind.not_in(list(without)))
            .order_by(FollowUp.due_at, FollowUp.id)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        due = list(rows.scalars())
        about = {row.case_id for row in due if row.case_id is not None}
        if not about or not on_postgresql(self._file.session):
            return due
        cases = select(Case.id).where(Case.id.in_(about)).order_by(Case.id).with_for_update(skip_locked=True)
        ours = set((await self._file.session.execute(cases)).scalars())
        return [row for row in due if row.case_id is None or row.case_id in ours]

    async def run(self, follow_up: FollowUp) -> None:
        """Do one thing that is due. The row is done, or set to its next time, in this transaction."""
        if follow_up.done_at is not None or follow_up.due_at > self._file.now:
            return  # an earlier one of this batch has moved it
        if follow_up.kind in self._others:
            await self._others[follow_up.kind](follow_up)
            return
        case = await self._file.case(follow_up.case_id or 0)
        if Status(case.status) in CLOSED:
            follow_up.done_at = self._file.now
            return
        match follow_up.kind:
            case _ if follow_up.kind == CLOCK:
                await self._clock(case, follow_up)
            case _ if follow_up.kind == REMIND:
                await self._remind(case, follow_up)
            case _ if follow_up.kind == PROGRESS:
                await self._progress(case, follow_up)
            case _:
                raise ValueError(f"follow-up of unknown kind {follow_up.kind!r}")

    async def _remind(self, case: Case, follow_up: FollowUp) -> None:
        follow_up.done_at = self._file.now
        # Where the machine has slept past the deadline itself, the clock speaks: nobody is asked for the past.
        if Status(case.status) in RUNG_OF and self._file.now < case.rung_due_at:
            await self._file.move(case, Action.REMIND)
            there = await self._file.people.at_rung(case, Rung(case.rung))
            self._file.tell_each(there, case, NoticeKind.REMINDER)
            again = self._file.next_reminder(case)
            if again is not None:
                follow_up.done_at, follow_up.due_at = None, again

    async def _progress(self, case: Case, follow_up: FollowUp) -> None:
        """No news for a while: the resident hears who has it. Not while the ball is in their own court.

        Once a day at most, however many cases they have: the one message lists all that are being worked on. After a
        sleep the deadlines that are due as well come first: they may bring the news, and change who has it.
        """
        if await self._news_is_due(case):
            follow_up.due_at = self._file.now  # behind them in the queue
            return
        follow_up.due_at = self._file.now + self._file.rules.no_news
        if Status(case.status) not in RUNG_OF:
            return
        case.told_at = self._file.now
        for reporter in await self._file.reporters(case):
            person = await self._file.people.person(reporter.person_id)
            if person.reassured_at is not None and self._file.now - person.reassured_at < ONCE_A_DAY:
                continue
            person.reassured_at = self._file.now
            rows = await self._file.session.execute(
                select(Case.id)
                .join(Reporter, Reporter.case_id == Case.id)
                .where(
                    Reporter.person_id == person.id,
                    Reporter.left_at.is_(None),
                    Case.status.in_(list(RUNG_OF)),
                    or_(Case.told_at.is_(None), Case.told_at < self._file.now),  # not what they have just heard of
                )
                .order_by(Case.id)
            )
            others = [case_id for case_id in rows.scalars() if case_id != case.id]
            data = {"news": "no_news", "others": others[:MOST_LISTED]}
            self._file.tell(Notice(person.id, NoticeKind.PROGRESS, case.id, Relation.REPORTER, data))

    async def _news_is_due(self, case: Case) -> bool:
        """Whether the clock has run out on any case of those who wait for this one."""
        waiting = select(Reporter.person_id).where(Reporter.case_id == case.id, Reporter.left_at.is_(None))
        found = await self._file.session.execute(
            select(FollowUp.id)
            .join(Reporter, Reporter.case_id == FollowUp.case_id)
            .where(
                FollowUp.kind == CLOCK,
                FollowUp.done_at.is_(None),
                FollowUp.due_at <= self._file.now,
                Reporter.left_at.is_(None),
                Reporter.person_id.in_(waiting),
            )
            .limit(1)
        )
        return found.first() is not None

    async def _clock(self, case: Case, follow_up: FollowUp) -> None:
        rules = self._file.rules
        decision = ladder_policy.when_expired(
            Status(case.status),
            Rung(case.rung),
            self._file.route(case),
            around=self._file.around(case),
            asked_again=bool(follow_up.data.get("asked_again")),
            unfounded=case.result_kind == "unfounded",
        )
        match decision:
            case Escalate():
                await self._escalate(case)
            case Chase():
                await self._file.move(case, Action.OVERDUE)
                follow_up.due_at = due_at(self._file.now, rules.ladder.chase, rules.calendar, rules.zone)
                rung = Rung(case.rung)
                there = await self._file.people.at_rung(case, rung)
                overseers = await self._file.people.overseers(case, rung)
                told = {c.person_id: c for c in [*overseers, *there]}
                self._file.tell_each(told.values(), case, NoticeKind.OVERDUE)
            case ResumeWork():
                await self._file.move(case, Action.RESUME)
                await self._file.card(case, reason="no_supply")
            case Wake():
                await self._file.move(case, Action.WAKE)
                await self._file.card(case, reason="woken")
                await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="woken")
            case PassUnconfirmed():
                await self._file.move(case, Action.PASS_UNCONFIRMED)
                await self._file.tell_reporters(case, NoticeKind.VERDICT, unconfirmed=True)
            case AskAgain():
                await self._file.move(case, Action.ASK_AGAIN, clock=rules.ladder.judge_again)
                follow_up.data = {**follow_up.data, "asked_again": True}
                await self._file.tell_reporters(case, NoticeKind.VERDICT_AGAIN)
            case CloseUnanswered(unfounded):
                action = Action.CLOSE_UNFOUNDED if unfounded else Action.CLOSE_UNANSWERED
                case.solved_at_rung = case.rung
                await self._file.move(case, action)
                await self._file.tell_reporters(case, NoticeKind.CLOSED, how="unanswered")
            case _ as never:
                assert_never(never)

    async def _escalate(self, case: Case) -> None:
        """Silence climbs; the silent rung's overseer and the resident hear of it."""
        silent = Rung(case.rung)
        unit = self._file.directory.unit(case.holder_unit_id) if case.holder_unit_id is not None else None
        overseers = await self._file.people.overseers(case, silent)
        await self._file.move(case, Action.ESCALATE, data={"silent": silent, "silent_unit": unit.name if unit else ""})
        if silent is Rung.GRID_BRANCH:
            self._file.tell_each(overseers, case, NoticeKind.OVERSEE, reason="silent")
        await self._file.card(case, reason="escalated")
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="escalated", who=unit.name if unit else "")

    async def unclocked(self) -> tuple[int, int, int]:
        """(open cases, those without a holder, those without exactly one running clock): the last two must be 0."""
        open_cases = (
            await self._file.session.execute(select(Case.id, Case.holder_unit_id).where(Case.status.in_(list(OPEN))))
        ).all()
        clocks = (
            await self._file.session.execute(
                select(FollowUp.case_id).where(FollowUp.kind == CLOCK, FollowUp.done_at.is_(None))
            )
        ).scalars()
        running: dict[int | None, int] = {}
        for case_id in clocks:
            running[case_id] = running.get(case_id, 0) + 1
        return (
            len(open_cases),
            sum(1 for _, holder in open_cases if holder is None),
            sum(1 for case_id, _ in open_cases if running.get(case_id, 0) != 1),
        )
