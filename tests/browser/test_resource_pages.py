"""The pages that people get of what programs get as JSON."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

PAGES = {
    "/collections?f=html": "Layers",
    "/collections/roads?f=html": "Roads",
    "/processes?f=html": "Processes",
    "/processes/service-areas?f=html&lang=ru": "Зоны обслуживания",
    "/conformance?f=html": "Conformance",
    "/api.html": "API",
}


@pytest.mark.parametrize(("path", "title"), PAGES.items())
def test_a_resource_has_a_page_whose_parts_are_all_there(open_page, path, title):
    page = open_page(path, ready="h1")
    expect(page.locator("h1")).to_have_text(title)
    assert page.locator("main").bounding_box()["width"] > 600, "the style sheet"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "nothing sticks out"


def test_items_are_a_table_to_leaf_through(open_page):
    page = open_page("/collections/buildings/items?f=html&limit=5", ready="table")
    assert page.locator("tbody tr").count() == 5
    first = page.locator("tbody tr a").first.inner_text()
    page.get_by_text("Next page").click()
    expect(page.locator("tbody tr a").first).not_to_have_text(first)
    page.locator("tbody tr a").first.click()
    expect(page.locator("dt", has_text="source_id")).to_be_visible()


def test_items_are_on_a_map_and_can_be_asked_for(open_page):
    page = open_page("/collections/buildings/items?f=html&limit=5", ready="#map[data-state=ready]")
    page.get_by_label("limit").fill("3")
    page.get_by_label("filter").fill("use = 'residential'")
    page.get_by_role("button", name="Find").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    expect(page.locator("tbody td", has_text="residential")).to_have_count(3)
    expect(page.locator("#map[data-state=ready] canvas")).to_be_visible()


def test_a_layer_that_the_city_hides_is_on_the_map_of_its_page(open_page):
    page = open_page("/collections/hydrants?f=html", ready="#map[data-state=ready]")
    with page.expect_response(lambda each: "/collections/hydrants/tiles/" in each.url and each.ok):
        page.reload()
