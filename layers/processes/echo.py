"""A process that gives back what it is given: with it clients try how they speak to processes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from geo.errors import InvalidInputError
from geo.language import Text

ID = "echo"
TITLE: Text = {"be": "Рэха", "ru": "Эхо", "en": "Echo"}
SUMMARY: Text = {
    "be": "Вяртае тое, што атрымала: каб праверыць, як кліент размаўляе з працэсамі.",
    "ru": "Возвращает то, что получило: чтобы проверить, как клиент говорит с процессами.",
    "en": "Gives back what it is given: to try how a client speaks to processes.",
}
PAUSE = "pause"

_MOST_PAUSE_S = 30
_BBOX_SCHEMA = "https://schemas.opengis.net/ogcapi/processes/part1/1.0/openapi/schemas/bbox.yaml"

SCHEMAS: Mapping[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "document": {"type": "string", "contentMediaType": "text/plain"},
    "numbers": {"type": "array", "items": {"type": "integer"}},
    "bbox": {"allOf": [{"format": "ogc-bbox"}, {"$ref": _BBOX_SCHEMA}]},
    "either": {"oneOf": [{"type": "string"}, {"type": "object"}]},
}
"""Of what can be given, and is given back under the same name."""

PAUSE_SCHEMA: Mapping[str, Any] = {"type": "integer", "minimum": 0, "maximum": _MOST_PAUSE_S, "default": 0}


def check(inputs: Mapping[str, Any]) -> None:
    """Make sure that the inputs can be echoed.

    Raises
    ------
    InvalidInputError
        One is unknown or of a wrong type, or there is none; the text names it.
    """
    unknown = sorted(set(inputs) - {*SCHEMAS, PAUSE})
    if unknown:
        raise InvalidInputError(f"{', '.join(unknown)}: {ID} takes {', '.join([*SCHEMAS, PAUSE])}")
    if not set(inputs) & set(SCHEMAS):
        raise InvalidInputError(f"inputs: {ID} needs at least one of {', '.join(SCHEMAS)}")
    for name, value in inputs.items():
        fits, told = _CHECKS[name]
        if not fits(value):
            raise InvalidInputError(f"{name}: must be {told}")


def run(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Return the inputs as JSON texts by name, after the pause that was asked for."""
    check(inputs)
    time.sleep(inputs.get(PAUSE, 0))
    return {name: json.dumps(value, ensure_ascii=False) for name, value in inputs.items() if name != PAUSE}


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_bbox(value: Any) -> bool:
    corners = value.get("bbox") if isinstance(value, dict) else None
    return isinstance(corners, list) and len(corners) in (4, 6) and all(_is_number(each) for each in corners)


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "text": (_is_text, "text"),
    "document": (_is_text, "text"),
    "numbers": (lambda value: isinstance(value, list) and all(_is_whole(each) for each in value), "whole numbers"),
    "bbox": (_is_bbox, 'an object such as {"bbox": [24.9, 60.1, 25.0, 60.2]}'),
    "either": (lambda value: isinstance(value, str | dict), "text or an object"),
    PAUSE: (
        lambda value: _is_whole(value) and 0 <= value <= _MOST_PAUSE_S,
        f"seconds, a whole number from 0 to {_MOST_PAUSE_S}",
    ),
}
