"""A feature table made elsewhere, read in batches: its keys as numbers, and the cells that are none."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from hindcast.pipeline.arrays import TIME_MIN, Flags, Floats, Ints, Times
from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.wording import counted

_BATCH_ROWS = 1 << 17
_BLOCK_BYTES = 1 << 23  # of CSV
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_INDEX = re.compile(r"__index_level_\d+__")  # pandas' name of an index that has none
_ZONE = re.compile(r"\d:\d\d.*(?:[Zz]|UTC|GMT|[+-]\d\d(?::?\d\d)?)$")


@dataclass(frozen=True)
class TableFile:
    """A CSV or Parquet file with a row per origin and valid time; `names` are its columns.

    `index_names` are those of them that hold the unnamed index of a pandas frame, the numbers of its rows: `to_parquet` adds
    one to a frame of which rows were selected.
    """

    path: Path
    names: tuple[str, ...]
    types: tuple[pa.DataType | None, ...]
    index_names: tuple[str, ...] = ()

    @property
    def is_parquet(self) -> bool:
        """Whether the file is Parquet, by its suffix."""
        return self.path.suffix == ".parquet"

    def place(self, row: int) -> str:
        """Return where a row is, counted from 0, as a reader of the file counts."""
        return f"row {row + 1}" if self.is_parquet else f"line {row + 2}"

    def batches(self, columns: Sequence[str]) -> Iterator[dict[str, pa.Array]]:
        """Yield some columns in batches of bounded size; of CSV as texts. Raises FormatError if a row has other columns."""
        with _format_faults(self.path):
            if self.is_parquet:
                with pq.ParquetFile(self.path) as file:
                    for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns)):
                        yield {name: batch.column(name) for name in columns}
                return
            options = csv.ConvertOptions(
                column_types=dict.fromkeys(columns, pa.string()),
                include_columns=list(columns),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            )
            read = csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False)
            with csv.open_csv(self.path, read_options=read, convert_options=options) as reader:
                for batch in reader:
                    yield {name: batch.column(name) for name in columns}


def open_table(path: Path) -> TableFile:
    """Read the names of the columns. Raises MissingInputError if the file is missing, FormatError if it is no table."""
    if not path.is_file():
        raise MissingInputError(f"{path} is missing: --table names a CSV or Parquet file (.parquet).")
    with _format_faults(path):
        if path.suffix == ".parquet":
            schema = pq.read_schema(path)
            return TableFile(path, tuple(schema.names), tuple(schema.types), _unnamed_index(schema))
        with csv.open_csv(
            path, read_options=csv.ReadOptions(block_size=_BLOCK_BYTES, use_threads=False)
        ) as reader:
            names = tuple(reader.schema.names)
        return TableFile(path, names, (None,) * len(names))


def _unnamed_index(schema: pa.Schema) -> tuple[str, ...]:
    """Return the columns that pandas names as an index of the frame, which it calls so because it had no name."""
    metadata = schema.pandas_metadata or {}
    stored = [name for name in metadata.get("index_columns", []) if isinstance(name, str)]
    return tuple(name for name in stored if _INDEX.fullmatch(name) and name in schema.names)


@contextmanager
def _format_faults(path: Path) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as fault:
        raise FormatError(
            f"{path} must be CSV with a heading line, or Parquet (.parquet): {fault}."
        ) from None


@dataclass
class TableFaults:
    """Faults of rows, each kind counted, with its first row as the example."""

    file: TableFile
    found: dict[str, list[Any]] = field(default_factory=dict)

    def note(self, bad: Flags, start: int, what: str, show: Any, remedy: str) -> None:
        """Count the rows that `bad` marks, of a batch that begins at the row `start`; `show(place)` describes one."""
        if bad.any():
            first = int(np.argmax(bad))
            self.add(int(bad.sum()), start + first, what, show(first), remedy)

    def add(self, count: int, row: int, what: str, text: str, remedy: str) -> None:
        """Count rows, of which `row` is the first and `text` describes it."""
        entry = self.found.setdefault(what, [0, row, text, remedy])
        entry[0] += count
        if row < entry[1]:
            entry[1:3] = row, text

    def texts(self) -> list[str]:
        """Return a sentence for each kind of fault, in the order in which they were found."""
        return [
            f"{counted(count, 'row')} with {what}, first in {self.file.place(row)} ({text}): {remedy}"
            for what, (count, row, text, remedy) in self.found.items()
        ]


@dataclass(frozen=True)
class Moments:
    """Times in ns UTC (TIME_MIN where there is none). `empty`: no cell; `wrong`: no time; `zoneless`: without a zone."""

    times: Times
    empty: Flags
    wrong: Flags
    zoneless: Flags

    @property
    def sound(self) -> Flags:
        """Whether each cell is a moment."""
        flags: Flags = ~(self.empty | self.wrong | self.zoneless)
        return flags


def moments_of(column: pa.Array) -> Moments:
    """Read a column of times: timestamps with a zone, or ISO 8601 texts that end with `Z` or an offset such as +01:00."""
    none = np.zeros(len(column), np.bool_)
    if pa.types.is_timestamp(column.type):
        empty = column.is_null().to_numpy(zero_copy_only=False)
        counts = column.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
        unit = _UNITS[column.type.unit]
        wrong = np.abs(counts) > (np.iinfo(np.int64).max // unit - 1)
        times = np.where(empty | wrong, TIME_MIN, np.where(wrong, 0, counts) * unit)
        return Moments(times, empty, wrong & ~empty, none if column.type.tz else ~empty)
    names, codes = texts_of(column)
    texts = pd.Series(names, dtype=object)
    parsed = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce").to_numpy("datetime64[ns]")
    times = parsed.astype(np.int64)
    empty = np.array([not name.strip() for name in names], np.bool_)
    wrong = (times == TIME_MIN) & ~empty
    zoned = np.array([_ZONE.search(name.strip()) is not None for name in names], np.bool_)
    return Moments(times[codes], empty[codes], wrong[codes], (~empty & ~wrong & ~zoned)[codes])


def texts_of(column: pa.Array) -> tuple[list[str], Ints]:
    """Return the distinct texts of a column, and the number of each cell's text; null is the empty text."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).fill_null("").dictionary_encode()
    names = [*("" if name is None else str(name) for name in column.dictionary.to_pylist()), ""]
    codes = column.indices.cast(pa.int64()).fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
    return names, codes


