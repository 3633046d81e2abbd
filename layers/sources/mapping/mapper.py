"""Applies the mapping of a territory's file to the rows of a source, whole columns at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from geo.errors import InvalidInputError
from layers.catalog import Column, LayerTable
from layers.sources.geometry import wkb
from layers.sources.geometry.coordinates import Places, Problems
from layers.sources.mapping.answers import Answer
from layers.sources.mapping.columns import TYPES, by_value, by_values, converted, text
from layers.sources.mapping.words import ColumnRule, RowMapping, Tags, Unpivot
from layers.sources.records import Notes

Fields = Mapping[str, pa.Array]

PRECISION = "time_precision"
"""The column that tells how precise the layer's time is."""

_FILTERED = "left out by the filter"


class Rows(NamedTuple):
    """Rows of a source.

    Parameters
    ----------
    ids
        Of the rows, null where there is none.
    places
        Their geometries.
    fields
        Their values, by the name of the field.
    lines
        Where they stand in the file, if that is known.
    """

    ids: pa.StringArray
    places: Places
    fields: Fields
    lines: Sequence[int] | None = None

    def take(self, numbers: NDArray[np.int64]) -> Rows:
        """Return some of the rows, in the order of their numbers; a row may come more than once."""
        old = numbers.tolist()
        problems = self.places.problems
        return Rows(
            self.ids.take(numbers),
            Places(self.places.wkb.take(numbers), {new: problems[n] for new, n in enumerate(old) if n in problems}),
            {name: column.take(numbers) for name, column in self.fields.items()},
            [self.lines[number] for number in old] if self.lines is not None else None,
        )


class Mapper:
    """Makes the columns of a layer from the fields of a source.

    Parameters
    ----------
    layer
        The layer.
    fields
        The names of the source's fields.
    mapping
        How the one follows from the other; without rules, fields fill the columns of the same name.
    timezone
        Of times that don't tell theirs, where the mapping doesn't say.
    notes
        Where rows are counted that are passed over.
    """

    def __init__(
        self, layer: LayerTable, fields: Sequence[str], mapping: RowMapping, *, timezone: str | None, notes: Notes
    ) -> None:
        self._layer = layer.name
        self._mapping = mapping
        self._notes = notes
        self._zone = mapping.timezone or timezone or "UTC"
        unpivot = mapping.unpivot
        made = [name for name in fields if unpivot is None or name not in unpivot.columns]
        made += [unpivot.name, unpivot.value] if unpivot else []
        rules = _of_same_name(layer, made) if mapping.columns is None else mapping.columns
        self._rules = [_Rule.of(layer, name, rule, self._zone) for name, rule in rules.items()]
        states_precision = layer.column(PRECISION) is not None and PRECISION not in rules
        self._time = next((each for each in self._rules if each.name == layer.layer.time), None)
        self._time = self._time if states_precision else None
        mapped = {name for rule in rules.values() for name in rule.sources}
        tags = Tags(only=()) if layer.layer.from_people and mapping.tags == Tags() else mapping.tags
        self.tags = tuple(
            name
            for name in made
            if (name not in mapped and name not in tags.without if tags.only is None else name in tags.only)
        )
        self.told = {*self.tags, *mapped, *mapping.needed}
        """The fields that may appear in an account: those that are used or kept."""

    def shape(self, rows: Rows) -> Rows:
        """Return the rows that the mapping takes, as it wants them."""
        mapping = self._mapping
        if mapping.empty:
            rows = rows._replace(fields={name: _without(each, mapping.empty) for name, each in rows.fields.items()})
        if mapping.filter is not None:
            texts = {name: text(rows.fields[name]) for name in mapping.filter.columns}
            fulfilled = mapping.filter.fulfilled(texts)
            rows = self._passing_over(rows, np.flatnonzero(fulfilled), _FILTERED)
        if mapping.place != "geometry":
            rows = rows._replace(places=_other_places(rows.places, mapping.place))
        return rows if mapping.unpivot is None else self._unpivoted(rows, mapping.unpivot)

    def values(self, fields: Fields, count: int) -> tuple[dict[str, pa.Array], Problems]:
        """Return the columns of the layer by name, and by row why there is no value."""
        values: dict[str, pa.Array] = {}
        problems: Problems = {}
        for rule in self._rules:
            if rule is self._time:
                [values[rule.name], values[PRECISION]], found = rule.times(fields, count, self._zone)
            else:
                values[rule.name], found = rule.column(fields, count, self._zone)
            for row, problem in found.items():
                problems.setdefault(row, f"{rule.name}: {problem}")
        return values, problems

    def _passing_over(self, rows: Rows, kept: NDArray[np.int64], why: str) -> Rows:
        left_out = len(rows.ids) - len(kept)
        if not left_out:
            return rows
        self._notes.passed_over[self._layer, why] += left_out
        return rows.take(kept)

    def _unpivoted(self, rows: Rows, unpivot: Unpivot) -> Rows:
        """Return a row for each of the columns in which a row holds something."""
        count, times = len(rows.ids), len(unpivot.columns)
        many = rows.take(np.repeat(np.arange(count), times))
        names = pa.array(list(unpivot.columns) * count, pa.string())
        cells = np.array([text(rows.fields[name]).to_pylist() for name in unpivot.columns], object).T.ravel()
        fields = {name: each for name, each in many.fields.items() if name not in unpivot.columns}
        fields |= {unpivot.name: names, unpivot.value: pa.array(cells, pa.string())}
        ids = pc.binary_join_element_wise(many.ids, names, " ")
        filled = np.flatnonzero(pc.is_valid(fields[unpivot.value]).to_numpy(zero_copy_only=False))
        return self._passing_over(many._replace(ids=ids, fields=fields), filled, f"nothing in {unpivot.value}")


