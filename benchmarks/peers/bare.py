"""One Starlette route that sends the bytes of a file: what any cache in Starlette can reach at most."""

from __future__ import annotations

import os
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

BODY = Path(os.environ["BODY"]).read_bytes()
HEADERS = {
    "ETag": '"1"',
    "Cache-Control": "no-cache",
    "Vary": "Accept-Encoding",
    "Content-Encoding": "gzip",
    "Content-Type": "application/vnd.mapbox-vector-tile",
}


async def tile(request: Request) -> Response:
    if request.headers.get("if-none-match") == '"1"':
        return Response(status_code=304, headers=HEADERS)
    return Response(BODY, headers=HEADERS)


app = Starlette(routes=[Route("/tiles/{z}/{row}/{col}", tile)])
