"""Errors as sums that add up by any key, and the scores made of them. All sums in float64 and in row order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.judge.table import Floats, Integers, Mask, blocks

Sums64 = NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """Mean absolute error, root mean squared error, mean of forecast - actual (None where n is 0), rows."""

    mae: float | None
    rmse: float | None
    bias: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """As metrics.json has it."""
        return {"mae": self.mae, "rmse": self.rmse, "bias": self.bias, "n": self.n}


@dataclass(frozen=True)
class ErrorSums:
    """By key: the number of rows and the sums of |e|, e^2 and e, where e = forecast - actual.

    `values` is (4, key) float64 in that order; counts are exact below 2^53.
    """

    values: Sums64

    @property
    def n(self) -> Integers:
        """Rows by key."""
        counts: Integers = self.values[0].astype(np.int64)
        return counts

    def score(self, key: int) -> Score:
        """The score of one key."""
        n, absolute, square, signed = (float(value) for value in self.values[:, key])
        if n == 0:
            return Score(None, None, None, 0)
        return Score(absolute / n, math.sqrt(square / n), signed / n, int(n))

    def total(self) -> Score:
        """The score of all keys together."""
        return ErrorSums(self.values.sum(axis=1, keepdims=True)).score(0)

    def of(self, keys: NDArray[np.intp]) -> ErrorSums:
        """The sums of some keys, in the order asked."""
        return ErrorSums(self.values[:, keys])

    def mean_absolute(self) -> Sums64:
        """The mean absolute error by key, NaN where there is no row."""
        mean = np.full(len(self.values[0]), np.nan)
        np.divide(self.values[1], self.values[0], out=mean, where=self.values[0] > 0)
        return mean


def error_sums(
    actual: Floats, forecast: Floats, keep: Mask, key: NDArray[np.integer], size: int
) -> ErrorSums:
    """Error sums over the rows in `keep` where the forecast has a value, by `key` in [0, size)."""
    values = np.zeros((4, size))
    for rows in blocks(len(actual)):
        chosen = keep[rows] & ~np.isnan(forecast[rows])
        error = forecast[rows][chosen].astype(np.float64) - actual[rows][chosen]
        place = key[rows][chosen]
        values[0] += np.bincount(place, minlength=size)
        for row, value in enumerate((np.abs(error), error * error, error), 1):
            values[row] += np.bincount(place, value, size)
    return ErrorSums(values)


def rounded(value: float | None) -> str:
    """An error as people read it: four significant digits, whole numbers from 1,000 to a milliard, `none` for None."""
    if value is None:
        return "none"
    return (
        f"{value:.0f}" if 1000 <= abs(value) < 1e9 else f"{value:.4g}"
    )  # 1e12 in full would burst its column


def alike(errors: Iterable[float | None]) -> Callable[[float | None], str]:
    """How the numbers of one table are written: with the decimals that show four digits of its smallest error.

    Falls back on `rounded`, number by number, where that would make the largest longer than seven digits.
    """
    sizes = [abs(error) for error in errors if error]
    if not sizes or not all(map(math.isfinite, sizes)):
        return rounded
    decimals = max(0, 3 - math.floor(math.log10(min(sizes))))
    if decimals > 6 or max(sizes) >= 10.0 ** (7 - decimals):
        return rounded
    return lambda value: "none" if value is None else f"{value:.{decimals}f}"
