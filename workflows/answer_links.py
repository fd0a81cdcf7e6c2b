"""A department without an account answers one case by a link: single case, single use, for some days only."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from workflows.acting import Guest, Missing
from workflows.case_file import CaseFile, CaseView
from workflows.handling import Handling
from workflows.models import AnswerLink, Whistle
from workflows.policy.clocks import due_at
from workflows.policy.lifecycle import Action, NotPossible, Status
from workflows.policy.permissions import NotAllowed


class LinkRefused(Exception):
    """The link is not good (any more); `phrase` says why. Nothing was changed."""

    def __init__(self, phrase: str, number: str = "") -> None:
        super().__init__(phrase)
        self.phrase = phrase
        self.number = number  # of the case, where whoever holds the link may know it


@dataclass(frozen=True)
class NewLink:
    """A link to pass on; the secret is shown once and stored hashed."""

    id: int
    secret: str
    unit: str
    expires_at: datetime
    lead: bool


@dataclass(frozen=True)
class Asked:
    """What a department is shown by its link."""

    view: CaseView
    unit: str
    lead: bool
    reason: str
    due_at: datetime
    expires_at: datetime
    community_phone: str


@dataclass(frozen=True)
class Answer:
    """What a department answers by its link: done, plan or refuse."""

    how: str
    text: str
    signed: str
    on: datetime | None = None
    proposed: str = ""
    photos: Sequence[str] = ()


class AnswerLinks:
    """One instance per transaction."""

    def __init__(self, file: CaseFile, handling: Handling) -> None:
        self._file = file
        self._handling = handling

    async def issue(self, person_id: int, case_id: int) -> list[NewLink]:
        """A link for every department whose final answer this case still waits for; older ones are good no more.

        Raises:
            NotAllowed, NotPossible, CaseNotFound: only the community, while a department has it.
        """
        case = await self._file.case(case_id)
        role = await self._file.authorise(person_id, case, Action.ISSUE_LINK)
        rows = await self._file.session.execute(
            select(Whistle)
            .where(Whistle.case_id == case.id, Whistle.state.in_(["sent", "planned"]))
            .order_by(Whistle.lead.desc(), Whistle.id)
        )
        links = [await self._link(whistle, person_id) for whistle in rows.scalars()]
        note = "、".join(link.unit for link in links)
        await self._file.move(case, Action.ISSUE_LINK, by=person_id, role=role, note=note)
        return links

    async def _link(self, whistle: Whistle, person_id: int) -> NewLink:
        now, rules = self._file.now, self._file.rules
        await self._file.session.execute(
            update(AnswerLink)
            .where(AnswerLink.whistle_id == whistle.id, AnswerLink.used_at.is_(None), AnswerLink.expires_at > now)
            .values(expires_at=now)
        )
        secret = secrets.token_urlsafe(24)
        row = AnswerLink(
            community_id=whistle.community_id,
            whistle_id=whistle.id,
            secret_hash=_hash(secret),
            issued_by=person_id,
            issued_at=now,
            expires_at=due_at(now, rules.ladder.answer_link, rules.calendar, rules.zone),
        )
        self._file.session.add(row)
        await self._file.session.flush()
        unit = self._file.directory.unit(whistle.department_unit_id).name
        return NewLink(row.id, secret, unit, row.expires_at, whistle.lead)

    async def _good(self, link_id: int, secret: str, *, lock: bool) -> tuple[AnswerLink, Whistle]:
        link = await self._file.session.get(AnswerLink, link_id, with_for_update=lock or None)
        if link is None or not hmac.compare_digest(link.secret_hash, _hash(secret)):
            raise LinkRefused("link.unknown")
        whistle = await self._file.session.get_one(Whistle, link.whistle_id)
        number = (await self._file.case(whistle.case_id, lock=False)).number
        if link.used_at is not None:
            raise LinkRefused("link.used", number)
        if link.expires_at <= self._file.now:
            raise LinkRefused("link.expired", number)
        return link, whistle

    async def look(self, link_id: int, secret: str) -> Asked:
        """The one case of this link.

        Raises:
            LinkRefused: forged, used, expired, or somebody has answered meanwhile.
        """
        link, whistle = await self._good(link_id, secret, lock=False)
        case = await self._file.case(whistle.case_id, lock=False)
        view = await self._file.view(case)
        waits = whistle.state in ("sent", "planned")
        if not waits or (whistle.lead and view.status is not Status.WITH_DEPARTMENT) or not view.open:
            raise LinkRefused("link.answered", view.number)
        community = self._file.directory.community(case.community_id)
        return Asked(
            view,
            self._file.directory.unit(whistle.department_unit_id).name,
            whistle.lead,
            whistle.reason,
            whistle.due_at,
            link.expires_at,
            community.phone,
        )

    async def answer(self, link_id: int, secret: str, answer: Answer) -> CaseView:
        """Take the answer; the link is used up with it.

        Raises:
            LinkRefused: as `look`.
            Missing: words, a day or a reason are wanting; the link stays good.
        """
        link, whistle = await self._good(link_id, secret, lock=True)
        guest = Guest(whistle.id, whistle.department_unit_id, answer.signed[:80], whistle.lead)
        if answer.how == "plan" and answer.on is None:
            raise Missing("need.future_day")
        try:
            view = await (
                self._leads(guest, whistle, answer) if whistle.lead else self._assists(guest, whistle, answer)
            )
        except (NotAllowed, NotPossible):
            number = (await self._file.case(whistle.case_id, lock=False)).number
            raise LinkRefused("link.answered", number) from None
        link.used_at = self._file.now
        await self._file.session.flush()
        return view

    async def _leads(self, guest: Guest, whistle: Whistle, answer: Answer) -> CaseView:
        match answer.how:
            case "plan" if answer.on is not None:
                return await self._handling.plan(guest, whistle.case_id, answer.text, answer.on)
            case "refuse":
                return await self._handling.refuse(guest, whistle.case_id, answer.text, answer.proposed)
            case _:
                return await self._handling.report_result(guest, whistle.case_id, answer.text, answer.photos)

    async def _assists(self, guest: Guest, whistle: Whistle, answer: Answer) -> CaseView:
        return await self._handling.assist(
            guest, whistle.case_id, answer.how, answer.text, on=answer.on, photos=answer.photos
        )


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
