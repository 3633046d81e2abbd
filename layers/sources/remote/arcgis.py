"""A layer of an ArcGIS FeatureServer or MapServer as a source (ArcGIS REST API, in Esri's JSON)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import orjson
import shapely
from pydantic import field_validator

from layers.errors import SourceError
from layers.sources.description import Box
from layers.sources.remote.description import RemoteSource, written
from layers.sources.remote.features import Feature, Watch
from layers.sources.web.fetch import Answer, Fetcher, shown

_WKID = 4326
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAYER = re.compile(r"/(Feature|Map)Server/\d+/?$", re.IGNORECASE)
_IDS_AT_ONCE = 200
_HEAD_BYTES = 2000


class ArcGisSource(RemoteSource):
    """A layer of an ArcGIS service.

    Parameters
    ----------
    url
        Of the layer: ends with ``FeatureServer/0`` or ``MapServer/0``.
    where
        Which features, as SQL.
    """

    kind: Literal["arcgis"]
    where: str = "1=1"

    @field_validator("url")
    @classmethod
    def _is_of_a_layer(cls, url: str) -> str:
        if not _LAYER.search(url):
            raise ValueError("must end with FeatureServer/ or MapServer/ and the number of a layer")
        return url

    @staticmethod
    def explain(answer: Answer) -> str | None:
        """Return the error in an answer; it comes with the status 200."""
        if b'"error"' not in answer.content[:_HEAD_BYTES]:
            return None
        error = answer.json().get("error")
        if not isinstance(error, dict):
            return None
        told = [error.get("message"), *(error.get("details") or ())]
        texts = dict.fromkeys(str(each).strip() for each in told if each)
        return f"error {error.get('code')}: {' '.join(texts)}".strip()

    def features(self, fetcher: Fetcher, box: Box | None) -> Iterator[Feature]:
        """Yield the features of the layer."""
        layer = _describe(fetcher.get(self.url, {"f": "json"}))
        query = f"{self.url.rstrip('/')}/query"
        which = {"where": self.where, "f": "json", **_within(box), **self.parameters}
        expected = _count(fetcher, query, which)
        size = min(self.page_size, layer.most)
        count = 0
        for page in _pages(fetcher, query, which, size) if layer.pages else _chunks(fetcher, query, which, size):
            yield from (_feature(each, layer) for each in page)
            count += len(page)
        if count < expected and count < (expected := _count(fetcher, query, which)):
            raise SourceError(f"{shown(self.url)} gives {count} features of the {expected} that it says to have.")


@dataclass(frozen=True)
class _Layer:
    """What a layer says of itself."""

    id_field: str
    times: frozenset[str]
    most: int
    pages: bool


def _describe(answer: Answer) -> _Layer:
    found = answer.json()
    types = {each["name"]: each.get("type") for each in found.get("fields") or ()}
    named = found.get("objectIdField") or next((n for n, kind in types.items() if kind == "esriFieldTypeOID"), None)
    if named is None:
        raise SourceError(f"{shown(answer.url)} is no layer that can be queried: it has no object ids.")
    return _Layer(
        id_field=named,
        times=frozenset(name for name, kind in types.items() if kind == "esriFieldTypeDate"),
        most=int(found.get("maxRecordCount") or 1000),
        pages=bool((found.get("advancedQueryCapabilities") or {}).get("supportsPagination")),
    )


def _within(box: Box | None) -> dict[str, str]:
    if box is None:
        return {}
    return {
        "geometry": written(*box),
        "geometryType": "esriGeometryEnvelope",
        "inSR": str(_WKID),
        "spatialRel": "esriSpatialRelIntersects",
    }


def _count(fetcher: Fetcher, query: str, which: dict[str, str]) -> int:
    return int(fetcher.get(query, {**which, "returnCountOnly": "true"}).json()["count"])


def _wanted() -> dict[str, str]:
    return {"outFields": "*", "outSR": str(_WKID), "returnZ": "false", "returnM": "false"}


def _pages(fetcher: Fetcher, query: str, which: dict[str, str], size: int) -> Iterator[list[dict[str, Any]]]:
    """Yield features page by page, for services that can page."""
    watch = Watch(shown(query))
    offset, more = 0, True
    while more:
        paging = {"resultOffset": str(offset), "resultRecordCount": str(size)}
        page = fetcher.get(query, which | _wanted() | paging).json()
        found = _rows(page, query)
        watch.see([Feature(None, each.get("geometry"), each["attributes"]) for each in found])
        yield found
        offset += len(found)
        more = bool(found) and (bool(page.get("exceededTransferLimit")) or len(found) >= size)


def _chunks(fetcher: Fetcher, query: str, which: dict[str, str], size: int) -> Iterator[list[dict[str, Any]]]:
    """Yield features by their ids, a few at a time, for services that can't page."""
    ids = sorted(fetcher.get(query, {**which, "returnIdsOnly": "true"}).json().get("objectIds") or ())
    size = min(size, _IDS_AT_ONCE)
    for first in range(0, len(ids), size):
        chunk = ",".join(str(each) for each in ids[first : first + size])
        page = fetcher.post(query, which | _wanted() | {"objectIds": chunk}).json()
        yield _rows(page, query)


