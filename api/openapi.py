"""The API described: as OpenAPI 3.0.3, which the OGC standards ask for, and as OpenAPI 3.1 for developers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute

from api.description import described
from api.errors import PROBLEM
from api.links import base_url
from api.negotiation import HTML, JSON
from api.serving.late import LateRouter

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/oas30",
)

OPENAPI_30 = "application/vnd.oai.openapi+json;version=3.0"
OPENAPI_31 = "application/vnd.oai.openapi+json;version=3.1"

_ANSWERS_TO_ALL = {
    "400": "The request is wrong; the text says where, and what would be right.",
    "401": "The credentials are wrong or have expired.",
    "403": "The caller has no right to this.",
    "404": "There is no such thing.",
    "406": "It isn't there in the format asked for.",
    "429": "Too many requests; Retry-After tells when to come again.",
    "500": "Something went wrong that shouldn't.",
    "503": "The database can't be reached, or is too busy; Retry-After tells when to come again.",
}
_PROBLEM_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong, as in RFC 9457.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}
_FRAMEWORKS_422 = "Validation Error"
_SAID_IN_30 = (
    "$ref additionalProperties allOf anyOf default deprecated description discriminator enum example exclusiveMaximum"
    " exclusiveMinimum externalDocs format items maxItems maxLength maxProperties maximum minItems minLength"
    " minProperties minimum multipleOf not nullable oneOf pattern properties readOnly required title type uniqueItems"
    " writeOnly xml"
)

router = APIRouter(tags=["Common"])


@router.get("/api", summary="The API in OpenAPI 3.0", responses={200: {"content": {OPENAPI_30: {}}}})
def definition(request: Request) -> Response:
    """Describe the API as OpenAPI 3.0.3."""
    return _answer(request, "3.0", OPENAPI_30)


@router.get("/openapi.json", summary="The API in OpenAPI 3.1", responses={200: {"content": {OPENAPI_31: {}}}})
def definition_31(request: Request) -> Response:
    """Describe the API as OpenAPI 3.1, with JSON schemas as they are."""
    return _answer(request, "3.1", OPENAPI_31)


def _answer(request: Request, openapi: str, media_type: str) -> Response:
    server = json.dumps([{"url": base_url(request)}]).encode()
    return Response(b'%s, "servers": %s}' % (described(openapi)[:-1], server), media_type=media_type)


def answers(
    *media_types: str,
    schema: dict[str, Any] | None = None,
    description: str = "The answer.",
    others: dict[int, str] | None = None,
) -> dict[int | str, dict[str, Any]]:
    """Return what a route declares of its answers: media types of the good one, and statuses that only it has.

    Parameters
    ----------
    media_types
        Those in which it comes.
    schema
        Of what comes as JSON.
    description
        Of the good answer.
    others
        Further statuses by their number, each with its description; those from 400 on are problems.
    """
    declared: dict[int | str, dict[str, Any]] = {
        200: {
            "description": description,
            "content": {each: {"schema": schema} if schema and each.endswith("json") else {} for each in media_types},
        }
    }
    for status, told in (others or {}).items():
        declared[status] = {"description": told, **({} if status < 400 else {"content": _problem_content()})}
    return declared


def operation_id(route: APIRoute) -> str:
    """Name an operation as its function is named, in the way of OpenAPI documents: ``layerTile``."""
    first, *rest = route.name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def describe(app: FastAPI, late: Sequence[LateRouter]) -> None:
    """Let the application's own description tell of all routes how they answer when something is wrong."""
    plain = app.openapi

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            for each in late:
                each.load()
            document = plain()
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = _PROBLEM_SCHEMA
            for name in ("HTTPValidationError", "ValidationError"):
                schemas.pop(name, None)
            document["components"]["responses"] = {
                f"Problem{status}": {"description": told, "content": _problem_content()}
                for status, told in _ANSWERS_TO_ALL.items()
            }
            for operation in _operations(document):
                for parameter in operation.get("parameters", ()):
                    _tell_style(parameter)
                if operation["responses"].get("422", {}).get("description") == _FRAMEWORKS_422:
                    del operation["responses"]["422"]
                if "parameters" in operation:
                    operation["parameters"] = _each_once(operation["parameters"])
                for status in _ANSWERS_TO_ALL:
                    operation["responses"].setdefault(status, {"$ref": f"#/components/responses/Problem{status}"})
        return app.openapi_schema or {}

    app.openapi = described  # type: ignore[method-assign]


