"""What every layer has: an id, a territory, where it came from, geometry and the tags that have no column."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    Text,
    UniqueConstraint,
    func,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

from layers.description import Layer

STORAGE_SRID = 4326
TILE_SRID = 3857
PUBLIC = "horad_public"
"""The PostgreSQL role that holds the rights on the tables: whoever isn't the owner works as it or as its member."""
HISTORY = "history"
"""The schema of the tables of earlier states, each named like its layer."""


class Base(DeclarativeBase):
    """All tables of the platform."""

    type_annotation_map: ClassVar = {str: Text()}

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Feature(Base):
    """One feature of a layer: the columns that all layers share."""

    __abstract__ = True

    layer: ClassVar[Layer]
    more_indexes: ClassVar[tuple[Index, ...]] = ()
    """Beside those of every layer: of a layer of very many features, the few that are drawn from far away."""

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, sort_order=-10)
    source: Mapped[str] = mapped_column(sort_order=-8)
    source_id: Mapped[str] = mapped_column(sort_order=-7)
    tags: Mapped[dict[str, str]] = mapped_column(JSONB, server_default="{}", sort_order=91)
    restricted: Mapped[bool] = mapped_column(server_default="false", sort_order=92)
    updated_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), sort_order=92)
    updated_by: Mapped[str] = mapped_column(server_default="", sort_order=92)
    run: Mapped[int | None] = mapped_column(BigInteger, sort_order=92)

    @declared_attr
    @classmethod
    def territory(cls) -> Mapped[str]:
        """Declare the territory to which the feature belongs."""
        return mapped_column(ForeignKey("territories.id", ondelete="CASCADE"), sort_order=-9)

    @declared_attr
    @classmethod
    def geom(cls) -> Mapped[Any]:
        """Declare the geometry."""
        kind = Geometry("GEOMETRY", srid=STORAGE_SRID, spatial_index=False)
        return mapped_column(kind, nullable=not cls.layer.located, sort_order=90)

    @declared_attr
    @classmethod
    def geom_3857(cls) -> Mapped[Any]:
        """Declare the geometry as tiles need it."""
        kind = Geometry("GEOMETRY", srid=TILE_SRID, spatial_index=False)
        computed = Computed(f"ST_Transform(geom, {TILE_SRID})", persisted=True)
        return mapped_column(kind, computed, nullable=not cls.layer.located, sort_order=93, deferred=True)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        name = cls.__tablename__
        types = ", ".join(f"'{each.upper()}'" for each in cls.layer.shape.geometry_types)
        return (
            UniqueConstraint("territory", "source", "source_id"),
            CheckConstraint(f"GeometryType(geom) IN ({types})", name="shape"),
            Index(f"ix_{name}_geom", "geom", postgresql_using="gist"),
            *cls.more_indexes,
        )
