"""Words are looked up in the texts of features by an index of trigrams, whatever their case and accents."""

from __future__ import annotations

from alembic import op

from layers.migrations.tables import index_words, unindex_words
from layers.migrations.words import replace_words

revision = "0014"
down_revision = "0011"
branch_labels = None
depends_on = None

_SEARCHED: dict[str, tuple[str, ...]] = {
    "bridges": ("carries", "name", "ref", "operator"),
    "buildings": ("name", "address"),
    "businesses": ("name", "brand", "address"),
    "districts": ("name", "code"),
    "facilities": ("name", "operator", "phone", "address"),
    "findings": ("detail",),
    "green_spaces": ("name", "operator"),
    "hazard_zones": ("name",),
    "hydrants": ("ref", "operator"),
    "incidents": ("address",),
    "indicators": (),
    "inspections": ("remarks",),
    "land_parcels": ("cadastral_id", "address"),
    "land_use": ("name",),
    "organisations": ("name", "phone", "address"),
    "outages": ("remarks",),
    "places": ("name", "code"),
    "population": ("name", "code"),
    "projects": ("name", "contractor", "remarks"),
    "railways": ("name", "ref", "operator"),
    "reports": ("description", "address"),
    "roads": ("name", "ref", "operator"),
    "stations": ("name", "ref", "phone", "address", "operator"),
    "stops": ("name", "code", "operator"),
    "street_lights": ("ref", "operator"),
    "transit_routes": ("ref", "name", "operator"),
    "utilities": ("name", "ref", "operator"),
    "utility_points": ("name", "ref", "operator"),
    "waste_points": ("name", "ref", "address", "operator"),
    "water": ("name",),
    "waterways": ("name",),
}
_TEXTS_OF_CUSTOM_LAYERS = """
SELECT c.name, coalesce(array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE a.attname IS NOT NULL), '{}')
FROM custom_layers AS c LEFT JOIN pg_attribute AS a ON a.attrelid = to_regclass(quote_ident(c.name))
    AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid = 'text'::regtype
    AND a.attname NOT IN ('territory', 'source', 'source_id', 'updated_by')
GROUP BY c.name
"""


def upgrade() -> None:
    connection = op.get_bind()
    replace_words(connection)
    custom = {name: tuple(columns) for name, columns in connection.exec_driver_sql(_TEXTS_OF_CUSTOM_LAYERS)}
    for layer, columns in (_SEARCHED | custom).items():
        index_words(connection, layer, columns)


def downgrade() -> None:
    connection = op.get_bind()
    custom = [name for (name,) in connection.exec_driver_sql("SELECT name FROM custom_layers")]
    for layer in [*_SEARCHED, *custom]:
        unindex_words(connection, layer)
    connection.exec_driver_sql("DROP FUNCTION horad_words(text[], jsonb)")
