"""Tiles kept in memory for as long as nothing touches them, and made once however many ask."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from api.shared_tiles import SharedTiles
from layers import tiles
from layers.announcements import RIGHTS, Announcements
from layers.catalog import find
from layers.tile_request import TileRequest

LEVEL = 5
"""Of gzip."""

_OVERHEAD_BYTES = 1_500
"""What a kept tile takes beside its bytes."""
_THREAD_FROM_BYTES = 50_000
_QUICK_S = 0.1
"""Before that, nobody is asked whether they still wait."""

Make: TypeAlias = Callable[[], Awaitable[bytes]]
Gone: TypeAlias = Callable[[], Awaitable[None]]
Raw: TypeAlias = tuple[int, list[tuple[bytes, bytes]], bytes]
"""Status, headers and body of an answer."""


class ClientGoneError(Exception):
    """Whoever asked has gone, so that there is nobody to answer."""


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


class _Flight:
    """The making of a tile, and how many wait for it."""

    __slots__ = ("state", "task", "waiting")

    def __init__(self, state: State, task: asyncio.Task[Kept]) -> None:
        self.state = state
        self.task = task
        self.waiting = 0


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
        self._at_most = at_most_bytes
        self._shared = shared
        self._kept: OrderedDict[TileKey, Kept] = OrderedDict()
        self._bytes = 0
        self._making: dict[TileKey, _Flight] = {}

    def find(self, key: TileKey) -> Kept | None:
        """Return a tile that is kept and nothing has touched since, if there is one."""
        kept = self._kept.get(key)
        if kept is None or not self._known.current:
            return None
        if kept.state.serial != self._known.serial and not self._still_holds(key, kept):
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return kept

    async def obtain(self, key: TileKey, make: Make, *, packed: bool, gone: Gone) -> Kept:
        """Return a tile, made now unless it is kept; all who ask for it meanwhile wait for the same one.

        Parameters
        ----------
        key
            The tile.
        make
            Makes it.
        packed
            Whether it is wanted compressed.
        gone
            Ends when whoever asked doesn't wait any more; when nobody does, the tile is given up.

        Raises
        ------
        ClientGoneError
            Whoever asked didn't wait.
        """
        found = self.find(key) or await self._made(key, make, gone)
        if packed and found.packed is None:
            compressed = await _compressed(found.plain)
            before = found.size
            found.pack(compressed)
            if self._kept.get(key) is found:
                self._bytes += found.size - before
        return found

    def etag(self, key: TileKey) -> str:
        """Return the tag of a tile without making it; an empty one while it isn't known what changed."""
        return _etag(key, State(self._known, key).touched(self._known)) if self._known.current else ""

    async def _made(self, key: TileKey, make: Make, gone: Gone) -> Kept:
        flight = self._making.get(key)
        if flight is None or not self._holds(flight.state):
            state = State(self._known, key)
            flight = _Flight(state, asyncio.create_task(self._make(key, make, state)))
            self._making[key] = flight
        flight.waiting += 1
        try:
            await asyncio.wait((flight.task,), timeout=_QUICK_S)
            if not flight.task.done():
                await _either(flight.task, gone)
            return flight.task.result()
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
                if self._making.get(key) is flight:
                    del self._making[key]

    async def _make(self, key: TileKey, make: Make, state: State) -> Kept:
        """Make a tile in a state that was known before, so that what is read is that state or a later one."""
        if not self._known.current:
            return Kept(await make(), None, state, "")
        etag = _etag(key, state.touched(self._known))
        packed = await self._shared.get(etag) if self._shared else None
        if packed is None:
            plain = await make()
            if self._shared:
                packed = await _compressed(plain)
                await self._shared.put(etag, packed)
        kept = Kept(None if packed is not None else plain, packed, state, etag)
        self._keep(key, kept)
        return kept

    def _keep(self, key: TileKey, kept: Kept) -> None:
        self._drop(key)
        self._kept[key] = kept
        self._bytes += kept.size
        while self._bytes > self._at_most:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= gone.size

    def _drop(self, key: TileKey) -> None:
        gone = self._kept.pop(key, None)
        if gone is not None:
            self._bytes -= gone.size

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


async def _either(task: asyncio.Task[Kept], gone: Gone) -> None:
    """Wait for a tile for as long as whoever asked does."""
    watching = asyncio.ensure_future(gone())
    try:
        await asyncio.wait((task, watching), return_when=asyncio.FIRST_COMPLETED)
    finally:
        watching.cancel()
    if not task.done():
        raise ClientGoneError


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


async def _compressed(plain: bytes) -> bytes:
    if len(plain) < _THREAD_FROM_BYTES:
        return gzip.compress(plain, LEVEL, mtime=0) if plain else b""
    return await asyncio.to_thread(gzip.compress, plain, LEVEL, mtime=0)