def numbers_of(column: pa.Array) -> tuple[Floats, Flags]:
    """Return numbers, NaN for null and empty cells, and which cells are no number."""
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        empty = pc.equal(pc.utf8_trim_whitespace(column), "").fill_null(True)
        kept = pc.if_else(empty, None, column)
        try:
            return _floats(kept.cast(pa.float64())), np.zeros(len(column), np.bool_)
        except pa.ArrowInvalid:
            parsed = pd.to_numeric(kept.to_pandas(), errors="coerce").to_numpy(np.float64)
            wrong: Flags = np.isnan(parsed) & ~empty.to_numpy(zero_copy_only=False)
            return parsed, wrong
    try:
        return _floats(column.cast(pa.float64())), np.zeros(len(column), np.bool_)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        given: Flags = column.is_valid().to_numpy(zero_copy_only=False)
        return np.full(len(column), np.nan), given


def is_missing(column: pa.Array) -> Flags:
    """Return which cells have no value: null, NaN or an empty text."""
    if pa.types.is_floating(column.type):
        return np.isnan(_floats(column.cast(pa.float64())))
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pc.equal(pc.utf8_trim_whitespace(column), "").fill_null(True)
        return np.array(column.to_numpy(zero_copy_only=False), np.bool_)
    return np.array(column.is_null().to_numpy(zero_copy_only=False), np.bool_)


def _floats(column: pa.Array) -> Floats:
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def cell_text(column: pa.Array, place: int) -> str:
    """Return a cell as text for a message, at most 60 characters; a time outside the calendar as its number."""
    try:
        return f"{column[place].as_py()!s:.60}"
    except (ValueError, OverflowError):
        return str(column[place].cast(pa.int64()).as_py())
