"""The weights of a blend: fitted from the errors of its members, and applied.

The weights of a cell (a series, a group or all, at a band of leads) are those on the simplex, not negative and with the sum 1, that minimize
the mean squared error of the blend. The error of a blend is the same combination of the members' errors, so the sums of their products are all
that is needed, for any number of series. Weights for the mean absolute error, by rounds of squares divided by the blend's own error, took three times as
long and changed the absolute error on the test splits of four data sets by -0.5 to +0.6 % (docs/training.md). A cell then keeps the weights of the cell around it, except for the share of the way to its own that its evidence supports: how far the
slope of the loss towards them, summed by day, stands out from its variation from day to day.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from hindcast.pipeline.arrays import Flags, Floats, Ints, Values

FEWEST_DAYS = 4
"""A cell with fewer days of origins has the weights of the cell around it."""

_DEPENDENCE = (
    2.0  # days next to each other are alike, so that sums by day vary this many times more than they seem to
)
_RIDGE = 1e-6  # of the mean square: where members agree, the weights of the cell around it decide
_BLOCK = 1 << 20  # rows
_CELLS = 1 << 14  # solved together
_LEAST_SUM = 1e-6  # of the weights of members with a value


@dataclass(frozen=True)
class ErrorRows:
    """R rows with the errors of K members (R, K), in units of the row's series; all other arrays have one entry per row.

    `band` and `day` count from 0; `group_of` (S,) is the group of each series. The first member is the one that the blend is
    without evidence.
    """

    errors: Values
    series: Ints
    band: Ints
    day: Ints
    group_of: Ints
    bands: int
    days: int


@dataclass(frozen=True)
class CellWeights:
    """The weights (..., K) of each series, group, and of all, at each band, and of all bands."""

    by_series: Floats  # (S, B, K)
    by_group: Floats  # (G, B, K)
    by_band: Floats  # (B, K)
    whole: Floats  # (K,)


def fit_weights(rows: ErrorRows) -> CellWeights:
    """Fit the weights of all cells."""
    members, bands, groups = rows.errors.shape[1], rows.bands, int(rows.group_of.max(initial=-1)) + 1
    series = len(rows.group_of)
    start = np.eye(1, members)
    whole = _fit_cells(rows, np.zeros(len(rows.errors), np.int64), start)
    by_band = _fit_cells(rows, rows.band, np.repeat(whole, bands, axis=0)) if bands > 1 else whole
    by_group = np.tile(by_band, (groups, 1))
    if groups > 1:
        by_group = _fit_cells(rows, rows.group_of[rows.series] * bands + rows.band, by_group)
    around = by_group.reshape(groups, bands, members)[rows.group_of]
    by_series = around.reshape(series * bands, members)
    if series > groups:
        fitted = _fit_cells(rows, rows.series * bands + rows.band, by_series)
        # a series that is the only one of its group has the group's weights
        alone = np.repeat(np.bincount(rows.group_of, minlength=groups)[rows.group_of] == 1, bands)
        by_series = np.where(alone[:, None], by_series, fitted)
    return CellWeights(
        by_series.reshape(series, bands, members), by_group.reshape(groups, bands, members), by_band, whole[0]
    )


def _fit_cells(rows: ErrorRows, cell: Ints, around: Floats) -> Floats:
    """Return the weights (cell, K) of each cell, from those around it (cell, K)."""
    count = len(around)
    products = _products(rows.errors, cell, count)
    best = np.concatenate(
        [
            simplex_minimum(products[at : at + _CELLS], around[at : at + _CELLS])
            for at in range(0, count, _CELLS)
        ]
    )
    towards = best - around
    by_day = np.zeros((count, rows.days))
    seen = np.zeros((count, rows.days), np.bool_)
    for part in _blocks(len(cell)):
        own = cell[part]
        slope = np.einsum("rk,rk->r", rows.errors[part], around[own])
        slope *= np.einsum("rk,rk->r", rows.errors[part], towards[own])
        at = own * rows.days + rows.day[part]
        by_day += np.bincount(at, slope, by_day.size).reshape(by_day.shape)
        seen.ravel()[at] = True
    return around + _shares(by_day, seen, towards)[:, None] * towards


def _shares(by_day: Floats, seen: Flags, towards: Floats) -> Floats:
    """Return the share of the way to its own weights that a cell goes, from the slopes of its loss by day: (cell,).

    1 less the ratio of the variance of the slope's sum to its square, for each weight that is free to move, as James and Stein shrink a mean.
    """
    days = seen.sum(axis=1)
    total = by_day.sum(axis=1)
    mean = total / np.maximum(days, 1)
    spread = np.where(seen, by_day - mean[:, None], 0.0)
    # with few days the variance is itself uncertain: the mean of 1 / chi squared is that of a wider distribution
    variance = _DEPENDENCE * (spread**2).sum(axis=1) * days / np.maximum(days - 3, 1)
    free = np.maximum((np.abs(towards) > 1e-9).sum(axis=1) - 1, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = 1 - free * variance / total**2
    shares[(days < FEWEST_DAYS) | ~np.isfinite(shares) | (total >= 0)] = 0
    clipped: Floats = np.clip(shares, 0, 1)
    return clipped


def simplex_minimum(products: Floats, around: Floats) -> Floats:
    """Return the weights (cell, K), not negative and with the sum 1, that minimize w' products w, nearly.

    `products` (cell, K, K) are sums of products of errors. A small term pulls towards the weights `around`, so that members that agree have
    an answer. The minimum is that of one of the sets of members alone, so all sets are tried; each is a linear equation.
    """
    cells, members = around.shape
    ridge = _RIDGE * np.trace(products, axis1=1, axis2=2) / members
    ridge = np.where(ridge > 0, ridge, 1.0)
    matrix = products + ridge[:, None, None] * np.eye(members)
    right = ridge[:, None] * around
    found, least = around.copy(), np.full(cells, np.inf)
    for count in range(1, members + 1):
        for chosen in combinations(range(members), count):
            at = np.array(chosen)
            sides = np.stack([right[:, at], np.ones((cells, count))], axis=2)
            solved = np.linalg.solve(matrix[:, at[:, None], at], sides)
            weights = (
                solved[..., 0]
                + ((1 - solved[..., 0].sum(1)) / solved[..., 1].sum(1))[:, None] * solved[..., 1]
            )
            whole = np.zeros((cells, members))
            whole[:, at] = weights
            loss = np.einsum("ci,cij,cj->c", whole, matrix, whole) - 2 * (whole * right).sum(1)
            better = (weights >= 0).all(axis=1) & (loss < least)
            found[better], least[better] = whole[better], loss[better]
    return found


def blend_values(weights: Floats, values: Values, network: int) -> Values:
    """Return the blend (R,) of the values (R, K) of its members, NaN where one has none, by weights (R, K).

    Where a member has no value, the weights of the others are divided by their sum. If that is 0, the blend is the network, member
    number `network`, and has no value if that has none.
    """
    made = np.empty(len(values), np.float32)
    for part in _blocks(len(values)):
        has = np.isfinite(values[part])
        own = np.where(has, weights[part], 0.0)
        total = own.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.where(has, own * values[part].astype(np.float64), 0.0).sum(axis=1) / total
        made[part] = np.where(total > _LEAST_SUM, mean, values[part, network])
    return made


def _products(errors: Values, cell: Ints, count: int) -> Floats:
    """Return the sums of products of errors (count, K, K) by cell."""
    members = errors.shape[1]
    found = np.zeros((count, members, members))
    for part in _blocks(len(cell)):
        block = errors[part].astype(np.float64)
        for one in range(members):
            for other in range(one + 1):
                found[:, one, other] += np.bincount(cell[part], block[:, one] * block[:, other], count)
    lower = np.tril(found, -1)
    return found + np.swapaxes(lower, 1, 2)


def _blocks(size: int) -> list[slice]:
    return [slice(start, min(start + _BLOCK, size)) for start in range(0, size, _BLOCK)]
