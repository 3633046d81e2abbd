"""Timetables in GTFS: stops and routes with their service."""

from __future__ import annotations

import zipfile
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import shapely
from town import Town, accounted

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.loads.loading import load_territory
from layers.settings import get_settings
from layers.sources.gtfs.reader import GtfsReader
from layers.sources.places import Place
from layers.sources.records import Record, Reject
from layers.territories.packs import Territory
from layers.territories.territory import find_territory

FEED = {
    "agency": "agency_id,agency_name,agency_url,agency_timezone\nA,Minsktrans,https://example.com,Europe/Minsk\n",
    "stops": (
        "stop_id,stop_code,stop_name,stop_lat,stop_lon,location_type,parent_station,wheelchair_boarding,zone_id\n"
        "S,,Plaza,53.900,27.550,1,,1,\n"
        "p1,11,Platform 1,53.9001,27.5501,0,S,,z1\n"
        "p2,12,Platform 2,53.9002,27.5502,,S,2,\n"
        "e,,Stairs,53.9003,27.5503,2,S,,\n"
        "x,,Park,53.910,27.560,,,,\n"
        "y,,Depot,53.920,27.570,,,,\n"
    ),
    "routes": (
        "route_id,agency_id,route_short_name,route_long_name,route_type,route_color,network_id\n"
        "r,A,1,Plaza - Depot,3,FF8800,city\n"
    ),
    "trips": (
        "route_id,service_id,trip_id,direction_id,shape_id\n"
        "r,week,t1,0,there\n"
        "r,week,t2,0,there\n"
        "r,week,t3,0,there\n"
        "r,week,back,1,\n"
    ),
    "stop_times": (
        "trip_id,arrival_time,departure_time,stop_id,stop_sequence\n"
        "t1,08:00:00,08:00:00,p1,1\nt1,,,x,2\nt1,08:20:00,08:20:00,y,3\n"
        "t2,08:30:00,08:30:00,p1,1\nt2,08:40:00,08:40:00,x,2\nt2,08:50:00,08:50:00,y,3\n"
        "t3,25:10:00,25:10:00,p1,1\nt3,25:20:00,25:20:00,x,2\nt3,25:30:00,25:30:00,y,3\n"
        "back,09:00:00,09:00:00,y,1\nback,09:10:00,09:10:00,x,2\nback,09:20:00,09:20:00,p2,3\n"
    ),
    "calendar": (
        "service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n"
        "week,1,1,1,1,1,0,0,20240101,20240331\n"
    ),
    "shapes": (
        "shape_id,shape_pt_lat,shape_pt_lon,shape_pt_sequence\n"
        "there,53.920,27.570,30\nthere,53.9001,27.5501,10\nthere,53.911,27.555,20\n"
    ),
}


def write(folder: Path, *, without: str = "", inside: str = "", encoding: str = "utf-8", **tables: str) -> Path:
    """A feed like `FEED`, some of its tables others."""
    file = folder / "feed.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (FEED | tables).items():
            if name not in without.split():
                archive.writestr(f"{inside}{name}.txt", content.encode(encoding))
    return file


class Found:
    """What a feed holds, by layer."""

    def __init__(self, file: Path) -> None:
        self.reader = GtfsReader(file)
        items = list(self.reader)
        self.stops = {each.source_id: each for each in items if isinstance(each, Record) and each.layer == "stops"}
        self.routes = {
            each.source_id: each for each in items if isinstance(each, Record) and each.layer == "transit_routes"
        }
        self.rejects = Counter((each.layer, each.reason) for each in items if isinstance(each, Reject))

    def stop(self, name: str) -> dict[str, Any]:
        return self.stops[name].values

    @property
    def route(self) -> dict[str, Any]:
        [found] = self.routes.values()
        return found.values


def shape(record: Record) -> shapely.Geometry:
    return shapely.from_wkb(record.geometry)


