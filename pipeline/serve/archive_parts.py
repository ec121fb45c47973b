"""The parts of the archive: Parquet files `archive/<source>/000001.parquet`, 000002, ..., each written once and never changed.

A part has the rows of one call that were not stored yet, in the columns of the source's tables, with three more: `group`; `seen_at`, when the call
began; and `gone`, which is 1 for a row that was stored before and that the files have no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from hindcast.pipeline.errors import FormatError, MissingInputError
from hindcast.pipeline.files import file_name, replace_file
from hindcast.pipeline.serve.tables_folder import column_of
from hindcast.pipeline.settings.raw import Source
from hindcast.pipeline.tables import STAMP, TIMES, TableWriter, table_schema

FOLDER = Path("archive")
GROUP, SEEN, GONE = "group", "seen_at", "gone"
_TEXTS = (GROUP, "series", "member")
_ROWS_TOGETHER = 1 << 21


def part_paths(root: Path, source: str) -> list[Path]:
    """Return the parts of a source in the order in which they were written; raises MissingInputError if one is missing."""
    folder = root / FOLDER / file_name(source)
    paths = sorted(folder.glob("*.parquet"))
    names = {path.name for path in paths}
    absent = [
        path
        for number in range(1, len(paths) + 1)
        if (path := part_path(root, source, number)).name not in names
    ]
    if absent:
        raise MissingInputError(
            f"{absent[0]} is missing, though later parts of the archive are there: restore it from a backup. Without it, "
            f"forecasts made from its rows cannot be replayed. To begin another archive, move {folder} elsewhere."
        )
    return paths


def part_path(root: Path, source: str, number: int) -> Path:
    """Return the path of a part, counted from 1."""
    return root / FOLDER / file_name(source) / f"{number:06d}.parquet"


def part_schema(source: Source) -> pa.Schema:
    """Return the columns of a part."""
    more = [pa.field(SEEN, STAMP, nullable=False), pa.field(GONE, pa.int64(), nullable=False)]
    return pa.schema([pa.field(GROUP, pa.string(), nullable=False), *table_schema(source), *more])


class PartWriter:
    """Writes the next part of a source, which is there as a whole after `close`, or not at all if no row was added or `close` was not called."""

    def __init__(self, path: Path, source: Source, seen_at: int) -> None:
        self._path, self._schema, self._seen_at = path, part_schema(source), seen_at
        self._open = ExitStack()
        self._writer: TableWriter | None = None

    def write(self, group: str, frame: pd.DataFrame, *, gone: bool = False) -> None:
        """Add rows of a group, in the columns of tables."""
        if self._writer is None:
            temporary = self._open.enter_context(replace_file(self._path))
            self._writer = self._open.enter_context(closing(TableWriter(temporary, self._schema)))
        count = len(frame)
        given: dict[str, Any] = {
            GROUP: pa.repeat(pa.scalar(group, pa.string()), count),
            SEEN: pa.repeat(pa.scalar(self._seen_at, pa.int64()), count).cast(STAMP),
            GONE: pa.repeat(pa.scalar(int(gone), pa.int64()), count),
        }
        columns = [
            given[field.name] if field.name in given else column_of(frame, field) for field in self._schema
        ]
        self._writer.write(pa.Table.from_arrays(columns, schema=self._schema))

    def close(self) -> bool:
        """Put the part in its place; returns whether there is one."""
        self._open.close()
        return self._writer is not None

    def discard(self) -> None:
        """Remove what was written."""
        fault = KeyboardInterrupt()
        self._open.__exit__(KeyboardInterrupt, fault, None)


def read_parts(
    paths: Sequence[Path], schema: pa.Schema, since: int | None = None, groups: Sequence[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Yield the rows of each part in the columns of `schema`: texts as categories, times as int64 ns UTC, values as float64.

    Columns that a part lacks are missing values. With `since`, rows with an earlier timestamp are left out, with `groups` those of other groups;
    parts of a file that have none of these rows are not read. Raises FormatError for a part that is damaged.
    """
    wanted = None if since is None else pc.field("valid_time") >= pa.scalar(since, pa.int64()).cast(STAMP)
    if groups is not None:
        of_groups = pc.field(GROUP).isin(list(groups))
        wanted = of_groups if wanted is None else wanted & of_groups
    for path in paths:
        with _damage_named(path):
            table = pq.read_table(path, schema=schema, filters=wanted, partitioning=None)
        yield pd.DataFrame({name: _read_column(table, name) for name in schema.names}, copy=False)


def read_groups_together(paths: Sequence[Path], wanted: Sequence[str] | None = None) -> Iterator[list[str]]:
    """Yield the groups of some parts, or those of them that are `wanted`, as many at a time as have about 2 million rows in all parts."""
    if wanted is not None and not wanted:
        return
    rows: Counter[str] = Counter()
    for path in paths:
        with _damage_named(path), pq.ParquetFile(path, read_dictionary=[GROUP]) as file:
            for number in range(file.num_row_groups):
                found = file.read_row_group(number, [GROUP])[GROUP].value_counts()
                names, counts = found.field("values").cast(pa.string()), found.field("counts")
                rows.update(dict(zip(names.to_pylist(), counts.to_pylist(), strict=True)))
    together, count = list[str](), 0
    for group in rows if wanted is None else wanted:
        if together and count + rows[group] > _ROWS_TOGETHER:
            yield together
            together, count = [], 0
        together.append(group)
        count += rows[group]
    if together:
        yield together


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as fault:
        raise FormatError(
            f"{path} is damaged ({str(fault).splitlines()[0]}): restore this part of the archive from a backup."
        ) from None


def schema_of_parts(paths: Sequence[Path]) -> pa.Schema:
    """Return the columns of all parts together; raises FormatError for a part that is damaged."""
    schemas = []
    for path in paths:
        with _damage_named(path):
            schemas.append(pq.read_schema(path))
    return pa.unify_schemas(schemas)


def _read_column(table: pa.Table, name: str) -> Any:
    column = table[name]
    if name in _TEXTS:
        return column.combine_chunks().dictionary_encode().to_pandas()
    if name in (*TIMES, SEEN, GONE):
        return column.cast(pa.int64()).to_numpy()
    return np.asarray(column.to_numpy(), np.float64)
