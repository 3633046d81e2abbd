"""The pavement condition index."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.errors import InvalidInputError
from geo.infrastructure.deduct_values import CORRECTED, DISTRESSES
from geo.infrastructure.pavement import (
    condition_index,
    condition_of_sample_units,
    condition_of_sections,
    corrected,
    counted,
    deduct_value,
    rating,
)
from geo.infrastructure.slab_deduct_values import SLAB_DISTRESSES

FOOT_M = 0.3048

ASTM_EXAMPLE = [
    ("alligator_cracking", "low", 13, 7.9),
    ("alligator_cracking", "high", 14, 23.4),
    ("edge_cracking", "low", 130, 7.5),
    ("joint_reflection_cracking", "medium", 143, 25.1),
    ("patching", "high", 22, 17.9),
    ("potholes", "low", 1, 11.2),
    ("rutting", "low", 21, 6.9),
    ("ravelling", "low", 250, 5.3),
]
"""The worked example of ASTM D6433: quantities in feet on 2,500 square feet, and the deduct values read there."""


def metres(distress: str, quantity: float) -> float:
    return quantity * {"area": FOOT_M**2, "length": FOOT_M, "count": 1}[DISTRESSES[distress].measured]


def test_the_deduct_values_of_the_worked_example_of_the_standard() -> None:
    area_m2 = 2500 * FOOT_M**2
    found = [deduct_value(kind, how, metres(kind, feet) / area_m2) for kind, how, feet, _ in ASTM_EXAMPLE]
    assert found == pytest.approx([value for *_, value in ASTM_EXAMPLE], abs=1.4)


def test_the_index_of_the_worked_example_of_the_standard() -> None:
    """It counts 7.9 deduct values, and comes to 49."""
    values = np.sort([value for *_, value in ASTM_EXAMPLE])[::-1]
    assert counted(values)[-1] == pytest.approx(0.88 * 5.3, abs=0.01)
    assert condition_index(values) == pytest.approx(49, abs=1)
    rows = [("A", 1, 2500 * FOOT_M**2, kind, how, metres(kind, feet)) for kind, how, feet, _ in ASTM_EXAMPLE]
    names = ["section", "unit", "area_m2", "distress", "severity", "quantity"]
    units = condition_of_sample_units(pd.DataFrame(rows, columns=names))
    assert units.condition_index.to_dict() == {("A", 1): pytest.approx(49, abs=1)}
    assert units.rating.tolist() == ["poor"]


ASTM_SLABS = [
    ("divided_slab", "medium", 3, 30.5),
    ("punchout", "medium", 2, 25.1),
    ("corner_break", "low", 3, 12.6),
    ("spalling_joint", "high", 1, 9.0),
    ("joint_seal_damage", "high", 20, 8.0),
    ("corner_break", "medium", 1, 7.7),
    ("spalling_corner", "low", 6, 5.8),
    ("small_patch", "medium", 4, 4.4),
]
"""The worked example of ASTM D6433 for concrete: slabs of 20, and the deduct values read there."""


def test_the_worked_example_of_the_standard_for_concrete() -> None:
    """It counts 7.4 deduct values, and comes to 49; the readings of two steep curves are 3 points too low."""
    published = [value for *_, value in ASTM_SLABS]
    assert condition_index(published, pavement="concrete") == pytest.approx(49, abs=1)
    found = [deduct_value(kind, how, slabs / 20, pavement="concrete") for kind, how, slabs, _ in ASTM_SLABS]
    assert found == pytest.approx(published, abs=3)
    rows = [("A", 1, 300.0, 20, kind, how, slabs) for kind, how, slabs, _ in ASTM_SLABS]
    names = ["section", "unit", "area_m2", "slabs", "distress", "severity", "quantity"]
    frame = pd.DataFrame(rows, columns=names)
    units = condition_of_sample_units(frame, pavement="concrete")
    assert units.condition_index.tolist() == [pytest.approx(49, abs=4.2)]
    assert condition_of_sections(units).tolist() == units.condition_index.tolist()
    with pytest.raises(InvalidInputError, match="more slabs have corner_break than unit 1 of A has"):
        condition_of_sample_units(frame.assign(quantity=21), pavement="concrete")
    with pytest.raises(InvalidInputError, match="no column slabs"):
        condition_of_sample_units(frame.drop(columns="slabs"), pavement="concrete")


@pytest.mark.parametrize("severity", ["low", "medium", "high"])
def test_deducts_of_slabs_rise_with_their_number(severity: str) -> None:
    for name in SLAB_DISTRESSES:
        curve = [deduct_value(name, severity, part, pavement="concrete") for part in np.linspace(0.01, 1, 50)]
        assert np.diff(curve).min() > -0.15
        low, given = (deduct_value(name, how, 0.3, pavement="concrete") for how in ("low", severity))
        assert low <= given
    seven, six, nine = (corrected(100, above, pavement="concrete") for above in (7, 6, 9))
    assert nine < seven < six


@pytest.mark.parametrize(("deducts", "index"), [([48, 23, 18, 6, 5], 40), ([], 100), ([1.5], 98.5), ([30, 2], 68)])
def test_other_published_and_simple_cases(deducts: list[float], index: float) -> None:
    assert condition_index(deducts) == pytest.approx(index, abs=1.5 if len(deducts) > 2 else 1e-9)


def test_the_corrected_value_of_the_older_manual() -> None:
    """TM 5-623: a total of 45 of two values is corrected to 33."""
    assert corrected(45, 2) == pytest.approx(33, abs=0.5)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(0, 100), max_size=14), st.floats(0, 100))
def test_more_distress_never_makes_a_better_pavement(deducts: list[float], more: float) -> None:
    index = condition_index(deducts)
    assert 0 <= index <= 100
    assert index <= 100 - max(deducts, default=0) + 1e-9
    assert condition_index(deducts[::-1]) == pytest.approx(index)
    if not deducts or more < max(deducts):
        assert condition_index([*deducts, more]) <= index + 1.5


def test_curves_rise_with_density_severity_and_fall_with_the_number_of_values() -> None:
    for name in DISTRESSES:
        for density in (1e-4, 0.003, 0.05, 0.6):
            low, medium, high = (deduct_value(name, how, density) for how in ("low", "medium", "high"))
            assert low <= medium + 0.6
            assert medium <= high + 0.6
            assert deduct_value(name, "high", density) <= deduct_value(name, "high", density * 2) + 0.6
    assert all(np.all(np.diff(curve) > 0) for curve in CORRECTED)
    assert np.all(np.diff(CORRECTED, axis=0) <= 0)
    assert deduct_value("rutting", "low", 0) == 0


def test_sections_are_the_mean_of_their_units_by_area() -> None:
    frame = pd.DataFrame(
        {
            "section": ["A", "A", "A", "B"],
            "unit": [1, 1, 2, 1],
            "area_m2": [200.0, 200.0, 100.0, 50.0],
            "distress": ["rutting", "rutting", None, "potholes"],
            "severity": ["low", "low", None, "high"],
            "quantity": [4.0, 4.0, np.nan, 10.0],
        }
    )
    units = condition_of_sample_units(frame)
    assert units.condition_index[("A", 2)] == 100
    rutted = 100 - deduct_value("rutting", "low", 8 / 200)
    assert units.condition_index[("A", 1)] == pytest.approx(rutted)
    sections = condition_of_sections(units)
    assert sections.to_dict() == {"A": pytest.approx((rutted * 2 + 100) / 3), "B": 0}
    assert rating(sections)[1] == "failed"


def test_ratings() -> None:
    assert rating([100, 86, 85, 56, 41, 26, 11, 10, 0, np.nan]).tolist() == [
        "good",
        "good",
        "satisfactory",
        "fair",
        "poor",
        "very poor",
        "serious",
        "failed",
        "failed",
        None,
    ]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"distress": ["holes"]}, "distress of row 0 is 'holes', not one of alligator_cracking"),
        ({"severity": ["awful"]}, "severity of row 0 is 'awful', not one of low, medium, high"),
        ({"quantity": [-1.0]}, "quantity must be a number of 0 or more"),
        ({"quantity": ["many"]}, "quantity must be a number of 0 or more"),
        ({"area_m2": [0.0]}, "area_m2 must be positive"),
        ({"section": [None]}, "row 0 has no section"),
        ({"unit": [None]}, "row 0 has no unit"),
        ({"quantity": [1e6]}, "a larger area has rutting than unit 1 of A has at all"),
    ],
)
def test_wrong_records_are_named(changes: dict[str, list[object]], message: str) -> None:
    good = {
        "section": ["A"],
        "unit": [1],
        "area_m2": [9.0],
        "distress": ["rutting"],
        "severity": ["low"],
        "quantity": [1.0],
    }
    with pytest.raises(InvalidInputError, match=message):
        condition_of_sample_units(pd.DataFrame(good | changes))
    with pytest.raises(InvalidInputError, match="no column severity, unit"):
        condition_of_sample_units(pd.DataFrame(good).drop(columns=["unit", "severity"]))
    with pytest.raises(InvalidInputError, match="finite and 0 or more"):
        condition_index([np.nan])
    empty = condition_of_sample_units(pd.DataFrame(good).iloc[:0])
    assert empty.empty
    assert condition_of_sections(empty).empty
