"""What the analyses of incidents share: their parameters, which incidents have a place, and how much each counts."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import Column, LayerInput, labelled
from geo.errors import InvalidInputError, named
from geo.inputs.services import column, different
from geo.networks.topology import Floats, Ints

if TYPE_CHECKING:
    from geo.statistics.grid import Grid

INCIDENTS_COLUMN = Column(title={"be": "Здарэнні", "ru": "Происшествия", "en": "Incidents"})
VALUE_COLUMN = Column(title={"be": "Значэнне", "ru": "Значение", "en": "Value"}, decimals=1)
P_COLUMN = Column(title={"be": "p", "ru": "p", "en": "p"}, decimals=4)
P_ADJUSTED_COLUMN = Column(title={"be": "p з папраўкай", "ru": "p с поправкой", "en": "p, corrected"}, decimals=4)

INCIDENTS = LayerInput(
    layer="incidents", columns=("category", "severity", "casualties", "occurred_at", "time_precision")
)

SEVERITY_WEIGHTS = {"fatal": 542.0, "injury": 11.0}
"""In accidents with damage only; from the costs of accidents in AASHTO, Highway Safety Manual 2010, table 4-7."""

PAIRS_AT_MOST = 30_000_000
"""Of neighbouring cells: more would not fit in memory."""

CellM = Annotated[
    float,
    labelled({"be": "Шырыня ячэйкі", "ru": "Ширина ячейки", "en": "Width of a cell"}, unit="m", ge=10, le=10_000),
]
CellShape = Annotated[
    Literal["hexagon", "square"], labelled({"be": "Форма ячэйкі", "ru": "Форма ячейки", "en": "Shape of a cell"})
]
WeighBy = Annotated[
    Literal["count", "severity", "casualties"],
    labelled({"be": "Што лічыць", "ru": "Что считать", "en": "What to count"}),
]
FalseDiscovery = Annotated[
    bool,
    labelled(
        {
            "be": "Папраўка на колькасць ячэек",
            "ru": "Поправка на число ячеек",
            "en": "Correct for the number of cells",
        }
    ),
]
StreetMaxM = Annotated[
    float,
    labelled(
        {
            "be": "Ад здарэння да вуліцы не далей",
            "ru": "От происшествия до улицы не далее",
            "en": "Incident to street at most",
        },
        unit="m",
        gt=0,
        le=1000,
    ),
]
Permutations = Annotated[
    int, labelled({"be": "Перастановак", "ru": "Перестановок", "en": "Permutations"}, ge=19, le=9999)
]
Seed = Annotated[
    int,
    labelled(
        {"be": "Пачатак выпадковых лікаў", "ru": "Начало случайных чисел", "en": "Seed of random numbers"},
        ge=0,
        le=2**31 - 1,
    ),
]
Step = Annotated[
    Literal["day", "week", "month", "quarter", "year"],
    labelled({"be": "Крок часу", "ru": "Шаг времени", "en": "Step of time"}),
]
OnlyCategory = Annotated[
    str | None,
    labelled(
        {"be": "Толькі катэгорыя", "ru": "Только категория", "en": "Only the category"},
        values_of=("incidents.category", "incidents.kind"),
        max_length=200,
        description="A category, or a kind, such as accident.",
    ),
]


FirstDay = Annotated[
    dt.date | None,
    labelled(
        {"be": "Здарэнні з дня", "ru": "Происшествия со дня", "en": "Incidents since"},
        description="A day in UTC; those of unknown time are left out then.",
    ),
]
LastDay = Annotated[
    dt.date | None,
    labelled(
        {"be": "Здарэнні па дзень", "ru": "Происшествия по день", "en": "Incidents until"},
        description="A day in UTC, included; those of unknown time are left out then.",
    ),
]


def located(
    incidents: gpd.GeoDataFrame,
    category: str | None = None,
    *,
    since: dt.date | None = None,
    until: dt.date | None = None,
) -> gpd.GeoDataFrame:
    """Return the incidents, of a category or a kind, or between two days, that have a place, checked to be points.

    Where only the month or the year is known, its first day counts.
    """
    if since is not None and until is not None and since > until:
        raise InvalidInputError(f"since, {since}, must not be after until, {until}")
    if since is not None or until is not None:
        times = times_of(incidents)
        within = times.notna()
        if since is not None:
            within &= times >= pd.Timestamp(since, tz="UTC")
        if until is not None:
            within &= times < pd.Timestamp(until, tz="UTC") + pd.Timedelta(days=1)
        incidents = incidents[within.to_numpy()]
    if category is not None:
        kinds, categories = column(incidents, "kind"), column(incidents, "category")
        chosen = ((kinds == category) | (categories == category)).to_numpy(dtype=bool, na_value=False)
        if not chosen.any():
            raise InvalidInputError(
                f"nothing is of the category {category!r}: there are {different(categories):.300}, of the kinds "
                f"{different(kinds)}"
            )
        incidents = incidents[chosen]
    shapes = incidents.geometry.to_numpy()
    placed = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    wrong = placed & (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
    if wrong.any():
        raise InvalidInputError(
            f"incident {named(incidents.index[wrong][0])} is a {shapes[wrong][0].geom_type}: incidents must be points"
        )
    placed[placed] = np.isfinite(shapely.get_coordinates(shapes[placed])).all(axis=1)
    return incidents[placed]


def incident_weights(incidents: gpd.GeoDataFrame, weigh_by: str) -> Floats:
    """Return how much each incident counts; see `hot_spots` for the ways."""
    if weigh_by == "count":
        return np.ones(len(incidents))
    if weigh_by not in incidents:
        raise InvalidInputError(f"incidents have no column {weigh_by!r} to weigh by: count them instead")
    column = incidents[weigh_by]
    if weigh_by == "severity":
        return np.asarray(column.map(SEVERITY_WEIGHTS).fillna(1.0), dtype=float)
    people: Floats = column.astype("Float64").fillna(0).to_numpy(dtype=float)
    if not (np.isfinite(people) & (people >= 0)).all():
        raise InvalidInputError("casualties must be finite and not negative")
    return people


PERIODS = {"day": "D", "week": "W", "month": "M", "quarter": "Q", "year": "Y"}

PRECISIONS = ("second", "minute", "hour", "day", "week", "month", "year")
"""How exactly a time may be known, the finest first."""


def times_of(incidents: gpd.GeoDataFrame, *, precise_to: str = "year") -> pd.Series[Any]:
    """Return when incidents happened, in UTC; null where it is not known, or not as precisely as wanted.

    Parameters
    ----------
    incidents
        With ``occurred_at`` and, if known, ``time_precision``: one of `PRECISIONS`; null is precise enough.
    precise_to
        One of `PRECISIONS`.

    Raises
    ------
    InvalidInputError
        If a time is none.
    """
    coarse = PRECISIONS[PRECISIONS.index(precise_to) + 1 :]
    return instants(incidents, "occurred_at").mask(
        column(incidents, "time_precision").isin(coarse).to_numpy(dtype=bool)
    )


def days_of(incidents: gpd.GeoDataFrame) -> pd.Series[Any]:
    """Return the day of each incident in UTC as text, or the month or the year where only that is known; else null."""
    times = times_of(incidents)
    text: pd.Series[Any] = times.dt.strftime("%Y-%m-%d").astype("string")
    for precision, length in (("month", 7), ("year", 4)):
        known = (column(incidents, "time_precision") == precision).to_numpy(dtype=bool, na_value=False)
        text = text.mask(known, text.str[:length])
    return text


def precision_of(step: str) -> str:
    """Return how precisely times must be known to be counted in steps of a length."""
    return "month" if step == "quarter" else step


def steps_of(times: pd.Series[Any], step: str) -> tuple[pd.Period | None, Ints]:
    """Return the first step of time, none where there are no times, and the number of the step of each time from it.

    Parameters
    ----------
    times
        In UTC, none of them null.
    step
        One of ``day``, ``week`` (from Monday), ``month``, ``quarter``, ``year``.
    """
    if times.empty:
        return None, np.empty(0, dtype=np.int64)
    periods = times.dt.tz_convert(None).dt.to_period(PERIODS[step])
    number = periods.astype("int64").to_numpy()
    return periods.min(), number - number.min()


def instants(frame: gpd.GeoDataFrame, name: str) -> pd.Series[Any]:
    """Return a column of dates or times as instants in UTC, null where it is null or missing."""
    try:
        return pd.to_datetime(column(frame, name), utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise InvalidInputError(f"{name} must be dates or times ({error})") from error


def cells_around(grid: Grid, cells: Ints, radius_m: float) -> Ints:
    """Return the cells within a distance of some cells, checked to be few enough to compare."""
    steps = grid.around(radius_m=radius_m)
    found = cells
    if len(cells) * len(steps) <= PAIRS_AT_MOST:
        found = np.unique((cells[:, np.newaxis] + steps).reshape(-1, 2), axis=0)
    if len(found) * len(steps) > PAIRS_AT_MOST:
        raise InvalidInputError(
            f"{len(found):,} cells or more with {len(steps):,} neighbours each are too many to compare: "
            "take a larger cell_m, a smaller radius_m, or fewer incidents"
        )
    return found
