"""Social services, as an analyst calls them, at 1 m/s, so that seconds are metres."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from street_map import CRS, StreetMap, draw

from geo.analysis import Analysis
from geo.errors import InvalidInputError
from geo.networks.matrices import cost_matrix, dense
from geo.networks.network import Network
from geo.networks.travel import WALK
from geo.siting.models import p_median
from geo.social.access import facility_access, share_within, two_step_access
from geo.social.sites import best_sites

LINE = "A---------B---------C---------D"
METRES = {"speed_kmh": 3.6, "building_max_m": 10.0, "snap_max_m": 20.0}


@pytest.fixture
def streets() -> StreetMap:
    return draw(LINE + "\n\n\n\n\nE---F")


@pytest.fixture
def network(streets: StreetMap) -> Network:
    return Network.from_roads(streets.roads)


def homes(streets: StreetMap, *places: str, **columns: Any) -> gpd.GeoDataFrame:
    """Return houses of 2 m at places on the streets, named after them."""
    points = streets.points(*places)
    return gpd.GeoDataFrame({"use": "residential"} | columns, geometry=points.buffer(1), index=points.index, crs=CRS)


def schools(streets: StreetMap, *places: str, **columns: Any) -> gpd.GeoDataFrame:
    points = streets.points(*places)
    return gpd.GeoDataFrame({"kind": "school"} | columns, geometry=points, index=points.index, crs=CRS)


def test_the_time_to_the_nearest_of_a_kind(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, "A", "AB:40", "AB:60", "EF:10", dwellings=[10, None, 3, 1])
    buildings.loc["garage"] = ["auxiliary", None, streets.places["A"].buffer(1)]
    buildings.loc["far"] = ["residential", 5, shapely.Point(400_000, 6_000_000).buffer(1)]
    facilities = schools(streets, "A", "B", "AB:50", name=["first", None, "clinic"])
    facilities["kind"] = ["school", "school", "clinic"]
    found = facility_access(network, facilities, buildings, "school", norm_s=39.5, use="residential", **METRES)
    assert found.index.tolist() == ["A", "AB:40", "AB:60", "EF:10", "far"]
    assert found.facility.dropna().to_dict() == {"A": "A", "AB:40": "A", "AB:60": "B"}
    assert found.name.dropna().to_dict() == {"A": "first", "AB:40": "first"}
    assert found.travel_s.tolist() == pytest.approx([0, 40, 40, np.nan, np.nan], abs=1e-6, nan_ok=True)
    assert found.within_norm.tolist() == [True, False, False, False, False]
    assert found.dwellings.tolist() == [10, 1, 3, 1, 5]
    assert share_within(found, (0, 50)).tolist() == pytest.approx([10 / 20, 14 / 20])
    assert found.geometry.geom_equals(buildings.geometry.drop("garage")).all()
    degrees = facility_access(
        network, facilities.to_crs(4326), buildings.to_crs(4326), "school", use="residential", **METRES
    )
    np.testing.assert_allclose(degrees.travel_s, found.travel_s, atol=1e-3)
    every = facility_access(network, facilities, buildings, "school", **METRES)
    assert every.travel_s["garage"] == pytest.approx(0, abs=1e-6)


def test_places_are_shared_by_those_who_reach_them(network: Network, streets: StreetMap) -> None:
    """As in the hospitals of the reference library: two schools, of which one is shared."""
    buildings = homes(streets, "A", "B", "C", "EF:10", dwellings=[100, 50, 10, 1])
    facilities = schools(streets, "AB:50", "C", "EF:30", capacity=[30, None, 7])
    found = two_step_access(network, facilities, buildings, "school", catchment_s=60, default_capacity=15, **METRES)
    assert found.places_per_1000.tolist() == pytest.approx([200, 200, 1500, 7000])
    assert found.facilities.tolist() == [1, 1, 1, 1]
    shared = two_step_access(network, facilities, buildings, "school", catchment_s=110, decay="gaussian", **METRES)
    assert shared.places_per_1000 @ shared.dwellings / 1000 == pytest.approx(30 + 1 + 7)
    assert shared.facilities.tolist() == [1, 2, 1, 1]


def test_the_family_of_catchments_shares_in_its_own_way(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, "A", "B", "C", dwellings=[100, 50, 10])
    facilities = schools(streets, "AB:50", "C", capacity=[30, 20])

    def shared(decay: str) -> float:
        found = two_step_access(network, facilities, buildings, "school", catchment_s=150, decay=decay, **METRES)
        return float(found.places_per_1000 @ found.dwellings / 1000)

    assert [shared(decay) for decay in ("2sfca", "e2sfca", "gaussian", "3sfca")] == pytest.approx([50] * 4)
    assert shared("m2sfca") < 50
    zones = two_step_access(network, facilities[:1], buildings, "school", catchment_s=150, decay="e2sfca", **METRES)
    load = 100 * 1 + 50 * 1 + 10 * 0.22
    assert zones.places_per_1000.tolist() == pytest.approx([30_000 / load, 30_000 / load, 30_000 * 0.22 / load])


def test_no_street_is_not_the_same_as_no_facility(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, "D", "E")
    buildings.loc["far"] = ["residential", shapely.Point(400_000, 6_000_000).buffer(1)]
    found = two_step_access(network, schools(streets, "E"), buildings, "school", catchment_s=50, **METRES)
    assert found.places_per_1000.tolist() == pytest.approx([0, 1000, np.nan], nan_ok=True)


def test_the_best_site_is_the_median(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, "A", "AB:60", "B", "C", "D", dwellings=[1, 1, 1, 1, 9])
    found = best_sites(network, buildings, **METRES)
    assert found.site.tolist() == ["D"]
    assert found.status.tolist() == ["new"]
    assert found.gap.tolist() == [0]
    assert found.dwellings.tolist() == [13]
    assert found.mean_s.tolist() == pytest.approx([(300 + 240 + 200 + 100) / 13], rel=1e-6)
    assert found.geometry.distance(streets.places["D"]).tolist() == pytest.approx([0], abs=1e-6)


def test_new_sites_stand_beside_those_that_exist(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, "A", "AB:60", "B", "C", "D", dwellings=[1, 1, 1, 1, 9])
    found = best_sites(network, buildings, schools(streets, "D", "F", name=["old", None]), kind="school", **METRES)
    assert found.site.tolist() == ["AB:60", "D", "F"]
    assert found.status.tolist() == ["new", "existing", "existing"]
    assert found.name.dropna().to_dict() == {1: "old"}
    assert found.dwellings.tolist() == [3, 10, 0]
    assert found.mean_s.tolist() == pytest.approx([100 / 3, 10, np.nan], rel=1e-6, nan_ok=True)


def test_sites_cover_the_most_dwellings_within_the_norm(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, "A", "AB:50", "B", "D", "E", dwellings=[2, 2, 2, 5, 1])
    found = best_sites(network, buildings, model="mclp", norm_s=51, new_sites=2, **METRES)
    assert found.site.tolist() == ["AB:50", "D"]
    assert found.dwellings.tolist() == [6, 5]


def test_the_choice_is_that_of_the_model_on_all_times(network: Network) -> None:
    rng = np.random.default_rng(1)
    corners = rng.uniform(0, 500, (25, 2))
    roads = gpd.GeoSeries(shapely.linestrings(corners[rng.integers(0, 25, (80, 2))]), crs=CRS)
    town = Network.from_lines(roads[roads.length > 0])
    places = gpd.GeoDataFrame(
        {"use": "residential", "dwellings": rng.integers(1, 30, 25)}, geometry=shapely.points(corners), crs=CRS
    )
    places = places[places.distance(roads.union_all()) < 1]
    old = gpd.GeoDataFrame({"kind": ["school"] * 3}, geometry=places.geometry.to_numpy()[:3], crs=CRS)
    found = best_sites(town, places, old, kind="school", new_sites=2, **METRES)
    travel = town.for_mode(WALK.at(3.6))
    at = travel.snap(places.geometry, max_m=10)
    cost_s = dense(cost_matrix(travel, at, at))
    cost_s[np.isinf(cost_s)] = 3600
    expected = p_median(cost_s, places.dwellings, p=5, existing=[0, 1, 2])
    assert sorted(found.site) == sorted(places.index[expected.sites])
    assert (found.mean_s * found.dwellings).sum() == pytest.approx(expected.objective, rel=1e-5)


def test_few_candidates_are_spread_over_the_buildings(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, *(f"AB:{metres}" for metres in range(0, 100, 5)))
    found = best_sites(network, buildings, max_candidates=3, new_sites=3, **METRES)
    along = np.sort([float(name.split(":")[1]) for name in found.site])
    assert along[0] < 35 < along[1] < 65 < along[2]


def test_sites_may_only_be_where_they_are_allowed(network: Network, streets: StreetMap) -> None:
    buildings = homes(streets, *(f"AB:{metres}" for metres in range(0, 100, 5)))
    points = streets.points("AB:80", "AB:95")
    assert best_sites(network, buildings, candidates=points, **METRES).site.tolist() == ["AB:80"]
    parcels = gpd.GeoDataFrame(
        {"vacant": [True, False, True, None], "area_m2": [np.nan, 900, 900, 900]},
        geometry=streets.points("AB:50", "AB:55", "AB:10", "AB:45").buffer(3).to_numpy(),
        index=["small", "taken", "large", "unknown"],
        crs=streets.roads.crs,
    )
    on_parcels: dict[str, Any] = {"parcels": parcels, "site_kind": "parcels", **METRES}
    assert best_sites(network, buildings, **on_parcels).site.tolist() == ["small"]
    assert best_sites(network, buildings, least_parcel_m2=100, **on_parcels).site.tolist() == ["large"]
    for options, message in (
        ({"least_parcel_m2": 1000}, "new_sites is 1, but only 0 places near streets can be sites"),
        ({"parcels": None}, "land_parcels is not there"),
        ({"candidates": streets.points("AB:50").translate(yoff=400)}, "of 1 of the candidates"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            best_sites(network, buildings, **on_parcels | options)


@pytest.mark.parametrize("described", [facility_access.analysis, two_step_access.analysis, best_sites.analysis])
def test_every_parameter_has_its_title_and_every_shown_column_is_there(
    network: Network, streets: StreetMap, described: Analysis
) -> None:
    for schema in described.json_schema().values():
        assert set(schema["x-title"]) == {"be", "ru", "en"}
    found = described.call(
        network=network, buildings=homes(streets, "A", "B"), facilities=schools(streets, "A"), kind="school"
    )
    assert set(described.view.columns) <= set(found)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda n, s, h: facility_access(n, s, h, "clinic"), "no facility is of kind 'clinic': there are school"),
        (lambda n, s, h: facility_access(n, s, h, ""), "kind"),
        (lambda n, s, h: facility_access(n, s, h, "school", use="public"), "there are residential"),
        (lambda n, s, h: facility_access(n, s, h[:0], "school"), "there is no building"),
        (lambda n, s, h: facility_access(n, s, h.set_crs(None, allow_override=True), "school"), "buildings must have"),
        (lambda n, s, h: facility_access(n, s, h, "school", norm_s=0), "norm_s"),
        (lambda n, s, h: facility_access(n, s, h.assign(dwellings=-1), "school"), "dwellings must be"),
        (lambda n, s, h: two_step_access(n, s.assign(capacity=-1), h, "school"), "capacity must be"),
        (lambda n, s, h: best_sites(n, h, None, kind="school"), "no facility is known"),
        (lambda n, s, h: best_sites(n, h, new_sites=5), "new_sites is 5, but only 2"),
        (lambda n, s, h: best_sites(n, h.assign(dwellings=0)), "no demand"),
        (lambda n, s, h: best_sites(n, h, model="guess"), "model"),
    ],
)
def test_what_is_wrong_is_named(network: Network, streets: StreetMap, call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call(network, schools(streets, "A"), homes(streets, "A", "B"))
