"""Parcels of land."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Shape, Style, Symbol, column, text
from layers.models.base import Feature
from layers.models.shared import ADDRESS, AREA, OTHER, USE
from layers.rules import Disjoint, Filled


class LandParcel(Feature):
    """A parcel of the land register."""

    __tablename__ = "land_parcels"

    layer = Layer(
        title=text("Land parcels", "Земельные участки", "Зямельныя ўчасткі"),
        summary=text(
            "Parcels with use, area, kind of owner and vacancy",
            "Участки: назначение, площадь, вид собственника, свободны ли",
            "Участкі: прызначэнне, плошча, від уласніка, ці вольныя",
        ),
        function=CityFunction.BUSINESS,
        shape=Shape.POLYGON,
        min_zoom=13,
        style=Style(
            column="use",
            order=14,
            label="cadastral_id",
            label_min_zoom=18,
            opacity=0.45,
            visible=False,
            symbols=(
                Symbol(title=OTHER, colour="#dcd7c9", outline="#8f8873"),
                Symbol(
                    title=text("Agricultural", "Сельское хозяйство", "Сельская гаспадарка"),
                    values=("agricultural", "farmland"),
                    colour="#d5d98b",
                    outline="#8f8873",
                ),
                Symbol(
                    title=text("Green and recreation", "Озеленение и отдых", "Азеляненне і адпачынак"),
                    values=("recreation", "green", "forest"),
                    colour="#9fcb8e",
                    outline="#8f8873",
                ),
                Symbol(
                    title=text("Transport and utilities", "Транспорт и сети", "Транспарт і сеткі"),
                    values=("transport", "utilities"),
                    colour="#b9bcc4",
                    outline="#8f8873",
                ),
                Symbol(
                    title=text("Public", "Общественные", "Грамадскія"),
                    values=("public",),
                    colour="#93b7d6",
                    outline="#8f8873",
                ),
                Symbol(
                    title=text("Industrial", "Промышленные", "Прамысловыя"),
                    values=("industrial",),
                    colour="#b7a4cf",
                    outline="#8f8873",
                ),
                Symbol(
                    title=text("Commercial", "Торговые и офисные", "Гандлёвыя і офісныя"),
                    values=("commercial",),
                    colour="#e0a3bd",
                    outline="#8f8873",
                ),
                Symbol(
                    title=text("Residential", "Жилые", "Жылыя"),
                    values=("residential",),
                    colour="#efc48f",
                    outline="#8f8873",
                ),
            ),
        ),
        rules=(
            Disjoint(),
            Filled(columns=("use",)),
        ),
    )

    cadastral_id: Mapped[str | None] = column(
        text("Cadastral number", "Кадастровый номер", "Кадастравы нумар"), index=True
    )
    use: Mapped[str | None] = column(USE)
    zoning: Mapped[str | None] = column(text("Zoning", "Территориальная зона", "Тэрытарыяльная зона"))
    area_m2: Mapped[float | None] = column(AREA, unit="m²", minimum=0)
    vacant: Mapped[bool | None] = column(text("Vacant", "Свободен", "Вольны"))
    owner_kind: Mapped[str | None] = column(text("Kind of owner", "Вид собственника", "Від уласніка"))
    value: Mapped[float | None] = column(text("Assessed value", "Кадастровая стоимость", "Кадастравы кошт"), minimum=0)
    currency: Mapped[str | None] = column(text("Currency", "Валюта", "Валюта"))
    address: Mapped[str | None] = column(ADDRESS)
