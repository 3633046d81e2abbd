"""The catalogue of rasters: Cloud-Optimised GeoTIFFs on disk, and what is known of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from layers.models.base import STORAGE_SRID, Base

RASTER_KINDS = ("elevation", "population", "night_lights", "land_cover", "imagery", "other")
TIME_PRECISIONS = ("year", "month", "day", "second")


class RasterRow(Base):
    """A raster of the catalogue; ``file`` is its path in the folder of rasters in ``HORAD_HOME``."""

    __tablename__ = "rasters"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    territory: Mapped[str] = mapped_column(ForeignKey("territories.id", ondelete="CASCADE"))
    collection: Mapped[str]
    title: Mapped[dict[str, str]] = mapped_column(JSONB)
    kind: Mapped[str]
    time: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    time_precision: Mapped[str | None]
    source: Mapped[str]
    attribution: Mapped[str]
    file: Mapped[str]
    crs: Mapped[str]
    srid: Mapped[int | None]
    width: Mapped[int]
    height: Mapped[int]
    resolution_m: Mapped[float]
    footprint: Mapped[Any] = mapped_column(Geometry("GEOMETRY", srid=STORAGE_SRID, spatial_index=False), nullable=False)
    bands: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    colour_scale: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    overviews: Mapped[list[int]] = mapped_column(JSONB)
    fingerprint: Mapped[str]
    restricted: Mapped[bool] = mapped_column(server_default="false")
    added_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())

    __table_args__ = (
        UniqueConstraint("territory", "collection", "time", "source", postgresql_nulls_not_distinct=True),
        CheckConstraint(f"kind IN {RASTER_KINDS}", name="kind"),
        CheckConstraint(f"time_precision IN {TIME_PRECISIONS}", name="time_precision"),
        CheckConstraint("(time IS NULL) = (time_precision IS NULL)", name="time_is_precise"),
        Index("ix_rasters_footprint", "footprint", postgresql_using="gist"),
    )
