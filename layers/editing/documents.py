"""Features as clients send them: GeoJSON, checked against the columns of the layer and read into values for them."""

from __future__ import annotations

import datetime as dt
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal

import numpy as np
import shapely
from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationError, create_model
from sqlalchemy import BigInteger

from layers.catalog import Column, LayerTable
from layers.crs import Crs, transformer
from layers.errors import InvalidFeatureError
from layers.loads.checks import INDEXED_BYTES, TAGS_BYTES, TEXT_BYTES
from layers.models.base import STORAGE_SRID

OURS = ("territory", "source", "source_id")
"""The properties that the base gives to a feature, and that stay as they are."""

_INT4, _INT8 = 2**31 - 1, 2**63 - 1
_MOST_NORTHERN = 89.9

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Given:
    """What a client has sent of a feature.

    Parameters
    ----------
    values
        Of the layer's columns, ``tags`` and ``geom`` among them where they were sent.
    territory
        To which the feature is to belong, if it was said.
    place
        The geometry, in degrees.
    """

    values: dict[str, Any]
    territory: str | None
    place: shapely.Geometry | None


def read_whole(model: LayerTable, document: Document, crs: Crs) -> Given:
    """Read a feature of which all is told: what isn't told of it has no value.

    Raises
    ------
    InvalidFeatureError
        It is no such feature; the text names each place in the document, as a JSON pointer, and what is wrong there.
    """
    _check_frame(document)
    properties = _properties(document)
    values, problems = _values(model, properties, partly=False)
    place = _place(model, document.get("geometry"), crs, problems)
    _refuse(problems)
    values["tags"] = values.get("tags") or {}
    return Given(values | {"geom": _stored(place)}, properties.get("territory"), place)


def read_changes(model: LayerTable, present: Document, patch: Document, crs: Crs) -> Given:
    """Read what is to change of a feature, told as a JSON merge patch (RFC 7396) of the feature as it is.

    Raises
    ------
    InvalidFeatureError
        The feature wouldn't be one any more.
    """
    if "type" in patch:
        _check_frame(patch)
    changed = patch.get("properties", {})
    if not isinstance(changed, Mapping):
        raise InvalidFeatureError("/properties: must be an object")
    merged = _merged(present, patch)
    properties = {name: value for name, value in merged["properties"].items() if name in changed}
    properties |= {name: None for name in changed if name not in properties}
    values, problems = _values(model, properties, partly=True)
    if "tags" in properties:
        values["tags"] = values.get("tags") or {}
    place = None
    if "geometry" in patch:
        place = _place(model, merged.get("geometry"), crs, problems)
        values["geom"] = _stored(place)
    _refuse(problems)
    return Given(values, properties.get("territory"), place)


def _check_frame(document: Document) -> None:
    if document.get("type") != "Feature":
        raise InvalidFeatureError("/type: must be Feature")


def _properties(document: Document) -> dict[str, Any]:
    properties = document.get("properties")
    if properties is not None and not isinstance(properties, Mapping):
        raise InvalidFeatureError("/properties: must be an object")
    return dict(properties or {})


def _values(model: LayerTable, properties: dict[str, Any], *, partly: bool) -> tuple[dict[str, Any], list[str]]:
    """Return the values of columns, and what is wrong with them; what the database works out is passed over."""
    computed = {each.name for each in model.columns if each.computed}
    told = {name: value for name, value in properties.items() if name not in computed and name not in OURS}
    problems = [
        f"/properties/{name}: must be text" for name in OURS if not isinstance(properties.get(name), str | None)
    ]
    try:
        read = _model(model, partly).model_validate_json(json.dumps(told))
    except ValidationError as error:
        return {}, problems + list(_told(model, error))
    return read.model_dump(include=set(told) if partly else None), problems


@lru_cache(maxsize=512)
def _model(model: LayerTable, partly: bool) -> type[BaseModel]:
    indexed = {column.name for index in model.table.indexes for column in index.columns}
    fields: dict[str, Any] = {"tags": (Annotated[dict[str, Any] | None, AfterValidator(_light)], None)}
    for each in model.columns:
        if each.computed:
            continue
        kind: Any = _kind(each, model, INDEXED_BYTES if each.name in indexed else TEXT_BYTES)
        needed = each.required and model.table.c[each.name].server_default is None
        fields[each.name] = (kind, ...) if needed and not partly else (kind if needed else kind | None, None)
    config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
    return create_model(model.name, __config__=config, **fields)


