"""Reading ahead: a source is read while what it has yielded is being written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from layers.ahead import ahead
from layers.sources.records import Batch, Item

_AT_ONCE = 1_000


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items in their order, while another thread reads the next ones; its errors are raised here."""
    for group in ahead(_grouped(items)):
        yield from group


def _grouped(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Yield records by the thousand, and batches one by one."""
    group: list[Item] = []
    for item in items:
        group.append(item)
        if isinstance(item, Batch) or len(group) >= _AT_ONCE:
            yield group
            group = []
    if group:
        yield group
