"""Shapes as a parameter of an analysis: what a user may give, and what the analysis receives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from pydantic_core import PydanticCustomError, core_schema

from geo.errors import InvalidInputError, named

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

LONLAT = "EPSG:4326"

PAIR_SCHEMA = {"type": "array", "prefixItems": [{"type": "number"}, {"type": "number"}], "minItems": 2, "maxItems": 3}
PAIRS_SCHEMA = {"type": "array", "minItems": 1, "items": PAIR_SCHEMA, "title": "[longitude, latitude] pairs"}

Labelled = tuple[str | int | None, Any]
"""A label, if there is one, and the coordinates of a shape."""


@dataclass(frozen=True, eq=False, kw_only=True)
class ShapeKind:
    """A kind of shapes that analyses take; as an annotation it lets pydantic validate, document and write them.

    Parameters
    ----------
    name
        What one is called in error messages.
    geometry
        Its type in GeoJSON.
    forms
        What may be given, for error messages.
    make
        Makes a geometry of coordinates as GeoJSON has them, and checks these.
    listed
        Yields the coordinates of the shapes that a list without GeoJSON has.
    schemas
        JSON schemas of such lists.
    """

    name: str
    geometry: str
    forms: str
    make: Callable[[Any], shapely.Geometry]
    listed: Callable[[Sequence[Any]], Iterator[Any]]
    schemas: tuple[JsonSchemaValue, ...]

    def read(self, value: Any) -> gpd.GeoSeries:
        """Read shapes from any of the forms a user gives them in; see `read_points` and `read_lines`."""
        if isinstance(value, gpd.GeoDataFrame):
            value = value.geometry
        shapes = self._checked(value) if isinstance(value, gpd.GeoSeries) else self._parsed(value)
        if shapes.empty:
            raise InvalidInputError(f"no {self.name} given: give at least one, as {self.forms}")
        return shapes

    def _checked(self, shapes: gpd.GeoSeries) -> gpd.GeoSeries:
        if shapes.crs is None:
            raise InvalidInputError(
                f"the {self.name}s have no CRS: set it, for example with {self.name}s.set_crs(4326)"
            )
        geometry = shapes.to_numpy()
        wrong = shapes.geom_type.to_numpy() != self.geometry
        wrong |= ~np.isfinite(shapely.bounds(geometry)).all(axis=1)
        if wrong.any():
            label, shape = named(shapes.index[wrong][0]), str(shapes[wrong].iloc[0])[:80]
            raise InvalidInputError(f"geometry of {label} is {shape}: every geometry must be a {self.name}")
        return shapes

    def _parsed(self, value: Any) -> gpd.GeoSeries:
        labelled = list(self._labelled(value))
        labels = [number if label is None else label for number, (label, _) in enumerate(labelled, start=1)]
        return gpd.GeoSeries([self.make(coordinates) for _, coordinates in labelled], index=labels, crs=LONLAT)

    def _labelled(self, value: Any) -> Iterator[Labelled]:
        if isinstance(value, Mapping):
            yield from self._geojson(value)
        elif isinstance(value, Sequence) and not isinstance(value, str):
            yield from ((None, coordinates) for coordinates in self.listed(value))
        else:
            raise InvalidInputError(f"{self.name}s must be {self.forms}, not {value!r:.80}")

    def _geojson(self, value: Mapping[str, Any]) -> Iterator[Labelled]:
        match value:
            case {"type": self.geometry, "coordinates": coordinates}:
                yield None, coordinates
            case {"type": kind, "coordinates": [*parts]} if kind == f"Multi{self.geometry}":
                yield from ((None, coordinates) for coordinates in parts)
            case {"type": "Feature", "geometry": {"type": kind} as geometry} if kind in self._types:
                yield from ((_label(value), coordinates) for _, coordinates in self._geojson(geometry))
            case {"type": "FeatureCollection", "features": [*features]}:
                for feature in features:
                    if not isinstance(feature, Mapping) or feature.get("type") != "Feature":
                        raise InvalidInputError(f"a FeatureCollection must hold features, not {feature!r:.80}")
                    yield from self._geojson(feature)
            case _:
                raise InvalidInputError(
                    f"GeoJSON must be a {self.geometry}, a Multi{self.geometry}, or a Feature or FeatureCollection of"
                    f" them, with coordinates; this is {value!r:.80}"
                )

    @property
    def _types(self) -> tuple[str, str]:
        return self.geometry, f"Multi{self.geometry}"

    def _validated(self, value: Any) -> gpd.GeoSeries:
        try:
            return self.read(value)
        except InvalidInputError as error:
            raise PydanticCustomError("shapes", "{reason}", {"reason": str(error)}) from error

    def __get_pydantic_core_schema__(self, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(
            self._validated,
            serialization=core_schema.plain_serializer_function_ser_schema(_written, when_used="json"),
        )

    def __get_pydantic_json_schema__(
        self, _schema: core_schema.CoreSchema, _handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        geojson = {
            "type": "object",
            "required": ["type"],
            "properties": {"type": {"enum": [*self._types, "Feature", "FeatureCollection"]}},
            "title": f"GeoJSON {self.name}s in longitude and latitude (WGS 84)",
        }
        return {"oneOf": [*self.schemas, geojson]}


def read_position(position: Any) -> tuple[float, float]:
    """Return longitude and latitude, checked."""
    if not isinstance(position, Sequence) or isinstance(position, str) or len(position) not in (2, 3):
        raise InvalidInputError(f"a position must be [longitude, latitude], not {position!r:.80}")
    lon, lat = position[:2]
    if not all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in (lon, lat)):
        raise InvalidInputError(f"longitude and latitude must be finite numbers, not {position!r:.80}")
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise InvalidInputError(
            f"[{lon}, {lat}] is out of range: the first number is the longitude (-180 to 180), "
            "the second the latitude (-90 to 90)"
        )
    return float(lon), float(lat)


def _label(feature: Mapping[str, Any]) -> str | int | None:
    """Return the name of a GeoJSON feature, or its id."""
    properties = feature.get("properties") or {}
    label = properties.get("name") or feature.get("id", properties.get("id"))
    return label if isinstance(label, str | int) else None


def _written(shapes: gpd.GeoSeries) -> dict[str, Any]:
    lonlat = shapes.to_crs(LONLAT)
    features = [
        {
            "type": "Feature",
            "id": label if isinstance(label, str) else int(label),
            "properties": {},
            "geometry": shapely.geometry.mapping(shape),
        }
        for label, shape in zip(lonlat.index, lonlat, strict=True)
    ]
    return {"type": "FeatureCollection", "features": features}
