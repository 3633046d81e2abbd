"""What changed in a layer between two moments: as a table of totals, as features, and as a map."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import geopandas as gpd
import pandas as pd
import shapely
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import ARRAY, array

from geo.analysis import ColourClass, View
from geo.analysis import Column as ViewColumn
from geo.errors import InvalidInputError
from layers.catalog import LayerTable, find
from layers.description import Shape, text
from layers.errors import NotFoundError
from layers.models.base import STORAGE_SRID
from layers.reading.geojson import json_object
from layers.reading.store import rows_at, within

if TYPE_CHECKING:
    import folium

KINDS = ("added", "removed", "geometry", "attributes")
"""How a feature can have changed; one that changed in both geometry and attributes counts as ``geometry``."""

Whose: TypeAlias = tuple[str | None, str | None]
"""Of which territory and which source features are, each ``None`` for all."""

_MEASURES = {Shape.LINE: ("length_m", "ST_Length"), Shape.POLYGON: ("area_m2", "ST_Area")}
_TITLES = {
    "added": text("Added", "Добавлено", "Дададзена"),
    "removed": text("Removed", "Удалено", "Выдалена"),
    "geometry": text("Geometry changed", "Изменена геометрия", "Зменена геаметрыя"),
    "attributes": text("Attributes changed", "Изменены атрибуты", "Зменены атрыбуты"),
}
_COLOURS = {"added": "#1a9850", "removed": "#d73027", "geometry": "#7b3294", "attributes": "#f4a300"}


@dataclass(frozen=True)
class ChangeReport:
    """The difference between a layer at one moment and at a later one.

    Parameters
    ----------
    layer, territory
        What was compared; a territory stands for all that belong to it.
    since, until
        The two moments.
    features
        A row a feature that differs, the index holding its id: ``change`` (one of `KINDS`), ``changed`` (the names of
        the columns that differ), ``before`` (their values of then, as a dict), the layer's columns as they are after,
        or were before the removal, and for lines ``length_m_before`` and ``length_m``, for polygons
        ``area_m2_before`` and ``area_m2``. Geometry in degrees: the later one, or of a removed feature the last.
    totals
        A row a class of the layer's style column, and one for all: features before and after, how many of them were
        added, removed and changed, and the length in metres or area in square metres before and after, on the
        ellipsoid.
    """

    layer: str
    territory: str | None
    since: dt.datetime
    until: dt.datetime
    features: gpd.GeoDataFrame
    totals: pd.DataFrame

    @property
    def view(self) -> View:
        """How the features are shown on a map."""
        model = find(self.layer)
        shown = {
            "change": ViewColumn(title=text("Change", "Изменение", "Змена")),
            "changed": ViewColumn(title=text("Columns", "Столбцы", "Слупкі")),
        } | {each.name: ViewColumn(title=each.title, unit=each.unit or "") for each in model.columns}
        classes = tuple(ColourClass(title=_TITLES[kind], colour=_COLOURS[kind], values=(kind,)) for kind in KINDS)
        return View(geometry=model.layer.shape.value, columns=shown, colour_by="change", classes=classes)

    def map(self, *, lang: str = "en", **options: Any) -> folium.Map:
        """Show the features that differ on a map; `options` go to `geo.maps.frame_map`."""
        from geo.maps import frame_map

        title = f"{find(self.layer).layer.title[lang]}: {self.since:%Y-%m-%d %H:%M} – {self.until:%Y-%m-%d %H:%M}"
        shown = self.features.assign(changed=[", ".join(names) for names in self.features["changed"]])
        return frame_map(shown.drop(columns="before"), self.view, lang=lang, title=title, **options)


def changes(
    connection: Connection,
    layer: str,
    *,
    since: dt.datetime,
    until: dt.datetime | None = None,
    territory: str | None = None,
    source: str | None = None,
) -> ChangeReport:
    """Compare a layer at two moments.

    Parameters
    ----------
    connection
        To the database.
    layer
        Its name.
    since, until
        The moments, with a time zone; ``until`` is now by default. `versions_of_source` gives those of two loads.
    territory
        Only features of this territory and of all that belong to it.
    source
        Only features of this source.

    Raises
    ------
    NotFoundError
        There is no such layer.
    InvalidInputError
        The moments are in the wrong order or have no time zone.
    """
    until = until or dt.datetime.now(dt.UTC)
    if since.tzinfo is None or until.tzinfo is None:
        raise InvalidInputError("Both moments need a time zone, such as 2024-05-01T00:00:00Z.")
    if since >= until:
        raise InvalidInputError(f"since, {since.isoformat()}, must lie before until, {until.isoformat()}.")
    model = find(layer)
    features = _features(connection, model, since, until, (territory, source))
    totals = _totals(connection, model, since, until, (territory, source), features)
    return ChangeReport(layer, territory, since, until, features, totals)


class Versions(NamedTuple):
    """Two versions of a source: when each was loaded, of which territory, and which source it is."""

    since: dt.datetime
    until: dt.datetime
    territory: str
    source: str


def versions_of_source(connection: Connection, first: int, second: int) -> Versions:
    """Return what `changes` takes to compare two versions of a source, which two loads brought.

    Raises
    ------
    NotFoundError
        There was no such load.
    InvalidInputError
        They were of different sources.
    """
    statement = sa.text("SELECT id, finished_at, territory, source FROM ingest_runs WHERE id IN (:first, :second)")
    found = {row.id: row for row in connection.execute(statement, {"first": first, "second": second})}
    for run in (first, second):
        if run not in found:
            raise NotFoundError(f"There was no load number {run}.")
    old, new = found[first], found[second]
    if (old.territory, old.source) != (new.territory, new.source):
        raise InvalidInputError(
            f"The loads {first} and {second} are no versions of one source: {old.source} of {old.territory},"
            f" {new.source} of {new.territory}."
        )
    return Versions(old.finished_at, new.finished_at, old.territory, old.source)


def _features(
    connection: Connection, model: LayerTable, since: dt.datetime, until: dt.datetime, whose: Whose
) -> gpd.GeoDataFrame:
    before, after = _touched(model, since, since, whose, "b"), _touched(model, until, since, whose, "a")
    joined = before.join(after, before.c.id == after.c.id, full=True)
    own = [each.name for each in model.columns]
    compared = [*own, "tags", "geom"]
    differs = {name: before.c[name].is_distinct_from(after.c[name]) for name in compared}
    both = sa.and_(before.c.id.is_not(None), after.c.id.is_not(None))
    names = sa.func.array_remove(sa.cast(_array(differs), ARRAY(sa.Text())), sa.null())
    statement = sa.select(
        sa.func.coalesce(after.c.id, before.c.id).label("id"),
        sa.case(
            (before.c.id.is_(None), "added"),
            (after.c.id.is_(None), "removed"),
            (differs["geom"], "geometry"),
            else_="attributes",
        ).label("change"),
        sa.case((both, names), else_=sa.cast(sa.literal("{}"), ARRAY(sa.Text()))).label("changed"),
        json_object({name: before.c[name] for name in (*own, "tags")}).label("before"),
        *(sa.case((after.c.id.is_(None), before.c[name]), else_=after.c[name]).label(name) for name in own),
        *_measures(model, before.c.geom, after.c.geom),
        sa.func.ST_AsBinary(sa.case((after.c.id.is_(None), before.c.geom), else_=after.c.geom)).label("geometry"),
    ).select_from(joined)
    statement = statement.where(sa.or_(before.c.id.is_(None), after.c.id.is_(None), *differs.values()))
    rows = connection.execute(statement.order_by("id")).mappings().all()
    frame = pd.DataFrame([dict(row) for row in rows], columns=list(statement.selected_columns.keys()))
    pairs = zip(frame["before"], frame["changed"], strict=True)
    frame["before"] = pd.Series(
        [{name: old[name] for name in names if name in old} for old, names in pairs], dtype=object
    )
    geometry = shapely.from_wkb(frame.pop("geometry").to_numpy())
    return gpd.GeoDataFrame(frame.set_index("id"), geometry=geometry, crs=f"EPSG:{STORAGE_SRID}")


def _touched(model: LayerTable, moment: dt.datetime, since: dt.datetime, whose: Whose, name: str) -> sa.Subquery:
    """Return the layer at a moment, of it only the features that something has happened to after ``since``."""
    table = rows_at(model, moment)
    past, present = model.history, model.table
    ids = sa.union(
        sa.select(present.c.id).where(present.c.updated_at > since), sa.select(past.c.id).where(past.c.valid_to > since)
    )
    statement = sa.select(table).where(table.c.id.in_(ids))
    return statement.where(*_of(table, whose)).subquery(name)


def _of(table: sa.FromClause, whose: Whose) -> list[sa.ColumnElement[bool]]:
    territory, source = whose
    return [within(table, territory), *([] if source is None else [table.c.source == source])]


def _totals(
    connection: Connection,
    model: LayerTable,
    since: dt.datetime,
    until: dt.datetime,
    whose: Whose,
    features: gpd.GeoDataFrame,
) -> pd.DataFrame:
    group = model.layer.style.column
    sides = {}
    for side, moment in (("before", since), ("after", until)):
        table = rows_at(model, moment)
        measured = [f(table.c.geom).label(name) for name, f in _measure(model).items()]
        key = sa.cast(table.c[group], sa.Text) if group else sa.literal("")
        statement = sa.select(
            sa.func.coalesce(key, "").label("class"),
            sa.func.count().label("features"),
            *(sa.func.sum(each).label(each.name) for each in measured),
        ).where(*_of(table, whose))
        rows = connection.execute(statement.group_by(sa.literal_column("1"))).mappings().all()
        names = ["class", "features", *_measure(model)]
        sides[side] = pd.DataFrame([dict(row) for row in rows], columns=names).set_index("class").add_suffix(f"_{side}")
    classes = features[group].astype("string").fillna("") if group else pd.Series("", index=features.index)
    counted = pd.crosstab(classes.rename("class"), features["change"]).reindex(columns=KINDS, fill_value=0)
    totals = sides["before"].join(sides["after"], how="outer").join(counted, how="outer").fillna(0)
    totals.loc["all"] = totals.sum()
    whole = [name for name in totals if str(name).startswith("features") or name in KINDS]
    return totals.astype(dict.fromkeys(whole, "int64")).rename_axis("class")


def _measure(model: LayerTable) -> dict[str, Any]:
    if model.layer.shape not in _MEASURES:
        return {}
    name, function = _MEASURES[model.layer.shape]
    return {name: lambda geometry: getattr(sa.func, function)(sa.func.geography(geometry))}


def _measures(model: LayerTable, before: Any, after: Any) -> list[sa.Label[Any]]:
    return [
        f(geometry).label(f"{name}{suffix}")
        for name, f in _measure(model).items()
        for geometry, suffix in ((before, "_before"), (after, ""))
    ]


def _array(differs: dict[str, sa.ColumnElement[bool]]) -> sa.ColumnElement[Any]:
    return array([sa.case((each, sa.literal(name)), else_=sa.null()) for name, each in differs.items()])
