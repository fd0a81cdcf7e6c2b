"""A case, its reporters, its history, what is due on it, and what was learnt from it."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId


class Case(Base):
    """诉求: one problem at one place. The row is the present; `case_events` is the record."""

    __tablename__ = "cases"
    __table_args__ = (
        UniqueConstraint("community_id", "number"),
        Index("ix_cases_holder", "holder_unit_id", "status"),
        Index("ix_cases_grid", "grid_id", "status"),
        Index("ix_cases_estate", "community_id", "estate_id", "category", "building_text", "opened_at"),
        Index(
            "ix_cases_open",
            "community_id",
            "opened_at",
            sqlite_where=text("closed_at IS NULL"),
            postgresql_where=text("closed_at IS NULL"),
        ),
        # For likely duplicates: what is open in this estate, or this grid, and in no other building.
        *(
            Index(
                f"ix_cases_open_{place}",
                f"{place}_id",
                "building_text",
                "opened_at",
                sqlite_where=text("closed_at IS NULL"),
                postgresql_where=text("closed_at IS NULL"),
            )
            for place in ("estate", "grid")
        ),
        Index("ix_cases_closed_at", "community_id", "closed_at", "opened_at"),
        Index(
            "ix_cases_to_expire",
            "community_id",
            "closed_at",
            sqlite_where=text("closed_at IS NOT NULL AND expired_at IS NULL"),
            postgresql_where=text("closed_at IS NOT NULL AND expired_at IS NULL"),
        ),
        Index("ix_cases_opened_at", "community_id", "opened_at"),
        Index("ix_cases_touched_at", "community_id", "touched_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    number: Mapped[str] = mapped_column(String(24))
    category: Mapped[str] = mapped_column(String(30))
    text: Mapped[str] = mapped_column(Text)
    estate_id: Mapped[int | None] = mapped_column(ForeignKey("estates.id"))
    building_id: Mapped[int | None] = mapped_column(ForeignKey("buildings.id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("grids.id"))
    # The resident's own words, kept also where the directory does not know them.
    estate_text: Mapped[str] = mapped_column(String(80), default="")
    building_text: Mapped[str] = mapped_column(String(40), default="")
    unit_text: Mapped[str] = mapped_column(String(40), default="")
    room_text: Mapped[str] = mapped_column(String(40), default="")
    place_text: Mapped[str] = mapped_column(String(200), default="")

    status: Mapped[str] = mapped_column(String(30))
    rung: Mapped[str] = mapped_column(String(20))
    # Where it began, as its first event tells too: the measures ask it of every case that they count.
    first_rung: Mapped[str] = mapped_column(String(20), default="", server_default="")
    holder_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    department_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))  # the route's proposal
    about_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))  # complained about: goes around it
    about_committee: Mapped[bool] = mapped_column(default=False)  # complained about: the owners' committee
    about_grid: Mapped[bool] = mapped_column(default=False)  # complained about: grid worker or branch secretary
    verified: Mapped[bool] = mapped_column(default=False)
    proactive: Mapped[bool] = mapped_column(default=False)  # 未诉先办: found on patrol

    opened_at: Mapped[datetime]
    rung_started_at: Mapped[datetime]
    rung_due_at: Mapped[datetime]
    whole_due_at: Mapped[datetime]  # the resident's clock: never reset
    paused_at: Mapped[datetime | None]  # the rung's clock waits for the resident since then
    result: Mapped[str] = mapped_column(Text, default="")
    result_kind: Mapped[str] = mapped_column(String(20), default="")  # done | planned | unfounded | negotiated
    solved_at_rung: Mapped[str] = mapped_column(String(20), default="")
    verdict: Mapped[str] = mapped_column(String(20), default="")  # solved | partly | not
    reopened: Mapped[int] = mapped_column(default=0)
    refusals: Mapped[int] = mapped_column(default=0)
    closed_at: Mapped[datetime | None]
    told_at: Mapped[datetime | None]  # when the resident last had news
    # Of the history, so that how things stand can be counted without asking the history of each case.
    touched_at: Mapped[datetime]  # the newest time of an event
    last_marker: Mapped[str] = mapped_column(String(30), default="")  # the last of `measures.MARKERS`
    last_step: Mapped[str] = mapped_column(String(30), default="")  # the last one not of `measures.KEEPS_THE_CLOCK`
    expired_at: Mapped[datetime | None]  # when its words and everything personal were cleared away
    # Ids of cases and of a rule, without foreign keys: for those SQLite would have to write this table anew.
    recurrence_of: Mapped[int | None] = mapped_column(BigId, index=True)  # that one was solved, and it is back
    merged_into: Mapped[int | None] = mapped_column(BigId)
    routing_rule_id: Mapped[int | None] = mapped_column(BigId)  # the accepted ruling that named the department
    suspended_until: Mapped[datetime | None]  # 挂账: it wakes itself then


class CaseCounter(Base):
    """The day's last case number of a community, so that two processes never give one twice."""

    __tablename__ = "case_counters"

    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), primary_key=True)
    day: Mapped[str] = mapped_column(String(6), primary_key=True)
    last: Mapped[int]


class Reporter(Base):
    """Who is waiting for the answer: the first reporter and every neighbour who joined."""

    __tablename__ = "reporters"
    __table_args__ = (UniqueConstraint("case_id", "person_id"), Index("ix_reporters_person", "person_id"))

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    first: Mapped[bool] = mapped_column(default=False)
    on_behalf_of: Mapped[str] = mapped_column(String(80), default="")  # reported for an elderly neighbour
    consent: Mapped[bool] = mapped_column(default=False)  # the grid worker may know for whom
    ring: Mapped[str] = mapped_column(String(80), default="")  # whom to ring before coming, in the reporter's words
    confidential: Mapped[bool] = mapped_column(default=False)  # 报事人要求保密
    own_words: Mapped[str] = mapped_column(Text, default="")  # what they said then: for those who must know
    verdict: Mapped[str] = mapped_column(String(20), default="")
    joined_at: Mapped[datetime]
    left_at: Mapped[datetime | None]


