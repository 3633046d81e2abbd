"""Legends: of a layer and of the whole city, as JSON, as a picture and as a page."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from api.database import Database
from api.links import base_url, formats
from api.negotiation import HTML, JSON, Language, format_of, negotiate
from api.ogc.tiles import Collection
from api.openapi import answers
from api.styles.drawing import legend
from api.styles.themes import DARK, LIGHT, THEMES, Theme
from layers.catalog import LayerTable, all_layers, find

router = APIRouter(tags=["Styles"])

SVG = "image/svg+xml"

_OFFERED = {"json": JSON, "svg": SVG, "html": HTML}
Format = format_of(_OFFERED)
_PAGE = (
    '<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{title}</title></head>'
    "<body><main>{picture}</main></body></html>"
)
_LINE_PX, _MARGIN_PX, _SWATCH_PX, _CHARACTER_PX = 20, 10, 26, 7.2

ThemeName = Annotated[Literal["light", "dark"], Query(description="Of the map: light or dark.")]


@router.get("/legend", summary="The legend of the city", responses=answers(JSON, SVG, HTML))
def city_legend(
    request: Request, _database: Database, lang: Language, theme: ThemeName = LIGHT, f: Format = None
) -> Response:
    """Tell what the signs of all layers mean."""
    return _answer(request, list(all_layers().values()), "Horad", f"{base_url(request)}/legend", lang, theme, f)


@router.get("/collections/{collection}/legend", summary="The legend of a layer", responses=answers(JSON, SVG, HTML))
def layer_legend(
    request: Request,
    _database: Database,
    lang: Language,
    collection: Collection,
    theme: ThemeName = LIGHT,
    f: Format = None,
) -> Response:
    """Tell what the signs of a layer mean."""
    model = find(collection)
    url = f"{base_url(request)}/collections/{collection}/legend"
    return _answer(request, [model], model.layer.title[lang], url, lang, theme, f)


def _answer(
    request: Request, models: list[LayerTable], title: str, url: str, lang: str, theme: str, f: str | None
) -> Response:
    chosen = negotiate(request, f, _OFFERED)
    colours = THEMES[theme]
    layers = [
        {"id": each.name, "title": each.layer.title[lang], "entries": legend(each, lang, colours)} for each in models
    ]
    if chosen == "svg":
        return Response(picture(layers, colours), media_type=SVG)
    if chosen == "html":
        return HTMLResponse(_PAGE.format(lang=lang, title=escape(title), picture=picture(layers, colours)))
    address = f"{url}?theme={DARK}" if theme == DARK else url
    return JSONResponse({"title": title, "layers": layers, "links": formats(address, chosen, _OFFERED)})


def picture(layers: list[dict[str, Any]], theme: Theme) -> str:
    """Return a legend as SVG: a heading for each layer, below it its signs with their titles."""
    rows: list[str] = []
    widest = 0
    for layer in layers:
        rows.append(_text(layer["title"], _MARGIN_PX, len(rows), theme, bold=True))
        widest = max(widest, len(layer["title"]))
        for entry in layer["entries"]:
            y = _MARGIN_PX + len(rows) * _LINE_PX
            label = _text(entry["title"], _MARGIN_PX + _SWATCH_PX + 8, len(rows), theme)
            rows.append(f'<g transform="translate({_MARGIN_PX} {y})">{_sign(entry)}</g>{label}')
            widest = max(widest, len(entry["title"]) + 4)
    width = round(2 * _MARGIN_PX + widest * _CHARACTER_PX)
    height = 2 * _MARGIN_PX + len(rows) * _LINE_PX
    ground = f'<rect width="{width}" height="{height}" fill="{theme.background}"/>'
    size = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    font = 'font-family="Noto Sans, sans-serif" font-size="13"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>{ground}{"".join(rows)}</svg>'


def _text(text: str, x: int, row: int, theme: Theme, *, bold: bool = False) -> str:
    y = _MARGIN_PX + row * _LINE_PX + 14
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" fill="{theme.text}"{weight}>{escape(text)}</text>'


def _sign(entry: dict[str, Any]) -> str:
    middle = _LINE_PX / 2
    edge = entry.get("outline")
    if entry["shape"] == "line":
        width = min(max(entry["width"], 1.5), 7)
        across = f'x1="0" x2="{_SWATCH_PX}" y1="{middle}" y2="{middle}"'
        dash = " ".join(f"{each * width:g}" for each in entry.get("dash", ()))
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        casing = f'<line {across} stroke="{edge}" stroke-width="{width + 2:g}"/>' if edge else ""
        return f'{casing}<line {across} stroke="{entry["colour"]}" stroke-width="{width:g}"{dashed}/>'
    stroke = f' stroke="{edge}"' if edge else ""
    if entry["shape"] == "circle":
        radius = min(max(entry["width"] / 2, 3), 6)
        return f'<circle cx="{_SWATCH_PX / 2:g}" cy="{middle:g}" r="{radius:g}" fill="{entry["colour"]}"{stroke}/>'
    return (
        f'<rect x="3" y="3" width="{_SWATCH_PX - 6}" height="{_LINE_PX - 6}" rx="2" fill="{entry["colour"]}"{stroke}/>'
    )
