"""Writes the whole pyramid of tiles into one PMTiles file; killed half-way, it goes on where it was."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pmtiles.tile import Compression, Entry, TileType, zxy_to_tileid
from pmtiles.writer import finalize_header
from sqlalchemy import Connection

from geo.errors import InvalidInputError
from layers.catalog import find
from layers.errors import DatabaseError
from layers.history.announcements import RIGHTS, Announcements
from layers.reading import store
from layers.tiles import tiles
from layers.tiles.journal import TileJournal, Versions
from layers.tiles.pool import TilePool, few_connections
from layers.tiles.request import TileRequest

Cell: TypeAlias = tuple[int, int]
Progress: TypeAlias = Callable[[int, int, int], None]
"""Is told how many tiles are done, of how many, and how many of them were made now."""

COMPRESSION = 6
_PASSES = 5
_BATCH = 200
_TYPES = {str: "String", int: "Number", float: "Number", bool: "Boolean"}


@dataclass(frozen=True, kw_only=True)
class Pyramid:
    """Which tiles are wanted, in WebMercatorQuad.

    Parameters
    ----------
    layers
        Their names.
    territory
        Only features of a territory and of all that belong to it.
    min_zoom, max_zoom
        The first and the last zoom.
    """

    layers: tuple[str, ...]
    territory: str | None = None
    min_zoom: int = 0
    max_zoom: int = 14

    def request(self, z: int, cell: Cell) -> TileRequest:
        """Return one of its tiles."""
        return TileRequest(layers=self.layers, z=z, row=cell[0], col=cell[1], territory=self.territory)


@dataclass(frozen=True)
class Written:
    """What is in a file that was written."""

    tiles: int
    contents: int
    """Those that differ: the same content is kept once."""
    size_bytes: int
    made: int
    """How many tiles had to be made; the others were there from an earlier start."""


async def write(
    connection: Connection,
    known: Announcements,
    pyramid: Pyramid,
    output: Path,
    *,
    attribution: str = "",
    title: str = "Horad",
    progress: Progress | None = None,
) -> Written:
    """Write the tiles that everybody may see into a file, which is there only when it is whole.

    Until then a file beside it, with ``.part`` at its end, holds what is done. Tiles that a change touches meanwhile,
    or between two starts, are made again.

    Parameters
    ----------
    connection
        To the database.
    known
        What the base announces; it must listen.
    pyramid
        The tiles.
    output
        The file; one that is there is replaced.
    attribution
        What must be shown wherever they are.
    title
        Of the file.
    progress
        Is told how far it is.

    Raises
    ------
    InvalidInputError
        There is nothing in the layers, or a zoom can't be.
    DatabaseError
        The base can't be reached.
    """
    if not 0 <= pyramid.min_zoom <= pyramid.max_zoom <= tiles.MAX_ZOOM:
        raise InvalidInputError(f"Zooms go from 0 to {tiles.MAX_ZOOM}, the first not above the last.")
    boxes = [box for name in pyramid.layers if (box := store.extent(connection, name, pyramid.territory))]
    if not boxes:
        raise InvalidInputError("There is nothing in these layers, so that there are no tiles to write.")
    sides = list(zip(*boxes, strict=True))
    box = (min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3]))
    journal = TileJournal(output.with_name(output.name + ".part"), _plan(pyramid))
    with closing(journal):
        work = _Work(known, pyramid, box, journal, progress)
        await work.run()
        written = _assemble(journal, output, _header(box), _metadata(pyramid, title, attribution))
    journal.path.unlink()
    return Written(**written, size_bytes=output.stat().st_size, made=work.made)


class _Work:
    """The making of all tiles, zoom by zoom; what lies below an empty place is passed over."""

    def __init__(
        self, known: Announcements, pyramid: Pyramid, box: store.Box, journal: TileJournal, progress: Progress | None
    ) -> None:
        self.made = 0
        self._known = known
        self._pyramid = pyramid
        self._journal = journal
        self._progress = progress or (lambda *_: None)
        self._pool = TilePool(few_connections(patience_s=math.inf))
        self._matrices = pyramid.request(pyramid.min_zoom, (0, 0)).matrices
        self._limits = {z: self._around(z, box) for z in range(pyramid.min_zoom, pyramid.max_zoom + 1)}
        self._total = sum((south - north + 1) * (east - west + 1) for north, south, west, east in self._limits.values())
        self._done = 0

    async def run(self) -> None:
        """Make all tiles, and again those that are touched meanwhile."""
        try:
            for _ in range(_PASSES):
                serial = self._known.serial
                await self._pass()
                if self._known.serial == serial:
                    return
        finally:
            self._journal.keep()
            await self._pool.close()

    async def _pass(self) -> None:
        self._done = 0
        first, last = self._pyramid.min_zoom, self._pyramid.max_zoom
        cells = self._within(first, ((row, col) for row in self._rows(first) for col in self._cols(first)))
        for z in range(first, last + 1):
            occupied: list[Cell] = []
            for start in range(0, len(cells), _BATCH):
                batch = cells[start : start + _BATCH]
                found = await asyncio.gather(*(self._tile(z, cell) for cell in batch))
                occupied += [cell for cell, there in zip(batch, found, strict=True) if there]
                self._journal.keep()
                self._done += len(batch)
                self._progress(min(self._done, self._total), self._total, self.made)
            if z < last:
                cells = self._within(z + 1, (child for cell in occupied for child in _children(cell)))
                self._done += len(self._rows(z + 1)) * len(self._cols(z + 1)) - len(cells)
        self._progress(self._total, self._total, self.made)

    async def _tile(self, z: int, cell: Cell) -> bool:
        """Make a tile unless it is there and still right, and tell whether there is anything where it is."""
        tile = zxy_to_tileid(z, cell[1], cell[0])
        request = self._pyramid.request(z, cell)
        boxes = {name: tuple(box for box, _ in request.around(name)) for name in request.layers}
        found = self._journal.find(tile)
        if found is not None and self._holds(found[1], boxes):
            return found[0]
        if not self._known.current:
            raise DatabaseError("The base can't be heard any more; start again to go on.")
        versions = {name: self._known.touched(name) for name in (*self._pyramid.layers, *RIGHTS[:1])}
        content = await self._pool.make(request)
        packed = await asyncio.to_thread(gzip.compress, content, COMPRESSION, mtime=0) if content else b""
        occupied = bool(content) or (z < self._pyramid.max_zoom and await self._pool.is_occupied(boxes))
        self._journal.add(tile, packed, versions, occupied=occupied)
        self.made += 1
        return occupied

    def _holds(self, versions: Versions, boxes: dict[str, tuple[store.Box, ...]]) -> bool:
        return all(
            self._known.touched(name, box) <= version
            for name, version in versions.items()
            for box in boxes.get(name, (None,))
        )

    def _around(self, z: int, box: store.Box) -> tuple[int, int, int, int]:
        """Return the limits of a box and one tile more on each side, in whose buffer something may lie."""
        north, south, west, east = self._matrices.limits(z, box)
        rows, cols = self._matrices.size(z)
        return max(north - 1, 0), min(south + 1, rows - 1), max(west - 1, 0), min(east + 1, cols - 1)

    def _rows(self, z: int) -> range:
        return range(self._limits[z][0], self._limits[z][1] + 1)

    def _cols(self, z: int) -> range:
        return range(self._limits[z][2], self._limits[z][3] + 1)

    def _within(self, z: int, cells: Iterator[Cell]) -> list[Cell]:
        rows, cols = self._rows(z), self._cols(z)
        inside = [(row, col) for row, col in cells if row in rows and col in cols]
        return sorted(inside, key=lambda cell: zxy_to_tileid(z, cell[1], cell[0]))


def _plan(pyramid: Pyramid) -> str:
    """Return what tells the tiles of one pyramid from those of another."""
    return json.dumps([tiles.ENCODING, asdict(pyramid), [find(name).mark for name in pyramid.layers]])


def _children(cell: Cell) -> Iterator[Cell]:
    row, col = cell
    yield from ((row * 2 + down, col * 2 + right) for down in (0, 1) for right in (0, 1))


def _assemble(journal: TileJournal, output: Path, header: dict[str, Any], metadata: dict[str, Any]) -> dict[str, int]:
    """Write the file from what is done: each content once, in the order of the first tile that has it."""
    entries: list[Entry] = []
    places: dict[int, tuple[int, int]] = {}
    addressed = length = 0
    body, whole = (output.with_name(output.name + end) for end in (".body", ".whole"))
    with body.open("wb") as stream:
        for tile, content in journal.tiles():
            addressed += 1
            if content not in places:
                packed = journal.content(content)
                stream.write(packed)
                places[content] = length, len(packed)
                length += len(packed)
            offset, size = places[content]
            last = entries[-1] if entries else None
            if last is not None and last.offset == offset and last.tile_id + last.run_length == tile:
                last.run_length += 1
            else:
                entries.append(Entry(tile, offset, size, 1))
    if not entries:
        body.unlink()
        raise InvalidInputError("All tiles are empty: nothing of these layers is drawn at these zooms.")
    parts = finalize_header(header, addressed, entries, len(places), metadata, True, length)  # type: ignore[no-untyped-call]
    with whole.open("wb") as stream, body.open("rb") as tail:
        for part in parts:
            stream.write(part)
        while chunk := tail.read(1 << 20):
            stream.write(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    body.unlink()
    whole.replace(output)
    return {"tiles": addressed, "contents": len(places)}


def _header(box: store.Box) -> dict[str, Any]:
    sides = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
    return {
        "tile_type": TileType.MVT,
        "tile_compression": Compression.GZIP,
        **{name: round(value * 1e7) for name, value in zip(sides, box, strict=True)},
    }


def _metadata(pyramid: Pyramid, title: str, attribution: str) -> dict[str, Any]:
    described = []
    for model in map(find, pyramid.layers):
        first, last = max(model.layer.min_zoom, pyramid.min_zoom), pyramid.max_zoom
        if first <= last:
            fields = {each.name: _TYPES.get(each.python_type, "String") for each in model.columns}
            titles = {"description": model.layer.summary["en"], "minzoom": first, "maxzoom": last}
            described.append({"id": model.name, **titles, "fields": fields})
    return {
        "name": title,
        "attribution": attribution,
        "type": "overlay",
        "format": "pbf",
        "vector_layers": described,
    }
