"""Typed rows as one array of records: times, line and values side by side, so that a sort moves each row once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.settings.known import PublishedAt
from pipeline.settings.raw import Source

Records = NDArray[np.void]


def record_type(source: Source) -> np.dtype[np.void]:
    """key: index of (group, series) among keys given beside; file: index; times in ns UTC; values: NaN is missing."""
    fields: list[Any] = [("key", np.int32), ("file", np.int32), ("line", np.int64), ("valid", np.int64)]
    if source.issue_time is not None:
        fields.append(("issue", np.int64))
    if isinstance(source.known, PublishedAt):
        fields.append(("known", np.int64))
    fields.append(("values", np.float64, (len(source.values),)))
    return np.dtype(fields)


def time_fields(dtype: np.dtype[np.void]) -> tuple[str, ...]:
    """The fields that tell rows of one key apart, in sorting order."""
    return tuple(name for name in ("valid", "issue", "known") if name in (dtype.names or ()))


def in_order(records: Records) -> Records:
    """The records sorted by key, times, file and line; the same array if they are so already."""
    names = ("key", *time_fields(records.dtype), "file", "line")
    if _is_sorted(records, names):
        return records
    return records[np.lexsort([records[name] for name in reversed(names)])]


def same_as_before(records: Records) -> NDArray[np.bool_]:
    """Whether each of the sorted records has the key and times of the one before."""
    same = np.zeros(len(records), np.bool_)
    if len(records) > 1:
        same[1:] = True
        for name in ("key", *time_fields(records.dtype)):
            same[1:] &= records[name][1:] == records[name][:-1]
    return same


def _is_sorted(records: Records, names: tuple[str, ...]) -> bool:
    undecided = np.ones(max(len(records) - 1, 0), np.bool_)  # equal in all fields so far
    for name in names:
        before, after = records[name][:-1], records[name][1:]
        if (undecided & (after < before)).any():
            return False
        undecided &= after == before
        if not undecided.any():
            return True
    return True
