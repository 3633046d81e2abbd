"""A page of features as a GeoJSON collection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote, urlencode

import orjson

from api.links import formats, link
from api.negotiation import GEOJSON, HTML, JSON
from layers.reading.paging import Position, write_position
from layers.reading.store import Page
from layers.streams.formats import FORMATS
from layers.times import rfc3339

OFFERED = {"geojson": GEOJSON, "json": JSON, "html": HTML}
"""The formats in which features come as pages."""
ITEMS_OFFERED = OFFERED | {name: each.media_type for name, each in FORMATS.items()}

_PLACES = ("f", "after", "before", "offset")
_PLACE = "{place}"


class Frame:
    """What stands around the features of a page, and depends on nothing but the address without the place in it.

    Parameters
    ----------
    base
        The address of the API.
    layer
        The name of the layer.
    given
        The parameters of the address; those that tell a place and a format aren't shared by its pages.
    chosen
        The name of the format.
    """

    def __init__(self, base: str, layer: str, given: Sequence[tuple[str, str]], chosen: str) -> None:
        url = f"{base}/collections/{layer}/items"
        self._kept = kept = [(name, value) for name, value in given if name not in _PLACES]
        self._chosen = chosen
        own = formats(f"{url}?{urlencode(kept)}" if kept else url, chosen, ITEMS_OFFERED)
        self._begins = b'{"type":"FeatureCollection","links":' + orjson.dumps(own)[:-1]
        self._next = self._page_link(url, "next", "after", "Next page")
        self._prev = self._page_link(url, "prev", "before", "Previous page")
        self._layer = b",%s]" % orjson.dumps(link(f"{base}/collections/{layer}", "collection", JSON, "The layer"))

    def filled(self, found: Page, *, matched: int | None, started: bool, backwards: bool) -> bytes:
        """Return a page.

        Parameters
        ----------
        found
            Its features.
        matched
            How many there are on all pages, if that is known.
        started
            Whether there may be some ahead of it.
        backwards
            Whether it was read from its end.
        """
        count = b'"numberReturned":%d' % len(found.features)
        if matched is not None:
            count += b',"numberMatched":%d' % matched
        return b'%s%s%s%s,"timeStamp":"%s",%s,"features":[%s]}' % (
            self._begins,
            _at(self._next, found.last if found.more or backwards else None),
            _at(self._prev, found.first if (found.more if backwards else started) else None),
            self._layer,
            _moment(int(time.time())),
            count,
            b",".join(found.features),
        )

    def _page_link(self, url: str, rel: str, parameter: str, title: str) -> tuple[bytes, bytes]:
        """Return a link to another page, up to the place in its address and from there on."""
        shared = urlencode([*self._kept, (parameter, "")], quote_via=quote)
        there = f"{url}?{shared}{_PLACE}&{urlencode({'f': self._chosen})}"
        before, _, behind = orjson.dumps(link(there, rel, OFFERED[self._chosen], title)).rpartition(_PLACE.encode())
        return b"," + before, behind


def _at(page_link: tuple[bytes, bytes], place: Position | None) -> bytes:
    if place is None:
        return b""
    before, behind = page_link
    told = write_position(place)
    return b"%s%s%s" % (before, (told if told.isalnum() else quote(told, safe="")).encode(), behind)


@lru_cache(maxsize=2)
def _moment(second: int) -> bytes:
    return rfc3339(datetime.fromtimestamp(second, UTC), "seconds").encode()