def _rows(page: dict[str, Any], query: str) -> list[dict[str, Any]]:
    reference = page.get("spatialReference") or {}
    wkid = reference.get("latestWkid") or reference.get("wkid")
    if wkid not in (None, _WKID):
        raise SourceError(f"{shown(query)} answers in the CRS {wkid} where it was asked for {_WKID}.")
    rows: list[dict[str, Any]] = page["features"]
    return rows


def _feature(row: dict[str, Any], layer: _Layer) -> Feature:
    attributes = row["attributes"]
    values = {name: _time(value) if name in layer.times else value for name, value in attributes.items()}
    shape = _shape(row.get("geometry") or {})
    return Feature(
        str(attributes[layer.id_field]), None if shape is None else orjson.loads(shapely.to_geojson(shape)), values
    )


def _time(value: Any) -> Any:
    """Return milliseconds since 1970 as a time in UTC."""
    if not isinstance(value, int | float):
        return value
    try:
        return (_EPOCH + timedelta(milliseconds=value)).isoformat()
    except OverflowError:
        return value


def _shape(geometry: dict[str, Any]) -> shapely.Geometry | None:
    """Return a geometry of Esri's JSON; one without coordinates is none."""
    if "x" in geometry:
        place = (geometry["x"], geometry.get("y"))
        return shapely.Point(place) if all(isinstance(each, int | float) for each in place) else None
    if geometry.get("points"):
        return shapely.MultiPoint([each[:2] for each in geometry["points"]])
    if geometry.get("paths"):
        return shapely.MultiLineString([_flat(path) for path in geometry["paths"] if len(path) > 1])
    rings = [_flat(ring) for ring in geometry.get("rings") or () if len(ring) > 3]
    return _polygons(rings) if rings else None


def _flat(places: list[list[float]]) -> list[list[float]]:
    return [each[:2] for each in places]


def _polygons(rings: list[list[list[float]]]) -> shapely.MultiPolygon:
    """Return the polygons of rings.

    Clockwise rings are outlines; the others are holes in the smallest outline around them. Where no ring is clockwise,
    or nothing is around a hole, it is an outline.
    """
    areas = [shapely.Polygon(ring) for ring in rings]
    is_hole = shapely.is_ccw([each.exterior for each in areas])
    inner = [] if is_hole.all() else [each for each, hole in zip(areas, is_hole, strict=True) if hole]
    outlines = [each for each, hole in zip(areas, is_hole, strict=True) if not hole or not inner]
    outlines.sort(key=lambda each: float(each.area))
    holes: dict[int, list[Any]] = {}
    for hole in inner:
        inside = hole.representative_point()
        around = (n for n, outline in enumerate(outlines) if outline.area > hole.area and outline.contains(inside))
        owner = next(around, None)
        if owner is None:
            outlines.append(hole)
        else:
            holes.setdefault(owner, []).append(hole.exterior)
    return shapely.MultiPolygon([(each.exterior, holes.get(n, [])) for n, each in enumerate(outlines)])
