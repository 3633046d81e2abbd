"""The stops, routes, trips and shapes of a GTFS feed, how they belong together, and where they don't."""

from __future__ import annotations

import math
from array import array
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from layers.sources.gtfs.calendar import read_services, typical_weekday
from layers.sources.gtfs.feed import Feed, rank
from layers.sources.gtfs.timetable import Runs, StopTimes, departures, read_runs, runs_a_day, seconds

_NO_PICKUP = "1"
_NO_NUMBER = -1

Row = dict[str, str]
Place = tuple[float, float]


@dataclass
class Trips:
    """The trips of a feed by number: the numbers of their routes, their services, shapes and directions."""

    number: dict[str, int] = field(default_factory=dict)
    route: list[int] = field(default_factory=list)
    service: list[str] = field(default_factory=list)
    shape: list[str] = field(default_factory=list)
    direction: list[str] = field(default_factory=list)


@dataclass
class Network:
    """What a feed holds, its references followed.

    Parameters
    ----------
    stops, routes
        Their rows, each id once; a number of a stop or a route is its place in these lists.
    places
        Longitude and latitude by the number of the stop, ``None`` where it has none.
    agencies
        Names by id.
    day
        The typical weekday; ``None`` where no trip ever runs.
    departures
        On that day: ``trip``, ``stop``, ``route``, ``direction``, ``time_s``, ``first`` and ``boards``.
    served
        Pairs of the numbers of a stop and a route.
    shapes
        The distinct shapes of each route's trips, by the number of the route: longitudes and latitudes.
    patterns
        The distinct sequences of stops of those trips that have no shape, by the number of the route.
    unknown
        How often a row names something that isn't there, by the table, the column and the value named.
    calls_without_stop
        Calls of services on demand, which serve zones.
    """

    stops: list[Row] = field(default_factory=list)
    routes: list[Row] = field(default_factory=list)
    places: list[Place | None] = field(default_factory=list)
    agencies: dict[str, str] = field(default_factory=dict)
    day: date | None = None
    departures: pd.DataFrame = field(default_factory=pd.DataFrame)
    served: set[tuple[int, int]] = field(default_factory=set)
    shapes: dict[int, list[np.ndarray]] = field(default_factory=dict)
    patterns: dict[int, list[tuple[int, ...]]] = field(default_factory=dict)
    unknown: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    calls_without_stop: int = 0


def read_network(feed: Feed) -> Network:
    """Read a feed.

    Raises
    ------
    SourceError
        A table can't be read to its end, or lacks a column.
    """
    network = Network()
    columns = ("agency_name",) if feed.has("agency") else ()
    network.agencies = {key: name for _, (name, key) in feed.rows("agency", columns, ("agency_id",))}
    network.stops = _rows_once(feed, "stops", "stop_id")
    network.routes = _rows_once(feed, "routes", "route_id")
    network.places = [place_of(row) for row in network.stops]
    shapes = _read_shapes(feed)
    trips = _read_trips(feed, network)
    runs = read_runs(feed, trips.number)
    services = read_services(feed)
    for name, number in Counter(trips.service).items():
        if name not in services:
            network.unknown["trips", "service_id", name] = number
    network.day = typical_weekday(services, _runs_of_services(trips, runs))
    on_day = [
        network.day is not None and name in services and services[name].runs(network.day) for name in trips.service
    ]
    drawn = [name in shapes for name in trips.shape]
    calls = _read_calls(feed, network, trips, [run or not line for run, line in zip(on_day, drawn, strict=True)])
    network.shapes = _shapes_of_routes(trips, shapes)
    network.patterns = _patterns(calls[~_of_trips(calls, drawn)], trips)
    network.departures = _departures(calls[_of_trips(calls, on_day)], trips, runs, on_day)
    return network


def _rows_once(feed: Feed, table: str, key: str) -> list[Row]:
    """Return the rows of a table that have an id, each id once."""
    found: dict[str, Row] = {}
    for line, row in feed.records(table):
        name = row.get(key, "")
        if not name:
            feed.reject(table, line, f"there is no {key}", row)
        elif name in found:
            feed.reject(table, line, f"the {key} stands in {table}.txt for the second time", row)
        else:
            found[name] = row
    return list(found.values())


def place_of(row: Row) -> Place | None:
    """Return longitude and latitude; 0, 0 is what feeds write for an unknown place."""
    try:
        lon, lat = float(row.get("stop_lon", "")), float(row.get("stop_lat", ""))
    except ValueError:
        return None
    known = math.isfinite(lon) and math.isfinite(lat) and (lon, lat) != (0, 0)
    return (lon, lat) if known else None


