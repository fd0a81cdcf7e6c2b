"""Everything about one case for somebody whose post covers it: both clocks, history, photos, people, whistles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select

from workflows.case_file import ACTION_OF_ACT, CaseNotFound, CaseView, Line
from workflows.console.rows import CaseRow, row_of
from workflows.console.viewer import Viewer
from workflows.models import Case, Media, Person, Whistle
from workflows.office import Office
from workflows.policy.naming import SOMEBODY
from workflows.policy.permissions import Relation
from workflows.policy.privacy import mask, mask_id
from workflows.unnamed import unnamed
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
    lead: bool


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
    may: frozenset[str]  # which acts this viewer's posts cover as the case stands now


async def case_page(office: Office, viewer: Viewer, case_id: int) -> CasePage:
    """The page of a case.

    Raises:
        CaseNotFound: there is none that their posts cover, or it is about them.
    """
    case = await office.file.case(case_id, lock=False)
    relations = await staff_relations(office, viewer, case)
    view, lines = await office.history(viewer.person_id, case_id)
    return CasePage(
        view=_told(view),
        row=row_of(case, office.now, office.rules, office.directory, await unnamed(office.session, [case.id])),
        words=_words(case, view, relations),
        lines=[replace(line, note=mask(view.unsaid(line.note))) for line in lines],
        waiting=await _waiting(office, case, relations) if relations & _NAMED else (),
        named=bool(relations & _NAMED),
        whistles=await _whistles(office, view),
        relations=relations,
        may=frozenset(await office.file.may_do(viewer.person_id, case, ACTION_OF_ACT)),
    )


def _told(view: CaseView) -> CaseView:
    """The view with everything in it that somebody wrote as this page may show it; `text` is the page's `words`."""

    def said(text: str) -> str:
        return mask(view.unsaid(text))

    facts = view.facts
    wanted, rests = facts.wanted, facts.suspension
    return replace(
        view,
        text="",
        place=said(view.place),
        result=said(view.result),
        ring=view.unsaid(view.ring),
        on_behalf_of=view.on_behalf_of if view.consent or not view.on_behalf_of else SOMEBODY,
        whistle_reason=said(view.whistle_reason),
        facts=replace(
            facts,
            wanted=replace(wanted, reason=said(wanted.reason), no_photo=said(wanted.no_photo)) if wanted else None,
            suspension=replace(rests, reason=said(rests.reason)) if rests else None,
            assistants=tuple(replace(one, answer=said(one.answer)) for one in facts.assistants),
        ),
    )


def _words(case: Case, view: CaseView, relations: frozenset[Relation]) -> str:
    """The reporters' words, masked; what was said in confidence only for those who must know."""
    words = f"（报事人要求保密，不要外传）{view.own_words}" if view.own_words and relations & _NAMED else case.text
    said = view.unsaid(words)
    return mask_id(said) if relations & _RING else mask(said)


async def staff_relations(office: Office, viewer: Viewer, case: Case) -> frozenset[Relation]:
    """How their posts cover the case; having reported it is no way into the console.

    Raises:
        CaseNotFound: in no way, or it is of another community than the one that they look at.
    """
    if case.community_id != viewer.community_id:
        raise CaseNotFound(case.id)
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
            on_behalf_of=mask(reporter.on_behalf_of) if reporter.consent or not reporter.on_behalf_of else SOMEBODY,
            verdict=reporter.verdict,
            joined_at=reporter.joined_at,
        )
        for reporter in reporters
    ]


async def _whistles(office: Office, view: CaseView) -> list[Called]:
    rows = await office.session.execute(
        select(Whistle, Person.name)
        .outerjoin(Person, Person.id == Whistle.contact_person_id)
        .where(Whistle.case_id == view.id)
        .order_by(Whistle.id)
    )
    return [
        Called(
            department=office.directory.unit(whistle.department_unit_id).name,
            reason=mask(view.unsaid(whistle.reason)),
            contact=contact or "",
            sent_at=whistle.sent_at,
            due_at=whistle.due_at,
            state=whistle.state,
            answer=mask(view.unsaid(whistle.answer)),
            proposed_owner=mask(whistle.proposed_owner),
            planned_for=whistle.planned_for,
            lead=whistle.lead,
        )
        for whistle, contact in rows
    ]
