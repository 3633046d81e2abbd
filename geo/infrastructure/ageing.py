"""How pipes and cables age: breaks a kilometre and year by cohort, and how they grow with age."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy
import shapely

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.checks import amounts, as_numbers
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.inputs.demand import share
from geo.inputs.services import column, numbers

if TYPE_CHECKING:
    import numpy.typing as npt

    from geo.networks.topology import Floats, Ints

DAYS_A_YEAR = 365.25

FEWEST_BREAKS = 5
"""With fewer breaks of a material no ageing is fitted."""

SHAPES = 1e-3, 50.0
"""Between these the shape of a law of ageing is looked for."""

Network = Annotated[
    str,
    labelled(
        {"be": "Сетка", "ru": "Сеть", "en": "Network"}, values_of=("utilities.network",), min_length=1, max_length=50
    ),
]
Since = Annotated[date, labelled({"be": "Аварыі вядомыя з", "ru": "Аварии известны с", "en": "Breaks are known since"})]
Until = Annotated[
    date, labelled({"be": "Аварыі вядомыя да", "ru": "Аварии известны до", "en": "Breaks are known until"})
]
BreakMaxM = Annotated[
    float,
    labelled(
        {"be": "Ад аварыі да трубы не далей", "ru": "От аварии до трубы не далее", "en": "Break to pipe at most"},
        unit="m",
        gt=0,
        le=500,
    ),
]


@dataclass(frozen=True, kw_only=True)
class WeibullLaw:
    """Breaks by age: λ(t) = k/θ (t/θ)^(k−1) for a unit of exposure and a year.

    Where each thing breaks once and is then replaced, it is the hazard of a Weibull life; where it is mended and breaks
    again, the rate of a power law process (Crow 1974). Above a shape of 1 breaks grow with age.

    Parameters
    ----------
    shape
        k.
    scale
        θ, in years.
    breaks
        To how many it was fitted.
    """

    shape: float
    scale: float
    breaks: int

    def rate(self, age: npt.ArrayLike) -> Floats:
        """Return the breaks a unit of exposure and year at ages in years."""
        years = np.maximum(np.asarray(age, dtype=float), 1e-9)
        rate: Floats = self.shape / self.scale * (years / self.scale) ** (self.shape - 1)
        return rate

    def expected(self, begin: npt.ArrayLike, end: npt.ArrayLike) -> Floats:
        """Return the breaks a unit of exposure between two ages."""
        one, other = (np.asarray(age, dtype=float) / self.scale for age in (begin, end))
        breaks: Floats = other**self.shape - one**self.shape
        return breaks


def weibull_law(
    ages: npt.ArrayLike, begin: npt.ArrayLike, end: npt.ArrayLike, exposure: npt.ArrayLike = 1.0
) -> WeibullLaw:
    """Fit a law of ageing by maximum likelihood, to things seen for a part of their life.

    With breaks at ages t and things of exposure e seen from age a to age b,
    log L = Σ log λ(t) − Σ e ((b/θ)^k − (a/θ)^k), so that θ^k = Σ e (b^k − a^k) / n, and k solves
    n/k + Σ log t = n Σ e (b^k log b − a^k log a) / Σ e (b^k − a^k).

    Parameters
    ----------
    ages
        Age at each break, in years, above 0.
    begin, end
        Ages between which each thing was seen: to its break or replacement, or the end of the records.
    exposure
        Of each thing, such as its length; 1 by default.

    Raises
    ------
    InvalidInputError
        If there are fewer than 2 breaks, an age is out of order, or the breaks show no law (all at one age, or at the
        end of what was seen).
    """
    broken = as_numbers("ages", ages)
    one, other, much = np.broadcast_arrays(*(np.atleast_1d(each).astype(float) for each in (begin, end, exposure)))
    seen = (one >= 0) & (other > one) & (much > 0) & np.isfinite(other) & np.isfinite(much)
    if not seen.all() or not len(seen) or not ((broken > 0) & np.isfinite(broken)).all():
        raise InvalidInputError("ages must be above 0 and in order, and exposures positive")
    if len(broken) < 2:
        raise InvalidInputError(f"a law of ageing needs 2 breaks at least, not {len(broken)}")
    law = _fitted(broken, one, other, much)
    if law is None:
        raise InvalidInputError("the breaks show no law: they are all at one age, or at the end of the records")
    return law


def _fitted(broken: Floats, one: Floats, other: Floats, much: Floats) -> WeibullLaw | None:
    unit = float(other.max())
    logs, low, high = np.log(broken / unit), one / unit, other / unit
    log_low, log_high = np.log(np.where(low > 0, low, 1.0)), np.log(high)

    def slope(shape: float) -> float:
        up, down = much * high**shape, much * np.where(low > 0, low, 0.0) ** shape
        return float(1 / shape + logs.mean() - (up * log_high - down * log_low).sum() / (up - down).sum())

    if not slope(SHAPES[0]) > 0 > slope(SHAPES[1]):
        raise InvalidInputError(
            "the breaks show no law of ageing: they are all at one age, or at the end of the records"
        )
    shape = float(scipy.optimize.brentq(slope, *SHAPES))
    total = float((much * (high**shape - low**shape)).sum())
    return WeibullLaw(shape=shape, scale=unit * (total / len(broken)) ** (1 / shape), breaks=len(broken))


def break_rates(cohort: npt.ArrayLike, exposure: npt.ArrayLike, breaks: npt.ArrayLike) -> pd.DataFrame:
    """Return the breaks a unit of exposure of each cohort, with exact limits of 95 % (Poisson: Garwood 1936).

    Parameters
    ----------
    cohort
        Of each thing; nulls are a cohort of their own, in the end.
    exposure
        Of each thing, such as kilometre-years.
    breaks
        Of each thing.

    Raises
    ------
    InvalidInputError
        If there are not as many of each, an exposure isn't a number of 0 or more, or breaks aren't whole numbers of 0
        or more.
    """
    labels = pd.Series(cohort)
    much = amounts("exposure", exposure, count=len(labels))
    many = amounts("breaks", breaks, count=len(labels))
    if (many % 1).any():
        raise InvalidInputError("breaks must be whole numbers")
    frame = pd.DataFrame({"cohort": labels.to_numpy(), "exposure": much, "breaks": many})
    rates = frame.groupby("cohort", sort=True, dropna=False)[["exposure", "breaks"]].sum()
    count = rates.breaks.to_numpy(dtype=float)
    low = np.where(count > 0, scipy.stats.chi2.ppf(0.025, 2 * np.maximum(count, 0.5)) / 2, 0.0)
    high = scipy.stats.chi2.ppf(0.975, 2 * count + 2) / 2
    for name, number in (("rate", count), ("rate_low", low), ("rate_high", high)):
        rates[name] = share(number, rates.exposure)
    return rates


@analysis(
    id="pipe-ageing",
    title={"be": "Старэнне сетак", "ru": "Старение сетей", "en": "Ageing of pipes"},
    summary={
        "be": "Колькі аварый на кілометр за год маюць трубы кожнага матэрыялу і ўзросту, і колькі чакаецца цяпер.",
        "ru": "Сколько аварий на километр в год у труб каждого материала и возраста, и сколько ожидается теперь.",
        "en": "How many breaks a kilometre and year pipes of each material and age have, and how many to expect now.",
    },
    function="infrastructure",
    inputs={
        "utilities": LayerInput(
            layer="utilities",
            columns=("network", "name", "material", "diameter_mm", "year_installed", "installed_on", "status"),
        ),
        "outages": LayerInput(layer="outages", columns=("network", "planned", "starts_at")),
    },
    view=View(
        geometry="line",
        colour_by="expected_rate",
        columns={
            "material": Column(title={"be": "Матэрыял", "ru": "Материал", "en": "Material"}),
            "age_years": Column(
                title={"be": "Узрост", "ru": "Возраст", "en": "Age"},
                unit={"be": "гадоў", "ru": "лет", "en": "years"},
                decimals=0,
            ),
            "breaks": Column(title={"be": "Аварыі", "ru": "Аварии", "en": "Breaks"}),
            "cohort_rate": Column(
                title={"be": "Аварый на км за год", "ru": "Аварий на км в год", "en": "Breaks a km and year"},
                decimals=2,
            ),
            "expected_rate": Column(
                title={"be": "Чакаецца цяпер", "ru": "Ожидается теперь", "en": "Expected now"}, decimals=2
            ),
        },
    ),
)
def pipe_ageing(
    utilities: gpd.GeoDataFrame,
    outages: gpd.GeoDataFrame,
    since: Since,
    until: Until,
    *,
    network: Network = "water",
    break_max_m: BreakMaxM = 20.0,
) -> gpd.GeoDataFrame:
    """Find how pipes age by their breaks (Kleiner & Rajani 2001).

    Unplanned outages are breaks of the nearest pipe. Cohorts are pipes of one material laid in one decade; a law of
    ageing is fitted to each material with enough breaks, and to all: see `weibull_law`. Pipes that were replaced are
    not in the layer, so that the breaks of the oldest are told too few.

    Parameters
    ----------
    utilities
        Lines in a projected CRS in metres: ``network``, ``material``, ``year_installed`` or ``installed_on``,
        ``status``, ``name``; all but the geometry may be missing. Those with a ``status`` other than ``in use`` are
        left out.
    outages
        In any CRS: ``starts_at``, ``network`` and ``planned``. Those planned, of another network, out of the period or
        without a place are passed over.
    since, until
        The period in which all breaks are known.
    network
        Which network, such as ``water``.
    break_max_m
        A break farther than this from every pipe is passed over.

    Returns
    -------
    geopandas.GeoDataFrame
        The pipes, by their index. Columns: ``name``, ``material``, ``age_years`` (at the end of the period; NaN where
        not known), ``cohort`` (such as ``PVC 1970s``), ``breaks`` (in the period), ``cohort_rate`` (breaks a km and
        year), ``rate_low``, ``rate_high`` (its limits of 95 %), ``expected_rate`` (by the law of the material, or of
        all, at the pipe's age; NaN without one or without the age), ``shape`` (of that law), geometry.

    Raises
    ------
    InvalidInputError
        If there is no pipe of the network, the period is empty, or a CRS is missing.
    """
    metric_crs(utilities.crs, "utilities")
    if not since < until:
        raise InvalidInputError(f"the period must end after it begins: since {since} until {until}")
    pipes = _pipes(utilities, network)
    laid = _year_laid(pipes)
    begin, end = (_decimal_year(day) for day in (since, until))
    events = _breaks(outages, network, since, until)
    pipe = _nearest(pipes, events, break_max_m)
    when = _decimal_years(events.starts_at)[pipe >= 0]
    pipe = pipe[pipe >= 0]
    number = np.bincount(pipe, minlength=len(pipes))
    length_km = pipes.length.to_numpy() / 1e3
    years = np.clip(end - np.fmax(laid, begin), 0.0, None)
    material = column(pipes, "material").astype(object).where(column(pipes, "material").notna(), "unknown").to_numpy()
    cohort = _cohorts(material, laid)
    rates = break_rates(cohort, length_km * years, number).loc[cohort]
    expected, shape = _expected(material, laid, length_km, begin, end, pipe, when)
    columns = {
        "name": column(pipes, "name"),
        "material": material,
        "age_years": np.where(laid <= end, end - laid, np.nan),
        "cohort": cohort,
        "breaks": number,
        "cohort_rate": rates.rate.to_numpy(),
        "rate_low": rates.rate_low.to_numpy(),
        "rate_high": rates.rate_high.to_numpy(),
        "expected_rate": expected,
        "shape": shape,
    }
    return gpd.GeoDataFrame(columns, geometry=pipes.geometry, index=pipes.index, crs=pipes.crs)


def _pipes(utilities: gpd.GeoDataFrame, network: str) -> gpd.GeoDataFrame:
    mine = column(utilities, "network").fillna(network) == network
    used = column(utilities, "status").fillna("in use") == "in use"
    pipes = utilities[(mine & used & (utilities.length > 0)).to_numpy(dtype=bool, na_value=False)]
    if pipes.empty:
        raise InvalidInputError(f"there is no line of the network {network!r} in use")
    return pipes


def _year_laid(pipes: gpd.GeoDataFrame) -> Floats:
    days = pd.to_datetime(column(pipes, "installed_on"), errors="coerce")
    years = numbers(column(pipes, "year_installed"), np.nan)
    return np.where(days.notna(), _decimal_years(days), years + 0.5)


def _decimal_year(day: date) -> float:
    return float(_decimal_years(pd.Series([pd.Timestamp(day)]))[0])


def _decimal_years(moments: Any) -> Floats:
    times = pd.to_datetime(moments, utc=True)
    years: Floats = times.dt.year.to_numpy(dtype=float) + (times.dt.day_of_year.to_numpy(dtype=float) - 1) / DAYS_A_YEAR
    return years


def _breaks(outages: gpd.GeoDataFrame, network: str, since: date, until: date) -> gpd.GeoDataFrame:
    when = pd.to_datetime(column(outages, "starts_at"), utc=True, errors="coerce")
    within = (when >= pd.Timestamp(since, tz="UTC")) & (when <= pd.Timestamp(until, tz="UTC"))
    mine = column(outages, "network").fillna(network) == network
    sudden = ~column(outages, "planned").astype("boolean").fillna(value=False)
    placed = ~(outages.geometry.isna() | outages.geometry.is_empty)
    kept = (within & mine & sudden & placed).to_numpy(dtype=bool, na_value=False)
    return outages.assign(starts_at=when)[kept]


def _nearest(pipes: gpd.GeoDataFrame, events: gpd.GeoDataFrame, max_m: float) -> Ints:
    """Return the position of the pipe nearest to each event; -1 where none is near enough."""
    found = np.full(len(events), -1)
    if len(events):
        places = events.geometry.to_crs(pipes.crs).to_numpy()
        row, pipe = shapely.STRtree(pipes.geometry.to_numpy()).query_nearest(
            places, max_distance=max_m, all_matches=False
        )
        found[row] = pipe
    return found


def _cohorts(material: Any, laid: Floats) -> Any:
    decade = np.floor(np.nan_to_num(laid) / 10).astype(np.int64) * 10
    when = np.where(np.isnan(laid), "", np.char.add(np.char.add(" ", decade.astype(str)), "s"))
    return np.char.add(material.astype(str), when).astype(object)


def _expected(
    material: Any, laid: Floats, length_km: Floats, begin: float, end: float, pipe: Ints, when: Floats
) -> tuple[Floats, Floats]:
    """Return the breaks a km and year by the law of each pipe's material at its age, and the shape of that law."""
    first, last = np.maximum(begin - laid, 0.0), end - laid
    usable = last > first
    age = when - laid[pipe]
    expected, shape = np.full(len(laid), np.nan), np.full(len(laid), np.nan)
    for each in [None, *pd.unique(material)]:
        mine = usable & (np.ones(len(laid), dtype=bool) if each is None else material == each)
        own = mine[pipe] & (age > 0)
        if own.sum() < FEWEST_BREAKS:
            continue
        law = _fitted(age[own], first[mine], last[mine], length_km[mine])
        if law is not None:
            expected[mine], shape[mine] = law.rate(last[mine]), law.shape
    return expected, shape
