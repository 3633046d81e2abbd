"""Pages of features kept in memory for as long as their layer is as it was, and made once however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeAlias

from api.serving.bounded import Bounded
from layers.history.announcements import Announcements

_OVERHEAD_BYTES = 1_000
"""What a kept page takes beside its bytes."""
_SHARE_AT_MOST = 8
"""A page that takes more than one part in so many of all that may be kept isn't."""

State: TypeAlias = tuple[int, int]
"""Of the base, as far as a page depends on it: who may see what, and the version of the layer."""
Make: TypeAlias = Callable[[], Awaitable[bytes]]


class Kept:
    """A page, and compressed once it was asked for so."""

    __slots__ = ("layer", "packed", "plain", "serial", "state")

    def __init__(self, layer: str, plain: bytes, state: State, serial: int) -> None:
        self.layer = layer
        self.plain = plain
        self.packed: bytes | None = None
        self.state = state
        self.serial = serial

    @property
    def size(self) -> int:
        """What it takes, in bytes."""
        return _OVERHEAD_BYTES + len(self.plain) + len(self.packed or b"")


class PageCache:
    """The pages that one process keeps, on one event loop.

    Parameters
    ----------
    known
        What the base announces.
    at_most_bytes
        They may take; those that weren't asked for longest go first.
    """

    def __init__(self, known: Announcements, at_most_bytes: int) -> None:
        self._known = known
        self._at_most = at_most_bytes
        self._kept: Bounded[Hashable, Kept] = Bounded(at_most_bytes)
        self._making: dict[Hashable, tuple[State, asyncio.Future[Kept]]] = {}

    def find(self, key: Hashable) -> Kept | None:
        """Return a page that is kept and still as it would be now, if there is one."""
        kept = self._kept.get(key)
        if kept is None or not self._known.current:
            return None
        if kept.serial != self._known.serial:
            serial = self._known.serial
            if kept.state != self._state(kept.layer):
                self._kept.drop(key)
                return None
            kept.serial = serial
        self._kept.touch(key)
        return kept

    async def obtain(self, key: Hashable, layer: str, make: Make) -> Kept:
        """Make a page and keep it; all who ask for it meanwhile wait for the same one.

        Parameters
        ----------
        key
            Whatever the page depends on beside the base.
        layer
            The name of its layer.
        make
            Makes it; what it raises, all who wait are told.
        """
        serial, state = self._known.serial, self._state(layer)
        made_in, making = self._making.get(key, (None, None))
        if making is not None and made_in == state:
            return await asyncio.shield(making)
        making = asyncio.get_running_loop().create_future()
        self._making[key] = state, making
        try:
            kept = Kept(layer, await make(), state, serial)
            making.set_result(kept)
        except Exception as error:
            making.set_exception(error)
            making.exception()
            raise
        finally:
            making.cancel()
            if self._making[key][1] is making:
                del self._making[key]
        self._keep(key, kept)
        return kept

    def pack(self, key: Hashable, kept: Kept, packed: bytes) -> None:
        """Keep a page compressed, too."""
        kept.packed = packed
        if self._kept.get(key) is kept:
            self._kept.keep(key, kept)

    def _state(self, layer: str) -> State:
        return self._known.registry_serial, self._known.touched(layer)

    def _keep(self, key: Hashable, kept: Kept) -> None:
        if kept.size * _SHARE_AT_MOST > self._at_most or not self._known.current:
            return
        self._kept.keep(key, kept)
