"""The boundary of a territory: a box, an outline written in its file, or features of another file."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import shapely
from pydantic import BaseModel, Discriminator, Field, Tag, model_validator

from layers.errors import SourceError
from layers.sources.description import STRICT, Box, KnownCrs
from layers.sources.geometry.coordinates import to_degrees
from layers.sources.places import Place, locate


class Outline(BaseModel):
    """An outline as GeoJSON, longitude before latitude."""

    model_config = STRICT

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: tuple[Any, ...]

    @model_validator(mode="after")
    def _is_an_outline(self) -> Outline:
        try:
            shape = self.shape
        except (shapely.errors.ShapelyError, ValueError, TypeError, IndexError, KeyError) as error:
            raise ValueError(f"the coordinates make no {self.type}: {error}") from error
        _check(shape)
        return self

    @property
    def shape(self) -> shapely.Geometry:
        """The outline as a geometry."""
        return shapely.geometry.shape({"type": self.type, "coordinates": self.coordinates})


class BoundaryFile(BaseModel):
    """Features of a file whose union is the boundary.

    Parameters
    ----------
    places
        Where the file may be found.
    table
        Of the file, where it has several.
    crs
        Of its coordinates, where it doesn't say.
    where
        Which features: the values that their fields must have; by default all.
    """

    model_config = STRICT

    places: tuple[Place, ...] = Field(min_length=1)
    table: str | None = None
    crs: KnownCrs | None = None
    where: dict[str, str | int] = {}


def _form(value: Any) -> str:
    if isinstance(value, (dict, BaseModel)):
        given = value if isinstance(value, dict) else value.model_fields_set
        return "outline" if "coordinates" in given else "file"
    return "box"


Boundary: TypeAlias = Annotated[
    Annotated[Box, Tag("box")] | Annotated[Outline, Tag("outline")] | Annotated[BoundaryFile, Tag("file")],
    Discriminator(_form),
]


def shape_of(boundary: Boundary) -> shapely.Geometry:
    """Return a boundary as a polygon in longitude and latitude.

    Raises
    ------
    SourceError
        Its file can't be had or read, or has no such features.
    """
    if isinstance(boundary, tuple):
        return shapely.box(*boundary)
    return boundary.shape if isinstance(boundary, Outline) else _from_file(boundary)


def box_of(boundary: Boundary) -> Box | None:
    """Return the box around a boundary, or ``None`` where that takes a file."""
    if isinstance(boundary, tuple):
        return boundary
    if isinstance(boundary, Outline):
        west, south, east, north = shapely.bounds(boundary.shape).tolist()
        return west, south, east, north
    return None


def _from_file(boundary: BoundaryFile) -> shapely.Geometry:
    import pyogrio

    file = locate(boundary.places)
    try:
        meta, _, geometries, columns = pyogrio.raw.read(file, layer=boundary.table)
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise SourceError(f"The boundary can't be read from {file.name}: {error}") from error
    if geometries is None:
        raise SourceError(f"{file.name} has no geometries, so it tells no boundary.")
    values = dict(zip(map(str, meta["fields"]), columns, strict=True))
    meant = np.ones(len(geometries), bool)
    for name, value in boundary.where.items():
        if name not in values:
            raise SourceError(f"{file.name} has no field {name}; it has {', '.join(values)}")
        meant &= values[name].astype(str) == str(value)
    if not meant.any():
        wanted = ", ".join(f"{name} = {value}" for name, value in boundary.where.items())
        raise SourceError(f"{file.name} has no feature{f' with {wanted}' if wanted else ''}.")
    transform = to_degrees(boundary.crs or str(meta["crs"])).transform
    shapes = shapely.make_valid(shapely.from_wkb(geometries[meant], on_invalid="ignore"))
    shape = shapely.transform(shapely.union_all(shapes), transform, interleaved=False)
    try:
        _check(shape)
    except ValueError as error:
        raise SourceError(f"The boundary from {file.name} is of no use: {error}") from error
    return shape


def _check(shape: shapely.Geometry) -> None:
    """Make sure that a geometry is an area on the globe."""
    if shapely.is_empty(shape) or shapely.get_dimensions(shape) != 2:
        raise ValueError("a boundary must be a polygon or several")
    if not shapely.is_valid(shape):
        raise ValueError(f"the outline is not valid: {shapely.is_valid_reason(shape)}")
    west, south, east, north = shapely.bounds(shape)
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise ValueError("the coordinates must be longitude and latitude in degrees")
