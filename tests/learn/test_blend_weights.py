"""Weights of a blend against a search over a grid, data of which the right answer is known, and the rule for missing values."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.arrays import Floats, Ints
from hindcast.pipeline.learn.blend_weights import (
    FEWEST_DAYS,
    ErrorRows,
    blend_values,
    fit_weights,
    simplex_minimum,
)
from tests.examples import examples


@examples(15)
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_the_minimum_is_that_of_a_search_over_a_grid(seed: int, members: int) -> None:
    errors = np.random.default_rng(seed).normal(size=(3, 40, members)) * np.arange(1, members + 1)
    products = np.einsum("cri,crj->cij", errors, errors)
    around = np.eye(1, members).repeat(3, axis=0)
    found = simplex_minimum(products, around)
    assert (found >= 0).all()
    assert np.allclose(found.sum(axis=1), 1)
    steps = 10
    grid = [
        np.array(parts) / steps for parts in product(range(steps + 1), repeat=members) if sum(parts) == steps
    ]
    for own, weights in zip(products, found, strict=True):
        least = min(float(point @ own @ point) for point in grid)
        assert weights @ own @ weights <= least * (1 + 1e-4)


def test_members_that_agree_keep_the_weights_around_them() -> None:
    errors = np.random.default_rng(0).normal(size=(50, 1)).repeat(3, axis=1)
    around = np.array([[0.2, 0.5, 0.3]])
    assert np.allclose(simplex_minimum((errors.T @ errors)[None], around), around, atol=1e-6)


def rows_of(
    spread: Floats, *, days: int, series: int = 4, groups: int = 2, bands: int = 2, seed: int = 0
) -> ErrorRows:
    """Rows of independent normal errors; `spread` (series, member) is their size."""
    rng = np.random.default_rng(seed)
    shape = (series, days, bands, 3)
    number, day, band, _ = (each.ravel() for each in np.indices(shape))
    errors = rng.normal(size=(number.size, spread.shape[1])) * spread[number]
    group_of: Ints = np.arange(series) * groups // series
    return ErrorRows(errors.astype(np.float32), number, band, day, group_of, bands, days)


def test_weights_of_independent_members_are_those_of_their_variances() -> None:
    spread = np.array([[1.0, 1.0, 2.0, 8.0]]).repeat(4, axis=0)
    found = fit_weights(rows_of(spread, days=400))
    due = spread[0] ** -2 / (spread[0] ** -2).sum()
    assert np.allclose(found.whole, due, atol=0.06)
    assert np.allclose(found.by_series.mean(axis=(0, 1)), due, atol=0.06)
    for weights in (found.whole, found.by_band, found.by_group, found.by_series):
        assert (weights >= 0).all()
        assert np.allclose(weights.sum(axis=-1), 1)


@pytest.mark.parametrize("days", [1, FEWEST_DAYS - 1])
def test_with_too_few_days_the_blend_is_the_first_member(days: int) -> None:
    found = fit_weights(rows_of(np.array([[2.0, 1.0]]).repeat(4, axis=0), days=days))
    assert np.array_equal(found.by_series, np.broadcast_to([1.0, 0.0], found.by_series.shape))


def test_more_evidence_gives_more_weight_to_a_better_member() -> None:
    spread = np.array([[1.2, 1.0]]).repeat(4, axis=0)
    shares = [
        float(np.mean([fit_weights(rows_of(spread, days=days, seed=seed)).whole[1] for seed in range(5)]))
        for days in (5, 20, 200)
    ]
    assert shares[0] < min(shares[1:])
    assert shares[-1] == pytest.approx(1.2**2 / (1 + 1.2**2), abs=0.05)


def test_a_member_that_does_not_help_gets_nearly_nothing() -> None:
    base = rows_of(np.array([[1.0, 1.0]]).repeat(4, axis=0), days=60)
    errors = base.errors.copy()
    errors[:, 1] = errors[:, 0] + 2 * errors[:, 1]
    found = fit_weights(ErrorRows(errors, base.series, base.band, base.day, base.group_of, 2, 60))
    assert (found.by_series[..., 0] > 0.9).all()


def test_a_series_and_a_group_of_their_own_kind_get_weights_of_their_own() -> None:
    spread = np.array([[1.0, 3.0], [1.0, 3.0], [3.0, 1.0], [1.0, 3.0]])
    found = fit_weights(rows_of(spread, days=300))
    assert (found.by_series[2, :, 1] > 0.8).all()
    assert (found.by_series[[0, 1, 3], :, 1] < 0.3).all()
    assert (found.by_group[1, :, 1] > found.by_group[0, :, 1]).all()


def test_one_series_has_the_weights_of_all_and_nothing_is_fitted_twice() -> None:
    rows = rows_of(np.array([[1.5, 1.0]]), days=30, series=1, groups=1, bands=1)
    found = fit_weights(rows)
    assert np.array_equal(found.by_series[0], found.by_band)
    assert np.array_equal(found.by_series[0, 0], found.whole)


def test_without_a_row_all_weights_are_those_of_the_first_member() -> None:
    nothing = np.empty(0, np.int64)
    found = fit_weights(
        ErrorRows(np.empty((0, 2), np.float32), nothing, nothing, nothing, np.array([0, 0]), 1, 0)
    )
    assert np.array_equal(found.by_series, np.broadcast_to([1.0, 0.0], (2, 1, 2)))


def test_weights_of_members_with_a_value_are_divided_by_their_sum() -> None:
    weights = np.array([[0.5, 0.3, 0.2]] * 4 + [[1.0, 0.0, 0.0]] * 2)
    nan = np.nan
    values = np.array(
        [[1, 2, 3], [nan, 2, 3], [nan, nan, 3], [nan, nan, nan], [nan, 2, 3], [nan, nan, 3]], np.float32
    )
    found = blend_values(weights, values, network=1)
    due = [1.7, (0.3 * 2 + 0.2 * 3) / 0.5, 3.0, nan, 2.0, nan]  # the fifth is the network, the sixth lacks it
    assert np.allclose(found, due, equal_nan=True)
