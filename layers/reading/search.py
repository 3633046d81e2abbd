"""Finds features by words in their texts, in any of the platform's languages, whatever the case and the accents."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Select,
    Text,
    and_,
    func,
    literal,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, array

from geo.errors import InvalidInputError
from layers.catalog import LayerTable, find
from layers.reading.geojson import geojson
from layers.territories.territory import within

Words: TypeAlias = tuple[tuple[str, ...], ...]
"""Alternatives, each of words that must all be there."""

_MAX_WORDS = 16
_LOOKED_AT = 300
_TELLING = {
    "name", "ref", "code", "brand", "operator", "address", "description", "remarks", "carries", "contractor", "detail",
    "phone", "cadastral_id",
}  # fmt: skip
_LIKE_SIGNS = re.compile(r"[\\%_]")


def parse_words(text: str) -> Words:
    """Read words to look for: all must be there, in any order and as parts of words too; commas separate alternatives.

    Raises
    ------
    InvalidInputError
        There are none, or too many.
    """
    found = tuple(words for part in text.split(",") if (words := tuple(part.split())))
    if not found or "\0" in text:
        raise InvalidInputError(f"q={text}: must have words to look for".replace("\0", ""))
    if sum(map(len, found)) > _MAX_WORDS:
        raise InvalidInputError(f"q={text[:60]}…: has more than {_MAX_WORDS} words")
    return found


def searched(model: LayerTable) -> list[str]:
    """Return the columns whose texts are looked through, beside the names in ``tags``: all texts of a custom layer."""
    texts = [each.name for each in model.columns if each.python_type is str]
    return texts if model.mark else [name for name in texts if name in _TELLING]


def mentions(model: LayerTable, table: FromClause, words: Words) -> ColumnElement[bool]:
    """Return the condition that words stand in the texts of a row."""
    texts = text_of(model, table)
    return or_(*(and_(*(texts.like(_pattern(word)) for word in each)) for each in words))


def text_of(model: LayerTable, table: FromClause) -> ColumnElement[str]:
    """Return the texts of a row as they are looked through, small and without accents."""
    columns: ColumnElement[Any] = array([table.c[name] for name in searched(model)], type_=Text)
    return func.horad_words(columns, table.c.tags, type_=Text)


@dataclass(frozen=True)
class Found:
    """A feature in whose texts words stand, as GeoJSON text, and how well they fit: 0 to 1."""

    layer: str
    id: int
    fit: float
    feature: str


def search(
    connection: Connection, text: str, *, layers: Iterable[str], territory: str | None = None, limit: int = 20
) -> list[Found]:
    """Look for words in the features of several layers, those that fit best first.

    Parameters
    ----------
    connection
        To the database.
    text
        The words, as `parse_words` takes them.
    layers
        Where to look.
    territory
        Only in this one and in all that belong to it.
    limit
        At most so many.

    Raises
    ------
    InvalidInputError
        There are no words, or too many.
    """
    words = parse_words(text)
    models = [find(name) for name in layers]
    fitting = union_all(*(_fitting(model, words, text, territory, limit) for model in models)).subquery()
    best = select(fitting).order_by(fitting.c.fit.desc(), fitting.c.layer, fitting.c.id).limit(limit)
    rows = connection.execute(best).all() if models else []
    features = {
        name: _features(connection, find(name), [row.id for row in rows if row.layer == name])
        for name in {row.layer for row in rows}
    }
    return [Found(row.layer, row.id, row.fit, features[row.layer][row.id]) for row in rows]


def _fitting(model: LayerTable, words: Words, text: str, territory: str | None, limit: int) -> Select[Any]:
    table = model.table
    texts = text_of(model, table)
    some = select(table.c.id, texts.label("texts")).where(mentions(model, table, words), within(table, territory))
    looked = some.limit(_LOOKED_AT).subquery()
    wanted = func.horad_words(array([literal(text, Text)]), null().cast(JSONB), type_=Text)
    parts = (each(wanted, looked.c.texts, type_=Double) for each in (func.word_similarity, func.similarity))
    fit = (sum(parts, literal(0.0, Double)) / 2).label("fit")
    layer = literal(model.name, Text).label("layer")
    best = select(layer, looked.c.id, fit).order_by(fit.desc(), looked.c.id).limit(limit).subquery()
    return select(best)


def _features(connection: Connection, model: LayerTable, ids: list[int]) -> dict[int, str]:
    table = model.table
    rows = connection.execute(select(table.c.id, geojson(model, table)).where(table.c.id.in_(ids)))
    return {row[0]: row[1] for row in rows}


def _pattern(word: str) -> ColumnElement[str]:
    escaped = _LIKE_SIGNS.sub(lambda sign: f"\\{sign.group()}", word)
    return func.horad_words(array([literal(f"%{escaped}%", Text)]), null().cast(JSONB), type_=Text)
