"""Planned and running works."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Link, Shape, Style, Symbol, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, NAME, REMARKS, RESPONSIBLE, STATUS, UNKNOWN, WEBSITE
from layers.rules import InOrder


class Project(Feature):
    """Works that are planned, under way or done: a point, a stretch of street or a site."""

    __tablename__ = "projects"

    layer = Layer(
        title=text("Works", "Работы и проекты", "Работы і праекты"),
        summary=text(
            "Planned and running works with dates, cost and status",
            "Запланированные и идущие работы: сроки, стоимость, статус",
            "Запланаваныя і бягучыя работы: тэрміны, кошт, статус",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.MIXED,
        min_zoom=10,
        style=Style(
            column="status",
            order=46,
            label="name",
            label_min_zoom=15,
            opacity=0.55,
            visible=False,
            symbols=(
                Symbol(title=UNKNOWN, colour="#a39a8c", outline="#6f685d", width_px=7),
                Symbol(
                    title=text("Done", "Завершены", "Завершаны"),
                    values=("done", "completed"),
                    colour="#7fa88b",
                    outline="#4d7459",
                    width_px=7,
                ),
                Symbol(
                    title=text("Stopped", "Остановлены", "Спынены"),
                    values=("suspended", "cancelled"),
                    colour="#b08a8a",
                    outline="#7d5454",
                    width_px=7,
                ),
                Symbol(
                    title=text("Planned", "Запланированы", "Запланаваны"),
                    values=("planned", "approved", "tendered"),
                    colour="#7da3c9",
                    outline="#3f6a96",
                    width_px=7,
                ),
                Symbol(
                    title=text("Under way", "Идут", "Ідуць"),
                    values=("running", "in progress"),
                    colour="#ee9b3f",
                    outline="#a8600c",
                    width_px=7,
                ),
            ),
        ),
        rules=(InOrder(before="starts_on", after="ends_on"),),
    )

    name: Mapped[str | None] = column(NAME)
    kind: Mapped[str | None] = column(KIND)
    status: Mapped[str | None] = column(STATUS)
    starts_on: Mapped[date | None] = column(text("Begins", "Начало", "Пачатак"))
    ends_on: Mapped[date | None] = column(text("Ends", "Окончание", "Заканчэнне"))
    cost: Mapped[float | None] = column(text("Cost", "Стоимость", "Кошт"), minimum=0)
    currency: Mapped[str | None] = column(text("Currency", "Валюта", "Валюта"))
    progress_percent: Mapped[float | None] = column(
        text("Progress", "Готовность", "Гатоўнасць"), unit="%", minimum=0, maximum=100
    )
    contractor: Mapped[str | None] = column(text("Contractor", "Подрядчик", "Падрадчык"))
    organisation: Mapped[str | None] = column(RESPONSIBLE, link=Link(layer="organisations"), index=True)
    closes_traffic: Mapped[bool | None] = column(text("Closed to traffic", "Движение закрыто", "Рух закрыты"))
    remarks: Mapped[str | None] = column(REMARKS)
    website: Mapped[str | None] = column(WEBSITE)
