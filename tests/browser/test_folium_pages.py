"""Folium's pages in a real browser: everything from our own server, features drawn, a click answered."""

from __future__ import annotations

import re
from pathlib import Path

import folium
import folium.plugins
import pytest
from playwright.sync_api import expect
from waiting import eventually

from api.folium_assets import LOCAL_PATHS, use_local_assets
from api.web.build import WEB

SERVED = (
    folium.Map,
    folium.GeoJson,
    folium.LayerControl,
    folium.CircleMarker,
    folium.Marker,
    folium.plugins.VectorGridProtobuf,
    folium.plugins.Fullscreen,
)


def test_a_layer_is_drawn_from_tiles_and_tells_of_a_feature(open_page):
    page = open_page("/maps/buildings?lang=en")
    expect(page).to_have_title("Buildings")
    features = page.locator(".leaflet-container path.leaflet-interactive")
    assert features.count() > 100
    largest = max((each.bounding_box() for each in features.all()[:200]), key=lambda box: box["width"] * box["height"])
    assert largest["width"] > 5
    with page.expect_response(lambda response: "/collections/buildings/items/" in response.url) as answer:
        features.first.dispatch_event("click")
    assert answer.value.status == 200
    properties = answer.value.json()["properties"]
    expect(page.locator(".leaflet-popup-content")).to_contain_text(properties["use"] or properties["kind"])


def test_an_analysis_is_drawn_with_its_legend(open_page):
    page = open_page("/maps/processes/service-areas?origins=24.9414,60.1710&lang=en", ready=".leaflet-container canvas")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("section li").all_inner_texts() == ["5", "10", "15"]
    coloured = """() => {
      const canvas = document.querySelector(".leaflet-container canvas");
      const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, index) => index % 4 === 3 && value > 0).length;
    }"""
    eventually(page, f"({coloured})() > 1_000")
    box = page.locator(".leaflet-container").bounding_box()
    page.mouse.click(box["width"] / 2, box["height"] / 2)
    expect(page.locator(".leaflet-popup-content")).to_contain_text("Buildings")


@pytest.mark.parametrize("element", SERVED, ids=lambda element: element.__name__)
def test_what_our_maps_use_comes_from_our_server(element):
    elsewhere = use_local_assets()
    ancestors = {each.__name__ for each in element.__mro__}
    assert not ancestors & set(elsewhere)


def test_what_we_cannot_serve_is_told():
    elsewhere = use_local_assets()
    assert any("heat" in url for url in elsewhere["HeatMap"])
    assert use_local_assets() == elsewhere


def test_a_rendered_map_names_no_other_host():
    use_local_assets()
    drawn = folium.Map(tiles=None)
    folium.plugins.VectorGridProtobuf("/tiles/{z}/{y}/{x}", "tiles").add_to(drawn)
    folium.plugins.Fullscreen().add_to(drawn)
    folium.Marker((60, 25)).add_to(drawn)
    folium.LayerControl().add_to(drawn)
    loaded = re.findall(r'(?:src|href)="([^"]*)"', drawn.get_root().render())
    assert len(loaded) > 8
    assert all(address.startswith("/static/") for address in loaded)


@pytest.mark.parametrize("path", LOCAL_PATHS.values())
def test_every_local_asset_is_there(path):
    assert (Path(WEB) / path).stat().st_size > 0
