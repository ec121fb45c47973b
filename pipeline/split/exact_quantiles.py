"""Exact quantiles of float32 columns by counting, in four passes over the rows, regardless of their blocks and of memory.

A float32 is mapped to an unsigned number with the same order, and each pass counts the next 8 bits of the values that agree
with the wanted ones so far. The memory per key does not grow with the number of rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hindcast.pipeline.arrays import Flags, Floats, Ints, Values

QUANTILES = (0.01, 0.25, 0.5, 0.75, 0.99)
NORMAL_MIDDLE, NORMAL_RANGE = 1.3489795003921634, 4.652695748081682
"""The distances of the quantiles 0.25 and 0.75, and of 0.01 and 0.99, of a normal distribution with deviation 1."""

Key = tuple[str, ...]
Part = tuple[Key, Values, Flags]
"""Rows of one key (row, column), and flags of those that count."""

_DIGIT = 8  # bits per pass
_PASSES = 32 // _DIGIT
_CELLS = 1 << _DIGIT
_FEW_VALUES = 1 << 21  # sorting so many values takes less memory and time than their counts


def count_quantiles(
    parts: Callable[[], Iterator[Part]], columns: int, longest: int
) -> dict[Key, npt.NDArray[np.float64]]:
    """Return the QUANTILES (quantile, column) of each key and of its beginnings, from () to `longest` names.

    `parts` is called once per pass; the rows of a key, and of each of its beginnings, must follow one another. Values are
    interpolated linearly between neighbours in order; a column without rows has NaN. Few rows are sorted instead.
    """
    wanted: dict[Key, _Wanted] = {}
    found: dict[Key, Floats] = {}
    for number in range(_PASSES):
        open_keys: dict[int, _Rows] = {}
        for key, values, counted in parts():
            for length in range(longest + 1):
                part = key[:length]
                if length not in open_keys or open_keys[length].key != part:
                    _close(open_keys.pop(length, None), number, found)
                    assert number or part not in wanted, f"the rows of {part} must follow one another"
                    open_keys[length] = _Rows(part, wanted.setdefault(part, _Wanted(columns)), number)
                if part not in found:
                    open_keys[length].add(values, counted)
        for opened in open_keys.values():
            _close(opened, number, found)
    return {key: found[key] if key in found else rows.quantiles() for key, rows in wanted.items()}


def robust_scale(quantiles: Floats, deviation: Floats) -> tuple[Floats, Floats]:
    """Return the median, and the spread: the middle half scaled to the standard deviation of a normal distribution.

    If half of the values are equal, the range without the outer hundredths is used, else the `deviation` itself.
    """
    low, lower, median, upper, high = quantiles
    spread = (upper - lower) / NORMAL_MIDDLE
    spread = np.where(spread > 0, spread, (high - low) / NORMAL_RANGE)
    return np.nan_to_num(median), np.where(spread > 0, spread, deviation)


@dataclass
class _Wanted:
    """The ranks still searched among the values that begin with `prefix`: (rank, column), two ranks per quantile."""

    columns: int
    passes: int = 0
    count: Ints = field(init=False)
    prefix: npt.NDArray[np.uint32] = field(init=False)
    rank: Ints = field(init=False)

    def __post_init__(self) -> None:
        self.prefix = np.zeros((2 * len(QUANTILES), self.columns), np.uint32)
        self.rank = np.zeros((2 * len(QUANTILES), self.columns), np.int64)
        self.count = np.zeros(self.columns, np.int64)

    def narrow(self, counts: Ints) -> None:
        """Extend the prefixes by the digit that the counts (rank, column, digit) give."""
        if self.passes == 0:
            self.count = counts[0].sum(axis=1)
            below = np.floor(_places(self.count)).astype(np.int64)
            self.rank = np.stack([below, np.minimum(below + 1, np.maximum(self.count - 1, 0))], axis=1)
            self.rank = self.rank.reshape(self.prefix.shape)
        up_to = np.cumsum(counts, axis=2)
        digit = np.minimum((up_to <= self.rank[:, :, None]).sum(axis=2), _CELLS - 1)
        before = np.take_along_axis(up_to - counts, digit[:, :, None], axis=2)[:, :, 0]
        self.rank -= before
        self.prefix = (self.prefix << _DIGIT) | digit.astype(np.uint32)
        self.passes += 1

    def quantiles(self) -> Floats:
        """Return the quantiles (quantile, column) once all digits are known."""
        bits = np.where(self.prefix >> 31, self.prefix & 0x7FFFFFFF, ~self.prefix).astype(np.uint32)
        found = bits.view(np.float32).reshape(len(QUANTILES), 2, self.columns)
        return _interpolate(found[:, 0], found[:, 1], self.count)


class _Rows:
    """The rows of one key in one pass, held until they are many and then counted."""

    def __init__(self, key: Key, wanted: _Wanted, number: int) -> None:
        self.key, self.wanted, self._number = key, wanted, number
        self._held: list[tuple[Values, Flags]] = []
        self._size = 0
        self._counts: _Counts | None = None

    def add(self, values: Values, counted: Flags) -> None:
        self._held.append((values, counted))
        self._size += values.size
        if self._size > _FEW_VALUES:
            self._count()

    def _count(self) -> None:
        values, counted = self._joined()
        self._counts = self._counts or _Counts(self.wanted)
        self._counts.add(_ordered(values), counted, self._number)
        self._held, self._size = [], 0

    def _joined(self) -> tuple[Values, Flags]:
        return np.concatenate([one for one, _ in self._held]), np.concatenate(
            [flags for _, flags in self._held]
        )

    def close(self) -> Floats | None:
        """Return the quantiles if the rows were few in the first pass; else count the rest."""
        if self._number == 0 and self._counts is None:
            return _sorted_quantiles(*self._joined())
        if self._held:
            self._count()
        assert self._counts is not None
        self.wanted.narrow(self._counts.complete())
        return None


class _Counts:
    """The counts (rank, column, digit) of one key in one pass; ranks with the same prefix are counted once."""

    def __init__(self, wanted: _Wanted) -> None:
        self.wanted = wanted
        self.counts = np.zeros((*wanted.prefix.shape, _CELLS), np.int64)
        self.is_new = np.ones(wanted.prefix.shape, np.bool_)
        self.is_new[1:] = wanted.prefix[1:] != wanted.prefix[:-1]

    def add(self, numbers: npt.NDArray[np.uint32], counted: Flags, number: int) -> None:
        rest = 32 - _DIGIT * number
        digits = (numbers >> (rest - _DIGIT)) & (_CELLS - 1)
        cells = digits.astype(np.int64) + np.arange(numbers.shape[1]) * _CELLS
        prefixes = None if number == 0 else numbers >> rest
        for rank in np.flatnonzero(self.is_new.any(axis=1)).tolist():
            here = counted & self.is_new[rank]
            if prefixes is not None:
                here &= prefixes == self.wanted.prefix[rank]
            found = np.bincount(cells[here], minlength=numbers.shape[1] * _CELLS)
            self.counts[rank] += found.reshape(-1, _CELLS)

    def complete(self) -> Ints:
        for rank in range(1, len(self.counts)):
            same = ~self.is_new[rank]
            self.counts[rank, same] = self.counts[rank - 1, same]
        return self.counts


def _close(opened: _Rows | None, number: int, found: dict[Key, Floats]) -> None:
    if opened is not None and opened.key not in found:
        assert opened.wanted.passes == number, f"the rows of {opened.key} must follow one another"
        quantiles = opened.close()
        if quantiles is not None:
            found[opened.key] = quantiles


def _sorted_quantiles(values: Values, counted: Flags) -> Floats:
    """Return the quantiles (quantile, column) of all rows."""
    ascending = np.sort(np.where(counted, values + np.float32(0), np.float32(np.inf)).T)
    count = counted.sum(axis=0)
    places = _places(count)
    below = np.floor(places).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(count - 1, 0))
    first, second = (np.take_along_axis(ascending.T, at, axis=0) for at in (below, above))
    return _interpolate(first, second, count)


def _places(count: Ints) -> Floats:
    """Return the positions (quantile, column) of the quantiles in `count` sorted values; they may lie between two values."""
    places: Floats = np.maximum(count - 1, 0) * np.array(QUANTILES)[:, None]
    return places


def _interpolate(below: Values, above: Values, count: Ints) -> Floats:
    """Return the quantiles (quantile, column) from the sorted values just below and above their positions."""
    places, (first, second) = _places(count), np.where(count > 0, [below, above], 0).astype(np.float64)
    share, distance = places - np.floor(places), second - first
    value = np.where(share < 0.5, first + distance * share, second - distance * (1 - share))
    made: Floats = np.where(count > 0, value, np.nan)
    return made


def _ordered(values: Values) -> npt.NDArray[np.uint32]:
    """Map float32 values to unsigned numbers with the same order; both zeros become one."""
    bits: npt.NDArray[Any] = np.ascontiguousarray(values + np.float32(0)).view(np.uint32)
    return np.where(bits >> 31, ~bits, bits | np.uint32(0x80000000)).astype(np.uint32)
