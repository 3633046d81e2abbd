"""Who may see and change which rows: roles a territory, enforced by row-level security."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from layers.models.base import HISTORY, PUBLIC

OPEN = """
CREATE OR REPLACE FUNCTION horad_open(layer text) RETURNS text[] LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (SELECT coalesce(array_agg(id), '{}') FROM territories WHERE NOT restricted && ARRAY[layer, '*']);
END $$
"""
"""PL/pgSQL plans it once a connection, SQL at every call."""

_FUNCTIONS = {
    "horad_is_trusted()": """
CREATE FUNCTION horad_is_trusted() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
RETURN pg_has_role(session_user, current_user, 'MEMBER')
""",
    "horad_principal()": """
CREATE FUNCTION horad_principal() RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp
RETURN CASE WHEN horad_is_trusted() THEN nullif(current_setting('horad.principal', true), '')
            ELSE session_user::text END
""",
    "horad_actor()": """
CREATE FUNCTION horad_actor() RETURNS text LANGUAGE sql STABLE SET search_path = public, pg_temp
RETURN coalesce(horad_principal(), session_user::text)
""",
    "horad_subtree(text)": """
CREATE FUNCTION horad_subtree(root text) RETURNS text[] LANGUAGE sql STABLE SET search_path = public, pg_temp
AS $$
WITH RECURSIVE tree AS (
    SELECT root AS id UNION SELECT t.id FROM territories AS t JOIN tree ON t.parent = tree.id)
SELECT array_agg(id) FROM tree
$$
""",
    "horad_territories(text)": """
CREATE OR REPLACE FUNCTION horad_territories(wanted text) RETURNS text[] LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = public, pg_temp
AS $$
SELECT CASE WHEN horad_is_trusted() AND current_setting('horad.rights', true) <> ''
THEN ARRAY(SELECT jsonb_array_elements_text(current_setting('horad.rights')::jsonb -> wanted))
ELSE (
    WITH RECURSIVE mine AS (
        SELECT m.territory FROM memberships AS m WHERE m.principal = horad_principal()
           AND array_position(ARRAY['viewer', 'analyst', 'editor', 'admin'], m.role)
            >= array_position(ARRAY['viewer', 'analyst', 'editor', 'admin'], wanted)
        UNION SELECT t.id FROM territories AS t JOIN mine ON t.parent = mine.territory)
    SELECT coalesce(array_agg(territory), '{}') FROM mine)
END
$$
""",
    "horad_open(text)": OPEN,
}

_LET_INDEXES_WORK = """
DO $$ BEGIN
    ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'Boxes are looked up without an index under row-level security, until a superuser does: '
        'ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF';
END $$
"""
"""Below a policy PostgreSQL uses an index only for operators that are known to tell nothing of rows they don't return;
``&&`` of geometries is one (it compares boxes and raises no error), but PostGIS doesn't declare it so."""

_KEEP_STATISTICS = """
DO $$
DECLARE
    teller regprocedure;
BEGIN
    FOR teller IN SELECT oid FROM pg_proc WHERE proname IN ('_postgis_stats', '_postgis_selectivity',
        '_postgis_join_selectivity', '_postgis_index_extent', 'st_estimatedextent')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', teller);
    END LOOP;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE WARNING 'Whoever may use SQL can learn where restricted features lie from the statistics of PostGIS, until a '
        'superuser does: REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', teller;
END $$
"""
"""PostGIS tells everybody what the planner knows of a table, such as how its rows lie on the map."""

_DROP_GROUP = f"""
DO $$ BEGIN
    DROP OWNED BY {PUBLIC};
    DROP ROLE {PUBLIC};
EXCEPTION WHEN dependent_objects_still_exist OR insufficient_privilege THEN NULL;
END $$
"""

_OPEN_TO_ALL = "SELECT coalesce(array_agg(id), '{{}}') FROM territories WHERE NOT restricted && ARRAY['{}', '*']"
_NONE_IS_CLOSED = "SELECT NOT EXISTS (SELECT FROM territories WHERE restricted && ARRAY['{}', '*'])"
_PROTECTED = "SELECT tablename FROM pg_policies WHERE policyname = 'see' AND schemaname = %s"

_READABLE_TERRITORY = "id, title, parent, metric_srid, boundary, view, attribution, added_at, restricted"


