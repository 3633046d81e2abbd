"""What people report to the city."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import DateTime, UniqueConstraint
from sqlalchemy.orm import Mapped, declared_attr

from layers.description import CityFunction, Layer, Link, Shape, Style, column, text
from layers.models.base import Feature
from layers.models.shared import ADDRESS, CATEGORY, RESPONSIBLE, STATUS, dot, time_precision
from layers.rules import Filled, InOrder, NotInFuture


class Report(Feature):
    """A report of a fault, a danger or a wish; who made it stands apart, in the table of contacts."""

    __tablename__ = "reports"

    layer = Layer(
        title=text("People's reports", "Обращения жителей", "Звароты жыхароў"),
        summary=text(
            "Reports with category, status, dates, responsible organisation and rating",
            "Обращения: категория, статус, сроки, ответственная организация, оценка",
            "Звароты: катэгорыя, статус, тэрміны, адказная арганізацыя, ацэнка",
        ),
        function=CityFunction.FEEDBACK,
        shape=Shape.POINT,
        time="opened_at",
        from_people=True,
        min_zoom=9,
        style=Style(
            column="status",
            order=84,
            visible=False,
            opacity=0.85,
            icon="report",
            symbols=(
                dot(text("Other", "Прочие", "Іншыя"), (), "#8c8c94", width_px=7),
                dot(
                    text("Closed", "Закрыты", "Закрыты"),
                    ("closed", "done", "resolved", "fixed"),
                    "#5d9a72",
                    width_px=7,
                ),
                dot(text("Rejected", "Отклонены", "Адхілены"), ("rejected",), "#a1745e", width_px=7),
                dot(
                    text("In progress", "В работе", "У працы"),
                    ("in progress", "accepted", "planned"),
                    "#d79a1e",
                    width_px=8,
                ),
                dot(text("Open", "Открыты", "Адкрыты"), ("open", "new"), "#cf3b2e", width_px=8),
            ),
        ),
        rules=(
            InOrder(before="opened_at", after="closed_at"),
            NotInFuture(column="opened_at"),
            Filled(columns=("organisation",)),
        ),
    )

    category: Mapped[str] = column(CATEGORY)
    description: Mapped[str | None] = column(text("Description", "Описание", "Апісанне"))
    status: Mapped[str | None] = column(STATUS, index=True)
    opened_at: Mapped[datetime | None] = column(
        text("Opened", "Открыто", "Адкрыты"), type_=DateTime(timezone=True), index=True
    )
    due_at: Mapped[datetime | None] = column(text("Due", "Срок", "Тэрмін"), type_=DateTime(timezone=True))
    closed_at: Mapped[datetime | None] = column(text("Closed", "Закрыто", "Закрыты"), type_=DateTime(timezone=True))
    time_precision: Mapped[str | None] = time_precision()
    organisation: Mapped[str | None] = column(RESPONSIBLE, link=Link(layer="organisations"), index=True)
    rating: Mapped[float | None] = column(text("Rating", "Оценка", "Ацэнка"), minimum=0)
    photo: Mapped[str | None] = column(text("Photo", "Фото", "Фота"))
    address: Mapped[str | None] = column(ADDRESS)

    @declared_attr.directive
    @classmethod
    def __table_args__(cls) -> tuple[Any, ...]:
        return (*super().__table_args__, UniqueConstraint("id", "territory"))
