"""What a whistle leaves behind: links for departments without an account, rulings, and the rules made of them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId


class AnswerLink(Base):
    """A one-case link by which a department answers without an account. Only the hash of its secret is stored."""

    __tablename__ = "answer_links"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    whistle_id: Mapped[int] = mapped_column(ForeignKey("whistles.id"), index=True)
    secret_hash: Mapped[str] = mapped_column(String(64))
    issued_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Ruling(Base):
    """归属裁定: whose a matter is, decided after a department had refused it. A precedent for the next one."""

    __tablename__ = "rulings"
    __table_args__ = (Index("ix_rulings_category", "community_id", "category"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    category: Mapped[str] = mapped_column(String(30))
    text: Mapped[str] = mapped_column(Text)
    estate_text: Mapped[str] = mapped_column(String(80), default="")
    place_text: Mapped[str] = mapped_column(String(200), default="")
    refused_by: Mapped[list[str]] = mapped_column(default=list)
    department_unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    reason: Mapped[str] = mapped_column(Text)
    ruled_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    at: Mapped[datetime]
    declined_at: Mapped[datetime | None]  # somebody said that it makes no rule: only this once


class RoutingRule(Base):
    """A ruling that a person has made a rule of: asked before the configuration's table, the newest first."""

    __tablename__ = "routing_rules"
    __table_args__ = (Index("ix_routing_rules_category", "community_id", "category"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    ruling_id: Mapped[int] = mapped_column(ForeignKey("rulings.id"))
    category: Mapped[str] = mapped_column(String(30))
    estate_text: Mapped[str] = mapped_column(String(80), default="")  # "": in every estate
    word: Mapped[str] = mapped_column(String(200), default="")  # in the message or its place; "": any text
    department_unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    accepted_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    accepted_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]  # laid down by a person: the row stays, cases refer to it
