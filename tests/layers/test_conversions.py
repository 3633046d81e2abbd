"""Values as people write them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from layers import conversions


@pytest.mark.parametrize(
    ("convert", "text", "value"),
    [
        (conversions.number, "3.5", 3.5),
        (conversions.number, " -3,5 ", -3.5),
        (conversions.number, "1e-05", 1e-5),
        (conversions.number, "1e999", None),
        (conversions.number, "nan", None),
        (conversions.number, "3 m", None),
        (conversions.number, "", None),
        (conversions.whole, "12", 12),
        (conversions.whole, "12.0", 12),
        (conversions.whole, "12.5", None),
        (conversions.whole, "-2147483647", -2147483647),
        (conversions.whole, "2147483648", None),
        (conversions.whole, "9" * 400, None),
        (conversions.count, "0", 0),
        (conversions.count, "-1", None),
        (conversions.count, "2;3", None),
        (conversions.metres, "3", 3),
        (conversions.metres, "3,5m", 3.5),
        (conversions.metres, "12 ft", pytest.approx(3.6576)),
        (conversions.metres, "7'6\"", pytest.approx(2.286)),
        (conversions.metres, "7'", pytest.approx(2.1336)),
        (conversions.metres, "0.4 km", 400),
        (conversions.metres, "-2 m", None),
        (conversions.metres, "2 miles", None),
        (conversions.metres, "3-4", None),
        (conversions.millimetres, "200", 200),
        (conversions.millimetres, "0.2 m", pytest.approx(200)),
        (conversions.millimetres, "12 in", pytest.approx(304.8)),
        (conversions.millimetres, "0", None),
        (conversions.millimetres, "DN200", None),
        (conversions.speed_kmh, "50", 50),
        (conversions.speed_kmh, "30 mph", pytest.approx(48.28032)),
        (conversions.speed_kmh, "30mph", pytest.approx(48.28032)),
        (conversions.speed_kmh, "10 knots", pytest.approx(18.52)),
        (conversions.speed_kmh, "walk", 7),
        (conversions.speed_kmh, "none", None),
        (conversions.speed_kmh, "RU:urban", None),
        (conversions.speed_kmh, "0", None),
        (conversions.speed_kmh, "50;30", None),
        (conversions.volts, "110000", 110000),
        (conversions.volts, "20000;110000", 110000),
        (conversions.volts, "medium", None),
        (conversions.volts, "0", None),
        (conversions.year, "1936", 1936),
        (conversions.year, "1936-05-17", 1936),
        (conversions.year, "~1936", None),
        (conversions.year, "C19", None),
        (conversions.present, "yes", True),
        (conversions.present, "viaduct", True),
        (conversions.present, "no", False),
    ],
)
def test_conversion(convert: Callable[[str], object], text: str, value: object) -> None:
    assert convert(text) == value


def test_a_tag_that_is_missing_has_no_value() -> None:
    read = conversions.tag("maxspeed", conversions.speed_kmh)
    assert read({"maxspeed": "30"}) == 30
    assert read({"maxspeed": "fast"}) is None
    assert read({}) is None
