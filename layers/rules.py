"""Rules of quality, in the words in which a layer's description states them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from geo.language import Text


class Severity(StrEnum):
    """How bad it is: an error is wrong, a warning is probably wrong, a note is worth a look."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What the features of a layer should be like; each kind has a name and a title."""

    name: ClassVar[str]
    title: ClassVar[Text]

    severity: Severity = Severity.WARNING


@dataclass(frozen=True, kw_only=True)
class Valid(Rule):
    """The geometry obeys the rules of simple features. Every layer has this rule."""

    name = "invalid"
    title = {"en": "Invalid geometry", "ru": "Неверная геометрия", "be": "Няправільная геаметрыя"}  # noqa: RUF012

    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Inside(Rule):
    """The feature touches its territory. Every layer has this rule."""

    name = "outside"
    title = {"en": "Outside the territory", "ru": "Вне территории", "be": "Па-за тэрыторыяй"}  # noqa: RUF012


@dataclass(frozen=True, kw_only=True)
class Unique(Rule):
    """No other feature has the same geometry and the same values. Every layer has this rule, but those of events."""

    name = "duplicate"
    title = {"en": "Duplicate", "ru": "Дубликат", "be": "Дублікат"}  # noqa: RUF012


@dataclass(frozen=True, kw_only=True)
class InRange(Rule):
    """Values lie within the limits, and among the choices, of their columns. Every layer has this rule."""

    name = "out-of-range"
    title = {"en": "Value out of range", "ru": "Недопустимое значение", "be": "Недапушчальнае значэнне"}  # noqa: RUF012

    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Linked(Rule):
    """The feature to which a value leads is there. Every layer with a link has this rule."""

    name = "orphan"
    title = {"en": "Link to nothing", "ru": "Ссылка в никуда", "be": "Спасылка ў нікуды"}  # noqa: RUF012

    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Fresh(Rule):
    """Each source was loaded when its schedule says. Every layer has this rule."""

    name = "stale"
    title = {"en": "Source not loaded in time", "ru": "Источник устарел", "be": "Крыніца састарэла"}  # noqa: RUF012


@dataclass(frozen=True, kw_only=True)
class Filled(Rule):
    """The columns have values."""

    name = "missing"
    title = {"en": "Missing value", "ru": "Нет значения", "be": "Няма значэння"}  # noqa: RUF012

    columns: tuple[str, ...]
    severity: Severity = Severity.NOTE


@dataclass(frozen=True, kw_only=True)
class Plausible(Rule):
    """A value lies within what is usual: beyond it is probably a mistake."""

    name = "implausible"
    title = {"en": "Implausible value", "ru": "Неправдоподобное значение", "be": "Непраўдападобнае значэнне"}  # noqa: RUF012

    column: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, kw_only=True)
class InOrder(Rule):
    """What happens first is dated first."""

    name = "wrong-order"
    title = {"en": "Ends before it begins", "ru": "Конец раньше начала", "be": "Канец раней за пачатак"}  # noqa: RUF012

    before: str
    after: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class NotInFuture(Rule):
    """What has happened doesn't lie in the future."""

    name = "in-the-future"
    title = {"en": "Time in the future", "ru": "Время в будущем", "be": "Час у будучыні"}  # noqa: RUF012

    column: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Connected(Rule):
    """The lines hang together as one network; smaller pieces are found, one finding a piece."""

    name = "unconnected"
    title = {"en": "Piece apart from the network", "ru": "Оторванная часть сети", "be": "Адарваная частка сеткі"}  # noqa: RUF012

    apart_by: str | None = None
    """The column whose values are networks of their own."""


@dataclass(frozen=True, kw_only=True)
class Met(Rule):
    """A line that ends just before another, or on it where that has no vertex, was meant to meet it."""

    name = "undershoot"
    title = {"en": "Nearly meets another line", "ru": "Не доходит до линии", "be": "Не даходзіць да лініі"}  # noqa: RUF012

    tolerance_m: float
    apart_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class NoDeadEnd(Rule):
    """Lines end where others begin."""

    name = "dangling"
    title = {"en": "Dead end", "ru": "Висячий конец", "be": "Вісячы канец"}  # noqa: RUF012

    apart_by: str | None = None
    severity: Severity = Severity.NOTE


@dataclass(frozen=True, kw_only=True)
class Disjoint(Rule):
    """Polygons don't overlap."""

    name = "overlap"
    title = {"en": "Overlaps another polygon", "ru": "Перекрывает другой полигон", "be": "Перакрывае іншы палігон"}  # noqa: RUF012

    min_area_m2: float = 1.0
    apart_by: str | None = None
    """The column that separates those that may overlap, such as the level of a district."""


GENERAL: tuple[Rule, ...] = (Valid(), Inside(), Unique(), InRange(), Linked(), Fresh())
"""What is asked of every layer."""
