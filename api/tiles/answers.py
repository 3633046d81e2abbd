"""How a tile is answered: from memory or made now, compressed or not, with the headers that keep it fresh."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive

from api.negotiation import MVT
from api.serving.headers import marked
from api.tiles.cache import ClientGoneError, Flight, Kept, Raw, TileCache, TileKey, tile_key
from api.tiles.shared import SharedTiles
from layers.catalog import find
from layers.history.announcements import RIGHTS, Announcements
from layers.postgres.event_loop import Connections
from layers.postgres.statements import Bound, NotBegunError
from layers.settings import get_settings
from layers.tiles import tiles
from layers.tiles.pool import TilePool
from layers.tiles.request import TileRequest

if TYPE_CHECKING:
    from api.security.callers import Caller

SCOPE_KEY = "horad.tiles"
"""Under which each request's scope holds the `TileAnswers` of its process."""

CLOSED_REQUEST = 499
"""The status in the log of a request that nobody waits for any more."""

_IMMUTABLE = b"public, max-age=31536000, immutable"
_CHECKED = b"no-cache"
_UNKNOWN = b"no-store"


@dataclass(frozen=True, slots=True)
class Making:
    """A tile that is being made for somebody."""

    work: asyncio.Future[Any]
    """Is done when `finish` can be called."""
    finish: Callable[[], Raw | Making]
    """Returns the answer or, where it takes longer after all, what to wait for then; raises as `TileAnswers.make`."""
    leave: Callable[[], None]
    """Is to be called by whoever waits no more, whether or not the tile was made."""


