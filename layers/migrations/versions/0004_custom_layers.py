"""The register of custom layers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from layers.migrations.access import protect_custom_layers

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "custom_layers",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("territory", sa.Text(), sa.ForeignKey("territories.id"), nullable=False),
        sa.Column("description", JSONB(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("added_by", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
    )
    protect_custom_layers(op.get_bind())


def downgrade() -> None:
    op.drop_table("custom_layers")
