"""Shops, offices, crafts, restaurants, hotels and banks."""

from __future__ import annotations

from datetime import date

from sqlalchemy.orm import Mapped

from layers.conversions import count, day, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, first_tag, text
from layers.models.base import Feature
from layers.models.shared import ADDRESS, KIND, NAME, WEBSITE, WHEELCHAIR, WHEELCHAIR_ACCESS, address, dot, wheelchair
from layers.rules import Filled, InOrder

_FOOD = frozenset(
    ["restaurant", "cafe", "bar", "pub", "fast_food", "food_court", "ice_cream", "biergarten", "nightclub"]
)
_FINANCE = frozenset(["bank", "bureau_de_change", "money_transfer", "payment_centre"])
_SERVICES = frozenset(
    [
        "fuel",
        "car_wash",
        "car_rental",
        "charging_station",
        "marketplace",
        "driving_school",
        "coworking_space",
        "veterinary",
        "cinema",
        "casino",
        "conference_centre",
        "events_venue",
        "studio",
    ]
)
_LODGING = frozenset(
    ["hotel", "hostel", "guest_house", "motel", "apartment", "chalet", "camp_site", "caravan_site", "alpine_hut"]
)
_ABSENT = ("no", "vacant")


def category(tags: Tags) -> str | None:
    """Return the branch of a business by its tags, or ``None`` where it is none."""
    amenity = tags.get("amenity")
    rules = (
        ("food", amenity in _FOOD),
        ("finance", amenity in _FINANCE),
        ("service", amenity in _SERVICES),
        ("lodging", tags.get("tourism") in _LODGING),
        ("shop", tags.get("shop", "no") not in _ABSENT),
        ("craft", tags.get("craft", "no") not in _ABSENT),
        ("office", tags.get("office", "no") not in _ABSENT),
    )
    return next((name for name, holds in rules if holds), None)


def _kind(tags: Tags) -> str | None:
    keys = {"food": "amenity", "finance": "amenity", "service": "amenity", "lodging": "tourism"}
    branch = category(tags) or ""
    return tags.get(keys.get(branch, branch))


class Business(Feature):
    """A place where a business meets its customers or employs people."""

    __tablename__ = "businesses"

    layer = Layer(
        title=text("Businesses", "Предприятия и услуги", "Прадпрыемствы і паслугі"),
        summary=text(
            "Shops, offices, crafts, restaurants, hotels and banks",
            "Магазины, офисы, мастерские, рестораны, гостиницы и банки",
            "Крамы, офісы, майстэрні, рэстараны, гасцініцы і банкі",
        ),
        function=CityFunction.BUSINESS,
        shape=Shape.POINT,
        min_zoom=13,
        style=Style(
            column="category",
            order=70,
            visible=False,
            label="name",
            label_min_zoom=17,
            symbols=(
                dot(
                    text("Other services", "Прочие услуги", "Іншыя паслугі"), (), "#7d8597", icon="service", width_px=7
                ),
                dot(text("Shops", "Магазины", "Крамы"), ("shop",), "#c8557c", icon="shop", width_px=7),
                dot(
                    text("Food and drink", "Кафе и рестораны", "Кафэ і рэстараны"),
                    ("food",),
                    "#e08e45",
                    icon="food",
                    width_px=7,
                ),
                dot(text("Offices", "Офисы", "Офісы"), ("office",), "#5b7db1", icon="office", width_px=7),
                dot(text("Lodging", "Гостиницы", "Гасцініцы"), ("lodging",), "#8b6fb0", icon="lodging", width_px=7),
                dot(text("Banks", "Банки", "Банкі"), ("finance",), "#4f9a8c", icon="bank", width_px=7),
                dot(text("Crafts", "Мастерские", "Майстэрні"), ("craft",), "#a3865b", icon="craft", width_px=7),
            ),
        ),
        osm=OsmRule(
            keys=("shop", "office", "craft", "amenity", "tourism"),
            accept=lambda tags: category(tags) is not None,
            elements=frozenset({"node", "area"}),
        ),
        rules=(
            InOrder(before="opened_on", after="closed_on"),
            Filled(columns=("name",)),
        ),
    )

    category: Mapped[str] = column(text("Branch", "Отрасль", "Галіна"), osm=category)
    kind: Mapped[str | None] = column(KIND, osm=_kind)
    name: Mapped[str | None] = column(NAME, osm="name")
    brand: Mapped[str | None] = column(text("Brand", "Бренд", "Брэнд"), osm="brand")
    opening_hours: Mapped[str | None] = column(
        text("Opening hours", "Часы работы", "Гадзіны працы"), osm="opening_hours"
    )
    employees: Mapped[int | None] = column(
        text("Employees", "Число работников", "Колькасць работнікаў"), osm=tag("employees", count), minimum=0
    )
    nace: Mapped[str | None] = column(
        text("Activity code (NACE)", "Код деятельности (NACE)", "Код дзейнасці (NACE)"), index=True
    )
    opened_on: Mapped[date | None] = column(
        text("Opened", "Дата открытия", "Дата адкрыцця"), osm=tag("start_date", day)
    )
    closed_on: Mapped[date | None] = column(text("Closed", "Дата закрытия", "Дата закрыцця"))
    floor_area_m2: Mapped[float | None] = column(
        text("Floor area", "Площадь помещений", "Плошча памяшканняў"), unit="m²", minimum=0
    )
    address: Mapped[str | None] = column(ADDRESS, osm=address)
    website: Mapped[str | None] = column(WEBSITE, osm=first_tag("website", "contact:website"))
    wheelchair: Mapped[str | None] = column(WHEELCHAIR, osm=wheelchair, choices=WHEELCHAIR_ACCESS)
