"""The catalogue of rasters: add, find, list and remove them."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeGuard, cast

import numpy as np
import pyproj
import shapely
from geoalchemy2.shape import from_shape, to_shape
from sqlalchemy import Connection, Engine, Row, Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from geo.errors import InvalidInputError
from layers.cog import Facts, write_cog
from layers.errors import NotFoundError, SourceError
from layers.ground import ground_of
from layers.models.base import STORAGE_SRID
from layers.models.rasters import RasterRow
from layers.raster_description import RAMPS, TITLES, RasterDescription, read_time, write_time
from layers.raster_files import Wanted
from layers.settings import get_settings
from layers.sources.coordinates import to_degrees
from layers.territory import find_territory

if TYPE_CHECKING:
    import psycopg

_FORMAT = "1"
"""Part of every fingerprint: raised when rasters must be written anew though their files are the same."""

Became = Literal["added", "replaced", "unchanged"]
"""What becomes of a raster that is taken into the catalogue."""

_UNIQUE = "uq_rasters_territory_collection_time_source"
_EDGE_PARTS = 32
_WORLD = shapely.box(-180, -90, 180, 90)


@dataclass(frozen=True, kw_only=True)
class Raster:
    """A raster of the catalogue.

    Parameters
    ----------
    id, territory, collection, source
        By which it is known.
    title
        In every language.
    kind
        What it shows: ``elevation``, ``population``, ``night_lights``, ``land_cover``, ``imagery`` or ``other``.
    time, time_precision
        When it is of, and how precisely that is known: ``year``, ``month``, ``day`` or ``second``.
    attribution
        What must be shown wherever it is.
    path
        The Cloud-Optimised GeoTIFF.
    crs, srid
        Of the pixels, and its EPSG code where it has one.
    width, height
        In pixels.
    resolution_m
        The size of a pixel in the middle, in metres.
    footprint
        The outline, in longitude and latitude.
    bands
        A dict a band: ``index``, ``meaning``, ``unit``, ``nodata``, ``dtype``, ``min``, ``max``, ``mean``,
        ``valid_share``, ``scale``, ``offset`` and ``colour_interpretation``. Minimum, maximum and mean are of the valid
        pixels, scale and offset applied.
    colour_scale
        How it is drawn: a ``ramp``, ``stops`` or ``classes``.
    overviews
        How many times smaller each overview is.
    restricted
        Whether only members of the territory see it.
    """

    id: int
    territory: str
    collection: str
    source: str
    title: dict[str, str]
    kind: str
    time: dt.datetime | None
    time_precision: str | None
    attribution: str
    path: Path
    crs: str
    srid: int | None
    width: int
    height: int
    resolution_m: float
    footprint: shapely.Geometry
    bands: list[dict[str, Any]]
    colour_scale: dict[str, Any] | None
    overviews: list[int]
    restricted: bool

    @property
    def time_text(self) -> str | None:
        """The time as precisely as it is known, such as ``2024-05``."""
        return None if self.time is None or self.time_precision is None else write_time(self.time, self.time_precision)


def folder() -> Path:
    """Return the folder in which the rasters of the catalogue lie."""
    return get_settings().home / "rasters"


def add_raster(engine: Engine, file: Path, *, territory: str, description: RasterDescription) -> tuple[Raster, Became]:
    """Make a raster file into a Cloud-Optimised GeoTIFF and take it into the catalogue.

    A raster is known by its territory, collection, time and source: another file of the same ones takes its place, and
    the same file, described in the same way, changes nothing. The pixels stay as they are unless ``reproject_to`` is
    given.

    Parameters
    ----------
    engine
        The database.
    file
        A GeoTIFF, or another of the formats of :data:`layers.raster_files.DRIVERS`.
    territory
        The id of a territory of the base.
    description
        What is said of it.

    Returns
    -------
    Raster, str
        The raster, and whether it was added, has replaced another or was there unchanged.

    Raises
    ------
    NotFoundError
        The base has no such territory.
    SourceError
        The file is no raster, is cut off, is too large, doesn't say where it lies, or lies outside the territory.
    InvalidInputError
        A CRS is unknown, the nodata value doesn't fit the pixels, or the description has another number of bands.
    """
    key = _Key.of(territory, description)
    mark = _fingerprint(file, description)
    with engine.connect() as connection:
        find_territory(connection, territory)
        standing = connection.execute(key.chosen()).one_or_none()
        ground = ground_of(
            cast("psycopg.Connection[Any]", connection.connection.driver_connection), territory, keep=False
        )
    if _is_same(standing, mark):
        return _raster(standing), "unchanged"
    path = key.path(mark)
    with _made(file, description) as (draft, values):
        if not shapely.box(*ground.reach).intersects(to_shape(values["footprint"])):
            raise SourceError(f"{file.name} can't be taken: {ground.outside}")
        (folder() / path).parent.mkdir(parents=True, exist_ok=True)
        draft.replace(folder() / path)
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"raster {key}"))))
        replaced = connection.execute(key.chosen()).one_or_none()
        row = insert(RasterRow).values(**asdict(key), **values, file=path, fingerprint=mark)
        kept = {**values, "file": path, "fingerprint": mark, "added_at": func.now()}
        connection.execute(row.on_conflict_do_update(constraint=_UNIQUE, set_=kept))
        raster = _raster(connection.execute(key.chosen()).one())
    if replaced is None:
        return raster, "added"
    if replaced.file != path:
        (folder() / replaced.file).unlink(missing_ok=True)
    return raster, "replaced"


def rehearse_raster(engine: Engine, file: Path, *, territory: str, description: RasterDescription) -> Became:
    """Tell what `add_raster` would do: all of it is done, and nothing kept; the base needn't have the territory.

    Raises
    ------
    SourceError, InvalidInputError
        As for `add_raster`.
    """
    mark = _fingerprint(file, description)
    with engine.connect() as connection:
        standing = connection.execute(_Key.of(territory, description).chosen()).one_or_none()
    if _is_same(standing, mark):
        return "unchanged"
    with _made(file, description):
        return "added" if standing is None else "replaced"


def list_rasters(
    connection: Connection, *, territory: str | None = None, collection: str | None = None, source: str | None = None
) -> list[Raster]:
    """Return the rasters of the catalogue, those of one collection in the order of their times."""
    statement = select(RasterRow.__table__)
    for column, value in (
        (RasterRow.territory, territory),
        (RasterRow.collection, collection),
        (RasterRow.source, source),
    ):
        if value is not None:
            statement = statement.where(column == value)
    ordered = statement.order_by(
        RasterRow.territory, RasterRow.collection, RasterRow.time.asc().nulls_first(), RasterRow.source
    )
    return [_raster(row) for row in connection.execute(ordered)]


def find_raster(
    connection: Connection, territory: str, collection: str, *, time: str | None = None, source: str | None = None
) -> Raster:
    """Return a raster of the catalogue.

    Parameters
    ----------
    connection
        To the database.
    territory, collection
        To which it belongs.
    time
        When it is of, such as ``2024``; by default the latest.
    source
        Where it is from, if rasters of one time are from several.

    Raises
    ------
    NotFoundError
        There is none; the text lists those there are.
    InvalidInputError
        The time is none.
    """
    found = list_rasters(connection, territory=territory, collection=collection, source=source)
    if not found:
        there = sorted({each.collection for each in list_rasters(connection, territory=territory)})
        of_source = f" from {source}" if source else ""
        raise NotFoundError(
            f"{territory} has no rasters {collection!r}{of_source}; it has: {', '.join(there) or 'none yet'}."
        )
    if time is None:
        return found[-1]
    moment = _moment(time)
    matching = [each for each in found if each.time == moment]
    if not matching:
        times = ", ".join(each.time_text or "no time" for each in found)
        raise NotFoundError(f"The rasters {collection!r} of {territory} are of {times}; there is none of {time}.")
    return matching[-1]


def remove_raster(engine: Engine, raster: Raster) -> None:
    """Take a raster out of the catalogue, and remove its file."""
    with engine.begin() as connection:
        connection.execute(delete(RasterRow).where(RasterRow.id == raster.id))
    raster.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Key:
    """By what a raster is known."""

    territory: str
    collection: str
    source: str
    time: dt.datetime | None

    @classmethod
    def of(cls, territory: str, description: RasterDescription) -> _Key:
        moment = None if description.time is None else read_time(description.time)[0]
        return cls(territory, description.collection, description.source, moment)

    def chosen(self) -> Select[Any]:
        return select(RasterRow.__table__).where(
            RasterRow.territory == self.territory,
            RasterRow.collection == self.collection,
            RasterRow.source == self.source,
            RasterRow.time.is_not_distinct_from(self.time),
        )

    def path(self, mark: str) -> str:
        """Return the path of its file; another content has another one, so that nobody's file changes under them."""
        name = hashlib.sha256(f"{self} {mark}".encode()).hexdigest()[:16]
        return f"{self.territory}/{self.collection}/{name}.tif"


