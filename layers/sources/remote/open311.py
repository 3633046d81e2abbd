"""Open311 GeoReport v2 as a source: people's reports, without anything about the people."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Literal

import defusedxml.ElementTree
from defusedxml import DefusedXmlException
from pydantic import Field

from layers.errors import SourceError
from layers.sources.description import Box
from layers.sources.remote.description import RemoteSource, problem
from layers.sources.remote.features import Feature
from layers.sources.web.fetch import Answer, Fetcher, shown

_TAKEN = (
    "service_request_id",
    "status",
    "status_notes",
    "service_name",
    "service_code",
    "description",
    "agency_responsible",
    "service_notice",
    "requested_datetime",
    "updated_datetime",
    "expected_datetime",
    "address",
    "address_id",
    "zipcode",
    "media_url",
)
_FREE_TEXTS = ("description", "status_notes")
_MAIL = re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")
_DATE = r"\d{4}-\d{2}-\d{2}\b|\d{1,2}\.\d{1,2}\.\d{4}\b"
_PHONE = re.compile(rf"(?<!\w)(?!{_DATE})\+?\(?\d(?:[\s().-]{{0,3}}\d){{6,14}}(?!\w)")
_HIDDEN = "[…]"
_LONGEST = timedelta(days=90)
_SHORTEST = timedelta(seconds=1)
_MOST_AT_ONCE = 1000


class Open311Source(RemoteSource):
    """The service requests of an Open311 endpoint.

    The standard gives at most 90 days or 1000 requests at once, so that they are asked for by time, in ever smaller
    parts where a part is full. Names, addresses of mail and telephones of those who reported are never taken, and what
    looks like one in a free text is replaced.

    Parameters
    ----------
    url
        Of the endpoint, ``requests.json`` or ``requests.xml`` of which is asked.
    since
        The day of the first requests that are wanted.
    format
        In which the endpoint is asked.
    status, service_code, jurisdiction_id
        Only requests of this status, of this service, of this jurisdiction.
    page_size
        How many requests the endpoint gives at most: as many mean that there may be more.
    """

    kind: Literal["open311"]
    since: date
    format: Literal["json", "xml"] = "json"
    status: Literal["open", "closed"] | None = None
    service_code: str | None = None
    jurisdiction_id: str | None = None
    page_size: int = Field(default=_MOST_AT_ONCE, ge=1, le=_MOST_AT_ONCE)

    @staticmethod
    def explain(answer: Answer) -> str | None:
        """Return the errors that an answer lists."""
        if answer.status < 400 or answer.content.lstrip()[:1] not in (b"[", b"<"):
            return problem(answer)
        errors = answer.json() if answer.content.lstrip()[:1] == b"[" else _children(answer, "error")
        return "; ".join(f"{each.get('description')} ({each.get('code')})" for each in errors) or None

    def features(self, fetcher: Fetcher, box: Box | None) -> Iterator[Feature]:
        """Yield the service requests in a box; the standard doesn't know boxes, so all are asked for."""
        now = datetime.now(UTC).replace(microsecond=0) + _SHORTEST
        begin = datetime.combine(self.since, time.min, UTC)
        known: set[str] = set()
        while begin < now:
            end = min(begin + _LONGEST, now)
            seen: set[str] = set()
            for each in self._between(fetcher, begin, end):
                if each.id not in known | seen and _is_in(each, box):
                    yield each
                seen.add(str(each.id))
            begin, known = end, seen

    def _between(self, fetcher: Fetcher, begin: datetime, end: datetime) -> Iterator[Feature]:
        """Yield the requests of a time, in halves where one answer can't hold them all."""
        asked = {
            "start_date": _written(begin),
            "end_date": _written(end),
            "status": self.status,
            "service_code": self.service_code,
            "jurisdiction_id": self.jurisdiction_id,
            **self.parameters,
        }
        answer = fetcher.get(
            f"{self.url.rstrip('/')}/requests.{self.format}", {name: value for name, value in asked.items() if value}
        )
        requests = answer.json() if self.format == "json" else _children(answer, "request")
        if not isinstance(requests, list):
            raise SourceError(f"{shown(answer.url)} didn't answer with a list of service requests.")
        if len(requests) < self.page_size:
            yield from map(_feature, requests)
            return
        middle = (begin + (end - begin) / 2).replace(microsecond=0)
        if middle <= begin:
            raise SourceError(
                f"{shown(answer.url)} has {len(requests)} requests or more of one second, {_written(begin)}: it gives "
                "no more at once, or doesn't look at start_date and end_date."
            )
        yield from self._between(fetcher, begin, middle)
        yield from self._between(fetcher, middle, end)


def _written(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _children(answer: Answer, tag: str) -> list[dict[str, str]]:
    """Return the elements of a kind in an answer in XML, each as what stands in its children."""
    try:
        root = defusedxml.ElementTree.fromstring(answer.content, forbid_dtd=True)
    except (defusedxml.ElementTree.ParseError, DefusedXmlException) as error:
        raise SourceError(f"{shown(answer.url)} didn't answer in XML: {error}") from error
    return [{child.tag: (child.text or "").strip() for child in each} for each in root.iterfind(tag)]


def _feature(request: dict[str, Any]) -> Feature:
    """Return a request with nothing of it but what the standard says of the matter itself."""
    taken = {name: request[name] for name in _TAKEN if request.get(name) not in (None, "")}
    for name in taken.keys() & set(_FREE_TEXTS):
        taken[name] = _PHONE.sub(_HIDDEN, _MAIL.sub(_HIDDEN, str(taken[name])))
    known = taken.get("service_request_id")
    return Feature(None if known is None else str(known), _point(request.get("long"), request.get("lat")), taken)


def _is_in(feature: Feature, box: Box | None) -> bool:
    """Tell whether a feature is in a box; one without a place may be."""
    if box is None or feature.geometry is None:
        return True
    lon, lat = feature.geometry["coordinates"]
    return bool(box[0] <= lon <= box[2] and box[1] <= lat <= box[3])


def _point(lon: Any, lat: Any) -> dict[str, Any] | None:
    try:
        return {"type": "Point", "coordinates": [float(lon), float(lat)]}
    except (TypeError, ValueError):
        return None
