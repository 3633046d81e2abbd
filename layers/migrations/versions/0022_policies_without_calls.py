"""A subquery of the policy tells what the public may see of a layer: it costs less than the call of a function."""

from __future__ import annotations

from alembic import op

from layers.migrations.access import show_layers, visible_past_rows, visible_rows_by_call

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    show_layers(op.get_bind(), visible_past_rows)


def downgrade() -> None:
    show_layers(op.get_bind(), visible_rows_by_call)
