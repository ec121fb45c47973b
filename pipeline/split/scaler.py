"""The scaler: mean and standard deviation of every feature and target over training rows only, by streaming.

Moments are taken of blocks that depend on nothing but the data set and merged in order, in float64: the same
bits whatever the machine's memory, and no loss by large means (T. Chan, G. Golub, R. LeVeque 1979).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from pipeline.errors import FormatError
from pipeline.split.rows import rows
from pipeline.split.steps import Flags, Ints, Steps
from pipeline.store.types import Split

FORMAT = "hindcast-scaler/1"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Count, mean, sum of squared deviations and extremes of each column."""

    count: Ints
    mean: Floats
    squares: Floats
    low: Floats
    high: Floats

    @classmethod
    def none(cls, columns: int) -> Moments:
        """The moments of no rows."""
        zeros = np.zeros(columns)
        return cls(np.zeros(columns, np.int64), zeros, zeros, zeros + np.inf, zeros - np.inf)

    @classmethod
    def of(cls, values: npt.NDArray[Any], counted: Flags) -> Moments:
        """The moments of the counted values of a block: both (row, column)."""
        values = values.astype(np.float64)
        count = counted.sum(axis=0)
        mean = values.sum(axis=0, where=counted) / np.maximum(count, 1)
        squares = ((values - mean) ** 2).sum(axis=0, where=counted)
        low = values.min(axis=0, where=counted, initial=np.inf)
        return cls(count, mean, squares, low, values.max(axis=0, where=counted, initial=-np.inf))

    def merged(self, other: Moments) -> Moments:
        """The moments of both; the order of merging decides the last bits, so keep it fixed."""
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        apart = other.mean - self.mean
        return Moments(
            count=count,
            mean=self.mean + apart * share,
            squares=self.squares + other.squares + apart**2 * self.count * share,
            low=np.minimum(self.low, other.low),
            high=np.maximum(self.high, other.high),
        )

    @property
    def deviation(self) -> Floats:
        """The population's standard deviation; 1 for a column that is constant or empty."""
        varies = self.low < self.high
        return np.where(varies, np.sqrt(self.squares / np.maximum(self.count, 1)), 1.0)


@dataclass(frozen=True)
class Columns:
    """The names of X's features and Y's targets; `masks[i]` is the feature that is 1 where feature i is missing, or -1."""

    features: Sequence[str]
    masks: Ints
    targets: Sequence[str]


def fit_scaler(
    steps: Steps, train: Split, columns: Columns, fingerprint: str, by: Literal["feature", "none"]
) -> dict[str, Any]:
    """The content of scaler.json.

    A feature's rows are the steps of the training split (inside its interval) where it is not missing; a
    target's are those with weight. `none` scales nothing: mean 0 and deviation 1. Raises FormatError where a
    training row of X or Y is no finite number.
    """
    inputs, targets = Moments.none(len(columns.features)), Moments.none(len(columns.targets))
    if by != "none":
        for start, stop, inside in rows(steps, train):
            inputs = inputs.merged(_of_inputs(steps, start, stop, inside, columns))
            targets = targets.merged(_of_targets(steps, start, stop, inside))
        _refuse_numbers_that_are_none(inputs, columns.features)
        _refuse_numbers_that_are_none(targets, columns.targets)
    return {
        "format": FORMAT,
        "by": by,
        "fingerprint": fingerprint,
        "features": list(_entries(columns.features, inputs)),
        "targets": list(_entries(columns.targets, targets)),
    }


def _of_inputs(steps: Steps, start: int, stop: int, inside: Flags, columns: Columns) -> Moments:
    values = steps.read("X", start, stop)[inside]
    counted = np.ones(values.shape, bool)
    masked = np.flatnonzero(columns.masks >= 0)
    counted[:, masked] = values[:, columns.masks[masked]] == 0
    return Moments.of(values, counted)


def _of_targets(steps: Steps, start: int, stop: int, inside: Flags) -> Moments:
    values = steps.read("Y", start, stop)[inside]
    return Moments.of(values, steps.read("W", start, stop)[inside] > 0)


def _entries(names: Sequence[str], moments: Moments) -> Iterator[dict[str, Any]]:
    columns = zip(names, moments.mean, moments.deviation, moments.count, strict=True)
    for name, mean, deviation, count in columns:
        yield {"name": name, "mean": float(mean), "std": float(deviation), "count": int(count)}


def _refuse_numbers_that_are_none(moments: Moments, names: Sequence[str]) -> None:
    bad = [name for name, squares in zip(names, moments.squares, strict=True) if not np.isfinite(squares)]
    if bad:
        raise FormatError(
            "The scaler needs finite numbers in every training row.",
            [f"{name} holds NaN or infinity: run pack again, or verify the shards" for name in bad],
        )
