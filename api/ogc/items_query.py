"""The query parameters of the features of a layer, as one query."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import WithJsonSchema
from sqlalchemy import Connection, select

from api.database import Database
from api.negotiation import declared_parameters
from api.scope import Territory
from geo.errors import InvalidInputError
from layers import cql2
from layers.catalog import LayerTable, find
from layers.crs import CRS84, Crs, offered, parse_crs
from layers.models.base import STORAGE_SRID
from layers.models.registry import TerritoryRow
from layers.reading import store
from layers.reading.geojson import properties_of
from layers.reading.paging import parse_sort, read_position
from layers.reading.query import parse_interval
from layers.reading.search import parse_words

MAX_LIMIT = 10_000
MAX_INT64 = 2**63 - 1

PROPERTY_PARAMETERS = {
    "name": "properties of the layer",
    "in": "query",
    "description": "Any queryable as a parameter of its own, such as `name=Main Street`: only features that have it.",
    "style": "form",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
}
"""How a route declares that it takes the layer's queryables as parameters."""

Bbox = Annotated[
    str | None,
    WithJsonSchema({"type": "array", "minItems": 4, "maxItems": 6, "items": {"type": "number"}}),
    Query(description="west,south,east,north, in degrees or in the bbox-crs; six numbers with heights"),
]
Datetime = Annotated[
    str | None,
    WithJsonSchema({"type": "string"}),
    Query(
        description="A time, a date or an interval of two, as in RFC 3339; .. is an open end. Features without a time"
        " are of every time"
    ),
]
Collection = Annotated[str, Path(description="Name of a layer.")]
FeatureId = Annotated[str, Path(description="Id of a feature.")]
AsOf = Annotated[
    str | None, Query(description="As the layer was at that moment: a time as in RFC 3339, or a date; by default now")
]
CrsName = Annotated[
    str | None, Query(alias="crs", description="The CRS of the coordinates in the answer; CRS84 by default")
]


@dataclass(frozen=True)
class ItemsQuery:
    """Which features of a layer are wanted, and how.

    Parameters
    ----------
    layer
        Its name.
    query
        Which features.
    crs
        In which their coordinates are wanted.
    only
        The properties wanted, or ``None`` for all.
    exact
        Whether all that match are to be counted, however many there are.
    limited
        Whether it was said how many are wanted at most.
    """

    layer: str
    query: store.Query
    crs: Crs
    only: tuple[str, ...] | None
    exact: bool
    limited: bool


def choose_crs(database: Connection, name: str | None, *, parameter: str = "crs") -> Crs:
    """Return the CRS of that name; without one, CRS84.

    Raises
    ------
    InvalidInputError
        Features can't be had in it.
    """
    if name is None:
        return CRS84
    found = parse_crs(name, parameter=parameter)
    if found in offered() or found in offered(metric_srids(database)):
        return found
    known = ", ".join(each.uri for each in offered(metric_srids(database)))
    raise InvalidInputError(f"{parameter}={name}: features can be had in {known}")


def metric_srids(database: Connection) -> list[int]:
    """Return the EPSG codes of the territories' metric CRSs."""
    return list(
        database.execute(select(TerritoryRow.metric_srid).distinct().order_by(TerritoryRow.metric_srid)).scalars()
    )


async def items_query(
    request: Request,
    database: Database,
    territory: Territory,
    collection: Collection,
    bbox: Bbox = None,
    bbox_crs: Annotated[
        str | None, Query(alias="bbox-crs", description="The CRS of the bbox; CRS84 by default")
    ] = None,
    datetime: Datetime = None,
    q: Annotated[
        str | None,
        Query(description="Words that stand in the texts of a feature, all of them; commas separate alternatives"),
    ] = None,
    filter: Annotated[str | None, Query(description="A condition in CQL2")] = None,  # noqa: A002
    filter_lang: Annotated[
        cql2.FilterLanguage, Query(alias="filter-lang", description="The language of the filter")
    ] = "cql2-text",
    filter_crs: Annotated[
        str | None, Query(alias="filter-crs", description="The CRS of geometries in the filter; CRS84 by default")
    ] = None,
    as_of: AsOf = None,
    crs: CrsName = None,
    properties: Annotated[
        str | None, Query(description="Only these properties, separated by commas; by default all")
    ] = None,
    sortby: Annotated[
        str | None, Query(description="Properties to sort by, separated by commas; -name is the greatest first")
    ] = None,
    limit: Annotated[
        int,
        Query(
            ge=1,
            description=f"At most so many; of JSON and HTML no more than {MAX_LIMIT} come. GeoJSON of more is sent"
            " while it is read, and files, such as f=parquet, hold all where no limit is given",
            json_schema_extra={"maximum": MAX_LIMIT},
        ),
    ] = 10,
    offset: Annotated[
        int | None, Query(ge=0, le=MAX_INT64, description="Leave out so many first; the next links are faster")
    ] = None,
    after: Annotated[str | None, Query(description="Go on behind this place; the next links use it")] = None,
    before: Annotated[str | None, Query(description="The page ahead of this place; the prev links use it")] = None,
    count: Annotated[
        Literal["exact"] | None, Query(description="Count all that match, however many; by default only if cheap")
    ] = None,
) -> ItemsQuery:
    """Return what the parameters ask for; one that is empty counts as not given.

    Only what takes long, or asks the database, is left to another thread.
    """
    asked = partial(
        _asked,
        request,
        database,
        find(collection),
        territory=territory,
        bbox=bbox or None,
        bbox_crs=bbox_crs or None,
        datetime=datetime or None,
        q=q or None,
        filter_=filter or None,
        filter_lang=filter_lang,
        filter_crs=filter_crs or None,
        as_of=as_of or None,
        crs=crs or None,
        properties=properties,
        sortby=sortby or None,
        limit=limit,
        offset=offset,
        after=after,
        before=before,
        count=count,
    )
    light = filter is None and bbox_crs is None and crs is None and filter_crs is None
    return asked() if light else await run_in_threadpool(asked)


