"""Who is who: persons, the channels they write from, the units that hold cases and the posts in them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId
from workflows.models.places import Closable


class Unit(Closable, Base):
    """单位: who can be answerable for a case (grid_branch, property, community, department)."""

    __tablename__ = "units"
    __table_args__ = (UniqueConstraint("community_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    kind: Mapped[str] = mapped_column(String(20))
    name: Mapped[str] = mapped_column(String(120))
    phone: Mapped[str] = mapped_column(String(30), default="")
    answers_for: Mapped[list[str]] = mapped_column(default=list)  # categories, for departments
    contact: Mapped[str] = mapped_column(String(80), default="", server_default="")  # whom to ask for there
    hours: Mapped[str] = mapped_column(String(80), default="", server_default="")  # when somebody answers, in words


class Person(Base):
    """One human being, whatever channels and posts they have."""

    __tablename__ = "persons"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    phone: Mapped[str] = mapped_column(String(30), default="")
    home_estate_id: Mapped[int | None] = mapped_column(ForeignKey("estates.id"), index=True)
    home_building: Mapped[str] = mapped_column(String(20), default="")
    home_unit: Mapped[str] = mapped_column(String(20), default="")
    home_room: Mapped[str] = mapped_column(String(20), default="")
    digest: Mapped[str] = mapped_column(String(10), default="weekly")  # a Frequency
    elder: Mapped[str] = mapped_column(String(10), default="")  # 长辈版: on | off; offered: asked once; empty: never
    reassured_at: Mapped[datetime | None]  # when they last heard "还在办": never more than once a day
    key: Mapped[str | None] = mapped_column(String(60), unique=True)  # the directory file's handle
    created_at: Mapped[datetime]
    expired_at: Mapped[datetime | None]  # forgotten: nothing personal is left here


class Account(Base):
    """A person's address in one channel. The channel's chat id is text: WeChat's are not numbers."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("channel", "chat_key"),
        Index("ix_accounts_person_id", "person_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    channel: Mapped[str] = mapped_column(String(20))
    chat_key: Mapped[str] = mapped_column(String(80))
    blocked_at: Mapped[datetime | None]  # the messenger says that this chat no longer takes messages
    last_seen_at: Mapped[datetime | None]


class Post(Base):
    """岗位: a role of a person at a unit. One person may hold several (双向进入、交叉任职)."""

    __tablename__ = "posts"
    __table_args__ = (
        Index("ix_posts_person_id", "person_id"),
        Index("ix_posts_unit_id", "unit_id"),
        Index("ix_posts_current_role", "community_id", "role", sqlite_where=text("until IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    role: Mapped[str] = mapped_column(String(30))
    unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("grids.id"))
    estate_id: Mapped[int | None] = mapped_column(ForeignKey("estates.id"))
    building_id: Mapped[int | None] = mapped_column(ForeignKey("buildings.id"))
    entrance: Mapped[str] = mapped_column(String(20), default="")  # 单元, for a 单元长
    since: Mapped[datetime]
    until: Mapped[datetime | None]  # set when the post ends: the row stays, history refers to it


class Invitation(Base):
    """A one-time code by which a person takes up a post. Only its hash is stored."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    code_hash: Mapped[str] = mapped_column(String(64), unique=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    issued_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    issued_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
