"""Accidents, crimes, fires and other incidents."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Shape, Style, Symbol, column, text
from layers.models.base import Feature
from layers.models.shared import ADDRESS, CATEGORY, KIND, UNKNOWN, time_precision
from layers.rules import Filled, NotInFuture


class Incident(Feature):
    """Something that happened at a place and a time and did harm."""

    __tablename__ = "incidents"

    layer = Layer(
        title=text("Incidents", "Происшествия", "Здарэнні"),
        summary=text(
            "Road accidents, crimes, fires and rescues with time, severity and casualties",
            "Дорожные аварии, преступления, пожары и спасательные работы: время, тяжесть, пострадавшие",
            "Дарожныя аварыі, злачынствы, пажары і выратавальныя работы: час, цяжкасць, пацярпелыя",
        ),
        function=CityFunction.SAFETY,
        shape=Shape.POINT,
        time="occurred_at",
        min_zoom=10,
        style=Style(
            column="severity",
            order=80,
            visible=False,
            opacity=0.85,
            icon="incident",
            symbols=(
                Symbol(title=UNKNOWN, colour="#9a9a9a", width_px=6),
                Symbol(
                    title=text("Damage only", "Материальный ущерб", "Матэрыяльны ўрон"),
                    values=("damage",),
                    colour="#e3b34c",
                    width_px=6,
                ),
                Symbol(
                    title=text("Injury", "Пострадавшие", "Пацярпелыя"), values=("injury",), colour="#dd6b3d", width_px=8
                ),
                Symbol(title=text("Fatal", "Погибшие", "Загінулыя"), values=("fatal",), colour="#8b1a2b", width_px=11),
            ),
        ),
        rules=(
            NotInFuture(column="occurred_at"),
            Filled(columns=("severity", "occurred_at")),
        ),
    )

    kind: Mapped[str | None] = column(
        KIND, choices=("accident", "crime", "fire", "rescue", "outage", "other"), index=True
    )
    category: Mapped[str] = column(CATEGORY)
    severity: Mapped[str | None] = column(text("Severity", "Тяжесть", "Цяжкасць"))
    occurred_at: Mapped[datetime | None] = column(
        text("Time", "Время", "Час"), type_=DateTime(timezone=True), index=True
    )
    time_precision: Mapped[str | None] = time_precision()
    casualties: Mapped[int | None] = column(text("Casualties", "Число пострадавших", "Колькасць пацярпелых"), minimum=0)
    deaths: Mapped[int | None] = column(text("Deaths", "Число погибших", "Колькасць загінулых"), minimum=0)
    response_min: Mapped[float | None] = column(
        text("Time until help came", "Время прибытия помощи", "Час прыбыцця дапамогі"), unit="min", minimum=0
    )
    address: Mapped[str | None] = column(ADDRESS)
