"""Which raster of the catalogue a request asks for, and how it is drawn unless the request says otherwise."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Depends, Query, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rio_tiler.errors import PointOutsideBounds, RioTilerError, TileOutsideBounds
from titiler.core.dependencies import ColorMapParams, ImageRenderingParams, PartFeatureParams

from api.rasters.catalogue import SeriesOf
from geo.errors import InvalidInputError
from layers.errors import NotFoundError
from layers.rasters.catalogue import Raster
from layers.rasters.description import read_time
from layers.rasters.series import Colours, Series
from layers.reading.query import parse_interval
from layers.tiles.matrix_sets import MAX_ZOOM, WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD, find_matrix_set

MOST_PIXELS = 4096
"""The longest side of what one request may read of a raster, in pixels."""

_MOST_DRAWN_PIXELS = 2048
_MOST_TILE_PIXELS = 1024

RASTER_MATRIX_SETS = (WEB_MERCATOR_QUAD, WORLD_CRS84_QUAD)
"""Those in which rasters are cut into tiles."""

_RENDERING = "1"
_MOST_BINS = 1000
_CAPABILITIES = "WMTSCapabilities.xml"
_WORDS_OF_WMTS = ("service", "request", "version", "acceptversions", "sections", "updatesequence", "acceptformats")
_SIZES = {
    **dict.fromkeys(("tilesize", "buffer", "padding"), _MOST_TILE_PIXELS),
    **dict.fromkeys(("width", "height"), _MOST_DRAWN_PIXELS),
    "max_size": MOST_PIXELS,
}
"""By parameter, how many pixels it may ask for."""

_OWN_COLOURS = ("algorithm", "expression", "bidx", "colormap", "colormap_name", "color_formula")

_OF_BANDS = (IndexError, KeyError, SyntaxError, TypeError)
_OF_PLACES = (ArithmeticError, ValueError, CPLE_BaseError, RasterioError)


class NotModifiedError(Exception):
    """The caller has the answer already."""


@dataclass(frozen=True)
class Chosen:
    """A raster, and the collection that it is of."""

    series: Series
    raster: Raster

    def __str__(self) -> str:
        """Return the path of its file, which libraries open."""
        return str(self.raster.path)


async def chosen(
    request: Request,
    series: SeriesOf,
    datetime: Annotated[
        str | None, Query(description="A year, month, day, time or interval; by default the latest")
    ] = None,
) -> Chosen:
    """Return the raster asked for; an answer that the caller has already ends the request here.

    Raises
    ------
    InvalidInputError
        The time is none, or a size is too large.
    NotFoundError
        There is no raster of that time.
    NotModifiedError
        The caller has the answer.
    """
    _check_sizes(request)
    _check_tile(request.path_params)
    _check_zooms(request.query_params.getlist("zooms"))
    found = Chosen(series, series.latest if datetime is None else series.at(read_interval(datetime)))
    asked = f"{_RENDERING} {found.raster.path.stem} {series.value_range} {request.url.path} {request.url.query}"
    request.state.etag = f'"{blake2b(asked.encode(), digest_size=12).hexdigest()}"'
    if request.method == "GET" and request.state.etag in request.headers.get("if-none-match", ""):
        raise NotModifiedError
    return found


ChosenOf = Annotated[Chosen, Depends(chosen)]


def read_interval(text: str) -> tuple[Any, Any]:
    """Read a time as precisely as it is written, such as ``2024`` or ``2024-05``, or an interval as in RFC 3339."""
    if "/" not in text:
        try:
            moment, _ = read_time(text)
        except ValueError as error:
            raise InvalidInputError(f"datetime={text}: {error}") from error
        return moment, moment
    start, _, end = text.partition("/")
    return parse_interval(f"{_whole(start)}/{_whole(end)}")


def _whole(part: str) -> str:
    return f"{part}-01-01" if part.isdigit() else part


def _check_sizes(request: Request) -> None:
    computed = "algorithm" in request.query_params
    for name, most in _SIZES.items():
        most = min(most, _MOST_DRAWN_PIXELS) if computed else most
        for value in (request.query_params.get(name), request.path_params.get(name)):
            if value is not None and str(value).isdigit() and int(value) > most:
                raise InvalidInputError(f"{name}={value}: at most {most} pixels")
    bins = request.query_params.get("histogram_bins", "")
    if bins.isdigit() and int(bins) > _MOST_BINS:
        raise InvalidInputError(f"histogram_bins={bins}: at most {_MOST_BINS}")


def _check_tile(path: dict[str, Any]) -> None:
    if {"tileMatrixSetId", "z", "x", "y"} <= set(path) and path["tileMatrixSetId"] in RASTER_MATRIX_SETS:
        numbers = [str(path[name]) for name in ("z", "y", "x")]
        if all(each.lstrip("-").isdigit() for each in numbers):
            find_matrix_set(path["tileMatrixSetId"]).check(*map(int, numbers))


def _check_zooms(given: list[str]) -> None:
    """Refuse zooms that no tile matrix set has, of those that WMTS is asked to describe as ``WebMercatorQuad::0,9``."""
    for each in given:
        numbers = [part for part in each.rpartition("::")[2].split(",") if part.strip().isdigit()]
        if any(int(number) > MAX_ZOOM for number in numbers):
            raise InvalidInputError(f"zooms={each}: zooms go from 0 to {MAX_ZOOM}")


async def colours(
    request: Request, found: ChosenOf, own: Annotated[Colours | None, Depends(ColorMapParams)]
) -> Colours | None:
    """Return the colours asked for, or those of the catalogue where the request says nothing of colours."""
    if own is not None:
        return own
    return None if _has_own_colours(request) else found.series.colours


async def rendering(
    request: Request, found: ChosenOf, own: Annotated[ImageRenderingParams, Depends(ImageRenderingParams)]
) -> ImageRenderingParams:
    """Return how to draw: values between the ends of the catalogue's scale where the request says nothing of it."""
    limits, drawn = found.series.value_range, found.series.latest
    plain = found.series.has_classes or (drawn.colour_scale is None and drawn.bands[0]["dtype"] == "uint8")
    if own.rescale is None and limits is not None and not plain and not _scales_itself(request):
        own.rescale = [limits]  # type: ignore[assignment]
    return own


