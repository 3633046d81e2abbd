"""An analysis is a function, described once: the API, the command line, the web form and the maps read it from here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from dataclasses import dataclass, field
from functools import cached_property, wraps
from typing import Any, Literal, ParamSpec, Protocol, TypeVar, cast

import pydantic

import geo
from geo.errors import InvalidInputError
from geo.language import LANGUAGES, Text

if typing.TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

CITY_FUNCTIONS = ("infrastructure", "safety", "business", "housing", "social", "feedback")
"""The functions of a city."""

VIRIDIS = ("#fde725", "#7ad151", "#22a884", "#2a788e", "#414487", "#440154")
"""Sequential colours, low to high: a colour-blind safe default."""

P = ParamSpec("P")
R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, kw_only=True)
class LayerInput:
    """A layer of the city that an analysis reads.

    Parameters
    ----------
    layer
        Name of the layer, such as ``roads``.
    as_network
        Whether the function takes it as a `geo.networks.network.Network` and not as a GeoDataFrame.
    as_heights
        Whether it is no layer but rasters, such as ``elevation``, of which the function takes the
        `geo.networks.slopes.Heights`.
    optional
        Whether the function also runs without it (it then gets ``None``).
    columns
        The columns that it needs beside the geometry; empty for all.
    """

    layer: str
    as_network: bool = False
    as_heights: bool = False
    optional: bool = False
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Column:
    """How a column of a result is shown.

    Parameters
    ----------
    title
        In every language.
    unit
        In every language, or one for all; that of the shown value.
    scale
        The shown value is the value times the scale: 1/60 shows seconds as minutes.
    decimals
        Decimals of the shown value, at most: zeros at the end are left out.
    """

    title: Text
    unit: Text | str = ""
    scale: float = 1.0
    decimals: int = 0


@dataclass(frozen=True, kw_only=True)
class ColourClass:
    """One entry of the legend of a column of names: the values that share a colour.

    No values means all those that no other class has.
    """

    title: Text
    colour: str
    values: tuple[str, ...] = ()

    @classmethod
    def of(cls, value: str, colour: str, *, be: str, ru: str, en: str) -> ColourClass:
        """Return the class of one value, with its title in every language."""
        return cls(title={"be": be, "ru": ru, "en": en}, values=(value,), colour=colour)


@dataclass(frozen=True, kw_only=True)
class View:
    """How a result, or a layer, is shown on a map and in a table.

    Parameters
    ----------
    geometry
        What the features are made of; ``mixed`` for points, lines and polygons in one result.
    columns
        The columns shown, in this order.
    colour_by
        The column that gives the colour; ``None`` where all features look alike.
    colours
        Sequential colours of a column of numbers, low to high.
    classes
        Colours of a column of names.
    draw_first
        Which values of `colour_by` are drawn first, and so lie below the others. ``high`` suits nested areas.
    opacity
        Of the fill, 0 to 1.
    """

    geometry: Literal["point", "line", "polygon", "mixed"]
    columns: Mapping[str, Column]
    colour_by: str | None = None
    colours: tuple[str, ...] = VIRIDIS
    classes: tuple[ColourClass, ...] = ()
    draw_first: Literal["low", "high"] = "low"
    opacity: float = 0.5


@dataclass(frozen=True, kw_only=True, eq=False)
class Analysis:
    """What is known of an analysis.

    Parameters
    ----------
    id
        Name in addresses and on the command line: lower-case words joined by hyphens.
    title, summary
        In every language.
    function
        The city function that it serves: one of `CITY_FUNCTIONS`.
    inputs
        The layers that it reads, by the name of the function's parameter.
    view
        How its result is shown.
    call
        The function itself.
    """

    id: str
    title: Text
    summary: Text
    function: str
    inputs: Mapping[str, LayerInput]
    view: View
    call: Callable[..., Any] = field(repr=False)

    def __post_init__(self) -> None:
        if self.function not in CITY_FUNCTIONS:
            raise ValueError(f"{self.id}: the city function must be one of {CITY_FUNCTIONS}, not {self.function!r}")
        if set(self.title) != set(LANGUAGES) or set(self.summary) != set(LANGUAGES):
            raise ValueError(f"{self.id}: title and summary must be in {LANGUAGES}")
        unknown = set(self.inputs) - set(inspect.signature(self.call).parameters)
        if unknown:
            raise ValueError(f"{self.id}: the function has no parameter {sorted(unknown)}")

    @cached_property
    def parameters(self) -> type[pydantic.BaseModel]:
        """The model of every parameter that is not a layer: types, constraints and defaults of the signature."""
        hints = typing.get_type_hints(self.call, include_extras=True)
        fields: dict[str, Any] = {
            name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
            for name, parameter in inspect.signature(self.call).parameters.items()
            if name not in self.inputs
        }
        return pydantic.create_model(
            "".join(word.capitalize() for word in self.id.split("-")),
            __config__=pydantic.ConfigDict(extra="forbid", frozen=True),
            **fields,
        )

    def json_schema(self) -> dict[str, dict[str, Any]]:
        """Return the JSON schema of each parameter; one without a ``default`` must be given."""
        schema = self.parameters.model_json_schema()
        if "$defs" in schema:
            raise TypeError(f"{self.id}: parameters must be plain types, not models")
        properties: dict[str, dict[str, Any]] = schema["properties"]
        return properties

    def complete(self, values: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
        """Return the given parameters, and of the others those that a territory states.

        Parameters
        ----------
        values
            Those given; null is not given.
        stated
            What the territory states: its norms by name, and its ``time_zone``.
        """
        schemas = self.json_schema()
        known = {name: schema.get("default") for name, schema in schemas.items()} | dict(values)
        found = dict(values)
        for name, schema in schemas.items():
            rule = schema.get("x-stated")
            if rule is None or found.get(name) is not None:
                continue
            key = rule["name"].format_map(known)
            if key in stated and all(known.get(other) == value for other, value in rule["if"].items()):
                found[name] = stated[key] if rule["scale"] == 1 else stated[key] * rule["scale"]
        return found

    def check(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters, checked, converted to their types and completed by the defaults.

        Raises
        ------
        InvalidInputError
            Naming each parameter that is wrong, and how.
        """
        try:
            return dict(self.parameters.model_validate(dict(values)))
        except pydantic.ValidationError as error:
            problems = "; ".join(_problem(detail) for detail in error.errors(include_url=False))
            raise InvalidInputError(f"{self.id}: {problems}") from error


