"""Scores equal their one-line definition, whatever the key, the missing values and the block."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.judge import table as table_module
from hindcast.pipeline.judge.metrics import Key, Score, error_sums_by, number_format, number_text


@given(st.integers(0, 200), st.integers(1, 7), st.integers(0, 2**32 - 1), st.sampled_from([1, 7, 1 << 20]))
def test_scores_are_means_over_the_kept_rows_of_a_key(rows: int, keys: int, seed: int, block: int) -> None:
    rng = np.random.default_rng(seed)
    actual, forecast = rng.normal(1e4, 1e3, (2, rows)).astype(np.float32)
    forecast[rng.random(rows) < 0.2] = np.nan
    keep, key = rng.random(rows) < 0.7, rng.integers(keys, size=rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table_module, "BLOCK", block)
        whole, by_key = error_sums_by(
            actual,
            {"f": forecast},
            keep,
            [Key(1, lambda rows: np.zeros(len(key[rows]), np.int64)), Key(keys, key.__getitem__)],
        )
    sums = by_key["f"]
    # added row by row, so that the size of a block does not show
    order = np.flatnonzero(keep & np.isfinite(forecast))
    total = 0.0
    for row in order:
        total += abs(float(forecast[row]) - float(actual[row]))
    assert whole["f"].values[1, 0] == total
    for each in range(keys):
        chosen = keep & (key == each) & np.isfinite(forecast)
        error = forecast[chosen].astype(np.float64) - actual[chosen].astype(np.float64)
        score = sums.score(each)
        assert score.n == len(error)
        if len(error):
            expected = [np.abs(error).mean(), np.sqrt((error**2).mean()), error.mean()]
            assert [score.mae, score.rmse, score.bias] == pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert sums.mean_absolute()[each] == pytest.approx(expected[0])
        else:
            assert score == Score(None, None, None, 0)
    assert sums.total().n == sums.n.sum()


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "none"),
        (0.0, "0"),
        (194.26, "194.3"),
        (999.9, "999.9"),
        (-42213.4, "-42213"),
        (0.12345, "0.1235"),
        (1000.4, "1000"),
        (-123456789.2, "-123456789"),
        (2.7e11, "2.7e+11"),
        (-1e30, "-1e+30"),
    ],
)
def test_a_number_is_rounded_to_fit_its_column(value: float | None, word: str) -> None:
    assert number_text(value) == word
    assert len(word) <= 10


@pytest.mark.parametrize(
    ("errors", "bias", "word"),
    [
        ([724.24, 2551.88], 1.4813, "1.5"),
        ([0.10684, 0.14372], -0.00128, "-0.0013"),
        ([5609.4, 7027.1], -41.9, "-42"),
        ([0.0, None], 0.5, "0.5"),
        ([1e-7, 3e6], 12.3456, "12.35"),
    ],
)
def test_the_numbers_of_a_table_have_the_same_decimals(
    errors: list[float | None], bias: float, word: str
) -> None:
    write = number_format(errors)
    assert write(bias) == word
    assert write(None) == "none"


@given(st.lists(st.floats(1e-12, 1e12), min_size=1, max_size=8))
def test_no_number_of_a_table_outgrows_its_column_and_the_smallest_keeps_its_digits(
    errors: list[float],
) -> None:
    words = [number_format(errors)(error) for error in errors]
    assert all(len(word) <= 10 for word in words)
    assert float(words[errors.index(min(errors))]) == pytest.approx(min(errors), rel=6e-4)
