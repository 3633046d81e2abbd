"""Reading ahead: a source is read while what it has yielded is being written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from layers.loads.ahead import ahead
from layers.sources.records import Batch, Complete, Item

_AT_ONCE = 1_000
_HELD = 16


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items in their order, while another thread reads the next ones; its errors are raised here."""
    for group in ahead(_grouped(items), held=_HELD):
        yield from group


def _grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield records by the thousand, and batches one by one."""
    group: list[Item] = []
    for item in items:
        group.append(item)
        if isinstance(item, (Batch, Complete)) or len(group) >= _AT_ONCE:
            yield group
            group = []
    if group:
        yield group