class AnalysisFunction(Protocol[P, R_co]):
    """A function that an `Analysis` describes."""

    analysis: Analysis

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Run the analysis."""


def analysis(
    *,
    id: str,  # noqa: A002
    title: Text,
    summary: Text,
    function: str,
    inputs: Mapping[str, LayerInput],
    view: View,
) -> Callable[[Callable[P, R_co]], AnalysisFunction[P, R_co]]:
    """Describe a function as an analysis and make it known to the platform.

    The function is called as before, with its layers as frames or networks; its other parameters are checked
    against their annotations first (`InvalidInputError`), wherever the call comes from. It gets the
    attribute ``analysis``. See `Analysis` for the parameters.
    """

    def describe(call: Callable[P, R_co]) -> AnalysisFunction[P, R_co]:
        signature = inspect.signature(call)

        @wraps(call)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R_co:
            given = signature.bind(*args, **kwargs).arguments
            layers = {name: given.pop(name) for name in inputs if name in given}
            return cast("Callable[..., R_co]", call)(**layers, **described.check(given))

        described = Analysis(
            id=id, title=title, summary=summary, function=function, inputs=inputs, view=view, call=checked
        )
        _register(described)
        result = cast("AnalysisFunction[P, R_co]", checked)
        result.analysis = described
        return result

    return describe


def labelled(
    title: Text,
    *,
    unit: str | None = None,
    values_of: Sequence[str] = (),
    stated: str | None = None,
    stated_scale: float = 1.0,
    stated_if: Mapping[str, str] | None = None,
    **constraints: Any,
) -> Any:
    """Return a pydantic field for a parameter with its title in every language.

    Parameters
    ----------
    title
        In every language; written to the JSON schema as ``x-title``, the English one as ``title`` too.
    unit
        Unit of the value, written as ``x-unit``.
    values_of
        Properties of layers whose values can be given, such as ``facilities.kind``, written as ``x-values-of``.
    stated
        What of a territory's norms is taken where the parameter is not given, such as ``stop_distance_m``, or
        ``time_zone``; ``{kind}`` stands for the parameter of that name. Written as ``x-stated``.
    stated_scale
        The parameter is the norm times this.
    stated_if
        Only where other parameters have these values.
    constraints
        Passed on to `pydantic.Field`: ``ge``, ``le``, ``description`` and so on.
    """
    extra: dict[str, Any] = {"x-title": dict(title)} | ({"x-unit": unit} if unit else {})
    if values_of:
        extra["x-values-of"] = list(values_of)
    if stated is not None:
        extra["x-stated"] = {"name": stated, "scale": stated_scale, "if": dict(stated_if or {})}
    return pydantic.Field(title=title["en"], json_schema_extra=extra, **constraints)


_known: dict[str, Analysis] = {}


def all_analyses() -> tuple[Analysis, ...]:
    """Return every analysis, by id: those of the modules of `geo` and those defined by the caller."""
    for module in pkgutil.walk_packages(geo.__path__, "geo."):
        importlib.import_module(module.name)
    return tuple(described for _, described in sorted(_known.items()))


def get_analysis(id: str) -> Analysis:  # noqa: A002
    """Return the analysis with an id.

    Raises
    ------
    InvalidInputError
        If there is none; the text lists those there are.
    """
    known = {analysis.id: analysis for analysis in all_analyses()}
    if id not in known:
        raise InvalidInputError(f"no analysis {id!r}: there are {', '.join(known)}")
    return known[id]


def _register(described: Analysis) -> None:
    known = _known.get(described.id)
    if known is not None and known.call.__module__ != described.call.__module__:
        raise ValueError(f"analysis {described.id!r} is already defined in {known.call.__module__}")
    _known[described.id] = described


def _problem(detail: Mapping[str, Any]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in detail["loc"]).lstrip(".")
    return (
        f"{path}: {detail['msg']}"
        if detail["type"] in ("shapes", "missing")
        else (f"{path}: {detail['msg']}, not {detail['input']!r:.80}")
    )
