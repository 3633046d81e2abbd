"""What is being made: once, however many wait for it, and given up when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
S = TypeVar("S")
V = TypeVar("V")


class Flight(Generic[K, S, V]):
    """The making of something in a state of the base, and how many wait for it."""

    __slots__ = ("key", "state", "waiting", "work")

    def __init__(self, key: K, state: S, work: asyncio.Future[V]) -> None:
        self.key = key
        self.state = state
        self.work = work
        self.waiting = 1


class Flights(Generic[K, S, V]):
    """All that is being made, by its keys."""

    def __init__(self) -> None:
        self._making: dict[K, Flight[K, S, V]] = {}

    def join(self, key: K, holds: Callable[[S], bool]) -> Flight[K, S, V] | None:
        """Wait for something with those who do already, if it is being made in a state that still holds."""
        flight = self._making.get(key)
        if flight is None or flight.work.done() or not holds(flight.state):
            return None
        flight.waiting += 1
        return flight

    def begin(self, key: K, state: S, work: asyncio.Future[V]) -> Flight[K, S, V]:
        """Wait for something that has just been begun."""
        flight = self._making[key] = Flight(key, state, work)
        return flight

    def leave(self, flight: Flight[K, S, V]) -> None:
        """Wait no more; when nobody does, it is given up."""
        flight.waiting -= 1
        if not flight.waiting:
            flight.work.cancel()
            if self._making.get(flight.key) is flight:
                del self._making[flight.key]
