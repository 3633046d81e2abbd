"""Public safety: what a measure has done on the roads where it was taken."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.errors import InvalidInputError, named
from geo.inputs.parameters import Origins
from geo.inputs.services import STREETS
from geo.networks.network import Network
from geo.networks.travel import MODES
from geo.safety.incidents import INCIDENTS, OnlyCategory, StreetMaxM, located, times_of
from geo.safety.road_safety import measure_effect
from geo.safety.road_screening import ROADS, fit_class, predict_class, road_sites, traffic_is_known
from geo.safety.safety_performance import LEAST_SITES

NONE_BY_CHANCE = -np.log(0.025)

LastBefore = Annotated[dt.date, labelled({"be": "Апошні дзень да", "ru": "Последний день до", "en": "Last day before"})]
FirstAfter = Annotated[
    dt.date, labelled({"be": "Першы дзень пасля", "ru": "Первый день после", "en": "First day after"})
]


@analysis(
    id="measure-effect",
    title={"be": "Вынік меры бяспекі", "ru": "Результат меры безопасности", "en": "Effect of a safety measure"},
    summary={
        "be": "Ці менш аварый стала пасля меры, чым было б без яе: параўнанне да і пасля метадам Байеса.",
        "ru": "Меньше ли аварий стало после меры, чем было бы без неё: сравнение до и после методом Байеса.",
        "en": "Whether there are fewer accidents after a measure than without it: before-after with empirical Bayes.",
    },
    function="safety",
    inputs={"network": STREETS, "roads": ROADS, "incidents": INCIDENTS},
    view=View(
        geometry="line",
        colour_by="effect",
        classes=(
            ColourClass(
                title={"be": "Дапамагло", "ru": "Помогло", "en": "It helped"}, colour="#1a9850", values=("less",)
            ),
            ColourClass(
                title={"be": "Не даказана", "ru": "Не доказано", "en": "Not proved"},
                colour="#fee08b",
                values=("unclear",),
            ),
            ColourClass(
                title={"be": "Стала горш", "ru": "Стало хуже", "en": "It got worse"}, colour="#d73027", values=("more",)
            ),
        ),
        columns={
            "name": Column(title={"be": "Вуліца", "ru": "Улица", "en": "Street"}),
            "before": Column(title={"be": "Да", "ru": "До", "en": "Before"}),
            "after": Column(title={"be": "Пасля", "ru": "После", "en": "After"}),
            "expected": Column(
                title={"be": "Без меры было б", "ru": "Без меры было бы", "en": "Without it"}, decimals=1
            ),
            "ratio": Column(title={"be": "Суадносіны", "ru": "Отношение", "en": "Ratio"}, decimals=2),
            "ratio_all": Column(title={"be": "Разам", "ru": "Вместе", "en": "All together"}, decimals=2),
            "standard_error_all": Column(title={"be": "Памылка", "ru": "Ошибка", "en": "Standard error"}, decimals=2),
            "effect": Column(title={"be": "Вынік", "ru": "Результат", "en": "Effect"}),
        },
    ),
)
def effect_of_measure(
    network: Network,
    roads: gpd.GeoDataFrame,
    incidents: gpd.GeoDataFrame,
    at: Origins,
    last_before: LastBefore,
    first_after: FirstAfter,
    *,
    category: OnlyCategory = None,
    snap_max_m: StreetMaxM = 50.0,
) -> gpd.GeoDataFrame:
    """Estimate what a measure has done on some roads, regression to the mean set aside (before-after study).

    What would have happened without it is estimated from the accidents before and those of the other roads of the same
    class, which also show how much has changed anyway: `geo.safety.road_safety.measure_effect` (Hauer 1997).

    Parameters
    ----------
    network, roads, incidents, category, snap_max_m
        See `geo.safety.road_screening.road_screening`; ``occurred_at`` is needed. Incidents of which only the year is
        known count as of its first day: let the periods begin and end with years then.
    at
        Points on, or near, the roads where the measure was taken.
    last_before, first_after
        The period before runs from the first incident to the one day, that after from the other to the last incident;
        what happens between them, while it was built, does not count.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a road, by its index: ``name``, ``before`` and ``after`` (accidents), ``expected`` (after, without the
        measure), ``ratio`` (after to expected, corrected), ``standard_error``, ``ratio_all`` and ``standard_error_all``
        (of all these roads together, in every row), ``effect`` (``less`` or ``more`` where the ratio of all is more
        than 1.96 standard errors from 1, or, where nothing happened after, more than 3.7 accidents were expected, of
        which chance leaves none in one case of 40; else ``unclear``), ``geometry``.

    Raises
    ------
    InvalidInputError
        If the days are in the wrong order, a point is far from every road, there is nothing before or after, the other
        roads of a class have no accidents in one of the periods, or a parameter is out of range.
    """
    if not last_before < first_after:
        raise InvalidInputError(f"last_before, {last_before}, must be before first_after, {first_after}")
    times = times_of(located(incidents, category))
    placed = located(incidents, category)[times.notna().to_numpy()]
    times = times[times.notna()]
    end, begin = pd.Timestamp(last_before, tz="UTC") + pd.Timedelta(days=1), pd.Timestamp(first_after, tz="UTC")
    earlier, later = (times < end).to_numpy(), (times >= begin).to_numpy()
    if not earlier.any() or not later.any():
        raise InvalidInputError("there must be incidents with a time both before and after the measure")
    sites, before = road_sites(network, roads, placed[earlier], None, snap_max_m)
    after = road_sites(network, roads, placed[later], None, snap_max_m)[1]
    table = sites.assign(before=before.accidents, after=after.accidents)
    treated = _roads_at(network, at, snap_max_m)
    years = float((end - times.min()).days) / 365.25
    predicted = pd.concat([_compared(table, group, treated, years) for group in table.road_class[treated].unique()])
    chosen = table.loc[treated].join(predicted)
    columns = ("before", "predicted_before", "after", "predicted_after")
    measured = [chosen[name].to_numpy(dtype=float) for name in columns]
    every = measure_effect(*measured, dispersion=chosen.phi.to_numpy())
    each = [
        measure_effect(*(values[[row]] for values in measured), dispersion=chosen.phi.to_numpy()[[row]])
        for row in range(len(chosen))
    ]
    far = abs(every.ratio - 1) > 1.96 * every.standard_error if every.observed else every.expected > NONE_BY_CHANCE
    chosen = chosen.assign(
        expected=[one.expected for one in each],
        ratio=[one.ratio for one in each],
        standard_error=[one.standard_error for one in each],
        ratio_all=every.ratio,
        standard_error_all=every.standard_error,
        effect="unclear" if not far else "less" if every.ratio < 1 else "more",
    )
    shown = ["name", "before", "after", "expected", "ratio", "standard_error", "ratio_all", "standard_error_all"]
    return gpd.GeoDataFrame(chosen[[*shown, "effect", "geometry"]], geometry="geometry", crs=network.crs)


def _roads_at(network: Network, at: gpd.GeoSeries, max_m: float) -> pd.Index[Any]:
    travel = network.for_mode(MODES["drive"])
    places = travel.snap(at.to_crs(network.crs), max_m=max_m, anywhere=True)
    if not places.found.all():
        raise InvalidInputError(
            f"point {named(at.index[~places.found][0])} is farther than {max_m:g} m from every road"
        )
    roads: pd.Index[Any] = pd.Index(network.feature[places.edge]).unique()
    return roads


def _compared(table: pd.DataFrame, group: str, treated: pd.Index, years: float) -> pd.DataFrame:
    """Return what is predicted of the treated roads of a class before and after, by the others of the class."""
    members = table[table.road_class == group]
    others = members[~members.index.isin(treated)]
    if len(others) < LEAST_SITES or not others.before.sum() or not others.after.sum():
        raise InvalidInputError(
            f"too few other roads of the class {group!r} have accidents before and after: there is nothing to compare "
            "with"
        )
    by_traffic = traffic_is_known(members)
    fitted = fit_class(others, others.before, years, by_traffic=by_traffic)
    chosen = members[members.index.isin(treated)]
    before = predict_class(chosen, fitted, years, by_traffic=by_traffic)
    change = others.after.sum() / others.before.sum()
    phi = fitted.dispersion_per_km * chosen.length_m / 1000
    return pd.DataFrame(
        {"predicted_before": before, "predicted_after": before * change, "phi": phi}, index=chosen.index
    )
