"""Layers as files, sent while they are read from the database."""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator
from typing import Any

import anyio
from anyio import to_thread
from fastapi import Response
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Receive, Scope, Send

from geo.errors import HoradError
from layers.errors import BusyError
from layers.streams.formats import FORMATS
from layers.streams.rows import cancel
from layers.streams.selection import Selection

log = logging.getLogger("horad")

_AT_ONCE = 4
_PATIENCE_S = 60.0
_places = threading.BoundedSemaphore(_AT_ONCE)


class FileStream(Response):
    """A file that is sent piece by piece; when the client goes away, its query is cancelled.

    What fails before the first piece is answered as any error is. What fails later breaks the connection off, so that
    nobody takes half a file for a whole one.

    Parameters
    ----------
    chunks
        The file.
    connection
        From which it is read, and nothing else at the time.
    media_type
        Of the file.
    headers
        Of the answer.
    """

    def __init__(self, chunks: Generator[bytes], connection: Connection, media_type: str, headers: dict[str, str]):
        super().__init__(media_type=media_type, headers=headers)
        del self.headers["content-length"]
        self._chunks = chunks
        self._connection = connection
        self._gone = False

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file.

        Raises
        ------
        BusyError
            Enough files are being sent.
        """
        if not _places.acquire(blocking=False):
            raise BusyError(f"{_AT_ONCE} files are being sent already; ask again in a while.")
        failed: Exception | None = None
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._watch, receive)
                try:
                    await self._send(send)
                except Exception as error:  # noqa: BLE001  (raised below, out of the group)
                    failed = error
                tasks.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._chunks.close)
            _places.release()
        if failed is not None and not self._gone:
            raise failed

    async def _watch(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        await self._give_up()

    async def _give_up(self) -> None:
        self._gone = True
        await to_thread.run_sync(cancel, self._connection)

    async def _send(self, send: Send) -> None:
        chunk = await to_thread.run_sync(next, self._chunks, None)
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            while chunk is not None and not self._gone:
                with anyio.fail_after(_PATIENCE_S):
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = await to_thread.run_sync(next, self._chunks, None)
        except TimeoutError:
            log.warning("a file was broken off: its reader stood still for %d s", _PATIENCE_S)
            await self._give_up()
        except (SQLAlchemyError, HoradError) as error:
            if not self._gone:
                log.warning("a file was broken off: %s", type(error).__name__)
        else:
            await send({"type": "http.response.body", "body": b""})


def download(selection: Selection, name: str, *, headers: dict[str, str], **options: Any) -> FileStream:
    """Return the answer that sends features as a file.

    Parameters
    ----------
    selection
        Which features; its connection is used for nothing else until the file is sent.
    name
        Of the format, in `FORMATS`.
    headers
        Of the answer.
    options
        Of the format's writer.
    """
    kind = FORMATS[name]
    disposition = "inline" if name == "geojson" else "attachment"
    named = {"Content-Disposition": f'{disposition}; filename="{selection.model.name}{kind.suffix}"'}
    return FileStream(kind.write(selection, **options), selection.connection, kind.media_type, headers | named)
