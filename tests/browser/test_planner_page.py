"""The planner's page, as a person meets it: by pointer, by keyboard, on a phone, in three languages."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect
from waiting import eventually

from layers.settings import PROJECT

MESSAGES = json.loads((PROJECT / "api" / "web" / "i18n" / "en.json").read_text())
CENTRE = "#map=16/60.1710/24.9414&lang=en"
RENDERED = "layer => horad.map.queryRenderedFeatures().filter(f => f.sourceLayer === layer).length"
AREAS = "horad.map.queryRenderedFeatures().filter(f => f.source === 'horad-areas').length"
FIND_FEATURE = """layer => {
  for (let y = 200; y < 560; y += 12) for (let x = 420; x < 700; x += 12) {
    const [top] = horad.map.queryRenderedFeatures([[x - 4, y - 4], [x + 4, y + 4]]);
    if (top?.sourceLayer === layer && top.id !== undefined) return {x, y, id: top.id};
  }
}"""


def toggle_layer(page: Page, layer: str) -> None:
    page.locator(f'[data-layer="{layer}"] input').click()


def pick(page: Page, layer: str) -> dict[str, Any]:
    found = page.evaluate(FIND_FEATURE, layer)
    assert found, f"no feature of {layer} on top anywhere in view"
    page.mouse.click(found["x"], found["y"])
    expect(page.locator("#feature .links a")).to_be_visible()
    return found


def hash_of(page: Page) -> str:
    return page.url.partition("#")[2]


def test_shows_the_city(open_page):
    page = open_page("/", extra_http_headers={"Accept": "text/html"})
    expect(page.locator("h1")).to_have_text("Helsinki")
    expect(page).to_have_title("Helsinki · Horad")
    assert page.evaluate("horad.map.getContainer().clientHeight") > 200
    assert page.evaluate(RENDERED, "roads") > 0
    expect(page.locator(".maplibregl-ctrl-attrib")).to_contain_text("OpenStreetMap")
    picture = Image.open(io.BytesIO(page.locator("#map canvas").screenshot()))
    assert len(picture.convert("RGB").getcolors(maxcolors=1 << 24)) > 50


def test_every_layer_has_a_switch_a_legend_and_its_own_pages(open_page):
    page = open_page("/" + CENTRE)
    layers = page.evaluate("horad.map.getStyle().metadata['horad:layers']")
    assert {"roads", "buildings"} <= {layer["id"] for layer in layers}
    for layer in layers:
        row = page.locator(f'[data-layer="{layer["id"]}"]')
        expect(row.get_by_role("checkbox", name=layer["title"], exact=True)).to_be_checked(checked=layer["visible"])
        assert row.locator(".legend li").all_text_contents() == [entry["title"] for entry in layer["legend"]]
        links = [link.get_attribute("href") for link in row.locator(".links a").all()]
        assert [re.sub(r"^https?://[^/]+", "", link) for link in links] == [
            f"/maps/{layer['id']}?lang=en",
            f"/collections/{layer['id']}",
        ]


def test_switching_a_layer_off_hides_it_and_the_link_remembers(open_page):
    page = open_page("/" + CENTRE)
    assert page.evaluate(RENDERED, "roads") > 0
    toggle_layer(page, "roads")
    eventually(page, "horad.map.queryRenderedFeatures().every(f => f.sourceLayer !== 'roads')")
    assert "roads" not in re.search(r"layers=([^&]*)", hash_of(page))[1].split(",")

    again = open_page("/#" + hash_of(page))
    expect(again.locator('[data-layer="roads"] input')).not_to_be_checked()
    assert again.evaluate(RENDERED, "roads") == 0
    assert again.evaluate(RENDERED, "buildings") > 0
    toggle_layer(again, "roads")
    eventually(again, "horad.map.queryRenderedFeatures().some(f => f.sourceLayer === 'roads')")
    assert "layers=" not in hash_of(again)


def test_layers_stand_by_function_of_the_city_and_empty_ones_are_muted(open_page):
    page = open_page("/" + CENTRE)
    layers = page.evaluate("horad.map.getStyle().metadata['horad:layers']")
    titles = list(dict.fromkeys(layer["functionTitle"] for layer in layers))
    assert page.locator("#layers .layer-group > summary").all_text_contents() == titles
    assert titles[0] == "Infrastructure"
    muted = page.locator(".layer.empty").evaluate_all("rows => rows.map(row => row.dataset.layer)")
    assert muted == [layer["id"] for layer in layers if layer["count"] == 0]
    group = page.locator("details", has=page.locator('[data-layer="stops"]'))
    group.locator("summary").click()
    expect(page.locator('[data-layer="stops"]')).to_be_hidden()


def test_tiles_of_a_layer_are_fetched_once_it_is_switched_on(open_page):
    page = open_page("/" + CENTRE)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.evaluate(RENDERED, "stops") == 0
    toggle_layer(page, "stops")
    eventually(page, "horad.map.queryRenderedFeatures().some(f => f.sourceLayer === 'stops')")
    tiles = [url for url in asked if "/tiles/" in url]
    assert tiles
    assert all("/collections/stops/tiles/" in url for url in tiles), tiles


def test_click_shows_attributes_with_titles_and_no_empty_ones(open_page):
    page = open_page("/#map=17/60.1710/24.9414&lang=en&layers=buildings")
    found = pick(page, "buildings")
    record = page.locator("#feature .links a").get_attribute("href")
    assert record.endswith(f"/collections/buildings/items/{found['id']}")
    item = page.request.get(record, params={"f": "json"}).json()["properties"]
    layers = page.evaluate("horad.map.getStyle().metadata['horad:layers']")
    columns = next(layer["columns"] for layer in layers if layer["id"] == "buildings")
    shown = page.locator("#feature .feature-body > .attributes > dt").all_text_contents()
    filled = [name for name, value in item.items() if name != "name" and value not in (None, "", {}, [])]
    assert sorted(shown) == sorted(
        columns[name]["title"] if name in columns else MESSAGES[f"column.{name}"] for name in filled
    )
    eventually(page, "horad.map.queryRenderedFeatures().some(f => f.source === 'horad-selection')")

    page.get_by_role("button", name="Close").click()
    expect(page.locator("#feature")).to_be_hidden()
    assert "feature=" not in hash_of(page)


def test_several_features_at_a_place_can_be_told_apart(open_page):
    page = open_page("/#map=17/60.1710/24.9414&lang=en&layers=buildings,businesses,facilities")
    page.mouse.click(
        *page.evaluate("""() => {
      for (let y = 200; y < 560; y += 12) for (let x = 420; x < 700; x += 12) {
        const near = horad.map.queryRenderedFeatures([[x - 4, y - 4], [x + 4, y + 4]]);
        if (new Set(near.map(f => f.sourceLayer)).size > 1) return [x, y];
      }
    }""")
    )
    candidates = page.locator(".candidates button")
    expect(candidates.nth(0)).to_have_attribute("aria-current", "true")
    first = page.locator("#feature .links a").get_attribute("href")
    candidates.nth(1).click()
    expect(candidates.nth(1)).to_have_attribute("aria-current", "true")
    expect(candidates.nth(0)).not_to_have_attribute("aria-current", "true")
    expect(page.locator("#feature .links a")).not_to_have_attribute("href", first)


def test_attributes_are_never_read_as_html(open_page):
    def hostile(route: Route) -> None:
        item = route.fetch().json()
        item["properties"] |= {
            "name": "<img src=x onerror=alert(1)>",
            "tags": {"note": "<b>bold</b>", "url": "javascript:alert(1)"},
        }
        route.fulfill(body=json.dumps(item), content_type="application/geo+json")

    page = open_page("/#map=17/60.1710/24.9414&lang=en&layers=buildings")
    page.route("**/items/**", hostile)
    pick(page, "buildings")
    expect(page.locator("#feature-title")).to_have_text("<img src=x onerror=alert(1)>")
    assert page.locator("#feature :is(img, b, a[href^='javascript'])").count() == 0


def test_keyboard_tells_what_is_at_the_centre(open_page):
    page = open_page("/#map=17/60.1710/24.9414&lang=en")
    found = page.evaluate(FIND_FEATURE, "buildings")
    page.evaluate("({x, y}) => horad.map.jumpTo({center: horad.map.unproject([x, y])})", found)
    eventually(page, "horad.map.loaded()")
    page.locator("#map canvas").focus()
    expect(page.locator(".crosshair")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#feature .links a")).to_be_visible()
    page.locator("#feature .icon-button").focus()
    page.keyboard.press("Escape")
    expect(page.locator("#feature")).to_be_hidden()
    expect(page.locator("#map canvas")).to_be_focused()


def test_service_areas_by_click(open_page):
    page = open_page("/" + CENTRE)
    page.get_by_role("tab", name="Service areas").click()
    expect(page.locator("#input-cutoffs_s")).to_have_value("5, 10, 15")
    with page.expect_response("**/processes/service-areas/execution") as response:
        page.mouse.click(690, 320)
    features = sorted((f["properties"] for f in response.value.json()["features"]), key=lambda f: f["cutoff_s"])
    rows = page.locator(".results tbody tr")
    expect(rows).to_have_count(3)
    assert rows.locator("th").all_text_contents() == ["5", "10", "15"]
    kilometres = [float(cell.replace(",", "")) for cell in rows.locator("td:nth-child(2)").all_text_contents()]
    assert kilometres == pytest.approx([f["street_length_m"] / 1000 for f in features], abs=0.051)
    eventually(page, AREAS + " > 0")

    page.locator("#input-mode").select_option("drive")
    expect(rows.locator("td:nth-child(2)").first).not_to_have_text(f"{kilometres[0]:.1f}")
    page.get_by_role("button", name="Clear").click()
    eventually(page, AREAS + " === 0")
    expect(page.locator(".results")).to_have_count(0)
    assert "origins=" not in hash_of(page)


def test_service_areas_by_keyboard(open_page):
    page = open_page("/" + CENTRE)
    page.locator("#tab-layers").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-areas")).to_be_focused()
    expect(page.locator("#input-cutoffs_s")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.locator("#input-cutoffs_s")).to_be_focused()
    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("4, 8")
    page.keyboard.press("Enter")
    expect(page.locator(".results tbody tr")).to_have_count(2)
    expect(page.locator("#status")).to_have_text("The service areas are on the map.")
    assert "cutoffs_s=240,480" in hash_of(page)

    page.get_by_role("button", name="Clear").focus()
    page.keyboard.press("Enter")
    page.locator("#map canvas").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".results tbody tr")).to_have_count(2)


def test_a_link_brings_back_service_areas_and_feature(open_page):
    page = open_page("/#map=16/60.1710/24.9414&lang=ru&origins=24.9414,60.1710&cutoffs_s=120,360")
    expect(page.get_by_role("tab", name="Зоны обслуживания")).to_have_attribute("aria-selected", "true")
    expect(page.locator(".results tbody th")).to_have_text(["2", "6"])

    picked = open_page("/#map=17/60.1710/24.9414&lang=en&layers=buildings")
    found = pick(picked, "buildings")
    again = open_page("/#" + hash_of(picked))
    expect(again.locator("#feature .links a")).to_have_attribute("href", re.compile(f"/buildings/items/{found['id']}$"))


def test_what_the_server_refuses_is_said_plainly(open_page, watch):
    page = open_page("/#map=14/10/10&lang=en")
    page.get_by_role("tab", name="Service areas").click()
    with page.expect_response("**/execution") as response:
        page.get_by_role("button", name="From the centre of the map").click()
    assert response.value.status == 400
    assert response.value.headers["content-type"].startswith("application/problem+json")
    expect(page.locator("#areas [role=alert]")).to_contain_text(response.value.json()["detail"])
    expect(page.locator("#areas")).not_to_have_attribute("aria-busy", "true")
    assert all("400" in complaint for complaint in watch.complaints)
    watch.complaints.clear()


def test_wrong_numbers_do_not_reach_the_server(open_page):
    page = open_page("/" + CENTRE)
    page.get_by_role("tab", name="Service areas").click()
    page.locator("#input-cutoffs_s").fill("five")
    page.on("request", lambda request: pytest.fail(request.url) if "execution" in request.url else None)
    page.get_by_role("button", name="From the centre of the map").click()
    assert page.evaluate("document.querySelector('#input-cutoffs_s').matches(':invalid')")


def test_who_signs_in_sees_what_is_theirs(open_page, watch, user, closed):
    page = open_page("/#map=17/60.1700/24.9450&lang=en&layers=facilities")
    seen = f"horad.map.queryRenderedFeatures().some(f => String(f.id) === '{closed}')"
    eventually(page, "horad.map.queryRenderedFeatures().some(f => f.sourceLayer === 'facilities')")
    assert not page.evaluate(seen)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_label("API key or token").fill("rubbish")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("no API key of this service")
    watch.complaints.clear()
    page.get_by_label("API key or token").fill(user("viewer"))
    page.keyboard.press("Enter")
    expect(page.locator("#session")).to_contain_text("Signed in: user")
    page.wait_for_selector("html[data-ready]", state="attached")
    eventually(page, seen)
    assert "horad_" not in page.evaluate("document.cookie + JSON.stringify({...localStorage, ...sessionStorage})")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    page.wait_for_selector("html[data-ready]", state="attached")
    eventually(page, "horad.map.queryRenderedFeatures().some(f => f.sourceLayer === 'facilities')")
    assert not page.evaluate(seen)


def test_an_earlier_state_is_shown_and_said(open_page, watch):
    page = open_page("/" + CENTRE)
    page.locator(".moment summary").click()
    page.get_by_label("As it was known at").fill("2000-01-01T12:00")
    expect(page.locator("#past")).to_contain_text("As it was known on 2000-01-01 12:00")
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.evaluate(RENDERED, "roads") == 0
    expect(page.locator('[data-layer="roads"] .count')).to_have_text("0")
    page.get_by_role("tab", name="Service areas").click()
    page.get_by_role("button", name="From the centre of the map").click()
    expect(page.locator("#areas [role=alert]")).to_contain_text("was empty at 2000-01-01")
    watch.complaints.clear()
    page.get_by_role("button", name="Back to now").click()
    expect(page.locator("#past")).to_be_hidden()
    page.wait_for_selector("html[data-ready]", state="attached")
    assert page.evaluate(RENDERED, "roads") > 0
    assert "as_of=" not in hash_of(page)


def test_any_analysis_runs_on_the_map(open_page, client):
    page = open_page("/#map=15/60.1710/24.9414&lang=en")
    page.get_by_role("tab", name="Analyses").click()
    choice = page.get_by_label("What do you want to know?")
    offered = [each["id"] for each in client.get("/processes", params={"limit": 1000}).json()["processes"]]
    expect(choice).to_be_visible()
    found = choice.locator("option").evaluate_all("all => all.map(each => each.value).filter(Boolean)")
    assert sorted(found) == sorted(set(offered) - {"echo"})
    choice.select_option("facility-access")
    page.get_by_role("button", name="Run").click()
    assert page.evaluate("document.querySelector('#input-kind').matches(':invalid')")
    page.locator("#input-kind").fill("school")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#analyses .output").last).to_contain_text("features in the result")
    expect(page.locator("#analyses figcaption")).to_contain_text("min")
    assert page.locator("#analyses .legend li").count() > 1
    eventually(page, "horad.map.queryRenderedFeatures().some(f => f.source === 'horad-result')")
    colours = page.evaluate(
        "[...new Set(horad.map.queryRenderedFeatures().filter(f => f.source === 'horad-result')"
        ".map(f => f.properties['horad:colour']))]"
    )
    assert len(colours) > 1

    assert "analysis=facility-access&kind=school" in hash_of(page)
    again = open_page("/#" + hash_of(page))
    expect(again.get_by_role("tab", name="Analyses")).to_have_attribute("aria-selected", "true")
    expect(again.locator("#analyses .output").last).to_contain_text("features in the result")
    eventually(again, "horad.map.queryRenderedFeatures().some(f => f.source === 'horad-result')")
    spot = again.evaluate("""() => {
      for (let y = 200; y < 560; y += 6) for (let x = 420; x < 700; x += 6)
        if (horad.map.queryRenderedFeatures([x, y]).some(f => f.source === 'horad-result')) return [x, y];
    }""")
    again.mouse.click(*spot)
    expect(again.locator("#feature .brand")).to_have_text("Access to facilities")
    assert again.locator("#feature dt").count() > 0
    again.get_by_role("button", name="Clear").click()
    eventually(again, "horad.map.queryRenderedFeatures().every(f => f.source !== 'horad-result')")

    again.locator("#input-kind").fill("volcano")
    again.get_by_role("button", name="Run").click()
    expect(again.locator("#analyses [role=alert]")).to_contain_text("volcano")
    expect(again.locator("#analyses")).not_to_have_attribute("aria-busy", "true")


def test_places_of_an_analysis_are_chosen_on_the_map(open_page):
    page = open_page("/" + CENTRE)
    page.get_by_role("tab", name="Analyses").click()
    page.get_by_label("What do you want to know?").select_option("route")
    expect(page.locator("#input-stops")).to_be_visible()
    page.mouse.click(600, 320)
    page.mouse.click(800, 420)
    places = page.locator("#input-stops").input_value().split("; ")
    assert len(places) == 2
    page.get_by_role("button", name="Run").click()
    eventually(page, "horad.map.queryRenderedFeatures().some(f => f.source === 'horad-result')")
    assert f"stops={';'.join(places)}" in hash_of(page)
    expect(page.locator("#analyses")).not_to_contain_text("false")
    page.get_by_role("link", name="Map page").click()
    page.wait_for_selector(".leaflet-container canvas")


def test_lines_are_drawn_and_kinds_chosen_from_what_is_there(open_page):
    page = open_page("/" + CENTRE)
    page.get_by_role("tab", name="Analyses").click()
    page.get_by_label("What do you want to know?").select_option("what-if")
    kinds = page.locator("#input-kind-known option")
    expect(kinds.first).to_be_attached()
    page.get_by_label("Kind of facility").fill(kinds.first.get_attribute("value"))
    page.get_by_text("More settings").click()
    page.get_by_label("New streets").click()
    page.mouse.click(600, 320)
    page.mouse.click(800, 420)
    page.get_by_role("button", name="New line").click()
    page.mouse.click(620, 440)
    page.mouse.click(700, 500)
    lines = page.get_by_label("New streets").input_value()
    assert [len(line.split("; ")) for line in lines.split(" | ")] == [2, 2]
    eventually(page, "horad.map.queryRenderedFeatures().filter(f => f.layer.id === 'horad-places-0').length === 2")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("link", name="Map page")).to_be_visible()
    again = open_page("/#" + hash_of(page))
    expect(again.get_by_label("New streets")).to_have_value(lines)
    expect(again.get_by_role("link", name="Map page")).to_be_visible()


@pytest.mark.parametrize(("language", "tab"), [("be", "Слаі"), ("ru", "Слои")])
def test_language_switch_is_kept(open_page, language, tab):
    page = open_page("/" + CENTRE)
    page.locator(f"#languages [lang={language}]").click()
    expect(page.get_by_role("tab").first).to_have_text(tab)
    page.wait_for_selector("html[data-ready]", state="attached")
    expect(page.locator("html")).to_have_attribute("lang", language)
    assert f"lang={language}" in hash_of(page)
    assert "map=16/60.171/24.9414" in hash_of(page)
    assert page.evaluate("localStorage.getItem('horad.language')") == language


def test_cyrillic_labels_come_from_our_own_fonts(open_page):
    page = open_page("/#map=16/60.1710/24.9414&lang=be")
    add_label = """([id, font, y]) => horad.map.addLayer({
      id, type: "symbol",
      source: {type: "geojson", data: {type: "Point", coordinates: horad.map.unproject([690, y]).toArray()}},
      layout: {
        "text-field": "Ўзгорак, Ігнатоўскага, Їжак, Щёлково № 7", "text-font": [font], "text-max-width": 50,
        "text-allow-overlap": true,
      },
    }) && null"""
    with page.expect_response("**/fonts/**/1024-1279.pbf") as response:
        page.evaluate(add_label, ["regular", "Noto Sans Regular", 250])
        page.evaluate(add_label, ["bold", "Noto Sans Bold", 310])
    assert response.value.status == 200
    eventually(page, "horad.map.queryRenderedFeatures({layers: ['regular', 'bold']}).length === 2")


def test_sources_are_named_where_their_data_are_in_view(open_page):
    page = open_page("/" + CENTRE)
    expect(page.locator(".maplibregl-ctrl-attrib")).to_contain_text("© OpenStreetMap contributors")
    page.evaluate("horad.map.jumpTo({center: [10, 10]})")
    expect(page.locator(".maplibregl-ctrl-attrib")).to_be_hidden()


def test_phone(open_page):
    page = open_page("/#map=16/60.1710/24.9414&lang=en", viewport={"width": 360, "height": 640}, has_touch=True)
    expect(page.locator("#panel-body")).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for name in ("Fold or unfold the panel", "Zoom in"):
        assert page.get_by_role("button", name=name).bounding_box()["height"] >= (44 if "panel" in name else 24)
    page.get_by_role("button", name="Fold or unfold the panel").tap()
    page.get_by_role("tab", name="Service areas").tap()
    page.get_by_role("button", name="From the centre of the map").tap()
    expect(page.locator(".results tbody tr")).to_have_count(3)
    expect(page.locator(".results tbody tr").last).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_without_webgl_the_data_are_still_offered(open_page):
    script = "HTMLCanvasElement.prototype.getContext = () => null"
    page = open_page("/#lang=be", ready="html[data-state=failed]", script=script)
    expect(page.get_by_role("alert")).to_contain_text("WebGL")
    assert page.locator("#notice a").get_attribute("href").endswith("/collections")


def test_a_server_that_fails_is_not_a_blank_page(open_page, watch):
    page = open_page("/#lang=en")
    page.route(
        "**/styles/city*",
        lambda route: route.fulfill(
            status=503,
            content_type="application/problem+json",
            body='{"title": "No database", "detail": "It is starting."}',
        ),
    )
    page.reload()
    expect(page.get_by_role("alert")).to_contain_text("No database: It is starting.")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    watch.complaints.clear()
