"""Tiles that several machines share, in Redis: each kept under its tag, which tells all that it depends on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from geo.errors import InvalidInputError

if TYPE_CHECKING:
    from redis.asyncio import Redis

log = logging.getLogger("horad")

_PREFIX = "horad:tile:"
_KEPT_FOR_S = 24 * 3600
_TIMEOUT_S = 0.5


class SharedTiles:
    """A Redis of tiles; where it can't be reached, tiles are made as if there were none.

    Parameters
    ----------
    url
        Its address, such as ``redis://127.0.0.1:6379/0``.

    Raises
    ------
    InvalidInputError
        The package isn't there, or the address can't be one.
    """

    def __init__(self, url: str) -> None:
        try:
            from redis.asyncio import Redis
        except ImportError as error:
            raise InvalidInputError("HORAD_REDIS_URL takes the extra: pip install 'horad[redis]'") from error
        try:
            self._redis: Redis = Redis.from_url(
                url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S, retry_on_error=[]
            )
        except ValueError as error:
            raise InvalidInputError(f"HORAD_REDIS_URL: {error}") from error

    async def get(self, etag: str) -> bytes | None:
        """Return a compressed tile, if it is there."""
        from redis.exceptions import RedisError

        try:
            found: bytes | None = await self._redis.get(_PREFIX + etag)
        except RedisError as error:
            log.warning("the shared tiles can't be reached: %s", type(error).__name__)
            return None
        return found

    async def put(self, etag: str, packed: bytes) -> None:
        """Keep a compressed tile for a day."""
        from redis.exceptions import RedisError

        try:
            await self._redis.set(_PREFIX + etag, packed, ex=_KEPT_FOR_S)
        except RedisError as error:
            log.warning("the shared tiles can't be reached: %s", type(error).__name__)

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()
