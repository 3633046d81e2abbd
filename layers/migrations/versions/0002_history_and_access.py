"""The history of every layer, roles a territory, and row-level security."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from layers.migrations import access, history

revision = "0002"
down_revision = "0001"
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
_EVENTS = {
    "INSERT": "REFERENCING NEW TABLE AS new_rows",
    "UPDATE": "REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows",
    "DELETE": "REFERENCING OLD TABLE AS old_rows",
}
_ROLES = "role IN ('viewer', 'analyst', 'editor', 'admin')"


def upgrade() -> None:
    connection = op.get_bind()
    for layer in _LAYERS:
        for event in _EVENTS:
            op.execute(f'DROP TRIGGER version_{event.lower()} ON "{layer}"')
    _change_registry()
    access.create_functions(connection)
    history.create_functions(connection)
    for layer in _LAYERS:
        op.add_column(layer, sa.Column("restricted", sa.Boolean(), server_default="false", nullable=False))
        op.add_column(layer, sa.Column("updated_by", sa.Text(), server_default="", nullable=False))
        op.add_column(layer, sa.Column("run", sa.BigInteger()))
        history.track_layer(connection, layer)
        access.protect_layer(connection, layer)
    access.protect_registry(connection)


def downgrade() -> None:
    connection = op.get_bind()
    op.drop_table("memberships")
    for table in ("ingest_rejects", "ingest_runs"):
        op.execute(f"DROP POLICY see ON {table}")
    for layer in _LAYERS:
        history.untrack_layer(connection, layer)
        for policy in ("see", "change"):
            op.execute(f'DROP POLICY {policy} ON "{layer}"')
        for column in ("restricted", "updated_by", "run"):
            op.drop_column(layer, column)
        for event, tables in _EVENTS.items():
            op.execute(
                f'CREATE TRIGGER version_{event.lower()} AFTER {event} ON "{layer}" {tables} '
                "FOR EACH STATEMENT EXECUTE FUNCTION horad_layer_changed()"
            )
    history.drop_functions(connection)
    access.drop_functions(connection)
    op.drop_column("layer_versions", "changed_in")
    for column in ("restricted", "pack"):
        op.drop_column("territories", column)
    op.drop_column("ingest_runs", "started_at")


def _change_registry() -> None:
    op.add_column("territories", sa.Column("restricted", ARRAY(sa.Text()), server_default="{}", nullable=False))
    op.add_column("territories", sa.Column("pack", JSONB()))
    op.add_column("layer_versions", sa.Column("changed_in", sa.BigInteger()))
    op.add_column(
        "ingest_runs",
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    op.create_table(
        "memberships",
        sa.Column("principal", sa.Text(), primary_key=True),
        sa.Column("territory", sa.Text(), sa.ForeignKey("territories.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("granted_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("granted_by", sa.Text(), server_default=sa.text("session_user"), nullable=False),
        sa.CheckConstraint(_ROLES, name=op.f("ck_memberships_role")),
    )
