"""Turns that signs forbid, or command."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Mapped

from layers.description import CityFunction, Layer, OsmRule, Shape, Style, Symbol, Tags, column, text
from layers.models.base import Feature
from layers.models.shared import KIND

NO = ("no_left_turn", "no_right_turn", "no_straight_on", "no_u_turn", "no_entry", "no_exit")
ONLY = ("only_left_turn", "only_right_turn", "only_straight_on", "only_u_turn")

_CARS = ("motorcar", "motor_vehicle", "vehicle")
_BICYCLES = ("bicycle", "vehicle")
_OTHERS = ("hgv", "goods", "bus", "psv", "motorcycle", "caravan", "coach")
_GENERAL = "restriction"
_AT_TIMES = ":conditional"
_KEYS = (_GENERAL, *(f"{_GENERAL}:{each}" for each in dict.fromkeys(_CARS + _BICYCLES + _OTHERS)))
KEYS = (*_KEYS, *(key + _AT_TIMES for key in _KEYS))
_PERIOD = ("day_on", "day_off", "hour_on", "hour_off")


def kind(tags: Tags) -> str | None:
    """Return what is forbidden or commanded, without the times at which it is."""
    stated = next((tags[key] for key in KEYS if key in tags), "")
    found = stated.partition("@")[0].strip()
    return found if found in NO + ONLY else None


def condition(tags: Tags) -> str | None:
    """Return when it counts, or ``None`` where it always does."""
    if not any(key in tags for key in _KEYS):
        return next(tags[key].partition("@")[2].strip() for key in KEYS if key in tags) or None
    period = [tags.get(key, "") for key in _PERIOD]
    days, hours = ("-".join(filter(None, each)) for each in (period[:2], period[2:]))
    return " ".join(filter(None, (days, hours))) or None


def counts_for(vehicles: tuple[str, ...]) -> Callable[[Tags], bool]:
    """Return a function that tells whether a restriction counts for what goes by any of these names."""

    def read(tags: Tags) -> bool:
        named = next((tags[key] for each in vehicles for key in _keys_of(each) if key in tags), None)
        if named is not None:
            return named.startswith(("no_", "only_"))
        only_for = tags["type"].partition(":")[2]
        excepted = {each.strip() for each in tags.get("except", "").split(";")}
        general = _GENERAL in tags or _GENERAL + _AT_TIMES in tags
        return general and excepted.isdisjoint(vehicles) and (not only_for or only_for in vehicles)

    return read


def _keys_of(vehicle: str) -> tuple[str, str]:
    return f"{_GENERAL}:{vehicle}", f"{_GENERAL}:{vehicle}{_AT_TIMES}"


class TurnRestriction(Feature):
    """A turn that is forbidden, or the only one allowed: from before the junction, through it, to behind it."""

    __tablename__ = "turn_restrictions"

    layer = Layer(
        title=text("Turn restrictions", "Ограничения поворотов", "Абмежаванні паваротаў"),
        summary=text(
            "Turns at junctions that are forbidden, or the only ones allowed, for cars and for bicycles",
            "Запрещённые и единственно разрешённые повороты на перекрёстках для автомобилей и велосипедов",
            "Забароненыя і адзіна дазволеныя павароты на скрыжаваннях для аўтамабіляў і веласіпедаў",
        ),
        function=CityFunction.INFRASTRUCTURE,
        shape=Shape.LINE,
        min_zoom=14,
        style=Style(
            column="kind",
            order=38,
            visible=False,
            symbols=(
                Symbol(title=text("Forbidden", "Запрещено", "Забаронена"), colour="#c0392b", width_px=3, min_zoom=14),
                Symbol(
                    title=text("Only this way", "Только так", "Толькі так"),
                    values=ONLY,
                    colour="#2f78b7",
                    width_px=3,
                    min_zoom=14,
                ),
            ),
        ),
        osm=OsmRule(
            keys=KEYS,
            accept=lambda tags: tags.get("type", "").startswith(_GENERAL) and kind(tags) is not None,
            elements=frozenset({"turn"}),
        ),
    )

    kind: Mapped[str] = column(KIND, osm=kind, choices=NO + ONLY)
    from_road: Mapped[str | None] = column(text("From the street", "С улицы", "З вуліцы"), osm="from")
    via: Mapped[str | None] = column(text("Through", "Через", "Праз"), osm="via")
    to_road: Mapped[str | None] = column(text("Into the street", "На улицу", "На вуліцу"), osm="to")
    motor_vehicle: Mapped[bool] = column(
        text("For motor vehicles", "Для автомобилей", "Для аўтамабіляў"),
        osm=counts_for(_CARS),
        server_default="true",
    )
    bicycle: Mapped[bool] = column(
        text("For bicycles", "Для велосипедов", "Для веласіпедаў"), osm=counts_for(_BICYCLES), server_default="true"
    )
    exempt: Mapped[str | None] = column(text("Except", "Кроме", "Акрамя"), osm="except")
    condition: Mapped[str | None] = column(text("When", "Когда", "Калі"), osm=condition)
