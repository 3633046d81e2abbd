"""Territories: the YAML files that adapt the platform to a city or a region."""

from __future__ import annotations

import importlib.util
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pyproj
import pyproj.aoi
import pyproj.database
import shapely
import yaml
from geoalchemy2 import Geometry
from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator
from sqlalchemy import Connection, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from geo.errors import InvalidInputError
from geo.language import LANGUAGES
from layers.errors import NotFoundError
from layers.models.base import STORAGE_SRID
from layers.models.registry import TerritoryRow
from layers.settings import PROJECT, get_settings
from layers.sources.description import (
    STRICT,
    Box,
    KnownCrs,
    LayerName,
    SourceDescription,
    Titles,
    check_columns,
)
from layers.sources.mapping import ColumnRule

PACKS = PROJECT / "data" / "territories"

_ID_LENGTH = 63
_ROOM_DEG = 0.01


def _metric_crs(value: str) -> str:
    try:
        crs = pyproj.CRS.from_user_input(value)
    except pyproj.exceptions.CRSError as error:
        raise ValueError(f"{value} is no coordinate reference system") from error
    if not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1 or crs.to_epsg() is None:
        raise ValueError(f"{value} must be a projected EPSG system in metres")
    return f"EPSG:{crs.to_epsg()}"


class Place(BaseModel):
    """One place where a source's file may be found: a package's file, a file of the data folder, or a URL."""

    model_config = STRICT

    package: str | None = None
    path: str | None = None
    data: str | None = None
    url: str | None = None

    @model_validator(mode="after")
    def _is_one_place(self) -> Place:
        given = [self.package is not None, self.data is not None, self.url is not None]
        if sum(given) != 1 or (self.package is None) != (self.path is None):
            raise ValueError("must be one of: package with path, data, url")
        if self.url is not None and not self.url.startswith(("https://", "http://")):
            raise ValueError("url must begin with https:// or http://")
        return self

    def local_file(self) -> Path | None:
        """Return the file where this place is on this machine and has it."""
        if self.data is not None:
            file = get_settings().data / self.data
        elif self.package is not None and self.path is not None:
            spec = importlib.util.find_spec(self.package)
            if spec is None or spec.origin is None:
                return None
            file = Path(spec.origin).parent / self.path
        else:
            return None
        return file if file.is_file() else None

    def __str__(self) -> str:
        if self.package is not None:
            return f"{self.path} of the package {self.package}"
        return f"{self.data} in {get_settings().data}" if self.data is not None else str(self.url)


class _Source(SourceDescription):
    places: tuple[Place, ...] = Field(min_length=1)


class OsmSource(_Source):
    """An OpenStreetMap file: fills every layer that has a rule for it."""

    kind: Literal["osm"]


class TableSource(_Source):
    """A table with a point a row.

    Parameters
    ----------
    layer
        The layer that it fills.
    crs
        Of its coordinates.
    x, y
        The columns of easting or longitude, and of northing or latitude.
    key
        The column of ids; without one, a row is known by its content.
    columns
        How the layer's columns follow from the table's.
    """

    kind: Literal["table"]
    layer: LayerName
    crs: KnownCrs = "EPSG:4326"
    x: str
    y: str
    key: str | None = None
    columns: dict[str, ColumnRule]

    @model_validator(mode="after")
    def _names_columns_of_the_layer(self) -> TableSource:
        check_columns(self.layer, self.columns)
        return self


Source = Annotated[OsmSource | TableSource, Field(discriminator="kind")]


def _ids_once(value: tuple[Source, ...]) -> tuple[Source, ...]:
    again = sorted(name for name, times in Counter(each.id for each in value).items() if times > 1)
    if again:
        raise ValueError(f"each source needs an id of its own; more than one has {', '.join(again)}")
    return value


class Territory(BaseModel):
    """A city or a region: its names, its ground and its sources."""

    model_config = STRICT

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=_ID_LENGTH)
    title: Titles
    parent: str | None = None
    metric_crs: Annotated[str, AfterValidator(_metric_crs)]
    boundary: Box
    view: Box | None = None
    sources: Annotated[tuple[Source, ...], AfterValidator(_ids_once)] = ()

    @property
    def metric_srid(self) -> int:
        """The EPSG code of the metric CRS."""
        return int(self.metric_crs.removeprefix("EPSG:"))


def read_pack(name_or_file: str) -> Territory:
    """Read a territory's YAML file.

    Parameters
    ----------
    name_or_file
        The name of a pack of the platform, such as ``helsinki``, or the path of a file.

    Raises
    ------
    NotFoundError
        There is no such pack; the text lists those there are.
    InvalidInputError
        The file isn't a territory; the text tells what is wrong in it.
    """
    file = Path(name_or_file) if name_or_file.endswith((".yml", ".yaml")) else PACKS / f"{name_or_file}.yml"
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in PACKS.glob("*.yml")))
        raise NotFoundError(f"There is no territory file {file}. The territories are: {known}.")
    try:
        return Territory.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{file} is no YAML in UTF-8: {error}") from error
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(step) for step in each['loc']) or 'the file'}: {each['msg']}" for each in error.errors()
        )
        raise InvalidInputError(f"{file}: {problems}") from error


