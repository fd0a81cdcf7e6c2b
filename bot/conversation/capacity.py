"""In which capacity a card is sent, for people who hold several posts: 双向进入、交叉任职 in one chat."""

from collections.abc import Sequence
from typing import Protocol

from bot.conversation.cards import ROLE
from workflows.directory import Directory
from workflows.policy.permissions import Role


class Held(Protocol):
    """A post, as the database or a turn has it."""

    @property
    def role(self) -> str: ...
    @property
    def community_id(self) -> int: ...
    @property
    def unit_id(self) -> int | None: ...
    @property
    def grid_id(self) -> int | None: ...
    @property
    def estate_id(self) -> int | None: ...


_SHORT = {Role.BRANCH_SECRETARY: "党支部书记", Role.COMMITTEE_HEAD: "主任"}
_OF_UNIT = frozenset({Role.PROPERTY_STAFF, Role.DEPARTMENT_LIAISON, Role.CLINIC_STAFF})


def post_name(post: Held, directory: Directory) -> str:
    """A post in words: 第一网格党支部书记, 富邦小区物管会主任."""
    role = Role(post.role)
    name = _SHORT.get(role, ROLE[role])
    if role is Role.COMMITTEE_HEAD and post.estate_id is not None:
        estate = directory.estate(post.estate_id)
        return f"{estate.name}{estate.committee or '业委会'}{name}"
    if role in _OF_UNIT and post.unit_id is not None:
        return f"{directory.unit(post.unit_id).name}{name}"
    if post.grid_id is not None:
        return f"{directory.grid(post.grid_id).name}{name}"
    if post.estate_id is not None:
        return f"{directory.estate(post.estate_id).name}{name}"
    return f"{directory.community(post.community_id).name}{name.removeprefix('社区')}"


def capacity_line(capacity: str, posts: Sequence[Held], directory: Directory) -> str:
    """（以第一网格党支部书记的身份）; empty for those who hold one post only, or are told as a resident."""
    names = {post_name(post, directory): post for post in posts}
    if len(names) < 2:
        return ""
    role = {"assisting_department": "department_liaison"}.get(capacity, capacity)
    mine = [name for name, post in names.items() if post.role == role]
    return f"（以{'、'.join(mine)}的身份）" if mine else ""
