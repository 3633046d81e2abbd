"""The formats of files with tables of features: how each is recognised, and which tables a file of it has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.sources import archives, whole
from layers.sources.archives import Workplace
from layers.sources.file_tables import CellTable, ParquetTable, VectorTable
from layers.sources.stated import Stated
from layers.sources.tables import Table
from layers.sources.tabular import encodings
from layers.sources.tabular.sheets import WORKBOOKS, sheets
from layers.sources.vector import kml, shapefile
from layers.sources.vector.arrow_file import ARROW_BEGINS, ARROW_SUFFIXES

_HEAD_BYTES = 4096
_SQLITE = b"SQLite format 3\x00"
_SHAPEFILE = bytes.fromhex("0000270a")
_JSON_BEGINS = (b"{", b"[", b"\x1e")
_OLD_WORKBOOK = bytes.fromhex("d0cf11e0a1b11ae1")
_READ_BY_OTHERS = ("OpenStreetMap (.osm.pbf)", "GTFS (.zip)", "EPANET (.inp)", "pandapower (.json)")
_DATABASE_FOLDER = ".gdb"


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of files.

    Parameters
    ----------
    title
        What it is called.
    suffixes
        Of its files.
    begins
        Tells from the first bytes whether a file can be one of them.
    tables
        Gives the tables of a file, which has been checked to be whole.
    by_content
        Whether the first bytes alone tell it, whatever the file is called.
    spare
        Whether it is only looked at where an archive holds no other format.
    """

    title: str
    suffixes: tuple[str, ...]
    begins: Callable[[bytes], bool]
    tables: Callable[[Path, Stated], Sequence[Table]]
    by_content: bool = False
    spare: bool = False


@dataclass(frozen=True)
class Opened:
    """The tables of a file, and the folder that must last as long as they are read."""

    tables: Sequence[Table]
    place: Workplace | None = None


def open_tables(path: Path, stated: Stated) -> Opened:
    """Return the tables of a file, or of the files in an archive; those in archives within it are left.

    Raises
    ------
    SourceError
        The file is empty, cut off, a danger, or of no format that is read; the text lists those that are.
    InvalidInputError
        What is stated doesn't fit it.
    """
    if path.is_file() and path.stat().st_size == 0:
        raise SourceError(f"{path.name} is empty.")
    if not _is_archive(path):
        archives.check_not_called_packed(path)
        return Opened(_tables(path, format_of(path), stated))
    if archives.is_workbook(path):
        raise SourceError(f"{path.name} is a workbook, though it isn't called so: give it a name in .xlsx or .ods.")
    place = archives.unpack(path)
    files = list(_candidates(place.folder))
    formats = {file: each for file in files if (each := _format_or_none(file)) is not None}
    chosen = {file: each for file, each in formats.items() if not each.spare}
    chosen = chosen or {file: each for file, each in formats.items() if not _may_be_a_note(file)} or formats
    if not chosen:
        names = ", ".join(sorted(file.name for file in files)) or "nothing"
        raise SourceError(f"{path.name} holds nothing that is read: {names}. {_what_is_read()}")
    if len(chosen) > 1:
        chosen = {file: each for file, each in chosen.items() if not _only_links(file, each)} or chosen
    found = [table for file, each in sorted(chosen.items()) for table in _tables(file, each, stated)]
    return Opened(found, place)


def format_of(path: Path) -> Format:
    """Return the format of a file.

    Raises
    ------
    SourceError
        It is of none that is read, or is called like one that it isn't.
    """
    found = _format_or_none(path)
    if found is not None:
        return found
    called = next((each for each in FORMATS if path.name.lower().endswith(each.suffixes)), None)
    if called is not None:
        raise SourceError(
            f"{path.name} is no {called.title}, though it is called so: it is damaged, or something else."
        )
    raise SourceError(f"{path.name} is of a kind that can't be loaded. {_what_is_read()}")


def _format_or_none(path: Path) -> Format | None:
    head = _head(path)
    by_name = [each for each in FORMATS if path.name.lower().endswith(each.suffixes)]
    fit = [each for each in by_name if each.begins(head)]
    return next(iter(fit or [each for each in FORMATS if each.by_content and each.begins(head)]), None)


def _tables(path: Path, found: Format, stated: Stated) -> Sequence[Table]:
    is_text = found.spare or found.title == "Shapefile"
    if stated.encoding and not is_text:
        raise InvalidInputError(f"{path.name} tells its encoding itself, so none can be stated.")
    return found.tables(path, stated)


