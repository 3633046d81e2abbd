"""Files that are broken, or made to do harm: told plainly, and nothing is changed."""

from __future__ import annotations

import gzip
import random
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import geopandas as gpd
import numpy as np
import openpyxl
import pytest
import shapely
from samples import COUNT, FILES, pack, schools, shapefile, write
from town import LAT, LON, Town, accounted

from geo.errors import HoradError, InvalidInputError
from layers.errors import SourceError
from layers.settings import get_settings
from layers.sources.opening import opened
from layers.sources.stated import Stated

MEGABYTE = 1024 * 1024
ROW = f"{LON},{LAT},school\n"


def table(rows: int = 1) -> str:
    return "lon,lat,kind\n" + ROW * rows


@pytest.fixture
def scratch(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where files are put that nobody keeps, while nobody else uses it."""
    folder = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def small_limit() -> Iterator[None]:
    """Nothing is unpacked beyond a megabyte."""
    patch = pytest.MonkeyPatch()
    patch.setenv("HORAD_MAX_UNPACKED_MB", "1")
    get_settings.cache_clear()
    yield
    patch.undo()
    get_settings.cache_clear()


def bomb(folder: Path) -> Path:
    """100 MB of nothing in 100 kB."""
    with zipfile.ZipFile(folder / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed, packed.open("town.csv", "w") as out:
        for _ in range(100):
            out.write(bytes(MEGABYTE))
    return folder / "bomb.zip"


def compressed_bomb(folder: Path) -> Path:
    with gzip.open(folder / "town.csv.gz", "wb") as out:
        for _ in range(100):
            out.write(bytes(MEGABYTE))
    return folder / "town.csv.gz"


def map_bomb(folder: Path) -> Path:
    return bomb(folder).rename(folder / "town.kmz")


def workbook_bomb(folder: Path) -> Path:
    book = openpyxl.Workbook()
    book.active.append(["lon", "lat", "kind"])
    book.save(folder / "town.xlsx")
    with (
        zipfile.ZipFile(folder / "town.xlsx", "a", zipfile.ZIP_DEFLATED) as packed,
        packed.open("xl/media/nothing.png", "w") as out,
    ):
        for _ in range(100):
            out.write(bytes(MEGABYTE))
    return folder / "town.xlsx"


@pytest.mark.parametrize("make", [bomb, compressed_bomb, map_bomb, workbook_bomb])
def test_what_would_unpack_to_too_much_is_not_unpacked(
    town: Town, tmp_path: Path, make: Callable[[Path], Path], scratch: Path
) -> None:
    file = make(tmp_path)
    with pytest.raises(SourceError, match=rf"{file.name} would unpack to over 200 times its size"):
        town.load(file, "facilities")
    assert list(scratch.iterdir()) == []


@pytest.mark.usefixtures("small_limit")
def test_the_limit_can_be_set(town: Town, tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(2 * MEGABYTE)
    (tmp_path / "town.csv").write_bytes(noise)
    (tmp_path / "town.csv.gz").write_bytes(gzip.compress(noise))
    for file in (pack(tmp_path / "town.zip", tmp_path / "town.csv"), tmp_path / "town.csv.gz"):
        with pytest.raises(SourceError, match="more than 1 MB, the limit that HORAD_MAX_UNPACKED_MB sets"):
            town.load(file, "facilities")


def test_an_archive_that_lies_about_its_sizes_gives_no_more_than_it_says(town: Town, tmp_path: Path) -> None:
    content = (table() + " " * 50_000).encode()
    with zipfile.ZipFile(tmp_path / "town.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("town.csv", content)
    lying = (tmp_path / "town.zip").read_bytes().replace(len(content).to_bytes(4, "little"), (40).to_bytes(4, "little"))
    (tmp_path / "town.zip").write_bytes(lying)
    with pytest.raises(SourceError, match=r"town\.zip can't be unpacked, it is cut off or damaged"):
        town.load(tmp_path / "town.zip", "facilities")


@pytest.mark.parametrize("name", ["../town.csv", "a/../../town.csv", "/tmp/town.csv", "C:\\town.csv", "..\\town.csv"])
def test_members_stay_in_their_folder(town: Town, tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / "town.zip", "w") as packed:
        packed.writestr("good.csv", table())
        packed.writestr(name, table())
    with pytest.raises(SourceError, match="would lie outside its folder"):
        town.load(tmp_path / "town.zip", "facilities")


def test_archives_within_archives_stay_packed(town: Town, tmp_path: Path) -> None:
    (tmp_path / "town.csv").write_text(table())
    inner = pack(tmp_path / "inner.zip", tmp_path / "town.csv")
    with pytest.raises(SourceError, match=r"outer\.zip holds nothing that is read: inner\.zip"):
        town.load(pack(tmp_path / "outer.zip", inner), "facilities")


def test_archives_that_cant_be_unpacked_are_told(town: Town, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as packed:
        for nth in range(10_001):
            packed.writestr(f"{nth}.csv", "")
    with pytest.raises(SourceError, match="10,001 files; 10,000 are the most"):
        town.load(tmp_path / "many.zip", "facilities")
    (tmp_path / "town.csv").write_text(table())
    secret = bytearray(pack(tmp_path / "secret.zip", tmp_path / "town.csv").read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        secret[secret.index(mark) + place] |= 1
    (tmp_path / "secret.zip").write_bytes(secret)
    with pytest.raises(SourceError, match="protected by a password"):
        town.load(tmp_path / "secret.zip", "facilities")
    empty = tmp_path / "empty.zip"
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(SourceError, match=r"empty\.zip holds nothing that is read: nothing"):
        town.load(empty, "facilities")


@contextmanager
def listener() -> Iterator[tuple[str, list[str]]]:
    """A server that nobody must ask, and what it was asked."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Stay silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


GML = 'xmlns:gml="http://www.opengis.net/gml"'
MEMBER = (
    f"<gml:featureMember><town><kind>school</kind><geometry>{{point}}<gml:coordinates>{LON},{LAT}</gml:coordinates>"
    "</gml:Point></geometry></town></gml:featureMember></gml:FeatureCollection>"
)
LEADS_AWAY = {
    "to another file": (
        "town.gml",
        '<OGRVRTDataSource><OGRVRTLayer name="facilities"><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>",
    ),
    "to another file, past a comment": (
        "town.kml",
        "<kml><!-- <OGRVRTDataSource> --></kml><OGRVRTDataSource><OGRVRTLayer name='facilities'>"
        "<SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
    ),
    "to another file, as a database": (
        "town.gpkg",
        '<OGRVRTDataSource><OGRVRTLayer name="facilities"><SrcDataSource>{secret}</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>",
    ),
    "to a pipeline": (
        "town.json",
        '{{"type": "gdal_streamed_alg", "command_line": "gdal vector pipeline ! read {secret} ! write streamed"}}',
    ),
    "to a service": ("town.gml", "<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>"),
    "to a service that is described": (
        "town.gml",
        '<WFS_Capabilities version="1.1.0" xmlns="http://www.opengis.net/wfs"><a href="{url}"/></WFS_Capabilities>',
    ),
    "by an entity": (
        "town.gml",
        f'<!DOCTYPE a [<!ENTITY b SYSTEM "file://{{secret}}">]><gml:Collection {GML}>&b;</gml:Collection>',
    ),
    "by an entity of the web": (
        "town.kml",
        '<!DOCTYPE kml [<!ENTITY b SYSTEM "{url}/entity">]><kml><Placemark><name>&b;</name></Placemark></kml>',
    ),
    "by an entity of entities": (
        "town.kml",
        "<!DOCTYPE kml [<!ENTITY a 'aaaaaaaaaa'>"
        + "".join(f"<!ENTITY {b} '{f'&{a};' * 10}'>" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
        + "]><kml><Placemark><name>&i;</name></Placemark></kml>",
    ),
    "by a schema": (
        "town.gml",
        f'<gml:FeatureCollection {GML} xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        f' xsi:schemaLocation="http://town {{url}}/town.xsd">{MEMBER}'.replace("{point}", "<gml:Point>"),
    ),
    "by the name of a CRS": (
        "town.gml",
        f"<gml:FeatureCollection {GML}>{MEMBER}".replace("{point}", '<gml:Point srsName="{url}/crs">'),
    ),
    "by a link to a CRS": (
        "town.geojson",
        '{{"type": "FeatureCollection", "crs": {{"type": "link", "properties": {{"href": "{url}/crs",'
        ' "type": "proj4"}}}}, "features": [{{"type": "Feature", "properties": {{"kind": "school"}}, "geometry":'
        f' {{{{"type": "Point", "coordinates": [{LON}, {LAT}]}}}}}}}}]}}}}',
    ),
    "by a link to a CRS that is hidden": (
        "town.geojson",
        '{{"type": "FeatureCollection", "features": [{{"type": "Feature", "properties": {{"kind": "school"}},'
        f' "geometry": {{{{"type": "Point", "coordinates": [{LON}, {LAT}]}}}}}}}}], "\\u0063R\\u0073":'
        ' {{"type": "link", "properties": {{"href": "{url}/crs"}}}}}}',
    ),
    "by the name of a CRS in JSON": (
        "town.geojson",
        '{{"type": "FeatureCollection", "crs": {{"type": "name", "properties": {{"name": "{url}/crs"}}}}, "features":'
        ' [{{"type": "Feature", "properties": {{"kind": "school"}}, "geometry":'
        f' {{{{"type": "Point", "coordinates": [{LON}, {LAT}]}}}}}}}}]}}}}',
    ),
    "by a link in a map": (
        "town.kml",
        '<kml xmlns="http://www.opengis.net/kml/2.2"><Document><NetworkLink><Link><href>{url}/more.kml</href></Link>'
        f"</NetworkLink><Placemark><Point><coordinates>{LON},{LAT}</coordinates></Point></Placemark></Document></kml>",
    ),
}


@pytest.mark.parametrize(("name", "content"), LEADS_AWAY.values(), ids=LEADS_AWAY)
def test_a_file_leads_to_no_other_and_not_to_the_web(town: Town, tmp_path: Path, name: str, content: str) -> None:
    """What it holds itself may be taken or refused, but nothing else is looked at."""
    secret = write(schools(), tmp_path / "secret.gpkg", layer="facilities")
    with listener() as (url, asked):
        (tmp_path / name).write_text(content.format(secret=secret, url=url))
        with suppress(HoradError):
            assert town.load_one(tmp_path / name, "facilities", crs="EPSG:4326").read <= 1
    assert asked == []
    assert len(town.features("facilities")) <= 1


@pytest.mark.filterwarnings("ignore:.*not fully supported:RuntimeWarning", "ignore:.*:UserWarning")
@pytest.mark.parametrize("share", [0.4, 0.97])
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_a_file_that_is_cut_off_changes_nothing(
    town: Town, tmp_path: Path, make: Callable[[Path], Path], share: float
) -> None:
    (tmp_path / "good.csv").write_text(table())
    town.load(tmp_path / "good.csv", "facilities")
    before = town.everything()
    made = make(tmp_path)
    folder = made if made.is_dir() else made.parent
    largest = max(folder.iterdir(), key=lambda each: each.stat().st_size) if made.is_dir() else made
    largest.write_bytes(largest.read_bytes()[: int(largest.stat().st_size * share)])
    with pytest.raises(SourceError):
        town.load(made, "facilities")
    assert town.everything() == before


SUFFIXES = "gpkg shp geojson gml kml kmz dxf parquet xlsx zip csv csv.gz fgb mif osm.pbf unknown"


@pytest.mark.parametrize("name", [f"town.{suffix}" for suffix in SUFFIXES.split()])
def test_an_empty_file_is_told(town: Town, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(SourceError, match=name):
        town.load(tmp_path / name, "facilities")


def test_parts_of_a_shapefile_that_dont_fit_are_told(town: Town, tmp_path: Path) -> None:
    file = shapefile(schools(), tmp_path / "parts", encoding="UTF-8")
    texts = file.with_suffix(".dbf").read_bytes()
    file.with_suffix(".dbf").write_bytes(texts[: len(texts) // 2])
    with pytest.raises(SourceError, match=r"town\.dbf is cut off"):
        town.load(file, "facilities")
    file.with_suffix(".dbf").write_bytes(texts)
    file.with_suffix(".prj").write_text("GEOGCS[nonsense")
    with pytest.raises((SourceError, InvalidInputError), match=r"town\.shp|no coordinate reference system"):
        town.load(file, "facilities")


def test_crossing_rings_twins_and_places_that_are_none(town: Town, tmp_path: Path) -> None:
    ring = [(LON, LAT), (LON + 0.02, LAT), (LON + 0.01, LAT + 0.01)]
    shapes = [
        shapely.Polygon([(LON, LAT), (LON + 0.02, LAT + 0.02), (LON + 0.02, LAT), (LON, LAT + 0.02)]),
        shapely.transform(shapely.Polygon(ring), lambda places: np.where(places > LAT, np.nan, places)),
        shapely.transform(shapely.Polygon(ring), lambda places: np.where(places > LAT, np.inf, places)),
        shapely.Polygon(),
        None,
        shapely.box(LON, LAT, LON + 0.01, LAT + 0.01),
        shapely.box(LON, LAT, LON + 0.01, LAT + 0.01),
    ]
    ids = ["bow tie", "nan", "infinite", "empty", "missing", "twin", "twin"]
    frame = gpd.GeoDataFrame({"id": ids}, geometry=shapes, crs="EPSG:4326")
    report = town.load_one(write(frame, tmp_path / "town.gpkg", geometry_type="Unknown"), "buildings")
    assert accounted(report)
    assert (report.added, report.repaired) == (2, 1)
    assert sum(report.rejected.values()) == 5
    reasons = {each["source_id"]: each["reason"] for each in town.rejects()}
    assert set(reasons) == {"nan", "infinite", "empty", "missing", "twin"}
    assert reasons["nan"] == reasons["infinite"] == "a coordinate is no number"
    assert reasons["empty"] == "there is no geometry"
    areas = {name: shapely.from_wkt(row["wkt"]).area for name, row in town.features("buildings").items()}
    assert areas == {"bow tie": pytest.approx(2e-4), "twin": pytest.approx(1e-4)}


def test_a_cell_of_ten_megabytes_is_taken(town: Town, tmp_path: Path) -> None:
    (tmp_path / "town.csv").write_text(
        f"lon,lat,kind,note\n{LON},{LAT},school,{'long ' * 2 * MEGABYTE}\n{ROW.strip()},short\n"
    )
    assert town.load_one(tmp_path / "town.csv", "facilities").added == 2
    assert {len(row["tags"]["note"]) for row in town.features("facilities").values()} == {10 * MEGABYTE - 1, 5}


READ = """
import re, sys
from pathlib import Path
from layers.catalog import find
from layers.sources.opening import opened
reader, _, _ = opened(Path(sys.argv[1])).read(["facilities"])
rows = sum(item.rows.num_rows for item in reader)
print(rows, re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])
"""
"""The most that a process has held is told without what the one that started it held, unlike by getrusage."""


def test_memory_stays_flat_as_a_table_grows(tmp_path: Path) -> None:
    """Once it has filled what is read of it at once."""
    peaks = []
    for rows in (100_000, 1_200_000):
        (tmp_path / "town.csv").write_text(table(rows))
        done = subprocess.run(
            [sys.executable, "-c", READ, tmp_path / "town.csv"], capture_output=True, text=True, check=True
        )
        count, peak_kb = map(int, done.stdout.split())
        assert count == rows
        peaks.append(peak_kb / 1024)
    assert peaks[1] - peaks[0] < 60


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_damaged_bytes_give_a_plain_error_or_none(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    chance = random.Random(7)
    made = make(tmp_path)
    if made.is_dir():
        pytest.skip("a folder of many files: its zipped form is damaged instead")
    whole = made.read_bytes()
    for _ in range(8):
        damaged = bytearray(whole)
        for _ in range(20):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        made.write_bytes(damaged)
        with suppress(HoradError):
            source = opened(made, Stated(crs="EPSG:4326"))
            source.bounds()
            assert sum(1 for _ in source.read(["facilities"]).reader) < 2 * COUNT


def test_a_workbook_of_another_name_is_told(town: Town, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.save(tmp_path / "town.csv")
    with pytest.raises(SourceError, match=r"town\.csv is a workbook.*name in \.xlsx"):
        town.load(tmp_path / "town.csv", "facilities")


def test_a_title_above_the_names_of_columns_is_told(town: Town, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["Report of 2024", None, None], ["lon", "lat", "kind"], [LON, LAT, "school"]):
        book.active.append(row)
    book.save(tmp_path / "town.xlsx")
    with pytest.raises(
        InvalidInputError, match=r"The columns are: Report of 2024\. Names of columns must stand in the"
    ):
        town.load(tmp_path / "town.xlsx", "facilities")


def test_a_map_that_only_links_to_others_is_told(town: Town, tmp_path: Path) -> None:
    link = "<NetworkLink><Link><href>http://127.0.0.1/more.kml</href></Link></NetworkLink>"
    (tmp_path / "town.kml").write_text(f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{link}</Document></kml>')
    with pytest.raises(SourceError, match=r"no placemark\. It only links to other files, which aren't followed"):
        town.load(tmp_path / "town.kml", "facilities")
