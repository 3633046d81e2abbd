"""Tiles kept in memory for as long as nothing touches them, and made once however many ask."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import TypeAlias

from api.serving.bounded import Bounded
from api.tiles.shared import SharedTiles
from layers.catalog import find
from layers.history.announcements import RIGHTS, Announcements
from layers.postgres.statements import LOST, NotBegunError
from layers.tiles import tiles
from layers.tiles.pool import failure
from layers.tiles.request import TileRequest

LEVEL = 5
"""Of gzip."""

_OVERHEAD_BYTES = 1_500
"""What a kept tile takes beside its bytes."""
_THREAD_FROM_BYTES = 50_000
_STATES_AT_MOST = 5_000
_QUICK_S = 0.1
"""Before that, nobody is asked whether they still wait."""

Make: TypeAlias = Callable[[], Awaitable[bytes]]
Begin: TypeAlias = Callable[[Callable[[bytes], "Kept"]], "asyncio.Future[Kept] | None"]
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


class Flight:
    """The making of a tile, and how many wait for it."""

    __slots__ = ("key", "state", "waiting", "work")

    def __init__(self, key: TileKey, state: State, work: asyncio.Future[Kept]) -> None:
        self.key = key
        self.state = state
        self.work = work
        self.waiting = 0

    def result(self) -> Kept:
        """Return the tile that was made.

        Raises
        ------
        NotBegunError
            It has to be made by a task after all.
        DatabaseError
            It can't be made.
        """
        try:
            return self.work.result()
        except LOST as error:
            raise NotBegunError from error
        except TimeoutError as error:
            raise failure(error) from error


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
        self._making: dict[TileKey, Flight] = {}
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
        found = self.find(key)
        while found is None:
            with suppress(NotBegunError):
                found = await self._made(key, make, gone)
        if packed and found.packed is None:
            self._pack(key, found, await compressed(found.plain))
        return found

    def begin(self, key: TileKey, begin: Begin) -> Flight | None:
        """Let a tile be made without a task of its own, unless it is being made; ``None`` where it takes one.

        Parameters
        ----------
        key
            The tile.
        begin
            Begins to make it.
        """
        flight = self._under_way(key)
        if flight is None:
            if self._shared or not self._known.current:
                return None
            state, etag = self._now(key)
            work = begin(partial(self._hold, key, state, etag))
            if work is None:
                return None
            flight = self._making[key] = Flight(key, state, work)
        flight.waiting += 1
        return flight

    def leave(self, flight: Flight) -> None:
        """Wait no more for a tile; when nobody does, it is given up."""
        flight.waiting -= 1
        if not flight.waiting:
            flight.work.cancel()
            if self._making.get(flight.key) is flight:
                del self._making[flight.key]

    def pack(self, key: TileKey, found: Kept) -> bool:
        """Keep a tile compressed, and tell whether it was small enough for that."""
        if len(found.plain) < _THREAD_FROM_BYTES:
            self._pack(key, found, _compress(found.plain))
        return found.packed is not None

    def etag(self, key: TileKey) -> str:
        """Return the tag of a tile without making it; an empty one while it isn't known what changed."""
        return self._now(key)[1] if self._known.current else ""

    async def _made(self, key: TileKey, make: Make, gone: Gone) -> Kept:
        flight = self._under_way(key)
        if flight is None:
            state, _ = self._now(key)
            flight = self._making[key] = Flight(key, state, asyncio.create_task(self._make(key, make, state)))
        flight.waiting += 1
        try:
            await asyncio.wait((flight.work,), timeout=_QUICK_S)
            if not flight.work.done():
                await _either(flight.work, gone)
            return flight.result()
        finally:
            self.leave(flight)

    def _under_way(self, key: TileKey) -> Flight | None:
        """Return the making of a tile that will be what it is now, if there is one."""
        flight = self._making.get(key)
        return flight if flight is not None and not flight.work.done() and self._holds(flight.state) else None

    async def _make(self, key: TileKey, make: Make, state: State) -> Kept:
        """Make a tile in a state that was known before, so that what is read is that state or a later one."""
        if not self._known.current:
            return Kept(await make(), None, state, "")
        etag = _etag(key, state.touched(self._known))
        if self._shared is None:
            return self._hold(key, state, etag, await make())
        packed = await self._shared.get(etag)
        if packed is None:
            packed = await compressed(await make())
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

    def _pack(self, key: TileKey, found: Kept, packed: bytes) -> None:
        found.pack(packed)
        if self._kept.get(key) is found:
            self._kept.keep(key, found)

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


async def _either(task: asyncio.Future[Kept], gone: Gone) -> None:
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


async def compressed(plain: bytes) -> bytes:
    """Compress what is to be sent, in a thread where it is large."""
    return _compress(plain) if len(plain) < _THREAD_FROM_BYTES else await asyncio.to_thread(_compress, plain)


def _compress(plain: bytes) -> bytes:
    return gzip.compress(plain, LEVEL, mtime=0) if plain else b""
