"""From a territory's sources, or a file on its own, to features in the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from geo.errors import InvalidInputError
from layers.catalog import all_layers, find
from layers.errors import SourceError
from layers.ingest import Progress, Report, ingest, last_fingerprint
from layers.packs import PACKS, Source, Territory, around, read_pack
from layers.raster_loading import load_rasters
from layers.raster_sources import RasterSource
from layers.sources import osm, vector
from layers.sources.bounds import bounds
from layers.sources.domain import format_of
from layers.sources.files import osm_layers
from layers.sources.gtfs import GtfsReader
from layers.sources.placement import Anchor
from layers.sources.places import fingerprint
from layers.sources.records import Reader
from layers.territory import at, register, registered


@dataclass(frozen=True)
class Outcome:
    """What became of one source of a territory: loaded, already there, or not to be had."""

    source: str
    report: Report | None
    note: str
    error: SourceError | None = None


def load_territory(
    engine: Engine, territory: Territory, *, progress: Callable[[str], Progress] | None = None
) -> list[Outcome]:
    """Register a territory and load those of its sources that have changed since the last time.

    Parameters
    ----------
    engine
        The database.
    territory
        As read from its file.
    progress
        Gives, for the name of a source, the function that is told of its progress.
    """
    with engine.begin() as connection:
        register(connection, territory)
    return [
        load_source(engine, territory, source, progress=progress(source.id) if progress else None)
        for source in territory.sources
    ]


def territory_for(
    engine: Engine, file: Path, *, wanted: str | None = None, crs: str | None = None, anchor: Anchor | None = None
) -> Territory | str:
    """Find the territory into which a file is to be loaded.

    Parameters
    ----------
    engine
        The database.
    file
        The file.
    wanted
        The id that the user named, if any.
    crs, anchor
        Of the file's coordinates, where it doesn't say.

    Returns
    -------
    Territory or str
        The id of a territory of the base, the one wanted or the one in which the file lies; or a new territory, not
        yet registered, as its file in ``data/territories`` describes it or, without one, as the file's box suggests.
    """
    _check_is_there(file)
    with engine.connect() as connection:
        known = {each["id"] for each in registered(connection)}
        if wanted in known:
            return str(wanted)
        if wanted is not None and (PACKS / f"{wanted}.yml").is_file():
            return read_pack(wanted)
        box = bounds(file, crs=crs, anchor=anchor)
        found = None if wanted else at(connection, box)
    return found or around(wanted or file.name.split(".")[0], box)


def load_file(
    engine: Engine,
    file: Path,
    *,
    territory: str | Territory,
    source: str,
    layers: Sequence[str] | None = None,
    crs: str | None = None,
    anchor: Anchor | None = None,
    progress: Progress | None = None,
) -> Report:
    """Load one file into the layers of a territory.

    Parameters
    ----------
    engine
        The database.
    file
        OpenStreetMap data, a GTFS feed, an EPANET or a pandapower network, which fill many layers, or a vector file,
        which fills the one layer named.
    territory
        To whom the features belong: the id of a territory of the base, or one that is registered with this load.
    source
        The name under which the file is known.
    layers
        The layers to fill; for files that fill many by default all that they have something for.
    crs, anchor
        Of the coordinates, where the file doesn't say: their CRS, or, for networks in local coordinates, one point.
    progress
        Called with the number of records read and the share of the file.

    Raises
    ------
    SourceError, InvalidInputError, NotFoundError
        The file can't be read, is of an unknown kind, or a layer isn't there.
    """
    _check_is_there(file)
    reader, targets = _open(file, layers, crs, anchor)
    return ingest(
        engine,
        reader,
        territory=territory,
        source=source,
        file_name=file.name,
        fingerprint=fingerprint(file),
        layers=targets,
        attribution=_attribution(reader),
        progress=progress,
    )


def _check_is_there(file: Path) -> None:
    if not file.is_file():
        raise SourceError(f"There is no file {file}.")


def _open(file: Path, layers: Sequence[str] | None, crs: str | None, anchor: Anchor | None) -> tuple[Reader, list[str]]:
    name = file.name.lower()
    domain = format_of(file)
    if domain is not None:
        unfit = sorted(set(layers or ()) - set(domain.layers))
        if unfit:
            raise InvalidInputError(f"{domain.title} fills {', '.join(domain.layers)}, not {', '.join(unfit)}")
        return domain.open(file, crs, anchor), list(layers or domain.layers)
    if anchor is not None:
        raise InvalidInputError(f"{file.name} is no network in local coordinates, so it can't have an anchor")
    if name.endswith(osm.SUFFIXES):
        targets = list(layers or osm_layers())
        unfit = [each for each in targets if find(each).layer.osm is None]
        if unfit:
            raise InvalidInputError(f"OpenStreetMap data has no rule for the layer {', '.join(unfit)}")
        return osm.OsmReader(file, {each: find(each) for each in targets}), targets
    if not name.endswith(vector.SUFFIXES):
        known = ", ".join((*osm.SUFFIXES, *vector.SUFFIXES, ".inp"))
        raise SourceError(f"{file.name} is of a kind that can't be loaded; these can: {known}.")
    if layers is None or len(layers) != 1:
        raise InvalidInputError(
            f"{file.name} fills one layer: name it with --layer. The layers are: {', '.join(all_layers())}."
        )
    return vector.VectorReader(file, layers[0], find(layers[0]), crs=crs), list(layers)


def _attribution(reader: Reader) -> str | None:
    if isinstance(reader, osm.OsmReader):
        return osm.ATTRIBUTION
    return reader.attribution if isinstance(reader, GtfsReader) else None


def load_source(engine: Engine, territory: Territory, source: Source, *, progress: Progress | None = None) -> Outcome:
    """Load one source of a registered territory if it has changed since the last time.

    Raises
    ------
    SourceError
        The source is there, and can't be read to its end or taken. One that can't be had is an outcome.
    """
    if isinstance(source, RasterSource):
        note, error = load_rasters(engine, territory.id, source)
        return Outcome(source.id, None, note, error)
    try:
        obtained = source.obtain(territory.surroundings)
    except SourceError as error:
        return Outcome(source.id, None, f"not loaded: {error}", error)
    mark = obtained.fingerprint
    if mark is not None and mark == last_fingerprint(engine, territory=territory.id, source=source.id):
        return Outcome(source.id, None, f"unchanged since the last load of {obtained.file_name}")
    report = ingest(
        engine,
        obtained.open(),
        territory=territory.id,
        source=source.id,
        file_name=obtained.file_name,
        fingerprint=mark or "",
        layers=source.fills,
        progress=progress,
    )
    return Outcome(source.id, report, f"loaded from {obtained.file_name}")
