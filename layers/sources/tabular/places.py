"""Where the rows of a table lie: two columns of coordinates, or one of geometries in WKT, WKB or GeoJSON."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyproj
import shapely
from numpy.typing import NDArray

from geo.errors import InvalidInputError
from layers.sources.geometry import wkb
from layers.sources.geometry.coordinates import NO_COORDINATES, Placer, Places, Problems
from layers.sources.geometry.wkb import Geometries
from layers.sources.tabular.degrees import degrees

_LON = {
    "lon",
    "lng",
    "long",
    "longitude",
    "longitud",
    "длг",
    "долгота",
    "даўгата",
    "pituusaste",
    "längengrad",
    "laengengrad",
    "länge",
    "laenge",
    "dlugosc",
    "długość",
    "долг",
    "даўг",
}
_LAT = {
    "lat",
    "latitude",
    "latitud",
    "шрт",
    "широта",
    "шырата",
    "leveysaste",
    "breitengrad",
    "breite",
    "szerokosc",
    "szerokość",
    "шир",
    "шыр",
}
_EAST = {
    *("x", "easting", "east", "xcoord", "coordx", "pointx", "xkoord", "ita", "itä", "itakoordinaatti", "х", "рв"),
    *("rechtswert", "ostwert", "ost", "коордх", "координатах", "хкоордината", "каардынатах"),
}
_NORTH = {
    *("y", "northing", "north", "ycoord", "coordy", "pointy", "ykoord", "pohj", "pohjoiskoordinaatti", "у"),
    *("hochwert", "nordwert", "nord", "коорду", "координатау", "укоордината", "каардынатау"),
}
_PAIRS = ((_LON, _LAT), (_EAST, _NORTH), ({"e"}, {"n"}))
_GEOMETRY = {"wkt", "geom", "geometry", "thegeom", "wkb", "wkbgeometry", "wktgeom", "shape", "geojson", "геометрия"}
_WKT = re.compile(
    r"(SRID=(?P<srid>\d+);)?\s*(MULTI)?(POINT|LINESTRING|POLYGON|CURVE|SURFACE|GEOMETRYCOLLECTION)", re.IGNORECASE
)
_WKB = re.compile(r"0[01]([0-9a-f]{2}){4,}", re.IGNORECASE)
_STATES_SRID = r"(?i)^\s*(SRID=\d+;|01[0-9a-f]{6}[2367abef]|00[2367abef])"
_SRID_BEFORE_WKT = r"^\s*SRID=\d+;"
_DEGREES = "EPSG:4326"
_MOST_DEGREES = 360
_HAS_SRID = 0x20000000
_GROUPED = re.compile(r"(?P<whole>[-+]?\d{1,3}([.,])\d{3}(?:\2\d{3})*)(?!\2)[.,](?P<part>\d+)")
_MINUS = "\N{MINUS SIGN}"
_SPACES = r"[\s\x{a0}']"


class Where(NamedTuple):
    """Where the rows of a table lie.

    Parameters
    ----------
    columns
        Those that tell it: easting or longitude and northing or latitude, or one of geometries.
    crs
        Of the coordinates.
    remarks
        What was found out and not stated.
    """

    columns: tuple[str, ...]
    crs: str
    remarks: tuple[str, ...]


def find_places(
    sample: Mapping[str, Sequence[str]],
    *,
    x: str | None = None,
    y: str | None = None,
    geometry: str | None = None,
    crs: str | None = None,
) -> Where:
    """Return where the rows of a table lie: as is stated, the rest as the names of its columns and its cells tell.

    Parameters
    ----------
    sample
        Some cells of each of its columns, by the name of the column.
    x, y, geometry, crs
        What is stated.

    Raises
    ------
    InvalidInputError
        It can't be told, or only one of ``x`` and ``y`` is stated; the text says what to state.
    """
    if (x is None) != (y is None):
        raise InvalidInputError("Of the two columns of coordinates only one is named: name both --x and --y.")
    columns = (geometry,) if geometry else (x, y) if x and y else _guess(sample)
    if columns is None:
        above = " Names of columns must stand in the first row: take away what is above them."
        raise InvalidInputError(
            "Which columns hold the coordinates can't be told from their names: name them with --x and --y, or a column"
            f" of WKT with --geometry. The columns are: {', '.join(sample)}.{above if len(sample) == 1 else ''}"
        )
    stated = (geometry,) if geometry else (x, y)
    remarks = [] if columns == stated else [f"places from {' and '.join(columns)}"]
    if crs is None:
        crs = _crs(columns, sample)
        remarks.append(f"coordinates in {crs}")
    return Where(columns, crs, tuple(remarks))


def place(cells: Sequence[pa.StringArray], placer: Placer) -> Places:
    """Return the places of rows from the cells of the columns that tell them."""
    if len(cells) > 1:
        found = placer.points(*map(numbers, cells))
        blank = [row for row, problem in found.problems.items() if problem == NO_COORDINATES]
        return found._replace(problems=found.problems | {row: _what_is_missing(cells, row) for row in blank})
    found = placer.geometries(geometries(cells[0]))
    blank = pc.indices_nonzero(pc.is_null(cells[0])).to_pylist()
    return found._replace(
        problems=found.problems | dict.fromkeys(blank, NO_COORDINATES) | _of_another_crs(cells[0], placer.crs)
    )


def numbers(cells: pa.StringArray) -> NDArray[np.float64]:
    """Return numbers with a decimal point or comma, or degrees, minutes and seconds; what is none is not a number."""
    plain = pc.replace_substring(pc.replace_substring(cells, ",", "."), _MINUS, "-")
    texts = pc.replace_substring_regex(plain, _SPACES, "")
    try:
        found = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        pairs = zip(texts.to_pylist(), cells.to_pylist(), strict=True)
        found = pa.array([_number(plain, written) for plain, written in pairs], pa.float64())
    return np.asarray(found.to_numpy(zero_copy_only=False), np.float64)


def geometries(cells: pa.StringArray) -> Geometries:
    """Return geometries from WKT, hexadecimal WKB or GeoJSON; ``None`` where there is none."""
    texts = pc.replace_substring_regex(pc.fill_null(cells, ""), _SRID_BEFORE_WKT, "").to_pylist()
    found = np.full(len(texts), None, object)
    readers: tuple[tuple[Callable[[str], bool], Callable[[list[str]], Geometries]], ...] = (
        (lambda text: _WKT.match(text) is not None, _from_wkt),
        (lambda text: _WKB.fullmatch(text) is not None, _from_hex),
        (lambda text: text.startswith("{"), lambda chosen: shapely.from_geojson(chosen, on_invalid="ignore")),
    )
    for fits, read in readers:
        rows = [row for row, text in enumerate(texts) if found[row] is None and fits(text)]
        if rows:
            found[rows] = read([texts[row] for row in rows])
    return found


def _from_wkt(texts: list[str]) -> Geometries:
    try:
        return np.asarray(shapely.from_wkt(texts, on_invalid="ignore"), object)
    except NotImplementedError:
        return np.array([_one_from_wkt(each) for each in texts], object)


def _one_from_wkt(text: str) -> shapely.Geometry | None:
    try:
        return shapely.from_wkt(text, on_invalid="ignore")
    except NotImplementedError:
        return None


def _from_hex(texts: list[str]) -> Geometries:
    return wkb.read(pa.array([bytes.fromhex(each) for each in texts], pa.binary()))


def _guess(sample: Mapping[str, Sequence[str]]) -> tuple[str, ...] | None:
    for name, cells in sample.items():
        if _plain(name) in _GEOMETRY and any(_looks_like_geometry(each.strip()) for each in cells):
            return (name,)
    for first, second in _PAIRS:
        x, y = _named(sample, first), _named(sample, second)
        if x is not None and y is not None and x != y:
            return x, y
    return None


def _named(header: Iterable[str], names: set[str]) -> str | None:
    """Return the one column with one of these names or, if there is none, the one with such a word in its name."""
    exact = [name for name in header if _plain(name) in names]
    if exact:
        return exact[0] if len(exact) == 1 else None
    worded = [name for name in header if names & set(re.split(r"[\W_]+", name.casefold())) - {"x", "y", "х", "у"}]
    return worded[0] if len(worded) == 1 else None


def _crs(columns: Sequence[str], sample: Mapping[str, Sequence[str]]) -> str:
    """Return the CRS that geometries state, or that of degrees where most numbers can be degrees."""
    cells = [pa.array([cell.strip() for cell in sample[name]], pa.string()) for name in columns]
    if len(cells) == 1:
        stated = {_srid(cell) for cell in cells[0].to_pylist() if cell}
        if len(stated) > 1:
            told = ", ".join(f"EPSG:{each}" if each else "none" for each in sorted(stated))
            raise InvalidInputError(f"The geometries state several CRSs ({told}): name the one to take with --crs.")
        if any(stated):
            return f"EPSG:{stated.pop()}"
        values = shapely.get_coordinates(geometries(cells[0])).ravel()
    else:
        values = np.concatenate([numbers(each) for each in cells])
    known = np.abs(values[np.isfinite(values)])
    if known.size and np.median(known) > _MOST_DEGREES:
        raise InvalidInputError("The coordinates are no degrees: name the CRS in which they are with --crs EPSG:...")
    return _DEGREES


def _of_another_crs(cells: pa.StringArray, crs: str) -> Problems:
    """Return, by row, what is wrong with geometries that state a CRS which isn't that of the table."""
    texts = pc.fill_null(cells, "")
    rows = pc.indices_nonzero(pc.match_substring_regex(texts, _STATES_SRID)).to_pylist()
    stated = {row: _srid(texts[row].as_py().strip()) for row in rows}
    others = {srid for srid in set(stated.values()) if srid and not _is(srid, crs)}
    return {row: f"the geometry states EPSG:{srid}, not {crs}" for row, srid in stated.items() if srid in others}


