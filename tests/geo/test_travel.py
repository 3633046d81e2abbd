"""Who may use which street, and how fast."""

import numpy as np
import pytest
from street_map import draw

from geo.errors import InvalidInputError
from geo.networks.network import Network
from geo.networks.travel import DRIVE, WALK, TravelMode


def seconds(mode: TravelMode, drawing: str = "A----B", **values: object) -> tuple[float, float]:
    """Return the seconds along and against a street of 50 m."""
    roads = draw(drawing).roads.assign(**values)
    travel = Network.from_roads(roads).for_mode(mode)
    return float(travel.forward_s[0]), float(travel.backward_s[0])


@pytest.mark.parametrize(
    ("values", "walk_s", "drive_s"),
    [
        ({}, 36, 6),
        ({"road_class": "residential"}, 36, 6),
        ({"road_class": "primary"}, 36, 3),
        ({"road_class": "primary", "max_speed_kmh": 20.0}, 36, 9),
        ({"road_class": "primary", "max_speed_kmh": np.nan}, 36, 3),
        ({"road_class": "primary", "max_speed_kmh": 0.0}, 36, 3),
        ({"road_class": "footway", "motor_vehicle": True}, 36, 6),
        ({"road_class": "trunk", "foot": True}, 36, 2.25),
        ({"road_class": None, "foot": None, "motor_vehicle": None, "one_way": None}, 36, 6),
    ],
)
def test_seconds_on_a_street_open_to_both(values: dict[str, object], walk_s: float, drive_s: float) -> None:
    assert seconds(WALK, **values) == pytest.approx((walk_s, walk_s))
    assert seconds(DRIVE, **values) == pytest.approx((drive_s, drive_s))


@pytest.mark.parametrize("road_class", ["footway", "steps", "path", "cycleway", "pedestrian", "track"])
def test_streets_closed_to_cars(road_class: str) -> None:
    assert seconds(WALK, road_class=road_class) == pytest.approx((36, 36))
    with pytest.raises(InvalidInputError, match="open to mode 'drive'"):
        seconds(DRIVE, road_class=road_class)


@pytest.mark.parametrize("road_class", ["motorway", "motorway_link", "trunk", "trunk_link"])
def test_streets_closed_to_walkers(road_class: str) -> None:
    with pytest.raises(InvalidInputError, match="open to mode 'walk'"):
        seconds(WALK, road_class=road_class)


@pytest.mark.parametrize(("mode", "column"), [(WALK, "foot"), (DRIVE, "motor_vehicle")])
def test_access_closes_a_street_whatever_its_class(mode: TravelMode, column: str) -> None:
    with pytest.raises(InvalidInputError, match="has no street"):
        seconds(mode, road_class="residential", **{column: False})


def test_one_way_streets_bind_cars_and_not_walkers() -> None:
    assert seconds(DRIVE, "A-->-B") == pytest.approx((6, np.inf))
    assert seconds(DRIVE, "A-<--B") == pytest.approx((np.inf, 6))
    assert seconds(WALK, "A-->-B") == pytest.approx((36, 36))


def test_one_speed_replaces_all_others() -> None:
    assert seconds(DRIVE.at(18), road_class="motorway", max_speed_kmh=120.0) == pytest.approx((10, 10))
    for speed in (0, -1, np.inf, np.nan):
        with pytest.raises(InvalidInputError, match="positive and finite"):
            WALK.at(speed)
