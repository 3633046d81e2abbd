"""Whatever the layers hold, an analysis gives a result that can be shown, or says what is wrong."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from street_map import CRS, draw

from geo.analysis import Analysis, LayerInput, all_analyses, get_analysis
from geo.errors import InvalidInputError
from geo.maps import frame_map
from geo.networks.network import Network

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

STREETS = draw("A" + "-" * 29 + "B" + "-" * 29 + "C\n" + (" " * 30 + "|\n") * 5 + " " * 30 + "D")
NETWORK = Network.from_roads(STREETS.roads)
PLACES = STREETS.points("A", "AB:50", "B", "BC:100", "C", "D")

PARAMETERS: dict[str, dict[str, Any]] = {
    "hot-spots": {},
    "incident-density": {},
    "local-moran": {"permutations": 19},
    "incident-clusters": {"least_incidents": 2},
    "near-repeats": {"permutations": 19},
    "incident-profile": {},
    "incident-rates": {},
    "emerging-hot-spots": {"step": "year"},
    "scan-clusters": {"permutations": 19, "step": "month"},
    "hot-spot-forecast": {"since": "2021-01-01"},
    "road-screening": {},
    "measure-effect": {"at": PLACES[:1], "last_before": "2020-12-31", "first_after": "2021-01-01"},
    "response-coverage": {},
    "best-stations": {},
    "hazard-exposure": {},
    "market-areas": {"kind": "shop"},
    "store-impact": {"kind": "shop", "sites": PLACES[:1]},
    "isolation-trace": {"at": PLACES[1:2]},
    "time-to-close": {"by": "organisation", "least_reports": 1},
    "facility-access": {"kind": "school"},
    "two-step-access": {"kind": "school"},
    "best-sites": {"kind": "school"},
    "fifteen-minute-city": {},
    "green-access": {},
    "stop-coverage": {},
    "provision": {"kind": "school", "places_per_1000": 500},
    "catchments": {"kind": "school"},
    "opportunities": {},
    "access-equity": {"kind": "school"},
    "service-areas": {"origins": PLACES[:2]},
    "responsibility-zones": {"origins": PLACES[:2]},
    "route": {"stops": PLACES.iloc[[0, 4]]},
    "what-if": {"kind": "school", "closures": PLACES[1:2]},
    "network-inventory": {},
    "street-centrality": {},
    "cut-links": {},
    "closing-costs": {},
    "topology-findings": {},
    "traffic-assignment": {},
    "development": {"from_year": 2000, "to_year": 2020},
    "pavement-life": {},
    "maintenance-programme": {
        "budget_per_year": 1000.0,
        "preserve_cost_m2": 1.0,
        "overlay_cost_m2": 2.0,
        "rebuild_cost_m2": 4.0,
    },
    "pipe-ageing": {"since": "2015-01-01", "until": "2020-01-01"},
}
"""Every analysis, with what must be given."""


def inputs_of(name: str) -> Iterable[LayerInput]:
    return get_analysis(name).inputs.values()


def points(radius_m: float = 0, **columns: Any) -> gpd.GeoDataFrame:
    """Return six places, as points or as circles, with the same values everywhere, or one for each."""
    values = {name: each if isinstance(each, list) else [each] * len(PLACES) for name, each in columns.items()}
    shapes = PLACES.buffer(radius_m) if radius_m else PLACES
    return gpd.GeoDataFrame(pd.DataFrame(values).convert_dtypes(), geometry=shapes.to_numpy(), crs=CRS)


def days(*texts: str) -> list[pd.Timestamp]:
    return [pd.Timestamp(text, tz="UTC") for text in texts]


LAYERS = {
    "roads": STREETS.roads.assign(
        road_class="primary",
        name="x",
        vehicles_per_day=1000.0,
        condition_index=[90.0, 60.0, 30.0],
        resurfaced_on=[dt.date(2020, 1, 1), dt.date(2010, 1, 1), dt.date(2000, 1, 1)],
    ),
    "incidents": points(
        category="x",
        severity="injury",
        casualties=1,
        occurred_at=days("2020-01-01", "2020-02-05", "2020-05-05", "2021-05-05", "2022-05-05", "2023-05-05"),
    ),
    "population": points(20, total=10.0, pop_0_6=1.0, pop_65_plus=2.0),
    "buildings": points(
        3, use="residential", dwellings=5, address="a", built_year=[1990, 1995, 2005, 2010, 2015, 2018]
    ),
    "facilities": points(kind="school", name="s", capacity=100),
    "businesses": points(kind="supermarket", category="shop", name="s", brand="b", employees=3),
    "stations": points(kind="fire", name="s", vehicles=2, turnout_s=10.0),
    "hazard_zones": points(40, kind="flood", level="high"),
    "green_spaces": points(90, kind="park", name="p"),
    "stops": points(kind="stop", name="s", modes="bus", departures_per_day=30),
    "districts": points(100, name="d", admin_level=8),
    "reports": points(
        category="x", organisation="o", opened_at=days(*["2020-01-01"] * 6), closed_at=days(*["2020-01-05"] * 6)
    ),
    "utilities": STREETS.roads[["geometry"]].assign(
        network="water", from_node=[*"ABB"], to_node=[*"BCD"], material="steel", installed_on=dt.date(1980, 1, 1)
    ),
    "land_parcels": points(10, vacant=True, area_m2=300.0),
    "outages": points(kind="break", network="water", started_at=days(*["2016-01-01"] * 6)),
    "utility_points": points(network="water", kind=["reservoir", *["valve"] * 5]),
}


def spoilt(frame: gpd.GeoDataFrame) -> Iterator[gpd.GeoDataFrame]:
    """Yield the layer as nobody wishes it."""
    shapes = list(frame.geometry)
    yield frame.iloc[:0]
    yield frame.iloc[:1]
    yield pd.concat([frame, frame])
    yield frame[["geometry"]]
    yield frame.assign(**{name: None for name in frame if name != "geometry"})
    yield frame.to_crs(4326)
    yield frame.set_crs(None, allow_override=True)
    yield frame.set_geometry(frame.buffer(1))
    yield frame.set_geometry(frame.translate(xoff=1e6))
    for other in (
        [None, *shapes[1:]],
        [type(shapes[0])(), *shapes[1:]],
        [shapes[0]] * len(shapes),
        list(shapely.force_3d(shapes)),
    ):
        yield frame.set_geometry(gpd.GeoSeries(other, index=frame.index, crs=CRS))


def layer_for(wanted: LayerInput) -> Any:
    if wanted.as_heights:
        return lambda xy: xy[:, 0] / 100
    return NETWORK if wanted.as_network else LAYERS[wanted.layer]


def arguments(described: Analysis, **other: Any) -> dict[str, Any]:
    layers = {name: layer_for(each) for name, each in described.inputs.items()}
    return layers | PARAMETERS[described.id] | other


def check(described: Analysis, **other: Any) -> gpd.GeoDataFrame | None:
    """Return the result, checked to have what is shown and to become GeoJSON; ``None`` if the layers are refused."""
    try:
        found = described.call(**arguments(described, **other))
    except InvalidInputError:
        return None
    assert set(described.view.columns) <= set(found)
    assert found.crs is not None
    found.to_crs(4326).to_json()
    return found


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_layer_may_be_spoilt(name: str) -> None:
    described = get_analysis(name)
    if (found := check(described)) is not None:
        frame_map(found, described.view)
    for parameter, wanted in described.inputs.items():
        if wanted.as_network or wanted.as_heights:
            continue
        if wanted.optional:
            check(described, **{parameter: None})
        for frame in spoilt(LAYERS[wanted.layer]):
            check(described, **{parameter: frame})


def test_every_analysis_is_tried() -> None:
    assert {each.id for each in all_analyses() if each.call.__module__.startswith("geo.")} == set(PARAMETERS)


def strange_networks() -> Iterator[Network]:
    """Yield networks as nobody wishes them: apart, one way, of one street, far away, of streets nobody may use."""
    roads = STREETS.roads
    yield Network.from_roads(pd.concat([roads, roads.translate(xoff=5000).to_frame("geometry").set_crs(CRS)]))
    yield Network.from_roads(roads.assign(one_way="forward"))
    yield Network.from_roads(roads.iloc[:1])
    yield Network.from_roads(pd.concat([roads, roads]))
    yield Network.from_roads(roads.set_geometry(roads.translate(xoff=1e5)))
    yield Network.from_roads(roads.assign(road_class="construction"))
    yield Network.from_roads(roads.iloc[:0])


@pytest.mark.parametrize("name", [name for name in PARAMETERS if any(each.as_network for each in inputs_of(name))])
def test_every_network_may_be_strange(name: str) -> None:
    described = get_analysis(name)
    (parameter,) = (parameter for parameter, each in described.inputs.items() if each.as_network)
    for network in strange_networks():
        check(described, **{parameter: network})
