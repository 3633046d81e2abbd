"""How often somebody may do something: counted in this process, or in Redis for all processes."""

from __future__ import annotations

import math
import time

from limits import RateLimitItem, parse
from limits.aio.strategies import SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError
from limits.storage import storage_from_string

from api.errors import TooManyError
from geo.errors import InvalidInputError
from layers.settings import get_settings

_REDIS_CLIENT = "redispy"


class Rate:
    """A limit such as ``600/minute``, counted for each who is named.

    Parameters
    ----------
    limit
        How often in which time.
    what
        Is counted.

    Raises
    ------
    InvalidInputError
        The limit, or where to count by HORAD_RATE_STORAGE, can't be understood.
    """

    def __init__(self, limit: str, what: str) -> None:
        self._what = what
        try:
            self._limit: RateLimitItem = parse(limit)
        except ValueError as error:
            raise InvalidInputError(f"HORAD_RATE_LIMIT: {limit!r} must be like 600/minute, or off") from error
        where = get_settings().rate_storage
        self.counts_here = where.startswith("memory")
        """Whether it counts in this process, so that nobody waits for it."""
        options = {} if self.counts_here else {"implementation": _REDIS_CLIENT}
        try:
            self._counter = SlidingWindowCounterRateLimiter(storage_from_string(f"async+{where}", **options))
        except (ConfigurationError, ValueError) as error:
            raise InvalidInputError(f"HORAD_RATE_STORAGE: {where!r} must be memory:// or redis://host:port") from error

    async def count(self, who: str) -> None:
        """Count once more, whether or not it is too often."""
        await self._counter.hit(self._limit, self._what, who)

    async def check(self, who: str) -> None:
        """Make sure that it isn't too often yet, without counting.

        Raises
        ------
        TooManyError
            It is.
        """
        if not await self._counter.test(self._limit, self._what, who):
            await self._refuse(who)

    async def take(self, who: str) -> None:
        """Count once more, if it isn't too often.

        Raises
        ------
        TooManyError
            It is.
        """
        if not await self._counter.hit(self._limit, self._what, who):
            await self._refuse(who)

    def take_now(self, who: str) -> None:
        """Count once more in this process, if it isn't too often; errors as `take`."""
        taking = self.take(who)
        try:
            taking.send(None)
        except StopIteration:
            return
        taking.close()
        raise RuntimeError("what is counted in this process had to be waited for")

    async def _refuse(self, who: str) -> None:
        stats = await self._counter.get_window_stats(self._limit, self._what, who)
        wait_s = max(1, math.ceil(stats.reset_time - time.time()))
        raise TooManyError(f"More than {self._limit}: try again in {wait_s} s.", retry_after_s=wait_s)
