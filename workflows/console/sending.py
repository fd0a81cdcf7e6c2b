"""The weekly digests: what people of the community would read, and sending those that have not gone out."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.viewer import ForTheOffice, Viewer
from workflows.digest import Audience, Digest, Week
from workflows.models import DigestIssue, Person, Post
from workflows.office import Office
from workflows.policy.audiences import AUDIENCE_OF


class TooEarly(Exception):
    """The week is not over: its digest would tell less than happened."""


@dataclass(frozen=True)
class Preview:
    """A digest, and for whom."""

    who: str
    digest: Digest


def audiences(viewer: Viewer) -> list[Audience]:
    """Whose digests the viewer may look at: the office's own, and of the others who are on duty.

    Not the others' for somebody whom complaints can be about: theirs may tell what is not for these eyes. No
    resident's: it names their own cases.
    """
    if viewer.may_be_concerned:
        return [Audience.COMMUNITY]
    return [Audience.COMMUNITY, Audience.GRID, Audience.PROPERTY, Audience.DEPARTMENT]


async def preview(office: Office, viewer: Viewer, week: Week, audience: Audience) -> Preview | None:
    """One's own digest, or that of the first in the community who gets one of this kind; None where nobody does.

    Raises:
        ForTheOffice: they do not belong to the community's office, or this digest is not for their eyes.
    """
    viewer.needs_office()
    if audience is Audience.COMMUNITY:
        theirs = await office.digests.of_community(viewer.person_id, week, viewer.community_id)
        return Preview(viewer.name, theirs)
    if audience not in audiences(viewer):
        raise ForTheOffice
    row = (
        await office.session.execute(
            select(Post.person_id, Person.name)
            .join(Person, Person.id == Post.person_id)
            .where(
                Post.community_id == viewer.community_id,
                Post.until.is_(None),
                Post.role.in_([role.value for role, one in AUDIENCE_OF.items() if one is audience]),
            )
            .order_by(Post.id)
            .limit(1)
        )
    ).first()
    return Preview(row.name, await office.digests.make(audience, row.person_id, week)) if row is not None else None


async def issued(office: Office, viewer: Viewer, week: Week) -> Sequence[tuple[Audience, int]]:
    """How many of this week's digests have gone out to whom."""
    rows = await office.session.execute(
        select(DigestIssue.audience, func.count())
        .where(DigestIssue.community_id == viewer.community_id, DigestIssue.week == week.key)
        .group_by(DigestIssue.audience)
    )
    sent = {Audience(audience): number for audience, number in rows}
    return [(audience, sent.get(audience, 0)) for audience in Audience]


async def send(office: Office, viewer: Viewer, week: Week) -> int:
    """Send the digests of a week that is over to those of the community who have not got theirs; how many.

    Raises:
        ForTheSecretary: only they do this.
        TooEarly: the week still runs.
    """
    viewer.needs_secretary()
    if week.end > office.now:
        raise TooEarly
    sent = await office.digests.send_week(week, viewer.community_id)
    audit.note(office, viewer, Deed.SEND, f"发送{week.key}简报：{sent}份")
    return sent
