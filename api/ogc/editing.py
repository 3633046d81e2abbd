"""OGC API Features, Part 4: features made, replaced, changed and removed, with ETags against lost updates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response
from sqlalchemy import Connection

from api.database import Database
from api.errors import PreconditionError, UnsupportedMediaTypeError
from api.etags import etag, names
from api.links import base_url
from api.negotiation import GEOJSON, JSON
from api.ogc.items_query import Collection, FeatureId
from api.openapi import answers
from api.scope import Territory
from api.security.callers import Caller, CallerOf, WriterOf
from geo.errors import InvalidInputError
from layers.access import audit
from layers.catalog import LayerTable, find
from layers.crs import CRS84, Crs, parse_crs
from layers.editing import editing
from layers.errors import InvalidFeatureError
from layers.postgres import database as owned
from layers.reading import store
from layers.settings import get_settings

_PART = "http://www.opengis.net/spec/ogcapi-features-4/1.0/conf"
CONFORMS_TO = tuple(
    f"{_PART}/{name}" for name in ("create-replace-delete", "update", "optimistic-locking-etags", "features")
)

MERGE_PATCH = "application/merge-patch+json"
_DEEPEST = 32

_PROBLEMS = {
    412: "The feature has changed since it was read.",
    413: "The body is too large.",
    415: "The body is of another media type than it takes.",
    422: "The body is no such feature; the text names each place in it, and what is wrong there.",
    428: "The header If-Match is missing.",
}

router = APIRouter(tags=["Editing"])


async def document(request: Request) -> dict[str, Any]:
    """Return the body of a request, a JSON object.

    Raises
    ------
    UnsupportedMediaTypeError
        It is of another media type than the method takes.
    InvalidInputError
        It is no JSON.
    InvalidFeatureError
        It is JSON, but no object.
    """
    taken = (MERGE_PATCH, JSON) if request.method == "PATCH" else (GEOJSON, JSON)
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in taken:
        raise UnsupportedMediaTypeError(f"Content-Type: must be {' or '.join(taken)}, not {given or 'missing'}")
    try:
        read = orjson.loads(await request.body())
    except orjson.JSONDecodeError as error:
        raise InvalidInputError(f"The body is no JSON: {error}") from error
    if not isinstance(read, dict):
        raise InvalidFeatureError("The body must be an object")
    if _deeper(read, _DEEPEST):
        raise InvalidFeatureError(f"The body must not be nested more than {_DEEPEST} deep")
    return read


def _deeper(value: Any, levels: int) -> bool:
    """Tell whether there are more than so many levels to a document."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels == 0 or any(_deeper(each, levels - 1) for each in inner)


def content_crs(
    content_crs: Annotated[str | None, Header(description="The CRS of the coordinates sent; by default CRS84")] = None,
) -> Crs:
    """Return the CRS of the coordinates that are sent."""
    if content_crs is None:
        return CRS84
    return parse_crs(content_crs.strip().removeprefix("<").removesuffix(">"), parameter="Content-Crs")


Document = Annotated[dict[str, Any], Depends(document)]
ContentCrs = Annotated[Crs, Depends(content_crs)]
IfMatch = Annotated[str | None, Header(description="The ETag of the feature as it was read")]


