"""The layer of turn restrictions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from layers.migrations.tables import create_layer, drop_layer, index_words

revision = "0021"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_layer(
        op.get_bind(),
        "turn_restrictions",
        ("LineString", "MultiLineString"),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("from_road", sa.Text()),
        sa.Column("via", sa.Text()),
        sa.Column("to_road", sa.Text()),
        sa.Column("motor_vehicle", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("bicycle", sa.Boolean(), server_default="true", nullable=False),
        sa.Column("exempt", sa.Text()),
        sa.Column("condition", sa.Text()),
    )
    index_words(op.get_bind(), "turn_restrictions", ())


def downgrade() -> None:
    drop_layer(op.get_bind(), "turn_restrictions")
