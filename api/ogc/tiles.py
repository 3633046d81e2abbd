"""OGC API Tiles: the vector tiles themselves, of one layer or of several."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from api.database import Database
from api.negotiation import MVT, Format, negotiate
from api.ogc.features import parse_interval
from api.scope import Territory
from layers import store, tiles
from layers.catalog import all_layers, find
from layers.tile_request import TileRequest

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/datetime",
)

_OFFERED = {"mvt": MVT}

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
    """Which features of the layers are wanted, and with which attributes."""

    properties: tuple[str, ...] | None = None
    time: store.Interval | None = None
    as_of: Any = None
    asked: dict[str, str] = field(default_factory=dict, hash=False)
    """As it was asked for, so that links can ask for it again."""


def selection(
    properties: Annotated[
        str | None, Query(description="Names of attributes, separated by commas; by default all, and none if empty.")
    ] = None,
    datetime: Annotated[str | None, Query(description="A time or an interval, as in RFC 3339")] = None,
    as_of: Annotated[str | None, Query(description="As the layers were at that moment; by default now")] = None,
) -> Selection:
    """Read what a request for tiles selects."""
    given = {"properties": properties, "datetime": datetime, "as_of": as_of}
    return Selection(
        properties=None if properties is None else tuple(part for part in properties.split(",") if part),
        time=None if datetime is None else parse_interval(datetime),
        as_of=None if as_of is None else store.parse_moment(as_of),
        asked={name: value for name, value in given.items() if value is not None},
    )


Selected = Annotated[Selection, Depends(selection)]


@router.get("/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", summary="A tile of the city")
def city_tile(
    request: Request,
    database: Database,
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
    return _tile(request, database, f, names(collections), (matrix_set, z, row, col), territory, selected)


@router.get(
    "/collections/{collection}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", summary="A tile of a layer"
)
def layer_tile(
    request: Request,
    database: Database,
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
    return _tile(request, database, f, (collection,), (matrix_set, z, row, col), territory, selected)


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


def version(database: Connection, layers: tuple[str, ...]) -> str:
    """Return what changes with the layers, and with the way tiles are made."""
    versions = store.versions(database)
    state = ",".join(f"{name}:{versions[name]}" for name in layers)
    return f"{tiles.ENCODING}-{hashlib.sha256(state.encode()).hexdigest()[:20]}"


def _tile(
    request: Request,
    database: Connection,
    f: str | None,
    layers: tuple[str, ...],
    address: tuple[str, int, int, int],
    territory: str | None,
    selected: Selection,
) -> Response:
    matrix_set, z, row, col = address
    negotiate(request, f, _OFFERED)
    wanted = TileRequest(
        layers=layers,
        matrix_set=matrix_set,
        z=z,
        row=row,
        col=col,
        columns=selected.properties,
        territory=territory,
        time=selected.time,
        as_of=selected.as_of,
    )
    headers = {"ETag": f'"{version(database, layers)}"', "Cache-Control": "no-cache"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = tiles.make(database, wanted)
    return Response(content, 200, headers, MVT) if content else Response(status_code=204, headers=headers)