def test_stops_have_their_service(tmp_path: Path) -> None:
    found = Found(write(tmp_path))
    assert found.rejects == {}
    assert found.stop("p1") == {
        "name": "Platform 1",
        "code": "11",
        "kind": "stop",
        "modes": "bus",
        "wheelchair": "yes",
        "departures_per_day": 3,
        "headway_min": 30.0,
        "parent": "S",
        "operator": "Minsktrans",
    }
    assert shape(found.stops["p1"]) == shapely.Point(27.5501, 53.9001)
    assert found.stops["p1"].tags == {"zone_id": "z1", "timetable_date": "2024-01-03"}
    assert [found.stop(name)["kind"] for name in ("S", "p2", "e", "x")] == ["station", "stop", "entrance", "stop"]
    assert [found.stop(name)["wheelchair"] for name in ("S", "p2", "e", "x")] == ["yes", "no", "yes", None]


def test_departures_are_those_at_which_one_can_leave(tmp_path: Path) -> None:
    """Nobody leaves from the last stop of a trip; a station has the departures of its platforms, an entrance none."""
    found = Found(write(tmp_path))
    departures = {name: found.stop(name)["departures_per_day"] for name in found.stops}
    assert departures == {"S": 3, "p1": 3, "p2": 0, "e": None, "x": 4, "y": 1}
    assert found.stop("S")["modes"] == "bus"
    assert found.stop("e")["modes"] is None
    no_boarding = FEED["stop_times"].replace("stop_sequence\n", "stop_sequence,pickup_type\n")
    no_boarding = no_boarding.replace("t2,08:40:00,08:40:00,x,2\n", "t2,08:40:00,08:40:00,x,2,1\n")
    assert Found(write(tmp_path, stop_times=no_boarding)).stop("x")["departures_per_day"] == 3


def test_times_between_time_points_are_filled_in(tmp_path: Path) -> None:
    """At x one leaves at 8:10, between 8:00 and 8:20, at 8:40 and at 9:10: every half hour."""
    assert Found(write(tmp_path)).stop("x")["headway_min"] == 30.0


def test_routes_have_their_service(tmp_path: Path) -> None:
    found = Found(write(tmp_path))
    assert found.route == {
        "ref": "1",
        "name": "Plaza - Depot",
        "mode": "bus",
        "operator": "Minsktrans",
        "colour": "#ff8800",
        "trips_per_day": 4,
        "headway_min": 30.0,
        "first_departure": "08:00",
        "last_departure": "25:10",
        "geometry_from": "shapes and stops",
        "network": "city",
    }
    lines = shape(found.routes["r"])
    assert lines.equals(
        shapely.MultiLineString(
            [
                [(27.5501, 53.9001), (27.555, 53.911), (27.57, 53.92)],
                [(27.57, 53.92), (27.56, 53.91), (27.5502, 53.9002)],
            ]
        )
    )


def test_without_shapes_the_line_runs_through_the_stops(tmp_path: Path) -> None:
    found = Found(write(tmp_path, without="shapes"))
    assert found.route["geometry_from"] == "stops"
    assert len(shape(found.routes["r"]).geoms) == 2
    drawn = Found(write(tmp_path, trips=FEED["trips"].replace("back,1,", "back,1,there")))
    assert drawn.route["geometry_from"] == "shapes"
    assert len(shape(drawn.routes["r"]).geoms) == 1


def test_trips_by_headway_are_counted_run_by_run(tmp_path: Path) -> None:
    frequencies = "trip_id,start_time,end_time,headway_secs\nt1,10:00:00,12:00:00,600\nt1,12:00:00,13:00:00,1800\n"
    found = Found(write(tmp_path, frequencies=frequencies))
    assert found.route["trips_per_day"] == 12 + 2 + 3
    assert found.route["headway_min"] == 10.0
    assert found.stop("p1")["departures_per_day"] == 12 + 2 + 2
    assert found.route["first_departure"] == "08:30"


@pytest.mark.parametrize(
    ("calendar_dates", "day", "departures"),
    [
        ("", "2024-01-03", 3),
        # The weeks after the first are as full as it; New Year's day, a Monday, is thin, and stays out of the middle.
        ("week,20240101,2\n", "2024-01-10", 3),
        # One day with much more service is not typical.
        ("fair,20240110,1\n", "2024-01-11", 3),
    ],
)
def test_the_typical_weekday_is_no_holiday_and_no_fair(
    tmp_path: Path, calendar_dates: str, day: str, departures: int
) -> None:
    trips = FEED["trips"] + "".join(f"r,fair,f{number},0,there\n" for number in range(50))
    times = FEED["stop_times"] + "".join(
        f"f{number},10:{number:02}:00,10:{number:02}:00,p1,1\nf{number},11:00:00,11:00:00,y,2\n" for number in range(50)
    )
    dates = f"service_id,date,exception_type\n{calendar_dates}"
    found = Found(write(tmp_path, trips=trips, stop_times=times, calendar_dates=dates))
    assert found.stops["p1"].tags["timetable_date"] == day
    assert found.stop("p1")["departures_per_day"] == departures


