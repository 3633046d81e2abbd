"""Rivers, streams and canals as lines."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import metres, present, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, column, text
from layers.models.base import Feature
from layers.models.shared import KIND, NAME, OTHER, WIDTH
from layers.rules import Met

_RIVERS = ("river", "canal")
_SMALL = ("stream", "drain", "ditch")
_KINDS = frozenset(_RIVERS + _SMALL)


class Waterway(Feature):
    """The course of running water."""

    __tablename__ = "waterways"

    layer = Layer(
        title=text("Rivers and streams", "Реки и ручьи", "Рэкі і ручаі"),
        summary=text(
            "Courses of rivers, streams, canals and ditches",
            "Русла рек, ручьёв, каналов и канав",
            "Рэчышчы рэк, ручаёў, каналаў і канаў",
        ),
        function=CityFunction.COMMON,
        shape=Shape.LINE,
        min_zoom=7,
        style=Style(
            column="kind",
            order=8,
            label="name",
            label_min_zoom=13,
            symbols=(
                Symbol(title=OTHER, colour="#a9cfe4", width_px=1.5, min_zoom=14),
                Symbol(
                    title=text("Streams and ditches", "Ручьи и канавы", "Ручаі і канавы"),
                    values=_SMALL,
                    colour="#a9cfe4",
                    width_px=2,
                    min_zoom=12,
                ),
                Symbol(
                    title=text("Rivers and canals", "Реки и каналы", "Рэкі і каналы"),
                    values=_RIVERS,
                    colour="#98c3dc",
                    width_px=5,
                ),
            ),
        ),
        osm=OsmRule(keys=("waterway",), accept=lambda tags: tags["waterway"] in _KINDS, elements=frozenset({"way"})),
        rules=(Met(tolerance_m=1),),
    )

    kind: Mapped[str] = column(KIND, osm="waterway")
    name: Mapped[str | None] = column(NAME, osm="name")
    width_m: Mapped[float | None] = column(WIDTH, unit="m", osm=tag("width", metres), minimum=0)
    intermittent: Mapped[bool | None] = column(
        text("Dries up at times", "Пересыхает", "Перасыхае"), osm=tag("intermittent", present)
    )
    tunnel: Mapped[bool] = column(
        text("In a pipe or tunnel", "В трубе", "У трубе"),
        osm=lambda tags: present(tags.get("tunnel", "no")),
        server_default="false",
    )
