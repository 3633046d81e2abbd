"""Feature types of WFS 2.0 as sources, against a server that answers as the standard says."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

import pyproj
import pytest
import shapely
from services import described, load, obtain, read, school
from town import Town
from web import Asked, Reply, Web, json, web, xml

from layers.errors import SourceError
from layers.sources.remote.wfs import WfsSource

SCHOOLS = [school(number) for number in range(25)]
DEGREES = "urn:ogc:def:crs:EPSG::4326"
METRIC = "urn:ogc:def:crs:EPSG::3879"

pytestmark = pytest.mark.usefixtures("private_addresses")

CAPABILITIES = """<?xml version="1.0"?>
<wfs:WFS_Capabilities version="{version}" xmlns:wfs="http://www.opengis.net/wfs/2.0"
  xmlns:ows="http://www.opengis.net/ows/1.1">
 <ows:OperationsMetadata>
  <ows:Operation name="GetFeature">
   <ows:Parameter name="outputFormat"><ows:AllowedValues>{formats}</ows:AllowedValues></ows:Parameter>
  </ows:Operation>
  <ows:Constraint name="ImplementsResultPaging"><ows:DefaultValue>{paging}</ows:DefaultValue></ows:Constraint>
 </ows:OperationsMetadata>
 <wfs:FeatureTypeList>
  <wfs:FeatureType><wfs:Name>town:huts</wfs:Name><wfs:DefaultCRS>{crs}</wfs:DefaultCRS></wfs:FeatureType>
  <wfs:FeatureType><wfs:Name>town:schools</wfs:Name><wfs:DefaultCRS>{crs}</wfs:DefaultCRS>{others}
   <ows:WGS84BoundingBox><ows:LowerCorner>27.5 53.8</ows:LowerCorner><ows:UpperCorner>27.6 54</ows:UpperCorner>
   </ows:WGS84BoundingBox></wfs:FeatureType>
 </wfs:FeatureTypeList>
