"""Condition of pavements: the pavement condition index of asphalt and concrete roads from what an inspection found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from geo.checks import as_numbers
from geo.errors import InvalidInputError, named
from geo.infrastructure.deduct_values import CORRECTED, DISTRESSES, TOTAL
from geo.infrastructure.slab_deduct_values import SLAB_CORRECTED, SLAB_DISTRESSES

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.topology import Floats

Pavement = Literal["asphalt", "concrete"]

FOOT_M = 0.3048

SEVERITIES = ("low", "medium", "high")

RATINGS = {"good": 85, "satisfactory": 70, "fair": 55, "poor": 40, "very poor": 25, "serious": 10, "failed": 0}
"""Above which index a pavement has each rating (ASTM D6433)."""

SMALLEST_DEDUCT = 2.0
MOST_DEDUCTS = 10.0

ROUNDING = 1e-6
"""By which part a distress may seem larger than its unit."""


def condition_of_sample_units(distresses: pd.DataFrame, *, pavement: Pavement = "asphalt") -> pd.DataFrame:
    """Return the pavement condition index (PCI) of each sample unit (ASTM D6433).

    Quantities of one kind and severity are summed and divided by the size of the unit; the deduct value of each density
    is read from a curve; the index is 100 less the greatest corrected deduct value: see `condition_index`. The curves
    are readings from the figures of the standard: see `geo.infrastructure.deduct_values` and
    `geo.infrastructure.slab_deduct_values` for their source and error.

    Parameters
    ----------
    distresses
        A row for each distress found: ``section``, ``unit``, ``area_m2`` (of the unit, the same in all its rows),
        ``distress`` (one of `geo.infrastructure.deduct_values.DISTRESSES`, of concrete
        `geo.infrastructure.slab_deduct_values.SLAB_DISTRESSES`; null for a unit where none was found), ``severity``
        (``low``, ``medium``, ``high``; of concrete of kinds that know none any of them), ``quantity`` (m² of an area, m
        of a length, pieces of a count; of concrete slabs that have it); of concrete ``slabs`` too (of the unit, the
        same in all its rows).
    pavement
        ``asphalt`` or ``concrete``.

    Returns
    -------
    pandas.DataFrame
        By section and unit: ``area_m2``, ``condition_index`` (0 to 100), ``rating``.

    Raises
    ------
    InvalidInputError
        If a column is missing, a row names no section or unit, a distress or severity is not known, a quantity or size
        is not as it should be, or more slabs, or a larger area, have a distress than there are.
    """
    size = "area_m2" if pavement == "asphalt" else "slabs"
    _check(distresses, pavement, size)
    keys = ["section", "unit"]
    sizes = distresses.groupby(keys, sort=True)[list({"area_m2", size})].first()
    known = distresses[distresses.distress.notna()]
    total = known.groupby([*keys, "distress", "severity"], sort=True).quantity.sum().reset_index()
    density = total.quantity / sizes[size].loc[list(zip(total.section, total.unit, strict=True))].to_numpy()
    shares = [pavement == "concrete" or DISTRESSES[each].measured == "area" for each in total.distress]
    crowded = np.flatnonzero((density > 1 + ROUNDING) & np.array(shares, dtype=bool))
    if len(crowded):
        row = total.iloc[crowded[0]]
        what = "a larger area has" if pavement == "asphalt" else "more slabs have"
        raise InvalidInputError(f"distresses: {what} {row.distress} than unit {row.unit} of {row.section} has at all")
    values = [
        deduct_value(kind, severity, each, pavement=pavement)
        for kind, severity, each in zip(total.distress, total.severity, density, strict=True)
    ]
    deducts = total.assign(value=values).groupby(keys).value.apply(np.array)
    index = [condition_index(deducts.get(key, np.zeros(0)), pavement=pavement) for key in sizes.index]
    columns = {"area_m2": sizes.area_m2, "condition_index": index, "rating": rating(index)}
    return pd.DataFrame(columns, index=sizes.index)


def condition_of_sections(units: pd.DataFrame) -> pd.Series[float]:
    """Return the condition index of each section: the mean of its sample units, weighted by their area.

    Parameters
    ----------
    units
        The result of `condition_of_sample_units`, of units chosen at random or at regular distances.
    """
    weighted = (units.condition_index * units.area_m2).groupby("section").sum()
    index: pd.Series[float] = weighted / units.area_m2.groupby("section").sum()
    return index.rename("condition_index")


def deduct_value(distress: str, severity: str, density: float, *, pavement: Pavement = "asphalt") -> float:
    """Return the deduct value of a distress, read from its curve: of asphalt between the logarithms of the densities.

    Parameters
    ----------
    distress, severity, pavement
        See `condition_of_sample_units`.
    density
        Quantity divided by the area of the sample unit, in m²/m², m/m² or 1/m², or by its slabs. Beyond the ends of the
        curve its value there is taken.
    """
    if density <= 0:
        return 0.0
    if pavement == "concrete":
        slabs = SLAB_DISTRESSES[distress]
        return float(np.interp(100 * density, slabs.density, getattr(slabs, severity)))
    kind = DISTRESSES[distress]
    percent = 100 * density * {"area": 1.0, "length": FOOT_M, "count": FOOT_M**2}[kind.measured]
    return float(np.interp(np.log10(percent), np.log10(kind.density), getattr(kind, severity)))


def condition_index(deducts: npt.ArrayLike, *, pavement: Pavement = "asphalt") -> float:
    """Return the condition index of deduct values (ASTM D6433, section 9).

    Of the values at most m = 1 + 9/98 (100 − highest) ≤ 10 count, of the last only the fraction. The total is corrected
    by how many are above 2; then the smallest of these is set to 2, and so on until one is left. The index is 100 less
    the greatest corrected value.

    Parameters
    ----------
    deducts
        Deduct values of one sample unit, in any order.
    pavement
        Of which the curves of corrected values are taken.

    Raises
    ------
    InvalidInputError
        If one is negative or not a finite number.
    """
    values = np.sort(as_numbers("deduct values", deducts), axis=None)[::-1]
    if not (np.isfinite(values) & (values >= 0)).all():
        raise InvalidInputError("deduct values must be finite and 0 or more")
    if (values > SMALLEST_DEDUCT).sum() <= 1:
        return float(np.clip(100 - values.sum(), 0, 100))
    values = counted(values)
    greatest = 0.0
    for above in range(int((values > SMALLEST_DEDUCT).sum()), 0, -1):
        lowered = values.copy()
        lowered[above:] = np.minimum(lowered[above:], SMALLEST_DEDUCT)
        greatest = max(greatest, corrected(float(lowered.sum()), above, pavement=pavement))
    return float(np.clip(100 - greatest, 0, 100))


def counted(values: Floats) -> Floats:
    """Return the deduct values that count: as many of the highest as are allowed, of the last a fraction.

    Parameters
    ----------
    values
        The highest first.
    """
    allowed = min(1 + 9 / 98 * (100 - min(values[0], 100.0)), MOST_DEDUCTS)
    whole = int(allowed)
    kept = values[: whole + 1].copy()
    if len(kept) > whole:
        kept[whole] *= allowed - whole
    return kept


def corrected(total: float, above: int, *, pavement: Pavement = "asphalt") -> float:
    """Return the corrected deduct value of a total of which so many values are above 2."""
    curve = CORRECTED[min(above, len(CORRECTED)) - 1] if pavement == "asphalt" else _slab_curve(above)
    if total < TOTAL[0]:
        slope = (curve[1] - curve[0]) / (TOTAL[1] - TOTAL[0])
        return max(curve[0] - slope * (TOTAL[0] - total), 0.0)
    return float(np.interp(total, TOTAL, curve))


def _slab_curve(above: int) -> Floats:
    numbers, curves = list(SLAB_CORRECTED), np.array(list(SLAB_CORRECTED.values()))
    return np.array([np.interp(above, numbers, values) for values in curves.T])


def rating(index: npt.ArrayLike) -> Any:
    """Return the rating of each index, from ``good`` to ``failed``; null where the index is not a number."""
    values = as_numbers("index", index)
    names = np.array([*RATINGS, None], dtype=object)
    at_least = np.array(list(RATINGS.values()), dtype=float)
    place = (values[..., np.newaxis] <= at_least).sum(axis=-1)
    place = np.minimum(place, len(RATINGS) - 1)
    return names[np.where(np.isnan(values), len(RATINGS), place)]


def _check(distresses: pd.DataFrame, pavement: Pavement, size: str) -> None:
    missing = {"section", "unit", "area_m2", size, "distress", "severity", "quantity"} - set(distresses)
    if missing:
        raise InvalidInputError(f"distresses: no column {', '.join(sorted(missing))}")
    for name in ("section", "unit"):
        nameless = distresses.index[distresses[name].isna()]
        if len(nameless):
            raise InvalidInputError(f"distresses: row {named(nameless[0])} has no {name}")
    for name in dict.fromkeys(("area_m2", size)):
        sizes = pd.to_numeric(distresses[name], errors="coerce")
        if not (np.isfinite(sizes) & (sizes > 0)).all():
            raise InvalidInputError(f"distresses: {name} must be positive")
        if (sizes.groupby([distresses.section, distresses.unit]).nunique() > 1).any():
            raise InvalidInputError(f"distresses: {name} must be the same in all rows of a sample unit")
    known = distresses[distresses.distress.notna()]
    kinds = DISTRESSES if pavement == "asphalt" else SLAB_DISTRESSES
    for column, allowed in (("distress", kinds), ("severity", SEVERITIES)):
        wrong = known[~known[column].isin(list(allowed))]
        if len(wrong):
            raise InvalidInputError(
                f"distresses: {column} of row {named(wrong.index[0])} is {named(wrong[column].iloc[0])}, not one of "
                f"{', '.join(allowed)}"
            )
    quantity = pd.to_numeric(known.quantity, errors="coerce")
    if not (np.isfinite(quantity) & (quantity >= 0)).all():
        raise InvalidInputError("distresses: quantity must be a number of 0 or more")
