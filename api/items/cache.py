"""Pages of features kept in memory for as long as their layer is as it was, and made once however many ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from functools import partial
from typing import TypeAlias

from api.serving.bounded import Bounded
from api.serving.flights import Flight, Flights
from layers.history.announcements import RIGHTS, Announcements

_OVERHEAD_BYTES = 1_000
"""What a kept page takes beside its bytes."""
_SHARE_AT_MOST = 8
"""A page that takes more than one part in so many of all that may be kept isn't."""

State: TypeAlias = tuple[int, int, int]
"""Of the base, as far as a page depends on it: which layers there are, who may see what, the version of the layer."""
Make: TypeAlias = Callable[[], Awaitable[tuple[bytes, bool]]]
"""Makes a page, and tells whether it may be kept."""
Begin: TypeAlias = Callable[[Callable[[bytes, bool], "Kept"]], "asyncio.Future[Kept] | None"]
PageFlight: TypeAlias = "Flight[Hashable, State, Kept]"


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
        self._flights: Flights[Hashable, State, Kept] = Flights()

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

    def begin(self, key: Hashable, layer: str, make: Make, begin: Begin | None = None) -> PageFlight:
        """Let a page be made, unless it is being made; whoever waits no more calls `leave`.

        Parameters
        ----------
        key
            Whatever the page depends on beside the base.
        layer
            The name of its layer.
        make
            Makes it, in a task.
        begin
            Begins to make it without one, if that can be.
        """
        serial, state = self._known.serial, self._state(layer)
        flight = self._flights.join(key, state.__eq__)
        if flight is not None:
            return flight
        hold = partial(self._hold, key, layer, state, serial)
        work = None if begin is None else begin(hold)
        return self._flights.begin(key, state, work or asyncio.ensure_future(_made(make, hold)))

    def leave(self, flight: PageFlight) -> None:
        """Wait no more for a page; when nobody does, it is given up."""
        self._flights.leave(flight)

    def pack(self, key: Hashable, kept: Kept, packed: bytes) -> None:
        """Keep a page compressed, too."""
        kept.packed = packed
        if self._kept.get(key) is kept:
            self._kept.keep(key, kept)

    def _state(self, layer: str) -> State:
        return self._known.registry_serial, self._known.touched(RIGHTS[0]), self._known.touched(layer)

    def _hold(self, key: Hashable, layer: str, state: State, serial: int, plain: bytes, lasts: bool) -> Kept:
        """Keep a page that was made in a state, if it may be and isn't too large."""
        kept = Kept(layer, plain, state, serial)
        if lasts and kept.size * _SHARE_AT_MOST <= self._at_most and self._known.current:
            self._kept.keep(key, kept)
        return kept


async def _made(make: Make, hold: Callable[[bytes, bool], Kept]) -> Kept:
    return hold(*await make())
