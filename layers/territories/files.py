"""Reads YAML files into models, and tells all that is wrong in them with the line where it stands."""

from __future__ import annotations

import difflib
import re
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from geo.errors import InvalidInputError

M = TypeVar("M", bound=BaseModel)
Steps = Sequence[str | int]

_STANDARD = "tag:yaml.org,2002:"
_LONGEST_VALUE = 60


@dataclass(frozen=True)
class Problem:
    """Something wrong in a file.

    Parameters
    ----------
    path
        Where it stands in the YAML, such as ``sources.roads.columns.lanes``; empty for the file as a whole.
    text
        What is wrong, and what would be right.
    line
        Where it stands, counted from one; ``None`` where it is about no line.
    """

    path: str
    text: str
    line: int | None = None

    def __str__(self) -> str:
        where = f"line {self.line}, " if self.line else ""
        return f"{where}{self.path}: {self.text}" if self.path else f"{where}{self.text}"


class PackError(InvalidInputError):
    """A file isn't what it must be; ``problems`` are all that is wrong in it."""

    def __init__(self, file: Path, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        told = f" {problems[0]}" if len(problems) == 1 else "".join(f"\n  {each}" for each in problems)
        super().__init__(f"{file}:{told}")


class PackFile:
    """A YAML file in UTF-8.

    Parameters
    ----------
    file
        Its path.

    Raises
    ------
    PackError
        It is no YAML.
    """

    def __init__(self, file: Path) -> None:
        self.path = file
        try:
            loader = _Loader(file.read_text(encoding="utf-8-sig"))
            self._node = loader.get_single_node()
            self.content = loader.construct_document(self._node) if self._node else None
        except UnicodeDecodeError as error:
            raise PackError(file, [Problem("", f"is no YAML in UTF-8: {error}")]) from error
        except (yaml.YAMLError, RecursionError) as error:
            raise PackError(file, [_yaml_problem(error)]) from error

    def as_model(self, model: type[M], context: Mapping[str, Any]) -> M:
        """Return what the file describes.

        Parameters
        ----------
        model
            What it must be.
        context
            Passed on to the validators.

        Raises
        ------
        PackError
            It is no such model; all that is wrong is told at once.
        """
        try:
            return model.model_validate(self.content, context=dict(context))
        except ValidationError as error:
            found = [self._problem(each, model) for each in _causes(error.errors())]
        raise PackError(self.path, found)

    def problem(self, steps: Steps, text: str) -> Problem:
        """Return a problem with what stands at a place of the YAML, such as ``("sources", 0, "columns")``."""
        names: list[str] = []
        node, content = self._node, self.content
        line = None
        for step in steps:
            content = _child(content, step)
            names.append(str(content["id"]) if isinstance(step, int) and _has_id(content) else str(step))
            found = _child_node(node, step)
            if found is None:
                break
            key, node = found
            line = (key or node).start_mark.line + 1
        return Problem(".".join(names), text, line)

    def _problem(self, error: ErrorDetails, model: type[BaseModel]) -> Problem:
        known = _settings_at(model, error["loc"][:-1])
        return self.problem(self._steps(error), _in_words(error, known))

    def _steps(self, error: ErrorDetails) -> list[str | int]:
        """Return the place of an error as it is in the YAML, without the names of pydantic's choices."""
        steps: list[str | int] = []
        content = self.content
        for number, step in enumerate(error["loc"], start=1):
            found = _child(content, step)
            is_missing = error["type"] == "missing" and number == len(error["loc"])
            if found is None and not is_missing and not _holds(content, step):
                continue
            steps.append(step)
            content = found
        return steps


def _causes(errors: Sequence[ErrorDetails]) -> list[ErrorDetails]:
    """Return the errors without those that only follow from others: lists too short for the bad things in them."""
    places = [each["loc"] for each in errors]
    return [
        each
        for each in errors
        if each["type"] != "too_short" or not any(place[:-1][: len(each["loc"])] == each["loc"] for place in places)
    ]


def _in_words(error: ErrorDetails, known: Sequence[str]) -> str:
    kind, given = error["type"], error["input"]
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return _unknown(str(error["loc"][-1]), known)
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        context = error.get("ctx", {})
        wanted = f"must be one of {context['expected_tags']}" if "expected_tags" in context else ""
        name = str(context.get("discriminator", "")).strip("'()")
        return " ".join(part for part in (name if "_" not in name else "", wanted or error["msg"]) if part)
    text = re.sub(r"^(Value error, |Assertion failed, )", "", error["msg"])
    text = re.sub(r"^Input should be", "must be", text)
    text = re.sub(r"^(?:Tuple|List|Dictionary) should have", "must have", text).replace(" after validation", "")
    shown = repr(given)
    if text.startswith("must be") and not isinstance(given, (dict, list)) and len(shown) <= _LONGEST_VALUE:
        text += f", not {shown}"
    return text


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
    return f"there is no such setting; {hint}"


def _yaml_problem(error: Exception) -> Problem:
    mark = getattr(error, "problem_mark", None)
    text = getattr(error, "problem", None) or str(error)
    return Problem("", f"is no YAML: {text}", mark.line + 1 if mark else None)


def _child(content: Any, step: str | int) -> Any:
    if isinstance(content, dict):
        return content.get(step)
    if isinstance(content, list) and isinstance(step, int) and 0 <= step < len(content):
        return content[step]
    return None


def _holds(content: Any, step: str | int) -> bool:
    return isinstance(content, dict) and step in content


def _has_id(content: Any) -> bool:
    return isinstance(content, dict) and isinstance(content.get("id"), str)


def _child_node(node: yaml.Node | None, step: str | int) -> tuple[yaml.Node | None, yaml.Node] | None:
    """Return the key, if there is one, and the value at a step of a node."""
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == str(step)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None


def _settings_at(model: type[BaseModel], steps: Sequence[str | int]) -> list[str]:
    """Return the names of the settings that may stand at a place of a model."""
    models = [model]
    for step in steps:
        tagged = [each for each in models if _kind(each) == step]
        named = [field for each in models for name, field in each.model_fields.items() if step in (name, field.alias)]
        inner = [found for field in named for found in _models_in(field.annotation)]
        models = tagged or (inner if named else models)
    return sorted({field.alias or name for each in models for name, field in each.model_fields.items()})


def _kind(model: type[BaseModel]) -> str | None:
    field = model.model_fields.get("kind")
    choices = typing.get_args(field.annotation) if field else ()
    return choices[0] if len(choices) == 1 else None


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from _models_in(part)


class _Loader(yaml.SafeLoader):
    """The core schema of YAML 1.2: ``no``, ``2024-01-01`` and ``12:30`` are texts; and a key stands only once."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key must be a text", key_node.start_mark)
            if key_node.value in lines:
                twice = f"{key_node.value} stands twice, first in line {lines[key_node.value]}"
                raise yaml.constructor.ConstructorError(None, None, twice, key_node.start_mark)
            lines[key_node.value] = key_node.start_mark.line + 1
        return super().construct_mapping(node, deep)


_Loader.yaml_implicit_resolvers = {}


def _resolve(tag: str, pattern: str, first: str) -> None:
    starts = list(first) + ([""] if re.fullmatch(pattern, "") else [])
    _Loader.add_implicit_resolver(f"{_STANDARD}{tag}", re.compile(f"^(?:{pattern})$"), starts)


_resolve("bool", "true|True|TRUE|false|False|FALSE", "tTfF")
_resolve("int", "[-+]?(?:0|[1-9][0-9]*)", "-+0123456789")
_resolve("float", r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?", "-+.0123456789")
_resolve("null", "~|null|Null|NULL|", "~nN")
_resolve("merge", "<<", "<")
