"""Who acts on a case, and what every act at a rung shares: the check, the card to the next rung, the photos."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import update

from workflows.case_file import CaseFile
from workflows.models import Case, Media
from workflows.notices import NoticeKind
from workflows.policy.lifecycle import Action, Status, destination
from workflows.policy.permissions import NotAllowed, Relation


class Missing(Exception):
    """Something is needed before this can be done; `phrase` says what in words."""

    def __init__(self, phrase: str) -> None:
        super().__init__(phrase)
        self.phrase = phrase


@dataclass(frozen=True)
class Guest:
    """A department that answers one whistle by a link: nobody of the directory, only the name that was signed."""

    whistle_id: int
    unit_id: int
    signed: str
    lead: bool = True


Actor = int | Guest  # a person's id, or a department's one-case link


def person_of(actor: Actor) -> int | None:
    """Whom the history names."""
    return None if isinstance(actor, Guest) else actor


def signature(actor: Actor) -> dict[str, str]:
    """What the history keeps of somebody who is in no directory."""
    return {"signed": actor.signed} if isinstance(actor, Guest) else {}


class Acting:
    """What the use cases of a rung have in common. One instance per transaction."""

    def __init__(self, file: CaseFile) -> None:
        self._file = file

    async def _start(self, actor: Actor, case_id: int, action: Action) -> tuple[Case, Relation]:
        """The case, locked, and in which capacity this actor does it.

        Raises:
            NotAllowed, CaseNotFound, NotPossible: as `CaseFile.authorise`.
        """
        case = await self._file.case(case_id)
        if not isinstance(actor, Guest):
            return case, await self._file.authorise(actor, case, action)
        destination(Status(case.status), action)
        if actor.lead and case.holder_unit_id != actor.unit_id:
            raise NotAllowed(action)
        return case, Relation.DEPARTMENT if actor.lead else Relation.ASSISTANT

    async def _arrived(self, case: Case, *, found_true: bool = False) -> None:
        """A rung has it now: its card to those who work there, news to those who wait."""
        await self._file.card(case)
        await self._file.tell_reporters(case, NoticeKind.PROGRESS, news="found_true" if found_true else "arrived")

    async def _attach(self, case: Case, photos: Sequence[str]) -> None:
        if photos:
            await self._file.session.execute(
                update(Media).where(Media.id.in_(photos), Media.case_id.is_(None)).values(case_id=case.id)
            )
