"""Runs an analysis on the layers of a territory."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from threading import Lock
from typing import Any

import geopandas as gpd
from sqlalchemy import URL, Connection, Engine

from geo.analysis import LayerInput, get_analysis
from geo.errors import InvalidInputError
from geo.networks.network import Network
from geo.networks.slopes import Heights
from layers import links
from layers.catalog import find
from layers.models.base import STORAGE_SRID
from layers.postgres import database
from layers.reading import store
from layers.territories.facts import Selection
from layers.territories.territory import at, find_territory, only_territory, registered

_NETWORKS_KEPT = 4
_RESTRICTIONS = {"roads": "turn_restrictions"}
"""The layer of restrictions of turns by the layer of lines that they are about."""
_building = Lock()


def run(
    engine: Engine,
    analysis: str,
    parameters: Mapping[str, Any],
    *,
    territory: str | None = None,
    as_of: dt.datetime | None = None,
) -> gpd.GeoDataFrame:
    """Run an analysis.

    Parameters
    ----------
    engine
        The database.
    analysis
        Its id.
    parameters
        Those of the analysis that are not layers; what is not given is what the territory states, if it does, or the
        default.
    territory
        On whose layers; by default the territory in which the first of the given points lies.
    as_of
        On the layers as they were at that moment; by default as they are.

    Returns
    -------
    geopandas.GeoDataFrame
        What the analysis returns, in the territory's metric CRS.

    Raises
    ------
    InvalidInputError
        A parameter is wrong, the analysis is switched off in the territory, or a layer that it needs is empty.
    NotFoundError
        There is no such territory.
    """
    described = get_analysis(analysis)
    checked = described.check(parameters)
    with engine.connect() as connection:
        chosen = _territory(connection, territory, checked)
        stated = _stated(connection, chosen)
        _check_offered(connection, chosen, analysis)
    checked = described.check(described.complete(parameters, stated))
    inputs = {name: _input(engine, chosen, each, as_of) for name, each in described.inputs.items()}
    result: gpd.GeoDataFrame = described.call(**inputs, **checked)
    return result


def network(engine: Engine, territory: str, layer: str, *, as_of: dt.datetime | None = None) -> Network:
    """Return the network of a line layer, with its restrictions of turns, as it is or as it was at a moment.

    It is built again only when the layers have changed, for each who see other rows.
    """
    with engine.connect() as connection:
        versions = store.versions(connection)
        version = tuple(versions.get(each, 0) for each in (layer, _RESTRICTIONS.get(layer, ""), "territories"))
        srid = _metric_srid(connection, territory)
    with _building:
        return _network(_Lines(engine.url, database.rights_key(engine), territory, layer, as_of, srid, version, engine))


@dataclass(frozen=True)
class _Lines:
    """What a network is built of."""

    url: URL
    rights: str
    territory: str
    layer: str
    as_of: dt.datetime | None
    srid: int
    version: tuple[int, ...]
    engine: Engine = field(compare=False)


@lru_cache(maxsize=_NETWORKS_KEPT)
def _network(of: _Lines) -> Network:
    with of.engine.connect() as connection:
        query = store.Query(territory=of.territory, as_of=of.as_of)
        lines = store.read_frame(connection, of.layer, query, srid=of.srid, tags=False)
        if lines.empty:
            raise _empty(of.layer, of.territory, of.as_of)
        about = _RESTRICTIONS.get(of.layer)
        signs = None if about is None else store.read_frame(connection, about, query, srid=of.srid, tags=False)
    return Network.from_roads(lines, restrictions=signs)


def _input(
    engine: Engine, territory: str, wanted: LayerInput, as_of: dt.datetime | None
) -> Network | gpd.GeoDataFrame | Heights | None:
    if wanted.as_heights:
        from layers.rasters import relief

        with engine.connect() as connection:
            srid = _metric_srid(connection, territory)
        return relief.heights(engine, territory, kind=wanted.layer, srid=srid)
    if wanted.as_network:
        return network(engine, territory, wanted.layer, as_of=as_of)
    query = store.Query(territory=territory, as_of=as_of)
    columns = wanted.columns or tuple(each.name for each in find(wanted.layer).columns)
    linked = links.needs(wanted.layer)
    with engine.connect() as connection:
        frame = store.read_frame(
            connection,
            wanted.layer,
            query,
            srid=_metric_srid(connection, territory),
            only=[*columns, links.SOURCE_ID] if linked else columns,
            tags=False,
        )
        if linked:
            frame = links.follow(connection, wanted.layer, frame, query).drop(columns=links.SOURCE_ID)
    if not frame.empty:
        return frame
    if wanted.optional:
        return None
    raise _empty(wanted.layer, territory, as_of)


def _empty(layer: str, territory: str, as_of: dt.datetime | None) -> InvalidInputError:
    if as_of is not None:
        return InvalidInputError(f"The layer {layer} of {territory} was empty at {as_of.isoformat()}.")
    return InvalidInputError(f"The layer {layer} of {territory} is empty: load a source that fills it first.")


def _check_offered(connection: Connection, territory: str, analysis: str) -> None:
    offered = Selection.model_validate(find_territory(connection, territory)["analyses"])
    if analysis not in offered:
        raise InvalidInputError(f"The analysis {analysis} is switched off in {territory}, by its file.")


def _stated(connection: Connection, territory: str) -> dict[str, Any]:
    """Return what a territory states that parameters may be taken from: its norms and its time zone."""
    known = find_territory(connection, territory)
    stated = {name: norm["value"] for name, norm in known["norms"].items()}
    return stated | ({"time_zone": known["timezone"]} if known["timezone"] else {})


def _metric_srid(connection: Connection, territory: str) -> int:
    return int(find_territory(connection, territory)["metric_srid"])


def _territory(connection: Connection, wanted: str | None, parameters: Mapping[str, Any]) -> str:
    if wanted is not None:
        return wanted
    points = next((each for each in parameters.values() if isinstance(each, gpd.GeoSeries)), None)
    known = [each["id"] for each in registered(connection)]
    if points is None or len(known) < 2:
        return only_territory(connection)
    first = points.to_crs(STORAGE_SRID).iloc[0]
    found = at(connection, (first.x, first.y, first.x, first.y))
    if found is None:
        place = f"{first.x:.5f}, {first.y:.5f}"
        raise InvalidInputError(f"The point {place} lies in no territory of the base ({', '.join(known)}).")
    return found
