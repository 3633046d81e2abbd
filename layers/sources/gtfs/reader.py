"""Public transport: stops and routes with their service, from a timetable in GTFS."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from layers.errors import SourceError
from layers.sources.gtfs.feed import ROUTES, STOPS, Feed
from layers.sources.gtfs.modes import mode_of
from layers.sources.gtfs.network import Network, Row, place_of, read_network
from layers.sources.gtfs.timetable import clock, headways_min
from layers.sources.records import Item, Notes, Record, Reject

_KINDS = {"": "stop", "0": "stop", "1": "station", "2": "entrance", "3": "node", "4": "boarding_area"}
_WITH_DEPARTURES = {"stop", "station"}
_WHEELCHAIR = {"1": "yes", "2": "no"}
_COLOUR = re.compile(r"[0-9A-Fa-f]{6}")
_MOST_LEVELS = 3
_STOP_CELLS = {"stop_id", "stop_code", "stop_name", "stop_lat", "stop_lon", "location_type"}
_ROUTE_CELLS = {"route_id", "agency_id", "route_short_name", "route_long_name", "network_id"}
_NOT_THERE = {
    "trip_id": "stop_times.txt names a trip that trips.txt doesn't have",
    "stop_id": "stop_times.txt names a stop that stops.txt doesn't have",
    "route_id": "trips.txt names a route that routes.txt doesn't have",
    "service_id": "trips.txt names a service that the calendar doesn't have",
}


class GtfsReader:
    """Reads the stops and the routes of a GTFS feed, with their service on a typical weekday.

    The typical weekday is the middle one, by trips, of the weekdays of the feed's busiest week; each feature tells it
    in the tag ``timetable_date``. Departures of a stop are those at which passengers may board; a station has those of
    its platforms. Headways are the median gap between departures from 7 to 19 o'clock: of a stop between all of them,
    of a route between starts of trips in one direction. A route's geometry is the distinct shapes of its trips, and
    for trips without a shape the lines through their stops; ``geometry_from`` tells which.

    Parameters
    ----------
    path
        A zip file or a folder.

    Raises
    ------
    SourceError
        It can't be read, or lacks a table that every feed has.
    """

    def __init__(self, path: Path) -> None:
        self.notes = Notes()
        self._feed = Feed(path)
        self._done, self._total = 0, 0

    @property
    def progress(self) -> float | None:
        """The share of the stops and routes that has been given."""
        return self._done / self._total if self._total else None

    @property
    def attribution(self) -> str | None:
        """Whose timetable it is: the publisher of the feed, or its agencies."""
        for table, column in (("feed_info", "feed_publisher_name"), ("agency", "agency_name")):
            names = dict.fromkeys(name for _, (name,) in self._feed.rows(table, (), (column,)) if name)
            if names:
                return f"Timetable: {', '.join(names)}"
        return None

    def bounds(self) -> tuple[float, float, float, float]:
        """Return the box around the stops: west, south, east, north, in degrees.

        Raises
        ------
        SourceError
            None of them has a place.
        """
        places = [place for _, row in self._feed.records("stops") if (place := place_of(row)) is not None]
        if not places:
            raise SourceError(f"{self._feed.name} holds no stop that has a place.")
        lon, lat = zip(*places, strict=True)
        return min(lon), min(lat), max(lon), max(lat)

    def __iter__(self) -> Iterator[Item]:
        network = read_network(self._feed)
        self._total = len(network.stops) + len(network.routes)
        for item in (*_Stops(network), *_Routes(network)):
            self._done += 1
            yield item
        for (table, column, value), times in network.unknown.items():
            layer = STOPS if column == "stop_id" else ROUTES
            yield Reject(layer, f"{table}.txt {column} {value}", _NOT_THERE[column], {column: value, "rows": times})
        for row in self._feed.broken:
            layer = STOPS if row.table == "stops" else ROUTES
            yield Reject(layer, f"{row.table}.txt line {row.line}", row.reason, row.cells)
        if network.calls_without_stop:
            what = "call of a service on demand, at a zone"
            self.notes.passed_over[STOPS, what] = network.calls_without_stop


class _Stops:
    """The stops of a network as records."""

    def __init__(self, network: Network) -> None:
        self._network = network
        self._number = {row["stop_id"]: number for number, row in enumerate(network.stops)}
        self._routes = self._routes_by_stop()
        boarding = network.departures[network.departures["boards"]]
        calls = pd.concat([boarding, *self._of_parents(boarding)], ignore_index=True)
        self._departures = calls["stop"].value_counts().to_dict()
        self._headways = headways_min(calls, ["stop"])

    def __iter__(self) -> Iterator[Item]:
        for number, row in enumerate(self._network.stops):
            kind = _KINDS.get(row.get("location_type", ""))
            place = self._network.places[number]
            if kind is None:
                yield Reject(STOPS, row["stop_id"], "location_type is none of 0 to 4", row)
            elif place is None:
                yield Reject(STOPS, row["stop_id"], "no coordinates", row)
            else:
                values = self._values(number, row, kind)
                parent = {} if values["parent"] else {"parent_station": row.get("parent_station", "")}
                tags = _tags(row, _STOP_CELLS | {"parent_station"}, parent | _dated(self._network))
                yield Record(STOPS, row["stop_id"], shapely.to_wkb(shapely.Point(place), hex=True), values, tags)

    def _values(self, number: int, row: Row, kind: str) -> dict[str, Any]:
        routes = [self._network.routes[each] for each in sorted(self._routes[number])]
        parents = self._parents(number)
        wheelchair = (
            _WHEELCHAIR.get(self._network.stops[each].get("wheelchair_boarding", "")) for each in (number, *parents)
        )
        known = kind in _WITH_DEPARTURES and self._network.day is not None
        return {
            "name": row.get("stop_name") or None,
            "code": row.get("stop_code") or None,
            "kind": kind,
            "modes": ",".join(sorted({mode_of(each.get("route_type", "")) for each in routes})) or None,
            "wheelchair": next((each for each in wheelchair if each), None),
            "departures_per_day": self._departures.get(number, 0) if known else None,
            "headway_min": self._headways.get(number) if known else None,
            "parent": row["parent_station"] if parents else None,
            "operator": ", ".join(dict.fromkeys(filter(None, (_operator(self._network, each) for each in routes))))
            or None,
        }

    def _parents(self, number: int) -> list[int]:
        """Return the numbers of the places in which a stop lies, the nearest first."""
        found: list[int] = []
        while len(found) < _MOST_LEVELS:
            above = self._number.get(self._network.stops[(found or [number])[-1]].get("parent_station", ""))
            if above is None or above in {number, *found}:
                break
            found.append(above)
        return found

    def _routes_by_stop(self) -> defaultdict[int, set[int]]:
        found: defaultdict[int, set[int]] = defaultdict(set)
        for stop, route in self._network.served:
            for each in (stop, *self._parents(stop)):
                found[each].add(route)
        return found

    def _of_parents(self, calls: pd.DataFrame) -> Iterator[pd.DataFrame]:
        """Give the departures to the places in which their stops lie."""
        parents = [self._parents(number) for number in range(len(self._network.stops))]
        for level in range(_MOST_LEVELS):
            above = np.array([each[level] if len(each) > level else -1 for each in parents], np.int32)
            raised = calls.assign(stop=above[calls["stop"].to_numpy()])
            yield raised[raised["stop"] >= 0]


class _Routes:
    """The routes of a network as records."""

    def __init__(self, network: Network) -> None:
        self._network = network
        starts = network.departures[network.departures["first"]]
        self._trips = starts["route"].value_counts().to_dict()
        self._headways = headways_min(starts, ["route"], within=["direction"])
        self._first = starts.groupby("route")["time_s"].min().dropna().to_dict()
        self._last = starts.groupby("route")["time_s"].max().dropna().to_dict()

    def __iter__(self) -> Iterator[Item]:
        for number, row in enumerate(self._network.routes):
            drawn = self._network.shapes.get(number, [])
            through = [
                line for stops in self._network.patterns.get(number, []) if (line := self._line(stops)) is not None
            ]
            lines = [shapely.LineString(each) for each in (*drawn, *through)]
            if not lines:
                yield Reject(ROUTES, row["route_id"], "no trip with a shape, or with two stops that have a place", row)
                continue
            origin = " and ".join(name for name, each in (("shapes", drawn), ("stops", through)) if each)
            tags = _tags(row, _ROUTE_CELLS, _dated(self._network))
            geometry = shapely.to_wkb(shapely.MultiLineString(lines), hex=True)
            yield Record(ROUTES, row["route_id"], geometry, self._values(number, row, origin), tags)

    def _values(self, number: int, row: Row, origin: str) -> dict[str, Any]:
        colour = row.get("route_color", "")
        return {
            "ref": row.get("route_short_name") or None,
            "name": row.get("route_long_name") or None,
            "mode": mode_of(row.get("route_type", "")),
            "operator": _operator(self._network, row),
            "colour": f"#{colour.lower()}" if _COLOUR.fullmatch(colour) else None,
            "trips_per_day": self._trips.get(number, 0) if self._network.day is not None else None,
            "headway_min": self._headways.get(number),
            "first_departure": clock(self._first[number]) if number in self._first else None,
            "last_departure": clock(self._last[number]) if number in self._last else None,
            "geometry_from": origin,
            "network": row.get("network_id") or None,
        }

    def _line(self, stops: tuple[int, ...]) -> list[tuple[float, float]] | None:
        """Return the line through stops, as far as they have places."""
        places = [place for stop in stops if (place := self._network.places[stop]) is not None]
        return places if len(set(places)) > 1 else None


def _operator(network: Network, route: Row) -> str | None:
    """Return the name of a route's agency; a feed with one agency needn't name it."""
    agencies = network.agencies
    name = agencies.get(route.get("agency_id", ""))
    return name or (next(iter(agencies.values())) if len(agencies) == 1 else None) or None


def _dated(network: Network) -> dict[str, str]:
    return {"timetable_date": network.day.isoformat()} if network.day is not None else {}


def _tags(row: Row, without: set[str], more: dict[str, str]) -> dict[str, str]:
    found = {name: cell for name, cell in row.items() if name and name not in without}
    return {name: cell for name, cell in (found | more).items() if cell}