class CaseEvent(Base):
    """History: appended, never edited. The case row must follow from its events."""

    __tablename__ = "case_events"
    __table_args__ = (
        Index("ix_case_events_case", "case_id", "id"),
        Index("ix_case_events_at", "community_id", "at", "action"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    at: Mapped[datetime]
    actor_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))  # None: the system
    capacity: Mapped[str] = mapped_column(String(30))  # in which role they acted
    action: Mapped[str] = mapped_column(String(30))
    from_status: Mapped[str] = mapped_column(String(30), default="")
    to_status: Mapped[str] = mapped_column(String(30))
    rung: Mapped[str] = mapped_column(String(20))
    holder_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    note: Mapped[str] = mapped_column(Text, default="")
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Whistle(Base):
    """吹哨: the community's reviewed call to a department."""

    __tablename__ = "whistles"
    __table_args__ = (
        Index("ix_whistles_case", "case_id"),
        Index("ix_whistles_unit", "department_unit_id", "state"),
        Index("ix_whistles_sent_at", "community_id", "sent_at"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    department_unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))
    contact_person_id: Mapped[int | None] = mapped_column(
        ForeignKey("persons.id")
    )  # the grid worker, never the resident
    reason: Mapped[str] = mapped_column(Text)
    sent_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    sent_at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(String(20))  # sent | solved | planned | refused
    lead: Mapped[bool] = mapped_column(default=True)  # of several departments one leads: the others assist it
    answered_by: Mapped[str] = mapped_column(String(80), default="")  # who signed, where the answer came by a link
    answered_at: Mapped[datetime | None]
    answer: Mapped[str] = mapped_column(Text, default="")
    proposed_owner: Mapped[str] = mapped_column(String(120), default="")
    planned_for: Mapped[datetime | None]


class FollowUp(Base):
    """跟进: one thing the system must do at a time. An open case always has exactly one of kind `clock`."""

    __tablename__ = "follow_ups"
    __table_args__ = (
        Index(
            "ix_follow_ups_due",
            "due_at",
            sqlite_where=text("done_at IS NULL"),
            postgresql_where=text("done_at IS NULL"),
        ),
        Index(
            "uq_follow_ups_clock",
            "case_id",
            unique=True,
            sqlite_where=text("done_at IS NULL AND kind = 'clock'"),
            postgresql_where=text("done_at IS NULL AND kind = 'clock'"),
        ),
        Index("ix_follow_ups_case", "case_id"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    kind: Mapped[str] = mapped_column(String(20))
    due_at: Mapped[datetime]
    done_at: Mapped[datetime | None]
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)


class Media(Base):
    """A photo or a recording: checked by content, without metadata, kept under an unguessable name that tells which."""

    __tablename__ = "media"
    __table_args__ = (Index("ix_media_uploaded_by", "uploaded_by", "created_at"),)

    id: Mapped[str] = mapped_column(String(40), primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    uploaded_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    width: Mapped[int]
    height: Mapped[int]
    size: Mapped[int]
    seconds: Mapped[int] = mapped_column(default=0)  # of a recording, where that is known
    heard_at: Mapped[datetime | None]  # when somebody on duty said that they had listened to it
    heard_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    created_at: Mapped[datetime]
    # For whom a picture is that we drew ourselves: whose digest it belongs to. "" for photos.
    audience: Mapped[str] = mapped_column(String(20), default="", server_default="")


class Correction(Base):
    """What a person put right in what was understood: a candidate for training, with its provenance."""

    __tablename__ = "corrections"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    text: Mapped[str] = mapped_column(Text)
    understood: Mapped[str] = mapped_column(String(30))
    corrected: Mapped[str] = mapped_column(String(30))
    by_person_id: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    capacity: Mapped[str] = mapped_column(String(30))
    at: Mapped[datetime]
    # What the operator made of it: only accepted ones train the reader, with `label` as their intent.
    state: Mapped[str] = mapped_column(String(10), default="new")  # new | accepted | rejected
    label: Mapped[str] = mapped_column(String(30), default="")
    decided_at: Mapped[datetime | None]


class Alert(Base):
    """A message that spoke of danger now, who among the people on duty took it up, and what they found."""

    __tablename__ = "alerts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    kind: Mapped[str] = mapped_column(String(30))
    text: Mapped[str] = mapped_column(Text)
    at: Mapped[datetime]
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("grids.id"))
    estate_id: Mapped[int | None] = mapped_column(ForeignKey("estates.id"))
    building_id: Mapped[int | None] = mapped_column(ForeignKey("buildings.id"))
    place: Mapped[str] = mapped_column(String(200), default="")
    taken_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    taken_at: Mapped[datetime | None]
    report: Mapped[str] = mapped_column(Text, default="")  # what whoever went has found
    reported_at: Mapped[datetime | None]
    cleared_at: Mapped[datetime | None]  # when who called said that it is over


class DigestIssue(Base):
    """One digest sent to one person for one week: the key that keeps it from being sent twice."""

    __tablename__ = "digest_issues"
    __table_args__ = (UniqueConstraint("person_id", "audience", "week"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    audience: Mapped[str] = mapped_column(String(20))
    week: Mapped[str] = mapped_column(String(10))  # ISO, e.g. 2026-W48
    sent_at: Mapped[datetime]
