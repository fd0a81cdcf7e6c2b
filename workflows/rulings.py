"""归属裁定: kept as precedents, found again by words, and made into routing rules when a person says so."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from workflows.case_file import CaseFile
from workflows.models import Case, Person, Post, RoutingRule, Ruling, Whistle
from workflows.people import OFFICE_ROLES
from workflows.policy import precedents
from workflows.policy.lifecycle import Action
from workflows.policy.permissions import NotAllowed, Role
from workflows.unnamed import unnamed

_READERS = frozenset({*OFFICE_ROLES, Role.GRID_WORKER, Role.BRANCH_SECRETARY})
SCOPES = ("place", "estate", "all")


@dataclass(frozen=True)
class Precedent:
    """A ruling as people read it."""

    id: int
    number: str
    at: datetime
    category: str
    text: str
    estate: str
    place: str
    refused_by: tuple[str, ...]
    department: str
    reason: str
    by: str


@dataclass(frozen=True)
class Rule:
    """A routing rule with where it comes from."""

    id: int
    category: str
    estate: str
    word: str
    department: str
    number: str  # of the case whose ruling it was
    by: str
    at: datetime


class RulingNotFound(LookupError):
    """No such ruling or rule, or none of this person's community."""


class Rulings:
    """One instance per transaction."""

    def __init__(self, file: CaseFile) -> None:
        self._file = file

    async def record(self, case: Case, department_unit_id: int, reason: str, person_id: int) -> Ruling:
        """Keep whose the matter is, and who had said that it was not theirs."""
        rows = await self._file.session.execute(
            select(Whistle.department_unit_id)
            .where(Whistle.case_id == case.id, Whistle.state == "refused", Whistle.lead.is_(True))
            .order_by(Whistle.id)
        )
        ruling = Ruling(
            community_id=case.community_id,
            case_id=case.id,
            category=case.category,
            text=case.text,
            estate_text=case.estate_text,
            place_text=case.place_text,
            refused_by=[self._file.directory.unit(unit).name for unit in dict.fromkeys(rows.scalars())],
            department_unit_id=department_unit_id,
            reason=reason,
            ruled_by=person_id,
            at=self._file.now,
        )
        self._file.session.add(ruling)
        await self._file.session.flush()
        return ruling

    async def _communities(self, person_id: int, roles: frozenset[Role] = _READERS) -> list[int]:
        posts: list[Post] = list(await self._file.people.posts(person_id))
        found = list(dict.fromkeys(post.community_id for post in posts if Role(post.role) in roles))
        if not found:
            raise NotAllowed(Action.ROUTE)
        return found

    async def search(self, person_id: int, words: str, category: str = "", limit: int = 5) -> list[Precedent]:
        """Rulings of this person's community that have to do with these words; without words the newest.

        Raises:
            NotAllowed: for those who rule and patrol; a resident's words stand in it.
        """
        communities = await self._communities(person_id)
        rows = await self._file.session.execute(
            select(Ruling).where(Ruling.community_id.in_(communities)).order_by(Ruling.id.desc()).limit(2000)
        )
        known = {row.id: row for row in rows.scalars()}
        unit = self._file.directory.unit
        ruled = [
            precedents.Ruled(r.id, r.category, r.estate_text, r.place_text, r.text, unit(r.department_unit_id).name)
            for r in known.values()
        ]
        found: list[Precedent] = []
        for ruling_id in precedents.most_like(ruled, words, category, len(ruled)):
            if len(found) < limit and not await self._about(person_id, known[ruling_id]):
                found.append(await self.precedent(known[ruling_id]))
        return found

    async def _about(self, person_id: int, ruling: Ruling) -> bool:
        """Whether the ruled case is about this person: then they find it nowhere."""
        case = await self._file.session.get_one(Case, ruling.case_id)
        return person_id in await self._file.people.excluded(case)

    async def of_case(self, case_id: int) -> Precedent | None:
        """The last ruling on a case."""
        row = await self._file.session.execute(
            select(Ruling).where(Ruling.case_id == case_id).order_by(Ruling.id.desc()).limit(1)
        )
        found = row.scalar_one_or_none()
        return await self.precedent(found) if found is not None else None

    async def precedent(self, row: Ruling) -> Precedent:
        """A ruling as it may be read: without the names that nobody has agreed to."""
        case = await self._file.session.get_one(Case, row.case_id)
        by = await self._file.session.get(Person, row.ruled_by) if row.ruled_by is not None else None
        names = await unnamed(self._file.session, [row.case_id])
        return Precedent(
            row.id,
            case.number,
            row.at,
            self._file.rules.categories.get(row.category, row.category),
            names.hidden(row.case_id, row.text),
            row.estate_text,
            row.place_text,
            tuple(row.refused_by),
            self._file.directory.unit(row.department_unit_id).name,
            names.hidden(row.case_id, row.reason),
            by.name if by is not None else "",
        )

    # ---- rules

    async def accept(self, person_id: int, ruling_id: int, scope: str) -> Rule:
        """Make a rule of a ruling: at this spot, in this estate, or in the whole community.

        The newest rule that speaks of a case is asked before the table of the configuration.

        Raises:
            RulingNotFound: no such ruling in their community.
            NotAllowed: only the community's office accepts rules.
            ValueError: an unknown scope.
        """
        if scope not in SCOPES:
            raise ValueError(f"scope {scope!r}")
        ruling = await self._to_decide(person_id, ruling_id)
        ruling.declined_at = None
        wanted = {
            "category": ruling.category,
            "estate_text": "" if scope == "all" else ruling.estate_text,
            "word": ruling.place_text if scope == "place" else "",
            "department_unit_id": ruling.department_unit_id,
        }
        same = await self._file.session.execute(
            select(RoutingRule).where(
                RoutingRule.ruling_id == ruling.id,
                RoutingRule.ended_at.is_(None),
                *(getattr(RoutingRule, key) == value for key, value in wanted.items()),
            )
        )
        rule = same.scalars().first()
        if rule is None:  # a second tap makes no second rule
            rule = RoutingRule(
                community_id=ruling.community_id,
                ruling_id=ruling.id,
                accepted_by=person_id,
                accepted_at=self._file.now,
                **wanted,
            )
            self._file.session.add(rule)
            await self._file.session.flush()
        return await self._rule(rule)

    async def decline(self, person_id: int, ruling_id: int) -> Precedent:
        """只这一次: it stays a precedent and is proposed as a rule no more.

        Raises:
            RulingNotFound: no such ruling in their community.
            NotAllowed: only the community's office decides that.
        """
        ruling = await self._to_decide(person_id, ruling_id)
        ruling.declined_at = ruling.declined_at or self._file.now
        await self._file.session.flush()
        return await self.precedent(ruling)

    async def _to_decide(self, person_id: int, ruling_id: int) -> Ruling:
        """The ruling, locked, for somebody of its community's office whom its case is not about."""
        communities = await self._communities(person_id, frozenset(OFFICE_ROLES))
        ruling = await self._file.session.get(Ruling, ruling_id, with_for_update=True)
        if ruling is None or ruling.community_id not in communities or await self._about(person_id, ruling):
            raise RulingNotFound(ruling_id)
        return ruling

    async def rules(self, person_id: int) -> list[Rule]:
        """The rules of this person's community that are in force, the newest (and first asked) first.

        Raises:
            NotAllowed: not of a community's office or grid.
        """
        communities = await self._communities(person_id)
        rows = await self._file.session.execute(
            select(RoutingRule)
            .where(RoutingRule.community_id.in_(communities), RoutingRule.ended_at.is_(None))
            .order_by(RoutingRule.id.desc())
            .limit(50)
        )
        out = []
        for row in rows.scalars():
            if not await self._about(person_id, await self._file.session.get_one(Ruling, row.ruling_id)):
                out.append(await self._rule(row))
        return out

    async def end(self, person_id: int, rule_id: int) -> Rule:
        """Lay a rule down; cases that followed it keep their way.

        Raises:
            RulingNotFound: no such rule in force in their community.
            NotAllowed: only the community's office does that.
        """
        communities = await self._communities(person_id, frozenset(OFFICE_ROLES))
        rule = await self._file.session.get(RoutingRule, rule_id, with_for_update=True)
        if rule is None or rule.community_id not in communities or rule.ended_at is not None:
            raise RulingNotFound(rule_id)
        rule.ended_at = self._file.now
        await self._file.session.flush()
        return await self._rule(rule)

    async def _rule(self, row: RoutingRule) -> Rule:
        ruling = await self._file.session.get_one(Ruling, row.ruling_id)
        case = await self._file.session.get_one(Case, ruling.case_id)
        by = await self._file.session.get(Person, row.accepted_by) if row.accepted_by is not None else None
        return Rule(
            row.id,
            self._file.rules.categories.get(row.category, row.category),
            row.estate_text,
            row.word,
            self._file.directory.unit(row.department_unit_id).name,
            case.number,
            by.name if by is not None else "",
            row.accepted_at,
        )