def _read_shapes(feed: Feed) -> dict[str, np.ndarray]:
    """Return the longitudes and latitudes of each shape, in its order; shapes of one place are left out."""
    numbers: dict[str, int] = {}
    shape, sequence, lon, lat = array("i"), array("q"), array("d"), array("d")
    columns = ("shape_id", "shape_pt_sequence", "shape_pt_lon", "shape_pt_lat")
    for line, cells in feed.rows("shapes", columns):
        try:
            place = rank(cells[1]), float(cells[2]), float(cells[3])
        except ValueError:
            feed.reject("shapes", line, "a point of a shape has no number or no coordinates", _named(columns, cells))
            continue
        shape.append(numbers.setdefault(cells[0], len(numbers)))
        sequence.append(place[0])
        lon.append(place[1])
        lat.append(place[2])
    order = np.lexsort((np.array(sequence), np.array(shape)))
    points = np.column_stack((np.array(lon), np.array(lat)))[order]
    ends = np.cumsum(np.bincount(np.array(shape, np.int64), minlength=len(numbers)))[:-1]
    lines = dict(zip(numbers, np.split(points, ends), strict=True)) if numbers else {}
    return {name: line for name, line in lines.items() if len(np.unique(line, axis=0)) > 1}


def _read_trips(feed: Feed, network: Network) -> Trips:
    routes = {row["route_id"]: number for number, row in enumerate(network.routes)}
    trips = Trips()
    columns, optional = ("trip_id", "route_id", "service_id"), ("shape_id", "direction_id")
    for line, (trip, route, service, shape, direction) in feed.rows("trips", columns, optional):
        if route not in routes:
            network.unknown["trips", "route_id", route] += 1
            continue
        if trip in trips.number or not trip:
            reason = "the trip_id stands in trips.txt for the second time" if trip else "there is no trip_id"
            feed.reject("trips", line, reason, _named(columns, (trip, route, service)))
            continue
        trips.number[trip] = len(trips.number)
        trips.route.append(routes[route])
        trips.service.append(service)
        trips.shape.append(shape)
        trips.direction.append(direction or shape)
    return trips


def _runs_of_services(trips: Trips, runs: dict[int, Runs]) -> Counter[str]:
    found: Counter[str] = Counter()
    for number, service in enumerate(trips.service):
        found[service] += runs_a_day(runs[number]) if number in runs else 1
    return found


def _read_calls(feed: Feed, network: Network, trips: Trips, wanted: list[bool]) -> pd.DataFrame:
    """Read the stop times of the trips wanted, and note what all of them say of stops and routes."""
    stops = {row["stop_id"]: number for number, row in enumerate(network.stops)}
    times = StopTimes()
    columns = ("trip_id", "stop_id", "stop_sequence")
    for line, cells in feed.rows("stop_times", columns, ("departure_time", "arrival_time", "pickup_type")):
        trip, stop = trips.number.get(cells[0], _NO_NUMBER), stops.get(cells[1], _NO_NUMBER)
        if trip == _NO_NUMBER:
            network.unknown["stop_times", "trip_id", cells[0]] += 1
        elif not cells[1]:
            network.calls_without_stop += 1
        elif stop == _NO_NUMBER:
            network.unknown["stop_times", "stop_id", cells[1]] += 1
        else:
            network.served.add((stop, trips.route[trip]))
            if not wanted[trip]:
                continue
            try:
                leaving = cells[3] or cells[4]
                time_s = seconds(leaving) if leaving else math.nan
                times.add(trip, stop, rank(cells[2]), time_s, cells[5] != _NO_PICKUP)
            except ValueError:
                reason = "a row of stop_times.txt has no stop_sequence, or times that are none"
                feed.reject("stop_times", line, reason, _named(columns, cells) | {"departure_time": leaving})
    return times.frame()


def _of_trips(calls: pd.DataFrame, chosen: list[bool]) -> np.ndarray:
    mask: np.ndarray = np.array(chosen, bool)[calls["trip"].to_numpy()]
    return mask


def _shapes_of_routes(trips: Trips, shapes: dict[str, np.ndarray]) -> dict[int, list[np.ndarray]]:
    found: defaultdict[int, dict[bytes, np.ndarray]] = defaultdict(dict)
    for route, name in dict.fromkeys(zip(trips.route, trips.shape, strict=True)):
        if name in shapes:
            found[route].setdefault(shapes[name].tobytes(), shapes[name])
    return {route: list(lines.values()) for route, lines in found.items()}


def _patterns(calls: pd.DataFrame, trips: Trips) -> dict[int, list[tuple[int, ...]]]:
    found: defaultdict[int, dict[tuple[int, ...], None]] = defaultdict(dict)
    ends = np.flatnonzero(calls["last"])[:-1] + 1
    for trip, stops in zip(calls["trip"].unique(), np.split(calls["stop"].to_numpy(), ends), strict=False):
        found[trips.route[trip]][tuple(stops)] = None
    return {route: list(stops) for route, stops in found.items()}


def _departures(calls: pd.DataFrame, trips: Trips, runs: dict[int, Runs], on_day: list[bool]) -> pd.DataFrame:
    found = departures(calls, {trip: windows for trip, windows in runs.items() if on_day[trip]})
    trip = found["trip"].to_numpy()
    found["route"] = np.array(trips.route, np.int32)[trip]
    origin = calls.loc[calls["first"]].set_index("trip")["stop"].reindex(trip).to_numpy()
    direction = np.array(trips.direction, object)[trip]
    found["direction"] = pd.factorize(np.where(direction == "", origin.astype(str), direction))[0]
    return found


def _named(columns: tuple[str, ...], cells: tuple[str, ...]) -> Row:
    return dict(zip(columns, cells, strict=False))