class _Rule(NamedTuple):
    """A rule, ready to be applied."""

    name: str
    kind: type
    rule: ColumnRule
    answer: Answer

    @classmethod
    def of(cls, layer: LayerTable, name: str, rule: ColumnRule, zone: str) -> _Rule:
        column = layer.column(name)
        if column is None:
            raise InvalidInputError(f"The layer {layer.name} has no column {name}.")
        return cls(name, column.python_type, rule, Answer(rule, column, timezone=zone))

    def column(self, fields: Fields, count: int, zone: str) -> tuple[pa.Array, Problems]:
        """Return the layer's column, and by row why there is no value."""
        if not self.rule.sources:
            return pa.repeat(pa.scalar(self.answer(""), TYPES[self.kind]), count), {}
        if self.rule.is_copy and not (self.kind is datetime and pa.types.is_string(self._copied(fields).type)):
            return converted(self._copied(fields), self.kind, zone)
        return by_value(self._texts(fields), self.kind, self.answer)

    def times(self, fields: Fields, count: int, zone: str) -> tuple[list[pa.Array], Problems]:
        """Return the layer's times and how precise they are, and by row why there is no value."""
        if not self.rule.sources:
            time, precision = self.answer.with_precision("")
            values = ((time, TYPES[datetime]), (precision, pa.string()))
            return [pa.repeat(pa.scalar(value, kind), count) for value, kind in values], {}
        if self.rule.is_copy and pa.types.is_temporal(self._copied(fields).type):
            found, problems = converted(self._copied(fields), self.kind, zone)
            precision = "day" if pa.types.is_date(self._copied(fields).type) else "second"
            return [found, pc.if_else(pc.is_valid(found), precision, pa.scalar(None, pa.string()))], problems
        return by_values(self._texts(fields), (self.kind, str), self.answer.with_precision)

    def _copied(self, fields: Fields) -> pa.Array:
        return fields[self.rule.sources[0]]

    def _texts(self, fields: Fields) -> pa.StringArray:
        """Return the texts of the source that the rule looks at."""
        found = [text(fields[name]) for name in self.rule.sources]
        if self.rule.join is not None:
            texts = _joined(found, self.rule.join)
        else:
            texts = pc.coalesce(*(_without(each, self.rule.empty) for each in found))
        return pc.fill_null(texts, "") if self.rule.default_is_stated else texts


def _joined(texts: Sequence[pa.StringArray], between: str) -> pa.StringArray:
    """Return the texts of columns with something between them, without those that are null."""
    found = texts[0]
    for each in texts[1:]:
        both = pc.binary_join_element_wise(found, each, between)
        found = pc.coalesce(both, found, each)
    return found


def _other_places(places: Places, wanted: str) -> Places:
    """Return points within geometries, or no places, in place of geometries."""
    if wanted == "none":
        return Places(pa.nulls(len(places.wkb), pa.binary()), {})
    inner = np.asarray(shapely.point_on_surface(wkb.read(places.wkb)), object)
    inner[shapely.is_empty(inner)] = None
    return Places(wkb.write(inner), places.problems)


def _without(column: pa.Array, empty: Sequence[str]) -> pa.Array:
    """Return a column with nothing in place of what stands for nothing."""
    if not empty or not pa.types.is_string(column.type):
        return column
    return pc.if_else(pc.is_in(column, value_set=pa.array(empty, pa.string())), None, column)


def _of_same_name(layer: LayerTable, fields: Sequence[str]) -> dict[str, ColumnRule]:
    """Let fields fill the columns of their name; one in other letter case only where none is written the same."""
    found = {field.lower(): field for field in fields} | {field: field for field in fields}
    named: list[Column] = [each for each in layer.columns if each.name in found and not each.computed]
    return {each.name: ColumnRule.model_validate({"from": found[each.name]}) for each in named}
