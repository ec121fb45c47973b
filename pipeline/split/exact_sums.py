"""Count, sum and sum of squares of float32 columns in exact integers, regardless of the order and blocks of the rows.

Every float32 is a multiple of 2**-149, so the sums of the values and of their squares are kept as Python integers. A mean
or deviation is rounded once, at the end, so that small noise on a large mean loses no digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Floats, Ints, Values

Wholes = npt.NDArray[np.object_]  # of int

_UNIT = 149  # the smallest float32 is 2**-149
_HIGH, _LOW = 24, 25  # bits of the two integers into which a value is split
_PIECE = 4096  # rows: int64 can sum so many products of 50 bits, and they stay in the processor's cache


@dataclass(frozen=True)
class Sums:
    """For each of C columns: the number of values, their sum in units of 2**-149, the sum of their squares in 2**-298.

    The arrays are (C,), or (K, C) for K runs of rows. `broken` marks the columns that contained NaN or infinity; their
    sums skip these values.
    """

    count: Ints
    total: Wholes
    squares: Wholes
    broken: Flags

    @classmethod
    def none(cls, *shape: int) -> Self:
        """Return the sums of zero rows."""
        zeros = np.zeros(shape, np.int64)
        return cls(zeros, zeros.astype(object), zeros.astype(object), np.zeros(shape, bool))

    @classmethod
    def of(cls, values: Values, counted: Flags) -> Self:
        """Return the sums (C,) of the counted values of a block; both arguments are (row, column)."""
        return cls.of_runs(values, counted, np.zeros(1, np.int64)).run(0)

    @classmethod
    def of_runs(cls, values: Values, counted: Flags, first: Ints) -> Self:
        """Return the sums (run, column): run i begins with row `first[i]`, and ends where the next run or the block ends.

        `first` ascends from 0.
        """
        sums = cls.none(len(first), values.shape[1])
        for start in range(0, len(values), _PIECE):
            stop = min(start + _PIECE, len(values))
            runs = slice(int(np.searchsorted(first, start, "right")) - 1, int(np.searchsorted(first, stop)))
            sums.add_piece(runs, values[start:stop], counted[start:stop], (first[runs] - start).clip(0))
        return sums

    def add_piece(self, runs: slice, values: Values, counted: Flags, first: Ints) -> None:
        """Add a few rows to some runs in place; `first` as in `of_runs`."""
        there = np.ascontiguousarray(counted.T)
        columns = np.ascontiguousarray(values.T, np.float64)
        if not there.all():
            columns[~there] = 0
        if not np.isfinite(columns.sum(axis=1)).all():  # a sum of float32 does not overflow
            finite = np.isfinite(columns)
            self.broken[runs] |= ~np.logical_and.reduceat(finite, first, axis=1).T
            columns[~finite] = 0
        self.count[runs] += _sum_runs(there, first).T
        for exponents, total, squares in _sums_of_bands(columns, first):
            self.total[runs] += total << exponents
            self.squares[runs] += squares << (2 * exponents)

    def plus(self, other: Self) -> Self:
        """Return the sums over the rows of both operands."""
        return type(self)(
            self.count + other.count,
            self.total + other.total,
            self.squares + other.squares,
            self.broken | other.broken,
        )

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """Return the runs of all parts, one after another."""
        columns = ([getattr(part, field.name) for part in parts] for field in fields(cls))
        return cls(*(np.concatenate(arrays) for arrays in columns))

    def merged(self, first: Ints) -> Self:
        """Return the sums of ranges of runs: range i begins with run `first[i]`; `first` ascends from 0."""
        count, total, squares = (
            np.add.reduceat(sums, first, axis=0) for sums in (self.count, self.total, self.squares)
        )
        return type(self)(count, total, squares, np.logical_or.reduceat(self.broken, first, axis=0))

    def run(self, number: int | Ints | Flags) -> Self:
        """Return the sums (C,) of one run, or (K, C) of some."""
        return type(self)(*(getattr(self, field.name)[number] for field in fields(self)))

    @property
    def mean(self) -> Floats:
        """The mean of each column, rounded once; 0 if it has no values."""
        pairs = zip(self.total.ravel(), self.count.ravel().tolist(), strict=True)
        means = [total / (count << _UNIT) if count else 0.0 for total, count in pairs]
        return np.array(means).reshape(self.count.shape)

    @property
    def deviation(self) -> Floats:
        """The population standard deviation of each column; 0 if the column is constant or empty."""
        columns = zip(self.total.ravel(), self.squares.ravel(), self.count.ravel().tolist(), strict=True)
        deviations = [
            math.sqrt((count * squares - total**2) / (count**2 << 2 * _UNIT)) if count else 0.0
            for total, squares, count in columns
        ]
        return np.array(deviations).reshape(self.count.shape)


def _sums_of_bands(values: Floats, first: Ints) -> Iterator[tuple[Wholes, Wholes, Wholes]]:
    """Yield (exponents, sums, sums of squares) of bands of magnitude of columns (C, row): each value is in one band.

    Sums are (run, column) in units of 2**(exponent - 149). A band reaches from the largest value of a column 49 bits down;
    most columns need one band only.
    """
    while True:
        top = np.maximum(values.max(axis=1), -values.min(axis=1))
        if not top.any():
            return
        size = np.maximum(np.frexp(top)[1], _HIGH + _LOW - _UNIT)  # the band ends at the smallest float32
        scaled = values * np.ldexp(1.0, _HIGH - size)[:, None]
        high = scaled.astype(np.int64)
        scaled -= high
        scaled *= 1 << _LOW
        low = scaled.astype(np.int64)
        is_outside = low != scaled
        if is_outside.any():
            high[is_outside] = low[is_outside] = 0
            values = np.where(is_outside, values, 0)
        else:
            values = np.zeros((len(values), 1))
        parts = (high, low, high * high, high * low, low * low)
        one, other, *squares = (_sum_runs(part, first).T.astype(object) for part in parts)
        exponents = (size - _HIGH - _LOW + _UNIT).astype(object)
        total = (one << _LOW) + other
        yield exponents, total, (squares[0] << 2 * _LOW) + (squares[1] << _LOW + 1) + squares[2]


def _sum_runs(rows: npt.NDArray[Any], first: Ints) -> Ints:
    """Return the sums (C, run) of runs of (C, row)."""
    if len(first) == 1:
        whole: Ints = rows.sum(axis=1, dtype=np.int64)[:, None]
        return whole
    return np.add.reduceat(rows, first, axis=1, dtype=np.int64)
