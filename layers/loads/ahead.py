"""Working ahead: one thread makes what another will want next."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterable
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

_HELD = 4
_PATIENCE_S = 0.2
_TURN_S = 0.000_5
"""For how long a thread keeps Python to itself. Python's own 5 ms are lost each time that one which mostly waits for
the database wants to go on."""


class _Making(Thread, Generic[T]):
    """Goes through what there is, and holds some of it ready."""

    def __init__(self, items: Iterable[T], held: int) -> None:
        super().__init__(name="ahead", daemon=True)
        self.ready: Queue[tuple[T] | None] = Queue(held)
        self.stopped = Event()
        self.error: BaseException | None = None
        self._items = items

    def run(self) -> None:
        """Go on to the end, or until nobody wants more."""
        try:
            for item in self._items:
                self._hand_over((item,))
                if self.stopped.is_set():
                    break
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are wanted
            self.error = error
        self._hand_over(None)

    def _hand_over(self, item: tuple[T] | None) -> None:
        while not self.stopped.is_set():
            with suppress(Full):
                self.ready.put(item, timeout=_PATIENCE_S)
                break


def ahead(items: Iterable[T], *, held: int = _HELD, wait: bool = False) -> Generator[T]:
    """Yield items in their order, while another thread makes the next ones; its errors are raised here.

    Parameters
    ----------
    items
        Made one by one, in the other thread.
    held
        How many are made before they are wanted.
    wait
        Whether who stops early waits until the other thread is through with the item that it is at.
    """
    sys.setswitchinterval(min(_TURN_S, sys.getswitchinterval()))
    making = _Making(items, held)
    making.start()
    try:
        while (ready := making.ready.get()) is not None:
            yield ready[0]
    finally:
        making.stopped.set()
        making.join(None if wait else _PATIENCE_S)
    if making.error is not None:
        raise making.error
