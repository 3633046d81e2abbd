"""Addresses and links."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

from fastapi import Request
from starlette.datastructures import URL

Link: TypeAlias = dict[str, str]


def base_url(request: Request) -> str:
    """Return the address of the landing page of the API that was asked, without the slash at its end.

    The API of a territory has one of its own.
    """
    scope = request.scope
    server = tuple(scope["server"]) if scope.get("server") else None
    return _address(scope.get("scheme", "http"), request.headers.get("host"), server, scope["root_path"])


def root_url(request: Request) -> str:
    """Return the address of the landing page of the API of all territories, without the slash at its end."""
    territory = request.path_params.get("territory")
    return base_url(request).removesuffix(f"/territories/{territory}") if territory else base_url(request)


def link(href: str, rel: str, media_type: str, title: str) -> Link:
    """Return a link of the OGC APIs."""
    return {"href": href, "rel": rel, "type": media_type, "title": title}


def formats(url: str, chosen: str, offered: dict[str, str]) -> list[Link]:
    """Return the link of a resource to itself and those to its other formats."""
    return [
        link(
            f"{url}{'&' if '?' in url else '?'}f={name}",
            _rel(name, chosen),
            media_type,
            _title(name, chosen),
        )
        for name, media_type in offered.items()
    ]


@lru_cache(maxsize=1024)
def _address(scheme: str, host: str | None, server: tuple[Any, ...] | None, path: str) -> str:
    headers = [] if host is None else [(b"host", host.encode("latin-1"))]
    asked = {"scheme": scheme, "server": server, "path": path, "query_string": b"", "headers": headers}
    return str(URL(scope=asked)).rstrip("/")


def _rel(name: str, chosen: str) -> str:
    return "self" if name == chosen else "alternate"


def _title(name: str, chosen: str) -> str:
    return "This document" if name == chosen else f"This document as {name}"
