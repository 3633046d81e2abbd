"""Small OpenStreetMap files, written as XML."""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

from town import LAT, LON

Tags = dict[str, str]


def node(number: int, x: float = 0, y: float = 0, tags: Tags | None = None) -> str:
    """A node x and y thousandths of a degree from the middle of the town."""
    place = f'lon="{LON + x / 1000:.7f}" lat="{LAT + y / 1000:.7f}"'
    return f'<node id="{number}" version="1" {place}>{_tags(tags)}</node>'


def way(number: int, nodes: list[int], tags: Tags) -> str:
    refs = "".join(f'<nd ref="{each}"/>' for each in nodes)
    return f'<way id="{number}" version="1">{refs}{_tags(tags)}</way>'


def multipolygon(number: int, members: dict[int, str], tags: Tags) -> str:
    return relation(number, members, {"type": "multipolygon", **tags})


def relation(number: int, members: dict[int, str], tags: Tags) -> str:
    """A relation of ways, by id and role."""
    listed = "".join(f'<member type="way" ref="{ref}" role="{role}"/>' for ref, role in members.items())
    return f'<relation id="{number}" version="1">{listed}{_tags(tags)}</relation>'


def xml(*elements: str) -> str:
    return f'<?xml version="1.0"?><osm version="0.6" generator="test">{"".join(elements)}</osm>'


def write(file: Path, *elements: str) -> Path:
    file.write_text(xml(*elements), encoding="utf-8")
    return file


def _tags(tags: Tags | None) -> str:
    return "".join(f"<tag k={quoteattr(key)} v={quoteattr(value)}/>" for key, value in (tags or {}).items())


def restriction(number: int, members: list[tuple[str, int, str]], tags: Tags) -> str:
    """A restriction of turns: its members by kind of element, id and role."""
    listed = "".join(f'<member type="{kind}" ref="{ref}" role="{role}"/>' for kind, ref, role in members)
    return f'<relation id="{number}" version="1">{listed}{_tags({"type": "restriction", **tags})}</relation>'
