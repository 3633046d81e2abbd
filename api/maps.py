"""Folium maps: of a layer, through its vector tiles, and of an analysis, with its result in the page."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from html import escape
from typing import Annotated, Any, Literal

import folium
from branca.element import MacroElement
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse
from folium.elements import JSCSSMixin
from jinja2 import Template
from sqlalchemy import Connection

from api.database import Database
from api.folium_assets import use_local_assets
from api.inputs import describe, from_text
from api.links import base_url
from api.negotiation import Language
from api.ogc.processes import TERRITORY
from api.security.callers import Caller, CallerOf
from api.serving.headers import CONTENT_SECURITY_POLICY, policy
from geo.analysis import Analysis, ColourClass, all_analyses
from geo.maps import PAGE_BYTES, PAGE_FEATURES, add_legend, base_map, frame_map
from layers.catalog import LayerTable, all_layers, find
from layers.description import Shape, Symbol
from layers.processes import runner
from layers.processes.processes import AS_OF
from layers.reading import store
from layers.territories.territory import attribution_of, find_territory, registered

router = APIRouter(tags=["Maps"])

_BACKDROP_BELOW_ORDER = 40


class _Tiles(JSCSSMixin, MacroElement):
    """Vector tiles of ours, drawn by one of the functions of ``layer_tiles.js``."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        {{ this.draw }}({{ this._parent.get_name() }}, {{ this.settings }});
        {% endmacro %}
        """
    )
    default_js = [  # noqa: RUF012  (Folium's own way to name scripts)
        ("vectorGrid", "/static/vendor/leaflet.vectorgrid/dist/Leaflet.VectorGrid.bundled.min.js"),
        ("layer_tiles", "/static/js/layer_tiles.js"),
    ]

    def __init__(self, draw: Literal["horadLayerTiles", "horadBackdrop"], settings: dict[str, Any]) -> None:
        super().__init__()
        self._name = "Tiles"
        self.draw = draw
        self.settings = _script_safe(json.dumps(settings, ensure_ascii=False))


def _script_safe(text: str) -> str:
    """Keep what stands in JSON's strings from ending the script, and from Folium's templates."""
    return (
        text.replace("<", "\\u003c").replace("{{", "\\u007b\\u007b").replace("{%", "\\u007b%").replace("{#", "\\u007b#")
    )


@router.get("/maps/{collection}", summary="A layer on a Folium map", response_class=HTMLResponse)
def layer_map(
    request: Request,
    database: Database,
    lang: Language,
    collection: Annotated[str, Path(description="Name of a layer.")],
    territory: Annotated[str | None, Query(description="Where the map opens; by default on the first.")] = None,
) -> HTMLResponse:
    """Show a layer, however large, through its vector tiles; a click on a feature shows its attributes."""
    model = find(collection)
    shown = base_map(title=model.layer.title[lang], lang=lang, bounds=_view(database, territory))
    base = base_url(request)
    attribution = attribution_of(database, territory)
    _Tiles("horadBackdrop", _backdrop(base, attribution, without=collection)).add_to(shown)
    _Tiles("horadLayerTiles", _settings(base, model, lang, attribution)).add_to(shown)
    colours = [(each.title, _leaflet(each, model.layer.shape)) for each in reversed(model.layer.style.symbols)]
    entries = [ColourClass(title=title, colour=drawn.get("fillColor", drawn["color"])) for title, drawn in colours]
    add_legend(shown, model.layer.title[lang], entries, lang=lang)
    return _page(shown)


def _page(shown: folium.Map) -> HTMLResponse:
    may_run = {CONTENT_SECURITY_POLICY: policy(script_src="'self' 'unsafe-inline'")}
    return HTMLResponse(shown.get_root().render(), headers=may_run)


def _view(database: Connection, territory: str | None) -> store.Box | None:
    """Return where the map opens, or ``None`` where the base knows no territory yet."""
    if territory is not None:
        return tuple(find_territory(database, territory)["view"])
    return next((tuple(each["view"]) for each in registered(database)), None)


def _settings(base: str, model: LayerTable, lang: str, attribution: str) -> dict[str, Any]:
    name, layer = model.name, model.layer
    titles = {
        each.name: f"{each.title[lang]}, {each.unit}" if each.unit else each.title[lang] for each in model.columns
    }
    return {
        **_drawn(model),
        "tiles": f"{base}/collections/{name}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}",
        "items": f"{base}/collections/{name}/items",
        "titles": titles,
        "minZoom": layer.min_zoom,
        "maxZoom": layer.max_zoom,
        "attribution": escape(attribution),
    }


def _backdrop(base: str, attribution: str, *, without: str | None = None) -> dict[str, Any]:
    """Return what lies at the bottom of every map: ground, water, buildings and streets."""
    shown = {
        name: model
        for name, model in all_layers().items()
        if model.layer.style.visible and model.layer.style.order < _BACKDROP_BELOW_ORDER and name != without
    }
    return {
        "layers": [_drawn(model) for model in shown.values()],
        "tiles": f"{base}/tiles/WebMercatorQuad/{{z}}/{{y}}/{{x}}?collections={','.join(shown)}",
        "minZoom": min(model.layer.min_zoom for model in shown.values()),
        "maxZoom": max(model.layer.max_zoom for model in shown.values()),
        "attribution": escape(attribution),
    }


def _drawn(model: LayerTable) -> dict[str, Any]:
    layer = model.layer
    return {
        "layer": model.name,
        "column": layer.style.column,
        "symbols": [
            {
                "values": symbol.values,
                "atLeast": symbol.at_least,
                "style": _leaflet(symbol, layer.shape),
                "minZoom": symbol.min_zoom,
            }
            for symbol in layer.style.symbols
        ],
    }


def _leaflet(symbol: Symbol, shape: Shape) -> dict[str, Any]:
    """Return how Leaflet draws a class; where its colour is nearly white, its outline stands for it."""
    stroke = symbol.outline or symbol.colour
    if shape is Shape.LINE:
        return {"color": stroke, "weight": max(1.5, symbol.width_px / 3), "opacity": 1}
    if shape is Shape.POINT:
        return {
            "radius": max(3.0, symbol.width_px / 2),
            "fill": True,
            "fillColor": symbol.colour,
            "fillOpacity": 0.9,
            "color": "#ffffff",
            "weight": 1,
        }
    if shape is Shape.MIXED:
        return {"color": symbol.colour, "weight": 4, "opacity": 1, "radius": 5}
    return {"fill": True, "fillColor": symbol.colour, "fillOpacity": 0.7, "color": stroke, "weight": 1}


def result_page(shown: folium.Map, database: Connection, base: str, *, territory: str | None = None) -> HTMLResponse:
    """Return the page of a result on a map, with the city below it; it tells whose the data of a territory is."""
    _Tiles("horadBackdrop", _backdrop(base, attribution_of(database, territory))).add_to(shown)
    return _page(shown)


def _process_map(described: Analysis) -> Callable[..., HTMLResponse]:
    """Return the route that runs an analysis onto a map; its query parameters follow from the analysis."""
    schemas = described.json_schema()

    def run(
        *,
        request: Request,
        caller: Caller,
        database: Connection,
        lang: str,
        territory: str | None,
        as_of: str | None,
        **texts: str | None,
    ) -> HTMLResponse:
        given = {name: from_text(text, schemas[name]) for name, text in texts.items() if text is not None}
        moment = None if as_of is None else store.parse_moment(as_of)
        result = runner.run(caller.engine(parallel=True), described.id, given, territory=territory, as_of=moment)
        shown = frame_map(
            result,
            described.view,
            lang=lang,
            title=described.title[lang],
            max_features=PAGE_FEATURES,
            max_bytes=PAGE_BYTES,
        )
        return result_page(shown, database, base_url(request), territory=territory)

    parameters = [
        _keyword(name, *_query(describe(schema), required="default" not in schema)) for name, schema in schemas.items()
    ]
    parameters += [
        _keyword("request", Request, inspect.Parameter.empty),
        _keyword("caller", CallerOf, inspect.Parameter.empty),
        _keyword("database", Database, inspect.Parameter.empty),
        _keyword("lang", Language, inspect.Parameter.empty),
        _keyword(TERRITORY, *_query("Id of the territory.", required=False)),
        _keyword(AS_OF, *_query("As the layers were at a time, or on a date; by default as they are.", required=False)),
    ]
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__doc__ = described.summary["en"]
    return run


def _query(description: str, *, required: bool) -> tuple[Any, Any]:
    query = Query(description=description)
    return (Annotated[str, query], inspect.Parameter.empty) if required else (Annotated[str | None, query], None)


def _keyword(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)


for _analysis in all_analyses():
    router.add_api_route(
        f"/maps/processes/{_analysis.id}",
        _process_map(_analysis),
        name=f"map_{_analysis.id.replace('-', '_')}",
        response_class=HTMLResponse,
        summary=f"{_analysis.title['en']} on a Folium map",
    )

use_local_assets()
