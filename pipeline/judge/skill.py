"""Compute how much better one forecaster is than another, and how certain that is.

skill = 1 - error(forecaster) / error(other), for the mean absolute and the root mean squared error on the same rows.
The interval is a paired circular block bootstrap (Politis and Romano 1992) over days: both forecasters are scored on
the same drawn days, all series of a day are drawn together, and blocks of days keep the dependence between
neighbouring days. How long blocks have to be follows from the daily differences of the two errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from hindcast.pipeline.arrays import Floats, Ints
from hindcast.pipeline.judge.block_length import block_lengths
from hindcast.pipeline.judge.metrics import ErrorSums

DRAWS = 1000
COVERAGE = 0.95
FEWEST_DAYS = 8
"""With fewer days there is no interval, because the variation between days cannot be estimated."""
_BLOCK_DAYS = 7  # weather and the working week make errors of neighbouring days similar
_LOWEST = -1e200  # stands for minus infinity in quantiles
_TOGETHER = 64  # pairs drawn together: 2 MB
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
    return compute_skills([(forecaster, other)], other_name, seed)[0]


def compute_skills(pairs: Sequence[tuple[ErrorSums, ErrorSums]], other_name: str, seed: int) -> list[Skill]:
    """Compute the skill of each pair (forecaster, other) on its own rows; those with as many days are drawn together."""
    days = [np.flatnonzero(forecaster.n) for forecaster, _ in pairs]
    by_count: dict[int, list[int]] = {}
    for place, own in enumerate(days):
        by_count.setdefault(len(own), []).append(place)
    found: dict[int, list[Estimate]] = {}
    for places in by_count.values():
        for start in range(0, len(places), _TOGETHER):
            part = places[start : start + _TOGETHER]
            sums = np.array(  # its axes are measure, forecaster, pair and day
                [[[pairs[at][who].values[row, days[at]] for at in part] for who in (0, 1)] for row in (1, 2)]
            )
            whole, (low, high) = _skills(sums.sum(axis=-1)), _intervals(sums, seed)
            for place, at in enumerate(part):
                found[at] = [
                    _estimate(*of)
                    for of in zip(*(each[:, place] for each in (whole, low, high)), strict=True)
                ]
    return [
        Skill(other_name, found[place][0], found[place][1], int(forecaster.n.sum()), len(days[place]))
        for place, (forecaster, _) in enumerate(pairs)
    ]


def verdict(estimate: Estimate) -> Verdict:
    """Return better or worse only if the whole interval lies on that side of 0; worse than an exact forecaster if not exact."""
    if estimate.low is not None and estimate.low > 0:
        return "better"
    if estimate.is_beaten or (estimate.high is not None and estimate.high < 0):
        return "worse"
    return "open"


def block_days(days: int) -> int:
    """Return the shortest length of a block, in days, for a test of `days` days."""
    return max(1, min(_BLOCK_DAYS, days // _LEAST_BLOCKS))


def lengths_of(differences: Floats) -> Ints:
    """Return the lengths of the blocks of pairs, in days, from their daily differences of losses (pair, day).

    They are those of the rule of Politis and White, at least `block_days`, at most a quarter of the days.
    """
    days = differences.shape[1]
    chosen = np.ceil(block_lengths(differences)).astype(np.int64)
    return np.clip(chosen, block_days(days), max(1, days // _LEAST_BLOCKS))


def _intervals(sums: Floats, seed: int) -> Floats:
    """Return the bounds (2, measure, pair) of the intervals; NaN with too few days. `sums` are (measure, forecaster, pair, day)."""
    measures, _, pairs, days = sums.shape
    bounds = np.full((2, measures, pairs), np.nan)
    if days >= FEWEST_DAYS:
        lengths = lengths_of(sums[0, 0] - sums[0, 1])
        for length in np.unique(lengths).tolist():
            own = np.flatnonzero(lengths == length)
            bounds[:, :, own] = _bounds(_draw_skills(sums[:, :, own], seed, length))
    return bounds


def _draw_skills(sums: Floats, seed: int, length: int) -> Floats:
    """Return the skills over resampled days, (measure, pair, draw)."""
    *shape, days = sums.shape
    return _skills(_draw_sums(sums.reshape(-1, days), seed, length).reshape(*shape, DRAWS))


def _draw_sums(sums: Floats, seed: int, length: int) -> Floats:
    """Return sums over resampled days, (row, draw): blocks are drawn with replacement from the days closed to a ring."""
    days = sums.shape[1]
    by_block = sum(np.roll(sums, -shift, axis=1) for shift in range(length))
    starts = np.random.default_rng(seed).integers(days, size=(-(-days // length), DRAWS))
    total = np.zeros((len(sums), DRAWS))
    for block in starts:  # one after another: the rounding of a matrix product differs between processors
        total += np.asarray(by_block)[:, block]
    return total


def _skills(sums: Floats) -> Floats:
    """Return from sums (measure, forecaster, ...) the skill in MAE and in RMSE, (measure, ...).

    It is NaN if neither forecaster has an error, minus infinity if only the first one has.
    """
    ours, theirs = sums[:, 0], sums[:, 1]
    ratio = np.divide(ours, theirs, out=np.where(ours > 0, np.inf, np.nan), where=theirs > 0)
    ratio[1] = np.sqrt(ratio[1])
    return 1.0 - ratio


def _bounds(draws: Floats) -> Floats:
    """Return the low and the high bound of the interval from draws (..., draw): (2, ...)."""
    # drawn days without any error count as equal; a quantile between finite and infinite numbers would be NaN
    finite = np.maximum(np.nan_to_num(draws, nan=0.0), _LOWEST)
    bounds: Floats = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2], axis=-1)
    return bounds


def _estimate(value: float, low: float, high: float) -> Estimate:
    """Return the estimate of a skill with the bounds of its interval, NaN if there were too few days to draw."""
    if np.isnan(value):
        return Estimate(None, None, None)
    if np.isinf(value):
        return Estimate(None, None, None, is_beaten=not np.isnan(low))
    if np.isnan(low):
        return Estimate(float(value), None, None)
    bounds = [float(bound) if bound > _LOWEST / DRAWS else None for bound in (low, high)]
    return Estimate(float(value), bounds[0], bounds[1], is_beaten=bounds[1] is None)
