"""Quantiles by counting against numpy's, for every block size, and the robust scale made of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from hindcast.pipeline.split import exact_quantiles
from hindcast.pipeline.split.exact_quantiles import QUANTILES, Part, count_quantiles, robust_scale

ODD = [0.0, -0.0, 1e-45, -1e-45, 3.4e38, -3.4e38, 1.0, -1.0, 0.1, 1e6]
NUMBERS = st.one_of(st.sampled_from(ODD), st.floats(width=32, allow_nan=False, allow_infinity=False))


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(0, 40), st.integers(1, 3)), elements=NUMBERS),
    st.integers(1, 50),
    st.integers(0, 2**32 - 1),
    st.sampled_from([0, 20, 1000]),
)
def test_quantiles_equal_those_of_numpy_whatever_the_blocks_counted_or_sorted(
    values: np.ndarray, block: int, seed: int, few: int
) -> None:
    counted = np.random.default_rng(seed).random(values.shape) < 0.8

    def parts() -> Iterator[Part]:
        for start in range(0, len(values), block):
            yield (), values[start : start + block], counted[start : start + block]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact_quantiles, "_FEW_VALUES", few)
        found = count_quantiles(parts, values.shape[1], 0)
    for column in range(values.shape[1]) if len(values) else ():
        own = values[counted[:, column], column].astype(np.float64)
        expected = np.quantile(own, QUANTILES) if len(own) else np.full(len(QUANTILES), np.nan)
        np.testing.assert_array_equal(found[()][:, column], expected)


@pytest.mark.parametrize("few", [0, 150, 1000])
def test_each_key_and_its_beginnings_have_their_own_quantiles(
    few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exact_quantiles, "_FEW_VALUES", few)
    random = np.random.default_rng(3)
    rows = {
        key: random.normal(size=(50, 2)).astype(np.float32) for key in (("a", "x"), ("a", "y"), ("b", "x"))
    }
    every = np.ones((50, 2), bool)
    found = count_quantiles(lambda: ((key, values, every) for key, values in rows.items()), 2, 2)
    assert set(found) == {(), ("a",), ("b",), *rows}
    for key, quantiles in found.items():
        own = np.concatenate([values for name, values in rows.items() if name[: len(key)] == key])
        np.testing.assert_array_equal(quantiles, np.quantile(own.astype(np.float64), QUANTILES, axis=0))


def test_rows_of_one_key_that_do_not_follow_one_another_are_refused() -> None:
    one = np.ones((1, 1), np.float32), np.ones((1, 1), bool)
    with pytest.raises(AssertionError, match="must follow one another"):
        count_quantiles(lambda: iter([(("a",), *one), (("b",), *one), (("a",), *one)]), 1, 1)


def test_the_spread_of_a_normal_distribution_is_its_deviation_and_two_wrong_cells_do_not_change_it() -> None:
    values = np.random.default_rng(1).normal(1000, 200, (100_000, 1))
    spoilt = values.copy()
    spoilt[[5, 77]] = 1e6
    scales = [
        robust_scale(np.quantile(each, QUANTILES, axis=0), each.std(axis=0)) for each in (values, spoilt)
    ]
    assert scales[0][1] == pytest.approx(200, rel=0.01)
    assert scales[1][0] == pytest.approx(scales[0][0], rel=0.001)
    assert scales[1][1] == pytest.approx(scales[0][1], rel=0.001)
    assert spoilt.std() > 20 * scales[1][1]


@pytest.mark.parametrize(("zeros", "share"), [(30, 0.25), (80, 0.99), (1000, None)])
def test_a_column_that_is_mostly_one_number_has_a_wider_range_or_its_deviation(
    zeros: int, share: float | None
) -> None:
    column = np.append(np.zeros(zeros), np.arange(1.0, 5.0 if share is None else 21.0))[:, None]
    quantiles = np.quantile(column, QUANTILES, axis=0)
    _, spread = robust_scale(quantiles, column.std(axis=0))
    if share is None:
        assert spread == column.std()
    else:
        width = {0.25: 1.3489795003921634, 0.99: 4.652695748081682}[share]
        outer = {0.25: (1, 3), 0.99: (0, 4)}[share]
        assert spread == (quantiles[outer[1]] - quantiles[outer[0]]) / width


def test_a_constant_or_empty_column_has_no_spread() -> None:
    quantiles = np.array([[3.0, np.nan]] * len(QUANTILES))
    middle, spread = robust_scale(quantiles, np.zeros(2))
    assert middle.tolist() == [3.0, 0.0]
    assert spread.tolist() == [0.0, 0.0]
