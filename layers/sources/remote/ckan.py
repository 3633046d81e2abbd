"""Resources of CKAN data portals as files: the file itself, or the rows of the portal's datastore as a table."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

from layers.errors import SourceError
from layers.sources.remote.features import Feature, Watch, as_text
from layers.sources.web.downloads import download, folder_of, replacing
from layers.sources.web.fetch import Answer, Fetcher, Token

_ROW_NUMBER = "_id"
_ROWS_AT_ONCE = 5_000
_HEAD_BYTES = 10_000
_FAILED = re.compile(rb'"success"\s*:\s*false')
_HAS_SUFFIX = re.compile(r"\w\.\w+$")


class Portal:
    """A CKAN portal (Action API, version 3).

    Parameters
    ----------
    address
        Of the portal.
    token
        A secret that opens it.
    """

    def __init__(self, address: str, *, token: Token | None = None) -> None:
        self._address = address.rstrip("/")
        self._token = token

    def file(
        self,
        *,
        resource: str | None = None,
        dataset: str | None = None,
        format_: str | None = None,
        datastore: bool = False,
    ) -> Path:
        """Return the file of a resource, kept in HORAD_HOME.

        Parameters
        ----------
        resource
            Its id; or
        dataset, format_
            the dataset, and the format of the one resource of it that is meant.
        datastore
            Whether the rows of the portal's datastore are taken, as a CSV file, rather than the resource's file.

        Raises
        ------
        UnavailableError
            The portal can't be reached right now.
        SourceError
            It refuses, has no such resource, or more than one that could be meant.
        """
        with Fetcher(self._address, token=self._token, explain=_explain) as fetcher:
            try:
                if resource is not None:
                    found = self._ask(fetcher, "resource_show", id=resource)
                else:
                    found = self._one_of(self._ask(fetcher, "package_show", id=str(dataset)), format_)
                if datastore:
                    return self._rows(fetcher, str(found["id"]))
                url = urljoin(f"{self._address}/", str(found["url"]))
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                raise SourceError(f"{self._address} doesn't answer like CKAN: {error!r}") from error
            named = _HAS_SUFFIX.search(urlsplit(url).path)
            return download(fetcher, url, name=None if named else _name(found))

    def _ask(self, fetcher: Fetcher, action: str, **parameters: str) -> Any:
        return fetcher.get(f"{self._address}/api/3/action/{action}", parameters).json()["result"]

    def _one_of(self, dataset: dict[str, Any], format_: str | None) -> dict[str, Any]:
        resources = dataset["resources"]
        wanted = (format_ or "").lower()
        found = [each for each in resources if wanted in ("", str(each.get("format")).lower())]
        if len(found) != 1:
            listed = ", ".join(f"{each['id']} ({each.get('name')}, {each.get('format')})" for each in resources)
            raise SourceError(f"{self._address}: name one resource of {dataset['name']} by its id: {listed or 'none'}.")
        return dict(found[0])

    def _rows(self, fetcher: Fetcher, resource: str) -> Path:
        """Return a CSV file with all rows of the datastore; the numbers that it gives them are left out."""
        with folder_of(self._address, resource, "datastore") as folder:
            kept = folder / f"{_plain(resource)}.csv"
            with replacing(kept) as partial, partial.open("w", encoding="utf-8", newline="") as file:
                table = csv.writer(file)
                for number, page in enumerate(self._pages(fetcher, resource)):
                    names = [each["id"] for each in page["fields"] if each["id"] != _ROW_NUMBER]
                    if number == 0:
                        table.writerow(names)
                    table.writerows([as_text(row.get(name)) for name in names] for row in page["records"])
            return kept

    def _pages(self, fetcher: Fetcher, resource: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of the datastore page by page, in the order of their numbers."""
        name = f"{self._address}, resource {resource}"
        watch = Watch(name)
        asked = {"resource_id": resource, "limit": str(_ROWS_AT_ONCE), "sort": _ROW_NUMBER}
        count, more = 0, True
        while more:
            page = self._ask(fetcher, "datastore_search", **asked, offset=str(count))
            watch.see([Feature(None, None, row) for row in page["records"]])
            yield page
            count += len(page["records"])
            more = bool(page["records"]) and count < page["total"]
        if count < page["total"] and not page.get("total_was_estimated"):
            raise SourceError(f"{name}: the datastore gives {count} rows of the {page['total']} it says to have.")


def _explain(answer: Answer) -> str | None:
    """Return what CKAN says is wrong."""
    if not _FAILED.search(answer.content[:_HEAD_BYTES]) and answer.status < HTTPStatus.BAD_REQUEST:
        return None
    if not answer.content.lstrip().startswith(b"{"):
        return None
    error = answer.json().get("error")
    told = error if isinstance(error, dict) else {"message": error}
    return "; ".join(f"{name.strip('_')}: {text}" for name, text in told.items()) or "an error without a text"


def _name(resource: dict[str, Any]) -> str:
    return f"{_plain(str(resource['id']))}.{_plain(str(resource.get('format') or 'dat')).lower()}"


def _plain(text: str) -> str:
    return re.sub(r"[^\w-]", "_", text)[:100]
