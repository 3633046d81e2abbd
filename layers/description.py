"""The words in which a layer describes itself: its titles, style, columns and where OSM keeps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Computed
from sqlalchemy.orm import MappedColumn, mapped_column

from geo.language import Text
from layers.rules import Rule

Tags = Mapping[str, str]


def text(en: str, ru: str, be: str) -> dict[str, str]:
    """Return one text in the three languages of the platform."""
    return {"en": en, "ru": ru, "be": be}


class CityFunction(StrEnum):
    """The six functions of a city, and what all of them share."""

    INFRASTRUCTURE = "infrastructure"
    SAFETY = "safety"
    BUSINESS = "business"
    HOUSING = "housing"
    SOCIAL = "social"
    FEEDBACK = "feedback"
    COMMON = "common"

    @property
    def label(self) -> dict[str, str]:
        """The name of the function in every language."""
        return _FUNCTION_TITLES[self]


_FUNCTION_TITLES = {
    CityFunction.INFRASTRUCTURE: text("Infrastructure", "Инфраструктура", "Інфраструктура"),
    CityFunction.SAFETY: text("Public safety", "Общественная безопасность", "Грамадская бяспека"),
    CityFunction.BUSINESS: text("Business environment", "Бизнес-среда", "Бізнес-асяроддзе"),
    CityFunction.HOUSING: text("Housing and utilities", "Жильё и коммунальные услуги", "Жыллё і камунальныя паслугі"),
    CityFunction.SOCIAL: text("Social services", "Социальные услуги", "Сацыяльныя паслугі"),
    CityFunction.FEEDBACK: text("Feedback", "Обратная связь", "Зваротная сувязь"),
    CityFunction.COMMON: text("Basemap", "Основа карты", "Аснова карты"),
}


class Shape(StrEnum):
    """What the features of a layer are made of."""

    POINT = "point"
    LINE = "line"
    POLYGON = "polygon"
    MIXED = "mixed"

    @property
    def geometry_types(self) -> tuple[str, ...]:
        """The geometry types that the layer takes, each simple one before its multi type."""
        return _GEOMETRY_TYPES[self]


_GEOMETRY_TYPES: dict[Shape, tuple[str, ...]] = {
    Shape.POINT: ("Point", "MultiPoint"),
    Shape.LINE: ("LineString", "MultiLineString"),
    Shape.POLYGON: ("Polygon", "MultiPolygon"),
}
_GEOMETRY_TYPES[Shape.MIXED] = tuple(each for types in _GEOMETRY_TYPES.values() for each in types)


@dataclass(frozen=True, kw_only=True)
class Symbol:
    """How one class of features is drawn.

    Parameters
    ----------
    title
        What the legend calls the class.
    values
        The values of the style's column that belong to the class; empty for all the rest.
    at_least
        The least number of the style's column that belongs to the class, which ends where the next one begins; smaller
        and unknown ones are the rest.
    colour, outline
        Fill or stroke colour, and the colour of the casing or edge, as ``#rrggbb``.
    width_px
        Stroke width of a line or diameter of a point at zoom 16.
    dash
        Lengths of dash and gap in line widths.
    min_zoom
        The zoom from which the class is drawn and put into tiles.
    icon
        The picture that its points get close up, in place of the style's.
    """

    title: Text
    values: tuple[str, ...] = ()
    at_least: float | None = None
    colour: str
    outline: str | None = None
    width_px: float = 1.0
    dash: tuple[float, ...] | None = None
    min_zoom: int = 0
    icon: str | None = None


@dataclass(frozen=True, kw_only=True)
class Style:
    """How a layer is drawn: its classes, in drawing order, and its label.

    Parameters
    ----------
    column
        The column whose value chooses the symbol; ``None`` where all features look alike.
    symbols
        One a class, drawn in this order; the legend lists them so too.
    order
        Where the layer lies on the map: 0 at the bottom.
    label
        The column written on the map, from ``label_min_zoom`` on.
    opacity
        Of fills and points, 0 to 1.
    visible
        Whether the layer is switched on when the map opens.
    icon
        The picture that points get close up, by its name on the sheet of the map's pictures.
    """

    symbols: tuple[Symbol, ...]
    column: str | None = None
    order: int = 0
    label: str | None = None
    label_min_zoom: int = 15
    opacity: float = 1.0
    visible: bool = True
    icon: str | None = None

    def icon_of(self, symbol: Symbol) -> str | None:
        """Return the picture that points of a class get close up, if they get one."""
        return symbol.icon or self.icon


@dataclass(frozen=True, kw_only=True)
class OsmRule:
    """Which OpenStreetMap elements make a layer.

    Parameters
    ----------
    keys
        The tag keys of which an element must have one.
    accept
        Tells whether the tags of an element that has such a key belong to the layer.
    elements
        Of ``node``, ``way``, ``area`` (a closed way or a multipolygon relation), ``relation`` (the area of a relation
        alone), ``route`` (a relation of ways that make a line) and ``turn`` (a relation of ways, and the nodes or ways
        between them, whose ids count as the tags ``from``, ``via`` and ``to``), those that are read.
        For a point layer the area's inner point is taken.
    """

    keys: tuple[str, ...]
    accept: Callable[[Tags], bool]
    elements: frozenset[str]


@dataclass(frozen=True, kw_only=True)
class Layer:
    """What is known of a layer, beside its columns.

    Parameters
    ----------
    title, summary
        In every language of the platform.
    function
        The city function to which the layer belongs.
    shape
        What its features are made of.
    time
        The column that tells when a feature happened, if any.
    min_zoom, max_zoom
        The zooms of its vector tiles; beyond ``max_zoom`` clients overzoom.
    style
        How it is drawn.
    osm
        Where OpenStreetMap keeps it, if it does.
    located
        Whether every feature has a place; in a register such as that of organisations some have none.
    rules
        What its features should be like, beside the rules of every layer.
    from_people
        Whether people make its features: what a source tells of them beyond the columns may be about those people, and
        is kept only where the source's mapping names it.
    """

    title: Text
    summary: Text
    function: CityFunction
    shape: Shape
    style: Style
    located: bool = True
    time: str | None = None
    min_zoom: int = 10
    max_zoom: int = 16
    osm: OsmRule | None = None
    rules: tuple[Rule, ...] = ()
    from_people: bool = False


@dataclass(frozen=True, kw_only=True)
class Link:
    """A many-to-one link: a column's values are the source ids of another layer's features, in the same territory.

    Loads may come in any order, and a linked feature may close, so that the link is a rule that the checks of quality
    look after, and no constraint of the database.

    Parameters
    ----------
    layer
        The layer to which the values lead.
    layer_column
        The column that names the layer, where it differs from feature to feature.
    """

    layer: str | None = None
    layer_column: str | None = None

    def __post_init__(self) -> None:
        if (self.layer is None) == (self.layer_column is None):
            raise ValueError("A link needs either layer or layer_column.")


@dataclass(frozen=True, kw_only=True)
class ColumnInfo:
    """What is known of a column, beside its type."""

    title: Text
    unit: str | None = None
    osm: str | Callable[[Tags], Any] | None = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    link: Link | None = None
    inspected: str | None = None


def column(
    title: Text,
    *,
    unit: str | None = None,
    osm: str | Callable[[Tags], Any] | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
    link: Link | None = None,
    inspected: str | None = None,
    computed: str | None = None,
    **options: Any,
) -> MappedColumn[Any]:
    """Declare a column of a layer.

    Parameters
    ----------
    title
        In every language of the platform.
    unit
        The unit of its values, as written to users.
    osm
        The tag that holds it as it is in OpenStreetMap, or a function of an element's tags.
    minimum, maximum
        The least and the greatest value that can be right; a load rejects what lies beyond.
    choices
        The values it can have, where they are a closed list; a load rejects others.
    link
        The layer to whose features its values lead.
    inspected
        The kind of score, such as PCI, by which inspections tell the value: in analyses the newest one is taken.
    computed
        The SQL by which the database works it out from the others, written as PostgreSQL writes it back.
    options
        Passed on to SQLAlchemy's ``mapped_column``.
    """
    info = ColumnInfo(
        title=title,
        unit=unit,
        osm=osm,
        minimum=minimum,
        maximum=maximum,
        choices=choices,
        link=link,
        inspected=inspected,
    )
    given = () if computed is None else (Computed(computed, persisted=True),)
    return mapped_column(*given, info={"column": info}, **options)


def first_tag(*keys: str) -> Callable[[Tags], str | None]:
    """Return a function that gives the first of the tags that an element has."""
    return lambda tags: next((tags[key] for key in keys if key in tags), None)