def create_functions(connection: Connection) -> None:
    """Create the group of all who aren't the owner, and the functions that tell who may what."""
    connection.exec_driver_sql(
        f"DO $$ BEGIN CREATE ROLE {PUBLIC} NOLOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    connection.exec_driver_sql(f"GRANT {PUBLIC} TO CURRENT_USER")
    for function in _FUNCTIONS.values():
        connection.exec_driver_sql(function)
    connection.exec_driver_sql(_LET_INDEXES_WORK)


def keep_statistics(connection: Connection) -> None:
    """Keep from the public what PostGIS tells of rows that policies hide."""
    connection.exec_driver_sql(_KEEP_STATISTICS.replace("%", "%%"))


def carry_rights(connection: Connection) -> None:
    """Let the owner state with ``horad.rights`` where the one for whom they speak has which role."""
    connection.exec_driver_sql(_FUNCTIONS["horad_territories(text)"])


def drop_functions(connection: Connection) -> None:
    """Drop the functions again, and the group, which is of the whole server, unless another database uses it."""
    for name in reversed(_FUNCTIONS):
        connection.exec_driver_sql(f"DROP FUNCTION {name}")
    connection.exec_driver_sql(_DROP_GROUP)


def protect_registry(connection: Connection) -> None:
    """Show the public which territories and versions there are, and loads and rejects to whom they concern only."""
    connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {HISTORY} TO {PUBLIC}")
    connection.exec_driver_sql(f"GRANT SELECT ({_READABLE_TERRITORY}) ON territories TO {PUBLIC}")
    connection.exec_driver_sql(f"GRANT SELECT ON layer_versions TO {PUBLIC}")
    protect(connection, "ingest_runs", see="viewer")
    connection.exec_driver_sql(f"GRANT SELECT ON ingest_rejects TO {PUBLIC}")
    connection.exec_driver_sql("ALTER TABLE ingest_rejects ENABLE ROW LEVEL SECURITY")
    connection.exec_driver_sql(
        "CREATE POLICY see ON ingest_rejects FOR SELECT USING (run IN ("
        "SELECT id FROM ingest_runs WHERE territory = ANY ((SELECT horad_territories('editor'))::text[])))"
    )
    protect(connection, "memberships", see="admin", change="admin")
    connection.exec_driver_sql("CREATE POLICY own ON memberships FOR SELECT USING (principal = horad_principal())")


def protect(connection: Connection, table: str, *, see: str, change: str | None = None) -> None:
    """Let only those see, and change, the rows of a table that have at least these roles in the row's territory."""
    connection.exec_driver_sql(f"GRANT SELECT{', INSERT, UPDATE, DELETE' if change else ''} ON {table} TO {PUBLIC}")
    connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    connection.exec_driver_sql(f"CREATE POLICY see ON {table} FOR SELECT USING ({_has(see)})")
    if change:
        connection.exec_driver_sql(f"CREATE POLICY change ON {table} USING ({_has(change)})")


def protect_layer(connection: Connection, layer: str) -> None:
    """Let everybody see what is public of a layer and its history, viewers see it all, and editors change it."""
    for table, visible in ((f'"{layer}"', visible_rows(layer)), (f'{HISTORY}."{layer}"', visible_past_rows(layer))):
        connection.exec_driver_sql(f"GRANT SELECT ON {table} TO {PUBLIC}")
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"CREATE POLICY see ON {table} FOR SELECT USING ({visible})")
    connection.exec_driver_sql(f'GRANT INSERT, UPDATE, DELETE ON "{layer}" TO {PUBLIC}')
    connection.exec_driver_sql(f'CREATE POLICY change ON "{layer}" USING ({_has("editor")})')


def visible_rows(layer: str) -> str:
    """Return the condition of the rows of a layer that whoever asks may see.

    Where no territory keeps the layer to itself, no row is asked for its territory: each has one that is there.
    """
    opened = f"(({_NONE_IS_CLOSED.format(layer)}) OR territory = ANY (({_OPEN_TO_ALL.format(layer)})::text[]))"
    return f"NOT restricted AND {opened} OR {_has('viewer')}"


def visible_past_rows(layer: str) -> str:
    """Return the condition of the rows of a layer's history that whoever asks may see.

    What ``horad_open`` tells stands in it as a subquery, which each statement works out once: the call would take a
    quarter of the time of a small tile.
    """
    return f"NOT restricted AND territory = ANY (({_OPEN_TO_ALL.format(layer)})::text[]) OR {_has('viewer')}"


def visible_rows_by_call(layer: str) -> str:
    """Return `visible_past_rows` as a call of ``horad_open``, as it was once written."""
    return f"NOT restricted AND territory = ANY ((SELECT horad_open('{layer}'))::text[]) OR {_has('viewer')}"


def show_layers(connection: Connection, visible: Callable[[str], str], *, past: bool = True) -> None:
    """Let the condition of what may be seen of each layer, and if so of its history, be another one."""
    for (layer,) in connection.exec_driver_sql(_PROTECTED, (HISTORY,)).all():
        for table in (f'"{layer}"', f'{HISTORY}."{layer}"')[: 1 + past]:
            connection.exec_driver_sql(f"ALTER POLICY see ON {table} USING ({visible(layer)})")


def protect_custom_layers(connection: Connection) -> None:
    """Show everybody the custom layers that their territory doesn't restrict, and viewers all of it."""
    visible = f"territory = ANY (horad_open(name)) OR {_has('viewer')}"
    connection.exec_driver_sql(f"GRANT SELECT ON custom_layers TO {PUBLIC}")
    connection.exec_driver_sql("ALTER TABLE custom_layers ENABLE ROW LEVEL SECURITY")
    connection.exec_driver_sql(f"CREATE POLICY see ON custom_layers FOR SELECT USING ({visible})")


def _has(role: str) -> str:
    return f"territory = ANY ((SELECT horad_territories('{role}'))::text[])"
