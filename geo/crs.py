"""Checks of coordinate reference systems."""

from __future__ import annotations

from typing import Any

from pyproj import CRS

from geo.errors import InvalidInputError


def metric_crs(crs: Any, what: str) -> CRS:
    """Return a CRS, checked to measure in metres.

    Parameters
    ----------
    crs
        Anything that pyproj reads as a CRS, or ``None``.
    what
        What has this CRS, for the error message.

    Raises
    ------
    InvalidInputError
        If there is none, or it is not projected in metres.
    """
    if crs is None:
        raise InvalidInputError(f"{what} must have a CRS: set it, for example with set_crs(4326)")
    found = CRS.from_user_input(crs)
    if not found.is_projected or any(axis.unit_conversion_factor != 1 for axis in found.axis_info[:2]):
        raise InvalidInputError(
            f"{what} must be in a projected CRS in metres, not {found.name}: "
            "reproject, for example with to_crs(estimate_utm_crs())"
        )
    return found
