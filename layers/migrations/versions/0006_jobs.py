"""The queue of loads: procrastinate's tables, in a schema of their own, and what came of each job."""

from __future__ import annotations

from alembic import op
from procrastinate.schema import SchemaManager

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_OUTCOMES = """
CREATE TABLE jobs.outcomes (
    job bigint PRIMARY KEY REFERENCES jobs.procrastinate_jobs ON DELETE CASCADE,
    told text NOT NULL
)
"""


def upgrade() -> None:
    connection = op.get_bind()
    path = connection.exec_driver_sql("SHOW search_path").scalar_one()
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path TO jobs")
    connection.connection.cursor().execute(SchemaManager.get_schema())
    op.execute(f"SET LOCAL search_path TO {path}")
    op.execute(_OUTCOMES)


def downgrade() -> None:
    op.execute("DROP SCHEMA jobs CASCADE")
