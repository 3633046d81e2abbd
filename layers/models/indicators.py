"""Figures about districts, towns and other features, by time."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Link, Shape, Style, column, text
from layers.models.base import Feature
from layers.models.shared import dot, time_precision


class Indicator(Feature):
    """One value of one measure for one subject at one time, such as the population of a town in 2009."""

    __tablename__ = "indicators"

    layer = Layer(
        title=text("Indicators", "Показатели", "Паказчыкі"),
        summary=text(
            "Statistics of districts, towns and other features by year: population, wages and the like",
            "Статистика районов, городов и других объектов по годам: население, зарплаты и другое",
            "Статыстыка раёнаў, гарадоў і іншых аб'ектаў па гадах: насельніцтва, заробкі і іншае",
        ),
        function=CityFunction.COMMON,
        shape=Shape.POINT,
        located=False,
        time="observed_at",
        min_zoom=10,
        style=Style(
            order=97,
            visible=False,
            symbols=(dot(text("Place of a value", "Место показателя", "Месца паказчыка"), (), "#5b5f97", width_px=7),),
        ),
    )

    subject_layer: Mapped[str] = column(text("Layer of the subject", "Слой объекта", "Слой аб'екта"))
    subject: Mapped[str] = column(
        text("Subject", "Объект", "Аб'ект"), link=Link(layer_column="subject_layer"), index=True
    )
    measure: Mapped[str] = column(text("Measure", "Показатель", "Паказчык"), index=True)
    observed_at: Mapped[datetime | None] = column(
        text("Time", "Время", "Час"), type_=DateTime(timezone=True), index=True
    )
    time_precision: Mapped[str | None] = time_precision()
    value: Mapped[float | None] = column(text("Value", "Значение", "Значэнне"))
    unit: Mapped[str | None] = column(text("Unit", "Единица", "Адзінка"))
    status: Mapped[str | None] = column(text("Status of the value", "Статус значения", "Статус значэння"))
