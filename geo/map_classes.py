"""How values are told on maps: as text, and in classes of colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geo.analysis import Column, View
from geo.errors import InvalidInputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd

    from geo.language import Text
    from geo.networks.topology import Floats

_NO_DATA = {"be": "няма звестак", "ru": "нет данных", "en": "no data"}
NO_DATA_COLOUR = "#9e9e9e"
NO_VALUE = "–"


@dataclass(frozen=True)
class MapClass:
    """One colour of a map, and which rows have it."""

    label: str
    colour: str
    rows: Any


def format_value(value: Any, column: Column, lang: str) -> str:
    """Return a value as people read it: scaled, rounded, in the separators of the language, without the unit."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return NO_VALUE
    if not isinstance(value, int | float | np.number) or isinstance(value, bool):
        return str(value)
    text = f"{value * column.scale:,.{column.decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text == "-0":
        text = "0"
    comma, point = (",", ".") if lang == "en" else ("\u00a0", ",")
    return text.replace(",", "\0").replace(".", point).replace("\0", comma)


def _in(lang: str, text: Text | str) -> str:
    return text if isinstance(text, str) else text[lang]


def titled(column: Column, lang: str) -> str:
    """Return the title of a column with its unit."""
    unit = _in(lang, column.unit)
    return f"{column.title[lang]}, {unit}" if unit else column.title[lang]


def view_title(view: View, lang: str) -> str:
    """Return the title of the column that gives a view its colours; empty where none does."""
    column = view.columns.get(view.colour_by) if view.colour_by else None
    return titled(column, lang) if column else ""


def map_classes(frame: gpd.GeoDataFrame, view: View, lang: str) -> list[MapClass]:
    """Return the colours of a frame, in the order of the legend; every row has one."""
    if view.colour_by is None:
        return [MapClass("", view.colours[0], np.ones(len(frame), dtype=bool))]
    if view.colour_by not in frame:
        raise InvalidInputError(f"the frame has no column {view.colour_by!r}, by which it is coloured")
    values = frame[view.colour_by]
    column = view.columns.get(view.colour_by, Column(title={}))
    found = _name_classes(values, view, lang) if view.classes else _number_classes(values, column, view.colours, lang)
    missing = ~np.logical_or.reduce([each.rows for each in found]) if found else np.ones(len(frame), dtype=bool)
    found = [each for each in found if each.rows.any()]
    return [*found, MapClass(_NO_DATA[lang], NO_DATA_COLOUR, missing)] if missing.any() else found


def _name_classes(values: pd.Series, view: View, lang: str) -> list[MapClass]:
    named = values.isin([value for each in view.classes for value in each.values]).to_numpy()
    return [
        MapClass(each.title[lang], each.colour, values.isin(each.values).to_numpy() if each.values else ~named)
        for each in view.classes
    ]


def _number_classes(values: pd.Series, column: Column, colours: Sequence[str], lang: str) -> list[MapClass]:
    """Return a class for each value where there are few, else classes with about as many rows each."""
    numbers = pd.to_numeric(values).to_numpy(dtype=float, na_value=np.nan)
    known = numbers[np.isfinite(numbers)]
    distinct = np.unique(known)
    if len(distinct) <= len(colours) or format_value(distinct[0], column, lang) == format_value(
        distinct[-1], column, lang
    ):
        return _value_classes(numbers, distinct, column, colours, lang)
    labels: dict[str, float] = {}
    for edge in np.quantile(known, np.linspace(0, 1, len(colours) + 1)).tolist():
        labels.setdefault(format_value(edge, column, lang), edge)
    edges, names = np.array(list(labels.values())), list(labels)
    position = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, len(edges) - 2)
    return [
        MapClass(f"{names[each]} – {names[each + 1]}", colour, np.isfinite(numbers) & (position == each))
        for each, colour in enumerate(_spread(colours, len(edges) - 1))
    ]


def _value_classes(
    numbers: Floats, distinct: Floats, column: Column, colours: Sequence[str], lang: str
) -> list[MapClass]:
    """Return a class for each value, those that read the same in one."""
    rows: dict[str, Any] = {}
    for value in distinct.tolist():
        label = format_value(value, column, lang)
        rows[label] = rows.get(label, False) | (numbers == value)
    return [
        MapClass(label, colour, each)
        for (label, each), colour in zip(rows.items(), _spread(colours, len(rows)), strict=True)
    ]


def _spread(colours: Sequence[str], count: int) -> list[str]:
    return [colours[position] for position in np.linspace(0, len(colours) - 1, count).round().astype(int)]
