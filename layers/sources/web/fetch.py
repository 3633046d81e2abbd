"""Everything that is fetched from the web comes through here: only from where it may, only so much, only so long.

HTTPX is imported when something is fetched.
"""

from __future__ import annotations

import random
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

import orjson

from layers.errors import SourceError, UnavailableError
from layers.settings import get_settings

if TYPE_CHECKING:
    import httpx

_T = TypeVar("_T")

_MB = 1024 * 1024
_PAGE_BYTES = 128 * _MB
_CHUNK_BYTES = 256 * 1024
_MOST_REDIRECTS = 5
_BUSY = (429, 502, 503, 504)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How much, how long and how often.

    Parameters
    ----------
    max_bytes
        Of all answers together, unpacked.
    total_s
        For all of it.
    connect_s, read_s
        For a connection, and for the next piece of an answer.
    attempts
        How often one thing is asked for while the other side can't answer.
    backoff_s
        The wait before the second attempt; it doubles with each. Half of it, more or less, is chance.
    longest_wait_s
        The longest wait that the other side may ask for with ``Retry-After``.
    """

    max_bytes: int = field(default_factory=lambda: get_settings().max_download_mb * _MB)
    total_s: float = field(default_factory=lambda: get_settings().download_timeout_s)
    connect_s: float = 10
    read_s: float = 60
    attempts: int = 4
    backoff_s: float = 0.5
    longest_wait_s: float = 60


@dataclass(frozen=True)
class Token:
    """A secret that opens a source: a header and its value."""

    header: str
    value: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """A page that was read to its end."""

    url: str
    status: int
    headers: httpx.Headers
    content: bytes

    def json(self) -> Any:
        """Return what the answer says in JSON.

        Raises
        ------
        SourceError
            It is none.
        """
        try:
            return orjson.loads(self.content)
        except orjson.JSONDecodeError as error:
            raise SourceError(f"{shown(self.url)} didn't answer in JSON: {error}") from error


class Incoming:
    """An answer of which the head is there and the body is on its way."""

    def __init__(self, response: httpx.Response, count: Callable[[httpx.Response, int], None]) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self.url = str(response.url)
        self._response = response
        self._count = count

    def check(self) -> None:
        """Make sure that it brings what was asked for.

        Raises
        ------
        SourceError
            Its status tells otherwise.
        """
        if self.status != HTTPStatus.OK:
            raise SourceError(f"{shown(self.url)} can't be had: it answers {self}.")

    def chunks(self, *, packed: bool = False) -> Iterator[bytes]:
        """Yield the body, unpacked unless it is wanted as it comes, and count it."""
        coding = self.headers.get("Content-Encoding", "identity").strip().lower()
        if coding not in ("", "identity", "gzip", "x-gzip"):
            raise SourceError(f"{shown(self.url)} answers in the coding {coding}, which it wasn't asked for.")
        self._count(self._response, 0)
        raw = self._response.iter_raw()
        for chunk in raw if packed or coding in ("", "identity") else _gunzip(raw):
            self._count(self._response, len(chunk))
            yield chunk

    def __str__(self) -> str:
        return f"{self.status} {self._response.reason_phrase}".rstrip()


Explain = Callable[[Answer], str | None]


class Fetcher:
    """The way of one source to the web; a context manager.

    Only ``http`` and ``https``; only public addresses, wherever redirects lead, unless the settings allow others. What
    fails for a moment is asked for again. Answers that end too early are no answers.

    Parameters
    ----------
    home
        The address of the source; only there the token is shown.
    token
        A secret that opens it.
    explain
        Tells what is wrong according to an answer, whatever its status, or ``None`` where nothing is.
    limits
        By default those of the settings.
    """

    def __init__(
        self, home: str, *, token: Token | None = None, explain: Explain | None = None, limits: Limits | None = None
    ) -> None:
        import httpx

        from layers.sources.web.addresses import Transport

        self._home = _origin(_url(home))
        self._token = token
        self._explain = explain
        self._limits = limits or Limits()
        self._deadline = time.monotonic() + self._limits.total_s
        self._taken = 0
        self._client = httpx.Client(
            transport=Transport(self._deadline),
            timeout=httpx.Timeout(self._limits.read_s, connect=self._limits.connect_s),
            headers={"User-Agent": "Horad", "Accept-Encoding": "gzip"},
            trust_env=False,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._client.close()

    def get(self, url: str, parameters: Mapping[str, str] | None = None, *, accept: str = "*/*") -> Answer:
        """Return the answer to a question.

        Parameters
        ----------
        url
            The address; its own query stays.
        parameters
            Added to its query, in place of those of the same name.
        accept
            The media types wanted.

        Raises
        ------
        UnavailableError
            It can't be had right now.
        SourceError
            It can't be had, or is too large.
        """
        address = _url(url).copy_merge_params(dict(parameters or {}))
        return self._send(lambda: self._client.build_request("GET", address, headers={"Accept": accept}), self._read)

    def post(self, url: str, form: Mapping[str, str]) -> Answer:
        """Return the answer to a form; errors are those of `get`."""
        return self._send(lambda: self._client.build_request("POST", _url(url), data=dict(form)), self._read)

    def stream(self, url: str, take: Callable[[Incoming], _T], *, headers: Mapping[str, str]) -> _T:
        """Return what is made of an answer while it comes in, from its beginning at each attempt.

        Errors are those of `get`; it is left to ``take`` to look at the status.
        """
        return self._send(lambda: self._client.build_request("GET", _url(url), headers=dict(headers)), take)

    def _read(self, incoming: Incoming) -> Answer:
        content = bytearray()
        for chunk in incoming.chunks():
            content += chunk
            if len(content) > _PAGE_BYTES:
                raise SourceError(f"{shown(incoming.url)} answers with more than {_PAGE_BYTES // _MB} MB at once.")
        answer = Answer(incoming.url, incoming.status, incoming.headers, bytes(content))
        wrong = self._explain(answer) if self._explain else None
        if wrong is not None:
            raise SourceError(f"{shown(incoming.url)}: {wrong}")
        incoming.check()
        return answer

    def _send(self, build: Callable[[], httpx.Request], take: Callable[[Incoming], _T]) -> _T:
        """Ask until there is an answer, as often as the limits let."""
        import httpx

        taken = self._taken
        for attempt in range(1, self._limits.attempts + 1):
            self._taken = taken
            request = build()
            try:
                with self._follow(request) as response:
                    incoming = Incoming(response, self._count)
                    if incoming.status not in _BUSY:
                        return take(incoming)
                    why, asked_s = f"it answers {incoming}", _retry_after(incoming.headers)
            except httpx.TransportError as error:
                why, asked_s = str(error) or type(error).__name__, None
            self._wait(shown(str(request.url)), why, asked_s, attempt)
        raise AssertionError("the last attempt ends in an answer or an error")

    def _count(self, response: httpx.Response, size: int) -> None:
        """Count what has come, and keep to the limit both as it was sent and unpacked."""
        self._taken += size
        announced = response.headers.get("Content-Length", "")
        expected = int(announced) if announced.isdecimal() else 0
        if max(self._taken, response.num_bytes_downloaded, expected) > self._limits.max_bytes:
            raise SourceError(
                f"{shown(str(response.url))} gives more than {self._limits.max_bytes / _MB:g} MB "
                "(HORAD_MAX_DOWNLOAD_MB)."
            )

    def _wait(self, address: str, why: str, asked_s: float | None, attempt: int) -> None:
        """Wait before the next attempt, or give up."""
        limits = self._limits
        chance = random.uniform(0.5, 1.5)  # noqa: S311
        wait_s = limits.backoff_s * 2 ** (attempt - 1) * chance if asked_s is None else asked_s
        if time.monotonic() >= self._deadline:
            raise UnavailableError(
                f"{address} wasn't done within {limits.total_s:g} s (HORAD_DOWNLOAD_TIMEOUT_S): {why}"
            )
        if wait_s > limits.longest_wait_s:
            raise UnavailableError(f"{address} can't be had right now: {why}; it asks to wait {wait_s:.0f} s.")
        if attempt == limits.attempts or time.monotonic() + wait_s > self._deadline:
            raise UnavailableError(f"{address} can't be had right now: {why} (asked {attempt} times)")
        time.sleep(wait_s)

    @contextmanager
    def _follow(self, request: httpx.Request) -> Iterator[httpx.Response]:
        """Send a request wherever redirects lead; the token goes only where it belongs."""
        for _ in range(_MOST_REDIRECTS + 1):
            self._authorise(request)
            response = self._client.send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
            finally:
                response.close()
            request = response.next_request
        raise SourceError(f"{shown(str(request.url))}: more than {_MOST_REDIRECTS} redirects.")

    def _authorise(self, request: httpx.Request) -> None:
        if request.url.scheme not in ("http", "https"):
            raise SourceError(f"{shown(str(request.url))}: only http and https are followed.")
        if self._token is None:
            return
        if _origin(request.url) == self._home:
            request.headers[self._token.header] = self._token.value
        else:
            request.headers.pop(self._token.header, None)


def shown(url: str) -> str:
    """Return an address without what may be secret in it: its query."""
    return url.partition("?")[0]


def _url(text: str) -> httpx.URL:
    import httpx

    try:
        return httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise SourceError(f"{shown(text)} is no address on the web: {error}") from error


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port or {"http": 80, "https": 443}.get(url.scheme)


def _retry_after(headers: httpx.Headers) -> float | None:
    """Return for how many seconds the other side wants to be left alone, where it says so."""
    text = headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _gunzip(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack, never more than a piece at a time."""
    import httpx

    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    begun = False
    try:
        for chunk in chunks:
            rest = chunk
            while rest:
                if decoder.eof:
                    decoder = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
                begun = True
                yield decoder.decompress(rest, _CHUNK_BYTES)
                rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
        yield decoder.flush()
    except zlib.error as error:
        raise httpx.RemoteProtocolError(f"the answer can't be unpacked: {error}") from error
    if begun and not decoder.eof:
        raise httpx.RemoteProtocolError("the packed answer ends too early")
