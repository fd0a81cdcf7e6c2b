"""Who holds which post, editing it: end a post, appoint somebody and give them a one-time code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, select

from workflows.console import audit
from workflows.console.audit import Deed
from workflows.console.viewer import Viewer
from workflows.directory_file.posts import NEEDS, UNIT_KIND_OF_ROLE
from workflows.models import Account, Building, Person, Post
from workflows.office import Office
from workflows.people import OFFICE_ROLES
from workflows.policy.permissions import Role
from workflows.policy.privacy import mask


class RosterRefused(Exception):
    """It was not done; `phrase` says why. Nothing was changed."""

    def __init__(self, phrase: str) -> None:
        super().__init__(phrase)
        self.phrase = phrase


@dataclass(frozen=True)
class PostLine:
    """A post that somebody holds."""

    id: int
    person_id: int
    name: str
    phone: str  # masked
    role: Role
    where: str
    since: datetime
    joined: bool  # whether 小哨 can reach them in a chat


@dataclass(frozen=True)
class Appointment:
    """Who is to hold which post where."""

    name: str
    phone: str
    role: Role
    unit_id: int | None = None
    grid_id: int | None = None
    estate_id: int | None = None
    building: str = ""


async def posts(office: Office, viewer: Viewer, role: str = "") -> Sequence[PostLine]:
    """The posts of the community that are held now.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    reached = exists().where(Account.person_id == Post.person_id, Account.blocked_at.is_(None))
    query = (
        select(Post, Person, Building.number, reached)
        .join(Person, Person.id == Post.person_id)
        .outerjoin(Building, Building.id == Post.building_id)
        .where(Post.community_id == viewer.community_id, Post.until.is_(None))
        .order_by(Post.role, Post.grid_id, Post.unit_id, Post.id)
    )
    if role in list(Role):
        query = query.where(Post.role == role)
    order = list(Role)
    lines = [
        PostLine(
            id=post.id,
            person_id=person.id,
            name=person.name,
            phone=mask(person.phone),
            role=Role(post.role),
            where=_where(office, post, number or ""),
            since=post.since,
            joined=joined,
        )
        for post, person, number, joined in await office.session.execute(query)
    ]
    return sorted(lines, key=lambda line: (_RANK.get(line.role, order.index(line.role) + 10), line.where, line.id))


_RANK = {Role.COMMUNITY_SECRETARY: 0, Role.COMMUNITY_STAFF: 1, Role.BRANCH_SECRETARY: 2, Role.GRID_WORKER: 3}


def _where(office: Office, post: Post, building: str) -> str:
    directory, parts = office.directory, []
    if post.estate_id is not None:
        parts.append(directory.estate(post.estate_id).name + (f"{building}号楼" if building else ""))
        parts.append(f"{post.entrance}单元" if post.entrance else "")
    elif post.unit_id is not None:
        parts.append(directory.unit(post.unit_id).name)
    elif post.grid_id is not None:
        parts.append(directory.grid(post.grid_id).name)
    return "".join(parts)


async def end(office: Office, viewer: Viewer, post_id: int) -> PostLine:
    """The post ends now; what its holder may do ends with it, in chat and in the console.

    Raises:
        ForTheSecretary: only they do this.
        RosterRefused: no such post here, ended already, or the community would be left without a secretary.
    """
    viewer.needs_secretary()
    line = next((line for line in await posts(office, viewer) if line.id == post_id), None)
    if line is None:
        raise RosterRefused("这个岗位已经结束了，或者不是本社区的。")
    if line.role is Role.COMMUNITY_SECRETARY:
        others = await office.people.holders(Role.COMMUNITY_SECRETARY, community_id=viewer.community_id)
        if all(colleague.person_id == line.person_id for colleague in others):
            raise RosterRefused("社区不能没有书记：请先任命接任的人，再结束这个岗位。")
    post = await office.session.get_one(Post, post_id, with_for_update=True)
    post.until = office.now
    audit.note(office, viewer, Deed.CHANGE, f"结束岗位：{line.name}，{line.role.value}，{line.where}")
    await office.session.flush()
    return line


