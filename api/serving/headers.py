"""The headers that every answer has: for whom it may be kept, and what a page may do in a browser."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from starlette.types import Message, Send

from layers.settings import get_settings

Header = tuple[bytes, bytes]

CONTENT_SECURITY_POLICY = "Content-Security-Policy"

_VARY = b"vary"
_CACHE_CONTROL = b"cache-control"
_POLICY = CONTENT_SECURITY_POLICY.lower().encode()
_SHARED = (b"public", b"s-maxage", b"private", b"stale-")
_EVERYWHERE = {
    "default-src": "'self'",
    "style-src": "'self' 'unsafe-inline'",
    "img-src": "'self' data: blob:",
    "worker-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}


def policy(**changed: str) -> str:
    """Return what a page may load and run, as a Content-Security-Policy; nothing of other hosts.

    Parameters
    ----------
    changed
        Sources by directive, as in ``script_src="'self' 'unsafe-inline'"`` for a page that has its scripts in itself.
    """
    named = {name.replace("_", "-"): sources for name, sources in changed.items()}
    rules = _EVERYWHERE | {"frame-ancestors": get_settings().frame_ancestors} | named
    return "; ".join(f"{name} {sources}" for name, sources in rules.items())


def marked(headers: Iterable[Header], *, public: bool) -> list[Header]:
    """Return the headers of an answer with those that every answer has.

    Parameters
    ----------
    headers
        Of the answer.
    public
        Whether caches may keep it for others than the one who asked.
    """
    kept, varies, cached, guarded = [], [b"Authorization, Cookie"], [], False
    for header in headers:
        if header[0] == _VARY:
            varies.append(header[1])
        elif header[0] == _CACHE_CONTROL:
            cached.append(header[1])
        else:
            guarded = guarded or header[0] == _POLICY
            kept.append(header)
    kept.append((_VARY, b", ".join(varies)))
    if not public:
        cached = [b", ".join([b"private", *_own(b",".join(cached))])]
    kept.extend((_CACHE_CONTROL, value) for value in cached)
    kept.extend(_always()[guarded:])
    return kept


def marking(send: Send, *, public: bool) -> Send:
    """Return what sends an answer with the headers that every answer has; parameters as for `marked`."""

    async def send_marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = marked(message.get("headers", ()), public=public)
        await send(message)

    return send_marked


def _own(rules: bytes) -> list[bytes]:
    """Return the rules of a Cache-Control that aren't about shared caches."""
    each = [rule.strip() for rule in rules.split(b",")]
    return [rule for rule in each if rule and not rule.startswith(_SHARED)]


@lru_cache
def _always() -> list[Header]:
    """Return the headers of all answers, the policy first."""
    return [
        (_POLICY, policy().encode()),
        (b"x-content-type-options", b"nosniff"),
        (b"referrer-policy", b"strict-origin-when-cross-origin"),
    ]