def _is_same(standing: Row[Any] | None, mark: str) -> TypeGuard[Row[Any]]:
    return standing is not None and standing.fingerprint == mark and (folder() / standing.file).is_file()


@contextmanager
def _made(file: Path, description: RasterDescription) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give the Cloud-Optimised GeoTIFF made of a file, for as long as it isn't put elsewhere, and its columns."""
    wanted = Wanted(
        crs=description.crs,
        reproject_to=description.reproject_to,
        nodata=math.nan if description.nodata == "none" else description.nodata,
        categorical=description.has_classes,
    )
    folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".making-", dir=folder()) as workshop:
        draft = Path(workshop) / "raster.tif"
        yield draft, _values(write_cog(file, draft, wanted), description)


def _fingerprint(file: Path, description: RasterDescription) -> str:
    if not file.is_file():
        raise SourceError(f"There is no file {file}.")
    with file.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    return hashlib.sha256(f"{_FORMAT} {content} {description.model_dump_json()}".encode()).hexdigest()


def _moment(time: str) -> dt.datetime:
    try:
        return read_time(time)[0]
    except ValueError as error:
        raise InvalidInputError(str(error)) from error


def _values(facts: Facts, description: RasterDescription) -> dict[str, Any]:
    """Return the columns that follow from what a raster says and what is said of it."""
    words = description.bands or ()
    if words and len(words) != len(facts.bands):
        raise InvalidInputError(f"the raster has {len(facts.bands)} bands, but {len(words)} are described")
    bands = [_band(number, facts, description) for number in range(len(facts.bands))]
    scale = description.colour_scale
    return {
        "title": description.title or TITLES[description.content],
        "kind": description.content,
        "time_precision": None if description.time is None else read_time(description.time)[1],
        "attribution": description.attribution,
        "crs": facts.crs,
        "srid": facts.srid,
        "width": facts.width,
        "height": facts.height,
        "resolution_m": _resolution_m(facts),
        "footprint": from_shape(_footprint(facts), srid=STORAGE_SRID),
        "bands": bands,
        "colour_scale": scale.model_dump(exclude_none=True) if scale else _usual_scale(facts, description),
        "overviews": list(facts.overviews),
        "restricted": description.restricted,
    }


