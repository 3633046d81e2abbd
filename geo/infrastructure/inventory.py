"""Inventory of a network of streets: how much of it there is, and how well it hangs together, by area."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import scipy
import shapely

from geo.analysis import Column, LayerInput, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.demand import share
from geo.inputs.services import STREETS, column, in_crs, travel_network
from geo.networks.network import Network
from geo.networks.topology import ranges
from geo.statistics.grid import Grid

if TYPE_CHECKING:
    from geo.networks.topology import Floats, Geometries, Ints

PER_KM2 = {"be": "на км²", "ru": "на км²", "en": "per km²"}
KILOMETRES = {"be": "км", "ru": "км", "en": "km"}

Areas = Annotated[
    Literal["districts", "cells", "whole"],
    labelled({"be": "Па раёнах ці клетках", "ru": "По районам или ячейкам", "en": "By districts or cells"}),
]
CellM = Annotated[
    float, labelled({"be": "Шырыня клеткі", "ru": "Ширина ячейки", "en": "Width of a cell"}, unit="m", ge=50, le=50_000)
]
OpenTo = Annotated[
    Literal["all", "walk", "cycle", "drive"],
    labelled({"be": "Вуліцы, адкрытыя для", "ru": "Улицы, открытые для", "en": "Streets open to"}),
]


@analysis(
    id="network-inventory",
    title={"be": "Вулічная сетка", "ru": "Улично-дорожная сеть", "en": "Street network"},
    summary={
        "be": "Колькі вуліц у кожным раёне ці клетцы, іх шчыльнасць, скрыжаванні, тупікі і звязнасць.",
        "ru": "Сколько улиц в каждом районе или ячейке, их плотность, перекрёстки, тупики и связность.",
        "en": "How many streets each district or cell has, their density, junctions, dead ends and connectivity.",
    },
    function="infrastructure",
    inputs={
        "network": STREETS,
        "districts": LayerInput(layer="districts", columns=("name", "population"), optional=True),
    },
    view=View(
        geometry="polygon",
        colour_by="density_km_per_km2",
        opacity=0.7,
        columns={
            "name": Column(title={"be": "Раён", "ru": "Район", "en": "District"}),
            "length_km": Column(title={"be": "Даўжыня", "ru": "Длина", "en": "Length"}, unit=KILOMETRES, decimals=1),
            "density_km_per_km2": Column(
                title={"be": "Шчыльнасць", "ru": "Плотность", "en": "Density"},
                unit={"be": "км/км²", "ru": "км/км²", "en": "km/km²"},
                decimals=1,
            ),
            "km_per_1000": Column(
                title={"be": "На 1000 жыхароў", "ru": "На 1000 жителей", "en": "Per 1,000 inhabitants"},
                unit=KILOMETRES,
                decimals=2,
            ),
            "junctions_per_km2": Column(
                title={"be": "Скрыжаванні", "ru": "Перекрёстки", "en": "Junctions"}, unit=PER_KM2, decimals=1
            ),
            "dead_end_share": Column(
                title={"be": "Доля тупікоў", "ru": "Доля тупиков", "en": "Part of dead ends"}, unit="%", scale=100
            ),
            "gamma": Column(title={"be": "Звязнасць γ", "ru": "Связность γ", "en": "Connectivity γ"}, decimals=2),
        },
    ),
)
def network_inventory(
    network: Network,
    districts: gpd.GeoDataFrame | None = None,
    *,
    areas: Areas = "cells",
    cell_m: CellM = 500.0,
    open_to: OpenTo = "all",
) -> gpd.GeoDataFrame:
    """Count streets and junctions by area, with the indices of Kansky (1963).

    A junction is where three or more ends of streets meet, a dead end where there is one; where two meet, one street
    goes on. With v junctions and dead ends, e streets between them and p separate parts: β = e / v,
    γ = e / (3 (v - 2)), α = (e - v + p) / (2v - 5). A street counts where its middle lies.

    Parameters
    ----------
    network
        Streets: ``Network.from_roads(roads)``.
    districts
        Polygons in any CRS; of the columns ``name`` and ``population`` either may be missing.
    areas
        ``districts``, hexagonal ``cells`` that hold any street, or the ``whole``: the outline of all streets.
    cell_m
        From the centre of a cell to those of the nearest others.
    open_to
        Which streets count: those open to a mode of travel, or all.

    Returns
    -------
    geopandas.GeoDataFrame
        The areas, districts by their index, in the CRS of the network. Columns: ``name`` (null where it has none),
        ``area_km2``, ``length_km`` (cut at the border), ``density_km_per_km2``, ``km_per_1000`` (inhabitants; NaN where
        not known), ``junctions``, ``dead_ends``, ``junctions_per_km2``, ``dead_end_share`` (of junctions and dead
        ends), ``mean_length_m`` (of a street between junctions), ``alpha``, ``beta``, ``gamma`` (NaN where there are
        too few), geometry.

    Raises
    ------
    InvalidInputError
        If districts are wanted and there are none, or no street is open to the mode.
    """
    edges = np.arange(len(network.start)) if open_to == "all" else travel_network(network, open_to, None).open_edges
    if not len(edges):
        raise InvalidInputError("the network has no street")
    frame = _areas(network, edges, districts, areas, cell_m)
    shapes = frame.geometry.to_numpy()
    area_km2 = shapely.area(shapes) / 1e6
    length_km = _length_m(network.geometry[edges], shapes) / 1e3
    counts = _connectivity(network, edges, shapes)
    junctions, dead_ends = counts["junctions"], counts["dead_ends"]
    columns = {
        "name": column(frame, "name").astype(object).where(column(frame, "name").notna(), None),
        "area_km2": area_km2,
        "length_km": length_km,
        "density_km_per_km2": share(length_km, area_km2),
        "km_per_1000": share(length_km * 1000, _population(frame)),
        "junctions_per_km2": share(junctions, area_km2),
        "dead_end_share": share(dead_ends, junctions + dead_ends),
    }
    return gpd.GeoDataFrame(columns | counts, geometry=shapes, index=frame.index, crs=network.crs)


def length_by_class(network: Network) -> pd.Series[float]:
    """Return the kilometres of streets of each class, the longest first; the name of an unknown class is empty."""
    total = pd.Series(network.length_m / 1e3).groupby(network.streets.road_class).sum()
    return total.sort_values(ascending=False, kind="stable").rename_axis("road_class").rename("length_km")


def _areas(
    network: Network, edges: Ints, districts: gpd.GeoDataFrame | None, areas: str, cell_m: float
) -> gpd.GeoDataFrame:
    if areas == "districts":
        if districts is None or districts.empty:
            raise InvalidInputError("there are no districts: choose cells, or the whole")
        if districts.crs is None:
            raise InvalidInputError("districts must have a CRS: set it, for example with set_crs(4326)")
        return in_crs(districts, network.crs, "districts")
    if areas == "whole":
        hull = shapely.convex_hull(shapely.multilinestrings(network.geometry[edges]))
        return gpd.GeoDataFrame(geometry=[hull], crs=network.crs)
    polygons = _cells(Grid(cell_m=cell_m), network.geometry[edges], network.length_m[edges])
    return gpd.GeoDataFrame(geometry=polygons, crs=network.crs)


def _cells(grid: Grid, lines: Geometries, length_m: Floats) -> Geometries:
    """Return the cells that lines pass through: of those near to stops along them."""
    stops = np.ceil(length_m / grid.cell_m).astype(np.int64) + 1
    step, owner = ranges(np.zeros(len(lines), dtype=np.int64), stops)
    at = shapely.line_interpolate_point(lines[owner], step / (stops[owner] - 1), normalized=True)
    passed = np.unique(grid.cells_of(shapely.get_coordinates(at)), axis=0)
    around = grid.around(radius_m=1.5 * grid.cell_m)
    near = np.unique((passed[:, np.newaxis] + around).reshape(-1, 2), axis=0)
    polygons = grid.polygons(near)
    cell, _ = shapely.STRtree(lines).query(polygons, predicate="intersects")
    crossed: Geometries = polygons[np.unique(cell)]
    return crossed


def _population(areas: gpd.GeoDataFrame) -> Floats:
    known: Floats = pd.to_numeric(column(areas, "population")).to_numpy(dtype=float, na_value=np.nan)
    return np.where(known > 0, known, np.nan)


def _length_m(lines: Geometries, shapes: Geometries) -> Floats:
    """Return the length of lines within each shape."""
    area, line = shapely.STRtree(lines).query(shapes, predicate="intersects")
    shapely.prepare(shapes)
    inside = shapely.covers(shapes[area], lines[line])
    length = shapely.length(lines[line])
    length[~inside] = shapely.length(shapely.intersection(lines[line][~inside], shapes[area[~inside]]))
    total: Floats = np.bincount(area, weights=length, minlength=len(shapes)).astype(float)
    return total


def _connectivity(network: Network, edges: Ints, shapes: Geometries) -> dict[str, Any]:
    """Return counts and indices by area: of the nodes that lie there, and the streets whose middle does."""
    count = len(shapes)
    degree = np.bincount(np.concatenate([network.start[edges], network.end[edges]]), minlength=len(network.node_xy))
    area, node = shapely.STRtree(shapely.points(network.node_xy)).query(shapes, predicate="intersects")
    ends = degree[node]
    junctions, dead_ends, passed = (
        np.bincount(area[some], minlength=count) for some in (ends > 2, ends == 1, ends == 2)
    )
    middles = shapely.line_interpolate_point(network.geometry[edges], 0.5, normalized=True)
    area, street = shapely.STRtree(middles).query(shapes, predicate="intersects")
    v = (junctions + dead_ends).astype(float)
    e = np.bincount(area, minlength=count) - passed.astype(float)
    length = np.bincount(area, weights=network.length_m[edges[street]], minlength=count)
    parts = _parts(network, edges[street], area, count)
    return {
        "junctions": junctions,
        "dead_ends": dead_ends,
        "mean_length_m": share(length, e),
        "alpha": share(e - v + parts, 2 * v - 5),
        "beta": share(e, v),
        "gamma": share(e, 3 * (v - 2)),
    }


def _parts(network: Network, streets: Ints, area: Ints, count: int) -> Ints:
    """Return of how many separate parts the streets of each area are."""
    nodes = len(network.node_xy)
    ends = np.concatenate([area * nodes + network.start[streets], area * nodes + network.end[streets]])
    cells, place = np.unique(ends, return_inverse=True)
    joined = scipy.sparse.coo_array(
        (np.ones(len(streets)), (place[: len(streets)], place[len(streets) :])), shape=(len(cells),) * 2
    )
    _, part = scipy.sparse.csgraph.connected_components(joined, directed=False)
    _, first = np.unique(part, return_index=True)
    parts: Ints = np.bincount(cells[first] // nodes, minlength=count)
    return parts
