"""Where on Earth a network with coordinates of its own lies: a CRS, or one anchored point."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pyproj
import shapely
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from geo.errors import InvalidInputError
from layers.models.base import STORAGE_SRID
from layers.sources.geometry.coordinates import to_degrees

_METRES = {"m": 1.0, "ft": 0.3048}
_ANCHOR_WORDS = ("x", "y", "lon", "lat", "rotation_deg", "units")
_FARTHEST_M = 500_000


class Anchor(BaseModel):
    """A point whose place on Earth is known, for coordinates on a plane of their own.

    Parameters
    ----------
    x, y
        The point in the file.
    lon, lat
        The same point on Earth, in degrees.
    rotation_deg
        By how much the file's y axis is turned from north, clockwise.
    units
        Of the file's coordinates: metres or feet.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    x: float
    y: float
    lon: float = Field(ge=-180, le=180)
    lat: float = Field(gt=-89.9, lt=89.9)
    rotation_deg: float = 0.0
    units: Literal["m", "ft"] = "m"

    def to_degrees(self, places: np.ndarray) -> np.ndarray:
        """Return longitudes and latitudes: the plane is laid on the Earth at the anchor (azimuthal equidistant)."""
        offset = (places - (self.x, self.y)) * _METRES[self.units]
        turn = np.radians(self.rotation_deg)
        east = offset[:, 0] * np.cos(turn) + offset[:, 1] * np.sin(turn)
        north = offset[:, 1] * np.cos(turn) - offset[:, 0] * np.sin(turn)
        far = max(np.abs(east).max(initial=0), np.abs(north).max(initial=0))
        if far > _FARTHEST_M:
            raise InvalidInputError(
                f"The network reaches {far / 1000:,.0f} km from its anchor, too far for a plane: check x, y and units"
            )
        plane = f"+proj=aeqd +lon_0={self.lon} +lat_0={self.lat} +units=m +type=crs"
        lon, lat = pyproj.Transformer.from_crs(plane, STORAGE_SRID, always_xy=True).transform(east, north)
        return np.column_stack((lon, lat))


def parse_anchor(text: str) -> Anchor:
    """Read an anchor written as ``x,y,lon,lat``, with rotation and units after it where they are needed.

    Raises
    ------
    InvalidInputError
        It is none.
    """
    words = [word.strip() for word in text.split(",")]
    try:
        return Anchor.model_validate(dict(zip(_ANCHOR_WORDS, words, strict=False)) | _surplus(words))
    except ValidationError as error:
        raise InvalidInputError(
            f"{text!r} is no anchor: write x,y,lon,lat or x,y,lon,lat,rotation_deg,units such as 0,0,27.55,53.9,0,m"
        ) from error


def place(geometries: np.ndarray, *, name: str, crs: str | None = None, anchor: Anchor | None = None) -> np.ndarray:
    """Bring geometries from a file's coordinates to longitude and latitude.

    Parameters
    ----------
    geometries
        Shapely geometries in the file's coordinates.
    name
        Of the file, for errors.
    crs, anchor
        Where its coordinates lie: one of the two. Coordinates that look like degrees aren't taken for degrees.

    Raises
    ------
    InvalidInputError
        Neither is given, or both are; or the coordinates don't lie where the CRS is used.
    """
    if crs is not None and anchor is not None:
        raise InvalidInputError(f"{name} can't have both a CRS and an anchor: give one of them")
    if not len(geometries):
        return geometries
    if anchor is not None:
        anchored: np.ndarray = shapely.transform(geometries, anchor.to_degrees)
        return anchored
    if crs is None:
        raise InvalidInputError(
            f"{name} doesn't say where on Earth it lies. {_advice(shapely.total_bounds(geometries))}"
        )
    degrees: np.ndarray = shapely.transform(geometries, to_degrees(crs).transform, interleaved=False)
    if not _touches(shapely.total_bounds(degrees), crs):
        raise InvalidInputError(
            f"The coordinates of {name} don't lie where {crs} is used. {_advice(shapely.total_bounds(geometries))}"
        )
    return degrees


def _advice(bounds: np.ndarray) -> str:
    west, south, east, north = bounds
    told = (
        f"Its coordinates go from {west:,.2f} to {east:,.2f} in x and from {south:,.2f} to {north:,.2f} in y."
        " Name their CRS with --crs EPSG:..., or for local coordinates anchor one point with --anchor x,y,lon,lat"
        " (crs or anchor in a territory's file)."
    )
    if max(abs(west), abs(east)) <= 180 and max(abs(south), abs(north)) <= 90:
        told += " They could be degrees, but so could metres of a small network: if they are degrees, say EPSG:4326."
    return told


def _touches(box: np.ndarray, crs: str) -> bool:
    """Tell whether a box in degrees touches the area for which a CRS is made, where that is known."""
    area = pyproj.CRS.from_user_input(crs).area_of_use
    if area is None:
        return True
    if not np.isfinite(box).all():
        return False
    overlaps = (area.west <= box[2] and box[0] <= area.east) or area.west > area.east
    return bool(overlaps and area.south <= box[3] and box[1] <= area.north)


def _surplus(words: list[str]) -> dict[str, str]:
    return {f"word {number}": word for number, word in enumerate(words) if number >= len(_ANCHOR_WORDS)}
