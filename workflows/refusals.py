"""What somebody tried and may not do: logged without anything personal, and kept as a row that an operator can read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Case, Person, Post, Refusal
from workflows.policy.privacy import mask

log = structlog.get_logger()

MOST_A_DAY = 200  # rows for one person: whoever hammers at a door shall not fill the disk; the log has every knock
_WHAT = 64


class Why(StrEnum):
    """Why it was refused, as the operator reads it."""

    UNKNOWN_BUTTON = "unknown_button"  # a payload that no button of this version carries
    MALFORMED = "malformed"  # begins like one of ours, and is none
    NOT_OFFERED = "not_offered"  # a button that was not in that message of that chat
    NOT_ON_DUTY = "not_on_duty"  # for people with a post only
    NO_SUCH_CASE = "no_such_case"
    OTHER_COMMUNITY = "other_community"  # the case is another community's
    POST_ENDED = "post_ended"  # they had a post there, which is over
    NOT_THEIRS = "not_theirs"  # a case, a danger or a photo that is none of their business
    NOT_THEIR_STEP = "not_their_step"  # they may see the case, but not do this
    OWN_WORK = "own_work"  # nobody judges what they did themselves
    NOT_THEIR_CHAT = "not_their_chat"
    INVITATION_UNKNOWN = "invitation_unknown"
    INVITATION_USED = "invitation_used"
    INVITATION_EXPIRED = "invitation_expired"
    MAY_NOT_INVITE = "may_not_invite"
    SIGN_IN = "sign_in"  # a link to the console that was never issued: forged, or mistyped
    SIGN_IN_USED = "sign_in_used"  # opened before, or replaced by a newer one
    SIGN_IN_EXPIRED = "sign_in_expired"
    SIGN_IN_NO_POST = "sign_in_no_post"  # their post has ended, or is none that the console is for


@dataclass(frozen=True)
class Refused:
    """One refusal as an operator reads it."""

    at: datetime
    person_id: int | None
    name: str
    posts: tuple[str, ...]  # held now
    channel: str
    what: str
    case: str  # number, or the id that was given
    why: str


class Refusals:
    """Appends and lists. One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now

    async def record(
        self, why: Why, what: str, *, community_id: int, person_id: int | None, channel: str, case_id: int | None = None
    ) -> None:
        """Log it and keep it. `what` is a button's payload or the name of an act, never somebody's words."""
        log.warning("refused", why=str(why), person=person_id, case=case_id, channel=channel)
        if await self._many(person_id):
            return
        self._session.add(
            Refusal(
                community_id=community_id,
                at=self._now,
                person_id=person_id,
                channel=channel,
                what=mask(what)[:_WHAT],
                case_id=case_id,
                why=why,
            )
        )
        await self._session.flush()

    async def why_not_seen(self, person_id: int, case_id: int | None) -> Why:
        """Why somebody may not see a case, told to the operator only: to them all of these are one sentence."""
        case = await self._session.get(Case, case_id) if case_id is not None else None
        if case is None:
            return Why.NO_SUCH_CASE
        rows = await self._session.execute(
            select(Post.community_id, Post.until).where(Post.person_id == person_id).order_by(Post.id)
        )
        posts = rows.all()
        if any(post.until is not None and post.community_id == case.community_id for post in posts):
            return Why.POST_ENDED
        person = await self._session.get(Person, person_id)
        theirs = {post.community_id for post in posts} | ({person.community_id} if person is not None else set())
        return Why.NOT_THEIRS if case.community_id in theirs else Why.OTHER_COMMUNITY

    async def lately(self, since: datetime, limit: int) -> Sequence[Refused]:
        """The newest refusals since then, newest first."""
        rows = await self._session.execute(
            select(Refusal, Person.name, Case.number)
            .outerjoin(Person, Person.id == Refusal.person_id)
            .outerjoin(Case, Case.id == Refusal.case_id)
            .where(Refusal.at >= since)
            .order_by(Refusal.id.desc())
            .limit(limit)
        )
        found = rows.all()
        posts = await self._posts({row.person_id for row, *_ in found if row.person_id is not None})
        return [
            Refused(
                row.at,
                row.person_id,
                name or "",
                posts.get(row.person_id or 0, ()),
                row.channel,
                row.what,
                number or (str(row.case_id) if row.case_id is not None else ""),
                row.why,
            )
            for row, name, number in found
        ]

    async def _posts(self, person_ids: set[int]) -> dict[int, tuple[str, ...]]:
        rows = await self._session.execute(
            select(Post.person_id, Post.role)
            .where(Post.person_id.in_(person_ids), Post.until.is_(None))
            .order_by(Post.id)
        )
        out: dict[int, tuple[str, ...]] = {}
        for person_id, role in rows:
            out[person_id] = (*out.get(person_id, ()), role)
        return out

    async def _many(self, person_id: int | None) -> bool:
        day = Refusal.at > self._now - timedelta(days=1)
        of = Refusal.person_id == person_id if person_id is not None else Refusal.person_id.is_(None)
        count = await self._session.execute(select(func.count()).select_from(Refusal).where(of, day))
        return int(count.scalar_one()) >= MOST_A_DAY
