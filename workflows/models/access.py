"""Ways in and refusals: one-time links to the console, and the record of what somebody was not allowed to do."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId


class SignIn(Base):
    """A one-time link by which somebody on duty opens the console. Only the token's hash is stored."""

    __tablename__ = "sign_ins"
    __table_args__ = (Index("ix_sign_ins_person_id", "person_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]  # redeemed, or replaced by a newer link
