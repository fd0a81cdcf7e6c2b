"""Persons, the posts they hold, and how they stand to a case."""

import hashlib
import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import Select, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from workflows.models import Account, Case, CaseEvent, Invitation, Person, Post, Reporter, Whistle
from workflows.policy.lifecycle import Rung
from workflows.policy.permissions import Relation, Role
from workflows.policy.places import Address

_REACHED = (
    select(Person, Account, Post)
    .outerjoin(Account, and_(Account.person_id == Person.id, Account.blocked_at.is_(None)))
    .outerjoin(Post, and_(Post.person_id == Person.id, Post.until.is_(None)))
    .where(Person.id.in_(bindparam("ids", expanding=True)))
    .order_by(Person.id, Account.id, Post.id)
)
OFFICE_ROLES = (Role.COMMUNITY_SECRETARY, Role.COMMUNITY_STAFF)


@cache
def _held(known: frozenset[str]) -> Select[int, str]:
    """Who holds posts of some roles, narrowed by what is known; built once for each of its few shapes."""
    query = select(Post.person_id, Post.role).where(
        Post.role.in_(bindparam("roles", expanding=True)), Post.until.is_(None)
    )
    for name in sorted(known - {"entrances"}):
        query = query.where(getattr(Post, name) == bindparam(name))
    if "entrances" in known:
        query = query.where(Post.entrance.in_(bindparam("entrances", expanding=True)))
    return query.order_by(Post.id)


class InvitationRefused(Exception):
    """The code is unknown, used or expired; the sentence tells which. Nothing was changed."""

    def __init__(self, phrase: str) -> None:
        super().__init__(phrase)
        self.phrase = phrase


@dataclass(frozen=True)
class Colleague:
    """A person in one of their posts."""

    person_id: int
    role: Role


@dataclass(frozen=True)
class Known:
    """Who writes in a chat: their account there, themselves, and the posts they hold now."""

    account: Account
    person: Person
    posts: Sequence[Post]


@dataclass(frozen=True)
class Reached:
    """Somebody who is to be told something: themselves, every chat in which they can be reached, the posts they hold now."""

    person: Person
    accounts: Sequence[Account]
    posts: Sequence[Post]


