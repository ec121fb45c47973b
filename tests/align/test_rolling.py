"""Statistics over the newest values known, against a slow reading step by step."""

from __future__ import annotations

import math
import statistics
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.align.rolling import KnownValues, roll
from hindcast.pipeline.settings.features import Statistic
from tests.examples import examples

MADE: dict[Statistic, Any] = {"mean": statistics.fmean, "std": statistics.pstdev, "min": min, "max": max}


class Steps:
    """One series of steps 0, 1, ..., each known as soon as it has begun."""

    def __init__(self, values: list[float]) -> None:
        self._values = np.array(values)
        self.series = np.zeros(len(values), np.int64)
        self.own = self
        self.start = np.zeros(1, np.int64)

    def at(self, slots: np.ndarray, _origins: np.ndarray) -> np.ndarray:
        return np.where(slots >= 0, self._values[slots], np.nan)


@examples(60)
@given(
    st.lists(st.sampled_from([math.nan, -1.5, 0.0, 2.0, 7.25]), min_size=1, max_size=20), st.integers(1, 6)
)
def test_a_statistic_takes_the_values_there_are_and_none_where_most_are_missing(
    values: list[float], steps: int
) -> None:
    rows: Any = Steps(values)
    newest = np.arange(len(values))
    windows = tuple((steps, statistic) for statistic in get_args(Statistic))
    rolled = roll(KnownValues(rows, rows, newest, None), newest, windows)
    for (_, statistic), column in rolled.items():
        for at, found in enumerate(column.tolist()):
            window = values[max(0, at + 1 - steps) : at + 1]
            present = [value for value in window if not math.isnan(value)]
            if 2 * len(present) < steps:
                assert math.isnan(found)
            else:
                assert found == pytest.approx(MADE[statistic](present))


def test_equal_values_have_no_deviation_at_all() -> None:
    rows: Any = Steps([0.1] * 7)
    newest = np.arange(7)
    assert roll(KnownValues(rows, rows, newest, None), newest, ((7, "std"),))[7, "std"][-1] == 0.0
