"""Everything about one case for somebody whose post covers it: both clocks, history, photos, people, whistles."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from workflows.case_file import CaseNotFound, CaseView, Line
from workflows.console.rows import CaseRow, row_of
from workflows.console.viewer import Viewer
from workflows.models import Case, Media, Person, Whistle
from workflows.office import Office
from workflows.policy.permissions import Relation
from workflows.policy.privacy import mask, mask_id
from workflows.voices import is_voice

# Who goes to the door sees the number whole; who coordinates sees whom it is about; who repairs sees neither.
_RING = frozenset({Relation.GRID_WORKER, Relation.BRANCH})
_NAMED = _RING | {Relation.COMMUNITY}


@dataclass(frozen=True)
class Waiting:
    """Somebody who waits for the answer."""

    name: str
    phone: str
    first: bool
    on_behalf_of: str
    verdict: str
    joined_at: datetime


@dataclass(frozen=True)
class Called:
    """A whistle of the case."""

    department: str
    reason: str
    contact: str
    sent_at: datetime
    due_at: datetime
    state: str
    answer: str
    proposed_owner: str
    planned_for: datetime | None


@dataclass(frozen=True)
class CasePage:
    """One case as its page shows it."""

    view: CaseView
    row: CaseRow
    words: str  # of the reporters, masked as the viewer's post says
    lines: Sequence[Line]
    waiting: Sequence[Waiting]
    named: bool  # whether `waiting` may be shown to this viewer at all
    whistles: Sequence[Called]
    relations: frozenset[Relation]


async def case_page(office: Office, viewer: Viewer, case_id: int) -> CasePage:
    """The page of a case.

    Raises:
        CaseNotFound: there is none that their posts cover, or it is about them.
    """
    case = await office.file.case(case_id, lock=False)
    relations = await staff_relations(office, viewer, case)
    view, lines = await office.history(viewer.person_id, case_id)
    return CasePage(
        view=view,
        row=row_of(case, office.now, office.rules, office.directory),
        words=_words(case, view, relations),
        lines=lines,
        waiting=await _waiting(office, case, relations) if relations & _NAMED else (),
        named=bool(relations & _NAMED),
        whistles=await _whistles(office, case),
        relations=relations,
    )


def _words(case: Case, view: CaseView, relations: frozenset[Relation]) -> str:
    """The reporters' words, masked; what was said in confidence only for those who must know."""
    words = f"（报事人要求保密，不要外传）{view.own_words}" if view.own_words and relations & _NAMED else case.text
    return mask_id(words) if relations & _RING else mask(words)


async def staff_relations(office: Office, viewer: Viewer, case: Case) -> frozenset[Relation]:
    """How their posts cover the case; having reported it is no way into the console.

    Raises:
        CaseNotFound: in no way.
    """
    found = await office.people.relations(viewer.person_id, case) - {Relation.REPORTER}
    if not found:
        raise CaseNotFound(case.id)
    return found


async def photo_of(office: Office, viewer: Viewer, photo_id: str) -> None:
    """Whether they may look at this photo, or listen to this recording: residents' voices are for those who see names.

    Raises:
        CaseNotFound: there is no such photo, or it belongs to no case that they may see.
    """
    photo = await office.session.get(Media, photo_id)
    if photo is None or photo.case_id is None:
        raise CaseNotFound(photo_id)
    case = await office.file.case(photo.case_id, lock=False)
    relations = await staff_relations(office, viewer, case)
    if (is_voice(photo_id) or await office.file.in_confidence(case)) and not relations & _NAMED:
        raise CaseNotFound(photo_id)


async def _waiting(office: Office, case: Case, relations: frozenset[Relation]) -> list[Waiting]:
    reporters = await office.file.reporters(case)
    people: dict[int, Person] = await office.people.people_of(reporter.person_id for reporter in reporters)
    rings = bool(relations & _RING)
    return [
        Waiting(
            name=people[reporter.person_id].name,
            phone=people[reporter.person_id].phone if rings else mask(people[reporter.person_id].phone),
            first=reporter.first,
            on_behalf_of=reporter.on_behalf_of,
            verdict=reporter.verdict,
            joined_at=reporter.joined_at,
        )
        for reporter in reporters
    ]


async def _whistles(office: Office, case: Case) -> list[Called]:
    rows = await office.session.execute(
        select(Whistle, Person.name)
        .outerjoin(Person, Person.id == Whistle.contact_person_id)
        .where(Whistle.case_id == case.id)
        .order_by(Whistle.id)
    )
    return [
        Called(
            department=office.directory.unit(whistle.department_unit_id).name,
            reason=mask(whistle.reason),
            contact=contact or "",
            sent_at=whistle.sent_at,
            due_at=whistle.due_at,
            state=whistle.state,
            answer=mask(whistle.answer),
            proposed_owner=whistle.proposed_owner,
            planned_for=whistle.planned_for,
        )
        for whistle, contact in rows
    ]
