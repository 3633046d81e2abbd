"""Maps of frames, read from the page that they write."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import folium
import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import LineString, Point

from geo.analysis import ColourClass, Column, View
from geo.errors import InvalidInputError
from geo.map_classes import format_value
from geo.maps import MAX_FEATURES, add_legend, base_map, frame_map

MINUTES = {"be": "хв", "ru": "мин", "en": "min"}
TIME = Column(title={"be": "Час", "ru": "Время", "en": "Time"}, unit=MINUTES, scale=1 / 60, decimals=1)
NAME = Column(title={"be": "Назва", "ru": "Название", "en": "Name"})
VIEW = View(geometry="point", columns={"name": NAME, "time_s": TIME}, colour_by="time_s", draw_first="high")


def places(*times_s: float | None, names: list[Any] | None = None) -> gpd.GeoDataFrame:
    shapes = [Point(27.5 + number / 100, 53.9) for number in range(len(times_s))]
    return gpd.GeoDataFrame({"name": names or "place", "time_s": times_s}, geometry=shapes, crs=4326)


def page(shown: folium.Map) -> str:
    return str(shown.get_root().render())


def legend(shown: folium.Map) -> list[str]:
    section = re.search("<section.*?</section>", page(shown), re.DOTALL)
    assert section is not None
    return re.findall(r"</span>(.*?)</li>", section[0])


def drawn(shown: folium.Map) -> list[dict[str, Any]]:
    (layer,) = (child for child in shown._children.values() if isinstance(child, folium.GeoJson))
    return [feature["properties"] for feature in layer.data["features"]]


def test_a_page_has_a_language_a_title_and_what_the_map_shows() -> None:
    text = page(frame_map(places(60, 120).to_crs(32635), VIEW, lang="be", title="Прыпынкі"))
    assert '<html lang="be">' in text
    assert "<title>Прыпынкі</title>" in text
    assert "Час, хв" in text
    assert '"maxZoom": 19' in text
    assert '"preferCanvas": true' in text
    (bounds,) = re.findall(r"fitBounds\(\s*(\[\[.*?\]\])", text)
    assert np.array(eval(bounds)) == pytest.approx(np.array([[53.9, 27.5], [53.9, 27.51]]))
    assert "L.tileLayer" not in text


def test_few_values_have_a_colour_each_and_low_ones_lie_on_top() -> None:
    shown = frame_map(places(300, 900, 600), VIEW)
    assert legend(shown) == ["5", "10", "15"]
    assert [each["column_time_s"] for each in drawn(shown)] == ["15", "10", "5"]
    assert len({each["colour"] for each in drawn(shown)}) == 3


def test_many_values_share_colours_and_each_is_in_one_class() -> None:
    shown = frame_map(places(*np.arange(0, 6000, 60.0), None), VIEW)
    entries = legend(shown)
    assert len(entries) == len(VIEW.colours) + 1
    assert entries[0].startswith("0 – ")
    assert entries[-2].endswith(" – 99")
    assert entries[-1] == "no data"
    colours = [each["colour"] for each in drawn(shown)]
    assert min(colours.count(colour) for colour in VIEW.colours) >= 16
    assert drawn(shown)[0]["column_time_s"] == "–"


def test_values_that_read_the_same_share_a_class() -> None:
    assert legend(frame_map(places(-0.1, 0.0, 0.1, 600), VIEW)) == ["0", "10"]
    almost = places(*np.linspace(5999.99, 6000, 100), 60)
    assert legend(frame_map(almost, VIEW)) == ["1 – 100"]


def test_lines_among_other_shapes_are_not_filled_and_small_polygons_show_their_colour() -> None:
    shapes = [
        LineString([(27, 53), (28, 54)]),
        Point(27, 53),
        Point(27.5, 53.5).buffer(1e-5),
        Point(28, 54).buffer(0.2),
    ]
    frame = gpd.GeoDataFrame({"name": "a", "time_s": [60] * 4}, geometry=shapes, crs=4326)
    shown = frame_map(frame, replace(VIEW, geometry="mixed"))
    (layer,) = (child for child in shown._children.values() if isinstance(child, folium.GeoJson))
    line, _, small, large = (layer.style_function(feature) for feature in layer.data["features"])
    assert line["fill"] is False
    assert small["color"] == small["fillColor"] == large["fillColor"]
    assert small["weight"] > large["weight"]


def test_names_are_coloured_by_class_and_the_rest_share_one() -> None:
    school = ColourClass(title={"be": "Школы", "ru": "Школы", "en": "Schools"}, colour="#aa0000", values=("school",))
    other = ColourClass(title={"be": "Іншае", "ru": "Другое", "en": "Other"}, colour="#bbbbbb")
    view = View(geometry="point", columns={"name": NAME}, colour_by="name", classes=(school, other))
    shown = frame_map(places(1, 2, 3, names=["clinic", "school", "pool"]), view, lang="ru")
    assert legend(shown) == ["Школы", "Другое"]
    assert [each["colour"] for each in drawn(shown)] == ["#bbbbbb", "#aa0000", "#bbbbbb"]


def test_what_people_wrote_is_shown_and_never_run() -> None:
    evil = "<script>alert(1)</script>{{ 7 * 7 }}"
    frame = places(60, names=[evil])
    title = {"be": evil, "ru": evil, "en": evil}
    view = View(geometry="point", columns={"name": Column(title=title), "time_s": TIME}, colour_by="name", classes=(
        ColourClass(title=title, colour="#aa0000"),
    ))  # fmt: skip
    shown = frame_map(frame, view, title=evil)
    text = page(shown)
    assert "<script>alert" not in text
    assert "49" not in re.sub(r"[0-9a-f]{32}", "", text)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}</title>" in text
    assert drawn(shown)[0]["column_name"] == "&lt;script&gt;alert(1)&lt;/script&gt;&#123;&#123; 7 * 7 }}"


def test_an_empty_frame_is_a_map_with_a_note() -> None:
    nothing = places(60)[:0]
    nowhere = places(60).set_geometry(gpd.GeoSeries([None], crs=4326))
    for frame in (nothing, nowhere):
        assert "Тут няма чаго паказаць." in page(frame_map(frame, VIEW, lang="be"))


def test_lines_without_a_coloured_column() -> None:
    frame = gpd.GeoDataFrame({"name": ["A"]}, geometry=[LineString([(27, 53), (28, 54)])], crs=4326)
    shown = frame_map(
        frame, View(geometry="line", columns={"name": NAME}), base=folium.TileLayer("/tiles/{z}", attr="-")
    )
    assert [each["column_name"] for each in drawn(shown)] == ["A"]
    assert "/tiles/{z}" in page(shown)


def test_a_frame_that_is_too_large_is_drawn_coarser() -> None:
    x, y = (axis.ravel() / 100 for axis in np.meshgrid(np.arange(20), np.arange(20)))
    houses = shapely.buffer(shapely.points(27 + x, 53 + y), 1e-4)
    shapes = [*houses, shapely.box(26, 52, 26.5, 53)]
    frame = gpd.GeoDataFrame({"name": "house", "time_s": range(401)}, geometry=shapes, crs=4326)
    view = replace(VIEW, geometry="polygon")
    exact, coarse = frame_map(frame, view), frame_map(frame, view, max_bytes=100_000)
    kinds = [
        [each["geometry"]["type"] for each in layer.data["features"]]
        for shown in (exact, coarse)
        for layer in shown._children.values()
        if isinstance(layer, folium.GeoJson)
    ]
    assert set(kinds[0]) == {"Polygon"}
    assert (kinds[1].count("Point"), kinds[1].count("Polygon")) == (400, 1)
    assert legend(exact) == legend(coarse)


def test_whose_the_data_is_stands_in_the_corner() -> None:
    text = page(frame_map(places(60), VIEW, attribution="© <b>OSM</b>"))
    assert 'addAttribution("\\u00a9 &lt;b&gt;OSM&lt;/b&gt;")' in text


def test_frames_too_large_for_a_page_are_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"2001 features are too many .* a file for a GIS"):
        frame_map(places(*range(MAX_FEATURES + 1)), VIEW)
    long_line = LineString(np.random.default_rng(1).uniform(0, 50, (90_000, 2)))
    frame = gpd.GeoDataFrame({"name": ["A"]}, geometry=[long_line], crs=4326)
    with pytest.raises(InvalidInputError, match="MB, too much for a page"):
        frame_map(frame, View(geometry="line", columns={"name": NAME}))


def test_frames_that_do_not_fit_the_view_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="no column 'time_s'"):
        frame_map(places(1).drop(columns="time_s"), VIEW)
    with pytest.raises(InvalidInputError, match="no CRS"):
        frame_map(gpd.GeoDataFrame(geometry=[Point(0, 0)]), VIEW)


def test_a_base_map_takes_a_legend() -> None:
    shown = base_map(title="Roads", bounds=(27, 53, 28, 54))
    add_legend(shown, "Roads", [ColourClass(title=NAME.title, colour="#123456")], lang="ru")
    assert legend(shown) == ["Название"]
    assert "#123456" in page(shown)


@pytest.mark.parametrize(
    ("value", "lang", "text"),
    [
        (None, "en", "–"),
        (float("nan"), "en", "–"),
        (90, "en", "1.5"),
        (90, "be", "1,5"),
        (np.int64(7_200_000), "en", "120,000"),
        (7_200_000.0, "ru", "120\u00a0000"),
        (True, "en", "True"),
        ("a, b", "ru", "a, b"),
    ],
)
def test_values_read_as_people_write_them(value: Any, lang: str, text: str) -> None:
    assert format_value(value, TIME, lang) == text
