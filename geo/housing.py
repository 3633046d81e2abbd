"""Housing and utilities: which valves shut a broken pipe off, and who is without supply meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.analysis import ColourClass, Column, LayerInput, View, analysis, labelled
from geo.crs import metric_crs
from geo.errors import InvalidInputError, named
from geo.inputs.parameters import Origins
from geo.inputs.services import column, dwellings_of, in_crs
from geo.networks.pipes import NOBODYS, Pipes, read_pipes
from geo.networks.trace import Isolation, isolate

if TYPE_CHECKING:
    from geo.networks.topology import Bools, Ints

SNAP_M = 5.0
"""A valve without the name of its node lies at most so far from its pipe."""

CLOSE, ISOLATED, CUT_OFF = "to close", "isolated", "cut off"

UtilityNetwork = Annotated[
    Literal["water", "heat", "gas", "sewer", "power", "telecom"],
    labelled({"be": "Сетка", "ru": "Сеть", "en": "Network"}),
]
BreakMaxM = Annotated[
    float,
    labelled(
        {"be": "Ад пункта да трубы не далей", "ru": "От точки до трубы не далее", "en": "Point to pipe at most"},
        unit="m",
        gt=0,
        le=1000,
    ),
]
ServedMaxM = Annotated[
    float,
    labelled(
        {"be": "Ад будынка да трубы не далей", "ru": "От здания до трубы не далее", "en": "Building to pipe at most"},
        unit="m",
        gt=0,
        le=2000,
    ),
]
ValvesAt = Annotated[
    Literal["recorded", "every-end"],
    labelled(
        {"be": "Дзе засаўкі", "ru": "Где задвижки", "en": "Where valves are"},
        description="Those recorded in the layer, or, as an assumption, also one at both ends of every pipe.",
    ),
]
Stuck = Annotated[
    tuple[int, ...],
    labelled(
        {
            "be": "Нумары засавак, што не паварочваюцца",
            "ru": "Номера неисправных задвижек",
            "en": "Valves that are stuck",
        },
        max_length=1000,
        description="Ids of valves in the layer that can't be turned.",
    ),
]


@analysis(
    id="isolation-trace",
    title={"be": "Адключэнне ўчастка сеткі", "ru": "Отключение участка сети", "en": "Isolation of a broken pipe"},
    summary={
        "be": "Якія засаўкі закрыць, каб адключыць пашкоджаную трубу, і якія трубы і будынкі застануцца без падачы.",
        "ru": "Какие задвижки закрыть, чтобы отключить повреждённую трубу, и какие трубы и дома останутся без подачи.",
        "en": "Which valves to close to shut off a broken pipe, and which pipes and buildings are without supply then.",
    },
    function="housing",
    inputs={
        "utilities": LayerInput(layer="utilities"),
        "points": LayerInput(layer="utility_points", optional=True),
        "buildings": LayerInput(layer="buildings", columns=("address", "dwellings"), optional=True),
    },
    view=View(
        geometry="mixed",
        colour_by="status",
        opacity=0.7,
        classes=(
            ColourClass(title={"be": "Закрыць", "ru": "Закрыть", "en": "To close"}, colour="#111111", values=(CLOSE,)),
            ColourClass(
                title={"be": "Адключана", "ru": "Отключено", "en": "Shut off"}, colour="#d1495b", values=(ISOLATED,)
            ),
            ColourClass(
                title={"be": "Без падачы", "ru": "Без подачи", "en": "Without supply"},
                colour="#edae49",
                values=(CUT_OFF,),
            ),
        ),
        columns={
            "what": Column(title={"be": "Што", "ru": "Что", "en": "What"}),
            "status": Column(title={"be": "Стан", "ru": "Состояние", "en": "State"}),
            "name": Column(title={"be": "Назва", "ru": "Название", "en": "Name"}),
            "dwellings": Column(title={"be": "Кватэры", "ru": "Квартиры", "en": "Dwellings"}),
            "length_m": Column(
                title={"be": "Даўжыня", "ru": "Длина", "en": "Length"}, unit={"be": "м", "ru": "м", "en": "m"}
            ),
        },
    ),
)
def isolation_trace(
    utilities: gpd.GeoDataFrame,
    at: Origins,
    points: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    *,
    network: UtilityNetwork = "water",
    valves: ValvesAt = "recorded",
    stuck: Stuck = (),
    break_max_m: BreakMaxM = 50.0,
    building_max_m: ServedMaxM = 200.0,
) -> gpd.GeoDataFrame:
    """Find which valves shut off a broken pipe, and which pipes and buildings lose their supply (isolation trace).

    From the break the trace runs to the nearest valves that can be turned; what lies behind them is cut off too where
    no source feeds it another way: see `geo.networks.trace.isolate`. Where no source is known, only what is shut off is
    found. A building is served by the nearest pipe. How parts are connected is told in `geo.networks.pipes.read_pipes`.

    Parameters
    ----------
    utilities
        Lines in a projected CRS in metres: ``network``, ``from_node``, ``to_node``, ``state``, ``status``, ``name``,
        ``ref``, of which any may be missing. Those with a ``status`` other than ``in use`` are left out.
    at
        Where pipes are broken: see `geo.inputs.points.read_points`.
    points
        Valves, pumps and sources: ``network``, ``kind``, ``node``, ``from_node``, ``to_node``, ``state``, ``name``.
    buildings
        With ``dwellings`` (1 where not known) and ``address``.
    network
        Which network.
    valves
        ``recorded``: those of the layer; ``every-end``: as if there were one more at both ends of every pipe, which is
        an assumption for networks whose valves nobody has recorded.
    stuck
        Labels, in the index of `points`, of valves that can't be turned.
    break_max_m
        A break farther than this from every pipe is an error.
    building_max_m
        A building farther than this from every pipe is not served.

    Returns
    -------
    geopandas.GeoDataFrame
        In the CRS of the utilities: valves ``to close`` (points), pipes and buildings ``isolated`` or ``cut off``.
        Columns: ``what`` (``valve``, ``pipe``, ``building``), ``status``, ``feature`` (label in its layer; null for an
        assumed valve), ``name`` (of a building its address), ``dwellings`` (buildings), ``length_m`` (pipes),
        ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is no line of the network, a break is far from every pipe, a stuck valve is not known, a state is
        something else, or a parameter is out of range.
    """
    crs = metric_crs(utilities.crs, "utilities")
    lines = _of_network(utilities, network)
    equipment = _of_network(points, network) if points is not None else utilities.iloc[:0][[utilities.geometry.name]]
    unknown = set(stuck) - set(equipment.index[column(equipment, "kind") == "valve"])
    if unknown:
        raise InvalidInputError(f"stuck: {sorted(unknown)[0]} is no valve of the network {network}")
    if lines.empty:
        raise InvalidInputError(f"no line of the network {network!r} is in use")
    equipment = in_crs(equipment, crs, "utility points")
    pipes = read_pipes(lines, equipment, snap_m=SNAP_M, valve_at_every_end=valves == "every-end")
    pipes = pipes.with_stuck(np.flatnonzero(equipment.index.isin(stuck)))
    broken = _broken(pipes, at.to_crs(crs), break_max_m)
    found = isolate(pipes.network, pipes.network.nodes + broken, sources=pipes.sources)
    link_status = _link_status(pipes, found)
    parts = [_valves(pipes, found, equipment), _pipes(pipes, link_status, lines)]
    if buildings is not None:
        parts.append(_buildings(pipes, link_status, in_crs(buildings, crs, "buildings"), building_max_m))
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs=crs)


def _of_network(frame: gpd.GeoDataFrame, network: str) -> gpd.GeoDataFrame:
    """Return the features of a network that are in use and have a place."""
    known, status = column(frame, "network"), column(frame, "status")
    shapes = frame.geometry.to_numpy()
    taken = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    taken &= ((known == network) | known.isna()).to_numpy(dtype=bool, na_value=False)
    taken &= (status.isna() | (status == "in use")).to_numpy(dtype=bool, na_value=False)
    return frame[taken]


def _broken(pipes: Pipes, at: gpd.GeoSeries, max_m: float) -> Ints:
    """Return the link nearest to each break."""
    drawn = np.flatnonzero(pipes.line >= 0)
    tree = shapely.STRtree(pipes.geometry[drawn])
    row, found = tree.query_nearest(at.to_numpy(), max_distance=max_m, all_matches=False)
    if len(row) < len(at):
        lost = np.setdiff1d(np.arange(len(at)), row)[0]
        raise InvalidInputError(f"no pipe of the network within {max_m:g} m of {named(at.index[lost])}")
    links: Ints = drawn[found]
    return links


def _link_status(pipes: Pipes, found: Isolation) -> np.typing.NDArray[np.object_]:
    """Return ``isolated``, ``cut off`` or nothing for each link."""
    links = slice(pipes.network.nodes, None)
    status = np.select([found.isolated[links], found.cut_off[links]], [ISOLATED, CUT_OFF], "")
    return status.astype(object)


def _valves(pipes: Pipes, found: Isolation, equipment: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    point = pipes.valve_point[found.close]
    own = point != NOBODYS
    _, once = np.unique(np.where(own, point, -1 - np.arange(len(point))), return_index=True)
    names = [*_names(equipment), None]
    labels = [*equipment.index, None]
    once = np.sort(once)
    columns = {
        "what": "valve",
        "status": CLOSE,
        "feature": [labels[each] for each in point[once]],
        "name": [names[each] for each in point[once]],
    }
    return _frame(columns, pipes.valve_places(equipment)[found.close][once], equipment.crs)


def _pipes(pipes: Pipes, status: np.typing.NDArray[np.object_], lines: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the affected pipes: the parts of a line that share a state as one."""
    affected = np.flatnonzero((status != "") & (pipes.line >= 0))
    parts = gpd.GeoDataFrame(
        {"status": status[affected], "line": pipes.line[affected]}, geometry=pipes.geometry[affected], crs=lines.crs
    ).dissolve(by=["line", "status"], as_index=False)
    line = parts.line.to_numpy(dtype=np.int64)
    columns = {
        "what": "pipe",
        "status": parts.status.to_numpy(),
        "feature": lines.index.to_numpy()[line].astype(object),
        "name": _names(lines)[line],
        "length_m": parts.geometry.length.to_numpy(),
    }
    return _frame(columns, parts.geometry.to_numpy(), lines.crs)


