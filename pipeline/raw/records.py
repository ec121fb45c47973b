"""Typed rows as columns of equal length: keys, lines, times and values are plain arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints, Times
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import Source

Codes = NDArray[np.int32]

_MOST_SHORT = 1 << 16  # smaller codes are sorted by numpy's radix sort


@dataclass(frozen=True)
class Records:
    """`key` is an index into a separate list of keys; `times` are ns UTC in the order of `time_fields`; NaN is missing.

    `columns` are all fields except the key: 8-byte numbers in the order line, times, values.
    """

    key: Codes
    line: Ints
    times: tuple[Times, ...]
    values: tuple[Floats, ...]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def columns(self) -> tuple[Ints | Floats, ...]:
        """The columns: line, times and values."""
        return (self.line, *self.times, *self.values)

    def take(self, rows: Flags | Ints | slice) -> Records:
        """Return some rows, selected by index or flag, or as a view by slice."""
        return Records(
            self.key[rows],
            self.line[rows],
            tuple(times[rows] for times in self.times),
            tuple(values[rows] for values in self.values),
        )


def time_fields(source: Source) -> tuple[str, ...]:
    """Return the times that distinguish rows of one key, in sorting order."""
    issue = ("issue",) if source.has_issue else ()
    return ("valid", *issue, *(("known",) if isinstance(source.known, PublishedAt) else ()))


def row_bytes(source: Source) -> int:
    """Return the bytes of one row on disk."""
    return 8 * (1 + len(time_fields(source)) + len(source.values))


def join_records(parts: Sequence[Records]) -> Records:
    """Concatenate records."""
    if len(parts) == 1:
        return parts[0]
    return Records(
        np.concatenate([part.key for part in parts]),
        np.concatenate([part.line for part in parts]),
        tuple(np.concatenate(times) for times in zip(*(part.times for part in parts), strict=True)),
        tuple(np.concatenate(values) for values in zip(*(part.values for part in parts), strict=True)),
    )


def sorting_order(key: Codes | Times, times: Sequence[Times]) -> Ints | None:
    """Return the stable order by key, then times; None if the rows are already sorted."""
    columns: list[NDArray[Any]] = [key, *times]
    if _is_sorted(columns):
        return None
    alike = _order_of_alike(key, times)
    if alike is not None:
        return alike
    short = key.dtype == np.int32 and int(key.max()) < _MOST_SHORT
    order = np.argsort(key.astype(np.uint16) if short else key, kind="stable")
    by_key: list[NDArray[Any]] = [column[order] for column in columns]
    if _is_sorted(by_key):
        return order  # usually each series is already sorted by time
    return np.lexsort(columns[::-1])


def _order_of_alike(key: Codes | Times, times: Sequence[Times]) -> Ints | None:
    """Return the order of rows whose keys stand one after another with the same times, as the columns of a wide file; else None.

    One key is sorted for all.
    """
    count = int(np.count_nonzero(key == key[0]))
    if not times or count in (1, len(key)) or len(key) % count:
        return None
    shape, firsts = (-1, count), key[::count]
    if len(np.unique(firsts)) < len(firsts) or (key.reshape(shape) != firsts[:, None]).any():
        return None
    if any((column.reshape(shape) != column[:count]).any() for column in times):
        return None
    starts = np.argsort(firsts) * count
    order: Ints = (starts[:, None] + np.lexsort([column[:count] for column in reversed(times)])).ravel()
    return order


def repeats_previous(key: Codes, times: Sequence[Times]) -> Flags:
    """Return whether each of the sorted rows has the same key and times as the previous row."""
    same = np.zeros(len(key), np.bool_)
    same[1:] = key[1:] == key[:-1]
    for column in times:
        same[1:] &= column[1:] == column[:-1]
    return same


def _is_sorted(columns: Sequence[NDArray[Any]]) -> bool:
    undecided: Flags | None = None  # neighbours that are equal in all columns compared so far
    for column in columns:
        falling, equal = column[1:] < column[:-1], column[1:] == column[:-1]
        if undecided is not None:
            falling &= undecided
            equal &= undecided
        if falling.any():
            return False
        if not equal.any():
            return True
        undecided = equal
    return True
