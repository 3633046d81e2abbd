"""What the base announces: one listener a process knows the versions of layers and where they changed, unasked."""

from __future__ import annotations

import json
import logging
import os
import select
import threading
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy.exc import SQLAlchemyError

from layers.custom import custom
from layers.errors import DatabaseError
from layers.history.change_log import Box, ChangeLog
from layers.postgres import database

log = logging.getLogger("horad")

CHANNEL = "horad_layers"
RIGHTS = ("territories", "memberships")
"""Tables that have versions as layers have: they tell who may see what."""

_REGISTRY = (*RIGHTS, "custom_layers")
_KEPT = 2048
_HEARTBEAT_S = 5.0
_RETRY_S = 0.2
_LOST = (psycopg.Error, SQLAlchemyError, DatabaseError)

_SINCE = "SELECT version, boxes FROM layer_changes WHERE layer = %(layer)s AND version > %(version)s ORDER BY version"

Subscriber = Callable[[str], None]
"""Is told the name of a layer, or of a table of the registry, that has changed; from the thread that listens."""


class Announcements:
    """The state of the base as far as this process has heard.

    It hears of a change within milliseconds of the commit. What is read from the base after a version is known here is
    never older than that version. While the connection is lost it is not `current`, and what it knows must not be used;
    afterwards it reads what it missed.
    """

    def __init__(self) -> None:
        self.serial = 0
        """Raised by everything that is heard."""
        self.registry_serial = 0
        """Raised by what is heard of territories, custom layers and roles."""
        self.territories: frozenset[str] = frozenset()
        """Those there are."""
        self._logs: dict[str, ChangeLog] = {}
        self._heard: deque[str] = deque()
        self._subscribers: list[Subscriber] = []
        self._current = threading.Event()
        self._thread: threading.Thread | None = None
        self._wake, self._woken = -1, -1

    def start(self) -> None:
        """Begin to listen, if it doesn't yet; the thread ends with the process, or with `stop`."""
        if self._thread is None:
            self._woken, self._wake = os.pipe()
            self._thread = threading.Thread(target=self._listen, name="announcements", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        if self._thread is not None:
            os.close(self._wake)
            self._thread.join()
            os.close(self._woken)
            self._thread = None

    @property
    def current(self) -> bool:
        """Whether what is known here is what the base says."""
        return self._current.is_set()

    def wait(self, timeout_s: float) -> bool:
        """Wait until it is current, and tell whether it is."""
        return self._current.wait(timeout_s)

    def subscribe(self, subscriber: Subscriber) -> Callable[[], None]:
        """Let someone be told of every change; what is returned ends it."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def touched(self, layer: str, box: Box | None = None) -> int:
        """Return the version of a layer that last touched a box.

        Parameters
        ----------
        layer
            Its name, or that of a table of `RIGHTS`.
        box
            West, south, east, north in degrees; without it, the version of the whole layer.

        Returns
        -------
        int
            0 where nothing ever changed. Where the last change was too long ago to be known, a version after it that
            is the same in all processes.
        """
        known = self._logs.get(layer)
        return 0 if known is None else known.touched(box)

    def _listen(self) -> None:
        stopped = told = False
        while not stopped:
            try:
                with database.own_connection() as connection:
                    connection.add_notify_handler(lambda note: self._heard.append(note.payload))
                    connection.execute(f"LISTEN {CHANNEL}")
                    self._read_registry(connection)
                    self._current.set()
                    told = False
                    self._hear(connection)
                    return
            except _LOST as error:
                if not told:
                    log.warning("the base's announcements can't be heard: %s", type(error).__name__)
                told = True
            finally:
                self._current.clear()
            stopped = bool(select.select([self._woken], [], [], _RETRY_S)[0])

    def _hear(self, connection: psycopg.Connection[Any]) -> None:
        """Listen until stopped; a beat of the heart shows whether the connection still lives."""
        while True:
            ready, _, _ = select.select([connection.fileno(), self._woken], [], [], _HEARTBEAT_S)
            if self._woken in ready:
                return
            connection.execute("SELECT 1")
            while note := connection.pgconn.notifies():
                self._heard.append(note.extra.decode())
            while self._heard:
                self._take(connection, _layer_of(self._heard.popleft()))

    def _take(self, connection: psycopg.Connection[Any], layer: str) -> None:
        """Read what has become of a layer. PostgreSQL lets everybody announce, so only what the base holds counts."""
        known = self._logs.get(layer)
        if layer in _REGISTRY:
            self._read_registry(connection)
            self._tell([layer])
        elif known is None:
            self._read(connection, [layer])
        elif changes := connection.execute(_SINCE, {"layer": layer, "version": known.version}).fetchall():
            if changes[0][0] > known.version + 1 or any(version % _KEPT == 0 for version, _ in changes):
                self._read(connection, [layer])
                return
            for version, boxes in changes:
                known.add(version, boxes)
            self._tell([layer])

    def _read(self, connection: psycopg.Connection[Any], layers: list[str] | None) -> None:
        """Read the versions of layers, of all by default, and the changes that led to those that weren't known."""
        statement = (
            "SELECT v.layer, v.version, coalesce(array_agg(c.version ORDER BY c.version) FILTER (WHERE c.layer IS NOT"
            " NULL), '{}'), coalesce(json_agg(c.boxes ORDER BY c.version) FILTER (WHERE c.layer IS NOT NULL), '[]')"
            " FROM layer_versions AS v LEFT JOIN layer_changes AS c ON c.layer = v.layer"
            " WHERE %(layers)s::text[] IS NULL OR v.layer = ANY (%(layers)s) GROUP BY 1, 2"
        )
        found: dict[str, ChangeLog] = {}
        for layer, version, versions, boxes in connection.execute(statement, {"layers": layers}):
            floor = max(version // _KEPT * _KEPT - _KEPT, versions[0] - 1 if versions else version, 0)
            read = ChangeLog(floor)
            for each, where in zip(versions, boxes, strict=True):
                if each > floor:
                    read.add(each, where)
            found[layer] = read
        self._logs = {**self._logs, **found} if layers is not None else found
        self._tell(found)

    def _read_registry(self, connection: psycopg.Connection[Any]) -> None:
        self._read(connection, None)
        self.territories = frozenset(row[0] for row in connection.execute("SELECT id FROM territories"))
        with database.engine(parallel=False, public=True).connect() as lent:
            custom.refresh_public(lent)
        self.registry_serial += 1

    def _tell(self, layers: Iterable[str]) -> None:
        self.serial += 1
        for layer in layers:
            for each in tuple(self._subscribers):
                each(layer)


def _layer_of(payload: str) -> str:
    """Return the layer that an announcement names, empty where it is none of ours."""
    try:
        return str(json.loads(payload)["layer"])
    except (ValueError, TypeError, LookupError):
        return ""


@lru_cache
def announcements() -> Announcements:
    """Return those of this process."""
    return Announcements()
