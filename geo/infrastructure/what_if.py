"""What closed streets and new ones do to the ways of people: before and after."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np

from geo.analysis import ColourClass, Column, View, analysis, labelled
from geo.errors import InvalidInputError
from geo.inputs.lines import Lines
from geo.inputs.parameters import BannedTurns, BuildingMaxM, ModeName, SnapMaxM, SpeedKmh, TurnsS
from geo.inputs.points import Points
from geo.inputs.services import FACILITIES, HOMES, STREETS, Kind, Use, dwellings_of, of_kind, of_use, travel_network
from geo.networks.matrices import nearest
from geo.networks.network import Network
from geo.networks.scenario import add_links

if TYPE_CHECKING:
    from geo.networks.positions import Positions
    from geo.networks.routing import TravelNetwork
    from geo.networks.topology import Floats

MINUTES = {"be": "хв", "ru": "мин", "en": "min"}

SMALLEST_CHANGE_S = 0.5
"""A time that changes by less than this has not changed."""

Closures = Annotated[
    Points | None,
    labelled(
        {
            "be": "Закрытыя вуліцы, па пункце на кожнай",
            "ru": "Закрытые улицы, по точке на каждой",
            "en": "Closed streets, a point on each",
        }
    ),
]

NewLinks = Annotated[Lines | None, labelled({"be": "Новыя вуліцы", "ru": "Новые улицы", "en": "New streets"})]


@analysis(
    id="what-if",
    title={"be": "Што, калі закрыць ці пабудаваць", "ru": "Что, если закрыть или построить", "en": "What if"},
    summary={
        "be": "Як зменіцца шлях ад будынкаў да бліжэйшай установы, калі вуліцы закрыць ці пабудаваць новыя.",
        "ru": "Как изменится путь от зданий до ближайшего учреждения, если улицы закрыть или построить новые.",
        "en": "How ways from buildings to the nearest facility change where streets are closed or built.",
    },
    function="infrastructure",
    inputs={"network": STREETS, "facilities": FACILITIES, "buildings": HOMES},
    view=View(
        geometry="polygon",
        colour_by="effect",
        opacity=0.8,
        classes=(
            ColourClass(
                title={"be": "Адрэзаны", "ru": "Отрезано", "en": "Cut off"}, colour="#8b1a2b", values=("cut off",)
            ),
            ColourClass(title={"be": "Даўжэй", "ru": "Дольше", "en": "Longer"}, colour="#e07b39", values=("longer",)),
            ColourClass(
                title={"be": "Карацей", "ru": "Короче", "en": "Shorter"}, colour="#30638e", values=("shorter",)
            ),
            ColourClass(
                title={"be": "Злучаны", "ru": "Соединено", "en": "Connected"}, colour="#0b7a3b", values=("connected",)
            ),
        ),
        columns={
            "effect": Column(title={"be": "Наступства", "ru": "Последствие", "en": "Effect"}),
            "before_s": Column(
                title={"be": "Час цяпер", "ru": "Время сейчас", "en": "Time now"},
                unit=MINUTES,
                scale=1 / 60,
                decimals=1,
            ),
            "after_s": Column(
                title={"be": "Час потым", "ru": "Время потом", "en": "Time then"},
                unit=MINUTES,
                scale=1 / 60,
                decimals=1,
            ),
            "change_s": Column(
                title={"be": "Розніца", "ru": "Разница", "en": "Difference"}, unit=MINUTES, scale=1 / 60, decimals=1
            ),
            "dwellings": Column(title={"be": "Кватэры", "ru": "Квартиры", "en": "Dwellings"}),
        },
    ),
)
def what_if(
    network: Network,
    facilities: gpd.GeoDataFrame,
    buildings: gpd.GeoDataFrame,
    kind: Kind,
    *,
    closures: Closures = None,
    new_links: NewLinks = None,
    use: Use = "all",
    mode: ModeName = "walk",
    speed_kmh: SpeedKmh = None,
    turns_s: TurnsS = (),
    banned_turns: BannedTurns = (),
    snap_max_m: SnapMaxM = 300.0,
    building_max_m: BuildingMaxM = 100.0,
) -> gpd.GeoDataFrame:
    """Find how the times from buildings to the nearest facility change where streets are closed or new ones built.

    Each closure closes the nearest street between its junctions, in both directions, to the mode of travel; each new
    street joins those nearest to its ends. Buildings and facilities keep their places on the streets: one on a closed
    street is cut off. See `geo.social.access.facility_access` for how times are counted, `geo.networks.scenario` for
    the streets.

    Parameters
    ----------
    network, facilities, buildings, kind, use, mode, speed_kmh, turns_s, banned_turns, building_max_m
        See `geo.social.access.facility_access`.
    closures
        Points on or near the streets that are closed.
    new_links
        Lines, each from a street to a street; they have no class, and so the speed of a street of none.
    snap_max_m
        Also how far a closure, or an end of a new street, may be from a street.

    Returns
    -------
    geopandas.GeoDataFrame
        The buildings whose time changes, by their index, in the CRS of the network. Columns: ``effect`` (``cut off``,
        ``longer``, ``shorter``, ``connected``), ``before_s`` and ``after_s`` (NaN where no facility can be reached),
        ``change_s`` (NaN where either is), ``dwellings`` (1 where not known), geometry.

    Raises
    ------
    InvalidInputError
        If there is neither a closure nor a new street, one is far from every street, there is no facility of the kind
        or no building of the use, or a parameter is out of range.
    """
    if closures is None and new_links is None:
        raise InvalidInputError("give a street to close, or one to build: closures or new_links")
    now = travel_network(network, mode, speed_kmh, turns_s=turns_s, banned_turns=banned_turns)
    served, homes = of_kind(facilities, kind, network), of_use(buildings, use, network)
    places = now.snap(homes.geometry, max_m=building_max_m), now.snap(served.geometry, max_m=snap_max_m)
    before_s = nearest(now, *places).cost_s[:, 0]
    then, places = _changed(now, places, closures, new_links, snap_max_m)
    after_s = nearest(then, *places).cost_s[:, 0]
    columns = {
        "effect": _effects(before_s, after_s),
        "before_s": np.where(np.isfinite(before_s), before_s, np.nan),
        "after_s": np.where(np.isfinite(after_s), after_s, np.nan),
        "dwellings": dwellings_of(homes),
    }
    result = gpd.GeoDataFrame(columns, geometry=homes.geometry, index=homes.index, crs=network.crs)
    result.insert(3, "change_s", result.after_s - result.before_s)
    return result[result.effect != ""]


def _changed(
    now: TravelNetwork,
    places: tuple[Positions, Positions],
    closures: gpd.GeoSeries | None,
    links: gpd.GeoSeries | None,
    max_m: float,
) -> tuple[TravelNetwork, tuple[Positions, Positions]]:
    """Return the network with the closures and the links, and places where they are then."""
    shut = np.zeros(0, dtype=np.int64)
    if closures is not None:
        shut = now.locate(closures, max_m=max_m, what="closures", anywhere=True).edge
    if links is None:
        return now.closed(shut), places
    scenario = add_links(now.network, gpd.GeoDataFrame(geometry=links.to_crs(now.network.crs)), max_m=max_m)
    then = scenario.network.for_mode(now.mode).with_turns(now.turns).closed(scenario.pieces_of(shut))
    homes, served = places
    return then, (scenario.moved(homes), scenario.moved(served))


def _effects(before_s: Floats, after_s: Floats) -> Any:
    had, has = np.isfinite(before_s), np.isfinite(after_s)
    change_s = np.subtract(after_s, before_s, out=np.zeros(len(had)), where=had & has)
    effects = np.select(
        [had & ~has, ~had & has, change_s > SMALLEST_CHANGE_S, change_s < -SMALLEST_CHANGE_S],
        ["cut off", "connected", "longer", "shorter"],
        "",
    )
    return effects.astype(object)
