"""Reads a Parquet file as blocks of typed columns, in the order of its row groups; the columns keep their types.

Rows and row groups count from 1.  A block holds the columns that a layout needs.  Small row groups are joined into one
block and large ones are divided, so that memory is bounded.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hindcast.pipeline.errors import RawDataError

SUFFIXES = (".parquet", ".parq", ".pq")
MAGIC, _ENCRYPTED = b"PAR1", b"PARE"
_CELL_BYTES = 8


def is_parquet(path: Path) -> bool:
    """Return whether a file is a Parquet file, according to its suffix."""
    return path.suffix.lower() in SUFFIXES


@dataclass(frozen=True)
class ParquetBlock:
    """Consecutive rows of a Parquet file: `table` has the needed columns; `first_line` is the first row, from 1.

    `places` are the columns' indices in the file. `size` is about the number of bytes of the rows in the file.
    """

    table: pa.RecordBatch
    places: tuple[int, ...]
    first_line: int
    size: int

    @property
    def line_count(self) -> int:
        """Number of rows."""
        return int(self.table.num_rows)

    @cached_property
    def columns(self) -> dict[int, pa.Array]:
        """The columns by their indices in the file."""
        return dict(zip(self.places, self.table.columns, strict=True))


@dataclass(frozen=True)
class ParquetSchema:
    """Names and types of a file's columns, and the number of rows of each row group."""

    names: tuple[str, ...]
    types: tuple[pa.DataType, ...]
    group_rows: tuple[int, ...]

    def group_of(self, row: int) -> int:
        """Return the row group, from 1, that holds a row, from 1."""
        return int(np.searchsorted(np.cumsum(self.group_rows), row)) + 1


def read_schema(stream: io.FileIO, path: Path) -> ParquetSchema:
    """Return the schema of an open file; raises RawDataError if it is damaged, encrypted or not a Parquet file."""
    with _damage_of(path, stream):
        return _schema_of(_open(stream, ()))


def read_parquet(
    stream: io.FileIO,
    path: Path,
    schema: ParquetSchema,
    places: Iterable[int],
    dictionaries: Iterable[int] = (),
    *,
    block_bytes: int,
    wanted: Callable[[int, int], bool] = lambda _first, _end: True,
) -> Iterator[ParquetBlock]:
    """Yield the columns at `places` in blocks of about `block_bytes` bytes; texts at `dictionaries` are dictionaries.

    Row groups whose rows [first, end) are not `wanted` are left out. Raises RawDataError for damage, and if the schema of
    the file is not `schema`.
    """
    places = tuple(sorted(places))
    names = [schema.names[place] for place in places]
    size = os.fstat(stream.fileno()).st_size / max(sum(schema.group_rows), 1)
    most = max(1, block_bytes // (_CELL_BYTES * max(len(places), 1)))
    with _damage_of(path, stream):
        file = _open(stream, [schema.names[place] for place in dictionaries])
        if _schema_of(file) != schema:
            raise RawDataError(f"{path} changed while it was read: run the stage `ingest` again.")
        for first, numbers in _stretches(schema, wanted):
            line = first
            for table in _join(file.iter_batches(most, numbers, columns=names), most, names):
                yield ParquetBlock(table, places, line, int(table.num_rows * size))
                line += table.num_rows
            due = sum(schema.group_rows[number] for number in numbers)
            if line - first != due:
                raise _damage(path, f"its row groups hold {line - first:,} rows, its footer says {due:,}")


def _stretches(schema: ParquetSchema, wanted: Callable[[int, int], bool]) -> Iterator[tuple[int, list[int]]]:
    """Yield runs of neighbouring row groups that are wanted: the first row of a run, and their indices."""
    numbers: list[int] = []
    start = line = 1
    for number, rows in enumerate(schema.group_rows):
        if rows and wanted(line, line + rows):
            start = start if numbers else line
            numbers.append(number)
        elif rows and numbers:
            yield start, numbers
            numbers = []
        line += rows
    if numbers:
        yield start, numbers


def _join(batches: Iterator[pa.RecordBatch], most: int, names: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Yield batches of about `most` rows with exactly the named columns."""
    pending: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        pending.append(_checked(batch.select(names)))
        rows += batch.num_rows
        if 2 * rows > most:
            yield _whole(pending)
            pending, rows = [], 0
    if rows:
        yield _whole(pending)


def _checked(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch whose dictionaries hold all the texts that rows refer to; pyarrow does not check that."""
    for column in batch.columns:
        if pa.types.is_dictionary(column.type):
            bounds = pc.min_max(column.indices).as_py()
            if bounds["max"] is not None and not 0 <= bounds["min"] <= bounds["max"] < len(column.dictionary):
                raise pa.ArrowInvalid(f"a row refers to text {bounds['max']} of {len(column.dictionary)}")
    return batch


def _whole(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    if len(batches) == 1:
        return batches[0]
    table = pa.Table.from_batches(batches).unify_dictionaries()
    columns = [column.combine_chunks() for column in table.columns]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _open(stream: io.FileIO, dictionaries: Sequence[str]) -> pq.ParquetFile:
    return pq.ParquetFile(
        stream,
        read_dictionary=list(dictionaries),
        page_checksum_verification=True,
        coerce_int96_timestamp_unit="us",  # nanoseconds would overflow without a word for years after 2262
    )


def _schema_of(file: pq.ParquetFile) -> ParquetSchema:
    metadata, schema = file.metadata, file.schema_arrow
    rows = tuple(metadata.row_group(number).num_rows for number in range(metadata.num_row_groups))
    types = tuple(_dense(kind) for kind in schema.types)
    return ParquetSchema(tuple(schema.names), types, rows)


def _dense(kind: pa.DataType) -> pa.DataType:
    """Return the type of the values: whether texts are read as large ones or as a dictionary does not matter."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if kind in (pa.large_string(), pa.string_view()) else kind


@contextmanager
def _damage_of(path: Path, stream: io.FileIO) -> Iterator[None]:
    """Turn the errors of a damaged file into RawDataError."""
    try:
        yield
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError) as fault:
        if isinstance(fault, OSError) and fault.errno is not None:
            raise  # the system's: a disk that cannot be read
        raise _damage(path, _reason(stream, fault)) from None


def _reason(stream: io.FileIO, fault: Exception) -> str:
    stream.seek(0)
    start = stream.read(64)
    stream.seek(max(0, stream.seek(0, io.SEEK_END) - len(MAGIC)))
    end = stream.read()
    text: Any = str(fault).strip().splitlines()
    text = text[0] if text else type(fault).__name__
    if _ENCRYPTED in (start[:4], end) or "encrypt" in text.lower():
        return "it is encrypted"
    if not start:
        return "it is empty"
    if start[:4] != MAGIC:
        return f"it begins with {start[:16]!r}, not with {MAGIC!r}"
    return "its end is missing" if end != MAGIC else text


def _damage(path: Path, reason: str) -> RawDataError:
    remedy = {
        "it is encrypted": "write it without encryption",
    }.get(
        reason,
        "download or write it again, give it the suffix of its kind if it is not Parquet, or narrow `files`",
    )
    return RawDataError(f"{path} cannot be read as Parquet: {reason}; {remedy}.")
