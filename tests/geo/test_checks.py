"""What is no number, or nowhere, is told or passed over in every method that takes arrays."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from street_map import draw

from geo.errors import InvalidInputError
from geo.infrastructure.ageing import break_rates, weibull_law
from geo.infrastructure.deterioration import markov_chain
from geo.infrastructure.development import land_consumption_rate
from geo.infrastructure.knapsack import knapsack
from geo.networks.network import Network
from geo.networks.travel import WALK
from geo.safety.road_safety import section_exposure
from geo.siting.accessibility import nearest_supply, two_step, within
from geo.siting.capacitated import capacitated_p_median
from geo.siting.models import p_median
from geo.statistics.autocorrelation import moran
from geo.statistics.density import plane_density
from geo.statistics.emerging import mann_kendall, space_time_gi
from geo.statistics.inference import adjusted_p, empirical_bayes_rates
from geo.statistics.scan import scan_space, scan_space_time
from geo.statistics.weights import k_nearest

NEAR = k_nearest([[0, 0], [1, 1], [2, 2], [5, 5]], k=1)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: moran(list("abcd"), NEAR), "values"),
        (lambda: k_nearest([["a", "b"]], k=1), "coordinates"),
        (lambda: nearest_supply([["a"]]), "cost"),
        (lambda: two_step([[1]], ["a"], [1], within(1)), "demand"),
        (lambda: p_median([["a"]], [1], p=1), "cost"),
        (lambda: p_median([[1]], ["a"], p=1), "weights"),
        (lambda: capacitated_p_median([[1]], [1], ["a"], p=1), "capacity"),
        (lambda: empirical_bayes_rates(["a"], [1]), "events"),
        (lambda: adjusted_p([[0.1], [0.2, 0.3]]), "p"),
        (lambda: mann_kendall(["a", "b"]), "series"),
        (lambda: weibull_law(["a"], [0], [1]), "ages"),
        (lambda: knapsack([["a"]], [[1]], budget=1), "cost"),
        (lambda: break_rates(["a"], ["b"], [1]), "exposure"),
        (lambda: markov_chain(["good"], [1], states=2), "before"),
        (lambda: space_time_gi([["a"]], [[0, 0]], radius_m=1), "cube"),
    ],
)
def test_what_is_no_number_is_named(call: Any, what: str) -> None:
    with pytest.raises(InvalidInputError, match=f"{what} must be numbers"):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plane_density([1, 2, 3, 4], [[0, 0]], bandwidth_m=1), "shape .places, 2."),
        (lambda: scan_space([1, 2, 3, 4], [1, 1], [1, 1], radius_m=1, seed=1), "shape .places, 2."),
        (lambda: scan_space_time([[0, 0], [1, 1]], [0.7, 1], [0, 1], radius_m=1, seed=1), "steps must be whole"),
        (lambda: adjusted_p([[0.1, 0.2]]), "p must be a list"),
        (lambda: section_exposure([1, 2], length_km=[1, 2, 3]), "as many of each"),
        (lambda: land_consumption_rate([1, 2], [1, 2, 3], years=1), "as many of each"),
        (lambda: break_rates(["a", "b"], [1.0], [1, 2]), "exposure must be 2 numbers"),
        (lambda: markov_chain([0, 1], [1], states=2), "a state after for each of 2"),
        (lambda: markov_chain([[0, 1]], [[1, 1]], states=2), "a state after for each"),
        (lambda: space_time_gi([1.0, 2.0, 3.0], [[0, 0]], radius_m=1), "shape .places, steps."),
        (lambda: space_time_gi(np.empty((2, 0)), [[0, 0], [1, 1]], radius_m=1), "a step at least"),
        (lambda: space_time_gi(np.ones((3, 4)), [[0, 0], [1, 1]], radius_m=1), "a place for each of the 3 rows"),
    ],
)
def test_what_has_another_shape_is_refused(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: break_rates(["a"], [np.nan], [1]), "exposure"),
        (lambda: break_rates(["a"], [-1.0], [1]), "exposure"),
        (lambda: break_rates(["a"], [1.0], [-1]), "breaks"),
        (lambda: break_rates(["a"], [1.0], [0.5]), "breaks must be whole numbers"),
        (lambda: markov_chain([0, np.nan], [1, 1], states=2), "states must be whole numbers from 0 to 1"),
        (lambda: markov_chain([0], [-1], states=2), "states must be whole numbers from 0 to 1"),
        (lambda: markov_chain([], [], states=0), "states must be 1 or more, not 0"),
        (lambda: space_time_gi([[1, np.nan, 3]], [[0, 0]], radius_m=1), "every value of a cube must be finite"),
        (lambda: space_time_gi([[1, 2, 3]], [[0, np.inf]], radius_m=1), "coordinates of place 0"),
        (lambda: space_time_gi([[1, 2, 3]], [[0, 0]], radius_m=-1), "radius_m"),
        (lambda: space_time_gi([[1, 2, 3]], [[0, 0]], radius_m=1, steps_back=-1), "steps_back must be 0 or more"),
    ],
)
def test_what_is_out_of_range_is_refused(call: Any, says: str) -> None:
    with pytest.raises(InvalidInputError, match=says):
        call()


def test_of_nothing_there_is_nothing() -> None:
    assert break_rates([], [], []).empty
    assert markov_chain([], [], states=2).transition.tolist() == [[1, 0], [0, 1]]
    assert space_time_gi(np.empty((0, 3)), [], radius_m=1).z.shape == (0, 3)


def test_what_is_nowhere_has_no_place_on_streets() -> None:
    streets = draw("A---B")
    travel = Network.from_roads(streets.roads).for_mode(WALK)
    nowhere = [shapely.Point(np.nan, 1), None, shapely.Point(), streets.places["A"], shapely.Point(np.inf, np.inf)]
    places = travel.snap(gpd.GeoSeries(nowhere, crs=streets.roads.crs), max_m=10)
    assert places.found.tolist() == [False, False, False, True, False]
