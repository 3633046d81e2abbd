"""Zip and gzip files: unpacked into a folder for a while, within limits, so that a small file can't fill the disk."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

from layers.errors import SourceError
from layers.settings import get_settings

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")

_MOST_MEMBERS = 10_000
_MOST_TIMES_SMALLER = 200
_SUSPECT_FROM_BYTES = 64 * 1024 * 1024
_BYTES_PER_MB = 1024 * 1024
_READ_BYTES = 1024 * 1024
_WORKBOOK = "xl/workbook.xml"
_ENCRYPTED = 0x1
_NAME_IN_UTF8 = 0x800


def members(file: Path) -> list[str]:
    """Return the names of the files in a zip file.

    Raises
    ------
    SourceError
        It is no zip file, is cut off, or is a danger: what it would unpack to is too large, or too much larger than
        the file, or would lie outside the folder it is unpacked to.
    """
    with _open_zip(file) as archive:
        return [_name(each) for each in archive.infolist() if not each.is_dir()]


class Workplace:
    """A folder for a while: it is removed when nothing holds this object any more."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="horad-"))
        self._removal = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)

    def close(self) -> None:
        """Remove the folder now."""
        self._removal()


def unpack(file: Path) -> Workplace:
    """Unpack a zip or gzip file. Archives within the archive stay packed.

    Raises
    ------
    SourceError
        As :func:`members`; or a member is encrypted or damaged.
    """
    place = Workplace()
    try:
        if is_zip(file):
            _unpack_zip(file, place.folder)
        else:
            _unpack_gzip(file, place.folder)
    except (zipfile.BadZipFile, zlib.error, EOFError, gzip.BadGzipFile, NotImplementedError) as error:
        raise SourceError(f"{file.name} can't be unpacked, it is cut off or damaged: {error}") from error
    except OSError as error:
        raise SourceError(f"{file.name} can't be unpacked: {error.strerror}") from error
    return place


def link(files: Iterable[Path]) -> Workplace:
    """Return a folder with links to files, their suffixes in lower case, so that a reader may write beside them."""
    place = Workplace()
    for file in files:
        (place.folder / f"{file.stem}{file.suffix.lower()}").symlink_to(file.resolve())
    return place


def is_zip(file: Path) -> bool:
    """Return whether a file begins as zip files do."""
    with file.open("rb") as stream:
        return stream.read(4).startswith(ZIP_MAGIC)


def is_workbook(file: Path) -> bool:
    """Return whether a file is a zip file with an Excel workbook in it, whatever its name."""
    if not is_zip(file):
        return False
    with _open_zip(file) as archive:
        return _WORKBOOK in archive.namelist()


@contextmanager
def _open_zip(file: Path) -> Iterator[zipfile.ZipFile]:
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise SourceError(f"{file.name} can't be read as a zip file, it is cut off or damaged: {error}") from error
    with archive:
        _check_size(file, archive.infolist())
        for each in archive.infolist():
            name = _name(each)
            if name.startswith("/") or name[1:2] == ":" or ".." in PurePosixPath(name).parts:
                raise SourceError(f"{file.name} holds a member that would lie outside its folder: {name!r}.")
        yield archive


def _check_size(file: Path, infos: list[zipfile.ZipInfo]) -> None:
    if len(infos) > _MOST_MEMBERS:
        raise SourceError(f"{file.name} holds {len(infos):,} files; {_MOST_MEMBERS:,} are the most that are unpacked.")
    total = sum(each.file_size for each in infos)
    if total > _limit():
        raise _too_large(file)
    if total > _believable(file):
        raise _too_well_packed(file)


def _unpack_zip(file: Path, folder: Path) -> None:
    room = min(_limit(), _believable(file))
    with _open_zip(file) as archive:
        for each in archive.infolist():
            if each.is_dir():
                continue
            if each.flag_bits & _ENCRYPTED:
                raise SourceError(f"{file.name} is protected by a password: {_name(each)} can't be unpacked.")
            target = folder / _name(each)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(each) as packed, target.open("wb") as out:
                room = _copy(packed, out, room, file)


def _unpack_gzip(file: Path, folder: Path) -> None:
    name = file.name[: -len(".gz")] if file.name.lower().endswith(".gz") else file.name
    with gzip.open(file) as packed, (folder / name).open("wb") as out:
        _copy(packed, out, min(_limit(), _believable(file)), file)


def _copy(packed: IO[bytes] | gzip.GzipFile, out: IO[bytes], room: int, file: Path) -> int:
    """Copy at most as many bytes as there is room for, and return how much room is left."""
    while chunk := packed.read(_READ_BYTES):
        room -= len(chunk)
        if room < 0:
            raise _too_large(file) if _limit() <= _believable(file) else _too_well_packed(file)
        out.write(chunk)
    return room


def _name(info: zipfile.ZipInfo) -> str:
    """Return a member's name; those not marked as UTF-8 are tried as it, then read in the code page of DOS."""
    name = info.filename
    if not info.flag_bits & _NAME_IN_UTF8 and not name.isascii():
        raw = name.encode("cp437")
        try:
            name = raw.decode("utf-8")
        except UnicodeDecodeError:
            name = raw.decode("cp866")
    return name.replace("\\", "/")


def _limit() -> int:
    return get_settings().max_unpacked_mb * _BYTES_PER_MB


def _believable(file: Path) -> int:
    """Return how many bytes a file of this size can hold without being suspect."""
    return max(_SUSPECT_FROM_BYTES, file.stat().st_size * _MOST_TIMES_SMALLER)


def _too_large(file: Path) -> SourceError:
    limit_mb = get_settings().max_unpacked_mb
    return SourceError(
        f"{file.name} would unpack to more than {limit_mb:,} MB, the limit that HORAD_MAX_UNPACKED_MB sets."
    )


def _too_well_packed(file: Path) -> SourceError:
    return SourceError(f"{file.name} would unpack to over {_MOST_TIMES_SMALLER} times its size, as no real data does.")
