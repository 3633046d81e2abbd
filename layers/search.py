"""Finds features by words in their texts, in any of the platform's languages, whatever the case and the accents."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, FromClause, Text, and_, func, literal, null, or_
from sqlalchemy.dialects.postgresql import JSONB, array

from geo.errors import InvalidInputError
from layers.catalog import LayerTable

Words: TypeAlias = tuple[tuple[str, ...], ...]
"""Alternatives, each of words that must all be there."""

_MAX_WORDS = 16
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


def _pattern(word: str) -> ColumnElement[str]:
    escaped = _LIKE_SIGNS.sub(lambda sign: f"\\{sign.group()}", word)
    return func.horad_words(array([literal(f"%{escaped}%", Text)]), null().cast(JSONB), type_=Text)
