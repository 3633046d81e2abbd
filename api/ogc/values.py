"""Which values a property of a layer has, and how often: for lists to choose from, and to learn what is there."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from api.database import Database
from api.documents import VALUES
from api.links import base_url, link
from api.negotiation import HTML, JSON, Format, Language, document
from api.ogc.items_query import AsOf, Bbox, Collection, Datetime
from api.openapi import answers
from api.scope import Territory
from layers import cql2
from layers.catalog import find
from layers.reading import store
from layers.reading.query import parse_interval
from layers.reading.search import parse_words
from layers.reading.values import value_counts
from layers.times import rfc3339

MAX_LIMIT = 1000

_OFFERED = {"json": JSON, "html": HTML}
router = APIRouter(tags=["Features"])


@router.get(
    "/collections/{collection}/values/{name}",
    summary="Which values a property has, and how often",
    responses=answers(JSON, HTML, schema=VALUES),
)
def values(
    request: Request,
    database: Database,
    lang: Language,
    territory: Territory,
    collection: Collection,
    name: Annotated[str, Path(description="Name of a property.")],
    bbox: Bbox = None,
    datetime: Datetime = None,
    q: Annotated[str | None, Query(description="Words that stand in the texts of a feature")] = None,
    filter: Annotated[str | None, Query(description="A condition in CQL2")] = None,  # noqa: A002
    filter_lang: Annotated[
        cql2.FilterLanguage, Query(alias="filter-lang", description="The language of the filter")
    ] = "cql2-text",
    as_of: AsOf = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many values")] = 100,
    f: Format = None,
) -> Response:
    """Return the values of a property with the number of features of each, the most frequent first.

    ``null`` stands for the features that have none. The parameters choose which features count.
    """
    query = store.Query(
        territory=territory,
        bbox=store.parse_bbox(bbox) if bbox else None,
        time=parse_interval(datetime) if datetime else None,
        words=parse_words(q) if q else (),
        filter=cql2.parse_filter(filter, language=filter_lang) if filter else None,
        as_of=store.parse_moment(as_of) if as_of else None,
    )
    found = value_counts(database, collection, name, query, limit=limit)
    model = find(collection)
    column = model.column(name)
    title = f"{model.layer.title[lang]}: {column.title[lang] if column else name}"
    described: dict[str, Any] = {
        "title": title,
        "property": name,
        "values": [{"value": _plain(value), "count": count} for value, count in found.counts],
        "more": found.more,
        "links": [link(f"{base_url(request)}/collections/{collection}", "collection", JSON, model.layer.title[lang])],
    }
    return document(request, title, lang, described, f, _OFFERED)


def _plain(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return rfc3339(value)
    return value.isoformat() if isinstance(value, dt.date) else value
