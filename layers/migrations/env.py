"""Run the migrations on the connection that the caller hands over."""

from __future__ import annotations

from typing import Any

from alembic import context

from layers.models import metadata

_METADATA = metadata()
_OURS = set(_METADATA.tables) | {"alembic_version"}


def _is_ours(_object: Any, name: str | None, kind: str, _reflected: bool, _compared: Any) -> bool:
    """Leave the tables of PostGIS alone, and the indexes of words, which are made of expressions."""
    if kind == "index":
        return not (name or "").startswith("words_")
    return kind != "table" or name in _OURS


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=_METADATA,
    include_object=_is_ours,
    compare_server_default=False,
)
with context.begin_transaction():
    context.run_migrations()
