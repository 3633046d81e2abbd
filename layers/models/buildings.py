"""Buildings."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped

from layers.conversions import count, metres, tag, year
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import (
    ADDRESS,
    CONDITION,
    HEIGHT,
    KIND,
    NAME,
    USE,
    WHEELCHAIR,
    WHEELCHAIR_ACCESS,
    YEAR_BUILT,
    address,
    wheelchair,
)
from layers.rules import Disjoint, Filled, Plausible

RESIDENTIAL = "residential"

_USES = {
    RESIDENTIAL: "residential apartments house detached semidetached_house terrace dormitory bungalow cabin farm "
    "static_caravan houseboat hut",
    "commercial": "commercial retail office supermarket kiosk hotel shop bank restaurant",
    "industrial": "industrial warehouse factory manufacture storage_tank silo hangar",
    "public": "public civic government school university college kindergarten hospital fire_station police "
    "train_station transportation stadium sports_hall sports_centre museum library townhall theatre",
    "religious": "church cathedral chapel mosque synagogue temple religious monastery shrine",
    "auxiliary": "garage garages carport shed roof service parking greenhouse transformer_tower toilets "
    "barn stable cowshed sty farm_auxiliary ruins construction container bunker",
}
_USE_OF = {value: use for use, values in _USES.items() for value in values.split()}


def _use(tags: Tags) -> str | None:
    return _USE_OF.get(tags["building"]) or ("public" if tags.get("amenity") in _USE_OF else None)


class Building(Feature):
    """A building or a part of one that stands for itself."""

    __tablename__ = "buildings"

    more_indexes = (
        Index(
            "ix_buildings_geom_far", "geom", postgresql_using="gist", postgresql_where=sql("ST_Area(geom_3857) > 1000")
        ),
    )

    layer = Layer(
        title=text("Buildings", "Здания", "Будынкі"),
        summary=text(
            "Buildings with use, levels, dwellings, residents, year, condition and heating",
            "Здания: назначение, этажность, квартиры, жители, год постройки, состояние, отопление",
            "Будынкі: прызначэнне, паверхі, кватэры, жыхары, год пабудовы, стан, ацяпленне",
        ),
        function=CityFunction.HOUSING,
        shape=Shape.POLYGON,
        min_zoom=12,
        style=Style(
            column="use",
            order=20,
            label="address",
            label_min_zoom=18,
            symbols=(
                Symbol(
                    title=text("Unknown use", "Назначение неизвестно", "Прызначэнне невядома"),
                    colour="#ddd6cc",
                    outline="#c0b6a8",
                ),
                Symbol(
                    title=text("Residential", "Жилые", "Жылыя"),
                    values=(RESIDENTIAL,),
                    colour="#e6cdb0",
                    outline="#c3a47e",
                ),
                Symbol(
                    title=text("Commercial", "Торговые и офисные", "Гандлёвыя і офісныя"),
                    values=("commercial",),
                    colour="#dcc3d4",
                    outline="#b596ab",
                ),
                Symbol(
                    title=text("Industrial", "Промышленные", "Прамысловыя"),
                    values=("industrial",),
                    colour="#c9c9d6",
                    outline="#a0a0b3",
                ),
                Symbol(
                    title=text("Public", "Общественные", "Грамадскія"),
                    values=("public",),
                    colour="#c3d3dd",
                    outline="#96adbb",
                ),
                Symbol(
                    title=text("Religious", "Культовые", "Культавыя"),
                    values=("religious",),
                    colour="#d2c8dc",
                    outline="#a99bb8",
                ),
                Symbol(
                    title=text("Auxiliary", "Вспомогательные", "Дапаможныя"),
                    values=("auxiliary",),
                    colour="#e3dfd8",
                    outline="#cbc5bb",
                ),
            ),
        ),
        osm=OsmRule(
            keys=("building",),
            accept=lambda tags: tags["building"] != "no",
            elements=frozenset({"area"}),
        ),
        rules=(
            Disjoint(),
            Filled(columns=("use",)),
            Plausible(column="levels", minimum=0.5, maximum=150),
            Plausible(column="year_built", minimum=800, maximum=2100),
        ),
    )

    use: Mapped[str | None] = column(USE, osm=_use)
    kind: Mapped[str | None] = column(KIND, osm="building")
    name: Mapped[str | None] = column(NAME, osm="name")
    address: Mapped[str | None] = column(ADDRESS, osm=address)
    levels: Mapped[float | None] = column(
        text("Levels", "Этажность", "Паверхі"), osm=tag("building:levels", metres), minimum=0
    )
    height_m: Mapped[float | None] = column(HEIGHT, unit="m", osm=tag("height", metres), minimum=0)
    dwellings: Mapped[int | None] = column(
        text("Dwellings", "Квартиры", "Кватэры"), osm=tag("building:flats", count), minimum=0
    )
    residents: Mapped[int | None] = column(text("Residents", "Жители", "Жыхары"), minimum=0)
    floor_area_m2: Mapped[float | None] = column(
        text("Floor area", "Площадь помещений", "Плошча памяшканняў"), unit="m²", minimum=0
    )
    year_built: Mapped[int | None] = column(YEAR_BUILT, osm=tag("start_date", year))
    year_renovated: Mapped[int | None] = column(
        text("Year renovated", "Год капитального ремонта", "Год капітальнага рамонту")
    )
    condition: Mapped[str | None] = column(CONDITION, osm="building:condition")
    material: Mapped[str | None] = column(text("Walls", "Материал стен", "Матэрыял сцен"), osm="building:material")
    heating: Mapped[str | None] = column(text("Heating", "Отопление", "Ацяпленне"), osm="heating")
    energy_class: Mapped[str | None] = column(
        text("Energy class", "Класс энергоэффективности", "Клас энергаэфектыўнасці")
    )
    wheelchair: Mapped[str | None] = column(WHEELCHAIR, osm=wheelchair, choices=WHEELCHAIR_ACCESS)
