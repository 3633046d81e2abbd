"""The triggers that write down who changed users, keys and roles."""

from __future__ import annotations

from sqlalchemy import Connection

_AUDITED = ("users", "api_keys", "memberships")

_AUDIT = """
CREATE FUNCTION horad_audit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    secrets text[] := ARRAY['hash', 'last_used_at'];
    before jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) - secrets END;
    after jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) - secrets END;
BEGIN
    IF before IS DISTINCT FROM after THEN
        INSERT INTO audit (action, subject, details) VALUES (
            TG_TABLE_NAME || ' ' || lower(TG_OP), coalesce(after, before) ->> 'principal',
            jsonb_strip_nulls(jsonb_build_object('before', before, 'after', after)));
    END IF;
    RETURN NULL;
END $$
"""


def watch(connection: Connection) -> None:
    """Create the triggers and their function."""
    connection.exec_driver_sql(_AUDIT)
    connection.exec_driver_sql("REVOKE EXECUTE ON FUNCTION horad_audit() FROM PUBLIC")
    for table in _AUDITED:
        connection.exec_driver_sql(
            f"CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION horad_audit()"
        )


def unwatch(connection: Connection) -> None:
    """Drop them again."""
    for table in _AUDITED:
        connection.exec_driver_sql(f"DROP TRIGGER audit ON {table}")
    connection.exec_driver_sql("DROP FUNCTION horad_audit()")
