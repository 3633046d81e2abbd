"""OGC API Processes: running a process, now or as a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Body, Header, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy import Connection

from api.database import Database
from api.links import base_url
from api.negotiation import GEOJSON, JSON
from api.ogc.jobs import RAW, RESPONSES, answer, status_info
from api.ogc.processes import TERRITORY, Process
from api.openapi import answers
from api.scope import Territory
from api.security.callers import CallerOf
from geo.errors import InvalidInputError
from layers.postgres import database as databases
from layers.processes import echo, process_jobs, processes
from layers.territories.territory import family, find_territory

_MEMBERS = ("inputs", "outputs", "response", "subscriber", "mode", "id")
"""Those of an execute request; ``mode`` and ``id`` were in drafts of the standard, and clients still send them."""

_RESPOND_ASYNC = "respond-async"

router = APIRouter(tags=["Processes"])


@dataclass(frozen=True)
class ExecuteRequest:
    """What is to be run, checked."""

    process: str
    inputs: dict[str, Any]
    outputs: tuple[str, ...]
    response: str
    territory: str | None


@router.post(
    "/processes/{process}/execution",
    summary="Run an analysis",
    responses=answers(GEOJSON, JSON, description="The result.", others={201: "A job was made; Location tells where."}),
)
def execute(
    request: Request,
    database: Database,
    caller: CallerOf,
    scope: Territory,
    process: Process,
    body: Annotated[dict[str, Any], Body()],
    prefer: Annotated[str | None, Header(description="respond-async to run it as a job")] = None,
) -> Response:
    """Run an analysis and return its result as GeoJSON, or with ``"response": "document"`` within a document.

    With the header ``Prefer: respond-async`` it is put in a queue, and the answer is the state of the job.
    """
    asked = _read(database, process, body, scope)
    if prefer is not None and _RESPOND_ASYNC in prefer:
        job = process_jobs.submit(
            databases.engine(),
            process=asked.process,
            inputs=asked.inputs,
            outputs=asked.outputs,
            response=asked.response,
            territory=asked.territory,
            principal=caller.principal,
        )
        headers = {"Location": f"{base_url(request)}/jobs/{job.id}", "Preference-Applied": _RESPOND_ASYNC}
        return JSONResponse(status_info(base_url(request), job), 201, headers)
    given = processes.run(caller.engine(parallel=True), asked.process, asked.inputs, territory=asked.territory)
    return answer(given, asked.outputs, asked.response)


def _read(database: Connection, process: str, body: dict[str, Any], scope: str | None) -> ExecuteRequest:
    offered = processes.outputs_of(process)
    unknown = sorted(set(body) - set(_MEMBERS))
    if unknown:
        raise InvalidInputError(f"{', '.join(unknown)}: an execute request has inputs, outputs and response")
    inputs = body.get("inputs", {})
    if not isinstance(inputs, dict):
        raise InvalidInputError("inputs: must be an object with a value for each input")
    values = {name: _value(each) for name, each in inputs.items()}
    territory = None if process == echo.ID else _territory(database, values.pop(TERRITORY, None), scope)
    processes.check(process, values)
    response = body.get("response", RAW)
    if response not in RESPONSES:
        raise InvalidInputError(f"response: must be one of {', '.join(RESPONSES)}, not {response!r}")
    return ExecuteRequest(process, values, _outputs(process, body, offered), response, territory)


def _outputs(process: str, body: dict[str, Any], offered: tuple[str, ...]) -> tuple[str, ...]:
    outputs = body.get("outputs") or dict.fromkeys(offered)
    if not isinstance(outputs, dict) or set(outputs) - set(offered):
        raise InvalidInputError(f"outputs: {process} gives {', '.join(offered)}")
    for name, each in outputs.items():
        if isinstance(each, dict) and each.get("transmissionMode", "value") != "value":
            raise InvalidInputError(f"outputs.{name}.transmissionMode: outputs are given by value only")
    return tuple(outputs)


def _value(given: Any) -> Any:
    """Return the value of an input, which may come qualified: ``{"value": ..., "mediaType": ...}``."""
    qualified = isinstance(given, dict) and "value" in given and "type" not in given
    return given["value"] if qualified else given


def _territory(database: Connection, given: Any, scope: str | None) -> str | None:
    """Return on whose layers to run: those asked for, which belong to the territory whose API was asked."""
    if given is None:
        return scope
    if not isinstance(given, str):
        raise InvalidInputError(f"inputs.{TERRITORY}: must be the id of a territory")
    find_territory(database, given)
    if scope is not None and given not in family(database, scope):
        raise InvalidInputError(f"inputs.{TERRITORY}: {given} does not belong to {scope}, whose API this is")
    return given