def _body(media_type: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": {"type": "object"}}}}}


def _answers(status: int, told: str) -> dict[int | str, Any]:
    declared = answers(others={status: told, **_PROBLEMS})
    del declared[200]
    return declared


@router.post(
    "/collections/{collection}/items",
    summary="Make a feature",
    status_code=201,
    responses=_answers(201, "It is made; Location tells where it is."),
    openapi_extra=_body(GEOJSON),
)
def create_feature(
    request: Request,
    database: Database,
    caller: WriterOf,
    territory: Territory,
    collection: Collection,
    body: Document,
    crs: ContentCrs,
) -> Response:
    """Make a feature from GeoJSON; it belongs to the territory that it names, else to the one in which it lies."""
    made, state = editing.create(database, find(collection), body, crs=crs, territory=territory)
    _note(caller, "feature made", collection, made)
    database.commit()
    location = f"{base_url(request)}/collections/{collection}/items/{made}"
    return Response(status_code=201, headers={"Location": location, "ETag": etag(state)})


@dataclass
class Edit:
    """A feature that is to be edited, what is sent for it, and who sends it."""

    database: Database
    caller: WriterOf
    territory: Territory
    collection: Collection
    feature: FeatureId
    body: Document
    crs: ContentCrs
    if_match: IfMatch = None

    def done(self, how: Callable[..., str], note: str) -> Response:
        """Do it in one of the ways of `layers.editing.editing`, and answer with the ETag of the new state."""
        model, number = find(self.collection), store.parse_id(self.collection, self.feature)
        state = _seen(self.database, model, number, self.territory, self.if_match)
        after = how(self.database, model, number, self.body, crs=self.crs, territory=self.territory, state=state)
        _note(self.caller, note, self.collection, number)
        self.database.commit()
        return Response(status_code=204, headers={"ETag": etag(after)})


EditOf = Annotated[Edit, Depends()]


@router.put(
    "/collections/{collection}/items/{feature}",
    summary="Replace a feature",
    status_code=204,
    responses=_answers(204, "It is replaced; ETag is that of its new state."),
    openapi_extra=_body(GEOJSON),
)
def replace_feature(edit: EditOf) -> Response:
    """Give all properties of a feature the values sent, and none to those that aren't sent."""
    return edit.done(editing.replace, "feature replaced")


@router.patch(
    "/collections/{collection}/items/{feature}",
    summary="Change a feature",
    status_code=204,
    responses=_answers(204, "It is changed; ETag is that of its new state."),
    openapi_extra=_body(MERGE_PATCH),
)
def update_feature(edit: EditOf) -> Response:
    """Change what a JSON merge patch tells of a feature, and nothing else."""
    return edit.done(editing.update, "feature changed")


@router.delete(
    "/collections/{collection}/items/{feature}",
    summary="Remove a feature",
    status_code=204,
    responses=_answers(204, "It is removed; it stays in the history."),
)
def delete_feature(
    database: Database,
    caller: WriterOf,
    territory: Territory,
    collection: Collection,
    feature: FeatureId,
    if_match: IfMatch = None,
) -> Response:
    """Remove a feature."""
    model, number = find(collection), store.parse_id(collection, feature)
    state = _seen(database, model, number, territory, if_match)
    editing.delete(database, model, number, territory=territory, state=state)
    _note(caller, "feature removed", collection, number)
    database.commit()
    return Response(status_code=204)


@router.options("/collections/{collection}/items", include_in_schema=False)
def items_options(caller: CallerOf, _database: Database, collection: Collection) -> Response:
    """Tell what may be done with a layer: clients such as QGIS let people edit only where this allows it."""
    find(collection)
    return _allow("POST" if caller.writes and caller.held.editor else "")


@router.options("/collections/{collection}/items/{feature}", include_in_schema=False)
def item_options(caller: CallerOf, database: Database, collection: Collection, feature: FeatureId) -> Response:
    """Tell what may be done with a feature."""
    editing.state_of(database, find(collection), store.parse_id(collection, feature))
    return _allow("PUT, PATCH, DELETE" if caller.writes and caller.held.editor else "")


def _note(caller: Caller, action: str, layer: str, feature: int) -> None:
    """Write down who does it, with which key and from where, before it is done for good: nothing is done unnoted."""
    details = {} if caller.key is None else {"key": caller.key}
    with owned.engine().begin() as connection:
        audit.note(connection, action, f"{layer} {feature}", details, actor=caller.principal, address=caller.address)


def _seen(
    connection: Connection, model: LayerTable, feature_id: int, territory: str | None, if_match: str | None
) -> str | None:
    """Return the mark of the state that the caller has seen, or ``None`` where they didn't tell.

    Raises
    ------
    StaleError
        The feature isn't in that state any more.
    PreconditionError
        They must tell.
    """
    present = editing.state_of(connection, model, feature_id, territory=territory)
    if if_match is None:
        if get_settings().edits_need_if_match:
            raise PreconditionError("If-Match is missing: send the ETag with which the feature was read.")
        return None
    if not names(if_match, present):
        raise editing.changed(model, feature_id)
    return present


def _allow(methods: str) -> Response:
    allowed = ", ".join(filter(None, ("GET, HEAD, OPTIONS", methods)))
    return Response(status_code=204, headers={"Allow": allowed})
