"""Open311 endpoints as sources, against a server that answers as GeoReport v2 says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

import pytest
import shapely
from services import described, load, obtain, read
from town import Town
from web import Asked, Reply, Web, json, web, xml

from layers.errors import SourceError
from layers.sources.remote.open311 import Open311Source

SINCE = datetime(2024, 1, 1, tzinfo=UTC)
COLUMNS = {"category": {"from": "service_name"}, "occurred_at": {"from": "requested_datetime"}}

pytestmark = pytest.mark.usefixtures("private_addresses")


def request(number: int, hours: float = 0, **members: Any) -> dict[str, Any]:
    """A service request, as the standard's examples have them, and things that some endpoints add."""
    return {
        "service_request_id": str(number),
        "status": "open" if number % 2 else "closed",
        "service_name": "Pothole",
        "service_code": "001",
        "description": None,
        "requested_datetime": (SINCE + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "address": "8TH AVE and JUDAH ST",
        "lat": 53.9,
        "long": 27.55,
        "media_url": "",
        **members,
    }


class Endpoint:
    """An endpoint that gives at most 1000 requests of at most 90 days."""

    def __init__(self, requests: list[dict[str, Any]], *, most: int = 1000) -> None:
        self.requests = requests
        self.most = most

    def __call__(self, asked: Asked) -> Reply:
        words = asked.query
        begin, end = (datetime.fromisoformat(words[name]) for name in ("start_date", "end_date"))
        assert begin < end <= begin + timedelta(days=90)
        found = [
            each
            for each in self.requests
            if begin <= datetime.fromisoformat(each["requested_datetime"]) <= end
            and words.get("status") in (None, each["status"])
            and words.get("service_code") in (None, each["service_code"])
        ][: self.most]
        if asked.path == "/open311/v2/requests.json":
            return json(found)
        assert asked.path == "/open311/v2/requests.xml"
        written = "".join(
            f"<request>{''.join(f'<{k}>{escape(str(v or str()))}</{k}>' for k, v in each.items())}</request>"
            for each in found
        )
        return xml(f'<?xml version="1.0" encoding="utf-8"?><service_requests>{written}</service_requests>')


def endpoint(served: Web, **words: Any) -> Open311Source:
    said = {"layer": "incidents", "url": f"{served.url}/open311/v2", "since": SINCE.date(), "columns": COLUMNS, **words}
    return described(Open311Source, kind="open311", **said)


@pytest.mark.parametrize("format_", ["json", "xml"])
def test_requests_come_in(town: Town, format_: str) -> None:
    requests = [request(number, hours=number * 100) for number in range(60)]
    with web(Endpoint(requests)) as served:
        report = load(town, endpoint(served, format=format_))
        assert (report.added, report.rejected) == (60, {})
        assert load(town, endpoint(served, format=format_)).unchanged == 60
    first = town.features("incidents")["1"]
    assert (first["category"], first["occurred_at"]) == ("Pothole", SINCE + timedelta(hours=100))
    assert first["tags"]["address"] == "8TH AVE and JUDAH ST"


def test_full_answers_are_asked_for_in_parts() -> None:
    """Three thousand requests within a month, of which the endpoint gives a thousand at once."""
    requests = [request(number, hours=number / 5) for number in range(3000)]
    with web(Endpoint(requests)) as served:
        assert set(read(endpoint(served))) == {str(number) for number in range(3000)}


def test_an_endpoint_may_give_less_at_once() -> None:
    with web(Endpoint([request(number, hours=number) for number in range(80)], most=10)) as served:
        assert len(read(endpoint(served, page_size=10))) == 80


def test_more_requests_of_a_second_than_it_gives_are_an_error() -> None:
    with (
        web(Endpoint([request(number) for number in range(1200)])) as served,
        pytest.raises(SourceError, match=r"has 1000 requests or more of one second, 2024-01-01T00:00:00Z"),
    ):
        obtain(endpoint(served))


def test_all_of_the_time_since_is_asked_for_in_90_days() -> None:
    since = date.today() - timedelta(days=200)  # noqa: DTZ011
    with web(Endpoint([])) as served:
        obtain(endpoint(served, since=since, status="open", service_code="001", jurisdiction_id="town.by"))
    assert len(served.asked) == 3
    assert served.asked[0].query["start_date"] == f"{since}T00:00:00Z"
    assert datetime.fromisoformat(served.asked[-1].query["end_date"]) > datetime.now(UTC) - timedelta(minutes=1)
    for earlier, later in zip(served.asked, served.asked[1:], strict=False):
        assert earlier.query["end_date"] == later.query["start_date"]
    assert {"status": "open", "service_code": "001", "jurisdiction_id": "town.by"}.items() <= served.asked[
        0
    ].query.items()


def test_a_request_between_two_times_comes_once() -> None:
    edge = request(7, hours=90 * 24)
    with web(Endpoint([edge])) as served:
        assert set(read(endpoint(served))) == {"7"}


def test_nothing_of_the_people_is_taken() -> None:
    personal = {
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane@doe.example",
        "phone": "+375 29 123-45-67",
        "account_id": "42",
        "device_id": "abc",
        "extended_attributes": {"reporter": "Jane Doe"},
        "user": {"name": "Jane"},
        "description": "Hole by 12 Main St since 2024-05-17, call +375 (29) 123-45-67 or jane.doe@mail.example, flat 5",
        "status_notes": "Told 80291234567 at 08:30 on 17.05.2024",
    }
    with web(Endpoint([request(1, **personal)])) as served:
        [found] = read(endpoint(served)).values()
    told = str(found)
    for secret in ("Jane", "Doe", "doe", "123-45-67", "80291234567", "42", "abc"):
        assert secret not in told, secret
    assert found["tags"]["description"] == "Hole by 12 Main St since 2024-05-17, call […] or […], flat 5"
    assert found["tags"]["status_notes"] == "Told […] at 08:30 on 17.05.2024"


def test_what_has_no_place_is_told(town: Town) -> None:
    requests = [request(1, lat=None, long=None), request(2, lat="", long=""), request(3, lat="53,9"), request(4)]
    with web(Endpoint(requests)) as served:
        report = load(town, endpoint(served))
    assert report.added == 1
    assert report.rejected == {"there is no geometry that can be read": 3}


def test_requests_elsewhere_are_left() -> None:
    with web(Endpoint([request(1), request(2, lat=10), request(3, lat=None)])) as served:
        assert set(read(endpoint(served))) == {"1", "3"}
        assert set(read(endpoint(served), None)) == {"1", "2", "3"}
        assert set(read(endpoint(served, bbox=[27.5, 9, 27.6, 11]))) == {"2", "3"}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (json([{"code": 404, "description": "jurisdiction_id wasn't found"}], status=404), r"wasn't found \(404\)"),
        (
            xml("<errors><error><code>403</code><description>No key</description></error></errors>", status=403),
            r"No key \(403\)",
        ),
        (json({"error": "x"}, status=500), "it answers 500"),
        (Reply(b"<html><p>oops</html>", 500), "requests.json"),
        (json({"requests": []}), "didn't answer with a list"),
        (json([1]), "answers what its protocol doesn't know"),
        (Reply(b"nothing"), "didn't answer in JSON"),
    ],
)
def test_errors_are_told(answer: Reply, why: str) -> None:
    with web(lambda _: answer) as served, pytest.raises(SourceError, match=why):
        obtain(endpoint(served))


def test_xml_is_read_without_entities() -> None:
    bomb = '<!DOCTYPE a [<!ENTITY b "bb">]><service_requests><request><status>&b;</status></request></service_requests>'
    with web(lambda _: xml(bomb)) as served, pytest.raises(SourceError, match="didn't answer in XML"):
        obtain(endpoint(served, format="xml"))


def test_geometry_is_longitude_before_latitude() -> None:
    with web(Endpoint([request(1, lat="53.9", long="27.55")])) as served:
        [found] = read(endpoint(served)).values()
    assert shapely.equals(found["geometry"], shapely.Point(27.55, 53.9))
