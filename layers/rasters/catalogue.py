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

import shapely
from geoalchemy2.shape import to_shape
from sqlalchemy import Connection, Engine, Row, Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from geo.errors import InvalidInputError
from layers.errors import NotFoundError, SourceError
from layers.loads.ground import ground_of
from layers.models.rasters import RasterRow
from layers.rasters.description import RasterDescription, read_time, write_time
from layers.settings import get_settings
from layers.territories.territory import find_territory

if TYPE_CHECKING:
    import psycopg

_FORMAT = "1"
"""Part of every fingerprint: raised when rasters must be written anew though their files are the same."""

Became = Literal["added", "replaced", "unchanged"]
"""What becomes of a raster that is taken into the catalogue."""

_UNIQUE = "uq_rasters_territory_collection_time_source"


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
        A GeoTIFF, or another of the formats of :data:`layers.rasters.files.DRIVERS`.
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
    from layers.rasters.cog import write_cog
    from layers.rasters.columns import columns_of
    from layers.rasters.files import Wanted

    wanted = Wanted(
        crs=description.crs,
        reproject_to=description.reproject_to,
        nodata=math.nan if description.nodata == "none" else description.nodata,
        categorical=description.has_classes,
    )
    folder().mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".making-", dir=folder()) as workshop:
        draft = Path(workshop) / "raster.tif"
        yield draft, columns_of(write_cog(file, draft, wanted), description)


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


def _raster(row: Any) -> Raster:
    names = ("file", "fingerprint", "added_at", "footprint")
    values = {name: value for name, value in row._mapping.items() if name not in names}
    return Raster(**values, path=folder() / row.file, footprint=to_shape(row.footprint))
