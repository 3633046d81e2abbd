"""The triggers that raise a layer's version in the transaction that changes it."""

from __future__ import annotations

from alembic import op

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


def create_function() -> None:
    """Create the function that the triggers of all layers call."""
    op.execute(_FUNCTION)


def drop_function() -> None:
    """Drop it again."""
    op.execute("DROP FUNCTION horad_layer_changed()")


def track_layer(table: str) -> None:
    """Let every statement that changes the layer raise its version and announce where it changed."""
    for event, tables in _EVENTS.items():
        op.execute(
            f'CREATE TRIGGER version_{event.lower()} AFTER {event} ON "{table}" {tables} '
            "FOR EACH STATEMENT EXECUTE FUNCTION horad_layer_changed()"
        )


def untrack_layer(table: str) -> None:
    """Take the triggers of a layer away."""
    for event in _EVENTS:
        op.execute(f'DROP TRIGGER version_{event.lower()} ON "{table}"')
