"""The layer of findings of the checks of quality."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from layers.migrations.tables import create_layer, drop_layer

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_layer(
        op.get_bind(),
        "findings",
        ("Point", "MultiPoint"),
        sa.Column("layer_name", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("feature", sa.Text()),
        sa.Column("detail", sa.Text()),
        located=False,
    )


def downgrade() -> None:
    drop_layer(op.get_bind(), "findings")
