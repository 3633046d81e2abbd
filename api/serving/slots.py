"""So much at once, and no more: who comes later waits a little, and is told to come again."""

from __future__ import annotations

import asyncio
from types import TracebackType

from api.errors import NotNowError


class Slots:
    """An asynchronous context for a number of tasks at once.

    Parameters
    ----------
    number
        Of tasks.
    patience_s
        How long one waits for a slot.
    what
        Fills them, for the error.
    """

    def __init__(self, number: int, patience_s: float, what: str) -> None:
        self._number = number
        self._patience_s = patience_s
        self._what = what
        self._free = asyncio.Semaphore(number)

    async def __aenter__(self) -> None:
        """Take a slot.

        Raises
        ------
        NotNowError
            None was free for as long as one waits.
        """
        if not self._free.locked():
            await self._free.acquire()
            return
        try:
            await asyncio.wait_for(self._free.acquire(), self._patience_s)
        except TimeoutError as error:
            raise NotNowError(f"{self._number} {self._what} already; try again shortly.") from error

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _where: TracebackType | None
    ) -> None:
        """Free the slot."""
        self._free.release()
