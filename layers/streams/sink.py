"""A file that writers write into and that hands out what was written, so that it never grows."""

from __future__ import annotations

from typing import Any

import pyarrow as pa


class Sink:
    """Where Arrow's writers write; `taken` gives what has been written since it was last asked."""

    closed = False

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._size = 0
        self.file = pa.PythonFile(self, mode="w")

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        taken = b"".join(self._written)
        self._written.clear()
        return taken

    def write(self, data: Any) -> int:
        """Take bytes."""
        written = bytes(data)
        self._written.append(written)
        self._size += len(written)
        return len(written)

    def tell(self) -> int:
        """Return how much was written in all."""
        return self._size

    def flush(self) -> None:
        """Do nothing: what was written is there."""

    def close(self) -> None:
        """Do nothing: what was written can still be taken."""
