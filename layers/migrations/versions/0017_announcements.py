"""Where each change of a layer lies is kept for a while, and changes of territories and custom layers are announced."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

from layers.migrations.access import OPEN
from layers.migrations.history import ANNOUNCE, KEEP_BOXES

revision = "0017"
down_revision = "0012"
branch_labels = None
depends_on = None

_ANNOUNCE_REGISTRY = """
CREATE FUNCTION horad_announce_registry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
    raised bigint;
BEGIN
    IF TG_ARGV[0] = 'rights' THEN
        INSERT INTO layer_versions AS v (layer, version) VALUES (TG_TABLE_NAME, 1)
        ON CONFLICT (layer) DO UPDATE SET version = v.version + 1, changed_at = clock_timestamp()
        RETURNING v.version INTO raised;
    END IF;
    PERFORM pg_notify('horad_layers', json_build_object('layer', TG_TABLE_NAME, 'version', raised)::text);
    RETURN NULL;
END $$
"""
"""What changes who may see what raises a version; what only has to be read again is told and nothing more."""

_TRIGGERS = {
    "territories": (
        ("announce", "INSERT OR UPDATE", "FOR EACH STATEMENT", ""),
        ("announce_removal", "DELETE", "FOR EACH STATEMENT", "'rights'"),
        (
            "announce_rights",
            "UPDATE",
            "FOR EACH ROW WHEN ((OLD.restricted, OLD.parent) IS DISTINCT FROM (NEW.restricted, NEW.parent))",
            "'rights'",
        ),
    ),
    "custom_layers": (("announce", "INSERT OR UPDATE OR DELETE", "FOR EACH STATEMENT", ""),),
    "memberships": (("announce_rights", "INSERT OR UPDATE OR DELETE", "FOR EACH STATEMENT", "'rights'"),),
}


def upgrade() -> None:
    connection = op.get_bind()
    op.create_table(
        "layer_changes",
        sa.Column("layer", sa.Text(), sa.ForeignKey("layer_versions.layer", ondelete="CASCADE"), primary_key=True),
        sa.Column("version", sa.BigInteger(), primary_key=True),
        sa.Column("boxes", ARRAY(sa.Double()), nullable=False),
    )
    connection.exec_driver_sql(ANNOUNCE.replace("%", "%%"))
    connection.exec_driver_sql(OPEN)
    connection.exec_driver_sql(_ANNOUNCE_REGISTRY)
    connection.exec_driver_sql("REVOKE EXECUTE ON FUNCTION horad_announce_registry() FROM PUBLIC")
    for table, triggers in _TRIGGERS.items():
        for name, events, each, argument in triggers:
            connection.exec_driver_sql(
                f"CREATE TRIGGER {name} AFTER {events} ON {table} {each}"
                f" EXECUTE FUNCTION horad_announce_registry({argument})"
            )


def downgrade() -> None:
    connection = op.get_bind()
    for table, triggers in _TRIGGERS.items():
        for name, *_ in triggers:
            op.execute(f"DROP TRIGGER {name} ON {table}")
    op.execute("DROP FUNCTION horad_announce_registry()")
    connection.exec_driver_sql(ANNOUNCE.replace(KEEP_BOXES, "").replace("%", "%%"))
    op.drop_table("layer_changes")
    op.execute("DELETE FROM layer_versions WHERE layer IN ('territories', 'memberships')")
