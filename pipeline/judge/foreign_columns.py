"""The columns of a file of forecasts as arrays: texts, times and numbers, with the cells that are none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import csv

from hindcast.pipeline.arrays import TIME_MIN, Flags, Floats, Ints, Times
from hindcast.pipeline.errors import FormatError, MissingInputError


@dataclass(frozen=True)
class Texts:
    """Texts as numbers: row i is `names[codes[i]]`."""

    names: list[str]
    codes: Ints


def read_columns(
    path: Path, texts: Sequence[str], is_number: Callable[[str], bool]
) -> tuple[dict[str, pa.Array], list[str]]:
    """Read the columns named in `texts`, and those that `is_number` accepts, of a CSV or Parquet file; return all names too.

    Of a CSV file, `texts` are read as dictionaries, the numbers as texts. Raises MissingInputError if the file is missing,
    FormatError if it is neither, has no rows or has a column name twice.
    """
    if not path.is_file():
        raise MissingInputError(f"{path} is missing: --forecasts names a CSV or Parquet file.")
    try:
        is_parquet = path.suffix == ".parquet"
        names = pq.read_schema(path).names if is_parquet else csv.open_csv(path).schema.names
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise FormatError(
                f"{path} has several columns {', several columns '.join(twice)}: leave one of each."
            )
        wanted = [name for name in names if name in texts or is_number(name)]
        table = (
            pq.read_table(path, columns=wanted, partitioning=None)
            if is_parquet
            else _read_csv(path, wanted, texts)
        )
    except pa.ArrowException as fault:
        raise FormatError(
            f"{path} must be CSV with a heading line, or Parquet (.parquet): {fault}."
        ) from None
    if wanted and not table.num_rows:
        raise FormatError(f"{path} has no rows.")
    return {name: table[name].combine_chunks() for name in wanted}, names


def _read_csv(path: Path, wanted: list[str], texts: Sequence[str]) -> pa.Table:
    kinds = {
        name: pa.dictionary(pa.int32(), pa.string()) if name in texts else pa.string() for name in wanted
    }
    options = csv.ConvertOptions(
        column_types=kinds,
        include_columns=wanted,
        strings_can_be_null=False,
        quoted_strings_can_be_null=False,
    )
    return csv.read_csv(path, convert_options=options).unify_dictionaries()


def texts_of(column: pa.Array) -> Texts:
    """Return a column as texts; null is the empty text, and integers are their digits."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).fill_null("").dictionary_encode()
    codes = column.indices.fill_null(_null_code(column)).to_numpy(zero_copy_only=False).astype(np.int64)
    return Texts([*map(str, column.dictionary.to_pylist()), ""], codes)


def times_of(column: pa.Array) -> tuple[Times, Flags]:
    """Return times in ns UTC, and which cells are none; times without a zone are UTC."""
    if pa.types.is_timestamp(column.type):
        times = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
        numbers = times.fill_null(TIME_MIN).to_numpy(zero_copy_only=False)
        return numbers, numbers == TIME_MIN
    texts = texts_of(column)
    found = pd.to_datetime(pd.Series(texts.names, dtype=object), utc=True, format="ISO8601", errors="coerce")
    numbers = found.to_numpy("datetime64[ns]").astype(np.int64)[texts.codes]
    return numbers, numbers == TIME_MIN


def numbers_of(column: pa.Array) -> tuple[Floats, Flags]:
    """Return numbers, NaN for null and empty cells, and which cells are no finite number."""
    if pa.types.is_string(column.type):
        empty = pc.equal(pc.utf8_trim_whitespace(column), "").fill_null(True)
        kept = pc.if_else(empty, None, column)
        try:
            numbers = kept.cast(pa.float64())
        except pa.ArrowInvalid:
            parsed = pd.to_numeric(kept.to_pandas(), errors="coerce").to_numpy(np.float64)
            is_empty = empty.to_numpy(zero_copy_only=False)
            return parsed, ~np.isfinite(parsed) & ~is_empty
    else:
        numbers = column.cast(pa.float64())
    given = numbers.is_valid().to_numpy(zero_copy_only=False)
    found = np.asarray(numbers.to_numpy(zero_copy_only=False), np.float64)
    infinite: Flags = given & np.isinf(found)
    return found, infinite


def _null_code(column: pa.DictionaryArray) -> int:
    return len(column.dictionary)