def test_a_calendar_of_dates_only_is_read(tmp_path: Path) -> None:
    dates = "service_id,date,exception_type\n" + "".join(f"week,202401{day:02},1\n" for day in (6, 7, 13))
    found = Found(write(tmp_path, without="calendar", calendar_dates=dates))
    assert found.stops["p1"].tags["timetable_date"] == "2024-01-06"
    assert found.stop("p1")["departures_per_day"] == 3


def test_a_timetable_without_a_day_leaves_service_open(tmp_path: Path) -> None:
    over = FEED["calendar"].replace("1,1,1,1,1,0,0", "0,0,0,0,0,0,0")
    found = Found(write(tmp_path, calendar=over))
    assert found.stop("p1")["departures_per_day"] is None
    assert found.route["trips_per_day"] is None
    assert "timetable_date" not in found.stops["p1"].tags


@pytest.mark.parametrize(
    ("route_type", "mode"),
    [("0", "tram"), ("1", "subway"), ("2", "train"), ("11", "trolleybus"), ("109", "train"), ("702", "bus"),
     ("1501", "share_taxi"), ("1400", "funicular"), ("9999", "other"), ("bus", "other"), ("", "other")],
)  # fmt: skip
def test_route_types_become_modes(tmp_path: Path, route_type: str, mode: str) -> None:
    found = Found(write(tmp_path, routes=FEED["routes"].replace(",3,FF", f",{route_type},FF")))
    assert found.route["mode"] == mode
    assert found.stop("p1")["modes"] == mode


def test_broken_references_are_told(tmp_path: Path) -> None:
    found = Found(
        write(
            tmp_path,
            trips=FEED["trips"] + "ghost,week,g,0,\nr,never,n,0,there\n",
            stop_times=FEED["stop_times"] + "nobody,08:00:00,08:00:00,p1,1\nt1,08:25:00,08:25:00,nowhere,4\n" * 3,
            stops=FEED["stops"] + "lone,,Lone,53.9,27.5,0,gone,,\n",
        )
    )
    assert found.rejects == {
        ("transit_routes", "trips.txt names a route that routes.txt doesn't have"): 1,
        ("transit_routes", "trips.txt names a service that the calendar doesn't have"): 1,
        ("transit_routes", "stop_times.txt names a trip that trips.txt doesn't have"): 1,
        ("stops", "stop_times.txt names a stop that stops.txt doesn't have"): 1,
    }
    assert (found.stop("lone")["parent"], found.stops["lone"].tags["parent_station"]) == (None, "gone")
    assert found.route["trips_per_day"] == 4


def test_rows_that_say_nothing_are_rejected(tmp_path: Path) -> None:
    found = Found(
        write(
            tmp_path,
            stops=FEED["stops"]
            + "p1,,Again,53.9,27.5,,,,\n,,No id,53.9,27.5,,,,\nnull,,Null island,0,0,,,,\nblank,,Blank,,,,,,\n"
            + "odd,,Odd,53.9,27.5,7,,,\nlong,,a, b,53.9,27.5,,,,z1\n\n",
            routes=FEED["routes"] + "idle,A,2,Idle,3,,\n",
            stop_times=FEED["stop_times"] + "t1,8 o'clock,8 o'clock,y,4\nt1,08:99:00,08:99:00,y,5\nt1,,,y,last\n"
            f"t1,,,y,{10**20}\n",
            shapes=FEED["shapes"] + f"there,north,27.5,40\nthere,53.9,27.5,{10**20}\n",
            calendar=FEED["calendar"] + "bad,1,1,1,1,1,0,0,2024-01-01,20240331\n",
            frequencies="trip_id,start_time,end_time,headway_secs\nt1,08:00:00,09:00:00,0\n",
        )
    )
    assert found.rejects == {
        ("stops", "the stop_id stands in stops.txt for the second time"): 1,
        ("stops", "there is no stop_id"): 1,
        ("stops", "no coordinates"): 2,
        ("stops", "location_type is none of 0 to 4"): 1,
        ("stops", "the row of stops.txt has more cells than the table has columns"): 1,
        ("transit_routes", "no trip with a shape, or with two stops that have a place"): 1,
        ("transit_routes", "a row of stop_times.txt has no stop_sequence, or times that are none"): 4,
        ("transit_routes", "a point of a shape has no number or no coordinates"): 2,
        ("transit_routes", "'2024-01-01' is no date such as 20240131"): 1,
        ("transit_routes", "a row of frequencies.txt gives no headway, no span, or more than 10,000 runs"): 1,
    }
    assert found.stop("p1")["name"] == "Platform 1"
    assert found.route["trips_per_day"] == 4