class People:
    """Who somebody is and whom a matter concerns. One instance per transaction."""

    def __init__(self, session: AsyncSession, now: datetime) -> None:
        self._session = session
        self._now = now
        self._posts: dict[int, Sequence[Post]] = {}

    async def account(self, channel: str, chat_key: str) -> Account | None:
        """The account behind a chat, if it has written before."""
        return (
            await self._session.execute(select(Account).where(Account.channel == channel, Account.chat_key == chat_key))
        ).scalar_one_or_none()

    async def newcomer(self, channel: str, chat_key: str, name: str, community_id: int) -> Known:
        """Somebody writes for the first time: a resident of nowhere yet."""
        person = Person(community_id=community_id, name=name or "居民", created_at=self._now)
        self._session.add(person)
        await self._session.flush()
        account = Account(
            community_id=community_id, person_id=person.id, channel=channel, chat_key=chat_key, last_seen_at=self._now
        )
        self._session.add(account)
        await self._session.flush()
        return Known(account, person, ())

    async def person(self, person_id: int) -> Person:
        """The person of that id.

        Raises:
            LookupError: there is none.
        """
        found = await self._session.get(Person, person_id)
        if found is None:
            raise LookupError(f"no person {person_id}")
        return found

    async def accounts_of(self, person_id: int) -> Sequence[Account]:
        """Every chat in which this person can be reached."""
        rows = await self._session.execute(
            select(Account).where(Account.person_id == person_id, Account.blocked_at.is_(None)).order_by(Account.id)
        )
        return rows.scalars().all()

    async def reached(self, ids: Iterable[int]) -> dict[int, Reached]:
        """How several persons can be reached."""
        persons: dict[int, Person] = {}
        accounts: dict[int, dict[int, Account]] = defaultdict(dict)
        posts: dict[int, dict[int, Post]] = defaultdict(dict)
        for person, account, post in await self._session.execute(_REACHED, {"ids": list(ids)}):
            persons[person.id] = person
            if account is not None:
                accounts[person.id][account.id] = account
            if post is not None:
                posts[person.id][post.id] = post
        return {
            one: Reached(person, tuple(accounts[one].values()), tuple(posts[one].values()))
            for one, person in persons.items()
        }

    async def posts(self, person_id: int) -> Sequence[Post]:
        """The posts this person holds now."""
        if person_id not in self._posts:
            rows = await self._session.execute(
                select(Post).where(Post.person_id == person_id, Post.until.is_(None)).order_by(Post.id)
            )
            self._posts[person_id] = rows.scalars().all()
        return self._posts[person_id]

    async def holders(
        self,
        *roles: Role,
        community_id: int | None = None,
        unit_id: int | None = None,
        grid_id: int | None = None,
        building_id: int | None = None,
        estate_id: int | None = None,
        entrance: str | None = None,
    ) -> list[Colleague]:
        """Who holds one of these posts now, narrowed by what is given."""
        given = {
            "community_id": community_id,
            "unit_id": unit_id,
            "grid_id": grid_id,
            "building_id": building_id,
            "estate_id": estate_id,
            "entrances": ["", entrance] if entrance else None,
        }
        known = {name: value for name, value in given.items() if value is not None}
        query = _held(frozenset(known))
        rows = await self._session.execute(query, {"roles": [role.value for role in roles], **known})
        seen: dict[int, Colleague] = {}
        for person_id, role in rows:
            seen.setdefault(person_id, Colleague(person_id, Role(role)))
        return list(seen.values())

    async def excluded(self, case: Case) -> frozenset[int]:
        """Whom the case is about: they get no card of it and may not act on it, in whatever post."""
        out: set[int] = set()
        if case.about_unit_id is not None:
            out |= {c.person_id for c in await self.holders(Role.PROPERTY_STAFF, unit_id=case.about_unit_id)}
        if case.about_committee and case.estate_id is not None:
            out |= {c.person_id for c in await self.holders(Role.COMMITTEE_HEAD, estate_id=case.estate_id)}
        if case.about_grid and case.grid_id is not None:
            near = await self.holders(Role.GRID_WORKER, Role.BRANCH_SECRETARY, grid_id=case.grid_id)
            out |= {c.person_id for c in near}
        return frozenset(out)

    async def at_rung(self, case: Case, rung: Rung) -> list[Colleague]:
        """Who works on a case at this rung, without those it is about."""
        match rung:
            case Rung.GRID_BRANCH:
                found = await self.holders(Role.GRID_WORKER, grid_id=case.grid_id) if case.grid_id else []
                if case.grid_id and not found:
                    found = await self.holders(Role.BRANCH_SECRETARY, grid_id=case.grid_id)
            case Rung.PROPERTY:
                found = await self.holders(Role.PROPERTY_STAFF, unit_id=case.holder_unit_id)
            case Rung.COMMUNITY:
                found = await self.holders(*OFFICE_ROLES, community_id=case.community_id)
            case Rung.DEPARTMENT:
                found = await self.holders(Role.DEPARTMENT_LIAISON, unit_id=case.holder_unit_id)
        out = await self.excluded(case)
        return [colleague for colleague in found if colleague.person_id not in out]

    async def overseers(self, case: Case, rung: Rung) -> list[Colleague]:
        """Who is told when a rung is silent: the branch secretary for the grid, else the community."""
        if rung is Rung.GRID_BRANCH and case.grid_id:
            found = await self.holders(Role.BRANCH_SECRETARY, grid_id=case.grid_id)
        else:
            found = await self.holders(*OFFICE_ROLES, community_id=case.community_id)
        out = await self.excluded(case)
        return [colleague for colleague in found if colleague.person_id not in out]

    async def circle(self, case: Case) -> list[Colleague]:
        """Who must know of a confidential case: the grid's two and the community's office, without those it is about."""
        near = await self.holders(Role.GRID_WORKER, Role.BRANCH_SECRETARY, grid_id=case.grid_id) if case.grid_id else []
        found = [*near, *await self.holders(*OFFICE_ROLES, community_id=case.community_id)]
        out = await self.excluded(case)
        return [colleague for colleague in found if colleague.person_id not in out]

    async def witnesses(self, case: Case) -> list[Colleague]:
        """Who looks on the spot whether it is done: the grid worker, else the branch secretary, else the office."""
        found = await self.at_rung(case, Rung.GRID_BRANCH)
        return found or await self.at_rung(case, Rung.COMMUNITY)

    async def relations(self, person_id: int, case: Case) -> frozenset[Relation]:
        """How a person stands to a case now, from their posts and its place; never from what they claim."""
        out: set[Relation] = set()
        reporter = await self._session.execute(
            select(Reporter.id).where(
                Reporter.case_id == case.id, Reporter.person_id == person_id, Reporter.left_at.is_(None)
            )
        )
        if reporter.first():
            out.add(Relation.REPORTER)
        posts = await self.posts(person_id)
        if not posts or person_id in await self.excluded(case):
            return frozenset(out)
        for post in posts:
            relation = await self._relation(post, case)
            if relation:
                out.add(relation)
            if relation is Relation.COMMUNITY and post.role == Role.COMMUNITY_SECRETARY:
                out.add(Relation.SECRETARY)
            if post.role == Role.DEPARTMENT_LIAISON and await self._assists(post, case):
                out.add(Relation.ASSISTANT)
        return frozenset(out)

    async def _assists(self, post: Post, case: Case) -> bool:
        """Whether the department was called to help the one that leads."""
        called = await self._session.execute(
            select(Whistle.id)
            .where(Whistle.case_id == case.id, Whistle.department_unit_id == post.unit_id, Whistle.lead.is_(False))
            .limit(1)
        )
        return called.first() is not None

    async def _relation(self, post: Post, case: Case) -> Relation | None:
        match Role(post.role):
            case Role.GRID_WORKER if post.grid_id is not None and post.grid_id == case.grid_id:
                return Relation.GRID_WORKER
            case Role.BRANCH_SECRETARY if post.grid_id is not None and post.grid_id == case.grid_id:
                return Relation.BRANCH
            case Role.BUILDING_HEAD | Role.LIAISON if (
                post.building_id is not None and post.building_id == case.building_id
            ):
                return Relation.BUILDING_HEAD
            case Role.COMMUNITY_SECRETARY | Role.COMMUNITY_STAFF if post.community_id == case.community_id:
                return Relation.COMMUNITY
            case Role.PROPERTY_STAFF if await self._holds_or_held(post, case):
                return Relation.PROPERTY
            case Role.DEPARTMENT_LIAISON if await self._holds_or_held(post, case):
                return Relation.DEPARTMENT
            case _:
                return None

    async def _holds_or_held(self, post: Post, case: Case) -> bool:
        if post.unit_id is None:
            return False
        if post.unit_id == case.holder_unit_id:
            return True
        held = await self._session.execute(
            select(CaseEvent.id).where(CaseEvent.case_id == case.id, CaseEvent.holder_unit_id == post.unit_id).limit(1)
        )
        return held.first() is not None

    async def invite(self, person_id: int, issued_by: int | None, valid: timedelta) -> str:
        """A one-time code with which `person_id` takes up their posts in a chat. Shown once, stored hashed."""
        person = await self.person(person_id)
        code = "-".join(secrets.token_hex(2).upper() for _ in range(3))
        self._session.add(
            Invitation(
                community_id=person.community_id,
                code_hash=_hash(code),
                person_id=person_id,
                issued_by=issued_by,
                issued_at=self._now,
                expires_at=self._now + valid,
            )
        )
        await self._session.flush()
        return code

    async def join(self, code: str, account_id: int) -> Person:
        """The chat behind an account becomes the invited person's, with what it had reported before.

        Raises:
            InvitationRefused: unknown, used or expired code.
        """
        found = (
            await self._session.execute(select(Invitation).where(Invitation.code_hash == _hash(code)).with_for_update())
        ).scalar_one_or_none()
        if found is None:
            raise InvitationRefused("join.unknown")
        if found.used_at is not None:
            raise InvitationRefused("join.used")
        if found.expires_at <= self._now:
            raise InvitationRefused("join.expired")
        found.used_at = self._now
        account = await self._session.get_one(Account, account_id)
        before, account.person_id = account.person_id, found.person_id
        if before != found.person_id:
            theirs = select(Reporter.case_id).where(Reporter.person_id == found.person_id)
            await self._session.execute(
                update(Reporter)
                .where(Reporter.person_id == before, Reporter.case_id.not_in(theirs))
                .values(person_id=found.person_id)
                .execution_options(synchronize_session=False)
            )
        await self._session.flush()
        return await self.person(found.person_id)

    async def named_with_post(self, name: str, community_ids: Sequence[int]) -> Person | None:
        """Somebody of that name who holds a post in one of these communities."""
        row = await self._session.execute(
            select(Person)
            .join(Post, Post.person_id == Person.id)
            .where(Person.name == name, Post.until.is_(None), Post.community_id.in_(community_ids))
            .order_by(Person.id)
            .limit(1)
        )
        return row.scalar_one_or_none()

    async def office_named(self, text: str, community_id: int) -> bool:
        """Whether the words name somebody of the community's own office."""
        ids = [colleague.person_id for colleague in await self.holders(*OFFICE_ROLES, community_id=community_id)]
        return any(person.name in text for person in (await self.people_of(ids)).values())

    async def set_home(self, person_id: int, home: Address) -> None:
        """Keep where somebody lives."""
        person = await self.person(person_id)
        person.home_estate_id, person.home_building = home.estate_id, home.building
        person.home_unit, person.home_room = home.unit, home.room
        if home.community_id is not None:
            person.community_id = home.community_id
        await self._session.flush()

    async def set_digest(self, person_id: int, how: str) -> None:
        """How often: a `Frequency`."""
        (await self.person(person_id)).digest = how
        await self._session.flush()

    async def set_elder(self, person_id: int, how: str) -> None:
        """长辈版: on, off, or offered."""
        (await self.person(person_id)).elder = how
        await self._session.flush()

    async def people_of(self, ids: Iterable[int]) -> dict[int, Person]:
        """Several persons at once."""
        wanted = list(set(ids))
        if not wanted:
            return {}
        rows = await self._session.execute(select(Person).where(Person.id.in_(wanted)))
        return {person.id: person for person in rows.scalars()}


def _hash(code: str) -> str:
    return hashlib.sha256(code.strip().upper().encode()).hexdigest()
