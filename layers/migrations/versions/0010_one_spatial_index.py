"""One spatial index a layer: tiles find their features by the stored geometries too."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_DROP = """
DO $$
DECLARE
    found text;
BEGIN
    FOR found IN SELECT indexname FROM pg_indexes WHERE schemaname = 'public' AND indexname LIKE 'ix\\_%\\_geom\\_3857'
    LOOP
        EXECUTE format('DROP INDEX %I', found);
    END LOOP;
END $$
"""

_CREATE = """
DO $$
DECLARE
    found text;
BEGIN
    FOR found IN SELECT table_name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name = 'geom_3857'
    LOOP
        EXECUTE format('CREATE INDEX %I ON %I USING gist (geom_3857)', 'ix_' || found || '_geom_3857', found);
    END LOOP;
END $$
"""


def upgrade() -> None:
    op.get_bind().exec_driver_sql(_DROP.replace("%", "%%"))


def downgrade() -> None:
    op.get_bind().exec_driver_sql(_CREATE.replace("%", "%%"))
