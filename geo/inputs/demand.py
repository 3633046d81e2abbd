"""Whom analyses count: the people of a population grid or of areas, or the dwellings of buildings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import geopandas as gpd
import numpy as np
import shapely

from geo.analysis import LayerInput, labelled
from geo.errors import InvalidInputError
from geo.inputs.services import column, dwellings_of, in_crs, numbers

if TYPE_CHECKING:
    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork

POPULATION = LayerInput(layer="population", optional=True)
DWELLINGS = LayerInput(layer="buildings", columns=("use", "dwellings"), optional=True)

DEMAND = {"be": "Людзі ці кватэры", "ru": "Люди или квартиры", "en": "People or dwellings"}

Who = Annotated[
    Literal["total", "pop_0_6", "pop_7_17", "pop_18_64", "pop_65_plus", "dwellings"],
    labelled(
        {"be": "Каго лічыць", "ru": "Кого считать", "en": "Whom to count"},
        description="Everyone, an age group of the population, or the dwellings of buildings.",
    ),
]

HomeMaxM = Annotated[
    float,
    labelled(
        {"be": "Ад жылля да вуліцы не далей", "ru": "От жилья до улицы не далее", "en": "Home to street at most"},
        unit="m",
        gt=0,
        le=2000,
    ),
]


def demand_of(
    population: gpd.GeoDataFrame | None, buildings: gpd.GeoDataFrame | None, who: str, crs: Any
) -> gpd.GeoDataFrame:
    """Return where those who are counted live, and how many.

    Parameters
    ----------
    population
        Cells, areas or points with a column for each group: ``total``, ``pop_0_6`` and so on; null counts nobody.
    buildings
        Counted by their ``dwellings``, 1 where they are not known; those with a known ``use`` other than
        ``residential`` are left out.
    who
        A column of `population`, or ``dwellings``.
    crs
        Of the result.

    Returns
    -------
    geopandas.GeoDataFrame
        The places that have any demand, by their index: ``demand``, ``geometry``.

    Raises
    ------
    InvalidInputError
        If what is to be counted is not known, or a number is negative or not finite.
    """
    source = buildings if who == "dwellings" else population
    if source is None:
        layer, instead = ("buildings", "people") if who == "dwellings" else ("population", "dwellings")
        raise InvalidInputError(f"who is {who!r}, but the layer {layer} is not there: load it, or count {instead}")
    if who == "dwellings":
        use = column(source, "use")
        source = source[(use.isna() | (use == "residential")).to_numpy(dtype=bool, na_value=False)]
        count = dwellings_of(source)
    elif who in source:
        count = numbers(source[who], 0.0)
    else:
        raise InvalidInputError(f"the population has no column {who!r}: count another group, or dwellings")
    shapes = source.geometry.to_numpy()
    some = (count > 0) & ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    found = gpd.GeoDataFrame({"demand": count}, geometry=shapes, index=source.index, crs=source.crs)[some]
    found = in_crs(found, crs, "homes")
    if found.empty:
        raise InvalidInputError(f"nobody is there to count: no place has any {who!r}")
    return found


def snap_homes(travel: TravelNetwork, homes: gpd.GeoDataFrame, *, max_m: float) -> Positions:
    """Return the places on streets where people live: that nearest to the centre of a cell or a building."""
    return travel.snap(homes.geometry.centroid, max_m=max_m)


def where_found(places: Positions, values: Any) -> Any:
    """Return values, null where no street is near: nothing is known of those who live there."""
    return np.where(places.found, np.asarray(values, dtype=object), np.array(None, dtype=object))


def share(part: Any, whole: Any) -> Any:
    """Return parts of wholes; NaN where the whole is nothing."""
    top, bottom = np.broadcast_arrays(np.asarray(part, dtype=float), np.asarray(whole, dtype=float))
    return np.divide(top, bottom, out=np.full(top.shape, np.nan), where=bottom > 0)
