"""What the analyses of incidents share: which have a place, and how much each counts."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import shapely

from geo.errors import InvalidInputError
from geo.topology import Floats

SEVERITY_WEIGHTS = {"fatal": 542.0, "injury": 11.0}
"""In accidents with damage only; from the costs of accidents in AASHTO, Highway Safety Manual 2010, table 4-7."""


def located(incidents: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the incidents that have a place, checked to be points."""
    shapes = incidents.geometry.to_numpy()
    placed = ~(shapely.is_missing(shapes) | shapely.is_empty(shapes))
    wrong = placed & (shapely.get_type_id(shapes) != shapely.GeometryType.POINT)
    if wrong.any():
        raise InvalidInputError(
            f"incident {incidents.index[wrong][0]!r} is a {shapes[wrong][0].geom_type}: incidents must be points"
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
