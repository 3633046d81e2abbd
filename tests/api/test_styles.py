"""Styles for light and dark maps, their pictures, and legends."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from patience import soon, wait_until
from PIL import Image
from sqlalchemy import text

from api.styles.results import COLOUR, result_style
from api.styles.sprites import ICONS
from api.styles.themes import THEMES
from geo.analysis import ColourClass, Column, View, get_analysis
from geo.map_classes import NO_DATA_COLOUR
from layers.catalog import all_layers
from layers.settings import PROJECT

if TYPE_CHECKING:
    import httpx
    from sqlalchemy import Engine

VALIDATOR = PROJECT / "api/web/node_modules/@maplibre/maplibre-gl-style-spec/dist/index.mjs"
VALIDATE = """
const {{ validateStyleMin }} = await import({module});
const fs = await import("fs");
for (const file of process.argv.slice(1))
  for (const error of validateStyleMin(JSON.parse(fs.readFileSync(file))))
    console.log(file.split("/").pop() + ": " + error.message);
"""


def job_of(client: httpx.Client, process: str, **inputs: Any) -> str:
    """The id of a job that has run."""
    headers = {"Prefer": "respond-async"}
    job = client.post(f"/processes/{process}/execution", json={"inputs": inputs}, headers=headers).json()["jobID"]
    wait_until(lambda: client.get(f"/jobs/{job}").json()["status"] not in ("accepted", "running"))
    assert client.get(f"/jobs/{job}").json()["status"] == "successful"
    return str(job)


@pytest.fixture(scope="module")
def hot_spots(client: httpx.Client) -> str:
    if not client.get("/collections/incidents/items", params={"limit": 1}).json()["features"]:
        pytest.skip("no incidents: HORAD_DATA has none")
    return job_of(client, "hot-spots", territory="helsinki")


def test_maplibre_finds_nothing_wrong_in_any_style(client: httpx.Client, hot_spots: str, tmp_path: Path) -> None:
    if not VALIDATOR.exists() or shutil.which("node") is None:
        pytest.skip("needs node and the packages of api/web")
    addresses = [each["links"][0]["href"] for each in client.get("/styles").json()["styles"]]
    assert len(addresses) == 2 * (len(all_layers()) + 1)
    for number, address in enumerate([*addresses, f"/jobs/{hot_spots}/style", f"/jobs/{hot_spots}/style?theme=dark"]):
        (tmp_path / f"{number}.json").write_bytes(client.get(address).content)
    program = VALIDATE.format(module=json.dumps(VALIDATOR.as_uri()))
    command = ["node", "--input-type=module", "-e", program, *map(str, sorted(tmp_path.iterdir()))]
    assert subprocess.run(command, capture_output=True, text=True, check=True, timeout=600).stdout == ""


def test_a_dark_map_draws_the_same_in_other_colours(client: httpx.Client) -> None:
    light, dark = (client.get(f"/styles/{name}").json() for name in ("city", "city-dark"))
    assert light["metadata"]["horad:theme"] == "light"
    assert dark["metadata"]["horad:theme"] == "dark"
    assert light["sources"] == dark["sources"]
    assert [each["id"] for each in light["layers"]] == [each["id"] for each in dark["layers"]]
    for one, other in zip(light["layers"], dark["layers"], strict=True):
        assert {**one, "paint": {}} == {**other, "paint": {}}
        if one["type"] in ("background", "fill"):
            colour = f"{one['type']}-color"
            assert lightness(other["paint"][colour]) < 0.42
            assert one["paint"][colour] != other["paint"][colour]


def lightness(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    return (max(parts) + min(parts)) / 2


def test_a_territory_has_styles_of_its_own_tiles(client: httpx.Client) -> None:
    style = client.get("/territories/helsinki/styles/city").json()
    assert "/territories/helsinki/tiles/" in style["sources"]["horad"]["url"]
    assert "/territories/" not in style["glyphs"] + style["sprite"]
    for name, source in style["sources"].items():
        if name != "horad":
            assert f"/territories/helsinki/collections/{name}/tiles/" in source["tiles"][0]


@pytest.mark.parametrize("ratio", [1, 2])
def test_every_picture_of_a_style_is_on_the_sheet(client: httpx.Client, ratio: int) -> None:
    style = client.get("/styles/city").json()
    mark = "" if ratio == 1 else "@2x"
    places = client.get(f"{style['sprite']}{mark}.json").json()
    sheet = np.asarray(Image.open(io.BytesIO(client.get(f"{style['sprite']}{mark}.png").content)))
    used = {each["layout"]["icon-image"] for each in style["layers"] if "icon-image" in each.get("layout", {})}
    assert used <= places.keys() == ICONS.keys()
    assert len(used) > 20
    for name, place in places.items():
        assert (place["pixelRatio"], place["sdf"]) == (ratio, True)
        picture = sheet[place["y"] : place["y"] + place["height"], place["x"] : place["x"] + place["width"], 3]
        assert picture.shape == (30 * ratio, 30 * ratio), name
        drawn = picture >= 191
        assert 0.1 < drawn.mean() < 0.6, name
        assert not drawn[0].any(), name
        assert not drawn[:, 0].any(), name


@pytest.mark.parametrize(("style", "visibility"), [("hydrants", "visible"), ("city", "none")])
def test_a_layer_that_the_city_hides_is_shown_by_its_own_style(
    client: httpx.Client, style: str, visibility: str
) -> None:
    layers = client.get(f"/styles/{style}").json()["layers"]
    drawn = [each for each in layers if each.get("source-layer") == "hydrants"]
    assert {each["layout"]["visibility"] for each in drawn} == {visibility}


def test_pictures_appear_close_up_on_their_points(client: httpx.Client) -> None:
    layers = client.get("/styles/facilities").json()["layers"]
    icons = [each for each in layers if "icon-image" in each.get("layout", {})]
    dots = {json.dumps(each["filter"]) for each in layers if each["type"] == "circle"}
    assert {each["layout"]["icon-image"] for each in icons} == {
        "public",
        "education",
        "health",
        "care",
        "culture",
        "sport",
    }
    for each in icons:
        assert each["minzoom"] >= 15
        assert json.dumps(each["filter"]) in dots


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_legends_say_what_the_style_draws(client: httpx.Client, theme: str) -> None:
    whole = client.get("/legend", params={"theme": theme, "lang": "be"}).json()
    assert [each["id"] for each in whole["layers"]] == list(all_layers())
    for name in ("roads", "buildings", "facilities", "districts"):
        [layer] = client.get(f"/collections/{name}/legend", params={"theme": theme, "lang": "be"}).json()["layers"]
        assert layer in whole["layers"]
        style = client.get(f"/styles/{name}{'' if theme == 'light' else '-dark'}").json()
        colours = {
            value for each in style["layers"] for value in each.get("paint", {}).values() if isinstance(value, str)
        }
        assert {entry["colour"] for entry in layer["entries"]} <= colours
        assert len(layer["entries"]) == len(all_layers()[name].layer.style.symbols)


def test_a_legend_is_a_picture_and_a_page_too(client: httpx.Client) -> None:
    for path in ("/legend", "/collections/roads/legend", "/territories/helsinki/legend"):
        picture = client.get(path, params={"f": "svg"})
        assert picture.headers["content-type"] == "image/svg+xml"
        drawn = ET.fromstring(picture.content)
        texts = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
        assert {"Roads", "Local streets", "Motorways and trunk roads"} <= set(texts)
        assert "Local streets" in client.get(path, headers={"Accept": "text/html"}).text
    assert client.get("/legend", params={"theme": "blue"}).status_code == 400
    assert client.get("/collections/streets/legend").status_code == 404
    assert client.get("/styles/streets-dark").status_code == 404
    assert client.get("/sprites/other.json").status_code in (400, 404)


def test_the_style_of_a_result_draws_it_below_the_labels(client: httpx.Client, hot_spots: str) -> None:
    style = client.get(f"/jobs/{hot_spots}/style", params={"theme": "dark"}).json()
    features = client.get(f"/jobs/{hot_spots}/results").json()["features"]
    assert len(style["sources"]["result"]["data"]["features"]) == len(features) > 100
    order = [each["id"] for each in style["layers"]]
    assert order.index("result-polygon-fill") < order.index("roads-label")
    assert order.index("result-polygon-fill") > order.index("buildings-symbol-0")
    told = {each["colour"] for each in style["metadata"]["horad:result"]["legend"]}
    assert {each["properties"][COLOUR] for each in style["sources"]["result"]["data"]["features"]} == told
    assert told <= {each.colour for each in get_analysis("hot-spots").view.classes}


def view_of(**options: Any) -> View:
    return View(geometry="point", columns={"n": Column(title={})}, **options)


@pytest.mark.parametrize(
    ("values", "colours"),
    [
        ([1, 2, 3, 4], 2),
        ([5, 5, 5], 1),
        ([0, 0, 0, 0, 0, 9], 2),
        ([None, 3, None], 1),
        ([None, None], 0),
        ([], 0),
    ],
)
def test_numbers_of_a_result_are_coloured_by_class(values: list[Any], colours: int) -> None:
    view = view_of(colour_by="n", colours=("#111111", "#eeeeee"))
    features = [{"properties": {"n": each}} for each in values]
    drawn = result_style(view, features, "result", THEMES["light"], "en")
    [layer] = drawn.layers
    assert layer["paint"]["circle-color"] == ["get", COLOUR]
    told = {each["colour"] for each in drawn.legend}
    assert {each["properties"][COLOUR] for each in drawn.features} == told
    assert len(told & set(view.colours)) == colours
    assert (NO_DATA_COLOUR in told) == (None in values)


def test_names_of_a_result_have_their_colours() -> None:
    named = ColourClass(title={"en": "Either"}, colour="#123456", values=("a", "b"))
    view = view_of(colour_by="n", classes=(named, ColourClass(title={"en": "Others"}, colour="#654321")))
    features = [{"properties": {"n": each}} for each in ("b", "c", "a")]
    drawn = result_style(view, features, "result", THEMES["light"], "en")
    assert [each["properties"][COLOUR] for each in drawn.features] == ["#123456", "#654321", "#123456"]
    assert [each["title"] for each in drawn.legend] == ["Either", "Others"]


@pytest.mark.parametrize("api", ["", "/territories/helsinki"])
def test_a_style_tells_how_many_features_a_layer_has_now_and_had(
    client: httpx.Client, helsinki: Engine, api: str
) -> None:
    def told(**asked: str) -> int:
        layers = client.get(f"{api}/styles/city", params=asked).json()["metadata"]["horad:layers"]
        return int(next(each["count"] for each in layers if each["id"] == "stations"))

    before = told()
    assert before == client.get(f"{api}/collections/stations/items").json()["numberMatched"] > 0
    insert = (
        "INSERT INTO stations (territory, source, source_id, kind, geom) VALUES ('helsinki', 'style', '1', 'fire',"
        ' ST_Point(24.94, 60.17, 4326)) RETURNING id, to_char(now(), \'YYYY-MM-DD"T"HH24:MI:SS.US"Z"\')'
    )
    with helsinki.begin() as connection:
        made, moment = connection.execute(text(insert)).one()
    try:
        assert soon(lambda: told() == before + 1)
        assert told(as_of=moment) == before
    finally:
        with helsinki.begin() as connection:
            connection.execute(text("DELETE FROM stations WHERE id = :id"), {"id": made})
