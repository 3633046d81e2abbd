"""Every operation of the application as requests, for tests that hold all routes to something."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx

from api.app import create_app

POINT = "[[24.94, 60.17]]"


@dataclass(frozen=True)
class Probe:
    method: str
    url: str
    body: str | None = None


def paths() -> list[tuple[str, str, list[dict[str, Any]]]]:
    """Every operation of the application: method, template and parameters."""
    found = create_app().openapi()["paths"]
    return [
        (method, path, operation.get("parameters", []))
        for path, operations in found.items()
        for method, operation in operations.items()
    ]


def with_parameters(
    url: str, parameters: list[dict[str, Any]], *, tried: dict[str, tuple[str, ...]], always: dict[str, str]
) -> Iterator[str]:
    """An address by itself, with what it needs and is always given, and with each parameter on its own."""
    known = {each["name"]: each for each in parameters if each["in"] == "query"}
    always = {name: value for name, value in always.items() if name in known}
    for name, each in known.items():
        if each.get("required") and name not in always:
            always[name] = POINT if "oint" in str(each) or name in ("origins", "places") else "1"
    yield f"{url}?{urlencode(always)}" if always else url
    for name, values in tried.items():
        for value in values if name in known else ():
            yield f"{url}?{urlencode(always | {name: value})}"


def ask(client: httpx.Client, probe: Probe, headers: dict[str, str]) -> httpx.Response:
    """Send a request as whom the headers name, and as nobody who has signed in before."""
    client.cookies.clear()
    kind = {"Content-Type": "application/json"} if probe.body else {}
    return client.request(probe.method, probe.url, content=probe.body, headers=headers | kind)


def routes(router: Any) -> Iterator[tuple[str, set[str]]]:
    """Every route of an application, described or not: its path and methods."""
    for each in router.routes:
        if hasattr(each, "original_router"):
            yield from routes(each.original_router)
        else:
            yield each.path, set(getattr(each, "methods", None) or ())
