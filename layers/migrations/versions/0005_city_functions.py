"""The layers of all six functions of the city, and the contacts of people who report."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Connection

from layers.migrations.access import protect
from layers.migrations.tables import add_columns, create_layer, drop_columns, drop_layer

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_POINT = ("Point", "MultiPoint")
_LINE = ("LineString", "MultiLineString")
_POLYGON = ("Polygon", "MultiPolygon")
_MIXED = (*_POINT, *_LINE, *_POLYGON)
_MADE = (
    "bridges",
    "green_spaces",
    "hazard_zones",
    "hydrants",
    "indicators",
    "inspections",
    "land_parcels",
    "organisations",
    "outages",
    "places",
    "population",
    "projects",
    "railways",
    "reports",
    "stations",
    "stops",
    "street_lights",
    "transit_routes",
    "waste_points",
    "waterways",
)
_DENSITY_KM2 = "total / NULLIF(st_area(geom::geography), 0::double precision) * 1000000::double precision"


def upgrade() -> None:
    connection = op.get_bind()
    for layer, columns in _added().items():
        add_columns(connection, layer, *columns)
    _create_infrastructure(connection)
    _create_safety(connection)
    _create_economy_and_housing(connection)
    _create_people(connection)
    _create_basemap(connection)
    _create_report_contacts(connection)


def downgrade() -> None:
    connection = op.get_bind()
    op.drop_table("report_contacts")
    for layer in _MADE:
        drop_layer(connection, layer)
    for layer, columns in _added().items():
        drop_columns(connection, layer, *(each.name for each in columns))


def _added() -> dict[str, list[sa.Column[Any]]]:
    """Return the columns that layers get, by layer."""
    return {
        "buildings": [
            *_wholes("residents", "year_renovated"),
            *_numbers("floor_area_m2"),
            *_texts("condition", "material", "energy_class", "wheelchair"),
        ],
        "businesses": [
            sa.Column("nace", sa.Text(), index=True),
            *_days("opened_on", "closed_on"),
            *_numbers("floor_area_m2"),
            *_texts("address", "website", "wheelchair"),
        ],
        "districts": [
            *_texts("level", "code", "parent"),
        ],
        "facilities": [
            *_wholes("enrolled"),
            *_texts("website", "address", "wheelchair"),
        ],
        "incidents": [
            sa.Column("kind", sa.Text(), index=True),
            *_wholes("deaths"),
            *_numbers("response_min"),
            *_texts("address"),
        ],
        "roads": [
            *_texts("ref", "operator"),
            *_truths("bicycle", "lit"),
            *_numbers("vehicles_per_day"),
            *_days("resurfaced_on"),
        ],
        "utilities": [
            sa.Column("from_node", sa.Text(), index=True),
            sa.Column("to_node", sa.Text(), index=True),
            *_texts("ref", "state", "location"),
            *_numbers("length_m", "depth_m", "max_current_a", "capacity_lps", "pressure_bar"),
            *_wholes("year_installed"),
        ],
        "utility_points": [
            sa.Column("node", sa.Text(), index=True),
            *_texts("from_node", "to_node", "state"),
            *_numbers("elevation_m", "diameter_mm", "demand_lps", "demand_kw", "head_m", "volume_m3", "rating_kva"),
            *_wholes("year_installed"),
        ],
    }


def _create_infrastructure(connection: Connection) -> None:
    create_layer(
        connection,
        "bridges",
        _LINE,
        sa.Column("kind", sa.Text(), nullable=False),
        *_texts("carries", "name", "ref", "structure", "material", "operator"),
        *_numbers("length_m", "width_m", "max_weight_t", "condition_index"),
        *_wholes("year_built"),
    )
    create_layer(
        connection,
        "railways",
        _LINE,
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("bridge", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("tunnel", sa.Boolean(), server_default="false", nullable=False),
        *_texts("name", "ref", "usage", "service", "operator"),
        *_truths("electrified"),
        *_numbers("max_speed_kmh"),
    )
    create_layer(
        connection,
        "stops",
        _POINT,
        sa.Column("kind", sa.Text(), nullable=False),
        *_texts("name", "code", "modes", "wheelchair", "parent", "operator"),
        *_wholes("departures_per_day"),
        *_numbers("headway_min"),
        *_truths("shelter"),
    )
    create_layer(
        connection,
        "transit_routes",
        _LINE,
        sa.Column("mode", sa.Text(), nullable=False),
        *_texts("ref", "name", "operator", "colour", "first_departure", "last_departure", "geometry_from", "network"),
        *_wholes("trips_per_day"),
        *_numbers("headway_min"),
    )
    create_layer(
        connection,
        "street_lights",
        _POINT,
        *_texts("lamp_type", "mount", "status", "ref", "operator"),
        *_numbers("power_w", "height_m"),
        *_wholes("year_installed"),
    )
    create_layer(
        connection,
        "inspections",
        _POINT,
        sa.Column("asset_layer", sa.Text(), nullable=False),
        sa.Column("asset", sa.Text(), nullable=False, index=True),
        sa.Column("inspected_at", sa.DateTime(timezone=True), index=True),
        *_texts("time_precision", "method", "score_type", "condition", "remarks", "inspected_by"),
        *_numbers("score"),
        *_days("next_due_on"),
        located=False,
    )
    create_layer(
        connection,
        "projects",
        _MIXED,
        sa.Column("organisation", sa.Text(), index=True),
        *_texts("name", "kind", "status", "currency", "contractor", "remarks", "website"),
        *_days("starts_on", "ends_on"),
        *_numbers("cost", "progress_percent"),
        *_truths("closes_traffic"),
    )


def _create_safety(connection: Connection) -> None:
    create_layer(
        connection,
        "stations",
        _POINT,
        sa.Column("kind", sa.Text(), nullable=False),
        *_texts("name", "ref", "phone", "address", "operator"),
        *_wholes("vehicles", "staff"),
        *_numbers("turnout_s"),
    )
    create_layer(
        connection,
        "hydrants",
        _POINT,
        *_texts("kind", "ref", "state", "water_source", "position", "operator"),
        *_numbers("diameter_mm", "flow_lps", "pressure_bar"),
        *_days("checked_on"),
    )
    create_layer(
        connection,
        "hazard_zones",
        _POLYGON,
        sa.Column("kind", sa.Text(), nullable=False),
        *_texts("name", "level", "source_note"),
        *_numbers("return_period_years", "depth_m"),
        *_days("valid_from", "valid_until"),
    )


def _create_economy_and_housing(connection: Connection) -> None:
    create_layer(
        connection,
        "land_parcels",
        _POLYGON,
        sa.Column("cadastral_id", sa.Text(), index=True),
        *_texts("use", "zoning", "owner_kind", "currency", "address"),
        *_numbers("area_m2", "value"),
        *_truths("vacant"),
    )
    create_layer(
        connection,
        "outages",
        _MIXED,
        sa.Column("starts_at", sa.DateTime(timezone=True), index=True),
        *_texts("network", "time_precision", "cause", "status", "asset", "organisation", "remarks"),
        *_truths("planned"),
        *_times("ends_at"),
        *_wholes("customers"),
    )
    create_layer(
        connection,
        "waste_points",
        _POINT,
        sa.Column("kind", sa.Text(), nullable=False),
        *_texts("fractions", "name", "ref", "opening_hours", "address", "operator"),
        *_numbers("capacity_l", "collections_per_week"),
    )


def _create_people(connection: Connection) -> None:
    create_layer(
        connection,
        "population",
        _POLYGON,
        sa.Column("density_km2", sa.Double(), sa.Computed(_DENSITY_KM2, persisted=True)),
        *_texts("name", "code"),
        *_numbers("total", "pop_0_6", "pop_7_17", "pop_18_64", "pop_65_plus", "households"),
        *_wholes("year"),
    )
    create_layer(
        connection,
        "green_spaces",
        _POLYGON,
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("area_m2", sa.Double(), sa.Computed("st_area(geom::geography)", persisted=True)),
        *_texts("name", "access", "operator"),
    )
    create_layer(
        connection,
        "reports",
        _POINT,
        sa.Column("category", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), index=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), index=True),
        sa.Column("organisation", sa.Text(), index=True),
        *_texts("description", "time_precision", "photo", "address"),
        *_times("due_at", "closed_at"),
        *_numbers("rating"),
        constraints=[sa.UniqueConstraint("id", "territory")],
    )
    create_layer(
        connection,
        "organisations",
        _POINT,
        sa.Column("name", sa.Text(), nullable=False),
        *_texts("kind", "parent", "phone", "email", "website", "address"),
        located=False,
    )


def _create_basemap(connection: Connection) -> None:
    create_layer(
        connection,
        "places",
        _POINT,
        sa.Column("kind", sa.Text(), nullable=False),
        *_texts("name", "code", "district"),
        *_wholes("population"),
    )
    create_layer(
        connection,
        "waterways",
        _LINE,
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("tunnel", sa.Boolean(), server_default="false", nullable=False),
        *_texts("name"),
        *_numbers("width_m"),
        *_truths("intermittent"),
    )
    create_layer(
        connection,
        "indicators",
        _POINT,
        sa.Column("subject_layer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False, index=True),
        sa.Column("measure", sa.Text(), nullable=False, index=True),
        sa.Column("observed_at", sa.DateTime(timezone=True), index=True),
        *_texts("time_precision", "unit", "status"),
        *_numbers("value"),
        located=False,
    )


def _create_report_contacts(connection: Connection) -> None:
    op.create_table(
        "report_contacts",
        sa.Column("report", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("territory", sa.Text(), nullable=False),
        sa.Column("name", sa.Text()),
        sa.Column("phone", sa.Text()),
        sa.Column("email", sa.Text()),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["report", "territory"],
            ["reports.id", "reports.territory"],
            name=op.f("fk_report_contacts_report_reports"),
            ondelete="CASCADE",
            onupdate="CASCADE",
        ),
    )
    protect(connection, "report_contacts", see="editor", change="editor")


def _texts(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text()) for name in names]


def _wholes(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Integer()) for name in names]


def _numbers(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Double()) for name in names]


def _truths(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Boolean()) for name in names]


def _days(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Date()) for name in names]


def _times(*names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.DateTime(timezone=True)) for name in names]
