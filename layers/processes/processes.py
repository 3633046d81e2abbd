"""What can be run by name with inputs in JSON: every analysis, and an echo to try clients with."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from sqlalchemy import Engine

from geo.analysis import Analysis, all_analyses
from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.media_types import GEOJSON, JSON
from layers.models.base import STORAGE_SRID
from layers.processes import echo, runner
from layers.reading import store

RESULT = "result"
"""The name of the one output of an analysis."""

AS_OF = "as_of"
"""The input of every analysis that says at which moment to take the layers."""

_COORDINATE_DECIMALS = 7


class NoSuchProcessError(NotFoundError):
    """There is no process of that id."""

    problem_type = "http://www.opengis.net/def/exceptions/ogcapi-processes-1/1.0/no-such-process"


@dataclass(frozen=True)
class Output:
    """What a process gives: a text in JSON, and its media type."""

    text: str
    media_type: str


def find_analysis(process: str) -> Analysis:
    """Return the analysis of that id.

    Raises
    ------
    NoSuchProcessError
        There is none; the text lists those there are.
    """
    known = {each.id: each for each in all_analyses()}
    if process not in known:
        raise NoSuchProcessError(f"There is no process {process!r}. The processes are: {', '.join([*known, echo.ID])}.")
    return known[process]


def outputs_of(process: str) -> tuple[str, ...]:
    """Return the names of what a process gives.

    Raises
    ------
    NoSuchProcessError
        There is no such process.
    """
    return tuple(echo.SCHEMAS) if process == echo.ID else (RESULT,) if find_analysis(process) else ()


def check(process: str, inputs: Mapping[str, Any]) -> None:
    """Make sure, before anything is run, that a process takes these inputs.

    Raises
    ------
    InvalidInputError
        One is wrong; the text names it.
    """
    if process == echo.ID:
        echo.check(inputs)
    else:
        _moment(inputs)
        find_analysis(process).check(_parameters(inputs))


def run(engine: Engine, process: str, inputs: Mapping[str, Any], *, territory: str | None = None) -> dict[str, Output]:
    """Run a process and return its outputs by name.

    Raises
    ------
    HoradError
        As `layers.processes.runner.run`, or there is no such process.
    """
    if process == echo.ID:
        return {name: Output(text, JSON) for name, text in echo.run(inputs).items()}
    analysis = find_analysis(process).id
    result = runner.run(engine, analysis, _parameters(inputs), territory=territory, as_of=_moment(inputs))
    return {RESULT: Output(to_geojson(result), GEOJSON)}


def _parameters(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in inputs.items() if name != AS_OF}


def _moment(inputs: Mapping[str, Any]) -> dt.datetime | None:
    given = inputs.get(AS_OF)
    if given is None:
        return None
    if not isinstance(given, str):
        raise InvalidInputError(f"inputs.{AS_OF}: must be a time as in RFC 3339, or a date")
    return store.parse_moment(given)


def to_geojson(frame: gpd.GeoDataFrame) -> str:
    """Return a frame as GeoJSON text in longitude and latitude, coordinates to about a centimetre."""
    degrees = frame.to_crs(STORAGE_SRID)
    degrees.geometry = shapely.transform(degrees.geometry.to_numpy(), lambda xy: np.round(xy, _COORDINATE_DECIMALS))
    return str(degrees.to_json(drop_id=False, separators=(",", ":")))
