"""Territories as their YAML files describe them: a city or a region, its ground, its norms and its sources."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias
from zoneinfo import available_timezones

import numpy as np
import pyproj
import pyproj.aoi
import pyproj.database
import shapely
from pydantic import AfterValidator, BaseModel, Field, model_validator

from geo.analysis import all_analyses
from geo.errors import InvalidInputError
from geo.language import LANGUAGES
from layers.catalog import all_layers
from layers.errors import NotFoundError
from layers.rasters.sources import RasterSource
from layers.settings import PROJECT
from layers.sources.description import STRICT, Box, Surroundings, Titles
from layers.sources.domain import EpanetSource, GtfsSource, PandapowerSource
from layers.sources.files import OsmSource, TableSource, VectorSource
from layers.sources.remote.arcgis import ArcGisSource
from layers.sources.remote.ogcapi import HoradSource, OgcApiSource
from layers.sources.remote.open311 import Open311Source
from layers.sources.remote.wfs import WfsSource
from layers.territories.boundaries import Boundary, box_of
from layers.territories.facts import FACTS, Selection
from layers.territories.files import PackError, PackFile, Steps
from layers.territories.norms import Norms

PACKS = PROJECT / "data" / "territories"

EVERYTHING = "*"

_ID = r"^[a-z0-9][a-z0-9-]*$"
_ID_LENGTH = 63
_ROOM_DEG = 0.01
_MOST_DISTORTION = {"city": 0.02, "district": 0.02, "region": 0.1, "country": 0.3}
"""The greatest error of lengths that may come from the metric CRS, at the corners of a territory's box."""

_FileSource = OsmSource | TableSource | VectorSource
_DomainSource = GtfsSource | EpanetSource | PandapowerSource | RasterSource
_ServiceSource = OgcApiSource | HoradSource | WfsSource | ArcGisSource | Open311Source
Source: TypeAlias = Annotated[_FileSource | _DomainSource | _ServiceSource, Field(discriminator="kind")]
"""A source of any kind."""


def _metric_crs(value: str) -> str:
    try:
        crs = pyproj.CRS.from_user_input(value)
    except pyproj.exceptions.CRSError as error:
        raise ValueError(f"{value} is no coordinate reference system") from error
    if not crs.is_projected or crs.axis_info[0].unit_conversion_factor != 1 or crs.to_epsg() is None:
        raise ValueError(f"{value} must be a projected EPSG system in metres")
    return f"EPSG:{crs.to_epsg()}"


def _timezone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError(f"there is no time zone {value}: write its IANA name, such as Europe/Minsk")
    return value


def _languages(value: tuple[str, ...]) -> tuple[str, ...]:
    unknown = [each for each in value if each not in LANGUAGES]
    if unknown or len(set(value)) != len(value):
        raise ValueError(f"must be some of the platform's languages, each once: {', '.join(LANGUAGES)}")
    return value


def _layers(value: Selection) -> Selection:
    _check_names("layer", value.names, all_layers)
    return value


def _analyses(value: Selection) -> Selection:
    _check_names("analysis", value.names, lambda: [each.id for each in all_analyses()])
    return value


def _layers_or_all(value: tuple[str, ...]) -> tuple[str, ...]:
    _check_names("layer", set(value) - {EVERYTHING}, all_layers)
    return value


def _check_names(what: str, names: set[str], known: Callable[[], Iterable[str]]) -> None:
    unknown = sorted(names.difference(known())) if names else []
    if unknown:
        raise ValueError(f"there is no {what} {', '.join(unknown)}; there are {', '.join(sorted(known()))}")


def _ids_once(value: tuple[Source, ...]) -> tuple[Source, ...]:
    again = sorted(name for name, times in Counter(each.id for each in value).items() if times > 1)
    if again:
        raise ValueError(f"each source needs an id of its own; more than one has {', '.join(again)}")
    return value


class Territory(BaseModel):
    """A city or a region.

    Parameters
    ----------
    id
        By which it is known in the base, in addresses and to those that name it as their parent.
    kind
        What it is.
    title
        In every language.
    parent
        The territory to which it belongs: what is asked of a parent is answered from all that belong to it.
    metric_crs
        The projected CRS in which its lengths and areas are measured.
    boundary
        A box, an outline, or features of a file.
    view
        The box that the map shows first; by default that of the boundary.
    timezone
        The IANA name of its time zone: times of its sources without a zone are local.
    languages
        Those that its people use, the first one first.
    norms
        What its planning rules ask for.
    layers, analyses
        Those that it has; by default all of the platform.
    restricted
        The layers, ``*`` for all, of which only its members see the features.
    sources
        What fills its layers.
    """

    model_config = STRICT

    id: str = Field(pattern=_ID, max_length=_ID_LENGTH)
    kind: Literal["city", "district", "region", "country"] = "city"
    title: Titles
    parent: str | None = Field(default=None, pattern=_ID)
    metric_crs: Annotated[str, AfterValidator(_metric_crs)]
    boundary: Boundary
    view: Box | None = None
    timezone: Annotated[str, AfterValidator(_timezone)] | None = None
    languages: Annotated[tuple[str, ...], AfterValidator(_languages)] = Field(default=LANGUAGES, min_length=1)
    norms: Norms = {}
    layers: Annotated[Selection, AfterValidator(_layers)] = Selection()
    analyses: Annotated[Selection, AfterValidator(_analyses)] = Selection()
    restricted: Annotated[tuple[str, ...], AfterValidator(_layers_or_all)] = ()
    sources: Annotated[tuple[Source, ...], AfterValidator(_ids_once)] = ()

    @model_validator(mode="after")
    def _is_no_parent_of_itself(self) -> Territory:
        if self.parent == self.id:
            raise ValueError("a territory can't be its own parent")
        return self

    def kept(self) -> dict[str, Any]:
        """Return it as the base keeps it: as plain values from which it can be made again."""
        stated = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        facts = self.model_dump(mode="json", by_alias=True, include=set(FACTS))
        return {"sources": []} | facts | stated

    @property
    def metric_srid(self) -> int:
        """The EPSG code of the metric CRS."""
        return int(self.metric_crs.removeprefix("EPSG:"))

    @property
    def box(self) -> Box | None:
        """The box around the boundary, or the view where the boundary is in a file; ``None`` where neither tells."""
        return box_of(self.boundary) or self.view

    @property
    def surroundings(self) -> Surroundings:
        """What its sources may need to know of it."""
        return Surroundings(territory=self.id, metric_crs=self.metric_crs, timezone=self.timezone, box=self.box)


