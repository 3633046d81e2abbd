"""What everybody may know of a territory's description: its norms, its time zone, its languages; not its sources."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

from layers.models.base import PUBLIC

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_WITHOUT_SOURCES = "((pack - 'sources'::text) - 'boundary'::text)"


def upgrade() -> None:
    op.add_column("territories", sa.Column("facts", JSONB(), sa.Computed(_WITHOUT_SOURCES, persisted=True)))
    op.execute(f"GRANT SELECT (facts) ON territories TO {PUBLIC}")


def downgrade() -> None:
    op.drop_column("territories", "facts")
