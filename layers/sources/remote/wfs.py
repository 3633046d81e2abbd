"""WFS 2.0 as a source (OGC 09-025r2): GeoJSON where the service offers it, else GML."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import Element

import defusedxml.ElementTree
import numpy as np
import orjson
import shapely
from defusedxml import DefusedXmlException
from pydantic import Field

from layers.errors import SourceError
from layers.sources.description import Box
from layers.sources.geometry.coordinates import swapped_into, to_degrees
from layers.sources.remote.description import RemoteSource, written
from layers.sources.remote.features import Feature, Watch
from layers.sources.remote.ogcapi import read_geojson
from layers.sources.web.fetch import Answer, Fetcher, shown

_DEGREES = "urn:ogc:def:crs:EPSG::4326"
_VERSION = "2.0.0"
_GEOJSON = re.compile(r"(application/(geo\+|vnd\.geo\+)?json(;\s*subtype=geojson)?|(geo)?json)", re.IGNORECASE)
_IS_DEGREES = re.compile(r"(EPSG:+(\d[\d.]*)?:?4326|CRS:?84)$", re.IGNORECASE)
_EPSG = re.compile(r"EPSG:+(?:[\d.]+:|:)?(\d+)$", re.IGNORECASE)
_MEMBERS = ("member", "featureMember", "featureMembers")
_HEAD_BYTES = 2000


class WfsSource(RemoteSource):
    """A feature type of a WFS 2.0.

    Parameters
    ----------
    url
        Of the service, without its request.
    type_name
        The feature type, with or without its prefix.
    sort_by
        The property in whose order pages are asked for, for services that know no order of their own; by default the
        one that holds the id.
    """

    kind: Literal["wfs"]
    type_name: str = Field(min_length=1)
    sort_by: str | None = None

    @staticmethod
    def explain(answer: Answer) -> str | None:
        """Return the text of an exception report, whatever the status it comes with."""
        if b"ExceptionReport" not in answer.content[:_HEAD_BYTES]:
            return None
        texts = [" ".join((each.text or "").split()) for each in _parse(answer).iter() if "Exception" in each.tag]
        return "; ".join(filter(None, texts)) or "an exception without a text"

    def features(self, fetcher: Fetcher, box: Box | None) -> Iterator[Feature]:
        """Yield the features of the type."""
        described = _describe(fetcher.get(self.url, _asking("GetCapabilities")), self.type_name)
        asked = {
            **_asking("GetFeature"),
            "typeNames": described.name,
            **({"bbox": f"{written(box[1], box[0], box[3], box[2])},{_DEGREES}"} if box else {}),
            **({"srsName": _DEGREES} if described.in_degrees else {}),
            **({"outputFormat": described.geojson} if described.geojson else {}),
            **({"sortBy": order} if (order := self.sort_by or self.key) else {}),
            **self.parameters,
        }
        watch = Watch(f"{shown(self.url)}, {described.name}")
        placed: Callable[[list[Feature]], list[Feature]] | None = None
        count, matched, more = 0, None, True
        while more:
            paging = {"count": str(self.page_size), "startIndex": str(count)} if described.pages else {}
            found, matched = _page(fetcher.get(self.url, asked | paging), described)
            watch.see(found)
            if found:
                placed = placed or _placed(found, described)
                yield from placed(found)
            count += len(found)
            more = (
                described.pages and bool(found) and (matched is None or count < matched or len(found) >= self.page_size)
            )
        if matched is not None and count < matched:
            raise SourceError(
                f"{shown(self.url)} gives {count} features of the {matched} that {described.name} has there."
            )


@dataclass(frozen=True)
class _Type:
    """What the capabilities say of a feature type."""

    name: str
    crs: str
    in_degrees: bool
    box: Box | None
    geojson: str | None
    pages: bool


def _asking(request: str) -> dict[str, str]:
    return {"service": "WFS", "version": _VERSION, "request": request}


def _parse(answer: Answer) -> Element:
    try:
        root: Element = defusedxml.ElementTree.fromstring(answer.content, forbid_dtd=True)
    except (defusedxml.ElementTree.ParseError, DefusedXmlException) as error:
        raise SourceError(f"{shown(answer.url)} didn't answer in XML: {error}") from error
    return root


def _describe(capabilities: Answer, type_name: str) -> _Type:
    root = _parse(capabilities)
    if not root.tag.endswith("WFS_Capabilities") or not root.get("version", "").startswith("2."):
        spoken = root.get("version", "no WFS")
        raise SourceError(f"{shown(capabilities.url)} speaks {spoken}, and WFS 2.0 is needed.")
    types = {(each.findtext("{*}Name") or "").strip(): each for each in root.iterfind(".//{*}FeatureType")}
    name = next((each for each in types if type_name in (each, each.rpartition(":")[2])), None)
    if name is None:
        raise SourceError(
            f"{shown(capabilities.url)} has no feature type {type_name}; it has {', '.join(sorted(types)[:20])}."
        )
    found = types[name]
    crs = (found.findtext("{*}DefaultCRS") or _DEGREES).strip()
    others = [(each.text or "").strip() for each in found.iterfind("{*}OtherCRS")]
    paging = root.findtext(".//{*}Constraint[@name='ImplementsResultPaging']/{*}DefaultValue") or "TRUE"
    return _Type(
        name=name,
        crs=crs,
        in_degrees=not others or any(_IS_DEGREES.search(each) for each in (crs, *others)),
        box=_box(found),
        geojson=next((each for each in _formats(root, found) if _GEOJSON.fullmatch(each)), None),
        pages=paging.strip().upper() != "FALSE",
    )


def _box(described: Element) -> Box | None:
    corners = [described.findtext(f"{{*}}WGS84BoundingBox/{{*}}{which}Corner") for which in ("Lower", "Upper")]
    if not all(corners):
        return None
    west, south, east, north = (float(each) for corner in corners for each in str(corner).split())
    return west, south, east, north


def _formats(root: Element, described: Element) -> Iterator[str]:
    """Yield the formats in which features can be had."""
    operation = ".//{*}Operation[@name='GetFeature']/{*}Parameter[@name='outputFormat']"
    for path in (f"{operation}//{{*}}Value", "{*}OperationsMetadata/{*}Parameter[@name='outputFormat']//{*}Value"):
        yield from ((each.text or "").strip() for each in root.iterfind(path))
    yield from ((each.text or "").strip() for each in described.iterfind("{*}OutputFormats/{*}Format"))


def _page(answer: Answer, described: _Type) -> tuple[list[Feature], int | None]:
    """Return the features of a page in longitude and latitude, and how many match on all pages, where it says so."""
    if answer.content.lstrip()[:1] == b"{":
        page = answer.json()
        found = read_geojson(page, answer)
        crs = ((page.get("crs") or {}).get("properties") or {}).get("name")
        matched = page.get("numberMatched", page.get("totalFeatures"))
        if crs is None and not described.in_degrees:
            crs = described.crs
        return _in_degrees(found, crs), matched if isinstance(matched, int) else None
    root = _parse(answer)
    if not root.tag.endswith("FeatureCollection"):
        raise SourceError(f"{shown(answer.url)} answers with {root.tag} and not with features.")
    stated = root.get("numberMatched", "")
    filled = any(each.tag.rpartition("}")[2] in _MEMBERS for each in root)
    return _read_gml(answer, described) if filled else [], int(stated) if stated.isdecimal() else None


def _read_gml(answer: Answer, described: _Type) -> list[Feature]:
    """Return the features of a GML document, as GDAL reads it: the order of its axes is that of its CRS."""
    import pyogrio

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "page.gml"
        file.write_bytes(answer.content)
        try:
            frame = pyogrio.read_dataframe(file, on_invalid="ignore", DOWNLOAD_SCHEMA="NO", EXPOSE_GML_ID="YES")
        except (pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError) as error:
            raise SourceError(f"{shown(answer.url)} answers in GML that can't be read: {error}") from error
    transform = to_degrees(frame.crs or described.crs).transform
    shapes = shapely.transform(np.asarray(frame.geometry.array), transform, interleaved=False)
    fields = [name for name in frame.columns if name != frame.geometry.name]
    rows = frame[fields].astype(object).where(frame[fields].notna(), None).to_dict("records")
    return [
        Feature(row.pop("gml_id", None), text and orjson.loads(text), {name: _plain(row[name]) for name in row})
        for row, text in zip(rows, shapely.to_geojson(shapes), strict=True)
    ]


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def _in_degrees(found: list[Feature], crs: str | None) -> list[Feature]:
    """Return features whose GeoJSON says another CRS in longitude and latitude."""
    if crs is None or _IS_DEGREES.search(crs):
        return found
    code = _EPSG.search(crs)
    return _moved(found, to_degrees(f"EPSG:{code[1]}" if code else crs).transform)


def _placed(page: list[Feature], described: _Type) -> Callable[[list[Feature]], list[Feature]]:
    """Return what brings features to longitude before latitude.

    Some services put latitude first where the format wants longitude: most features then lie outside the box that the
    capabilities state for their type, and with their axes swapped in it.
    """
    if described.box is None:
        return lambda found: found
    bounds = shapely.bounds(_shapes(page))
    swapped = swapped_into(described.box, bounds[:, [0, 2]].mean(axis=1), bounds[:, [1, 3]].mean(axis=1))
    return _swapped if swapped.mean() > 0.5 else lambda found: found


def _swapped(found: list[Feature]) -> list[Feature]:
    return _moved(found, lambda x, y: (y, x))


def _moved(found: list[Feature], move: Callable[..., Any]) -> list[Feature]:
    """Return features at other coordinates."""
    texts = shapely.to_geojson(shapely.transform(_shapes(found), move, interleaved=False))
    return [each._replace(geometry=text and orjson.loads(text)) for each, text in zip(found, texts, strict=True)]


def _shapes(found: list[Feature]) -> Any:
    texts = [orjson.dumps(each.geometry).decode() if each.geometry else None for each in found]
    return shapely.from_geojson(texts, on_invalid="ignore")
