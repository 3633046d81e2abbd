"""What is said in a territory's YAML file of every source that is a service on the web."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import Field, model_validator

from layers.catalog import find
from layers.errors import SourceError
from layers.sources.description import Box, LayerName, Obtained, SourceDescription, Surroundings, check_columns
from layers.sources.mapping.lookups import MappingWithTables
from layers.sources.places import fingerprint
from layers.sources.remote.features import Feature, FeatureReader, write_features
from layers.sources.web.downloads import folder_of, replacing
from layers.sources.web.fetch import Answer, Fetcher, shown
from layers.sources.web.token import WebAddress, WithToken


class RemoteSource(WithToken, SourceDescription, MappingWithTables):
    """A service on the web that fills a layer with features, a page at a time.

    Parameters
    ----------
    layer
        The layer that it fills.
    url
        Where the service is.
    key
        The property that holds the id; by default it is the service's.
    bbox
        Only what touches this box: west, south, east, north, in degrees; by default that of the territory.
    page_size
        How many features are asked for at once.
    parameters
        Added to the query of every request for features, such as a filter of the service.
    """

    layer: LayerName
    url: WebAddress
    key: str | None = None
    bbox: Box | None = None
    page_size: int = Field(default=1000, ge=1, le=100_000)
    parameters: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _fits_the_layer(self) -> RemoteSource:
        if self.columns is not None:
            check_columns(self.layer, self.columns)
        return self

    @property
    def fills(self) -> tuple[str, ...]:
        """The layer that it fills."""
        return (self.layer,)

    def obtain(self, surroundings: Surroundings) -> Obtained:
        """Bring all that the service has for the territory into a file, kept in HORAD_HOME.

        Raises
        ------
        UnavailableError
            The service can't be reached right now.
        SourceError
            It refuses, answers what its protocol doesn't know, or less than it has.
        """
        with (
            Fetcher(self.url, token=self.token(), explain=self.explain) as fetcher,
            folder_of(surroundings.territory, self.id) as folder,
        ):
            file = folder / f"{self.id}.geojsonl"
            try:
                with replacing(file) as partial:
                    write_features(self.features(fetcher, self.bbox or surroundings.box), partial, key=self.key)
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise SourceError(f"{shown(self.url)} answers what its protocol doesn't know: {error!r}") from error
            mark = fingerprint(file, self.model_dump_json(), repr(surroundings), *self.marks())
        layer, zone = find(self.layer), surroundings.timezone
        return Obtained(file.name, mark, lambda: FeatureReader(file, layer, self.resolved(), timezone=zone))

    @abstractmethod
    def features(self, fetcher: Fetcher, box: Box | None) -> Iterator[Feature]:
        """Yield the service's features that touch a box, or all, a page in memory at a time.

        Raises
        ------
        UnavailableError
            The service can't be reached right now.
        SourceError
            It refuses, answers what its protocol doesn't know, or less than it has.
        """

    @staticmethod
    def explain(answer: Answer) -> str | None:
        """Return what is wrong according to an answer of the service, or ``None`` where nothing is."""
        return problem(answer)


def problem(answer: Answer) -> str | None:
    """Return what a problem in JSON says (RFC 9457, and the exceptions of OGC APIs), or ``None`` where it is none."""
    kind = answer.headers.get("Content-Type", "")
    if answer.status < 400 or "json" not in kind:
        return None
    found = answer.json()
    if not isinstance(found, Mapping):
        return None
    words: list[Any] = [found.get("title") or found.get("code"), found.get("detail") or found.get("description")]
    return ": ".join(str(each) for each in words if each) or None


def written(*numbers: float) -> str:
    """Return numbers with commas between them, as services take a box."""
    return ",".join(f"{each:.9g}" for each in numbers)
