"""Rows that bear the stamp of their statement, as those of a load do, keep it; triggers of layers always fire."""

from __future__ import annotations

from alembic import op

from layers.migrations.history import always_firing, stamping

revision = "0011"
down_revision = "0016"
branch_labels = None
depends_on = None

_STAMPED_LAYERS = "SELECT relname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid WHERE tgname = 'stamp'"
_ALWAYS = 'CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON "{}" FOR EACH ROW EXECUTE FUNCTION horad_stamp()'


def upgrade() -> None:
    connection = op.get_bind()
    for layer in connection.exec_driver_sql(_STAMPED_LAYERS).scalars().all():
        connection.exec_driver_sql(f'DROP TRIGGER stamp ON "{layer}"')
        for statement in (stamping(layer), *always_firing(layer)):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    connection = op.get_bind()
    for layer in connection.exec_driver_sql(_STAMPED_LAYERS).scalars().all():
        connection.exec_driver_sql(f'DROP TRIGGER stamp ON "{layer}"')
        connection.exec_driver_sql(_ALWAYS.format(layer))
