"""Errors as sums that add up over any key, and the scores computed from them; all in float64 and in row order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.arrays import Flags, Floats, Ints, Values
from hindcast.pipeline.judge.table import blocks


@dataclass(frozen=True)
class Score:
    """Mean absolute error, root mean squared error and mean of forecast - actual (all None if `n` is 0); number of rows."""

    mae: float | None
    rmse: float | None
    bias: float | None
    n: int

    def as_dict(self) -> dict[str, float | int | None]:
        """Return the score as written to metrics.json."""
        return asdict(self)


@dataclass(frozen=True)
class ErrorSums:
    """For each key, the number of rows and the sums of |e|, e^2 and e, where e = forecast - actual.

    `values` is (4, key) float64 in that order; counts are exact below 2^53.
    """

    values: Floats

    @property
    def n(self) -> Ints:
        """Return the number of rows, (key,)."""
        counts: Ints = self.values[0].astype(np.int64)
        return counts

    def score(self, key: int) -> Score:
        """Return the score of one key."""
        n, absolute, square, signed = (float(value) for value in self.values[:, key])
        if n == 0:
            return Score(None, None, None, 0)
        return Score(absolute / n, math.sqrt(square / n), signed / n, int(n))

    def scores(self) -> list[tuple[float, float, float, int]]:
        """Return (mae, rmse, bias, n) of every key as `score` computes them; NaN instead of None."""
        with np.errstate(divide="ignore", invalid="ignore"):
            absolute, square, signed = (row / self.values[0] for row in self.values[1:])
        columns = (absolute, np.sqrt(square), signed, self.n)
        return list(zip(*(column.tolist() for column in columns), strict=True))

    def total(self) -> Score:
        """Return the score of all keys together."""
        return ErrorSums(self.values.sum(axis=1, keepdims=True)).score(0)

    def select(self, keys: NDArray[np.intp]) -> ErrorSums:
        """Return the sums of the given keys, in the order of `keys`."""
        return ErrorSums(self.values[:, keys])

    def mean_absolute(self) -> Floats:
        """Return the mean absolute error, (key,); NaN for keys without rows."""
        mean = np.full(len(self.values[0]), np.nan)
        np.divide(self.values[1], self.values[0], out=mean, where=self.values[0] > 0)
        return mean


@dataclass(frozen=True)
class Key:
    """What rows are grouped by: `place(rows)` gives for a slice of the table's rows their keys in [0, size)."""

    size: int
    place: Callable[[slice], NDArray[np.integer]]


def error_sums_by(
    actual: Values, forecasts: Mapping[str, Values], keep: Flags, keys: Sequence[Key]
) -> list[dict[str, ErrorSums]]:
    """Compute for each of `keys` the error sums of every forecast, over the rows in `keep` where it has a value.

    Every sum is added up row by row, so it does not depend on the size of a block; errors are computed once for all keys.
    """
    sums = [{name: np.zeros((4, key.size)) for name in forecasts} for key in keys]
    for rows in blocks(len(actual)):
        kept = keep[rows]
        known = actual[rows][kept]
        places = [key.place(rows)[kept] for key in keys]
        for name, forecast in forecasts.items():
            values = forecast[rows][kept]
            there = ~np.isnan(values)
            error = values[there].astype(np.float64) - known[there]
            columns = (np.abs(error), error * error, error)
            for place, of_key in zip(places, sums, strict=True):
                add_errors(of_key[name], place[there], columns)
    return [{name: ErrorSums(values) for name, values in of_key.items()} for of_key in sums]


def add_errors(sums: Floats, place: NDArray[np.integer], columns: Iterable[Floats]) -> None:
    """Add rows to sums (4, key): `place` is the key of each row, `columns` are |e|, e^2 and e, added up row by row."""
    sums[0] += np.bincount(place, minlength=sums.shape[1])
    for total, column in zip(sums[1:], columns, strict=True):
        np.add.at(total, place, column)


def number_text(value: float | None) -> str:
    """Format an error: four significant digits, or an integer from 1,000 to a billion; `none` for None."""
    if value is None:
        return "none"
    whole = 1000 <= abs(value) < 1e9  # 1e12 written in full would be wider than its column
    return f"{value:.0f}" if whole else f"{value:.4g}"


def number_format(errors: Iterable[float | None]) -> Callable[[float | None], str]:
    """Return a function that formats all numbers of one table with enough decimals for four digits of its smallest error.

    Returns `number_text` instead if the largest error would then have more than seven digits.
    """
    sizes = [abs(error) for error in errors if error]
    if not sizes or not all(map(math.isfinite, sizes)):
        return number_text
    decimals = max(0, 3 - math.floor(math.log10(min(sizes))))
    if decimals > 6 or max(sizes) >= 10.0 ** (7 - decimals):
        return number_text
    return lambda value: "none" if value is None else f"{value:.{decimals}f}"


def common_format(scores: Iterable[Score]) -> Callable[[float | None], str]:
    """Return the `number_format` for the MAE and RMSE of a table of scores."""
    return number_format(error for score in scores for error in (score.mae, score.rmse))
