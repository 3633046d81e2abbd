"""Safety performance functions: how many accidents roads of a kind have, by their traffic and length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from geo.checks import amounts
from geo.errors import InvalidInputError
from geo.networks.topology import Floats
from geo.safety.road_safety import predicted_accidents

LEAST_SITES = 3

LOG_PHI = (-7.0, 12.0)
"""Between these the logarithm of the dispersion is looked for: above, accidents are as good as Poisson."""


@dataclass(frozen=True)
class SafetyPerformance:
    """A safety performance function, fitted to sites of a kind.

    Parameters
    ----------
    coefficient
        Accidents a kilometre and year at one vehicle a day, or at any traffic where the exponent is 0.
    exponent
        Of the traffic.
    dispersion_per_km
        phi of the negative binomial distribution, of a kilometre: that of a site is this times its length.
    """

    coefficient: float
    exponent: float
    dispersion_per_km: float

    def predict(self, *, length_km: Any, years: Any, vehicles_per_day: Any = 1.0) -> Floats:
        """Return the accidents expected of sites of the kind: see `geo.safety.road_safety.predicted_accidents`."""
        return predicted_accidents(
            vehicles_per_day, coefficient=self.coefficient, exponent=self.exponent, length_km=length_km, years=years
        )


def fit_safety_performance(
    accidents: Any, *, length_km: Any, years: float, vehicles_per_day: Any = None
) -> SafetyPerformance:
    """Fit a safety performance function by maximum likelihood (negative binomial regression).

    Accidents of site i have the mean ``mu_i = a V_i^b L_i T`` and the variance ``mu_i + mu_i² / (phi L_i)``, in which
    the dispersion goes with the length: Hauer 2001, Accident Analysis and Prevention 33(6), 799-808.

    Parameters
    ----------
    accidents
        Of each site, in all the years.
    length_km
        Of each site, more than 0.
    years
        How long they were observed.
    vehicles_per_day
        Mean daily traffic, more than 0; without it the exponent is 0.

    Raises
    ------
    InvalidInputError
        If there are fewer than 3 sites or no accident, a number is out of range, or the fit does not succeed.
    """
    count = amounts("accidents", accidents)
    length = amounts("length_km", length_km, count=len(count), positive=True)
    if len(count) < LEAST_SITES or count.sum() == 0:
        raise InvalidInputError(f"at least {LEAST_SITES} sites, and one accident, are needed to fit their kind")
    exposure = length * float(amounts("years", years, positive=True))
    columns = [np.ones(len(count))]
    if vehicles_per_day is not None:
        columns.append(np.log(amounts("vehicles_per_day", vehicles_per_day, count=len(count), positive=True)))
    design = np.column_stack(columns)
    centre = design.mean(axis=0)
    centre[0] = 0.0
    start = np.zeros(len(columns) + 1)
    start[0] = np.log(count.sum() / exposure.sum())
    found = scipy.optimize.minimize(
        _loss,
        start,
        args=(design - centre, np.log(exposure), count, length),
        jac=True,
        method="L-BFGS-B",
        bounds=[(None, None)] * len(columns) + [LOG_PHI],
        options={"ftol": 1e-13, "gtol": 1e-9, "maxiter": 1000},
    )
    if not np.isfinite(found.fun):
        raise InvalidInputError("the safety performance function can't be fitted to these sites")
    slope = float(found.x[1]) if len(columns) > 1 else 0.0
    level = float(found.x[0]) - slope * float(centre[-1])
    return SafetyPerformance(float(np.exp(level)), slope, float(np.exp(found.x[-1])))


def _loss(values: Floats, design: Floats, offset: Floats, count: Floats, length: Floats) -> tuple[float, Floats]:
    """Return the negative log-likelihood and its gradient."""
    phi = np.exp(values[-1]) * length
    mean = np.exp(np.clip(design @ values[:-1] + offset, -50, 50))
    likelihood = (
        scipy.special.gammaln(count + phi)
        - scipy.special.gammaln(phi)
        - scipy.special.gammaln(count + 1)
        + phi * np.log(phi / (phi + mean))
        + count * np.log(mean / (phi + mean))
    )
    by_mean = count - mean * (count + phi) / (mean + phi)
    by_phi = (
        scipy.special.digamma(count + phi)
        - scipy.special.digamma(phi)
        + np.log(phi / (phi + mean))
        + 1
        - (count + phi) / (phi + mean)
    )
    return -float(likelihood.sum()), -np.append(design.T @ by_mean, (by_phi * phi).sum())
