"""From a territory's sources, or a file on its own, to features in the layers.

A file that goes to a territory of the base needs nothing of what describes territories, which is long to import.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine

from geo.errors import HoradError
from layers.errors import SourceError
from layers.loads.ingest import Outside, Progress, Report, ingest, last_fingerprint
from layers.postgres.database import base_id
from layers.sources.geometry.coordinates import Box
from layers.sources.opening import opened
from layers.sources.places import fingerprint
from layers.sources.stated import Stated
from layers.territories.territory import at, register, registered, remove_left, timezone_of

if TYPE_CHECKING:
    from layers.territories.packs import Source, Territory

_MOST_LATITUDE = 90


@dataclass(frozen=True)
class Outcome:
    """What became of one source of a territory: loaded, already there, not to be had, or not taken at all."""

    source: str
    report: Report | None
    note: str
    error: HoradError | None = None


def load_territory(
    engine: Engine, territory: Territory, *, progress: Callable[[str], Progress] | None = None
) -> list[Outcome]:
    """Register a territory, and load those of its sources that have changed since the last time.

    What sources have brought that the territory no longer describes is removed, and stays in the history.

    Parameters
    ----------
    engine
        The database.
    territory
        As read from its file.
    progress
        Gives, for the name of a source, the function that is told of its progress.
    """
    from layers.rasters.catalogue import remove_raster
    from layers.rasters.loading import left_rasters

    with engine.begin() as connection:
        rasters = left_rasters(connection, territory)
        remove_left(connection, territory)
        register(connection, territory)
    for raster in rasters:
        remove_raster(engine, raster)
    return load_sources(engine, territory, progress=progress)


def load_sources(
    engine: Engine,
    territory: Territory,
    *,
    rehearse: bool = False,
    progress: Callable[[str], Progress] | None = None,
) -> list[Outcome]:
    """Load the sources of a territory one after the other; one that fails doesn't stop the others.

    The parameters are those of :func:`load_source`, with a listener for each source.
    """
    outcomes = []
    for source in territory.sources:
        try:
            listen = progress(source.id) if progress else None
            outcomes.append(load_source(engine, territory, source, rehearse=rehearse, progress=listen))
        except HoradError as error:
            outcomes.append(Outcome(source.id, None, f"not loaded: {error}", error))
    return outcomes


def territory_for(engine: Engine, file: Path, *, wanted: str | None = None, **stated: Any) -> Territory | str:
    """Find the territory into which a file is to be loaded.

    Parameters
    ----------
    engine
        The database.
    file
        The file.
    wanted
        The id that the user named, if any.
    **stated
        What the file doesn't say itself, by the names of :class:`layers.sources.stated.Stated`.

    Returns
    -------
    Territory or str
        The id of a territory of the base, the one wanted or the one in which the file lies; or a new territory, not
        yet registered, as its file in ``data/territories`` describes it or, without one, as the file's box suggests.

    Raises
    ------
    SourceError
        The file can't be read, or doesn't tell where it lies; or none is wanted, it lies in none, and it would lie in
        one if its latitudes and longitudes were swapped.
    """
    with engine.connect() as connection:
        known = {each["id"] for each in registered(connection)}
        if wanted in known:
            return str(wanted)
        from layers.territories.packs import PACKS, around, read_pack

        if wanted is not None and (PACKS / f"{wanted}.yml").is_file():
            return read_pack(wanted)
        box = opened(file, Stated(**stated)).bounds()
        found = None if wanted else at(connection, box)
        if found is None and wanted is None:
            _check_not_swapped(connection, file, box)
    return found or around(wanted or file.name.split(".")[0], box)


def load_file(
    engine: Engine,
    file: Path,
    *,
    territory: str | Territory,
    source: str,
    layers: Sequence[str] | None = None,
    outside: Outside = "reject",
    progress: Progress | None = None,
    **stated: Any,
) -> Report:
    """Load one file into the layers of a territory.

    Parameters
    ----------
    engine
        The database.
    file
        OpenStreetMap data, a GTFS feed, an EPANET or a pandapower network, which fill many layers, or a file with
        tables, of which each fills one.
    territory
        To whom the features belong: the id of a territory of the base, or one that is registered with this load.
    source
        The name under which the file is known.
    layers
        The layers to fill; by default all that the file has something for, or tables of their names.
    outside
        What becomes of features far outside the territory: they are rejected, or kept and counted.
    progress
        Called with the number of records read and the share of the file.
    **stated
        What the file doesn't say itself, by the names of :class:`layers.sources.stated.Stated`: its tables, CRS,
        columns of coordinates, encoding, ...; the time zone is that of the territory by default.

    Raises
    ------
    SourceError, InvalidInputError, NotFoundError
        The file can't be read, is of an unknown kind, or a layer isn't there.
    """
    with engine.connect() as connection:
        said = Stated(**{"timezone": timezone_of(connection, territory), **stated})
    reader, targets, attribution = opened(file, said).read(layers)
    return ingest(
        engine,
        reader,
        territory=territory,
        source=source,
        file_name=file.name,
        fingerprint=fingerprint(file),
        layers=targets,
        attribution=attribution,
        stated=said.of_places,
        outside=outside,
        progress=progress,
    )


def _check_not_swapped(connection: Connection, file: Path, box: Box) -> None:
    west, south, east, north = box
    other = at(connection, (south, west, north, east)) if max(abs(west), abs(east)) <= _MOST_LATITUDE else None
    if other is not None:
        raise SourceError(
            f"{file.name} lies in no territory of the base, but would in {other} with latitude and longitude swapped:"
            " load it with --swapped, or name a --territory if it is where it should be."
        )


def load_source(
    engine: Engine,
    territory: Territory,
    source: Source,
    *,
    rehearse: bool = False,
    progress: Progress | None = None,
) -> Outcome:
    """Load one source of a registered territory if it has changed since the last time.

    Parameters
    ----------
    engine
        The database.
    territory
        As read from its file.
    source
        One of its sources.
    rehearse
        True to do all of it and undo it at the end; the territory then needn't be registered.
    progress
        Called now and then with the number of records read and the share of the source, where known.

    Raises
    ------
    SourceError
        The source is there, and can't be read to its end or taken. One that can't be had is an outcome.
    """
    from layers.rasters.loading import load_rasters
    from layers.rasters.sources import RasterSource

    if isinstance(source, RasterSource):
        note, error = load_rasters(engine, territory.id, source, rehearse=rehearse)
        return Outcome(source.id, None, note, error)
    try:
        with engine.connect() as connection:
            surroundings = replace(territory.surroundings, base=base_id(connection))
        obtained = source.obtain(surroundings)
    except SourceError as error:
        return Outcome(source.id, None, f"not loaded: {error}", error)
    mark = obtained.fingerprint
    if mark is not None and mark == last_fingerprint(engine, territory=territory.id, source=source.id):
        return Outcome(source.id, None, f"unchanged since the last load of {obtained.file_name}")
    report = ingest(
        engine,
        obtained.open(),
        territory=territory if rehearse else territory.id,
        source=source.id,
        file_name=obtained.file_name,
        fingerprint=mark or "",
        layers=[layer for layer in source.fills if layer in territory.layers],
        attribution=source.attribution,
        restricted=source.restricted,
        outside=source.outside,
        may_be_empty=source.may_be_empty,
        rehearse=rehearse,
        progress=progress,
    )
    if report.refusal is not None:
        return Outcome(source.id, report, report.refusal, SourceError(f"{source.id}: {report.refusal}"))
    return Outcome(source.id, report, f"{'would be ' if rehearse else ''}loaded from {obtained.file_name}")