def _buildings(
    pipes: Pipes, status: np.typing.NDArray[np.object_], buildings: gpd.GeoDataFrame, max_m: float
) -> gpd.GeoDataFrame:
    """Return the buildings that hang on affected pipes."""
    drawn = np.flatnonzero(pipes.line >= 0)
    tree = shapely.STRtree(pipes.geometry[drawn])
    row, found = tree.query_nearest(buildings.geometry.to_numpy(), max_distance=max_m, all_matches=False)
    served_by = status[drawn[found]]
    affected: Bools = served_by != ""
    some = buildings.iloc[row[affected]]
    columns: dict[str, Any] = {
        "what": "building",
        "status": served_by[affected],
        "feature": some.index.to_numpy(dtype=object),
        "name": column(some, "address").to_numpy(dtype=object),
        "dwellings": dwellings_of(some),
    }
    return _frame(columns, some.geometry.to_numpy(), buildings.crs)


def _names(frame: gpd.GeoDataFrame) -> np.typing.NDArray[np.object_]:
    """Return the name of each feature, or its number where it has none."""
    name, number = (column(frame, each).astype(object) for each in ("name", "ref"))
    names: np.typing.NDArray[np.object_] = name.where(name.notna(), number).to_numpy()
    return names


def _frame(columns: dict[str, Any], geometry: Any, crs: Any) -> gpd.GeoDataFrame:
    blank = {"what": "", "status": "", "feature": None, "name": None, "dwellings": np.nan, "length_m": np.nan}
    rows = pd.RangeIndex(len(geometry))
    table = pd.DataFrame({name: columns.get(name, value) for name, value in blank.items()}, index=rows)
    return gpd.GeoDataFrame(table.astype({"feature": object, "name": object}), geometry=geometry, crs=crs)
