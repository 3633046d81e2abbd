"""Inputs of analyses as text, for the command line and for addresses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from geo.errors import InvalidInputError


def is_points(schema: dict[str, Any]) -> bool:
    """Tell whether an input is points, or a line through them: what comes in several forms."""
    return any("oneOf" in each for each in (schema, *schema.get("anyOf", ())))


def describe(schema: dict[str, Any]) -> str:
    """Return what an input is, its unit, its choices and its default, in one line."""
    parts = [schema["title"] + (f", in {schema['x-unit']}" if "x-unit" in schema else "")]
    if "enum" in schema:
        parts.append(f": {' or '.join(schema['enum'])}")
    if schema.get("type") == "array":
        parts.append(", separated by commas")
    default = schema.get("default")
    if default is not None and default != []:
        parts.append(f"; by default {','.join(map(_plain, default)) if isinstance(default, list) else _plain(default)}")
    return "".join(parts) + "."


def _plain(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def from_text(text: str, schema: dict[str, Any]) -> Any:
    """Read an input from text: lists with commas between values, places as `places` does, with bars between lines.

    Numbers stay text: the analysis itself reads and checks them.

    Raises
    ------
    InvalidInputError
        The text is no such points.
    """
    if is_points(schema):
        return places(text.split("|"))
    return text.split(",") if schema.get("type") == "array" else text


def places(texts: Sequence[str]) -> list[Any]:
    """Read places: one a text as ``lon,lat``, or a line a text with semicolons between its places.

    Raises
    ------
    InvalidInputError
        Something is no such place.
    """
    lines = [[_pair(each) for each in text.split(";")] for text in texts]
    if len(lines) == 1:
        return lines[0]
    return [line[0] for line in lines] if all(len(line) == 1 for line in lines) else lines


def _pair(text: str) -> list[float]:
    """Read a point from ``lon,lat``."""
    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError as error:
        raise InvalidInputError(
            f"{text!r} is no point: write longitude,latitude in degrees, such as 24.94,60.17"
        ) from error
    return [lon, lat]
