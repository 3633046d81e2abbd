"""Files of tiles that the service serves: those in the folder ``archives`` of ``HORAD_HOME``, and no others."""

from __future__ import annotations

import mmap
import re
import shutil
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from pmtiles.reader import Reader
from pmtiles.tile import Compression, Entry, deserialize_directory, find_tile, zxy_to_tileid

from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.settings import get_settings

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_SUFFIX = ".pmtiles"
_DEEPEST = 4


@dataclass(frozen=True)
class Archive:
    """A file of tiles that is served.

    Parameters
    ----------
    name
        In addresses.
    path
        Of the file.
    stamp
        Another one for another file of the same name.
    """

    name: str
    path: Path
    stamp: str

    @property
    def header(self) -> dict[str, Any]:
        """What its header says."""
        return _contents(self).header

    @property
    def metadata(self) -> dict[str, Any]:
        """What it says of itself: title, attribution and layers."""
        return _contents(self).metadata

    @property
    def is_packed(self) -> bool:
        """Whether its tiles are compressed by gzip."""
        return self.header["tile_compression"] is Compression.GZIP

    def tile(self, z: int, row: int, col: int) -> bytes:
        """Return a tile as it is in the file; empty where there is none.

        Raises
        ------
        InvalidInputError
            There can be no such tile.
        """
        if not (0 <= z <= 30 and 0 <= row < 1 << z and 0 <= col < 1 << z):
            raise InvalidInputError(f"There is no tile {z}/{col}/{row}.")
        return _contents(self).tile(zxy_to_tileid(z, col, row))


def check_name(name: str) -> str:
    """Return a name that an archive may have.

    Raises
    ------
    InvalidInputError
        It may not.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInputError(f"{name!r} can't be the name of an archive: small letters, digits, _ and - can.")
    return name


def published() -> list[Archive]:
    """Return the archives that are served, by name."""
    folder = _folder()
    names = sorted(file.stem for file in folder.glob(f"*{_SUFFIX}")) if folder.is_dir() else []
    return [find_archive(name) for name in names if _NAME.fullmatch(name)]


def find_archive(name: str) -> Archive:
    """Return an archive that is served.

    Raises
    ------
    NotFoundError
        There is none of that name.
    """
    path = _folder() / f"{name}{_SUFFIX}"
    if not _NAME.fullmatch(name) or not path.is_file():
        raise NotFoundError(f"There is no archive {name!r}; horad tiles --publish makes one.")
    told = path.stat()
    return Archive(name, path, f"{told.st_mtime_ns:x}-{told.st_size:x}")


def publish(file: Path, name: str) -> None:
    """Let a file be served under a name, in place of what was there."""
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f"{check_name(name)}.copy"
    shutil.copyfile(file, copy)
    copy.replace(folder / f"{name}{_SUFFIX}")


class _Contents:
    """An open file: whoever reads it goes on though another takes its name."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as stream:
            self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
        reader: Any = Reader(self._read)  # type: ignore[no-untyped-call]
        self.header: dict[str, Any] = dict(reader.header())
        self.metadata: dict[str, Any] = reader.metadata()
        self._directory = lru_cache(maxsize=256)(self._read_directory)

    def tile(self, tile: int) -> bytes:
        offset, length = self.header["root_offset"], self.header["root_length"]
        for _ in range(_DEEPEST):
            found: Entry | None = find_tile(self._directory(offset, length), tile)
            if found is None:
                return b""
            if found.run_length:
                return self._read(self.header["tile_data_offset"] + found.offset, found.length)
            offset, length = self.header["leaf_directory_offset"] + found.offset, found.length
        return b""

    def _read(self, offset: int, length: int) -> bytes:
        return self._bytes[offset : offset + length]

    def _read_directory(self, offset: int, length: int) -> list[Entry]:
        return deserialize_directory(self._read(offset, length))


@lru_cache(maxsize=32)
def _contents(archive: Archive) -> _Contents:
    return _Contents(archive.path)


def _folder() -> Path:
    return get_settings().home / "archives"
