"""Tiles kept in memory for as long as nothing touches them, and made once however many ask."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from api.serving.at_once import Raw
from api.serving.bounded import Bounded
from api.serving.compression import compress
from api.serving.flights import Flight, Flights
from api.tiles.shared import SharedTiles
from layers.catalog import find
from layers.history.announcements import RIGHTS, Announcements
from layers.tiles import tiles
from layers.tiles.request import TileRequest

_OVERHEAD_BYTES = 1_500
"""What a kept tile takes beside its bytes."""
_STATES_AT_MOST = 5_000

Make: TypeAlias = Callable[[], Awaitable[bytes]]
Begin: TypeAlias = Callable[[Callable[[bytes], "Kept"]], "asyncio.Future[Kept] | None"]
TileFlight: TypeAlias = "Flight[TileKey, State, Kept]"


@dataclass(frozen=True, slots=True)
class TileKey:
    """What is kept apart: a tile, as those see it who have the same rights."""

    told: str
    """All of it as text, by which keys are compared and tags are made: the same in all processes."""
    request: TileRequest = field(compare=False)
    rights: str = field(compare=False)


class State:
    """Which changes a tile depends on, and which of them it holds."""

    __slots__ = ("_boxes", "_rights", "serial", "versions")

    def __init__(self, known: Announcements, key: TileKey) -> None:
        self.serial = known.serial
        self._boxes = key.request.depends_on()
        self._rights = RIGHTS if key.rights else RIGHTS[:1]
        self.versions = {name: known.touched(name) for name in (*self._boxes, *self._rights)}

    def touched(self, known: Announcements) -> tuple[int, ...]:
        """Return the versions that last touched the tile, layer by layer."""
        of_layers = (max(known.touched(name, box) for box in boxes) for name, boxes in self._boxes.items())
        return (*of_layers, *(known.touched(name) for name in self._rights))

    def holds(self, touched: tuple[int, ...]) -> bool:
        """Whether a tile made in this state is what it would be now."""
        return all(now <= then for now, then in zip(touched, self.versions.values(), strict=True))


class Kept:
    """A tile that is kept: plain or, once it was asked for so, compressed."""

    __slots__ = ("_plain", "answers", "etag", "packed", "size", "state")

    def __init__(self, plain: bytes | None, packed: bytes | None, state: State, etag: str) -> None:
        self._plain = plain
        self.packed = packed
        self.state = state
        self.etag = etag
        self.answers: dict[tuple[bool, bool, bool], Raw] = {}
        """Those made of it, by whether it is unchanged, compressed, and may be kept for good."""
        self.size = _OVERHEAD_BYTES + len(packed or plain or b"")

    @property
    def empty(self) -> bool:
        """Whether there is nothing in it."""
        return not self._plain and not self.packed

    @property
    def plain(self) -> bytes:
        """The tile as it is."""
        if self._plain is not None:
            return self._plain
        return gzip.decompress(self.packed) if self.packed else b""

    def is_ready(self, *, packed: bool) -> bool:
        """Whether it is kept in that form."""
        return (self.packed if packed else self._plain) is not None

    def pack(self, packed: bytes) -> None:
        """Keep it compressed and no longer plain."""
        self.packed, self._plain, self.answers = packed, None, {}
        self.size = _OVERHEAD_BYTES + len(packed)


class TileCache:
    """The tiles that one process keeps, on one event loop.

    Parameters
    ----------
    known
        What the base announces.
    at_most_bytes
        They may take; those that weren't asked for longest go first.
    shared
        Where other processes and machines keep tiles too, if anywhere.
    """

    def __init__(self, known: Announcements, at_most_bytes: int, shared: SharedTiles | None = None) -> None:
        self._known = known
        self._shared = shared
        self._kept: Bounded[TileKey, Kept] = Bounded(at_most_bytes)
        self._flights: Flights[TileKey, State, Kept] = Flights()
        self._states: dict[TileKey, tuple[State, str]] = {}
        self._states_of = -1

    def find(self, key: TileKey) -> Kept | None:
        """Return a tile that is kept and nothing has touched since, if there is one."""
        kept = self._kept.get(key)
        if kept is None or not self._known.current:
            return None
        if kept.state.serial != self._known.serial and not self._still_holds(key, kept):
            self._kept.drop(key)
            return None
        self._kept.touch(key)
        return kept

    def begin(self, key: TileKey, make: Make, begin: Begin | None = None) -> TileFlight:
        """Let a tile be made, unless it is being made; whoever waits no more calls `leave`.

        Parameters
        ----------
        key
            The tile.
        make
            Makes it, in a task.
        begin
            Begins to make it without one, if that can be.
        """
        flight = self._flights.join(key, self._holds)
        if flight is not None:
            return flight
        state, etag = self._now(key)
        work = None
        if not self._known.current:
            etag = ""
        elif begin is not None and self._shared is None:
            work = begin(partial(self._hold, key, state, etag))
        return self._flights.begin(key, state, work or asyncio.ensure_future(self._make(key, make, state, etag)))

    def leave(self, flight: TileFlight) -> None:
        """Wait no more for a tile; when nobody does, it is given up."""
        self._flights.leave(flight)

    def pack(self, key: TileKey, found: Kept, packed: bytes) -> None:
        """Keep a tile compressed."""
        found.pack(packed)
        if self._kept.get(key) is found:
            self._kept.keep(key, found)

    def etag(self, key: TileKey) -> str:
        """Return the tag of a tile without making it; an empty one while it isn't known what changed."""
        return self._now(key)[1] if self._known.current else ""

    async def _make(self, key: TileKey, make: Make, state: State, etag: str) -> Kept:
        """Make a tile in a state that was known before, so that what is read is that state or a later one."""
        if not etag:
            return Kept(await make(), None, state, "")
        if self._shared is None:
            return self._hold(key, state, etag, await make())
        packed = await self._shared.get(etag)
        if packed is None:
            packed = await asyncio.to_thread(compress, await make())
            await self._shared.put(etag, packed)
        kept = Kept(None, packed, state, etag)
        self._kept.keep(key, kept)
        return kept

    def _now(self, key: TileKey) -> tuple[State, str]:
        """Return the state in which a tile would be made now, and the tag that it would have."""
        serial = self._known.serial
        if serial != self._states_of or len(self._states) >= _STATES_AT_MOST:
            self._states, self._states_of = {}, serial
        found = self._states.get(key)
        if found is None:
            state = State(self._known, key)
            found = self._states[key] = state, _etag(key, state.touched(self._known))
        return found

    def _hold(self, key: TileKey, state: State, etag: str, plain: bytes) -> Kept:
        """Keep a tile that was made in a state."""
        kept = Kept(plain, None, state, etag)
        self._kept.keep(key, kept)
        return kept

    def _holds(self, state: State) -> bool:
        same = self._known.current and state.serial == self._known.serial
        return same or (self._known.current and state.holds(state.touched(self._known)))

    def _still_holds(self, key: TileKey, kept: Kept) -> bool:
        serial = self._known.serial
        touched = kept.state.touched(self._known)
        if not kept.state.holds(touched):
            return False
        kept.state.serial = serial
        kept.etag = _etag(key, touched)
        kept.answers = {}
        return True


def tile_key(request: TileRequest, rights: str) -> TileKey:
    """Return the key of a tile for those who have the same rights.

    Raises
    ------
    NotFoundError
        There is no such layer.
    """
    # A custom layer that is dropped and made again has another mark.
    marks = [find(name).mark for name in request.layers]
    return TileKey(repr((tiles.ENCODING, request.told, rights, marks)), request, rights)


def _etag(key: TileKey, touched: tuple[int, ...]) -> str:
    return hashlib.blake2b(f"{key.told}{touched}".encode(), digest_size=12).hexdigest()