</wfs:WFS_Capabilities>"""

REPORT = """<?xml version="1.0"?><ows:ExceptionReport version="2.0.0" xmlns:ows="http://www.opengis.net/ows/1.1">
 <ows:Exception exceptionCode="InvalidParameterValue" locator="{locator}"><ows:ExceptionText>{text}</ows:ExceptionText>
 </ows:Exception></ows:ExceptionReport>"""


class Service:
    """A WFS: its formats, its paging, its CRS, and the flaws it has."""

    def __init__(self, features: list[dict[str, Any]] = SCHOOLS, **flaws: Any) -> None:
        self.features = features
        self.geojson = flaws.get("geojson", True)
        self.paging = flaws.get("paging", True)
        self.most = flaws.get("most", 1000)
        self.matched = flaws.get("matched", len(features))
        self.crs = flaws.get("crs", DEGREES)
        self.others = flaws.get("others", ())
        self.swapped = flaws.get("swapped", False)
        self.ignores_start = flaws.get("ignores_start", False)
        self.needs_order = flaws.get("needs_order", False)
        self.version = flaws.get("version", "2.0.0")
        self.host = ""

    def __call__(self, asked: Asked) -> Reply:
        words = asked.query
        self.host = asked.headers["host"]
        assert (words["service"], words["version"]) == ("WFS", "2.0.0")
        if words["request"] == "GetCapabilities":
            formats = ["application/gml+xml; version=3.2", *(["application/json"] if self.geojson else [])]
            listed = "".join(f"<ows:Value>{each}</ows:Value>" for each in formats)
            others = "".join(f"<wfs:OtherCRS>{each}</wfs:OtherCRS>" for each in self.others)
            paging = "TRUE" if self.paging else "FALSE"
            return xml(
                CAPABILITIES.format(version=self.version, formats=listed, paging=paging, crs=self.crs, others=others)
            )
        assert words["request"] == "GetFeature"
        assert words["typeNames"] == "town:schools"
        if self.needs_order and "sortBy" not in words:
            text = "Cannot do natural order without a primary key, please add it or specify a manual sort"
            return xml(REPORT.format(locator="GetFeature", text=escape(text)), status=400)
        start = 0 if self.ignores_start else int(words.get("startIndex", 0))
        page = self.features[start : start + min(int(words.get("count", 10**9)), self.most)]
        asked_crs = words.get("srsName", self.crs)
        return (
            self.as_json(page, asked_crs) if "json" in words.get("outputFormat", "") else self.as_gml(page, asked_crs)
        )

    def place(self, feature: dict[str, Any], crs: str) -> tuple[float, float]:
        """The coordinates in the order of the CRS: longitude first in GeoJSON, as the axes have it in GML."""
        lon, lat = feature["geometry"]["coordinates"]
        if crs == DEGREES:
            return lon, lat
        x, y = pyproj.Transformer.from_crs(4326, int(crs.rsplit(":", 1)[1]), always_xy=True).transform(lon, lat)
        return x, y

    def as_json(self, page: list[dict[str, Any]], crs: str) -> Reply:
        features = []
        for each in page:
            place = self.place(each, crs)
            coordinates = place[::-1] if self.swapped else place
            features.append({**each, "geometry": {"type": "Point", "coordinates": coordinates}})
        known: dict[str, Any] = {"numberMatched": self.matched, "numberReturned": len(page)}
        return json(
            {
                "type": "FeatureCollection",
                "features": features,
                "crs": {"type": "name", "properties": {"name": crs}},
                **known,
            }
        )

    def as_gml(self, page: list[dict[str, Any]], crs: str) -> Reply:
        """North comes before east in both CRS."""
        members = []
        for each in page:
            x, y = self.place(each, crs)
            north_east = f"{x} {y}" if self.swapped else f"{y} {x}"
            members.append(
                f'<wfs:member><t:schools gml:id="{each["id"]}"><t:kind>{each["properties"]["kind"]}</t:kind>'
                f"<t:name>{each['properties']['name']}</t:name><t:capacity>600</t:capacity>"
                f'<t:geom><gml:Point srsName="{crs}" gml:id="p.{each["id"]}"><gml:pos>{north_east}</gml:pos>'
                "</gml:Point></t:geom></t:schools></wfs:member>"
            )
        return xml(
            '<?xml version="1.0" encoding="UTF-8"?><wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0"'
            ' xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:t="https://town"'
            ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:schemaLocation="https://town http://{self.host}/schema.xsd"'
            f' numberMatched="{self.matched}" numberReturned="{len(page)}" timeStamp="2024-05-17T08:30:00Z">'
            f"{''.join(members)}</wfs:FeatureCollection>"
        )


def schools_of(served: Web, **words: Any) -> WfsSource:
    described_as = {
        "kind": "wfs",
        "url": f"{served.url}/wfs?map=town",
        "type_name": "schools",
        "page_size": 10,
        **words,
    }
    return described(WfsSource, **described_as)


def expect_schools(found: dict[str, dict[str, Any]], count: int = 25) -> None:
    assert set(found) == {f"s{number}" for number in range(count)}
    for number, each in enumerate(SCHOOLS[:count]):
        copied = found[f"s{number}"]
        assert (copied["kind"], copied["name"]) == ("school", f"№ {number}")
        assert shapely.distance(copied["geometry"], shapely.Point(each["geometry"]["coordinates"])) < 1e-7


@pytest.mark.parametrize("geojson", [True, False], ids=["geojson", "gml"])
@pytest.mark.parametrize(
    "flaws",
    [
        {},
        {"most": 7},
        {"matched": "unknown"},
        {"matched": 10},
        {"paging": False},
        {"crs": METRIC, "others": [DEGREES]},
        {"crs": METRIC, "others": ["urn:ogc:def:crs:EPSG::3067"]},
    ],
    ids=lambda flaws: ",".join(map(str, flaws.values())),
)
def test_all_features_come_in(geojson: bool, flaws: dict[str, Any]) -> None:
    with web(Service(geojson=geojson, **flaws)) as served:
        expect_schools(read(schools_of(served)))
    assert all((each.path, each.query["map"]) == ("/wfs", "town") for each in served.asked)
    if flaws.get("paging", True):
        assert [each.query["startIndex"] for each in served.asked[1:3]] == ["0", str(min(10, flaws.get("most", 10)))]
    else:
        assert "startIndex" not in served.asked[1].query
        assert len(served.asked) == 2


def test_features_are_loaded_and_stay_known(town: Town) -> None:
    with web(Service(geojson=False)) as served:
        report = load(town, schools_of(served))
        assert (report.added, report.rejected) == (25, {})
        assert load(town, schools_of(served)).unchanged == 25
    assert town.features("facilities")["s3"]["capacity"] == 600


@pytest.mark.parametrize("geojson", [True, False], ids=["geojson", "gml"])
def test_a_service_that_swaps_the_axes_is_seen_through(geojson: bool) -> None:
    with web(Service(swapped=True, geojson=geojson)) as served:
        expect_schools(read(schools_of(served)))


def test_it_asks_as_the_standard_says() -> None:
    with web(Service()) as served:
        obtain(schools_of(served, sort_by="name", parameters={"cql_filter": "capacity > 100"}))
    query = served.asked[1].query
    assert query["bbox"] == f"53.88,27.5,53.92,27.6,{DEGREES}"
    assert (query["srsName"], query["sortBy"], query["cql_filter"]) == (DEGREES, "name", "capacity > 100")
    assert (query["count"], query["startIndex"], query["outputFormat"]) == ("10", "0", "application/json")


def test_an_exception_is_told_whatever_its_status() -> None:
    with web(Service(needs_order=True)) as served:
        with pytest.raises(SourceError, match="Cannot do natural order without a primary key"):
            obtain(schools_of(served))
        assert len(read(schools_of(served, sort_by="name"))) == 25
    with (
        web(lambda _: xml(REPORT.format(locator="service", text="This is no WFS."))) as served,
        pytest.raises(SourceError, match="This is no WFS"),
    ):
        obtain(schools_of(served))


def test_a_service_that_ignores_the_start_ends_with_an_error() -> None:
    with (
        web(Service(ignores_start=True)) as served,
        pytest.raises(SourceError, match="town:schools gives the same features again and again"),
    ):
        obtain(schools_of(served))
    assert len(served.asked) == 3


def test_fewer_features_than_announced_are_an_error() -> None:
    with (
        web(Service(matched=30)) as served,
        pytest.raises(SourceError, match="gives 25 features of the 30 that town:schools has there"),
    ):
        obtain(schools_of(served))


def test_no_features_are_no_error() -> None:
    for geojson in (True, False):
        with web(Service([], geojson=geojson)) as served:
            assert read(schools_of(served)) == {}


def test_an_unknown_type_is_told_with_those_there_are() -> None:
    with (
        web(Service()) as served,
        pytest.raises(SourceError, match="has no feature type roads; it has town:huts, town:schools"),
    ):
        obtain(schools_of(served, type_name="roads"))


def test_another_version_is_told() -> None:
    with (
        web(Service(version="1.1.0")) as served,
        pytest.raises(SourceError, match=r"speaks 1\.1\.0, and WFS 2\.0 is needed"),
    ):
        obtain(schools_of(served))


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "<html>",
        "<html/>",
        '<!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>',
        '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><WFS_Capabilities version="2.0.0"/>',
    ],
)
def test_what_is_no_wfs_is_told(answer: str) -> None:
    with web(lambda _: xml(answer)) as served, pytest.raises(SourceError, match=served.url):
        obtain(schools_of(served))


@pytest.mark.parametrize(
    "answer",
    [
        "<OGRVRTDataSource><OGRVRTLayer name='a'><SrcDataSource>a.csv</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
        "<wfs:FeatureCollection xmlns:wfs='http://www.opengis.net/wfs/2.0'><wfs:member><a>",
        "<FeatureCollection><member><schools><name>nowhere</name></schools></member></FeatureCollection>",
        '{"type": "FeatureCollection"}',
    ],
)
def test_what_is_no_page_of_features_is_told(answer: str) -> None:
    service = Service(geojson=False)

    def reply(asked: Asked) -> Reply:
        return service(asked) if asked.query["request"] == "GetCapabilities" else xml(answer)

    with web(reply) as served, pytest.raises(SourceError, match=served.url):
        obtain(schools_of(served))