def _tell_style(parameter: dict[str, Any]) -> None:
    """Say how a query parameter is written: once, lists of a certain length with commas; others once a value."""
    if parameter["in"] == "query":
        several = parameter["schema"].get("type") == "array" and "minItems" not in parameter["schema"]
        several = several or any(each.get("type") == "array" for each in parameter["schema"].get("anyOf", ()))
        parameter.setdefault("style", "form")
        parameter.setdefault("explode", several)


def downgraded(document: dict[str, Any]) -> dict[str, Any]:
    """Return a description in OpenAPI 3.1 as one in OpenAPI 3.0.3, saying the same."""
    info = {name: value for name, value in document["info"].items() if name != "summary"}
    kept = {name: value for name, value in document.items() if name not in ("jsonSchemaDialect", "webhooks")}
    return {**_each(kept, downgraded_schema), "openapi": "3.0.3", "info": info}


def downgraded_schema(schema: Any) -> Any:
    """Return a JSON schema of OpenAPI 3.1 as a schema of OpenAPI 3.0.

    What 3.0 can't say is left out, so that it accepts whatever was accepted.
    """
    if not isinstance(schema, dict):
        return schema
    found = dict(schema)
    for change in (_null, _const, _limits, _examples, _tuple):
        change(found)
    said = _SAID_IN_30.split()
    found = {name: value for name, value in found.items() if name in said or name.startswith("x-")}
    for name in ("items", "additionalProperties", "not"):
        if name in found:
            found[name] = downgraded_schema(found[name])
    for name in ("anyOf", "oneOf", "allOf"):
        if name in found:
            found[name] = [downgraded_schema(each) for each in found[name]]
    if "properties" in found:
        found["properties"] = {name: downgraded_schema(each) for name, each in found["properties"].items()}
    if "$ref" in found and len(found) > 1:
        found = {"allOf": [{"$ref": found.pop("$ref")}], **found}
    return found


def _null(schema: dict[str, Any]) -> None:
    """Say ``nullable`` where null is one of the types."""
    if isinstance(schema.get("type"), list):
        types = [each for each in schema["type"] if each != "null"]
        if len(types) < len(schema["type"]):
            schema["nullable"] = True
        if len(types) == 1:
            schema["type"] = types[0]
        else:
            del schema["type"]
            schema["anyOf"] = [{"type": each} for each in types]
    for name in ("anyOf", "oneOf"):
        others = [each for each in schema.get(name, ()) if each.get("type") != "null"]
        if name in schema and len(others) < len(schema[name]):
            del schema[name]
            schema["nullable"] = True
            schema |= others[0] if len(others) == 1 and "$ref" not in others[0] else {"anyOf": others}


def _const(schema: dict[str, Any]) -> None:
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]


def _limits(schema: dict[str, Any]) -> None:
    for exclusive, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(schema.get(exclusive), int | float) and not isinstance(schema[exclusive], bool):
            schema[plain] = schema[exclusive]
            schema[exclusive] = True


def _examples(schema: dict[str, Any]) -> None:
    if isinstance(schema.get("examples"), list):
        examples = schema.pop("examples")
        if examples:
            schema["example"] = examples[0]


def _tuple(schema: dict[str, Any]) -> None:
    if "prefixItems" in schema:
        members = schema.pop("prefixItems")
        schema["items"] = {"anyOf": members}


def _each(part: Any, change: Callable[[Any], Any]) -> Any:
    """Return a part of the document with every schema in it changed."""
    if isinstance(part, list):
        return [_each(each, change) for each in part]
    if not isinstance(part, dict):
        return part
    return {
        name: {each: change(schema) for each, schema in value.items()}
        if name == "schemas"
        else change(value)
        if name == "schema"
        else _each(value, change)
        for name, value in part.items()
    }


def _problem_content() -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {PROBLEM: schema, JSON: schema, HTML: {"schema": {"type": "string"}}}


def _each_once(parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out parameters that were declared before, as libraries do when they declare those of others again."""
    return list({(each["name"], each["in"]): each for each in reversed(parameters)}.values())[::-1]


def _operations(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    return (operation for path in document["paths"].values() for operation in path.values())