async def appoint(office: Office, viewer: Viewer, wanted: Appointment, valid: timedelta) -> tuple[Person, str]:
    """Give somebody a post, and the one-time code with which they take it up in their chat.

    Somebody of the community with the same name and phone number is taken to be the same person.

    Raises:
        ForTheSecretary: only they do this.
        RosterRefused: something is missing, or not of this community.
    """
    viewer.needs_secretary()
    name, phone = wanted.name.strip()[:80], wanted.phone.strip()[:30]
    if not name:
        raise RosterRefused("请写姓名。")
    grid_id, unit_id, estate_id, building_id = await _scope(office, viewer, wanted)
    person = await _person(office, viewer, name, phone)
    _in_the_file(person)
    if await _holds(office, person.id, wanted.role, unit_id, grid_id, estate_id, building_id):
        raise RosterRefused(f"{name}已经有这个岗位了。要重新发邀请码，点名单里的“发邀请码”。")
    office.session.add(
        Post(
            community_id=viewer.community_id,
            person_id=person.id,
            role=wanted.role,
            unit_id=unit_id,
            grid_id=grid_id,
            estate_id=estate_id,
            building_id=building_id,
            since=office.now,
        )
    )
    await office.session.flush()
    code = await office.people.invite(person.id, viewer.person_id, valid)
    audit.note(office, viewer, Deed.CHANGE, f"任命：{name}，{wanted.role.value}")
    return person, code


async def invite(office: Office, viewer: Viewer, person_id: int, valid: timedelta) -> tuple[Person, str]:
    """Another one-time code for somebody who holds a post here.

    Raises:
        ForTheSecretary: only they do this.
        RosterRefused: they hold none.
    """
    viewer.needs_secretary()
    if not any(line.person_id == person_id for line in await posts(office, viewer)):
        raise RosterRefused("本社区没有这个人的岗位。")
    person = await office.people.person(person_id)
    code = await office.people.invite(person_id, viewer.person_id, valid)
    audit.note(office, viewer, Deed.CHANGE, f"发邀请码：{person.name}")
    return person, code


async def _person(office: Office, viewer: Viewer, name: str, phone: str) -> Person:
    if phone:
        known = await office.session.execute(
            select(Person)
            .where(Person.community_id == viewer.community_id, Person.name == name, Person.phone == phone)
            .order_by(Person.id)
            .limit(1)
        )
        if (found := known.scalar_one_or_none()) is not None:
            return found
    person = Person(community_id=viewer.community_id, name=name, phone=phone, created_at=office.now)
    office.session.add(person)
    await office.session.flush()
    return person


def _in_the_file(person: Person) -> None:
    """Whoever holds a post stands in the exported directory, and is the same person when it is imported."""
    person.key = person.key or f"p{person.id}"


async def _holds(
    office: Office,
    person_id: int,
    role: Role,
    unit_id: int | None,
    grid_id: int | None,
    estate_id: int | None,
    building_id: int | None,
) -> bool:
    wanted = (role, unit_id, grid_id, estate_id, building_id)
    return any(
        (post.role, post.unit_id, post.grid_id, post.estate_id, post.building_id) == wanted
        for post in await office.people.posts(person_id)
    )


async def _scope(
    office: Office, viewer: Viewer, wanted: Appointment
) -> tuple[int | None, int | None, int | None, int | None]:
    """(grid, unit, estate, building) of the post, as the directory file fills them in."""
    directory, here = office.directory, viewer.community_id
    needs = NEEDS[wanted.role]
    grid = next((g for g in directory.grids_of(here) if g.id == wanted.grid_id), None) if "grid" in needs else None
    if "grid" in needs and grid is None:
        raise RosterRefused("这个岗位要选一个网格。")
    estate = next((e for e in directory.estates_of(here) if e.id == wanted.estate_id), None)
    if "estate" not in needs:
        estate = None
    elif estate is None:
        raise RosterRefused("这个岗位要选一个小区。")
    building = None
    if "building" in needs and estate is not None:
        building = directory.building(estate.id, wanted.building.strip().removesuffix("楼").removesuffix("号"))
        if building is None:
            numbers = "、".join(card.number for card in directory.buildings_of(estate.id)[:12])
            raise RosterRefused(f"{estate.name}没有这栋楼。名录里有：{numbers or '（还没有录入）'}。")
    unit_id: int | None = None
    kind = UNIT_KIND_OF_ROLE[wanted.role]
    if "unit" in needs:
        if kind is None or wanted.unit_id not in {unit.id for unit in directory.units_of(here, kind)}:
            raise RosterRefused("这个岗位要选一个单位：物业公司或者部门。")
        unit_id = wanted.unit_id
    elif wanted.role in OFFICE_ROLES:
        unit_id = directory.community_unit(here)
    grid_id = grid.id if grid else (building.grid_id if building else None)
    if kind == "grid_branch" and grid_id is not None:
        unit_id = directory.branch_of(grid_id)
    return grid_id, unit_id, estate.id if estate else None, building.id if building else None
