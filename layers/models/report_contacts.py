"""Who made a report: apart from it, since it is nobody's business but that of the editors of its territory."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, DateTime, ForeignKeyConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from layers.models.base import Base


class ReportContact(Base):
    """How to reach the person who made a report; gone with the report, and never in a tile, an export or a history."""

    __tablename__ = "report_contacts"

    report: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    territory: Mapped[str]
    name: Mapped[str | None]
    phone: Mapped[str | None]
    email: Mapped[str | None]
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (
        ForeignKeyConstraint(
            ("report", "territory"), ("reports.id", "reports.territory"), ondelete="CASCADE", onupdate="CASCADE"
        ),
    )