def _what_is_read() -> str:
    named = [*_READ_BY_OTHERS, *(f"{each.title} ({each.suffixes[0]})" for each in FORMATS)]
    return f"These are: {', '.join(named)}; also packed as zip, gz, bz2, xz or zst."


def _is_archive(path: Path) -> bool:
    return path.is_file() and archives.is_packed(path) and not path.name.lower().endswith(WORKBOOKS)


def _may_be_a_note(path: Path) -> bool:
    """Return whether a text beside tables may be what people tell of them, and no table itself."""
    return path.name.lower().endswith(".txt")


def _only_links(path: Path, found: Format) -> bool:
    """Return whether a file is a map that holds nothing itself and leads to those beside it."""
    return found.title == "KML" and kml.only_links(path)


def _candidates(folder: Path) -> Iterable[Path]:
    """Yield the files of a folder, geodatabases as one, without what packing programs leave."""
    for each in sorted(folder.iterdir()):
        if each.name.startswith(archives.JUNK):
            continue
        if each.is_dir() and not each.name.lower().endswith(_DATABASE_FOLDER):
            yield from _candidates(each)
        else:
            yield each


def _head(path: Path) -> bytes:
    if path.is_dir():
        return b""
    with path.open("rb") as stream:
        return stream.read(_HEAD_BYTES)


def _vector(*checks: Callable[[Path], None], single: bool = False) -> Callable[[Path, Stated], Sequence[VectorTable]]:
    """Return what gives the tables of a vector file, after checks.

    Parameters
    ----------
    *checks
        Of the file.
    single
        Such a file has one table, called like the file.
    """

    def tables(path: Path, stated: Stated) -> Sequence[VectorTable]:
        from layers.sources.vector.gdal import spatial_tables

        for check in checks:
            check(path)
        if single:
            return [VectorTable(path=path, name=path.stem, stated=stated, within=0)]
        return [VectorTable(path=path, name=name, stated=stated, within=name) for name in spatial_tables(path)]

    return tables


def _json(*checks: Callable[[Path], None], single: bool = False) -> Callable[[Path, Stated], Sequence[Table]]:
    """Return what gives the tables of a JSON file, as :func:`_vector`; what isn't plain UTF-8 is written anew."""
    read = _vector(whole.check_leads_nowhere, whole.check_geojson, *checks, single=single)

    def tables(path: Path, stated: Stated) -> Sequence[Table]:
        encoding = encodings.unicode_of(_head(path))
        if encoding is None:
            return read(path, stated)
        place = Workplace()
        encodings.recode(path, encoding, place.folder / path.name)
        remark = None if encoding == "utf-8-sig" else f"{path.name} is written in {encoding.upper()}"
        return [replace(each, remark=remark, keeping=place) for each in read(place.folder / path.name, stated)]

    return tables


def _markup(*roots: str) -> Callable[[Path, Stated], Sequence[Table]]:
    """Return what gives the tables of an XML document, read in a folder of its own since GDAL writes beside it."""

    def tables(path: Path, stated: Stated) -> Sequence[Table]:
        from layers.sources.vector.gdal import count, spatial_tables

        whole.check_leads_nowhere(path)
        whole.check_xml(path)
        root = whole.xml_root(path)
        if root is None or (roots and root[1] not in roots):
            raise SourceError(f"{path.name} isn't read: it is XML of another kind, {root[1] if root else 'empty'}.")
        place = archives.link(whole.siblings(path))
        linked = place.folder / f"{path.stem}{path.suffix.lower()}"
        names = spatial_tables(linked)
        if root[1] == "gpx":
            names = [name for name in names if not name.endswith("_points") and count(linked, name)] or names
        return [VectorTable(path=linked, name=name, stated=stated, within=name, keeping=place) for name in names]

    return tables


def _kml(path: Path, stated: Stated) -> Sequence[Table]:
    """Return a table for each folder of a KML file."""
    root = whole.xml_root(path)
    if root is None or root[1] != "kml":
        raise SourceError(f"{path.name} isn't read: it is XML of another kind, {root[1] if root else 'empty'}.")
    place = Workplace()
    return [
        VectorTable(path=file, name=name, stated=stated, within=0, keeping=place)
        for name, file in kml.unfold(path, place.folder).items()
    ]


def _shapefile(path: Path, stated: Stated) -> Sequence[Table]:
    """Return the table of a Shapefile, read in a folder of its own, where its index is made if it is missing."""
    whole.check_shapefile(path)
    encoding, remark = shapefile.encoding_of(path, stated.encoding)
    place = archives.link(whole.siblings(path))
    linked = place.folder / f"{path.stem}.shp"
    shapefile.restore_index(linked)
    return [
        VectorTable(
            path=linked, name=path.stem, stated=stated, within=0, encoding=encoding, remark=remark, keeping=place
        )
    ]


