"""Where the features of a load may lie, and what is said of a source that lies elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import psycopg
import pyproj
import pyproj.aoi
import pyproj.database
import shapely

from geo.errors import InvalidInputError
from layers.errors import SourceError
from layers.sources.geometry.coordinates import Box, to_degrees

_LEAST_MARGIN_DEG = 0.1
_MARGIN = 0.5
_FAR_DEG = 5.0
_WORLD: Box = (-180.0, -89.9, 180.0, 89.9)
_WEB_MERCATOR = "EPSG:3857"
_AUTHORITY = "EPSG"


@dataclass(frozen=True)
class Ground:
    """Where the features of a load may lie.

    Parameters
    ----------
    territory
        Its id.
    metric_crs
        Of the territory, such as ``EPSG:32635``.
    box
        Around its boundary: west, south, east, north, in degrees; ``None`` where the boundary isn't known.
    keep
        Whether features outside are taken nevertheless.
    """

    territory: str
    metric_crs: str
    box: Box | None
    keep: bool = False

    @property
    def reach(self) -> Box:
        """The box with a margin: half its longer side, at least a tenth of a degree; things spill over borders."""
        if self.box is None:
            return _WORLD
        west, south, east, north = self.box
        margin = max(_LEAST_MARGIN_DEG, _MARGIN * max(east - west, north - south))
        west, south, east, north = west - margin, south - margin, east + margin, north + margin
        return max(west, _WORLD[0]), max(south, _WORLD[1]), min(east, _WORLD[2]), min(north, _WORLD[3])

    @property
    def tells_swapped(self) -> bool:
        """Whether a place with longitude and latitude swapped can't be taken for a neighbour."""
        if self.box is None:
            return False
        west, south, east, north = self.reach
        return bool(shapely.distance(shapely.box(*self.reach), shapely.box(south, west, north, east)) > _FAR_DEG)

    @property
    def outside(self) -> str:
        """Why a record outside is rejected."""
        box = ", ".join(f"{each:.2f}" for each in self.reach)
        return f"it lies outside {self.territory}, whose box with a margin is {box}"


@dataclass
class Astray:
    """How many records of a load lie where they shouldn't.

    Parameters
    ----------
    located
        Records that have a geometry.
    swapped
        Of those outside, the ones that would lie in the territory with longitude and latitude swapped.
    outside
        Those outside the territory.
    elsewhere
        Those whose coordinates are no degrees.
    place
        A place in the middle of those outside or elsewhere: x and y.
    """

    located: int = 0
    swapped: int = 0
    outside: int = 0
    elsewhere: int = 0
    place: tuple[float, float] | None = None

    def add(self, other: Astray) -> None:
        """Count the records of another layer too."""
        self.located += other.located
        self.swapped += other.swapped
        self.outside += other.outside
        self.elsewhere += other.elsewhere
        self.place = self.place or other.place


def ground_of(connection: psycopg.Connection[Any], territory: str, *, keep: bool) -> Ground:
    """Return where the features of a territory of the base may lie."""
    row = connection.execute(
        "SELECT metric_srid, ST_XMin(boundary), ST_YMin(boundary), ST_XMax(boundary), ST_YMax(boundary)"
        " FROM territories WHERE id = %s",
        [territory],
    ).fetchall()[0]
    srid, *box = row
    return Ground(territory, f"{_AUTHORITY}:{srid}", None if None in box else (box[0], box[1], box[2], box[3]), keep)


def refuse_what_is_astray(file_name: str, ground: Ground, found: Astray) -> None:
    """Refuse a source of which so much lies elsewhere that it must have been misread.

    Raises
    ------
    SourceError
        Most records would lie in the territory if longitude and latitude were swapped, most have coordinates that are
        no degrees, or all lie outside; the text says how to mend that.
    """
    if 2 * found.swapped > found.located:
        raise SourceError(
            f"{found.swapped:,} of the {found.located:,} records of {file_name} lie in {ground.territory} only with"
            " longitude and latitude swapped. Where that is so, say it: --swapped, or swapped: true in the territory's"
            " file"
        )
    if 2 * found.elsewhere > found.located:
        raise SourceError(
            f"The coordinates of {found.elsewhere:,} of the {found.located:,} records of {file_name} are not longitude"
            f" and latitude in degrees. {_advice(ground, found)}"
        )
    if found.located and found.outside + found.swapped + found.elsewhere == found.located:
        box = ", ".join(f"{each:.4f}" for each in ground.reach)
        raise SourceError(
            f"All {found.located:,} records of {file_name} lie outside {ground.territory}, whose box with a margin is"
            f" {box}. {_advice(ground, found)}; or, to take them nevertheless, --outside keep, or outside: keep in the"
            " territory's file"
        )


def likely_crs(ground: Ground, x: float, y: float) -> str | None:
    """Return a coordinate reference system in which a place lies in the territory, if there is one.

    The metric CRS of the territory goes before Web Mercator, and that before all others that are made for its ground,
    those for the smallest ground first.
    """
    if ground.box is None:
        return None
    return next((each for each in _candidates(ground) if _lies_within(ground.reach, each, x, y)), None)


def _advice(ground: Ground, found: Astray) -> str:
    likely = likely_crs(ground, *found.place) if found.place else None
    if likely is None:
        return "Name the coordinate reference system in which they are: --crs EPSG:..., or crs in the territory's file"
    return f"The coordinates look like {likely}: say so with --crs {likely}, or crs: {likely} in the territory's file"


def _candidates(ground: Ground) -> list[str]:
    west, south, east, north = ground.box or _WORLD
    middle = pyproj.aoi.AreaOfInterest((west + east) / 2, (south + north) / 2, (west + east) / 2, (south + north) / 2)
    made_for = pyproj.database.query_crs_info(
        auth_name=_AUTHORITY,
        pj_types=[pyproj.enums.PJType.PROJECTED_CRS],
        area_of_interest=middle,
        contains=True,
    )
    made_for.sort(key=lambda each: (_extent(each.area_of_use), int(each.code)))
    return list(dict.fromkeys([ground.metric_crs, _WEB_MERCATOR, *(f"{_AUTHORITY}:{each.code}" for each in made_for)]))


def _extent(area: Any) -> float:
    return float((area.east - area.west) % 360 * (area.north - area.south))


def _lies_within(box: Box, crs: str, x: float, y: float) -> bool:
    try:
        lon, lat = to_degrees(crs).transform(x, y)
    except InvalidInputError:
        return False
    west, south, east, north = box
    return bool(west <= lon <= east and south <= lat <= north)
