"""Typed rows as columns of equal length: keys, lines, times and values, each a plain array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.settings.clock import Stamps
from hindcast.pipeline.settings.known import PublishedAt
from hindcast.pipeline.settings.raw import Source

Key = tuple[str, str]  # group, series
Codes = NDArray[np.int32]
Places = NDArray[np.int64]

_MOST_SHORT = 1 << 16  # codes below it are sorted by numpy's radix sort


@dataclass(frozen=True)
class Records:
    """`key` is an index among keys given beside; `times` are ns UTC in the order of `time_fields`, NaN values missing.

    `columns` are all fields but the key: 8-byte numbers each, in the order line, times, values.
    """

    key: Codes
    line: NDArray[np.int64]
    times: tuple[Stamps, ...]
    values: tuple[NDArray[np.float64], ...]

    def __len__(self) -> int:
        return len(self.key)

    @property
    def nbytes(self) -> int:
        """Bytes of all columns."""
        return len(self) * (4 + 8 * len(self.columns))

    @property
    def columns(self) -> tuple[NDArray[np.int64] | NDArray[np.float64], ...]:
        """Line, times and values."""
        return (self.line, *self.times, *self.values)

    def take(self, rows: NDArray[np.bool_] | Places | slice) -> Records:
        """Some rows, by places, flags or as a view."""
        return Records(
            self.key[rows],
            self.line[rows],
            tuple(times[rows] for times in self.times),
            tuple(values[rows] for values in self.values),
        )


def time_fields(source: Source) -> tuple[str, ...]:
    """The times that tell rows of one key apart, in sorting order."""
    issue = ("issue",) if source.has_issue else ()
    return ("valid", *issue, *(("known",) if isinstance(source.known, PublishedAt) else ()))


def row_bytes(source: Source) -> int:
    """Bytes of one row on disk."""
    return 8 * (1 + len(time_fields(source)) + len(source.values))


def joined(parts: Sequence[Records]) -> Records:
    """Several lots, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return Records(
        np.concatenate([part.key for part in parts]),
        np.concatenate([part.line for part in parts]),
        tuple(np.concatenate(times) for times in zip(*(part.times for part in parts), strict=True)),
        tuple(np.concatenate(values) for values in zip(*(part.values for part in parts), strict=True)),
    )


def order_of(key: Codes | Stamps, times: Sequence[Stamps]) -> Places | None:
    """Places in the order of key, then times, equal rows as they come; None if they stand so already."""
    columns: list[NDArray[Any]] = [key, *times]
    if _is_sorted(columns):
        return None
    short = key.dtype == np.int32 and int(key.max()) < _MOST_SHORT
    order = np.argsort(key.astype(np.uint16) if short else key, kind="stable")
    in_order: list[NDArray[Any]] = [column[order] for column in columns]
    if _is_sorted(in_order):
        return order  # each series was in the order of time: the usual case
    return np.lexsort(columns[::-1])


def same_as_before(key: Codes, times: Sequence[Stamps]) -> NDArray[np.bool_]:
    """Whether each of the sorted rows has the key and times of the one before."""
    same = np.zeros(len(key), np.bool_)
    if len(key) > 1:
        same[1:] = True
        columns: list[NDArray[Any]] = [key, *times]
        for column in columns:
            same[1:] &= column[1:] == column[:-1]
    return same


def _is_sorted(columns: Sequence[NDArray[Any]]) -> bool:
    undecided: NDArray[np.bool_] | None = None  # neighbours that are equal in all columns so far
    for column in columns:
        before, after = column[:-1], column[1:]
        falling, equal = after < before, after == before
        if undecided is not None:
            falling &= undecided
            equal &= undecided
        if falling.any():
            return False
        if not equal.any():
            return True
        undecided = equal
    return True
