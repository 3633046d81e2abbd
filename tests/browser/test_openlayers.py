"""OpenLayers draws our vector tiles, rasters and features, which it finds by what OGC API Tiles tells of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from api.web.build import WEB

SCRIPT = WEB / "node_modules" / "ol" / "dist" / "ol.js"
SIDE_PX = 400
DRAWS = """async ({url, source, extent, crs}) => {
  const style = {'fill-color': '#c00', 'stroke-color': '#00c'};
  const options = {
    vector: () => new ol.layer.VectorTile({
      source: new ol.source.OGCVectorTile({url, projection: crs, format: new ol.format.MVT()}), style
    }),
    map: () => new ol.layer.Tile({source: new ol.source.OGCMapTile({url, crossOrigin: 'anonymous'})}),
    items: () => new ol.layer.Vector({
      source: new ol.source.Vector({url, format: new ol.format.GeoJSON()}), style
    }),
  };
  const layer = options[source]();
  document.body.innerHTML = '<div id="map" style="width: 400px; height: 400px"></div>';
  const view = new ol.View({projection: crs});
  const map = new ol.Map({target: 'map', layers: [layer], controls: [], view});
  view.fit(ol.proj.transformExtent(extent, 'EPSG:4326', crs), {size: [400, 400]});
  const wanted = layer.getSource();
  const share = () => Math.max(...[...document.querySelectorAll('canvas')].map(canvas => {
    const {data} = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return data.filter((value, nth) => nth % 4 === 3 && value > 0).length / (canvas.width * canvas.height);
  }), 0);
  return await new Promise((resolve, reject) => {
    const failed = event => reject(new Error(`${event.type}: the source is ${wanted.getState()}`));
    wanted.on(['tileloaderror', 'featuresloaderror', 'error'], failed);
    wanted.on('change', event => wanted.getState() === 'error' && failed(event));
    map.on('rendercomplete', () => wanted.getState() === 'ready' && share() > 0 && resolve(share()));
    setInterval(() => map.render(), 200);
    setTimeout(() => reject(new Error(`nothing was drawn: the source is ${wanted.getState()}`)), 60000);
  });
}"""


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    if not SCRIPT.is_file():
        pytest.skip("OpenLayers isn't there: npm install in api/web brings it")
    context = chromium.new_context(viewport={"width": SIDE_PX, "height": SIDE_PX})
    opened = context.new_page()
    opened.add_script_tag(path=SCRIPT)
    yield opened
    context.close()


def draw(page: Page, source: str, url: str, extent: tuple[float, float, float, float], crs: str = "EPSG:3857") -> float:
    """The share of a map that is drawn from a source."""
    return float(page.evaluate(DRAWS, {"source": source, "url": url, "extent": extent, "crs": crs}))


CENTRE = (24.940, 60.168, 24.948, 60.172)


@pytest.mark.parametrize(("matrix_set", "crs"), [("WebMercatorQuad", "EPSG:3857"), ("WorldCRS84Quad", "EPSG:4326")])
def test_vector_tiles(page: Page, server_url: str, matrix_set: str, crs: str) -> None:
    url = f"{server_url.rstrip('/')}/collections/buildings/tiles/{matrix_set}"
    assert 0.2 < draw(page, "vector", url, CENTRE, crs) < 0.9


def test_vector_tiles_of_the_whole_city(page: Page, server_url: str) -> None:
    url = f"{server_url.rstrip('/')}/tiles/WebMercatorQuad?collections=buildings,roads"
    assert 0.3 < draw(page, "vector", url, CENTRE) <= 1


def test_rasters(page: Page, server_url: str, client) -> None:
    if not any(each["id"] == "helsinki.elevation" for each in client.get("/rasters").json()["rasters"]):
        pytest.skip("no elevation: HORAD_DATA has none")
    url = f"{server_url.rstrip('/')}/rasters/helsinki.elevation/tiles/WebMercatorQuad"
    assert draw(page, "map", url, (24.9106, 60.1666, 24.9143, 60.1693)) > 0.5


def test_features(page: Page, server_url: str) -> None:
    url = f"{server_url.rstrip('/')}/collections/buildings/items?f=geojson&limit=1000&bbox={','.join(map(str, CENTRE))}"
    assert 0.2 < draw(page, "items", url, CENTRE) < 0.9
