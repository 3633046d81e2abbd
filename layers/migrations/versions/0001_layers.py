"""The first layers and the platform's own tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_LAYERS = (
    "buildings",
    "businesses",
    "districts",
    "facilities",
    "incidents",
    "land_use",
    "roads",
    "utilities",
    "utility_points",
    "water",
)
_NOW = sa.text("now()")

_FUNCTION = """
CREATE FUNCTION horad_layer_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    extent box2d;
    rows bigint;
    raised bigint;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT count(*), ST_Extent(geom) INTO rows, extent FROM new_rows;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT count(*), ST_Extent(geom) INTO rows, extent FROM old_rows;
    ELSE
        SELECT count(*), ST_Extent(geom) INTO rows, extent
        FROM (SELECT geom FROM old_rows UNION ALL SELECT geom FROM new_rows) AS both_rows;
    END IF;
    IF rows = 0 THEN
        RETURN NULL;
    END IF;
    INSERT INTO layer_versions AS v (layer, version) VALUES (TG_TABLE_NAME, 1)
    ON CONFLICT (layer) DO UPDATE SET version = v.version + 1, changed_at = now()
    RETURNING version INTO raised;
    PERFORM pg_notify('horad_layers', json_build_object(
        'layer', TG_TABLE_NAME, 'version', raised,
        'bbox', json_build_array(ST_XMin(extent), ST_YMin(extent), ST_XMax(extent), ST_YMax(extent)))::text);
    RETURN NULL;
END $$
"""

_EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}


def upgrade() -> None:
    op.execute(_FUNCTION)
    _create_registry()
    _create_layers()


def downgrade() -> None:
    for layer in _LAYERS:
        op.drop_table(layer)
    for table in ("ingest_rejects", "ingest_runs", "territories", "layer_versions"):
        op.drop_table(table)
    op.execute("DROP FUNCTION horad_layer_changed()")


def _geometry(srid: int) -> Geometry:
    return Geometry("GEOMETRY", srid=srid, spatial_index=False)


def _create_layer(name: str, geometry_types: tuple[str, str], *columns: sa.Column[Any]) -> None:
    types = ", ".join(f"'{each.upper()}'" for each in geometry_types)
    op.create_table(
        name,
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("territory", sa.Text(), sa.ForeignKey("territories.id", ondelete="CASCADE"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        *columns,
        sa.Column("geom", _geometry(4326), nullable=False),
        sa.Column("tags", JSONB(), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column(
            "geom_3857", _geometry(3857), sa.Computed("ST_Transform(geom, 3857)", persisted=True), nullable=False
        ),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f(f"uq_{name}_territory_source_source_id")),
        sa.CheckConstraint(f"GeometryType(geom) IN ({types})", name=op.f(f"ck_{name}_shape")),
    )
    for geometry in ("geom", "geom_3857"):
        op.create_index(f"ix_{name}_{geometry}", name, [geometry], postgresql_using="gist")
    for event, tables in _EVENTS.items():
        op.execute(
            f'CREATE TRIGGER version_{event.lower()} AFTER {event} ON "{name}" {tables} '
            "FOR EACH STATEMENT EXECUTE FUNCTION horad_layer_changed()"
        )


def _create_registry() -> None:
    op.create_table(
        "layer_versions",
        sa.Column("layer", sa.Text(), primary_key=True),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
    )
    op.create_table(
        "territories",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("parent", sa.Text(), sa.ForeignKey("territories.id")),
        sa.Column("metric_srid", sa.Integer(), nullable=False),
        sa.Column("boundary", _geometry(4326)),
        sa.Column("view", JSONB()),
        sa.Column("attribution", JSONB(), server_default="{}", nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
    )
    op.create_table(
        "ingest_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("territory", sa.Text(), sa.ForeignKey("territories.id", ondelete="CASCADE"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("file_name", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=_NOW, nullable=False),
        sa.Column("report", JSONB(), nullable=False),
    )
    op.create_index("ix_ingest_runs_territory", "ingest_runs", ["territory"])
    op.create_table(
        "ingest_rejects",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("run", sa.BigInteger(), sa.ForeignKey("ingest_runs.id", ondelete="CASCADE"), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("record", JSONB(), nullable=False),
    )
    op.create_index("ix_ingest_rejects_run", "ingest_rejects", ["run"])


def _create_layers() -> None:
    _create_layer(
        "buildings",
        ("Polygon", "MultiPolygon"),
        sa.Column("use", sa.Text()),
        sa.Column("kind", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("address", sa.Text()),
        sa.Column("levels", sa.Double()),
        sa.Column("height_m", sa.Double()),
        sa.Column("dwellings", sa.Integer()),
        sa.Column("year_built", sa.Integer()),
        sa.Column("heating", sa.Text()),
    )
    _create_layer(
        "businesses",
        ("Point", "MultiPoint"),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("brand", sa.Text()),
        sa.Column("opening_hours", sa.Text()),
        sa.Column("employees", sa.Integer()),
    )
    _create_layer(
        "districts",
        ("Polygon", "MultiPolygon"),
        sa.Column("name", sa.Text()),
        sa.Column("admin_level", sa.Integer()),
        sa.Column("population", sa.Integer()),
    )
    _create_layer(
        "facilities",
        ("Point", "MultiPoint"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("capacity", sa.Integer()),
        sa.Column("operator", sa.Text()),
        sa.Column("opening_hours", sa.Text()),
        sa.Column("phone", sa.Text()),
    )
    _create_layer(
        "incidents",
        ("Point", "MultiPoint"),
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text()),
        sa.Column("occurred_at", sa.DateTime(timezone=True)),
        sa.Column("time_precision", sa.Text()),
        sa.Column("casualties", sa.Integer()),
    )
    _create_layer(
        "land_use",
        ("Polygon", "MultiPolygon"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
    )
    _create_layer(
        "roads",
        ("LineString", "MultiLineString"),
        sa.Column("road_class", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("surface", sa.Text()),
        sa.Column("lanes", sa.Integer()),
        sa.Column("max_speed_kmh", sa.Double()),
        sa.Column("one_way", sa.Text(), nullable=False, server_default="both"),
        sa.Column("bridge", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("tunnel", sa.Boolean(), nullable=False, server_default="false"),
        sa.Column("width_m", sa.Double()),
        sa.Column("foot", sa.Boolean()),
        sa.Column("motor_vehicle", sa.Boolean()),
        sa.Column("condition_index", sa.Double()),
    )
    _create_layer(
        "utilities",
        ("LineString", "MultiLineString"),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text()),
        sa.Column("name", sa.Text()),
        sa.Column("operator", sa.Text()),
        sa.Column("diameter_mm", sa.Double()),
        sa.Column("material", sa.Text()),
        sa.Column("voltage_v", sa.Integer()),
        sa.Column("installed_on", sa.Date()),
        sa.Column("status", sa.Text()),
    )
    _create_layer(
        "utility_points",
        ("Point", "MultiPoint"),
        sa.Column("network", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("ref", sa.Text()),
        sa.Column("operator", sa.Text()),
        sa.Column("voltage_v", sa.Integer()),
        sa.Column("status", sa.Text()),
    )
    _create_layer(
        "water",
        ("Polygon", "MultiPolygon"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
    )
    op.create_index("ix_incidents_occurred_at", "incidents", ["occurred_at"])