@dataclass
class Part(PartFeatureParams):
    """The size of a part of a raster: at most so many pixels a side are read, from an overview where it has more."""

    max_size: Annotated[int | None, Query(description="The longest side in pixels", ge=1, le=MOST_PIXELS)] = MOST_PIXELS


def _without_words_of_wmts(query: bytes) -> bytes:
    """Return a query without what clients add to the address of capabilities, where they ask for those."""
    named = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    if ("request", "getcapabilities") not in [(name.lower(), value.lower()) for name, value in named]:
        return query
    return urlencode([(name, value) for name, value in named if name.lower() not in _WORDS_OF_WMTS]).encode()


def _has_own_colours(request: Request) -> bool:
    return any(name in request.query_params for name in _OWN_COLOURS)


def _scales_itself(request: Request) -> bool:
    return any(name in request.query_params for name in ("algorithm", "expression", "color_formula"))


def _wrong(request: Request, error: Exception) -> str | None:
    """Return what of a request an error comes from; nothing where it isn't the request's."""
    if isinstance(error, _OF_BANDS):
        return next((f"{name}:" for name in ("bidx", "expression", "p") if name in request.query_params), None)
    if request.method == "POST" or "minx" in request.path_params:
        return "That part of the raster"
    if isinstance(error, ArithmeticError | ValueError) and request.query_params:
        return ", ".join(sorted(set(request.query_params)))
    return None


class CachedRoute(APIRoute):
    """A route whose answers carry the tag that `chosen` gave them."""

    def get_route_handler(self) -> Callable[[Request], Awaitable[Response]]:  # type: ignore[override]
        """Return what answers a request."""
        plain = super().get_route_handler()

        async def answer(request: Request) -> Response:
            headers = {"Cache-Control": "no-cache"}
            if self.path_format.endswith(_CAPABILITIES):
                request.scope["query_string"] = _without_words_of_wmts(request.scope["query_string"])
            try:
                found: Response = await plain(request)
            except NotModifiedError:
                return Response(status_code=304, headers={**headers, "ETag": request.state.etag})
            except TileOutsideBounds:
                return Response(status_code=204, headers={**headers, "ETag": request.state.etag})
            except PointOutsideBounds as error:
                raise NotFoundError(f"{error}.") from error
            except RioTilerError as error:
                raise InvalidInputError(str(error)) from error
            except (*_OF_BANDS, *_OF_PLACES) as error:
                what = _wrong(request, error)
                if what is None:
                    raise
                raise InvalidInputError(f"{what} can't be worked out: {error}") from error
            if hasattr(request.state, "etag") and request.method == "GET":
                found.headers.update({**headers, "ETag": request.state.etag})
            return found

        return answer
