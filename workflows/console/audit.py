"""The audit log: who signed in, looked at, exported or changed what, for the community's own office to read."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import or_, select

from workflows.console.viewer import Viewer
from workflows.directory_file.vocabulary import CATEGORIES, TABLE
from workflows.models import AuditEntry, Case, Person
from workflows.office import Office

PAGE = 100


class Deed(StrEnum):
    """What somebody did in the console."""

    SIGN_IN = "sign_in"
    SIGN_OUT = "sign_out"
    LOOK = "look"
    SEARCH = "search"
    ACT = "act"
    EXPORT = "export"
    IMPORT = "import"
    CHANGE = "change"
    SEND = "send"


@dataclass(frozen=True)
class AuditLine:
    """One entry as it is read."""

    id: int
    at: datetime
    who: str
    deed: Deed
    case_id: int | None
    case_number: str
    subject: str
    changes: tuple[tuple[str, str, str], ...] = ()  # of the directory: which field, what it was, what it is


def note(
    office: Office,
    viewer: Viewer,
    deed: Deed,
    subject: str = "",
    *,
    case_id: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Write it down, in the transaction of what is done."""
    office.session.add(
        AuditEntry(
            community_id=viewer.community_id,
            at=office.now,
            person_id=viewer.person_id,
            deed=deed,
            case_id=case_id,
            subject=subject[:200],
            data=dict(data or {}),
        )
    )


async def entries(
    office: Office, viewer: Viewer, *, deed: str = "", before: int | None = None, limit: int | None = PAGE
) -> list[AuditLine]:
    """The newest first; a case that is about the viewer is not named to them here either.

    Raises:
        ForTheOffice: they do not belong to the community's office.
    """
    viewer.needs_office()
    query = (
        select(AuditEntry, Person.name, Case.number)
        .join(Person, Person.id == AuditEntry.person_id)
        .outerjoin(Case, Case.id == AuditEntry.case_id)
        .where(
            AuditEntry.community_id == viewer.community_id,
            or_(AuditEntry.case_id.is_(None), viewer.sees()),
        )
        .order_by(AuditEntry.id.desc())
    )
    if deed in list(Deed):
        query = query.where(AuditEntry.deed == deed)
    if before is not None:
        query = query.where(AuditEntry.id < before)
    if limit is not None:
        query = query.limit(limit)
    return [
        AuditLine(row.id, row.at, name, Deed(row.deed), row.case_id, number or "", _subject(row, viewer), _changes(row))
        for row, name, number in await office.session.execute(query)
    ]


def _changes(row: AuditEntry) -> tuple[tuple[str, str, str], ...]:
    table = TABLE.get(str(row.data.get("table", "")))
    if table is None:
        return ()
    before, after = row.data.get("before", {}), row.data.get("after", {})
    return tuple(
        (column.header, _in_words(column.key, before.get(column.key, "")), _in_words(column.key, after[column.key]))
        for column in table.columns
        if column.key in after
    )


def _in_words(key: str, value: str) -> str:
    codes = value.split("、") if key == "answers_for" else []
    return "、".join(CATEGORIES.get(code, (code,))[0] for code in codes) if codes else value


def _subject(row: AuditEntry, viewer: Viewer) -> str:
    """What others looked for may name a matter that is about the viewer."""
    hidden = viewer.may_be_concerned and row.deed == Deed.SEARCH and row.person_id != viewer.person_id
    return "" if hidden else row.subject
