"""What the columns of many layers share: their titles, and how addresses and states are read."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import MappedColumn

from geo.language import Text
from layers.description import Symbol, Tags, column, text

ADDRESS = text("Address", "Адрес", "Адрас")
AREA = text("Area", "Площадь", "Плошча")
CATEGORY = text("Category", "Категория", "Катэгорыя")
CODE = text("Code", "Код", "Код")
CONDITION = text("Condition", "Состояние", "Стан")
CUSTOMERS = text("Customers affected", "Затронуто потребителей", "Закранута спажыўцоў")
DIAMETER = text("Diameter", "Диаметр", "Дыяметр")
ELEVATION = text("Elevation", "Высота над уровнем моря", "Вышыня над узроўнем мора")
HEIGHT = text("Height", "Высота", "Вышыня")
KIND = text("Kind", "Вид", "Від")
LENGTH = text("Length", "Длина", "Даўжыня")
MATERIAL = text("Material", "Материал", "Матэрыял")
MODES = text("Modes of transport", "Виды транспорта", "Віды транспарту")
NAME = text("Name", "Название", "Назва")
NETWORK = text("Network", "Сеть", "Сетка")
OPERATOR = text("Operator", "Эксплуатирует", "Эксплуатуе")
PHONE = text("Phone", "Телефон", "Тэлефон")
POPULATION = text("Population", "Население", "Насельніцтва")
REF = text("Number", "Номер", "Нумар")
REMARKS = text("Remarks", "Примечания", "Заўвагі")
RESPONSIBLE = text("Responsible organisation", "Ответственная организация", "Адказная арганізацыя")
STATE = text("Open or closed", "Открыто или закрыто", "Адкрыта або закрыта")
STATUS = text("Status", "Состояние", "Стан")
USE = text("Use", "Назначение", "Прызначэнне")
WEBSITE = text("Website", "Сайт", "Сайт")
WHEELCHAIR = text("Wheelchair access", "Доступность на коляске", "Даступнасць на вазку")
WIDTH = text("Width", "Ширина", "Шырыня")
YEAR = text("Year", "Год", "Год")
YEAR_BUILT = text("Year built", "Год постройки", "Год пабудовы")
YEAR_INSTALLED = text("Year installed", "Год установки", "Год усталявання")
UNKNOWN = text("Unknown", "Неизвестно", "Невядома")
OTHER = text("Other", "Прочие", "Іншыя")

OPEN_OR_CLOSED = ("open", "closed")
WHEELCHAIR_ACCESS = ("yes", "limited", "no")
PRECISIONS = ("year", "month", "day", "hour", "minute", "second")

_IN_USE = "in use"
_LIFE_CYCLES = ("construction", "proposed", "disused", "abandoned")


def time_precision() -> MappedColumn[Any]:
    """Declare the column that tells how exactly the layer's time is known: a year is a year."""
    return column(text("Precision of the time", "Точность времени", "Дакладнасць часу"), choices=PRECISIONS)


def life_cycle(tags: Tags) -> str:
    """Return the life cycle: ``in use``, ``construction``, ``proposed``, ``disused`` or ``abandoned``."""
    return next((each for each in _LIFE_CYCLES if tags.get(each) == "yes"), _IN_USE)


def wheelchair(tags: Tags) -> str | None:
    """Return whether a place can be reached in a wheelchair: ``yes``, ``limited`` or ``no``."""
    stated = tags.get("wheelchair")
    return "yes" if stated == "designated" else stated if stated in WHEELCHAIR_ACCESS else None


def address(tags: Tags) -> str | None:
    """Return street and number, as far as they are known."""
    parts = [tags[key] for key in ("addr:street", "addr:housenumber") if key in tags]
    return " ".join(parts) or None


def dot(title: Text, values: tuple[str, ...], colour: str, *, width_px: float = 8, **options: Any) -> Symbol:
    """Describe a class of points, drawn as a disc with a white edge; without values it is all the rest."""
    return Symbol(title=title, values=values, colour=colour, outline="#ffffff", width_px=width_px, **options)
