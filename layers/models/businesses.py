"""Shops, offices, crafts, restaurants, hotels and banks."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import count, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature

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
            label="name",
            label_min_zoom=17,
            symbols=(
                Symbol(
                    title=text("Other services", "Прочие услуги", "Іншыя паслугі"),
                    colour="#7d8597",
                    outline="#ffffff",
                    width_px=7,
                ),
                Symbol(
                    title=text("Shops", "Магазины", "Крамы"),
                    values=("shop",),
                    colour="#c8557c",
                    outline="#ffffff",
                    width_px=7,
                ),
                Symbol(
                    title=text("Food and drink", "Кафе и рестораны", "Кафэ і рэстараны"),
                    values=("food",),
                    colour="#e08e45",
                    outline="#ffffff",
                    width_px=7,
                ),
                Symbol(
                    title=text("Offices", "Офисы", "Офісы"),
                    values=("office",),
                    colour="#5b7db1",
                    outline="#ffffff",
                    width_px=7,
                ),
                Symbol(
                    title=text("Lodging", "Гостиницы", "Гасцініцы"),
                    values=("lodging",),
                    colour="#8b6fb0",
                    outline="#ffffff",
                    width_px=7,
                ),
                Symbol(
                    title=text("Banks", "Банки", "Банкі"),
                    values=("finance",),
                    colour="#4f9a8c",
                    outline="#ffffff",
                    width_px=7,
                ),
                Symbol(
                    title=text("Crafts", "Мастерские", "Майстэрні"),
                    values=("craft",),
                    colour="#a3865b",
                    outline="#ffffff",
                    width_px=7,
                ),
            ),
        ),
        osm=OsmRule(
            keys=("shop", "office", "craft", "amenity", "tourism"),
            accept=lambda tags: category(tags) is not None,
            elements=frozenset({"node", "area"}),
        ),
    )

    category: Mapped[str] = column(text("Branch", "Отрасль", "Галіна"), osm=category)
    kind: Mapped[str | None] = column(text("Kind", "Вид", "Від"), osm=_kind)
    name: Mapped[str | None] = column(text("Name", "Название", "Назва"), osm="name")
    brand: Mapped[str | None] = column(text("Brand", "Бренд", "Брэнд"), osm="brand")
    opening_hours: Mapped[str | None] = column(
        text("Opening hours", "Часы работы", "Гадзіны працы"), osm="opening_hours"
    )
    employees: Mapped[int | None] = column(
        text("Employees", "Число работников", "Колькасць работнікаў"), osm=tag("employees", count)
    )
