"""What the console keeps of its own: who did what in it, and the calls that the city's line counted."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId


class AuditEntry(Base):
    """One thing that somebody looked at, exported or changed in the console. Appended, never edited."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_community", "community_id", "id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    at: Mapped[datetime]
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    deed: Mapped[str] = mapped_column(String(20))  # see workflows.console.audit.Deed
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    subject: Mapped[str] = mapped_column(String(200), default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class HotlineMonth(Base):
    """How often 12345 was called from a community in a month, as the city reports it: entered or imported."""

    __tablename__ = "hotline_months"
    __table_args__ = (UniqueConstraint("community_id", "month"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    month: Mapped[str] = mapped_column(String(7))  # 2026-11
    calls: Mapped[int]
    entered_by: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    entered_at: Mapped[datetime]