def _kind(column: Column, model: LayerTable, longest: int) -> Any:
    """Return the type of a column's values, with its limits."""
    if column.choices:
        return Literal[column.choices]
    if column.python_type is str:
        return Annotated[str, AfterValidator(lambda text: _short(text, longest))]
    if column.python_type is dt.datetime:
        return Annotated[dt.datetime, AfterValidator(_in_utc)]
    least, most = column.minimum, column.maximum
    if column.python_type is int:
        largest = _INT8 if isinstance(model.table.c[column.name].type, BigInteger) else _INT4
        least = -largest if least is None else math.ceil(least)
        most = largest if most is None else math.floor(most)
    limits = [limit(bound) for limit, bound in ((Ge, least), (Le, most)) if bound is not None]
    return Annotated[(column.python_type, *limits)] if limits else column.python_type


def _short(text: str, longest: int) -> str:
    if "\x00" in text:
        raise ValueError("must not hold the character U+0000")
    if len(text.encode()) > longest:
        raise ValueError(f"must not be longer than {longest:,} bytes")
    return text


def _light(tags: dict[str, Any] | None) -> dict[str, Any] | None:
    _short(json.dumps(tags, ensure_ascii=False), TAGS_BYTES)
    if "\\u0000" in json.dumps(tags):
        raise ValueError("must not hold the character U+0000")
    return tags


def _told(model: LayerTable, error: ValidationError) -> Iterator[str]:
    for each in error.errors(include_url=False, include_context=False, include_input=False):
        name, *rest = each["loc"] or ("",)
        pointer = "/".join(["/properties", _escaped(name), *(_escaped(part) for part in rest if part in ("tags",))])
        if each["type"] == "extra_forbidden":
            known = ", ".join(column.name for column in model.columns if not column.computed)
            yield f"{pointer}: there is no such property; it has {known}, tags"
        else:
            yield f"{pointer}: {each['msg'].removeprefix('Value error, ')}"


def _escaped(part: Any) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _in_utc(time: dt.datetime) -> dt.datetime:
    """Take a time that doesn't tell its zone as UTC."""
    try:
        return time.replace(tzinfo=dt.UTC) if time.tzinfo is None else time.astimezone(dt.UTC)
    except OverflowError as error:
        raise ValueError("must lie between the years 1 and 9999") from error


def _place(model: LayerTable, geometry: Any, crs: Crs, problems: list[str]) -> shapely.Geometry | None:
    """Return the geometry in degrees, of one part where one is all, or add what is wrong with it to the problems."""
    if geometry is None:
        if model.layer.located:
            problems.append("/geometry: every feature of this layer has a place")
        return None
    types = model.layer.shape.geometry_types
    if not isinstance(geometry, Mapping) or geometry.get("type") not in types:
        problems.append(f"/geometry/type: must be one of {', '.join(types)}")
        return None
    try:
        read = shapely.from_geojson(json.dumps(geometry))
    except shapely.errors.GEOSException:
        problems.append(f"/geometry/coordinates: they make no {geometry['type']}")
        return None
    placed = _in_degrees(shapely.force_2d(read), crs)
    found = _fault(placed)
    if found is not None:
        problems.append(f"/geometry/coordinates: {found}")
        return None
    parts = shapely.get_parts(placed)
    return parts[0] if len(parts) == 1 else placed


def _in_degrees(geometry: shapely.Geometry, crs: Crs) -> shapely.Geometry:
    if crs.north_first:
        geometry = shapely.transform(geometry, lambda places: places[:, ::-1])
    if crs.srid == STORAGE_SRID:
        return geometry
    to_degrees = transformer(crs.srid, STORAGE_SRID)
    return shapely.transform(geometry, lambda places: np.column_stack(to_degrees.transform(*places.T)))


def _fault(geometry: shapely.Geometry) -> str | None:
    """Return what is wrong with a geometry in degrees."""
    if geometry.is_empty:
        return "there are none"
    west, south, east, north = geometry.bounds
    if not (-180 <= west <= east <= 180 and -_MOST_NORTHERN <= south <= north <= _MOST_NORTHERN):
        return f"longitudes go from -180 to 180 and latitudes from -{_MOST_NORTHERN} to {_MOST_NORTHERN}"
    if not geometry.is_valid:
        return f"not valid: {shapely.is_valid_reason(geometry)}"
    return None


def _stored(place: shapely.Geometry | None) -> str | None:
    return None if place is None else f"SRID={STORAGE_SRID};{shapely.to_wkt(place, rounding_precision=-1)}"


def _merged(present: Any, patch: Any) -> Any:
    """Apply a JSON merge patch."""
    if not isinstance(patch, Mapping):
        return patch
    whole = dict(present) if isinstance(present, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            whole.pop(name, None)
        else:
            whole[name] = _merged(whole.get(name), value)
    return whole


def _refuse(problems: list[str]) -> None:
    if problems:
        raise InvalidFeatureError("; ".join(problems))