def _drawing(path: Path, stated: Stated) -> Sequence[Table]:
    from layers.sources.vector import drawings

    whole.check_leads_nowhere(path)
    whole.check_dxf(path)
    names = drawings.layer_names(path) if stated.tables else []
    return [
        VectorTable(path=path, name=drawings.ENTITIES, stated=stated, within=drawings.ENTITIES),
        *(
            VectorTable(path=path, name=name, stated=stated, within=drawings.ENTITIES, where=drawings.of_layer(name))
            for name in names
        ),
    ]


def _text(path: Path, stated: Stated) -> Sequence[Table]:
    return [CellTable(path=path, name=path.stem, stated=stated)]


def _workbook(path: Path, stated: Stated) -> Sequence[Table]:
    found = [CellTable(path=path, name=name, stated=stated, sheet=name) for name in sheets(path)]
    if not found:
        raise SourceError(f"{path.name} is empty: no sheet holds anything.")
    return found


def _parquet(path: Path, stated: Stated) -> Sequence[Table]:
    return [ParquetTable(path=path, name=path.stem, stated=stated)]


def _is_json(head: bytes) -> bool:
    encoding = encodings.unicode_of(head)
    text = head if encoding is None else head.decode(encoding, "ignore").encode()
    return text.lstrip().startswith(_JSON_BEGINS)


def _is_xml(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"<")


def _is_text(head: bytes) -> bool:
    """Return whether a file may be a table of text: neither JSON nor XML begins so."""
    return not (_is_xml(head) or head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"))


FORMATS = (
    Format(
        title="GeoPackage",
        suffixes=(".gpkg",),
        begins=lambda head: head.startswith(_SQLITE),
        tables=_vector(whole.check_sqlite),
        by_content=True,
    ),
    Format(
        title="FlatGeobuf",
        suffixes=(".fgb",),
        begins=lambda head: head.startswith(b"fgb"),
        tables=_vector(single=True),
        by_content=True,
    ),
    Format(
        title="Shapefile",
        suffixes=(".shp",),
        begins=lambda head: head.startswith(_SHAPEFILE),
        tables=_shapefile,
    ),
    Format(
        title="GeoJSON",
        suffixes=(".geojson", ".json", ".topojson"),
        begins=_is_json,
        tables=_json(),
    ),
    Format(
        title="GeoJSON Text Sequence",
        suffixes=(".geojsonl", ".geojsons", ".ndjson", ".jsonl"),
        begins=_is_json,
        tables=_json(whole.check_json_lines, single=True),
    ),
    Format(title="GML", suffixes=(".gml", ".xml"), begins=_is_xml, tables=_markup()),
    Format(title="KML", suffixes=(".kml", ".kmz"), begins=_is_xml, tables=_kml),
    Format(title="GPX", suffixes=(".gpx",), begins=_is_xml, tables=_markup("gpx")),
    Format(title="DXF", suffixes=(".dxf",), begins=lambda head: b"SECTION" in head, tables=_drawing),
    Format(
        title="file geodatabase",
        suffixes=(".gdb",),
        begins=lambda head: not head,
        tables=_vector(whole.check_geodatabase),
    ),
    Format(
        title="MapInfo table", suffixes=(".tab",), begins=lambda head: b"!table" in head, tables=_vector(single=True)
    ),
    Format(
        title="MapInfo interchange file",
        suffixes=(".mif",),
        begins=lambda head: b"version" in head.lower(),
        tables=_vector(whole.check_mif, single=True),
    ),
    Format(
        title="Parquet",
        suffixes=(".parquet", ".geoparquet", ".pq"),
        begins=lambda head: head.startswith(b"PAR1"),
        tables=_parquet,
        by_content=True,
    ),
    Format(
        title="Arrow",
        suffixes=ARROW_SUFFIXES,
        begins=lambda head: head.startswith(ARROW_BEGINS),
        tables=_parquet,
        by_content=True,
    ),
    Format(
        title="workbook",
        suffixes=WORKBOOKS,
        begins=lambda head: head.startswith((*archives.ZIP_MAGIC, _OLD_WORKBOOK)),
        tables=_workbook,
    ),
    Format(title="table of text", suffixes=(".csv", ".tsv", ".txt"), begins=_is_text, tables=_text, spare=True),
)
