"""What one of several processes has taken upon itself for a while."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from workflows.models.base import Base


class Lease(Base):
    """A task that one process at a time has, until a moment that it puts off for as long as it lives."""

    __tablename__ = "leases"

    name: Mapped[str] = mapped_column(String(60), primary_key=True)  # e.g. courier:telegram
    holder: Mapped[str] = mapped_column(String(200))
    until: Mapped[datetime]
