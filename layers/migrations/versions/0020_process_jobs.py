"""Runs of analyses that are waited for: what was asked, how far it is, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from layers.models.base import PUBLIC

revision = "0020"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "process_jobs",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("territory", sa.Text(), sa.ForeignKey("territories.id", ondelete="CASCADE")),
        sa.Column("principal", sa.Text()),
        sa.Column("inputs", JSONB(), nullable=False),
        sa.Column("outputs", ARRAY(sa.Text()), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), server_default="accepted", nullable=False),
        sa.Column("message", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("created", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True)),
        sa.Column("finished", sa.DateTime(timezone=True)),
        sa.Column("updated", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("results", JSONB()),
        sa.CheckConstraint("status IN ('accepted', 'running', 'successful', 'failed', 'dismissed')", name="status"),
    )
    op.create_index(op.f("ix_process_jobs_created"), "process_jobs", ["created"])
    op.execute(f"GRANT SELECT ON process_jobs TO {PUBLIC}")
    op.execute("ALTER TABLE process_jobs ENABLE ROW LEVEL SECURITY")
    op.execute(
        "CREATE POLICY own ON process_jobs FOR SELECT USING (principal IS NOT DISTINCT FROM (SELECT horad_principal()))"
    )


def downgrade() -> None:
    op.drop_table("process_jobs")
