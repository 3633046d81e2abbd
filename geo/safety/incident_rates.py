"""Public safety: incidents by the people who live in a district, set free from the chance of small numbers."""

from __future__ import annotations

from typing import Annotated

import geopandas as gpd
import numpy as np

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError
from geo.inputs.demand import POPULATION, share
from geo.inputs.services import column, different, in_crs, numbers
from geo.safety.hazards import people_in
from geo.safety.incidents import (
    INCIDENTS,
    INCIDENTS_COLUMN,
    FirstDay,
    LastDay,
    OnlyCategory,
    WeighBy,
    incident_weights,
    located,
)
from geo.statistics.inference import empirical_bayes_rates

Level = Annotated[
    int | None,
    labelled({"be": "Узровень раёнаў", "ru": "Уровень районов", "en": "Level of districts"}, ge=1, le=15),
]


@analysis(
    id="incident-rates",
    title={"be": "Здарэнні на 1000 жыхароў", "ru": "Происшествия на 1000 жителей", "en": "Incidents per 1,000 people"},
    summary={
        "be": "Колькі здарэнняў прыпадае на 1000 жыхароў кожнага раёна, з папраўкай на малыя лікі (метад Байеса).",
        "ru": "Сколько происшествий приходится на 1000 жителей каждого района, с поправкой на малые числа (Байес).",
        "en": "How many incidents 1,000 people of each district have, the chance of small numbers set aside (Bayes).",
    },
    function="safety",
    inputs={
        "incidents": INCIDENTS,
        "districts": LayerInput(layer="districts", columns=("name", "admin_level", "population")),
        "population": POPULATION,
    },
    view=View(
        geometry="polygon",
        colour_by="smoothed_per_1000",
        opacity=0.7,
        columns={
            "name": Column(title={"be": "Раён", "ru": "Район", "en": "District"}),
            "incidents": INCIDENTS_COLUMN,
            "people": Column(title={"be": "Людзі", "ru": "Люди", "en": "People"}),
            "per_1000": Column(title={"be": "На 1000", "ru": "На 1000", "en": "Per 1,000"}, decimals=2),
            "smoothed_per_1000": Column(
                title={"be": "На 1000, згладжана", "ru": "На 1000, сглажено", "en": "Per 1,000, smoothed"}, decimals=2
            ),
        },
    ),
)
def incident_rates(
    incidents: gpd.GeoDataFrame,
    districts: gpd.GeoDataFrame,
    population: gpd.GeoDataFrame | None = None,
    *,
    admin_level: Level = None,
    weigh_by: WeighBy = "count",
    category: OnlyCategory = None,
    since: FirstDay = None,
    until: LastDay = None,
) -> gpd.GeoDataFrame:
    """Compare districts by their incidents per 1,000 people (empirical Bayes rates).

    Where few people live, a rate is high or low by chance; so it is drawn towards that of all districts, the more the
    fewer live there: `geo.statistics.inference.empirical_bayes_rates` (Marshall 1991).

    Parameters
    ----------
    incidents
        Points in any CRS.
    districts
        Polygons in a projected CRS in metres that do not overlap, with ``name``; ``population`` is needed where there
        is no layer of it.
    population
        With ``total``, in any CRS; of what lies in a district in part, that part counts.
    admin_level
        Only districts of this level.
    weigh_by, category, since, until
        See `geo.safety.hot_spots.hot_spots`.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a district where anyone lives, by its index: ``name``, ``incidents``, ``value`` (what they weigh),
        ``people``, ``per_1000`` and ``smoothed_per_1000`` (of the value), ``geometry``.

    Raises
    ------
    InvalidInputError
        If the CRS is not in metres, there is no district of the level, nobody lives in any, or a column is wrong.
    """
    crs = metric_crs(districts.crs, "districts")
    if admin_level is not None:
        levels = column(districts, "admin_level")
        if not (levels == admin_level).any():
            raise InvalidInputError(f"no district has the level {admin_level}: there are {different(levels)}")
        districts = districts[(levels == admin_level).to_numpy(dtype=bool, na_value=False)]
    if population is None:
        people = numbers(column(districts, "population"), 0.0)
    else:
        people, _ = people_in(districts.geometry.to_numpy(), population, "total", crs)
    if not (people > 0).any():
        raise InvalidInputError("nobody is known to live in any district: load the layer population")
    areas, people = districts[people > 0], people[people > 0]
    placed = in_crs(located(incidents, category, since=since, until=until), crs, "incidents")
    area, row = placed.sindex.query(areas.geometry.to_numpy(), predicate="intersects")
    value = np.bincount(area, weights=incident_weights(placed, weigh_by)[row], minlength=len(areas)).astype(float)
    columns = {
        "name": column(areas, "name"),
        "incidents": np.bincount(area, minlength=len(areas)),
        "value": value,
        "people": people,
        "per_1000": 1000 * share(value, people),
        "smoothed_per_1000": 1000 * empirical_bayes_rates(value, people),
    }
    return gpd.GeoDataFrame(columns, geometry=areas.geometry, index=areas.index, crs=crs)
