"""Shapefiles: in which encoding their texts are, and the index where it is missing."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from pathlib import Path

from layers.sources.tabular.encodings import checked, detect_in
from layers.sources.whole import sibling

_LANGUAGE_BYTE = 29
_HEADER_BYTES = 32
_SHAPES_HEADER_BYTES = 100
_RECORD_HEADER_BYTES = 8
_BYTES_PER_WORD = 2
_LENGTH_AT = 24
_CHUNK_BYTES = 1024 * 1024
_CODE_PAGES = {
    0x01: "cp437",
    0x02: "cp850",
    0x26: "cp866",
    0x64: "cp852",
    0x65: "cp866",
    0x6B: "cp857",
    0x7B: "cp936",
    0xC8: "windows-1250",
    0xC9: "windows-1251",
    0xCA: "windows-1254",
    0xCB: "windows-1253",
    0xCC: "windows-1257",
}
"""Of the table's language byte; zero and the mark of "the system's own" tell nothing."""


def encoding_of(path: Path, stated: str | None = None) -> tuple[str | None, str | None]:
    """Return the encoding of a Shapefile's texts, and a remark where it had to be guessed.

    What is stated goes before the ``.cpg`` file, that before the language byte of the table. What these tell is not
    believed where it is UTF-8 and the texts aren't.

    Parameters
    ----------
    path
        The ``.shp`` file.
    stated
        What its user says.

    Returns
    -------
    str or None, str or None
        No encoding where there is no table.

    Raises
    ------
    InvalidInputError
        There is no such encoding as is stated.
    """
    table = sibling(path, ".dbf")
    if stated is not None or table is None:
        return (checked(stated) if stated and table else None), None
    told = _by_cpg(path) or _by_language(table)
    if told is not None and codecs.lookup(told).name != "utf-8":
        return told, None
    found = detect_in(_texts(table))
    return found, None if found == "utf-8" else f"texts in {found}: name another with --encoding if they are wrong"


def restore_index(path: Path) -> None:
    """Make the index of a Shapefile, ``.shx``, beside it if it has none."""
    index = path.with_suffix(".shx")
    if index.exists():
        return
    with path.open("rb") as shapes, index.open("wb") as out:
        out.write(shapes.read(_SHAPES_HEADER_BYTES))
        at = _SHAPES_HEADER_BYTES
        while len(head := shapes.read(_RECORD_HEADER_BYTES)) == _RECORD_HEADER_BYTES:
            words = int.from_bytes(head[4:], "big")
            out.write((at // _BYTES_PER_WORD).to_bytes(4, "big") + head[4:])
            at += _RECORD_HEADER_BYTES + words * _BYTES_PER_WORD
            shapes.seek(at)
        length = out.tell() // _BYTES_PER_WORD
        out.seek(_LENGTH_AT)
        out.write(length.to_bytes(4, "big"))


def _by_cpg(path: Path) -> str | None:
    """Return what the ``.cpg`` file says, as ``UTF-8``, ``1251``, ``ANSI 1251`` or ``ISO 8859-5``."""
    file = sibling(path, ".cpg")
    if file is None:
        return None
    words = file.read_text("ascii", "replace").strip().lower().replace("ansi", "").replace("oem", "").strip()
    for name in (words, f"cp{words}", words.replace(" ", ""), words.replace(" ", "-")):
        try:
            return codecs.lookup(name).name
        except (LookupError, ValueError):
            continue
    return None


def _by_language(table: Path) -> str | None:
    with table.open("rb") as stream:
        head = stream.read(_HEADER_BYTES)
    return _CODE_PAGES.get(head[_LANGUAGE_BYTE]) if len(head) == _HEADER_BYTES else None


def _texts(table: Path) -> Iterator[bytes]:
    """Yield the table's bytes below its head, which is itself ASCII but for the names of columns."""
    with table.open("rb") as stream:
        stream.seek(_HEADER_BYTES)
        while chunk := stream.read(_CHUNK_BYTES):
            yield chunk