def test_feeds_as_they_come_are_read(tmp_path: Path) -> None:
    """With a byte order mark, in a folder of the archive, with spaces after commas, without what is optional."""
    spaced = {name: content.replace(",", ", ") for name, content in FEED.items()}
    file = write(tmp_path, inside="gtfs/", without="agency", encoding="utf-8-sig", **spaced)
    found = Found(file)
    assert found.rejects == {}
    assert found.stop("p1")["departures_per_day"] == 3
    assert found.stop("p1")["operator"] is None


def test_a_folder_is_a_feed_too(town: Town, tmp_path: Path) -> None:
    folder = tmp_path / "feed"
    (folder / "photos").mkdir(parents=True)
    with pytest.raises(SourceError, match="feed is a folder, and neither a file geodatabase"):
        town.load(folder)
    for name, content in FEED.items():
        (folder / f"{name}.txt").write_text(content)
    assert town.load(folder).layers["stops"].added == 6
    assert Place(file=str(folder)).local_file() == folder


def test_what_is_no_whole_feed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        SourceError, match=r"feed\.zip is no whole GTFS feed: it has no trips\.txt, no calendar\.txt or"
    ):
        GtfsReader(write(tmp_path, without="trips calendar"))
    with pytest.raises(SourceError, match=r"stops\.txt of feed\.zip can't be read: 'utf-8' codec"):
        list(GtfsReader(write(tmp_path, stops=FEED["stops"] + "ж,,Ж,53.9,27.5,,,,\n", encoding="cp1251")))
    with pytest.raises(SourceError, match=r"stop_times\.txt of feed\.zip has no column stop_id"):
        list(GtfsReader(write(tmp_path, stop_times="trip_id,stop_sequence\nt1,1\n")))
    with pytest.raises(SourceError, match=r"stops\.txt of feed\.zip can't be read: unexpected end of data"):
        list(GtfsReader(write(tmp_path, stops=FEED["stops"] + 'q,,"Q,53.9,27.5,,,,\n')))
    whole = write(tmp_path).read_bytes()
    for name, content in {"half.zip": whole[: len(whole) // 2], "empty.zip": b"", "text.zip": b"stops"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SourceError, match=name):
            GtfsReader(tmp_path / name)
    rotten = bytearray(whole)
    rotten[whole.index(b"stop_times.txt") + 40] ^= 0xFF
    (tmp_path / "rotten.zip").write_bytes(rotten)
    with pytest.raises(SourceError, match=r"stop_times\.txt of rotten\.zip can't be read"):
        list(GtfsReader(tmp_path / "rotten.zip"))


def test_a_feed_of_rubbish_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"more than 10,000 rows that can't be read"):
        list(GtfsReader(write(tmp_path, shapes=FEED["shapes"] + "there,a,b,c\n" * 10_001)))


def test_whose_timetable_it_is_and_where_it_lies(tmp_path: Path) -> None:
    reader = GtfsReader(write(tmp_path))
    assert reader.attribution == "Timetable: Minsktrans"
    assert reader.bounds() == (27.55, 53.9, 27.57, 53.92)
    info = "feed_publisher_name,feed_publisher_url,feed_lang\nThe city,https://example.com,be\n"
    assert GtfsReader(write(tmp_path, feed_info=info)).attribution == "Timetable: The city"


def test_a_feed_is_loaded(town: Town, tmp_path: Path) -> None:
    """A zip file with a timetable in it is known as one; it says by itself which layers it fills."""
    file = write(tmp_path)
    report = town.load(file)
    assert {name: each.added for name, each in report.layers.items()} == {"stops": 6, "transit_routes": 1}
    assert all(accounted(each) for each in report.layers.values())
    stop, route = town.features("stops")["p1"], town.features("transit_routes")["r"]
    assert (stop["modes"], stop["departures_per_day"], stop["parent"]) == ("bus", 3, "S")
    assert (route["ref"], route["trips_per_day"], route["last_departure"]) == ("1", 4, "25:10")
    assert {name: each.unchanged for name, each in town.load(file).layers.items()} == {"stops": 6, "transit_routes": 1}
    with town.engine.connect() as connection:
        assert find_territory(connection, town.id)["attribution"]["file"] == "Timetable: Minsktrans"
    before = town.everything()
    half = tmp_path / "half.zip"
    half.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    with pytest.raises(SourceError, match=r"half\.zip"):
        town.load(half, "stops")
    with pytest.raises(InvalidInputError, match="is a file of GTFS: leave out crs"):
        town.load(file, crs="EPSG:3857")
    assert town.everything() == before


def test_a_feed_is_a_source_of_a_territory(town: Town, data_folder: Path) -> None:
    write(data_folder)
    title = {"be": "Р", "ru": "Р", "en": "T"}
    source = {"id": "bus", "title": title, "attribution": "x", "kind": "gtfs", "places": [{"data": "feed.zip"}]}
    described = {"id": town.id, "title": title, "metric_crs": "EPSG:32635", "boundary": [27.5, 53.88, 27.6, 53.92]}
    [outcome] = load_territory(town.engine, Territory.model_validate({**described, "sources": [source]}))
    assert outcome.report is not None, outcome.note
    assert outcome.report.layers["stops"].added == 6


@pytest.mark.parametrize(("name", "stops", "routes"), [("poa_eptc", 3986, 115), ("poa_trensurb", 24, 2)])
def test_a_real_feed_is_read_as_an_independent_reading_of_it(name: str, stops: int, routes: int) -> None:
    file = get_settings().data / f"porto_alegre/{name}.zip"
    if not file.is_file():
        pytest.skip(f"the data folder has no porto_alegre/{name}.zip")
    found = Found(file)
    assert (len(found.stops), len(found.routes), found.rejects) == (stops, routes, {})
    day = date.fromisoformat(next(iter(found.stops.values())).tags["timetable_date"])
    departures, trips = independent_reading(file, day)
    counted = {key: each.values["departures_per_day"] for key, each in found.stops.items()}
    assert counted == dict.fromkeys(found.stops, 0) | departures
    assert {key: each.values["trips_per_day"] for key, each in found.routes.items()} == dict.fromkeys(
        found.routes, 0
    ) | trips
    assert all(each.values["geometry_from"] == "shapes" for each in found.routes.values())


def independent_reading(file: Path, day: date) -> tuple[dict[str, int], dict[str, int]]:
    """Departures by stop and trips by route on a day, with pandas alone."""
    with zipfile.ZipFile(file) as archive:

        def table(name: str) -> pd.DataFrame:
            with archive.open(f"{name}.txt") as content:
                return pd.read_csv(content, dtype=str).rename(columns=str.strip)

        calendar, trips, times = table("calendar"), table("trips"), table("stop_times")
        dates = table("calendar_dates") if "calendar_dates.txt" in archive.namelist() else None
    stamp = day.strftime("%Y%m%d")
    regular = calendar[(calendar.start_date <= stamp) & (calendar.end_date >= stamp)]
    services = set(regular.loc[regular[day.strftime("%A").lower()] == "1", "service_id"])
    if dates is not None:
        today = dates[dates.date == stamp]
        services |= set(today.loc[today.exception_type == "1", "service_id"])
        services -= set(today.loc[today.exception_type == "2", "service_id"])
    running = trips[trips.service_id.isin(services)]
    calls = times[times.trip_id.isin(running.trip_id)].assign(sequence=lambda frame: frame.stop_sequence.astype(int))
    leaving = calls[calls.sequence < calls.groupby("trip_id").sequence.transform("max")]
    return leaving.groupby("stop_id").size().to_dict(), running.groupby("route_id").size().to_dict()
