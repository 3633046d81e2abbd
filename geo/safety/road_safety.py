"""Screening of roads for safety: rates, severity, and how many accidents a site really has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from geo.checks import amounts, same_length
from geo.errors import InvalidInputError
from geo.networks.topology import Floats

VEHICLE_KM = 1e8
"""Rates of sections are per so many vehicle-kilometres."""

ENTERING_VEHICLES = 1e6
"""Rates of junctions are per so many entering vehicles."""

DAYS = 365.0


@dataclass(frozen=True, eq=False)
class EmpiricalBayes:
    """What is expected of each site in the long run, in accidents over the years observed.

    Parameters
    ----------
    weight
        Share of the prediction in the estimate, 0 to 1.
    expected
        The estimate.
    standard_deviation
        Of the estimate.
    excess
        The estimate less the prediction: what could be gained, where positive.
    """

    weight: Floats
    expected: Floats
    standard_deviation: Floats
    excess: Floats


@dataclass(frozen=True)
class MeasureEffect:
    """What a measure has done at all sites together.

    Parameters
    ----------
    observed, expected
        Accidents after it, and those expected without it.
    ratio
        Observed to expected, corrected for the error of the expectation: below 1 the measure helps.
    standard_error
        Of the ratio.
    """

    observed: float
    expected: float
    ratio: float
    standard_error: float


def predicted_accidents(
    vehicles_per_day: Any, *, coefficient: float, exponent: float, length_km: Any = 1.0, years: Any = 1.0
) -> Floats:
    """Predict the accidents of sites of a kind from their traffic (safety performance function).

    ``coefficient * vehicles_per_day ** exponent * length_km * years``. Hauer et al. 2002, Transportation Research
    Record 1784, 126-131.

    Parameters
    ----------
    vehicles_per_day
        Mean daily traffic of each site.
    coefficient, exponent
        Fitted to sites of the kind.
    length_km
        Of sections; 1 for junctions.
    years
        How long they are observed.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite.
    """
    traffic = amounts("vehicles_per_day", vehicles_per_day)
    predicted: Floats = (
        amounts("coefficient", coefficient)
        * np.power(traffic, exponent)
        * amounts("length_km", length_km)
        * amounts("years", years)
    )
    return predicted


def empirical_bayes(observed: Any, predicted: Any, *, dispersion: Any) -> EmpiricalBayes:
    """Estimate the accidents of sites from those observed and those predicted (empirical Bayes).

    A site with many accidents has some of them by chance (regression to the mean). ``w = 1 / (1 + predicted / phi)``,
    ``expected = w * predicted + (1 - w) * observed``, ``variance = (1 - w) * expected``.
    Hauer, Harwood, Council & Griffith 2002, Transportation Research Record 1784, 126-131.

    Parameters
    ----------
    observed
        Accidents of each site over the years observed.
    predicted
        The same from `predicted_accidents`, over the same years.
    dispersion
        phi of the negative binomial distribution, that of the whole site: where it was fitted per kilometre, times the
        length. It is 1 / k in the Highway Safety Manual.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite, `dispersion` is 0, or lengths do not suit.
    """
    counted, by_model = amounts("observed", observed), amounts("predicted", predicted)
    phi = amounts("dispersion", dispersion, positive=True)
    counted, by_model, phi = same_length(observed=counted, predicted=by_model, dispersion=phi)
    weight = 1 / (1 + by_model / phi)
    expected = weight * by_model + (1 - weight) * counted
    return EmpiricalBayes(weight, expected, np.sqrt((1 - weight) * expected), expected - by_model)


def measure_effect(
    observed_before: Any, predicted_before: Any, observed_after: Any, predicted_after: Any, *, dispersion: Any
) -> MeasureEffect:
    """Estimate what a measure has done, at sites chosen for their many accidents (before-after with empirical Bayes).

    Such sites would have had fewer accidents without any measure too. So what is expected after it is not what was
    observed before, but the estimate of `empirical_bayes`, times ``predicted_after / predicted_before``, which
    accounts for traffic and years. With the sums over sites L of observed accidents after, P of expected ones and
    ``v = Var(P) / P²``: ``ratio = L / P / (1 + v)`` and ``error² = ratio² (1 / L + v) / (1 + v)²``.
    Hauer 1997, Observational Before-After Studies in Road Safety, table 6.1 and chapters 11 and 12.

    Parameters
    ----------
    observed_before, observed_after
        Accidents of each site over the years before and after.
    predicted_before, predicted_after
        The same from `predicted_accidents`, without the measure.
    dispersion
        As in `empirical_bayes`.

    Returns
    -------
    MeasureEffect
        Its standard error is 0 where nothing was observed after: then the ratio is 0 and says little.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite, nothing was predicted before or is expected after, or lengths do not
        suit.
    """
    before, by_model, after, model_after, phi = (
        np.atleast_1d(each)
        for each in same_length(
            observed_before=amounts("observed_before", observed_before),
            predicted_before=amounts("predicted_before", predicted_before, positive=True),
            observed_after=amounts("observed_after", observed_after),
            predicted_after=amounts("predicted_after", predicted_after),
            dispersion=amounts("dispersion", dispersion, positive=True),
        )
    )
    estimate = empirical_bayes(before, by_model, dispersion=phi)
    growth = model_after / by_model
    expected = float((growth * estimate.expected).sum())
    observed = float(after.sum())
    if expected == 0:
        raise InvalidInputError("no accidents are expected after the measure: there is nothing to compare with")
    error = float(((growth * estimate.standard_deviation) ** 2).sum()) / expected**2
    ratio = observed / expected / (1 + error)
    spread = np.sqrt(1 / observed + error) / (1 + error) if observed else 0.0
    return MeasureEffect(observed, expected, ratio, float(ratio * spread))


def equivalent_damage_only(
    fatal: Any, injury: Any, damage: Any, *, fatal_weight: float = 542.0, injury_weight: float = 11.0
) -> Floats:
    """Weigh accidents by severity (EPDO): as how many with damage only do they count.

    ``fatal_weight * fatal + injury_weight * injury + damage``; the weights are ratios of the costs of accidents,
    here those of AASHTO, Highway Safety Manual 2010, section 4.4.2.4.

    Parameters
    ----------
    fatal, injury, damage
        Accidents of each site by their worst outcome.
    fatal_weight, injury_weight
        Accidents with damage only that cost as much as one with deaths, or with injuries.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite, or lengths do not suit.
    """
    deaths, injuries, damages = same_length(
        fatal=amounts("fatal", fatal), injury=amounts("injury", injury), damage=amounts("damage", damage)
    )
    weighed: Floats = (
        amounts("fatal_weight", fatal_weight) * deaths + amounts("injury_weight", injury_weight) * injuries + damages
    )
    return weighed


def section_exposure(vehicles_per_day: Any, *, length_km: Any, years: Any = 1.0) -> Floats:
    """Return the traffic of sections in 100 million vehicle-kilometres: vehicles a day x 365 x years x length / 10⁸."""
    vehicles, days, length = same_length(
        vehicles_per_day=amounts("vehicles_per_day", vehicles_per_day),
        years=DAYS * amounts("years", years),
        length_km=amounts("length_km", length_km),
    )
    exposure: Floats = vehicles * days * length
    return exposure / VEHICLE_KM


def junction_exposure(vehicles_per_day: Any, *, years: Any = 1.0) -> Floats:
    """Return the traffic that enters junctions in million vehicles: vehicles a day x 365 x years / 10⁶."""
    exposure: Floats = amounts("vehicles_per_day", vehicles_per_day) * DAYS * amounts("years", years)
    return exposure / ENTERING_VEHICLES


def accident_rate(accidents: Any, exposure: Any) -> Floats:
    """Return accidents per unit of exposure; NaN where there is no traffic.

    Parameters
    ----------
    accidents
        Of each site.
    exposure
        From `section_exposure` or `junction_exposure`, over the same years.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite, or lengths do not suit.
    """
    counted, traffic = same_length(accidents=amounts("accidents", accidents), exposure=amounts("exposure", exposure))
    rate: Floats = np.divide(counted, traffic, out=np.full(counted.shape, np.nan), where=traffic > 0)
    return rate


def critical_rate(mean_rate: Any, exposure: Any, *, confidence: float = 0.95) -> Floats:
    """Return the rate above which a site is worse than its kind, and not by chance (rate quality control).

    ``R + K sqrt(R / M) + 1 / (2 M)`` with the mean rate R of the kind, the exposure M and the quantile K of the normal
    distribution. Norden, Orlansky & Jacobs 1956, Highway Research Board Bulletin 117; AASHTO, Highway Safety Manual
    2010, section 4.4.2.5.

    Parameters
    ----------
    mean_rate
        Accidents per unit of exposure of all sites of the kind.
    exposure
        Of each site, in the same unit.
    confidence
        Between 0.5 and 1; 0.95 gives K = 1.645.

    Returns
    -------
    numpy.ndarray
        Accidents per unit of exposure; infinite where there is no traffic.

    Raises
    ------
    InvalidInputError
        If a number is negative or not finite, or `confidence` is out of range.
    """
    if not 0.5 <= confidence < 1:
        raise InvalidInputError(f"confidence must be from 0.5 to below 1, not {confidence}")
    mean, traffic = same_length(mean_rate=amounts("mean_rate", mean_rate), exposure=amounts("exposure", exposure))
    inverse = np.divide(1.0, traffic, out=np.zeros(traffic.shape), where=traffic > 0)
    critical = mean + float(scipy.special.ndtri(confidence)) * np.sqrt(mean * inverse) + inverse / 2
    return np.where(traffic > 0, critical, np.inf)
