"""OGC API Tiles: the vector tiles themselves, of one layer or of several."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response

from api.database import Database
from api.negotiation import MVT, format_of, negotiate
from api.ogc.items_query import AsOf
from api.scope import Territory
from api.security.callers import Caller, CallerOf
from api.tiles.answers import tile_answers
from geo.errors import InvalidInputError
from layers import cql2
from layers.catalog import all_layers, find
from layers.crs import CRS84, parse_crs
from layers.reading import store
from layers.reading.query import parse_interval
from layers.tiles.request import TileRequest

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/datetime",
)

_OFFERED = {"mvt": MVT}
Format = format_of(_OFFERED)
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "The tile.", "content": {MVT: {}}},
    204: {"description": "There is nothing in the tile."},
    304: {"description": "The tile that the caller has is still right."},
}

router = APIRouter(tags=["Tiles"])

Collection = Annotated[str, Path(description="Name of a layer.")]
MatrixSetId = Annotated[str, Path(alias="tileMatrixSetId", description="Name of a tile matrix set.")]
Matrix = Annotated[int, Path(alias="tileMatrix", description="Zoom.")]
Row = Annotated[int, Path(alias="tileRow", description="Row, from the north.")]
Col = Annotated[int, Path(alias="tileCol", description="Column, from the west.")]
Collections = Annotated[str | None, Query(description="Names of layers, separated by commas; by default all.")]
Version = Annotated[str | None, Query(description="The state of the layers for which a TileJSON was made.")]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which features of the layers are wanted, and with which attributes.

    Parameters
    ----------
    columns, time, filter, as_of
        As `TileRequest` takes them.
    asked
        The query parameters that told so, for links that ask for the same.
    """

    columns: tuple[str, ...] | None
    time: store.Interval | None
    filter: cql2.Filter | None
    as_of: dt.datetime | None
    asked: dict[str, str]


def selection(
    properties: Annotated[
        str | None, Query(description="Names of attributes, separated by commas; by default all, and none if empty")
    ] = None,
    datetime: Annotated[str | None, Query(description="A time or an interval, as in RFC 3339")] = None,
    filter: Annotated[str | None, Query(description="A condition in CQL2")] = None,  # noqa: A002
    filter_lang: Annotated[
        cql2.FilterLanguage, Query(alias="filter-lang", description="The language of the filter")
    ] = "cql2-text",
    filter_crs: Annotated[
        str | None, Query(alias="filter-crs", description="The CRS of geometries in the filter; CRS84 by default")
    ] = None,
    as_of: AsOf = None,
) -> Selection:
    """Read what a request for tiles selects."""
    given = {
        "properties": properties,
        "datetime": datetime,
        "filter": filter,
        "filter-lang": None if filter_lang == "cql2-text" else filter_lang,
        "filter-crs": filter_crs,
        "as_of": as_of,
    }
    crs = CRS84 if filter_crs is None else parse_crs(filter_crs, parameter="filter-crs")
    return Selection(
        columns=None if properties is None else tuple(part for part in properties.split(",") if part),
        time=None if datetime is None else parse_interval(datetime),
        filter=None if filter is None else cql2.parse_filter(filter, language=filter_lang, crs=crs),
        as_of=None if as_of is None else store.parse_moment(as_of),
        asked={name: value for name, value in given.items() if value is not None},
    )


Selected = Annotated[Selection, Depends(selection)]


@router.get(
    "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    summary="A tile of the city",
    operation_id="dataset.vector.getTile",
    responses=_ANSWERS,
)
async def city_tile(
    request: Request,
    caller: CallerOf,
    _database: Database,
    territory: Territory,
    selected: Selected,
    matrix_set: MatrixSetId,
    z: Matrix,
    row: Row,
    col: Col,
    collections: Collections = None,
    v: Version = None,
    f: Format = None,
) -> Response:
    """Return a Mapbox vector tile with all layers, or those named."""
    wanted = _wanted(names(collections), (matrix_set, z, row, col), territory, selected)
    return await _answer(request, caller, wanted, v, f)


@router.get(
    "/collections/{collection}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    summary="A tile of a layer",
    operation_id="collection.vector.getTile",
    responses=_ANSWERS,
)
async def layer_tile(
    request: Request,
    caller: CallerOf,
    _database: Database,
    territory: Territory,
    selected: Selected,
    collection: Collection,
    matrix_set: MatrixSetId,
    z: Matrix,
    row: Row,
    col: Col,
    v: Version = None,
    f: Format = None,
) -> Response:
    """Return a Mapbox vector tile of one layer."""
    find(collection)
    wanted = _wanted((collection,), (matrix_set, z, row, col), territory, selected)
    return await _answer(request, caller, wanted, v, f)


def names(collections: str | None) -> tuple[str, ...]:
    """Read the names of layers, by default those of all.

    Raises
    ------
    NotFoundError
        There is no layer of one of the names.
    """
    if collections is None:
        return tuple(all_layers())
    wanted = tuple(dict.fromkeys(collections.split(",")))
    for name in wanted:
        find(name)
    return wanted


def _wanted(
    layers: tuple[str, ...], address: tuple[str, int, int, int], territory: str | None, selected: Selection
) -> TileRequest:
    """Return what is asked for.

    Raises
    ------
    InvalidInputError
        None of the layers has one of the attributes.
    """
    known = {column.name for name in layers for column in find(name).columns}
    unknown = [name for name in selected.columns or () if name not in known]
    if unknown:
        raise InvalidInputError(f"properties: there is no {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    matrix_set, z, row, col = address
    return TileRequest(
        layers=layers,
        matrix_set=matrix_set,
        z=z,
        row=row,
        col=col,
        columns=selected.columns,
        territory=territory,
        time=selected.time,
        filter=selected.filter,
        as_of=selected.as_of,
    )


async def _answer(request: Request, caller: Caller, wanted: TileRequest, v: str | None, f: str | None) -> Response:
    negotiate(request, f, _OFFERED)
    return await tile_answers(request).respond(wanted, caller, request.headers, request.receive, version=v)
