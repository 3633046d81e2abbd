"""Reading ahead: a source is read while what it has yielded is being written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread

from layers.sources.records import Batch, Item

_HELD = 4
_AT_ONCE = 1_000
_PATIENCE_S = 0.2


class _Reading(Thread):
    """Reads a source and holds some of it ready."""

    def __init__(self, items: Iterable[Item]) -> None:
        super().__init__(name="reading", daemon=True)
        self.ready: Queue[list[Item] | None] = Queue(_HELD)
        self.stopped = Event()
        self.error: BaseException | None = None
        self._items = items

    def run(self) -> None:
        """Read to the end, or until nobody wants more."""
        try:
            for items in _grouped(self._items):
                self._hand_over(items)
                if self.stopped.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are wanted
            self.error = error
        self._hand_over(None)

    def _hand_over(self, items: list[Item] | None) -> None:
        while not self.stopped.is_set():
            with suppress(Full):
                self.ready.put(items, timeout=_PATIENCE_S)
                break


def read_ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yield items in their order, while another thread reads the next ones; its errors are raised here."""
    reading = _Reading(items)
    reading.start()
    try:
        while (ready := reading.ready.get()) is not None:
            yield from ready
    finally:
        reading.stopped.set()
        reading.join(_PATIENCE_S)
    if reading.error is not None:
        raise reading.error


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
