"""Who looks into the console, and which cases they may see: the SQL twin of `People.relations` and `People.excluded`."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, false, not_, or_, true

from workflows.models import Case, Person, Post
from workflows.people import OFFICE_ROLES, People
from workflows.policy.permissions import Role

GRID_ROLES = (Role.GRID_WORKER, Role.BRANCH_SECRETARY)
UNIT_ROLES = (Role.PROPERTY_STAFF, Role.DEPARTMENT_LIAISON)
CONSOLE_ROLES = frozenset({*OFFICE_ROLES, *GRID_ROLES, *UNIT_ROLES})


class NotOnDuty(Exception):
    """They hold no post that the console is for; whoever lost it is out at once."""


class ForTheOffice(Exception):
    """Only the community's own office sees this page."""


class ForTheSecretary(Exception):
    """Only the community's secretary does this."""


@dataclass(frozen=True)
class Viewer:
    """One person and the posts they hold at this moment, looking at one community.

    Whom a matter is about follows from all their posts, what they see and do from those in this community.
    """

    person_id: int
    name: str
    community_id: int
    posts: tuple[Post, ...]
    communities: tuple[int, ...] = ()  # where they have posts that the console is for

    @property
    def here(self) -> list[Post]:
        """Their posts in the community that they look at."""
        return [post for post in self.posts if post.community_id == self.community_id]

    def has(self, *roles: Role) -> bool:
        """Whether one of their posts is one of these."""
        return any(post.role in roles for post in self.posts)

    @property
    def office(self) -> bool:
        """Whether they work in the community's office (of `community_id`)."""
        return any(post.role in OFFICE_ROLES and post.community_id == self.community_id for post in self.posts)

    @property
    def secretary(self) -> bool:
        """Whether they lead it."""
        return any(
            post.role == Role.COMMUNITY_SECRETARY and post.community_id == self.community_id for post in self.posts
        )

    def needs_office(self) -> None:
        """Raises ForTheOffice unless they belong to it."""
        if not self.office:
            raise ForTheOffice

    def needs_secretary(self) -> None:
        """Raises ForTheSecretary unless they are."""
        if not self.secretary:
            raise ForTheSecretary

    # ---- cases

    def sees(self) -> ColumnElement[bool]:
        """The cases of this person's lists: of the office's community, of their grids, in their units' hands.

        Never one that is about them, in whatever post.
        """
        return and_(self._covered(), self.not_about_me())

    def _covered(self) -> ColumnElement[bool]:
        if self.office:
            return Case.community_id == self.community_id
        grids = self._places("grid_id", GRID_ROLES, self.here)
        units = self._places("unit_id", UNIT_ROLES, self.here)
        ways: list[ColumnElement[bool]] = []
        if grids:
            ways.append(Case.grid_id.in_(grids))
        if units:
            ways.append(Case.holder_unit_id.in_(units))
        return or_(*ways) if ways else false()

    def not_about_me(self) -> ColumnElement[bool]:
        """Leaves out what is about them, in whatever post."""
        out: list[ColumnElement[bool]] = [true()]
        companies = self._places("unit_id", (Role.PROPERTY_STAFF,))
        if companies:
            out.append(or_(Case.about_unit_id.is_(None), Case.about_unit_id.not_in(companies)))
        estates = self._places("estate_id", (Role.COMMITTEE_HEAD,))
        if estates:
            out.append(not_(and_(Case.about_committee, Case.estate_id.is_not(None), Case.estate_id.in_(estates))))
        grids = self._places("grid_id", GRID_ROLES)
        if grids:
            out.append(not_(and_(Case.about_grid, Case.grid_id.is_not(None), Case.grid_id.in_(grids))))
        return and_(*out)

    @property
    def may_be_concerned(self) -> bool:
        """Whether complaints can be about them: then they are shown nothing that was made for somebody else's eyes."""
        return self.has(Role.PROPERTY_STAFF, Role.COMMITTEE_HEAD, *GRID_ROLES)

    def _places(self, column: str, roles: Sequence[Role], posts: Sequence[Post] | None = None) -> list[int]:
        found = {getattr(post, column) for post in (self.posts if posts is None else posts) if post.role in roles}
        return sorted(place for place in found if place is not None)


async def viewer(people: People, person_id: int, chosen: int | None = None) -> Viewer:
    """Who this is now: asked at every request, so that an ended post opens nothing.

    `chosen`: the community that they want to look at. Without a post there it is as if they had not said so.

    Raises:
        NotOnDuty: no such person, or no post that the console is for.
    """
    try:
        person: Person = await people.person(person_id)
    except LookupError:
        raise NotOnDuty from None
    posts = tuple(await people.posts(person_id))
    if not any(post.role in CONSOLE_ROLES for post in posts):
        raise NotOnDuty
    office = [post.community_id for post in posts if post.role in OFFICE_ROLES]
    every = tuple(dict.fromkeys(post.community_id for post in posts if post.role in CONSOLE_ROLES))
    if chosen is not None and chosen in every:
        return Viewer(person_id, person.name, chosen, posts, every)
    # The first, where there are several: as the community's digest does.
    return Viewer(person_id, person.name, office[0] if office else every[0], posts, every)
