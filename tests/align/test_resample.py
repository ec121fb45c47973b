from __future__ import annotations

import math

import numpy as np
import pytest

from hindcast.pipeline.align.aligned import NOT_ISSUED
from hindcast.pipeline.align.asof import Versions, sort_versions
from hindcast.pipeline.align.resample import Resampling, resample_known
from hindcast.pipeline.settings.fields import Resample
from hindcast.pipeline.settings.stamp_grid import StampGrid
from tests.align.mock import HOUR, MINUTE

NAN = math.nan
QUARTERS = [0, 15, 30, 45]
RULES: tuple[Resample, ...] = ("mean", "sum", "last", "min", "max")


def stamps(minutes: list[int], values: list[float], known: list[int] | None = None) -> Versions:
    """One step of an hour, its timestamps given in minutes."""
    valid = np.array(minutes, np.int64) * MINUTE
    moments = np.array(known or [0] * len(minutes), np.int64)
    column = np.array(values, np.float64)
    return sort_versions(np.zeros(len(minutes), np.int64), (valid, moments, moments), column[:, None], 1)


def folded(rows: Versions, rule: Resample, origin: int = 100) -> float:
    found, _ = resample_known(
        rows, np.array([0]), np.array([origin]), Resampling((rule,), StampGrid(HOUR), 0.5)
    )
    return float(found[0, 0])


@pytest.mark.parametrize(("rule", "value"), [("mean", 2.5), ("sum", 10), ("last", 4), ("min", 1), ("max", 4)])
def test_four_quarters_become_an_hour_by_the_rule(rule: Resample, value: float) -> None:
    assert folded(stamps(QUARTERS, [1, 2, 3, 4]), rule) == value


@pytest.mark.parametrize(
    ("rule", "value"), [("mean", 8 / 3), ("sum", 4 * 8 / 3), ("last", 4), ("min", 1), ("max", 4)]
)
def test_a_quarter_without_a_value_counts_like_the_mean_of_the_others(rule: Resample, value: float) -> None:
    assert folded(stamps(QUARTERS, [1, NAN, 3, 4]), rule) == pytest.approx(value)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    ("values", "enough"),
    [([1, 2, NAN, NAN], True), ([NAN, 1, NAN, 2], True), ([1, NAN, NAN, NAN], False), ([NAN] * 4, False)],
)
def test_at_least_half_of_a_step_must_be_observed(rule: Resample, values: list[float], enough: bool) -> None:
    assert math.isnan(folded(stamps(QUARTERS, values), rule)) != enough


@pytest.mark.parametrize(
    ("minutes", "enough"),
    [
        ([0], True),  # one timestamp stands for the step
        ([0, 30], True),
        ([0, 15], True),  # two of four quarters
        ([0, 15, 45], True),
        ([0, 10], False),  # two of six
        ([0, 10, 20], True),
        ([0, 1], False),
    ],
)
def test_rows_that_are_absent_count_by_the_distance_of_those_that_are_there(
    minutes: list[int], enough: bool
) -> None:
    assert math.isnan(folded(stamps(minutes, [1.0] * len(minutes)), "mean")) != enough


@pytest.mark.parametrize("rule", RULES)
def test_a_single_stamp_is_taken_unchanged(rule: Resample) -> None:
    assert folded(stamps([20], [0.1]), rule) == 0.1


@pytest.mark.parametrize(
    ("values", "least", "total"),
    [
        ([1, 2, 3, 4], 0.5, 10),
        ([1, 2, NAN, NAN], 0.5, 6),
        ([1], 0.5, None),  # one of four quarters is not half of the hour
        ([1], 0.25, 4),
        ([1, 2, 3], 1.0, None),
        ([1, 2, 3], 0.75, 8),
    ],
)
def test_a_fixed_distance_of_stamps_gives_the_number_expected_in_a_step(
    values: list[float], least: float, total: float | None
) -> None:
    rows = stamps(QUARTERS[: len(values)], values)
    how = Resampling(("sum",), StampGrid(HOUR), least, spacing=15 * MINUTE)
    found, _ = resample_known(rows, np.array([0]), np.array([100]), how)
    assert (None if math.isnan(found[0, 0]) else found[0, 0]) == total


def test_only_the_stamps_known_at_the_origin_are_folded() -> None:
    rows = stamps(QUARTERS, [1, 2, 3, 4], known=[10, 10, 20, 30])
    assert [folded(rows, "sum", origin) for origin in (10, 20, 30)] == [3, 6, 10]
    assert math.isnan(folded(rows, "sum", 9))


def test_the_issue_time_of_a_step_is_that_of_its_newest_stamp() -> None:
    rows = stamps(QUARTERS, [1, NAN, 3, 4], known=[5, 8, 7, 30])
    _, issued = resample_known(
        rows, np.array([0, 0]), np.array([4, 10]), Resampling(("mean",), StampGrid(HOUR), 0.5)
    )
    assert issued.tolist() == [NOT_ISSUED, 8]


def test_sums_are_taken_in_the_order_of_time() -> None:
    values = [1e16, 1.0, -1e16, 1.0]
    assert folded(stamps(QUARTERS, values), "sum") == ((1e16 + 1.0) - 1e16) + 1.0
