"""How a tile is answered: from memory or made now, compressed or not, with the headers that keep it fresh."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive

from api.negotiation import MVT
from api.serving.at_once import CLOSED_REQUEST, ClientGoneError, Making, Raw, waited_for
from api.serving.compression import accepts_gzip, packing
from api.serving.headers import marked
from api.tiles.cache import Kept, TileCache, TileFlight, TileKey, tile_key
from api.tiles.shared import SharedTiles
from layers.catalog import find
from layers.history.announcements import RIGHTS, Announcements
from layers.postgres.statements import LOST, Bound, NotBegunError
from layers.settings import get_settings
from layers.tiles import tiles
from layers.tiles.pool import TilePool, failure
from layers.tiles.request import TileRequest

if TYPE_CHECKING:
    from api.security.callers import Caller

STATE_KEY = "horad.tiles"
"""Under which the state of the application's life holds the `TileAnswers` of its process."""

_IMMUTABLE = b"public, max-age=31536000, immutable"
_CHECKED = b"no-cache"
_UNKNOWN = b"no-store"


class _How(NamedTuple):
    """How a tile is wanted."""

    version: str | None
    packed: bool
    whole: bool
    """Whether with the headers that all answers have."""


class TileAnswers:
    """Answers requests for tiles in one process.

    Parameters
    ----------
    known
        What the base announces.
    """

    def __init__(self, known: Announcements) -> None:
        settings = get_settings()
        self._known = known
        self._pool = TilePool()
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
        how = _How(version, accepts_gzip(headers.get("accept-encoding", "")), whole=False)
        found = self._kept(key, headers.get("if-none-match", ""), how)
        try:
            raw = await waited_for(found or self._waiting(key, self._begin(key, caller.settings), how), receive)
        except ClientGoneError:
            return Response(status_code=CLOSED_REQUEST)
        answer = Response(status_code=raw[0])
        answer.body, answer.raw_headers = raw[2], raw[1]
        return answer

    def ready(self, key: TileKey, accepted: str, held: str, version: str | None) -> Raw | None:
        """Answer the public with a tile that is kept in the form that is wanted, with all headers.

        Parameters
        ----------
        key
            The tile.
        accepted, held
            The headers ``Accept-Encoding`` and ``If-None-Match`` of the request.
        version
            The `version` for which the address was made.
        """
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
            how = _How(version, packed, whole=True)
            answer = self._unchanged(key, found.etag, how) if unchanged else self._answer(key, found, how)
            found.answers[form] = answer
        return answer

    def begin(self, key: TileKey, known: Bound | None, accepted: str, held: str, version: str | None) -> Raw | Making:
        """Begin to answer the public, with all headers.

        Parameters
        ----------
        key, accepted, held, version
            As for `ready`.
        known
            The statement that makes the tile, if it takes one.
        """
        how = _How(version, accepts_gzip(accepted), whole=True)
        return self._kept(key, held, how) or self._waiting(key, self._begin(key, None, known), how)

    def _kept(self, key: TileKey, held: str, how: _How) -> Raw | Making | None:
        """Answer without making a tile, if that can be: it is kept, or whoever asks holds it already."""
        found = self._cache.find(key)
        if held:
            etag = self._cache.etag(key) if found is None else found.etag
            if etag and etag in held:
                return self._unchanged(key, etag, how)
        return None if found is None else self._in_form(key, found, how)

    def _begin(self, key: TileKey, settings: Mapping[str, str] | None, known: Bound | None = None) -> TileFlight:
        """Let a tile be made, by a transaction with settings that tell for whom it speaks; without any, the public."""
        make = partial(self._pool.make, key.request, settings)
        return self._cache.begin(key, make, None if known is None else partial(self._pool.begin, known))

    def _waiting(self, key: TileKey, flight: TileFlight, how: _How) -> Making:
        return Making(flight.work, partial(self._finish, key, flight, how), partial(self._cache.leave, flight))

    def _finish(self, key: TileKey, flight: TileFlight, how: _How) -> Raw | Making:
        """Answer with a tile that has been made, or wait for it to be made by a task, or to be compressed."""
        try:
            found = flight.work.result()
        except (NotBegunError, *LOST):
            return self._waiting(key, self._begin(key, None), how)
        except TimeoutError as error:
            raise failure(error) from error
        return self._in_form(key, found, how)

    def _in_form(self, key: TileKey, found: Kept, how: _How) -> Raw | Making:
        if how.packed and found.packed is None:
            return packing(found.plain, partial(self._packed, key, found, how))
        return self._answer(key, found, how)

    def _packed(self, key: TileKey, found: Kept, how: _How, packed: bytes) -> Raw:
        self._cache.pack(key, found, packed)
        return self._answer(key, found, how)

    def _answer(self, key: TileKey, kept: Kept, how: _How) -> Raw:
        headers = self._headers(key, kept.etag, how.version, packed=how.packed)
        status, body = 204, b""
        if not kept.empty:
            status, body = 200, kept.plain
            if how.packed and kept.packed is not None:
                body = kept.packed
                headers.append((b"content-encoding", b"gzip"))
            headers += [(b"content-type", MVT.encode()), (b"content-length", str(len(body)).encode())]
        return _told((status, headers, body), how)

    def _unchanged(self, key: TileKey, etag: str, how: _How) -> Raw:
        return _told((304, self._headers(key, etag, how.version, packed=how.packed), b""), how)

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
    found: TileAnswers = request.scope["state"][STATE_KEY]
    return found


def _told(raw: Raw, how: _How) -> Raw:
    return (raw[0], marked(raw[1], public=True), raw[2]) if how.whole else raw


def _shared_tiles(url: str | None) -> SharedTiles | None:
    return SharedTiles(url) if url else None
