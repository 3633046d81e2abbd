"""The norms of planning that a territory may state: which there are, their units, and a stated norm."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from geo.language import Text
from layers.description import text
from layers.sources.description import STRICT


@dataclass(frozen=True, kw_only=True)
class NormInfo:
    """What is known of a norm.

    Parameters
    ----------
    title
        In every language.
    unit
        Of its value; it also ends the norm's name.
    least
        Whether the value is the least that must be there; else it is the most that may be.
    """

    title: Text
    unit: str
    least: bool = False


def _distance(en: str, ru: str, be: str) -> NormInfo:
    title = text(f"Way to {en}", f"Путь до {ru}", f"Шлях да {be}")
    return NormInfo(title=title, unit="m")


def _response(en: str, ru: str, be: str) -> NormInfo:
    title = text(f"Arrival of {en}", f"Прибытие {ru}", f"Прыбыццё {be}")
    return NormInfo(title=title, unit="min")


def _supply(title: Text, unit: str) -> NormInfo:
    return NormInfo(title=title, unit=unit, least=True)


NORMS: Mapping[str, NormInfo] = MappingProxyType(
    {
        "kindergarten_distance_m": _distance("a kindergarten", "детского сада", "дзіцячага сада"),
        "school_distance_m": _distance("a school", "школы", "школы"),
        "clinic_distance_m": _distance("a clinic", "поликлиники", "паліклінікі"),
        "hospital_distance_m": _distance("a hospital", "больницы", "бальніцы"),
        "pharmacy_distance_m": _distance("a pharmacy", "аптеки", "аптэкі"),
        "shop_distance_m": _distance("a food shop", "продовольственного магазина", "прадуктовай крамы"),
        "park_distance_m": _distance("a green space", "зелёной зоны", "зялёнай зоны"),
        "stop_distance_m": _distance("a stop", "остановки", "прыпынка"),
        "hydrant_distance_m": _distance("a hydrant", "гидранта", "гідранта"),
        "kindergarten_places_per_1000": _supply(
            text("Places in kindergartens", "Места в детских садах", "Месцы ў дзіцячых садах"),
            "places per 1,000 people",
        ),
        "school_places_per_1000": _supply(
            text("Places in schools", "Места в школах", "Месцы ў школах"), "places per 1,000 people"
        ),
        "hospital_beds_per_1000": _supply(
            text("Hospital beds", "Больничные койки", "Бальнічныя ложкі"), "beds per 1,000 people"
        ),
        "shop_area_m2_per_1000": _supply(
            text("Shop area", "Торговая площадь", "Гандлёвая плошча"), "m² per 1,000 people"
        ),
        "housing_area_m2_per_person": _supply(text("Living space", "Жилая площадь", "Жылая плошча"), "m² per person"),
        "green_area_m2_per_person": _supply(
            text("Green space", "Зелёные насаждения", "Зялёныя насаджэнні"), "m² per person"
        ),
        "fire_response_min": _response("the fire brigade", "пожарных", "пажарных"),
        "ambulance_response_min": _response("the ambulance", "скорой помощи", "хуткай дапамогі"),
        "police_response_min": _response("the police", "милиции", "міліцыі"),
        "report_answer_days": NormInfo(
            title=text("Answer to a report", "Ответ на обращение", "Адказ на зварот"), unit="days"
        ),
    }
)
"""Every norm that can be stated, by name."""


class Norm(BaseModel):
    """A norm as a territory states it.

    Parameters
    ----------
    value
        In the unit of the norm.
    source
        The law, the rules or the plan that state it.
    """

    model_config = STRICT

    value: float = Field(gt=0, allow_inf_nan=False)
    source: str = Field(min_length=1)


def _known(value: dict[str, Norm]) -> dict[str, Norm]:
    unknown = sorted(set(value) - set(NORMS))
    if unknown:
        raise ValueError(f"there is no norm {', '.join(unknown)}; the norms are {', '.join(NORMS)}")
    return value


Norms = Annotated[dict[str, Norm], AfterValidator(_known)]
