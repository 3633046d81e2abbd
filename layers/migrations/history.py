"""The triggers that stamp every change of a layer, keep its old rows and raise its version, in the same transaction."""

from __future__ import annotations

from sqlalchemy import Connection

from layers.models.base import HISTORY

_BEFORE = """
CREATE OR REPLACE FUNCTION horad_prepare_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    moment timestamptz;
    this_transaction bigint := pg_current_xact_id()::text::bigint;
BEGIN
    INSERT INTO layer_versions (layer) VALUES (TG_TABLE_NAME) ON CONFLICT DO NOTHING;
    UPDATE layer_versions AS v
    SET changed_in = this_transaction,
        changed_at = CASE WHEN v.changed_in = this_transaction THEN v.changed_at
                          ELSE greatest(clock_timestamp(), v.changed_at + interval '1 microsecond') END
    WHERE v.layer = TG_TABLE_NAME RETURNING v.changed_at INTO moment;
    PERFORM set_config('horad.moment_' || TG_TABLE_NAME, moment::text, true);
    PERFORM set_config('horad.actor', horad_actor(), true);
    IF NOT horad_is_trusted() THEN
        PERFORM set_config('horad.run', '', true);
    END IF;
    RETURN NULL;
END $$
"""

_STAMPS = {
    "updated_at": "current_setting('horad.moment_{layer}')::timestamptz",
    "updated_by": "current_setting('horad.actor')",
    "run": "nullif(current_setting('horad.run', true), '')::bigint",
}

_STAMP = """
CREATE OR REPLACE FUNCTION horad_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := current_setting('horad.moment_' || TG_TABLE_NAME)::timestamptz;
    NEW.updated_by := current_setting('horad.actor');
    NEW.run := nullif(current_setting('horad.run', true), '')::bigint;
    RETURN NEW;
END $$
"""

KEEP_BOXES = """
    INSERT INTO layer_changes (layer, version, boxes) VALUES ($1, raised, $2);
    IF raised % 2048 = 0 THEN
        DELETE FROM layer_changes AS c WHERE c.layer = $1 AND version <= raised - 2048;
    END IF;"""
"""The boxes of the last 2048 to 4095 changes are kept; which, the version alone decides, so that all processes tell the
same."""

ANNOUNCE = f"""
CREATE OR REPLACE FUNCTION horad_announce(layer text, boxes float8[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    raised bigint;
BEGIN
    UPDATE layer_versions AS v SET version = v.version + 1 WHERE v.layer = $1
    RETURNING v.version INTO raised;{KEEP_BOXES}
    PERFORM pg_notify('horad_layers', json_build_object('layer', $1, 'version', raised, 'boxes', $2)::text);
END $$
"""  # noqa: S608

_RECORD_CHANGE = """
CREATE OR REPLACE FUNCTION horad_record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    changed text := CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT geom, restricted, territory FROM new_rows'
        WHEN 'DELETE' THEN 'SELECT geom, restricted, territory FROM old_rows'
        ELSE 'SELECT geom, restricted, territory FROM old_rows'
             ' UNION ALL SELECT geom, restricted, territory FROM new_rows' END;
    extent box2d;
    boxes float8[];
    rows bigint;
    closed boolean;
    forged boolean;
    names text;
    actor text := horad_actor();
    trusted boolean := horad_is_trusted();
    load bigint := CASE WHEN trusted THEN nullif(current_setting('horad.run', true), '')::bigint END;
    open text[] := horad_open(TG_TABLE_NAME);
    moment timestamptz := (SELECT changed_at FROM layer_versions WHERE layer = TG_TABLE_NAME);
BEGIN
    EXECUTE 'SELECT count(*), ST_Extent(geom), bool_or(restricted OR territory <> ALL ($1)) FROM ('
        || changed || ') AS c' INTO rows, extent, closed USING open;
    IF rows = 0 THEN
        RETURN NULL;
    END IF;
    IF TG_OP <> 'DELETE' AND NOT trusted THEN
        SELECT bool_or(updated_at <> moment OR updated_by <> actor OR run IS NOT NULL) INTO forged FROM new_rows;
        IF forged THEN
            RAISE insufficient_privilege USING MESSAGE = 'who changed it, and when, is not for its editor to say';
        END IF;
    END IF;
    IF closed THEN
        boxes := ARRAY[ARRAY[-180, -90, 180, 90]];
    ELSE
        EXECUTE 'SELECT coalesce(array_agg(ARRAY[ST_XMin(box), ST_YMin(box), ST_XMax(box), ST_YMax(box)]), ''{}'')'
            ' FROM (SELECT ST_Extent(geom) AS box FROM (' || changed || ') AS c WHERE NOT ST_IsEmpty(geom) GROUP BY'
            ' least(floor((ST_XMin(geom) - $1) / $3), 7), least(floor((ST_YMin(geom) - $2) / $4), 7)) AS cells'
        INTO boxes USING ST_XMin(extent), ST_YMin(extent),
            greatest((ST_XMax(extent) - ST_XMin(extent)) / 8, 1e-9),
            greatest((ST_YMax(extent) - ST_YMin(extent)) / 8, 1e-9);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO names FROM pg_attribute
        WHERE attrelid = format('history.%I', TG_TABLE_NAME)::regclass AND attnum > 0 AND NOT attisdropped
          AND attname NOT IN ('valid_to', 'ended_by', 'ended_run', 'ended_how');
        EXECUTE format(
            'INSERT INTO history.%I (%s, valid_to, ended_by, ended_run, ended_how)'
            ' SELECT %s, $1, $2, $3, $4 FROM old_rows WHERE updated_at < $1', TG_TABLE_NAME, names, names)
        USING moment, actor, load, CASE TG_OP WHEN 'DELETE' THEN 'removed' ELSE 'changed' END;
    END IF;
    PERFORM horad_announce(TG_TABLE_NAME, boxes);
    RETURN NULL;
END $$
"""
"""Where a statement changed a layer is told by at most 64 boxes, one a cell of the changes' extent; of a change that
not everybody may see nobody is told where it lies."""

