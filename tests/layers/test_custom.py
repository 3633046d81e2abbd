"""Custom layers: any source becomes a layer like all others."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import mapbox_vector_tile
import openpyxl
import pyogrio
import pytest
import shapely
from sqlalchemy import text
from town import LAT, LON, Given, Town

from geo.errors import InvalidInputError
from layers.access.roles import act_as
from layers.catalog import LayerTable, all_layers, find, set_custom_layers
from layers.city import City
from layers.custom import custom
from layers.custom.files import load_custom
from layers.custom.making import create_layer
from layers.description import Shape
from layers.errors import NotFoundError, SourceError
from layers.loads.ingest import Report
from layers.postgres import database
from layers.postgres.startup import ready_engine
from layers.reading import store
from layers.settings import get_settings
from layers.sources.records import Record
from layers.tiles.tiles import tile

Row = dict[str, object]
SOCCER = {
    "Название": "Поле",
    "open": "true",
    "Площадь": "12,5",
    "seats": "007",
    "built": "1999",
    "checked": "2024-05-01",
}
CHESS = {"Название": "Стол", "open": "no", "Площадь": "2", "seats": "4", "built": "2001", "checked": "2023-12-31"}


@pytest.fixture
def grounds(town: Town) -> Iterator[Town]:
    """The town; whatever custom layers a test makes are dropped at its end."""
    yield town
    for name in list(all_layers()):
        if name.startswith(custom.PREFIX):
            custom.drop_layer(town.engine, name)


def point(number: int, tags: dict[str, str], wkb: str | None = None) -> Record:
    return Record("any", str(number), wkb or shapely.Point(LON + number / 1000, LAT).wkb_hex, {}, tags)


def make(town: Town, *items: Record, name: str = "playgrounds", **options: object) -> Report:
    def opener(layer: LayerTable) -> Given:
        return Given(*(item._replace(layer=layer.name) for item in items))

    return create_layer(
        town.engine, opener, name=name, territory=town.id, file_name="given", fingerprint="x", **options
    )


def test_a_source_becomes_a_layer_with_typed_columns(grounds: Town) -> None:
    report = make(grounds, point(1, SOCCER), point(2, CHESS), title="Площадки")
    assert report.layers["custom_playgrounds"].added == 2
    model = find("custom_playgrounds")
    kinds = {column.title["en"]: (column.name, column.python_type) for column in model.columns}
    assert kinds == {
        "Название": ("nazvanie", str),
        "open": ("open", bool),
        "Площадь": ("ploshchad", float),
        "seats": ("seats", str),
        "built": ("built", int),
        "checked": ("checked", dt.date),
    }
    assert model.layer.title["be"] == "Площадки"
    rows = grounds.features("custom_playgrounds")
    assert (rows["1"]["ploshchad"], rows["1"]["seats"], rows["2"]["open"]) == (12.5, "007", False)
    with grounds.engine.connect() as connection:
        frame = store.read_frame(connection, "custom_playgrounds", store.Query(territory=grounds.id))
        assert frame["checked"].tolist() == [dt.date(2024, 5, 1), dt.date(2023, 12, 31)]
        page = store.read_page(connection, "custom_playgrounds", store.Query(limit=5))
        assert json.loads(page.features[0])["properties"]["nazvanie"] == "Поле"
        drawn = tile(connection, ["custom_playgrounds"], z=4, row=5, col=9)
    assert mapbox_vector_tile.decode(drawn)["custom_playgrounds"]["features"][0]["properties"]["point_count"] == 2


def test_numbers_days_and_codes_are_told_apart(grounds: Town, tmp_path: Path) -> None:
    file = tmp_path / "wells.csv"
    file.write_text(
        f"lon;lat;sum;day;plot;phone\n{LON};{LAT};1 234,5;31.12.2020;500000000001000123;+375291234567\n"
        f"{LON};{LAT};12 345;1.2.2021;7;+375291234568\n"
    )
    load_custom(grounds.engine, file, name="wells", territory=grounds.id)
    rows = grounds.features("custom_wells").values()
    told = {(row["sum"], row["day"], row["plot"], row["phone"]) for row in rows}
    assert told == {
        (1234.5, dt.date(2020, 12, 31), "500000000001000123", "+375291234567"),
        (12345.0, dt.date(2021, 2, 1), "7", "+375291234568"),
    }


def test_loading_again_brings_it_up_to_date_and_keeps_history(grounds: Town) -> None:
    make(grounds, point(1, SOCCER), point(2, CHESS))
    again = make(grounds, point(1, SOCCER | {"built": "2005"}), point(3, CHESS | {"built": "soon"}))
    report = again.layers["custom_playgrounds"]
    assert (report.changed, report.gone, report.rejected) == (1, 1, {"built: 'soon' is no whole number": 1})
    with grounds.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM history.custom_playgrounds")).scalar() == 2


def test_a_file_becomes_a_layer(grounds: Town, tmp_path: Path) -> None:
    file = tmp_path / "wells.geojson"
    shape = {"type": "Point", "coordinates": [LON, LAT]}
    features = [{"type": "Feature", "geometry": shape, "properties": {"depth": depth}} for depth in (3, 4.5, None)]
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    load_custom(grounds.engine, file, name="Wells & springs")
    table = tmp_path / "wells.csv"
    table.write_text(f"имя;широта;долгота;глубина\nПервый;{LAT};{LON};3,5\n".replace(".", ","), encoding="windows-1251")
    load_custom(grounds.engine, table, name="колодцы", territory=grounds.id)
    with grounds.engine.connect() as connection:
        frame = store.read_frame(connection, "custom_wells_springs", store.Query(territory=grounds.id))
        assert sorted(frame["depth"].dropna()) == [3, 4.5]
        frame = store.read_frame(connection, "custom_kolodtsy", store.Query(territory=grounds.id))
        assert frame[["imya", "glubina"]].to_numpy().tolist() == [["Первый", 3.5]]


def test_a_file_of_which_no_layer_can_be_made_is_refused(
    grounds: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = tmp_path / "two.gpkg"
    frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(LON, LAT)], crs=4326)
    for name in ("north", "south"):
        pyogrio.write_dataframe(frame, book, layer=name)
    with pytest.raises(InvalidInputError, match="has the tables north, south: name one"):
        load_custom(grounds.engine, book, name="two")
    with pytest.raises(InvalidInputError, match="has no table east; it has north, south"):
        load_custom(grounds.engine, book, name="two", table="east")
    load_custom(grounds.engine, book, name="two", table="south")
    (tmp_path / "town.osm").write_text("<osm/>")
    with pytest.raises(InvalidInputError, match=r"OpenStreetMap data, which fills layers.*horad load"):
        load_custom(grounds.engine, tmp_path / "town.osm", name="town")
    openpyxl.Workbook().save(tmp_path / "town.xlsx")
    with pytest.raises(SourceError, match=r"town\.xlsx is empty"):
        load_custom(grounds.engine, tmp_path / "town.xlsx", name="town", territory=grounds.id)
    (tmp_path / "far.csv").write_text("lon,lat,a\n,,1\n,,2\n")
    with pytest.raises(InvalidInputError, match=r"no points, lines or polygons.*\(no coordinates: 2\)"):
        load_custom(grounds.engine, tmp_path / "far.csv", name="far", territory=grounds.id, crs="EPSG:4326")
    small = get_settings().model_copy(update={"custom_max_mb": 0})
    monkeypatch.setattr("layers.custom.files.get_settings", lambda: small)
    with pytest.raises(InvalidInputError, match="takes at most 0"):
        load_custom(grounds.engine, book, name="two", table="south")


def test_it_has_a_style_of_its_own(grounds: Town) -> None:
    make(grounds, point(1, SOCCER), point(2, CHESS), style_by="Название")
    style = find("custom_playgrounds").layer.style
    assert style.column == "nazvanie"
    assert [symbol.values for symbol in style.symbols] == [(), ("Поле",), ("Стол",)]
    symbols = [{"title": dict.fromkeys(("en", "ru", "be"), "All"), "colour": "#123456"}]
    custom.set_style(grounds.engine, "playgrounds", {"symbols": symbols, "opacity": 0.5})
    changed = find("custom_playgrounds").layer.style
    assert (changed.symbols[0].colour, changed.order) == ("#123456", style.order)
    for wrong, problem in (({"symbols": 1}, "symbols"), ({"symbols": symbols, "column": "depth"}, "no column depth")):
        with pytest.raises(InvalidInputError, match=problem):
            custom.set_style(grounds.engine, "playgrounds", wrong)
    with pytest.raises(InvalidInputError, match="There is no field 'depth'; there are: Название"):
        make(grounds, point(1, SOCCER), name="other", style_by="depth")
    with pytest.raises(InvalidInputError, match="at most 12 different texts"):
        make(grounds, point(1, SOCCER), name="other", style_by="built")


def test_other_processes_learn_of_it(grounds: Town) -> None:
    make(grounds, point(1, SOCCER))
    known = find("custom_playgrounds")
    with grounds.engine.connect() as connection:
        custom.refresh(connection)
    assert find("custom_playgrounds") is known
    custom.drop_layer(grounds.engine, "playgrounds")
    with pytest.raises(NotFoundError):
        find("custom_playgrounds")
    with grounds.engine.connect() as connection:
        assert connection.execute(text("SELECT to_regclass('history.custom_playgrounds')")).scalar() is None
    with pytest.raises(NotFoundError, match="no custom layer 'custom_playgrounds'; there are: none yet"):
        custom.drop_layer(grounds.engine, "playgrounds")


def test_a_notebook_and_the_command_line_know_it_from_the_start(grounds: Town) -> None:
    make(grounds, point(1, SOCCER))
    set_custom_layers({})
    assert City(grounds.id, engine=grounds.engine).custom_playgrounds.read()["built"].tolist() == [1999]
    set_custom_layers({})
    ready_engine()
    assert find("custom_playgrounds").layer.title["en"] == "playgrounds"


def test_it_is_guarded_like_every_layer(grounds: Town) -> None:
    make(grounds, point(1, SOCCER))
    with grounds.engine.begin() as connection:
        connection.execute(
            text("UPDATE territories SET restricted = '{custom_playgrounds}' WHERE id = :id"), {"id": grounds.id}
        )
        act_as(connection, None)
        assert store.count(connection, "custom_playgrounds", store.Query()) == 0
    try:
        with database.engine(public=True).connect() as connection:
            custom.refresh(connection)
        assert "custom_playgrounds" not in all_layers()
    finally:
        custom.refresh_now(grounds.engine)


def test_what_is_no_layer_is_refused_and_leaves_nothing(grounds: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    line = shapely.LineString([(LON, LAT), (LON, LAT + 0.01)]).wkb_hex
    before = grounds.everything()
    with pytest.raises(InvalidInputError, match="mixes them"):
        make(grounds, point(1, SOCCER), point(2, CHESS, line))
    with pytest.raises(InvalidInputError, match="no points, lines or polygons"):
        make(grounds)
    monkeypatch.setattr(
        "layers.custom.making.get_settings", lambda: get_settings().model_copy(update={"custom_max_features": 1})
    )
    with pytest.raises(InvalidInputError, match="at most 1 features"):
        make(grounds, point(1, SOCCER), point(2, CHESS))
    assert grounds.everything() == before
    assert not any(name.startswith("custom_") for name in all_layers())


def test_of_mixed_shapes_one_can_be_chosen(grounds: Town) -> None:
    line = shapely.LineString([(LON, LAT), (LON, LAT + 0.01)]).wkb_hex
    report = make(grounds, point(1, SOCCER), point(2, CHESS, line), shape=Shape.POINT)
    assert report.layers["custom_playgrounds"].rejected == {"the geometry is no point": 1}


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        (shapely.LineString([(LON, LAT), (LON, LAT + 0.01)]), Shape.LINE),
        (shapely.box(LON, LAT, LON + 0.01, LAT + 0.01), Shape.POLYGON),
        (shapely.MultiPolygon([shapely.box(LON, LAT, LON + 0.01, LAT + 0.01)]), Shape.POLYGON),
    ],
)
def test_its_shape_is_that_of_its_features(grounds: Town, shape: shapely.Geometry, kind: Shape) -> None:
    make(grounds, point(1, SOCCER, shape.wkb_hex))
    assert find("custom_playgrounds").layer.shape is kind


def test_more_fields_than_columns_stay_as_tags(grounds: Town) -> None:
    tags = {f"field {number}": str(number) for number in range(60)}
    make(grounds, point(1, tags))
    assert len(find("custom_playgrounds").columns) == 40
    row = grounds.features("custom_playgrounds")["1"]
    assert row["tags"]["field 59"] == "59"
    with grounds.engine.connect() as connection:
        assert store.read_page(connection, "custom_playgrounds", store.Query(limit=1)).features


def test_fields_may_have_the_names_of_what_a_load_notes_of_records(grounds: Town) -> None:
    tags = {"nth": "7", "reason": "flood", "layer": "a", "mapped": "b", "record": "c"}
    report = make(grounds, point(1, tags), point(1, tags), point(2, tags))
    found = report.layers["custom_playgrounds"]
    assert (found.added, list(found.rejected.values())) == (2, [1])
    row = grounds.features("custom_playgrounds")["2"]
    assert {name: str(row[name]) for name in tags} == tags


@pytest.mark.parametrize("name", ["roads", "id", "sélect; drop", "Дорожки", "x" * 200])
def test_any_name_makes_a_safe_one(grounds: Town, name: str) -> None:
    make(
        grounds,
        point(1, {"id": "7", "geom": "x", "Name": "a", "name": "b", "select": "1", "moment": "1", "rows": "2"}),
        name=name,
    )
    layer = custom.custom_name(name)
    assert replace(find(layer).layer.style).order >= 1000
    assert {column.name for column in find(layer).columns} == {
        "id_2",
        "geom_2",
        "name",
        "name_2",
        "select",
        "moment",
        "rows",
    }
    with grounds.engine.connect() as connection:
        assert store.count(connection, layer, store.Query()) == 1
