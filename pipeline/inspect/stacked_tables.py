"""Refuses files that hold a table for each series, one below the other: no setting reads which table a row belongs to."""

from __future__ import annotations

import numpy as np

from hindcast.pipeline.inspect.column_types import count_codes, encode_tuples
from hindcast.pipeline.inspect.file_kinds import FileFormat
from hindcast.pipeline.inspect.key_columns import KeyColumns, encode_names
from hindcast.pipeline.inspect.time_roles import TimeColumns

_MOST_CONFLICTS = 0.02  # share of rows with the keys of another row and another value
_MOST_SHOWN = 3  # tables in a sentence
_LONGEST = 40  # letters of a line in a sentence


def about_tables(fmt: FileFormat, times: TimeColumns, keys: KeyColumns) -> str | None:
    """Return why files with several tables cannot be read: their rows have the same keys and other values; else None."""
    file = next((file for file in fmt.files if len(file.tables) > 1), None)
    if file is None or keys.levels is not None or not _conflict(fmt, times, keys):
        return None
    shown = file.tables[:_MOST_SHOWN]
    lines = ", ".join(str(table.line) for table in shown) + (", ..." if len(file.tables) > len(shown) else "")
    above = ", ".join(repr(table.above[:_LONGEST]) for table in shown if table.above)
    return (
        f"{file.path}: holds {len(file.tables)} tables for the same times (with headings in lines {lines}"
        f"{f', below {above}' if above else ''}), and no column says to which of them a row belongs, so settings cannot tell them apart: "
        "write each table to a file of its own with its name in the file's name, or add a column that holds the name"
    )


def _conflict(fmt: FileFormat, times: TimeColumns, keys: KeyColumns) -> bool:
    """Return whether rows that no column tells apart have different values."""
    published = [times.published.wall] if times.published is not None else []
    names = [encode_names(column) for column in keys.columns]
    rows = encode_tuples([fmt.file.astype(np.int64), times.wall, times.stamps, *published, *names])[times.ok]
    values = [np.nan_to_num(column.numbers)[times.ok] for column in keys.value_columns[:1]]
    conflicts = count_codes(encode_tuples([rows, *values])) - count_codes(encode_tuples([rows]))
    return conflicts > _MOST_CONFLICTS * len(rows)
