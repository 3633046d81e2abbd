"""Where the files of a source are found, and what tells one content of a file from another."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationInfo, model_validator

from layers.errors import SourceError
from layers.settings import get_settings
from layers.sources.description import STRICT
from layers.sources.gtfs.feed import is_feed
from layers.sources.remote.ckan import Portal
from layers.sources.web.downloads import download
from layers.sources.web.fetch import Fetcher, shown
from layers.sources.web.token import WebAddress, WithToken

_READ_BYTES = 1024 * 1024
_FORMAT = "2"
"""Part of every fingerprint: raised when sources must be read anew though their files are the same."""


class Place(WithToken):
    """One place where a file may be found.

    Parameters
    ----------
    package, path
        A Python package, and a file in it.
    data
        A file in the data folder, ``HORAD_DATA``.
    file
        A file, as seen from the folder of the territory's file.
    url
        An address on the web.
    ckan, resource, dataset, format, datastore
        The address of a CKAN portal, and the id of a resource in it, or a dataset and the format of the one resource of
        it that is meant; ``datastore`` takes the rows of the portal's datastore, as a CSV file, rather than its file.
    """

    model_config = STRICT

    package: str | None = None
    path: str | None = None
    data: str | None = None
    file: str | None = None
    url: WebAddress | None = None
    ckan: WebAddress | None = None
    resource: str | None = None
    dataset: str | None = None
    format: str | None = None
    datastore: bool = False

    @model_validator(mode="after")
    def _is_one_place(self, info: ValidationInfo) -> Place:
        given = [each is not None for each in (self.package, self.data, self.file, self.url, self.ckan)]
        if sum(given) != 1 or (self.package is None) != (self.path is None):
            raise ValueError("must be one of: package with path, data, file, url, ckan with resource or dataset")
        of_portal = [self.resource is not None, self.dataset is not None]
        if sum(of_portal) != (self.ckan is not None) or (self.format is not None and self.dataset is None):
            raise ValueError("ckan needs either resource, or dataset with the format where it has several")
        if self.token_env is not None and not self.is_remote:
            raise ValueError("token_env is for url and ckan")
        if self.data is not None and (Path(self.data).is_absolute() or ".." in Path(self.data).parts):
            raise ValueError(f"data must be a path within the data folder, not {self.data}")
        folder = (info.context or {}).get("folder")
        if self.file is not None and folder is not None:
            object.__setattr__(self, "file", str(Path(folder) / self.file))
        return self

    def local_file(self) -> Path | None:
        """Return the file where this place is on this machine and has it."""
        if self.data is not None:
            file = get_settings().data / self.data
        elif self.file is not None:
            file = Path(self.file)
        elif self.package is not None and self.path is not None:
            spec = importlib.util.find_spec(self.package)
            if spec is None or spec.origin is None:
                return None
            file = Path(spec.origin).parent / self.path
        else:
            return None
        return file if file.is_file() or is_readable_folder(file) else None

    @property
    def is_remote(self) -> bool:
        """Whether it is on the web."""
        return self.url is not None or self.ckan is not None

    def fetch(self) -> Path:
        """Return the file where this place is on the web, kept in HORAD_HOME and fetched only when it has changed.

        Raises
        ------
        UnavailableError
            It can't be had right now.
        SourceError
            It can't be had.
        """
        if self.ckan is not None:
            portal = Portal(self.ckan, token=self.token(scheme=""))
            return portal.file(
                resource=self.resource, dataset=self.dataset, format_=self.format, datastore=self.datastore
            )
        url = str(self.url)
        with Fetcher(url, token=self.token()) as fetcher:
            return download(fetcher, url)

    def __str__(self) -> str:
        if self.package is not None:
            return f"{self.path} of the package {self.package}"
        if self.data is not None:
            return f"{self.data} in {get_settings().data}"
        if self.ckan is not None:
            return f"{self.resource or self.dataset} of {self.ckan}"
        return str(self.file if self.url is None else shown(self.url))


def is_readable_folder(path: Path) -> bool:
    """Tell whether a path is a folder that is read as one file: a file geodatabase, or a feed in GTFS."""
    return path.is_dir() and (path.suffix.lower() == ".gdb" or is_feed(path))


def locate(places: Sequence[Place]) -> Path:
    """Return the first of the places' files that is there; what is on this machine goes before what is on the web.

    Raises
    ------
    SourceError
        None of them is; the text tells why, place by place.
    """
    misses: list[str] = []
    for place in sorted(places, key=lambda each: each.is_remote):
        file = place.local_file()
        if file is not None:
            return file
        if not place.is_remote:
            misses.append(str(place))
            continue
        try:
            return place.fetch()
        except SourceError as error:
            misses.append(f"{place} ({error})")
    raise SourceError(f"none of its places has it: {'; '.join(misses)}")


def on_this_machine(places: Sequence[Place]) -> tuple[Path | None, list[str]]:
    """Return the first of the places' files that is on this machine, and what is wrong where none is.

    Nothing is wrong where the file may still be on the web.
    """
    file = next(filter(None, (place.local_file() for place in places)), None)
    if file is not None or any(place.is_remote for place in places):
        return file, []
    return None, [f"none of its places has it: {'; '.join(map(str, places))}"]


def fingerprint(file: Path, *parts: str) -> str:
    """Return what tells one content of a file or folder, and one way of reading it, from another."""
    digest = hashlib.sha256("\n".join((_FORMAT, *parts)).encode())
    for each in sorted(filter(Path.is_file, file.iterdir())) if file.is_dir() else [file]:
        with each.open("rb") as stream:
            while chunk := stream.read(_READ_BYTES):
                digest.update(chunk)
    return digest.hexdigest()
