"""Packed files: unpacked into a folder for a while, within limits, so that a small file can't fill the disk."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa

from layers.errors import SourceError
from layers.settings import get_settings

ZIP_MAGIC = (b"PK\x03\x04", b"PK\x05\x06")

_MOST_MEMBERS = 10_000
_MOST_TIMES_SMALLER = 200
_SUSPECT_FROM_BYTES = 64 * 1024 * 1024
_BYTES_PER_MB = 1024 * 1024
_READ_BYTES = 1024 * 1024
_WORKBOOKS = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
JUNK = ("__MACOSX", ".")
"""How the names of what packing programs leave begin."""

_ENCRYPTED = 0x1
_NAME_IN_UTF8 = 0x800


class _Packing(NamedTuple):
    """A way to pack a single file: how it begins, what its name ends with, and who opens it."""

    begins: bytes
    suffix: str
    opens: Callable[[Path], Any]


_PACKINGS = (
    _Packing(b"\x1f\x8b", ".gz", gzip.open),
    _Packing(b"BZh", ".bz2", bz2.open),
    _Packing(b"\xfd7zXZ\x00", ".xz", lzma.open),
    _Packing(b"\x28\xb5\x2f\xfd", ".zst", lambda file: pa.CompressedInputStream(pa.OSFile(str(file)), "zstd")),
)
_FAULTS = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, gzip.BadGzipFile, NotImplementedError)


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
    """Unpack a zip file, or one packed by gzip, bzip2, xz or zstd. Archives within the archive stay packed.

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
            _unpack_single(file, place.folder)
    except _FAULTS as error:
        raise SourceError(f"{file.name} can't be unpacked, it is cut off or damaged: {error}") from error
    except OSError as error:
        raise SourceError(f"{file.name} can't be unpacked: {error.strerror or error}") from error
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


def is_packed(file: Path) -> bool:
    """Return whether a file begins as one that is packed does: a zip file, or one packed by itself."""
    return is_zip(file) or _packing(file) is not None


def check_not_called_packed(file: Path) -> None:
    """Make sure that a file which isn't packed isn't called as if it were.

    Raises
    ------
    SourceError
        It is.
    """
    if file.name.lower().endswith((".zip", *(each.suffix for each in _PACKINGS))):
        raise SourceError(f"{file.name} isn't packed, though it is called so: it is damaged, or something else.")


def is_workbook(file: Path) -> bool:
    """Return whether a file is a zip file with a workbook in it, whatever its name."""
    if not is_zip(file):
        return False
    with _open_zip(file) as archive:
        return not {*archive.namelist()}.isdisjoint(_WORKBOOKS)


def alone(file: Path, suffixes: tuple[str, ...]) -> tuple[Path, Workplace] | None:
    """Return the one file in a packed file that is called with one of some suffixes, unpacked, and its folder.

    It is ``None`` where the file is called so itself, isn't packed, or holds no such file or several.

    Raises
    ------
    SourceError
        As for :func:`unpack`.
    """
    if file.is_dir() or file.name.lower().endswith(suffixes) or not is_packed(file):
        return None
    names = members(file) if is_zip(file) else [_unpacked_name(file)]
    found = [name for name in names if name.lower().endswith(suffixes) and not name.startswith(JUNK)]
    if len(found) != 1:
        return None
    place = unpack(file)
    return place.folder / found[0], place


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


def _unpack_single(file: Path, folder: Path) -> None:
    packing = _packing(file)
    if packing is None:
        raise SourceError(f"{file.name} isn't packed in a way that is known.")
    with packing.opens(file) as packed, (folder / _unpacked_name(file)).open("wb") as out:
        _copy(packed, out, min(_limit(), _believable(file)), file)


def _packing(file: Path) -> _Packing | None:
    with file.open("rb") as stream:
        head = stream.read(8)
    return next((each for each in _PACKINGS if head.startswith(each.begins)), None)


def _unpacked_name(file: Path) -> str:
    suffix = next((each.suffix for each in _PACKINGS if file.name.lower().endswith(each.suffix)), "")
    return file.name[: len(file.name) - len(suffix)]


def _copy(packed: Any, out: Any, room: int, file: Path) -> int:
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
