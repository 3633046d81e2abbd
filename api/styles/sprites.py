"""The pictures on points of a map, drawn from simple shapes as distance fields, which a style colours as it likes."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import Annotated, Any, TypeAlias

import numpy as np
import scipy
from fastapi import APIRouter, Path
from fastapi.responses import JSONResponse, Response
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from api.negotiation import JSON
from api.openapi import answers
from layers.errors import NotFoundError

router = APIRouter(tags=["Styles"])

NAME = "horad"
GRID = 24
"""Icons are drawn on a square of so many units, and are so many pixels wide."""

_BORDER_PX = 3
_RADIUS_PX = 8
_OUTLINE = 0.75
_OVERSAMPLING = 8
_IN_A_ROW = 8
_PNG = "image/png"
_KEPT = {"Cache-Control": "public, max-age=86400"}

Shape: TypeAlias = tuple[Any, ...]

_BAR = [(3, 19), (21, 19), (21, 21), (3, 21)]
ICONS: dict[str, tuple[Shape, ...]] = {
    "education": (
        ("area", (12, 4), (23, 9.5), (12, 15), (1, 9.5)),
        ("area", (5.5, 13), (12, 16.5), (18.5, 13), (18.5, 17.5), (12, 20.5), (5.5, 17.5)),
        ("line", 1.4, (21, 10), (21, 17)),
    ),
    "health": (
        (
            "area",
            (9, 3),
            (15, 3),
            (15, 9),
            (21, 9),
            (21, 15),
            (15, 15),
            (15, 21),
            (9, 21),
            (9, 15),
            (3, 15),
            (3, 9),
            (9, 9),
        ),
    ),
    "care": (("disc", 7.6, 8.6, 4.9), ("disc", 16.4, 8.6, 4.9), ("area", (3.2, 10.8), (20.8, 10.8), (12, 21))),
    "culture": (
        ("area", (12, 3), (22, 9), (2, 9)),
        *(("area", (x, 10.5), (x + 3, 10.5), (x + 3, 17.5), (x, 17.5)) for x in (4, 10.5, 17)),
        ("area", *_BAR),
    ),
    "sport": (
        ("line", 2.4, (6, 12), (18, 12)),
        ("line", 3, (5.5, 6.5), (5.5, 17.5)),
        ("line", 3, (18.5, 6.5), (18.5, 17.5)),
        ("line", 2.4, (1.8, 9.5), (1.8, 14.5)),
        ("line", 2.4, (22.2, 9.5), (22.2, 14.5)),
    ),
    "public": (("line", 2, (6, 3), (6, 22)), ("area", (7, 4), (20, 4), (16.5, 8.5), (20, 13), (7, 13))),
    "shop": (
        ("ring", 12, 8, 4.6, 2),
        ("area", (4, 9), (20, 9), (21.5, 21), (2.5, 21)),
    ),
    "food": (
        ("line", 1.6, (5, 3), (5, 10), (8, 10), (8, 3)),
        ("line", 1.6, (11, 3), (11, 10), (8, 10)),
        ("line", 2.2, (8, 9), (8, 21.5)),
        ("area", (15.5, 12), (15.5, 5), (18.5, 2.5), (18.5, 21.5), (16.3, 21.5), (16.3, 12)),
    ),
    "office": (
        ("area", (2.5, 8), (21.5, 8), (21.5, 20), (2.5, 20)),
        ("line", 2, (8.5, 8), (8.5, 4.5), (15.5, 4.5), (15.5, 8)),
        ("hole", (2.5, 12.6), (21.5, 12.6), (21.5, 14), (2.5, 14)),
    ),
    "lodging": (
        ("line", 2.2, (2.5, 5), (2.5, 20)),
        ("area", (2.5, 13), (21.5, 13), (21.5, 17), (2.5, 17)),
        ("line", 2.2, (21.5, 12), (21.5, 20)),
        ("disc", 6.8, 9.8, 2.4),
        ("area", (10, 7.5), (19, 7.5), (21.5, 10), (21.5, 12), (10, 12)),
    ),
    "bank": (
        ("disc", 12, 12, 10),
        ("pit", 12, 12, 7.6),
        ("line", 2.4, (12, 6.5), (12, 17.5)),
        ("line", 2.4, (8.5, 12), (15.5, 12)),
    ),
    "craft": (
        ("line", 3.4, (6, 19.5), (15, 9)),
        ("area", (10.5, 6.5), (15.5, 1.8), (22, 8.3), (18.5, 11.5), (16.5, 9), (14.5, 10.5)),
    ),
    "service": (
        ("ring", 12, 12, 7, 4.6),
        ("line", 3, (12, 2), (12, 22)),
        ("line", 3, (2, 12), (22, 12)),
        ("pit", 12, 12, 3.4),
    ),
    "fire": (
        (
            "area",
            (12, 1.5),
            (15.5, 7),
            (19, 12),
            (19, 16),
            (16, 20.5),
            (12, 22.5),
            (8, 20.5),
            (5, 16),
            (5.5, 11),
            (8, 8),
            (9.5, 11),
        ),
        ("hole", (12, 13), (14.5, 17), (13.5, 20), (10.5, 20), (9.5, 17)),
    ),
    "police": (("area", (12, 2), (20.5, 5), (20.5, 11.5), (17.5, 18), (12, 22), (6.5, 18), (3.5, 11.5), (3.5, 5)),),
    "ambulance": (
        *(("line", 4.6, (12 - dx, 12 - dy), (12 + dx, 12 + dy)) for dx, dy in ((0, 9.5), (8.2, 4.8), (8.2, -4.8))),
    ),
    "rescue": (
        ("ring", 12, 12, 7.5, 5),
        *(("gap", 2.4, (12 - dx, 12 - dy), (12 + dx, 12 + dy)) for dx, dy in ((8, 8), (8, -8))),
    ),
    "stop": (
        ("area", (4.5, 3), (19.5, 3), (20.5, 5), (20.5, 18.5), (3.5, 18.5), (3.5, 5)),
        ("hole", (6, 6), (18, 6), (18, 12), (6, 12)),
        ("pit", 7.3, 15.3, 1.3),
        ("pit", 16.7, 15.3, 1.3),
        ("line", 2.6, (6.5, 18.5), (6.5, 21.5)),
        ("line", 2.6, (17.5, 18.5), (17.5, 21.5)),
    ),
    "station": (
        ("area", (7, 2), (17, 2), (19, 5), (19, 17), (5, 17), (5, 5)),
        ("hole", (7.5, 6), (16.5, 6), (16.5, 11), (7.5, 11)),
        ("pit", 8.4, 14, 1.3),
        ("pit", 15.6, 14, 1.3),
        ("line", 2, (8, 17.5), (4.5, 22)),
        ("line", 2, (16, 17.5), (19.5, 22)),
    ),
    "entrance": (("area", (12, 21), (4, 12), (9, 12), (9, 3), (15, 3), (15, 12), (20, 12)),),
    "hydrant": (
        ("area", (8.5, 6), (15.5, 6), (15.5, 19), (8.5, 19)),
        ("disc", 12, 6, 3.5),
        ("area", (5, 10), (19, 10), (19, 14), (5, 14)),
        ("area", (6.5, 19), (17.5, 19), (17.5, 21.5), (6.5, 21.5)),
    ),
    "waste": (
        ("area", (5, 8), (19, 8), (17.5, 22), (6.5, 22)),
        ("area", (3.5, 4.5), (20.5, 4.5), (20.5, 6.5), (3.5, 6.5)),
        ("area", (9, 2.5), (15, 2.5), (15, 4.5), (9, 4.5)),
    ),
    "recycling": (
        *(
            (
                "area",
                *(
                    (12 + c * (x - 12) - s * (y - 12), 12 + s * (x - 12) + c * (y - 12))
                    for x, y in (
                        (6, 8.5),
                        (9, 3.2),
                        (14, 3.2),
                        (16.5, 7),
                        (18.4, 6),
                        (16.8, 11.4),
                        (11.3, 10),
                        (13.3, 8.9),
                        (12, 6.6),
                        (10.6, 6.6),
                        (8.8, 10),
                    )
                ),
            )
            for c, s in ((1.0, 0.0), (-0.5, 0.866), (-0.5, -0.866))
        ),
    ),
    "incident": (
        ("area", (12, 2), (23, 21.5), (1, 21.5)),
        ("gap", 2.4, (12, 9), (12, 15)),
        ("pit", 12, 18.2, 1.4),
    ),
    "report": (
        ("area", (2, 3.5), (22, 3.5), (22, 16.5), (12.5, 16.5), (7, 22), (7, 16.5), (2, 16.5)),
        ("gap", 1.8, (6, 8), (18, 8)),
        ("gap", 1.8, (6, 12), (14, 12)),
    ),
    "inspection": (("ring", 10, 10, 6, 2.8), ("line", 3.6, (14.8, 14.8), (20.5, 20.5))),
}

Sprite = Annotated[str, Path(pattern=rf"^{NAME}(@2x)?\.(json|png)$", description=f"{NAME}.json, {NAME}.png, and @2x.")]


@router.get("/sprites/{sprite}", summary="The pictures of map styles", responses=answers(JSON, _PNG))
def sprite(sprite: Sprite) -> Response:
    """Return the sheet of icons as PNG, or where on it each icon is, as JSON; ``@2x`` is for screens of fine pixels."""
    name, _, kind = sprite.rpartition(".")
    ratio = 2 if name.endswith("@2x") else 1
    if kind == "json":
        return JSONResponse(places(ratio), headers=_KEPT)
    return Response(sheet(ratio), media_type=_PNG, headers=_KEPT)


def places(ratio: int) -> dict[str, dict[str, Any]]:
    """Return where on the sheet each icon is, as MapLibre reads it, on a sheet of so many pixels for one of the map."""
    side = _side(ratio)
    return {
        name: {
            "x": side * (number % _IN_A_ROW),
            "y": side * (number // _IN_A_ROW),
            "width": side,
            "height": side,
            "pixelRatio": ratio,
            "sdf": True,
        }
        for number, name in enumerate(ICONS)
    }


@lru_cache
def sheet(ratio: int) -> bytes:
    """Return all icons as one PNG whose opacity tells how far each pixel is from the icon's edge."""
    side = _side(ratio)
    rows = -(-len(ICONS) // _IN_A_ROW)
    canvas = np.zeros((side * rows, side * _IN_A_ROW, 4), dtype=np.uint8)
    for name, place in places(ratio).items():
        x, y = place["x"], place["y"]
        canvas[y : y + side, x : x + side, 3] = _distances(ICONS[name], ratio)
    file = io.BytesIO()
    Image.fromarray(canvas).save(file, "PNG", optimize=True)
    return file.getvalue()


def find_icon(name: str) -> tuple[Shape, ...]:
    """Return the shapes of an icon.

    Raises
    ------
    NotFoundError
        There is no such icon.
    """
    if name not in ICONS:
        raise NotFoundError(f"There is no icon {name!r}; there are {', '.join(ICONS)}.")
    return ICONS[name]


def _side(ratio: int) -> int:
    return (GRID + 2 * _BORDER_PX) * ratio


def _distances(shapes: tuple[Shape, ...], ratio: int) -> NDArray[np.uint8]:
    """Draw an icon large, and measure at each pixel of the final one how far it lies from the edge."""
    scale = ratio * _OVERSAMPLING
    picture = Image.new("L", (_side(ratio) * _OVERSAMPLING,) * 2)
    pen = ImageDraw.Draw(picture)
    for shape in shapes:
        _draw(pen, shape, scale)
    inside = np.asarray(picture) >= 128
    outwards = np.where(
        inside, 0.5 - scipy.ndimage.distance_transform_edt(inside), scipy.ndimage.distance_transform_edt(~inside) - 0.5
    )
    middle = _OVERSAMPLING // 2
    sampled = outwards[middle::_OVERSAMPLING, middle::_OVERSAMPLING] / (_OVERSAMPLING * ratio)
    field: NDArray[np.uint8] = np.clip(np.rint(255 * (_OUTLINE - sampled / _RADIUS_PX)), 0, 255).astype(np.uint8)
    return field


def _draw(pen: ImageDraw.ImageDraw, shape: Shape, scale: float) -> None:
    """Draw a shape: an area, a line, a disc or a ring; a hole, a gap and a pit take away from what was drawn."""

    def at(x: float, y: float) -> tuple[float, float]:
        return (x + _BORDER_PX) * scale, (y + _BORDER_PX) * scale

    kind, *values = shape
    if kind in ("area", "hole"):
        pen.polygon([at(*each) for each in values], fill=255 if kind == "area" else 0)
    elif kind in ("line", "gap"):
        width, *points = values
        pen.line(
            [at(*each) for each in points], fill=255 if kind == "line" else 0, width=round(width * scale), joint="curve"
        )
    else:
        x, y, radius, *wide = values
        if kind == "ring":
            _disc(pen, at(x, y), (radius + wide[0] / 2) * scale, 255)
            _disc(pen, at(x, y), (radius - wide[0] / 2) * scale, 0)
        else:
            _disc(pen, at(x, y), radius * scale, 255 if kind == "disc" else 0)


def _disc(pen: ImageDraw.ImageDraw, centre: tuple[float, float], radius: float, fill: int) -> None:
    x, y = centre
    pen.ellipse([x - radius, y - radius, x + radius, y + radius], fill=fill)
