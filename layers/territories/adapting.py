"""Adapts the base to a territory's file: what is wrong in it, what it would change, and the change."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from geo.errors import HoradError, InvalidInputError
from layers.errors import SourceError
from layers.loads.ingest import Progress
from layers.loads.loading import Outcome, load_sources
from layers.models.registry import TerritoryRow
from layers.rasters.catalogue import remove_raster
from layers.rasters.loading import left_rasters
from layers.territories.boundaries import BoundaryFile, shape_of
from layers.territories.files import PackError, PackFile, Problem
from layers.territories.packs import PACKS, Territory, distortion_told, pack_file, read_pack
from layers.territories.territory import register, registered, remove_left

_LONGEST_VALUE = 80
_NOTHING = "nothing"


@dataclass(frozen=True)
class Adaptation:
    """What became of a territory, or would.

    Parameters
    ----------
    territory
        Its id.
    is_new
        Whether the base didn't know it.
    changes
        What is different in its description, a line each.
    removed
        How many features were removed that no source describes any longer, by source and layer.
    outcomes
        What became of its sources.
    parents
        The territories that were registered with it, since it belongs to them; their sources aren't loaded.
    """

    territory: str
    is_new: bool
    changes: list[str]
    removed: dict[str, dict[str, int]]
    outcomes: list[Outcome]
    parents: list[str] = field(default_factory=list)

    @property
    def failed(self) -> list[Outcome]:
        """The sources that couldn't be loaded."""
        return [each for each in self.outcomes if each.error is not None]


def adapt(
    engine: Engine,
    territory: Territory,
    *,
    folder: Path = PACKS,
    rehearse: bool = False,
    progress: Callable[[str], Progress] | None = None,
) -> Adaptation:
    """Bring the base to what a territory's file says: its description, and those of its sources that have changed.

    Doing it again changes nothing. A source that fails doesn't stop the others.

    Parameters
    ----------
    engine
        The database.
    territory
        As read from its file.
    folder
        Where the files of the territories to which it belongs are looked for, if the base doesn't know them.
    rehearse
        True to do all of it and undo it: what is returned tells what would happen.
    progress
        Gives, for the name of a source, the function that is told of its progress.

    Raises
    ------
    NotFoundError
        Neither the base nor the folder has the territory to which it belongs.
    InvalidInputError
        It can't belong to that territory.
    SourceError
        The file of its boundary can't be had.
    """
    territory, lacking = _with_a_boundary(territory)
    with engine.connect() as connection:
        before = connection.execute(select(TerritoryRow.pack).where(TerritoryRow.id == territory.id)).scalar()
        known = {each["id"] for each in registered(connection)}
        parents = missing_parents(territory, known, folder)
        rasters = left_rasters(connection, territory)
        removed = remove_left(connection, territory)
        for each in (*reversed(parents), territory):
            register(connection, each)
        if rehearse:
            connection.rollback()
        else:
            connection.commit()
    for raster in rasters:
        counts = removed.setdefault(raster.source, {})
        counts["rasters"] = counts.get("rasters", 0) + 1
        if not rehearse:
            remove_raster(engine, raster)
    outcomes = load_sources(engine, _alone(territory) if rehearse else territory, rehearse=rehearse, progress=progress)
    return Adaptation(
        territory=territory.id,
        is_new=territory.id not in known,
        changes=description_changes(before, territory.kept()) if before else [],
        removed=removed,
        outcomes=[*lacking, *outcomes],
        parents=[each.id for each in parents],
    )


def missing_parents(territory: Territory, known: Collection[str], folder: Path) -> list[Territory]:
    """Return the territories to which one belongs and that aren't known, the nearest first, read from their files.

    Parameters
    ----------
    territory
        The one.
    known
        The ids of those that are known.
    folder
        Where their files are, if they aren't the platform's own.

    Raises
    ------
    InvalidInputError
        There is no such file, or they belong to each other in a circle.
    """
    found: list[Territory] = []
    child = territory
    while child.parent is not None and child.parent not in known:
        if child.parent in {territory.id, *(each.id for each in found)}:
            raise InvalidInputError(f"{child.id} can't belong to {child.parent}, which belongs to {child.id} already.")
        file = next((each for each in _files(child.parent, folder) if each.is_file()), None)
        if file is None:
            others = ", ".join(sorted(known)) or "none"
            raise InvalidInputError(
                f"there is no territory {child.parent}, to which {child.id} belongs: no file {child.parent}.yml"
                f" describes it, and the base knows {others}"
            )
        child = read_pack(str(file))
        found.append(child)
    return found


def check_pack(name_or_file: str, known: Collection[str] = ()) -> list[Problem]:
    """Return all that is wrong in a territory's file, as far as can be told without loading its sources.

    Files on the web are not asked for.

    Parameters
    ----------
    name_or_file
        The name of a pack of the platform, or the path of a file.
    known
        The ids of the territories that the base knows.

    Raises
    ------
    NotFoundError
        There is no such file.
    """
    file = pack_file(name_or_file)
    try:
        territory = read_pack(str(file))
    except PackError as error:
        return list(error.problems)
    pack = PackFile(file)
    problems = []
    try:
        missing_parents(territory, known, file.absolute().parent)
    except HoradError as error:
        problems.append(pack.problem(("parent",), str(error)))
    problems += [pack.problem(("boundary",), text) for text in _boundary_problems(territory)]
    for number, source in enumerate(territory.sources):
        problems += [pack.problem(("sources", number), text) for text in source.check(territory.surroundings)]
    return problems


def description_changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return what is different in a description, a line each, the sources one by one."""
    lines = [
        f"{name}: {_shown(before.get(name))} → {_shown(after.get(name))}"
        for name in sorted({*before, *after} - {"sources"})
        if before.get(name) != after.get(name)
    ]
    old, new = ({each["id"]: each for each in side.get("sources", [])} for side in (before, after))
    lines += [f"source {name}: added" for name in new if name not in old]
    lines += [f"source {name}: no longer described" for name in old if name not in new]
    for name in (each for each in new if each in old and old[each] != new[each]):
        different = sorted(key for key in {*old[name], *new[name]} if old[name].get(key) != new[name].get(key))
        lines.append(f"source {name}: described differently in {', '.join(different)}")
    return lines


def _with_a_boundary(territory: Territory) -> tuple[Territory, list[Outcome]]:
    """Return a territory whose boundary can be had: where its file is missing, the view stands for it."""
    try:
        shape_of(territory.boundary)
    except SourceError as error:
        if territory.view is None:
            raise
        told = f"the view stands for it: {error}"
        return territory.model_copy(update={"boundary": territory.view}), [Outcome("boundary", None, told, error)]
    return territory, []


def _alone(territory: Territory) -> Territory:
    """Return a territory that belongs to none: one that is rehearsed may have a parent that isn't registered."""
    return territory.model_copy(update={"parent": None})


def _boundary_problems(territory: Territory) -> list[str]:
    boundary = territory.boundary
    if not isinstance(boundary, BoundaryFile) or not any(place.url is None for place in boundary.places):
        return []
    try:
        west, south, east, north = shape_of(boundary).bounds
    except SourceError as error:
        return [str(error)]
    told = distortion_told(territory.kind, territory.metric_crs, (west, south, east, north))
    return [told] if told else []


def _files(name: str, folder: Path) -> list[Path]:
    return [folder / f"{name}.yml", folder / f"{name}.yaml", PACKS / f"{name}.yml"]


def _shown(value: Any) -> str:
    if value in (None, [], {}, ""):
        return _NOTHING
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"
