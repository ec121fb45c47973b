"""Readings that count up are told from levels."""

from __future__ import annotations

import numpy as np
import pytest

from hindcast.pipeline.inspect.rising_values import Rises, find_rises
from hindcast.pipeline.settings.base import HOUR


def found(*series: np.ndarray, step: int = HOUR) -> Rises | None:
    codes = np.concatenate([np.full(len(each), code) for code, each in enumerate(series)])
    times = np.concatenate([np.arange(len(each)) * step for each in series])
    return find_rises(codes.astype(np.int64), times.astype(np.int64), np.concatenate(series).astype(float))


def readings(count: int = 240, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).uniform(5, 15, count).cumsum()


def test_rows_of_several_series_are_not_mixed_by_their_times() -> None:
    rises = found(readings(), 40 * readings(seed=2), np.full(240, 7.0))
    assert rises is not None
    assert (rises.series, rises.examined, len(rises.falls.before)) == (2, 2, 0)


@pytest.mark.parametrize("count", [30, 60, 240])
def test_a_meter_that_was_replaced_counts_up(count: int) -> None:
    counted = readings(count)
    rises = found(np.concatenate([counted[: count // 2], counted[: count - count // 2]]))
    assert rises is not None
    assert len(rises.falls.before) == 1
    assert rises.falls.rollover is None or rises.falls.rollover < counted[-1]


def test_a_number_outside_its_neighbours_is_no_fall() -> None:
    counted = readings()
    counted[[50, 120]] = [0.0, 99999.0]
    rises = found(counted)
    assert rises is not None
    assert sorted(rises.outside.tolist()) == [0.0, 99999.0]
    assert not len(rises.falls.before)


def test_sums_since_midnight_count_up_and_start_at_one_time_of_the_day() -> None:
    rises = found(np.concatenate([readings(24, seed) for seed in range(10)]))
    assert rises is not None
    assert (len(rises.falls.before), rises.falls.clock, rises.falls.rollover) == (9, "00:00", None)


def test_the_last_number_of_a_time_counts() -> None:
    counted = readings(100)
    codes, times = np.zeros(200, np.int64), np.repeat(np.arange(100) * HOUR, 2)
    rises = find_rises(codes, times, np.stack([counted - 300, counted], 1).ravel())
    assert rises is not None
    assert not len(rises.falls.before)


_WAVE = np.sin(np.arange(240) * 2 * np.pi / 24)
_NOISE = np.random.default_rng(3).normal(0, 1, 240)


@pytest.mark.parametrize(
    "level",
    [
        50 + 10 * _WAVE + _NOISE,
        np.maximum(0, 40 * _WAVE),  # the sun
        np.where(np.arange(240) % 15 == 0, 3 + _NOISE**2, 0),  # rain
        np.arange(240.0),  # numbers of rows
        np.arange(240) * 0.1 + 20 * _NOISE,  # a trend
        np.where(np.arange(240) < 120, 50.0, 60.0),  # a capacity
        np.array([]),
        np.array([4.0]),
    ],
)
def test_levels_do_not(level: np.ndarray) -> None:
    assert found(level) is None


def test_half_of_the_series_must_count_up() -> None:
    level = 50 + 10 * _WAVE + _NOISE
    assert found(readings(), level, level + _NOISE[::-1]) is None
    rises = found(readings(), readings(seed=2), level)
    assert rises is not None
    assert (rises.series, rises.examined) == (2, 3)