def around(name: str, box: tuple[float, float, float, float]) -> Territory:
    """Describe a territory of which only the box around it is known.

    Its id is made from the name, and its metric CRS is the UTM zone of the middle of the box. A box without breadth or
    height is given some.

    Raises
    ------
    InvalidInputError
        The box lies by a pole, where there are no UTM zones.
    """
    west, south, east, north = box
    middle = ((west + east) / 2, (south + north) / 2)
    zones = pyproj.database.query_utm_crs_info(
        datum_name="WGS 84", area_of_interest=pyproj.aoi.AreaOfInterest(*middle, *middle)
    )
    if not zones:
        raise InvalidInputError(f"{name} lies by a pole, beyond the UTM zones: describe the territory in a YAML file.")
    plain = name.removesuffix("-latest")
    identifier = re.sub(r"[^a-z0-9]+", "-", plain.lower())[:_ID_LENGTH].strip("-") or "territory"
    return Territory(
        id=identifier,
        title=dict.fromkeys(LANGUAGES, re.sub(r"[-_ ]+", " ", plain).strip().capitalize()),
        metric_crs=f"EPSG:{zones[0].code}",
        boundary=_with_room(box),
    )


def _with_room(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    west, south, east, north = box
    if west < east and south < north:
        return box
    return (
        max(west - _ROOM_DEG, -180.0),
        max(south - _ROOM_DEG, -90.0),
        min(east + _ROOM_DEG, 180.0),
        min(north + _ROOM_DEG, 90.0),
    )


def register(connection: Connection, territory: Territory) -> None:
    """Write the territory into the base, or bring what is there up to date.

    Raises
    ------
    NotFoundError
        The base doesn't have its parent.
    """
    if territory.parent is not None:
        find_territory(connection, territory.parent)
    values: dict[str, Any] = {
        "id": territory.id,
        "title": territory.title,
        "parent": territory.parent,
        "metric_srid": territory.metric_srid,
        "boundary": f"SRID=4326;{shapely.box(*territory.boundary).wkt}",
        "view": list(territory.view or territory.boundary),
        "attribution": {source.id: source.attribution for source in territory.sources},
    }
    statement = insert(TerritoryRow).values(values)
    kept = values | {"attribution": TerritoryRow.attribution + statement.excluded.attribution}
    connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=kept))


def attribute(connection: Connection, territory: str, source: str, line: str) -> None:
    """Keep what must be shown wherever a source's features are."""
    row = update(TerritoryRow).where(TerritoryRow.id == territory)
    connection.execute(row.values(attribution=TerritoryRow.attribution + literal({source: line}, JSONB)))


def at(connection: Connection, box: tuple[float, float, float, float]) -> str | None:
    """Return the smallest registered territory in which at least half of a box in degrees lies, if there is one."""
    west, south, east, north = box
    envelope = func.ST_MakeEnvelope(*box, STORAGE_SRID, type_=Geometry)
    inside = func.ST_Area(func.ST_Intersection(TerritoryRow.boundary, envelope))
    holding = func.ST_Intersects(TerritoryRow.boundary, envelope) & (inside >= (east - west) * (north - south) / 2)
    smallest = select(TerritoryRow.id).where(holding).order_by(func.ST_Area(TerritoryRow.boundary), TerritoryRow.id)
    return connection.execute(smallest.limit(1)).scalar()


def find_territory(connection: Connection, territory: str) -> dict[str, Any]:
    """Return what the base knows of a territory.

    Raises
    ------
    NotFoundError
        It doesn't know it; the text lists those it knows.
    """
    known = {each["id"]: each for each in registered(connection)}
    if territory not in known:
        raise NotFoundError(f"The base has no territory {territory!r}; it has: {', '.join(known) or 'none yet'}.")
    return known[territory]


def registered(connection: Connection) -> list[dict[str, Any]]:
    """Return what the base knows of each territory, the one that was there first before the others."""
    columns = [each for each in TerritoryRow.__table__.columns if each.name not in {"boundary", "pack"}]
    return [
        dict(row)
        for row in connection.execute(select(*columns).order_by(TerritoryRow.added_at, TerritoryRow.id)).mappings()
    ]


def attribution_line(territories: Iterable[Mapping[str, Any]]) -> str:
    """Return what must be shown wherever features of these territories are, each source's line once."""
    lines = (line for each in territories for line in each["attribution"].values())
    return "; ".join(dict.fromkeys(lines))
