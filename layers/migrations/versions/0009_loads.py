"""Loads that add, loads that failed, and rejects that were fed again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ingest_runs", sa.Column("adds", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("ingest_runs", sa.Column("state", sa.Text(), server_default="done", nullable=False))
    op.add_column("ingest_runs", sa.Column("error", sa.Text()))
    op.create_check_constraint(op.f("ck_ingest_runs_state"), "ingest_runs", "state IN ('done', 'failed')")
    op.add_column("ingest_rejects", sa.Column("mapped", sa.Boolean(), server_default="false", nullable=False))
    op.add_column(
        "ingest_rejects",
        sa.Column("retried_in", sa.BigInteger(), sa.ForeignKey("ingest_runs.id", ondelete="SET NULL")),
    )
    op.execute("UPDATE ingest_rejects SET mapped = true WHERE record ?& ARRAY['source_id', 'tags', 'geom']")


def downgrade() -> None:
    for column in ("mapped", "retried_in"):
        op.drop_column("ingest_rejects", column)
    for column in ("adds", "state", "error"):
        op.drop_column("ingest_runs", column)