def _band(number: int, facts: Facts, description: RasterDescription) -> dict[str, Any]:
    band = facts.bands[number]
    words = description.bands[number] if description.bands else None
    usual = TITLES[description.content] if len(facts.bands) == 1 and description.content != "other" else None
    written = {"en": band.description, "ru": band.description, "be": band.description} if band.description else None
    return {
        "index": number + 1,
        "meaning": (words and words.meaning) or written or usual,
        "unit": (words and words.unit) or band.unit,
        "nodata": "nan" if band.nodata is not None and math.isnan(band.nodata) else band.nodata,
        "dtype": band.dtype,
        "min": band.low,
        "max": band.high,
        "mean": band.mean,
        "valid_share": band.valid_share,
        "scale": band.scale,
        "offset": band.offset,
        "colour_interpretation": band.colour,
    }


def _usual_scale(facts: Facts, description: RasterDescription) -> dict[str, Any] | None:
    palette = facts.bands[0].palette
    if palette:
        return {"classes": [{"value": value, "colour": colour} for value, colour in palette.items()]}
    if description.has_classes or len(facts.bands) > 1 or description.content not in RAMPS:
        return None
    return {"ramp": RAMPS[description.content]}


def _footprint(facts: Facts) -> shapely.Geometry:
    """Return the outline in longitude and latitude, its edges followed closely."""
    a, b, c, d, e, f = facts.transform
    share = np.linspace(0, 1, _EDGE_PARTS, endpoint=False)
    columns = np.concatenate([share, np.ones_like(share), 1 - share, np.zeros_like(share)]) * facts.width
    rows = np.concatenate([np.zeros_like(share), share, np.ones_like(share), 1 - share]) * facts.height
    lon, lat = to_degrees(facts.crs).transform(a * columns + b * rows + c, d * columns + e * rows + f)
    known = np.isfinite(lon) & np.isfinite(lat)
    if np.count_nonzero(known) < 3:
        raise SourceError(f"The raster lies outside the ground on which {facts.crs} is defined.")
    outline = shapely.make_valid(shapely.Polygon(np.column_stack((lon[known], lat[known]))))
    inside = outline.intersection(_WORLD)
    if inside.is_empty:
        raise SourceError("The raster lies outside the world: its CRS, or the place of its pixels, is wrong.")
    return inside


def _resolution_m(facts: Facts) -> float:
    """Return the size of the pixel in the middle: the root of its area."""
    a, b, c, d, e, f = facts.transform
    columns = np.array([0, 1, 1, 0]) + facts.width // 2
    rows = np.array([0, 0, 1, 1]) + facts.height // 2
    lon, lat = to_degrees(facts.crs).transform(a * columns + b * rows + c, d * columns + e * rows + f)
    area_m2, _ = pyproj.Geod(ellps="WGS84").polygon_area_perimeter(lon, lat)
    return round(math.sqrt(abs(area_m2)), 3)


def _raster(row: Any) -> Raster:
    names = ("file", "fingerprint", "added_at", "footprint")
    values = {name: value for name, value in row._mapping.items() if name not in names}
    return Raster(**values, path=folder() / row.file, footprint=to_shape(row.footprint))