_NO_TRUNCATE = """
CREATE OR REPLACE FUNCTION horad_no_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'TRUNCATE % would leave no history: use DELETE', TG_TABLE_NAME;
END $$
"""

_FORGET = """
CREATE OR REPLACE FUNCTION horad_forget_history() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    past regclass;
BEGIN
    FOR past IN SELECT oid FROM pg_class WHERE relnamespace = 'history'::regnamespace AND relkind = 'r' LOOP
        EXECUTE format('DELETE FROM %s WHERE territory = $1', past) USING OLD.id;
    END LOOP;
    RETURN NULL;
END $$
"""

_FUNCTIONS = {
    "horad_prepare_change()": _BEFORE,
    "horad_stamp()": _STAMP,
    "horad_announce(text, float8[])": ANNOUNCE,
    "horad_record_change()": _RECORD_CHANGE,
    "horad_no_truncate()": _NO_TRUNCATE,
    "horad_forget_history()": _FORGET,
}

_EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}


_TRIGGERS = ("changing", "stamp", "no_truncate", *(f"version_{event.lower()}" for event in _EVENTS))


def create_functions(connection: Connection) -> None:
    """Create the functions that the triggers of all layers call; those of `access` must be there."""
    connection.exec_driver_sql(f"CREATE SCHEMA {HISTORY}")
    replace_functions(connection)
    connection.exec_driver_sql(
        "CREATE CONSTRAINT TRIGGER forget_history AFTER DELETE ON territories DEFERRABLE INITIALLY DEFERRED"
        " FOR EACH ROW EXECUTE FUNCTION horad_forget_history()"
    )


def replace_functions(connection: Connection) -> None:
    """Bring the functions to what stands here; only the owner can hang them on a table."""
    for name, function in _FUNCTIONS.items():
        connection.exec_driver_sql(function.replace("%", "%%"))
        connection.exec_driver_sql(f"REVOKE EXECUTE ON FUNCTION {name} FROM PUBLIC")


def drop_functions(connection: Connection) -> None:
    """Drop them again."""
    connection.exec_driver_sql("DROP TRIGGER forget_history ON territories")
    for name in _FUNCTIONS:
        connection.exec_driver_sql(f"DROP FUNCTION {name}")
    connection.exec_driver_sql(f"DROP SCHEMA {HISTORY}")


def stamps(layer: str) -> dict[str, str]:
    """Return what a statement writes into the columns that tell of a change, in SQL, once it has begun."""
    return {column: value.format(layer=layer) for column, value in _STAMPS.items()}


def stamping(layer: str) -> str:
    """Return the statement that makes a layer stamp every row which doesn't bear the stamp of its statement yet."""
    lacking = " OR ".join(f"NEW.{column} IS DISTINCT FROM {value}" for column, value in stamps(layer).items())
    return (
        f'CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON "{layer}" FOR EACH ROW WHEN ({lacking})'
        " EXECUTE FUNCTION horad_stamp()"
    )


def track_layer(connection: Connection, layer: str) -> None:
    """Keep the history of a layer from now on, and raise its version with every statement that changes it."""
    table, old = f'"{layer}"', f'{HISTORY}."{layer}"'
    for statement in (
        f"CREATE TABLE {old} (LIKE {table}, valid_to timestamptz NOT NULL, ended_by text NOT NULL, ended_run bigint,"
        " ended_how text NOT NULL)",
        f"ALTER TABLE {old} DROP COLUMN geom_3857",
        f"CREATE INDEX ON {old} (id, valid_to)",
        f"CREATE INDEX ON {old} (territory, source, source_id, valid_to)",
        f"CREATE INDEX ON {old} (valid_to)",
        f"CREATE INDEX ON {old} USING gist (geom)",
        f"CREATE TRIGGER changing BEFORE INSERT OR UPDATE OR DELETE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION horad_prepare_change()",
        stamping(layer),
        f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION horad_no_truncate()",
        *(
            f"CREATE TRIGGER version_{event.lower()} AFTER {event} ON {table} {tables}"
            " FOR EACH STATEMENT EXECUTE FUNCTION horad_record_change()"
            for event, tables in _EVENTS.items()
        ),
        *always_firing(layer),
    ):
        connection.exec_driver_sql(statement)


def always_firing(layer: str) -> list[str]:
    """Return the statements after which a layer's triggers fire even where those of foreign keys are left out."""
    return [f'ALTER TABLE "{layer}" ENABLE ALWAYS TRIGGER {name}' for name in _TRIGGERS]


def untrack_layer(connection: Connection, layer: str) -> None:
    """Take the triggers of a layer away, and drop its history."""
    for name in _TRIGGERS:
        connection.exec_driver_sql(f'DROP TRIGGER {name} ON "{layer}"')
    connection.exec_driver_sql(f'DROP TABLE {HISTORY}."{layer}"')
