"""Arrow and Feather files, read as Parquet files are: their schema, what they say of themselves, and their batches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

ARROW_SUFFIXES = (".arrow", ".arrows", ".feather")
_STREAM_BEGINS = b"\xff\xff\xff\xff"
_FILE_BEGINS = b"ARROW1"
ARROW_BEGINS = (_FILE_BEGINS, _STREAM_BEGINS)


class _About(NamedTuple):
    """What a file says of itself, in the words of Parquet; how many rows it has only its end would tell."""

    metadata: dict[bytes, bytes] | None
    num_rows: int = 0


class ArrowFile:
    """A file or a stream of Arrow's interprocess format, in the words of `pyarrow.parquet.ParquetFile`.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    pyarrow.ArrowException, OSError
        It can't be read.
    """

    def __init__(self, path: Path) -> None:
        self._source = pa.memory_map(str(path))
        self._is_stream = self._source.read(len(_STREAM_BEGINS)) == _STREAM_BEGINS
        self.schema_arrow: pa.Schema = self._reader().schema
        self.metadata = _About(self.schema_arrow.metadata)

    def iter_batches(
        self,
        batch_size: int,
        *,
        columns: Sequence[str] | None = None,
        use_threads: bool = False,  # noqa: ARG002
    ) -> Iterator[pa.RecordBatch]:
        """Yield its rows, at most so many at a time."""
        for batch in self._batches():
            chosen = batch if columns is None else batch.select(list(columns))
            for start in range(0, len(chosen), batch_size):
                yield chosen.slice(start, batch_size)

    def _batches(self) -> Iterator[pa.RecordBatch]:
        reader = self._reader()
        if self._is_stream:
            yield from reader
        else:
            yield from map(reader.get_batch, range(reader.num_record_batches))

    def _reader(self) -> pa.ipc.RecordBatchReader | pa.ipc.RecordBatchFileReader:
        self._source.seek(0)
        return pa.ipc.open_stream(self._source) if self._is_stream else pa.ipc.open_file(self._source)


def open_columns(path: Path) -> ArrowFile | pq.ParquetFile:
    """Open a Parquet or an Arrow file, as its first bytes tell.

    Raises
    ------
    pyarrow.ArrowException, OSError
        It can't be read.
    """
    with path.open("rb") as stream:
        begins = stream.read(len(_FILE_BEGINS))
    if begins.startswith(ARROW_BEGINS):
        return ArrowFile(path)
    return pq.ParquetFile(path, pre_buffer=False)
