"""Interruptions of supply, planned and not."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import DateTime
from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Link, Shape, Style, Symbol, column, text
from layers.models.base import Feature
from layers.models.shared import CUSTOMERS, NETWORK, REMARKS, RESPONSIBLE, STATUS, time_precision
from layers.models.utilities import NETWORK_SYMBOLS
from layers.rules import InOrder


class Outage(Feature):
    """A time during which a place had, or will have, no water, heat, gas, power or connection."""

    __tablename__ = "outages"

    layer = Layer(
        title=text("Outages", "Отключения", "Адключэнні"),
        summary=text(
            "Planned and unplanned interruptions of supply: network, time, cause, customers",
            "Плановые и аварийные отключения: сеть, время, причина, число потребителей",
            "Планавыя і аварыйныя адключэнні: сетка, час, прычына, колькасць спажыўцоў",
        ),
        function=CityFunction.HOUSING,
        shape=Shape.MIXED,
        time="starts_at",
        min_zoom=10,
        style=Style(
            column="network",
            order=44,
            opacity=0.5,
            visible=False,
            symbols=tuple(
                Symbol(title=each.title, values=each.values, colour=each.colour, outline="#3a3a3a", width_px=8)
                for each in NETWORK_SYMBOLS
            ),
        ),
        rules=(InOrder(before="starts_at", after="ends_at"),),
    )

    network: Mapped[str | None] = column(NETWORK)
    planned: Mapped[bool | None] = column(text("Planned", "Плановое", "Планавае"))
    starts_at: Mapped[datetime | None] = column(
        text("From", "Начало", "Пачатак"), type_=DateTime(timezone=True), index=True
    )
    ends_at: Mapped[datetime | None] = column(text("To", "Окончание", "Заканчэнне"), type_=DateTime(timezone=True))
    time_precision: Mapped[str | None] = time_precision()
    cause: Mapped[str | None] = column(text("Cause", "Причина", "Прычына"))
    customers: Mapped[int | None] = column(CUSTOMERS, minimum=0)
    status: Mapped[str | None] = column(STATUS)
    asset: Mapped[str | None] = column(
        text("Line at fault", "Повреждённая линия", "Пашкоджаная лінія"), link=Link(layer="utilities")
    )
    organisation: Mapped[str | None] = column(RESPONSIBLE, link=Link(layer="organisations"))
    remarks: Mapped[str | None] = column(REMARKS)
