"""OGC API Tiles for rasters: the tilesets of a collection of rasters described."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse, Response
from rasterio import Env

from api.documents import TILESET, TILESETS
from api.links import base_url, formats, link
from api.negotiation import HTML, JSON, Format, Language, negotiate, page
from api.ogc.tilesets import TILING_SCHEME, bounding, crs_uri
from api.openapi import answers
from api.rasters.choice import CachedRoute, Chosen, chosen
from api.rasters.tiles import GDAL_OPTIONS, MATRIX_SETS, CatalogueReader
from layers.tiles.matrix_sets import MatrixSet, find_matrix_set

_OFFERED = {"json": JSON, "html": HTML}
_PICTURES = {"png": "image/png", "jpeg": "image/jpeg", "webp": "image/webp"}

ChosenRaster = Annotated[Chosen, Depends(chosen)]

router = APIRouter(prefix="/rasters/{raster}", route_class=CachedRoute, tags=["Rasters"])


@router.get(
    "/tiles",
    summary="Tilesets of a raster",
    operation_id="rasterTilesets",
    responses=answers(JSON, HTML, schema=TILESETS, others={304: "It is as it is held."}),
)
def tilesets(request: Request, found: ChosenRaster, lang: Language, f: Format = None) -> Response:
    """List the tilesets of a collection of rasters."""
    picked = negotiate(request, f, _OFFERED)
    url, title = _url(request, found), found.series.latest.title[lang]
    document = {
        "tilesets": [_described(request, found, find_matrix_set(name), lang, listed=True) for name in MATRIX_SETS],
        "links": formats(url, picked, _OFFERED),
    }
    return page(request, title, lang, document) if picked == "html" else JSONResponse(document)


@router.get(
    "/tiles/{tileMatrixSetId}",
    summary="A tileset of a raster",
    operation_id="rasterTileset",
    responses=answers(JSON, HTML, schema=TILESET, others={304: "It is as it is held."}),
)
def tileset(
    request: Request,
    found: ChosenRaster,
    lang: Language,
    matrix_set: Annotated[Literal["WebMercatorQuad", "WorldCRS84Quad"], Path(alias="tileMatrixSetId")],
    f: Format = None,
) -> Response:
    """Describe a tileset of a collection of rasters: its limits, and where its pictures are."""
    picked = negotiate(request, f, _OFFERED)
    document = _described(request, found, find_matrix_set(matrix_set), lang)
    return page(request, document["title"], lang, document) if picked == "html" else JSONResponse(document)


def _described(
    request: Request, found: Chosen, matrices: MatrixSet, lang: str, *, listed: bool = False
) -> dict[str, Any]:
    base, url = base_url(request), f"{_url(request, found)}/{matrices.id}"
    title = found.series.latest.title[lang]
    told = {
        "title": f"{title}, {matrices.title}" if listed else title,
        "dataType": "map",
        "crs": crs_uri(matrices),
        "tileMatrixSetURI": matrices.uri or f"{base}/tileMatrixSets/{matrices.id}",
        "links": [
            link(_asked(request, url), "self", JSON, title),
            link(f"{base}/tileMatrixSets/{matrices.id}", TILING_SCHEME, JSON, matrices.title),
        ],
    }
    if listed:
        return told
    tilejson = f"{_url(request, found).removesuffix('/tiles')}/{matrices.id}/tilejson.json"
    told["links"] += [
        link(_asked(request, tilejson), "alternate", JSON, "TileJSON"),
        *(
            {
                **link(_asked(request, f"{url}/{{tileMatrix}}/{{tileCol}}/{{tileRow}}.{each}"), "item", kind, "Tiles"),
                "templated": True,
            }
            for each, kind in _PICTURES.items()
        ),
    ]
    with Env(**GDAL_OPTIONS), CatalogueReader(found, tms=MATRIX_SETS[matrices.id]) as reader:
        most, box = reader.maxzoom, reader.get_geographic_bounds("EPSG:4326")
    names = ("minTileRow", "maxTileRow", "minTileCol", "maxTileCol")
    limits = [{"tileMatrix": str(z), **dict(zip(names, matrices.limits(z, box), strict=True))} for z in range(most + 1)]
    return told | {
        "attribution": found.raster.attribution,
        "boundingBox": bounding(box),
        "tileMatrixSetLimits": limits,
    }


def _url(request: Request, found: Chosen) -> str:
    return f"{base_url(request)}/rasters/{quote(found.series.id)}/tiles"


def _asked(request: Request, url: str) -> str:
    """Return an address with what else was asked of the raster, such as its time."""
    kept = request.query_params.get("datetime")
    return url if kept is None else f"{url}?datetime={quote(kept)}"
