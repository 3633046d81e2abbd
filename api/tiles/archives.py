"""Files of tiles, as the command `horad tiles --publish` leaves them: whole, in ranges, and tile by tile."""

from __future__ import annotations

import gzip
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from fastapi.responses import FileResponse, JSONResponse, Response

from api.documents import ARCHIVES, TILEJSON_DOCUMENT
from api.links import base_url, link
from api.negotiation import JSON, MVT, TILEJSON
from api.openapi import answers
from api.tiles.answers import accepts_gzip
from layers.tiles import archives
from layers.tiles.archives import Archive

PMTILES = "application/vnd.pmtiles"

_CHECKED = "no-cache"
_DEGREES_E7 = 1e7
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file.", "content": {PMTILES: {}}},
    206: {"description": "The part asked for by Range.", "content": {PMTILES: {}}},
    416: {"description": "There is no such part."},
}
_TILE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The tile.", "content": {MVT: {}}},
    204: {"description": "There is nothing in the tile."},
    304: {"description": "The tile that the caller has is still right."},
}

router = APIRouter(tags=["Archives"])

Name = Annotated[str, Path(description="Name of an archive.")]


@router.get("/archives", summary="Archives of tiles", responses=answers(JSON, schema=ARCHIVES))
def list_archives(request: Request) -> Response:
    """List the files of tiles that are served."""
    url = f"{base_url(request)}/archives"
    listed = [
        {
            "id": each.name,
            "title": each.metadata.get("name", each.name),
            "attribution": each.metadata.get("attribution", ""),
            "links": [
                link(f"{url}/{each.name}", "describedby", TILEJSON, "TileJSON"),
                link(f"{url}/{each.name}.pmtiles", "enclosure", PMTILES, "The file"),
            ],
        }
        for each in archives.published()
    ]
    return JSONResponse({"archives": listed, "links": [link(url, "self", JSON, "Archives of tiles")]})


@router.get("/archives/{archive}.pmtiles", summary="An archive of tiles, or a part of it", responses=_FILE)
def archive_file(archive: Name) -> Response:
    """Return the file; a map reads it in ranges, without a server of tiles."""
    found = archives.find_archive(archive)
    return FileResponse(found.path, media_type=PMTILES, headers={"Cache-Control": _CHECKED, "Accept-Ranges": "bytes"})


@router.get(
    "/archives/{archive}", summary="TileJSON of an archive", responses=answers(TILEJSON, schema=TILEJSON_DOCUMENT)
)
def archive_tilejson(request: Request, archive: Name) -> Response:
    """Describe the tiles of an archive; their addresses tell its state, so that they may be kept for good."""
    found = archives.find_archive(archive)
    header, told = found.header, found.metadata
    sides = ("min_lon_e7", "min_lat_e7", "max_lon_e7", "max_lat_e7")
    document = {
        "tilejson": "3.0.0",
        "name": told.get("name", found.name),
        "scheme": "xyz",
        "tiles": [f"{base_url(request)}/archives/{found.name}/{{z}}/{{x}}/{{y}}"],
        "minzoom": header["min_zoom"],
        "maxzoom": header["max_zoom"],
        "bounds": [header[side] / _DEGREES_E7 for side in sides],
        "attribution": told.get("attribution", ""),
        "vector_layers": told.get("vector_layers", []),
    }
    return JSONResponse(document, media_type=TILEJSON)


@router.get("/archives/{archive}/{z}/{x}/{y}", summary="A tile of an archive", responses=_TILE)
def archive_tile(request: Request, archive: Name, z: int, x: int, y: int) -> Response:
    """Return a tile, zoom, column and row, as maps ask for them."""
    found = archives.find_archive(archive)
    headers = {"ETag": f'"{found.stamp}"', "Cache-Control": _CHECKED, "Vary": "Accept-Encoding"}
    if found.stamp in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    content = found.tile(z, y, x)
    return _packed(found, content, request, headers) if content else Response(status_code=204, headers=headers)


def _packed(found: Archive, content: bytes, request: Request, headers: dict[str, str]) -> Response:
    if not found.is_packed:
        return Response(content, 200, headers, MVT)
    if accepts_gzip(request.headers.get("accept-encoding", "")):
        return Response(content, 200, {**headers, "Content-Encoding": "gzip"}, MVT)
    return Response(gzip.decompress(content), 200, headers, MVT)
