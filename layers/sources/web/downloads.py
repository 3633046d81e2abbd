"""Files from the web, kept in HORAD_HOME and fetched again only when they have changed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email.message import Message
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import unquote, urlsplit

from layers.settings import get_settings
from layers.sources.web.fetch import Fetcher, Incoming

if TYPE_CHECKING:
    import httpx

_NAME_LENGTH = 100
_NOTE = ".answer.json"
_LOCK = ".lock"
_PACKED = (".gz", ".tgz")
_SUFFIXES = {
    "application/geo+json": ".geojson",
    "application/geopackage+sqlite3": ".gpkg",
    "application/json": ".json",
    "application/zip": ".zip",
    "text/csv": ".csv",
}


def download(fetcher: Fetcher, url: str, *, name: str | None = None) -> Path:
    """Return the file behind an address, asked for anew but sent only if it has changed.

    A file is replaced only by a whole one. Beside it stands by what its server knows it (``ETag``, ``Last-Modified``).

    Parameters
    ----------
    fetcher
        The way there.
    url
        The address.
    name
        Of the file; by default as the address or the answer names it.

    Raises
    ------
    UnavailableError
        It can't be had right now.
    SourceError
        It can't be had, or is too large.
    """
    with folder_of(url, name or "") as folder:
        known = _Known.of(folder)

        def take(incoming: Incoming) -> Path:
            if incoming.status == HTTPStatus.NOT_MODIFIED and known.file:
                return folder / known.file
            incoming.check()
            kept = folder / (name or _file_name(url, incoming.headers))
            with replacing(kept) as partial, partial.open("wb") as file:
                for chunk in incoming.chunks(packed=kept.suffix in _PACKED):
                    file.write(chunk)
            if known.file not in (None, kept.name):
                (folder / str(known.file)).unlink(missing_ok=True)
            _Known(kept.name, incoming.headers.get("ETag"), incoming.headers.get("Last-Modified")).keep(folder)
            return kept

        return fetcher.stream(url, take, headers=known.conditions())


@contextmanager
def folder_of(*what: str) -> Iterator[Path]:
    """Give the folder where something fetched is kept, to one process at a time."""
    folder = get_settings().home / "downloads" / hashlib.sha256("\n".join(what).encode()).hexdigest()[:12]
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / _LOCK).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield folder


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Give the path to write a file to; it takes the place of the one that was there when it is whole."""
    partial = file.with_name(f"{file.name}.part")
    try:
        yield partial
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Known:
    """Which file was fetched last from an address, and by what its server knows it."""

    file: str | None = None
    etag: str | None = None
    last_modified: str | None = None

    @classmethod
    def of(cls, folder: Path) -> Self:
        note = folder / _NOTE
        found = cls(**json.loads(note.read_text())) if note.is_file() else cls()
        return found if found.file and (folder / found.file).is_file() else cls()

    def conditions(self) -> dict[str, str]:
        """Return the headers that ask for the file only if it is another."""
        known = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in known.items() if value}

    def keep(self, folder: Path) -> None:
        with replacing(folder / _NOTE) as partial:
            partial.write_text(json.dumps(asdict(self)))


def _file_name(url: str, headers: httpx.Headers) -> str:
    """Return the name under which a file is kept, its suffix telling what it is."""
    stated = Message()
    stated["Content-Disposition"] = headers.get("Content-Disposition", "")
    names = [unquote(urlsplit(url).path).rsplit("/", 1)[-1], stated.get_filename() or ""]
    named = next((name for name in names if re.search(r"\w\.\w+$", name)), None)
    kind = headers.get("Content-Type", "").partition(";")[0].strip().lower()
    name = named or f"{names[0] or 'download'}{_SUFFIXES.get(kind, '')}"
    return re.sub(r"[^\w.+-]", "_", name)[-_NAME_LENGTH:].lstrip(".") or "download"
