"""Whether a file is whole and what it seems to be, where GDAL would read what is left of it without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any
from xml.parsers import expat

import orjson
import pyproj

from layers.errors import SourceError

_TAIL_BYTES = 4096
_CHUNK_BYTES = 1024 * 1024
_HEAD_BYTES = 64 * 1024
_LONGEST_LINE_BYTES = 256 * 1024 * 1024
_RECORD_SEPARATOR = b"\x1e"
_DATABASE_HEADER_BYTES = 100
_GEODATABASE_HEADER_BYTES = 40
_SHAPE_HEADER_BYTES = 100
_TABLE_HEADER_BYTES = 32
_BYTES_PER_WORD = 2
_DIRECTIONS = re.compile(
    rb"gdal_streamed_alg|<(OGR(VRT|WFS|CSW)DataSource|VRTDataset|GDAL_W[A-Z]+|WFS_Capabilities)", re.IGNORECASE
)
"""What tells GDAL to read from elsewhere: other files, or the web."""

_CRS_IN_JSON = re.compile(
    rb'"(?:c|\\u00[46]3)(?:r|\\u00[57]2)(?:s|\\u00[57]3)"\s*:\s*\{(?P<crs>[^}]{0,2000}\}?)', re.IGNORECASE
)
_BY_NAME = re.compile(
    rb'\s*("type"\s*:\s*"(name|EPSG)"\s*,\s*)?"properties"\s*:\s*\{\s*"(name|code)"\s*:\s*("[^"]*"|\d+)\s*\}',
    re.IGNORECASE,
)
"""The only way to tell a CRS that GDAL doesn't follow to the web."""

_MIF_FEATURE = re.compile(
    rb"\s*(point|line|pline|region|arc|text|rect|roundrect|ellipse|multipoint|collection|none)\b", re.IGNORECASE
)

Root = tuple[str, str]
"""The namespace and the name of the element that is a whole XML document."""


def check_leads_nowhere(path: Path) -> None:
    """Make sure that a file doesn't send GDAL to other files or to the web.

    Raises
    ------
    SourceError
        It does.
    """
    with path.open("rb") as stream:
        found = _DIRECTIONS.search(stream.read(_HEAD_BYTES))
    if found:
        raise SourceError(f"{path.name} isn't read: it only tells where to find data ({found[0].decode()}).")


def check_geojson(path: Path) -> None:
    """Make sure that GeoJSON is one object that names its CRS, if it tells one, without a link that GDAL would follow.

    Raises
    ------
    SourceError
        It is a list, has a link, or names a CRS that isn't known, for which GDAL would take degrees.
    """
    with path.open("rb") as stream:
        if stream.read(_HEAD_BYTES).lstrip().startswith(b"["):
            raise SourceError(
                f"{path.name} is a list, and GeoJSON an object: put features into"
                ' {"type": "FeatureCollection", "features": [...]}, and rows without geometry into a table of text.'
            )
        stream.seek(0)
        before = b""
        while chunk := stream.read(_CHUNK_BYTES):
            for found in _CRS_IN_JSON.finditer(before + chunk):
                named = _BY_NAME.match(found["crs"])
                if not named:
                    raise SourceError(f"{path.name} isn't read: its CRS isn't told by its name, as in EPSG:3857.")
                _check_known(path, named[4].decode("utf-8", "replace").strip('"'))
            before = chunk[-_TAIL_BYTES:]


def _check_known(path: Path, crs: str) -> None:
    try:
        pyproj.CRS.from_user_input(int(crs) if crs.isdecimal() else crs)
    except pyproj.exceptions.CRSError as error:
        raise SourceError(
            f"{path.name} names a CRS that isn't known, {crs!r}: write the right one there, as in EPSG:3857."
        ) from error


def check_xml(path: Path) -> None:
    """Make sure that a file is one whole XML document without a document type, which could call in other files.

    Raises
    ------
    SourceError
        It isn't.
    """
    parser = xml_parser(path)
    try:
        with path.open("rb") as stream:
            parser.ParseFile(stream)
    except expat.ExpatError as error:
        raise SourceError(f"{path.name} is no whole XML document, it is cut off or damaged: {error}") from error


def xml_root(path: Path) -> Root | None:
    """Return the outermost element of an XML document, ``None`` where there is none."""
    found: list[Root] = []

    def begin(name: str, _attributes: dict[str, str]) -> None:
        space, _, local = name.rpartition(" ")
        found.append((space, local))

    parser = xml_parser(path, namespaces=True)
    parser.StartElementHandler = begin
    try:
        with path.open("rb") as stream:
            while not found and (chunk := stream.read(_TAIL_BYTES)):
                parser.Parse(chunk)
    except expat.ExpatError:
        pass
    return found[0] if found else None


def check_dxf(path: Path) -> None:
    """Make sure that a drawing has its last line.

    Raises
    ------
    SourceError
        It hasn't.
    """
    if not re.search(rb"\s*0\s+EOF\s*\Z", _tail(path)):
        raise SourceError(f"{path.name} is cut off: it doesn't end with EOF as drawings do.")


def check_json_lines(path: Path) -> None:
    """Make sure that each of a sequence of JSON texts is one: a line each, or begun by a separator (RFC 8142).

    Raises
    ------
    SourceError
        One isn't; the text tells the line in which it begins.
    """
    with path.open("rb") as stream:
        for number, text in _json_texts(stream):
            try:
                orjson.loads(text)
            except ValueError as error:
                raise SourceError(f"{path.name} is cut off or damaged in line {number}: {error}") from error


