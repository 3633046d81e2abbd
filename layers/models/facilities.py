"""Social and emergency services."""

from __future__ import annotations

from sqlalchemy.orm import Mapped

from layers.conversions import count, tag
from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature

_EDUCATION = ("kindergarten", "childcare", "school", "college", "university", "music_school", "language_school")
_HEALTH = ("hospital", "clinic", "doctors", "dentist", "pharmacy")
_EMERGENCY = ("fire_station", "police", "ambulance_station")
_SOCIAL = ("social_facility", "social_centre", "nursing_home", "community_centre", "shelter_home")
_CULTURE = ("library", "theatre", "arts_centre", "museum")
_SPORT = ("sports_centre", "sports_hall", "stadium", "swimming_pool")
_PUBLIC = ("townhall", "post_office", "courthouse", "public_building")

_AMENITIES = frozenset(_EDUCATION + _HEALTH + _EMERGENCY + _SOCIAL + _CULTURE + _PUBLIC)
_LEISURE = frozenset(("sports_centre", "sports_hall", "stadium"))
_TOURISM = frozenset(("museum",))
_EMERGENCY_VALUES = frozenset(("ambulance_station",))
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
        ("emergency", _EMERGENCY_VALUES),
        ("leisure", _LEISURE),
        ("tourism", _TOURISM),
    ):
        if tags.get(key) in values:
            return tags[key]
    return _HEALTHCARE.get(tags.get("healthcare", ""))


def _capacity(tags: Tags) -> int | None:
    beds = tags.get("beds") or tags.get("capacity:beds")
    return tag("capacity", count)(tags) or (count(beds) if beds else None)


def _symbol(title: dict[str, str], values: tuple[str, ...], colour: str) -> Symbol:
    return Symbol(title=title, values=values, colour=colour, outline="#ffffff", width_px=10)


class Facility(Feature):
    """A place where the city serves people: a school, a clinic, a fire station."""

    __tablename__ = "facilities"

    layer = Layer(
        title=text("Social and emergency services", "Социальные и экстренные службы", "Сацыяльныя і экстранныя службы"),
        summary=text(
            "Schools, kindergartens, clinics, pharmacies, libraries, sport, police and fire stations",
            "Школы, детские сады, поликлиники, аптеки, библиотеки, спорт, милиция и пожарные части",
            "Школы, дзіцячыя сады, паліклінікі, аптэкі, бібліятэкі, спорт, міліцыя і пажарныя часткі",
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
                _symbol(text("Public offices", "Государственные услуги", "Дзяржаўныя паслугі"), (), "#6c757d"),
                _symbol(text("Education", "Образование", "Адукацыя"), _EDUCATION, "#3a7d44"),
                _symbol(text("Health", "Здравоохранение", "Ахова здароўя"), _HEALTH, "#c9314a"),
                _symbol(text("Social care", "Социальная помощь", "Сацыяльная дапамога"), _SOCIAL, "#b86f1b"),
                _symbol(text("Culture", "Культура", "Культура"), _CULTURE, "#7950a8"),
                _symbol(text("Sport", "Спорт", "Спорт"), _SPORT, "#1f8a9e"),
                _symbol(text("Emergency", "Экстренные службы", "Экстранныя службы"), _EMERGENCY, "#1d3f8f"),
            ),
        ),
        osm=OsmRule(
            keys=("amenity", "healthcare", "emergency", "leisure", "tourism"),
            accept=lambda tags: kind(tags) is not None,
            elements=frozenset({"node", "area"}),
        ),
    )

    kind: Mapped[str] = column(text("Kind", "Вид", "Від"), osm=kind)
    name: Mapped[str | None] = column(text("Name", "Название", "Назва"), osm="name")
    capacity: Mapped[int | None] = column(text("Capacity", "Вместимость", "Умяшчальнасць"), osm=_capacity)
    operator: Mapped[str | None] = column(text("Operator", "Оператор", "Аператар"), osm="operator")
    opening_hours: Mapped[str | None] = column(
        text("Opening hours", "Часы работы", "Гадзіны працы"), osm="opening_hours"
    )
    phone: Mapped[str | None] = column(text("Phone", "Телефон", "Тэлефон"), osm="phone")