def mistakes(territory: Territory) -> list[tuple[Steps, str]]:
    """Return what doesn't fit together in a territory: where it stands in its file, and what is wrong."""
    found: list[tuple[Steps, str]] = []
    told = distortion_told(territory.kind, territory.metric_crs, territory.box) if territory.box else None
    if told:
        found.append((("metric_crs",), told))
    for number, source in enumerate(territory.sources):
        if source.fills and not any(layer in territory.layers for layer in source.fills):
            text = f"it fills the layer {', '.join(source.fills)}, which is switched off in layers"
            found.append((("sources", number), text))
    return found


def distortion_told(kind: str, crs: str, box: Box) -> str | None:
    """Return what is wrong with the metric CRS of a territory with this box, ``None`` where it measures well."""
    distortion = _distortion(crs, box)
    area = pyproj.CRS.from_user_input(crs).area_of_use
    if area is not None and not shapely.intersects(shapely.box(*area.bounds), shapely.box(*box)):
        wrong = f"{crs} is made for {area.name.rstrip('.')}, and not for what lies"
    elif distortion <= _MOST_DISTORTION[kind]:
        return None
    else:
        wrong = f"a metre of {crs} is {f'off by {distortion:.0%}' if np.isfinite(distortion) else 'without meaning'}"
    would_do = f"; {zone} would do there" if (zone := utm_zone(box)) else ""
    return f"{wrong} at the boundary{would_do}: its box, west, south, east, north, is {list(box)}"


def _distortion(crs: str, box: Box) -> float:
    """Return by how much a metre in a CRS is none, at the worst corner of a box in degrees."""
    west, south, east, north = box
    factors = pyproj.Proj(crs).get_factors(
        np.array([west, west, east, east]), np.array([south, north, south, north]), errcheck=False
    )
    scales = np.concatenate([factors.meridional_scale, factors.parallel_scale])
    return float(np.max(np.abs(scales - 1)))


def utm_zone(box: Box) -> str | None:
    """Return the UTM zone of the middle of a box in degrees, or ``None`` by the poles, where there are none."""
    west, south, east, north = box
    middle = ((west + east) / 2, (south + north) / 2)
    zones = pyproj.database.query_utm_crs_info(
        datum_name="WGS 84", area_of_interest=pyproj.aoi.AreaOfInterest(*middle, *middle)
    )
    return f"EPSG:{zones[0].code}" if zones else None


def pack_file(name_or_file: str) -> Path:
    """Return the file of a territory: that of a pack of the platform, such as ``helsinki``, or the file named.

    Raises
    ------
    NotFoundError
        There is none; the text lists the packs there are.
    """
    file = Path(name_or_file) if name_or_file.endswith((".yml", ".yaml")) else PACKS / f"{name_or_file}.yml"
    if not file.is_file():
        known = ", ".join(sorted(each.stem for each in PACKS.glob("*.yml")))
        raise NotFoundError(f"There is no territory file {file}. The territories are: {known}.")
    return file


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
    PackError
        The file isn't a territory; the text tells all that is wrong in it.
    """
    pack = PackFile(pack_file(name_or_file))
    territory = pack.as_model(Territory, {"folder": pack.path.absolute().parent})
    wrong = [pack.problem(steps, text) for steps, text in mistakes(territory)]
    if wrong:
        raise PackError(pack.path, wrong)
    return territory


def around(name: str, box: tuple[float, float, float, float]) -> Territory:
    """Describe a territory of which only the box around it is known.

    Its id is made from the name, and its metric CRS is the UTM zone of the middle of the box. A box without breadth or
    height is given some.

    Raises
    ------
    InvalidInputError
        The box lies by a pole, where there are no UTM zones, or isn't on the globe, as across the antimeridian.
    """
    west, south, east, north = box
    if west < -180 or east > 180 or south < -90 or north > 90:
        told = ", ".join(f"{each:g}" for each in box)
        raise InvalidInputError(
            f"{name} lies between {told} degrees, across the antimeridian or beyond the globe: describe the territory"
            " in a YAML file, with a boundary from -180 to 180."
        )
    zone = utm_zone(box)
    if zone is None:
        raise InvalidInputError(f"{name} lies by a pole, beyond the UTM zones: describe the territory in a YAML file.")
    plain = name.removesuffix("-latest")
    identifier = re.sub(r"[^a-z0-9]+", "-", plain.lower())[:_ID_LENGTH].strip("-") or "territory"
    return Territory(
        id=identifier,
        title=dict.fromkeys(LANGUAGES, re.sub(r"[-_ ]+", " ", plain).strip().capitalize()),
        metric_crs=zone,
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


def pack_schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a territory's file, for editors and other programs.

    What only the base and the files tell, such as the names of layers and columns, is checked when a file is read.
    """
    dialect = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return dialect | Territory.model_json_schema() | {"title": "A territory of Horad"}
