"""Spatial indexes of what is drawn from far away: the larger buildings, and the streets without paths and driveways."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0018"
branch_labels = None
depends_on = None

_FAR_ROADS = (
    "'motorway', 'trunk', 'motorway_link', 'trunk_link', 'primary', 'primary_link', 'secondary', 'secondary_link',"
    " 'tertiary', 'tertiary_link', 'unclassified', 'road', 'residential', 'living_street', 'busway', 'bus_guideway'"
)


def upgrade() -> None:
    op.execute("CREATE INDEX ix_buildings_geom_far ON buildings USING gist (geom) WHERE ST_Area(geom_3857) > 1000")
    op.execute(f"CREATE INDEX ix_roads_geom_far ON roads USING gist (geom) WHERE road_class IN ({_FAR_ROADS})")


def downgrade() -> None:
    op.execute("DROP INDEX ix_roads_geom_far")
    op.execute("DROP INDEX ix_buildings_geom_far")