def _is(srid: int, crs: str) -> bool:
    """Return whether an EPSG code names a CRS."""
    if f"EPSG:{srid}" == crs.upper():
        return True
    try:
        return bool(pyproj.CRS.from_epsg(srid).equals(pyproj.CRS.from_user_input(crs), ignore_axis_order=True))
    except pyproj.exceptions.CRSError:
        return False


def _srid(cell: str) -> int:
    """Return the EPSG code that a geometry in EWKT or EWKB states, or zero."""
    found = _WKT.match(cell)
    if found:
        return int(found["srid"] or 0)
    if not _WKB.fullmatch(cell):
        return 0
    order: Literal["little", "big"] = "little" if cell[1] == "1" else "big"
    kind, srid = (int.from_bytes(bytes.fromhex(cell[each : each + 8]), order) for each in (2, 10))
    return srid if kind & _HAS_SRID else 0


def _looks_like_geometry(cell: str) -> bool:
    return bool(_WKT.match(cell) or _WKB.fullmatch(cell) or cell.startswith("{"))


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _number(plain: str | None, written: str | None) -> float:
    try:
        return float(plain or "nan")
    except ValueError:
        text = written or ""
        grouped = _GROUPED.fullmatch(text.strip())
        return float(f"{re.sub('[.,]', '', grouped['whole'])}.{grouped['part']}") if grouped else degrees(text)


def _what_is_missing(cells: Sequence[pa.StringArray], row: int) -> str:
    """Return what is wrong with the coordinates of a row that has none."""
    written = [each for cell in cells if (each := cell[row].as_py()) and any(map(str.isdigit, each))]
    unread = [each for each in written if np.isnan(numbers(pa.array([each]))[0])]
    return f"{unread[0]!r} is no coordinate" if unread else NO_COORDINATES
