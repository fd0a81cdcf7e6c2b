"""Messages in and out: the inbox, the outbox, the state of each chat, and the web page's own bubbles."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId

_NEW, _AGAIN = " AND retry_at IS NULL", " AND retry_at IS NOT NULL"


def _waiting(name: str, *columns: str, more: str = "") -> Index:
    """An index of the rows that are still to be done, or of some of them: as small as they are few."""
    waiting = text(f"state = 'waiting'{more}")
    return Index(name, *columns, sqlite_where=waiting, postgresql_where=waiting)


class Inbound(Base):
    """An update as it arrived, under its channel's own id: stored before anything else happens to it."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("channel", "update_key"),
        _waiting("ix_inbox_new", "id", more=_NEW),
        _waiting("ix_inbox_again", "retry_at", more=_AGAIN),
        _waiting("ix_inbox_chat", "channel", "chat_key", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    update_key: Mapped[str] = mapped_column(String(120))
    chat_key: Mapped[str] = mapped_column(String(80))
    update: Mapped[dict[str, Any]]
    understanding: Mapped[dict[str, Any] | None]
    received_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # waiting | done | poison
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    error: Mapped[str] = mapped_column(Text, default="")
    done_at: Mapped[datetime | None]


class Outbound(Base):
    """A method call to a messenger, committed with the turn that caused it and delivered by the courier."""

    __tablename__ = "outbox"
    __table_args__ = (
        _waiting("ix_outbox_waiting", "channel", "chat_key", "id"),
        _waiting("ix_outbox_new", "id", more=f"{_NEW} AND not_before <= created_at"),
        _waiting("ix_outbox_later", "not_before", more=f"{_NEW} AND not_before > created_at"),
        _waiting("ix_outbox_again", "retry_at", more=_AGAIN),
        Index("ix_outbox_chat", "channel", "chat_key", "id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    chat_key: Mapped[str] = mapped_column(String(80))
    method: Mapped[str] = mapped_column(String(40))
    payload: Mapped[dict[str, Any]]
    inbound_id: Mapped[int | None] = mapped_column(BigId, index=True)  # the turn it answers, if any
    # An answer with a case number is resent when its outcome is unknown; a digest is not.
    resend: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]
    not_before: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(10), default="waiting")  # waiting | sent | dead
    attempts: Mapped[int] = mapped_column(default=0)
    retry_at: Mapped[datetime | None]
    message_id: Mapped[str | None] = mapped_column(String(40))  # the messenger's own
    sent_at: Mapped[datetime | None]
    # Sent at this time, and nobody knows whether it arrived: written before anything else is sent.
    unsure_since: Mapped[datetime | None]
    parts_arrived: Mapped[int] = mapped_column(default=0)  # of a message in several parts; they are not sent again
    error: Mapped[str] = mapped_column(Text, default="")


class Chat(Base):
    """The state of one conversation (aiogram's FSM), locked for the length of a turn."""

    __tablename__ = "chats"
    __table_args__ = (UniqueConstraint("channel", "chat_key"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    channel: Mapped[str] = mapped_column(String(20))
    chat_key: Mapped[str] = mapped_column(String(80))
    state: Mapped[str | None] = mapped_column(String(80))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    updated_at: Mapped[datetime]


class WebBubble(Base):
    """What the web page shows: the page has no messenger behind it, so this table is its messenger."""

    __tablename__ = "web_bubbles"
    __table_args__ = (
        UniqueConstraint("chat_key", "client_id"),
        UniqueConstraint("outbox_id"),
        Index("ix_web_bubbles_seq", "chat_key", "seq"),
        Index(
            "ix_web_bubbles_photo",
            "photo",
            sqlite_where=text("photo IS NOT NULL"),
            postgresql_where=text("photo IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    chat_key: Mapped[str] = mapped_column(String(80))
    seq: Mapped[int]  # grows with every bubble and every edit of the chat
    sender: Mapped[str] = mapped_column(String(5))  # me | bot
    client_id: Mapped[str | None] = mapped_column(String(60))
    outbox_id: Mapped[int | None] = mapped_column(BigId)
    kind: Mapped[str] = mapped_column(String(10), default="text")
    text: Mapped[str] = mapped_column(Text, default="")
    photo: Mapped[str | None] = mapped_column(String(40))  # what it shows: a photo, or (of kind voice) a recording
    buttons: Mapped[list[Any]] = mapped_column(default=list)
    at: Mapped[datetime]
    edited: Mapped[bool] = mapped_column(default=False)


class Note(Base):
    """A small fact of the installation itself, such as the demo clock's offset."""

    __tablename__ = "notes"

    key: Mapped[str] = mapped_column(String(60), primary_key=True)
    value: Mapped[dict[str, Any]]
