"""The catalogue of rasters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects.postgresql import JSONB

from layers.migrations.access import protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_KINDS = ("elevation", "population", "night_lights", "land_cover", "imagery", "other")
_PRECISIONS = ("year", "month", "day", "second")


def upgrade() -> None:
    op.create_table(
        "rasters",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("territory", sa.Text(), sa.ForeignKey("territories.id", ondelete="CASCADE"), nullable=False),
        sa.Column("collection", sa.Text(), nullable=False),
        sa.Column("title", JSONB(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True)),
        sa.Column("time_precision", sa.Text()),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("attribution", sa.Text(), nullable=False),
        sa.Column("file", sa.Text(), nullable=False),
        sa.Column("crs", sa.Text(), nullable=False),
        sa.Column("srid", sa.Integer()),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("resolution_m", sa.Double(), nullable=False),
        sa.Column("footprint", Geometry("GEOMETRY", srid=4326, spatial_index=False), nullable=False),
        sa.Column("bands", JSONB(), nullable=False),
        sa.Column("colour_scale", JSONB(none_as_null=True)),
        sa.Column("overviews", JSONB(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("restricted", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.UniqueConstraint(
            "territory",
            "collection",
            "time",
            "source",
            name=op.f("uq_rasters_territory_collection_time_source"),
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint(f"kind IN {_KINDS}", name=op.f("ck_rasters_kind")),
        sa.CheckConstraint(f"time_precision IN {_PRECISIONS}", name=op.f("ck_rasters_time_precision")),
        sa.CheckConstraint("(time IS NULL) = (time_precision IS NULL)", name=op.f("ck_rasters_time_is_precise")),
    )
    op.create_index("ix_rasters_footprint", "rasters", ["footprint"], postgresql_using="gist")
    connection = op.get_bind()
    protect(connection, "rasters", see="viewer", change="editor")
    connection.exec_driver_sql(
        "CREATE POLICY open ON rasters FOR SELECT"
        " USING (NOT restricted AND territory = ANY ((SELECT horad_open('rasters'))::text[]))"
    )


def downgrade() -> None:
    op.drop_table("rasters")
