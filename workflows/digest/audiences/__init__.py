"""One digest per audience, each composed in its own module; and how any of them travels in a notice."""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from workflows.digest.audiences.community import CommunityDigest, community_digest
from workflows.digest.audiences.department import DepartmentDigest, department_digest
from workflows.digest.audiences.grid import GridDigest, grid_digest
from workflows.digest.audiences.property import PropertyDigest, property_digest
from workflows.digest.audiences.resident import ResidentDigest, resident_digests
from workflows.policy.audiences import Audience

__all__ = [
    "CommunityDigest",
    "DepartmentDigest",
    "Digest",
    "GridDigest",
    "PropertyDigest",
    "ResidentDigest",
    "as_data",
    "community_digest",
    "department_digest",
    "from_data",
    "grid_digest",
    "property_digest",
    "resident_digests",
]

Digest = ResidentDigest | GridDigest | PropertyDigest | CommunityDigest | DepartmentDigest
_ADAPTERS: Mapping[Audience, TypeAdapter[Any]] = {
    kind.audience: TypeAdapter(kind)
    for kind in (ResidentDigest, GridDigest, PropertyDigest, CommunityDigest, DepartmentDigest)
}


def as_data(digest: Digest) -> dict[str, Any]:
    """A digest as it travels in a notice: nothing in it that JSON does not know."""
    body = _ADAPTERS[digest.audience].dump_python(digest, mode="json")
    return {"audience": digest.audience.value, "week": digest.week, "digest": body}


def from_data(data: Mapping[str, Any]) -> Digest:
    """The digest that a notice carries."""
    digest: Digest = _ADAPTERS[Audience(data["audience"])].validate_python(data["digest"])
    return digest
