"""并案 and 拆分: two cases that are one matter, and one case that holds two; everybody who waits is told."""

from sqlalchemy import select, update

from workflows.acting import Acting, Missing
from workflows.case_file import CaseFile, CaseNotFound, CaseView
from workflows.cases import Cases, NewReport, address_of
from workflows.models import Case, Media, Reporter
from workflows.notices import Notice, NoticeKind
from workflows.policy.lifecycle import Action, Rung
from workflows.policy.naming import both
from workflows.policy.permissions import Relation
from workflows.policy.places import Address


class Merging(Acting):
    """One instance per transaction."""

    def __init__(self, file: CaseFile, cases: Cases) -> None:
        super().__init__(file)
        self._cases = cases

    async def by_number(self, person_id: int, number: str) -> int:
        """The case of that number.

        Raises:
            CaseNotFound: none that this person may see.
        """
        return (await self._cases.by_number(person_id, number)).id

    async def merge(self, person_id: int, one_id: int, other_id: int) -> tuple[CaseView, str]:
        """Two open cases become the older one, whose clock the residents keep; and the number of the one that ended.

        Raises:
            Missing: one and the same, or of two communities.
            NotAllowed, NotPossible, CaseNotFound: not the community's to do, or closed.
        """
        if one_id == other_id:
            raise Missing("need.other_case")
        kept_id, gone_id = sorted((one_id, other_id))
        kept, role = await self._start(person_id, kept_id, Action.ABSORB)
        gone, _ = await self._start(person_id, gone_id, Action.MERGE)
        if kept.community_id != gone.community_id:
            raise Missing("need.same_community")
        there = await self._file.people.at_rung(gone, Rung(gone.rung))
        moved = await self._reporters_over(gone, kept)
        await self._file.session.execute(update(Media).where(Media.case_id == gone.id).values(case_id=kept.id))
        await self._file.move(gone, Action.MERGE, by=person_id, role=role, note=kept.number, data={"into": kept.id})
        gone.merged_into = kept.id
        await self._file.move(kept, Action.ABSORB, by=person_id, role=role, note=gone.number, data={"of": gone.id})
        kept.text = f"{kept.text}\n{gone.text}"[:4000]
        await self._file.session.flush()
        self._file.tell_each(there, gone, NoticeKind.CLOSED, how="merged", into=kept.number)
        for person in moved:
            self._file.tell(
                Notice(person, NoticeKind.CLOSED, gone.id, Relation.REPORTER, {"how": "merged", "into": kept.number})
            )
        self._file.tell_each(
            await self._file.people.at_rung(kept, Rung(kept.rung)),
            kept,
            NoticeKind.ADDED,
            what="absorbed",
            text=gone.text,
        )
        return await self._file.view(kept), gone.number

    async def _reporters_over(self, gone: Case, kept: Case) -> list[int]:
        """Who waited for the one waits for the other now."""
        here = {
            row.person_id: row
            for row in (await self._file.session.execute(select(Reporter).where(Reporter.case_id == kept.id))).scalars()
        }
        waiting = await self._file.reporters(gone)
        for reporter in waiting:
            known = here.get(reporter.person_id)
            if known is not None:
                known.left_at = None
                self._names_over(reporter, known)
                continue
            self._file.session.add(
                Reporter(
                    community_id=kept.community_id,
                    case_id=kept.id,
                    person_id=reporter.person_id,
                    on_behalf_of=reporter.on_behalf_of,
                    consent=reporter.consent,
                    confidential=reporter.confidential,
                    own_words=reporter.own_words,
                    joined_at=self._file.now,
                )
            )
        return [reporter.person_id for reporter in waiting]

    @staticmethod
    def _names_over(gone: Reporter, kept: Reporter) -> None:
        """For whom they reported goes along; where that are two, both have to agree before they are named."""
        if gone.on_behalf_of:
            kept.consent = gone.consent and (kept.consent or not kept.on_behalf_of)
            kept.on_behalf_of = both(kept.on_behalf_of, gone.on_behalf_of)[:80]

    async def split(
        self, person_id: int, case_id: int, text: str, category: str, elsewhere: Address | None = None
    ) -> CaseView:
        """A second matter gets a case, a holder and a clock of its own; who waits for the first waits for both.

        Raises:
            Missing: no words for the second matter.
            NotAllowed, NotPossible, CaseNotFound: not the community's to do, or closed.
        """
        if not text.strip():
            raise Missing("prompt.split")
        case, role = await self._start(person_id, case_id, Action.SPLIT)
        waiting = await self._file.reporters(case)
        if not waiting:
            raise CaseNotFound(case_id)
        first = waiting[0]
        report = NewReport(
            person_id=first.person_id,
            community_id=case.community_id,
            category=category,
            text=text,
            address=elsewhere or address_of(case),
            on_behalf_of=first.on_behalf_of,
            consent=first.consent,
            opened_by=person_id,
            capacity=role,
            extra={"split_from": case.number},
        )
        view = await self._cases.open(report)
        for reporter in waiting[1:]:
            self._file.session.add(
                Reporter(
                    community_id=case.community_id,
                    case_id=view.id,
                    person_id=reporter.person_id,
                    on_behalf_of=reporter.on_behalf_of,
                    consent=reporter.consent,
                    joined_at=self._file.now,
                )
            )
        await self._file.move(case, Action.SPLIT, by=person_id, role=role, note=view.number, data={"into": view.id})
        await self._file.session.flush()
        new = await self._file.case(view.id)
        await self._file.tell_reporters(new, NoticeKind.PROGRESS, news="split", text=text, who=case.number)
        self._file.tell_each(
            await self._file.people.at_rung(case, Rung(case.rung)), case, NoticeKind.ADDED, what="split", text=text
        )
        return await self._file.view(new)
