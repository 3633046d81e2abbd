"""The collections of rasters that requests ask for, kept for a moment."""

from __future__ import annotations

import time
from typing import Annotated

from cachetools import TTLCache
from fastapi import Depends, Path
from fastapi.concurrency import run_in_threadpool

from api.security.callers import Caller, CallerOf
from layers.rasters.series import Series, find_series

_KNOWN_FOR_S = 2.0
_KNOWN_AT_MOST = 1_000

_known: TTLCache[tuple[str, str], Series] = TTLCache(_KNOWN_AT_MOST, _KNOWN_FOR_S, time.monotonic)


async def series(
    caller: CallerOf, raster: Annotated[str, Path(description="Id of a collection of rasters.")]
) -> Series:
    """Return the collection asked for, if the caller may see it, as it was at most two seconds ago."""
    key = (caller.rights, raster)
    found = _known.get(key)
    if found is None or not all(each.path.is_file() for each in found.rasters):
        found = _known[key] = await run_in_threadpool(_find, caller, raster)
    return found


def _find(caller: Caller, raster: str) -> Series:
    with caller.engine().connect() as connection:
        return find_series(connection, raster)


SeriesOf = Annotated[Series, Depends(series)]
