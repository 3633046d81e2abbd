"""Feedback from the population: how long reports take, by district, organisation and category."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.services import column, different, in_crs
from geo.safety.incidents import instants, located
from geo.statistics.survival import SurvivalCurve, doubly_censored

if TYPE_CHECKING:
    from geo.networks.topology import Floats, Ints

CLOSED = ("closed", "done", "resolved", "fixed", "rejected")
"""Statuses of reports that are over."""

DAY_S = 86_400
DAYS = {"be": "дзён", "ru": "дней", "en": "days"}

By = Annotated[
    Literal["district", "organisation", "category"],
    labelled({"be": "Групаваць паводле", "ru": "Группировать по", "en": "Group by"}),
]
Until = Annotated[
    Literal["closed", "due"],
    labelled(
        {"be": "Да чаго лічыць", "ru": "До чего считать", "en": "Until"},
        description="Until the report is closed, or until the day that was promised.",
    ),
]
LastDay = Annotated[
    dt.date | None,
    labelled(
        {"be": "Апошні дзень даных", "ru": "Последний день данных", "en": "Last day of the data"},
        description="The last day that the data tell of; by default the last day on which anything happened.",
    ),
]
NormD = Annotated[
    float,
    labelled({"be": "Норма", "ru": "Норматив", "en": "Norm"}, unit="d", stated="report_answer_days", gt=0, le=3650),
]
OnlyReports = Annotated[
    str | None,
    labelled(
        {"be": "Толькі катэгорыя", "ru": "Только категория", "en": "Only the category"},
        values_of=("reports.category",),
        max_length=200,
    ),
]
AdminLevel = Annotated[
    int | None,
    labelled({"be": "Узровень раёнаў", "ru": "Уровень районов", "en": "Level of districts"}, ge=1, le=15),
]
LeastReports = Annotated[
    int,
    labelled({"be": "Зваротаў не менш", "ru": "Обращений не менее", "en": "Reports at least"}, ge=1, le=100_000),
]


@analysis(
    id="time-to-close",
    title={"be": "Час разгляду зваротаў", "ru": "Время рассмотрения обращений", "en": "Time to close reports"},
    summary={
        "be": "За колькі дзён закрываюць звароты ў раёнах і арганізацыях, з улікам тых, што яшчэ адкрытыя.",
        "ru": "За сколько дней закрывают обращения в районах и организациях, с учётом ещё не закрытых.",
        "en": "How many days reports take in each district or organisation, those still open taken into account.",
    },
    function="feedback",
    inputs={
        "reports": LayerInput(layer="reports"),
        "districts": LayerInput(layer="districts", columns=("name", "admin_level"), optional=True),
    },
    view=View(
        geometry="mixed",
        colour_by="median_d",
        opacity=0.7,
        columns={
            "name": Column(title={"be": "Назва", "ru": "Название", "en": "Name"}),
            "reports": Column(title={"be": "Звароты", "ru": "Обращения", "en": "Reports"}),
            "open": Column(title={"be": "Яшчэ адкрытыя", "ru": "Ещё открыты", "en": "Still open"}),
            "median_d": Column(title={"be": "Медыяна", "ru": "Медиана", "en": "Median"}, unit=DAYS, decimals=1),
            "median_low_d": Column(title={"be": "Ад", "ru": "От", "en": "From"}, unit=DAYS, decimals=1),
            "median_high_d": Column(title={"be": "Да", "ru": "До", "en": "To"}, unit=DAYS, decimals=1),
            "p90_d": Column(
                title={"be": "Дзевяць з дзесяці за", "ru": "Девять из десяти за", "en": "Nine of ten within"},
                unit=DAYS,
                decimals=1,
            ),
            "within_norm": Column(
                title={"be": "У межах нормы", "ru": "В пределах норматива", "en": "Within the norm"},
                unit="%",
                scale=100,
                decimals=1,
            ),
            "overdue": Column(title={"be": "Пратэрмінаваныя", "ru": "Просроченные", "en": "Overdue"}),
            "estimate": Column(title={"be": "Ацэнка", "ru": "Оценка", "en": "Estimate"}),
        },
    ),
)
def time_to_close(
    reports: gpd.GeoDataFrame,
    districts: gpd.GeoDataFrame | None = None,
    *,
    by: By = "district",
    until: Until = "closed",
    last_day: LastDay = None,
    norm_d: NormD = 30.0,
    only_category: OnlyReports = None,
    admin_level: AdminLevel = None,
    least_reports: LeastReports = 10,
) -> gpd.GeoDataFrame:
    """Estimate how long reports take to be closed, in each district, or of each organisation or category.

    A report that is still open has lasted so long already, and one that is closed at a time nobody wrote down ended
    before the day of the data; leaving either out would be wrong. Where all closing times are known the estimate is
    that of Kaplan & Meier 1958; where none is, that of current status data (Ayer et al. 1955), of which times are the
    latest that fit; else that of Turnbull 1974: see `geo.statistics.survival`.

    Parameters
    ----------
    reports
        Points with ``opened_at`` and, if known, ``closed_at``, ``due_at``, ``status``, ``organisation``, ``category``.
        Left out are those without a place or ``opened_at``, opened after the day of the data, or closed before they
        were opened.
    districts
        Polygons with ``name`` and ``admin_level``, needed only to group by district.
    by
        ``district``, in which the report lies; ``organisation``, which has it; or ``category``.
    until
        ``closed``; or ``due``, the day promised, of reports that have one.
    last_day
        The day of the data: what is said to have happened later counts as not known yet.
    norm_d
        Days within which reports ought to be closed.
    only_category
        Only reports of this category.
    admin_level
        Only districts of this level.
    least_reports
        Groups with fewer are left out.

    Returns
    -------
    geopandas.GeoDataFrame
        One row a group, the slowest first: ``name``, ``reports``, ``open`` (at the day of the data), ``median_d`` with
        its 95 % interval ``median_low_d`` to ``median_high_d``, ``p90_d`` (days until half, and nine of ten, are
        closed; NaN where fewer are), ``within_norm`` (part), ``overdue`` (open after the promised day), ``estimate``
        (``kaplan-meier``, ``current status``, ``doubly censored``), ``geometry`` (of the district, or the mean place of
        the reports).

    Raises
    ------
    InvalidInputError
        If reports have no column ``opened_at``, no time that is asked for, no district is there, or a parameter is out
        of range.
    """
    if reports.crs is None:
        raise InvalidInputError("reports must have a CRS: set it, for example with set_crs(4326)")
    placed = located(reports, only_category).reset_index(drop=True)
    table = _table(placed, until, last_day)
    rows = []
    for name, geometry, members in _groups(placed.loc[table.index], districts, by, admin_level):
        group = table.iloc[members]
        if len(group) >= least_reports:
            rows.append({"name": name, **_measured(group, norm_d), "geometry": geometry})
    columns = ["name", "reports", "open", "median_d", "median_low_d", "median_high_d", "p90_d", "within_norm"]
    frame = pd.DataFrame(rows, columns=[*columns, "overdue", "estimate", "geometry"])
    frame = frame.sort_values(["median_d", "name"], ascending=[False, True], na_position="first", ignore_index=True)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=reports.crs)


def _table(reports: gpd.GeoDataFrame, until: str, last_day: dt.date | None) -> pd.DataFrame:
    """Return how long each report took, and how that is known (see `geo.statistics.survival.doubly_censored`)."""
    opened = instants(reports, "opened_at")
    closed, due = (instants(reports, name) for name in ("closed_at", "due_at"))
    if opened.isna().all():
        raise InvalidInputError("of no report opened_at is known: without it nothing took any time")
    if until == "due" and due.isna().all():
        raise InvalidInputError("of no report due_at is known: take until closed")
    newest = pd.concat([opened, closed]).max()
    last = newest if last_day is None else pd.Timestamp(last_day, tz="UTC") + pd.Timedelta(days=1)
    over = closed.notna() | column(reports, "status").isin(CLOSED)
    seen = closed.notna() & (closed <= last)
    unknown = over & closed.isna()
    end = due if until == "due" else closed.where(seen, last).mask(unknown, max(last, newest))
    state = np.zeros(len(reports), dtype=int) if until == "due" else np.select([seen, unknown], [0, -1], 1)
    is_open = ~(seen | unknown)
    table = pd.DataFrame(
        {
            "duration_d": (end - opened).dt.total_seconds().to_numpy() / DAY_S,
            "state": state,
            "open": is_open.to_numpy(),
            "overdue": (is_open & (due < last)).to_numpy(),
        },
        index=reports.index,
    )
    usable = (table.duration_d >= 0) & (opened <= last)
    return table[usable.to_numpy()]


def _groups(
    reports: gpd.GeoDataFrame, districts: gpd.GeoDataFrame | None, by: str, level: int | None
) -> Iterator[tuple[str, Any, Ints]]:
    """Yield the name, the geometry and the rows of each group."""
    if by == "district":
        yield from _by_district(reports, districts, level)
        return
    xy = reports.geometry.get_coordinates().to_numpy()
    for name, members in reports.groupby(column(reports, by).to_numpy(), sort=True).indices.items():
        yield str(name), gpd.points_from_xy(*xy[members].mean(axis=0, keepdims=True).T)[0], members


def _by_district(
    reports: gpd.GeoDataFrame, districts: gpd.GeoDataFrame | None, level: int | None
) -> Iterator[tuple[str, Any, Ints]]:
    if districts is None:
        raise InvalidInputError("the layer districts is not there: load it, or group by organisation or category")
    areas = in_crs(districts, reports.crs, "districts")
    if level is not None:
        areas = areas[(column(areas, "admin_level") == level).to_numpy(dtype=bool, na_value=False)]
    if areas.empty:
        raise InvalidInputError(f"no district has the level {level}: there are {different(districts.admin_level)}")
    row, area = reports.sindex.query(areas.geometry.to_numpy(), predicate="intersects")[::-1]
    for number, (label, place) in enumerate(areas.geometry.items()):
        name = column(areas, "name").iloc[number]
        yield str(label) if pd.isna(name) else str(name), place, np.sort(row[area == number])


def _measured(group: pd.DataFrame, norm_d: float) -> dict[str, Any]:
    state = group.state.to_numpy()
    duration: Floats = group.duration_d.to_numpy(dtype=float)
    hidden, seen = bool((state == -1).any()), bool((state == 0).any())
    curve = doubly_censored(duration.round() if hidden and seen else duration, state)
    low, high = curve.interval(0.5)
    return {
        "reports": len(group),
        "open": int(group.open.sum()),
        "median_d": curve.quantile(0.5),
        "median_low_d": low,
        "median_high_d": high,
        "p90_d": curve.quantile(0.9),
        "within_norm": _ended_by(curve, norm_d),
        "overdue": int(group.overdue.sum()),
        "estimate": "kaplan-meier" if not hidden else "doubly censored" if seen else "current status",
    }


def _ended_by(curve: SurvivalCurve, norm_d: float) -> float:
    return 1 - float(curve.at(norm_d))
