"""Rows of a layer that no territory keeps to itself are shown without a look at the territory of each."""

from __future__ import annotations

from alembic import op

from layers.migrations.access import show_layers, visible_past_rows, visible_rows

revision = "0027"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    show_layers(op.get_bind(), visible_rows, past=False)


def downgrade() -> None:
    show_layers(op.get_bind(), visible_past_rows, past=False)
