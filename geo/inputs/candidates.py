"""Where new facilities or stations may be: points that are given, vacant parcels, or the places of those they serve."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import geopandas as gpd
import numpy as np

from geo.analysis import ColourClass, Column, LayerInput, labelled
from geo.errors import InvalidInputError
from geo.inputs.points import Points
from geo.inputs.services import column, in_crs, numbers, spread_over

if TYPE_CHECKING:
    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork

PARCELS = LayerInput(layer="land_parcels", columns=("vacant", "area_m2"), optional=True)

STATUS = Column(title={"be": "Стан", "ru": "Состояние", "en": "State"})

NEW_AND_EXISTING = (
    ColourClass(title={"be": "Новыя", "ru": "Новые", "en": "New"}, colour="#d1495b", values=("new",)),
    ColourClass(title={"be": "Існыя", "ru": "Существующие", "en": "Existing"}, colour="#30638e", values=("existing",)),
)

GivenSites = Annotated[
    Points | None, labelled({"be": "Магчымыя месцы", "ru": "Возможные места", "en": "Possible sites"})
]

SiteKind = Annotated[
    Literal["homes", "parcels"],
    labelled(
        {"be": "Дзе можна ставіць", "ru": "Где можно ставить", "en": "Where sites may be"},
        description="homes: where those who are served live; parcels: vacant land parcels.",
    ),
]

LeastParcelM2 = Annotated[
    float,
    labelled({"be": "Участак не меншы", "ru": "Участок не меньше", "en": "Parcel at least"}, unit="m²", ge=0, le=1e7),
]


def possible_sites(
    travel: TravelNetwork,
    homes: gpd.GeoDataFrame,
    at: Positions,
    *,
    given: gpd.GeoSeries | None,
    parcels: gpd.GeoDataFrame | None,
    kind: str,
    least_parcel_m2: float,
    most: int,
    wanted: int,
    max_m: float,
) -> tuple[gpd.GeoDataFrame, Positions]:
    """Return the places that may be sites, by their index in the CRS of the network, and where they are on streets.

    Parameters
    ----------
    travel
        The network.
    homes, at
        Those who are served, and where they are on streets.
    given
        Points that are the only possible sites, if given.
    parcels
        Polygons with ``vacant`` and ``area_m2``, computed where not known.
    kind
        ``homes`` or ``parcels``, where no points are given.
    least_parcel_m2
        Smaller parcels are left out.
    most
        Of more places so many are taken, spread over all of them; points that are given are all taken.
    wanted
        How many sites are to be chosen.
    max_m
        A parcel farther than this from every street is left out; a point that is given is an error.

    Raises
    ------
    InvalidInputError
        If there are fewer places near streets than sites wanted, or no parcels are there.
    """
    if given is not None:
        frame = gpd.GeoDataFrame(geometry=given.to_crs(travel.network.crs))
        places, rows = travel.locate(frame.geometry, max_m=max_m, what="candidates"), np.arange(len(frame))
    elif kind == "parcels":
        frame = _vacant(parcels, least_parcel_m2, travel)
        places = travel.snap(frame.geometry, max_m=max_m)
        rows = spread_over(np.flatnonzero(places.found), frame, most)
    else:
        frame, places, rows = homes, at, spread_over(np.flatnonzero(at.found), homes, most)
    if len(rows) < wanted:
        raise InvalidInputError(f"new_sites is {wanted}, but only {len(rows)} places near streets can be sites")
    return frame.iloc[rows], places[rows]


def _vacant(parcels: gpd.GeoDataFrame | None, least_m2: float, travel: TravelNetwork) -> gpd.GeoDataFrame:
    if parcels is None:
        raise InvalidInputError("the layer land_parcels is not there: load it, or let sites be elsewhere")
    frame = in_crs(parcels, travel.network.crs, "parcels")
    known_m2 = numbers(column(frame, "area_m2"), 0.0)
    area_m2 = np.where(known_m2 > 0, known_m2, frame.geometry.area)
    vacant = column(frame, "vacant").astype("boolean").fillna(value=False).to_numpy(dtype=bool)
    return frame[vacant & (area_m2 >= least_m2)]