class TileAnswers:
    """Answers requests for tiles in one process.

    Parameters
    ----------
    known
        What the base announces.
    connections
        To the database.
    """

    def __init__(self, known: Announcements, connections: Connections) -> None:
        settings = get_settings()
        self._known = known
        self._pool = TilePool(connections)
        self._shared = _shared_tiles(settings.redis_url)
        self._cache = TileCache(known, settings.tile_cache_mb * 1_000_000, self._shared)
        self._versions: dict[tuple[str, ...], str] = {}
        self._versions_of = -1

    async def close(self) -> None:
        """Close its connections."""
        await self._pool.close()
        if self._shared is not None:
            await self._shared.close()

    def version(self, layers: tuple[str, ...]) -> str | None:
        """Return what changes with these layers and with who may see them; nothing while it isn't known.

        An address of tiles that tells it may be kept for good.
        """
        if not self._known.current:
            return None
        serial = self._known.serial
        if serial != self._versions_of:
            self._versions, self._versions_of = {}, serial
        if layers not in self._versions:
            state = [(name, find(name).mark, self._known.touched(name)) for name in layers]
            told = repr((tiles.ENCODING, state, self._known.touched(RIGHTS[0])))
            self._versions[layers] = hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
        return self._versions[layers]

    async def respond(
        self, request: TileRequest, caller: Caller, headers: Headers, receive: Receive, *, version: str | None = None
    ) -> Response:
        """Answer a request for a tile.

        Parameters
        ----------
        request
            The tile.
        caller
            Who asks.
        headers
            Of the request.
        receive
            Tells when whoever asked has gone; the tile is then given up.
        version
            The `version` for which the address was made.

        Raises
        ------
        NotFoundError
            There is no such layer.
        DatabaseError
            The tile can't be made now.
        """
        key = tile_key(request, caller.rights)
        accepted, held = headers.get("accept-encoding", ""), headers.get("if-none-match", "")
        raw = self.kept(key, accepted, held, version)
        if raw is None:
            try:
                raw = await self.make(key, caller.settings, accepted, receive, version)
            except ClientGoneError:
                return Response(status_code=CLOSED_REQUEST)
        answer = Response(status_code=raw[0])
        answer.body, answer.raw_headers = raw[2], raw[1]
        return answer

    def ready(self, key: TileKey, accepted: str, held: str, version: str | None) -> Raw | None:
        """Answer the public with a tile that is kept in the form that is wanted, with all headers; as `kept`."""
        found = self._cache.find(key)
        if found is None:
            return None
        packed = accepts_gzip(accepted)
        unchanged = bool(held) and found.etag in held
        if not (unchanged or found.is_ready(packed=packed)):
            return None
        form = unchanged, packed, version is not None and version == self.version(key.request.layers)
        answer = found.answers.get(form)
        if answer is None:
            status, headers, body = self.kept(key, accepted, held, version) or (204, [], b"")
            answer = found.answers[form] = status, marked(headers, public=True), body
        return answer

    def kept(self, key: TileKey, accepted: str, held: str, version: str | None) -> Raw | None:
        """Answer without making a tile, if that can be: it is kept, or whoever asks holds it already.

        Parameters
        ----------
        key
            The tile.
        accepted, held
            The headers ``Accept-Encoding`` and ``If-None-Match`` of the request.
        version
            The `version` for which the address was made.

        Returns
        -------
        tuple or None
            Status, headers and body.
        """
        found = self._cache.find(key)
        if found is None and not held:
            return None
        etag = self._cache.etag(key) if found is None else found.etag
        packed = accepts_gzip(accepted)
        if held and etag and etag in held:
            return 304, self._headers(key, etag, version, packed=packed), b""
        if found is None or (packed and found.packed is None):
            return None
        return self._answer(key, found, version, packed=packed)

    async def make(
        self, key: TileKey, settings: Mapping[str, str] | None, accepted: str, receive: Receive, version: str | None
    ) -> Raw:
        """Make the tile, or wait for it where it is being made, and answer with it.

        Parameters
        ----------
        key
            The tile.
        settings
            Of the transaction, which tell for whom it speaks; by default for the public.
        accepted
            The header ``Accept-Encoding`` of the request.
        receive
            Tells when whoever asked has gone.
        version
            The `version` for which the address was made.

        Raises
        ------
        DatabaseError
            It can't be made now.
        ClientGoneError
            Whoever asked didn't wait.
        """
        packed = accepts_gzip(accepted)
        make, gone = partial(self._pool.make, key.request, settings), partial(_gone, receive)
        found = await self._cache.obtain(key, make, packed=packed, gone=gone)
        return self._answer(key, found, version, packed=packed)

    def begin(self, key: TileKey, known: Bound | None, accepted: str, version: str | None) -> Making:
        """Begin to make a tile for the public, without a task of its own where it can be.

        Parameters
        ----------
        key, accepted, version
            As for `make`.
        known
            The statement that makes it, if it takes one.
        """
        flight = None if known is None else self._cache.begin(key, partial(self._pool.begin, known))
        if flight is None:
            return self._by_task(key, accepted, version)
        return Making(flight.work, partial(self._finish, flight, accepted, version), partial(self._cache.leave, flight))

    def _finish(self, flight: Flight, accepted: str, version: str | None) -> Raw | Making:
        packed = accepts_gzip(accepted)
        try:
            found = flight.result()
        except NotBegunError:
            return self._by_task(flight.key, accepted, version)
        if packed and found.packed is None and not self._cache.pack(flight.key, found):
            return self._by_task(flight.key, accepted, version)
        return self._answer(flight.key, found, version, packed=packed)

    def _by_task(self, key: TileKey, accepted: str, version: str | None) -> Making:
        task = asyncio.ensure_future(self.make(key, None, accepted, _nothing, version))

        def leave() -> None:
            task.cancel()

        return Making(task, task.result, leave)

    def _answer(self, key: TileKey, kept: Kept, version: str | None, *, packed: bool) -> Raw:
        headers = self._headers(key, kept.etag, version, packed=packed)
        if kept.empty:
            return 204, headers, b""
        body = kept.plain
        if packed and kept.packed is not None:
            body = kept.packed
            headers.append((b"content-encoding", b"gzip"))
        headers += [(b"content-type", MVT.encode()), (b"content-length", str(len(body)).encode())]
        return 200, headers, body

    def _headers(self, key: TileKey, etag: str, version: str | None, *, packed: bool) -> list[tuple[bytes, bytes]]:
        if not etag:
            return [(b"cache-control", _UNKNOWN), (b"vary", b"Accept-Encoding")]
        lasting = version is not None and not key.rights and version == self.version(key.request.layers)
        return [
            (b"etag", f'"{etag}-gz"'.encode() if packed else f'"{etag}"'.encode()),
            (b"cache-control", _IMMUTABLE if lasting else _CHECKED),
            (b"vary", b"Accept-Encoding"),
        ]


def tile_answers(request: Request) -> TileAnswers:
    """Return what answers requests for tiles in this process."""
    found: TileAnswers = request.scope[SCOPE_KEY]
    return found


@lru_cache(maxsize=256)
def accepts_gzip(accepted: str) -> bool:
    """Whether a header ``Accept-Encoding`` allows for gzip."""
    for part in accepted.lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "x-gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def _shared_tiles(url: str | None) -> SharedTiles | None:
    return SharedTiles(url) if url else None


async def _nothing() -> Message:
    """Tell nothing of whoever asked."""
    return await asyncio.get_running_loop().create_future()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
