"""The people who live in the cells of a grid or in districts."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Shape, Style, Symbol, column, text
from layers.models.base import Feature
from layers.models.shared import CODE, NAME, YEAR
from layers.rules import Disjoint

_DENSITY_KM2 = "total / NULLIF(st_area(geom::geography), 0::double precision) * 1000000::double precision"

_CLASSES = (
    (20, "#e2d3ea"),
    (100, "#cfb2dc"),
    (500, "#b78ac9"),
    (2000, "#9a62b3"),
    (5000, "#7a3c97"),
    (15000, "#551d70"),
)


def _class(at_least: int, colour: str) -> Symbol:
    number = f"{at_least:,}".replace(",", " ")
    title = text(f"{number} a km² and more", f"от {number} на км²", f"ад {number} на км²")
    return Symbol(title=title, at_least=at_least, colour=colour, outline="#ffffff")


class PopulationCell(Feature):
    """A cell of a grid or a district with the number of its people by age."""

    __tablename__ = "population"

    layer = Layer(
        title=text("Population", "Население", "Насельніцтва"),
        summary=text(
            "People by age group and households, in cells of a grid or districts",
            "Жители по возрастным группам и домохозяйства, по ячейкам сетки или районам",
            "Жыхары паводле ўзроставых груп і хатнія гаспадаркі, па ячэйках сеткі або раёнах",
        ),
        function=CityFunction.SOCIAL,
        shape=Shape.POLYGON,
        min_zoom=6,
        style=Style(
            order=16,
            opacity=0.55,
            visible=False,
            column="density_km2",
            symbols=(
                Symbol(title=text("Fewer or unknown", "Меньше или неизвестно", "Менш або невядома"), colour="#f1ecf4"),
                *(_class(at_least, colour) for at_least, colour in _CLASSES),
            ),
        ),
        rules=(Disjoint(apart_by="year"),),
    )

    name: Mapped[str | None] = column(NAME)
    code: Mapped[str | None] = column(CODE)
    total: Mapped[float | None] = column(text("People", "Жителей", "Жыхароў"), minimum=0)
    pop_0_6: Mapped[float | None] = column(text("Aged 0–6", "0–6 лет", "0–6 гадоў"), minimum=0)
    pop_7_17: Mapped[float | None] = column(text("Aged 7–17", "7–17 лет", "7–17 гадоў"), minimum=0)
    pop_18_64: Mapped[float | None] = column(text("Aged 18–64", "18–64 года", "18–64 гады"), minimum=0)
    pop_65_plus: Mapped[float | None] = column(
        text("Aged 65 and over", "65 лет и старше", "65 гадоў і старэйшыя"), minimum=0
    )
    households: Mapped[float | None] = column(text("Households", "Домохозяйства", "Хатнія гаспадаркі"), minimum=0)
    year: Mapped[int | None] = column(YEAR)
    density_km2: Mapped[float | None] = column(
        text("Density", "Плотность", "Шчыльнасць"), computed=_DENSITY_KM2, unit="people/km²"
    )
