"""Compute how much better one forecaster is than another, and how certain that is.

skill = 1 - error(forecaster) / error(other), for the mean absolute and the root mean squared error on the same rows.
The interval is a paired circular block bootstrap (Politis and Romano 1992) over days: both forecasters are scored on
the same drawn days, all series of a day are drawn together, and blocks of days keep the dependence between
neighbouring days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from hindcast.pipeline.arrays import Floats
from hindcast.pipeline.judge.metrics import ErrorSums

DRAWS = 1000
COVERAGE = 0.95
FEWEST_DAYS = 8
"""With fewer days there is no interval, because the variation between days cannot be estimated."""
_BLOCK_DAYS = 7  # weather and the working week make errors of neighbouring days similar
_LOWEST = -1e200  # stands for minus infinity in quantiles
_LEAST_BLOCKS = 4  # so that draws also differ if the test is short


@dataclass(frozen=True)
class Estimate:
    """A skill and the bounds of its 95 % interval; None for a number that cannot be computed or is infinite.

    `is_beaten`: the other forecaster is exact and this one is not, on enough days for a verdict; the skill is then minus
    infinity.
    """

    value: float | None
    low: float | None
    high: float | None
    is_beaten: bool = False


@dataclass(frozen=True)
class Skill:
    """The skill of one forecaster over `other` in MAE and RMSE, on `n` rows of `days` days (UTC)."""

    other: str
    mae: Estimate
    rmse: Estimate
    n: int
    days: int


Verdict = Literal["better", "worse", "open"]


def compute_skill(forecaster: ErrorSums, other_name: str, other: ErrorSums, seed: int) -> Skill:
    """Compute the skill and its interval from error sums by day (the same days and rows for both forecasters)."""
    days = np.flatnonzero(forecaster.n)
    sums = np.stack([each.select(days).values[row] for row in (1, 2) for each in (forecaster, other)])
    whole = _skills(sums.sum(axis=1, keepdims=True))[:, 0]
    drawn = _skills(_draw_sums(sums, seed)) if len(days) >= FEWEST_DAYS else np.empty((2, 0))
    estimates = [_estimate(value, draws) for value, draws in zip(whole, drawn, strict=True)]
    return Skill(other_name, estimates[0], estimates[1], int(forecaster.n.sum()), len(days))


def verdict(estimate: Estimate) -> Verdict:
    """Return better or worse only if the whole interval lies on that side of 0; worse than an exact forecaster if not exact."""
    if estimate.low is not None and estimate.low > 0:
        return "better"
    if estimate.is_beaten or (estimate.high is not None and estimate.high < 0):
        return "worse"
    return "open"


def block_days(days: int) -> int:
    """Return the length of a block, in days, for a test of `days` days."""
    return max(1, min(_BLOCK_DAYS, days // _LEAST_BLOCKS))


def _draw_sums(sums: Floats, seed: int) -> Floats:
    """Return sums over resampled days, (row, draw): blocks are drawn with replacement from the days closed to a ring."""
    days = sums.shape[1]
    length = block_days(days)
    by_block = sum(np.roll(sums, -shift, axis=1) for shift in range(length))
    starts = np.random.default_rng(seed).integers(days, size=(-(-days // length), DRAWS))
    total = np.zeros((len(sums), DRAWS))
    for block in starts:  # one after another: the rounding of a matrix product differs between processors
        total += np.asarray(by_block)[:, block]
    return total


def _skills(sums: Floats) -> Floats:
    """Return the skill in MAE and in RMSE, (2, draw); NaN if neither has an error, minus infinity if only this one has."""
    ours, theirs = sums[[0, 2]], sums[[1, 3]]
    ratio = np.divide(ours, theirs, out=np.where(ours > 0, np.inf, np.nan), where=theirs > 0)
    ratio[1] = np.sqrt(ratio[1])
    return 1.0 - ratio


def _estimate(value: float, draws: Floats) -> Estimate:
    if np.isnan(value):
        return Estimate(None, None, None)
    if np.isinf(value):
        return Estimate(None, None, None, is_beaten=bool(len(draws)))
    if not len(draws):
        return Estimate(float(value), None, None)
    # drawn days without any error count as equal; a quantile between finite and infinite numbers would be NaN
    finite = np.maximum(np.nan_to_num(draws, nan=0.0), _LOWEST)
    low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    bounds = [float(bound) if bound > _LOWEST / DRAWS else None for bound in (low, high)]
    return Estimate(float(value), bounds[0], bounds[1], is_beaten=bounds[1] is None)
