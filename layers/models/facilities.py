"""Social services."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import count, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Tags, column, first_tag, text
from layers.models.base import Feature
from layers.models.shared import (
    ADDRESS,
    KIND,
    NAME,
    PHONE,
    WEBSITE,
    WHEELCHAIR,
    WHEELCHAIR_ACCESS,
    address,
    dot,
    wheelchair,
)
from layers.rules import Filled

_EDUCATION = ("kindergarten", "childcare", "school", "college", "university", "music_school", "language_school")
_HEALTH = ("hospital", "clinic", "doctors", "dentist", "pharmacy")
_SOCIAL = ("social_facility", "social_centre", "nursing_home", "community_centre", "shelter_home")
_CULTURE = ("library", "theatre", "arts_centre", "museum")
_SPORT = ("sports_centre", "sports_hall", "stadium", "swimming_pool")
_PUBLIC = ("townhall", "post_office", "courthouse", "public_building")

_AMENITIES = frozenset(_EDUCATION + _HEALTH + _SOCIAL + _CULTURE + _PUBLIC)
_LEISURE = frozenset(("sports_centre", "sports_hall", "stadium"))
_TOURISM = frozenset(("museum",))
_HEALTHCARE = {
    "doctor": "doctors",
    "centre": "clinic",
    "hospital": "hospital",
    "clinic": "clinic",
    "pharmacy": "pharmacy",
}


def kind(tags: Tags) -> str | None:
    """Return the kind of service by an element's tags, or ``None`` where it is none."""
    for key, values in (
        ("amenity", _AMENITIES),
        ("leisure", _LEISURE),
        ("tourism", _TOURISM),
    ):
        if tags.get(key) in values:
            return tags[key]
    return _HEALTHCARE.get(tags.get("healthcare", ""))


def _capacity(tags: Tags) -> int | None:
    beds = tags.get("beds") or tags.get("capacity:beds")
    return tag("capacity", count)(tags) or (count(beds) if beds else None)


class Facility(Feature):
    """A place where the city serves people: a school, a clinic, a library."""

    __tablename__ = "facilities"

    layer = Layer(
        title=text("Social facilities", "Социальные учреждения", "Сацыяльныя ўстановы"),
        summary=text(
            "Schools, kindergartens, clinics, hospitals, pharmacies, social care, libraries and sport",
            "Школы, детские сады, поликлиники, больницы, аптеки, социальная помощь, библиотеки и спорт",
            "Школы, дзіцячыя сады, паліклінікі, бальніцы, аптэкі, сацыяльная дапамога, бібліятэкі і спорт",
        ),
        function=CityFunction.SOCIAL,
        shape=Shape.POINT,
        min_zoom=11,
        style=Style(
            column="kind",
            order=90,
            label="name",
            label_min_zoom=16,
            symbols=(
                dot(
                    text("Public offices", "Государственные услуги", "Дзяржаўныя паслугі"),
                    (),
                    "#6c757d",
                    icon="public",
                    width_px=10,
                ),
                dot(text("Education", "Образование", "Адукацыя"), _EDUCATION, "#3a7d44", icon="education", width_px=10),
                dot(text("Health", "Здравоохранение", "Ахова здароўя"), _HEALTH, "#c9314a", icon="health", width_px=10),
                dot(
                    text("Social care", "Социальная помощь", "Сацыяльная дапамога"),
                    _SOCIAL,
                    "#b86f1b",
                    icon="care",
                    width_px=10,
                ),
                dot(text("Culture", "Культура", "Культура"), _CULTURE, "#7950a8", icon="culture", width_px=10),
                dot(text("Sport", "Спорт", "Спорт"), _SPORT, "#1f8a9e", icon="sport", width_px=10),
            ),
        ),
        osm=OsmRule(
            keys=("amenity", "healthcare", "leisure", "tourism"),
            accept=lambda tags: kind(tags) is not None,
            elements=frozenset({"node", "area"}),
        ),
        rules=(Filled(columns=("name", "capacity")),),
    )

    kind: Mapped[str] = column(KIND, osm=kind)
    name: Mapped[str | None] = column(NAME, osm="name")
    capacity: Mapped[int | None] = column(text("Capacity", "Вместимость", "Умяшчальнасць"), osm=_capacity, minimum=0)
    enrolled: Mapped[int | None] = column(
        text("People served now", "Обслуживает сейчас", "Абслугоўвае цяпер"), minimum=0
    )
    operator: Mapped[str | None] = column(text("Operator", "Оператор", "Аператар"), osm="operator")
    opening_hours: Mapped[str | None] = column(
        text("Opening hours", "Часы работы", "Гадзіны працы"), osm="opening_hours"
    )
    phone: Mapped[str | None] = column(PHONE, osm=first_tag("phone", "contact:phone"))
    website: Mapped[str | None] = column(WEBSITE, osm=first_tag("website", "contact:website"))
    address: Mapped[str | None] = column(ADDRESS, osm=address)
    wheelchair: Mapped[str | None] = column(WHEELCHAIR, osm=wheelchair, choices=WHEELCHAIR_ACCESS)
