"""How a page of features is answered: from memory or made now, compressed or not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import psycopg
from psycopg.errors import QueryCanceled, UndefinedColumn, UndefinedTable
from psycopg.pq.abc import PGresult
from sqlalchemy.exc import SQLAlchemyError

from api.errors import NotNowError, TookTooLongError
from api.items.cache import Begin, Kept, PageCache, PageFlight
from api.ogc.feature_pages import Frame
from api.ogc.features import COUNTED_ANYWAY
from api.serving.at_once import Making, Raw
from api.serving.compression import packing
from api.serving.headers import Header
from geo.errors import HoradError
from layers.catalog import LayerTable
from layers.errors import DatabaseError
from layers.history.announcements import Announcements
from layers.postgres import database
from layers.postgres.event_loop import Connections
from layers.postgres.statements import LOST, NotBegunError
from layers.reading import facts, pages, store
from layers.reading.query import Box
from layers.settings import get_settings

log = logging.getLogger("horad")

_COMPRESS_FROM_BYTES = 1_000
_PACKED = b"content-encoding", b"gzip"
_UNCOUNTED = -1


@dataclass(frozen=True, slots=True)
class Address:
    """What an address asks for, the place of a page set aside."""

    model: LayerTable
    territory: str | None
    box: Box | None
    limit: int
    frame: Frame
    headers: list[Header]


class Wanted(NamedTuple):
    """A page that is wanted."""

    key: Hashable
    """All that it depends on beside the base."""
    of: Address
    after: int | None
    before: int | None
    matched: int | None
    """How many features there are on all pages, from `PageAnswers.matched`."""
    packed: bool
    """Whether it may be compressed."""

    def is_whole(self, found: store.Page) -> bool:
        """Whether there are no other pages."""
        return not found.more and self.after is None and self.before is None

    def filled(self, found: store.Page, matched: int | None) -> bytes:
        """Return the page with its features, and how many there are on all."""
        if self.is_whole(found):
            matched = len(found.features)
        started, backwards = self.after is not None, self.before is not None
        return self.of.frame.filled(found, matched=matched, started=started, backwards=backwards)


class PageAnswers:
    """Answers the public's requests for pages of features in one process.

    Parameters
    ----------
    known
        What the base announces.
    """

    def __init__(self, known: Announcements) -> None:
        settings = get_settings()
        self._known = known
        self._connections = Connections(settings.page_connections, patience_s=settings.wait_s)
        self._cache = PageCache(known, settings.page_cache_mb * 1_000_000)
        self._counts: dict[tuple[LayerTable, str | None], int | None] = {}
        self._counts_of = -1
        self._counting: dict[tuple[LayerTable, str | None], asyncio.Task[None]] = {}

    async def close(self) -> None:
        """Close its connections."""
        await self._connections.close()

    def matched(self, of: Address) -> int | None:
        """Return how many features there are on all pages of an address, as far as that is known without asking."""
        if of.box is not None:
            return None
        serial, counted = self._known.serial, (of.model, of.territory)
        if serial != self._counts_of:
            self._counts, self._counts_of = {}, serial
        if counted not in self._counts:
            try:
                self._counts[counted] = facts.kept_count(_counted(of))
            except LookupError:
                return _UNCOUNTED
        return self._counts[counted]

    def ready(self, wanted: Wanted) -> Raw | Making | None:
        """Answer with a page that is kept, or wait for it to be compressed."""
        kept = self._cache.find(wanted.key)
        return None if kept is None else self._in_form(wanted, kept)

    def begin(self, wanted: Wanted) -> Making:
        """Begin to make a page."""
        at_once = wanted.of.box is None and wanted.matched != _UNCOUNTED
        return self._waiting(wanted, partial(self._begin, wanted) if at_once else None)

    def _waiting(self, wanted: Wanted, begin: Begin | None) -> Making:
        flight = self._cache.begin(wanted.key, wanted.of.model.name, partial(self._make, wanted), begin)
        return Making(flight.work, partial(self._finish, wanted, flight), partial(self._cache.leave, flight))

    def _finish(self, wanted: Wanted, flight: PageFlight) -> Raw | Making:
        """Answer with a page that has been made, or wait for it to be made by a task, or to be compressed."""
        try:
            kept = flight.work.result()
        except (NotBegunError, *LOST):
            return self._waiting(wanted, None)
        except TimeoutError as error:
            raise _failure(error) from error
        return self._in_form(wanted, kept)

    def _in_form(self, wanted: Wanted, kept: Kept) -> Raw | Making:
        if not wanted.packed or len(kept.plain) < _COMPRESS_FROM_BYTES:
            return _answer(wanted.of, kept.plain)
        if kept.packed is None:
            return packing(kept.plain, partial(self._packed, wanted, kept))
        return _answer(wanted.of, kept.packed, _PACKED)

    def _packed(self, wanted: Wanted, kept: Kept, packed: bytes) -> Raw:
        self._cache.pack(wanted.key, kept, packed)
        return _answer(wanted.of, packed, _PACKED)

    def _begin(self, wanted: Wanted, hold: Callable[[bytes, bool], Kept]) -> asyncio.Future[Kept] | None:
        """Begin to make a page without a task."""
        of, after, before = wanted.of, wanted.after, wanted.before
        statement = pages.bound_page(of.model, limit=of.limit, territory=of.territory, after=after, before=before)
        return self._connections.begin(statement, partial(_held, wanted, hold))

    async def _make(self, wanted: Wanted) -> tuple[bytes, bool]:
        """Make a page in a task, and tell whether it may be kept: not without the number that is being worked out.

        Features that nobody has counted are counted if they are few; else that is begun, and not waited for.

        Raises
        ------
        NotNowError
            No connection was to be had.
        TookTooLongError
            It took the base too long.
        DatabaseError
            The base can't be reached, or the layer has just been changed or dropped.
        """
        of, matched, lent = wanted.of, wanted.matched, self._connections
        territory, box, key = of.territory, of.box, _counted(of)
        try:
            found = await pages.read_page(
                lent,
                of.model,
                limit=of.limit,
                territory=territory,
                box=box,
                after=wanted.after,
                before=wanted.before,
            )
            if wanted.is_whole(found):
                matched = len(found.features)
            elif box is not None or matched == _UNCOUNTED:
                matched = await pages.count_up_to(lent, of.model, territory=territory, box=box, at_most=COUNTED_ANYWAY)
        except (TimeoutError, psycopg.Error) as error:
            raise _failure(error) from error
        if wanted.matched == _UNCOUNTED:
            self._remember(of, key, matched)
        return wanted.filled(found, matched), matched is not None or wanted.matched is None

    def _remember(self, of: Address, key: facts.FactsKey, matched: int | None) -> None:
        """Remember how many features there are; where they are too many, let them be counted meanwhile."""
        counted = of.model, of.territory
        if matched is not None:
            facts.keep_count(key, matched)
        elif counted not in self._counting:
            task = asyncio.create_task(asyncio.to_thread(_count, of.model.name, of.territory))
            self._counting[counted] = task
            task.add_done_callback(lambda _: self._counting.pop(counted))


def _counted(of: Address) -> facts.FactsKey:
    """Return by what is kept how many features there are."""
    return facts.public_key(database.engine(parallel=False, public=True), of.model, territory=of.territory)


def _count(layer: str, territory: str | None) -> None:
    try:
        with database.engine(public=True).connect() as connection:
            facts.count(connection, layer, territory=territory)
    except (HoradError, SQLAlchemyError) as error:
        log.warning("the features of %s couldn't be counted: %s", layer, type(error).__name__)


def _held(wanted: Wanted, hold: Callable[[bytes, bool], Kept], result: PGresult) -> Kept:
    """Keep the page that a statement gave."""
    try:
        found = pages.page_of(result, limit=wanted.of.limit, backwards=wanted.before is not None)
    except psycopg.Error as error:
        raise _failure(error) from error
    return hold(wanted.filled(found, wanted.matched), True)


def _answer(of: Address, body: bytes, *more: Header) -> Raw:
    return 200, [*of.headers, *more, (b"content-length", b"%d" % len(body))], body


def _failure(error: Exception) -> Exception:
    """Return what there is to say where a page couldn't be made."""
    if isinstance(error, TimeoutError):
        return NotNowError("All connections to the database are in use; try again shortly.")
    if isinstance(error, QueryCanceled):
        return TookTooLongError("The database took too long for a page.")
    if isinstance(error, (UndefinedTable, UndefinedColumn)):
        return DatabaseError("a layer has just been changed or dropped")
    if isinstance(error, LOST):
        return DatabaseError(f"the page couldn't be made: {type(error).__name__}")
    return error
