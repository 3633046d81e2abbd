"""Functions and triggers of bases that were made while they were still written become what stands here."""

from __future__ import annotations

from alembic import op

from layers.migrations import history
from layers.migrations.access import OPEN
from layers.migrations.words import replace_words

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_STAMPED_LAYERS = "SELECT relname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid WHERE tgname = 'stamp'"


def upgrade() -> None:
    connection = op.get_bind()
    history.replace_functions(connection)
    connection.exec_driver_sql(OPEN)
    replace_words(connection)
    for layer in connection.exec_driver_sql(_STAMPED_LAYERS).scalars().all():
        for statement in history.always_firing(layer):
            connection.exec_driver_sql(statement)


def downgrade() -> None:
    """Leave them: what stands now serves the schema before as well."""
