"""Checks layers by their rules: what is wrong, where, and how bad it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql import ARRAY

from geo.networks.defects import components, dangling_ends, overlaps, undershoots
from layers import rules
from layers.catalog import Column, LayerTable, all_layers, find
from layers.freshness import stale_sources
from layers.loads.ingest import Report, ingest
from layers.models.base import STORAGE_SRID
from layers.models.registry import TerritoryRow
from layers.reading import store
from layers.sources.records import Notes, Record
from layers.territories.territory import find_territory

FINDINGS = "findings"
"""The layer in which findings are kept."""

_COLUMNS = ["layer", "rule", "severity", "feature", "detail", "geometry"]


@dataclass(frozen=True)
class LayerQuality:
    """How a layer keeps its rules.

    Parameters
    ----------
    features
        How many it has.
    faulty
        How many of them have an error or a warning.
    found
        How many findings there are, by rule.
    """

    features: int
    faulty: int
    found: dict[str, int] = field(default_factory=dict)

    @property
    def score(self) -> float | None:
        """The share of the features without errors and warnings, where there are any."""
        return 1 - self.faulty / self.features if self.features else None


@dataclass(frozen=True)
class QualityReport:
    """What a check has found.

    Parameters
    ----------
    territory
        Whose layers were checked.
    layers
        By name.
    findings
        A row a finding: ``layer``, ``rule``, ``severity``, ``feature`` (its id, or null where it is of a source),
        ``detail`` (in numbers and names, without words of a language) and ``geometry``, a point in degrees.
    """

    territory: str
    layers: dict[str, LayerQuality]
    findings: gpd.GeoDataFrame


def check(engine: Engine, territory: str, layers: Iterable[str] | None = None) -> QualityReport:
    """Check layers of a territory, and of all that belong to it, by the rules that all layers have and their own.

    Parameters
    ----------
    engine
        The database.
    territory
        Whose.
    layers
        Their names; by default all that hold something, but for the findings themselves.

    Raises
    ------
    NotFoundError
        There is no such layer or territory.
    """
    names = list(layers) if layers is not None else [name for name in all_layers() if name != FINDINGS]
    with engine.connect() as connection:
        srid = int(find_territory(connection, territory)["metric_srid"])
        checks = [_check_layer(connection, find(name), territory, srid) for name in names]
    kept = [(each, found) for each, found in checks if each.features or len(found) or layers is not None]
    frames = [found for _, found in kept if len(found)]
    everything = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=_COLUMNS)
    findings = gpd.GeoDataFrame(everything, geometry="geometry", crs=f"EPSG:{STORAGE_SRID}")
    by_name = {
        name: quality for name, (quality, found) in zip(names, checks, strict=True) if quality.features or len(found)
    }
    return QualityReport(territory, by_name, findings)


def keep(engine: Engine, report: QualityReport) -> list[Report]:
    """Bring the layer of findings to what a check has found: they are seen on the map, and mended ones in history.

    Findings of a layer of which anything is restricted are restricted.
    """
    with engine.connect() as connection:
        closed = {name for name in report.layers if _is_closed(connection, find(name).table, report.territory)}
    return [
        ingest(
            engine,
            _Findings(report.findings[report.findings["layer"] == name]),
            territory=report.territory,
            source=f"check {name}",
            file_name=f"check of {name}",
            fingerprint="",
            layers=[FINDINGS],
            restricted=name in closed,
            may_be_empty=True,
            outside="keep",
        )
        for name in report.layers
    ]


def _is_closed(connection: Connection, table: sa.Table, territory: str) -> bool:
    open_to_all = sa.func.horad_open(table.name, type_=ARRAY(sa.Text()))
    shut = sa.or_(table.c.restricted, table.c.territory != sa.all_(open_to_all))
    hidden = sa.select(table.c.id).where(store.within(table, territory), shut)
    return bool(connection.execute(sa.select(hidden.exists())).scalar_one())


class _Findings:
    """Findings as a source; each is known by its rule, its feature and its number among those."""

    progress = None

    def __init__(self, findings: gpd.GeoDataFrame) -> None:
        self.notes = Notes()
        self._findings = findings

    def __iter__(self) -> Iterator[Record]:
        seen: dict[str, int] = {}
        for row in self._findings.itertuples(index=False):
            name = f"{row.layer} {row.rule} {row.feature if row.feature is not None else row.detail}"
            seen[name] = seen.get(name, 0) + 1
            values = {
                "layer_name": row.layer,
                "rule": row.rule,
                "severity": row.severity,
                "feature": None if row.feature is None else str(row.feature),
                "detail": row.detail,
            }
            place = None if row.geometry is None else shapely.to_wkb(row.geometry, hex=True)
            yield Record(FINDINGS, f"{name} {seen[name]}", place, values, {})  # type: ignore[arg-type]


@dataclass(frozen=True)
class _Checked:
    """A layer as it is checked: its features in the metric CRS of the territory."""

    connection: Connection
    model: LayerTable
    territory: str
    frame: gpd.GeoDataFrame


def _check_layer(
    connection: Connection, model: LayerTable, territory: str, srid: int
) -> tuple[LayerQuality, pd.DataFrame]:
    frame = store.read_frame(connection, model.name, store.Query(territory=territory), srid=srid, tags=False)
    checked = _Checked(connection, model, territory, frame)
    found = [_found(checked, rule) for rule in (*rules.GENERAL, *model.layer.rules)]
    findings = pd.concat([each for each in found if len(each)], ignore_index=True) if any(map(len, found)) else found[0]
    faulty = findings.loc[findings["severity"] != rules.Severity.NOTE, "feature"].dropna().nunique()
    counts = findings["rule"].value_counts().to_dict() if len(findings) else {}
    return LayerQuality(len(frame), faulty, {str(name): int(number) for name, number in counts.items()}), findings


def _found(checked: _Checked, rule: rules.Rule) -> pd.DataFrame:
    """Return what breaks a rule as rows of findings."""
    found = list(_CHECKS[type(rule)](checked, rule)) if len(checked.frame) or isinstance(rule, rules.Fresh) else []
    if not found:
        return pd.DataFrame(columns=_COLUMNS)
    features, details, places = zip(*found, strict=True)
    points = gpd.GeoSeries(list(places), crs=checked.frame.crs).to_crs(STORAGE_SRID)
    rows = {
        "layer": checked.model.name,
        "rule": rule.name,
        "severity": rule.severity.value,
        "feature": pd.Series(features, dtype=object),
        "detail": details,
        "geometry": [None if point is None else point for point in points],
    }
    return pd.DataFrame(rows, columns=_COLUMNS)


_Found = Iterator[tuple[int | None, str, Any]]


def _spot(geometry: Any) -> Any:
    return None if geometry is None or geometry.is_empty else shapely.point_on_surface(geometry)


def _at(checked: _Checked, broken: Any, detail: Callable[[Any], str]) -> _Found:
    """Yield a finding for each feature of which a mask is true."""
    for number, geometry in checked.frame.geometry[np.asarray(broken, dtype=bool)].items():
        yield number, detail(number), _spot(geometry)


def _invalid(checked: _Checked, _: rules.Valid) -> _Found:
    table = checked.model.table
    broken = sa.select(
        table.c.id,
        sa.func.ST_IsValidReason(table.c.geom),
        sa.func.ST_AsBinary(sa.func.ST_GeometryN(sa.func.ST_Points(table.c.geom), 1)),
    ).where(store.within(table, checked.territory), sa.not_(sa.func.ST_IsValid(table.c.geom)))
    rows = checked.connection.execute(broken.order_by(table.c.id)).all()
    places = gpd.GeoSeries.from_wkb([bytes(wkb) for *_, wkb in rows], crs=STORAGE_SRID).to_crs(checked.frame.crs)
    for (number, reason, _wkb), place in zip(rows, places, strict=True):
        yield number, reason, place


def _outside(checked: _Checked, _: rules.Inside) -> _Found:
    boundary = sa.select(sa.func.ST_AsBinary(TerritoryRow.boundary)).where(TerritoryRow.id == checked.territory)
    wkb = checked.connection.execute(boundary).scalar()
    if wkb is None:
        return
    ground = gpd.GeoSeries.from_wkb([bytes(wkb)], crs=STORAGE_SRID).to_crs(checked.frame.crs).iloc[0]
    shapely.prepare(ground)
    geometry = checked.frame.geometry
    yield from _at(checked, geometry.notna() & ~shapely.intersects(geometry.to_numpy(), ground), lambda _: "")


def _duplicates(checked: _Checked, _: rules.Unique) -> _Found:
    if checked.model.layer.time is not None:
        return
    values = checked.frame[[each.name for each in checked.model.columns]].astype("string")
    same = values.assign(geometry=shapely.to_wkb(checked.frame.geometry.to_numpy(), hex=True))
    group = same.groupby(list(same.columns), dropna=False, sort=False).ngroup()
    first = group.drop_duplicates()
    original = pd.Series(first.index, index=first.to_numpy())
    for number in group.index[group.duplicated()]:
        yield number, f"= {original[group[number]]}", _spot(checked.frame.geometry[number])


def _out_of_range(checked: _Checked, _: rules.InRange) -> _Found:
    for column in checked.model.columns:
        broken = _beyond(checked.frame[column.name], column)
        if broken is not None:
            yield from _at(checked, broken, partial(_value, checked, column.name))


def _value(checked: _Checked, name: str, number: int) -> str:
    value = checked.frame[name][number]
    return f"{name} = {'–' if pd.isna(value) else value}"


def _beyond(values: pd.Series[Any], column: Column) -> Any:
    if column.choices:
        return values.notna() & ~values.isin(column.choices)
    low = values < column.minimum if column.minimum is not None else None
    high = values > column.maximum if column.maximum is not None else None
    sides = [side.fillna(value=False) for side in (low, high) if side is not None]
    return np.logical_or.reduce([side.to_numpy(dtype=bool) for side in sides]) if sides else None


def _orphans(checked: _Checked, _: rules.Linked) -> _Found:
    for column in checked.model.columns:
        link = column.link
        if link is None:
            continue
        values = checked.frame[column.name].dropna()
        layer_of = checked.frame[link.layer_column] if link.layer_column else pd.Series(link.layer, index=values.index)
        for layer, group in values.groupby(layer_of.reindex(values.index)):
            known = _source_ids(checked, str(layer))
            for number, value in group[~group.isin(known)].items():
                detail = f"{column.name} = {value} → {layer}"
                yield number, detail, _spot(checked.frame.geometry[number])


def _source_ids(checked: _Checked, layer: str) -> set[str]:
    if layer not in all_layers():
        return set()
    table = find(layer).table
    statement = sa.select(table.c.source_id).where(store.within(table, checked.territory))
    return set(checked.connection.execute(statement).scalars())


def _stale(checked: _Checked, _: rules.Fresh) -> _Found:
    for source, detail in stale_sources(checked.connection, checked.territory, checked.model.name):
        yield None, f"{source}: {detail}", None


def _missing(checked: _Checked, rule: rules.Filled) -> _Found:
    for name in rule.columns:
        yield from _at(checked, checked.frame[name].isna(), partial(_value, checked, name))


def _implausible(checked: _Checked, rule: rules.Plausible) -> _Found:
    values = checked.frame[rule.column].astype("float64")
    low = -np.inf if rule.minimum is None else rule.minimum
    high = np.inf if rule.maximum is None else rule.maximum
    yield from _at(checked, (values < low) | (values > high), lambda number: f"{rule.column} = {values[number]:g}")


def _wrong_order(checked: _Checked, rule: rules.InOrder) -> _Found:
    before, after = (pd.to_datetime(checked.frame[name], utc=True) for name in (rule.before, rule.after))
    yield from _at(checked, after < before, lambda number: f"{after[number]:%Y-%m-%d} < {before[number]:%Y-%m-%d}")


def _in_future(checked: _Checked, rule: rules.NotInFuture) -> _Found:
    values = pd.to_datetime(checked.frame[rule.column], utc=True)
    now = pd.Timestamp(dt.datetime.now(dt.UTC))
    yield from _at(checked, values > now, lambda number: f"{rule.column} = {values[number]:%Y-%m-%d}")


def _networks(checked: _Checked, apart_by: str | None) -> Iterator[gpd.GeoDataFrame]:
    frame = checked.frame[checked.frame.geometry.notna()]
    if apart_by is None:
        yield frame
        return
    for _, group in frame.groupby(apart_by, dropna=False):
        yield group


def _unconnected(checked: _Checked, rule: rules.Connected) -> _Found:
    for frame in _networks(checked, rule.apart_by):
        piece = components(frame)
        length = frame.length.groupby(piece).sum()
        for number, members in piece.groupby(piece).groups.items():
            if number:
                first = min(members)
                yield first, f"{len(members)} × {length[number]:.0f} m", _spot(frame.geometry[first])


def _undershoots(checked: _Checked, rule: rules.Met) -> _Found:
    for frame in _networks(checked, rule.apart_by):
        found = undershoots(frame, tolerance_m=rule.tolerance_m)
        for number, other, distance, point in zip(
            found.index, found["other"], found["distance_m"], found.geometry, strict=True
        ):
            yield number, f"{distance:.2f} m → {other}", point


def _dangling(checked: _Checked, rule: rules.NoDeadEnd) -> _Found:
    for frame in _networks(checked, rule.apart_by):
        for number, point in dangling_ends(frame).geometry.items():
            yield number, "", point


def _overlaps(checked: _Checked, rule: rules.Disjoint) -> _Found:
    for frame in _networks(checked, rule.apart_by):
        found = overlaps(frame[frame.is_valid], min_area_m2=rule.min_area_m2)
        for number, other, area, common in zip(
            found.index, found["other"], found["area_m2"], found.geometry, strict=True
        ):
            yield number, f"{area:.0f} m² ∩ {other}", _spot(common)


_CHECKS: dict[type[rules.Rule], Callable[[_Checked, Any], _Found]] = {
    rules.Valid: _invalid,
    rules.Inside: _outside,
    rules.Unique: _duplicates,
    rules.InRange: _out_of_range,
    rules.Linked: _orphans,
    rules.Fresh: _stale,
    rules.Filled: _missing,
    rules.Plausible: _implausible,
    rules.InOrder: _wrong_order,
    rules.NotInFuture: _in_future,
    rules.Connected: _unconnected,
    rules.Met: _undershoots,
    rules.NoDeadEnd: _dangling,
    rules.Disjoint: _overlaps,
}