def check_mif(path: Path) -> None:
    """Make sure that a MapInfo interchange file has a feature for each row of the file beside it.

    Raises
    ------
    SourceError
        The file beside it, ``.mid``, is missing or has more rows, or the last line is cut off.
    """
    beside = sibling(path, ".mid")
    if beside is None:
        raise SourceError(f"{path.name} needs the file {path.stem}.mid beside it.")
    with path.open("rb") as stream:
        features = sum(bool(_MIF_FEATURE.match(line)) for line in _after(stream, b"data"))
    with beside.open("rb") as stream:
        rows = sum(bool(line.strip()) for line in stream)
    if not _tail(path).endswith(b"\n"):
        raise SourceError(f"{path.name} is cut off: its last line doesn't end.")
    if features < rows:
        raise SourceError(f"{path.name} is cut off: it has {features} features, {beside.name} has {rows} rows.")


def check_sqlite(path: Path) -> None:
    """Make sure that a database, such as a GeoPackage, has all the pages that its head states.

    Raises
    ------
    SourceError
        It hasn't.
    """
    with path.open("rb") as stream:
        head = stream.read(_DATABASE_HEADER_BYTES)
    page = int.from_bytes(head[16:18], "big")
    states_its_size = head[24:28] == head[92:96]
    stated = int.from_bytes(head[28:32], "big") * (65_536 if page == 1 else page) if states_its_size else 0
    if len(head) < _DATABASE_HEADER_BYTES or path.stat().st_size < stated:
        raise SourceError(f"{path.name} is cut off: it has {path.stat().st_size:,} bytes of {stated:,}.")


def check_geodatabase(path: Path) -> None:
    """Make sure that each table of a file geodatabase is as long as its head says.

    Raises
    ------
    SourceError
        One isn't.
    """
    for table in sorted(path.glob("*.gdbtable")):
        with table.open("rb") as stream:
            head = stream.read(_GEODATABASE_HEADER_BYTES)
        stated = int.from_bytes(head[24:32], "little")
        if len(head) < _GEODATABASE_HEADER_BYTES or table.stat().st_size < stated:
            raise SourceError(
                f"{path.name} is cut off: {table.name} in it has {table.stat().st_size:,} bytes of {stated:,}."
            )


def check_shapefile(path: Path) -> None:
    """Make sure that a Shapefile and its table are as long as their heads say.

    Raises
    ------
    SourceError
        They aren't.
    """
    with path.open("rb") as stream:
        head = stream.read(_SHAPE_HEADER_BYTES)
    stated = int.from_bytes(head[24:28], "big") * _BYTES_PER_WORD
    if len(head) < _SHAPE_HEADER_BYTES or path.stat().st_size < stated:
        raise SourceError(f"{path.name} is cut off: it has {path.stat().st_size:,} bytes of {stated:,}.")
    table = sibling(path, ".dbf")
    if table is None:
        return
    with table.open("rb") as stream:
        head = stream.read(_TABLE_HEADER_BYTES)
    rows, begin, width = (int.from_bytes(head[a:b], "little") for a, b in ((4, 8), (8, 10), (10, 12)))
    if len(head) < _TABLE_HEADER_BYTES or table.stat().st_size < begin + rows * width:
        raise SourceError(
            f"{table.name} is cut off: it has {table.stat().st_size:,} bytes of {begin + rows * width:,}."
        )


def sibling(path: Path, suffix: str) -> Path | None:
    """Return the file beside another that is called the same but for its suffix, in whatever letter case."""
    wanted = f"{path.stem}{suffix}".lower()
    return next((each for each in path.parent.iterdir() if each.name.lower() == wanted and each.is_file()), None)


def siblings(path: Path) -> list[Path]:
    """Return a file and all beside it that are called the same but for their suffixes."""
    return sorted(each for each in path.parent.iterdir() if each.stem.lower() == path.stem.lower() and each.is_file())


def xml_parser(path: Path, *, namespaces: bool = False) -> Any:
    """Return a parser of a file that refuses a document type.

    Parameters
    ----------
    path
        The file, for the error.
    namespaces
        Whether names of elements come with their namespace before them and a space between.
    """
    parser = expat.ParserCreate(namespace_separator=" ") if namespaces else expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise SourceError(f"{path.name} isn't read: it has a document type, which could call in other files.")

    parser.StartDoctypeDeclHandler = refuse
    return parser


def _json_texts(stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield the texts of a sequence that aren't empty, each with the number of its first line."""
    separated = stream.read(1) == _RECORD_SEPARATOR
    stream.seek(0)
    text, begun = b"", 1
    for number, line in enumerate(iter(lambda: stream.readline(_LONGEST_LINE_BYTES), b""), start=1):
        if separated and not line.startswith(_RECORD_SEPARATOR):
            text += line
            continue
        if text.strip():
            yield begun, text
        text, begun = line.removeprefix(_RECORD_SEPARATOR), number
    if text.strip():
        yield begun, text


def _tail(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - _TAIL_BYTES, 0))
        return stream.read()


def _after(lines: Iterator[bytes], mark: bytes) -> Iterator[bytes]:
    """Yield the lines below the one that consists of a mark."""
    for line in lines:
        if line.strip().lower() == mark:
            yield from lines
