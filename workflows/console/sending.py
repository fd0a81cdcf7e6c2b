"""The weekly digests: what people of the community would read, and sending those that have not gone out."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.viewer import Viewer
from workflows.digest import Audience, Digest, Week
from workflows.models import DigestIssue, Person, Post
from workflows.office import Office
from workflows.policy.audiences import AUDIENCE_OF
from workflows.policy.permissions import Role


class TooEarly(Exception):
    """The week is not over: its digest would tell less than happened."""


@dataclass(frozen=True)
class Preview:
    """A digest, and for whom."""

    who: str
    digest: Digest


async def previews(office: Office, viewer: Viewer, week: Week) -> list[Preview]:
    """One's own first; then one of each other audience on duty.

    Not the others for somebody whom complaints can be about: theirs may tell what is not for these eyes. No
    resident's: it names their own cases.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    mine = [d for d in await office.digests.for_person(viewer.person_id, week) if d.audience is not Audience.RESIDENT]
    found = [Preview(viewer.name, digest) for digest in mine]
    if viewer.may_be_concerned:
        return found
    told = {digest.audience for digest in mine}
    rows = await office.session.execute(
        select(Post.person_id, Post.role, Person.name)
        .join(Person, Person.id == Post.person_id)
        .where(
            Post.community_id == viewer.community_id,
            Post.until.is_(None),
            Post.role.in_([role.value for role in AUDIENCE_OF]),
        )
        .order_by(Post.id)
    )
    for person_id, role, name in rows.all():
        audience = AUDIENCE_OF[Role(role)]
        if audience not in told:
            told.add(audience)
            found.append(Preview(name, await office.digests.make(audience, person_id, week)))
    return found


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
