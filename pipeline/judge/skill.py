"""How much better one forecaster is than another, and how sure that is.

skill = 1 - error(forecaster) / error(other), by mean absolute and by root mean squared error on the same rows.
The interval is a paired circular block bootstrap (Politis and Romano 1992) over days: both forecasters keep
the same drawn days, all series of a day are drawn together, and blocks of days keep what one day owes to the
one before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hindcast.pipeline.judge.metrics import ErrorSums

DRAWS = 1000
COVERAGE = 0.95
_BLOCK_DAYS = 7  # weather and working weeks make errors of neighbouring days alike
_FEWEST_DAYS = 8  # fewer cannot say how much days differ
_BLOCKS_WANTED = 4  # at the least, so that short tests still draw different weeks


@dataclass(frozen=True)
class Gain:
    """A skill and the bounds of its 95 % interval; None where it cannot be told."""

    value: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Skill:
    """The gain of one forecaster over `other`, by MAE and by RMSE, over `n` rows on `days` days (UTC)."""

    other: str
    mae: Gain
    rmse: Gain
    n: int
    days: int


Verdict = Literal["better", "worse", "open"]


def skill(forecaster: ErrorSums, other_name: str, other: ErrorSums, seed: int) -> Skill:
    """The skill from error sums by day (the same days and rows for both), with its interval."""
    seen = np.flatnonzero(forecaster.n)
    sums = np.stack([each.of(seen).values[row] for row in (1, 2) for each in (forecaster, other)])
    whole = _skills(sums.sum(axis=1, keepdims=True))[:, 0]
    drawn = _skills(_draws(sums, seed)) if len(seen) >= _FEWEST_DAYS else np.empty((2, 0))
    gains = [_gain(value, draws) for value, draws in zip(whole, drawn, strict=True)]
    return Skill(other_name, gains[0], gains[1], int(forecaster.n.sum()), len(seen))


def verdict(gain: Gain) -> Verdict:
    """Better or worse only where the whole interval says so."""
    if gain.low is not None and gain.low > 0:
        return "better"
    if gain.high is not None and gain.high < 0:
        return "worse"
    return "open"


def block_days(days: int) -> int:
    """The length of a block for a test of so many days."""
    return max(1, min(_BLOCK_DAYS, days // _BLOCKS_WANTED))


def _draws(sums: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Sums (row, draw) of resampled days: blocks drawn with replacement from the days closed to a ring."""
    days = sums.shape[1]
    length = block_days(days)
    by_block = sum(np.roll(sums, -shift, axis=1) for shift in range(length))
    starts = np.random.default_rng(seed).integers(days, size=(-(-days // length), DRAWS))
    total = np.zeros((len(sums), DRAWS))
    for block in starts:  # one after another, not by matrix product: its rounding differs between processors
        total += np.asarray(by_block)[:, block]
    return total


def _skills(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """(2, draw): skill by MAE and by RMSE; NaN where the other forecaster makes no error."""
    ours, theirs = sums[[0, 2]], sums[[1, 3]]
    ratio = np.divide(ours, theirs, out=np.full_like(ours, np.nan), where=theirs > 0)
    ratio[1] = np.sqrt(ratio[1])
    return 1.0 - ratio


def _gain(value: float, draws: NDArray[np.float64]) -> Gain:
    if np.isnan(value):
        return Gain(None, None, None)
    if not len(draws) or np.isnan(draws).any():
        return Gain(float(value), None, None)
    low, high = np.quantile(draws, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Gain(float(value), float(low), float(high))
