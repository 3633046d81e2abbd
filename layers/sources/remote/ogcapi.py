"""OGC API Features as a source, and another Horad, which speaks it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal
from urllib.parse import quote, urljoin

from pydantic import Field, model_validator

from layers.errors import SourceError, UnavailableError
from layers.sources.description import Box, Obtained, Surroundings
from layers.sources.remote.description import RemoteSource, written
from layers.sources.remote.features import Feature, Watch
from layers.sources.web.fetch import Answer, Fetcher, shown

_ACCEPT = "application/geo+json, application/json;q=0.9"
_IDENTITY = ("territory", "source", "source_id")
_BOOKKEEPING = {*_IDENTITY, "tags", "restricted", "updated_at", "updated_by", "run"}


class _Collection(RemoteSource):
    collection: str = Field(min_length=1)

    def obtain(self, surroundings: Surroundings) -> Obtained:
        """Bring the collection into a file, as every service's.

        Raises
        ------
        SourceError
            As of every service, or the base would take its features for those of another and hold them twice.
        """
        if surroundings.base is not None and not self.is_a_copy(surroundings) and self._base() == surroundings.base:
            raise SourceError(
                f"{shown(self.url)} is this very base: it would hold its own features twice. Name another service; or"
                " with kind: horad and territory: another territory of this base, to copy that."
            )
        return super().obtain(surroundings)

    def is_a_copy(self, surroundings: Surroundings) -> bool:  # noqa: ARG002
        """Whether it may be a copy of what this base holds elsewhere."""
        return False

    def features(self, fetcher: Fetcher, box: Box | None) -> Iterator[Feature]:
        """Yield the features of the collection, following the links to the next page."""
        items = f"{self.url.rstrip('/')}/collections/{quote(self.collection, safe='')}/items"
        parameters = {"limit": str(self.page_size), **({"bbox": written(*box)} if box else {}), **self.parameters}
        watch = Watch(shown(items))
        answer: Answer | None = fetcher.get(items, parameters, accept=_ACCEPT)
        count, matched = 0, None
        while answer is not None:
            page = answer.json()
            found = read_geojson(page, answer)
            watch.see(found)
            yield from map(self.known_as, found)
            count, matched = count + len(found), page.get("numberMatched")
            following = _next(page)
            answer = fetcher.get(urljoin(answer.url, following), accept=_ACCEPT) if following else None
        if isinstance(matched, int) and count < matched:
            raise SourceError(f"{shown(items)} gives {count} features of the {matched} that it says to have.")

    def known_as(self, feature: Feature) -> Feature:
        """Return the feature under the id by which it is known here."""
        return feature

    def _base(self) -> str | None:
        """Return the id of the base behind the service, as its landing page tells; only a Horad's does."""
        with Fetcher(self.url, token=self.token()) as fetcher:
            try:
                landing = fetcher.get(self.url, accept="application/json").json()
            except UnavailableError:
                raise
            except SourceError:
                return None
        return landing.get("base") if isinstance(landing, dict) else None


class OgcApiSource(_Collection):
    """A collection of an OGC API Features service (OGC 17-069r4), in its default CRS, CRS84.

    Parameters
    ----------
    url
        Of the landing page.
    collection
        Its id.
    """

    kind: Literal["ogcapi"]


class HoradSource(_Collection):
    """A layer of another Horad.

    Its features stay known by what they are known by there: territory, source and source id, whatever numbers the other
    base gives them.

    Parameters
    ----------
    collection
        The layer; by default that of the same name.
    territory
        Only features of this territory. Without it the other Horad must be another base.
    """

    kind: Literal["horad"]
    territory: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _takes_the_layer_of_the_same_name(cls, given: Any) -> Any:
        if isinstance(given, dict) and "layer" in given:
            return {"collection": given["layer"], **given}
        return given

    def is_a_copy(self, surroundings: Surroundings) -> bool:
        """Whether it takes another territory, which may be one of this base."""
        return self.territory not in (None, surroundings.territory)

    def features(self, fetcher: Fetcher, box: Box | None) -> Iterator[Feature]:
        """Yield the features of the layer."""
        wanted = f"{self.territory}/" if self.territory else ""
        return (each for each in super().features(fetcher, box) if str(each.id).startswith(wanted))

    def known_as(self, feature: Feature) -> Feature:
        """Return the feature under the id by which the other base's source knows it, its tags beside its columns.

        A tag of the name of a column, which the other base left a tag because the column can't hold it, stays one.
        """
        properties = feature.properties
        if any(not properties.get(name) for name in _IDENTITY):
            raise SourceError(f"{shown(self.url)} is no Horad: its features don't tell {', '.join(_IDENTITY)}.")
        columns = {name: value for name, value in properties.items() if name not in _BOOKKEEPING}
        tags = {f"tag:{name}" if name in columns else name: tag for name, tag in (properties.get("tags") or {}).items()}
        return Feature("/".join(str(properties[name]) for name in _IDENTITY), feature.geometry, tags | columns)


def read_geojson(page: Any, answer: Answer) -> list[Feature]:
    """Return the features of a GeoJSON feature collection (RFC 7946).

    Raises
    ------
    SourceError
        It is none.
    """
    if not isinstance(page, dict) or not isinstance(page.get("features"), list):
        raise SourceError(f"{shown(answer.url)} didn't answer with a GeoJSON feature collection.")
    return [_feature(each) for each in page["features"]]


def _feature(given: dict[str, Any]) -> Feature:
    known, properties = given.get("id"), given.get("properties") or {}
    if not isinstance(properties, dict):
        raise TypeError(f"properties that are no object, of the feature {known}")
    return Feature(None if known is None else str(known), given.get("geometry"), properties)


def _next(page: dict[str, Any]) -> str | None:
    """Return where the next page is, in JSON rather than as anything else."""
    links = [each for each in page.get("links") or () if each.get("rel") == "next" and each.get("href")]
    as_json = [each for each in links if "json" in (each.get("type") or "json")]
    return str((as_json or links)[0]["href"]) if links else None
