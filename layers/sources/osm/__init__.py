"""OpenStreetMap files."""

from __future__ import annotations

from layers.catalog import all_layers

SUFFIXES = (".osm.pbf", ".pbf", ".osm", ".osm.bz2", ".osm.gz", ".o5m")


def osm_layers() -> tuple[str, ...]:
    """Return the layers that have a rule for OpenStreetMap data."""
    return tuple(name for name, model in all_layers().items() if model.layer.osm is not None)