ItemsQueryOf = Annotated[ItemsQuery, Depends(items_query)]


def _asked(
    request: Request,
    database: Connection,
    model: LayerTable,
    *,
    territory: str | None,
    bbox: str | None,
    bbox_crs: str | None,
    datetime: str | None,
    q: str | None,
    filter_: str | None,
    filter_lang: cql2.FilterLanguage,
    filter_crs: str | None,
    as_of: str | None,
    crs: str | None,
    properties: str | None,
    sortby: str | None,
    limit: int,
    offset: int | None,
    after: str | None,
    before: str | None,
    count: str | None,
) -> ItemsQuery:
    if after is not None and before is not None:
        raise InvalidInputError("after and before: a page lies behind a place or ahead of one, not both")
    box = _box(database, bbox, bbox_crs)
    sort = () if sortby is None else parse_sort(model, sortby)
    query = store.Query(
        territory=territory,
        bbox=box,
        time=None if datetime is None else parse_interval(datetime),
        filter=_filter(database, filter_, filter_lang, filter_crs),
        also=_property_filters(request, model),
        words=() if q is None else parse_words(q),
        as_of=None if as_of is None else store.parse_moment(as_of),
        sort=sort,
        after=None if after is None else read_position(model, sort, after, parameter="after"),
        before=None if before is None else read_position(model, sort, before, parameter="before"),
        limit=min(limit, MAX_INT64),
        offset=offset,
    )
    limited = "limit" in request.query_params
    only = _only(model, properties)
    return ItemsQuery(model.name, query, choose_crs(database, crs), only, count == "exact", limited)


def _box(database: Connection, text: str | None, crs_name: str | None) -> store.Box | None:
    """Return a box in degrees; for one in another CRS, that around it, so that nothing within it is missed."""
    crs = choose_crs(database, crs_name, parameter="bbox-crs")
    if text is None:
        return None
    if crs == CRS84:
        return store.parse_bbox(text)
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise InvalidInputError(f"bbox={text}: must be numbers separated by commas") from error
    if crs.srid == STORAGE_SRID and len(numbers) in (4, 6):
        half = len(numbers) // 2
        order = [1, 0, *range(2, half), half + 1, half, *range(half + 2, 2 * half)]
        return store.parse_bbox(",".join(str(numbers[nth]) for nth in order))
    return cql2.box_around(numbers, crs)


def _filter(
    database: Connection, text: str | None, language: cql2.FilterLanguage, crs_name: str | None
) -> cql2.Filter | None:
    crs = choose_crs(database, crs_name, parameter="filter-crs")
    return None if text is None else cql2.parse_filter(text, language=language, crs=crs)


def _property_filters(request: Request, model: LayerTable) -> tuple[cql2.Filter, ...]:
    """Return the conditions of the parameters that are named like properties of the layer."""
    known = declared_parameters(request)
    kinds = cql2.property_kinds(model)
    found = []
    for name, value in request.query_params.multi_items():
        if name in known:
            continue
        kind = cql2.Kind.TEXT if name.startswith(cql2.TAGS) else kinds.get(name)
        if kind is None or kind is cql2.Kind.GEOMETRY:
            taken = ", ".join([*sorted(known), *(each for each in kinds if each != cql2.GEOMETRY)])
            raise InvalidInputError(f"Unknown query parameter: {name}; it takes {taken}.")
        equal = {"op": "=", "args": [{"property": name}, _value(name, value, kind)]}
        found.append(cql2.made_filter(equal, CRS84))
    return tuple(found)


def _value(name: str, text: str, kind: cql2.Kind) -> Any:
    if kind is cql2.Kind.BOOLEAN and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind is cql2.Kind.NUMBER:
        try:
            return int(text) if text.lstrip("+-").isdecimal() and len(text) < 30 else float(text)
        except ValueError:
            pass
    if kind in (cql2.Kind.BOOLEAN, cql2.Kind.NUMBER):
        raise InvalidInputError(f"{name}={text}: {name} is {kind}")
    return text


def _only(model: LayerTable, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    known = properties_of(model)
    wanted = dict.fromkeys(part.strip() for part in text.split(",") if part.strip())
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise InvalidInputError(
            f"properties={text}: {model.name} has no {', '.join(unknown)}; it has {', '.join(known)}"
        )
    return tuple(name for name in known if name in wanted)


def without_place(query: store.Query) -> store.Query:
    """Return a query of the same features on all pages."""
    return replace(query, after=None, before=None, limit=None, offset=None)
