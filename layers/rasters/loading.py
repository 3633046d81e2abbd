"""From a territory's sources of rasters to its part of the catalogue."""

from __future__ import annotations

from collections import Counter

from sqlalchemy import Connection, Engine, select

from layers.errors import SourceError
from layers.models.registry import TerritoryRow
from layers.rasters.catalogue import Raster, add_raster, list_rasters, rehearse_raster, remove_raster
from layers.rasters.sources import RasterSource
from layers.sources.places import locate
from layers.territories.packs import Territory


def load_rasters(
    engine: Engine, territory: str, source: RasterSource, *, rehearse: bool = False
) -> tuple[str, SourceError | None]:
    """Bring the catalogue to what a source describes.

    Those whose file is nowhere stay as they are; those that the source no longer describes are removed.

    Parameters
    ----------
    engine
        The database.
    territory
        Whose rasters they are.
    source
        What describes them.
    rehearse
        True to tell what would become of them, and to change nothing; the territory then needn't be registered.

    Returns
    -------
    str, SourceError or None
        What has become of its rasters, and why the first was not to be had, if one wasn't.

    Raises
    ------
    SourceError, InvalidInputError
        A file is no raster that can be taken.
    """
    told: Counter[str] = Counter()
    misses: list[SourceError] = []
    described = [(time, source.description(time)) for time in source.times or (None,)]
    for time, description in described:
        try:
            file = locate(source.places_of(time))
        except SourceError as error:
            misses.append(error)
            continue
        if rehearse:
            told[rehearse_raster(engine, file, territory=territory, description=description)] += 1
        else:
            told[add_raster(engine, file, territory=territory, description=description)[1]] += 1
    wanted = {(each.collection, each.time) for _, each in described}
    with engine.connect() as connection:
        standing = list_rasters(connection, territory=territory, source=source.id)
    for raster in standing:
        if (raster.collection, raster.time_text) not in wanted:
            told["removed"] += 1
            if not rehearse:
                remove_raster(engine, raster)
    counts = ", ".join(f"{number} {outcome}" for outcome, number in told.items())
    lacking = [f"not loaded: {each}" for each in misses]
    return "; ".join([f"rasters{' would be' if rehearse else ''}: {counts}", *lacking] if counts else lacking), misses[
        0
    ] if misses else None


def left_rasters(connection: Connection, territory: Territory) -> list[Raster]:
    """Return the rasters of those sources that a territory had described and no longer does."""
    known = select(TerritoryRow.pack).where(TerritoryRow.id == territory.id)
    described = (connection.execute(known).scalar() or {}).get("sources", [])
    now = {each.id for each in territory.sources if isinstance(each, RasterSource)}
    left = {each["id"] for each in described if each["kind"] == "raster"} - now
    return [each for each in list_rasters(connection, territory=territory.id) if each.source in left]
