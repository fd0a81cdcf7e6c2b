"""巡查: the grid worker's daily round. What is found becomes cases; a round without findings is a record and no case."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from workflows.case_file import CaseFile
from workflows.models import Patrol
from workflows.policy.lifecycle import Action
from workflows.policy.permissions import NotAllowed, Role

PATROLS = (Role.GRID_WORKER, Role.BRANCH_SECRETARY, Role.BUILDING_HEAD, Role.LIAISON)


class Patrols:
    """One instance per transaction."""

    def __init__(self, file: CaseFile) -> None:
        self._file = file

    async def record(self, person_id: int, note: str, findings: Sequence[int] = ()) -> Patrol:
        """Keep one round; `findings` are the cases that it opened or added to.

        Raises:
            NotAllowed: the person holds no post that goes on rounds.
        """
        posts = [p for p in await self._file.people.posts(person_id) if Role(p.role) in PATROLS]
        if not posts:
            raise NotAllowed(Action.OPEN)
        at = next((post for post in posts if post.grid_id is not None), posts[0])
        patrol = Patrol(
            community_id=at.community_id,
            grid_id=at.grid_id,
            person_id=person_id,
            at=self._file.now,
            note=note[:2000],
            findings=list(findings),
        )
        self._file.session.add(patrol)
        await self._file.session.flush()
        return patrol

    async def found(self, person_id: int, case_id: int, since: datetime) -> None:
        """A find told by itself belongs to the round of that person which began since then, or begins one."""
        row = await self._file.session.execute(
            select(Patrol).where(Patrol.person_id == person_id, Patrol.at >= since).order_by(Patrol.id.desc()).limit(1)
        )
        patrol = row.scalar_one_or_none()
        if patrol is None:
            await self.record(person_id, "", [case_id])
        elif case_id not in patrol.findings:
            patrol.findings = [*patrol.findings, case_id]
            await self._file.session.flush()
