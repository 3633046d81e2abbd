"""Makes layers of files: their columns and styles follow from what is in them."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.dialects.postgresql import insert

from geo.errors import InvalidInputError
from geo.language import LANGUAGES
from layers.catalog import LayerTable, custom_layers, layer_table
from layers.custom.custom import PREFIX, SQL_TYPES, custom_name, drop_layer, refresh_now
from layers.custom.inference import FieldFound, Found, look_through, plain_name, records, typed_items
from layers.description import CityFunction, Layer, Shape, Style, Symbol
from layers.loads.ingest import Progress, Report, ingest
from layers.migrations import tables
from layers.models.registry import CustomLayer
from layers.settings import get_settings
from layers.sources.records import Notes, Reader, Record, Reject
from layers.territories.packs import Territory
from layers.territories.territory import register, timezone_of

Opener = Callable[[LayerTable], Reader]
"""Opens a source for a layer; it is called twice, since the source is read twice."""

_FEW = 2_000
_REASONS_TOLD = 3
_ORDER = 1_000
_PALETTE = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377",
    "#e69f00", "#009e73", "#8c510a", "#762a83", "#1b7837", "#c51b7d",
)  # fmt: skip
_OTHERS_COLOUR = "#777777"


def create_layer(
    engine: Engine,
    opener: Opener,
    *,
    name: str,
    territory: str | Territory,
    file_name: str,
    fingerprint: str,
    title: str | None = None,
    function: CityFunction = CityFunction.COMMON,
    shape: Shape | None = None,
    style_by: str | None = None,
    attribution: str | None = None,
    progress: Progress | None = None,
) -> Report:
    """Make a layer of a source, or bring an existing custom layer to what the source now holds.

    The source's fields become columns: of whole numbers, numbers, truths, dates or times where every value is one, of
    text otherwise. Names are written in Latin letters; the title of a column is the name of the field as it was. A
    layer that is there already keeps its columns and its style; values that don't fit are rejected.

    Parameters
    ----------
    engine
        The database.
    opener
        Opens the source.
    name
        Of the layer; ``custom_`` is put before it.
    territory
        To whom the features belong.
    file_name, fingerprint
        Of the file, for the account that is kept.
    title
        Of the layer, in the language of its users; by default its name.
    function
        The city function to which it belongs.
    shape
        Of its features, where the source mixes points, lines and polygons; the others are rejected.
    style_by
        The field that gives the colour, if any; it must have at most twelve values.
    attribution
        What must be shown wherever the features are.
    progress
        As for `ingest`.

    Returns
    -------
    Report
        Of the load.

    Raises
    ------
    InvalidInputError
        The source is larger than the settings allow, mixes shapes, or has no field ``style_by``.
    SourceError
        The source can't be read, or holds nothing.
    """
    layer_name = custom_name(name)
    refresh_now(engine)
    if layer_name not in custom_layers():
        found = look_through(opener(bare(layer_name)), at_most=get_settings().custom_max_features)
        described = _describe(layer_name, found, title=title or name, function=function, shape=shape, style_by=style_by)
        with engine.begin() as connection:
            if isinstance(territory, Territory):
                register(connection, territory)
            _create(connection, described, territory.id if isinstance(territory, Territory) else territory)
        refresh_now(engine)
    with engine.connect() as connection:
        zone = timezone_of(connection, territory)
    try:
        return ingest(
            engine,
            _Typed(opener, layer_name, zone),
            territory=territory,
            source=PREFIX.strip("_"),
            file_name=file_name,
            fingerprint=fingerprint,
            layers=[layer_name],
            attribution=attribution,
            progress=progress,
        )
    except BaseException:
        _drop_if_never_filled(engine, layer_name)
        raise


class _Typed:
    """A source whose fields become the columns of a custom layer."""

    def __init__(self, opener: Opener, layer_name: str, zone: str | None) -> None:
        self._layer = layer_name
        self._reader = opener(bare(layer_name))
        self._most = get_settings().custom_max_features
        self._zone = zone
        self.notes: Notes = self._reader.notes

    @property
    def progress(self) -> float | None:
        return self._reader.progress

    def __iter__(self) -> Any:
        yield from typed_items(self._counted(), self._layer, self._zone)

    def _counted(self) -> Iterator[Record | Reject]:
        for number, item in enumerate(records(self._reader), start=1):
            if number > self._most:
                raise _too_many(self._most)
            yield item


def _describe(
    name: str,
    found: Found,
    *,
    title: str,
    function: CityFunction,
    shape: Shape | None,
    style_by: str | None,
) -> dict[str, Any]:
    settings = get_settings()
    if found.count > settings.custom_max_features:
        raise _too_many(settings.custom_max_features)
    columns: dict[str, tuple[str, FieldFound]] = {}
    for field_name, field in list(found.fields.items())[: settings.custom_max_columns]:
        columns[plain_name(field_name, taken=[*columns, *_RESERVED])] = (field_name, field)
    if style_by is not None and style_by not in found.fields:
        raise InvalidInputError(f"There is no field {style_by!r}; there are: {', '.join(found.fields)}.")
    return {
        "name": name,
        "title": dict.fromkeys(LANGUAGES, title),
        "function": function.value,
        "shape": (shape or _shape(found)).value,
        "min_zoom": 4 if found.count < _FEW else 10,
        "columns": [{"name": each, "field": field, "type": seen.type} for each, (field, seen) in columns.items()],
        "style": asdict(_style(columns, style_by, len(custom_layers()))),
    }


def _shape(found: Found) -> Shape:
    if not found.shapes:
        why = "; ".join(f"{reason}: {number:,}" for reason, number in found.rejected.most_common(_REASONS_TOLD))
        raise InvalidInputError(
            f"The source has no points, lines or polygons, so that no map could show it{f' ({why})' if why else ''}."
        )
    if len(found.shapes) > 1:
        mixed = ", ".join(f"{number} of {shape}" for shape, number in found.shapes.most_common())
        raise InvalidInputError(f"A layer has features of one shape, but the source mixes them ({mixed}): name one.")
    return next(iter(found.shapes))


def _style(columns: dict[str, tuple[str, FieldFound]], style_by: str | None, number: int) -> Style:
    rest = Symbol(title=dict.fromkeys(LANGUAGES, "…"), colour=_OTHERS_COLOUR, width_px=6)
    if style_by is None:
        return Style(symbols=(replace(rest, colour=_PALETTE[number % len(_PALETTE)]),), order=_ORDER + number)
    column = next(name for name, (field, _) in columns.items() if field == style_by)
    values = columns[column][1].values
    if values is None or columns[column][1].type != "text":
        raise InvalidInputError(f"{style_by} can't give the colour: that takes a field of at most 12 different texts.")
    symbols = [
        Symbol(title=dict.fromkeys(LANGUAGES, value), values=(value,), colour=colour, width_px=6)
        for value, colour in zip(sorted(values), _PALETTE, strict=False)
    ]
    return Style(column=column, symbols=(rest, *symbols), order=_ORDER + number)


def _create(connection: Connection, described: dict[str, Any], owner: str) -> None:
    name = described["name"]
    shape = Shape(described["shape"])
    columns = [sa.Column(each["name"], SQL_TYPES[each["type"]]) for each in described["columns"]]
    row = {"name": name, "territory": owner, "description": described, "added_by": getpass.getuser()}
    connection.execute(insert(CustomLayer).values(row))
    tables.create_layer(connection, name, shape.geometry_types, *columns)
    tables.index_words(connection, name, [each.name for each in columns if isinstance(each.type, sa.Text)])


def _drop_if_never_filled(engine: Engine, name: str) -> None:
    with engine.connect() as connection:
        version = sa.text("SELECT version FROM layer_versions WHERE layer = :name")
        filled = connection.execute(version, {"name": name}).scalar()
    if not filled:
        drop_layer(engine, name)


def bare(name: str) -> LayerTable:
    """Return a custom layer without columns of its own: whatever is read for it comes as tags."""
    style = Style(symbols=(Symbol(title=dict.fromkeys(LANGUAGES, name), colour=_OTHERS_COLOUR),))
    title = dict.fromkeys(LANGUAGES, name)
    layer = Layer(title=title, summary=title, function=CityFunction.COMMON, shape=Shape.POINT, style=style)
    return layer_table(name, layer, [])


def _too_many(most: int) -> InvalidInputError:
    return InvalidInputError(
        f"A custom layer takes at most {most:,} features (HORAD_CUSTOM_MAX_FEATURES): load a part, or make it a layer"
        " of the platform."
    )


_RESERVED = (*(each.name for each in bare("any").table.columns), "cell", "point_count", "shape", "geometry")
