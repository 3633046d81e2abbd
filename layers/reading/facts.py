"""What is known of a layer as a whole: worked out once a version, for everybody with the same rights."""

from __future__ import annotations

import datetime as dt
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeAlias

from sqlalchemy import Connection, Engine, func, null, select

from layers.catalog import LayerTable, find
from layers.history.announcements import RIGHTS, announcements
from layers.models.registry import LayerVersion
from layers.reading.query import Box, Query
from layers.reading.store import count_up_to
from layers.territories.territory import within

_KEPT = 4096
_COUNTED_AT_MOST = 500_000

FactsKey: TypeAlias = tuple[Any, ...]
_known: OrderedDict[FactsKey, Facts] = OrderedDict()
_counts: OrderedDict[FactsKey, int | None] = OrderedDict()
_lock = Lock()
_turns = tuple(Lock() for _ in range(64))
"""Held while something is counted, so that many who ask for it at once don't count it each."""


@dataclass(frozen=True)
class Facts:
    """A layer as a whole.

    Parameters
    ----------
    count
        How many features it has.
    box
        Around them, west, south, east and north in degrees; ``None`` where there is none.
    times
        Of the first and the last of them, where the layer has times.
    """

    count: int
    box: Box | None
    times: tuple[dt.datetime, dt.datetime] | None


def facts(
    connection: Connection, layers: Iterable[str], *, territory: str | None = None, rights: str = ""
) -> dict[str, Facts]:
    """Return what is known of layers, as whoever is asking may see them.

    Parameters
    ----------
    connection
        To the database, with the rights of whoever asks.
    layers
        Their names.
    territory
        Only of what belongs to it, or to one below it.
    rights
        The same for all who may see the same; empty for the public.
    """
    keys = _keys(connection, list(layers), territory, rights)
    return {layer: _kept(key) or _worked_out(connection, layer, territory, key) for layer, key in keys.items()}


def count(connection: Connection, layer: str, *, territory: str | None = None, rights: str = "") -> int | None:
    """Return how many features a layer has, or ``None`` where counting them would take long; parameters as for `facts`.

    Where all facts are not known yet, only this one is worked out.
    """
    key = _keys(connection, [layer], territory, rights)[layer]
    found = _kept(key)
    if found is not None:
        return found.count
    with _turns[hash(key) % len(_turns)]:
        with _lock:
            if key in _counts:
                return _counts[key]
        counted = count_up_to(connection, layer, Query(territory=territory), at_most=_COUNTED_AT_MOST)
        keep_count(key, counted)
        return counted


def public_key(engine: Engine, model: LayerTable, *, territory: str | None = None) -> FactsKey:
    """Return by what facts of a layer as it is now, in a territory or in all, are kept for the public."""
    heard = announcements()
    granted = tuple(heard.touched(each) for each in RIGHTS)
    return str(engine.url), model.name, model.mark, heard.touched(model.name), territory, "", granted


def kept_count(key: FactsKey) -> int | None:
    """Return how many features a layer has, as `count` has found out.

    Raises
    ------
    LookupError
        It isn't known any more, or not yet.
    """
    found = _kept(key)
    with _lock:
        return _counts[key] if found is None else found.count


def keep_count(key: FactsKey, counted: int | None) -> None:
    """Keep how many features a layer has, counted after its key was made."""
    with _lock:
        _counts[key] = counted
        while len(_counts) > _KEPT:
            _counts.popitem(last=False)


def _keys(connection: Connection, layers: list[str], territory: str | None, rights: str) -> dict[str, FactsKey]:
    known = _versions(connection, [*layers, *RIGHTS])
    granted = tuple(known[each] for each in RIGHTS)
    base = str(connection.engine.url)
    return {layer: (base, layer, find(layer).mark, known[layer], territory, rights, granted) for layer in layers}


def _versions(connection: Connection, wanted: list[str]) -> dict[str, int]:
    """Return versions as they were announced; where they can't be heard, as they are kept."""
    heard = announcements()
    if heard.current:
        return {layer: heard.touched(layer) for layer in wanted}
    statement = select(LayerVersion.layer, LayerVersion.version).where(LayerVersion.layer.in_(wanted))
    return dict.fromkeys(wanted, 0) | {row.layer: row.version for row in connection.execute(statement)}


def _kept(key: FactsKey) -> Facts | None:
    with _lock:
        found = _known.get(key)
        if found is not None:
            _known.move_to_end(key)
        return found


def _worked_out(connection: Connection, layer: str, territory: str | None, key: FactsKey) -> Facts:
    model = find(layer)
    table = model.table
    box = func.ST_Extent(table.c.geom)
    sides = [getattr(func, name)(box) for name in ("ST_XMin", "ST_YMin", "ST_XMax", "ST_YMax")]
    time = null() if model.layer.time is None else table.c[model.layer.time]
    statement = select(func.count(), *sides, func.min(time), func.max(time)).select_from(table)
    count, west, south, east, north, first, last = connection.execute(statement.where(within(table, territory))).one()
    found = Facts(count, None if west is None else (west, south, east, north), None if first is None else (first, last))
    with _lock:
        _known[key] = found
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    return found
