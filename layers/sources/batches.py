"""From the columns of a source to batches of a layer: whole columns at a time, cell by cell only where it must be."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import shapely

from layers.catalog import LayerTable
from layers.sources.geometry import wkb
from layers.sources.geometry.coordinates import NO_COORDINATES, NO_GEOMETRY, Places, Problems
from layers.sources.mapping.columns import each_text, text
from layers.sources.mapping.mapper import Fields, Mapper, Rows
from layers.sources.mapping.words import RowMapping, Tags
from layers.sources.records import Batch, Item, Notes, Reject

_NUL = "\x00"
_ESCAPED = r'["\\\x00-\x1f]'
_CONTROLS = r"[\x00-\x1f]"
_NO_ID = "there is no id"


class BatchMaker:
    """Makes batches of a layer from fields of a source.

    Parameters
    ----------
    layer
        The layer.
    fields
        The names of the source's fields.
    notes
        Where rows are counted that are passed over.
    mapping
        How the layer's columns follow from them; by default fields fill the columns of the same name.
    timezone
        Of times that don't tell theirs, where the mapping doesn't say.
    untold
        Fields that aren't kept among the tags.
    geometries_apart
        Whether places stand in none of the fields, so that rejects have to be told with their geometry.
    """

    def __init__(
        self,
        layer: LayerTable,
        fields: Sequence[str],
        *,
        notes: Notes,
        mapping: RowMapping | None = None,
        timezone: str | None = None,
        untold: Collection[str] = (),
        geometries_apart: bool = False,
    ) -> None:
        self._layer = layer.name
        self.tells_all = (mapping is None or mapping.tags == Tags()) and not layer.layer.from_people
        """Whether all fields may appear in the account of rejected rows."""
        self._has_places = layer.layer.located
        self._mapper = Mapper(layer, fields, mapping or RowMapping(), timezone=timezone, notes=notes)
        self._untold = set(untold)
        self._geometries_apart = geometries_apart

    def items(
        self, ids: pa.StringArray, places: Places, fields: Fields, *, lines: Sequence[int] | None = None
    ) -> Iterator[Item]:
        """Yield the rows that can become features as a batch, and those that can't as rejects with their reason.

        Parameters
        ----------
        ids
            Of the rows.
        places
            Their geometries.
        fields
            Their values, by the name of the field, as :func:`layers.sources.mapping.columns.cleaned` gives them.
        lines
            Where the rows stand in the file, to be told of rejects.
        """
        rows = self._mapper.shape(Rows(ids, places, fields, lines))
        count = len(rows.ids)
        problems = self._problems(rows)
        values, found = self._mapper.values(rows.fields, count)
        for row, problem in found.items():
            problems.setdefault(row, problem)
        kept = {name: text(rows.fields[name]) for name in self._mapper.tags if name not in self._untold}
        columns = {"source_id": rows.ids, "geom": rows.places.wkb, **values, "tags": _as_json(kept, count)}
        batch = pa.RecordBatch.from_pydict(columns)
        if problems:
            batch = batch.filter(pa.array([row not in problems for row in range(count)]))
        if batch.num_rows:
            yield Batch(self._layer, batch)
        if problems:
            yield from self._rejects(rows, problems)

    def _problems(self, rows: Rows) -> Problems:
        """Return why rows can't become features, whatever their values are."""
        without = () if self._has_places else (NO_COORDINATES, NO_GEOMETRY)
        problems = {row: problem for row, problem in rows.places.problems.items() if problem not in without}
        for row in _rows(pc.is_null(rows.ids)):
            problems.setdefault(row, _NO_ID)
        for name, column in rows.fields.items():
            for row in _rows_with_nul(column):
                problems.setdefault(row, f"{name} holds the character NUL")
        return problems

    def _rejects(self, rows: Rows, problems: Problems) -> Iterator[Reject]:
        wrong = sorted(problems)
        told = {
            name: text(column.take(pa.array(wrong))).to_pylist()
            for name, column in rows.fields.items()
            if self.tells_all or name in self._mapper.told
        }
        shapes = wkb.read(rows.places.wkb.take(pa.array(wrong))) if self._geometries_apart else ()
        if len(shapes):
            told["geom"] = shapely.to_wkt(shapes, rounding_precision=-1).tolist()
        for number, row in enumerate(wrong):
            cells = {name: column[number] for name, column in told.items()}
            record = {"line": str(rows.lines[row])} if rows.lines is not None else {}
            record |= {name: cell.replace(_NUL, "\\0") for name, cell in cells.items() if cell is not None}
            yield Reject(self._layer, (rows.ids[row].as_py() or "").replace(_NUL, "\\0"), problems[row], record)


def _as_json(texts: Fields, count: int) -> pa.StringArray:
    """Return a JSON object a row, of the texts that are not null."""
    members = [
        pc.binary_join_element_wise(f'{json.dumps(name, ensure_ascii=False)}: "', _escaped(column), '", ', "")
        for name, column in texts.items()
    ]
    if not members:
        return pa.array(["{}"] * count)
    joined = pc.binary_join_element_wise(*members, "", null_handling="replace", null_replacement="")
    return pc.binary_join_element_wise("{", pc.utf8_rtrim(joined, ", "), "}", "")


def _escaped(texts: pa.StringArray) -> pa.StringArray:
    if not _any(pc.match_substring_regex(texts, _ESCAPED)):
        return texts
    if _any(pc.match_substring_regex(texts, _CONTROLS)):
        return each_text(texts, lambda value: json.dumps(value, ensure_ascii=False)[1:-1])
    return pc.replace_substring(pc.replace_substring(texts, "\\", "\\\\"), '"', '\\"')


def _rows_with_nul(column: pa.Array) -> list[int]:
    if not pa.types.is_string(column.type):
        return []
    found = pc.match_substring(column, _NUL)
    return _rows(found) if _any(found) else []


def _rows(truths: pa.BooleanArray) -> list[int]:
    return list(pc.indices_nonzero(pc.fill_null(truths, False)).to_pylist())


def _any(truths: pa.BooleanArray) -> bool:
    return bool(pc.any(truths).as_py())
