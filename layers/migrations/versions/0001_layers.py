"""The first layers and the platform's own tables."""

from __future__ import annotations

import geoalchemy2
import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from layers.migrations.tracking import create_function, drop_function, track_layer, untrack_layer

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


def upgrade() -> None:
    create_function()
    op.create_table(
        "layer_versions",
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("version", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.PrimaryKeyConstraint("layer", name=op.f("pk_layer_versions")),
    )
    op.create_table(
        "territories",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("title", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("parent", sa.String(), nullable=True),
        sa.Column("metric_srid", sa.Integer(), nullable=False),
        sa.Column(
            "boundary",
            geoalchemy2.types.Geometry(
                srid=4326, dimension=2, spatial_index=False, from_text="ST_GeomFromEWKT", name="geometry"
            ),
            nullable=True,
        ),
        sa.Column("view", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("attribution", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.ForeignKeyConstraint(["parent"], ["territories.id"], name=op.f("fk_territories_parent_territories")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_territories")),
    )
    op.create_table(
        "buildings",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("use", sa.String(), nullable=True),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("address", sa.String(), nullable=True),
        sa.Column("levels", sa.Double(), nullable=True),
        sa.Column("height_m", sa.Double(), nullable=True),
        sa.Column("dwellings", sa.Integer(), nullable=True),
        sa.Column("year_built", sa.Integer(), nullable=True),
        sa.Column("heating", sa.String(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POLYGON', 'MULTIPOLYGON')", name=op.f("ck_buildings_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_buildings_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_buildings")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_buildings_territory_source_source_id")),
    )
    op.create_index("ix_buildings_geom", "buildings", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_buildings_geom_3857", "buildings", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "businesses",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("brand", sa.String(), nullable=True),
        sa.Column("opening_hours", sa.String(), nullable=True),
        sa.Column("employees", sa.Integer(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POINT', 'MULTIPOINT')", name=op.f("ck_businesses_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_businesses_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_businesses")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_businesses_territory_source_source_id")),
    )
    op.create_index("ix_businesses_geom", "businesses", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_businesses_geom_3857", "businesses", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "districts",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("admin_level", sa.Integer(), nullable=True),
        sa.Column("population", sa.Integer(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POLYGON', 'MULTIPOLYGON')", name=op.f("ck_districts_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_districts_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_districts")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_districts_territory_source_source_id")),
    )
    op.create_index("ix_districts_geom", "districts", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_districts_geom_3857", "districts", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "facilities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("capacity", sa.Integer(), nullable=True),
        sa.Column("operator", sa.String(), nullable=True),
        sa.Column("opening_hours", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POINT', 'MULTIPOINT')", name=op.f("ck_facilities_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_facilities_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_facilities")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_facilities_territory_source_source_id")),
    )
    op.create_index("ix_facilities_geom", "facilities", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_facilities_geom_3857", "facilities", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "incidents",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("severity", sa.String(), nullable=True),
        sa.Column("occurred_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("time_precision", sa.String(), nullable=True),
        sa.Column("casualties", sa.Integer(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POINT', 'MULTIPOINT')", name=op.f("ck_incidents_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_incidents_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incidents")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_incidents_territory_source_source_id")),
    )
    op.create_index("ix_incidents_geom", "incidents", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_incidents_geom_3857", "incidents", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_index(op.f("ix_incidents_occurred_at"), "incidents", ["occurred_at"], unique=False)
    op.create_table(
        "ingest_runs",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("report", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_ingest_runs_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_runs")),
    )
    op.create_index(op.f("ix_ingest_runs_territory"), "ingest_runs", ["territory"], unique=False)
    op.create_table(
        "land_use",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POLYGON', 'MULTIPOLYGON')", name=op.f("ck_land_use_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_land_use_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_land_use")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_land_use_territory_source_source_id")),
    )
    op.create_index("ix_land_use_geom", "land_use", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_land_use_geom_3857", "land_use", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "roads",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("road_class", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("surface", sa.String(), nullable=True),
        sa.Column("lanes", sa.Integer(), nullable=True),
        sa.Column("max_speed_kmh", sa.Double(), nullable=True),
        sa.Column("one_way", sa.String(), server_default="both", nullable=False),
        sa.Column("bridge", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("tunnel", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("width_m", sa.Double(), nullable=True),
        sa.Column("foot", sa.Boolean(), nullable=True),
        sa.Column("motor_vehicle", sa.Boolean(), nullable=True),
        sa.Column("condition_index", sa.Double(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('LINESTRING', 'MULTILINESTRING')", name=op.f("ck_roads_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_roads_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roads")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_roads_territory_source_source_id")),
    )
    op.create_index("ix_roads_geom", "roads", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_roads_geom_3857", "roads", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "utilities",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("operator", sa.String(), nullable=True),
        sa.Column("diameter_mm", sa.Double(), nullable=True),
        sa.Column("material", sa.String(), nullable=True),
        sa.Column("voltage_v", sa.Integer(), nullable=True),
        sa.Column("installed_on", sa.Date(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('LINESTRING', 'MULTILINESTRING')", name=op.f("ck_utilities_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_utilities_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_utilities")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_utilities_territory_source_source_id")),
    )
    op.create_index("ix_utilities_geom", "utilities", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_utilities_geom_3857", "utilities", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "utility_points",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("network", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column("ref", sa.String(), nullable=True),
        sa.Column("operator", sa.String(), nullable=True),
        sa.Column("voltage_v", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POINT', 'MULTIPOINT')", name=op.f("ck_utility_points_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_utility_points_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_utility_points")),
        sa.UniqueConstraint(
            "territory", "source", "source_id", name=op.f("uq_utility_points_territory_source_source_id")
        ),
    )
    op.create_index("ix_utility_points_geom", "utility_points", ["geom"], unique=False, postgresql_using="gist")
    op.create_index(
        "ix_utility_points_geom_3857", "utility_points", ["geom_3857"], unique=False, postgresql_using="gist"
    )
    op.create_table(
        "water",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("territory", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=True),
        sa.Column(
            "geom",
            geoalchemy2.types.Geometry(
                srid=4326,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.Column("tags", postgresql.JSONB(astext_type=sa.Text()), server_default="{}", nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "geom_3857",
            geoalchemy2.types.Geometry(
                srid=3857,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            sa.Computed("ST_Transform(geom, 3857)", persisted=True),
            nullable=False,
        ),
        sa.CheckConstraint("GeometryType(geom) IN ('POLYGON', 'MULTIPOLYGON')", name=op.f("ck_water_shape")),
        sa.ForeignKeyConstraint(
            ["territory"], ["territories.id"], name=op.f("fk_water_territory_territories"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_water")),
        sa.UniqueConstraint("territory", "source", "source_id", name=op.f("uq_water_territory_source_source_id")),
    )
    op.create_index("ix_water_geom", "water", ["geom"], unique=False, postgresql_using="gist")
    op.create_index("ix_water_geom_3857", "water", ["geom_3857"], unique=False, postgresql_using="gist")
    op.create_table(
        "ingest_rejects",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run", sa.BigInteger(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("source_id", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("record", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["run"], ["ingest_runs.id"], name=op.f("fk_ingest_rejects_run_ingest_runs"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ingest_rejects")),
    )
    op.create_index(op.f("ix_ingest_rejects_run"), "ingest_rejects", ["run"], unique=False)
    for layer in _LAYERS:
        track_layer(layer)


def downgrade() -> None:
    for layer in _LAYERS:
        untrack_layer(layer)
    op.drop_index(op.f("ix_ingest_rejects_run"), table_name="ingest_rejects")
    op.drop_table("ingest_rejects")
    op.drop_index("ix_water_geom_3857", table_name="water", postgresql_using="gist")
    op.drop_index("ix_water_geom", table_name="water", postgresql_using="gist")
    op.drop_table("water")
    op.drop_index("ix_utility_points_geom_3857", table_name="utility_points", postgresql_using="gist")
    op.drop_index("ix_utility_points_geom", table_name="utility_points", postgresql_using="gist")
    op.drop_table("utility_points")
    op.drop_index("ix_utilities_geom_3857", table_name="utilities", postgresql_using="gist")
    op.drop_index("ix_utilities_geom", table_name="utilities", postgresql_using="gist")
    op.drop_table("utilities")
    op.drop_index("ix_roads_geom_3857", table_name="roads", postgresql_using="gist")
    op.drop_index("ix_roads_geom", table_name="roads", postgresql_using="gist")
    op.drop_table("roads")
    op.drop_index("ix_land_use_geom_3857", table_name="land_use", postgresql_using="gist")
    op.drop_index("ix_land_use_geom", table_name="land_use", postgresql_using="gist")
    op.drop_table("land_use")
    op.drop_index(op.f("ix_ingest_runs_territory"), table_name="ingest_runs")
    op.drop_table("ingest_runs")
    op.drop_index(op.f("ix_incidents_occurred_at"), table_name="incidents")
    op.drop_index("ix_incidents_geom_3857", table_name="incidents", postgresql_using="gist")
    op.drop_index("ix_incidents_geom", table_name="incidents", postgresql_using="gist")
    op.drop_table("incidents")
    op.drop_index("ix_facilities_geom_3857", table_name="facilities", postgresql_using="gist")
    op.drop_index("ix_facilities_geom", table_name="facilities", postgresql_using="gist")
    op.drop_table("facilities")
    op.drop_index("ix_districts_geom_3857", table_name="districts", postgresql_using="gist")
    op.drop_index("ix_districts_geom", table_name="districts", postgresql_using="gist")
    op.drop_table("districts")
    op.drop_index("ix_businesses_geom_3857", table_name="businesses", postgresql_using="gist")
    op.drop_index("ix_businesses_geom", table_name="businesses", postgresql_using="gist")
    op.drop_table("businesses")
    op.drop_index("ix_buildings_geom_3857", table_name="buildings", postgresql_using="gist")
    op.drop_index("ix_buildings_geom", table_name="buildings", postgresql_using="gist")
    op.drop_table("buildings")
    op.drop_table("territories")
    op.drop_table("layer_versions")
    drop_function()
