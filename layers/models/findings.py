"""What checks of quality have found, as a layer to look at."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, Shape, Style, Symbol, column, text
from layers.models.base import Feature


class Finding(Feature):
    """A place where a feature breaks a rule of its layer."""

    __tablename__ = "findings"

    layer = Layer(
        title=text("Findings of checks", "Замечания проверок", "Заўвагі праверак"),
        summary=text(
            "Where features break the rules of quality of their layers",
            "Где объекты нарушают правила качества своих слоёв",
            "Дзе аб'екты парушаюць правілы якасці сваіх слаёў",
        ),
        function=CityFunction.COMMON,
        shape=Shape.POINT,
        located=False,
        min_zoom=8,
        style=Style(
            column="severity",
            order=900,
            visible=False,
            symbols=(
                Symbol(
                    title=text("Note", "Примечание", "Нататка"),
                    values=("note",),
                    colour="#8a8a8a",
                    outline="#ffffff",
                    width_px=6,
                ),
                Symbol(
                    title=text("Warning", "Предупреждение", "Папярэджанне"),
                    values=("warning",),
                    colour="#e08a00",
                    outline="#ffffff",
                    width_px=8,
                ),
                Symbol(
                    title=text("Error", "Ошибка", "Памылка"),
                    values=("error",),
                    colour="#c4122f",
                    outline="#ffffff",
                    width_px=10,
                ),
            ),
        ),
    )

    layer_name: Mapped[str] = column(text("Layer", "Слой", "Слой"))
    rule: Mapped[str] = column(text("Rule", "Правило", "Правіла"))
    severity: Mapped[str] = column(text("Severity", "Серьёзность", "Сур'ёзнасць"), choices=("error", "warning", "note"))
    feature: Mapped[str | None] = column(text("Id of the feature", "Номер объекта", "Нумар аб'екта"))
    detail: Mapped[str | None] = column(text("Detail", "Подробность", "Падрабязнасць"))
