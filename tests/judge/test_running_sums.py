"""Running sums against a sum over all rows, and that later rows and other cells change no byte."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.judge.running_sums import RunningSums
from tests.examples import examples


@examples(60)
@given(st.integers(0, 10**6))
def test_a_sum_has_the_rows_that_count_at_the_moment(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count, cells = int(rng.integers(0, 40)), 4
    cell, begin = rng.integers(0, cells, count), rng.integers(0, 20, count)
    end, values = begin + rng.integers(-2, 12, count), rng.normal(size=(count, 2))
    asked, moment = rng.integers(0, cells, 25), rng.integers(-2, 35, 25)
    found = RunningSums(cell, begin, end, values, cells).at(asked, moment)
    for place in range(25):
        counted = (cell == asked[place]) & (begin <= moment[place]) & (moment[place] < end)
        np.testing.assert_allclose(found[place], values[counted].sum(axis=0), atol=1e-12)
    earlier = (begin <= 10) & (cell == 1)
    alone = RunningSums(cell[earlier], begin[earlier], end[earlier], values[earlier], cells)
    known = (asked == 1) & (moment <= 10)
    assert alone.at(asked[known], moment[known]).tobytes() == found[known].tobytes()
