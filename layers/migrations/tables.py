"""The tables of layers: made, given columns and dropped, their history and their rights with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from geoalchemy2 import Geometry
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import CreateColumn

from layers.migrations.access import protect_layer
from layers.migrations.history import track_layer, untrack_layer
from layers.models.base import HISTORY, STORAGE_SRID, TILE_SRID, Base


def create_layer(
    connection: Connection,
    name: str,
    geometry_types: Sequence[str],
    *columns: sa.Column[Any],
    located: bool = True,
    constraints: Sequence[sa.schema.SchemaItem] = (),
) -> None:
    """Make the table of a layer, keep its history from the first row on, and guard both.

    Parameters
    ----------
    connection
        Of the owner of the tables.
    name
        Of the layer.
    geometry_types
        Those that its features may have, such as ``("Point", "MultiPoint")``.
    columns
        The layer's own; ``index=True`` indexes one.
    located
        Whether every feature has a place.
    constraints
        Others than those of every layer.
    """
    metadata = sa.MetaData(naming_convention=Base.metadata.naming_convention)
    sa.Table("territories", metadata, sa.Column("id", sa.Text(), primary_key=True))
    types = ", ".join(f"'{each.upper()}'" for each in geometry_types)
    table = sa.Table(
        name,
        metadata,
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("territory", sa.Text(), sa.ForeignKey("territories.id", ondelete="CASCADE"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        *columns,
        sa.Column("geom", _geometry(STORAGE_SRID), nullable=not located),
        sa.Column("tags", JSONB(), server_default="{}", nullable=False),
        sa.Column("restricted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("updated_by", sa.Text(), server_default="", nullable=False),
        sa.Column("run", sa.BigInteger()),
        sa.Column(
            "geom_3857",
            _geometry(TILE_SRID),
            sa.Computed(f"ST_Transform(geom, {TILE_SRID})", persisted=True),
            nullable=not located,
        ),
        sa.UniqueConstraint("territory", "source", "source_id"),
        sa.CheckConstraint(f"GeometryType(geom) IN ({types})", name="shape"),
        *constraints,
    )
    sa.Index(f"ix_{name}_geom", table.c.geom, postgresql_using="gist")
    table.create(connection)
    track_layer(connection, name)
    protect_layer(connection, name)


def drop_layer(connection: Connection, name: str) -> None:
    """Drop the table of a layer and its history."""
    untrack_layer(connection, name)
    connection.exec_driver_sql(f"DROP TABLE {_quoted(connection, name)}")
    connection.execute(sa.text("DELETE FROM layer_versions WHERE layer = :layer"), {"layer": name})


def add_columns(connection: Connection, layer: str, *columns: sa.Column[Any]) -> None:
    """Give a layer, and its history, more columns; what the layer was before has their defaults.

    Parameters
    ----------
    connection
        Of the owner of the tables.
    layer
        Its name.
    columns
        ``index=True`` indexes one; a constraint or a foreign key has to be added apart.
    """
    bare = sa.Table(layer, sa.MetaData(naming_convention=Base.metadata.naming_convention), *columns)
    for column in bare.columns:
        declared = str(CreateColumn(column).compile(dialect=connection.dialect))
        kept = (
            declared if column.computed is None else f"{_quoted(connection, column.name)} {_type(connection, column)}"
        )
        for table, definition in ((_quoted(connection, layer), declared), (_history(connection, layer), kept)):
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {definition}")
    for index in bare.indexes:
        index.create(connection)


def drop_columns(connection: Connection, layer: str, *names: str) -> None:
    """Take columns, with all that they held, from a layer and its history."""
    for table in (_quoted(connection, layer), _history(connection, layer)):
        dropped = ", ".join(f"DROP COLUMN {_quoted(connection, name)}" for name in names)
        connection.exec_driver_sql(f"ALTER TABLE {table} {dropped}")


def index_words(connection: Connection, layer: str, columns: Sequence[str]) -> None:
    """Index the texts of a layer, so that words are found in them: in columns that `layers.reading.search` names."""
    texts = ", ".join(_quoted(connection, name) for name in columns)
    connection.exec_driver_sql(
        f"CREATE INDEX {_quoted(connection, words_index(layer))} ON {_quoted(connection, layer)}"
        f" USING gin (horad_words(ARRAY[{texts}]::text[], tags) gin_trgm_ops)"
    )


def unindex_words(connection: Connection, layer: str) -> None:
    """Drop the index of a layer's texts."""
    connection.exec_driver_sql(f"DROP INDEX {_quoted(connection, words_index(layer))}")


def words_index(layer: str) -> str:
    """Return the name of the index of a layer's texts."""
    return f"words_{layer}"


def _geometry(srid: int) -> Geometry:
    return Geometry("GEOMETRY", srid=srid, spatial_index=False)


def _quoted(connection: Connection, name: str) -> str:
    return connection.dialect.identifier_preparer.quote(name)


def _history(connection: Connection, layer: str) -> str:
    return f"{HISTORY}.{_quoted(connection, layer)}"


def _type(connection: Connection, column: sa.Column[Any]) -> str:
    return column.type.compile(dialect=connection.dialect)
