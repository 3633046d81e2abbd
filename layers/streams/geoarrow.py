"""Arrow's stream of record batches (IPC), its geometry as GeoArrow."""

from __future__ import annotations

from collections.abc import Generator

import pyarrow as pa

from layers.streams.batches import batches, schema
from layers.streams.selection import Selection
from layers.streams.sink import Sink


def write(selection: Selection) -> Generator[bytes]:
    """Yield the stream, a batch at a time."""
    sink = Sink()
    with pa.ipc.new_stream(sink.file, schema(selection)) as writer:
        for batch in batches(selection):
            writer.write_batch(batch)
            yield sink.taken()
    yield sink.taken()
