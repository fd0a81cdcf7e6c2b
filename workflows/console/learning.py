"""Corrections of what was understood: candidates for training of one's own community, to be accepted or rejected."""

from collections.abc import Sequence

from sqlalchemy import or_, select

from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.viewer import Viewer
from workflows.corrections import Candidate, Corrections, NoSuchCandidate
from workflows.models import Case, Correction
from workflows.office import Office

STATES = ("new", "accepted", "rejected")
SHOWN = 200


async def candidates(office: Office, viewer: Viewer, state: str, limit: int | None = SHOWN) -> Sequence[Candidate]:
    """Of the community, oldest first; none from a case that is about the viewer.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    mine = await _mine(office, viewer)
    found = await Corrections(office.session, office.now).candidates(*([state] if state in STATES else ()))
    chosen = [candidate for candidate in found if candidate.id in mine]
    return chosen if limit is None else chosen[:limit]


async def decide(
    office: Office, viewer: Viewer, candidate_id: int, *, accept: bool, label: str, known: frozenset[str]
) -> None:
    """It trains the reader from now on (as `label`, where that is given), or it never does.

    Raises:
        ForTheSecretary: only they do this.
        NoSuchCandidate: none of this community.
        NoLabel: what somebody chose is no intent; say which it is.
    """
    viewer.needs_secretary()
    if candidate_id not in await _mine(office, viewer):
        raise NoSuchCandidate(str(candidate_id))
    corrections = Corrections(office.session, office.now)
    if accept:
        await corrections.accept([candidate_id], label, known=known)
    else:
        await corrections.reject([candidate_id])
    audit.note(office, viewer, Deed.CHANGE, f"识别更正{candidate_id}：{'采用' if accept else '不采用'}{label}")


async def _mine(office: Office, viewer: Viewer) -> set[int]:
    rows = await office.session.execute(
        select(Correction.id)
        .outerjoin(Case, Case.id == Correction.case_id)
        .where(
            Correction.community_id == viewer.community_id,
            or_(Correction.case_id.is_(None), viewer.sees()),
        )
    )
    return set(rows.scalars())
