"""Scored ranges of a split, compared with one time after the other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hindcast.pipeline.store.index_types import Split


@st.composite
def splits(draw: st.DrawFn) -> Split:
    edges = sorted(draw(st.sets(st.integers(0, 30), min_size=2, max_size=8)))
    if draw(st.booleans()):
        return Split("part", np.zeros(0, np.int64), edges[0], edges[-1])
    pairs = tuple(zip(edges[::2], edges[1::2], strict=False))
    return Split("part", np.zeros(0, np.int64), edges[0], edges[-1], intervals=pairs)


@given(splits())
def test_a_time_is_scored_if_it_lies_in_a_range(split: Split) -> None:
    times = np.arange(-1, 33).reshape(2, 17)
    expected = [
        [any(start <= time < stop for start, stop in split.spans) for time in row] for row in times.tolist()
    ]
    assert split.holds(times).tolist() == expected


@given(splits(), st.lists(st.tuples(st.integers(-2, 32), st.integers(1, 9)), max_size=9))
def test_a_range_reaches_a_split_if_one_of_its_times_is_scored(
    split: Split, ranges: list[tuple[int, int]]
) -> None:
    start = np.array([first for first, _ in ranges], np.int64)
    stop = start + np.array([length for _, length in ranges], np.int64)
    expected = [bool(split.holds(np.arange(*pair)).any()) for pair in zip(start, stop, strict=True)]
    assert split.reaches(start, stop).tolist() == expected
