"""Users, their API keys, and the audit of what is done to them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from layers.migrations import access, audit

revision = "0018"
down_revision = "0020"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "users",
        sa.Column("principal", sa.Text(), primary_key=True),
        sa.Column("disabled", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("added_at", _TIME, server_default=sa.func.now(), nullable=False),
    )
    op.create_table(
        "api_keys",
        sa.Column("prefix", sa.Text(), primary_key=True),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column(
            "principal", sa.Text(), sa.ForeignKey("users.principal", ondelete="CASCADE"), nullable=False, index=True
        ),
        sa.Column("title", sa.Text(), server_default="", nullable=False),
        sa.Column("writes", sa.Boolean(), server_default="false", nullable=False),
        sa.Column("created_at", _TIME, server_default=sa.func.now(), nullable=False),
        sa.Column("expires_at", _TIME),
        sa.Column("revoked_at", _TIME),
        sa.Column("last_used_at", _TIME),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger(), sa.Identity(), primary_key=True),
        sa.Column("at", _TIME, server_default=sa.func.clock_timestamp(), nullable=False, index=True),
        sa.Column("actor", sa.Text(), server_default=sa.text("horad_actor()"), nullable=False),
        sa.Column("address", sa.Text(), server_default=sa.text("nullif(current_setting('horad.address', true), '')")),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("details", JSONB(), server_default="{}", nullable=False),
    )
    access.carry_rights(op.get_bind())
    audit.watch(op.get_bind())


def downgrade() -> None:
    audit.unwatch(op.get_bind())
    for table in ("audit", "api_keys", "users"):
        op.drop_table(table)
