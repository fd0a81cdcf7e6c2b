"""One transaction's use cases, wired together: what a turn or a tick works with."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from workflows.alerts import Alerts
from workflows.answer_links import AnswerLinks
from workflows.case_file import CaseFile, CaseView, Line, Rules
from workflows.cases import Cases
from workflows.digest import Digests
from workflows.directory import Directory
from workflows.follow_ups import FollowUps, Handler
from workflows.handling import Handling
from workflows.limits import Limits
from workflows.media import Photos
from workflows.merging import Merging
from workflows.notices import Notice
from workflows.patrols import Patrols
from workflows.people import People
from workflows.policy.permissions import Relation
from workflows.refusals import Refusals
from workflows.rulings import Rulings
from workflows.sign_in import SignIns
from workflows.suspending import Suspending
from workflows.upkeep import Upkeep


class Office:
    """Everything that may be asked for within one transaction. `notices` is what there is to say afterwards."""

    def __init__(self, session: AsyncSession, now: datetime, rules: Rules, directory: Directory) -> None:
        self.session = session
        self.now = now
        self.rules = rules
        self.directory = directory
        self.notices: list[Notice] = []
        self.people = People(session, now)
        self.file = CaseFile(session, now, rules, directory, self.people, self.notices.append)
        self.cases = Cases(self.file)
        self.handling = Handling(self.file)
        self.suspending = Suspending(self.file)
        self.merging = Merging(self.file, self.cases)
        self.upkeep = Upkeep(self.file)
        self.patrols = Patrols(self.file)
        self.rulings = Rulings(self.file)
        self.answer_links = AnswerLinks(self.file, self.handling)
        self.alerts = Alerts(self.file)
        self.digests = Digests(session, now, rules, directory, self.people, self.notices.append)
        self.photos = Photos(session, now)
        self.limits = Limits(session, now)
        self.refusals = Refusals(session, now)
        self.sign_ins = SignIns(session, now)

    async def history(self, person_id: int, case_id: int) -> tuple[CaseView, list[Line]]:
        """A case and its record, for somebody who may see it.

        Raises:
            CaseNotFound: there is none that they may see.
        """
        case = await self.file.seen_by(person_id, case_id)
        lines = await self.file.history(case)
        secret = {one.person_id for one in await self.file.in_confidence(case)}
        if secret and person_id not in {*secret, *(one.person_id for one in await self.people.circle(case))}:
            lines = [replace(line, note="") if line.capacity == Relation.REPORTER else line for line in lines]
        return await self.file.view(case), lines

    def follow_ups(self, others: Mapping[str, Handler] | None = None) -> FollowUps:
        """What is due; `others` handle kinds that are not about a case."""
        return FollowUps(self.file, others)
