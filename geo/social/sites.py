"""Social services: where the next facilities should be."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.analysis import Column, LayerInput, View, analysis
from geo.errors import InvalidInputError
from geo.inputs.candidates import NEW_AND_EXISTING, PARCELS, STATUS, GivenSites, LeastParcelM2, SiteKind, possible_sites
from geo.inputs.parameters import BuildingMaxM, ModeName, SnapMaxM, SpeedKmh
from geo.inputs.services import (
    HOMES,
    STREETS,
    ExistingKind,
    MostCandidates,
    NewSites,
    NormS,
    SitingModel,
    Use,
    column,
    dwellings_of,
    of_kind,
    of_use,
    travel_network,
)
from geo.networks.matrices import cost_matrix, dense, nearest
from geo.networks.network import Network
from geo.siting.models import Siting, mclp, p_median
from geo.social.access import DWELLINGS, MINUTES, TIME

if TYPE_CHECKING:
    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Floats

LONGEST_S = 3600.0
"""In the choice of sites a longer way, or none at all, counts as this long."""


@analysis(
    id="best-sites",
    title={"be": "Найлепшыя месцы", "ru": "Лучшие места", "en": "Best sites"},
    summary={
        "be": "Дзе паставіць новыя ўстановы, каб шлях быў найкарацейшы або норма трымалася для найбольшай часткі.",
        "ru": "Где поставить новые учреждения, чтобы путь был кратчайшим или норматив соблюдался для большинства.",
        "en": "Where to place new facilities so that ways are shortest, or the norm is kept for the most dwellings.",
    },
    function="social",
    inputs={
        "network": STREETS,
        "buildings": HOMES,
        "facilities": LayerInput(layer="facilities", columns=("kind", "name"), optional=True),
        "parcels": PARCELS,
    },
    view=View(
        geometry="point",
        colour_by="status",
        opacity=0.9,
        classes=NEW_AND_EXISTING,
        columns={
            "status": STATUS,
            "name": Column(title={"be": "Назва", "ru": "Название", "en": "Name"}),
            "dwellings": Column(title=DWELLINGS),
            "mean_s": Column(title=TIME, unit=MINUTES, scale=1 / 60, decimals=1),
            "gap": Column(
                title={"be": "Да найлепшага", "ru": "До лучшего", "en": "From the best"},
                unit="%",
                scale=100,
                decimals=2,
            ),
        },
    ),
)
def best_sites(
    network: Network,
    buildings: gpd.GeoDataFrame,
    facilities: gpd.GeoDataFrame | None = None,
    parcels: gpd.GeoDataFrame | None = None,
    *,
    kind: ExistingKind = None,
    new_sites: NewSites = 1,
    model: SitingModel = "p-median",
    norm_s: NormS = 900.0,
    candidates: GivenSites = None,
    site_kind: SiteKind = "homes",
    least_parcel_m2: LeastParcelM2 = 0.0,
    max_candidates: MostCandidates = 150,
    use: Use = "all",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    snap_max_m: SnapMaxM = 300.0,
    building_max_m: BuildingMaxM = 100.0,
) -> gpd.GeoDataFrame:
    """Choose places for new facilities, beside those that exist.

    ``p-median`` makes the mean time from dwellings to the nearest facility least (Hakimi 1964), ``mclp`` covers the
    most dwellings within the norm (Church & ReVelle 1974): see `geo.siting.models`. A way of more than an hour, or none
    at all, counts as an hour in the p-median.

    Parameters
    ----------
    network, buildings, use, mode, speed_kmh, snap_max_m, building_max_m
        See `facility_access`. A building counts by its ``dwellings``, as 1 where they are not known.
    facilities, kind
        Those of the kind exist already; with no kind none does.
    new_sites
        How many are to be placed.
    model
        See above.
    norm_s
        The time within which dwellings are covered.
    candidates
        Points that the new may be at, and nowhere else.
    parcels, site_kind, least_parcel_m2, max_candidates
        Without such points, the new may be at any building, or with ``parcels`` on any ``vacant`` parcel of so many
        square metres; where there are more than `max_candidates`, at so many spread over all of them.

    Returns
    -------
    geopandas.GeoDataFrame
        Points in the CRS of the network, the new first. Columns: ``site`` (label of the place, or facility),
        ``status`` (``new``, ``existing``), ``name``, ``dwellings`` (to which it is the nearest, within an hour or the
        norm), ``mean_s`` (of those; NaN where none), ``gap`` (how far the choice is from the best at most, as a part
        of the objective; 0 is proved best), ``geometry``.

    Raises
    ------
    InvalidInputError
        If there is no facility of the kind or no building of the use, fewer candidates near streets than new sites,
        or a parameter is out of range.
    """
    travel = travel_network(network, mode, speed_kmh)
    homes = of_use(buildings, use, network)
    demand = travel.snap(homes.geometry, max_m=building_max_m)
    existing, places = _existing(travel, facilities, kind, snap_max_m)
    possible, spots = possible_sites(
        travel,
        homes,
        demand,
        given=candidates,
        parcels=parcels,
        kind=site_kind,
        least_parcel_m2=least_parcel_m2,
        most=max_candidates,
        wanted=new_sites,
        max_m=snap_max_m,
    )
    limit_s = norm_s if model == "mclp" else LONGEST_S
    now = nearest(travel, demand, places, limit_s=limit_s)
    cost_s = np.hstack([now.cost_s, dense(cost_matrix(travel, demand, spots, limit_s=limit_s))])
    dwellings = np.where(demand.found, dwellings_of(homes), 0.0)
    siting = _choose(cost_s, dwellings, new_sites, model, limit_s)
    opened = siting.sites[siting.sites > 0] - 1
    served_s, by = cost_s[:, siting.sites].min(axis=1), siting.sites[cost_s[:, siting.sites].argmin(axis=1)]
    row_of_new = np.searchsorted(opened, by - 1)
    row = np.where(by > 0, row_of_new, len(opened) + now.facility[:, 0])
    reached = np.isfinite(served_s)
    rows = len(opened) + len(existing)
    total = np.bincount(row[reached], weights=dwellings[reached], minlength=rows)
    spent_s = np.bincount(row[reached], weights=dwellings[reached] * served_s[reached], minlength=rows)
    new = possible.iloc[opened]
    columns = {
        "site": [*new.index, *existing.index],
        "status": ["new"] * len(new) + ["existing"] * len(existing),
        "name": [*[None] * len(new), *column(existing, "name")],
        "dwellings": total,
        "mean_s": np.divide(spent_s, total, out=np.full(rows, np.nan), where=total > 0),
        "gap": siting.gap,
    }
    points = pd.concat([new.geometry, existing.geometry]).centroid.to_numpy()
    return gpd.GeoDataFrame(columns, geometry=points, crs=network.crs)


def _choose(cost_s: Floats, dwellings: Floats, new_sites: int, model: str, limit_s: float) -> Siting:
    """Choose columns, of which the first stands for all facilities that exist."""
    if model == "mclp":
        return mclp(cost_s, dwellings, radius=limit_s, p=new_sites + 1, existing=[0])
    return p_median(np.minimum(cost_s, limit_s), dwellings, p=new_sites + 1, existing=[0])


def _existing(
    travel: TravelNetwork, facilities: gpd.GeoDataFrame | None, kind: str | None, max_m: float
) -> tuple[gpd.GeoDataFrame, Positions]:
    """Return the facilities of a kind, none for no kind, and their places."""
    if kind is None:
        some = gpd.GeoDataFrame({"name": []}, geometry=[], crs=travel.network.crs)
    elif facilities is None:
        raise InvalidInputError(f"no facility is known, of kind {kind!r} or any other: give none as the kind")
    else:
        some = of_kind(facilities, kind, travel.network)
    return some, travel.snap(some.geometry, max_m=max_m)
