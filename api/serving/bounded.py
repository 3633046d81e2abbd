"""What a process keeps in memory: at most so many bytes, of which those go first that weren't asked for longest."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What tells how much it takes."""

    @property
    def size(self) -> int:
        """What it takes, in bytes."""


K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Sized)


class Bounded(Generic[K, V]):
    """Values by their keys.

    Parameters
    ----------
    at_most_bytes
        They may take.
    """

    def __init__(self, at_most_bytes: int) -> None:
        self._at_most = at_most_bytes
        self._kept: OrderedDict[K, V] = OrderedDict()
        self._sizes: dict[K, int] = {}
        self._bytes = 0

    def get(self, key: K) -> V | None:
        """Return what is kept, if it is."""
        return self._kept.get(key)

    def touch(self, key: K) -> None:
        """Tell that something kept was asked for."""
        self._kept.move_to_end(key)

    def keep(self, key: K, value: V) -> None:
        """Keep something, also where its size has changed since."""
        self.drop(key)
        self._kept[key] = value
        self._sizes[key] = value.size
        self._bytes += value.size
        while self._bytes > self._at_most:
            self.drop(next(iter(self._kept)))

    def drop(self, key: K) -> None:
        """Keep something no more, if it is kept."""
        if self._kept.pop(key, None) is not None:
            self._bytes -= self._sizes.pop(key)
