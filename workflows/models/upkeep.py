"""Rounds: the grid worker's patrol, and the work that a solution promises to repeat."""

from datetime import date, datetime

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId


class Patrol(Base):
    """巡查: one round of a grid worker, with what came of it. A round without findings is a record and no case."""

    __tablename__ = "patrols"
    __table_args__ = (Index("ix_patrols_at", "community_id", "at"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    grid_id: Mapped[int | None] = mapped_column(ForeignKey("grids.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("persons.id"))
    at: Mapped[datetime]
    note: Mapped[str] = mapped_column(Text, default="")
    findings: Mapped[list[int]] = mapped_column(default=list)  # ids of the cases that the round opened


class UpkeepPlan(Base):
    """定期维护: a seasonal contract that a solution carries."""

    __tablename__ = "upkeep_plans"
    __table_args__ = (Index("ix_upkeep_plans_case", "case_id"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"))
    unit_id: Mapped[int] = mapped_column(ForeignKey("units.id"))  # who has promised it
    work: Mapped[str] = mapped_column(String(120))
    rhythm: Mapped[str] = mapped_column(String(10))  # days | months | trigger
    every: Mapped[int] = mapped_column(default=0)  # so many days or months; 0: when somebody calls for it
    trigger: Mapped[str] = mapped_column(String(40), default="")  # 大雨, 大风: what a manual call waits for
    first_on: Mapped[date]
    last_on: Mapped[date]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    made_at: Mapped[datetime]
    season_of: Mapped[int | None] = mapped_column(ForeignKey("upkeep_plans.id"))  # the season before
    state: Mapped[str] = mapped_column(String(10), default="running")  # running | over | ended


class UpkeepTask(Base):
    """One round of a plan: due on a day, done with words or a photo, left out with a reason, or missed."""

    __tablename__ = "upkeep_tasks"
    __table_args__ = (
        Index("ix_upkeep_tasks_plan", "plan_id", "due_on"),
        Index("ix_upkeep_tasks_day", "community_id", "due_on"),
    )

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"))
    plan_id: Mapped[int] = mapped_column(ForeignKey("upkeep_plans.id"))
    due_on: Mapped[date]
    asked_at: Mapped[datetime | None]
    missed_at: Mapped[datetime | None]  # the day has gone by without a word; it can still be done late
    done_at: Mapped[datetime | None]
    skipped_at: Mapped[datetime | None]  # left out this time; `done_by` says by whom, `note` why
    done_by: Mapped[int | None] = mapped_column(ForeignKey("persons.id"))
    note: Mapped[str] = mapped_column(Text, default="")
    photos: Mapped[list[str]] = mapped_column(default=list)
