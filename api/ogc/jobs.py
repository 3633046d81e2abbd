"""OGC API Processes: the jobs, their states and their results."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import JSONResponse, Response

from api.database import Database
from api.documents import JOB, JOBS
from api.links import base_url, formats, link
from api.negotiation import GEOJSON, HTML, JSON, Format, Language, negotiate, page
from api.openapi import answers
from geo.errors import InvalidInputError
from layers.postgres import database as databases
from layers.processes import process_jobs, processes
from layers.processes.process_jobs import STATUSES, SUCCESSFUL, Job, Search
from layers.reading.query import parse_interval
from layers.times import rfc3339

CONFORMS_TO = (
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/job-list",
    "http://www.opengis.net/spec/ogcapi-processes-1/1.0/conf/dismiss",
)

RAW = "raw"
RESPONSES = (RAW, "document")

_OFFERED = {"json": JSON, "html": HTML}
_RESULTS = "http://www.opengis.net/def/rel/ogc/1.0/results"

router = APIRouter(tags=["Processes"])

JobId = Annotated[str, Path(alias="jobId", description="Id of a job.")]


@router.get("/jobs", summary="The jobs", responses=answers(JSON, HTML, schema=JOBS))
def jobs(
    request: Request,
    database: Database,
    lang: Language,
    kind: Annotated[list[str] | None, Query(alias="type", description="Only jobs of this type: process")] = None,
    process_id: Annotated[
        list[str] | None, Query(alias="processID", description="Only jobs of these processes")
    ] = None,
    status: Annotated[list[str] | None, Query(description=f"Only jobs in these states: {', '.join(STATUSES)}")] = None,
    datetime: Annotated[str | None, Query(description="Only jobs made then: a time or an interval")] = None,
    least_s: Annotated[
        float | None, Query(alias="minDuration", ge=0, description="Only jobs that ran at least so many seconds")
    ] = None,
    most_s: Annotated[
        float | None, Query(alias="maxDuration", ge=0, description="Only jobs that ran at most so many seconds")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="At most so many.")] = 100,
    f: Format = None,
) -> Response:
    """List the jobs that the caller may see, the latest first."""
    chosen = negotiate(request, f, _OFFERED)
    _check(kind, ("process",), "type")
    _check(status, STATUSES, "status")
    since, until = (None, None) if datetime is None else parse_interval(datetime)
    search = Search(
        processes=tuple(process_id or ()),
        statuses=tuple(status or ()),
        since=since,
        until=until,
        least_duration_s=least_s,
        most_duration_s=most_s,
        limit=limit,
    )
    base = base_url(request)
    document = {
        "jobs": [status_info(base, each) for each in process_jobs.find_all(database, search)],
        "links": formats(f"{base}/jobs", chosen, _OFFERED),
    }
    return page(request, "Jobs", lang, document) if chosen == "html" else JSONResponse(document)


@router.get("/jobs/{jobId}", summary="The state of a job", responses=answers(JSON, HTML, schema=JOB))
def job(request: Request, database: Database, lang: Language, job_id: JobId, f: Format = None) -> Response:
    """Tell how far a job is."""
    chosen = negotiate(request, f, _OFFERED)
    document = status_info(base_url(request), process_jobs.find(database, job_id))
    return page(request, f"Job {job_id}", lang, document) if chosen == "html" else JSONResponse(document)


@router.get("/jobs/{jobId}/results", summary="The results of a job", responses=answers(GEOJSON, JSON))
def results(database: Database, job_id: JobId) -> Response:
    """Return what a job gave, in the form in which it was asked for."""
    found = process_jobs.find(database, job_id)
    return answer(process_jobs.results(database, job_id), found.outputs, found.response)


@router.delete("/jobs/{jobId}", summary="Dismiss a job", responses=answers(JSON, schema=JOB))
def dismiss(request: Request, database: Database, job_id: JobId) -> Response:
    """End a job and forget its results; one that runs is let run to its end, and what it gives is thrown away."""
    process_jobs.find(database, job_id)
    return JSONResponse(status_info(base_url(request), process_jobs.dismiss(databases.engine(), job_id)))


def answer(given: Mapping[str, processes.Output], wanted: tuple[str, ...], response: str) -> Response:
    """Return outputs as they were asked for: one as it is, several or those of a document within JSON."""
    found = {name: given[name] for name in wanted if name in given}
    if response == RAW and len(wanted) == 1:
        only = found.get(wanted[0], processes.Output("null", JSON))
        return Response(only.text, media_type=only.media_type)
    members = ", ".join(f'"{name}": {_member(each)}' for name, each in found.items())
    return Response(f"{{{members}}}", media_type=JSON)


def _member(output: processes.Output) -> str:
    if output.media_type == JSON:
        return output.text
    return f'{{"value": {output.text}, "mediaType": "{output.media_type}"}}'


def status_info(base: str, job: Job) -> dict[str, Any]:
    """Return the state of a job as the standard describes it."""
    url = f"{base}/jobs/{job.id}"
    times = {"created": job.created, "started": job.started, "finished": job.finished, "updated": job.updated}
    links = [link(url, "self", JSON, "This job"), link(url, "monitor", JSON, "How far it is")]
    if job.status == SUCCESSFUL:
        links.append(link(f"{url}/results", _RESULTS, JSON, "Its results"))
    return {
        "processID": job.process,
        "type": "process",
        "jobID": job.id,
        "status": job.status,
        **({} if job.message is None else {"message": job.message}),
        **{name: rfc3339(time, "milliseconds") for name, time in times.items() if time is not None},
        "progress": 100 if job.status == SUCCESSFUL else 0,
        "links": links,
    }


def _check(given: list[str] | None, known: tuple[str, ...], name: str) -> None:
    unknown = sorted(set(given or ()) - set(known))
    if unknown:
        raise InvalidInputError(f"{name}={','.join(unknown)}: must be one of {', '.join(known)}")
