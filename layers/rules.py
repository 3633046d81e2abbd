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
    """What the features of a layer should be like; each kind has a name and a title (en, ru, be)."""

    name: ClassVar[str]
    title: ClassVar[Text]

    severity: Severity = Severity.WARNING

    def __init_subclass__(cls, *, name: str, title: tuple[str, str, str]) -> None:
        cls.name = name
        cls.title = dict(zip(("en", "ru", "be"), title, strict=True))


@dataclass(frozen=True, kw_only=True)
class Valid(Rule, name="invalid", title=("Invalid geometry", "Неверная геометрия", "Няправільная геаметрыя")):
    """The geometry obeys the rules of simple features. Every layer has this rule."""

    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Inside(Rule, name="outside", title=("Outside the territory", "Вне территории", "Па-за тэрыторыяй")):
    """The feature touches its territory. Every layer has this rule."""


@dataclass(frozen=True, kw_only=True)
class Unique(Rule, name="duplicate", title=("Duplicate", "Дубликат", "Дублікат")):
    """No other feature has the same geometry and the same values. Every layer has this rule, but those of events."""


@dataclass(frozen=True, kw_only=True)
class InRange(
    Rule, name="out-of-range", title=("Value out of range", "Недопустимое значение", "Недапушчальнае значэнне")
):
    """Values lie within the limits, and among the choices, of their columns. Every layer has this rule."""

    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Linked(Rule, name="orphan", title=("Link to nothing", "Ссылка в никуда", "Спасылка ў нікуды")):
    """The feature to which a value leads is there. Every layer with a link has this rule."""

    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Fresh(Rule, name="stale", title=("Source not loaded in time", "Источник устарел", "Крыніца састарэла")):
    """Each source was loaded when its schedule says. Every layer has this rule."""


@dataclass(frozen=True, kw_only=True)
class Filled(Rule, name="missing", title=("Missing value", "Нет значения", "Няма значэння")):
    """The columns have values."""

    columns: tuple[str, ...]
    severity: Severity = Severity.NOTE


@dataclass(frozen=True, kw_only=True)
class Plausible(
    Rule, name="implausible", title=("Implausible value", "Неправдоподобное значение", "Непраўдападобнае значэнне")
):
    """A value lies within what is usual: beyond it is probably a mistake."""

    column: str
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, kw_only=True)
class InOrder(
    Rule, name="wrong-order", title=("Ends before it begins", "Конец раньше начала", "Канец раней за пачатак")
):
    """What happens first is dated first."""

    before: str
    after: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class NotInFuture(Rule, name="in-the-future", title=("Time in the future", "Время в будущем", "Час у будучыні")):
    """What has happened doesn't lie in the future."""

    column: str
    severity: Severity = Severity.ERROR


@dataclass(frozen=True, kw_only=True)
class Connected(
    Rule, name="unconnected", title=("Piece apart from the network", "Оторванная часть сети", "Адарваная частка сеткі")
):
    """The lines hang together as one network; smaller pieces are found, one finding a piece."""

    apart_by: str | None = None
    """The column whose values are networks of their own."""


@dataclass(frozen=True, kw_only=True)
class Met(Rule, name="undershoot", title=("Nearly meets another line", "Не доходит до линии", "Не даходзіць да лініі")):
    """A line that ends just before another, or on it where that has no vertex, was meant to meet it."""

    tolerance_m: float
    apart_by: str | None = None


@dataclass(frozen=True, kw_only=True)
class NoDeadEnd(Rule, name="dangling", title=("Dead end", "Висячий конец", "Вісячы канец")):
    """Lines end where others begin."""

    apart_by: str | None = None
    severity: Severity = Severity.NOTE


@dataclass(frozen=True, kw_only=True)
class Disjoint(
    Rule, name="overlap", title=("Overlaps another polygon", "Перекрывает другой полигон", "Перакрывае іншы палігон")
):
    """Polygons don't overlap."""

    min_area_m2: float = 1.0
    apart_by: str | None = None
    """The column that separates those that may overlap, such as the level of a district."""


GENERAL: tuple[Rule, ...] = (Valid(), Inside(), Unique(), InRange(), Linked(), Fresh())
"""What is asked of every layer."""
