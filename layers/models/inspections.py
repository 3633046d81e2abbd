"""Inspections of what the city owns."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Link, Shape, Style, column, text
from layers.models.base import Feature
from layers.models.shared import CONDITION, REMARKS, UNKNOWN, dot, time_precision
from layers.rules import Filled, NotInFuture


class Inspection(Feature):
    """What was found when an asset was looked at; an asset has many of them in its life."""

    __tablename__ = "inspections"

    layer = Layer(
        title=text("Inspections", "Обследования", "Абследаванні"),
        summary=text(
            "When and how an asset was inspected, and its score, such as PCI or IRI",
            "Когда и как обследован объект и какая дана оценка, например PCI или IRI",
            "Калі і як абследаваны аб'ект і якая дадзена ацэнка, напрыклад PCI або IRI",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.POINT,
        located=False,
        time="inspected_at",
        min_zoom=12,
        style=Style(
            column="condition",
            order=88,
            visible=False,
            icon="inspection",
            symbols=(
                dot(UNKNOWN, (), "#8f8f8f"),
                dot(text("Good", "Хорошее", "Добры"), ("good", "very good", "excellent"), "#2b8a6e"),
                dot(text("Fair", "Удовлетворительное", "Здавальняючы"), ("fair", "satisfactory"), "#d8a31a"),
                dot(text("Poor", "Плохое", "Дрэнны"), ("poor", "very poor", "serious", "failed", "unsafe"), "#b3283a"),
            ),
        ),
        rules=(
            NotInFuture(column="inspected_at"),
            Filled(columns=("asset", "score")),
        ),
    )

    asset_layer: Mapped[str] = column(text("Layer of the asset", "Слой объекта", "Слой аб'екта"))
    asset: Mapped[str] = column(text("Asset", "Объект", "Аб'ект"), link=Link(layer_column="asset_layer"), index=True)
    inspected_at: Mapped[datetime | None] = column(
        text("Inspected", "Обследован", "Абследаваны"), type_=DateTime(timezone=True), index=True
    )
    time_precision: Mapped[str | None] = time_precision()
    method: Mapped[str | None] = column(text("Method", "Метод", "Метад"))
    score: Mapped[float | None] = column(text("Score", "Оценка", "Ацэнка"))
    score_type: Mapped[str | None] = column(text("Kind of score", "Шкала оценки", "Шкала ацэнкі"))
    condition: Mapped[str | None] = column(CONDITION)
    remarks: Mapped[str | None] = column(REMARKS)
    inspected_by: Mapped[str | None] = column(
        text("Inspecting organisation", "Кто обследовал", "Хто абследаваў"), link=Link(layer="organisations")
    )
    next_due_on: Mapped[date | None] = column(
        text("Next inspection due", "Следующее обследование", "Наступнае абследаванне")
    )
