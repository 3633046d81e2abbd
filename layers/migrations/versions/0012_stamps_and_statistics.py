"""Editors can't forge who changed what and when; nobody hangs our triggers elsewhere or reads PostGIS's statistics."""

from __future__ import annotations

from alembic import op

from layers.migrations import access, history

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    connection = op.get_bind()
    history.replace_functions(connection)
    access.keep_statistics(connection)


def downgrade() -> None:
    """Leave it: what stands now serves the schema before as well."""
