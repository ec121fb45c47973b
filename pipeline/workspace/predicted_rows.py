"""Rows of `reports/predictions.parquet`: those of a split, a target or some groups, and what is said of names that it does not have."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from hindcast.pipeline.errors import FormatError
from hindcast.pipeline.wording import listed

_SHOWN = 20


def predicted_rows(
    path: Path,
    wanted: Mapping[str, str | Sequence[str] | None],
    columns: Sequence[str] | None,
    has_group: Callable[[str], bool],
) -> pd.DataFrame:
    """Return the rows whose columns have the `wanted` names (one, several, or None for all), and of these rows some `columns`.

    A group without rows that the data set has (`has_group`) gives none. Raises FormatError with all other names that the file
    does not have.
    """
    asked = {
        name: [value] if isinstance(value, str) else list(value)
        for name, value in wanted.items()
        if value is not None
    }
    if faults := list(_faults(path, asked, columns, has_group)):
        raise FormatError(f"{path} does not have what was asked for.", faults)
    if not all(asked.values()):  # no group: an empty list has no type that a filter could compare
        with pq.ParquetFile(path) as file:
            nothing = file.schema_arrow.empty_table()
        empty: pd.DataFrame = nothing.select(nothing.column_names if columns is None else columns).to_pandas()
        return empty
    filters = [(name, "in", values) for name, values in asked.items()]
    table = pq.read_table(path, columns=columns, filters=filters or None, partitioning=None)
    frame: pd.DataFrame = table.to_pandas()
    return frame


def _faults(
    path: Path,
    asked: Mapping[str, Sequence[str]],
    columns: Sequence[str] | None,
    has_group: Callable[[str], bool],
) -> Iterator[str]:
    with pq.ParquetFile(path, read_dictionary=list(asked)) as file:
        names = file.schema_arrow.names
        for name in columns or ():
            if name not in names:
                yield f"there is no column {name!r}; the columns: {listed(names, _SHOWN)}"
        for name, values in asked.items():
            found = _values(file, name)
            for value in values:
                if value not in found and not (name == "group" and has_group(value)):
                    yield f"there is no {name} {value!r}; those with predictions: {listed(sorted(found), _SHOWN)}"


def _values(file: Any, name: str) -> set[str]:
    """Return the distinct values of a column of texts, read in batches."""
    found: set[str] = set()
    for batch in file.iter_batches(1 << 20, columns=[name]):
        found.update(batch.column(0).unique().to_pylist())
    return found
