"""Where people live: community, grid, estate, building, household, and the landmarks they name instead."""

from datetime import datetime
from decimal import Decimal

from sqlalchemy import ForeignKey, Numeric, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base, BigId


class Closable:
    """A place or unit that can be closed. It is never deleted: cases and history go on referring to it."""

    closed_at: Mapped[datetime | None]
    # Without a foreign key: for those SQLite would have to write the table anew.
    successor_id: Mapped[int | None] = mapped_column(BigId)  # of the same table: who took over what was open


class DirectoryState(Base):
    """One row: how often the directory was changed. A process whose number is lower reads the directory again."""

    __tablename__ = "directory_state"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    version: Mapped[int]


class Community(Base):
    """社区 or 村: the tenant."""

    __tablename__ = "communities"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    code: Mapped[str] = mapped_column(String(8), unique=True)  # head of its case numbers, e.g. SQ
    kind: Mapped[str] = mapped_column(String(10))  # city | village
    district: Mapped[str] = mapped_column(String(80), default="")
    area_km2: Mapped[Decimal | None] = mapped_column(Numeric(8, 2))
    population: Mapped[int | None]
    phone: Mapped[str] = mapped_column(String(30), default="")  # the number a resident may ring


class Grid(Closable, Base):
    """网格: served by one grid worker and one grid party branch (in a village, a party group)."""

    __tablename__ = "grids"
    __table_args__ = (UniqueConstraint("community_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    branch_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))


class Estate(Closable, Base):
    """小区. A large one may lie in several grids: then its buildings tell which."""

    __tablename__ = "estates"
    __table_args__ = (UniqueConstraint("community_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    grid_id: Mapped[int] = mapped_column(ForeignKey("grids.id"), index=True)  # where the gate is
    property_unit_id: Mapped[int | None] = mapped_column(ForeignKey("units.id"))
    name: Mapped[str] = mapped_column(String(80))
    aliases: Mapped[list[str]] = mapped_column(default=list)
    committee: Mapped[str] = mapped_column(String(20), default="")  # 业委会 | 物管会 | "" (none yet)
    # Degrees (WGS 84), where the office has entered them: a shared location finds the nearest estate.
    lat: Mapped[Decimal | None] = mapped_column(Numeric(9, 6))
    lon: Mapped[Decimal | None] = mapped_column(Numeric(9, 6))


class Building(Closable, Base):
    """楼栋; its building head holds a post with this building as scope."""

    __tablename__ = "buildings"
    __table_args__ = (UniqueConstraint("estate_id", "number"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    estate_id: Mapped[int] = mapped_column(ForeignKey("estates.id"), index=True)
    grid_id: Mapped[int] = mapped_column(ForeignKey("grids.id"))
    number: Mapped[str] = mapped_column(String(20))  # normalised: "3" for 3号楼, 三栋, 3#
    units: Mapped[int] = mapped_column(default=1)


class Household(Base):
    """户: a door in a building, or in a village a numbered house; its liaison is a post."""

    __tablename__ = "households"
    __table_args__ = (UniqueConstraint("building_id", "unit", "room"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    building_id: Mapped[int] = mapped_column(ForeignKey("buildings.id"), index=True)
    unit: Mapped[str] = mapped_column(String(20), default="")
    room: Mapped[str] = mapped_column(String(20), default="")


class Landmark(Closable, Base):
    """A place that people name and that belongs to no estate: a river bank, a market, a crossing."""

    __tablename__ = "landmarks"
    __table_args__ = (UniqueConstraint("community_id", "name"),)

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    community_id: Mapped[int] = mapped_column(ForeignKey("communities.id"), index=True)
    grid_id: Mapped[int] = mapped_column(ForeignKey("grids.id"))
    name: Mapped[str] = mapped_column(String(80))
    aliases: Mapped[list[str]] = mapped_column(default=list)
